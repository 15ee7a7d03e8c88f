//! A backend: one process, and what it keeps to itself.

use std::collections::HashMap;

use crate::bufmgr::LocalBufferState;
use crate::error::Error;
use crate::ids::{Buffer, BufferId, ChunkSlot, ContextSlot, PinSlot};
use crate::memory::Addr;
use crate::mmgr::LocalMemory;
use crate::op::Name;
use crate::slots::entry;

/// One backend.
#[derive(Clone)]
pub struct Backend {
    /// Its name on the page.
    pub name: Name,
    /// Its malloc and memory contexts.
    pub memory: LocalMemory,
    /// Its pins and counters.
    pub buffers: LocalBufferState,
    pub(super) contexts: Vec<Option<ContextVar>>,
    pub(super) chunks: Vec<Option<ChunkVar>>,
    pub(super) pins: Vec<Option<Buffer>>,
    pub(super) calls: Vec<Call>,
    lives: HashMap<Addr, Life>,
}

/// A variable of type `MemoryContext`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ContextVar {
    addr: Addr,
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
    frees: u32,
}

/// A function call that is running.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The function's name, in the program's text.
    pub function: Addr,
    /// Its context.
    pub context: Addr,
    /// The caller's `CurrentMemoryContext`.
    pub caller: Addr,
    pub(super) outer: Option<ContextVar>,
}

/// How often the context at an address was deleted, and how often its chunks went at once.
/// Tells a variable that is still good from one whose memory is gone: an address alone
/// can't, since addresses are used again.
#[derive(Clone, Copy, Debug, Default)]
struct Life {
    deletes: u32,
    frees: u32,
}

impl Backend {
    pub(super) fn new(name: Name, memory: LocalMemory) -> Self {
        Self {
            name,
            memory,
            buffers: LocalBufferState::default(),
            contexts: Vec::new(),
            chunks: Vec::new(),
            pins: Vec::new(),
            calls: Vec::new(),
            lives: HashMap::new(),
        }
    }

    fn life(&self, context: Addr) -> Life {
        self.lives.get(&context).copied().unwrap_or_default()
    }

    /// The context that a variable holds.
    pub fn context(&self, slot: ContextSlot) -> Option<Addr> {
        let var = self.contexts.get(slot.0 as usize).copied().flatten()?;
        (self.life(var.addr).deletes == var.deletes).then_some(var.addr)
    }

    /// The chunk that a variable holds, unless its memory is gone.
    pub fn chunk(&self, slot: ChunkSlot) -> Option<ChunkVar> {
        let var = self.chunks.get(slot.0 as usize).copied().flatten()?;
        (self.life(var.context).frees == var.frees).then_some(var)
    }

    /// Every chunk that a variable holds.
    pub fn chunks(&self) -> impl Iterator<Item = (ChunkSlot, ChunkVar)> {
        (0..self.chunks.len() as u32)
            .map(ChunkSlot)
            .filter_map(|slot| self.chunk(slot).map(|var| (slot, var)))
    }

    /// The buffer that a variable keeps pinned.
    pub fn pin(&self, slot: PinSlot) -> Option<Buffer> {
        self.pins.get(slot.0 as usize).copied().flatten()
    }

    /// Whether some variable keeps this shared buffer pinned.
    pub fn keeps(&self, buffer: BufferId) -> bool {
        self.pins.contains(&Some(buffer.into()))
    }

    /// Function calls that are running, the innermost last.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    pub(super) fn context_or_error(&self, slot: ContextSlot) -> Result<Addr, Error> {
        self.context(slot).ok_or(Error::NoSuchContext)
    }

    pub(super) fn chunk_or_error(&self, slot: ChunkSlot) -> Result<ChunkVar, Error> {
        match self.chunks.get(slot.0 as usize).copied().flatten() {
            None => Err(Error::NoSuchChunk),
            Some(var) => self.chunk(slot).ok_or(Error::DanglingChunk(var.pointer)),
        }
    }

    pub(super) fn context_var(&self, addr: Addr) -> ContextVar {
        ContextVar { addr, deletes: self.life(addr).deletes }
    }

    pub(super) fn chunk_var(&self, pointer: Addr, requested: u64, context: Addr) -> ChunkVar {
        ChunkVar { pointer, requested, context, frees: self.life(context).frees }
    }

    pub(super) fn set_context(&mut self, slot: ContextSlot, addr: Addr) -> Result<(), Error> {
        let var = self.context_var(addr);
        *entry(&mut self.contexts, slot.0)? = Some(var);
        Ok(())
    }

    pub(super) fn set_chunk(
        &mut self,
        slot: ChunkSlot,
        var: Option<ChunkVar>,
    ) -> Result<(), Error> {
        *entry(&mut self.chunks, slot.0)? = var;
        Ok(())
    }

    pub(super) fn set_pin(&mut self, slot: PinSlot, pin: Option<Buffer>) -> Result<(), Error> {
        *entry(&mut self.pins, slot.0)? = pin;
        Ok(())
    }

    /// The chunks of a context are gone; with `deleted`, the context too.
    pub(super) fn end_life(&mut self, context: Addr, deleted: bool) {
        let life = self.lives.entry(context).or_default();
        life.frees = life.frees.wrapping_add(1);
        life.deletes = life.deletes.wrapping_add(deleted.into());
    }
}
