//! Who waits until nobody else has a page pinned: what it still has to do, what ends its wait, and
//! what it does then.
//!
//! PostgreSQL: `LockBufferForCleanup` (`bufmgr.c`), `ProcWaitForSignal` (`proc.c`),
//! `ProcessInterrupts` (`postgres.c`).

use super::{Outcome, Server};
use crate::bufmgr::cleanup::CleanupLock;
use crate::error::Error;
use crate::event::Event;
use crate::ids::{BackendId, BufferId, PinSlot};
use crate::op::Op;
use crate::server::WaitsFor;
use crate::server::backend::Backend;

/// Operations that a statement may have left to do after a wait.
const MAX_PUT_OFF: usize = 10_000;

impl Backend {
    /// What is left to do behind the wait that has just begun.
    pub(super) fn keep_for_later(&mut self, rest: impl Iterator<Item = Op>) {
        match self.waits {
            Some(WaitsFor::BufferPin(_)) => self.put_off.extend(rest),
            _ => self.locks.rest.extend(rest),
        }
    }

    /// Whether an operation belongs to the statement in which the backend waits.
    fn is_of_the_same_statement(&self, op: &Op) -> bool {
        if let (Some(Op::BulkNext { .. }), Op::BulkNext { .. } | Op::BulkEnd { .. }) =
            (self.put_off.last(), op)
        {
            return true;
        }
        let (mut query, mut calls) = (self.session.statement.is_some(), self.calls.len());
        for op in &self.put_off {
            match op {
                Op::QueryEnd { .. } => query = false,
                Op::CallBegin { .. } => calls += 1,
                Op::CallEnd { .. } => calls = calls.saturating_sub(1),
                _ => {}
            }
        }
        query || calls > 0
    }
}

impl Server {
    /// A statement that goes over many pages goes on, until it has to wait.
    pub(super) fn bulk_next(&mut self, id: BackendId, pages: u32) -> Result<Outcome, Error> {
        let buffer = self.table_access(id)?.bulk_next(pages)?;
        let left = self.backend_mut(id)?.access.left();
        self.sleep(id, Op::BulkNext { backend: id, pages: left })?;
        Ok(buffer.map_or(Outcome::Done, Outcome::Buffer))
    }

    /// A cleanup lock on a pinned page.
    pub(super) fn cleanup_lock(
        &mut self,
        id: BackendId,
        pin: PinSlot,
        wait: bool,
    ) -> Result<Outcome, Error> {
        let buffer = self.pinned(id, pin)?;
        let mut access = self.access(id)?;
        let lock = if wait {
            access.lock_buffer_for_cleanup(buffer)?
        } else {
            access.conditional_lock_buffer_for_cleanup(buffer)?
        };
        if lock == CleanupLock::Waits {
            self.sleep(id, Op::CleanupLock { backend: id, pin, wait })?;
        }
        Ok(buffer.into())
    }

    /// `ProcWaitForSignal`, if the backend has begun to wait: then it goes on with this.
    fn sleep(&mut self, id: BackendId, then: Op) -> Result<(), Error> {
        let backend = self.backend_mut(id)?;
        if let Some(buffer) = backend.buffers.pin_count_wait_buf {
            backend.waits = Some(WaitsFor::BufferPin(buffer));
            backend.put_off.push(then);
        }
        Ok(())
    }

    /// A backend that waits for others' pins is to do something: what belongs to its statement
    /// is put off until it goes on. Anything else it can't do.
    pub(super) fn put_off_for_pins(
        &mut self,
        id: BackendId,
        buffer: BufferId,
        op: &Op,
    ) -> Result<Outcome, Error> {
        let backend = self.backend_mut(id)?;
        if !backend.is_of_the_same_statement(op) {
            return Err(Error::BackendWaitsForPins(buffer));
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

    /// Who got a signal goes on.
    pub(super) fn resume_signalled(&mut self, id: BackendId) -> Result<(), Error> {
        self.backend_mut(id)?.waits = None;
        if let Err(error) = self.do_what_was_put_off(id)? {
            self.log.emit(Event::StatementFailed(id, error.code()))?;
            self.backend_mut(id)?.locks.error = Some(Box::new(error));
        }
        Ok(())
    }

    /// The rest of a statement, and the first error that it gives: its own, not that of the step
    /// that awakened it. The outer error is a stop between two events.
    fn do_what_was_put_off(&mut self, id: BackendId) -> Result<Result<(), Error>, Error> {
        let rest = std::mem::take(&mut self.backend_mut(id)?.put_off);
        let mut rest = rest.into_iter();
        let mut result = Ok(());
        while let Some(op) = rest.next() {
            match self.execute(&op) {
                Ok(_) => {}
                Err(Error::Stopped) => return Err(Error::Stopped),
                Err(error) => result = result.and(Err(error)),
            }
            let backend = self.backend_mut(id)?;
            if backend.waits.is_some() {
                backend.keep_for_later(rest);
                break;
            }
        }
        Ok(result)
    }

    /// `pg_cancel_backend` of one that waits for others' pins: it gives up.
    pub(super) fn cancel_wait_for_pins(&mut self, id: BackendId) -> Result<(), Error> {
        let backend = self.backend_mut(id)?;
        backend.waits = None;
        let error = Error::QueryCanceled(None);
        let bulk = matches!(backend.put_off.first(), Some(Op::BulkNext { .. }));
        // What waited does not try again.
        backend.put_off.remove(0);
        self.access(id)?.unlock_buffers();
        if bulk {
            self.table_access(id)?.bulk_cancel(error.clone())?;
        }
        // Only the ends of what it is in are left to do.
        let ends =
            |op: &Op| matches!(op, Op::BulkEnd { .. } | Op::QueryEnd { .. } | Op::CallEnd { .. });
        self.backend_mut(id)?.put_off.retain(ends);
        let _ = self.do_what_was_put_off(id)?;
        Err(error)
    }
}
