//! The blocks of a Generation context: how they are filled, emptied, kept and freed.

use super::{active_field, keeper_block, list, request, sizes, spare_field, write_header};
use crate::error::Fallible;
use crate::event::MemoryEvent;
use crate::memory::{Addr, Arena, Words};
use crate::mmgr::{Process, dlist, memdebug};
use crate::op::AllocFlags;
use crate::profile::{ChunkHeaders, Profile, Recycling};

// struct GenerationBlock begins with its list node. Where chunks don't point to their owner,
// the block does, in the field behind the node.
const CONTEXT: u64 = 16;
// The other fields, by their distance from the header's end.
const BLKSIZE: u64 = 32;
pub(super) const NCHUNKS: u64 = 24;
const NFREE: u64 = 20;
pub(super) const FREEPTR: u64 = 16;
pub(super) const ENDPTR: u64 = 8;

/// A block.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub(super) addr: Addr,
    /// Where its header ends.
    body: Addr,
}

impl Block {
    #[inline]
    pub(super) fn at(profile: &Profile, addr: Addr) -> Self {
        Self { addr, body: addr.offset(profile.mmgr.generation.block) }
    }

    /// The context that it belongs to, where blocks say so.
    #[inline]
    pub(super) fn context(self, arena: &impl Words) -> Addr {
        arena.ptr(self.addr.offset(CONTEXT))
    }

    /// Bytes that it takes of malloc, or behind the context's header.
    pub(super) fn size(self, arena: &impl Words) -> u64 {
        arena.word(self.body.back(BLKSIZE))
    }

    /// Chunks cut from it since it was empty.
    #[inline]
    pub(super) fn chunks(self, arena: &impl Words) -> u32 {
        arena.half(self.body.back(NCHUNKS))
    }

    /// Those of them that were freed.
    #[inline]
    pub(super) fn free_chunks(self, arena: &impl Words) -> u32 {
        arena.half(self.body.back(NFREE))
    }

    /// Where its free space begins.
    #[inline]
    pub(super) fn free_start(self, arena: &impl Words) -> Addr {
        arena.ptr(self.body.back(FREEPTR))
    }

    /// Where it ends.
    #[inline]
    pub(super) fn end(self, arena: &impl Words) -> Addr {
        arena.ptr(self.body.back(ENDPTR))
    }

    /// `GenerationBlockFreeBytes`.
    #[inline]
    pub(super) fn free_bytes(self, arena: &impl Words) -> u64 {
        self.end(arena).since(self.free_start(arena))
    }

    /// `GenerationBlockInit`.
    pub(super) fn init(self, arena: &mut Arena, profile: &Profile, set: Addr, size: u64) {
        if profile.mmgr.chunk_headers == ChunkHeaders::Packed {
            arena.write_ptr(self.addr.offset(CONTEXT), set);
        }
        arena.write_u64(self.body.back(BLKSIZE), size);
        arena.write_ptr(self.body.back(ENDPTR), self.addr.offset(size));
        self.start_over(arena);
    }

    /// `GenerationBlockMarkEmpty`.
    pub(super) fn mark_empty(self, arena: &mut Arena) {
        let used = self.free_start(arena).since(self.body);
        memdebug::wipe_mem(arena, self.body, used);
        self.start_over(arena);
    }

    fn start_over(self, arena: &mut Arena) {
        arena.write_u32(self.body.back(NCHUNKS), 0);
        arena.write_u32(self.body.back(NFREE), 0);
        arena.write_ptr(self.body.back(FREEPTR), self.body);
    }

    /// Count a freed chunk. True if no other is left.
    #[inline]
    pub(super) fn count_free(self, arena: &mut impl Words) -> bool {
        let free = self.free_chunks(arena).wrapping_add(1);
        arena.set_half(self.body.back(NFREE), free);
        free >= self.chunks(arena)
    }

    /// Count a new chunk of this many bytes, its header included. Returns where it is.
    #[inline]
    pub(super) fn cut(self, arena: &mut impl Words, size: u64) -> Addr {
        let chunk = self.free_start(arena);
        let count = self.chunks(arena).wrapping_add(1);
        arena.set_half(self.body.back(NCHUNKS), count);
        arena.set_ptr(self.body.back(FREEPTR), chunk.offset(size));
        chunk
    }
}

