//! The short ways of Generation: what [`Generation::alloc`] and `free_p` do to the same bytes when
//! the active block has room, and when a freed chunk is not its block's last.

use super::block::{ENDPTR, FREEPTR, NCHUNKS, NFREE};
use super::{Generation, SIZES};
use crate::memory::{Addr, Fields, Window, Windows};
use crate::mmgr::chunk::{ChunkHeader, MCTX_GENERATION_ID};
use crate::mmgr::maxalign;
use crate::mmgr::short_way::{ContextFields, Quick, ShortWay};
use crate::profile::{ChunkHeaders, GenerationProfile, Layout};

/// Words of `GenerationBlock`, in the longer form: the shorter one is followed by a chunk.
const BLOCK: usize = 7;
/// Words before a chunk that points to its owner: size, block, owner.
const OWNED: usize = 3;

impl Quick for Generation {
    fn limit<L: Layout>(fields: ContextFields<'_>) -> u64 {
        match L::PROFILE.mmgr.size_field {
            4 => fields.half(SIZES + 12).into(),
            _ => fields.word(SIZES + 24),
        }
    }

    #[inline(always)]
    fn quick_alloc<L: Layout>(way: &ShortWay, windows: Windows<'_>, size: u64) -> Option<Addr> {
        let layout = &L::PROFILE.mmgr;
        let active = way.start.fields(windows)?.ptr(SIZES + 4 * layout.size_field);
        let chunk_size = maxalign(size);
        if chunk_size > way.limit {
            return None;
        }
        let required = chunk_size.wrapping_add(layout.generation.chunk);
        let window = windows.of(active);
        let block = Block::at::<L>(window, active)?;
        let chunk = block.ptr(FREEPTR);
        if block.ptr(ENDPTR).since(chunk) < required {
            return None;
        }
        // In the order of the long way, in case that somebody wrote over the block's header.
        match layout.chunk_headers {
            ChunkHeaders::Owner => {
                let header = window.fields::<OWNED>(chunk)?;
                block.count_chunk(chunk.offset(required));
                header.set_word(0, chunk_size);
                header.set_ptr(8, active);
                header.set_ptr(16, way.start.addr);
            }
            ChunkHeaders::Packed => {
                let header = window.fields::<1>(chunk)?;
                block.count_chunk(chunk.offset(required));
                let word = ChunkHeader::new(chunk.since(active), chunk_size, MCTX_GENERATION_ID);
                header.set_word(0, word.0);
            }
        }
        Some(chunk.offset(layout.generation.chunk))
    }

    #[inline(always)]
    fn quick_free<L: Layout>(_: &ShortWay, windows: Windows<'_>, pointer: Addr) -> Option<()> {
        let layout = &L::PROFILE.mmgr;
        let chunk = pointer.back(layout.generation.chunk);
        let window = windows.of(chunk);
        match layout.chunk_headers {
            ChunkHeaders::Owner => {
                let header = window.fields::<OWNED>(chunk)?;
                let block = Block::at::<L>(window, header.ptr(8))?;
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
                let block = Block::at::<L>(window, chunk.back(header.block_offset()))?;
                if block.is_last() {
                    return None;
                }
                block.count_free();
            }
        }
        Some(())
    }
}

/// A block's header, all of it at hand. Its fields are called by their distance from the end.
#[derive(Clone, Copy)]
struct Block<'a> {
    fields: Fields<'a, BLOCK>,
    end: u64,
}

impl<'a> Block<'a> {
    #[inline(always)]
    fn at<L: Layout>(window: Window<'a>, addr: Addr) -> Option<Self> {
        let GenerationProfile { block: end, .. } = L::PROFILE.mmgr.generation;
        Some(Self { fields: window.fields(addr)?, end })
    }

    /// Count a new chunk, behind which the free space begins.
    #[inline(always)]
    fn count_chunk(self, free_start: Addr) {
        self.set_half(NCHUNKS, self.half(NCHUNKS).wrapping_add(1));
        self.fields.set_ptr(self.end - FREEPTR, free_start);
    }

    /// Whether one more freed chunk is the last.
    #[inline(always)]
    fn is_last(self) -> bool {
        self.half(NFREE).wrapping_add(1) >= self.half(NCHUNKS)
    }

    /// Count a freed chunk.
    #[inline(always)]
    fn count_free(self) {
        self.set_half(NFREE, self.half(NFREE).wrapping_add(1));
    }

    #[inline(always)]
    fn ptr(self, back: u64) -> Addr {
        self.fields.ptr(self.end - back)
    }

    #[inline(always)]
    fn half(self, back: u64) -> u32 {
        self.fields.half(self.end - back)
    }

    #[inline(always)]
    fn set_half(self, back: u64, value: u32) {
        self.fields.set_half(self.end - back, value);
    }
}
