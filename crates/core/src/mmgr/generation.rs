//! Generation, the allocator for chunks that go in the order in which they came
//! (`generation.c`).
//!
//! A queue's entries live about equally long. So a freed chunk is only counted, never handed
//! out again: when every chunk of a block is free, the whole block is. Chunks have the size
//! that was asked for, rounded up to eight bytes, and no size classes.
//!
//! ```text
//!  block: 5 chunks, 3 free            block: 2 chunks, 0 free (active)
//! ┌─────┬────┬────┬────┬────┬────┐   ┌─────┬────┬────┬───────────────────┐
//! │     │ -  │ -  │ -  │ 4  │ 5  │   │     │ 6  │ 7  │                   │
//! └─────┴────┴────┴────┴────┴────┘   └─────┴────┴────┴───────────────────┘
//! ```
//!
//! One emptied block is kept as the *spare* block, the next to become active, so that a
//! steady queue never calls malloc. Which blocks may become it, and when it is used, is where
//! the versions differ ([`Recycling`](crate::profile::Recycling)).

mod block;
#[cfg(feature = "memory-context-checking")]
mod check;
mod quick;

use super::chunk::{CHUNK_HEADER, ChunkHeader, MCTX_GENERATION_ID};
use super::growth::{self, BlockSizes};
use super::inspect::{BlockView, ChunkView};
use super::mcxt::MEMORY_CONTEXT_DATA;
use super::memdebug::{self, Request};
use super::methods::{ChunkMethods, Counters, MemoryContextMethods};
use super::{Process, StatsText, dlist};
use crate::error::Fallible;
use crate::event::MemoryEvent;
use crate::memory::{Addr, Arena, Words};
use crate::op::AllocFlags;
use crate::profile::{ChunkHeaders, Profile};
use block::Block;

const CHUNK_FRACTION: u64 = 8;

// struct GenerationContext: the four sizes, then the active and the spare block; in versions
// whose chunks point to their owner, the keeper; and last the list of blocks.
const SIZES: u64 = MEMORY_CONTEXT_DATA;

/// The allocator, as a row of the table of methods.
pub(super) struct Generation;

fn sizes(profile: &Profile, set: Addr) -> BlockSizes {
    BlockSizes::at(profile, set.offset(SIZES))
}

/// Where a context keeps its active block.
#[inline]
fn active_field(profile: &Profile, set: Addr) -> Addr {
    set.offset(SIZES + 4 * profile.mmgr.size_field)
}

/// Where a context keeps its spare block.
fn spare_field(profile: &Profile, set: Addr) -> Addr {
    active_field(profile, set).offset(8)
}

/// The head of a context's list of blocks.
fn list(profile: &Profile, set: Addr) -> Addr {
    set.offset(profile.mmgr.generation.context - dlist::DLIST_HEAD)
}

fn keeper_block(profile: &Profile, set: Addr) -> Addr {
    set.offset(profile.mmgr.generation.context)
}

fn blocks<'a>(
    arena: &'a Arena,
    profile: &'a Profile,
    set: Addr,
) -> impl Iterator<Item = Block> + 'a {
    dlist::nodes(arena, list(profile, set)).map(|addr| Block::at(profile, addr))
}

// struct GenerationChunk, where chunks point to their owner: its size, in builds that check the
// size asked for, and the pointers, by their distance from its end.
const SIZE: u64 = 0;
const CHUNK_BLOCK: u64 = 16;
const CHUNK_CONTEXT: u64 = 8;
/// Bytes of the pointers.
const POINTERS: u64 = 16;

/// What was asked for.
fn request(profile: &Profile, pointer: Addr) -> Request {
    Request::of(profile, pointer, POINTERS)
}

#[inline]
fn chunk_of(profile: &Profile, pointer: Addr) -> Addr {
    pointer.back(profile.mmgr.generation.chunk)
}

