//! A backend's variables of type `MemoryContext`, and those that hold what `palloc` returned.

use crate::error::{Error, Fallible};
use crate::event::Gone;
use crate::ids::{ChunkSlot, ContextSlot};
use crate::memory::Addr;
use crate::server::lives::{FREED, Life, LifeIndex, Lives};
use crate::slots::entry;

/// A variable of type `MemoryContext`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ContextVar {
    addr: Addr,
    life: LifeIndex,
    deletes: u32,
}

/// A variable that holds what `palloc` returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkVar {
    /// The pointer.
    pub pointer: Addr,
    /// Bytes that were asked for.
    pub requested: u64,
    /// The context that the chunk is in.
    pub context: Addr,
}

/// The same as it is kept.
#[derive(Clone, Copy)]
// A power of two is quickly reached, and lies in one cache line.
#[repr(align(32))]
pub(super) struct Kept {
    pointer: Addr,
    requested: u64,
    stamp: Stamp,
}

/// Whose chunk it is, and since when: the number of a context's life, and below it how often its
/// chunks had gone at once. [`FREED`] is set in that if the chunk was freed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(u64);

impl Stamp {
    /// No chunk's, not even one that nothing is known of.
    pub(super) const NONE: Self = Self(u64::MAX);

    fn new(life: LifeIndex, frees: u32) -> Self {
        Self(u64::from(life.0) << 32 | u64::from(frees))
    }

    fn life(self) -> LifeIndex {
        LifeIndex((self.0 >> 32) as u32)
    }

    fn frees(self) -> u32 {
        self.0 as u32
    }
}

impl Kept {
    /// What a variable that never held anything has.
    const NOTHING: Self =
        Self { pointer: Addr::NULL, requested: 0, stamp: Stamp((LifeIndex::NONE.0 as u64) << 32) };

    /// Store what an allocation of `requested` bytes returned.
    #[inline]
    pub(super) fn keep(&mut self, pointer: Addr, requested: u64, context: Alive) {
        *self = Self { pointer, requested, stamp: context.stamp };
    }

    /// The pointer.
    #[inline]
    pub(super) fn pointer(&self) -> Addr {
        self.pointer
    }

    /// Whose chunk it is.
    #[inline]
    pub(super) fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The chunk was freed; the variable keeps its pointer.
    #[inline]
    pub(super) fn forget(&mut self) {
        self.stamp = Stamp(self.stamp.0 | u64::from(FREED));
    }

    fn var(&self, life: Life) -> ChunkVar {
        let Self { pointer, requested, .. } = *self;
        ChunkVar { pointer, requested, context: life.context }
    }
}

/// A context, and how often chunks that it holds went at once.
#[derive(Clone, Copy)]
pub(super) struct Alive {
    pub(super) addr: Addr,
    pub(super) stamp: Stamp,
}

/// What one backend's variables hold, and whether it is still good.
#[derive(Clone, Default)]
pub(super) struct Variables {
    contexts: Vec<Option<ContextVar>>,
    chunks: Vec<Kept>,
    lives: Lives,
}

impl Variables {
    /// The context that a variable holds.
    #[inline]
    pub(super) fn context(&self, slot: ContextSlot) -> Option<Addr> {
        self.alive(slot).map(|context| context.addr)
    }

    /// The same, for a chunk that is to come of it.
    pub(super) fn alive(&self, slot: ContextSlot) -> Option<Alive> {
        let var = self.contexts.get(slot.0 as usize)?.as_ref()?;
        let life = self.lives.at(var.life)?;
        let same = life.deletes == var.deletes;
        let stamp = Stamp::new(var.life, life.frees);
        same.then_some(Alive { addr: var.addr, stamp })
    }

    /// A context by its address.
    #[inline]
    pub(super) fn alive_at(&mut self, addr: Addr) -> Alive {
        let life = self.lives.of(addr);
        let frees = self.lives.at(life).map_or(0, |life| life.frees);
        Alive { addr, stamp: Stamp::new(life, frees) }
    }

    /// The chunk that a variable holds, unless its memory is gone.
    #[inline]
    pub(super) fn chunk(&self, slot: ChunkSlot) -> Option<ChunkVar> {
        held(self.chunks.get(slot.0 as usize)?, &self.lives)
    }

    /// The variable, if it was used before.
    #[inline(always)]
    pub(super) fn place(&mut self, slot: ChunkSlot) -> Option<&mut Kept> {
        self.chunks.get_mut(slot.0 as usize)
    }

    /// Every chunk that a variable holds.
    pub(super) fn chunks(&self) -> impl Iterator<Item = (ChunkSlot, ChunkVar)> {
        (0..self.chunks.len() as u32)
            .map(ChunkSlot)
            .filter_map(|slot| self.chunk(slot).map(|var| (slot, var)))
    }

    /// The pointer that a variable holds, and what became of the chunk: a C program's variable
    /// does not know.
    pub(super) fn pointer(&self, slot: ChunkSlot) -> Result<(ChunkVar, Option<Gone>), Error> {
        let kept = self.chunks.get(slot.0 as usize);
        let found = kept.and_then(|kept| Some((kept, self.lives.at(kept.stamp.life())?)));
        let (kept, life) = found.ok_or(Error::NoSuchChunk)?;
        let gone = match kept.stamp.frees() ^ life.frees {
            0 => None,
            FREED => Some(Gone::Freed),
            _ => Some(Gone::WithContext),
        };
        Ok((kept.var(life), gone))
    }

    /// What a variable has to hold for the context at `addr`.
    pub(super) fn context_var(&mut self, addr: Addr) -> ContextVar {
        let life = self.lives.of(addr);
        let deletes = self.lives.at(life).map_or(0, |life| life.deletes);
        ContextVar { addr, life, deletes }
    }

    pub(super) fn set_context(
        &mut self,
        slot: ContextSlot,
        var: Option<ContextVar>,
    ) -> Result<(), Error> {
        *entry(&mut self.contexts, slot.0, None)? = var;
        Ok(())
    }

    pub(super) fn set_context_to(&mut self, slot: ContextSlot, addr: Addr) -> Result<(), Error> {
        let var = self.context_var(addr);
        self.set_context(slot, Some(var))
    }

    /// Store what an allocation of `requested` bytes returned.
    pub(super) fn keep_chunk(
        &mut self,
        slot: ChunkSlot,
        pointer: Addr,
        requested: u64,
        context: Addr,
    ) -> Fallible<()> {
        let context = self.alive_at(context);
        entry(&mut self.chunks, slot.0, Kept::NOTHING)?.keep(pointer, requested, context);
        Ok(())
    }

    /// A variable's chunk was freed; the variable keeps its pointer.
    pub(super) fn drop_chunk(&mut self, slot: ChunkSlot) {
        if let Some(place) = self.place(slot) {
            place.forget();
        }
    }

    /// The chunks of a context are gone; with `deleted`, the context too.
    pub(super) fn end_life(&mut self, context: Addr, deleted: bool) {
        self.lives.end(context, deleted);
    }
}

/// What a variable holds, unless its memory is gone.
#[inline]
fn held(kept: &Kept, lives: &Lives) -> Option<ChunkVar> {
    let life = lives.at(kept.stamp.life())?;
    (life.frees == kept.stamp.frees()).then(|| kept.var(life))
}
