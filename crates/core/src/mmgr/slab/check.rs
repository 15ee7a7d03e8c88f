//! `SlabCheck`: a walk through the blocks and their free chunks that says what is wrong.
//!
//! The context's header has a flag for each chunk of a block (`isChunkFree`, in older versions
//! `freechunks`), which is filled for one block after the other.

use super::{Shape, block_of, by_free_chunks, by_fullness, empty_blocks, nfree, slab_of};
use crate::error::{Error, Fallible};
use crate::event::Problem;
use crate::memory::{Addr, Arena};
use crate::mmgr::memdebug::sentinel_ok;
use crate::mmgr::{Process, dlist};
use crate::profile::{ChunkHeaders, Profile, SlabLists};

/// Where a context's header has the address of its flags, and where they are.
fn flags(profile: &Profile, shape: Shape) -> (Addr, Addr) {
    let lists = match profile.mmgr.slab.lists {
        SlabLists::ByFreeChunks => shape.per_block + 1,
        SlabLists::ByFullness => by_fullness::LIST_COUNT,
    };
    let field = match profile.mmgr.slab.lists {
        SlabLists::ByFreeChunks => shape.lists.back(8),
        SlabLists::ByFullness => shape.slab.offset(by_fullness::IS_CHUNK_FREE),
    };
    (field, shape.list(lists))
}

/// A new context's flags stand behind the rest of its header.
pub(super) fn init(arena: &mut Arena, profile: &Profile, shape: Shape) {
    let (field, flags) = flags(profile, shape);
    arena.write_ptr(field, flags);
}

impl Process<'_> {
    /// `SlabCheck`.
    pub(super) fn slab_check(&mut self, slab: Addr) -> Fallible<()> {
        let profile = self.profile;
        let shape = Shape::of(self.arena, profile, slab);
        shape.check()?;
        for block in empty_blocks(self.arena, profile, slab) {
            let free = nfree(self.arena, profile, block);
            if free != shape.per_block {
                let values = [block.0, shape.per_block.into(), free.into()];
                self.warn(slab, Problem::SlabEmptyBlockInUse, values)?;
            }
        }
        let (lists, node) = match profile.mmgr.slab.lists {
            SlabLists::ByFreeChunks => (shape.per_block + 1, by_free_chunks::NODE),
            SlabLists::ByFullness => (by_fullness::LIST_COUNT, by_fullness::NODE),
        };
        for list in 0..lists {
            let nodes: Vec<Addr> = dlist::nodes(self.arena, shape.list(list)).collect();
            for block in nodes.into_iter().map(|addr| addr.back(node)) {
                self.slab_check_place(shape, block, list)?;
                self.slab_check_block(shape, block)?;
            }
        }
        Ok(())
    }

    /// Whether a block stands in the right list.
    fn slab_check_place(&mut self, shape: Shape, block: Addr, list: u32) -> Fallible<()> {
        let free = nfree(self.arena, self.profile, block);
        let slab = shape.slab;
        match self.profile.mmgr.slab.lists {
            SlabLists::ByFreeChunks if free != list => {
                let values = [free.into(), block.0, list.into()];
                self.warn(slab, Problem::SlabWrongFreelist, values)
            }
            SlabLists::ByFreeChunks => Ok(()),
            SlabLists::ByFullness => {
                let right = by_fullness::blocklist_index(self.arena, shape, free);
                if right != list {
                    let values = [block.0, list.into(), right.into()];
                    self.warn(slab, Problem::SlabWrongBlocklist, values)?;
                }
                if free >= shape.per_block {
                    let values = [block.0, list.into(), 0];
                    self.warn(slab, Problem::SlabEmptyBlockListed, values)?;
                }
                if by_fullness::slab_of_block(self.arena, block) != slab {
                    self.warn(slab, Problem::SlabBogusSlab, [block.0, 0, 0])?;
                }
                Ok(())
            }
        }
    }

    /// A block's chunks: the free ones by its list, the others by their headers and sentinels.
    fn slab_check_block(&mut self, shape: Shape, block: Addr) -> Fallible<()> {
        let profile = self.profile;
        let (field, _) = flags(profile, shape);
        let flags = self.arena.read_ptr(field);
        if !self.local.heap.has(flags, shape.per_block.into()) {
            return Err(Error::SegmentationFault.into());
        }
        let per_block = shape.per_block;
        self.arena.fill(flags, per_block.into(), 0);
        let (cut, on_list) = match profile.mmgr.slab.lists {
            SlabLists::ByFreeChunks => {
                by_free_chunks::free_chunks(self.arena, profile, shape, block)
            }
            SlabLists::ByFullness => by_fullness::free_chunks(self.arena, profile, shape, block),
        };
        let mut found = 0u32;
        let first = shape.chunk_at(profile, block, 0);
        for chunk in on_list.iter() {
            let index = chunk.since(first) / shape.full;
            found += 1;
            if index >= per_block.into() || chunk.since(first) % shape.full != 0 {
                let values = [chunk.0, block.0, 0];
                self.warn(shape.slab, Problem::SlabBogusFreeLink, values)?;
            } else {
                self.arena.write_u8(flags.offset(index), 1);
            }
        }
        if profile.mmgr.slab.lists == SlabLists::ByFullness
            && by_fullness::unused(self.arena, block) != shape.chunk_at(profile, block, cut)
        {
            self.warn(shape.slab, Problem::SlabUnusedMismatch, [block.0, 0, 0])?;
        }
        for index in cut..per_block {
            found += 1;
            self.arena.write_u8(flags.offset(index.into()), 1);
        }
        for index in 0..per_block {
            if self.arena.read_u8(flags.offset(index.into())) == 0 {
                self.slab_check_chunk(shape, block, shape.chunk_at(profile, block, index))?;
            }
        }
        let counted = nfree(self.arena, profile, block);
        if found == counted {
            return Ok(());
        }
        let (counted, found) = (u64::from(counted), u64::from(found));
        match profile.mmgr.slab.lists {
            SlabLists::ByFreeChunks => {
                self.warn(shape.slab, Problem::SlabBitmapCount, [counted, block.0, found])
            }
            SlabLists::ByFullness => {
                self.warn(shape.slab, Problem::SlabFreeCount, [block.0, counted, found])
            }
        }
    }

    /// A chunk that is in use.
    fn slab_check_chunk(&mut self, shape: Shape, block: Addr, chunk: Addr) -> Fallible<()> {
        let profile = self.profile;
        let pointer = chunk.offset(profile.mmgr.slab.chunk);
        let where_it_is = [block.0, chunk.0, 0];
        if block_of(self.arena, profile, pointer) != block {
            self.warn(shape.slab, Problem::SlabBogusBlock, where_it_is)?;
        }
        if profile.mmgr.chunk_headers == ChunkHeaders::Owner
            && slab_of(self.arena, profile, pointer) != shape.slab
        {
            self.warn(shape.slab, Problem::SlabBogusChunkSlab, where_it_is)?;
        }
        if shape.chunk < shape.room(profile) && !sentinel_ok(self.arena, pointer, shape.chunk) {
            self.warn(shape.slab, Problem::SlabWritePastChunkEnd, where_it_is)?;
        }
        Ok(())
    }
}
