//! The short ways of Generation: what [`Generation::alloc`] and `free_p` do to the same bytes when
//! the active block has room, and when a freed chunk is not its block's last.

use super::block::{ENDPTR, FREEPTR, NCHUNKS};
use super::{Generation, SIZES};
use crate::memory::{Addr, Arena, Fields, Window};
use crate::mmgr::chunk::{ChunkHeader, MCTX_GENERATION_ID};
use crate::mmgr::maxalign;
use crate::mmgr::short_way::{ContextFields, Quick, ShortWay};
use crate::profile::{ChunkHeaders, Layout};

/// Words of `GenerationBlock`, in the longer form: the shorter one is followed by a chunk.
const BLOCK: usize = 7;
/// Words before a chunk that points to its owner: size, block, owner.
const OWNED: usize = 3;

impl Quick for Generation {
    fn limit<L: Layout>(fields: ContextFields<'_>) -> u64 {
        let limit = match L::PROFILE.mmgr.size_field {
            4 => fields.half(SIZES + 12).into(),
            _ => fields.word(SIZES + 24),
        };
        // Requests are rounded up to eight bytes before they are compared with it.
        limit & !7
    }

    #[inline(always)]
    fn quick_alloc<L: Layout>(way: &ShortWay, arena: &mut Arena, size: u64) -> Option<Addr> {
        let (layout, windows) = (&L::PROFILE.mmgr, arena.windows());
        let active = way.start.ptr(windows, SIZES + 4 * layout.size_field)?;
        let chunk_size = maxalign(size);
        let required = chunk_size.wrapping_add(layout.generation.chunk);
        let window = windows.of(active);
        let block = window.fields::<BLOCK>(active)?;
        let (chunk, counts) = (block.ptr(field::<L>(FREEPTR)), block.word(field::<L>(NCHUNKS)));
        let (free, most) = (block.ptr(field::<L>(ENDPTR)).since(chunk), u32::MAX);
        if free < required || counts as u32 == most {
            return None;
        }
        let count = || {
            block.set_word(field::<L>(NCHUNKS), counts + 1);
            block.set_ptr(field::<L>(FREEPTR), chunk.offset(required));
        };
        // In the order of the long way, in case that somebody wrote over the block's header.
        match layout.chunk_headers {
            ChunkHeaders::Owner => {
                let header = window.fields::<OWNED>(chunk)?;
                count();
                header.set_word(0, chunk_size);
                header.set_ptr(8, active);
                header.set_ptr(16, way.start.addr);
            }
            ChunkHeaders::Packed => {
                let header = window.fields::<1>(chunk)?;
                count();
                let word = ChunkHeader::new(chunk.since(active), chunk_size, MCTX_GENERATION_ID);
                header.set_word(0, word.0);
            }
        }
        Some(chunk.offset(layout.generation.chunk))
    }

    #[inline(always)]
    fn quick_free<L: Layout>(_: &ShortWay, arena: &mut Arena, pointer: Addr) -> Option<()> {
        let (layout, windows) = (&L::PROFILE.mmgr, arena.windows());
        let chunk = pointer.back(layout.generation.chunk);
        let window = windows.of(chunk);
        match layout.chunk_headers {
            ChunkHeaders::Owner => {
                let header = window.fields::<OWNED>(chunk)?;
                let block = Counts::of::<L>(window, header.ptr(8))?;
                if block.is_last() {
                    return None;
                }
                header.set_ptr(16, Addr::NULL);
                block.count_free();
            }
            ChunkHeaders::Packed => {
                let header = ChunkHeader(window.fields::<1>(chunk)?.word(0));
                if header.method() != MCTX_GENERATION_ID || header.is_external() {
                    return None;
                }
                let block = Counts::of::<L>(window, chunk.back(header.block_offset()))?;
                if block.is_last() {
                    return None;
                }
                block.count_free();
            }
        }
        Some(())
    }
}

/// A block's fields are called by their distance from its header's end: here, by their offsets.
const fn field<L: Layout>(back: u64) -> u64 {
    L::PROFILE.mmgr.generation.block - back
}

/// How many chunks a block has, and in the upper half of the word how many of them were freed.
#[derive(Clone, Copy)]
struct Counts<'a>(Fields<'a, 1>);

impl<'a> Counts<'a> {
    #[inline(always)]
    fn of<L: Layout>(window: Window<'a>, block: Addr) -> Option<Self> {
        window.field(block, field::<L>(NCHUNKS)).map(Self)
    }

    /// Whether one more freed chunk is the last.
    #[inline(always)]
    fn is_last(self) -> bool {
        let counts = self.0.word(0);
        ((counts >> 32) as u32).wrapping_add(1) >= counts as u32
    }

    /// Count a freed chunk.
    #[inline(always)]
    fn count_free(self) {
        self.0.set_word(0, self.0.word(0).wrapping_add(1 << 32));
    }
}
