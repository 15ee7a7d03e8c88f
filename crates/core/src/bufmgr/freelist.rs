//! Who goes next: the freelist, the clock sweep and buffer rings (`freelist.c`).

use super::desc::{BM_VALID, FREENEXT_END_OF_LIST, FREENEXT_NOT_IN_LIST};
use super::{BLCKSZ, BufferAccess, BufferPool};
use crate::error::Error;
use crate::event::{BufferEvent, Tick};
use crate::ids::BufferId;
use crate::op::StrategyKind;
use crate::profile::BufmgrProfile;

/// `BufferStrategyControl`: the shared state of replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrategyControl {
    nbuffers: u32,
    /// `nextVictimBuffer`: grows by one a tick and is brought back below `nbuffers` only by
    /// the tick that finds itself past it.
    next_victim: u32,
    complete_passes: u32,
    num_buffer_allocs: u32,
    first_free: i32,
    last_free: i32,
}

impl StrategyControl {
    pub(super) fn new(nbuffers: u32) -> Self {
        Self {
            nbuffers,
            next_victim: 0,
            complete_passes: 0,
            num_buffer_allocs: 0,
            first_free: FREENEXT_END_OF_LIST,
            last_free: FREENEXT_END_OF_LIST,
        }
    }

    pub(super) fn set(&mut self, hand: u32, passes: u32, allocs: u32) {
        self.next_victim = hand;
        self.complete_passes = passes;
        self.num_buffer_allocs = allocs;
    }

    /// The buffer that the next tick looks at, from 0 (`StrategySyncStart`).
    pub fn hand(&self) -> u32 {
        self.next_victim % self.nbuffers
    }

    /// Complete turns of the hand, one included that ended but is not stored yet
    /// (`StrategySyncStart`).
    pub fn passes(&self) -> u32 {
        self.complete_passes + self.next_victim / self.nbuffers
    }

    /// Buffers asked for since the background writer last looked.
    pub fn allocs(&self) -> u32 {
        self.num_buffer_allocs
    }

    /// The first buffer on the freelist.
    pub fn first_free(&self) -> Option<BufferId> {
        u32::try_from(self.first_free).ok().map(BufferId)
    }

    /// The last buffer on the freelist, if it is not empty.
    pub fn last_free(&self) -> Option<BufferId> {
        self.first_free()?;
        u32::try_from(self.last_free).ok().map(BufferId)
    }

    /// `nextVictimBuffer`, `completePasses`, `firstFreeBuffer` and `lastFreeBuffer` as they
    /// lie in shared memory.
    pub fn raw(&self) -> (u32, u32, i32, i32) {
        (self.next_victim, self.complete_passes, self.first_free, self.last_free)
    }

    pub(super) fn take_allocs(&mut self) -> u32 {
        std::mem::take(&mut self.num_buffer_allocs)
    }

    /// `ClockSweepTick`: the buffer under the hand, and whether the hand began a new pass
    /// with it.
    fn clock_sweep_tick(&mut self) -> (BufferId, bool) {
        let victim = self.next_victim;
        self.next_victim += 1;
        if victim < self.nbuffers {
            return (BufferId(victim), false);
        }
        self.next_victim %= self.nbuffers;
        self.complete_passes = self.complete_passes.wrapping_add(1);
        (BufferId(victim % self.nbuffers), true)
    }
}

/// A ring of buffers for one bulk operation (`BufferAccessStrategyData`).
#[derive(Clone, Debug)]
pub(crate) struct BufferAccessStrategy {
    kind: StrategyKind,
    /// The slot that was used last.
    current: usize,
    buffers: Vec<Option<BufferId>>,
    /// The last buffer taken came from the ring.
    from_ring: bool,
}

impl BufferAccessStrategy {
    /// `GetAccessStrategy`: a ring of the version's size, an eighth of the pool at most.
    pub(crate) fn new(kind: StrategyKind, nbuffers: u32, profile: &BufmgrProfile) -> Self {
        let kb = match kind {
            StrategyKind::BulkRead => (profile.bulkread_ring_kb)(nbuffers),
            StrategyKind::BulkWrite => 16 * 1024,
            StrategyKind::Vacuum => profile.vacuum_ring_kb,
        };
        let slots = (u64::from(kb) * 1024 / BLCKSZ).min(u64::from(nbuffers / 8)).max(1);
        Self { kind, current: 0, buffers: vec![None; slots as usize], from_ring: false }
    }

    /// The slot that was used last, from 0.
    pub(crate) fn current(&self) -> usize {
        self.current
    }

    /// What is in each slot.
    pub(crate) fn buffers(&self) -> &[Option<BufferId>] {
        &self.buffers
    }
}

impl BufferPool {
    /// Buffers on the freelist, the next to be taken first.
    pub fn freelist(&self) -> impl Iterator<Item = BufferId> {
        let buffer = |index: i32| u32::try_from(index).ok().map(BufferId);
        std::iter::successors(self.strategy.first_free(), move |last| {
            buffer(self.descs.get(last.index())?.free_next)
        })
    }

