//! Sentences about cursors, prepared statements and their plans, errors, sorts and hash tables.

use std::fmt::Write as _;

use pgscope_core::Event;
use pgscope_core::event::WorkEvent;
use pgscope_core::ids::RelId;
use pgscope_core::op::{Op, Preparation, SessionOp};

use super::buffers::count;
use super::session::deleted;
use super::{Narration, Scene, Tone, plpgsql};

const PLANCACHE: &str = "backend/utils/cache/plancache.c";
const PREPARE: &str = "backend/commands/prepare.c";
const PORTALCMDS: &str = "backend/commands/portalcmds.c";
const POSTGRES: &str = "backend/tcop/postgres.c";
const PORTALMEM: &str = "backend/utils/mmgr/portalmem.c";
const TUPLESORT: &str = "backend/utils/sort/tuplesort.c";
const NODE_HASH: &str = "backend/executor/nodeHash.c";
const NODE_AGG: &str = "backend/executor/nodeAgg.c";
const RELCACHE: &str = "backend/utils/cache/relcache.c";

/// A context, the routine that makes it, the one that ends it, and their file.
#[rustfmt::skip]
pub(super) const MAKERS: [(&str, &str, &str, &str); 16] = [
    ("PortalHoldContext", "PortalCreateHoldStore", "PortalDrop", PORTALMEM),
    ("CachedPlanSource", "CreateCachedPlan", "DropCachedPlan", PLANCACHE),
    ("CachedPlanQuery", "CompleteCachedPlan", "RevalidateCachedQuery", PLANCACHE),
    ("CachedPlan", "BuildCachedPlan", "ReleaseCachedPlan", PLANCACHE),
    ("unnamed prepared statement", "exec_parse_message", "drop_unnamed_stmt", POSTGRES),
    ("index info", "RelationInitIndexAccessInfo", "RelationDestroyRelation", RELCACHE),
    ("TupleSort main", "tuplesort_begin_common", "tuplesort_end", TUPLESORT),
    ("TupleSort sort", "tuplesort_begin_common", "tuplesort_end", TUPLESORT),
    ("Caller tuples", "tuplesort_begin_batch", "dumptuples", TUPLESORT),
    ("HashTableContext", "ExecHashTableCreate", "ExecHashTableDestroy", NODE_HASH),
    ("HashBatchContext", "ExecHashTableCreate", "ExecHashTableDestroy", NODE_HASH),
    ("HashSpillContext", "ExecHashTableCreate", "ExecHashTableDestroy", NODE_HASH),
    ("HashAgg meta context", "hash_create_memory", "ExecEndAgg", NODE_AGG),
    ("HashAgg table context", "hash_create_memory", "ExecEndAgg", NODE_AGG),
    ("HashAgg hashed tuples", "hash_create_memory", "ExecEndAgg", NODE_AGG),
    ("tuplestore tuples", "tuplestore_begin_common", "tuplestore_end",
        "backend/utils/sort/tuplestore.c"),
];