/// The block that a chunk lies in.
#[inline]
fn block_of(arena: &impl Words, profile: &Profile, pointer: Addr) -> Block {
    let chunk = chunk_of(profile, pointer);
    let header = ChunkHeader::of(arena, pointer);
    let addr = match profile.mmgr.chunk_headers {
        ChunkHeaders::Owner => arena.ptr(pointer.back(CHUNK_BLOCK)),
        ChunkHeaders::Packed if header.is_external() => chunk.back(profile.mmgr.generation.block),
        ChunkHeaders::Packed => chunk.back(header.block_offset()),
    };
    Block::at(profile, addr.aligned())
}

/// The context that a live chunk belongs to.
#[inline]
fn set_of(arena: &impl Words, profile: &Profile, pointer: Addr) -> Addr {
    match profile.mmgr.chunk_headers {
        ChunkHeaders::Owner => arena.ptr(pointer.back(CHUNK_CONTEXT)),
        ChunkHeaders::Packed => block_of(arena, profile, pointer).context(arena),
    }
}

/// Bytes that the caller may use.
#[inline]
fn chunk_size(arena: &impl Words, profile: &Profile, pointer: Addr) -> u64 {
    let header = ChunkHeader::of(arena, pointer);
    match profile.mmgr.chunk_headers {
        ChunkHeaders::Owner => arena.word(chunk_of(profile, pointer).offset(SIZE)),
        ChunkHeaders::Packed if header.is_external() => {
            block_of(arena, profile, pointer).end(arena).since(pointer)
        }
        ChunkHeaders::Packed => header.value(),
    }
}

/// Write a chunk's header. Returns the chunk's pointer.
#[inline]
fn write_header(
    arena: &mut impl Words,
    profile: &Profile,
    set: Addr,
    block: Block,
    chunk: Addr,
    size: u64,
    dedicated: bool,
) -> Addr {
    let pointer = chunk.offset(profile.mmgr.generation.chunk);
    match profile.mmgr.chunk_headers {
        ChunkHeaders::Owner => {
            arena.set_word(chunk.offset(SIZE), size);
            arena.set_ptr(pointer.back(CHUNK_BLOCK), block.addr);
            arena.set_ptr(pointer.back(CHUNK_CONTEXT), set);
        }
        ChunkHeaders::Packed => {
            let header = if dedicated {
                ChunkHeader::external(MCTX_GENERATION_ID)
            } else {
                ChunkHeader::new(chunk.since(block.addr), size, MCTX_GENERATION_ID)
            };
            arena.set_word(pointer.back(CHUNK_HEADER), header.0);
        }
    }
    pointer
}

impl Process<'_> {
    /// `GenerationContextCreate`.
    ///
    /// # Errors
    /// Sizes that PostgreSQL's assertions forbid; no more memory.
    pub fn generation_context_create(
        &mut self,
        parent: Addr,
        name: Addr,
        min_context_size: u64,
        init_block_size: u64,
        max_block_size: u64,
    ) -> Fallible<Addr> {
        let profile = self.profile;
        let layout = &profile.mmgr.generation;
        growth::check_parameters(&profile.mmgr, min_context_size, init_block_size, max_block_size)?;
        let headers = layout.context + layout.block + layout.chunk;
        let alloc_size = growth::first_block_size(headers, min_context_size, init_block_size);
        let set = self.malloc_context(alloc_size, name)?;
        let limit = growth::chunk_limit(
            max_block_size.min(layout.max_chunk_limit),
            layout.chunk,
            max_block_size,
            layout.block,
            CHUNK_FRACTION,
        );
        let keeper = Block::at(profile, keeper_block(profile, set));
        let arena = &mut *self.arena;
        dlist::init(arena, list(profile, set));
        keeper.init(arena, profile, set, alloc_size - layout.context);
        dlist::push_head(arena, list(profile, set), keeper.addr);
        sizes(profile, set).start(arena, init_block_size, max_block_size, limit);
        arena.write_ptr(active_field(profile, set), keeper.addr);
        arena.write_ptr(spare_field(profile, set), Addr::NULL);
        if profile.mmgr.chunk_headers == ChunkHeaders::Owner {
            arena.write_ptr(spare_field(profile, set).offset(8), keeper.addr);
        }

        let tag = profile.mmgr.node_tags.generation;
        self.memory_context_create(set, tag, MCTX_GENERATION_ID, parent, name);
        self.mem_allocated_add(set, (alloc_size - layout.context) as i64);
        self.emit(MemoryEvent::ContextCreated { context: set, name, recycled: false })?;
        Ok(set)
    }
}

