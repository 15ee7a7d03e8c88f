//! The blocks of an AllocSet: how they come from malloc, are used up, and go back.

use super::{
    ASET, BLOCKS, ENDPTR, FREEPTR, NEXT, PREV, alloc_set_free_index, class_size, header, sizes,
};
use crate::error::{Error, Fallible};
use crate::event::MemoryEvent;
use crate::memory::{Addr, Arena, Words};
use crate::mmgr::chain::chain;
use crate::mmgr::{Process, memdebug};
use crate::op::AllocFlags;
use crate::profile::Profile;

/// The blocks of a set, the active one first.
pub(super) fn blocks(arena: &Arena, set: Addr) -> impl Iterator<Item = Addr> {
    let link = |addr: Addr| (!addr.is_null()).then_some(addr);
    chain(link(arena.read_ptr(set.offset(BLOCKS))), move |block| {
        link(arena.read_ptr(block.offset(NEXT)))
    })
}

/// A block's owner and neighbours.
pub(super) fn link_header(arena: &mut Arena, block: Addr, set: Addr, prev: Addr, next: Addr) {
    arena.write_ptr(block.offset(ASET), set);
    arena.write_ptr(block.offset(PREV), prev);
    arena.write_ptr(block.offset(NEXT), next);
}

/// Bytes of a block that no chunk was cut from yet.
#[inline]
pub(super) fn available(words: &impl Words, block: Addr) -> u64 {
    words.ptr(block.offset(ENDPTR)).since(words.ptr(block.offset(FREEPTR)))
}

/// Write a chunk's header at the block's free space and move the space's start behind it.
#[inline]
pub(super) fn cut_chunk(
    words: &mut impl Words,
    profile: &Profile,
    block: Addr,
    index: usize,
) -> Addr {
    let chunk = words.ptr(block.offset(FREEPTR));
    let pointer = header::write(words, profile, chunk, block, index);
    words.set_ptr(block.offset(FREEPTR), pointer.offset(class_size(index)));
    pointer
}

