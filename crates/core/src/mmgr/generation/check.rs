//! `GenerationCheck`: a walk through the chunks of all blocks that says what is wrong.

use super::{Block, block_of, blocks, chunk_size, request, set_of};
use crate::error::Fallible;
use crate::event::Problem;
use crate::memory::Addr;
use crate::mmgr::chunk::ChunkHeader;
use crate::mmgr::memdebug::sentinel_ok;
use crate::mmgr::{Process, maxalign};
use crate::profile::ChunkHeaders;

impl Process<'_> {
    /// `GenerationCheck`.
    pub(super) fn generation_check(&mut self, set: Addr) -> Fallible<()> {
        let packed = self.profile.mmgr.chunk_headers == ChunkHeaders::Packed;
        let all: Vec<Block> = blocks(self.arena, self.profile, set).collect();
        for block in all {
            let at = block.addr.0;
            let (chunks, free) = (block.chunks(self.arena), block.free_chunks(self.arena));
            if free > chunks {
                let values = [free.into(), at, chunks.into()];
                self.warn(set, Problem::GenerationFreeExceeds, values)?;
            }
            if packed && block.context(self.arena) != set {
                self.warn(set, Problem::GenerationBogusContext, [at, 0, 0])?;
            }
            self.generation_check_block(set, block)?;
        }
        Ok(())
    }

    /// A block's chunks, and that its header counts as many.
    fn generation_check_block(&mut self, set: Addr, block: Block) -> Fallible<()> {
        let packed = self.profile.mmgr.chunk_headers == ChunkHeaders::Packed;
        let chunk_header = self.profile.mmgr.generation.chunk;
        let end = block.free_start(self.arena).min(block.end(self.arena));
        let (mut chunks, mut free, mut external) = (0u32, 0u32, false);
        let mut at = block.addr.offset(self.profile.mmgr.generation.block);
        while at < end {
            self.check_has(at)?;
            let pointer = at.offset(chunk_header);
            external |= packed && ChunkHeader::of(self.arena, pointer).is_external();
            chunks += 1;
            free += u32::from(!self.generation_check_chunk(set, block, at)?);
            // A size that can't be ends the walk.
            let size = chunk_size(self.arena, self.profile, pointer);
            at = Addr(pointer.0.saturating_add(size));
        }
        let at = block.addr.0;
        let counted = block.chunks(self.arena);
        if chunks != counted {
            let values = [chunks.into(), at, counted.into()];
            self.warn(set, Problem::GenerationChunkCount, values)?;
        }
        let counted = block.free_chunks(self.arena);
        if free != counted {
            let values = [free.into(), at, counted.into()];
            self.warn(set, Problem::GenerationFreeCount, values)?;
        }
        if external && chunks > 1 {
            self.warn(set, Problem::GenerationExternalChunk, [at, 0, 0])?;
        }
        Ok(())
    }

    /// One chunk. Returns whether it is in use.
    fn generation_check_chunk(&mut self, set: Addr, block: Block, at: Addr) -> Fallible<bool> {
        let profile = self.profile;
        let pointer = at.offset(profile.mmgr.generation.chunk);
        let where_it_is = [block.addr.0, at.0, 0];
        let size = chunk_size(self.arena, profile, pointer);
        let request = request(profile, pointer);
        let requested = request.size(self.arena).unwrap_or(0);
        if block_of(self.arena, profile, pointer).addr != block.addr {
            self.warn(set, Problem::GenerationBogusBlock, where_it_is)?;
        }
        let (in_use, sized) = match profile.mmgr.chunk_headers {
            ChunkHeaders::Packed => {
                let in_use = !request.is_free(self.arena);
                (in_use, in_use)
            }
            ChunkHeaders::Owner => {
                let owner = set_of(self.arena, profile, pointer);
                if owner != set && (requested > 0 || !owner.is_null()) {
                    self.warn(set, Problem::GenerationBogusChunkContext, where_it_is)?;
                }
                (!owner.is_null(), true)
            }
        };
        if sized && (size < requested || size != maxalign(size)) {
            self.warn(set, Problem::GenerationBogusSize, where_it_is)?;
        }
        if in_use && requested < size && !sentinel_ok(self.arena, pointer, requested) {
            self.warn(set, Problem::GenerationWritePastChunkEnd, where_it_is)?;
        }
        Ok(in_use)
    }
}