#[inline(never)]
pub(super) fn tell(narration: &mut Narration, scene: &Scene<'_>, op: &Op) {
    let Op::Session { backend, session } = op else { return };
    let who = scene.backend(*backend);
    let say = match session {
        SessionOp::Open(rel) => format!("{who} opens {} and its indexes", table(scene, *rel)),
        SessionOp::OpenIndex(rel) => format!("{who} opens {}", table(scene, *rel)),
        SessionOp::Alter(rel) => format!("{who} sends ALTER TABLE {}", table(scene, *rel)),
        SessionOp::Error(_) => format!("{who}'s statement raises an error"),
        SessionOp::DeclareCursor { name, .. } => format!("{who} sends DECLARE {name}"),
        SessionOp::FetchBegin(name) => format!("{who} sends FETCH FROM {name}"),
        SessionOp::Close(name) => format!("{who} sends CLOSE {name}"),
        SessionOp::Prepare(Preparation { name, .. }) => format!("{who} sends PREPARE {name}"),
        SessionOp::ExecuteBegin { name, .. } => format!("{who} sends EXECUTE {name}"),
        SessionOp::Deallocate(Some(name)) => format!("{who} sends DEALLOCATE {name}"),
        SessionOp::Deallocate(None) => format!("{who} sends DEALLOCATE ALL"),
        SessionOp::Parse(Preparation { name, .. }) => message(who, "Parse", name),
        SessionOp::Bind { portal, .. } => message(who, "Bind", portal),
        SessionOp::RunBegin(portal) => message(who, "Execute", portal),
        SessionOp::Sync => format!("{who} sends the message Sync"),
        SessionOp::RunEnd => format!("{who}'s portal stops running"),
        SessionOp::SortBegin { .. } => format!("{who}'s query sorts"),
        SessionOp::SortPut { rows } => {
            format!("{who}'s sort gets {}", count(*rows, "row"))
        }
        SessionOp::SortPerform => format!("{who}'s sort has all its rows"),
        SessionOp::HashBegin { .. } => format!("{who}'s query makes a hash table"),
        SessionOp::HashInsert { rows } => {
            format!("{who}'s hash table gets {}", count(*rows, "row"))
        }
        SessionOp::HashBuilt => format!("{who}'s hash table has all its rows"),
        SessionOp::AggBegin { .. } => format!("{who}'s query aggregates by hash"),
        SessionOp::AggPut { groups } => {
            format!("{who}'s aggregate gets rows of {}", count(*groups, "group"))
        }
        SessionOp::AggFilled => format!("{who}'s aggregate has all its rows"),
        other => return plpgsql::tell(narration, scene, *backend, other),
    };
    narration.say(Tone::Who, say);
    if scene.failed() {
        if matches!(session, SessionOp::Error(_)) {
            let rest = ": its message is made in ErrorContext, which is there without malloc; then \
                        control is back in the main loop, and what the statement had is dropped";
            narration.say(Tone::Plain, rest);
            deleted(narration, scene);
        }
        return;
    }
    if matches!(session, SessionOp::Error(_)) {
        return plpgsql::caught(narration, scene);
    }
    narration.say(Tone::Plain, more(session));
    let work: Vec<String> = scene.work_events().filter_map(event).collect();
    for sentence in &work {
        narration.say(Tone::Plain, sentence.as_str());
    }
    if let SessionOp::Close(_) | SessionOp::Deallocate(_) | SessionOp::RunEnd | SessionOp::Sync =
        session
        && scene.deleted_contexts().next().is_some()
    {
        narration.say(Tone::Plain, " Gone");
        deleted(narration, scene);
    }
}

fn message(who: &str, message: &str, name: &str) -> String {
    match name {
        "" => format!("{who} sends the message {message}"),
        name => format!("{who} sends the message {message} for {name}"),
    }
}

fn table<'a>(scene: &'a Scene<'_>, rel: RelId) -> &'a str {
    scene.names.table(rel).map_or("a table", |name| name)
}

/// What is always so.
fn more(session: &SessionOp) -> &'static str {
    match session {
        SessionOp::Open(_) | SessionOp::OpenIndex(_) => {
            ": of each index that it hasn't seen there is an index info below CacheMemoryContext."
        }
        SessionOp::Alter(_) => {
            ": what any backend has cached of it is no longer valid, and goes when it is next needed."
        }
        SessionOp::DeclareCursor { hold, .. } => match hold {
            true => {
                ": its portal has an ExecutorState that waits for a FETCH, and outlives the \
                     transaction with its rows alone."
            }
            false => ": its portal has an ExecutorState that waits for a FETCH.",
        },
        SessionOp::FetchBegin(_) => {
            ": the statement has a portal of its own, and a PortalHoldContext for the rows; in it the \
             cursor's executor runs. The cursor's ExecutorState is current."
        }
        SessionOp::Prepare(_) => {
            ": it is analyzed, and CachedPlanSource with CachedPlanQuery in it is kept below \
             CacheMemoryContext. Nothing is planned yet."
        }
        SessionOp::Parse(Preparation { name, .. }) if name.is_empty() => {
            ": the unnamed statement is analyzed in a context of its own, which CachedPlanSource then has \
             below it."
        }
        SessionOp::Parse(_) => ": it is analyzed, and CachedPlanSource is kept.",
        SessionOp::Bind { .. } => ": a portal gets a plan and an ExecutorState.",
        SessionOp::ExecuteBegin { .. } => {
            ": its plan runs in a portal of its own, whose ExecutorState is current."
        }
        SessionOp::RunBegin(_) => ": the portal's ExecutorState is current.",
        SessionOp::SortBegin { .. } => {
            ": TupleSort main has the array of tuples, and Caller tuples below it will have the tuples."
        }
        SessionOp::HashBegin { .. } => {
            ": HashTableContext lives as long as the join, HashBatchContext in it as long as a batch."
        }
        SessionOp::AggBegin { .. } => {
            ": HashAgg meta context has the buckets; what is kept of a group goes to a context beside it."
        }
        _ => ".",
    }
}