    /// Chain these buffers up as the freelist, in this order.
    pub(super) fn link_freelist(&mut self, buffers: impl Iterator<Item = BufferId>) {
        self.strategy.first_free = FREENEXT_END_OF_LIST;
        for buffer in buffers {
            let index = buffer.0 as i32;
            match self.strategy.last_free().filter(|_| self.strategy.first_free >= 0) {
                Some(last) => self.descs[last.index()].free_next = index,
                None => self.strategy.first_free = index,
            }
            self.strategy.last_free = index;
            if let Some(desc) = self.descs.get_mut(buffer.index()) {
                desc.free_next = FREENEXT_END_OF_LIST;
            }
        }
    }
}

impl BufferAccess<'_> {
    /// `StrategyGetBuffer`: an unpinned buffer for a new page.
    ///
    /// # Errors
    /// [`Error::NoUnpinnedBuffers`] after a whole turn over pinned buffers.
    pub(super) fn strategy_get_buffer(
        &mut self,
        strategy: Option<usize>,
    ) -> Result<BufferId, Error> {
        if let Some(slot) = strategy
            && let Some(buffer) = self.get_buffer_from_ring(slot)?
        {
            return Ok(buffer);
        }
        let control = &mut self.pool.strategy;
        control.num_buffer_allocs = control.num_buffer_allocs.wrapping_add(1);

        let buffer = match self.pop_freelist()? {
            Some(buffer) => buffer,
            None => self.clock_sweep()?,
        };
        if let Some(slot) = strategy {
            self.add_buffer_to_ring(slot, buffer);
        }
        Ok(buffer)
    }

    /// The head of the freelist; buffers found in use are dropped from it on the way.
    fn pop_freelist(&mut self) -> Result<Option<BufferId>, Error> {
        while let Some(buffer) = self.pool.strategy.first_free() {
            let desc = &mut self.pool.descs[buffer.index()];
            self.pool.strategy.first_free = desc.free_next;
            desc.free_next = FREENEXT_NOT_IN_LIST;
            let taken = desc.refcount() == 0 && desc.usage_count() == 0;
            self.emit(BufferEvent::FreelistPop { buffer, taken })?;
            if taken {
                return Ok(Some(buffer));
            }
        }
        Ok(None)
    }

    /// The clock sweep.
    fn clock_sweep(&mut self) -> Result<BufferId, Error> {
        let mut trycounter = self.pool.nbuffers();
        loop {
            let (buffer, wrapped) = self.pool.strategy.clock_sweep_tick();
            if wrapped {
                let passes = self.pool.strategy.complete_passes;
                self.emit(BufferEvent::PassCompleted { passes })?;
            }
            let desc = &mut self.pool.descs[buffer.index()];
            if desc.refcount() > 0 {
                self.emit(BufferEvent::Tick { buffer, tick: Tick::Pinned })?;
                trycounter -= 1;
                if trycounter == 0 {
                    self.emit(BufferEvent::SweepFailed)?;
                    return Err(Error::NoUnpinnedBuffers);
                }
                continue;
            }
            let from = desc.usage_count();
            if from == 0 {
                self.emit(BufferEvent::Tick { buffer, tick: Tick::Taken })?;
                return Ok(buffer);
            }
            desc.lower_usage();
            trycounter = self.pool.nbuffers();
            self.emit(BufferEvent::Tick { buffer, tick: Tick::Lowered { from } })?;
        }
    }

    /// `GetBufferFromRing`: the next slot's buffer, if nobody else wants it.
    fn get_buffer_from_ring(&mut self, slot: usize) -> Result<Option<BufferId>, Error> {
        let Some(ring) = self.local.strategies.get_mut(slot).and_then(Option::as_mut) else {
            return Err(Error::NoSuchStrategy);
        };
        ring.current = (ring.current + 1) % ring.buffers.len();
        let found = ring.buffers[ring.current];
        let free = found.filter(|buffer| {
            let desc = &self.pool.descs[buffer.index()];
            desc.refcount() == 0 && desc.usage_count() <= 1
        });
        ring.from_ring = free.is_some();
        let current = ring.current as u32;
        self.emit(BufferEvent::RingLook { slot: current, buffer: found, taken: free.is_some() })?;
        Ok(free)
    }

    /// `AddBufferToRing`.
    fn add_buffer_to_ring(&mut self, slot: usize, buffer: BufferId) {
        if let Some(Some(ring)) = self.local.strategies.get_mut(slot) {
            ring.buffers[ring.current] = Some(buffer);
            ring.from_ring = false;
        }
    }

    /// `StrategyRejectBuffer`: a bulk read gives up a dirty buffer of its ring rather than
    /// wait for its WAL.
    pub(super) fn strategy_reject_buffer(&mut self, slot: usize, buffer: BufferId) -> bool {
        let Some(Some(ring)) = self.local.strategies.get_mut(slot) else { return false };
        if ring.kind != StrategyKind::BulkRead
            || !ring.from_ring
            || ring.buffers[ring.current] != Some(buffer)
        {
            return false;
        }
        ring.buffers[ring.current] = None;
        true
    }

    /// Whether the buffer holds a page that could be found.
    pub(super) fn holds_page(&self, buffer: BufferId) -> bool {
        self.pool.descs[buffer.index()].is(BM_VALID)
    }
}
