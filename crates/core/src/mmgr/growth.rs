//! The block sizes of a context that takes ever larger blocks.
//!
//! AllocSet, Generation and Bump grow alike. The first block, the *keeper*, is malloc'd
//! together with the context's header. The first further block has the initial size, each
//! one after it twice the size of the last, up to the maximum; a reset starts over. A request
//! over the *chunk limit*, a fraction of the maximum, gets a block of its own, so that the
//! rest of a block that is too small for a request is never a large part of it.
//!
//! The four sizes stand side by side in the context's header, where they are what the
//! allocator goes by.

use crate::error::{Error, Fallible};
use crate::memory::{Addr, Arena, Words};
use crate::profile::{MmgrProfile, Profile};

use super::maxalign;

/// The sizes in a context's header.
#[derive(Clone, Copy)]
pub(super) struct BlockSizes {
    at: Addr,
    field: u64,
}

impl BlockSizes {
    /// The sizes that stand at `at`.
    #[inline]
    pub(super) fn at(profile: &Profile, at: Addr) -> Self {
        Self { at, field: profile.mmgr.size_field }
    }

    /// A new context's sizes.
    pub(super) fn start(self, arena: &mut Arena, init: u64, max: u64, chunk_limit: u64) {
        for (index, size) in [init, max, init, chunk_limit].into_iter().enumerate() {
            self.set(arena, index as u64, size);
        }
    }

    /// The sequence of sizes starts over.
    pub(super) fn restart(self, arena: &mut Arena) {
        let init = self.get(arena, 0);
        self.set(arena, 2, init);
    }

    /// The size of the next block; the one after it will be twice as large.
    pub(super) fn advance(self, arena: &mut Arena) -> u64 {
        let size = self.get(arena, 2);
        let max = self.get(arena, 1);
        self.set(arena, 2, (size << 1).min(max));
        size
    }

    /// The size up to which blocks double.
    pub(super) fn max(self, arena: &Arena) -> u64 {
        self.get(arena, 1)
    }

    /// Another maximum, for a context that is used again.
    pub(super) fn set_max(self, arena: &mut Arena, max: u64) {
        self.set(arena, 1, max);
    }

    /// Another chunk limit, for a context that is used again.
    pub(super) fn set_chunk_limit(self, arena: &mut Arena, limit: u64) {
        self.set(arena, 3, limit);
    }

    /// Bytes above which a request gets a block of its own.
    #[inline]
    pub(super) fn chunk_limit(self, arena: &impl Words) -> u64 {
        self.get(arena, 3)
    }

    #[inline]
    fn get(self, arena: &impl Words, index: u64) -> u64 {
        let at = self.at.offset(index * self.field);
        if self.field == 4 { arena.half(at).into() } else { arena.word(at) }
    }

    fn set(self, arena: &mut Arena, index: u64, size: u64) {
        let at = self.at.offset(index * self.field);
        if self.field == 4 {
            arena.write_u32(at, size as u32);
        } else {
            arena.write_u64(at, size);
        }
    }
}

/// Bytes of the first block, by the headers that it has to hold at least.
pub(super) fn first_block_size(headers: u64, min: u64, init: u64) -> u64 {
    headers.max(if min != 0 { min } else { init })
}

/// Halve a chunk limit until a chunk with its header is at most a fraction of a block.
pub(super) fn chunk_limit(
    start: u64,
    chunk_header: u64,
    max: u64,
    block_header: u64,
    fraction: u64,
) -> u64 {
    let room = (max - block_header) / fraction;
    let mut limit = start;
    while limit + chunk_header > room {
        limit >>= 1;
    }
    limit
}

/// The assertions at the top of the routines that create such contexts, as errors.
pub(super) fn check_parameters(
    profile: &MmgrProfile,
    min: u64,
    init: u64,
    max: u64,
) -> Fallible<()> {
    let wrong = if init != maxalign(init) || init < 1024 {
        "the initial block size must be a multiple of 8 and at least 1 kB"
    } else if max != maxalign(max) || max < init {
        "the maximum block size must be a multiple of 8 and at least the initial one"
    } else if max > profile.max_block_size {
        "the maximum block size is too large"
    } else if min != 0 && (min != maxalign(min) || min < 1024 || min > max) {
        "the minimum context size must be 0, or a multiple of 8 from 1 kB to the maximum block size"
    } else {
        return Ok(());
    };
    Err(Error::InvalidContextParameter(wrong).into())
}
