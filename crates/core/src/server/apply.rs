//! One operation: from the [`Op`] to the routines of memory and buffers.

use super::Server;
use super::backend::{Backend, Call, ChunkVar, entry};
use crate::bufmgr::bgwriter::BgWriterResult;
use crate::bufmgr::freelist::BufferAccessStrategy;
use crate::bufmgr::{BufferAccess, LocalBufferState};
use crate::error::Error;
use crate::event::{Event, MemoryEvent};
use crate::ids::{BackendId, BufferId, BufferTag, ChunkSlot, ContextSlot, PinSlot, StrategySlot};
use crate::memory::Addr;
use crate::mmgr::{Context, LocalMemory, Process};
use crate::op::{AllocFlags, Allocator, DirtyKind, Name, Op, StrategyKind};

/// Backends that a server of the playground may have.
const MAX_BACKENDS: usize = 1000;
/// Calls within calls.
const MAX_CALL_DEPTH: usize = 1000;
/// Who the checkpointer and the background writer are in events.
const AUXILIARY: BackendId = BackendId(u16::MAX);

/// What an operation gave back to its caller, beyond its events.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The buffer that it returned or worked on.
    pub buffer: Option<BufferId>,
    /// The pointer that it returned.
    pub pointer: Option<Addr>,
    /// The context that it created.
    pub context: Option<Addr>,
    /// What a round of the background writer came to.
    pub bgwriter: Option<BgWriterResult>,
}