impl MemoryContextMethods for Generation {
    /// `GenerationAlloc`.
    fn alloc(
        &self,
        process: &mut Process<'_>,
        set: Addr,
        size: u64,
        flags: AllocFlags,
    ) -> Fallible<Addr> {
        let profile = process.profile;
        let chunk_size = memdebug::chunk_size(profile, size);
        memdebug::assert_room(size, chunk_size)?;
        if chunk_size > sizes(profile, set).chunk_limit(process.arena) {
            return process.generation_alloc_large(set, size, flags);
        }
        let required = chunk_size.wrapping_add(profile.mmgr.generation.chunk);
        let active = process.arena.read_ptr(active_field(profile, set));
        let block = Block::at(profile, active);
        if !active.is_null() && block.free_bytes(process.arena) >= required {
            return process.generation_alloc_chunk_from_block(set, block, size);
        }
        match process.generation_recycled_block(set, required)? {
            Some(block) => process.generation_alloc_chunk_from_block(set, block, size),
            None => process.generation_alloc_from_new_block(set, size, flags),
        }
    }

    /// `GenerationReset`.
    fn reset(&self, process: &mut Process<'_>, set: Addr) -> Fallible<()> {
        process.check_before_freeing(set)?;
        let profile = process.profile;
        let keeper = Block::at(profile, keeper_block(profile, set));
        process.arena.write_ptr(spare_field(profile, set), Addr::NULL);
        keeper.mark_empty(process.arena);
        let other = |arena: &Arena| blocks(arena, profile, set).find(|b| b.addr != keeper.addr);
        while let Some(block) = other(process.arena) {
            process.generation_block_free(set, block, true)?;
        }
        process.arena.write_ptr(active_field(profile, set), keeper.addr);
        sizes(profile, set).restart(process.arena);
        Ok(())
    }

    /// `GenerationDelete`.
    fn delete_context(&self, process: &mut Process<'_>, set: Addr) -> Fallible<bool> {
        self.reset(process, set)?;
        process.free(set);
        Ok(false)
    }

    #[cfg(feature = "memory-context-checking")]
    fn check(&self, process: &mut Process<'_>, set: Addr) -> Fallible<()> {
        process.generation_check(set)
    }

    /// `GenerationIsEmpty`.
    fn is_empty(&self, arena: &Arena, profile: &Profile, set: Addr) -> bool {
        blocks(arena, profile, set).all(|block| block.chunks(arena) == 0)
    }

    /// `GenerationStats`: free chunks count, but only the room behind them is free space.
    fn stats(&self, arena: &Arena, profile: &Profile, set: Addr) -> Counters {
        let totalspace = profile.mmgr.generation.context;
        let mut counters = Counters { totalspace, ..Counters::default() };
        for block in blocks(arena, profile, set) {
            counters.nblocks = counters.nblocks.wrapping_add(1);
            counters.freechunks =
                counters.freechunks.wrapping_add(u64::from(block.free_chunks(arena)));
            counters.totalspace = counters.totalspace.wrapping_add(block.size(arena));
            counters.freespace = counters.freespace.wrapping_add(block.free_bytes(arena));
        }
        counters
    }

    fn stats_text(&self, arena: &Arena, profile: &Profile, set: Addr) -> String {
        let chunks = blocks(arena, profile, set).map(|block| block.chunks(arena));
        let chunks = chunks.fold(0, u32::wrapping_add);
        let text = StatsText::from(self.stats(arena, profile, set));
        text.behind_blocks(format!(" ({chunks} chunks)")).to_string()
    }