impl Process<'_> {
    /// `AllocSetAllocLarge`: a block of its own, put behind the active one.
    pub(super) fn alloc_set_alloc_large(
        &mut self,
        set: Addr,
        size: u64,
        flags: AllocFlags,
    ) -> Fallible<Addr> {
        self.memory_context_check_size(size, flags)?;
        let layout = &self.profile.mmgr;
        let chunk_size = memdebug::chunk_size(self.profile, size);
        let blksize = chunk_size.wrapping_add(layout.aset_block + layout.chunk);
        let Some(block) = self.malloc(blksize) else {
            return self.memory_context_allocation_failure(set, size, flags);
        };
        self.mem_allocated_add(set, blksize as i64);

        let arena = &mut *self.arena;
        let head = arena.read_ptr(set.offset(BLOCKS));
        let next = arena.read_ptr(head.offset(NEXT));
        link_header(arena, block, set, head, next);
        arena.write_ptr(block.offset(FREEPTR), block.offset(blksize));
        arena.write_ptr(block.offset(ENDPTR), block.offset(blksize));
        if !next.is_null() {
            arena.write_ptr(next.offset(PREV), block);
        }
        arena.write_ptr(head.offset(NEXT), block);
        let pointer = header::write_dedicated(arena, self.profile, block, chunk_size);
        header::request(self.profile, pointer).set(arena, size, chunk_size);
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
    pub(super) fn alloc_set_alloc_chunk_from_block(
        &mut self,
        set: Addr,
        block: Addr,
        size: u64,
        index: usize,
    ) -> Fallible<Addr> {
        let pointer = cut_chunk(self.arena, self.profile, block, index);
        let usable = class_size(index);
        header::request(self.profile, pointer).set(self.arena, size, usable);
        self.emit(MemoryEvent::Palloc { context: set, chunk: pointer, size, usable })?;
        Ok(pointer)
    }

    /// `AllocSetAllocFromNewBlock`: the active block is exhausted.
    pub(super) fn alloc_set_alloc_from_new_block(
        &mut self,
        set: Addr,
        size: u64,
        index: usize,
        flags: AllocFlags,
    ) -> Fallible<Addr> {
        self.alloc_set_carve(set)?;

        let layout = &self.profile.mmgr;
        let block_header = layout.aset_block;
        let required = class_size(index).wrapping_add(block_header + layout.chunk);
        let mut blksize = sizes(self.profile, set).advance(self.arena);
        while blksize < required {
            if blksize == 0 {
                return Err(Error::EndlessLoop.into());
            }
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
            return self.memory_context_allocation_failure(set, size, flags);
        };
        self.mem_allocated_add(set, blksize as i64);

        let arena = &mut *self.arena;
        let head = arena.read_ptr(set.offset(BLOCKS));
        link_header(arena, block, set, Addr::NULL, head);
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
    fn alloc_set_carve(&mut self, set: Addr) -> Fallible<()> {
        let chunk_header = self.profile.mmgr.chunk;
        let block = self.arena.read_ptr(set.offset(BLOCKS));
        loop {
            let free = self.arena.read_ptr(block.offset(FREEPTR));
            let available = self.arena.read_ptr(block.offset(ENDPTR)).since(free);
            if available < class_size(0) + chunk_header {
                return Ok(());
            }
            let fits = available - chunk_header;
            let mut index = alloc_set_free_index(fits);
            if fits != class_size(index) {
                index -= 1;
            }
            let pointer = cut_chunk(self.arena, self.profile, block, index);
            header::request(self.profile, pointer).set_free(self.arena);
            header::push_free(self.arena, self.profile, set, pointer, index);
            self.emit(MemoryEvent::Carved { block, chunk: pointer, class: class_size(index) })?;
        }
    }

    /// The block of a chunk that must be alone in it.
    fn dedicated_block(&self, set: Addr, pointer: Addr) -> Fallible<Addr> {
        let block = header::dedicated_block(self.profile, pointer);
        let freeptr = self.arena.read_ptr(block.offset(FREEPTR));
        if self.arena.read_ptr(block.offset(ASET)) != set
            || freeptr != self.arena.read_ptr(block.offset(ENDPTR))
        {
            let chunk = pointer.back(self.profile.mmgr.chunk);
            return Err(Error::ChunkWithoutBlock(chunk).into());
        }
        Ok(block)
    }

    /// A dedicated block goes back to malloc together with its chunk.
    pub(super) fn alloc_set_free_large(&mut self, set: Addr, pointer: Addr) -> Fallible<()> {
        let block = self.dedicated_block(set, pointer)?;
        let usable = self.arena.read_ptr(block.offset(ENDPTR)).since(pointer);
        let request = header::request(self.profile, pointer);
        self.test_for_scribbling(set, request, usable, self.profile.mmgr.chunk, "pfree")?;
        self.emit(MemoryEvent::Pfree { context: set, chunk: pointer, usable, freelist: false })?;
        self.alloc_set_free_block(set, block)
    }

    /// Take a block out of its set and give it back to malloc.
    fn alloc_set_free_block(&mut self, set: Addr, block: Addr) -> Fallible<()> {
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
        self.mem_allocated_add(set, (size as i64).wrapping_neg());
        let used = self.arena.read_ptr(block.offset(FREEPTR)).since(block);
        self.wipe_and_free(block, used);
        self.emit(MemoryEvent::BlockFreed { context: set, block, size })
    }

    /// Give every block but the keeper back to malloc, one by one, so that the list can be
    /// drawn in between.
    pub(super) fn alloc_set_free_blocks(&mut self, set: Addr, keeper: Addr) -> Fallible<()> {
        let mut block = self.arena.read_ptr(set.offset(BLOCKS));
        let mut at_keeper = false;
        while !block.is_null() {
            let next = self.arena.read_ptr(block.offset(NEXT));
            if block != keeper {
                self.alloc_set_free_block(set, block)?;
            } else if std::mem::replace(&mut at_keeper, true) {
                // Blocks that were freed can't be freed again; the keeper comes round unnoticed.
                return Err(Error::EndlessLoop.into());
            }
            block = next;
        }
        Ok(())
    }

    /// A dedicated block is resized by realloc, wherever that puts it.
    pub(super) fn alloc_set_realloc_large(
        &mut self,
        set: Addr,
        pointer: Addr,
        size: u64,
        flags: AllocFlags,
    ) -> Fallible<Addr> {
        let block = self.dedicated_block(set, pointer)?;
        self.memory_context_check_size(size, flags)?;
        let layout = &self.profile.mmgr;
        let request = header::request(self.profile, pointer);
        let old_size = self.arena.read_ptr(block.offset(ENDPTR)).since(pointer);
        self.test_for_scribbling(set, request, old_size, layout.chunk, "realloc")?;
        let limit = sizes(self.profile, set).chunk_limit(self.arena);
        let least = size.max((layout.aset_realloc_minimum)(limit));
        let chunk_size = memdebug::chunk_size(self.profile, least);
        let blksize = chunk_size.wrapping_add(layout.aset_block + layout.chunk);
        let old_end = self.arena.read_ptr(block.offset(ENDPTR));
        let Some(new) = self.local.heap.realloc(self.arena, block, blksize) else {
            return self.memory_context_allocation_failure(set, size, flags);
        };
        self.mem_allocated_add(set, blksize.wrapping_sub(old_end.since(block)) as i64);

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
        let to = header::write_dedicated(arena, self.profile, new, chunk_size);
        header::request(self.profile, to).set(arena, size, chunk_size);
        self.emit(MemoryEvent::BlockResized { context: set, from: block, to: new, size: blksize })?;
        let moved = if to == pointer {
            MemoryEvent::RepallocInPlace { context: set, chunk: to, size, usable: chunk_size }
        } else {
            let copied = old_size.min(size);
            MemoryEvent::RepallocMoved { context: set, from: pointer, to, copied }
        };
        self.emit(moved)?;
        Ok(to)
    }
}
