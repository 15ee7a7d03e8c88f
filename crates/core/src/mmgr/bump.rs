//! Bump, the allocator that only goes forward (`bump.c`, from PostgreSQL 17 on).
//!
//! A sort fills memory with tuples and gives all of them up at once. For that a chunk needs no
//! header: it is the next so many bytes of the block, and the block's free space begins behind
//! it. Eight bytes saved on every small tuple let more of them fit into `work_mem`.
//!
//! ```text
//! ┌─────┬───────┬─────────┬───┬──────────┬─────────────────────────┐
//! │block│ chunk │ chunk   │ch.│ chunk    │ free space              │
//! └─────┴───────┴─────────┴───┴──────────┴─────────────────────────┘
//!                                        ^ freeptr                 ^ endptr
//! ```
//!
//! The price: nothing leads from a chunk to its context, so there is no `pfree`, no `repalloc`,
//! and no asking whose a chunk is or how large. Blocks grow as AllocSet's do, and only a
//! reset gives them back. A large chunk has a block of its own, which goes to the tail of the
//! list, so that the active block stays the first.

use super::chunk::MCTX_BUMP_ID;
use super::growth::{self, BlockSizes};
use super::inspect::{BlockView, ChunkView};
use super::mcxt::MEMORY_CONTEXT_DATA;
use super::methods::{ChunkMethods, Counters, MemoryContextMethods};
use super::{Process, StatsText, dlist, maxalign};
use crate::error::{Error, Fallible};
use crate::event::MemoryEvent;
use crate::memory::{Addr, Arena};
use crate::mmgr::chunk::ChunkHeader;
use crate::op::AllocFlags;
use crate::profile::Profile;

const CHUNK_FRACTION: u64 = 8;

// struct BumpContext: offsets of its fields.
const SIZES: u64 = MEMORY_CONTEXT_DATA;
const BLOCKS: u64 = SIZES + 16;
/// `MAXALIGN(sizeof(BumpContext))`: where the keeper block begins.
const CONTEXT: u64 = BLOCKS + dlist::DLIST_HEAD;

// struct BumpBlock: offsets of its fields; its list node is the first.
const FREEPTR: u64 = 16;
const ENDPTR: u64 = 24;
/// `Bump_BLOCKHDRSZ`.
const BLOCK: u64 = 32;

/// The allocator, as a row of the table of methods.
pub(super) struct Bump;

fn sizes(profile: &Profile, set: Addr) -> BlockSizes {
    BlockSizes::at(profile, set.offset(SIZES))
}

/// The blocks, the active one first.
fn blocks(arena: &Arena, set: Addr) -> impl Iterator<Item = Addr> {
    dlist::nodes(arena, set.offset(BLOCKS))
}

fn size(arena: &Arena, block: Addr) -> u64 {
    arena.read_ptr(block.offset(ENDPTR)).since(block)
}

fn free_bytes(arena: &Arena, block: Addr) -> u64 {
    arena.read_ptr(block.offset(ENDPTR)).since(arena.read_ptr(block.offset(FREEPTR)))
}

/// `BumpBlockInit`.
fn init_block(arena: &mut Arena, block: Addr, size: u64) {
    arena.write_ptr(block.offset(FREEPTR), block.offset(BLOCK));
    arena.write_ptr(block.offset(ENDPTR), block.offset(size));
}

