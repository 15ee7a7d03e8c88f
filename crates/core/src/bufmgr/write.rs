//! Dirty pages and their way out (`MarkBufferDirty`, `FlushBuffer`, `BufferSync`, `bufmgr.c`).

use super::BufferAccess;
use super::desc::{BM_CHECKPOINT_NEEDED, BM_DIRTY, BM_JUST_DIRTIED, BM_PERMANENT};
use super::smgr::PageVersion;
use crate::error::Error;
use crate::event::{BufferEvent, WriteReason};
use crate::ids::BufferId;
use crate::op::DirtyKind;

impl BufferAccess<'_> {
    /// `MarkBufferDirty`, or `MarkBufferDirtyHint`; with WAL, the record's end becomes the
    /// page's LSN. The caller has it pinned.
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn mark_buffer_dirty(&mut self, buffer: BufferId, kind: DirtyKind) -> Result<(), Error> {
        let profile = self.profile;
        let desc = &mut self.pool.descs[buffer.index()];
        let newly = !desc.is(BM_DIRTY);
        desc.set_dirty(profile);
        desc.changes = desc.changes.wrapping_add(1);
        if let DirtyKind::Wal { end } = kind {
            desc.lsn = self.pool.wal.insert_page(end);
        }
        if newly {
            self.local.usage.dirtied += 1;
        }
        self.emit(BufferEvent::Dirtied { buffer, kind, newly })
    }

    /// `FlushOneBuffer`: write a page that this backend has pinned, if it is dirty.
    ///
    /// # Errors
    /// [`Error::BadBufferId`] without a pin.
    pub fn flush_one_buffer(&mut self, buffer: BufferId) -> Result<(), Error> {
        if self.local.pins.get(buffer) == 0 {
            return Err(Error::BadBufferId(buffer.number() as i32));
        }
        if self.desc(buffer).is(BM_DIRTY) {
            self.flush_buffer(buffer, WriteReason::Flush)?;
        }
        Ok(())
    }

    /// `FlushBuffer`: WAL first, then the page; it is clean afterwards.
    pub(super) fn flush_buffer(
        &mut self,
        buffer: BufferId,
        reason: WriteReason,
    ) -> Result<(), Error> {
        let desc = *self.desc(buffer);
        let Some(tag) = desc.tag() else { return Ok(()) };
        if desc.is(BM_PERMANENT) && self.pool.wal.flush(desc.lsn) {
            let upto = self.pool.wal.flushed();
            self.emit(BufferEvent::WalFlushed { upto })?;
        }
        self.pool.smgr.write(tag, PageVersion { lsn: desc.lsn, changes: desc.changes });
        self.desc(buffer).clear(BM_DIRTY | BM_JUST_DIRTIED | BM_CHECKPOINT_NEEDED);
        self.local.usage.written += 1;
        self.emit(BufferEvent::Written { buffer, tag, reason })
    }

    /// `CheckPointBuffers`, `BufferSync`: mark every page that is dirty now, then write the
    /// marked ones in the order of their files and blocks. `all` includes unlogged relations,
    /// as a shutdown does.
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn checkpoint_buffers(&mut self, all: bool) -> Result<(), Error> {
        let mask = if all { BM_DIRTY } else { BM_DIRTY | BM_PERMANENT };
        let mut to_write = Vec::new();
        for index in 0..self.pool.nbuffers() {
            let buffer = BufferId(index);
            let desc = self.desc(buffer);
            if let Some(tag) = desc.tag().filter(|_| desc.is(mask)) {
                desc.set(BM_CHECKPOINT_NEEDED);
                to_write.push((tag, buffer));
                self.emit(BufferEvent::CheckpointNeeded { buffer })?;
            }
        }
        to_write.sort_unstable();
        let mut written = 0;
        for (_, buffer) in to_write {
            if self.desc(buffer).is(BM_CHECKPOINT_NEEDED) {
                self.flush_buffer(buffer, WriteReason::Checkpoint)?;
                written += 1;
            }
        }
        self.emit(BufferEvent::CheckpointDone { written })
    }
}
