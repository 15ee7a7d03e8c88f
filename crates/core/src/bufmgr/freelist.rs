//! Who goes next: the freelist, the clock sweep and buffer rings (`freelist.c`).
//!
//! A buffer that holds nothing is best, and to PostgreSQL 18 such buffers are on a list: all of
//! them when the server starts, later those whose pages were dropped. When the list is empty
//! the hand of the clock looks for a page that was not used lately. A bulk operation would
//! push everybody's pages out that way, so it brings a *ring*: a few buffers that it fills
//! again and again, and only a slot that is empty, or whose buffer others have come to use,
//! makes it ask the whole pool.

use super::desc::{BufferDesc, FREENEXT_END_OF_LIST, FREENEXT_NOT_IN_LIST};
use super::usage::Words;
use super::{BLCKSZ, BufferAccess, BufferPool, LocalBufferState};
use crate::error::Error;
use crate::event::{BufferEvent, Tick};
use crate::ids::{BufferId, StrategySlot};
use crate::op::StrategyKind;
use crate::slots::entry;

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
        self.complete_passes.wrapping_add(self.next_victim / self.nbuffers)
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

    /// Look for a victim without a word about the ticks: the hand is at it then, and has not taken it
    /// yet; only its usage count is 1 already. `None` if the sweep has to go on another way, from a buffer that may be pinned.
    #[inline(always)]
    pub(super) fn sweep_unobserved(&mut self, usage: &mut Words<'_>) -> Option<u32> {
        while !usage.sweep(&mut self.next_victim) {
            if self.next_victim < self.nbuffers {
                return None;
            }
            self.next_victim = 0;
            self.complete_passes = self.complete_passes.wrapping_add(1);
        }
        Some(self.next_victim)
    }

    /// The buffer under the hand is taken.
    #[inline(always)]
    pub(super) fn take_unobserved(&mut self) {
        self.num_buffer_allocs = self.num_buffer_allocs.wrapping_add(1);
        self.next_victim += 1;
    }

    /// `ClockSweepTick`: the buffer under the hand, and whether the hand began a new pass
    /// with it.
    #[inline]
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
    /// `GetAccessStrategyWithSize`: a ring of this many kB, an eighth of the pool at most.
    /// Less than a page means no ring: it has no slots and is used as the default strategy.
    fn with_size(kind: StrategyKind, size_kb: u32, nbuffers: u32) -> Self {
        let slots = (u64::from(size_kb) * 1024 / BLCKSZ).min(u64::from(nbuffers / 8));
        Self { kind, current: 0, buffers: vec![None; slots as usize], from_ring: false }
    }

    /// `GetAccessStrategyPinLimit`.
    pub(super) fn pin_limit(&self) -> u32 {
        let slots = self.buffers.len() as u32;
        if self.kind == StrategyKind::BulkRead { slots } else { slots / 2 }
    }
}

impl LocalBufferState {
    /// A ring: the slot used last, from 0, and what is in each slot.
    pub fn ring(&self, slot: StrategySlot) -> Option<(usize, &[Option<BufferId>])> {
        let ring = self.strategies.get(slot.0 as usize)?.as_ref()?;
        Some((ring.current, &ring.buffers))
    }

    /// What a ring is for.
    pub(super) fn ring_kind(&self, slot: usize) -> Option<StrategyKind> {
        Some(self.strategies.get(slot)?.as_ref()?.kind)
    }

    /// Whether the last buffer taken came out of the ring.
    pub(super) fn is_from_ring(&self, slot: usize) -> bool {
        matches!(self.strategies.get(slot), Some(Some(ring)) if ring.from_ring)
    }

    /// The variables that hold a ring.
    pub fn rings(&self) -> impl Iterator<Item = StrategySlot> {
        let slots = (0..).map(StrategySlot).zip(&self.strategies);
        slots.filter(|(_, ring)| ring.is_some()).map(|(slot, _)| slot)
    }

    /// The ring that a variable stands for; `None` is the default strategy.
    ///
    /// # Errors
    /// [`Error::NoSuchStrategy`] if the variable is empty.
    pub(crate) fn strategy(&self, slot: Option<StrategySlot>) -> Result<Option<usize>, Error> {
        let Some(slot) = slot else { return Ok(None) };
        let (_, buffers) = self.ring(slot).ok_or(Error::NoSuchStrategy)?;
        Ok((!buffers.is_empty()).then_some(slot.0 as usize))
    }
}

impl BufferPool {
    /// Buffers on the freelist, the next to be taken first.
    pub fn freelist(&self) -> impl Iterator<Item = BufferId> {
        let buffer = |index: i32| u32::try_from(index).ok().map(BufferId);
        std::iter::successors(self.strategy.first_free(), move |last| {
            buffer(self.descs.get(*last)?.free_next)
        })
    }

