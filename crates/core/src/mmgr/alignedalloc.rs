//! Chunks with an alignment (`MemoryContextAllocAligned`, `alignedalloc.c`).
//!
//! Allocators align chunks to eight bytes. Whoever needs more, such as the pages of direct
//! I/O, gets a pointer into a chunk that is larger by the alignment. In front of that pointer
//! stands a header of its own, a *redirection*, which leads back to the chunk:
//!
//! ```text
//!  chunk                         aligned pointer
//!  v                             v
//! ┌─────────────────────┬───────┬─────────────────────┬────────┐
//! │ lost to alignment   │ redir │ what was asked for  │ lost   │
//! └─────────────────────┴───────┴─────────────────────┴────────┘
//!  ^───────────────────────┘
//! ```

use super::Process;
use super::chunk::{CHUNK_HEADER, ChunkHeader, MCTX_ALIGNED_REDIRECT_ID, MEMORY_CHUNK};
use super::memdebug::{self, Request};
use super::methods::ChunkMethods;
use crate::error::{Error, Fallible};
use crate::event::MemoryEvent;
use crate::memory::{Addr, Arena};
use crate::op::AllocFlags;
use crate::profile::{MEMORY_CONTEXT_CHECKING, Profile};

/// `MAXIMUM_ALIGNOF`: what every chunk has anyway.
const MAXIMUM_ALIGNOF: u64 = 8;
const ALIGN_LIMIT: u64 = 128 << 20;

/// The redirection, as a row of the table of methods.
pub(super) struct AlignedRedirect;

impl Process<'_> {
    /// `MemoryContextAllocAligned`.
    ///
    /// # Errors
    /// An alignment that is not a power of two below 128 MB; a version that has no such
    /// thing; otherwise as [`Process::memory_context_alloc_extended`].
    pub fn memory_context_alloc_aligned(
        &mut self,
        context: Addr,
        size: u64,
        align: u64,
        flags: AllocFlags,
    ) -> Fallible<Addr> {
        if !self.profile.mmgr.aligned {
            return Err(Error::NotInVersion("aligned allocations").into());
        }
        if !align.is_power_of_two() || align >= ALIGN_LIMIT {
            return Err(Error::InvalidAlignment(align).into());
        }
        if align <= MAXIMUM_ALIGNOF {
            return self.memory_context_alloc_extended(context, size, flags);
        }
        let sentinel = u64::from(MEMORY_CONTEXT_CHECKING);
        let alloc_size = size.wrapping_add(extra_bytes(align) + sentinel);
        memdebug::assert_room(size, alloc_size)?;
        let unaligned = self.memory_context_alloc_extended(context, alloc_size, flags)?;
        if unaligned.is_null() {
            return Ok(unaligned);
        }
        let pointer = Addr(unaligned.offset(MEMORY_CHUNK).0.next_multiple_of(align));
        let redirect = pointer.back(MEMORY_CHUNK);
        // A size that wrapped around leaves the chunk too small: the header comes to lie wherever
        // the alignment puts it.
        if !self.local.heap.has(redirect, MEMORY_CHUNK) {
            return Err(Error::SegmentationFault.into());
        }
        let header = ChunkHeader::new(redirect.since(unaligned), align, MCTX_ALIGNED_REDIRECT_ID);
        self.arena.write_u64(pointer.back(CHUNK_HEADER), header.0);
        Request::of(self.profile, pointer, 0).set(self.arena, size, u64::MAX);
        self.emit(MemoryEvent::Aligned { context, chunk: unaligned, pointer })?;
        Ok(pointer)
    }
}

impl Process<'_> {
    /// "Test for someone scribbling on unused space in chunk", as `AlignedAllocFree` does.
    fn test_aligned(&mut self, pointer: Addr, chunk: Addr) -> Fallible<()> {
        let Some(size) = Request::of(self.profile, pointer, 0).size(self.arena) else {
            return Ok(());
        };
        let context = super::get_memory_chunk_context(self.arena, self.profile, chunk);
        let redirect = pointer.back(MEMORY_CHUNK);
        match context {
            Some(context) => self.test_sentinel(context, pointer, size, u64::MAX, redirect),
            None if memdebug::sentinel_ok(self.arena, pointer, size) => Ok(()),
            None => Err(Error::BumpUnsupported("GetMemoryChunkContext").into()),
        }
    }
}

/// `PallocAlignedExtraBytes`.
fn extra_bytes(align: u64) -> u64 {
    align + MEMORY_CHUNK - MAXIMUM_ALIGNOF
}

/// The chunk that a redirection leads to.
fn unaligned(arena: &Arena, pointer: Addr) -> Addr {
    let header = ChunkHeader::of(arena, pointer);
    pointer.back(MEMORY_CHUNK + header.block_offset())
}

/// Bytes that were asked for at most, by what the chunk behind the redirection has.
fn room(arena: &Arena, profile: &Profile, pointer: Addr) -> u64 {
    let align = ChunkHeader::of(arena, pointer).value();
    let space = super::get_memory_chunk_space(arena, profile, unaligned(arena, pointer));
    space.unwrap_or(0).saturating_sub(extra_bytes(align) + MEMORY_CHUNK)
}

impl ChunkMethods for AlignedRedirect {
    /// `AlignedAllocFree`.
    fn free_p(&self, process: &mut Process<'_>, pointer: Addr) -> Fallible<()> {
        let chunk = unaligned(process.arena, pointer);
        process.test_aligned(pointer, chunk)?;
        process.pfree(chunk)
    }

    /// `AlignedAllocRealloc`: always a new chunk, since the alignment has to be found anew.
    fn realloc(
        &self,
        process: &mut Process<'_>,
        pointer: Addr,
        size: u64,
        flags: AllocFlags,
    ) -> Fallible<Addr> {
        let align = ChunkHeader::of(process.arena, pointer).value();
        let context = self
            .get_chunk_context(process.arena, process.profile, pointer)
            .ok_or(Error::BumpUnsupported("GetMemoryChunkSpace"))?;
        let to = process.memory_context_alloc_aligned(context, size, align, flags)?;
        if to.is_null() {
            return process.memory_context_allocation_failure(context, size, flags);
        }
        let old = room(process.arena, process.profile, pointer);
        // A size that wrapped around has less room than it says.
        let copied = size.min(old).min(room(process.arena, process.profile, to));
        let chunk = unaligned(process.arena, pointer);
        process.move_chunk(context, pointer, to, copied, chunk)
    }

    /// `AlignedAllocGetChunkContext`.
    fn get_chunk_context(&self, arena: &Arena, profile: &Profile, pointer: Addr) -> Option<Addr> {
        super::get_memory_chunk_context(arena, profile, unaligned(arena, pointer))
    }

    /// `AlignedAllocGetChunkSpace`.
    fn get_chunk_space(&self, arena: &Arena, profile: &Profile, pointer: Addr) -> Option<u64> {
        super::get_memory_chunk_space(arena, profile, unaligned(arena, pointer))
    }
}
