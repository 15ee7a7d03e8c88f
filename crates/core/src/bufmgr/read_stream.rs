//! Looking ahead: a stream of pages that a scan will want (`storage/aio/read_stream.c`, from 17 on).
//!
//! The scan says in which order it wants its pages, and gets them one by one. The stream pins
//! some more in advance, so that neighbours that are not in the pool can be read with one call. How
//! far it looks ahead, its *distance*, grows while pages have to be read and shrinks while they are
//! found; it is bounded by what the backend may pin, and by the ring. All of these pages are pinned
//! before the scan comes to them.
//!
//! A read that was started is complete when the scan needs its first page: `io_method = sync`.

use super::{BufferAccess, freelist};
use crate::error::Error;
use crate::ids::{BlockNumber, Buffer, BufferTag, RelId};

/// Blocks that one call reads at most (`io_combine_limit`, by default 128 kB).
const IO_COMBINE_LIMIT: u32 = 16;

/// Blocks in ascending order: what the stream's callback hands out.
#[derive(Clone, Debug)]
pub(crate) struct Blocks {
    /// Ranges that are left, the end not in them.
    ranges: std::rc::Rc<[(BlockNumber, BlockNumber)]>,
    at: usize,
    next: BlockNumber,
}

impl Blocks {
    pub(crate) fn new(ranges: std::rc::Rc<[(BlockNumber, BlockNumber)]>) -> Self {
        Self { ranges, at: 0, next: 0 }
    }
}

impl Iterator for Blocks {
    type Item = BlockNumber;

    fn next(&mut self) -> Option<BlockNumber> {
        loop {
            let &(first, end) = self.ranges.get(self.at)?;
            let block = self.next.max(first);
            if block < end {
                self.next = block + 1;
                return Some(block);
            }
            self.at += 1;
        }
    }
}

/// What a stream is for (`READ_STREAM_*`).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StreamFlags {
    /// `READ_STREAM_MAINTENANCE`
    pub(crate) maintenance: bool,
    /// `READ_STREAM_SEQUENTIAL`
    pub(crate) sequential: bool,
    /// `READ_STREAM_FULL`
    pub(crate) full: bool,
}

/// `ReadStream`. Its queue is a vector here, so the rules for going round in a circle are missing.
#[derive(Clone, Debug)]
pub(crate) struct ReadStream {
    rel: RelId,
    strategy: Option<usize>,
    blocks: Blocks,
    /// A block that was asked for and is not part of a read yet.
    buffered_blocknum: Option<BlockNumber>,
    max_ios: usize,
    max_pinned_buffers: u32,
    advice_enabled: bool,
    distance_follows_advice: bool,
    distance: u32,
    /// The read that grows: its first block, and how many.
    pending: (BlockNumber, u32),
    /// Where a sequential reader would go on.
    seq_blocknum: Option<BlockNumber>,
    ios: Vec<InProgressIo>,
    /// Pinned, the next to be handed out first.
    buffers: Vec<Buffer>,
    /// Pinned by a read that was cut short, for the next one.
    forwarded: Vec<Buffer>,
    /// Buffers handed out.
    given: usize,
}

/// A read that was started and not waited for.
#[derive(Clone, Copy, Debug)]
struct InProgressIo {
    /// How many buffers go before its first.
    at: usize,
    first: BufferTag,
    misses: u32,
    advice: bool,
}

