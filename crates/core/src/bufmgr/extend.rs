//! New blocks at a relation's end (`ExtendBufferedRel`, `ExtendBufferedRelBy`, `bufmgr.c`).
//!
//! As of PostgreSQL 16 the victims come first: writing them out is the slow part, and that
//! happens before the relation is locked against other backends' extensions. Only then is the
//! relation's size read and are the buffers given to the new blocks. So several blocks can be
//! added at once, but all their buffers are pinned at the same time: no backend may take more
//! than its share of the pool. Before 16 a new block was read like any other, one at a time.

use super::BufferAccess;
use super::pin::REFCOUNT_ARRAY_ENTRIES;
use super::smgr::PageVersion;
use crate::error::Error;
use crate::event::{BufferEvent, LocalBufferEvent};
use crate::ids::{Buffer, BufferId, BufferTag, RelId};

impl BufferAccess<'_> {
    /// `ExtendBufferedRel`: one block more, in a pinned buffer, valid and clean.
    ///
    /// # Errors
    /// [`Error::NoUnpinnedBuffers`], [`Error::NoEmptyLocalBuffer`]; a relation at its limit.
    pub fn extend_buffered_rel(
        &mut self,
        rel: RelId,
        strategy: Option<usize>,
    ) -> Result<Buffer, Error> {
        if self.profile.bulk_extend {
            let mut buffer = [None];
            self.extend_buffered_rel_common(rel, strategy, &mut buffer)?;
            return buffer[0].ok_or(Error::Protocol("no block was added"));
        }
        let block = self.pool.smgr.nblocks(rel, 1)?;
        let tag = BufferTag { rel, block };
        self.pool.smgr.count_read(rel, false);
        let buffer = if self.is_temporary(rel)? {
            self.local_buffer_alloc(tag)?.0.into()
        } else {
            self.buffer_alloc(tag, strategy)?.0.into()
        };
        self.count_io(buffer, strategy, |io| io.extends += 1);
        self.grow(buffer, tag)?;
        self.load(buffer, tag, PageVersion::default(), false)?;
        Ok(buffer)
    }

    /// `ExtendBufferedRelBy`: up to `count` blocks more, in pinned buffers.
    ///
    /// # Errors
    /// As for one block; then none is added, but the victims have lost their pages.
    pub fn extend_buffered_rel_by(
        &mut self,
        rel: RelId,
        count: u32,
        strategy: Option<usize>,
    ) -> Result<Vec<Buffer>, Error> {
        if !self.profile.bulk_extend {
            return Err(Error::NotInVersion("ExtendBufferedRelBy"));
        }
        let count = if self.is_temporary(rel)? {
            self.limit_additional_local_pins(count)
        } else {
            self.limit_additional_pins(count)
        };
        let mut buffers = vec![None; count as usize];
        self.extend_buffered_rel_common(rel, strategy, &mut buffers)?;
        Ok(buffers.into_iter().flatten().collect())
    }

    /// `ExtendBufferedRelCommon`: a block more for each place in `buffers`.
    fn extend_buffered_rel_common(
        &mut self,
        rel: RelId,
        strategy: Option<usize>,
        buffers: &mut [Option<Buffer>],
    ) -> Result<(), Error> {
        let added = self.extend_pinned(rel, strategy, buffers);
        match added {
            Err(Error::Stopped) | Ok(()) => {}
            Err(_) => {
                for buffer in buffers.iter().flatten() {
                    self.release_buffer(*buffer)?;
                }
            }
        }
        added
    }

    fn extend_pinned(
        &mut self,
        rel: RelId,
        strategy: Option<usize>,
        buffers: &mut [Option<Buffer>],
    ) -> Result<(), Error> {
        let temporary = self.is_temporary(rel)?;
        for place in buffers.iter_mut() {
            *place = Some(if temporary {
                self.get_local_victim_buffer()?.into()
            } else {
                self.get_victim_buffer(strategy)?.into()
            });
        }
        let count = buffers.len() as u32;
        let first = self.pool.smgr.nblocks(rel, count)?;
        for (buffer, block) in buffers.iter_mut().flatten().zip(first..) {
            let tag = BufferTag { rel, block };
            *buffer = match *buffer {
                Buffer::Shared(victim) => self.claim_new_block(victim, tag, strategy)?.into(),
                Buffer::Local(victim) => self.claim_new_local_block(victim, tag)?.into(),
            };
        }
        if let Some(&head) = buffers.first().and_then(Option::as_ref) {
            self.count_io(head, strategy, |io| {
                io.extends += u64::from(count);
                io.extended_with_others += u64::from(count) - 1;
            });
        }
        for (&mut buffer, block) in buffers.iter_mut().flatten().zip(first..) {
            self.grow(buffer, BufferTag { rel, block })?;
        }
        for (&mut buffer, block) in buffers.iter_mut().flatten().zip(first..) {
            self.load(buffer, BufferTag { rel, block }, PageVersion::default(), false)?;
        }
        Ok(())
    }

    /// The victim becomes the new block's buffer; unless a failed read past the old end has
    /// left one with this tag and no bytes: then that one is used, and the victim is free.
    fn claim_new_block(
        &mut self,
        victim: BufferId,
        tag: BufferTag,
        strategy: Option<usize>,
    ) -> Result<BufferId, Error> {
        self.local.pins.reserve();
        let Some(existing) = self.pool.table.lookup(tag) else {
            self.claim(victim, tag)?;
            return Ok(victim);
        };
        self.pin_buffer(existing, strategy.is_some())?;
        self.strategy_free_buffer(victim)?;
        self.unpin_buffer(victim)?;
        Ok(existing)
    }

    /// The relation is longer by this block on disk; that counts as a block written.
    fn grow(&mut self, buffer: Buffer, tag: BufferTag) -> Result<(), Error> {
        self.pool.smgr.extend(tag.rel);
        self.usage_of(buffer).written += 1;
        match buffer {
            Buffer::Shared(_) => self.emit(BufferEvent::Extended { tag }),
            Buffer::Local(_) => self.emit_local(LocalBufferEvent::Extended { tag }),
        }
    }

    /// `LimitAdditionalPins`: one pin is always allowed.
    pub(super) fn limit_additional_pins(&self, count: u32) -> u32 {
        if count <= 1 { count } else { count.min(self.additional_pin_limit().max(1)) }
    }

    /// `GetPinLimit`: this backend's share of the pool.
    pub(super) fn pin_limit(&self) -> u32 {
        self.pool.max_proportional_pins
    }

    /// `GetAdditionalPinLimit`: its share, less the pins that it may have already: all that the
    /// array could hold, and those counted outside of it.
    pub(super) fn additional_pin_limit(&self) -> u32 {
        let held = self.local.pins.overflowed() + REFCOUNT_ARRAY_ENTRIES as u32;
        self.pin_limit().saturating_sub(held)
    }
}
