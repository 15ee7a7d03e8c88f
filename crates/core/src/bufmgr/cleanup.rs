//! Cleanup locks: a page all to oneself (`LockBufferForCleanup`, `bufmgr.c`).
//!
//! Whoever moves rows about in a page must be sure that nobody has a pointer into it: it needs the
//! exclusive content lock, and that no other backend has the page pinned. VACUUM goes on without, if
//! it can; if it can't, it writes its number into the buffer's descriptor and sleeps. Only one backend
//! may. The unpin that leaves one pin wakes it, and it tries again.
//!
//! Content locks are held for no longer than an operation here, so pins alone decide.

use super::BufferAccess;
use super::desc::BM_PIN_COUNT_WAITER;
use crate::error::Error;
use crate::event::BufferEvent;
use crate::ids::{Buffer, BufferId};

/// What came of asking for a cleanup lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CleanupLock {
    /// The backend has it.
    Locked,
    /// It can't be had now.
    Refused,
    /// The backend sleeps until it can.
    Waits,
}

impl BufferAccess<'_> {
    /// `LockBufferForCleanup`, or another attempt of it when the backend was awakened.
    ///
    /// # Errors
    /// [`Error::IncorrectLocalPinCount`]; [`Error::MultipleWaiters`].
    pub fn lock_buffer_for_cleanup(&mut self, buffer: Buffer) -> Result<CleanupLock, Error> {
        self.local.pin_count_wait_buf = None;
        self.check_buffer_is_pinned_once(buffer)?;
        let Buffer::Shared(buffer) = buffer else { return Ok(CleanupLock::Locked) };
        let desc = self.desc(buffer);
        if desc.refcount() == 1 {
            self.emit(BufferEvent::CleanupLocked { backend: self.who, buffer })?;
            return Ok(CleanupLock::Locked);
        }
        if desc.is(BM_PIN_COUNT_WAITER) {
            return Err(Error::MultipleWaiters);
        }
        let backend = self.who;
        self.update(buffer, |desc| desc.set_wait_backend(backend));
        self.local.pin_count_wait_buf = Some(buffer);
        let shared = desc.refcount();
        self.emit(BufferEvent::WaitsForPins { backend, buffer, shared })?;
        Ok(CleanupLock::Waits)
    }

    /// `ConditionalLockBufferForCleanup`
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn conditional_lock_buffer_for_cleanup(
        &mut self,
        buffer: Buffer,
    ) -> Result<CleanupLock, Error> {
        let (buffer, shared) = match buffer {
            Buffer::Local(local) if self.local.temp.pins(local) == 1 => {
                return Ok(CleanupLock::Locked);
            }
            Buffer::Local(_) => return Ok(CleanupLock::Refused),
            Buffer::Shared(buffer) => (buffer, self.desc(buffer).refcount()),
        };
        let backend = self.who;
        if self.local.pins.get(buffer) == 1 && shared == 1 {
            self.emit(BufferEvent::CleanupLocked { backend, buffer })?;
            return Ok(CleanupLock::Locked);
        }
        self.emit(BufferEvent::CleanupRefused { backend, buffer, shared })?;
        Ok(CleanupLock::Refused)
    }

    /// `CheckBufferIsPinnedOnce`
    ///
    /// # Errors
    /// [`Error::IncorrectLocalPinCount`]
    pub(crate) fn check_buffer_is_pinned_once(&self, buffer: Buffer) -> Result<(), Error> {
        let pins = match buffer {
            Buffer::Shared(buffer) => self.local.pins.get(buffer),
            Buffer::Local(buffer) => self.local.temp.pins(buffer),
        };
        if pins == 1 { Ok(()) } else { Err(Error::IncorrectLocalPinCount(pins)) }
    }

    /// `WakePinCountWaiter`: the last pin other than the waiter's is gone.
    #[cold]
    pub(super) fn wake_pin_count_waiter(&mut self, buffer: BufferId) -> Result<(), Error> {
        let desc = self.desc(buffer);
        if desc.refcount() != 1 {
            return Ok(());
        }
        self.update(buffer, |desc| desc.clear(BM_PIN_COUNT_WAITER));
        if let Some(backend) = desc.wait_backend() {
            self.pool.signalled.push(backend);
            self.emit(BufferEvent::PinWaiterWoken { backend, buffer })?;
        }
        Ok(())
    }

    /// `UnlockBuffers`: an error ends the wait.
    pub(crate) fn unlock_buffers(&mut self) {
        let Some(buffer) = self.local.pin_count_wait_buf.take() else { return };
        if self.desc(buffer).wait_backend() == Some(self.who) {
            self.update(buffer, |desc| desc.clear(BM_PIN_COUNT_WAITER));
        }
    }
}
