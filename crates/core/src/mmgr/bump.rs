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

#[cfg(feature = "memory-context-checking")]
mod check;

use super::chunk::{CHUNK_HEADER, MCTX_BUMP_ID, MEMORY_CHUNK};
use super::growth::{self, BlockSizes};
use super::inspect::{BlockView, ChunkView};
use super::mcxt::MEMORY_CONTEXT_DATA;
use super::memdebug::{self, Request};
use super::methods::{ChunkMethods, Counters, MemoryContextMethods};
use super::short_way::{ContextFields, Quick, ShortWay};
use super::{Process, StatsText, dlist};
use crate::error::{Error, Fallible};
use crate::event::MemoryEvent;
use crate::memory::{Addr, Arena, Words};
use crate::mmgr::chunk::ChunkHeader;
use crate::op::AllocFlags;
use crate::profile::{Layout, MEMORY_CONTEXT_CHECKING, Profile};

const CHUNK_FRACTION: u64 = 8;

// struct BumpContext: offsets of its fields.
const SIZES: u64 = MEMORY_CONTEXT_DATA;
const BLOCKS: u64 = SIZES + 16;
/// `MAXALIGN(sizeof(BumpContext))`: where the keeper block begins.
const CONTEXT: u64 = BLOCKS + dlist::DLIST_HEAD;

// struct BumpBlock: offsets of its fields; its list node is the first, and builds that check have
// the context behind it.
const OWNER: u64 = 16;
const FREEPTR: u64 = if MEMORY_CONTEXT_CHECKING { 24 } else { 16 };
const ENDPTR: u64 = FREEPTR + 8;
/// `Bump_BLOCKHDRSZ`.
const BLOCK: u64 = ENDPTR + 8;
/// `Bump_CHUNKHDRSZ`: only builds that check have a header.
const CHUNK: u64 = if MEMORY_CONTEXT_CHECKING { MEMORY_CHUNK } else { 0 };

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

#[inline(always)]
fn free_bytes(arena: &impl Words, block: Addr) -> u64 {
    arena.ptr(block.offset(ENDPTR)).since(arena.ptr(block.offset(FREEPTR)))
}

/// `BumpBlockInit`.
fn init_block(arena: &mut Arena, set: Addr, block: Addr, size: u64) {
    if MEMORY_CONTEXT_CHECKING {
        arena.write_ptr(block.offset(OWNER), set);
    }
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
            return Err(Error::NotInVersion("Bump contexts").into());
        }
        growth::check_parameters(layout, min_context_size, init_block_size, max_block_size)?;
        let alloc_size =
            growth::first_block_size(CONTEXT + BLOCK + CHUNK, min_context_size, init_block_size);
        let set = self.malloc_context(alloc_size, name)?;
        let limit =
            growth::chunk_limit(max_block_size, CHUNK, max_block_size, BLOCK, CHUNK_FRACTION);
        let keeper = set.offset(CONTEXT);
        let arena = &mut *self.arena;
        dlist::init(arena, set.offset(BLOCKS));
        init_block(arena, set, keeper, alloc_size - CONTEXT);
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
        let usable = memdebug::chunk_size(self.profile, size);
        let blksize = usable.wrapping_add(BLOCK + CHUNK);
        let Some(block) = self.malloc(blksize) else {
            return self.memory_context_allocation_failure(set, size, flags);
        };
        self.mem_allocated_add(set, blksize as i64);
        init_block(self.arena, set, block, blksize);
        self.arena.write_ptr(block.offset(FREEPTR), block.offset(blksize));
        dlist::push_tail(self.arena, set.offset(BLOCKS), block);
        self.emit(MemoryEvent::BlockAllocated {
            context: set,
            block,
            size: blksize,
            dedicated: true,
        })?;
        let external = ChunkHeader::external(MCTX_BUMP_ID);
        let chunk = self.bump_write_header(block.offset(BLOCK), external, size, usable);
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
        let required = memdebug::chunk_size(self.profile, size).wrapping_add(BLOCK + CHUNK);
        if blksize < required {
            blksize = required.checked_next_power_of_two().unwrap_or(0);
        }
        let Some(block) = self.malloc(blksize) else {
            return self.memory_context_allocation_failure(set, size, flags);
        };
        self.mem_allocated_add(set, blksize as i64);
        init_block(self.arena, set, block, blksize);
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
        let usable = memdebug::chunk_size(self.profile, size);
        let chunk = self.arena.read_ptr(block.offset(FREEPTR));
        self.arena.write_ptr(block.offset(FREEPTR), chunk.offset(usable.wrapping_add(CHUNK)));
        let header = ChunkHeader::new(chunk.since(block), usable, MCTX_BUMP_ID);
        let chunk = self.bump_write_header(chunk, header, size, usable);
        self.emit(MemoryEvent::Palloc { context: set, chunk, size, usable })?;
        Ok(chunk)
    }

    /// A chunk's header, in builds that have one. Returns the chunk's pointer.
    fn bump_write_header(
        &mut self,
        chunk: Addr,
        header: ChunkHeader,
        size: u64,
        usable: u64,
    ) -> Addr {
        let pointer = chunk.offset(CHUNK);
        if MEMORY_CONTEXT_CHECKING {
            self.arena.write_u64(pointer.back(CHUNK_HEADER), header.0);
            Request::of(self.profile, pointer, 0).set(self.arena, size, usable);
        }
        pointer
    }

    /// `BumpBlockFree`.
    fn bump_block_free(&mut self, set: Addr, block: Addr) -> Fallible<()> {
        let size = size(self.arena, block);
        dlist::delete(self.arena, block);
        self.mem_allocated_add(set, (size as i64).wrapping_neg());
        self.wipe_and_free(block, size);
        self.emit(MemoryEvent::BlockFreed { context: set, block, size })
    }
}

