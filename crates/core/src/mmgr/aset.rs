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

use super::chunk::{ChunkHeader, MCTX_ASET_ID};
use super::mcxt::MEMORY_CONTEXT_DATA;
use super::methods::{Counters, MemoryContextMethods};
use super::{Process, maxalign};
use crate::error::Error;
use crate::event::MemoryEvent;
use crate::memory::{Addr, Arena};
use crate::profile::Profile;

const ALLOC_MINBITS: u32 = 3;
/// Size classes: 8, 16, 32, ... 8192 bytes.
pub const ALLOCSET_NUM_FREELISTS: usize = 11;
const ALLOC_CHUNK_LIMIT: u64 = 8192;
const ALLOC_CHUNK_FRACTION: u64 = 4;
const MAX_FREE_CONTEXTS: u32 = 100;
/// `(min, init)` of the two kinds of contexts that are kept for reuse when deleted.
const RECYCLED: [(u64, u64); 2] = [(0, 8 * 1024), (0, 1024)];

// struct AllocSetContext: offsets of its fields.
const BLOCKS: u64 = MEMORY_CONTEXT_DATA;
const FREELIST: u64 = BLOCKS + 8;
const INIT_BLOCK_SIZE: u64 = FREELIST + 8 * ALLOCSET_NUM_FREELISTS as u64;
const MAX_BLOCK_SIZE: u64 = INIT_BLOCK_SIZE + 4;
const NEXT_BLOCK_SIZE: u64 = INIT_BLOCK_SIZE + 8;
const ALLOC_CHUNK_LIMIT_FIELD: u64 = INIT_BLOCK_SIZE + 12;
const FREE_LIST_INDEX: u64 = INIT_BLOCK_SIZE + 16;

// struct AllocBlockData: offsets of its fields.
const ASET: u64 = 0;
const PREV: u64 = 8;
const NEXT: u64 = 16;
const FREEPTR: u64 = 24;
const ENDPTR: u64 = 32;

/// `AllocSetFreeList`: deleted contexts of one kind, linked through `nextchild`.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllocSetFreeList {
    /// How many.
    pub num_free: u32,
    /// The one that is reused next.
    pub first_free: Addr,
}

/// The allocator, as a row of the table of methods.
pub(super) struct AllocSet;

/// `AllocSetFreeIndex`: the size class that holds `size` bytes.
#[inline]
pub fn alloc_set_free_index(size: u64) -> usize {
    if size <= 1 << ALLOC_MINBITS {
        0
    } else {
        (u64::BITS - ((size - 1) >> ALLOC_MINBITS).leading_zeros()) as usize
    }
}

/// `GetChunkSizeFromFreeListIdx`: bytes of a size class.
#[inline]
pub fn class_size(index: usize) -> u64 {
    1 << (index as u32 + ALLOC_MINBITS)
}

