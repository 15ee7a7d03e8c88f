//! AllocSet, the allocator of nearly every context (`aset.c`).
//!
//! Memory comes from malloc in *blocks* and goes out in *chunks*. A chunk's size is a power
//! of two from 8 to 8192 bytes; what the caller did not ask for is lost to it. The block at
//! the head of the list is the active one, and new chunks are cut from it in address order:
//!
//! ```text
//! keeper block, malloc'd together with the context
//! ┌─────────┬─────┬───┬───────┬───┬───────┬──────────────────────────────┐
//! │ context │block│hdr│ chunk │hdr│ chunk │ free space                   │
//! │ header  │ hdr │   │       │   │       │                              │
//! └─────────┴─────┴───┴───────┴───┴───────┴──────────────────────────────┘
//!                                         ^ freeptr                      ^ endptr
//! ```
//!
//! - A freed chunk goes to the head of its size class's freelist and is the next of its class
//!   to be handed out. Nothing goes back to malloc.
//! - When the active block can't hold a chunk, the rest of it is carved into free chunks and a
//!   new block is made, each twice as large as the last, up to a maximum.
//! - A request over the chunk limit gets a block of its own, which is freed with its chunk.
//! - Reset frees every block but the first, the keeper. Delete of a context with the usual
//!   parameters keeps even that one, for the next context created alike.
//!
//! `header` is what stands before a chunk, `block` how blocks come and go, `store` what
//! becomes of deleted contexts.

mod block;
#[cfg(feature = "memory-context-checking")]
mod check;
mod header;
mod quick;
mod store;

use super::chain::chain;
use super::chunk::{ALLOC_MINBITS, MCTX_ASET_ID, class_size};
use super::growth::{self, BlockSizes};
use super::inspect::{BlockView, ChunkView};
use super::mcxt::{Context, MEMORY_CONTEXT_DATA};
use super::methods::{ChunkMethods, Counters, MemoryContextMethods};
use super::{Process, memdebug};
use crate::error::Fallible;
use crate::event::MemoryEvent;
use crate::memory::{Addr, AddrSet, Arena};
use crate::op::AllocFlags;
use crate::profile::{ChunkHeaders, MmgrProfile, Profile};
pub use store::AllocSetFreeList;

/// Size classes: 8, 16, 32, ... 8192 bytes.
pub const ALLOCSET_NUM_FREELISTS: usize = 11;
const ALLOC_CHUNK_LIMIT: u64 = 8192;
const ALLOC_CHUNK_FRACTION: u64 = 4;

// struct AllocSetContext: offsets of its fields. The last is freeListIndex, and before it
// older versions keep a pointer to the keeper block.
const BLOCKS: u64 = MEMORY_CONTEXT_DATA;
const FREELIST: u64 = BLOCKS + 8;
const SIZES: u64 = FREELIST + 8 * ALLOCSET_NUM_FREELISTS as u64;

// struct AllocBlockData: offsets of its fields.
const ASET: u64 = 0;
const PREV: u64 = 8;
const NEXT: u64 = 16;
const FREEPTR: u64 = 24;
const ENDPTR: u64 = 32;

/// The allocator, as a row of the table of methods.
pub(super) struct AllocSet;

/// `AllocSetFreeIndex`: the size class that holds `size` bytes.
#[inline]
pub fn alloc_set_free_index(size: u64) -> usize {
    let smallest = (1 << ALLOC_MINBITS) - 1;
    ((size.saturating_sub(1) | smallest).ilog2() + 1 - ALLOC_MINBITS) as usize
}

#[inline]
fn freelist_addr(set: Addr, index: usize) -> Addr {
    set.offset(FREELIST + 8 * index as u64)
}

#[inline]
fn sizes(profile: &Profile, set: Addr) -> BlockSizes {
    BlockSizes::at(profile, set.offset(SIZES))
}

