//! Dirty pages and their way out (`MarkBufferDirty`, `FlushBuffer`, `BufferSync`, `bufmgr.c`).
//!
//! A changed page is only marked; it goes to disk when its buffer is needed for another page,
//! when the background writer or the checkpointer comes by, or when somebody flushes its
//! relation. Whoever writes it, the WAL record of its last change goes first. A page that was
//! written stays in the pool, clean.

use super::desc::{BM_CHECKPOINT_NEEDED, BM_DIRTY, BM_JUST_DIRTIED, BM_PERMANENT, BM_VALID};
use super::smgr::PageVersion;
use super::{BufferAccess, BufferPool};
use std::collections::BTreeSet;
use std::rc::Rc;

use crate::error::Error;
use crate::event::{BufferEvent, WriteReason};
use crate::ids::{Buffer, BufferId, BufferTag, RelId};
use crate::op::DirtyKind;

/// Said to who goes on with a checkpoint that nobody has begun.
const NO_CHECKPOINT: Error = Error::Protocol("no checkpoint is under way: begin one first");

/// How far a checkpoint is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Underway {
    /// The next of the sorted list.
    next: usize,
    end: usize,
    written: u32,
}

impl BufferPool {
    /// A checkpoint has sorted what it is to write.
    fn note_sorted(&mut self, to_write: &BTreeSet<(u64, u64)>) {
        let items = Rc::make_mut(&mut self.ckpt_buffer_ids);
        for (at, &(place, index)) in to_write.iter().enumerate() {
            let tag = BufferTag { rel: RelId((place >> 32) as u32), block: place as u32 };
            let item = (tag, BufferId(index as u32));
            match items.get_mut(at) {
                Some(old) => *old = item,
                None => items.push(item),
            }
        }
    }

    /// The page goes to its file, and is clean.
    pub(super) fn write_page(&mut self, buffer: BufferId) {
        let desc = self.descs.update(buffer, |desc| {
            desc.clear(BM_DIRTY | BM_JUST_DIRTIED | BM_CHECKPOINT_NEEDED);
            *desc
        });
        if let Some(tag) = desc.tag() {
            self.smgr.write(tag, PageVersion { lsn: desc.lsn, changes: desc.changes });
        }
    }
}

