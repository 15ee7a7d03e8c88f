//! `pg_stat_io`: who read and wrote what, by kind of process, object and context (`pg_stat_get_io`,
//! `pgstatfuncs.c`; `pgstat_tracks_io_object` and `pgstat_tracks_io_op`, `pgstat_io.c`).
//!
//! Every kind of process that the version counts has its rows, the contexts that it can work in. A cell
//! is empty where such a process never does such a thing. Processes that are not here have done nothing;
//! the WAL's own reads and writes are not counted, and the rest is as on a server with
//! `track_io_timing`, `fsync` and the `*_flush_after` settings off: no times, no writebacks, no fsyncs.

use crate::Server;
use crate::bufmgr::BLCKSZ;
use crate::bufmgr::stats::{IoContext, IoCounts};
use crate::op::StrategyKind;

/// `BackendType`, as far as they are counted, in the order of the rows.
#[derive(Clone, Copy, PartialEq)]
enum Process {
    Client,
    AutovacuumLauncher,
    AutovacuumWorker,
    BackgroundWriter,
    Checkpointer,
    Standalone,
    Startup,
    /// It knows the WAL only, and is counted since that is; whether it reads it.
    Wal {
        reads: bool,
    },
    /// One like a client's backend; counted since 18 if the flag is set.
    Like(bool),
}

/// `GetBackendTypeDesc`, in the order of the enumeration.
const PROCESSES: [(&str, Process); 14] = [
    ("client backend", Process::Client),
    ("autovacuum launcher", Process::AutovacuumLauncher),
    ("autovacuum worker", Process::AutovacuumWorker),
    ("background worker", Process::Like(false)),
    ("walsender", Process::Like(false)),
    ("slotsync worker", Process::Like(false)),
    ("standalone backend", Process::Standalone),
    ("background writer", Process::BackgroundWriter),
    ("checkpointer", Process::Checkpointer),
    ("io worker", Process::Like(true)),
    ("startup", Process::Startup),
    ("walreceiver", Process::Wal { reads: false }),
    ("walsummarizer", Process::Wal { reads: true }),
    ("walwriter", Process::Wal { reads: false }),
];

/// `IOObject`
#[derive(Clone, Copy, PartialEq)]
enum Object {
    Relation,
    TempRelation,
    Wal,
}

const OBJECTS: [(&str, Object); 3] =
    [("relation", Object::Relation), ("temp relation", Object::TempRelation), ("wal", Object::Wal)];

/// `IOContext`
#[derive(Clone, Copy, PartialEq)]
enum Context {
    Ring(StrategyKind),
    /// New WAL files are filled.
    Init,
    Normal,
}

const CONTEXTS: [(&str, Context); 5] = [
    ("bulkread", Context::Ring(StrategyKind::BulkRead)),
    ("bulkwrite", Context::Ring(StrategyKind::BulkWrite)),
    ("init", Context::Init),
    ("normal", Context::Normal),
    ("vacuum", Context::Ring(StrategyKind::Vacuum)),
];

/// `IOOp`
#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Evict,
    Fsync,
    Hit,
    Reuse,
    Writeback,
    Extend,
    Read,
    Write,
}

/// The view's rows.
pub(super) fn rows(server: &Server, columns: &[&str]) -> Vec<Vec<String>> {
    // Since 18 the WAL is an object; and an operation can be one of many blocks, whose bytes count.
    let with_wal = columns.contains(&"read_bytes");
    let mut rows = Vec::new();
    for (process_name, process) in PROCESSES {
        if !with_wal && matches!(process, Process::Wal { .. } | Process::Like(true)) {
            continue;
        }
        for (object_name, object) in OBJECTS {
            for (context_name, context) in CONTEXTS {
                let since_18 = object == Object::Wal || context == Context::Init;
                if since_18 && !with_wal || !tracks_io_object(process, object, context) {
                    continue;
                }
                let counts = counts(server, process, object, context);
                let cells = columns.iter().map(|column| match *column {
                    "backend_type" => process_name.to_owned(),
                    "object" => object_name.to_owned(),
                    "context" => context_name.to_owned(),
                    column => match number(column, counts, with_wal) {
                        Some((operation, number))
                            if operation.is_none_or(|operation| {
                                tracks_io_op(process, object, context, operation)
                            }) =>
                        {
                            number.to_string()
                        }
                        _ => String::new(),
                    },
                });
                rows.push(cells.collect());
            }
        }
    }
    rows
}

