//! The short ways of AllocSet: what [`AllocSet::alloc`] and `free_p` do to the same bytes when a
//! chunk is on its freelist or the active block has room for it.
//!
//! A set's header is looked up once, and so is what stands before a chunk: two words, in both
//! forms the second one is where a free chunk keeps its link.

use super::{
    ALLOCSET_NUM_FREELISTS, ASET, AllocSet, BLOCKS, ENDPTR, FREELIST, FREEPTR, SIZES,
    alloc_set_free_index, class_size,
};
use crate::memory::{Addr, Arena, Fields, Windows};
use crate::mmgr::chunk::{ChunkHeader, MCTX_ASET_ID};
use crate::mmgr::methods::{CONTEXT_WORDS, Quick};
use crate::profile::{ChunkHeaders, Layout};

/// Words of `AllocSetContext` up to its chunk limit, in either form.
const SET: usize = CONTEXT_WORDS;
const _: () = assert!(SIZES as usize / 8 + 4 <= SET);
/// Words of `AllocBlockData`.
const BLOCK: usize = ENDPTR as usize / 8 + 1;
/// Words before a chunk, or where those are fewer, with the chunk's first: the second of them is
/// the owner (to 15) and has the link of a free chunk.
const CHUNK: usize = 2;
const LINK: u64 = 8;

impl Quick for AllocSet {
    #[inline(always)]
    fn quick_alloc<L: Layout>(arena: &mut Arena, set: Addr, size: u64) -> Option<Addr> {
        let (layout, windows) = (&L::PROFILE.mmgr, arena.windows());
        let fields = windows.heap.fields::<SET>(set)?;
        if size > chunk_limit::<L>(&fields) {
            return None;
        }
        let index = alloc_set_free_index(size);
        let list = list(index)?;
        let chunk = fields.ptr(list);
        if chunk.is_null() {
            return cut_chunk::<L>(windows, set, fields.ptr(BLOCKS), index);
        }
        let header = windows.fields::<CHUNK>(chunk)?;
        fields.set_ptr(list, header.ptr(LINK));
        if layout.chunk_headers == ChunkHeaders::Owner {
            header.set_ptr(LINK, set);
        }
        Some(chunk.offset(layout.chunk))
    }

    #[inline(always)]
    fn quick_free<L: Layout>(arena: &mut Arena, set: Addr, pointer: Addr) -> Option<()> {
        let (layout, windows) = (&L::PROFILE.mmgr, arena.windows());
        let fields = windows.heap.fields::<SET>(set)?;
        let chunk = pointer.back(layout.chunk);
        let header = windows.fields::<CHUNK>(chunk)?;
        let (owner, index) = match layout.chunk_headers {
            ChunkHeaders::Owner => {
                let size = header.word(0);
                if size > chunk_limit::<L>(&fields) {
                    return None;
                }
                (header.ptr(LINK), alloc_set_free_index(size))
            }
            ChunkHeaders::Packed => {
                let header = ChunkHeader(header.word(0));
                if header.method() != MCTX_ASET_ID || header.is_external() {
                    return None;
                }
                let block = windows.fields::<1>(chunk.back(header.block_offset()))?;
                (block.ptr(ASET), header.value() as usize)
            }
        };
        if owner != set {
            return None;
        }
        let list = list(index)?;
        header.set_ptr(LINK, fields.ptr(list));
        fields.set_ptr(list, chunk);
        Some(())
    }
}

/// Cut a chunk from the active block, if it has the room.
#[inline(always)]
fn cut_chunk<L: Layout>(
    windows: Windows<'_>,
    set: Addr,
    block: Addr,
    index: usize,
) -> Option<Addr> {
    let layout = &L::PROFILE.mmgr;
    let window = windows.of(block);
    let fields = window.fields::<BLOCK>(block)?;
    let (chunk, size) = (fields.ptr(FREEPTR), class_size(index));
    let available = fields.ptr(ENDPTR).since(chunk);
    if available < size.wrapping_add(layout.chunk) || fields.ptr(ASET) != set {
        return None;
    }
    let header = window.fields::<CHUNK>(chunk)?;
    match layout.chunk_headers {
        ChunkHeaders::Owner => {
            header.set_word(0, size);
            header.set_ptr(LINK, set);
        }
        ChunkHeaders::Packed => {
            let word = ChunkHeader::new(chunk.since(block), index as u64, MCTX_ASET_ID);
            header.set_word(0, word.0);
        }
    }
    let pointer = chunk.offset(layout.chunk);
    fields.set_ptr(FREEPTR, pointer.offset(size));
    Some(pointer)
}

/// Where the head of a freelist is; no list has a larger index.
#[inline(always)]
fn list(index: usize) -> Option<u64> {
    (index < ALLOCSET_NUM_FREELISTS).then_some(FREELIST + 8 * index as u64)
}

#[inline(always)]
fn chunk_limit<L: Layout>(fields: &Fields<'_, SET>) -> u64 {
    let field = L::PROFILE.mmgr.size_field;
    if field == 4 { fields.half(SIZES + 12).into() } else { fields.word(SIZES + 24) }
}
