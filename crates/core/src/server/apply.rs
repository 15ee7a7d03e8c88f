//! One operation: from the [`Op`] to the routines of memory and buffers.

use super::Server;
use super::backend::{Backend, Call};
use crate::bufmgr::bgwriter::BgWriterResult;
use crate::bufmgr::invalidate::Eviction;
use crate::bufmgr::range::RangeRead;
use crate::bufmgr::{BufferAccess, LocalBufferState};
use crate::error::Error;
use crate::event::{Event, MemoryEvent};
use crate::ids::{BackendId, Buffer, ChunkSlot, ContextSlot, entry};
use crate::memory::Addr;
use crate::mmgr::{Context, LocalMemory, Process};
use crate::op::{Allocator, Name, Op, Persistence};

/// Backends that a server of the playground may have.
const MAX_BACKENDS: usize = 1000;
/// Calls within calls.
const MAX_CALL_DEPTH: usize = 1000;
/// Who the checkpointer and the background writer are in events.
const AUXILIARY: BackendId = BackendId(u16::MAX);

/// What an operation gave back to its caller, beyond its events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The buffer that it returned or worked on.
    pub buffer: Option<Buffer>,
    /// The buffers of several blocks that it added or read, and the rounds it read them in.
    pub range: RangeRead,
    /// What became of a buffer that was to be emptied.
    pub eviction: Option<Eviction>,
    /// The pointer that it returned.
    pub pointer: Option<Addr>,
    /// The context that it created.
    pub context: Option<Addr>,
    /// What a round of the background writer came to.
    pub bgwriter: Option<BgWriterResult>,
}

impl From<Buffer> for Outcome {
    fn from(buffer: Buffer) -> Self {
        Self { buffer: Some(buffer), ..Self::default() }
    }
}

impl Server {
    /// Execute one operation. Its events are in [`Server::events`] afterwards.
    ///
    /// # Errors
    /// PostgreSQL's errors and the playground's. A failed operation's effects up to the error
    /// stay exactly as a real server leaves them. [`Error::Stopped`] if
    /// [`EventLog::stop_after`](crate::event::EventLog::stop_after) ended it between two events.
    pub fn apply(&mut self, op: &Op) -> Result<Outcome, Error> {
        let result = self.log.begin().and_then(|()| self.execute(op));
        match result {
            Err(Error::Stopped) => Err(Error::Stopped),
            Err(error) => {
                self.log.emit(Event::Failed(error.code()))?;
                Err(error)
            }
            Ok(outcome) => Ok(outcome),
        }
    }

