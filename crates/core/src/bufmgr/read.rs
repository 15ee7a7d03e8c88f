//! The way of a page into the pool (`ReadBufferExtended` and what it calls, `bufmgr.c`).
//!
//! As of PostgreSQL 16 a miss gets a victim first, clean and free of its old page, and only
//! then claims the new tag for it. Before, the victim kept its old page until the new tag was in
//! the lookup table.

use super::BufferAccess;
use super::desc::{BM_DIRTY, BM_TAG_VALID, BM_VALID, BufferDesc};
use super::smgr::PageVersion;
use crate::error::Error;
use crate::event::{BufferEvent, WriteReason};
use crate::ids::{Buffer, BufferId, BufferTag, RelId};
use crate::op::{Persistence, ReadMode};

impl BufferAccess<'_> {
    /// `ReadBufferExtended`: the page in a buffer, pinned.
    ///
    /// # Errors
    /// [`Error::NoUnpinnedBuffers`], [`Error::NoEmptyLocalBuffer`]; [`Error::ShortRead`] past
    /// the relation's end, which leaves a buffer with the page's tag but without its bytes, as
    /// on a real server.
    #[inline]
    pub fn read_buffer(
        &mut self,
        tag: BufferTag,
        mode: ReadMode,
        strategy: Option<usize>,
    ) -> Result<Buffer, Error> {
        let (buffer, found) = self.pin_buffer_for_block(tag, strategy)?;
        if found {
            return Ok(buffer);
        }
        if mode == ReadMode::ZeroAndLock {
            self.load(buffer, tag, PageVersion::default(), false)?;
            return Ok(buffer);
        }
        self.usage_of(buffer).read += 1;
        self.count_io(buffer, strategy, |io| io.reads += 1);
        match self.pool.smgr.read(tag) {
            Ok(page) => self.load(buffer, tag, page, true)?,
            Err(error) => return self.abort(&[buffer], error),
        }
        Ok(buffer)
    }

    /// `PinBufferForBlock`: a pinned buffer that belongs to the page, shared or local; whether
    /// its bytes are there.
    #[inline]
    pub(super) fn pin_buffer_for_block(
        &mut self,
        tag: BufferTag,
        strategy: Option<usize>,
    ) -> Result<(Buffer, bool), Error> {
        let (buffer, found) = if self.is_temporary(tag.rel)? {
            let (buffer, found) = self.local_buffer_alloc(tag)?;
            (buffer.into(), found)
        } else {
            let (buffer, found) = self.buffer_alloc(tag, strategy)?;
            (buffer.into(), found)
        };
        self.usage_of(buffer).hit += u64::from(found);
        self.pool.smgr.count_read(tag.rel, found);
        if found {
            self.count_io(buffer, strategy, |io| io.hits += 1);
        }
        Ok((buffer, found))
    }

    /// Whether the relation's pages go to this backend's local buffers.
    ///
    /// # Errors
    /// [`Error::OtherTempRelation`] if they go to another backend's.
    #[inline]
    pub(crate) fn is_temporary(&self, rel: RelId) -> Result<bool, Error> {
        match self.pool.smgr.relation(rel).map(|relation| relation.persistence) {
            Some(Persistence::Temporary(owner)) if owner == self.who => Ok(true),
            Some(Persistence::Temporary(_)) => Err(Error::OtherTempRelation),
            Some(_) => Ok(false),
            None => Err(Error::Protocol("there is no such relation")),
        }
    }

    /// `BufferAlloc`: a pinned buffer that belongs to the page; whether its bytes are there.
    pub(super) fn buffer_alloc(
        &mut self,
        tag: BufferTag,
        strategy: Option<usize>,
    ) -> Result<(BufferId, bool), Error> {
        self.local.pins.reserve();
        let found = self.pool.table.lookup(tag);
        self.emit(BufferEvent::Lookup { backend: self.who, tag, found })?;
        if let Some(buffer) = found {
            self.pin_buffer(buffer, strategy.is_some())?;
            return Ok((buffer, self.desc(buffer).is(BM_VALID)));
        }
        let victim = self.get_victim_buffer(strategy)?;
        self.claim(victim, tag)?;
        Ok((victim, false))
    }

    /// The buffer belongs to this page from now on, and no longer to an old one that it may have.
    pub(super) fn claim(&mut self, buffer: BufferId, tag: BufferTag) -> Result<(), Error> {
        let persistence =
            self.pool.smgr.relation(tag.rel).map(|r| r.persistence).unwrap_or_default();
        let old = self.desc(buffer).tag();
        self.pool.table.insert(tag, buffer);
        self.update(buffer, |desc| {
            if old.is_some() {
                desc.forget();
            }
            desc.assign(tag, persistence);
        });
        self.emit(BufferEvent::Hashed { buffer, tag })?;
        let Some(old) = old else { return Ok(()) };
        self.local.evictions += 1;
        self.pool.table.delete(old);
        self.emit(BufferEvent::Unhashed { buffer, tag: old })
    }

    /// The page's bytes are in its buffer, read or zeroed.
    pub(super) fn load(
        &mut self,
        buffer: Buffer,
        tag: BufferTag,
        page: PageVersion,
        read: bool,
    ) -> Result<(), Error> {
        let buffer = match buffer {
            Buffer::Shared(buffer) => buffer,
            Buffer::Local(buffer) => return self.load_local(buffer, tag, page, read),
        };
        self.update(buffer, |desc| desc.fill(page));
        self.emit(BufferEvent::Loaded { buffer, tag, read })
    }

    /// `GetVictimBuffer`: a pinned buffer that belongs to no page, or before there was this
    /// routine, still to its old one.
    pub(super) fn get_victim_buffer(&mut self, strategy: Option<usize>) -> Result<BufferId, Error> {
        self.local.pins.reserve();
        loop {
            let buffer = self.strategy_get_buffer(strategy)?;
            self.pin_buffer_locked(buffer)?;
            if self.desc(buffer).is(BM_DIRTY) {
                if let Some(slot) = strategy
                    && self.desc(buffer).lsn > self.pool.wal.flushed()
                    && self.strategy_reject_buffer(slot, buffer)
                {
                    self.emit(BufferEvent::RingRejected { buffer })?;
                    self.unpin_buffer(buffer)?;
                    continue;
                }
                self.count_io(buffer.into(), strategy, |io| io.writes += 1);
                self.flush_buffer(buffer, WriteReason::Eviction)?;
            }
            if self.desc(buffer).is(BM_VALID) {
                let reused = strategy.is_some_and(|slot| self.local.is_from_ring(slot));
                self.count_io(buffer.into(), strategy, |io| {
                    *if reused { &mut io.reuses } else { &mut io.evictions } += 1;
                });
            }
            if self.desc(buffer).is(BM_TAG_VALID) && !self.profile.insert_first {
                self.local.evictions += 1;
                self.invalidate_victim_buffer(buffer)?;
            }
            return Ok(buffer);
        }
    }

    /// `InvalidateVictimBuffer`: forget the old page of a buffer that only this backend has
    /// pinned.
    pub(super) fn invalidate_victim_buffer(&mut self, buffer: BufferId) -> Result<(), Error> {
        let Some(tag) = self.desc(buffer).tag() else { return Ok(()) };
        self.update(buffer, BufferDesc::forget);
        self.pool.table.delete(tag);
        self.emit(BufferEvent::Unhashed { buffer, tag })
    }
}
