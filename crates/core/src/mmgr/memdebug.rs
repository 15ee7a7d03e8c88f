//! PostgreSQL's compile-time switches for finding memory errors (`utils/memdebug.h`).
//!
//! A developer's build has both. CLOBBER_FREED_MEMORY overwrites what is freed, so that whoever
//! goes on reading it finds 0x7F in every byte. MEMORY_CONTEXT_CHECKING notes in front of each
//! chunk how many bytes were asked for, and puts a *sentinel* behind them where there is room:
//!
//! ```text
//! ┌────────────────┬────────┬─────────────────────┬────┬──────────────┐
//! │ requested_size │ header │ what was asked for  │ 7E │ rounding     │
//! └────────────────┴────────┴─────────────────────┴────┴──────────────┘
//!                            <── requested_size ──>
//! ```
//!
//! Whoever writes past the end hits the sentinel, and `pfree`, `repalloc`, a reset or
//! `MemoryContextCheck` says so. Here they are the cargo features `clobber-freed-memory` and
//! `memory-context-checking`; without them nothing of this is compiled.

use super::{Context, Process, maxalign};
use crate::error::{Error, Fallible};
use crate::event::{MemoryEvent, Problem};
use crate::memory::{Addr, Arena};
use crate::profile::{ChunkHeaders, MEMORY_CONTEXT_CHECKING, Profile};

/// Whether freed memory is overwritten.
pub const CLOBBER_FREED_MEMORY: bool = cfg!(feature = "clobber-freed-memory");
/// What freed memory is overwritten with.
pub const WIPED: u8 = 0x7f;
/// What stands behind the bytes that were asked for.
pub const SENTINEL: u8 = 0x7e;

/// Bytes that a wipe overwrites in any case. A server touches all that it wipes; of more than
/// this the playground only overwrites pages that somebody had written.
const WIPED_WHOLE: u64 = 1 << 20;

/// `wipe_mem`: overwrite what is freed.
#[inline]
pub(super) fn wipe_mem(arena: &mut Arena, from: Addr, size: u64) {
    if CLOBBER_FREED_MEMORY {
        if size <= WIPED_WHOLE {
            arena.fill(from, size, WIPED);
        } else {
            arena.fill_written(from, size, WIPED);
        }
    }
}

/// Bytes that versions keep behind a request so that a sentinel fits there.
#[inline]
pub(super) fn sentinel_room(profile: &Profile) -> u64 {
    let kept = MEMORY_CONTEXT_CHECKING && profile.mmgr.chunk_headers == ChunkHeaders::Packed;
    u64::from(kept)
}

/// Bytes of a chunk for a request.
#[inline]
pub(super) fn chunk_size(profile: &Profile, size: u64) -> u64 {
    maxalign(size.wrapping_add(sentinel_room(profile)))
}

/// A size that wraps to less when it is rounded up. Allocators that don't check sizes first hand
/// out too little for it; a build that checks fails an assertion, and the server goes down.
#[inline]
pub(super) fn assert_room(size: u64, chunk_size: u64) -> Fallible<()> {
    if MEMORY_CONTEXT_CHECKING && size > chunk_size {
        return Err(Error::SegmentationFault.into());
    }
    Ok(())
}

/// Where the header of a chunk says how many bytes were asked for: before the packed word or the
/// pointers of older versions.
#[derive(Clone, Copy)]
pub(super) struct Request {
    pub(super) pointer: Addr,
    at: Addr,
    free: u64,
}

impl Request {
    /// Of a chunk whose header has so many bytes of pointers behind the size in older versions.
    #[inline]
    pub(super) fn of(profile: &Profile, pointer: Addr, pointers: u64) -> Self {
        match profile.mmgr.chunk_headers {
            ChunkHeaders::Packed => Self { pointer, at: pointer.back(16), free: u64::MAX },
            ChunkHeaders::Owner => Self { pointer, at: pointer.back(8 + pointers), free: 0 },
        }
    }

    /// Bytes that were asked for, in builds that note it.
    #[inline]
    pub(super) fn size(self, arena: &Arena) -> Option<u64> {
        MEMORY_CONTEXT_CHECKING.then(|| arena.read_u64(self.at))
    }

    /// Whether the chunk is known to be free. Older versions mark a free chunk with a size that
    /// `palloc(0)` has too.
    pub(super) fn is_free(self, arena: &Arena) -> bool {
        self.free != 0 && self.size(arena) == Some(self.free)
    }

