//! Operations on chunks: `palloc`, `pfree` and `repalloc` by a variable's name.
//!
//! These come by the million, so they go the short way: the backend is looked up once, and
//! nothing is made that a failure alone would need.

use crate::error::{Error, Fallible};
use crate::ids::{BackendId, ChunkSlot, ContextSlot};
use crate::memory::Addr;
use crate::mmgr::Process;
use crate::op::AllocFlags;
use crate::server::Server;
use crate::server::backend::Backend;
use crate::server::variables::{ChunkVar, Variables};

/// Bytes of the arena that may be written before allocating is refused.
const MAX_TOUCHED: usize = 64 << 20;

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

    pub(super) fn context_or_current(
        &mut self,
        id: BackendId,
        slot: Option<ContextSlot>,
    ) -> Result<Addr, Error> {
        let (variables, process) = self.process(id)?;
        check_touched(&process)?;
        Ok(find_context(variables, &process, slot)?)
    }

    /// malloc is generous, as on a real machine; what processes touch of it is what the
    /// playground has to hold.
    pub(super) fn check_touched(&self) -> Result<(), Error> {
        if self.arena.resident() > MAX_TOUCHED { Err(*too_much_touched()) } else { Ok(()) }
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
        if let Some(chunk) = chunk
            && !pointer.is_null()
        {
            variables.keep_chunk(chunk, pointer, size, context)?;
        }
        Ok(pointer)
    }

    #[inline]
    pub(super) fn pfree(&mut self, id: BackendId, slot: ChunkSlot) -> Fallible<()> {
        let (variables, mut process) = self.process(id)?;
        let var = chunk_with_header(variables, &process, slot, "pfree")?;
        process.pfree(var.pointer)?;
        variables.drop_chunk(slot);
        Ok(())
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
        let var = chunk_with_header(variables, &process, slot, "realloc")?;
        let pointer = process.repalloc_extended(var.pointer, size, flags)?;
        if !pointer.is_null() {
            variables.keep_chunk(slot, pointer, size, var.context)?;
        }
        Ok(pointer)
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
    let what = "bytes of memory that backends touch";
    Error::Limit { what, limit: MAX_TOUCHED as u64 }.into()
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

/// A variable's chunk, for a routine that finds its context through its header.
#[inline]
fn chunk_with_header(
    variables: &Variables,
    process: &Process<'_>,
    slot: ChunkSlot,
    function: &'static str,
) -> Fallible<ChunkVar> {
    let Some(var) = variables.chunk(slot) else { return Err(variables.no_chunk(slot)) };
    if process.is_headerless(var.context) {
        return Err(Error::BumpUnsupported(function).into());
    }
    Ok(var)
}
