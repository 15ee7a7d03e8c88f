//! One operation: from the [`Op`] to the routines of memory and buffers.

mod contexts;

use super::Server;
use super::backend::{Backend, entry};
use crate::bufmgr::bgwriter::BgWriterResult;
use crate::bufmgr::freelist::BufferAccessStrategy;
use crate::bufmgr::{BufferAccess, LocalBufferState};
use crate::error::Error;
use crate::event::Event;
use crate::ids::{BackendId, BufferId, BufferTag, PinSlot, StrategySlot};
use crate::memory::Addr;
use crate::mmgr::Process;
use crate::op::{AllocFlags, DirtyKind, Op, StrategyKind};

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
}
