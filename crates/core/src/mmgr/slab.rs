//! Slab, the allocator for chunks that all have one size (`slab.c`).
//!
//! Every block is an array of chunks, so nothing is ever too small or too large, a freed chunk
//! fits the next request, and a block whose chunks are all free can go back to malloc. To get
//! there, requests should fill up the fullest blocks, so that the emptier ones run empty:
//!
//! ```text
//!  fullest block that has room        emptiest block: leave it alone
//! ┌─────┬────┬────┬────┬────┬────┐   ┌─────┬────┬────┬────┬────┬────┐
//! │     │used│used│used│free│used│   │     │free│used│free│free│free│
//! └─────┴────┴────┴────┴────┴────┘   └─────┴────┴────┴────┴────┴────┘
//!                       ^ next
//! ```
//!
//! How blocks are kept by fullness is where the versions differ: [`by_free_chunks`] has a list
//! for each number of free chunks, [`by_fullness`] three lists and a stock of empty blocks.

mod by_free_chunks;
mod by_fullness;
#[cfg(feature = "memory-context-checking")]
mod check;
mod quick;

use super::chunk::{CHUNK_HEADER, ChunkHeader, MCTX_SLAB_ID};
use super::inspect::{BlockView, ChunkView};
use super::mcxt::MEMORY_CONTEXT_DATA;
use super::memdebug::{self, Request};
use super::methods::{ChunkMethods, Counters, MemoryContextMethods};
use super::{MAX_ALLOC_SIZE, Process, StatsText, dlist, maxalign};
use crate::error::{Error, Fallible};
use crate::event::MemoryEvent;
use crate::memory::{Addr, Arena, Words};
use crate::op::AllocFlags;
use crate::profile::{ChunkHeaders, Profile, SlabLists};

/// Chunks in a block that the playground allows.
const MAX_CHUNKS_PER_BLOCK: u64 = 1 << 20;

// struct SlabContext: three sizes, and where there is a list for each number of free chunks a
// fourth, then chunksPerBlock and the number of the list that is used now.
const SIZES: u64 = MEMORY_CONTEXT_DATA;

// struct SlabChunk, where chunks point to their owner: offsets of its fields.
const CHUNK_BLOCK: u64 = 0;
const CHUNK_SLAB: u64 = 8;

/// The allocator, as a row of the table of methods.
pub(super) struct Slab;

/// What stands in a context's header and does not change.
#[derive(Clone, Copy)]
struct Shape {
    slab: Addr,
    /// Bytes of a chunk, as asked for.
    chunk: u64,
    /// Bytes of a chunk with its header, aligned.
    full: u64,
    /// Bytes of a block.
    block: u64,
    /// Chunks in a block.
    per_block: u32,
    /// Where `chunksPerBlock` is.
    counts: Addr,
    /// Where the lists of blocks begin.
    lists: Addr,
}

impl Shape {
    #[inline]
    fn of(words: &impl Words, profile: &Profile, slab: Addr) -> Self {
        let size = |index| read_size(words, profile, slab, index);
        let counts = counts(profile, slab);
        let per_block = words.half(counts);
        let lists = slab.offset(profile.mmgr.slab.blocklists);
        Self { slab, chunk: size(0), full: size(1), block: size(2), per_block, counts, lists }
    }

    /// Where the number of the list that requests are taken from is.
    #[inline]
    fn current(self) -> Addr {
        self.counts.offset(4)
    }

    /// The head of one of the lists of blocks.
    #[inline]
    fn list(self, index: u32) -> Addr {
        self.lists.offset(dlist::DLIST_HEAD * u64::from(index))
    }

    /// How many lists there are if each number of free chunks has one.
    fn lists_by_free_chunks(self) -> u32 {
        self.per_block.min(MAX_CHUNKS_PER_BLOCK as u32) + 1
    }

    /// That the header says what a slab's header can say. Whoever goes by another number goes
    /// on through memory that is not there, and is killed.
    fn check(self) -> Fallible<()> {
        let possible = self.full > 0 && u64::from(self.per_block) <= MAX_CHUNKS_PER_BLOCK;
        if possible { Ok(()) } else { Err(Error::SegmentationFault.into()) }
    }

    /// Bytes of a chunk behind its header.
    fn room(self, profile: &Profile) -> u64 {
        self.full.wrapping_sub(profile.mmgr.slab.chunk)
    }

