//! `BumpCheck`: a walk through the chunks of all blocks that says what is wrong.
//!
//! It does not look at the sentinels, though every chunk has one: nothing ever reads them.

use super::{BLOCK, CHUNK, FREEPTR, OWNER, blocks, chunks};
use crate::error::Fallible;
use crate::event::Problem;
use crate::memory::Addr;
use crate::mmgr::Process;

impl Process<'_> {
    /// `BumpCheck`.
    pub(super) fn bump_check(&mut self, set: Addr) -> Fallible<()> {
        let all: Vec<Addr> = blocks(self.arena, set).collect();
        for block in all {
            if self.arena.read_ptr(block.offset(OWNER)) != set {
                self.warn(set, Problem::BumpBogusContext, [block.0, 0, 0])?;
            }
            let first = block.offset(BLOCK);
            let used = self.arena.read_ptr(block.offset(FREEPTR)).since(first);
            let chunks = chunks(self.arena, first, used);
            let mut external = false;
            for chunk in &chunks {
                let at = chunk.pointer.back(CHUNK);
                let back = if chunk.header.is_external() {
                    external = true;
                    BLOCK
                } else {
                    chunk.header.block_offset()
                };
                if at.back(back) != block {
                    self.warn(set, Problem::BumpBogusBlock, [block.0, at.0, 0])?;
                }
            }
            if external && chunks.len() > 1 {
                self.warn(set, Problem::BumpExternalChunk, [block.0, 0, 0])?;
            }
        }
        Ok(())
    }
}
