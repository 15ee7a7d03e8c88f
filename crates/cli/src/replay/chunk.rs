//! A piece of a trace, as the pools get it.

use pgscope_core::ids::BlockNumber;

use super::pages::Page;

/// Reads in a piece at most: a piece and a pool's descriptors lie in a processor's cache together.
pub(super) const MOST: usize = 1 << 17;

/// Reads of one relation, one after the other, all of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) relation: u32,
    /// The pages are changed too.
    pub(super) write: bool,
    /// How many.
    pub(super) reads: u32,
}

/// Up to [`MOST`] reads.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) runs: Vec<Run>,
    /// The blocks of all the runs.
    pub(super) blocks: Vec<BlockNumber>,
    /// Relations that are needed for this and what came before.
    pub(super) relations: u32,
}

impl Chunk {
    pub(super) fn is_full(&self) -> bool {
        self.blocks.len() >= MOST
    }

    #[inline]
    pub(super) fn push(&mut self, page: Page, write: bool) {
        let Page { relation, block } = page;
        self.blocks.push(block);
        match self.runs.last_mut() {
            Some(last) if last.relation == relation && last.write == write => last.reads += 1,
            _ => self.runs.push(Run { relation, write, reads: 1 }),
        }
    }

    /// Each run with its blocks.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Run, &[BlockNumber])> {
        let mut rest = self.blocks.as_slice();
        self.runs.iter().map(move |run| {
            let (blocks, later) = rest.split_at_checked(run.reads as usize).unwrap_or((rest, &[]));
            rest = later;
            (*run, blocks)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_have_their_own_blocks() {
        let mut chunk = Chunk::default();
        for (relation, block, write) in [(0, 7, false), (0, 8, false), (0, 8, true), (1, 8, true)] {
            chunk.push(Page { relation, block }, write);
        }
        let run = |relation, write, reads| Run { relation, write, reads };
        let found: Vec<_> = chunk.iter().collect();
        let expected: [(Run, &[u32]); 3] =
            [(run(0, false, 2), &[7, 8]), (run(0, true, 1), &[8]), (run(1, true, 1), &[8])];
        assert_eq!(found, expected);
    }
}
