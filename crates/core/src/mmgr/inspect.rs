//! Looking into a context: its blocks, their chunks, and what each chunk is.
//!
//! Everything is read from the bytes: chunk sizes from the chunk headers, free chunks from
//! the freelists. Nothing here changes anything.

use std::collections::HashSet;

use super::aset::{self, ALLOCSET_NUM_FREELISTS, class_size};
use super::chunk::ChunkHeader;
use crate::memory::{Addr, Arena};
use crate::profile::Profile;

/// One block of a context, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockView {
    /// Where malloc put it; for a keeper block, where its context's header begins.
    pub addr: Addr,
    /// Bytes that it takes of malloc, headers included.
    pub size: u64,
    /// It was malloc'd together with the context, and lives as long.
    pub keeper: bool,
    /// It holds one large chunk alone.
    pub dedicated: bool,
    /// Bytes of headers in front of the first chunk: context header (keeper) and block header.
    pub header: u64,
    /// Its chunks in address order.
    pub chunks: Vec<ChunkView>,
    /// Bytes behind the last chunk that were never handed out.
    pub unused: u64,
}

/// One chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkView {
    /// The pointer that `palloc` returned: past the header.
    pub pointer: Addr,
    /// Bytes the caller may use.
    pub size: u64,
    /// It is on a freelist.
    pub free: bool,
    /// The word before it.
    pub header: ChunkHeader,
}

impl BlockView {
    /// Bytes in chunks that are handed out, their headers left out.
    pub fn used(&self) -> u64 {
        self.chunks.iter().filter(|chunk| !chunk.free).map(|chunk| chunk.size).sum()
    }

    /// Bytes that `palloc` could hand out without a new block: free chunks and the rest.
    pub fn free(&self) -> u64 {
        self.unused + self.chunks.iter().filter(|c| c.free).map(|c| c.size).sum::<u64>()
    }
}

/// The blocks of an AllocSet, the active one first.
pub fn aset_blocks(arena: &Arena, profile: &Profile, set: Addr) -> Vec<BlockView> {
    let free: HashSet<Addr> = (0..ALLOCSET_NUM_FREELISTS)
        .flat_map(|index| aset::free_chunks(arena, profile, set, index))
        .collect();
    aset::blocks(arena, profile, set)
        .map(|block| {
            let addr = if block.keeper { set } else { block.addr };
            let chunks = chunks(arena, profile, &block, &free);
            BlockView {
                addr,
                size: block.end.since(addr),
                keeper: block.keeper,
                dedicated: chunks.first().is_some_and(|chunk| chunk.header.is_external()),
                header: block.first_chunk.since(addr),
                chunks,
                unused: block.end.since(block.free),
            }
        })
        .collect()
}

fn chunks(
    arena: &Arena,
    profile: &Profile,
    block: &aset::Block,
    free: &HashSet<Addr>,
) -> Vec<ChunkView> {
    let mut chunks = Vec::new();
    let mut at = block.first_chunk;
    while at < block.free {
        let pointer = at.offset(profile.mmgr.chunk);
        let header = ChunkHeader::of(arena, pointer);
        let size = if header.is_external() {
            block.end.since(pointer)
        } else {
            class_size(header.value() as usize % ALLOCSET_NUM_FREELISTS)
        };
        chunks.push(ChunkView { pointer, size, free: free.contains(&pointer), header });
        at = pointer.offset(size);
    }
    chunks
}

/// Free chunks per size class of an AllocSet, 8 bytes first.
pub fn aset_freelists(
    arena: &Arena,
    profile: &Profile,
    set: Addr,
) -> [(u64, usize); ALLOCSET_NUM_FREELISTS] {
    std::array::from_fn(|index| {
        (class_size(index), aset::free_chunks(arena, profile, set, index).count())
    })
}
