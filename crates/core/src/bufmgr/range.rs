//! Several blocks read together (`StartReadBuffers`, `WaitReadBuffers`, `bufmgr.c`).
//!
//! From PostgreSQL 17 on consecutive blocks that are not in the pool can be read with one
//! system call. The caller asks for a range; a *round* pins the buffers of as many blocks as
//! one call can read, then reads them; the caller asks again for the rest. A page that is in
//! the pool already ends a round: in 17 it belongs to the round, from 18 on it stays pinned
//! and becomes a round of its own, in which nothing is read.

use super::BufferAccess;
use super::desc::BM_VALID;
use crate::error::Error;
use crate::event::{BufferEvent, LocalBufferEvent};
use crate::ids::{Buffer, BufferTag};
use crate::profile::ReadRounds;

/// A range of blocks in pinned buffers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeRead {
    /// The buffers, in the order of their blocks.
    pub buffers: Vec<Buffer>,
    /// How many blocks each round covered.
    pub rounds: Vec<u32>,
}

/// One round: blocks that it covers, and how many of them, the first ones, are to be read.
pub(super) struct Round {
    pub(super) blocks: u32,
    pub(super) misses: u32,
}

impl BufferAccess<'_> {
    /// Read `count` blocks in as many rounds as it takes; all stay pinned.
    ///
    /// # Errors
    /// Those of a single read; all pins of the range are given up then.
    pub fn read_range(
        &mut self,
        first: BufferTag,
        count: u32,
        strategy: Option<usize>,
    ) -> Result<RangeRead, Error> {
        let Some(rule) = self.profile.read_rounds else {
            return Err(Error::NotInVersion("StartReadBuffers"));
        };
        if first.block.checked_add(count).is_none() {
            return Err(Error::Limit { what: "blocks in a relation", limit: u32::MAX.into() });
        }
        let mut range = RangeRead::default();
        let mut done = 0;
        while done < count {
            let rest = BufferTag { block: first.block + done, ..first };
            match self.read_round(rest, count - done, strategy, rule, &mut range.buffers, done) {
                Ok(blocks) => {
                    range.rounds.push(blocks);
                    done += blocks;
                }
                Err(error) => return self.abort(&range.buffers, error),
            }
        }
        Ok(range)
    }

    fn read_round(
        &mut self,
        first: BufferTag,
        most: u32,
        strategy: Option<usize>,
        rule: ReadRounds,
        buffers: &mut Vec<Buffer>,
        done: u32,
    ) -> Result<u32, Error> {
        let round = self.start_read_buffers(first, most, strategy, rule, buffers, done)?;
        let to_read = &buffers[done as usize..(done + round.misses) as usize];
        self.wait_read_buffers(first, to_read, strategy)?;
        Ok(round.blocks)
    }

    /// `StartReadBuffers`: pin the buffers of one round. A buffer that the last round pinned
    /// and left over is in `buffers` already, behind the ones that are done.
    pub(super) fn start_read_buffers(
        &mut self,
        first: BufferTag,
        most: u32,
        strategy: Option<usize>,
        rule: ReadRounds,
        buffers: &mut Vec<Buffer>,
        done: u32,
    ) -> Result<Round, Error> {
        for misses in 0..most {
            let hit = match buffers.get((done + misses) as usize) {
                Some(&forwarded) => self.is_valid(forwarded),
                None => {
                    let tag = BufferTag { block: first.block + misses, ..first };
                    let (buffer, found) = self.pin_buffer_for_block(tag, strategy)?;
                    buffers.push(buffer);
                    found
                }
            };
            if hit {
                let with_hit = misses == 0 || rule == ReadRounds::IncludeHit;
                return Ok(Round { blocks: misses + u32::from(with_hit), misses });
            }
        }
        Ok(Round { blocks: most, misses: most })
    }

    /// `WaitReadBuffers`: read consecutive blocks into their buffers.
    pub(super) fn wait_read_buffers(
        &mut self,
        first: BufferTag,
        buffers: &[Buffer],
        strategy: Option<usize>,
    ) -> Result<(), Error> {
        let Some(&head) = buffers.first() else { return Ok(()) };
        let blocks = buffers.len() as u32;
        self.count_io(head, strategy, |io| {
            io.reads += u64::from(blocks);
            io.read_with_others += u64::from(blocks) - 1;
        });
        self.usage_of(head).read += u64::from(blocks);
        match head {
            Buffer::Shared(_) => self.emit(BufferEvent::ReadStarted { tag: first, blocks })?,
            Buffer::Local(_) => {
                self.emit_local(LocalBufferEvent::ReadStarted { tag: first, blocks })?;
            }
        }
        for (&buffer, block) in buffers.iter().zip(first.block..) {
            let tag = BufferTag { block, ..first };
            let page = self.pool.smgr.read(tag)?;
            self.load(buffer, tag, page, true)?;
        }
        Ok(())
    }

    fn is_valid(&mut self, buffer: Buffer) -> bool {
        match buffer {
            Buffer::Shared(buffer) => self.desc(buffer).is(BM_VALID),
            Buffer::Local(buffer) => self.local.temp.is_valid(buffer),
        }
    }
}