impl Process<'_> {
    /// `GenerationAllocLarge`: a block of its own.
    pub(super) fn generation_alloc_large(
        &mut self,
        set: Addr,
        size: u64,
        flags: AllocFlags,
    ) -> Fallible<Addr> {
        self.memory_context_check_size(size, flags)?;
        let layout = &self.profile.mmgr.generation;
        let blksize =
            memdebug::chunk_size(self.profile, size).wrapping_add(layout.chunk + layout.block);
        let Some(addr) = self.malloc(blksize) else {
            return self.memory_context_allocation_failure(set, size, flags);
        };
        let block = self.generation_add_block(set, addr, blksize, true)?;
        self.generation_cut_chunk(set, block, size, true)
    }

    /// `GenerationAllocFromNewBlock`: a block of the next size becomes the active one.
    pub(super) fn generation_alloc_from_new_block(
        &mut self,
        set: Addr,
        size: u64,
        flags: AllocFlags,
    ) -> Fallible<Addr> {
        let profile = self.profile;
        let layout = &profile.mmgr.generation;
        let mut blksize = sizes(profile, set).advance(self.arena);
        let required =
            memdebug::chunk_size(profile, size).wrapping_add(layout.chunk + layout.block);
        if blksize < required {
            blksize = required.checked_next_power_of_two().unwrap_or(0);
        }
        let Some(addr) = self.malloc(blksize) else {
            return self.memory_context_allocation_failure(set, size, flags);
        };
        if layout.recycling == Recycling::SpareOrKeeper {
            self.arena.write_ptr(spare_field(profile, set), Addr::NULL);
        }
        self.arena.write_ptr(active_field(profile, set), addr);
        let block = self.generation_add_block(set, addr, blksize, false)?;
        self.generation_alloc_chunk_from_block(set, block, size)
    }

    /// A block from malloc becomes the first of the context's list.
    fn generation_add_block(
        &mut self,
        set: Addr,
        addr: Addr,
        size: u64,
        dedicated: bool,
    ) -> Fallible<Block> {
        let block = Block::at(self.profile, addr);
        self.mem_allocated_add(set, size as i64);
        block.init(self.arena, self.profile, set, size);
        dlist::push_head(self.arena, list(self.profile, set), addr);
        self.emit(MemoryEvent::BlockAllocated { context: set, block: addr, size, dedicated })?;
        Ok(block)
    }

    /// `GenerationAllocChunkFromBlock`: cut the next chunk off the block's free space.
    pub(super) fn generation_alloc_chunk_from_block(
        &mut self,
        set: Addr,
        block: Block,
        size: u64,
    ) -> Fallible<Addr> {
        self.generation_cut_chunk(set, block, size, false)
    }

    fn generation_cut_chunk(
        &mut self,
        set: Addr,
        block: Block,
        size: u64,
        dedicated: bool,
    ) -> Fallible<Addr> {
        let profile = self.profile;
        let usable = memdebug::chunk_size(profile, size);
        let chunk = block.cut(self.arena, usable.wrapping_add(profile.mmgr.generation.chunk));
        let pointer = write_header(self.arena, profile, set, block, chunk, usable, dedicated);
        request(profile, pointer).set(self.arena, size, usable);
        self.emit(MemoryEvent::Palloc { context: set, chunk: pointer, size, usable })?;
        Ok(pointer)
    }

    /// The active block is full: an emptied block that can hold the chunk takes its place.
    pub(super) fn generation_recycled_block(
        &mut self,
        set: Addr,
        required: u64,
    ) -> Fallible<Option<Block>> {
        let profile = self.profile;
        let fits = |arena: &Arena, addr: Addr| {
            let block = Block::at(profile, addr);
            !addr.is_null() && block.chunks(arena) == 0 && block.free_bytes(arena) >= required
        };
        let spare = self.arena.read_ptr(spare_field(profile, set));
        let keeper = keeper_block(profile, set);
        let addr = if fits(self.arena, spare) {
            self.arena.write_ptr(spare_field(profile, set), Addr::NULL);
            spare
        } else if profile.mmgr.generation.recycling == Recycling::SpareOrKeeper
            && fits(self.arena, keeper)
        {
            keeper
        } else {
            return Ok(None);
        };
        self.arena.write_ptr(active_field(profile, set), addr);
        self.emit(MemoryEvent::BlockReused { context: set, block: addr })?;
        Ok(Some(Block::at(profile, addr)))
    }

    /// A block's last chunk was freed.
    pub(super) fn generation_block_emptied(&mut self, set: Addr, block: Block) -> Fallible<()> {
        let profile = self.profile;
        let spare = self.arena.read_ptr(spare_field(profile, set));
        let active = self.arena.read_ptr(active_field(profile, set)) == block.addr;
        let keeper = keeper_block(profile, set) == block.addr;
        let layout = &profile.mmgr.generation;
        let (in_place, becomes_spare) = match layout.recycling {
            Recycling::SpareOrKeeper => (keeper, spare.is_null() || spare == block.addr),
            Recycling::Spare => (keeper || active, spare.is_null()),
        };
        let too_large =
            layout.spare_within_max && block.size(self.arena) > sizes(profile, set).max(self.arena);
        let becomes_spare = becomes_spare && !too_large;
        if !in_place && !becomes_spare {
            if active {
                self.arena.write_ptr(active_field(profile, set), Addr::NULL);
            }
            // Older versions free it by themselves here, and don't wipe it.
            let wipe = profile.mmgr.generation.recycling == Recycling::Spare;
            return self.generation_block_free(set, block, wipe);
        }
        block.mark_empty(self.arena);
        if !in_place {
            self.arena.write_ptr(spare_field(profile, set), block.addr);
        }
        self.emit(MemoryEvent::BlockEmptied { context: set, block: block.addr })
    }

    /// `GenerationBlockFree`.
    pub(super) fn generation_block_free(
        &mut self,
        set: Addr,
        block: Block,
        wipe: bool,
    ) -> Fallible<()> {
        let size = block.size(self.arena);
        dlist::delete(self.arena, block.addr);
        self.mem_allocated_add(set, (size as i64).wrapping_neg());
        self.wipe_and_free(block.addr, if wipe { size } else { 0 });
        self.emit(MemoryEvent::BlockFreed { context: set, block: block.addr, size })
    }
}
