//! Operations on chunks: `palloc`, `pfree` and `repalloc` by a variable's name.
//!
//! These come by the million, so they go the short way: the backend is looked up once, and
//! nothing is made that a failure alone would need.

use crate::error::{Error, Fallible};
use crate::event::{Access, MemoryEvent, Wrong};
use crate::ids::{BackendId, ChunkSlot, ContextSlot};
use crate::memory::{Addr, Arena, MAX_TOUCHED};
use crate::mmgr::memdebug::CLOBBER_FREED_MEMORY;
use crate::mmgr::{Process, is_headerless, quick_palloc, quick_pfree};
use crate::op::AllocFlags;
use crate::profile::MEMORY_CONTEXT_CHECKING;
use crate::server::Server;
use crate::server::backend::Backend;
use crate::server::variables::{ChunkVar, Variables};

/// Whether there are short ways. They know nothing of builds that check, and a page is better off
/// without their 5 kB: what it replays without events is mostly page reads.
pub(super) const SHORT_WAYS: bool =
    !(MEMORY_CONTEXT_CHECKING || CLOBBER_FREED_MEMORY || cfg!(target_family = "wasm"));

impl Server {
    /// A backend's variables, and memory management as it sees it.
    #[inline]
    fn process(&mut self, id: BackendId) -> Fallible<(&mut Variables, Process<'_>)> {
        let Some(backend) = self.backends.get_mut(usize::from(id.0)) else {
            return Err(Error::Protocol(super::NO_BACKEND).into());
        };
        self.arena.lend(id);
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

    /// A backend whose `palloc` and `pfree` can go the short way, and the bytes: nobody wants
    /// events, and nothing is to be checked.
    #[inline(always)]
    fn unwatched(&mut self, id: BackendId) -> Option<(&mut Backend, &mut Arena)> {
        if !self.log.is_off() {
            return None;
        }
        self.arena.lend(id);
        Some((self.backends.get_mut(usize::from(id.0))?, &mut self.arena))
    }

    /// `palloc` the short way; `None`, and nothing has changed, if there is none.
    #[inline(always)]
    pub(super) fn quick_palloc(
        &mut self,
        id: BackendId,
        slot: Option<ContextSlot>,
        size: u64,
        chunk: Option<ChunkSlot>,
    ) -> Option<Addr> {
        let profile = self.profile;
        let (backend, arena) = self.unwatched(id)?;
        let context = match slot {
            None => backend.variables.alive_at(backend.memory.current),
            Some(slot) => backend.variables.alive(slot)?,
        };
        if chunk.is_some_and(|chunk| !backend.variables.has_place(chunk)) {
            return None;
        }
        let pointer = quick_palloc(arena, profile, context.addr, size)?;
        if let Some(chunk) = chunk {
            backend.variables.keep(chunk, pointer, size, context);
        }
        Some(pointer)
    }

    /// `pfree` the short way; `None`, and nothing has changed, if there is none.
    #[inline(always)]
    pub(super) fn quick_pfree(&mut self, id: BackendId, slot: ChunkSlot) -> Option<()> {
        let profile = self.profile;
        let (backend, arena) = self.unwatched(id)?;
        let (place, context) = backend.variables.chunk_place(slot)?;
        quick_pfree(arena, profile, context, place.pointer())?;
        place.forget();
        Some(())
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
