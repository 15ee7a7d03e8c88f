//! Slab blocks in a list for each number of free chunks (to PostgreSQL 15).
//!
//! The context notes the lowest number above zero that some block has: the first block of
//! that list serves the next request. A block moves to another list with every chunk that is
//! taken or freed. Its free chunks are linked by their index, each in the first bytes of the
//! one before it; a new block's are linked in their order. An empty block is freed at once.

use super::Shape;
use crate::error::Fallible;
use crate::event::MemoryEvent;
use crate::memory::{Addr, AddrSet, Arena, Words};
use crate::mmgr::{Process, dlist, memdebug};
use crate::op::AllocFlags;
use crate::profile::Profile;

// struct SlabContext: offsets of the fields that only this form has.
const HEADER_SIZE: u64 = 104;
const NBLOCKS: u64 = 120;

// struct SlabBlock: offsets of its fields.
pub(super) const NODE: u64 = 0;
const NFREE: u64 = 16;
const FIRST_FREE_CHUNK: u64 = 20;

pub(super) fn init(arena: &mut Arena, shape: Shape, header_size: u64) {
    arena.write_u64(shape.slab.offset(HEADER_SIZE), header_size);
    (0..=shape.per_block).for_each(|index| dlist::init(arena, shape.list(index)));
}

#[inline]
pub(super) fn nfree(words: &impl Words, block: Addr) -> u32 {
    words.half(block.offset(NFREE))
}

/// Take a block out of its list, for good.
pub(super) fn forget(arena: &mut Arena, shape: Shape, block: Addr) {
    let count = shape.slab.offset(NBLOCKS);
    let nblocks = arena.read_u32(count).wrapping_sub(1);
    arena.write_u32(count, nblocks);
    dlist::delete(arena, block.offset(NODE));
}

/// How many chunks the block has, and where its free ones begin.
pub(super) fn free_chunks(
    arena: &Arena,
    profile: &Profile,
    shape: Shape,
    block: Addr,
) -> (u32, AddrSet) {
    let mut free = AddrSet::default();
    let mut index = arena.read_u32(block.offset(FIRST_FREE_CHUNK));
    while index < shape.per_block {
        let chunk = shape.chunk_at(profile, block, index);
        // Whoever writes to a free chunk can make the links run in a circle.
        if !free.insert(chunk) {
            break;
        }
        index = arena.read_u32(chunk.offset(profile.mmgr.slab.chunk));
    }
    (shape.per_block, free)
}

/// Take the first free chunk of a block that has one; the block moves to the list that is now
/// right for it. Returns the block and the chunk.
#[inline]
fn take(words: &mut impl Words, profile: &Profile, shape: Shape, node: Addr) -> (Addr, Addr) {
    let block = node.back(NODE);
    dlist::delete(words, node);
    let left = nfree(words, block).wrapping_sub(1);
    dlist::push_head(words, shape.list(left), node);
    let index = words.half(block.offset(FIRST_FREE_CHUNK));
    let chunk = shape.chunk_at(profile, block, index);
    let next = words.half(chunk.offset(profile.mmgr.slab.chunk));
    words.set_half(block.offset(FIRST_FREE_CHUNK), next);
    words.set_half(block.offset(NFREE), left);

    // A full block can't serve the next request: look for the fullest that can.
    let has_block = |index: &u32| !dlist::is_empty(words, shape.list(*index));
    let lowest = if left > 0 { Some(left) } else { (1..=shape.per_block).find(has_block) };
    let lowest = lowest.filter(|index| *index != shape.per_block).unwrap_or(0);
    words.set_half(shape.current(), lowest);
    (block, chunk)
}

/// A freed chunk becomes the block's first free one, and the block moves to the list that is now
/// right for it. True if no other chunk of the block is in use.
#[inline]
fn put(
    words: &mut impl Words,
    profile: &Profile,
    shape: Shape,
    block: Addr,
    pointer: Addr,
) -> bool {
    dlist::delete(words, block.offset(NODE));
    let before = nfree(words, block);
    let now = before.wrapping_add(1);
    let chunk = pointer.back(profile.mmgr.slab.chunk);
    let index = chunk.since(shape.chunk_at(profile, block, 0)).checked_div(shape.full).unwrap_or(0);
    let next = words.half(block.offset(FIRST_FREE_CHUNK));
    words.set_half(pointer, next);
    words.set_half(block.offset(FIRST_FREE_CHUNK), index as u32);
    words.set_half(block.offset(NFREE), now);

    let empty = now == shape.per_block;
    let emptied_list = dlist::is_empty(words, shape.list(before));
    if words.half(shape.current()) == before && emptied_list {
        words.set_half(shape.current(), if empty { 0 } else { now });
    }
    dlist::push_head(words, shape.list(now), block.offset(NODE));
    empty
}

impl Process<'_> {
    /// The block and the chunk for a request, taken off the block's free ones.
    pub(super) fn slab_take_by_free_chunks(
        &mut self,
        shape: Shape,
        flags: AllocFlags,
    ) -> Fallible<Option<(Addr, Addr)>> {
        let mut current = self.arena.read_u32(shape.current());
        if current == 0 {
            let block = self.slab_malloc_block(shape, flags)?;
            if block.is_null() {
                return Ok(None);
            }
            self.slab_link_new_block(shape, block);
            current = shape.per_block;
            let size = shape.block;
            let context = shape.slab;
            self.emit(MemoryEvent::BlockAllocated { context, block, size, dedicated: false })?;
        }
        // The list has a block, says the number. If it has none, its head is taken for one.
        let list = shape.list(current);
        let node = dlist::first(self.arena, list).unwrap_or(list);
        Ok(Some(take(self.arena, self.profile, shape, node)))
    }

    /// A new block, all of its chunks free, in the list of such blocks.
    fn slab_link_new_block(&mut self, shape: Shape, block: Addr) {
        let profile = self.profile;
        let arena = &mut *self.arena;
        arena.write_u32(block.offset(NFREE), shape.per_block);
        arena.write_u32(block.offset(FIRST_FREE_CHUNK), 0);
        for index in 0..shape.per_block {
            let chunk = shape.chunk_at(profile, block, index);
            arena.write_u32(chunk.offset(profile.mmgr.slab.chunk), index + 1);
        }
        dlist::push_head(arena, shape.list(shape.per_block), block.offset(NODE));
        arena.write_u32(shape.current(), shape.per_block);
        let count = shape.slab.offset(NBLOCKS);
        let nblocks = arena.read_u32(count).wrapping_add(1);
        arena.write_u32(count, nblocks);
    }

    /// `SlabFree`: the chunk is the block's first free one.
    pub(super) fn slab_free_by_free_chunks(
        &mut self,
        shape: Shape,
        block: Addr,
        pointer: Addr,
    ) -> Fallible<()> {
        let profile = self.profile;
        // What stands behind the link to the next free chunk.
        memdebug::wipe_mem(self.arena, pointer.offset(4), shape.chunk.wrapping_sub(4));
        let empty = put(self.arena, profile, shape, block, pointer);
        let usable = shape.room(profile);
        let context = shape.slab;
        self.emit(MemoryEvent::Pfree { context, chunk: pointer, usable, freelist: !empty })?;
        if empty {
            forget(self.arena, shape, block);
            self.slab_free_block(shape, block, false)?;
        }
        Ok(())
    }
}
