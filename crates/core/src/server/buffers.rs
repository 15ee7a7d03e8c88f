//! Operations that read, pin or change pages: what a backend's code does around the buffer
//! manager's routines.
//!
//! A pin lives as long as the operation, unless the operation keeps it in a variable; an error
//! gives up the pins that the operation took.

use super::{Outcome, Server};
use crate::bufmgr::BufferAccess;
use crate::bufmgr::range::RangeRead;
use crate::error::Error;
use crate::ids::{BackendId, Buffer, BufferTag, PinSlot, StrategySlot};
use crate::op::{DirtyKind, Op};
use crate::slots::entry;

impl Server {
    /// Execute an operation on pages.
    pub(super) fn use_buffers(&mut self, op: &Op) -> Result<Outcome, Error> {
        match *op {
            Op::Read { backend, rel, block, mode, strategy, dirty, pin } => {
                let tag = BufferTag { rel, block };
                self.read(backend, strategy, dirty, pin, |access, strategy| {
                    access.read_buffer(tag, mode, strategy)
                })
            }
            Op::Extend { backend, rel, strategy, dirty, pin } => {
                self.read(backend, strategy, dirty, pin, |access, strategy| {
                    access.extend_buffered_rel(rel, strategy)
                })
            }
            Op::ExtendBy { backend, rel, count, strategy } => {
                self.read_many(backend, strategy, None, |access, strategy| {
                    let buffers = access.extend_buffered_rel_by(rel, count, strategy)?;
                    Ok(RangeRead { buffers, rounds: Vec::new() })
                })
            }
            Op::ReadRange { backend, rel, block, count, strategy, dirty } => {
                let first = BufferTag { rel, block };
                self.read_many(backend, strategy, dirty, |access, strategy| {
                    access.read_range(first, count, strategy)
                })
            }
            Op::Unpin { backend, pin } => {
                let buffer = self.pinned(backend, pin)?;
                let owner = self.backend_mut(backend)?;
                owner.set_pin(pin, None)?;
                owner.session.pins.retain(|(slot, _)| *slot != pin);
                self.access(backend)?.release_buffer(buffer)?;
                Ok(buffer.into())
            }
            Op::MarkDirty { backend, pin, kind } => {
                self.pool.smgr.check_written()?;
                let buffer = self.pinned(backend, pin)?;
                self.access(backend)?.mark_buffer_dirty(buffer, kind)?;
                Ok(buffer.into())
            }
            Op::FlushBuffer { backend, pin } => {
                let buffer = self.pinned(backend, pin)?;
                self.access(backend)?.flush_one_buffer(buffer)?;
                Ok(buffer.into())
            }
            Op::Evict { backend, buffer } => {
                let eviction = self.access(backend)?.evict_unpinned_buffer(buffer)?;
                Ok(Outcome::Eviction(eviction))
            }
            _ => Err(Error::Protocol("not an operation on pages")),
        }
    }

    /// Read or extend, then mark dirty if asked, then release the pin or keep it.
    fn read(
        &mut self,
        backend: BackendId,
        strategy: Option<StrategySlot>,
        dirty: Option<DirtyKind>,
        pin: Option<PinSlot>,
        get: impl FnOnce(&mut BufferAccess<'_>, Option<usize>) -> Result<Buffer, Error>,
    ) -> Result<Outcome, Error> {
        if dirty.is_some() {
            self.pool.smgr.check_written()?;
        }
        if let Some(pin) = pin {
            let slot = entry(&mut self.backend_mut(backend)?.pins, pin.0, None)?;
            if slot.is_some() {
                return Err(Error::PinInUse);
            }
        }
        let mut access = self.access(backend)?;
        let strategy = access.local.strategy(strategy)?;
        let buffer = get(&mut access, strategy)?;
        if let Some(kind) = dirty {
            access.mark_buffer_dirty(buffer, kind)?;
        }
        match pin {
            Some(pin) => {
                let backend = self.backend_mut(backend)?;
                backend.set_pin(pin, Some(buffer))?;
                let level = backend.session.levels.len();
                if level > 0 {
                    backend.session.pins.push((pin, level));
                }
            }
            None => access.release_buffer(buffer)?,
        }
        Ok(buffer.into())
    }

    /// Read or add several blocks, then mark each dirty if asked and release it.
    fn read_many(
        &mut self,
        backend: BackendId,
        strategy: Option<StrategySlot>,
        dirty: Option<DirtyKind>,
        get: impl FnOnce(&mut BufferAccess<'_>, Option<usize>) -> Result<RangeRead, Error>,
    ) -> Result<Outcome, Error> {
        if dirty.is_some() {
            self.pool.smgr.check_written()?;
        }
        let mut access = self.access(backend)?;
        let strategy = access.local.strategy(strategy)?;
        let range = get(&mut access, strategy)?;
        for &buffer in &range.buffers {
            if let Some(kind) = dirty {
                access.mark_buffer_dirty(buffer, kind)?;
            }
            access.release_buffer(buffer)?;
        }
        Ok(Outcome::Range(Box::new(range)))
    }

    /// `ResourceOwnerRelease` of a level that is aborted: the pins that were kept in it.
    pub(super) fn release_pins(&mut self, backend: BackendId) -> Result<(), Error> {
        loop {
            let session = &mut self.backend_mut(backend)?.session;
            let level = session.levels.len();
            let Some((pin, _)) = session.pins.pop_if(|(_, of)| *of >= level) else {
                return Ok(());
            };
            let buffer = self.pinned(backend, pin)?;
            self.backend_mut(backend)?.set_pin(pin, None)?;
            self.access(backend)?.release_buffer(buffer)?;
        }
    }

    pub(super) fn pinned(&mut self, backend: BackendId, pin: PinSlot) -> Result<Buffer, Error> {
        self.backend_mut(backend)?.pin(pin).ok_or(Error::BadBufferId(0))
    }
}
