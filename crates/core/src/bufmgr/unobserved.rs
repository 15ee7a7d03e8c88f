//! Reads that nobody watches.
//!
//! A read whose pin goes at once, with no ring and nothing to dirty, leaves little behind: a usage
//! count, or another page in a buffer. While no events are recorded, that is all that is done here,
//! for replays of millions of reads. Whatever is not that simple goes the long way
//! ([`read`](super::read)), to the same end; `tests/unobserved.rs` compares the two.

use super::buf_table::Vacancy;
use super::desc::{BM_DIRTY, BM_PERMANENT, BM_TAG_VALID, BM_VALID};
use super::{BufferPool, LocalBufferState};
use crate::error::{Error, Fallible};
use crate::ids::{BufferId, BufferTag};
use crate::op::Persistence;

impl BufferPool {
    /// The buffer that the page is in now. `None`, and nothing has happened, if the read has to go
    /// the long way: the page is not shared or not there, somebody has it pinned, or a buffer is
    /// on the freelist.
    ///
    /// # Errors
    /// [`Error::NoUnpinnedBuffers`].
    #[inline]
    pub(crate) fn read_unobserved(
        &mut self,
        local: &mut LocalBufferState,
        tag: BufferTag,
    ) -> Fallible<Option<BufferId>> {
        let buffer = match self.table.search(tag) {
            Ok(buffer) => buffer,
            Err(vacancy) => return self.miss_unobserved(local, tag, vacancy),
        };
        let desc = &mut self.descs[buffer.index()];
        if desc.refcount() > 0 || !desc.is(BM_VALID) {
            return Ok(None);
        }
        if desc.usage_count() < self.max_usage_count {
            desc.raise_usage();
        }
        // What pinning would leave behind.
        local.pins.reserve();
        local.usage.hit += 1;
        self.smgr.count_read(tag.rel, true);
        Ok(Some(buffer))
    }

    #[inline]
    fn miss_unobserved(
        &mut self,
        local: &mut LocalBufferState,
        tag: BufferTag,
        vacancy: Vacancy,
    ) -> Fallible<Option<BufferId>> {
        let Some(relation) = self.smgr.relation(tag.rel) else { return Ok(None) };
        let persistence = relation.persistence;
        let temporary = matches!(persistence, Persistence::Temporary(_));
        if temporary || tag.block >= relation.nblocks || self.strategy.first_free().is_some() {
            return Ok(None);
        }
        let page = relation.version(tag.block);
        local.pins.reserve();
        let Some(victim) = self.strategy.sweep_unobserved(&mut self.descs) else {
            return Err(Error::NoUnpinnedBuffers.into());
        };
        if self.descs[victim.index()].is(BM_DIRTY) {
            self.flush_unobserved(local, victim);
        }
        let old = self.table.place_of(victim);
        self.table.insert_at(vacancy, tag, victim);
        let desc = &mut self.descs[victim.index()];
        if desc.is(BM_TAG_VALID) {
            local.evictions += 1;
            self.table.vacate(old);
        }
        desc.forget();
        desc.assign(tag, persistence);
        desc.fill(page);
        local.usage.read += 1;
        self.smgr.count_read(tag.rel, false);
        Ok(Some(victim))
    }

    /// `FlushBuffer`.
    #[cold]
    fn flush_unobserved(&mut self, local: &mut LocalBufferState, buffer: BufferId) {
        let desc = self.descs[buffer.index()];
        if desc.is(BM_PERMANENT) {
            self.wal.flush(desc.lsn);
        }
        self.write_page(buffer);
        local.usage.written += 1;
    }
}
