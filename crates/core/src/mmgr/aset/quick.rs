//! The short ways of AllocSet: what [`AllocSet::alloc`] and `free_p` do to the same bytes when a
//! chunk is on its freelist or the active block has room for it.
//!
//! A set's header is looked up once, and so is what stands before a chunk: two words, in both
//! forms the second one is where a free chunk keeps its link.

use super::{
    ALLOCSET_NUM_FREELISTS, AllocSet, BLOCKS, ENDPTR, FREELIST, FREEPTR, SIZES,
    alloc_set_free_index, class_size,
};
use crate::memory::{Addr, Arena, Windows};
use crate::mmgr::chunk::{ChunkHeader, MCTX_ASET_ID};
use crate::mmgr::short_way::{ContextFields, Quick, ShortWay};
use crate::profile::{ChunkHeaders, Layout};

/// Words of `AllocBlockData`.
const BLOCK: usize = ENDPTR as usize / 8 + 1;
/// Words before a chunk, or where those are fewer, with the chunk's first: the second of them is
/// the owner (to 15) and has the link of a free chunk.
const CHUNK: usize = 2;
const LINK: u64 = 8;

impl Quick for AllocSet {
    fn limit<L: Layout>(fields: ContextFields<'_>) -> u64 {
        match L::PROFILE.mmgr.size_field {
            4 => fields.half(SIZES + 12).into(),
            _ => fields.word(SIZES + 24),
        }
    }

    #[inline(always)]
    fn quick_alloc<L: Layout>(way: &ShortWay, arena: &mut Arena, size: u64) -> Option<Addr> {
        let (layout, windows) = (&L::PROFILE.mmgr, arena.windows());
        let fields = way.start.fields(windows)?;
        let index = alloc_set_free_index(size);
        let list = list(index)?;
        let chunk = fields.ptr(list);
        if chunk.is_null() {
            return cut_chunk::<L>(windows, way.start.addr, fields.ptr(BLOCKS), index);
        }
        let header = windows.fields::<CHUNK>(chunk)?;
        fields.set_ptr(list, header.ptr(LINK));
        if layout.chunk_headers == ChunkHeaders::Owner {
            header.set_ptr(LINK, way.start.addr);
        }
        Some(chunk.offset(layout.chunk))
    }

    #[inline(always)]
    fn quick_free<L: Layout>(way: &ShortWay, arena: &mut Arena, pointer: Addr) -> Option<()> {
        let (layout, windows) = (&L::PROFILE.mmgr, arena.windows());
        let fields = way.start.fields(windows)?;
        let chunk = pointer.back(layout.chunk);
        let header = windows.fields::<CHUNK>(chunk)?;
        let index = match layout.chunk_headers {
            ChunkHeaders::Owner => {
                let size = header.word(0);
                if size > way.limit {
                    return None;
                }
                alloc_set_free_index(size)
            }
            ChunkHeaders::Packed => {
                let header = ChunkHeader(header.word(0));
                if header.method() != MCTX_ASET_ID || header.is_external() {
                    return None;
                }
                header.value() as usize
            }
        };
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
    if available < size.wrapping_add(layout.chunk) {
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