    /// Chain these buffers up as the freelist, in this order.
    pub(super) fn link_freelist(&mut self, buffers: impl Iterator<Item = BufferId>) {
        self.strategy.first_free = FREENEXT_END_OF_LIST;
        for buffer in buffers {
            let index = buffer.0 as i32;
            match self.strategy.last_free().filter(|_| self.strategy.first_free >= 0) {
                Some(last) => self.descs.update(last, |desc| desc.free_next = index),
                None => self.strategy.first_free = index,
            }
            self.strategy.last_free = index;
            self.descs.update(buffer, |desc| desc.free_next = FREENEXT_END_OF_LIST);
        }
    }
}

impl BufferAccess<'_> {
    /// `GetAccessStrategy`, or with a size `GetAccessStrategyWithSize`: a new ring, empty.
    ///
    /// # Errors
    /// [`Error::NotInVersion`] if the version's rings have no size of choice; too many rings.
    pub(crate) fn get_access_strategy(
        &mut self,
        slot: StrategySlot,
        kind: StrategyKind,
        size_kb: Option<u32>,
    ) -> Result<(), Error> {
        if size_kb.is_some() && !self.profile.sized_rings {
            return Err(Error::NotInVersion("GetAccessStrategyWithSize"));
        }
        let nbuffers = self.pool.nbuffers();
        let size_kb = size_kb.unwrap_or_else(|| match kind {
            StrategyKind::BulkRead => (self.profile.bulkread_ring_kb)(self.pin_limit()),
            StrategyKind::BulkWrite => 16 * 1024,
            StrategyKind::Vacuum => self.profile.vacuum_ring_kb,
        });
        let ring = BufferAccessStrategy::with_size(kind, size_kb, nbuffers);
        let slots = ring.buffers.len() as u32;
        *entry(&mut self.local.strategies, slot.0, None)? = Some(ring);
        self.emit(BufferEvent::RingCreated { backend: self.who, strategy: slot, kind, slots })
    }

    /// `FreeAccessStrategy`.
    ///
    /// # Errors
    /// [`Error::NoSuchStrategy`] if the variable is empty.
    pub(crate) fn free_access_strategy(&mut self, slot: StrategySlot) -> Result<(), Error> {
        let ring = self.local.strategies.get_mut(slot.0 as usize).and_then(Option::take);
        ring.ok_or(Error::NoSuchStrategy)?;
        self.emit(BufferEvent::RingFreed { backend: self.who, strategy: slot })
    }

    /// `StrategyFreeBuffer`: an empty buffer goes to the head of the freelist, unless it is
    /// on it already.
    pub(super) fn strategy_free_buffer(&mut self, buffer: BufferId) -> Result<(), Error> {
        if !self.profile.freelist || self.desc(buffer).free_next != FREENEXT_NOT_IN_LIST {
            return Ok(());
        }
        let control = &mut self.pool.strategy;
        let next = control.first_free;
        self.pool.descs.update(buffer, |desc| desc.free_next = next);
        if next < 0 {
            control.last_free = buffer.0 as i32;
        }
        control.first_free = buffer.0 as i32;
        self.emit(BufferEvent::FreelistPush { buffer })
    }

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
            self.add_buffer_to_ring(slot, buffer)?;
        }
        Ok(buffer)
    }

    /// The head of the freelist; buffers found in use are dropped from it on the way.
    fn pop_freelist(&mut self) -> Result<Option<BufferId>, Error> {
        while let Some(buffer) = self.pool.strategy.first_free() {
            let desc = self.desc(buffer);
            self.pool.strategy.first_free = desc.free_next;
            self.update(buffer, |desc| desc.free_next = FREENEXT_NOT_IN_LIST);
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
            let desc = self.desc(buffer);
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
            self.update(buffer, BufferDesc::lower_usage);
            trycounter = self.pool.nbuffers();
            self.emit(BufferEvent::Tick { buffer, tick: Tick::Lowered { from } })?;
        }
    }

    /// `GetBufferFromRing`: the next slot's buffer, if nobody else wants it.
    fn get_buffer_from_ring(&mut self, slot: usize) -> Result<Option<BufferId>, Error> {
        let ring = self.local.strategies.get_mut(slot).and_then(Option::as_mut);
        let Some(ring) = ring.filter(|ring| !ring.buffers.is_empty()) else {
            return Err(Error::NoSuchStrategy);
        };
        ring.current = (ring.current + 1) % ring.buffers.len();
        let found = ring.buffers[ring.current];
        let free = found.filter(|buffer| {
            let desc = self.pool.descs.at(*buffer);
            desc.refcount() == 0 && desc.usage_count() <= 1
        });
        ring.from_ring = free.is_some();
        let current = ring.current as u32;
        self.emit(BufferEvent::RingLook { slot: current, buffer: found, taken: free.is_some() })?;
        Ok(free)
    }

    /// `AddBufferToRing`.
    fn add_buffer_to_ring(&mut self, slot: usize, buffer: BufferId) -> Result<(), Error> {
        let Some(Some(ring)) = self.local.strategies.get_mut(slot) else { return Ok(()) };
        ring.buffers[ring.current] = Some(buffer);
        ring.from_ring = false;
        let slot = ring.current as u32;
        self.emit(BufferEvent::RingFilled { slot, buffer })
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
}