/// Where the keeper block begins.
pub(super) fn keeper_block(profile: &Profile, set: Addr) -> Addr {
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
    ) -> Result<Addr, Error> {
        check_parameters(min_context_size, init_block_size, max_block_size)?;
        let index = RECYCLED.iter().position(|&kind| kind == (min_context_size, init_block_size));
        if let Some(index) = index
            && !self.local.context_freelists[index].first_free.is_null()
        {
            return self.alloc_set_reuse(index, parent, name, max_block_size);
        }

        let layout = &self.profile.mmgr;
        let headers = layout.aset_context + layout.aset_block + layout.chunk;
        let first = if min_context_size != 0 { min_context_size } else { init_block_size };
        let first_block_size = headers.max(first);
        let Some(set) = self.malloc(first_block_size) else {
            return Err(Error::OutOfMemoryCreating { context: self.program.text(name).to_owned() });
        };

        let limit = chunk_limit(self.profile, max_block_size);
        let block = keeper_block(self.profile, set);
        let arena = &mut *self.arena;
        arena.fill(set, self.profile.mmgr.aset_context, 0);
        set_block(arena, block, set, Addr::NULL, Addr::NULL);
        arena.write_ptr(block.offset(FREEPTR), block.offset(self.profile.mmgr.aset_block));
        arena.write_ptr(block.offset(ENDPTR), set.offset(first_block_size));
        arena.write_ptr(set.offset(BLOCKS), block);
        arena.write_u32(set.offset(INIT_BLOCK_SIZE), init_block_size as u32);
        arena.write_u32(set.offset(MAX_BLOCK_SIZE), max_block_size as u32);
        arena.write_u32(set.offset(NEXT_BLOCK_SIZE), init_block_size as u32);
        arena.write_u32(set.offset(ALLOC_CHUNK_LIMIT_FIELD), limit as u32);
        let index = index.map_or(u32::MAX, |index| index as u32);
        arena.write_u32(set.offset(FREE_LIST_INDEX), index);

        let tag = self.profile.mmgr.node_tag_aset;
        self.memory_context_create(set, tag, MCTX_ASET_ID, parent, name);
        self.mem_allocated_add(set, first_block_size as i64);
        self.emit(MemoryEvent::ContextCreated { context: set, name, recycled: false })?;
        Ok(set)
    }

    /// A deleted context of the same kind comes back with its keeper block. Only the maximum
    /// block size is set anew: the chunk limit stays that of its first creation.
    fn alloc_set_reuse(
        &mut self,
        index: usize,
        parent: Addr,
        name: Addr,
        max_block_size: u64,
    ) -> Result<Addr, Error> {
        let set = self.local.context_freelists[index].first_free;
        let next = self.nextchild(set);
        let list = &mut self.local.context_freelists[index];
        list.first_free = next;
        list.num_free -= 1;
        self.arena.write_u32(set.offset(MAX_BLOCK_SIZE), max_block_size as u32);
        let tag = self.profile.mmgr.node_tag_aset;
        self.memory_context_create(set, tag, MCTX_ASET_ID, parent, name);
        let keeper = keeper_block(self.profile, set);
        let kept = self.arena.read_ptr(keeper.offset(ENDPTR)).since(set);
        self.mem_allocated_add(set, kept as i64);
        self.emit(MemoryEvent::ContextCreated { context: set, name, recycled: true })?;
        Ok(set)
    }

    /// `AllocSetAllocLarge`: a block of its own, put behind the active one.
    fn alloc_set_alloc_large(&mut self, set: Addr, size: u64) -> Result<Addr, Error> {
        self.memory_context_check_size(size)?;
        let layout = &self.profile.mmgr;
        let (block_header, chunk_header) = (layout.aset_block, layout.chunk);
        let chunk_size = maxalign(size);
        let blksize = chunk_size + block_header + chunk_header;
        let Some(block) = self.malloc(blksize) else {
            return Err(self.memory_context_allocation_failure(set, size));
        };
        self.mem_allocated_add(set, blksize as i64);

        let arena = &mut *self.arena;
        let head = arena.read_ptr(set.offset(BLOCKS));
        let next = arena.read_ptr(head.offset(NEXT));
        set_block(arena, block, set, head, next);
        arena.write_ptr(block.offset(FREEPTR), block.offset(blksize));
        arena.write_ptr(block.offset(ENDPTR), block.offset(blksize));
        if !next.is_null() {
            arena.write_ptr(next.offset(PREV), block);
        }
        arena.write_ptr(head.offset(NEXT), block);
        let chunk = block.offset(block_header);
        arena.write_u64(chunk, ChunkHeader::external(MCTX_ASET_ID).0);
        let pointer = chunk.offset(chunk_header);
        self.emit(MemoryEvent::BlockAllocated {
            context: set,
            block,
            size: blksize,
            dedicated: true,
        })?;
        self.emit(MemoryEvent::Palloc { context: set, chunk: pointer, size, usable: chunk_size })?;
        Ok(pointer)
    }

    /// `AllocSetAllocChunkFromBlock`: cut the next chunk off the block's free space.
    #[inline]
    fn alloc_set_alloc_chunk_from_block(
        &mut self,
        set: Addr,
        block: Addr,
        size: u64,
        index: usize,
    ) -> Result<Addr, Error> {
        let chunk = self.arena.read_ptr(block.offset(FREEPTR));
        let pointer = self.cut_chunk(block, chunk, index);
        let usable = class_size(index);
        self.emit(MemoryEvent::Palloc { context: set, chunk: pointer, size, usable })?;
        Ok(pointer)
    }

    /// Write a chunk's header at the block's free space and move the space's start behind it.
    #[inline]
    fn cut_chunk(&mut self, block: Addr, chunk: Addr, index: usize) -> Addr {
        let pointer = chunk.offset(self.profile.mmgr.chunk);
        self.arena.write_ptr(block.offset(FREEPTR), pointer.offset(class_size(index)));
        let header = ChunkHeader::new(chunk.since(block), index as u64, MCTX_ASET_ID);
        self.arena.write_u64(chunk, header.0);
        pointer
    }

    /// `AllocSetAllocFromNewBlock`: the active block is exhausted.
    fn alloc_set_alloc_from_new_block(
        &mut self,
        set: Addr,
        size: u64,
        index: usize,
    ) -> Result<Addr, Error> {
        self.alloc_set_carve(set)?;

        let layout = &self.profile.mmgr;
        let (block_header, chunk_header) = (layout.aset_block, layout.chunk);
        let mut blksize = u64::from(self.arena.read_u32(set.offset(NEXT_BLOCK_SIZE)));
        let max = u64::from(self.arena.read_u32(set.offset(MAX_BLOCK_SIZE)));
        self.arena.write_u32(set.offset(NEXT_BLOCK_SIZE), (blksize << 1).min(max) as u32);
        let required = class_size(index) + block_header + chunk_header;
        while blksize < required {
            blksize <<= 1;
        }
        let mut block = self.malloc(blksize);
        while block.is_none() && blksize > 1024 * 1024 {
            blksize >>= 1;
            if blksize < required {
                break;
            }
            block = self.malloc(blksize);
        }
        let Some(block) = block else {
            return Err(self.memory_context_allocation_failure(set, size));
        };
        self.mem_allocated_add(set, blksize as i64);

        let arena = &mut *self.arena;
        let head = arena.read_ptr(set.offset(BLOCKS));
        set_block(arena, block, set, Addr::NULL, head);
        arena.write_ptr(block.offset(FREEPTR), block.offset(block_header));
        arena.write_ptr(block.offset(ENDPTR), block.offset(blksize));
        arena.write_ptr(head.offset(PREV), block);
        arena.write_ptr(set.offset(BLOCKS), block);
        self.emit(MemoryEvent::BlockAllocated {
            context: set,
            block,
            size: blksize,
            dedicated: false,
        })?;
        self.alloc_set_alloc_chunk_from_block(set, block, size, index)
    }

    /// Cut what is left of the active block into free chunks, the largest that fits first.
    fn alloc_set_carve(&mut self, set: Addr) -> Result<(), Error> {
        let chunk_header = self.profile.mmgr.chunk;
        let block = self.arena.read_ptr(set.offset(BLOCKS));
        loop {
            let chunk = self.arena.read_ptr(block.offset(FREEPTR));
            let available = self.arena.read_ptr(block.offset(ENDPTR)).since(chunk);
            if available < class_size(0) + chunk_header {
                return Ok(());
            }
            let fits = available - chunk_header;
            let mut index = alloc_set_free_index(fits);
            if fits != class_size(index) {
                index -= 1;
            }
            let pointer = self.cut_chunk(block, chunk, index);
            self.push_free(set, pointer, index);
            self.emit(MemoryEvent::Carved { block, chunk: pointer, class: class_size(index) })?;
        }
    }

    #[inline]
    fn push_free(&mut self, set: Addr, pointer: Addr, index: usize) {
        let list = freelist_addr(set, index);
        let next = self.arena.read_ptr(list);
        self.arena.write_ptr(pointer, next);
        self.arena.write_ptr(list, pointer.back(self.profile.mmgr.chunk));
    }

    fn external_block(&self, pointer: Addr) -> Result<Addr, Error> {
        let layout = &self.profile.mmgr;
        let block = pointer.back(layout.chunk + layout.aset_block);
        let freeptr = self.arena.read_ptr(block.offset(FREEPTR));
        let set = self.arena.read_ptr(block.offset(ASET));
        if set.is_null() || freeptr != self.arena.read_ptr(block.offset(ENDPTR)) {
            return Err(Error::InvalidPointer {
                function: "pfree",
                pointer,
                header: ChunkHeader::of(self.arena, pointer).0,
            });
        }
        Ok(block)
    }

    /// A dedicated block goes back to malloc together with its chunk.
    fn alloc_set_free_large(&mut self, pointer: Addr) -> Result<(), Error> {
        let block = self.external_block(pointer)?;
        let set = self.arena.read_ptr(block.offset(ASET));
        let usable = self.arena.read_ptr(block.offset(ENDPTR)).since(pointer);
        self.emit(MemoryEvent::Pfree { context: set, chunk: pointer, usable, freelist: false })?;
        self.alloc_set_free_block(set, block)
    }

    /// Take a block out of its set and give it back to malloc.
    fn alloc_set_free_block(&mut self, set: Addr, block: Addr) -> Result<(), Error> {
        let arena = &mut *self.arena;
        let prev = arena.read_ptr(block.offset(PREV));
        let next = arena.read_ptr(block.offset(NEXT));
        let size = arena.read_ptr(block.offset(ENDPTR)).since(block);
        if prev.is_null() {
            arena.write_ptr(set.offset(BLOCKS), next);
        } else {
            arena.write_ptr(prev.offset(NEXT), next);
        }
        if !next.is_null() {
            arena.write_ptr(next.offset(PREV), prev);
        }
        self.mem_allocated_add(set, -(size as i64));
        self.free(block);
        self.emit(MemoryEvent::BlockFreed { context: set, block, size })
    }

    /// Give every block but the keeper back to malloc, one by one, so that the list can be
    /// drawn in between.
    fn alloc_set_free_blocks(&mut self, set: Addr, keeper: Addr) -> Result<(), Error> {
        let mut block = self.arena.read_ptr(set.offset(BLOCKS));
        while !block.is_null() {
            let next = self.arena.read_ptr(block.offset(NEXT));
            if block != keeper {
                self.alloc_set_free_block(set, block)?;
            }
            block = next;
        }
        Ok(())
    }

    /// A dedicated block is resized by realloc, wherever that puts it.
    fn alloc_set_realloc_large(&mut self, pointer: Addr, size: u64) -> Result<Addr, Error> {
        let block = self.external_block(pointer)?;
        let set = self.arena.read_ptr(block.offset(ASET));
        self.memory_context_check_size(size)?;
        let layout = &self.profile.mmgr;
        let headers = layout.aset_block + layout.chunk;
        let chunk_size = maxalign(size);
        let blksize = chunk_size + headers;
        let old_end = self.arena.read_ptr(block.offset(ENDPTR));
        let Some(new) = self.local.heap.realloc(self.arena, block, blksize) else {
            return Err(self.memory_context_allocation_failure(set, size));
        };
        self.mem_allocated_add(set, blksize as i64 - old_end.since(block) as i64);

        let arena = &mut *self.arena;
        arena.write_ptr(new.offset(FREEPTR), new.offset(blksize));
        arena.write_ptr(new.offset(ENDPTR), new.offset(blksize));
        let prev = arena.read_ptr(new.offset(PREV));
        let next = arena.read_ptr(new.offset(NEXT));
        if prev.is_null() {
            arena.write_ptr(set.offset(BLOCKS), new);
        } else {
            arena.write_ptr(prev.offset(NEXT), new);
        }
        if !next.is_null() {
            arena.write_ptr(next.offset(PREV), new);
        }
        let to = new.offset(headers);
        self.emit(MemoryEvent::BlockResized { context: set, from: block, to: new, size: blksize })?;
        let moved = if to == pointer {
            MemoryEvent::RepallocInPlace { context: set, chunk: to, size, usable: chunk_size }
        } else {
            let copied = old_end.since(pointer).min(size);
            MemoryEvent::RepallocMoved { context: set, from: pointer, to, copied }
        };
        self.emit(moved)?;
        Ok(to)
    }
}