/// `allocChunkLimit` for a set with this largest block.
fn chunk_limit(layout: &MmgrProfile, max_block_size: u64) -> u64 {
    let (chunk, block) = (layout.chunk, layout.aset_block);
    growth::chunk_limit(ALLOC_CHUNK_LIMIT, chunk, max_block_size, block, ALLOC_CHUNK_FRACTION)
}

fn keeper_block(profile: &Profile, set: Addr) -> Addr {
    set.offset(profile.mmgr.aset_context)
}

impl Process<'_> {
    /// `AllocSetContextCreateInternal`.
    ///
    /// # Errors
    /// Sizes that PostgreSQL's assertions forbid; no more memory.
    pub fn alloc_set_context_create(
        &mut self,
        parent: Addr,
        name: Addr,
        min_context_size: u64,
        init_block_size: u64,
        max_block_size: u64,
    ) -> Fallible<Addr> {
        let layout = &self.profile.mmgr;
        growth::check_parameters(layout, min_context_size, init_block_size, max_block_size)?;
        let kind = store::kind(min_context_size, init_block_size);
        if let Some(kind) = kind
            && let Some(set) = self.alloc_set_reuse(kind, parent, name, max_block_size)?
        {
            return Ok(set);
        }

        let headers = layout.aset_context + layout.aset_block + layout.chunk;
        let first = growth::first_block_size(headers, min_context_size, init_block_size);
        let set = self.malloc_context(first, name)?;
        let limit = chunk_limit(layout, max_block_size);
        let keeper = keeper_block(self.profile, set);
        let arena = &mut *self.arena;
        arena.fill(set, layout.aset_context, 0);
        block::link_header(arena, keeper, set, Addr::NULL, Addr::NULL);
        arena.write_ptr(keeper.offset(FREEPTR), keeper.offset(layout.aset_block));
        arena.write_ptr(keeper.offset(ENDPTR), set.offset(first));
        arena.write_ptr(set.offset(BLOCKS), keeper);
        sizes(self.profile, set).start(arena, init_block_size, max_block_size, limit);
        if layout.chunk_headers == ChunkHeaders::Owner {
            arena.write_ptr(set.offset(layout.aset_context - 16), keeper);
        }
        store::set_kind(arena, self.profile, set, kind);

        let tag = layout.node_tags.aset;
        self.memory_context_create(set, tag, MCTX_ASET_ID, parent, name);
        self.mem_allocated_add(set, first as i64);
        self.emit(MemoryEvent::ContextCreated { context: set, name, recycled: false })?;
        Ok(set)
    }
}

impl MemoryContextMethods for AllocSet {
    /// `AllocSetAlloc`.
    #[inline]
    fn alloc(
        &self,
        process: &mut Process<'_>,
        set: Addr,
        size: u64,
        flags: AllocFlags,
    ) -> Fallible<Addr> {
        if size > sizes(process.profile, set).chunk_limit(process.arena) {
            return process.alloc_set_alloc_large(set, size, flags);
        }
        let index = alloc_set_free_index(size);
        let class = class_size(index);
        let list = freelist_addr(set, index);
        let chunk = process.arena.read_ptr(list);
        let found = !chunk.is_null();
        process.emit(MemoryEvent::SizeClass { context: set, size, class, found })?;
        if found {
            let pointer = header::take(process.arena, process.profile, list, chunk, set);
            header::request(process.profile, pointer).set(process.arena, size, class);
            process.emit(MemoryEvent::FreelistTaken { chunk: pointer, class })?;
            process.emit(MemoryEvent::Palloc {
                context: set,
                chunk: pointer,
                size,
                usable: class,
            })?;
            return Ok(pointer);
        }
        let block = process.arena.read_ptr(set.offset(BLOCKS));
        if block::available(process.arena, block) < class.wrapping_add(process.profile.mmgr.chunk) {
            return process.alloc_set_alloc_from_new_block(set, size, index, flags);
        }
        process.alloc_set_alloc_chunk_from_block(set, block, size, index)
    }