impl Quick for Bump {
    fn limit<L: Layout>(fields: ContextFields<'_>) -> u64 {
        fields.half(SIZES + 12).into()
    }

    #[inline(always)]
    fn quick_alloc<L: Layout>(way: &ShortWay, arena: &mut Arena, size: u64) -> Option<Addr> {
        let windows = arena.windows();
        let block = way.start.fields(windows)?.ptr(BLOCKS + 8);
        let chunk_size = memdebug::chunk_size(L::PROFILE, size);
        if chunk_size > way.limit || block == way.start.addr.offset(BLOCKS) {
            return None;
        }
        let fields = windows.fields::<{ BLOCK as usize / 8 }>(block)?;
        let chunk = fields.ptr(FREEPTR);
        if fields.ptr(ENDPTR).since(chunk) < chunk_size.wrapping_add(CHUNK) {
            return None;
        }
        fields.set_ptr(FREEPTR, chunk.offset(chunk_size));
        Some(chunk)
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
        let chunk_size = memdebug::chunk_size(process.profile, size);
        memdebug::assert_room(size, chunk_size)?;
        if chunk_size > sizes(process.profile, set).chunk_limit(process.arena) {
            return process.bump_alloc_large(set, size, flags);
        }
        match dlist::first(process.arena, set.offset(BLOCKS)) {
            Some(block) if free_bytes(process.arena, block) >= chunk_size.wrapping_add(CHUNK) => {
                process.bump_alloc_chunk_from_block(set, block, size)
            }
            _ => process.bump_alloc_from_new_block(set, size, flags),
        }
    }

    /// `BumpReset`.
    fn reset(&self, process: &mut Process<'_>, set: Addr) -> Fallible<()> {
        process.check_before_freeing(set)?;
        let keeper = set.offset(CONTEXT);
        let start = keeper.offset(BLOCK);
        let used = process.arena.read_ptr(keeper.offset(FREEPTR)).since(start);
        memdebug::wipe_mem(process.arena, start, used);
        process.arena.write_ptr(keeper.offset(FREEPTR), start);
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

    #[cfg(feature = "memory-context-checking")]
    fn check(&self, process: &mut Process<'_>, set: Addr) -> Fallible<()> {
        process.bump_check(set)
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
            counters.nblocks = counters.nblocks.wrapping_add(1);
            counters.totalspace = counters.totalspace.wrapping_add(size(arena, block));
            counters.freespace = counters.freespace.wrapping_add(free_bytes(arena, block));
        }
        counters
    }

    fn stats_text(&self, arena: &Arena, profile: &Profile, set: Addr) -> String {
        StatsText::from(self.stats(arena, profile, set)).without_free_chunks().to_string()
    }

    fn name(&self) -> &'static str {
        "Bump"
    }

    /// Without headers, where chunks end is written nowhere: what is used of a block is shown as
    /// one chunk.
    fn blocks(&self, arena: &Arena, profile: &Profile, set: Addr) -> Vec<BlockView> {
        let keeper = set.offset(CONTEXT);
        let limit = self.chunk_limit(arena, profile, set);
        blocks(arena, set)
            .map(|block| {
                let addr = if block == keeper { set } else { block };
                let end = arena.read_ptr(block.offset(ENDPTR));
                let first = block.offset(BLOCK);
                let used = arena.read_ptr(block.offset(FREEPTR)).since(first);
                let unused = free_bytes(arena, block);
                BlockView {
                    addr,
                    size: end.since(addr),
                    keeper: block == keeper,
                    dedicated: unused == 0 && block != keeper && used > limit + CHUNK,
                    header: first.since(addr),
                    chunks: chunks(arena, first, used),
                    unused,
                }
            })
            .collect()
    }

    fn chunk_limit(&self, arena: &Arena, profile: &Profile, set: Addr) -> u64 {
        sizes(profile, set).chunk_limit(arena)
    }

    fn chunk_header(&self, _: &Profile) -> u64 {
        CHUNK
    }
}

/// The chunks of a block's used part, or the whole of it where they have no headers.
fn chunks(arena: &Arena, first: Addr, used: u64) -> Vec<ChunkView> {
    let end = first.offset(used);
    let mut chunks = Vec::new();
    let mut at = first;
    while at < end && (!MEMORY_CONTEXT_CHECKING || arena.is_resident(at)) {
        let mut chunk = ChunkView { pointer: at, size: used, free: false, header: ChunkHeader(0) };
        if MEMORY_CONTEXT_CHECKING {
            chunk.pointer = at.offset(CHUNK);
            chunk.header = ChunkHeader::of(arena, chunk.pointer);
            let external = chunk.header.is_external();
            chunk.size = if external { end.since(chunk.pointer) } else { chunk.header.value() };
        }
        at = chunk.pointer.offset(chunk.size);
        chunks.push(chunk);
    }
    chunks
}

/// What a build that checks says, whose chunks do have headers. Without them nothing leads
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