    /// Whether a block is at hand: its first and its last word are.
    #[inline]
    fn is_at_hand(self, words: &impl Words, block: Addr) -> bool {
        words.has(block) && words.has(block.offset(self.block.wrapping_sub(8) & !7))
    }

    /// `SlabBlockGetChunk`: where a chunk of a block begins.
    #[inline]
    fn chunk_at(self, profile: &Profile, block: Addr, index: u32) -> Addr {
        block.offset(self.full.wrapping_mul(index.into())).offset(profile.mmgr.slab.block)
    }
}

#[inline]
fn size_field(profile: &Profile, slab: Addr, index: u64) -> Addr {
    slab.offset(SIZES + index * profile.mmgr.size_field)
}

#[inline]
fn read_size(words: &impl Words, profile: &Profile, slab: Addr, index: u64) -> u64 {
    let at = size_field(profile, slab, index);
    if profile.mmgr.size_field == 4 { words.half(at).into() } else { words.word(at) }
}

/// Where `chunksPerBlock` is: behind the sizes.
#[inline]
fn counts(profile: &Profile, slab: Addr) -> Addr {
    let sizes = match profile.mmgr.slab.lists {
        SlabLists::ByFreeChunks => 4,
        SlabLists::ByFullness => 3,
    };
    size_field(profile, slab, sizes)
}

/// The context that a live chunk belongs to.
#[inline]
fn slab_of(words: &impl Words, profile: &Profile, pointer: Addr) -> Addr {
    match profile.mmgr.chunk_headers {
        ChunkHeaders::Owner => words.ptr(pointer.back(profile.mmgr.slab.chunk).offset(CHUNK_SLAB)),
        ChunkHeaders::Packed => {
            by_fullness::slab_of_block(words, block_of(words, profile, pointer))
        }
    }
}

/// The block that a live chunk lies in.
#[inline]
fn block_of(words: &impl Words, profile: &Profile, pointer: Addr) -> Addr {
    let chunk = pointer.back(profile.mmgr.slab.chunk);
    match profile.mmgr.chunk_headers {
        ChunkHeaders::Owner => words.ptr(chunk.offset(CHUNK_BLOCK)),
        ChunkHeaders::Packed => chunk.back(ChunkHeader::of(words, pointer).block_offset()),
    }
}

/// Write a chunk's header. Returns the chunk's pointer.
#[inline]
fn write_header(
    words: &mut impl Words,
    profile: &Profile,
    shape: Shape,
    block: Addr,
    chunk: Addr,
) -> Addr {
    let pointer = chunk.offset(profile.mmgr.slab.chunk);
    match profile.mmgr.chunk_headers {
        ChunkHeaders::Owner => {
            words.set_ptr(chunk.offset(CHUNK_BLOCK), block);
            words.set_ptr(chunk.offset(CHUNK_SLAB), shape.slab);
        }
        ChunkHeaders::Packed => {
            let usable = maxalign(shape.chunk);
            let header = ChunkHeader::new(chunk.since(block), usable, MCTX_SLAB_ID);
            words.set_word(pointer.back(CHUNK_HEADER), header.0);
        }
    }
    pointer
}

