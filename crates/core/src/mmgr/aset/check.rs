//! `AllocSetCheck`: a walk through the chunks of all blocks that says what is wrong.
//!
//! What was written past a chunk's end is found here if the chunk is never freed by itself; a
//! reset and a delete begin with it.

use super::{ASET, ENDPTR, FREEPTR, PREV, block, header, keeper_block, sizes};
use crate::error::Fallible;
use crate::event::Problem;
use crate::memory::Addr;
use crate::mmgr::Process;
use crate::mmgr::chunk::{ALLOC_MINBITS, ChunkHeader};
use crate::mmgr::memdebug::sentinel_ok;
use crate::profile::ChunkHeaders;

/// A chunk as the walk finds it.
struct Chunk {
    at: Addr,
    pointer: Addr,
    /// Bytes that it should have.
    size: u64,
    external: bool,
}

impl Process<'_> {
    /// `AllocSetCheck`.
    pub(super) fn alloc_set_check(&mut self, set: Addr) -> Fallible<()> {
        let keeper = keeper_block(self.profile, set);
        let blocks: Vec<Addr> = block::blocks(self.arena, set).collect();
        let mut prev = Addr::NULL;
        for block in blocks {
            let start = block.offset(self.profile.mmgr.aset_block);
            let freeptr = self.arena.read_ptr(block.offset(FREEPTR));
            let endptr = self.arena.read_ptr(block.offset(ENDPTR));
            if freeptr == start && block != keeper {
                self.warn(set, Problem::SetEmptyBlock, [block.0, 0, 0])?;
            }
            if self.arena.read_ptr(block.offset(ASET)) != set
                || self.arena.read_ptr(block.offset(PREV)) != prev
                || !(start..=endptr).contains(&freeptr)
            {
                self.warn(set, Problem::SetCorruptHeader, [block.0, 0, 0])?;
            }
            self.alloc_set_check_block(set, block, start, freeptr.min(endptr))?;
            prev = block;
        }
        Ok(())
    }

    fn alloc_set_check_block(
        &mut self,
        set: Addr,
        block: Addr,
        start: Addr,
        end: Addr,
    ) -> Fallible<()> {
        let used = end.since(start);
        let mut external = false;
        let mut chunks = 0u64;
        let mut at = start;
        while at < end {
            self.check_has(at)?;
            let chunk = self.alloc_set_check_size(set, block, at, used)?;
            self.alloc_set_check_chunk(set, block, &chunk)?;
            external |= chunk.external;
            chunks += 1;
            // A size that can't be ends the walk.
            at = Addr(chunk.pointer.0.saturating_add(chunk.size));
        }
        if at != end {
            self.warn(set, Problem::SetInconsistentBlock, [block.0, 0, 0])?;
        }
        if external && chunks > 1 {
            self.warn(set, Problem::SetExternalChunk, [block.0, 0, 0])?;
        }
        Ok(())
    }

    /// The chunk at an address, and whether its size can be.
    fn alloc_set_check_size(
        &mut self,
        set: Addr,
        block: Addr,
        at: Addr,
        used: u64,
    ) -> Fallible<Chunk> {
        let pointer = at.offset(self.profile.mmgr.chunk);
        let where_it_is = [at.0, block.0, 0];
        let word = ChunkHeader::of(self.arena, pointer);
        let packed = self.profile.mmgr.chunk_headers == ChunkHeaders::Packed;
        let external = packed && word.is_external();
        let size = if packed && !external {
            if word.value() >= super::ALLOCSET_NUM_FREELISTS as u64 {
                self.warn(set, Problem::SetBadChunkSize, where_it_is)?;
            }
            if header::block_of(self.arena, self.profile, pointer) != block {
                self.warn(set, Problem::SetBadBlockOffset, where_it_is)?;
            }
            1u64.wrapping_shl(word.value() as u32 + ALLOC_MINBITS)
        } else {
            header::size(self.arena, self.profile, set, pointer)
        };
        let alone =
            external || (!packed && size > sizes(self.profile, set).chunk_limit(self.arena));
        if alone && size.wrapping_add(self.profile.mmgr.chunk) != used {
            self.warn(set, Problem::SetBadSingleChunk, where_it_is)?;
        }
        if size < 1 << ALLOC_MINBITS {
            self.warn(set, Problem::SetBadSize, [size, at.0, block.0])?;
        }
        Ok(Chunk { at, pointer, size, external })
    }

    /// What was asked for, and the sentinel behind it.
    fn alloc_set_check_chunk(&mut self, set: Addr, block: Addr, chunk: &Chunk) -> Fallible<()> {
        let request = header::request(self.profile, chunk.pointer);
        let requested = request.size(self.arena).unwrap_or(0);
        // Older versions tell a free chunk by its owner, which is a link of the freelist.
        let in_use = match self.profile.mmgr.chunk_headers {
            ChunkHeaders::Packed => !request.is_free(self.arena),
            ChunkHeaders::Owner => header::set_of(self.arena, self.profile, chunk.pointer) == set,
        };
        if requested > chunk.size && !request.is_free(self.arena) {
            self.warn(set, Problem::SetRequestTooLarge, [chunk.at.0, block.0, 0])?;
        }
        let packed = self.profile.mmgr.chunk_headers == ChunkHeaders::Packed;
        if !packed && requested > 0 && !in_use {
            self.warn(set, Problem::SetBogusLink, [block.0, chunk.at.0, 0])?;
        }
        if in_use && requested < chunk.size && !sentinel_ok(self.arena, chunk.pointer, requested) {
            self.warn(set, Problem::SetWritePastChunkEnd, [block.0, chunk.at.0, 0])?;
        }
        Ok(())
    }
}
