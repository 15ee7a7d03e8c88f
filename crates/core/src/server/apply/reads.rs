//! Many plain reads one after the other.

use super::{Outcome, Server};
use crate::bufmgr::BufferUsage;
use crate::error::Error;
use crate::ids::{BackendId, BlockNumber, BufferId, RelId};
use crate::op::Op;

/// What a plain read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// The page was in the pool.
    Hit,
    /// It was loaded into a buffer that held none.
    Loaded,
    /// It was loaded, and another, clean page left for it.
    Evicted,
    /// It was loaded, and another, dirty page was written and left for it.
    Written,
    /// It was not read yet: its backend waits.
    PutOff,
    /// It was not read: an error has ended the statement that it belongs to.
    Ended,
}

impl Server {
    /// Read these blocks of a relation, each as [`Op::plain_read`] does: without events many
    /// times as fast as one by one. The events are those of the last. What each came to is noted.
    ///
    /// # Errors
    /// Those of the first read that fails, which nothing is noted of; the blocks after it are not read.
    pub fn read_blocks(
        &mut self,
        backend: BackendId,
        rel: RelId,
        blocks: &[BlockNumber],
        mut note: impl FnMut(ReadOutcome),
    ) -> Result<(), Error> {
        let mut rest = blocks;
        while !rest.is_empty() {
            if self.log.is_off() {
                rest = &rest[self.read_unobserved(backend, rel, rest, &mut note).0..];
            }
            if let Some((&block, later)) = rest.split_first() {
                let before = self.block_counts();
                let outcome = self.apply_watched(&Op::plain_read(backend, rel, block))?;
                note(self.read_outcome(&outcome, before));
                rest = later;
            }
        }
        Ok(())
    }

    /// What a read came to, from what was [counted](Self::block_counts) before.
    fn read_outcome(&self, outcome: &Outcome, before: (BufferUsage, u64)) -> ReadOutcome {
        let (usage, evictions) = self.block_counts();
        match outcome {
            Outcome::Ended => ReadOutcome::Ended,
            Outcome::Buffer(_) if usage.read == before.0.read => ReadOutcome::Hit,
            Outcome::Buffer(_) if evictions == before.1 => ReadOutcome::Loaded,
            Outcome::Buffer(_) if usage.written == before.0.written => ReadOutcome::Evicted,
            Outcome::Buffer(_) => ReadOutcome::Written,
            _ => ReadOutcome::PutOff,
        }
    }

    /// The short way of plain reads while no events are recorded: how many went it, and the last
    /// one's buffer.
    pub(super) fn read_unobserved(
        &mut self,
        backend: BackendId,
        rel: RelId,
        blocks: &[BlockNumber],
        note: impl FnMut(ReadOutcome),
    ) -> (usize, BufferId) {
        match self.backends.get_mut(usize::from(backend.0)) {
            Some(backend) if backend.does_what_it_is_told() => {
                self.pool.read_unobserved(&mut backend.buffers, rel, blocks, note)
            }
            _ => (0, BufferId(0)),
        }
    }
}