impl Process<'_> {
    /// `SlabContextCreate`.
    ///
    /// # Errors
    /// A block that would not hold a single chunk, or too many; no more memory.
    pub fn slab_context_create(
        &mut self,
        parent: Addr,
        name: Addr,
        block_size: u64,
        chunk_size: u64,
    ) -> Fallible<Addr> {
        let profile = self.profile;
        let layout = &profile.mmgr.slab;
        if block_size > MAX_ALLOC_SIZE || chunk_size > MAX_ALLOC_SIZE {
            let what = "a slab's blocks and chunks must be below 1 GB";
            return Err(Error::InvalidContextParameter(what).into());
        }
        let chunk_size = chunk_size.max(layout.min_chunk);
        let full = layout.chunk + memdebug::chunk_size(profile, chunk_size);
        let per_block = block_size.saturating_sub(layout.block) / full;
        if per_block == 0 {
            return Err(Error::SlabBlockTooSmall {
                block: block_size,
                chunk: chunk_size,
                ending: layout.too_small_for,
            }
            .into());
        }
        if per_block > MAX_CHUNKS_PER_BLOCK {
            let limit = MAX_CHUNKS_PER_BLOCK;
            return Err(Error::Limit { what: "chunks in a slab's block", limit }.into());
        }
        let header_size = (layout.context)(per_block);
        let slab = self.malloc_context(header_size, name)?;
        let arena = &mut *self.arena;
        arena.fill(slab, header_size, 0);
        for (index, size) in [chunk_size, full, block_size].into_iter().enumerate() {
            let at = size_field(profile, slab, index as u64);
            if profile.mmgr.size_field == 4 {
                arena.write_u32(at, size as u32);
            } else {
                arena.write_u64(at, size);
            }
        }
        arena.write_u32(counts(profile, slab), per_block as u32);
        let shape = Shape::of(arena, profile, slab);
        match layout.lists {
            SlabLists::ByFreeChunks => by_free_chunks::init(arena, shape, header_size),
            SlabLists::ByFullness => by_fullness::init(arena, shape),
        }
        #[cfg(feature = "memory-context-checking")]
        check::init(arena, profile, shape);

        let tag = profile.mmgr.node_tags.slab;
        self.memory_context_create(slab, tag, MCTX_SLAB_ID, parent, name);
        self.emit(MemoryEvent::ContextCreated { context: slab, name, recycled: false })?;
        Ok(slab)
    }

    /// A block from malloc, not in any list yet. NULL only if the flags allow it.
    fn slab_malloc_block(&mut self, shape: Shape, flags: AllocFlags) -> Fallible<Addr> {
        shape.check()?;
        let Some(block) = self.malloc(shape.block) else {
            return self.memory_context_allocation_failure(shape.slab, shape.chunk, flags);
        };
        self.mem_allocated_add(shape.slab, shape.block as i64);
        Ok(block)
    }

    /// Give a block that is in no list any more back to malloc.
    fn slab_free_block(&mut self, shape: Shape, block: Addr, wipe: bool) -> Fallible<()> {
        self.mem_allocated_add(shape.slab, (shape.block as i64).wrapping_neg());
        self.wipe_and_free(block, if wipe { shape.block } else { 0 });
        self.emit(MemoryEvent::BlockFreed { context: shape.slab, block, size: shape.block })
    }

    /// What `SlabFree` begins with in builds that check.
    fn slab_test_chunk(&mut self, shape: Shape, pointer: Addr) -> Fallible<()> {
        let chunk_header = self.profile.mmgr.slab.chunk;
        let room = shape.room(self.profile);
        match noted(self.profile, pointer) {
            Some(request) => {
                self.test_for_scribbling(shape.slab, request, room, chunk_header, "pfree")?;
                request.set_free(self.arena);
                Ok(())
            }
            None => {
                let chunk = pointer.back(chunk_header);
                self.test_sentinel(shape.slab, pointer, shape.chunk, room, chunk)
            }
        }
    }

    /// `SlabAllocSetupNewChunk`: write the chunk's header.
    fn slab_alloc_setup_new_chunk(
        &mut self,
        shape: Shape,
        block: Addr,
        chunk: Addr,
    ) -> Fallible<Addr> {
        let profile = self.profile;
        let usable = maxalign(shape.chunk);
        let pointer = write_header(self.arena, profile, shape, block, chunk);
        let (context, size) = (shape.slab, shape.chunk);
        match noted(profile, pointer) {
            Some(request) => request.set(self.arena, size, shape.room(profile)),
            None if size < shape.room(profile) => memdebug::set_sentinel(self.arena, pointer, size),
            None => {}
        }
        self.emit(MemoryEvent::Palloc { context, chunk: pointer, size, usable })?;
        Ok(pointer)
    }
}

/// What was asked for, where chunks say it: those that point to their owner don't, since all have
/// one size.
fn noted(profile: &Profile, pointer: Addr) -> Option<Request> {
    let packed = profile.mmgr.chunk_headers == ChunkHeaders::Packed;
    packed.then(|| Request::of(profile, pointer, 0))
}

/// The blocks that have a chunk in use, by list, those of the list that requests are taken
/// from first.
fn blocks_in_lists(arena: &Arena, profile: &Profile, shape: Shape) -> Vec<Addr> {
    let (lists, node) = match profile.mmgr.slab.lists {
        SlabLists::ByFreeChunks => (shape.lists_by_free_chunks(), by_free_chunks::NODE),
        SlabLists::ByFullness => (by_fullness::LIST_COUNT, by_fullness::NODE),
    };
    let current = arena.read_u32(shape.current());
    let order = std::iter::once(current).chain((0..lists).filter(|list| *list != current));
    order
        .flat_map(|list| dlist::nodes(arena, shape.list(list)))
        .map(|block| block.back(node))
        .collect()
}

