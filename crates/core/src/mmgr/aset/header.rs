//! What stands before an AllocSet's chunk, in both of the forms that it has had.
//!
//! ```text
//! AllocChunkData (to 15)                   MemoryChunk (from 16 on)
//! ┌──────────┬──────────┬─────────┐        ┌──────────┬─────────┐
//! │ size     │ set      │ chunk   │        │ packed   │ chunk   │
//! └──────────┴──────────┴─────────┘        └──────────┴─────────┘
//! ```
//!
//! The old form says how large a chunk is and whose; one over the set's chunk limit must have
//! a block of its own. The packed form has the size class and the way back to the block, whose
//! header says whose it is.
//!
//! A free chunk needs a link to the next one: the old form gives up the set's address for it,
//! the packed one the first bytes of the chunk.

use super::{ASET, ENDPTR, MCTX_ASET_ID, alloc_set_free_index, class_size, freelist_addr, sizes};
use crate::memory::{Addr, Words};
use crate::mmgr::chunk::{CHUNK_HEADER, ChunkHeader};
use crate::mmgr::memdebug::Request;
use crate::profile::{ChunkHeaders, MEMORY_CONTEXT_CHECKING, Profile};

// struct AllocChunkData begins with the size and ends with the owner; builds that check have the
// size that was asked for in between, or in front of the packed word.
const SIZE: u64 = 0;
/// Bytes of the pointer behind the sizes.
const POINTERS: u64 = 8;

/// Where the owner is, by the chunk's pointer.
#[inline]
fn owner(pointer: Addr) -> Addr {
    pointer.back(POINTERS)
}

/// Where a free chunk keeps its link (`GetFreeListLink`). Unless sizes are noted too, that is at
/// the same place in both forms.
#[inline]
fn link(profile: &Profile, chunk: Addr) -> Addr {
    if !MEMORY_CONTEXT_CHECKING {
        return chunk.offset(8);
    }
    let pointer = chunk.offset(profile.mmgr.chunk);
    match profile.mmgr.chunk_headers {
        ChunkHeaders::Packed => pointer,
        ChunkHeaders::Owner => owner(pointer),
    }
}

/// What was asked for.
#[inline]
pub(super) fn request(profile: &Profile, pointer: Addr) -> Request {
    Request::of(profile, pointer, POINTERS)
}

/// Write the header of a chunk of one of the size classes. Returns the chunk's pointer.
#[inline]
pub(super) fn write(
    arena: &mut impl Words,
    profile: &Profile,
    chunk: Addr,
    block: Addr,
    index: usize,
) -> Addr {
    let pointer = chunk.offset(profile.mmgr.chunk);
    match profile.mmgr.chunk_headers {
        ChunkHeaders::Packed => {
            let header = ChunkHeader::new(chunk.since(block), index as u64, MCTX_ASET_ID);
            arena.set_word(pointer.back(CHUNK_HEADER), header.0);
        }
        ChunkHeaders::Owner => write_owner(arena, chunk, pointer, block, class_size(index)),
    }
    pointer
}

/// Write the header of a chunk alone in its block. Returns the chunk's pointer.
#[inline]
pub(super) fn write_dedicated(
    arena: &mut impl Words,
    profile: &Profile,
    block: Addr,
    size: u64,
) -> Addr {
    let chunk = block.offset(profile.mmgr.aset_block);
    let pointer = chunk.offset(profile.mmgr.chunk);
    match profile.mmgr.chunk_headers {
        ChunkHeaders::Packed => {
            arena.set_word(pointer.back(CHUNK_HEADER), ChunkHeader::external(MCTX_ASET_ID).0);
        }
        ChunkHeaders::Owner => write_owner(arena, chunk, pointer, block, size),
    }
    pointer
}

#[inline]
fn write_owner(arena: &mut impl Words, chunk: Addr, pointer: Addr, block: Addr, size: u64) {
    let set = arena.ptr(block.offset(ASET));
    arena.set_word(chunk.offset(SIZE), size);
    arena.set_ptr(owner(pointer), set);
}

