//! One round of the background writer (`BgBufferSync`, `bufmgr.c`).
//!
//! It walks ahead of the clock hand and writes dirty buffers that the hand could take soon,
//! so that backends find clean victims. How far it goes it estimates from how many buffers
//! were allocated lately and how dense reusable buffers have been. It never moves the hand
//! and never lowers a usage count.
//!
//! The averages are single-precision floats, as in C: the estimate depends on each rounding.

use super::desc::{BM_DIRTY, BM_VALID};
use super::{BufferAccess, LocalBufferState};
use crate::error::Error;
use crate::event::{BufferEvent, WriteReason};
use crate::ids::BufferId;

/// Samples over which the averages are smoothed (`smoothing_samples`).
const SMOOTHING_SAMPLES: f32 = 16.0;
/// In this many milliseconds the whole pool is scanned even if nothing is allocated
/// (`scan_whole_pool_milliseconds`).
const SCAN_WHOLE_POOL_MILLISECONDS: f32 = 120_000.0;

/// What the background writer remembers from round to round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BgWriterState {
    valid: bool,
    prev_hand: u32,
    prev_passes: u32,
    next_to_clean: u32,
    next_passes: u32,
    smoothed_alloc: f32,
    smoothed_density: f32,
}

impl Default for BgWriterState {
    fn default() -> Self {
        Self {
            valid: false,
            prev_hand: 0,
            prev_passes: 0,
            next_to_clean: 0,
            next_passes: 0,
            smoothed_alloc: 0.0,
            smoothed_density: 10.0,
        }
    }
}

impl LocalBufferState {
    /// Where this process's next background-writer round begins, if it remembers one.
    pub fn next_to_clean(&self) -> Option<BufferId> {
        let state = &self.bgwriter;
        state.valid.then_some(BufferId(state.next_to_clean))
    }
}

/// How a round is to go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Round {
    /// `bgwriter_lru_maxpages`: pages written at most.
    pub maxpages: u32,
    /// `bgwriter_lru_multiplier`.
    pub multiplier: f64,
    /// `bgwriter_delay`, milliseconds.
    pub delay_ms: u32,
}

/// What a round came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BgWriterResult {
    /// Nothing to do: it may sleep longer.
    pub hibernate: bool,
    /// Allocations since the last round.
    pub allocs: u32,
    /// Buffers written.
    pub written: u32,
    /// It stopped because it had written `bgwriter_lru_maxpages`.
    pub maxwritten: bool,
}