impl Process<'_> {
    /// `BumpContextCreate`.
    ///
    /// # Errors
    /// A version without Bump; sizes that PostgreSQL's assertions forbid; no more memory.
    pub fn bump_context_create(
        &mut self,
        parent: Addr,
        name: Addr,
        min_context_size: u64,
        init_block_size: u64,
        max_block_size: u64,
    ) -> Fallible<Addr> {
        let layout = &self.profile.mmgr;
        if !layout.bump {
            return Err(Error::NotInThisVersion("Bump contexts").into());
        }
        growth::check_parameters(layout, min_context_size, init_block_size, max_block_size)?;
        let alloc_size =
            growth::first_block_size(CONTEXT + BLOCK, min_context_size, init_block_size);
        let set = self.malloc_context(alloc_size, name)?;
        let limit = growth::chunk_limit(max_block_size, 0, max_block_size, BLOCK, CHUNK_FRACTION);
        let keeper = set.offset(CONTEXT);
        let arena = &mut *self.arena;
        dlist::init(arena, set.offset(BLOCKS));
        init_block(arena, keeper, alloc_size - CONTEXT);
        dlist::push_head(arena, set.offset(BLOCKS), keeper);
        sizes(self.profile, set).start(arena, init_block_size, max_block_size, limit);

        let tag = layout.node_tags.bump;
        self.memory_context_create(set, tag, MCTX_BUMP_ID, parent, name);
        self.mem_allocated_add(set, alloc_size as i64);
        self.emit(MemoryEvent::ContextCreated { context: set, name, recycled: false })?;
        Ok(set)
    }

    /// `BumpAllocLarge`: a block of its own at the tail of the list.
    fn bump_alloc_large(&mut self, set: Addr, size: u64, flags: AllocFlags) -> Fallible<Addr> {
        self.memory_context_check_size(size, flags)?;
        let usable = maxalign(size);
        let blksize = usable + BLOCK;
        let Some(block) = self.malloc(blksize) else {
            return self.memory_context_allocation_failure(set, size, flags);
        };
        self.mem_allocated_add(set, blksize as i64);
        self.arena.write_ptr(block.offset(FREEPTR), block.offset(blksize));
        self.arena.write_ptr(block.offset(ENDPTR), block.offset(blksize));
        dlist::push_tail(self.arena, set.offset(BLOCKS), block);
        self.emit(MemoryEvent::BlockAllocated {
            context: set,
            block,
            size: blksize,
            dedicated: true,
        })?;
        let chunk = block.offset(BLOCK);
        self.emit(MemoryEvent::Palloc { context: set, chunk, size, usable })?;
        Ok(chunk)
    }

    /// `BumpAllocFromNewBlock`: the active block is used up, and what is left of it is lost.
    fn bump_alloc_from_new_block(
        &mut self,
        set: Addr,
        size: u64,
        flags: AllocFlags,
    ) -> Fallible<Addr> {
        let mut blksize = sizes(self.profile, set).advance(self.arena);
        let required = maxalign(size) + BLOCK;
        if blksize < required {
            blksize = required.next_power_of_two();
        }
        let Some(block) = self.malloc(blksize) else {
            return self.memory_context_allocation_failure(set, size, flags);
        };
        self.mem_allocated_add(set, blksize as i64);
        init_block(self.arena, block, blksize);
        dlist::push_head(self.arena, set.offset(BLOCKS), block);
        self.emit(MemoryEvent::BlockAllocated {
            context: set,
            block,
            size: blksize,
            dedicated: false,
        })?;
        self.bump_alloc_chunk_from_block(set, block, size)
    }

    /// `BumpAllocChunkFromBlock`: the next bytes of the block.
    fn bump_alloc_chunk_from_block(&mut self, set: Addr, block: Addr, size: u64) -> Fallible<Addr> {
        let usable = maxalign(size);
        let chunk = self.arena.read_ptr(block.offset(FREEPTR));
        self.arena.write_ptr(block.offset(FREEPTR), chunk.offset(usable));
        self.emit(MemoryEvent::Palloc { context: set, chunk, size, usable })?;
        Ok(chunk)
    }

    /// `BumpBlockFree`.
    fn bump_block_free(&mut self, set: Addr, block: Addr) -> Fallible<()> {
        let size = size(self.arena, block);
        dlist::delete(self.arena, block);
        self.mem_allocated_add(set, -(size as i64));
        self.free(block);
        self.emit(MemoryEvent::BlockFreed { context: set, block, size })
    }
}

impl MemoryContextMethods for Bump {
    /// `BumpAlloc`.
    fn alloc(
        &self,
        process: &mut Process<'_>,
        set: Addr,
        size: u64,
        flags: AllocFlags,
    ) -> Fallible<Addr> {
        let chunk_size = maxalign(size);
        if chunk_size > sizes(process.profile, set).chunk_limit(process.arena) {
            return process.bump_alloc_large(set, size, flags);
        }
        match dlist::first(process.arena, set.offset(BLOCKS)) {
            Some(block) if free_bytes(process.arena, block) >= chunk_size => {
                process.bump_alloc_chunk_from_block(set, block, size)
            }
            _ => process.bump_alloc_from_new_block(set, size, flags),
        }
    }

