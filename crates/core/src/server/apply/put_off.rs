//! What a backend that waits has yet to do. There is one list, whatever it waits for: a lock, or that nobody
//! else has a page pinned. What belongs to its statement is put off until it goes on; anything else it
//! can't do.

use super::{Outcome, Server};
use crate::error::Error;
use crate::ids::BackendId;
use crate::op::{LockStmt, Op};
use crate::server::WaitsFor;
use crate::server::backend::Backend;

/// Operations that a statement may have left to do after a wait.
const MAX_PUT_OFF: usize = 10_000;

/// What an error in the rest of a statement does with what comes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterError {
    /// The statement is over.
    Ends,
    /// The ends of what it is in are still to come.
    GoesOn,
}

impl Backend {
    /// Whether an operation belongs to the statement in which the backend waits.
    fn is_of_the_same_statement(&self, op: &Op) -> bool {
        let (first, last) = (self.put_off.first(), self.put_off.last());
        let waits_for_pins = matches!(self.waits, Some(WaitsFor::BufferPin(_)));
        let (mut query, mut calls) = (self.session.statement.is_some(), self.calls.len());
        for op in &self.put_off {
            match op {
                Op::QueryEnd { .. } => query = false,
                Op::CallBegin { .. } => calls += 1,
                Op::CallEnd { .. } => calls = calls.saturating_sub(1),
                _ => {}
            }
        }
        // An error of a lock ends the function that was called, that of a page is within it.
        if query || waits_for_pins && calls > 0 {
            return true;
        }
        match (first, last, op) {
            (_, Some(Op::QueryEnd { .. } | Op::BulkEnd { .. }), _) => false,
            (Some(Op::BulkBegin { .. }), _, Op::BulkNext { .. } | Op::BulkEnd { .. })
            | (_, Some(Op::BulkNext { .. }), Op::BulkNext { .. } | Op::BulkEnd { .. }) => true,
            (Some(Op::Insert { rel, .. }), _, Op::Insert { rel: same, .. }) => rel == same,
            (Some(Op::IndexScan { index, .. }), _, Op::IndexScan { index: same, .. }) => {
                index == same
            }
            _ => false,
        }
    }
}

impl Server {
    /// A backend that waits is to do something.
    pub(super) fn put_off(&mut self, op: &Op) -> Result<Outcome, Error> {
        let Some(id) = op.backend() else { return Ok(Outcome::Done) };
        let backend = self.backend_mut(id)?;
        if !backend.is_of_the_same_statement(op) {
            return Err(match backend.waits {
                Some(WaitsFor::Lock { tag, mode }) => Error::BackendWaits { tag, mode },
                Some(WaitsFor::BufferPin(buffer)) => Error::BackendWaitsForPins(buffer),
                None => return Ok(Outcome::Done),
            });
        }
        let room = backend.put_off.len() < MAX_PUT_OFF;
        match (backend.put_off.last_mut(), op) {
            (Some(Op::BulkNext { pages, .. }), Op::BulkNext { pages: more, .. }) => {
                *pages = pages.saturating_add(*more);
            }
            _ if room => backend.put_off.push(op.clone()),
            _ => {
                let what = "operations that a waiting backend has yet to do";
                return Err(Error::Limit { what, limit: MAX_PUT_OFF as u64 });
            }
        }
        Ok(Outcome::Done)
    }

    /// The rest of a statement, up to its next wait, and the first error that it gives: its own, not that
    /// of the step that awakened it. The outer error is a stop between two events.
    pub(super) fn do_what_was_put_off(
        &mut self,
        id: BackendId,
        after: AfterError,
    ) -> Result<Result<(), Error>, Error> {
        let rest = std::mem::take(&mut self.backend_mut(id)?.put_off);
        let mut rest = rest.into_iter();
        let mut result = Ok(());
        while let Some(op) = rest.next() {
            match self.execute_resumed(&op) {
                Ok(()) => {}
                Err(Error::Stopped) => return Err(Error::Stopped),
                Err(error) if after == AfterError::Ends => return Ok(Err(error)),
                Err(error) => result = result.and(Err(error)),
            }
            let backend = self.backend_mut(id)?;
            if backend.waits.is_some() {
                backend.put_off.extend(rest);
                break;
            }
        }
        Ok(result)
    }

    fn execute_resumed(&mut self, op: &Op) -> Result<(), Error> {
        match *op {
            // In the middle of its statement, not a statement of its own.
            Op::Lock { backend, statement: LockStmt::Release(tag, mode) } => {
                let owner = self.at(backend)?.resource_owner();
                let proc = self.at(backend)?.locks.proc;
                self.with_locks(|locks| locks.release(proc, owner, tag, mode))?;
                Ok(())
            }
            _ => self.execute(op).map(|_| ()),
        }
    }
}
