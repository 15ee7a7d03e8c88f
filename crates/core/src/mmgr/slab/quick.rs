//! The short ways of Slab: what [`Slab::alloc`] and `free_p` do to the same bytes when a block has
//! a free chunk, and when a freed chunk is not its block's last.
//!
//! A block moves from list to list with nearly every chunk where there is a list for each number
//! of free chunks; so that form has its moves written out here.

use super::{CHUNK_SLAB, SIZES, Shape, Slab, block_of, by_fullness, write_header};
use crate::memory::{Addr, Arena, Fields, Window};
use crate::mmgr::chunk::{ChunkHeader, MCTX_SLAB_ID};
use crate::mmgr::short_way::{ContextFields, Quick, ShortWay, Start};
use crate::profile::{Layout, SlabLists, SlabProfile};

// struct SlabContext, where there is a list for each number of free chunks.
const FULL_CHUNK_SIZE: u64 = SIZES + 8;
/// `chunksPerBlock`, and in the upper half `minFreeChunks`.
const COUNTS: u64 = SIZES + 32;

// struct SlabBlock there: its node, then the number of free chunks, and in the upper half of the
// same word the index of the first.
const BLOCK: usize = 3;
const FREE: u64 = 16;

// struct dlist_node.
const NODE: usize = 2;
const PREV: u64 = 0;
const NEXT: u64 = 8;

/// Words of a chunk's header, and the one with the link behind it.
const CHUNK: usize = 3;
const LINK: u64 = 16;

impl Quick for Slab {
    fn limit<L: Layout>(fields: ContextFields<'_>) -> u64 {
        match L::PROFILE.mmgr.size_field {
            4 => fields.half(SIZES).into(),
            _ => fields.word(SIZES),
        }
    }

    #[inline(always)]
    fn quick_alloc<L: Layout>(way: &ShortWay, arena: &mut Arena, size: u64) -> Option<Addr> {
        if size != way.limit {
            return None;
        }
        match L::PROFILE.mmgr.slab.lists {
            SlabLists::ByFreeChunks => Lists::of::<L>(way, arena.windows().heap)?.take(),
            SlabLists::ByFullness => take_by_fullness::<L>(way, arena),
        }
    }

    #[inline(always)]
    fn quick_free<L: Layout>(way: &ShortWay, arena: &mut Arena, pointer: Addr) -> Option<()> {
        match L::PROFILE.mmgr.slab.lists {
            SlabLists::ByFreeChunks => Lists::of::<L>(way, arena.windows().heap)?.put(pointer),
            SlabLists::ByFullness => put_by_fullness::<L>(way, arena, pointer),
        }
    }
}

#[inline(never)]
fn take_by_fullness<L: Layout>(way: &ShortWay, arena: &mut Arena) -> Option<Addr> {
    let profile = L::PROFILE;
    let words = &mut arena.windows().heap;
    let shape = Shape::of(words, profile, way.start.addr);
    let (block, chunk) = by_fullness::quick_take(words, profile, shape)?;
    Some(write_header(words, profile, shape, block, chunk))
}

#[inline(never)]
fn put_by_fullness<L: Layout>(way: &ShortWay, arena: &mut Arena, pointer: Addr) -> Option<()> {
    let profile = L::PROFILE;
    let words = &mut arena.windows().heap;
    if ChunkHeader::of(words, pointer).method() != MCTX_SLAB_ID {
        return None;
    }
    let block = block_of(words, profile, pointer);
    let shape = Shape::of(words, profile, way.start.addr);
    by_fullness::quick_put(words, profile, shape, block, pointer)
}

/// A context with a list of blocks for each number of free chunks.
struct Lists<'a> {
    slab: Start,
    heap: Window<'a>,
    fields: ContextFields<'a>,
    profile: &'static SlabProfile,
}

impl<'a> Lists<'a> {
    #[inline(always)]
    fn of<L: Layout>(way: &ShortWay, heap: Window<'a>) -> Option<Self> {
        let fields = heap.fields_at(way.start.index)?;
        Some(Self { slab: way.start, heap, fields, profile: &L::PROFILE.mmgr.slab })
    }