impl BufferAccess<'_> {
    /// `read_stream_begin_relation`; `None` if the version has no streams.
    pub(crate) fn read_stream_begin(
        &mut self,
        rel: RelId,
        strategy: Option<usize>,
        blocks: Blocks,
        flags: StreamFlags,
    ) -> Result<Option<ReadStream>, Error> {
        let temporary = self.is_temporary(rel)?;
        let Some(rule) = self.profile.read_stream else { return Ok(None) };
        let max_ios = if flags.maintenance {
            rule.maintenance_io_concurrency
        } else {
            rule.effective_io_concurrency
        };
        let ring = self.get_access_strategy_pin_limit(strategy);
        let most = if rule.distance_follows_advice {
            let most = (max_ios * 4).max(IO_COMBINE_LIMIT).min(ring);
            if temporary {
                self.limit_additional_local_pins(most)
            } else {
                self.limit_additional_pins(most)
            }
        } else {
            let share = if temporary { self.local.temp.pin_limit() } else { self.pin_limit() };
            ((max_ios + 1) * IO_COMBINE_LIMIT).min(ring).min(share)
        };
        let max_pinned_buffers = most.max(1);
        Ok(Some(ReadStream {
            rel,
            strategy,
            blocks,
            buffered_blocknum: None,
            max_ios: max_ios as usize,
            max_pinned_buffers,
            distance_follows_advice: rule.distance_follows_advice,
            advice_enabled: rule.distance_follows_advice && !flags.sequential,
            distance: if flags.full { max_pinned_buffers.min(IO_COMBINE_LIMIT) } else { 1 },
            pending: (0, 0),
            seq_blocknum: None,
            ios: Vec::new(),
            buffers: Vec::new(),
            forwarded: Vec::new(),
            given: 0,
        }))
    }

    /// `read_stream_next_buffer`: the next page, pinned; `None` at the end.
    ///
    /// # Errors
    /// Those of a read. What the stream has pinned stays so until
    /// [`read_stream_end`](Self::read_stream_end).
    pub(crate) fn read_stream_next_buffer(
        &mut self,
        stream: &mut ReadStream,
    ) -> Result<Option<Buffer>, Error> {
        if stream.buffers.is_empty() {
            if stream.distance == 0 {
                return Ok(None);
            }
            self.read_stream_look_ahead(stream, true)?;
        }
        if let Some(&io) = stream.ios.first().filter(|io| io.at == stream.given) {
            stream.ios.remove(0);
            let to_read = stream.buffers.get(..io.misses as usize).unwrap_or_default();
            self.wait_read_buffers(io.first, to_read, stream.strategy)?;
            stream.ramp_up(io.advice);
        }
        if stream.buffers.is_empty() {
            return Ok(None);
        }
        let buffer = stream.buffers.remove(0);
        stream.given += 1;
        if let Err(error) = self.read_stream_look_ahead(stream, false) {
            stream.forwarded.push(buffer);
            return Err(error);
        }
        Ok(Some(buffer))
    }

    fn read_stream_look_ahead(
        &mut self,
        stream: &mut ReadStream,
        mut suppress_advice: bool,
    ) -> Result<(), Error> {
        while stream.has_room_for_io() && stream.ahead() < stream.distance {
            if stream.pending.1 == IO_COMBINE_LIMIT {
                self.read_stream_start_pending_read(stream, &mut suppress_advice)?;
                continue;
            }
            let Some(block) = stream.get_block() else {
                stream.distance = 0;
                break;
            };
            if stream.pending.1 > 0 && stream.pending.0 + stream.pending.1 == block {
                stream.pending.1 += 1;
                continue;
            }
            while stream.pending.1 > 0 {
                let started = self.read_stream_start_pending_read(stream, &mut suppress_advice)?;
                if !started || !stream.has_room_for_io() {
                    stream.buffered_blocknum = Some(block);
                    return Ok(());
                }
            }
            stream.pending = (block, 1);
        }
        let nblocks = stream.pending.1;
        let due = nblocks == IO_COMBINE_LIMIT
            || stream.distance == 0
            || (nblocks >= stream.distance && stream.buffers.is_empty());
        if nblocks > 0 && due && stream.has_room_for_io() {
            self.read_stream_start_pending_read(stream, &mut suppress_advice)?;
        }
        Ok(())
    }

    /// `read_stream_start_pending_read`: pin as much of the pending read as goes; false if nothing
    /// does until the scan gives buffers back.
    fn read_stream_start_pending_read(
        &mut self,
        stream: &mut ReadStream,
        suppress_advice: &mut bool,
    ) -> Result<bool, Error> {
        let (Some(rule), Some(rounds)) = (self.profile.read_stream, self.profile.read_rounds)
        else {
            return Ok(false);
        };
        let first = BufferTag { rel: stream.rel, block: stream.pending.0 };
        let advice = stream.advice_enabled
            && !std::mem::take(suppress_advice)
            && stream.seq_blocknum != Some(first.block);
        let mut nblocks = stream.pending.1;
        if !rule.distance_follows_advice {
            let pinned = stream.buffers.len() as u32;
            let mut limit = if self.is_temporary(stream.rel)? {
                self.local.temp.additional_pin_limit()
            } else {
                self.additional_pin_limit()
            };
            limit += stream.forwarded.len() as u32;
            if pinned == 0 {
                limit = limit.max(1);
            }
            if limit < nblocks {
                stream.distance = stream.distance.min(pinned + limit);
                if pinned > 0 {
                    return Ok(false);
                }
                nblocks = limit;
            }
        }
        let pins = &mut stream.forwarded;
        let round = self.start_read_buffers(first, nblocks, stream.strategy, rounds, pins, 0)?;
        if round.misses == 0 {
            stream.distance -= u32::from(stream.distance > 1);
        } else {
            let at = stream.given + stream.buffers.len();
            stream.ios.push(InProgressIo { at, first, misses: round.misses, advice });
            stream.seq_blocknum = Some(first.block + round.blocks);
        }
        stream.buffers.extend(stream.forwarded.drain(..round.blocks as usize));
        stream.pending.0 += round.blocks;
        stream.pending.1 -= round.blocks;
        Ok(true)
    }

    /// `read_stream_end`: give up what was pinned in advance.
    pub(crate) fn read_stream_end(&mut self, stream: &mut ReadStream) -> Result<(), Error> {
        stream.distance = 0;
        stream.ios.clear();
        stream.buffers.append(&mut stream.forwarded);
        for buffer in stream.buffers.drain(..) {
            self.release_buffer(buffer)?;
        }
        Ok(())
    }

    /// `GetAccessStrategyPinLimit`: a scan may pin its whole ring, others half of it.
    fn get_access_strategy_pin_limit(&self, strategy: Option<usize>) -> u32 {
        let ring = strategy.and_then(|slot| self.local.strategies.get(slot)?.as_ref());
        ring.map_or(self.pool.nbuffers(), freelist::BufferAccessStrategy::pin_limit)
    }
}

impl ReadStream {
    fn has_room_for_io(&self) -> bool {
        self.ios.len() < self.max_ios
    }

    /// How far the stream is ahead of the scan.
    fn ahead(&self) -> u32 {
        self.buffers.len() as u32 + self.pending.1
    }

    fn get_block(&mut self) -> Option<BlockNumber> {
        self.buffered_blocknum.take().or_else(|| self.blocks.next())
    }

    /// The distance after a read. In 17 it goes beyond one call's blocks only with advice to the
    /// kernel.
    fn ramp_up(&mut self, advice: bool) {
        let most = self.max_pinned_buffers;
        self.distance = match self.distance {
            distance if advice || !self.distance_follows_advice => (distance * 2).min(most),
            distance if distance > IO_COMBINE_LIMIT => distance - 1,
            distance => (distance * 2).min(IO_COMBINE_LIMIT).min(most),
        };
    }
}