impl MemoryContextMethods for AllocSet {
    /// `AllocSetAlloc`.
    #[inline]
    fn alloc(&self, process: &mut Process<'_>, set: Addr, size: u64) -> Result<Addr, Error> {
        let limit = process.arena.read_u32(set.offset(ALLOC_CHUNK_LIMIT_FIELD));
        if size > u64::from(limit) {
            return process.alloc_set_alloc_large(set, size);
        }
        let index = alloc_set_free_index(size);
        let class = class_size(index);
        let list = freelist_addr(set, index);
        let chunk = process.arena.read_ptr(list);
        let found = !chunk.is_null();
        process.emit(MemoryEvent::SizeClass { context: set, size, class, found })?;
        if found {
            let pointer = chunk.offset(process.profile.mmgr.chunk);
            let next = process.arena.read_ptr(pointer);
            process.arena.write_ptr(list, next);
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
        let available = process
            .arena
            .read_ptr(block.offset(ENDPTR))
            .since(process.arena.read_ptr(block.offset(FREEPTR)));
        if available < class + process.profile.mmgr.chunk {
            return process.alloc_set_alloc_from_new_block(set, size, index);
        }
        process.alloc_set_alloc_chunk_from_block(set, block, size, index)
    }

    /// `AllocSetFree`.
    #[inline]
    fn free_p(&self, process: &mut Process<'_>, pointer: Addr) -> Result<(), Error> {
        let header = ChunkHeader::of(process.arena, pointer);
        if header.is_external() {
            return process.alloc_set_free_large(pointer);
        }
        let set = chunk_set(process.arena, process.profile, pointer);
        let index = header.value() as usize % ALLOCSET_NUM_FREELISTS;
        process.push_free(set, pointer, index);
        process.emit(MemoryEvent::Pfree {
            context: set,
            chunk: pointer,
            usable: class_size(index),
            freelist: true,
        })
    }

    /// `AllocSetRealloc`.
    fn realloc(&self, process: &mut Process<'_>, pointer: Addr, size: u64) -> Result<Addr, Error> {
        let header = ChunkHeader::of(process.arena, pointer);
        if header.is_external() {
            return process.alloc_set_realloc_large(pointer, size);
        }
        let set = chunk_set(process.arena, process.profile, pointer);
        let old = class_size(header.value() as usize % ALLOCSET_NUM_FREELISTS);
        if old >= size {
            process.emit(MemoryEvent::RepallocInPlace {
                context: set,
                chunk: pointer,
                size,
                usable: old,
            })?;
            return Ok(pointer);
        }
        let to = self.alloc(process, set, size)?;
        process.arena.copy(pointer, to, old);
        process.emit(MemoryEvent::RepallocMoved {
            context: set,
            from: pointer,
            to,
            copied: old,
        })?;
        self.free_p(process, pointer)?;
        Ok(to)
    }

    /// `AllocSetReset`.
    fn reset(&self, process: &mut Process<'_>, set: Addr) -> Result<(), Error> {
        let keeper = keeper_block(process.profile, set);
        process.arena.fill(freelist_addr(set, 0), 8 * ALLOCSET_NUM_FREELISTS as u64, 0);
        let start = keeper.offset(process.profile.mmgr.aset_block);
        process.arena.write_ptr(keeper.offset(FREEPTR), start);
        process.alloc_set_free_blocks(set, keeper)?;
        let init = process.arena.read_u32(set.offset(INIT_BLOCK_SIZE));
        process.arena.write_u32(set.offset(NEXT_BLOCK_SIZE), init);
        Ok(())
    }

    /// `AllocSetDelete`.
    fn delete_context(&self, process: &mut Process<'_>, set: Addr) -> Result<bool, Error> {
        let index = process.arena.read_u32(set.offset(FREE_LIST_INDEX)) as usize;
        if index < RECYCLED.len() {
            process.memory_context_reset_only(set)?;
            if process.local.context_freelists[index].num_free >= MAX_FREE_CONTEXTS {
                empty_store(process, index)?;
            }
            let first = process.local.context_freelists[index].first_free;
            process.set_nextchild(set, first);
            let list = &mut process.local.context_freelists[index];
            list.first_free = set;
            list.num_free += 1;
            return Ok(true);
        }
        process.alloc_set_free_blocks(set, keeper_block(process.profile, set))?;
        process.free(set);
        Ok(false)
    }

    fn get_chunk_context(&self, arena: &Arena, profile: &Profile, pointer: Addr) -> Addr {
        chunk_set(arena, profile, pointer)
    }

    fn get_chunk_space(&self, arena: &Arena, profile: &Profile, pointer: Addr) -> u64 {
        let header = ChunkHeader::of(arena, pointer);
        if header.is_external() {
            let block = pointer.back(profile.mmgr.chunk + profile.mmgr.aset_block);
            let chunk = pointer.back(profile.mmgr.chunk);
            return arena.read_ptr(block.offset(ENDPTR)).since(chunk);
        }
        class_size(header.value() as usize % ALLOCSET_NUM_FREELISTS) + profile.mmgr.chunk
    }

    /// `AllocSetStats`.
    fn stats(&self, arena: &Arena, profile: &Profile, set: Addr) -> Counters {
        let mut counters =
            Counters { totalspace: profile.mmgr.aset_context, ..Counters::default() };
        for block in blocks(arena, profile, set) {
            counters.nblocks += 1;
            counters.totalspace += block.end.since(block.addr);
            counters.freespace += block.end.since(block.free);
        }
        for index in 0..ALLOCSET_NUM_FREELISTS {
            let count = free_chunks(arena, profile, set, index).count() as u64;
            counters.freechunks += count;
            counters.freespace += count * (class_size(index) + profile.mmgr.chunk);
        }
        counters
    }

    fn name(&self) -> &'static str {
        "AllocSet"
    }
}