    /// Note what was asked for and put the sentinel behind it, if the chunk has room.
    #[inline]
    pub(super) fn set(self, arena: &mut Arena, size: u64, room: u64) {
        if MEMORY_CONTEXT_CHECKING {
            arena.write_u64(self.at, size);
            if size < room {
                set_sentinel(arena, self.pointer, size);
            }
        }
    }

    /// Note that the chunk is free.
    #[inline]
    pub(super) fn set_free(self, arena: &mut Arena) {
        if MEMORY_CONTEXT_CHECKING {
            arena.write_u64(self.at, self.free);
        }
    }
}

/// `set_sentinel`.
#[inline]
pub(super) fn set_sentinel(arena: &mut Arena, base: Addr, offset: u64) {
    if MEMORY_CONTEXT_CHECKING {
        arena.write_u8(base.offset(offset), SENTINEL);
    }
}

/// `sentinel_ok`.
pub(super) fn sentinel_ok(arena: &Arena, base: Addr, offset: u64) -> bool {
    arena.read_u8(base.offset(offset)) == SENTINEL
}

impl Process<'_> {
    /// `wipe_mem` and `free` of a block. What is unmapped needs no wiping: nobody will see it.
    #[inline]
    pub(super) fn wipe_and_free(&mut self, block: Addr, size: u64) {
        if CLOBBER_FREED_MEMORY && !self.local.heap.is_mapped(block) {
            wipe_mem(self.arena, block, size);
        }
        self.free(block);
    }

    /// What frees and resizes begin with: a chunk that is free already, or that somebody wrote
    /// past the end of.
    ///
    /// # Errors
    /// The chunk is free.
    #[inline]
    pub(super) fn test_for_scribbling(
        &mut self,
        context: Addr,
        request: Request,
        room: u64,
        chunk_header: u64,
        function: &'static str,
    ) -> Fallible<()> {
        if !MEMORY_CONTEXT_CHECKING {
            return Ok(());
        }
        let chunk = request.pointer.back(chunk_header);
        if request.is_free(self.arena) {
            let name = Context::at(self.arena, context).name();
            let context = self.program.text(name).to_owned();
            return Err(Error::ChunkIsFree { function, context, chunk }.into());
        }
        let size = request.size(self.arena).unwrap_or(room);
        self.test_sentinel(context, request.pointer, size, room, chunk)
    }

    /// That the byte behind what was asked for, if the chunk has one, is the sentinel.
    pub(super) fn test_sentinel(
        &mut self,
        context: Addr,
        pointer: Addr,
        size: u64,
        room: u64,
        chunk: Addr,
    ) -> Fallible<()> {
        if MEMORY_CONTEXT_CHECKING && size < room && !sentinel_ok(self.arena, pointer, size) {
            return self.warn(context, Problem::WritePastChunkEnd, [chunk.0, 0, 0]);
        }
        Ok(())
    }

    /// `elog(WARNING)`: say it and go on.
    pub(super) fn warn(
        &mut self,
        context: Addr,
        problem: Problem,
        values: [u64; 3],
    ) -> Fallible<()> {
        let name = Context::at(self.arena, context).name();
        self.emit(MemoryEvent::Warning { name, problem, values })
    }

    /// A check walks from chunk to chunk wherever their sizes lead. Where the process has no
    /// memory, it is killed.
    #[cfg(feature = "memory-context-checking")]
    pub(super) fn check_has(&self, at: Addr) -> Fallible<()> {
        if self.local.heap.has(at, 8) { Ok(()) } else { Err(Error::SegmentationFault.into()) }
    }

    /// What resets and deletes begin with: "Check for corruption and leaks before freeing".
    #[inline]
    pub(super) fn check_before_freeing(&mut self, context: Addr) -> Fallible<()> {
        #[cfg(feature = "memory-context-checking")]
        self.methods_of(context)?.check(self, context)?;
        let _ = context;
        Ok(())
    }

    /// `MemoryContextCheck`: all chunks of a context and of those below it. A developer's
    /// server does it for TopMemoryContext at the end of each statement.
    ///
    /// # Errors
    /// [`Error::Stopped`] only: what is wrong is told by warnings.
    #[cfg(feature = "memory-context-checking")]
    pub fn memory_context_check(&mut self, context: Addr) -> Fallible<()> {
        let all = Context::at(self.arena, context);
        let all: Vec<Addr> = all.walk(context).map(|context| context.addr).collect();
        all.into_iter().try_for_each(|context| self.check_before_freeing(context))
    }
}
