//! Sentences about PL/pgSQL: functions, the queries that they have SPI run, blocks with an exception part.

use pgscope_core::ids::BackendId;
use pgscope_core::op::SessionOp;

use super::session::{current_again, deleted};
use super::{Narration, Scene, Tone};

const PL_EXEC: &str = "pl/plpgsql/src/pl_exec.c";
const PL_HANDLER: &str = "pl/plpgsql/src/pl_handler.c";
const PL_COMP: &str = "pl/plpgsql/src/pl_comp.c";
const SPI: &str = "backend/executor/spi.c";

/// A context, the routine that makes it, the one that ends it, and their file.
#[rustfmt::skip]
pub(super) const MAKERS: [(&str, &str, &str, &str); 3] = [
    ("PL/pgSQL function", "plpgsql_compile", "plpgsql_free_function_memory", PL_COMP),
    ("PL/pgSQL inline code context", "plpgsql_compile_inline", "plpgsql_free_function_memory", PL_COMP),
    ("PLpgSQL per-statement data", "get_stmt_mcontext", "SPI_finish", PL_EXEC),
];

#[inline(never)]
pub(super) fn tell(
    narration: &mut Narration,
    scene: &Scene<'_>,
    backend: BackendId,
    session: &SessionOp,
) {
    let who = scene.backend(backend);
    let (say, more) = match session {
        SessionOp::FunctionBegin(signature) if signature.is_empty() => (
            format!("{who}'s DO block begins"),
            ": it connects to SPI; the block is compiled in SPI Proc, where its ExecutorState is too.",
        ),
        SessionOp::FunctionBegin(signature) => (
            format!("{who} calls {signature}"),
            ": it connects to SPI, and has an ExprContext for its expressions, in an ExecutorState \
             below TopTransactionContext.",
        ),
        SessionOp::FunctionEnd => (format!("{who}'s function returns"), ""),
        SessionOp::BlockBegin => (
            format!("{who}'s function comes to a block with an exception part"),
            ": a subtransaction starts for it, with a CurTransactionContext and an ExprContext of its \
             own. If there is an error, PLpgSQL per-statement data keeps it.",
        ),
        SessionOp::BlockException if scene.server.backend(backend).is_none_or(|it| !it.skips()) => {
            (format!("The exception part of {who}'s block goes on"), ".")
        }
        SessionOp::BlockException => {
            (format!("The statements of {who}'s block end without an error"), "")
        }
        SessionOp::BlockEnd => (
            format!("{who}'s exception part ends"),
            ": PLpgSQL per-statement data is reset, and the error's data is gone.",
        ),
        SessionOp::SpiQueryBegin { .. } => (
            format!("{who}'s function has SPI execute a query"),
            ": it gets an ExecutorState below SPI Exec, which is current.",
        ),
        SessionOp::LoopBegin => (
            format!("{who}'s function loops over the rows of a query"),
            ": that has a portal of its own while the loop goes on.",
        ),
        SessionOp::LoopEnd => (format!("The loop of {who}'s function ends"), ""),
        _ => (format!("SPI has executed the query of {who}'s function"), ""),
    };
    narration.say(Tone::Who, say);
    if scene.failed() {
        return;
    }
    if !more.is_empty() {
        return narration.say(Tone::Plain, more);
    }
    deleted(narration, scene);
    narration.say(Tone::Plain, " ");
    current_again(narration, scene, backend);
}

/// Of an error that a block takes.
#[inline(never)]
pub(super) fn caught(narration: &mut Narration, scene: &Scene<'_>) {
    let rest = ": its message is made in ErrorContext, which is there without malloc. The block around \
                takes it: its data is copied to PLpgSQL per-statement data, ErrorContext is reset, and \
                the subtransaction is rolled back";
    narration.say(Tone::Plain, rest);
    deleted(narration, scene);
}

/// The routine that the whole operation follows.
pub(super) fn whole_routine(session: &SessionOp) -> Option<(&'static str, &'static str)> {
    Some(match session {
        SessionOp::FunctionBegin(name) if name.is_empty() => ("plpgsql_inline_handler", PL_HANDLER),
        SessionOp::FunctionBegin(_) => ("plpgsql_call_handler", PL_HANDLER),
        SessionOp::FunctionEnd => ("plpgsql_exec_function", PL_EXEC),
        SessionOp::BlockBegin | SessionOp::BlockException | SessionOp::BlockEnd => {
            ("exec_stmt_block", PL_EXEC)
        }
        SessionOp::SpiQueryBegin { .. } | SessionOp::SpiQueryEnd { .. } => {
            ("_SPI_execute_plan", SPI)
        }
        SessionOp::LoopBegin => ("SPI_cursor_open_internal", SPI),
        SessionOp::LoopEnd => ("SPI_cursor_close", SPI),
        _ => return None,
    })
}