impl BufferAccess<'_> {
    /// `MarkBufferDirty`, or `MarkBufferDirtyHint`; with WAL, the record's end becomes the
    /// page's LSN. The caller has it pinned.
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn mark_buffer_dirty(&mut self, buffer: Buffer, kind: DirtyKind) -> Result<(), Error> {
        let buffer = match buffer {
            Buffer::Shared(buffer) => buffer,
            Buffer::Local(buffer) => return self.mark_local_buffer_dirty(buffer),
        };
        let profile = self.profile;
        let BufferPool { descs, wal, .. } = &mut *self.pool;
        let newly = descs.update(buffer, |desc| {
            let newly = !desc.is(BM_DIRTY);
            desc.set_dirty(profile);
            desc.changes = desc.changes.wrapping_add(1);
            if let DirtyKind::Wal { end } = kind {
                desc.lsn = wal.insert_page(end);
            }
            newly
        });
        if newly {
            self.local.usage.dirtied += 1;
        }
        self.emit(BufferEvent::Dirtied { buffer, kind, newly })
    }

    /// `FlushOneBuffer`: write a page that this backend has pinned, if it is dirty. The server
    /// has no use for it with local buffers and forbids it.
    ///
    /// # Errors
    /// [`Error::BadBufferId`] without a pin.
    pub fn flush_one_buffer(&mut self, buffer: Buffer) -> Result<(), Error> {
        let pinned = buffer.shared().filter(|&buffer| self.local.pins.get(buffer) > 0);
        let buffer = pinned.ok_or(Error::BadBufferId(buffer.number()))?;
        if self.desc(buffer).is(BM_DIRTY) {
            self.flush_buffer(buffer, WriteReason::Flush)?;
        }
        Ok(())
    }

    /// `FlushRelationBuffers`: write a relation's dirty pages, in the order of the buffers.
    ///
    /// The server pins each page for the time of its write, but counts that pin as one backend
    /// more (to 18); its callers never hold pins of their own then, and no pin shows here.
    ///
    /// # Errors
    /// [`Error::OtherTempRelation`].
    pub fn flush_relation_buffers(&mut self, rel: RelId) -> Result<(), Error> {
        if self.is_temporary(rel)? {
            return self.flush_relation_local_buffers(rel);
        }
        self.flush_buffers(|_, tag| tag.rel == rel)
    }

    /// `FlushDatabaseBuffers`: write every dirty page of the database; not those of catalogs
    /// that all databases share.
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn flush_database_buffers(&mut self) -> Result<(), Error> {
        self.flush_buffers(|access, tag| access.in_database(tag.rel))
    }

    fn flush_buffers(&mut self, wanted: impl Fn(&Self, BufferTag) -> bool) -> Result<(), Error> {
        for buffer in (0..self.pool.nbuffers()).map(BufferId) {
            let desc = self.desc(buffer);
            if !desc.tag().is_some_and(|tag| wanted(self, tag)) {
                continue;
            }
            self.local.pins.reserve();
            if desc.is(BM_VALID | BM_DIRTY) {
                self.flush_buffer(buffer, WriteReason::Flush)?;
            }
        }
        Ok(())
    }

    /// `FlushBuffer`: WAL first, then the page; it is clean afterwards.
    pub(super) fn flush_buffer(
        &mut self,
        buffer: BufferId,
        reason: WriteReason,
    ) -> Result<(), Error> {
        let desc = self.desc(buffer);
        let Some(tag) = desc.tag() else { return Ok(()) };
        if desc.is(BM_PERMANENT) && self.pool.wal.flush(desc.lsn) {
            let upto = self.pool.wal.flushed();
            self.emit(BufferEvent::WalFlushed { upto })?;
        }
        self.pool.write_page(buffer);
        self.local.usage.written += 1;
        self.emit(BufferEvent::Written { buffer, tag, reason })
    }

    /// `CheckPointBuffers`, `BufferSync`: mark every page that is dirty now, then write the
    /// marked ones in the order of their files and blocks; how many. `all` includes unlogged
    /// relations, as a shutdown does.
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn checkpoint_buffers(&mut self, all: bool) -> Result<u32, Error> {
        self.checkpoint_begin(all)?;
        self.checkpoint_end()
    }

    /// The first half of `BufferSync`: mark every page that is dirty now, and sort them.
    ///
    /// # Errors
    /// As above.
    pub fn checkpoint_begin(&mut self, all: bool) -> Result<(), Error> {
        let mask = if all { BM_DIRTY } else { BM_DIRTY | BM_PERMANENT };
        // Plain numbers, as malloc's free chunks have them: the page carries one kind of set.
        let mut to_write = BTreeSet::new();
        for index in 0..self.pool.nbuffers() {
            let buffer = BufferId(index);
            let desc = self.desc(buffer);
            if let Some(tag) = desc.tag().filter(|_| desc.is(mask)) {
                self.update(buffer, |desc| desc.set(BM_CHECKPOINT_NEEDED));
                let place = u64::from(tag.rel.0) << 32 | u64::from(tag.block);
                to_write.insert((place, u64::from(index)));
                self.emit(BufferEvent::CheckpointNeeded { buffer })?;
            }
        }
        self.pool.note_sorted(&to_write);
        self.pool.checkpoint = Some(Underway { next: 0, end: to_write.len(), written: 0 });
        Ok(())
    }

    /// The second half, until so many pages are written. A page that isn't marked any more was
    /// written by somebody else, or left the pool, and is passed over.
    ///
    /// # Errors
    /// As above, or that no checkpoint is under way.
    pub fn checkpoint_write(&mut self, most: u32) -> Result<(), Error> {
        let mut left = most;
        while left > 0 {
            let underway = self.pool.checkpoint.as_mut().ok_or(NO_CHECKPOINT)?;
            if underway.next == underway.end {
                return Ok(());
            }
            let at = underway.next;
            underway.next += 1;
            let Some(&(_, buffer)) = self.pool.ckpt_buffer_ids.get(at) else { return Ok(()) };
            if self.desc(buffer).is(BM_CHECKPOINT_NEEDED) {
                if let Some(underway) = &mut self.pool.checkpoint {
                    underway.written += 1;
                }
                left -= 1;
                self.flush_buffer(buffer, WriteReason::Checkpoint)?;
            }
        }
        Ok(())
    }

    /// The rest of it; how many pages it wrote in all.
    ///
    /// # Errors
    /// As above.
    pub fn checkpoint_end(&mut self) -> Result<u32, Error> {
        self.checkpoint_write(u32::MAX)?;
        let underway = self.pool.checkpoint.take().ok_or(NO_CHECKPOINT)?;
        self.emit(BufferEvent::CheckpointDone { written: underway.written })?;
        Ok(underway.written)
    }
}
