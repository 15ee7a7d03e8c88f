//! The short ways of Generation: what [`Generation::alloc`] and `free_p` do to the same bytes when
//! the active block has room, and when a freed chunk is not its block's last.

use super::block::{ENDPTR, FREEPTR, NCHUNKS};
use super::{Generation, SIZES};
use crate::memory::{Addr, Arena, Fields, Window};
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
    fn quick_alloc<L: Layout>(way: &ShortWay, arena: &mut Arena, size: u64) -> Option<Addr> {
        let (layout, windows) = (&L::PROFILE.mmgr, arena.windows());
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
    fn quick_free<L: Layout>(_: &ShortWay, arena: &mut Arena, pointer: Addr) -> Option<()> {
        let (layout, windows) = (&L::PROFILE.mmgr, arena.windows());
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
        let counts = self.counts();
        let nchunks = u64::from((counts as u32).wrapping_add(1));
        self.set_counts(counts >> 32 << 32 | nchunks);
        self.fields.set_ptr(self.end - FREEPTR, free_start);
    }

    /// Whether one more freed chunk is the last.
    #[inline(always)]
    fn is_last(self) -> bool {
        let counts = self.counts();
        ((counts >> 32) as u32).wrapping_add(1) >= counts as u32
    }

    /// Count a freed chunk.
    #[inline(always)]
    fn count_free(self) {
        self.set_counts(self.counts().wrapping_add(1 << 32));
    }

    /// The chunks, and in the upper half the freed ones.
    #[inline(always)]
    fn counts(self) -> u64 {
        self.fields.word(self.end - NCHUNKS)
    }

    #[inline(always)]
    fn set_counts(self, counts: u64) {
        self.fields.set_word(self.end - NCHUNKS, counts);
    }

    #[inline(always)]
    fn ptr(self, back: u64) -> Addr {
        self.fields.ptr(self.end - back)
    }
}
