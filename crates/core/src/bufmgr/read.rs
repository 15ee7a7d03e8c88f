//! The way of a page into the pool (`ReadBufferExtended` and what it calls, `bufmgr.c`).
//!
//! As of PostgreSQL 16 a miss gets a victim first, clean and free of its old page, and only
//! then claims the new tag for it.

use super::BufferAccess;
use super::desc::{BM_DIRTY, BM_TAG_VALID, BM_VALID};
use super::smgr::PageVersion;
use crate::error::Error;
use crate::event::{BufferEvent, WriteReason};
use crate::ids::{BufferId, BufferTag, RelId};
use crate::op::ReadMode;

impl BufferAccess<'_> {
    /// `ReadBufferExtended`: the page in a buffer, pinned.
    ///
    /// # Errors
    /// [`Error::NoUnpinnedBuffers`]; [`Error::ShortRead`] past the relation's end, which
    /// leaves a buffer with the page's tag but without its bytes, as on a real server.
    pub fn read_buffer(
        &mut self,
        tag: BufferTag,
        mode: ReadMode,
        strategy: Option<usize>,
    ) -> Result<BufferId, Error> {
        let (buffer, found) = self.buffer_alloc(tag, strategy)?;
        if found {
            self.local.usage.hit += 1;
            return Ok(buffer);
        }
        let read = mode == ReadMode::Normal;
        let page = if read {
            self.local.usage.read += 1;
            match self.pool.smgr.read(tag) {
                Ok(page) => page,
                Err(error) => {
                    // The abort that follows lets go of the pin.
                    self.release_buffer(buffer)?;
                    return Err(error);
                }
            }
        } else {
            PageVersion::default()
        };
        self.load(buffer, tag, page, read)?;
        Ok(buffer)
    }

    /// `BufferAlloc`: a pinned buffer that belongs to the page; whether its bytes are there.
    fn buffer_alloc(
        &mut self,
        tag: BufferTag,
        strategy: Option<usize>,
    ) -> Result<(BufferId, bool), Error> {
        let found = self.pool.table.lookup(tag);
        self.emit(BufferEvent::Lookup { backend: self.who, tag, found })?;
        if let Some(buffer) = found {
            self.pin_buffer(buffer, strategy.is_some())?;
            return Ok((buffer, self.holds_page(buffer)));
        }
        let victim = self.get_victim_buffer(strategy)?;
        self.claim(victim, tag)?;
        Ok((victim, false))
    }

    /// The buffer belongs to this page from now on.
    fn claim(&mut self, buffer: BufferId, tag: BufferTag) -> Result<(), Error> {
        let persistence =
            self.pool.smgr.relation(tag.rel).map(|r| r.persistence).unwrap_or_default();
        self.pool.table.insert(tag, buffer);
        self.desc(buffer).assign(tag, persistence);
        self.emit(BufferEvent::Hashed { buffer, tag })
    }

    fn load(
        &mut self,
        buffer: BufferId,
        tag: BufferTag,
        page: PageVersion,
        read: bool,
    ) -> Result<(), Error> {
        let desc = self.desc(buffer);
        desc.lsn = page.lsn;
        desc.changes = page.changes;
        desc.set(BM_VALID);
        self.emit(BufferEvent::Loaded { buffer, tag, read })
    }

    /// `GetVictimBuffer`: a pinned buffer that belongs to no page.
    fn get_victim_buffer(&mut self, strategy: Option<usize>) -> Result<BufferId, Error> {
        loop {
            let buffer = self.strategy_get_buffer(strategy)?;
            self.pin_buffer_locked(buffer)?;
            if self.desc(buffer).is(BM_DIRTY) {
                if let Some(slot) = strategy
                    && self.desc(buffer).lsn > self.pool.wal.flushed()
                    && self.strategy_reject_buffer(slot, buffer)
                {
                    self.release_buffer(buffer)?;
                    self.emit(BufferEvent::RingRejected { buffer })?;
                    continue;
                }
                self.flush_buffer(buffer, WriteReason::Eviction)?;
            }
            if self.desc(buffer).is(BM_TAG_VALID) {
                self.invalidate_victim_buffer(buffer)?;
            }
            return Ok(buffer);
        }
    }

    /// `InvalidateVictimBuffer`: forget the old page.
    fn invalidate_victim_buffer(&mut self, buffer: BufferId) -> Result<(), Error> {
        let Some(tag) = self.desc(buffer).tag() else { return Ok(()) };
        self.desc(buffer).forget();
        self.pool.table.delete(tag);
        self.emit(BufferEvent::Unhashed { buffer, tag })
    }

    /// `ExtendBufferedRel`: one block more, in a pinned buffer, valid and clean.
    ///
    /// # Errors
    /// [`Error::NoUnpinnedBuffers`]; a relation at its limit.
    pub fn extend_buffered_rel(
        &mut self,
        rel: RelId,
        strategy: Option<usize>,
    ) -> Result<BufferId, Error> {
        let buffer = self.get_victim_buffer(strategy)?;
        let block = match self.pool.smgr.extend(rel) {
            Ok(block) => block,
            Err(error) => {
                self.release_buffer(buffer)?;
                return Err(error);
            }
        };
        let tag = BufferTag { rel, block };
        self.emit(BufferEvent::Extended { tag })?;
        self.local.usage.written += 1;
        // A read past the old end may have left a buffer with this tag and no bytes.
        if let Some(stale) = self.pool.table.lookup(tag) {
            self.release_buffer(buffer)?;
            self.pin_buffer(stale, strategy.is_some())?;
            self.load(stale, tag, PageVersion::default(), false)?;
            return Ok(stale);
        }
        self.claim(buffer, tag)?;
        self.load(buffer, tag, PageVersion::default(), false)?;
        Ok(buffer)
    }
}
