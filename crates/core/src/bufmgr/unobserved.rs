//! Reads that nobody watches.
//!
//! A read whose pin goes at once, with no ring and nothing to dirty, leaves little behind: a usage
//! count, or another page in a buffer. While no events are recorded, that is all that is done here,
//! for replays of millions of reads. Whatever is not that simple goes the long way
//! ([`read`](super::read)), to the same end; `tests/unobserved.rs` compares the two.

use super::desc::{BM_DIRTY, BM_PERMANENT};
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
    #[inline(always)]
    pub(crate) fn read_unobserved(
        &mut self,
        local: &mut LocalBufferState,
        tag: BufferTag,
    ) -> Fallible<Option<BufferId>> {
        let Some(buffer) = self.table.lookup(tag) else { return self.miss_unobserved(local, tag) };
        if !self.descs.usage.raise_unless_busy(buffer.0, self.max_usage_count) {
            return Ok(None);
        }
        // What pinning would leave behind.
        local.pins.reserve();
        local.usage.hit += 1;
        Ok(Some(buffer))
    }

    #[inline(always)]
    fn miss_unobserved(
        &mut self,
        local: &mut LocalBufferState,
        tag: BufferTag,
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
        if self.descs.is(victim, BM_DIRTY) {
            self.flush_unobserved(local, victim);
        }
        let old = self.descs.replace(victim, tag, persistence, page);
        local.evictions += u64::from(old.is_some());
        self.table.replace(old, tag, victim);
        local.usage.read += 1;
        Ok(Some(victim))
    }

    /// `FlushBuffer`.
    #[cold]
    fn flush_unobserved(&mut self, local: &mut LocalBufferState, buffer: BufferId) {
        let desc = self.descs.at(buffer);
        if desc.is(BM_PERMANENT) {
            self.wal.flush(desc.lsn);
        }
        self.write_page(buffer);
        local.usage.written += 1;
    }
}