impl BufferAccess<'_> {
    /// `BgBufferSync`.
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn bg_buffer_sync(&mut self, round: &Round) -> Result<BgWriterResult, Error> {
        let nbuffers = self.pool.nbuffers();
        let (hand, passes) = (self.pool.strategy.hand(), self.pool.strategy.passes());
        let allocs = self.pool.strategy.take_allocs();
        if round.maxpages == 0 {
            self.local.bgwriter.valid = false;
            return self
                .bg_done(0, BgWriterResult { hibernate: true, allocs, ..Default::default() });
        }

        let state = &mut self.local.bgwriter;
        let (delta, lap) = state.catch_up(hand, passes, nbuffers);
        if delta > 0 && allocs > 0 {
            let density = delta as f32 / allocs as f32;
            state.smoothed_density += (density - state.smoothed_density) / SMOOTHING_SAMPLES;
        }
        let ahead = i64::from(nbuffers) - lap;
        let reusable_estimate = (ahead as f32 / state.smoothed_density) as i64;
        let upcoming = state.upcoming(allocs, reusable_estimate, nbuffers, round);

        let mut to_scan = lap;
        let mut reusable = reusable_estimate;
        let mut result = BgWriterResult { allocs, ..Default::default() };
        while to_scan > 0 && reusable < upcoming {
            let buffer = BufferId(self.local.bgwriter.advance(nbuffers));
            to_scan -= 1;
            let (is_reusable, written) = self.sync_one_buffer(buffer)?;
            reusable += i64::from(is_reusable);
            if written {
                result.written += 1;
                if result.written >= round.maxpages {
                    result.maxwritten = true;
                    break;
                }
            }
        }

        let looked = lap - to_scan;
        let grown = reusable - reusable_estimate;
        let state = &mut self.local.bgwriter;
        if looked > 0 && grown > 0 {
            let density = looked as f32 / grown as f32;
            state.smoothed_density += (density - state.smoothed_density) / SMOOTHING_SAMPLES;
        }
        result.hibernate = lap == 0 && allocs == 0;
        self.bg_done(upcoming, result)
    }

    /// `SyncOneBuffer` with `skip_recently_used`: write it if the hand could take it.
    fn sync_one_buffer(&mut self, buffer: BufferId) -> Result<(bool, bool), Error> {
        self.local.pins.reserve();
        let desc = self.desc(buffer);
        let reusable = desc.refcount() == 0 && desc.usage_count() == 0;
        let write = reusable && desc.is(BM_VALID | BM_DIRTY);
        self.emit(BufferEvent::BgWriterLook { buffer, reusable })?;
        if write {
            self.flush_buffer(buffer, WriteReason::BackgroundWriter)?;
        }
        Ok((reusable, write))
    }

    fn bg_done(&mut self, upcoming: i64, result: BgWriterResult) -> Result<BgWriterResult, Error> {
        self.emit(BufferEvent::BgWriterDone {
            written: result.written,
            upcoming: u32::try_from(upcoming).unwrap_or(0),
            hibernate: result.hibernate,
        })?;
        Ok(result)
    }
}

impl BgWriterState {
    /// How far the hand went since the last round, and how many buffers lie between the
    /// place where cleaning goes on and one lap ahead of the hand.
    fn catch_up(&mut self, hand: u32, passes: u32, nbuffers: u32) -> (i64, i64) {
        let (hand64, nbuffers) = (i64::from(hand), i64::from(nbuffers));
        let mut delta = 0;
        let mut lap = None;
        if self.valid {
            let passes_delta = i64::from(passes) - i64::from(self.prev_passes);
            delta = hand64 - i64::from(self.prev_hand) + passes_delta * nbuffers;
            let next = i64::from(self.next_to_clean);
            if self.next_passes > passes {
                lap = Some(hand64 - next);
            } else if self.next_passes == passes && next >= hand64 {
                lap = Some(nbuffers - (next - hand64));
            }
        }
        if lap.is_none() {
            self.next_to_clean = hand;
            self.next_passes = passes;
        }
        self.prev_hand = hand;
        self.prev_passes = passes;
        self.valid = true;
        (delta, lap.unwrap_or(nbuffers))
    }

    /// Buffers expected to be allocated until the next round.
    fn upcoming(&mut self, allocs: u32, estimate: i64, nbuffers: u32, round: &Round) -> i64 {
        let allocs = allocs as f32;
        if self.smoothed_alloc <= allocs {
            self.smoothed_alloc = allocs;
        } else {
            self.smoothed_alloc += (allocs - self.smoothed_alloc) / SMOOTHING_SAMPLES;
        }
        let upcoming = (f64::from(self.smoothed_alloc) * round.multiplier) as i64;
        if upcoming == 0 {
            self.smoothed_alloc = 0.0;
        }
        let rounds = SCAN_WHOLE_POOL_MILLISECONDS / round.delay_ms.max(1) as f32;
        let min_scan = (nbuffers as f32 / rounds) as i64;
        upcoming.max(min_scan + estimate)
    }

    /// The next buffer to look at; move on by one.
    fn advance(&mut self, nbuffers: u32) -> u32 {
        let buffer = self.next_to_clean;
        self.next_to_clean += 1;
        if self.next_to_clean >= nbuffers {
            self.next_to_clean = 0;
            self.next_passes = self.next_passes.wrapping_add(1);
        }
        buffer
    }
}
