//! Slab blocks in three lists by fullness, and a stock of empty ones (from PostgreSQL 16 on).
//!
//! List 0 has the full blocks. The others stand for more and more free chunks, so that a block
//! changes lists seldom; requests are taken from the lowest that has a block. A block's freed
//! chunks are linked through their first bytes, and those that were never used follow in
//! address order. Up to ten blocks that ran empty are kept, the last one to be used first.

use super::Shape;
use crate::error::Fallible;
use crate::event::MemoryEvent;
use crate::memory::{Addr, AddrSet, Arena, Words};
use crate::mmgr::chain::chain;
use crate::mmgr::{Process, dlist, memdebug};
use crate::op::AllocFlags;
use crate::profile::{MEMORY_CONTEXT_CHECKING, Profile};

/// `SLAB_BLOCKLIST_COUNT`.
pub(super) const LIST_COUNT: u32 = 3;
/// `SLAB_MAXIMUM_EMPTY_BLOCKS`.
const MAXIMUM_EMPTY_BLOCKS: u32 = 10;

// struct SlabContext: offsets of the fields that only this form has. Builds that check have a
// pointer in between.
const BLOCKLIST_SHIFT: u64 = if MEMORY_CONTEXT_CHECKING { 112 } else { 100 };
const EMPTY_BLOCKS: u64 = if MEMORY_CONTEXT_CHECKING { 120 } else { 104 };
/// `isChunkFree`, of builds that check.
#[cfg(feature = "memory-context-checking")]
pub(super) const IS_CHUNK_FREE: u64 = 104;
const EMPTY_COUNT: u64 = EMPTY_BLOCKS + dlist::DLIST_HEAD;

// struct SlabBlock: offsets of its fields.
const SLAB: u64 = 0;
const NFREE: u64 = 8;
const NUNUSED: u64 = 12;
const FREEHEAD: u64 = 16;
const UNUSED: u64 = 24;
pub(super) const NODE: u64 = 32;

pub(super) fn init(arena: &mut Arena, shape: Shape) {
    let mut shift = 0;
    while shape.per_block >> shift >= LIST_COUNT - 1 {
        shift += 1;
    }
    arena.write_u32(shape.slab.offset(BLOCKLIST_SHIFT), shift);
    dlist::init(arena, shape.slab.offset(EMPTY_BLOCKS));
    (0..LIST_COUNT).for_each(|index| dlist::init(arena, shape.list(index)));
}

#[inline]
pub(super) fn slab_of_block(words: &impl Words, block: Addr) -> Addr {
    words.ptr(block.offset(SLAB))
}

#[inline]
pub(super) fn nfree(words: &impl Words, block: Addr) -> u32 {
    words.half(block.offset(NFREE))
}

/// The next chunk that was never used.
#[cfg(feature = "memory-context-checking")]
pub(super) fn unused(arena: &Arena, block: Addr) -> Addr {
    arena.read_ptr(block.offset(UNUSED))
}

/// Empty blocks that are kept, the next to be used first.
pub(super) fn empty_blocks(arena: &Arena, slab: Addr) -> impl Iterator<Item = Addr> {
    dlist::nodes(arena, slab.offset(EMPTY_BLOCKS)).map(|node| node.back(NODE))
}

/// Take a block out of the stock of empty ones.
pub(super) fn forget_empty(arena: &mut Arena, slab: Addr, block: Addr) {
    let count = arena.read_u32(slab.offset(EMPTY_COUNT)).wrapping_sub(1);
    arena.write_u32(slab.offset(EMPTY_COUNT), count);
    dlist::delete(arena, block.offset(NODE));
}

/// Take a block out of its list.
pub(super) fn forget(arena: &mut Arena, block: Addr) {
    dlist::delete(arena, block.offset(NODE));
}

/// How many chunks of the block were ever used, and where the free ones of them begin.
pub(super) fn free_chunks(
    arena: &Arena,
    profile: &Profile,
    shape: Shape,
    block: Addr,
) -> (u32, AddrSet) {
    let some = |chunk: Addr| (!chunk.is_null()).then_some(chunk);
    let first = some(arena.read_ptr(block.offset(FREEHEAD)));
    let link = profile.mmgr.slab.chunk;
    let chunks = chain(first, |chunk| some(arena.read_ptr(chunk.offset(link))));
    let mut free = AddrSet::default();
    free.extend(chunks);
    (shape.per_block.saturating_sub(arena.read_u32(block.offset(NUNUSED))), free)
}