    /// `AllocSetReset`.
    fn reset(&self, process: &mut Process<'_>, set: Addr) -> Fallible<()> {
        process.check_before_freeing(set)?;
        let keeper = keeper_block(process.profile, set);
        process.arena.fill(freelist_addr(set, 0), 8 * ALLOCSET_NUM_FREELISTS as u64, 0);
        let start = keeper.offset(process.profile.mmgr.aset_block);
        let used = process.arena.read_ptr(keeper.offset(FREEPTR)).since(start);
        memdebug::wipe_mem(process.arena, start, used);
        process.arena.write_ptr(keeper.offset(FREEPTR), start);
        process.alloc_set_free_blocks(set, keeper)?;
        sizes(process.profile, set).restart(process.arena);
        Ok(())
    }

    /// `AllocSetDelete`.
    fn delete_context(&self, process: &mut Process<'_>, set: Addr) -> Fallible<bool> {
        process.check_before_freeing(set)?;
        if let Some(kind) = store::kind_of(process.arena, process.profile, set) {
            process.memory_context_reset_only(set)?;
            process.alloc_set_keep(set, kind)?;
            return Ok(true);
        }
        let keeper = keeper_block(process.profile, set);
        process.alloc_set_free_blocks(set, keeper)?;
        let used = process.arena.read_ptr(keeper.offset(FREEPTR)).since(keeper);
        memdebug::wipe_mem(process.arena, keeper, used);
        process.free(set);
        Ok(false)
    }

    #[cfg(feature = "memory-context-checking")]
    fn check(&self, process: &mut Process<'_>, set: Addr) -> Fallible<()> {
        process.alloc_set_check(set)
    }

    /// `AllocSetIsEmpty`: only a context that was not used at all since its last reset.
    fn is_empty(&self, arena: &Arena, _: &Profile, set: Addr) -> bool {
        Context::at(arena, set).is_reset()
    }

    /// `AllocSetStats`.
    fn stats(&self, arena: &Arena, profile: &Profile, set: Addr) -> Counters {
        let mut counters =
            Counters { totalspace: profile.mmgr.aset_context, ..Counters::default() };
        for block in block::blocks(arena, set) {
            let end = arena.read_ptr(block.offset(ENDPTR));
            counters.nblocks = counters.nblocks.wrapping_add(1);
            counters.totalspace = counters.totalspace.wrapping_add(end.since(block));
            counters.freespace =
                counters.freespace.wrapping_add(end.since(arena.read_ptr(block.offset(FREEPTR))));
        }
        for index in 0..ALLOCSET_NUM_FREELISTS {
            let count = free_chunks(arena, profile, set, index).count() as u64;
            counters.freechunks = counters.freechunks.wrapping_add(count);
            counters.freespace =
                counters.freespace.wrapping_add(count * (class_size(index) + profile.mmgr.chunk));
        }
        counters
    }

    fn name(&self) -> &'static str {
        "AllocSet"
    }

    fn blocks(&self, arena: &Arena, profile: &Profile, set: Addr) -> Vec<BlockView> {
        let mut free = AddrSet::default();
        for index in 0..ALLOCSET_NUM_FREELISTS {
            free.extend(free_chunks(arena, profile, set, index));
        }
        let keeper = keeper_block(profile, set);
        block::blocks(arena, set)
            .map(|block| {
                let addr = if block == keeper { set } else { block };
                let first = block.offset(profile.mmgr.aset_block);
                let end = arena.read_ptr(block.offset(ENDPTR));
                let unused = arena.read_ptr(block.offset(FREEPTR));
                let mut chunks = Vec::new();
                let mut dedicated = false;
                let mut at = first;
                while at < unused && arena.is_resident(at) {
                    let pointer = at.offset(profile.mmgr.chunk);
                    dedicated |= header::is_dedicated(arena, profile, set, pointer);
                    // Whoever writes past a chunk's end can make a header say anything.
                    let rest = unused.0.saturating_sub(pointer.0);
                    let size = header::size(arena, profile, set, pointer).min(rest);
                    let free = free.contains(pointer);
                    chunks.push(ChunkView::new(arena, pointer, size, free));
                    at = pointer.offset(size);
                }
                BlockView {
                    addr,
                    size: end.since(addr),
                    keeper: block == keeper,
                    dedicated,
                    header: first.since(addr),
                    chunks,
                    unused: end.since(unused),
                }
            })
            .collect()
    }

    fn freelists(&self, arena: &Arena, profile: &Profile, set: Addr) -> Vec<(u64, usize)> {
        (0..ALLOCSET_NUM_FREELISTS)
            .map(|index| (class_size(index), free_chunks(arena, profile, set, index).count()))
            .collect()
    }

    fn chunk_limit(&self, arena: &Arena, profile: &Profile, set: Addr) -> u64 {
        sizes(profile, set).chunk_limit(arena)
    }

    fn chunk_header(&self, profile: &Profile) -> u64 {
        profile.mmgr.chunk
    }
}

