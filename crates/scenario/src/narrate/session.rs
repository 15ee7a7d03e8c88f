//! Sentences about transactions, statements, tuples and SPI.

use pgscope_core::event::MemoryEvent;
use pgscope_core::ids::BackendId;
use pgscope_core::op::{Op, TransactionStmt};
use pgscope_core::profile::TransactionEnd;

use super::{Narration, Scene, Tone};

#[inline(never)]
pub(super) fn tell(narration: &mut Narration, scene: &Scene<'_>, op: &Op) {
    let Some(backend) = op.backend() else { return };
    let who = scene.backend(backend);
    match op {
        Op::QueryRun { .. }
        | Op::QueryEnd { .. }
        | Op::TupleBegin { .. }
        | Op::TupleEnd { .. }
        | Op::SpiConnect { .. }
        | Op::SpiFinish { .. }
            if scene.failed() =>
        {
            narration.say(Tone::Who, format!("{who}'s query is not executed"));
        }
        Op::Transaction { statement, .. } => transaction(narration, scene, backend, statement),
        Op::QueryBegin { .. } => {
            narration.say(Tone::Who, format!("{who} sends a query"));
            if scene.failed() {
                return;
            }
            narration.say(Tone::Plain, ": ");
            if !scene.server.backend(backend).is_some_and(|it| it.is_transaction_block()) {
                narration.say(Tone::Plain, "a transaction starts for it, and ");
            }
            narration.say(Tone::Plain, "it is parsed and planned in MessageContext.");
        }
        Op::QueryRun { columns: Some(_), .. } => {
            narration.say(Tone::Who, format!("{who}'s query gets a portal"));
            narration.say(
                Tone::Plain,
                ": in its PortalContext is ExecutorState, for the whole query, and in that \
                 ExprContext, for a tuple at a time. ExecutorState is current.",
            );
        }
        Op::QueryRun { columns: None, .. } => {
            narration.say(Tone::Who, format!("{who}'s command gets a portal"));
            let rest = ": its PortalContext is current. A utility command has no executor.";
            narration.say(Tone::Plain, rest);
        }
        Op::QueryEnd { .. } => {
            narration.say(Tone::Who, format!("{who}'s statement is done"));
            deleted(narration, scene);
            transaction_end(narration, scene, backend);
            narration.say(Tone::Plain, " At the top of the main loop MessageContext is reset.");
        }
        Op::TupleBegin { .. } => {
            narration.say(Tone::Who, format!("{who}'s query goes on to the next tuple"));
            let reset = |event: &MemoryEvent| matches!(event, MemoryEvent::ContextReset { .. });
            narration.say(
                Tone::Plain,
                match scene.memory_events().any(reset) {
                    true => ": what the last one left in ExprContext goes now. It is current.",
                    false => ": ExprContext is empty. It is current.",
                },
            );
        }
        Op::TupleEnd { .. } => {
            narration.say(Tone::Who, "The tuple is done");
            narration.say(Tone::Plain, ": ");
            current_again(narration, scene, backend);
            let rest = " What the tuple needed stays in ExprContext until the next is asked for.";
            narration.say(Tone::Plain, rest);
        }
        Op::SpiConnect { .. } => {
            narration.say(Tone::Who, format!("{who}'s function connects to SPI"));
            narration.say(
                Tone::Plain,
                ": it gets SPI Proc, which is current, and SPI Exec for the queries that it runs.",
            );
        }
        Op::SpiFinish { .. } => {
            narration.say(Tone::Who, "The function finishes with SPI");
            deleted(narration, scene);
            narration.say(Tone::Plain, " ");
            current_again(narration, scene, backend);
        }
        _ => {}
    }
}

fn transaction(
    narration: &mut Narration,
    scene: &Scene<'_>,
    backend: BackendId,
    statement: &TransactionStmt,
) {
    let (word, name) = match statement {
        TransactionStmt::Begin => ("BEGIN", ""),
        TransactionStmt::Commit => ("COMMIT", ""),
        TransactionStmt::Rollback => ("ROLLBACK", ""),
        TransactionStmt::Savepoint(name) => ("SAVEPOINT ", &**name),
        TransactionStmt::Release(name) => ("RELEASE ", &**name),
        TransactionStmt::RollbackTo(name) => ("ROLLBACK TO ", &**name),
    };
    narration.say(Tone::Who, format!("{} sends {word}{name}", scene.backend(backend)));
    if scene.failed() {
        return;
    }
    let warned = scene.events.iter().find_map(|event| match event {
        pgscope_core::Event::Warned(warning) => Some(warning),
        _ => None,
    });
    if let Some(warning) = warned {
        narration.say(Tone::Plain, ".");
        return narration.say(Tone::Evict, format!(" WARNING: {warning}."));
    }
    let sub = "CurTransactionContext";
    let more = match statement {
        TransactionStmt::Begin => {
            ": a transaction starts, with TopTransactionContext. Until there is a savepoint, \
             CurTransactionContext is another name for it."
        }
        TransactionStmt::Commit => ".",
        TransactionStmt::Rollback => {
            ": it works in TransactionAbortContext, which is there even without memory left."
        }
        TransactionStmt::Savepoint(_) => {
            ": it gets a CurTransactionContext of its own, below the one so far."
        }
        TransactionStmt::Release(_) if scene.deleted_contexts().any(|name| name == sub) => {
            ". CurTransactionContext is empty, and is deleted."
        }
        TransactionStmt::Release(_) => {
            ". CurTransactionContext is not empty: it stays until what is around it ends."
        }
        TransactionStmt::RollbackTo(_) => {
            ": CurTransactionContext is deleted. The savepoint is still there, with a new one."
        }
    };
    narration.say(Tone::Plain, more);
    transaction_end(narration, scene, backend);
}