/// `SlabBlocklistIndex`: the list for blocks with so many free chunks.
pub(super) fn blocklist_index(words: &impl Words, shape: Shape, nfree: u32) -> u32 {
    nfree.div_ceil(1u32.wrapping_shl(words.half(shape.slab.offset(BLOCKLIST_SHIFT))))
}

/// `SlabFindNextBlockListIndex`: the lowest list that has a block with room, or 0.
fn find_next_block_list_index(words: &impl Words, shape: Shape) -> u32 {
    (1..LIST_COUNT).find(|index| !dlist::is_empty(words, shape.list(*index))).unwrap_or(0)
}

/// `SlabGetNextFreeChunk`: the chunk freed last, or the next that was never used.
#[inline]
fn slab_get_next_free_chunk(
    words: &mut impl Words,
    profile: &Profile,
    shape: Shape,
    block: Addr,
) -> Addr {
    let left = nfree(words, block).wrapping_sub(1);
    words.set_half(block.offset(NFREE), left);
    let freed = words.ptr(block.offset(FREEHEAD));
    if !freed.is_null() {
        let next = words.ptr(freed.offset(profile.mmgr.slab.chunk));
        words.set_ptr(block.offset(FREEHEAD), next);
        return freed;
    }
    let chunk = words.ptr(block.offset(UNUSED));
    let unused = words.half(block.offset(NUNUSED)).wrapping_sub(1);
    words.set_ptr(block.offset(UNUSED), chunk.offset(shape.full));
    words.set_half(block.offset(NUNUSED), unused);
    chunk
}

/// Take a chunk from a block of the list `current`. Returns the block and the chunk.
#[inline]
fn take(
    words: &mut impl Words,
    profile: &Profile,
    shape: Shape,
    current: u32,
    node: Addr,
) -> (Addr, Addr) {
    let block = node.back(NODE);
    let chunk = slab_get_next_free_chunk(words, profile, shape, block);
    let now = blocklist_index(words, shape, nfree(words, block));
    if now != current {
        dlist::delete(words, node);
        dlist::push_head(words, shape.list(now), node);
        if dlist::is_empty(words, shape.list(current)) {
            let next = find_next_block_list_index(words, shape);
            words.set_half(shape.current(), next);
        }
    }
    (block, chunk)
}

/// [`take`] from a block of the current list, if all is at hand.
#[inline]
pub(super) fn quick_take(
    words: &mut impl Words,
    profile: &Profile,
    shape: Shape,
) -> Option<(Addr, Addr)> {
    let current = words.half(shape.current());
    if current == 0 {
        return None;
    }
    let node = dlist::first(words, shape.list(current))?.aligned();
    let left = nfree(words, node.back(NODE)).wrapping_sub(1);
    let list = shape.list(blocklist_index(words, shape, left));
    let at_hand = left < shape.per_block
        && shape.is_at_hand(words, node.back(NODE))
        && dlist::is_at_hand(words, node)
        && dlist::is_at_hand(words, list);
    at_hand.then(|| take(words, profile, shape, current, node))
}

/// A freed chunk becomes the block's first free one. Returns how many the block has now, and
/// the list that is now right for it.
#[inline]
fn put(
    words: &mut impl Words,
    profile: &Profile,
    shape: Shape,
    block: Addr,
    pointer: Addr,
) -> (u32, u32) {
    let next = words.ptr(block.offset(FREEHEAD));
    words.set_ptr(pointer, next);
    words.set_ptr(block.offset(FREEHEAD), pointer.back(profile.mmgr.slab.chunk));
    let before = nfree(words, block);
    let now = before.wrapping_add(1);
    words.set_half(block.offset(NFREE), now);

    let old_list = blocklist_index(words, shape, before);
    let new_list = blocklist_index(words, shape, now);
    let node = block.offset(NODE);
    if old_list != new_list {
        dlist::delete(words, node);
        dlist::push_head(words, shape.list(new_list), node);
        if words.half(shape.current()) >= old_list {
            let next = find_next_block_list_index(words, shape);
            words.set_half(shape.current(), next);
        }
    }
    (now, new_list)
}