/// The set that a live chunk belongs to.
#[inline]
pub(super) fn set_of(arena: &impl Words, profile: &Profile, pointer: Addr) -> Addr {
    match profile.mmgr.chunk_headers {
        ChunkHeaders::Packed => arena.ptr(block_of(arena, profile, pointer).offset(ASET)),
        ChunkHeaders::Owner => arena.ptr(owner(pointer)),
    }
}

/// The block of a chunk with a packed header (`MemoryChunkGetBlock`, `ExternalChunkGetBlock`).
#[inline]
pub(super) fn block_of(arena: &impl Words, profile: &Profile, pointer: Addr) -> Addr {
    let header = ChunkHeader::of(arena, pointer);
    let back = if header.is_external() { profile.mmgr.aset_block } else { header.block_offset() };
    pointer.back(profile.mmgr.chunk + back)
}

/// The block of a chunk that is alone in it.
pub(super) fn dedicated_block(profile: &Profile, pointer: Addr) -> Addr {
    pointer.back(profile.mmgr.chunk + profile.mmgr.aset_block)
}

/// Whether a chunk has a block of its own.
#[inline]
pub(super) fn is_dedicated(
    arena: &impl Words,
    profile: &Profile,
    set: Addr,
    pointer: Addr,
) -> bool {
    match profile.mmgr.chunk_headers {
        ChunkHeaders::Packed => ChunkHeader::of(arena, pointer).is_external(),
        ChunkHeaders::Owner => {
            owner_size(arena, profile, pointer) > sizes(profile, set).chunk_limit(arena)
        }
    }
}

/// Bytes that the caller may use.
#[inline]
pub(super) fn size(arena: &impl Words, profile: &Profile, set: Addr, pointer: Addr) -> u64 {
    match profile.mmgr.chunk_headers {
        ChunkHeaders::Owner => owner_size(arena, profile, pointer),
        ChunkHeaders::Packed if is_dedicated(arena, profile, set, pointer) => {
            let block = dedicated_block(profile, pointer);
            arena.ptr(block.offset(ENDPTR)).since(pointer)
        }
        ChunkHeaders::Packed => class_size(freelist_index(arena, profile, pointer)),
    }
}

#[inline]
fn owner_size(arena: &impl Words, profile: &Profile, pointer: Addr) -> u64 {
    arena.word(pointer.back(profile.mmgr.chunk).offset(SIZE))
}

/// The size class of a chunk that shares its block.
#[inline]
pub(super) fn freelist_index(arena: &impl Words, profile: &Profile, pointer: Addr) -> usize {
    let index = match profile.mmgr.chunk_headers {
        ChunkHeaders::Packed => ChunkHeader::of(arena, pointer).value() as usize,
        ChunkHeaders::Owner => alloc_set_free_index(owner_size(arena, profile, pointer)),
    };
    // Whoever writes over a header can make it say anything.
    index.min(super::ALLOCSET_NUM_FREELISTS - 1)
}

/// Put a chunk at the head of its class's freelist.
#[inline]
pub(super) fn push_free(
    arena: &mut impl Words,
    profile: &Profile,
    set: Addr,
    pointer: Addr,
    index: usize,
) {
    let list = freelist_addr(set, index);
    let chunk = pointer.back(profile.mmgr.chunk);
    let next = arena.ptr(list);
    arena.set_ptr(link(profile, chunk), next);
    arena.set_ptr(list, chunk);
}

/// Take the first chunk off a freelist. Returns its pointer.
#[inline]
pub(super) fn take(
    arena: &mut impl Words,
    profile: &Profile,
    list: Addr,
    chunk: Addr,
    set: Addr,
) -> Addr {
    let next = next_free(arena, profile, chunk);
    arena.set_ptr(list, next);
    let pointer = chunk.offset(profile.mmgr.chunk);
    if profile.mmgr.chunk_headers == ChunkHeaders::Owner {
        arena.set_ptr(owner(pointer), set);
    }
    pointer
}

/// The free chunk behind a free chunk, both by where their headers are.
#[inline]
pub(super) fn next_free(arena: &impl Words, profile: &Profile, chunk: Addr) -> Addr {
    arena.ptr(link(profile, chunk))
}