    /// `BumpReset`.
    fn reset(&self, process: &mut Process<'_>, set: Addr) -> Fallible<()> {
        let keeper = set.offset(CONTEXT);
        process.arena.write_ptr(keeper.offset(FREEPTR), keeper.offset(BLOCK));
        let other = |arena: &Arena| blocks(arena, set).find(|block| *block != keeper);
        while let Some(block) = other(process.arena) {
            process.bump_block_free(set, block)?;
        }
        sizes(process.profile, set).restart(process.arena);
        Ok(())
    }

    /// `BumpDelete`.
    fn delete_context(&self, process: &mut Process<'_>, set: Addr) -> Fallible<bool> {
        self.reset(process, set)?;
        process.free(set);
        Ok(false)
    }

    /// `BumpIsEmpty`.
    fn is_empty(&self, arena: &Arena, _: &Profile, set: Addr) -> bool {
        let untouched = |block: Addr| arena.read_ptr(block.offset(FREEPTR)) == block.offset(BLOCK);
        blocks(arena, set).all(untouched)
    }

    /// `BumpStats`: the context's header is not counted.
    fn stats(&self, arena: &Arena, _: &Profile, set: Addr) -> Counters {
        let mut counters = Counters::default();
        for block in blocks(arena, set) {
            counters.nblocks += 1;
            counters.totalspace += size(arena, block);
            counters.freespace += free_bytes(arena, block);
        }
        counters
    }

    fn stats_text(&self, arena: &Arena, profile: &Profile, set: Addr) -> String {
        StatsText::from(self.stats(arena, profile, set)).without_free_chunks().to_string()
    }

    fn name(&self) -> &'static str {
        "Bump"
    }

    /// What is used of a block is shown as one chunk: where chunks end is written nowhere.
    fn blocks(&self, arena: &Arena, profile: &Profile, set: Addr) -> Vec<BlockView> {
        let keeper = set.offset(CONTEXT);
        let limit = self.chunk_limit(arena, profile, set);
        blocks(arena, set)
            .map(|block| {
                let addr = if block == keeper { set } else { block };
                let end = arena.read_ptr(block.offset(ENDPTR));
                let first = block.offset(BLOCK);
                let used = arena.read_ptr(block.offset(FREEPTR)).since(first);
                let header = ChunkHeader(0);
                let chunk = ChunkView { pointer: first, size: used, free: false, header };
                let unused = free_bytes(arena, block);
                BlockView {
                    addr,
                    size: end.since(addr),
                    keeper: block == keeper,
                    dedicated: unused == 0 && block != keeper && used > limit,
                    header: first.since(addr),
                    chunks: if used > 0 { vec![chunk] } else { Vec::new() },
                    unused,
                }
            })
            .collect()
    }

    fn chunk_limit(&self, arena: &Arena, profile: &Profile, set: Addr) -> u64 {
        sizes(profile, set).chunk_limit(arena)
    }

    fn chunk_header(&self, _: &Profile) -> u64 {
        0
    }
}

/// What a build with assertions says, whose chunks do have headers. Without them nothing leads
/// here.
impl ChunkMethods for Bump {
    /// `BumpFree`.
    fn free_p(&self, _: &mut Process<'_>, _: Addr) -> Fallible<()> {
        Err(Error::BumpUnsupported("pfree").into())
    }

    /// `BumpRealloc`.
    fn realloc(&self, _: &mut Process<'_>, _: Addr, _: u64, _: AllocFlags) -> Fallible<Addr> {
        Err(Error::BumpUnsupported("realloc").into())
    }

    fn get_chunk_context(&self, _: &Arena, _: &Profile, _: Addr) -> Option<Addr> {
        None
    }

    fn get_chunk_space(&self, _: &Arena, _: &Profile, _: Addr) -> Option<u64> {
        None
    }
}