    fn name(&self) -> &'static str {
        "Generation"
    }

    fn blocks(&self, arena: &Arena, profile: &Profile, set: Addr) -> Vec<BlockView> {
        let keeper = keeper_block(profile, set);
        let layout = &profile.mmgr.generation;
        let owner = profile.mmgr.chunk_headers == ChunkHeaders::Owner;
        let limit = self.chunk_limit(arena, profile, set);
        blocks(arena, profile, set)
            .map(|block| {
                let addr = if block.addr == keeper { set } else { block.addr };
                let first = block.addr.offset(layout.block);
                let mut chunks = Vec::new();
                let mut at = first;
                while at < block.free_start(arena) && arena.is_resident(at) {
                    let pointer = at.offset(layout.chunk);
                    let rest = block.free_start(arena).0.saturating_sub(pointer.0);
                    let size = chunk_size(arena, profile, pointer).min(rest);
                    let free = (owner && set_of(arena, profile, pointer).is_null())
                        || request(profile, pointer).is_free(arena);
                    chunks.push(ChunkView::new(arena, pointer, size, free));
                    at = pointer.offset(size);
                }
                BlockView {
                    addr,
                    size: block.end(arena).since(addr),
                    keeper: block.addr == keeper,
                    dedicated: chunks.first().is_some_and(|chunk| chunk.size > limit),
                    header: first.since(addr),
                    chunks,
                    unused: block.free_bytes(arena),
                }
            })
            .collect()
    }

    fn chunk_limit(&self, arena: &Arena, profile: &Profile, set: Addr) -> u64 {
        sizes(profile, set).chunk_limit(arena)
    }

    fn chunk_header(&self, profile: &Profile) -> u64 {
        profile.mmgr.generation.chunk
    }
}

impl ChunkMethods for Generation {
    /// `GenerationFree`.
    fn free_p(&self, process: &mut Process<'_>, pointer: Addr) -> Fallible<()> {
        let profile = process.profile;
        let set = set_of(process.arena, profile, pointer);
        let block = block_of(process.arena, profile, pointer);
        let usable = chunk_size(process.arena, profile, pointer);
        let request = request(profile, pointer);
        let chunk_header = profile.mmgr.generation.chunk;
        process.test_for_scribbling(set, request, usable, chunk_header, "pfree")?;
        memdebug::wipe_mem(process.arena, pointer, usable);
        request.set_free(process.arena);
        if profile.mmgr.chunk_headers == ChunkHeaders::Owner {
            process.arena.write_ptr(pointer.back(CHUNK_CONTEXT), Addr::NULL);
        }
        let all_free = block.count_free(process.arena);
        process.emit(MemoryEvent::Pfree {
            context: set,
            chunk: pointer,
            usable,
            freelist: false,
        })?;
        if all_free { process.generation_block_emptied(set, block) } else { Ok(()) }
    }

    /// `GenerationRealloc`.
    fn realloc(
        &self,
        process: &mut Process<'_>,
        pointer: Addr,
        size: u64,
        flags: AllocFlags,
    ) -> Fallible<Addr> {
        let profile = process.profile;
        let set = set_of(process.arena, profile, pointer);
        let old = chunk_size(process.arena, profile, pointer);
        let request = request(profile, pointer);
        let chunk_header = profile.mmgr.generation.chunk;
        process.test_for_scribbling(set, request, old, chunk_header, "realloc")?;
        if old >= size.saturating_add(memdebug::sentinel_room(profile)) {
            request.set(process.arena, size, old);
            process.emit(MemoryEvent::RepallocInPlace {
                context: set,
                chunk: pointer,
                size,
                usable: old,
            })?;
            return Ok(pointer);
        }
        let to = self.alloc(process, set, size, flags)?;
        if to.is_null() {
            return Ok(to);
        }
        // A size that wraps to 0 when it is rounded up gives a chunk without room. A real
        // server overwrites what follows it; here the copy ends with the block.
        let room = block_of(process.arena, profile, to).end(process.arena).since(to);
        let copied = request.size(process.arena).unwrap_or(old);
        process.move_chunk(set, pointer, to, copied.min(room), pointer)
    }

    /// `GenerationGetChunkContext`.
    fn get_chunk_context(&self, arena: &Arena, profile: &Profile, pointer: Addr) -> Option<Addr> {
        Some(set_of(arena, profile, pointer))
    }

    /// `GenerationGetChunkSpace`.
    fn get_chunk_space(&self, arena: &Arena, profile: &Profile, pointer: Addr) -> Option<u64> {
        Some(chunk_size(arena, profile, pointer).wrapping_add(profile.mmgr.generation.chunk))
    }
}