impl ChunkMethods for AllocSet {
    /// `AllocSetFree`.
    #[inline]
    fn free_p(&self, process: &mut Process<'_>, pointer: Addr) -> Fallible<()> {
        let set = header::set_of(process.arena, process.profile, pointer);
        if header::is_dedicated(process.arena, process.profile, set, pointer) {
            return process.alloc_set_free_large(set, pointer);
        }
        let index = header::freelist_index(process.arena, process.profile, pointer);
        let request = header::request(process.profile, pointer);
        let chunk_header = process.profile.mmgr.chunk;
        process.test_for_scribbling(set, request, class_size(index), chunk_header, "pfree")?;
        memdebug::wipe_mem(process.arena, pointer, class_size(index));
        request.set_free(process.arena);
        header::push_free(process.arena, process.profile, set, pointer, index);
        process.emit(MemoryEvent::Pfree {
            context: set,
            chunk: pointer,
            usable: class_size(index),
            freelist: true,
        })
    }

    /// `AllocSetRealloc`.
    fn realloc(
        &self,
        process: &mut Process<'_>,
        pointer: Addr,
        size: u64,
        flags: AllocFlags,
    ) -> Fallible<Addr> {
        let set = header::set_of(process.arena, process.profile, pointer);
        if header::is_dedicated(process.arena, process.profile, set, pointer) {
            return process.alloc_set_realloc_large(set, pointer, size, flags);
        }
        let old = header::size(process.arena, process.profile, set, pointer);
        let request = header::request(process.profile, pointer);
        let chunk_header = process.profile.mmgr.chunk;
        process.test_for_scribbling(set, request, old, chunk_header, "realloc")?;
        if old >= size {
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
        let copied = request.size(process.arena).unwrap_or(old);
        process.move_chunk(set, pointer, to, copied, pointer)
    }

    /// `AllocSetGetChunkContext`.
    fn get_chunk_context(&self, arena: &Arena, profile: &Profile, pointer: Addr) -> Option<Addr> {
        Some(header::set_of(arena, profile, pointer))
    }

    /// `AllocSetGetChunkSpace`.
    fn get_chunk_space(&self, arena: &Arena, profile: &Profile, pointer: Addr) -> Option<u64> {
        let set = header::set_of(arena, profile, pointer);
        Some(header::size(arena, profile, set, pointer).wrapping_add(profile.mmgr.chunk))
    }
}

/// The pointers of the free chunks of one size class, the next to be handed out first.
pub(super) fn free_chunks<'a>(
    arena: &'a Arena,
    profile: &'a Profile,
    set: Addr,
    index: usize,
) -> impl Iterator<Item = Addr> + 'a {
    let some = |chunk: Addr| (!chunk.is_null()).then_some(chunk);
    let first = some(arena.read_ptr(freelist_addr(set, index)));
    chain(first, move |chunk| some(header::next_free(arena, profile, chunk)))
        .map(|chunk| chunk.offset(profile.mmgr.chunk))
}
