//! What a scenario's memory contexts cost, and what plain malloc and free would have cost.
//!
//! A server does not note how much was asked for, so a backend's operations are executed anew
//! from the start, with a [`Ledger`] that reads along. A function of the program alone.

use pgscope_core::ids::BackendId;
use pgscope_core::views::Ledger;
use pgscope_core::{Error, Op, Server};

use crate::limits::MAX_REPLAY;
use crate::program::{Program, StepKind};

/// A backend and what was asked of its memory.
pub struct Replay {
    /// The server, on which nothing but this backend's memory was used.
    pub server: Server,
    /// What the backend asked for.
    pub ledger: Ledger,
}

/// Execute what a backend does with its memory in the first `steps` steps. Operations that fail
/// do so here too.
///
/// # Errors
/// More steps than [`MAX_REPLAY`]; a backend that has not connected.
pub fn replay(program: &Program, backend: BackendId, steps: u64) -> Result<Replay, Error> {
    if steps > MAX_REPLAY {
        return Err(Error::Limit { what: "steps to execute anew", limit: MAX_REPLAY });
    }
    let config = program.config();
    let settings = program.settings().clone();
    let mut server = Server::start(config.version, settings, config.seed)?;
    let mut ledger = None;
    for step in (0..steps).map_while(|step| program.step(step)) {
        let StepKind::Op(op) = step.kind else { continue };
        let connects = matches!(op, Op::Connect { .. } | Op::ConnectSuperuser { .. });
        let own = op.is_memory() && op.backend() == Some(backend);
        if !(connects || own) {
            continue;
        }
        // Who connects again has ended before: another's crash may be left out here.
        if let Some(id) = op.backend().filter(|_| connects)
            && server.backend(id).is_some_and(|it| it.end().is_none())
        {
            let _ = server.apply(&Op::Disconnect { backend: id });
        }
        // An error is part of what happened.
        let _ = server.apply(&op);
        if connects && op.backend() == Some(backend) {
            ledger = Some(Ledger::new(&server, backend));
        }
        if let Some(ledger) = &mut ledger {
            ledger.note(&op, &server);
        }
    }
    match ledger {
        Some(ledger) => Ok(Replay { server, ledger }),
        None => Err(Error::Protocol("there is no such backend: connect it first")),
    }
}