/// Empty blocks that are kept.
fn empty_blocks(arena: &Arena, profile: &Profile, slab: Addr) -> Vec<Addr> {
    match profile.mmgr.slab.lists {
        SlabLists::ByFreeChunks => Vec::new(),
        SlabLists::ByFullness => by_fullness::empty_blocks(arena, slab).collect(),
    }
}

/// Whether somebody ever wrote a chunk's header, or the link behind it.
fn is_written(arena: &Arena, chunk: Addr, header: u64) -> bool {
    arena.is_resident(chunk) || arena.is_resident(chunk.offset(header))
}

/// Free chunks of a block.
fn nfree(arena: &Arena, profile: &Profile, block: Addr) -> u32 {
    match profile.mmgr.slab.lists {
        SlabLists::ByFreeChunks => by_free_chunks::nfree(arena, block),
        SlabLists::ByFullness => by_fullness::nfree(arena, block),
    }
}

impl MemoryContextMethods for Slab {
    /// `SlabAlloc`.
    fn alloc(
        &self,
        process: &mut Process<'_>,
        slab: Addr,
        size: u64,
        flags: AllocFlags,
    ) -> Fallible<Addr> {
        let shape = Shape::of(process.arena, process.profile, slab);
        if size != shape.chunk {
            return Err(Error::UnexpectedChunkSize { size, expected: shape.chunk }.into());
        }
        let found = match process.profile.mmgr.slab.lists {
            SlabLists::ByFreeChunks => process.slab_take_by_free_chunks(shape, flags)?,
            SlabLists::ByFullness => process.slab_take_by_fullness(shape, flags)?,
        };
        match found {
            Some((block, chunk)) => process.slab_alloc_setup_new_chunk(shape, block, chunk),
            None => Ok(Addr::NULL),
        }
    }

    /// `SlabReset`: every block goes back, also the empty ones that were kept.
    fn reset(&self, process: &mut Process<'_>, slab: Addr) -> Fallible<()> {
        process.check_before_freeing(slab)?;
        let shape = Shape::of(process.arena, process.profile, slab);
        shape.check()?;
        for block in empty_blocks(process.arena, process.profile, slab) {
            by_fullness::forget_empty(process.arena, slab, block);
            process.slab_free_block(shape, block, true)?;
        }
        for block in blocks_in_lists(process.arena, process.profile, shape) {
            match process.profile.mmgr.slab.lists {
                SlabLists::ByFreeChunks => by_free_chunks::forget(process.arena, shape, block),
                SlabLists::ByFullness => by_fullness::forget(process.arena, block),
            }
            process.slab_free_block(shape, block, true)?;
        }
        process.arena.write_u32(shape.current(), 0);
        Ok(())
    }

    /// `SlabDelete`.
    fn delete_context(&self, process: &mut Process<'_>, slab: Addr) -> Fallible<bool> {
        self.reset(process, slab)?;
        process.free(slab);
        Ok(false)
    }

    #[cfg(feature = "memory-context-checking")]
    fn check(&self, process: &mut Process<'_>, slab: Addr) -> Fallible<()> {
        process.slab_check(slab)
    }

    /// `SlabIsEmpty`: not a single block, not even an empty one.
    fn is_empty(&self, arena: &Arena, profile: &Profile, slab: Addr) -> bool {
        let shape = Shape::of(arena, profile, slab);
        blocks_in_lists(arena, profile, shape).is_empty()
            && empty_blocks(arena, profile, slab).is_empty()
    }

    /// `SlabStats`: empty blocks count in the total only.
    fn stats(&self, arena: &Arena, profile: &Profile, slab: Addr) -> Counters {
        let shape = Shape::of(arena, profile, slab);
        let blocks = blocks_in_lists(arena, profile, shape);
        let empty = empty_blocks(arena, profile, slab).len() as u64;
        let free = blocks.iter().map(|block| u64::from(nfree(arena, profile, *block))).sum::<u64>();
        let nblocks = blocks.len() as u64;
        let header = (profile.mmgr.slab.context)(shape.per_block.into());
        Counters {
            nblocks,
            freechunks: free,
            totalspace: (nblocks + empty).wrapping_mul(shape.block).wrapping_add(header),
            freespace: free.wrapping_mul(shape.full),
        }
    }