/// One block of an AllocSet.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// Where its header begins.
    pub addr: Addr,
    /// Where its free space begins.
    pub free: Addr,
    /// Where it ends.
    pub end: Addr,
    /// Where its first chunk's header is.
    pub first_chunk: Addr,
    /// It was malloc'd together with the context.
    pub keeper: bool,
}

/// The blocks of an AllocSet, the active one first.
pub fn blocks<'a>(
    arena: &'a Arena,
    profile: &'a Profile,
    set: Addr,
) -> impl Iterator<Item = Block> + 'a {
    let keeper = keeper_block(profile, set);
    let link = move |addr: Addr| (!addr.is_null()).then_some(addr);
    std::iter::successors(link(arena.read_ptr(set.offset(BLOCKS))), move |block| {
        link(arena.read_ptr(block.offset(NEXT)))
    })
    .map(move |addr| Block {
        addr,
        free: arena.read_ptr(addr.offset(FREEPTR)),
        end: arena.read_ptr(addr.offset(ENDPTR)),
        first_chunk: addr.offset(profile.mmgr.aset_block),
        keeper: addr == keeper,
    })
}

/// The pointers of the free chunks of one size class, the next to be handed out first.
pub fn free_chunks<'a>(
    arena: &'a Arena,
    profile: &'a Profile,
    set: Addr,
    index: usize,
) -> impl Iterator<Item = Addr> + 'a {
    let pointer = move |chunk: Addr| (!chunk.is_null()).then(|| chunk.offset(profile.mmgr.chunk));
    std::iter::successors(pointer(arena.read_ptr(freelist_addr(set, index))), move |free| {
        pointer(arena.read_ptr(*free))
    })
}

