//! `palloc` and `pfree` while nobody watches: the contexts used last are kept at hand.
//!
//! An operation that is recorded looks everything up anew: its backend, the variable, the
//! context's allocator and its limits. Whoever replays millions of them without events asks for
//! the same again and again, so what was found stays at hand until there is another operation,
//! which may change any of it. The bytes are the same either way.
//!
//! Whoever writes past a chunk's end, or frees a chunk twice, can change what a context's header
//! says at any time. From then on a server goes the long way only.

use std::hint::cold_path;

use super::Server;
use super::apply::Outcome;
use super::variables::{Alive, Stamp};
use crate::error::Error;
use crate::ids::{BackendId, ChunkSlot, ContextSlot};
use crate::memory::Addr;
use crate::mmgr::ShortWay;
use crate::mmgr::memdebug::CLOBBER_FREED_MEMORY;
use crate::op::Op;
use crate::profile::MEMORY_CONTEXT_CHECKING;

/// Whether there are short ways. They know nothing of builds that check, and a page is better off
/// without their 5 kB: what it replays without events is mostly page reads.
pub(super) const SHORT_WAYS: bool =
    !(MEMORY_CONTEXT_CHECKING || CLOBBER_FREED_MEMORY || cfg!(target_family = "wasm"));

/// What is at hand.
#[derive(Clone)]
pub(super) struct AtHand {
    /// The variable that `palloc` was asked for last, and whose.
    alloc: u64,
    alloc_alive: Alive,
    alloc_way: ShortWay,
    /// The context of the chunk that was freed last, and whose.
    free: BackendId,
    free_stamp: Stamp,
    free_way: ShortWay,
    /// Somebody may have written over a header.
    distrusted: bool,
}

/// No variable.
const NOTHING: u64 = u64::MAX;

impl Default for AtHand {
    fn default() -> Self {
        let alive = Alive { addr: Addr::NULL, stamp: Stamp::NONE };
        Self {
            alloc: NOTHING,
            alloc_alive: alive,
            alloc_way: ShortWay::default(),
            free: BackendId(0),
            free_stamp: Stamp::NONE,
            free_way: ShortWay::default(),
            distrusted: false,
        }
    }
}

impl AtHand {
    /// Something is about to change.
    #[inline]
    pub(super) fn forget(&mut self) {
        self.alloc = NOTHING;
        self.free_stamp = Stamp::NONE;
    }

    /// Headers may say anything from now on.
    pub(super) fn distrust(&mut self) {
        self.distrusted = true;
        self.forget();
    }
}

/// A variable and its backend in one number; no variable is `CurrentMemoryContext`.
#[inline(always)]
fn variable(backend: BackendId, slot: Option<ContextSlot>) -> u64 {
    u64::from(backend.0) << 40 | slot.map_or(0, |slot| u64::from(slot.0) + 1)
}

impl Server {
    /// `palloc` the short way if there is one.
    #[inline(always)]
    pub(super) fn palloc_at_hand(
        &mut self,
        id: BackendId,
        slot: Option<ContextSlot>,
        size: u64,
        chunk: Option<ChunkSlot>,
    ) -> Result<Outcome, Error> {
        match self.quick_palloc(id, slot, size, chunk) {
            Some(pointer) => Ok(Outcome::Pointer(pointer)),
            None => self.palloc_watched(id, slot, size, chunk),
        }
    }

    /// `pfree` the short way if there is one.
    #[inline(always)]
    pub(super) fn pfree_at_hand(
        &mut self,
        id: BackendId,
        chunk: ChunkSlot,
    ) -> Result<Outcome, Error> {
        match self.quick_pfree(id, chunk) {
            Some(()) => Ok(Outcome::Done),
            None => self.pfree_watched(id, chunk),
        }
    }

    /// `palloc` the long way. It takes numbers, so that a caller's [`Op`] need not be in memory
    /// for the short one.
    #[cold]
    #[inline(never)]
    fn palloc_watched(
        &mut self,
        backend: BackendId,
        context: Option<ContextSlot>,
        size: u64,
        chunk: Option<ChunkSlot>,
    ) -> Result<Outcome, Error> {
        self.apply_the_long_way(&Op::Palloc { backend, context, size, zero: false, chunk })
    }

