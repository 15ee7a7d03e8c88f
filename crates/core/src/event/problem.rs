//! What a build with MEMORY_CONTEXT_CHECKING warns of (`AllocSetCheck`, `SlabCheck` and the
//! others), with PostgreSQL's words.
//!
//! A warning never ends an operation: the damage is done, and the routine that found it is the
//! one that cleans up.

use std::fmt::Write;

use crate::memory::Addr;

/// Something that is wrong with a context's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The byte behind what was asked for is not the sentinel any more. Found with the chunk.
    WritePastChunkEnd,
    /// The same, found by a walk through the blocks.
    SetWritePastChunkEnd,
    /// A block without chunks that is not the keeper.
    SetEmptyBlock,
    /// A block's links or its free space can't be.
    SetCorruptHeader,
    /// A chunk that should have its block to itself.
    SetBadSingleChunk,
    /// A size class that does not exist.
    SetBadChunkSize,
    /// A chunk's header leads to another block.
    SetBadBlockOffset,
    /// More was asked for than the chunk has.
    SetRequestTooLarge,
    /// A chunk smaller than the smallest.
    SetBadSize,
    /// A chunk's header names another context.
    SetBogusLink,
    /// The chunks don't fill the block's used part.
    SetInconsistentBlock,
    /// A chunk of a block of its own has neighbours.
    SetExternalChunk,
    /// More chunks are free than there are.
    GenerationFreeExceeds,
    /// A block names another context.
    GenerationBogusContext,
    /// A chunk names another context.
    GenerationBogusChunkContext,
    /// A chunk names another block.
    GenerationBogusBlock,
    /// A chunk's size can't be.
    GenerationBogusSize,
    /// As [`Problem::SetWritePastChunkEnd`].
    GenerationWritePastChunkEnd,
    /// The block's header counts another number of chunks.
    GenerationChunkCount,
    /// The block's header counts another number of free chunks.
    GenerationFreeCount,
    /// As [`Problem::SetExternalChunk`].
    GenerationExternalChunk,
    /// A block stands in the list for another number of free chunks.
    SlabWrongFreelist,
    /// An empty block has chunks in use.
    SlabEmptyBlockInUse,
    /// A block stands in the list for another fullness.
    SlabWrongBlocklist,
    /// An empty block stands in the list of others.
    SlabEmptyBlockListed,
    /// A block names another context.
    SlabBogusSlab,
    /// A chunk names another context.
    SlabBogusChunkSlab,
    /// A free chunk's link leads out of the block.
    SlabBogusFreeLink,
    /// Where the unused chunks begin and how many there are contradict each other.
    SlabUnusedMismatch,
    /// A chunk names another block.
    SlabBogusBlock,
    /// As [`Problem::SetWritePastChunkEnd`].
    SlabWritePastChunkEnd,
    /// The block's header counts another number of free chunks than its bitmap.
    SlabBitmapCount,
    /// The block's header counts another number of free chunks than were found.
    SlabFreeCount,
    /// A block names another context.
    BumpBogusContext,
    /// A chunk names another block.
    BumpBogusBlock,
    /// As [`Problem::SetExternalChunk`].
    BumpExternalChunk,
}

