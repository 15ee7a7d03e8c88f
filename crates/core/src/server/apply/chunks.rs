//! Operations on chunks: `palloc`, `pfree` and `repalloc` by a variable's name.
//!
//! These come by the thousand, so the backend is looked up once, and nothing is made that a
//! failure alone would need. Where nobody watches, [`at_hand`](crate::server::at_hand) is shorter.

use crate::error::{Error, Fallible};
use crate::event::{Access, MemoryEvent, Wrong};
use crate::ids::{BackendId, ChunkSlot, ContextSlot};
use crate::memory::{Addr, MAX_TOUCHED};
use crate::mmgr::{MAX_ALLOC_SIZE, Process, is_headerless};
use crate::op::AllocFlags;
use crate::server::Server;
use crate::server::backend::Backend;
use crate::server::variables::{ChunkVar, Variables};

impl Server {
    /// A backend's variables, and memory management as it sees it.
    #[inline]
    fn process(&mut self, id: BackendId) -> Fallible<(&mut Variables, Process<'_>)> {
        if usize::from(id.0) < self.backends.len() {
            self.lend(id);
        }
        let Some(backend) = self.backends.get_mut(usize::from(id.0)) else {
            return Err(Error::Protocol(super::NO_BACKEND).into());
        };
        let process = Process {
            who: id,
            arena: &mut self.arena,
            local: &mut backend.memory,
            program: &mut self.program,
            log: &mut self.log,
            profile: self.profile,
        };
        Ok((&mut backend.variables, process))
    }

    /// A backend, for what is not done by the million: looked up in one place.
    #[inline(never)]
    pub(super) fn at(&mut self, id: BackendId) -> Fallible<&mut Backend> {
        let backend = self.backends.get_mut(usize::from(id.0));
        backend.ok_or_else(|| Error::Protocol(super::NO_BACKEND).into())
    }

    /// Memory management as a backend sees it.
    #[inline(never)]
    pub(super) fn memory_of(&mut self, id: BackendId) -> Fallible<Process<'_>> {
        Ok(self.process(id)?.1)
    }

    pub(super) fn palloc(
        &mut self,
        id: BackendId,
        slot: Option<ContextSlot>,
        size: u64,
        zero: bool,
        chunk: Option<ChunkSlot>,
    ) -> Fallible<Addr> {
        self.allocate(id, slot, size, chunk, |process, context| {
            process.memory_context_alloc(context, size, zero)
        })
    }

    pub(super) fn pfree(&mut self, id: BackendId, slot: ChunkSlot) -> Fallible<()> {
        self.distrust_gone(id, slot);
        let (variables, mut process) = self.process(id)?;
        let var = chunk_with_header(variables, &mut process, slot, Access::Free)?;
        process.pfree(var.pointer)?;
        process.check_fault()?;
        variables.drop_chunk(slot);
        Ok(())
    }

    pub(super) fn context_or_current(
        &mut self,
        id: BackendId,
        slot: Option<ContextSlot>,
    ) -> Result<Addr, Error> {
        let (variables, process) = self.process(id)?;
        check_touched(&process)?;
        Ok(find_context(variables, &process, slot)?)
    }

    /// Whether there is room for more: [`Error::TOO_MUCH_TOUCHED`].
    pub(super) fn check_touched(&self) -> Result<(), Error> {
        if self.arena.resident() > MAX_TOUCHED { Err(Error::TOO_MUCH_TOUCHED) } else { Ok(()) }
    }

    /// Allocate with one of the routines, and store what it returns; NULL, which an allocation
    /// without an error for it returns, leaves the variable as it was.
    #[inline]
    pub(super) fn allocate(
        &mut self,
        id: BackendId,
        slot: Option<ContextSlot>,
        size: u64,
        chunk: Option<ChunkSlot>,
        routine: impl FnOnce(&mut Process<'_>, Addr) -> Fallible<Addr>,
    ) -> Fallible<Addr> {
        self.distrust_size(size);
        let (variables, mut process) = self.process(id)?;
        check_touched(&process)?;
        let context = find_context(variables, &process, slot)?;
        let pointer = routine(&mut process, context)?;
        process.check_fault()?;
        if let Some(chunk) = chunk
            && !pointer.is_null()
        {
            variables.keep_chunk(chunk, pointer, size, context)?;
        }
        Ok(pointer)
    }

    pub(super) fn repalloc(
        &mut self,
        id: BackendId,
        slot: ChunkSlot,
        size: u64,
        flags: AllocFlags,
    ) -> Fallible<Addr> {
        self.distrust_gone(id, slot);
        self.distrust_size(size);
        let (variables, mut process) = self.process(id)?;
        check_touched(&process)?;
        let var = chunk_with_header(variables, &mut process, slot, Access::Resize)?;
        let pointer = process.repalloc_extended(var.pointer, size, flags)?;
        process.check_fault()?;
        if !pointer.is_null() {
            variables.keep_chunk(slot, pointer, size, var.context)?;
        }
        Ok(pointer)
    }

    /// A chunk that is gone is about to be freed or resized: what is there now is damaged.
    fn distrust_gone(&mut self, id: BackendId, slot: ChunkSlot) {
        let backend = self.backends.get(usize::from(id.0));
        let chunk = backend.and_then(|backend| backend.variables.pointer(slot).ok());
        if chunk.is_some_and(|(_, gone)| gone.is_some()) {
            self.at_hand.distrust();
        }
    }

    /// A size that wraps around when headers are added gets too small a chunk, whose alignment
    /// may then be noted in another one.
    fn distrust_size(&mut self, size: u64) {
        if size > MAX_ALLOC_SIZE {
            self.at_hand.distrust();
        }
    }

    /// `GetMemoryChunkContext`: the context that a live chunk belongs to.
    pub fn chunk_context(&self, pointer: Addr) -> Option<Addr> {
        crate::mmgr::get_memory_chunk_context(&self.arena, self.profile, pointer)
    }

    /// `GetMemoryChunkSpace`: bytes that a live chunk takes up, its header included.
    pub fn chunk_space(&self, pointer: Addr) -> Option<u64> {
        crate::mmgr::get_memory_chunk_space(&self.arena, self.profile, pointer)
    }
}

#[inline]
fn check_touched(process: &Process<'_>) -> Fallible<()> {
    if process.arena.resident() > MAX_TOUCHED { Err(too_much_touched()) } else { Ok(()) }
}

#[cold]
fn too_much_touched() -> Box<Error> {
    Error::TOO_MUCH_TOUCHED.into()
}

#[inline]
fn find_context(
    variables: &Variables,
    process: &Process<'_>,
    slot: Option<ContextSlot>,
) -> Fallible<Addr> {
    match slot {
        None => Ok(process.local.current),
        Some(slot) => match variables.context(slot) {
            Some(context) => Ok(context),
            None => Err(Error::NoSuchContext.into()),
        },
    }
}

/// A variable's chunk, for a routine that finds its context through its header. Nobody knows
/// that the chunk is gone, if it is: whatever is there now is taken for its header.
fn chunk_with_header(
    variables: &Variables,
    process: &mut Process<'_>,
    slot: ChunkSlot,
    access: Access,
) -> Fallible<ChunkVar> {
    let (var, gone) = variables.pointer(slot)?;
    if let Some(gone) = gone {
        let wrong = Wrong::Gone(gone);
        process.emit(MemoryEvent::Misused { pointer: var.pointer, access, wrong })?;
    } else if is_headerless(process.arena, process.profile, var.context) {
        let function = if access == Access::Free { "pfree" } else { "realloc" };
        return Err(Error::BumpUnsupported(function).into());
    }
    Ok(var)
}