impl From<BufferId> for Outcome {
    fn from(buffer: BufferId) -> Self {
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
                self.pool.smgr.create(rel, name.clone(), nblocks, persistence)?;
                self.log.emit(Event::RelationCreated(rel))?;
            }
            Op::Connect { backend, ref name } => self.connect(backend, name)?,
            Op::Read { backend, rel, block, mode, strategy, dirty, pin } => {
                let tag = BufferTag { rel, block };
                return self.read(backend, strategy, dirty, pin, |access, strategy| {
                    access.read_buffer(tag, mode, strategy)
                });
            }
            Op::Extend { backend, rel, strategy, dirty, pin } => {
                return self.read(backend, strategy, dirty, pin, |access, strategy| {
                    access.extend_buffered_rel(rel, strategy)
                });
            }
            Op::Unpin { backend, pin } => {
                let buffer = self.pinned(backend, pin)?;
                self.backend_mut(backend)?.set_pin(pin, None)?;
                self.access(backend)?.release_buffer(buffer)?;
                return Ok(buffer.into());
            }
            Op::MarkDirty { backend, pin, kind } => {
                let buffer = self.pinned(backend, pin)?;
                self.access(backend)?.mark_buffer_dirty(buffer, kind)?;
                return Ok(buffer.into());
            }
            Op::FlushBuffer { backend, pin } => {
                let buffer = self.pinned(backend, pin)?;
                self.access(backend)?.flush_one_buffer(buffer)?;
                return Ok(buffer.into());
            }
            Op::CreateStrategy { backend, strategy, kind } => {
                self.create_strategy(backend, strategy, kind)?;
            }
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
                let pointer = self.memory(backend)?.memory_context_alloc(context, size, zero)?;
                return self.keep_chunk(backend, chunk, pointer, size, context);
            }
            Op::PallocExtended { backend, context, size, flags, chunk } => {
                let context = self.context_or_current(backend, context)?;
                let mut memory = self.memory(backend)?;
                let pointer = memory.memory_context_alloc_extended(context, size, flags)?;
                return self.keep_chunk(backend, chunk, pointer, size, context);
            }
            Op::PallocAligned { backend, context, size, align, flags, chunk } => {
                let context = self.context_or_current(backend, context)?;
                let mut memory = self.memory(backend)?;
                let pointer = memory.memory_context_alloc_aligned(context, size, align, flags)?;
                return self.keep_chunk(backend, chunk, pointer, size, context);
            }
            Op::Strdup { backend, context, ref text, chunk } => {
                let context = self.context_or_current(backend, context)?;
                let pointer = self.memory(backend)?.memory_context_strdup(context, text)?;
                let size = text.len() as u64 + 1;
                return self.keep_chunk(backend, chunk, pointer, size, context);
            }
            Op::Pfree { backend, chunk } => {
                let var = self.chunk_with_header(backend, chunk, "pfree")?;
                self.memory(backend)?.pfree(var.pointer)?;
                self.backend_mut(backend)?.set_chunk(chunk, None)?;
            }
            Op::Repalloc { backend, chunk, size } => {
                return self.repalloc(backend, chunk, size, AllocFlags::default());
            }
            Op::RepallocExtended { backend, chunk, size, flags } => {
                return self.repalloc(backend, chunk, size, flags);
            }
            Op::Reset { backend, context } => self.reset(backend, context)?,
            Op::ResetOnly { backend, context } => {
                let context = self.backend_mut(backend)?.context_or_error(context)?;
                self.memory(backend)?.memory_context_reset_only(context)?;
                self.backend_mut(backend)?.end_life(context, false);
            }
            Op::ResetChildren { backend, context } => self.reset_children(backend, context)?,
            Op::Delete { backend, context } => self.delete(backend, context)?,
            Op::DeleteChildren { backend, context } => self.delete_children(backend, context)?,
            Op::SetParent { backend, context, parent } => {
                let vars = self.backend_mut(backend)?;
                let parent = vars.context_or_error(parent)?;
                let context = vars.context_or_error(context)?;
                self.memory(backend)?.memory_context_set_parent(context, parent)?;
            }
            Op::RegisterResetCallback { backend, context, callback } => {
                let context = self.backend_mut(backend)?.context_or_error(context)?;
                let mut memory = self.memory(backend)?;
                memory.memory_context_register_reset_callback(context, callback)?;
            }
            Op::SetIdentifier { backend, context, ref ident } => {
                let context = self.backend_mut(backend)?.context_or_error(context)?;
                let mut memory = self.memory(backend)?;
                let copy = memory.memory_context_copy_and_set_identifier(context, ident)?;
                return Ok(Outcome { pointer: Some(copy), ..Outcome::default() });
            }
            Op::CallBegin { backend, ref function } => self.call_begin(backend, function)?,
            Op::CallEnd { backend } => self.call_end(backend)?,
        }
        Ok(Outcome::default())
    }

    // The machine as one process sees it.

    fn backend_mut(&mut self, id: BackendId) -> Result<&mut Backend, Error> {
        self.backends
            .get_mut(usize::from(id.0))
            .ok_or(Error::Protocol("there is no such backend: connect it first"))
    }

    fn access(&mut self, id: BackendId) -> Result<BufferAccess<'_>, Error> {
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

    // Buffers.

    /// Read or extend, then mark dirty if asked, then release the pin or keep it.
    fn read(
        &mut self,
        backend: BackendId,
        strategy: Option<StrategySlot>,
        dirty: Option<DirtyKind>,
        pin: Option<PinSlot>,
        get: impl FnOnce(&mut BufferAccess<'_>, Option<usize>) -> Result<BufferId, Error>,
    ) -> Result<Outcome, Error> {
        if let Some(pin) = pin {
            let slot = entry(&mut self.backend_mut(backend)?.pins, pin.0)?;
            if slot.is_some() {
                return Err(Error::PinInUse);
            }
        }
        let mut access = self.access(backend)?;
        let buffer = get(&mut access, strategy.map(|slot| slot.0 as usize))?;
        if let Some(kind) = dirty {
            access.mark_buffer_dirty(buffer, kind)?;
        }
        match pin {
            Some(pin) => self.backend_mut(backend)?.set_pin(pin, Some(buffer))?,
            None => access.release_buffer(buffer)?,
        }
        Ok(buffer.into())
    }

    fn pinned(&mut self, backend: BackendId, pin: PinSlot) -> Result<BufferId, Error> {
        self.backend_mut(backend)?.pin(pin).ok_or(Error::BadBufferId(0))
    }

    fn create_strategy(
        &mut self,
        backend: BackendId,
        slot: StrategySlot,
        kind: StrategyKind,
    ) -> Result<(), Error> {
        let ring = BufferAccessStrategy::new(kind, self.pool.nbuffers(), &self.profile.bufmgr);
        *entry(&mut self.backend_mut(backend)?.buffers.strategies, slot.0)? = Some(ring);
        Ok(())
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
        process.context_create(parent, name, allocator)
    }

    fn context_or_current(
        &mut self,
        id: BackendId,
        slot: Option<ContextSlot>,
    ) -> Result<Addr, Error> {
        let backend = self.backend_mut(id)?;
        slot.map_or(Ok(backend.memory.current), |slot| backend.context_or_error(slot))
    }

    /// A variable's chunk, for a routine that finds its context through its header.
    fn chunk_with_header(
        &mut self,
        id: BackendId,
        slot: ChunkSlot,
        function: &'static str,
    ) -> Result<ChunkVar, Error> {
        let var = self.backend_mut(id)?.chunk_or_error(slot)?;
        if self.context(var.context).chunk_header(self.profile) == 0 {
            return Err(Error::BumpUnsupported(function));
        }
        Ok(var)
    }

    fn repalloc(
        &mut self,
        id: BackendId,
        slot: ChunkSlot,
        size: u64,
        flags: AllocFlags,
    ) -> Result<Outcome, Error> {
        let var = self.chunk_with_header(id, slot, "realloc")?;
        let pointer = self.memory(id)?.repalloc_extended(var.pointer, size, flags)?;
        self.keep_chunk(id, Some(slot), pointer, size, var.context)
    }

    /// Store what an allocation returned; NULL leaves the variable as it was.
    fn keep_chunk(
        &mut self,
        id: BackendId,
        slot: Option<ChunkSlot>,
        pointer: Addr,
        size: u64,
        context: Addr,
    ) -> Result<Outcome, Error> {
        if pointer.is_null() {
            return Ok(Outcome::default());
        }
        if let Some(slot) = slot {
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

    fn reset_children(&mut self, id: BackendId, slot: ContextSlot) -> Result<(), Error> {
        let context = self.backend_mut(id)?.context_or_error(slot)?;
        let below: Vec<Addr> = self.context(context).descendants().map(|c| c.addr).collect();
        self.memory(id)?.memory_context_reset_children(context)?;
        let backend = self.backend_mut(id)?;
        below.into_iter().for_each(|context| backend.end_life(context, false));
        Ok(())
    }

    fn delete_children(&mut self, id: BackendId, slot: ContextSlot) -> Result<(), Error> {
        let context = self.backend_mut(id)?.context_or_error(slot)?;
        let children: Vec<Addr> = self.context(context).children().map(|c| c.addr).collect();
        for &child in &children {
            self.check_unused(id, child)?;
        }
        let gone: Vec<Addr> = self.context(context).descendants().map(|c| c.addr).collect();
        self.memory(id)?.memory_context_delete_children(context)?;
        let backend = self.backend_mut(id)?;
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

    /// Whose statistics, as the server log has them (`MemoryContextStatsDetail`).
    pub fn context_stats(&self, context: Addr, max_level: u32, max_children: usize) -> String {
        crate::mmgr::memory_context_stats_detail(
            &self.arena,
            &self.program,
            self.profile,
            context,
            max_level,
            max_children,
        )
    }

    /// `GetMemoryChunkSpace`: bytes that a live chunk takes up, its header included.
    pub fn chunk_space(&self, pointer: Addr) -> Option<u64> {
        crate::mmgr::get_memory_chunk_space(&self.arena, self.profile, pointer)
    }
}