/// [`put`] into a block that stays in use, if all is at hand.
#[inline]
pub(super) fn quick_put(
    words: &mut impl Words,
    profile: &Profile,
    shape: Shape,
    block: Addr,
    pointer: Addr,
) -> Option<()> {
    let now = nfree(words, block).wrapping_add(1);
    let at_hand = now < shape.per_block
        && words.has(pointer)
        && dlist::is_at_hand(words, block.offset(NODE))
        && dlist::is_at_hand(words, shape.list(blocklist_index(words, shape, now)));
    at_hand.then(|| {
        put(words, profile, shape, block, pointer);
    })
}

impl Process<'_> {
    /// The block and the chunk for a request, taken off the block's free ones.
    pub(super) fn slab_take_by_fullness(
        &mut self,
        shape: Shape,
        flags: AllocFlags,
    ) -> Fallible<Option<(Addr, Addr)>> {
        let current = self.arena.read_u32(shape.current());
        if current == 0 {
            return self.slab_alloc_from_new_block(shape, flags);
        }
        // The list has a block, says the number. If it has none, its head is taken for one.
        let list = shape.list(current);
        let node = dlist::first(self.arena, list).unwrap_or(list);
        Ok(Some(take(self.arena, self.profile, shape, current, node)))
    }

    /// `SlabAllocFromNewBlock`: no block has room. An empty one that was kept, or a new one.
    fn slab_alloc_from_new_block(
        &mut self,
        shape: Shape,
        flags: AllocFlags,
    ) -> Fallible<Option<(Addr, Addr)>> {
        let kept = empty_blocks(self.arena, shape.slab).next();
        let block = match kept {
            Some(block) => {
                forget_empty(self.arena, shape.slab, block);
                block
            }
            None => {
                let block = self.slab_malloc_block(shape, flags)?;
                if block.is_null() {
                    return Ok(None);
                }
                let first = shape.chunk_at(self.profile, block, 0);
                let arena = &mut *self.arena;
                arena.write_ptr(block.offset(SLAB), shape.slab);
                arena.write_u32(block.offset(NFREE), shape.per_block);
                arena.write_u32(block.offset(NUNUSED), shape.per_block);
                arena.write_ptr(block.offset(FREEHEAD), Addr::NULL);
                arena.write_ptr(block.offset(UNUSED), first);
                block
            }
        };
        let chunk = slab_get_next_free_chunk(self.arena, self.profile, shape, block);
        let arena = &mut *self.arena;
        let index = blocklist_index(arena, shape, nfree(arena, block));
        dlist::push_head(arena, shape.list(index), block.offset(NODE));
        arena.write_u32(shape.current(), index);
        let context = shape.slab;
        self.emit(match kept {
            Some(_) => MemoryEvent::BlockReused { context, block },
            None => {
                let size = shape.block;
                MemoryEvent::BlockAllocated { context, block, size, dedicated: false }
            }
        })?;
        Ok(Some((block, chunk)))
    }

    /// `SlabFree`: the chunk is the block's first free one.
    pub(super) fn slab_free_by_fullness(
        &mut self,
        shape: Shape,
        block: Addr,
        pointer: Addr,
    ) -> Fallible<()> {
        // What stands behind the link to the next free chunk.
        memdebug::wipe_mem(self.arena, pointer.offset(8), shape.chunk.wrapping_sub(8));
        let (now, new_list) = put(self.arena, self.profile, shape, block, pointer);
        let usable = shape.room(self.profile);
        let context = shape.slab;
        self.emit(MemoryEvent::Pfree { context, chunk: pointer, usable, freelist: true })?;
        if now == shape.per_block {
            self.slab_block_emptied(shape, block, new_list)
        } else {
            Ok(())
        }
    }

    /// A block's last chunk was freed: keep the block, unless enough are kept already.
    fn slab_block_emptied(&mut self, shape: Shape, block: Addr, list: u32) -> Fallible<()> {
        let arena = &mut *self.arena;
        let node = block.offset(NODE);
        dlist::delete(arena, node);
        if arena.read_u32(shape.current()) == list && dlist::is_empty(arena, shape.list(list)) {
            let next = find_next_block_list_index(arena, shape);
            arena.write_u32(shape.current(), next);
        }
        let count = arena.read_u32(shape.slab.offset(EMPTY_COUNT));
        if count >= MAXIMUM_EMPTY_BLOCKS {
            return self.slab_free_block(shape, block, true);
        }
        dlist::push_head(arena, shape.slab.offset(EMPTY_BLOCKS), node);
        arena.write_u32(shape.slab.offset(EMPTY_COUNT), count + 1);
        self.emit(MemoryEvent::BlockEmptied { context: shape.slab, block })
    }
}