impl Problem {
    /// PostgreSQL's format. `%s` is the context's name; `%p` and `%d` are the values in their
    /// order.
    fn format(self) -> &'static str {
        match self {
            Self::WritePastChunkEnd => "detected write past chunk end in %s %p",
            Self::SetWritePastChunkEnd => {
                "problem in alloc set %s: detected write past chunk end in block %p, chunk %p"
            }
            Self::SetEmptyBlock => "problem in alloc set %s: empty block %p",
            Self::SetCorruptHeader => "problem in alloc set %s: corrupt header in block %p",
            Self::SetBadSingleChunk => "problem in alloc set %s: bad single-chunk %p in block %p",
            Self::SetBadChunkSize => {
                "problem in alloc set %s: bad chunk size for chunk %p in block %p"
            }
            Self::SetBadBlockOffset => {
                "problem in alloc set %s: bad block offset for chunk %p in block %p"
            }
            Self::SetRequestTooLarge => {
                "problem in alloc set %s: req size > alloc size for chunk %p in block %p"
            }
            Self::SetBadSize => "problem in alloc set %s: bad size %d for chunk %p in block %p",
            Self::SetBogusLink => "problem in alloc set %s: bogus aset link in block %p, chunk %p",
            Self::SetInconsistentBlock => {
                "problem in alloc set %s: found inconsistent memory block %p"
            }
            Self::SetExternalChunk => {
                "problem in alloc set %s: external chunk on non-dedicated block %p"
            }
            Self::GenerationFreeExceeds => {
                "problem in Generation %s: number of free chunks %d in block %p exceeds %d allocated"
            }
            Self::GenerationBogusContext => {
                "problem in Generation %s: bogus context link in block %p"
            }
            Self::GenerationBogusChunkContext => {
                "problem in Generation %s: bogus context link in block %p, chunk %p"
            }
            Self::GenerationBogusBlock => {
                "problem in Generation %s: bogus block link in block %p, chunk %p"
            }
            Self::GenerationBogusSize => {
                "problem in Generation %s: bogus chunk size in block %p, chunk %p"
            }
            Self::GenerationWritePastChunkEnd => {
                "problem in Generation %s: detected write past chunk end in block %p, chunk %p"
            }
            Self::GenerationChunkCount => {
                "problem in Generation %s: number of allocated chunks %d in block %p does not \
                 match header %d"
            }
            Self::GenerationFreeCount => {
                "problem in Generation %s: number of free chunks %d in block %p does not match \
                 header %d"
            }
            Self::GenerationExternalChunk => {
                "problem in Generation %s: external chunk on non-dedicated block %p"
            }
            Self::SlabWrongFreelist => {
                "problem in slab %s: number of free chunks %d in block %p does not match \
                 freelist %d"
            }
            Self::SlabEmptyBlockInUse => {
                "problem in slab %s: empty block %p should have %d free chunks but has %d \
                 chunks free"
            }
            Self::SlabWrongBlocklist => {
                "problem in slab %s: block %p is on blocklist %d but should be on blocklist %d"
            }
            Self::SlabEmptyBlockListed => {
                "problem in slab %s: empty block %p incorrectly stored on blocklist element %d"
            }
            Self::SlabBogusSlab => "problem in slab %s: bogus slab link in block %p",
            Self::SlabBogusChunkSlab => "problem in slab %s: bogus slab link in block %p, chunk %p",
            Self::SlabBogusFreeLink => "problem in slab %s: bogus free list link %p in block %p",
            Self::SlabUnusedMismatch => {
                "problem in slab %s: mismatch detected between nunused chunks and unused pointer \
                 in block %p"
            }
            Self::SlabBogusBlock => "problem in slab %s: bogus block link in block %p, chunk %p",
            Self::SlabWritePastChunkEnd => {
                "problem in slab %s: detected write past chunk end in block %p, chunk %p"
            }
            Self::SlabBitmapCount => {
                "problem in slab %s: number of free chunks %d in block %p does not match \
                 bitmap %d"
            }
            Self::SlabFreeCount => {
                "problem in slab %s: nfree in block %p is %d but %d chunk were found as free"
            }
            Self::BumpBogusContext => "problem in Bump %s: bogus context link in block %p",
            Self::BumpBogusBlock => "problem in Bump %s: bogus block link in block %p, chunk %p",
            Self::BumpExternalChunk => {
                "problem in Bump %s: external chunk on non-dedicated block %p"
            }
        }
    }

    /// The warning of a real server, about the context of this name. Empty in a build that
    /// never warns.
    pub fn text(self, name: &str, values: [u64; 3]) -> String {
        let mut text = String::new();
        if !crate::profile::MEMORY_CONTEXT_CHECKING {
            return text;
        }
        let mut values = values.into_iter();
        let mut rest = self.format();
        while let Some((before, after)) = rest.split_once('%') {
            text.push_str(before);
            let (kind, after) = after.split_at(1);
            // Writing to a string can't fail.
            let _ = match kind {
                "s" => write!(text, "{name}"),
                "p" => write!(text, "{}", Addr(values.next().unwrap_or(0))),
                _ => write!(text, "{}", values.next().unwrap_or(0)),
            };
            rest = after;
        }
        text + rest
    }
}

#[cfg(all(test, feature = "memory-context-checking"))]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_postgresqls() {
        let text = Problem::SlabFreeCount.text("Work", [0x1000, 2, 3]);
        let said =
            "problem in slab Work: nfree in block 0x1000 is 2 but 3 chunk were found as free";
        assert_eq!(text, said);
    }
}
