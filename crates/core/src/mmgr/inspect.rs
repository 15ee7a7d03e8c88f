//! Looking into a context: its blocks, their chunks, and what each chunk is.
//!
//! Everything is read from the bytes: chunk sizes from the chunk headers, free chunks from
//! the freelists. Nothing here changes anything, and what the bytes don't tell is not told:
//! Generation does not note which chunks of a block are free, and Bump does not even note
//! where one ends.

use super::Context;
use super::chunk::ChunkHeader;
use crate::memory::{Addr, Arena};
use crate::profile::{ChunkHeaders, MEMORY_CONTEXT_CHECKING, Profile};

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
    /// It is known to be free.
    pub free: bool,
    /// The word before it.
    pub header: ChunkHeader,
}

impl ChunkView {
    pub(super) fn new(arena: &Arena, pointer: Addr, size: u64, free: bool) -> Self {
        Self { pointer, size, free, header: ChunkHeader::of(arena, pointer) }
    }
}

impl BlockView {
    /// Bytes in chunks that are handed out, their headers left out.
    pub fn used(&self) -> u64 {
        self.sum(false)
    }

    /// Bytes that `palloc` could hand out without a new block: free chunks and the rest.
    pub fn free(&self) -> u64 {
        self.unused.wrapping_add(self.sum(true))
    }

    fn sum(&self, free: bool) -> u64 {
        let sizes = self.chunks.iter().filter(|chunk| chunk.free == free).map(|chunk| chunk.size);
        sizes.fold(0, u64::wrapping_add)
    }

    /// Where nothing tells one chunk from the next: cut what is used at pointers that are known, in their order.
    pub(crate) fn cut_at(&mut self, known: &[Addr]) {
        let Some(mut rest) = self.chunks.pop() else { return };
        let end = rest.pointer.offset(rest.size);
        let behind = known.partition_point(|pointer| *pointer <= rest.pointer);
        for &pointer in known.iter().skip(behind).take_while(|pointer| **pointer < end) {
            self.chunks.push(ChunkView { size: pointer.since(rest.pointer), ..rest });
            rest = ChunkView { pointer, size: end.since(pointer), ..rest };
        }
        self.chunks.push(rest);
    }

    /// Whether an address lies in it. The end counts: an empty chunk can be there.
    pub fn contains(&self, pointer: Addr) -> bool {
        (self.addr..=self.addr.offset(self.size)).contains(&pointer)
    }
}

/// The blocks of a context, in the order of its own lists: the active one comes first.
pub fn blocks(arena: &Arena, profile: &Profile, context: Addr) -> Vec<BlockView> {
    let methods = Context::at(arena, context).methods();
    methods.map_or_else(Vec::new, |methods| methods.blocks(arena, profile, context))
}

/// The block of a context that an address lies in, by where malloc put it.
pub fn block_of(arena: &Arena, profile: &Profile, context: Addr, pointer: Addr) -> Option<Addr> {
    let blocks = blocks(arena, profile, context);
    blocks.iter().find(|block| block.contains(pointer)).map(|block| block.addr)
}

/// What stands before a chunk where it is not packed into one word: the structure's name, and what
/// each of its words is.
pub fn header_fields(
    profile: &Profile,
    kind: &str,
) -> Option<(&'static str, &'static [&'static str])> {
    match (profile.mmgr.chunk_headers, kind) {
        (ChunkHeaders::Packed, _) => None,
        (ChunkHeaders::Owner, "Generation") if MEMORY_CONTEXT_CHECKING => {
            Some(("GenerationChunk", &["size", "requested_size", "block", "context"]))
        }
        (ChunkHeaders::Owner, "AllocSet") if MEMORY_CONTEXT_CHECKING => {
            Some(("AllocChunkData", &["size", "requested_size", "aset"]))
        }
        (ChunkHeaders::Owner, "Generation") => {
            Some(("GenerationChunk", &["size", "block", "context"]))
        }
        (ChunkHeaders::Owner, "Slab") => Some(("SlabChunk", &["block", "slab"])),
        (ChunkHeaders::Owner, _) => Some(("AllocChunkData", &["size", "aset"])),
    }
}

/// Sizes that a context keeps free chunks of, and how many it has of each.
pub fn freelists(arena: &Arena, profile: &Profile, context: Addr) -> Vec<(u64, usize)> {
    let methods = Context::at(arena, context).methods();
    methods.map_or_else(Vec::new, |methods| methods.freelists(arena, profile, context))
}

/// Bytes above which a request gets a block of its own.
pub fn chunk_limit(arena: &Arena, profile: &Profile, context: Addr) -> u64 {
    let methods = Context::at(arena, context).methods();
    methods.map_or(0, |methods| methods.chunk_limit(arena, profile, context))
}