/// A sentence about a plan, a sort or a hash table.
fn event(event: WorkEvent) -> Option<String> {
    let mut text = String::from(" ");
    let done = match event {
        WorkEvent::PlanChosen { custom, cached, custom_plans, average, generic } => {
            let costs = match generic < 0.0 {
                _ if custom_plans == 0 => String::new(),
                true => format!(" (custom plans so far: {custom_plans})"),
                false => {
                    format!(" (custom plans cost {average} on average, the generic one {generic})")
                }
            };
            let which = match (custom, cached) {
                (true, _) => "A custom plan is made for these parameters",
                (false, true) => "The generic plan is used again",
                (false, false) => "A generic plan is made, and kept",
            };
            write!(text, "{which}{costs}.")
        }
        WorkEvent::Revalidated => write!(
            text,
            "The prepared statement is no longer valid: it is analyzed again, and its generic plan goes."
        ),
        WorkEvent::SortGrew { slots } => write!(text, "The array has room for {slots} tuples now."),
        WorkEvent::SortBounded { bound } => {
            write!(text, "From now on only {bound} tuples are kept, in a heap.")
        }
        WorkEvent::SortToTapes { tapes } => {
            write!(text, "That is more than work_mem: the sort goes on with up to {tapes} tapes.")
        }
        WorkEvent::SortSpilled { run, tuples } => {
            write!(
                text,
                "Run {run}: {tuples} tuples are sorted and written out; Caller tuples is reset."
            )
        }
        WorkEvent::SortPass { runs, tapes, last } => {
            let when = if last { ", as they are fetched" } else { "" };
            write!(text, "{runs} runs on {tapes} tapes are merged{when}.")
        }
        WorkEvent::SortDone { method } => write!(text, "Sort Method: {}.", method.name()),
        WorkEvent::HashSized { buckets, batches } => {
            write!(text, "Buckets: {buckets}, batches: {batches}.")
        }
        WorkEvent::HashBuckets { buckets } => {
            write!(text, "There are too many rows for the buckets: there are {buckets} now.")
        }
        WorkEvent::HashBatches { batches, kept, written } => write!(
            text,
            "That is more than it may have: {batches} batches now. {kept} tuples stay, {written} are \
             written to the files of later batches."
        ),
        WorkEvent::HashDone { buckets, batches, peak_kb } => {
            write!(text, "Buckets: {buckets}, batches: {batches}, memory usage: {peak_kb}kB.")
        }
        WorkEvent::HashAllowed { bytes } => write!(
            text,
            "That is more than it may have, but more batches would need more memory for their files: \
             it may have {bytes} bytes now."
        ),
        WorkEvent::AggSized { buckets } => write!(text, "Buckets: {buckets}."),
        WorkEvent::AggGrew { buckets } => {
            write!(text, "The buckets are too full: there are {buckets} now.")
        }
        WorkEvent::AggSpills { groups, partitions } => write!(
            text,
            "With {groups} groups that is more than it may have: rows of other groups go to \
             {partitions} files from now on."
        ),
        WorkEvent::AggFilled { groups, spilled, peak_kb } => write!(
            text,
            "Groups: {groups}, rows written out: {spilled}, memory usage: {peak_kb}kB."
        ),
    };
    done.ok().map(|()| text)
}

impl Scene<'_> {
    fn work_events(&self) -> impl Iterator<Item = WorkEvent> {
        self.events.iter().filter_map(|event| match event {
            Event::Work(_, event) => Some(*event),
            _ => None,
        })
    }
}

