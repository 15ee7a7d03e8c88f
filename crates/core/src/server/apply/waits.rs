//! Who waits until nobody else has a page pinned: how the wait begins, and what ends it.
//!
//! PostgreSQL: `LockBufferForCleanup` (`bufmgr.c`), `ProcWaitForSignal` (`proc.c`),
//! `ProcessInterrupts` (`postgres.c`).

use super::put_off::AfterError;
use super::{Outcome, Server};
use crate::bufmgr::cleanup::CleanupLock;
use crate::error::Error;
use crate::event::Event;
use crate::ids::{BackendId, PinSlot};
use crate::op::Op;
use crate::server::WaitsFor;

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

    /// Who got a signal goes on.
    pub(super) fn resume_signalled(&mut self, id: BackendId) -> Result<(), Error> {
        self.backend_mut(id)?.waits = None;
        if let Err(error) = self.do_what_was_put_off(id, AfterError::GoesOn)? {
            self.log.emit(Event::StatementFailed(id, error.code()))?;
            self.backend_mut(id)?.locks.error = Some(Box::new(error));
        }
        Ok(())
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
        let _ = self.do_what_was_put_off(id, AfterError::GoesOn)?;
        Err(error)
    }
}