/// Bytes above which a request gets a block of its own.
pub fn alloc_chunk_limit(arena: &Arena, set: Addr) -> u64 {
    u64::from(arena.read_u32(set.offset(ALLOC_CHUNK_LIMIT_FIELD)))
}

fn empty_store(process: &mut Process<'_>, index: usize) -> Result<(), Error> {
    let contexts = process.local.context_freelists[index].num_free;
    let mut set = process.local.context_freelists[index].first_free;
    while !set.is_null() {
        let next = process.nextchild(set);
        process.free(set);
        set = next;
    }
    process.local.context_freelists[index] = AllocSetFreeList::default();
    process.emit(MemoryEvent::ContextStoreEmptied { contexts })
}

#[inline]
fn freelist_addr(set: Addr, index: usize) -> Addr {
    set.offset(FREELIST + 8 * index as u64)
}

/// The block that a chunk lies in (`MemoryChunkGetBlock`, `ExternalChunkGetBlock`).
#[inline]
pub fn chunk_block(arena: &Arena, profile: &Profile, pointer: Addr) -> Addr {
    let header = ChunkHeader::of(arena, pointer);
    let back = if header.is_external() { profile.mmgr.aset_block } else { header.block_offset() };
    pointer.back(profile.mmgr.chunk + back)
}