/// The routine that the whole operation follows, if it is one of these.
#[inline(never)]
pub(super) fn whole_routine(op: &Op) -> Option<(&'static str, &'static str)> {
    let Op::Session { session, .. } = op else { return None };
    Some(match session {
        SessionOp::Open(_) => ("get_relation_info", "backend/optimizer/util/plancat.c"),
        SessionOp::OpenIndex(_) => ("index_open", "backend/access/index/indexam.c"),
        SessionOp::Alter(_) => ("CacheInvalidateRelcache", "backend/utils/cache/inval.c"),
        SessionOp::Error(_) => ("errfinish", "backend/utils/error/elog.c"),
        SessionOp::DeclareCursor { .. } => ("PerformCursorOpen", PORTALCMDS),
        SessionOp::FetchBegin(_) => ("PerformPortalFetch", PORTALCMDS),
        SessionOp::Close(_) => ("PerformPortalClose", PORTALCMDS),
        SessionOp::Prepare(_) => ("PrepareQuery", PREPARE),
        SessionOp::ExecuteBegin { .. } => ("ExecuteQuery", PREPARE),
        SessionOp::Deallocate(_) => ("DeallocateQuery", PREPARE),
        SessionOp::Parse(_) => ("exec_parse_message", POSTGRES),
        SessionOp::Bind { .. } => ("exec_bind_message", POSTGRES),
        SessionOp::RunBegin(_) => ("exec_execute_message", POSTGRES),
        SessionOp::Sync => ("finish_xact_command", POSTGRES),
        SessionOp::RunEnd => ("PortalRun", "backend/tcop/pquery.c"),
        SessionOp::SortBegin { .. } => {
            ("tuplesort_begin_heap", "backend/utils/sort/tuplesortvariants.c")
        }
        SessionOp::HashBegin { .. } => ("ExecHashTableCreate", NODE_HASH),
        SessionOp::HashBuilt => ("MultiExecPrivateHash", NODE_HASH),
        SessionOp::SortPerform => ("tuplesort_performsort", TUPLESORT),
        SessionOp::AggBegin { .. } => ("ExecInitAgg", NODE_AGG),
        SessionOp::AggFilled => ("agg_fill_hash_table", NODE_AGG),
        SessionOp::SortPut { .. } | SessionOp::HashInsert { .. } | SessionOp::AggPut { .. } => {
            return None;
        }
        other => return plpgsql::whole_routine(other),
    })
}

/// The routine that an event happens in.
#[inline(never)]
pub(super) fn routine(event: &WorkEvent) -> (&'static str, &'static str) {
    match event {
        WorkEvent::PlanChosen { .. } => ("GetCachedPlan", PLANCACHE),
        WorkEvent::Revalidated => ("RevalidateCachedQuery", PLANCACHE),
        WorkEvent::SortGrew { .. } => ("grow_memtuples", TUPLESORT),
        WorkEvent::SortBounded { .. } => ("make_bounded_heap", TUPLESORT),
        WorkEvent::SortToTapes { .. } => ("inittapes", TUPLESORT),
        WorkEvent::SortSpilled { .. } => ("dumptuples", TUPLESORT),
        WorkEvent::SortPass { .. } => ("mergeruns", TUPLESORT),
        WorkEvent::SortDone { .. } => ("tuplesort_performsort", TUPLESORT),
        WorkEvent::HashSized { .. } => ("ExecChooseHashTableSize", NODE_HASH),
        WorkEvent::HashBuckets { .. } => ("ExecHashIncreaseNumBuckets", NODE_HASH),
        WorkEvent::HashBatches { .. } => ("ExecHashIncreaseNumBatches", NODE_HASH),
        WorkEvent::HashDone { .. } => ("MultiExecPrivateHash", NODE_HASH),
        WorkEvent::HashAllowed { .. } => ("ExecHashIncreaseBatchSize", NODE_HASH),
        WorkEvent::AggSized { .. } => ("build_hash_table", NODE_AGG),
        WorkEvent::AggGrew { .. } => ("SH_GROW", "include/lib/simplehash.h"),
        WorkEvent::AggSpills { .. } => ("hash_agg_enter_spill_mode", NODE_AGG),
        WorkEvent::AggFilled { .. } => ("hash_agg_update_metrics", NODE_AGG),
    }
}