    /// `pfree` the long way.
    #[cold]
    #[inline(never)]
    fn pfree_watched(&mut self, backend: BackendId, chunk: ChunkSlot) -> Result<Outcome, Error> {
        self.apply_the_long_way(&Op::Pfree { backend, chunk })
    }

    /// `palloc` the short way; `None`, and nothing has changed, if there is none.
    #[inline(always)]
    fn quick_palloc(
        &mut self,
        id: BackendId,
        slot: Option<ContextSlot>,
        size: u64,
        chunk: Option<ChunkSlot>,
    ) -> Option<Addr> {
        if self.at_hand.alloc != variable(id, slot) {
            cold_path();
            self.have_context_at_hand(id, slot)?;
        }
        let Self { at_hand, arena, backends, .. } = self;
        let Some(chunk) = chunk else { return at_hand.alloc_way.alloc(arena, size) };
        let place = backends.get_mut(usize::from(id.0))?.variables.place(chunk)?;
        let pointer = at_hand.alloc_way.alloc(arena, size)?;
        place.keep(pointer, size, at_hand.alloc_alive);
        Some(pointer)
    }

    /// `pfree` the short way; `None`, and nothing has changed, if there is none.
    #[inline(always)]
    fn quick_pfree(&mut self, id: BackendId, slot: ChunkSlot) -> Option<()> {
        if self.at_hand.free != id {
            return self.quick_pfree_elsewhere(id, slot);
        }
        let place = self.backends.get_mut(usize::from(id.0))?.variables.place(slot)?;
        if self.at_hand.free_stamp != place.stamp() {
            return self.quick_pfree_elsewhere(id, slot);
        }
        self.at_hand.free_way.free(&mut self.arena, place.pointer())?;
        place.forget();
        Some(())
    }

    /// The same, of another context's chunk than the last one was.
    #[cold]
    #[inline(never)]
    fn quick_pfree_elsewhere(&mut self, id: BackendId, slot: ChunkSlot) -> Option<()> {
        self.have_owner_at_hand(id, slot)?;
        let place = self.backends.get_mut(usize::from(id.0))?.variables.place(slot)?;
        self.at_hand.free_way.free(&mut self.arena, place.pointer())?;
        place.forget();
        Some(())
    }

    #[cold]
    #[inline(never)]
    fn have_context_at_hand(&mut self, id: BackendId, slot: Option<ContextSlot>) -> Option<()> {
        self.check_unwatched()?;
        let backend = self.backends.get_mut(usize::from(id.0))?;
        if !backend.does_what_it_is_told() {
            return None;
        }
        let alive = match slot {
            None => backend.variables.alive_at(backend.memory.current),
            Some(slot) => backend.variables.alive(slot)?,
        };
        let way = self.short_way(id, alive.addr)?;
        let at_hand = &mut self.at_hand;
        (at_hand.alloc, at_hand.alloc_alive, at_hand.alloc_way) = (variable(id, slot), alive, way);
        Some(())
    }

    fn have_owner_at_hand(&mut self, id: BackendId, slot: ChunkSlot) -> Option<()> {
        self.check_unwatched()?;
        let backend = self.backends.get_mut(usize::from(id.0))?;
        if !backend.does_what_it_is_told() {
            return None;
        }
        let variables = &mut backend.variables;
        let context = variables.chunk(slot)?.context;
        let stamp = variables.place(slot)?.stamp();
        let way = self.short_way(id, context)?;
        let at_hand = &mut self.at_hand;
        (at_hand.free, at_hand.free_stamp, at_hand.free_way) = (id, stamp, way);
        Some(())
    }

    /// A backend is about to work: have its memory at hand, and nothing of another's.
    #[inline]
    pub(super) fn lend(&mut self, id: BackendId) {
        if !self.arena.is_lent(id) {
            self.at_hand.forget();
            self.arena.lend(id);
        }
    }

    /// Whether there are short ways now: nobody wants events, and headers can be trusted.
    fn check_unwatched(&self) -> Option<()> {
        (self.log.is_off() && !self.at_hand.distrusted).then_some(())
    }

    /// How a backend's context can be used the short way.
    fn short_way(&mut self, id: BackendId, context: Addr) -> Option<ShortWay> {
        self.lend(id);
        ShortWay::of(self.arena.windows(), self.profile, context)
    }
}