    fn execute(&mut self, op: &Op) -> Result<Outcome, Error> {
        match *op {
            Op::CreateRelation { rel, ref name, nblocks, persistence } => {
                if let Persistence::Temporary(owner) = persistence {
                    self.backend_mut(owner)?;
                }
                self.pool.smgr.create(rel, name.clone(), nblocks, persistence)?;
                self.log.emit(Event::RelationCreated(rel))?;
            }
            Op::Connect { backend, ref name } => self.connect(backend, name)?,
            Op::Read { .. }
            | Op::Extend { .. }
            | Op::ExtendBy { .. }
            | Op::ReadRange { .. }
            | Op::Unpin { .. }
            | Op::MarkDirty { .. }
            | Op::FlushBuffer { .. }
            | Op::Evict { .. } => return self.use_buffers(op),
            Op::CreateStrategy { backend, strategy, kind, size_kb } => {
                self.access(backend)?.get_access_strategy(strategy, kind, size_kb)?;
            }
            Op::FreeStrategy { backend, strategy } => {
                self.access(backend)?.free_access_strategy(strategy)?;
            }
            Op::DropRelation { backend, rel, from } => {
                self.access(backend)?.drop_relation_buffers(rel, from)?;
            }
            Op::DropDatabase { backend } => self.access(backend)?.drop_database_buffers()?,
            Op::FlushRelation { backend, rel } => {
                self.access(backend)?.flush_relation_buffers(rel)?;
            }
            Op::FlushDatabase { backend } => self.access(backend)?.flush_database_buffers()?,
            Op::WalFlush { end } => {
                let upto = self.pool.wal.insert_small(end);
                if self.pool.wal.flush(upto) {
                    self.log.emit(crate::event::BufferEvent::WalFlushed { upto })?;
                }
            }
            Op::Checkpoint { all } => self.auxiliary_access().checkpoint_buffers(all)?,
            Op::BackgroundWriter { backend, ref round } => {
                let mut access = match backend {
                    Some(backend) => self.access(backend)?,
                    None => self.auxiliary_access(),
                };
                let result = access.bg_buffer_sync(round)?;
                return Ok(Outcome { bgwriter: Some(result), ..Outcome::default() });
            }
            Op::CreateContext { backend, context, parent, ref name, allocator } => {
                let parent = self.context_or_current(backend, parent)?;
                let addr = self.create_context(backend, parent, name, allocator)?;
                self.backend_mut(backend)?.set_context(context, addr)?;
                return Ok(Outcome { context: Some(addr), ..Outcome::default() });
            }
            Op::SwitchTo { backend, context } => {
                let context = self.backend_mut(backend)?.context_or_error(context)?;
                self.memory(backend)?.memory_context_switch_to(context)?;
            }
            Op::Palloc { backend, context, size, zero, chunk } => {
                let context = self.context_or_current(backend, context)?;
                return self.palloc(backend, context, size, zero, chunk);
            }
            Op::Pfree { backend, chunk } => {
                let var = self.backend_mut(backend)?.chunk_or_error(chunk)?;
                self.memory(backend)?.pfree(var.pointer)?;
                self.backend_mut(backend)?.set_chunk(chunk, None)?;
            }
            Op::Repalloc { backend, chunk, size } => {
                let var = self.backend_mut(backend)?.chunk_or_error(chunk)?;
                let pointer = self.memory(backend)?.repalloc(var.pointer, size)?;
                return self.keep_chunk(backend, Some(chunk), pointer, size);
            }
            Op::Reset { backend, context } => self.reset(backend, context)?,
            Op::Delete { backend, context } => self.delete(backend, context)?,
            Op::CallBegin { backend, ref function } => self.call_begin(backend, function)?,
            Op::CallEnd { backend } => self.call_end(backend)?,
        }
        Ok(Outcome::default())
    }

    // The machine as one process sees it.

    pub(super) fn backend_mut(&mut self, id: BackendId) -> Result<&mut Backend, Error> {
        self.backends
            .get_mut(usize::from(id.0))
            .ok_or(Error::Protocol("there is no such backend: connect it first"))
    }

