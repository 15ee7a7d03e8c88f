//! Pages dropped without being written (`DropRelationBuffers` and its relatives,
//! `EvictUnpinnedBuffer`, `bufmgr.c`).
//!
//! What a dropped or truncated relation has in the pool is of no use to anybody, so dirty
//! pages are forgotten along with clean ones. The pool is walked from its first buffer to its
//! last; each emptied buffer goes to the head of the freelist, where the version has one, so
//! the last is used first.

use super::BufferAccess;
use super::desc::{BM_DIRTY, BM_VALID, BufferDesc};
use crate::error::Error;
use crate::event::{BufferEvent, WriteReason};
use crate::ids::{BlockNumber, BufferId, BufferTag, RelId};

/// What became of a buffer that was to be emptied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Eviction {
    /// It is empty now; otherwise it held no page or was pinned, and nothing happened.
    pub emptied: bool,
    /// Its page was dirty and was written first.
    pub flushed: bool,
}

impl BufferAccess<'_> {
    /// `DropRelationBuffers`: drop the pages of a relation from block `from` on; from 0 on it
    /// does what `DropRelationsAllBuffers` does.
    ///
    /// # Errors
    /// [`Error::PinnedInInvalidateBuffer`], [`Error::WaitsForPin`], for a temporary relation
    /// [`Error::StillReferenced`]; the pages before the pinned one are dropped then.
    pub fn drop_relation_buffers(&mut self, rel: RelId, from: BlockNumber) -> Result<(), Error> {
        if self.is_temporary(rel)? {
            return self.drop_relation_local_buffers(rel, from);
        }
        self.drop_buffers(|_, tag| tag.rel == rel && tag.block >= from)
    }

    /// `DropDatabaseBuffers`: drop every page of the database; catalogs that all databases
    /// share stay.
    ///
    /// # Errors
    /// As for [`drop_relation_buffers`](Self::drop_relation_buffers).
    pub fn drop_database_buffers(&mut self) -> Result<(), Error> {
        self.drop_buffers(|access, tag| access.in_database(tag.rel))
    }

    fn drop_buffers(&mut self, doomed: impl Fn(&Self, BufferTag) -> bool) -> Result<(), Error> {
        for buffer in (0..self.pool.nbuffers()).map(BufferId) {
            if self.desc(buffer).tag().is_some_and(|tag| doomed(self, tag)) {
                self.invalidate_buffer(buffer)?;
            }
        }
        Ok(())
    }

    /// Whether a relation belongs to the database, not to all databases.
    pub(super) fn in_database(&self, rel: RelId) -> bool {
        self.pool.smgr.relation(rel).is_some_and(|relation| !relation.shared)
    }

    /// `InvalidateBuffer`: drop a page, dirty or not.
    fn invalidate_buffer(&mut self, buffer: BufferId) -> Result<(), Error> {
        let desc = self.desc(buffer);
        if desc.refcount() > 0 {
            return Err(if self.local.pins.get(buffer) > 0 {
                Error::PinnedInInvalidateBuffer
            } else {
                Error::WaitsForPin(buffer)
            });
        }
        let Some(tag) = desc.tag() else { return Ok(()) };
        self.update(buffer, BufferDesc::forget);
        self.pool.table.delete(tag);
        self.emit(BufferEvent::Dropped { buffer, tag })?;
        self.strategy_free_buffer(buffer)
    }

    /// `EvictUnpinnedBuffer`: write the page if it is dirty, then empty the buffer. It does
    /// not go to the freelist: the sweep finds it, with usage count 0.
    ///
    /// # Errors
    /// [`Error::NotInVersion`]; [`Error::BadBufferId`] if there is no such buffer.
    pub fn evict_unpinned_buffer(&mut self, buffer: BufferId) -> Result<Eviction, Error> {
        if !self.profile.evict {
            return Err(Error::NotInVersion("EvictUnpinnedBuffer"));
        }
        let desc = self.pool.desc(buffer).ok_or(Error::BadBufferId(number(buffer)))?;
        self.local.pins.reserve();
        if !desc.is(BM_VALID) || desc.refcount() > 0 {
            return Ok(Eviction::default());
        }
        self.pin_buffer_locked(buffer)?;
        let flushed = desc.is(BM_DIRTY);
        if flushed {
            self.flush_buffer(buffer, WriteReason::Flush)?;
        }
        self.invalidate_victim_buffer(buffer)?;
        self.unpin_buffer(buffer)?;
        Ok(Eviction { emptied: true, flushed })
    }
}

/// The number of a buffer that may not exist.
fn number(buffer: BufferId) -> i32 {
    i32::try_from(buffer.0).map_or(i32::MAX, |index| index.saturating_add(1))
}