/// The set that a chunk's block belongs to.
#[inline]
fn chunk_set(arena: &Arena, profile: &Profile, pointer: Addr) -> Addr {
    arena.read_ptr(chunk_block(arena, profile, pointer).offset(ASET))
}

fn set_block(arena: &mut Arena, block: Addr, set: Addr, prev: Addr, next: Addr) {
    arena.write_ptr(block.offset(ASET), set);
    arena.write_ptr(block.offset(PREV), prev);
    arena.write_ptr(block.offset(NEXT), next);
}

fn chunk_limit(profile: &Profile, max_block_size: u64) -> u64 {
    let mut limit = ALLOC_CHUNK_LIMIT;
    let room = (max_block_size - profile.mmgr.aset_block) / ALLOC_CHUNK_FRACTION;
    while limit + profile.mmgr.chunk > room {
        limit >>= 1;
    }
    limit
}

/// The assertions at the top of `AllocSetContextCreateInternal`, as errors.
fn check_parameters(min: u64, init: u64, max: u64) -> Result<(), Error> {
    let wrong = if init != maxalign(init) || init < 1024 {
        "the initial block size must be a multiple of 8 and at least 1 kB"
    } else if max != maxalign(max) || max < init {
        "the maximum block size must be a multiple of 8 and at least the initial one"
    } else if max > super::MAX_ALLOC_SIZE {
        "the maximum block size must be below 1 GB"
    } else if min != 0 && (min != maxalign(min) || min < 1024 || min > max) {
        "the minimum context size must be 0, or a multiple of 8 from 1 kB to the maximum block size"
    } else {
        return Ok(());
    };
    Err(Error::InvalidContextParameter(wrong))
}