    pub(super) fn access(&mut self, id: BackendId) -> Result<BufferAccess<'_>, Error> {
        let backend = self
            .backends
            .get_mut(usize::from(id.0))
            .ok_or(Error::Protocol("there is no such backend: connect it first"))?;
        Ok(BufferAccess {
            who: id,
            pool: &mut self.pool,
            local: &mut backend.buffers,
            log: &mut self.log,
            profile: &self.profile.bufmgr,
        })
    }

    fn auxiliary_access(&mut self) -> BufferAccess<'_> {
        let local: &mut LocalBufferState = &mut self.auxiliary;
        BufferAccess {
            who: AUXILIARY,
            pool: &mut self.pool,
            local,
            log: &mut self.log,
            profile: &self.profile.bufmgr,
        }
    }

    fn memory(&mut self, id: BackendId) -> Result<Process<'_>, Error> {
        let backend = self
            .backends
            .get_mut(usize::from(id.0))
            .ok_or(Error::Protocol("there is no such backend: connect it first"))?;
        Ok(Process {
            who: id,
            arena: &mut self.arena,
            local: &mut backend.memory,
            program: &mut self.program,
            log: &mut self.log,
            profile: self.profile,
        })
    }

    // Backends and their memory.

    /// The postmaster forks: the contexts that every backend has, in the order of its start.
    fn connect(&mut self, id: BackendId, name: &Name) -> Result<(), Error> {
        if usize::from(id.0) != self.backends.len() {
            return Err(Error::Protocol("backends must connect in the order of their ids"));
        }
        if self.backends.len() >= MAX_BACKENDS {
            return Err(Error::Limit { what: "backends", limit: MAX_BACKENDS as u64 });
        }
        self.backends.push(Backend::new(name.clone(), LocalMemory::new(id)));
        self.log.emit(Event::BackendStarted(id))?;

        // MemoryContextInit, mcxt.c
        let default = Allocator::ALLOCSET_DEFAULT;
        let top = self.create_named(id, Addr::NULL, ContextSlot::TOP, default)?;
        let backend = self.backend_mut(id)?;
        backend.memory.top = top;
        backend.memory.current = top;
        let reserve = Allocator::AllocSet { min: 8192, init: 8192, max: 8192 };
        let error = self.create_named(id, top, ContextSlot::ERROR, reserve)?;
        self.memory(id)?.memory_context_allow_in_critical_section(error, true);
        // CreateCacheMemoryContext, catcache.c; EnablePortalManager, portalmem.c
        self.create_named(id, top, ContextSlot::CACHE, default)?;
        self.create_named(id, top, ContextSlot::TOP_PORTAL, default)?;
        // PostgresMain, postgres.c
        let message = self.create_named(id, top, ContextSlot::MESSAGE, default)?;
        self.memory(id)?.memory_context_switch_to(message)?;
        Ok(())
    }

    fn create_named(
        &mut self,
        id: BackendId,
        parent: Addr,
        slot: ContextSlot,
        allocator: Allocator,
    ) -> Result<Addr, Error> {
        let known = ContextSlot::WELL_KNOWN.iter().find(|(_, known)| *known == slot);
        let name = known.map_or("", |(name, _)| name);
        let addr = self.create_context(id, parent, name, allocator)?;
        self.backend_mut(id)?.set_context(slot, addr)?;
        Ok(addr)
    }

    fn create_context(
        &mut self,
        id: BackendId,
        parent: Addr,
        name: &str,
        allocator: Allocator,
    ) -> Result<Addr, Error> {
        let mut process = self.memory(id)?;
        let name = process.program.intern(process.arena, name)?;
        match allocator {
            Allocator::AllocSet { min, init, max } => {
                process.alloc_set_context_create(parent, name, min, init, max)
            }
        }
    }

    fn context_or_current(
        &mut self,
        id: BackendId,
        slot: Option<ContextSlot>,
    ) -> Result<Addr, Error> {
        let backend = self.backend_mut(id)?;
        slot.map_or(Ok(backend.memory.current), |slot| backend.context_or_error(slot))
    }

    fn palloc(
        &mut self,
        id: BackendId,
        context: Addr,
        size: u64,
        zero: bool,
        chunk: Option<ChunkSlot>,
    ) -> Result<Outcome, Error> {
        let pointer = self.memory(id)?.memory_context_alloc(context, size, zero)?;
        self.keep_chunk(id, chunk, pointer, size)
    }

    fn keep_chunk(
        &mut self,
        id: BackendId,
        slot: Option<ChunkSlot>,
        pointer: Addr,
        size: u64,
    ) -> Result<Outcome, Error> {
        if let Some(slot) = slot {
            let context = self.chunk_context(pointer).unwrap_or(Addr::NULL);
            let backend = self.backend_mut(id)?;
            let var = backend.chunk_var(pointer, size, context);
            backend.set_chunk(slot, Some(var))?;
        }
        Ok(Outcome { pointer: Some(pointer), ..Outcome::default() })
    }

    fn reset(&mut self, id: BackendId, slot: ContextSlot) -> Result<(), Error> {
        let context = self.backend_mut(id)?.context_or_error(slot)?;
        let below: Vec<Addr> = self.context(context).children().map(|c| c.addr).collect();
        for &child in &below {
            self.check_unused(id, child)?;
        }
        let gone: Vec<Addr> = below.iter().flat_map(|&child| self.family(child)).collect();
        self.memory(id)?.memory_context_reset(context)?;
        let backend = self.backend_mut(id)?;
        backend.end_life(context, false);
        gone.into_iter().for_each(|context| backend.end_life(context, true));
        Ok(())
    }

    fn delete(&mut self, id: BackendId, slot: ContextSlot) -> Result<(), Error> {
        let context = self.backend_mut(id)?.context_or_error(slot)?;
        self.check_unused(id, context)?;
        self.delete_family(id, context)
    }

    fn delete_family(&mut self, id: BackendId, context: Addr) -> Result<(), Error> {
        let gone = self.family(context);
        self.memory(id)?.memory_context_delete(context)?;
        let backend = self.backend_mut(id)?;
        gone.into_iter().for_each(|context| backend.end_life(context, true));
        Ok(())
    }

    /// A context that is current, of a running call, or one that a backend never deletes,
    /// must not go, nor any above it.
    fn check_unused(&mut self, id: BackendId, doomed: Addr) -> Result<(), Error> {
        let backend = self.backend_mut(id)?;
        let current = [backend.memory.current];
        let calls = backend.calls.iter().flat_map(|call| [call.context, call.caller]);
        let in_use: Vec<Addr> = calls.chain(current).collect();
        let permanent: Vec<Addr> = ContextSlot::WELL_KNOWN
            .iter()
            .filter(|(_, slot)| *slot != ContextSlot::FUNCTION_CALL)
            .filter_map(|(_, slot)| backend.context(*slot))
            .collect();
        let name = |context: Addr| self.text(self.context(context).name()).to_owned();
        if let Some(&found) = permanent.iter().find(|c| self.context(**c).is_within(doomed)) {
            return Err(Error::PermanentContext(name(found)));
        }
        match in_use.iter().find(|context| self.context(**context).is_within(doomed)) {
            Some(&found) => Err(Error::ContextInUse(name(found))),
            None => Ok(()),
        }
    }

    /// A context and everything below it.
    fn family(&self, context: Addr) -> Vec<Addr> {
        let mut family = vec![context];
        let mut next = 0;
        while let Some(&parent) = family.get(next) {
            family.extend(self.context(parent).children().map(|child| child.addr));
            next += 1;
        }
        family
    }

    /// Make the function's context and switch to it.
    fn call_begin(&mut self, id: BackendId, function: &Name) -> Result<(), Error> {
        let backend = self.backend_mut(id)?;
        if backend.calls.len() >= MAX_CALL_DEPTH {
            return Err(Error::Limit { what: "nested calls", limit: MAX_CALL_DEPTH as u64 });
        }
        let caller = backend.memory.current;
        let outer = backend.context(ContextSlot::FUNCTION_CALL).map(|c| backend.context_var(c));
        let process = self.memory(id)?;
        let function = process.program.intern(process.arena, function)?;
        let slot = ContextSlot::FUNCTION_CALL;
        let context = self.create_named(id, caller, slot, Allocator::ALLOCSET_DEFAULT)?;
        self.memory(id)?.memory_context_switch_to(context)?;
        let calls = &mut self.backend_mut(id)?.calls;
        calls.push(Call { function, context, caller, outer });
        let depth = calls.len() as u32;
        self.emit_memory(id, MemoryEvent::CallBegan { function, depth })
    }

    /// Switch back and delete the function's context.
    fn call_end(&mut self, id: BackendId) -> Result<(), Error> {
        let backend = self.backend_mut(id)?;
        let call = *backend.calls.last().ok_or(Error::NoCallRunning)?;
        self.memory(id)?.memory_context_switch_to(call.caller)?;
        self.delete_family(id, call.context)?;
        let backend = self.backend_mut(id)?;
        backend.calls.pop();
        *entry(&mut backend.contexts, ContextSlot::FUNCTION_CALL.0)? = call.outer;
        let depth = backend.calls.len() as u32;
        self.emit_memory(id, MemoryEvent::CallEnded { function: call.function, depth })
    }

    fn emit_memory(&mut self, id: BackendId, event: MemoryEvent) -> Result<(), Error> {
        self.log.emit(Event::Memory(id, event))
    }

    /// The memory context at an address.
    pub fn context(&self, addr: Addr) -> Context<'_> {
        Context::at(&self.arena, addr)
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
