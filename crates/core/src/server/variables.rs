//! A backend's variables of type `MemoryContext`, and those that hold what `palloc` returned.

use crate::error::{Error, Fallible};
use crate::event::Gone;
use crate::ids::{ChunkSlot, ContextSlot};
use crate::memory::Addr;
use crate::server::lives::{LifeIndex, Lives};
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
    life: LifeIndex,
    frees: u32,
    freed: bool,
}

/// What one backend's variables hold, and whether it is still good.
#[derive(Clone, Default)]
pub(super) struct Variables {
    contexts: Vec<Option<ContextVar>>,
    chunks: Vec<Option<ChunkVar>>,
    lives: Lives,
}

impl Variables {
    /// The context that a variable holds.
    #[inline]
    pub(super) fn context(&self, slot: ContextSlot) -> Option<Addr> {
        match self.contexts.get(slot.0 as usize) {
            Some(Some(var)) if self.lives.at(var.life).deletes == var.deletes => Some(var.addr),
            _ => None,
        }
    }

    /// The chunk that a variable holds, unless its memory is gone.
    #[inline]
    pub(super) fn chunk(&self, slot: ChunkSlot) -> Option<ChunkVar> {
        match self.chunks.get(slot.0 as usize) {
            Some(Some(var)) if !var.freed && self.lives.at(var.life).frees == var.frees => {
                Some(*var)
            }
            _ => None,
        }
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
        let Some(Some(var)) = self.chunks.get(slot.0 as usize) else {
            return Err(Error::NoSuchChunk);
        };
        let gone = match self.lives.at(var.life).frees == var.frees {
            false => Some(Gone::WithContext),
            true if var.freed => Some(Gone::Freed),
            true => None,
        };
        Ok((*var, gone))
    }

    /// What a variable has to hold for the context at `addr`.
    pub(super) fn context_var(&mut self, addr: Addr) -> ContextVar {
        let life = self.lives.of(addr);
        ContextVar { addr, life, deletes: self.lives.at(life).deletes }
    }

    pub(super) fn set_context(
        &mut self,
        slot: ContextSlot,
        var: Option<ContextVar>,
    ) -> Result<(), Error> {
        *entry(&mut self.contexts, slot.0)? = var;
        Ok(())
    }

    pub(super) fn set_context_to(&mut self, slot: ContextSlot, addr: Addr) -> Result<(), Error> {
        let var = self.context_var(addr);
        self.set_context(slot, Some(var))
    }

    /// Store what an allocation of `requested` bytes returned.
    #[inline]
    pub(super) fn keep_chunk(
        &mut self,
        slot: ChunkSlot,
        pointer: Addr,
        requested: u64,
        context: Addr,
    ) -> Fallible<()> {
        let life = self.lives.of(context);
        let frees = self.lives.at(life).frees;
        let var = Some(ChunkVar { pointer, requested, context, life, frees, freed: false });
        match self.chunks.get_mut(slot.0 as usize) {
            Some(place) => *place = var,
            None => *entry(&mut self.chunks, slot.0)? = var,
        }
        Ok(())
    }

    /// A variable's chunk was freed; the variable keeps its pointer.
    #[inline]
    pub(super) fn drop_chunk(&mut self, slot: ChunkSlot) {
        if let Some(Some(var)) = self.chunks.get_mut(slot.0 as usize) {
            var.freed = true;
        }
    }

    /// The chunks of a context are gone; with `deleted`, the context too.
    pub(super) fn end_life(&mut self, context: Addr, deleted: bool) {
        self.lives.end(context, deleted);
    }
}