/// `pgstat_tracks_io_object`
fn tracks_io_object(process: Process, object: Object, context: Context) -> bool {
    use Process as P;
    let in_ring = matches!(context, Context::Ring(_));
    let with_temp = matches!(process, P::Client | P::Like(_));
    match object {
        Object::Wal if in_ring => return false,
        Object::TempRelation if context != Context::Normal || !with_temp => return false,
        Object::Relation if matches!(process, P::Wal { .. }) => return false,
        _ => {}
    }
    match context {
        Context::Ring(kind) => match process {
            P::Checkpointer | P::BackgroundWriter => false,
            P::AutovacuumLauncher => kind == StrategyKind::BulkRead,
            P::AutovacuumWorker => kind != StrategyKind::BulkWrite,
            _ => true,
        },
        Context::Init | Context::Normal => true,
    }
}

/// `pgstat_tracks_io_op`, of a row that there is.
fn tracks_io_op(process: Process, object: Object, context: Context, operation: Operation) -> bool {
    use Operation as Op;
    use Process as P;
    let in_ring = matches!(context, Context::Ring(_));
    let writer = matches!(process, P::BackgroundWriter | P::Checkpointer);
    let by_process = match operation {
        Op::Evict | Op::Hit => !writer,
        Op::Extend => !writer && process != P::AutovacuumLauncher,
        Op::Read if object == Object::Wal => reads_wal(process),
        Op::Read => !writer,
        _ => true,
    };
    let by_object = match object {
        Object::Relation => true,
        Object::TempRelation => !matches!(operation, Op::Fsync | Op::Writeback),
        Object::Wal => match operation {
            Op::Write | Op::Fsync => true,
            Op::Read => context == Context::Normal,
            _ => false,
        },
    };
    let by_context = match operation {
        Op::Extend => context != Context::Ring(StrategyKind::BulkRead),
        Op::Reuse => in_ring,
        Op::Fsync => !in_ring,
        _ => true,
    };
    by_process && by_object && by_context
}

/// Whether a kind of process can read WAL.
fn reads_wal(process: Process) -> bool {
    use Process as P;
    !matches!(
        process,
        P::Wal { reads: false } | P::BackgroundWriter | P::AutovacuumLauncher | P::AutovacuumWorker
    )
}

/// What there was of it.
fn counts(server: &Server, process: Process, object: Object, context: Context) -> IoCounts {
    let stats = server.writer_stats();
    let writes = |writes| IoCounts { writes, ..IoCounts::default() };
    let which = match (object, context) {
        (Object::Relation, Context::Normal) => IoContext::Normal,
        (Object::Relation, Context::Ring(kind)) => IoContext::Ring(kind),
        (Object::TempRelation, _) => IoContext::Temp,
        _ => return IoCounts::default(),
    };
    match process {
        Process::BackgroundWriter => writes(stats.bgwriter_buffers),
        Process::Checkpointer => writes(stats.checkpoint_buffers),
        Process::Client => {
            let mut sum = IoCounts::default();
            for (_, backend) in server.backends() {
                sum += backend.buffers.io_counts(which);
            }
            sum
        }
        _ => IoCounts::default(),
    }
}

/// A column's number, and of which operation it is; `None` where the playground has none.
fn number(column: &str, io: IoCounts, by_call: bool) -> Option<(Option<Operation>, u64)> {
    use Operation as Op;
    let by_call = u64::from(by_call);
    let (operation, number) = match column {
        "op_bytes" => return Some((None, BLCKSZ)),
        "reads" => (Op::Read, io.reads - io.read_with_others * by_call),
        "read_bytes" => (Op::Read, io.reads * BLCKSZ),
        "read_time" => (Op::Read, 0),
        "writes" => (Op::Write, io.writes),
        "write_bytes" => (Op::Write, io.writes * BLCKSZ),
        "write_time" => (Op::Write, 0),
        "writebacks" | "writeback_time" => (Op::Writeback, 0),
        "extends" => (Op::Extend, io.extends - io.extended_with_others * by_call),
        "extend_bytes" => (Op::Extend, io.extends * BLCKSZ),
        "extend_time" => (Op::Extend, 0),
        "hits" => (Op::Hit, io.hits),
        "evictions" => (Op::Evict, io.evictions),
        "reuses" => (Op::Reuse, io.reuses),
        "fsyncs" | "fsync_time" => (Op::Fsync, 0),
        _ => return None,
    };
    Some((Some(operation), number))
}