    fn stats_text(&self, arena: &Arena, profile: &Profile, slab: Addr) -> String {
        let text = StatsText::from(self.stats(arena, profile, slab));
        let blocks = match profile.mmgr.slab.lists {
            SlabLists::ByFreeChunks => String::new(),
            SlabLists::ByFullness => {
                format!("; {} empty blocks", empty_blocks(arena, profile, slab).len())
            }
        };
        text.behind_blocks(blocks).to_string()
    }

    fn name(&self) -> &'static str {
        "Slab"
    }

    fn blocks(&self, arena: &Arena, profile: &Profile, slab: Addr) -> Vec<BlockView> {
        let layout = &profile.mmgr.slab;
        let shape = Shape::of(arena, profile, slab);
        let mut blocks = blocks_in_lists(arena, profile, shape);
        blocks.extend(empty_blocks(arena, profile, slab));
        blocks
            .into_iter()
            .map(|block| {
                let (cut, free) = match layout.lists {
                    SlabLists::ByFreeChunks => {
                        by_free_chunks::free_chunks(arena, profile, shape, block)
                    }
                    SlabLists::ByFullness => by_fullness::free_chunks(arena, profile, shape, block),
                };
                let chunks: Vec<ChunkView> = (0..cut)
                    .map(|index| shape.chunk_at(profile, block, index))
                    .take_while(|chunk| is_written(arena, *chunk, layout.chunk))
                    .map(|chunk| {
                        let pointer = chunk.offset(layout.chunk);
                        let usable = shape.room(profile);
                        ChunkView::new(arena, pointer, usable, free.contains(chunk))
                    })
                    .collect();
                BlockView {
                    addr: block,
                    size: shape.block,
                    keeper: false,
                    dedicated: false,
                    header: layout.block,
                    chunks,
                    unused: shape.block.wrapping_sub(shape.chunk_at(profile, Addr::NULL, cut).0),
                }
            })
            .collect()
    }

    fn freelists(&self, arena: &Arena, profile: &Profile, slab: Addr) -> Vec<(u64, usize)> {
        let free = self.stats(arena, profile, slab).freechunks as usize;
        vec![(Shape::of(arena, profile, slab).chunk, free)]
    }

    fn chunk_limit(&self, arena: &Arena, profile: &Profile, slab: Addr) -> u64 {
        Shape::of(arena, profile, slab).chunk
    }

    fn chunk_header(&self, profile: &Profile) -> u64 {
        profile.mmgr.slab.chunk
    }
}

impl ChunkMethods for Slab {
    /// `SlabFree`.
    fn free_p(&self, process: &mut Process<'_>, pointer: Addr) -> Fallible<()> {
        let profile = process.profile;
        let slab = slab_of(process.arena, profile, pointer);
        let block = block_of(process.arena, profile, pointer);
        let shape = Shape::of(process.arena, profile, slab);
        shape.check()?;
        process.slab_test_chunk(shape, pointer)?;
        match profile.mmgr.slab.lists {
            SlabLists::ByFreeChunks => process.slab_free_by_free_chunks(shape, block, pointer),
            SlabLists::ByFullness => process.slab_free_by_fullness(shape, block, pointer),
        }
    }

    /// `SlabRealloc`: there is only one size.
    fn realloc(
        &self,
        process: &mut Process<'_>,
        pointer: Addr,
        size: u64,
        _: AllocFlags,
    ) -> Fallible<Addr> {
        let slab = slab_of(process.arena, process.profile, pointer);
        let shape = Shape::of(process.arena, process.profile, slab);
        if size != shape.chunk {
            return Err(Error::SlabRealloc.into());
        }
        let usable = maxalign(shape.chunk);
        process.emit(MemoryEvent::RepallocInPlace {
            context: slab,
            chunk: pointer,
            size,
            usable,
        })?;
        Ok(pointer)
    }

    /// `SlabGetChunkContext`.
    fn get_chunk_context(&self, arena: &Arena, profile: &Profile, pointer: Addr) -> Option<Addr> {
        Some(slab_of(arena, profile, pointer))
    }

    /// `SlabGetChunkSpace`.
    fn get_chunk_space(&self, arena: &Arena, profile: &Profile, pointer: Addr) -> Option<u64> {
        Some(Shape::of(arena, profile, slab_of(arena, profile, pointer)).full)
    }
}