/// What becomes of the transaction's context, if the transaction has ended.
fn transaction_end(narration: &mut Narration, scene: &Scene<'_>, backend: BackendId) {
    if scene.server.backend(backend).is_none_or(|backend| backend.is_in_transaction()) {
        return;
    }
    let end = match scene.server.profile().backend.transaction_end {
        TransactionEnd::Delete => "is deleted with all that is in it.",
        TransactionEnd::Reset => "is reset, and stays for the next one.",
    };
    narration.say(Tone::Plain, format!(" The transaction ends: TopTransactionContext {end}"));
}

/// Which contexts are deleted, in their order.
#[inline(never)]
pub(super) fn deleted(narration: &mut Narration, scene: &Scene<'_>) {
    let mut names: Vec<&str> = scene.deleted_contexts().collect();
    let Some(last) = names.pop() else { return narration.say(Tone::Plain, ".") };
    let list = match names.is_empty() {
        true => format!(": {last} is deleted."),
        false => format!(": {} and {last} are deleted.", names.join(", ")),
    };
    narration.say(Tone::Plain, list);
}

pub(super) fn current_again(narration: &mut Narration, scene: &Scene<'_>, backend: BackendId) {
    let current =
        scene.server.backend(backend).map(|backend| scene.name_of(backend.memory.current));
    narration.say(Tone::Plain, format!("{} is current again.", current.unwrap_or_default()));
}

impl Scene<'_> {
    #[inline(never)]
    pub(super) fn deleted_contexts(&self) -> impl Iterator<Item = &str> {
        self.memory_events().filter_map(|event| match event {
            MemoryEvent::ContextDeleted { name, .. } => Some(self.server.text(*name)),
            _ => None,
        })
    }
}

const XACT: &str = "backend/access/transam/xact.c";
const POSTGRES: &str = "backend/tcop/postgres.c";
const PORTALMEM: &str = "backend/utils/mmgr/portalmem.c";
const EXEC_UTILS: &str = "backend/executor/execUtils.c";
const SPI: &str = "backend/executor/spi.c";

/// The routine that the whole operation follows, if it is one of these.
#[inline(never)]
pub(super) fn whole_routine(op: &Op) -> Option<(&'static str, &'static str)> {
    Some(match op {
        Op::Connect { .. } | Op::ConnectSuperuser { .. } => ("PostgresMain", POSTGRES),
        Op::Transaction { statement, .. } => match statement {
            TransactionStmt::Begin => ("StartTransaction", XACT),
            TransactionStmt::Commit => ("CommitTransaction", XACT),
            TransactionStmt::Rollback => ("AbortTransaction", XACT),
            TransactionStmt::Savepoint(_) => ("StartSubTransaction", XACT),
            TransactionStmt::Release(_) => ("CommitSubTransaction", XACT),
            TransactionStmt::RollbackTo(_) => ("RollbackToSavepoint", XACT),
        },
        Op::QueryBegin { .. } => ("exec_simple_query", POSTGRES),
        Op::QueryRun { .. } => ("PortalRun", "backend/tcop/pquery.c"),
        Op::QueryEnd { .. } => ("PortalDrop", PORTALMEM),
        Op::TupleBegin { .. } => ("ResetExprContext", "include/executor/executor.h"),
        Op::SpiConnect { .. } => ("SPI_connect_ext", SPI),
        Op::SpiFinish { .. } => ("SPI_finish", SPI),
        _ => return None,
    })
}

/// A context of a transaction or a statement: its name, the routine that makes it, the one that deletes or
/// resets it, and their file.
type Maker = (&'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const MAKERS: [Maker; 9] = [
    ("TransactionAbortContext", "AtStart_Memory", "AtCleanup_Memory", XACT),
    ("TopTransactionContext", "AtStart_Memory", "AtCommit_Memory", XACT),
    ("CurTransactionContext", "AtSubStart_Memory", "AtSubCleanup_Memory", XACT),
    ("PortalContext", "CreatePortal", "PortalDrop", PORTALMEM),
    ("ExecutorState", "CreateExecutorState", "FreeExecutorState", EXEC_UTILS),
    ("ExprContext", "CreateExprContext", "FreeExprContext", EXEC_UTILS),
    ("printtup", "printtup_startup", "printtup_shutdown", "backend/access/common/printtup.c"),
    ("SPI Proc", "SPI_connect_ext", "SPI_finish", SPI),
    ("SPI Exec", "SPI_connect_ext", "SPI_finish", SPI),
];

/// Which routine makes a context of a transaction or a statement, and which ends it.
#[inline(never)]
pub(super) fn routine(
    scene: &Scene<'_>,
    event: &MemoryEvent,
) -> Option<(&'static str, &'static str)> {
    let (name, created) = match event {
        MemoryEvent::ContextCreated { name, .. } => (name, true),
        MemoryEvent::ContextDeleted { name, .. } | MemoryEvent::ContextReset { name, .. } => {
            (name, false)
        }
        _ => return None,
    };
    let name = scene.server.text(*name);
    let makers = MAKERS.iter().chain(&super::work::MAKERS).chain(&super::plpgsql::MAKERS);
    let (_, creates, drops, file) = makers.into_iter().find(|maker| maker.0 == name)?;
    Some((if created { creates } else { drops }, file))
}