    /// Take the first free chunk of the fullest block that has one.
    #[inline(always)]
    fn take(self) -> Option<Addr> {
        let Self { slab, heap, fields, profile } = self;
        let counts = fields.word(COUNTS);
        let (per_block, current) = (counts as u32, (counts >> 32) as u32);
        if current == 0 {
            return None;
        }
        let (list, list_addr) = self.list(current)?;
        let block_addr = list.ptr(NEXT);
        let block = heap.fields::<BLOCK>(block_addr)?;
        let free = block.word(FREE);
        let left = (free as u32).wrapping_sub(1);
        let offset = fields.word(FULL_CHUNK_SIZE).wrapping_mul(free >> 32);
        let chunk_addr = block_addr.offset(profile.block).offset(offset);
        let chunk = heap.fields::<CHUNK>(chunk_addr)?;
        // An empty list's first block is its head. All lists are at hand if the last is.
        if block_addr == list_addr || left >= per_block {
            return None;
        }
        self.list(per_block)?;
        self.shift(block_addr, left)?;
        block.set_word(FREE, u64::from(left) | u64::from(chunk.half(LINK)) << 32);
        let lowest = if left > 0 { left } else { self.lowest(per_block) };
        fields.set_word(COUNTS, u64::from(per_block) | u64::from(lowest) << 32);
        chunk.set_ptr(0, block_addr);
        chunk.set_ptr(CHUNK_SLAB, slab.addr);
        Some(chunk_addr.offset(profile.chunk))
    }

    /// A freed chunk becomes its block's first free one, if others of the block are in use.
    #[inline(always)]
    fn put(self, pointer: Addr) -> Option<()> {
        let Self { heap, fields, profile, .. } = self;
        let chunk_addr = pointer.back(profile.chunk);
        let chunk = heap.fields::<CHUNK>(chunk_addr)?;
        let block_addr = chunk.ptr(0);
        let block = heap.fields::<BLOCK>(block_addr)?;
        let free = block.word(FREE);
        let (before, now) = (free as u32, (free as u32).wrapping_add(1));
        let counts = fields.word(COUNTS);
        let (per_block, current) = (counts as u32, (counts >> 32) as u32);
        let offset = chunk_addr.since(block_addr.offset(profile.block));
        let index = offset.checked_div(fields.word(FULL_CHUNK_SIZE))?;
        if now >= per_block {
            return None;
        }
        let alone = block.ptr(PREV) == block.ptr(NEXT);
        self.shift(block_addr, now)?;
        let others = chunk.word(LINK) >> 32 << 32;
        chunk.set_word(LINK, others | free >> 32);
        block.set_word(FREE, u64::from(now) | index << 32);
        if current == before && alone {
            fields.set_word(COUNTS, u64::from(per_block) | u64::from(now) << 32);
        }
        Some(())
    }

    /// Move a block to the head of the list for this number of free chunks: `dlist_delete` and
    /// `dlist_push_head`.
    #[inline(always)]
    fn shift(&self, node_addr: Addr, number: u32) -> Option<()> {
        let node = self.heap.fields::<NODE>(node_addr)?;
        let (prev_addr, next_addr) = (node.ptr(PREV), node.ptr(NEXT));
        let prev = self.heap.fields::<NODE>(prev_addr)?;
        let next = self.heap.fields::<NODE>(next_addr)?;
        let (list, list_addr) = self.list(number)?;
        let first_addr = list.ptr(NEXT);
        let first = self.heap.fields::<NODE>(first_addr)?;
        prev.set_ptr(NEXT, next_addr);
        next.set_ptr(PREV, prev_addr);
        node.set_ptr(PREV, list_addr);
        node.set_ptr(NEXT, first_addr);
        list.set_ptr(NEXT, node_addr);
        first.set_ptr(PREV, node_addr);
        Some(())
    }

    /// The lowest number of free chunks above zero that some block has, or 0 if all blocks are
    /// full or empty.
    #[inline(always)]
    fn lowest(&self, per_block: u32) -> u32 {
        let lists = self.heap.array_at::<NODE>(self.list_index(1));
        let mut addr = self.list_addr(1);
        for (number, list) in (1..per_block).zip(lists) {
            if list.ptr(NEXT) != addr {
                return number;
            }
            addr = addr.offset(8 * NODE as u64);
        }
        0
    }

    #[inline(always)]
    fn list(&self, number: u32) -> Option<(Fields<'a, NODE>, Addr)> {
        Some((self.heap.fields_at(self.list_index(number))?, self.list_addr(number)))
    }

    #[inline(always)]
    fn list_addr(&self, number: u32) -> Addr {
        self.slab.addr.offset(self.profile.blocklists + 8 * NODE as u64 * u64::from(number))
    }

    #[inline(always)]
    fn list_index(&self, number: u32) -> usize {
        let words = self.profile.blocklists as usize / 8 + NODE * number as usize;
        self.slab.index.wrapping_add(words)
    }
}
