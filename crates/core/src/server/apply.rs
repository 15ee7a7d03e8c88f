//! One operation: from the [`Op`] to the routines of memory and buffers.

mod chunks;
mod contexts;
mod families;
mod local;
mod locks;
mod misuse;
mod plpgsql;
mod portals;
mod prepare;
mod query;
mod reads;
mod relations;
mod session;
mod settings;
mod start;
mod transaction;
mod waits;

use std::rc::Rc;

pub use reads::ReadOutcome;

use super::Server;
use super::at_hand::SHORT_WAYS;
use super::backend::{Backend, WaitsFor};
use crate::access::Access;
use crate::bufmgr::bgwriter::BgWriterResult;
use crate::bufmgr::invalidate::Eviction;
use crate::bufmgr::range::RangeRead;
use crate::bufmgr::smgr::IndexOf;
use crate::bufmgr::{BufferAccess, LocalBufferState};
use crate::error::Error;
use crate::event::Event;
use crate::ids::{BackendId, Buffer, Name, RelId};
use crate::memory::Addr;
use crate::op::{AllocFlags, CheckpointPart, Op, Persistence};

/// Who the checkpointer and the background writer are in events.
const AUXILIARY: BackendId = BackendId(u16::MAX);

const NO_BACKEND: &str = "there is no such backend: connect it first";

/// What an operation gave back to its caller, beyond its events.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Outcome {
    /// Nothing.
    #[default]
    Done,
    /// The buffer that it returned or worked on.
    Buffer(Buffer),
    /// The buffers of several blocks that it added or read, and the rounds it read them in.
    Range(Box<RangeRead>),
    /// What became of a buffer that was to be emptied.
    Eviction(Eviction),
    /// The pointer that it returned.
    Pointer(Addr),
    /// The context that it created.
    Context(Addr),
    /// The bytes that it read, the first of them in the lowest eight bits.
    Bytes(u64),
    /// Nothing: it belongs to a statement that an error has ended already.
    Ended,
    /// What a round of the background writer came to.
    BgWriter(BgWriterResult),
}

impl Outcome {
    /// The buffer that the operation returned or worked on.
    pub fn buffer(&self) -> Option<Buffer> {
        if let Outcome::Buffer(buffer) = *self { Some(buffer) } else { None }
    }

    /// The pointer that the operation returned.
    pub fn pointer(&self) -> Option<Addr> {
        if let Outcome::Pointer(pointer) = *self { Some(pointer) } else { None }
    }

    /// The context that the operation created.
    pub fn context(&self) -> Option<Addr> {
        if let Outcome::Context(context) = *self { Some(context) } else { None }
    }
}

impl From<Buffer> for Outcome {
    fn from(buffer: Buffer) -> Self {
        Self::Buffer(buffer)
    }
}

/// A pointer that an allocation returned; NULL is nothing.
impl From<Addr> for Outcome {
    fn from(pointer: Addr) -> Self {
        if pointer.is_null() { Self::Done } else { Self::Pointer(pointer) }
    }
}

impl Server {
    /// Execute one operation. Its events are in [`Server::events`] afterwards.
    ///
    /// # Errors
    /// PostgreSQL's errors and the playground's. A failed operation's effects up to the error
    /// stay exactly as a real server leaves them. [`Error::Stopped`] if
    /// [`EventLog::stop_after`](crate::event::EventLog::stop_after) ended it between two events.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub fn apply(&mut self, op: &Op) -> Result<Outcome, Error> {
        // These come by the million: whoever calls in a loop has their short way in it, but for
        // the page, which is to be small.
        match *op {
            Op::Palloc { backend, context, size, zero: false, chunk } if SHORT_WAYS => {
                self.palloc_at_hand(backend, context, size, chunk)
            }
            Op::Pfree { backend, chunk } if SHORT_WAYS => self.pfree_at_hand(backend, chunk),
            Op::Read { .. } if self.log.is_off() => {
                let read = op.as_plain_read();
                match read.map(|(id, rel, block)| self.read_unobserved(id, rel, &[block], |_| ())) {
                    Some((1, buffer)) => Ok(Buffer::Shared(buffer).into()),
                    _ => self.apply_watched(op),
                }
            }
            _ => self.apply_watched(op),
        }
    }

    #[inline(never)]
    fn apply_watched(&mut self, op: &Op) -> Result<Outcome, Error> {
        self.at_hand.forget();
        self.apply_the_long_way(op)
    }

    /// Execute an operation after which what is at hand stays there, or was forgotten before.
    pub(super) fn apply_the_long_way(&mut self, op: &Op) -> Result<Outcome, Error> {
        self.log.begin()?;
        self.arena.forget_fault();
        let mut outcome = self.execute(op);
        if self.pool.local_requests {
            outcome = self.make_local_requests(op.backend(), outcome);
        }
        let outcome = outcome.and_then(|outcome| match self.arena.fault() {
            Some(fault) => Err(fault.into()),
            None => Ok(outcome),
        });
        let awakened = self.locks.has_awakened() || !self.pool.signalled.is_empty();
        if awakened && outcome != Err(Error::Stopped) {
            self.resume_awakened()?;
        }
        outcome.or_else(|error| self.failed(op, error))
    }

    #[cold]
    #[inline(never)]
    fn failed(&mut self, op: &Op, error: Error) -> Result<Outcome, Error> {
        if error != Error::Stopped {
            self.log.emit(Event::Failed(error.code()))?;
            if let Some(id) = op.backend() {
                self.handle_child_crash(id, &error)?;
            }
        }
        Err(error)
    }

    /// What takes locks on relations first has them taken, and one that waits does nothing.
    fn execute(&mut self, op: &Op) -> Result<Outcome, Error> {
        let connects = matches!(op, Op::Connect { .. } | Op::ConnectSuperuser { .. });
        if let Some(id) = op.backend().filter(|_| !connects) {
            self.check_connected(id)?;
            match self.backend(id).and_then(|backend| backend.waits) {
                None => {}
                Some(WaitsFor::Lock { .. }) if matches!(op, Op::Disconnect { .. }) => {}
                Some(_) => return self.put_off(op),
            }
        }
        if self.ended_by_error(op) {
            return Ok(Outcome::Ended);
        }
        match op {
            Op::BulkBegin { .. }
            | Op::BulkEnd { .. }
            | Op::Insert { .. }
            | Op::IndexScan { .. }
            | Op::Truncate { .. } => self.execute_with_locks(op),
            _ => self.execute_alone(op),
        }
    }

    fn execute_alone(&mut self, op: &Op) -> Result<Outcome, Error> {
        match *op {
            Op::CreateRelation { rel, ref name, nblocks, persistence } => {
                if let Persistence::Temporary(owner) = persistence {
                    self.backend_mut(owner)?;
                    self.check_connected(owner)?;
                }
                self.pool.create(rel, name.clone(), nblocks, persistence)?;
                self.log.emit(Event::RelationCreated(rel))?;
            }
            Op::CreateIndex { .. }
            | Op::BulkBegin { .. }
            | Op::BulkNext { .. }
            | Op::BulkEnd { .. }
            | Op::Insert { .. }
            | Op::IndexScan { .. }
            | Op::Truncate { .. } => return self.use_tables(op),
            Op::Connect { backend, ref name } => self.connect(backend, name, false)?,
            Op::ConnectSuperuser { .. }
            | Op::Disconnect { .. }
            | Op::Setting { .. }
            | Op::AlterSystem(_)
            | Op::Reload
            | Op::Restart => return self.change_server(op),
            Op::Read { .. }
            | Op::Extend { .. }
            | Op::ExtendBy { .. }
            | Op::ReadRange { .. }
            | Op::Unpin { .. }
            | Op::MarkDirty { .. }
            | Op::FlushBuffer { .. }
            | Op::Evict { .. } => return self.use_buffers(op),
            Op::CleanupLock { .. }
            | Op::CreateStrategy { .. }
            | Op::FreeStrategy { .. }
            | Op::DropRelation { .. }
            | Op::DropDatabase { .. }
            | Op::FlushRelation { .. }
            | Op::FlushDatabase { .. }
            | Op::WalFlush { .. }
            | Op::BackgroundWriter { .. } => return self.maintain_buffers(op),
            Op::Checkpoint { all } => {
                self.checkpoint(all)?;
            }
            Op::CheckpointPart(part) => self.checkpoint_part(part)?,
            Op::CreateContext { backend, context, parent, ref name, allocator } => {
                let parent = self.context_or_current(backend, parent)?;
                let addr = self.create_context(backend, parent, name, allocator)?;
                self.backend_mut(backend)?.variables.set_context_to(context, addr)?;
                return Ok(Outcome::Context(addr));
            }
            Op::SwitchTo { backend, context } => {
                let context = self.backend_mut(backend)?.context_or_error(context)?;
                self.memory_of(backend)?.memory_context_switch_to(context)?;
            }
            Op::Palloc { backend, context, size, zero, chunk } => {
                return Ok(self.palloc(backend, context, size, zero, chunk)?.into());
            }
            Op::Pfree { backend, chunk } => self.pfree(backend, chunk)?,
            Op::PallocExtended { .. }
            | Op::PallocAligned { .. }
            | Op::Strdup { .. }
            | Op::RepallocExtended { .. }
            | Op::Peek { .. }
            | Op::Poke { .. }
            | Op::ResetOnly { .. }
            | Op::ResetChildren { .. }
            | Op::DeleteChildren { .. }
            | Op::SetParent { .. }
            | Op::RegisterResetCallback { .. }
            | Op::SetIdentifier { .. } => return self.use_memory(op),
            Op::Repalloc { backend, chunk, size } => {
                return Ok(self.repalloc(backend, chunk, size, AllocFlags::default())?.into());
            }
            Op::Reset { backend, context } => self.reset(backend, context)?,
            Op::Delete { backend, context } => self.delete(backend, context)?,
            Op::Transaction { .. }
            | Op::Lock { .. }
            | Op::PassTime { .. }
            | Op::Cancel(_)
            | Op::Session { .. }
            | Op::QueryBegin { .. }
            | Op::QueryRun { .. }
            | Op::QueryEnd { .. }
            | Op::TupleBegin { .. }
            | Op::TupleEnd { .. }
            | Op::SpiConnect { .. }
            | Op::SpiFinish { .. } => return self.use_session(op),
            Op::CallBegin { backend, ref function } => self.call_begin(backend, function)?,
            Op::CallEnd { backend } => self.call_end(backend)?,
        }
        Ok(Outcome::default())
    }

    // The machine as one process sees it.

    pub(super) fn backend_mut(&mut self, id: BackendId) -> Result<&mut Backend, Error> {
        self.backends.get_mut(usize::from(id.0)).ok_or(Error::Protocol(NO_BACKEND))
    }

    #[inline]
    pub(super) fn access(&mut self, id: BackendId) -> Result<BufferAccess<'_>, Error> {
        let backend =
            self.backends.get_mut(usize::from(id.0)).ok_or(Error::Protocol(NO_BACKEND))?;
        Ok(BufferAccess {
            who: id,
            pool: &mut self.pool,
            local: &mut backend.buffers,
            log: &mut self.log,
            profile: &self.profile.bufmgr,
        })
    }

    /// The same, for what uses tables and indexes.
    pub(super) fn table_access(&mut self, id: BackendId) -> Result<Access<'_>, Error> {
        let backend =
            self.backends.get_mut(usize::from(id.0)).ok_or(Error::Protocol(NO_BACKEND))?;
        let buffers = BufferAccess {
            who: id,
            pool: &mut self.pool,
            local: &mut backend.buffers,
            log: &mut self.log,
            profile: &self.profile.bufmgr,
        };
        Ok(Access { buffers, state: Rc::make_mut(&mut backend.access) })
    }

    fn create_index(&mut self, rel: RelId, name: &Name, table: RelId) -> Result<(), Error> {
        let of = self.pool.smgr.relation(table).ok_or(Error::Protocol("there is no such table"))?;
        let (nblocks, persistence) = (of.nblocks, of.persistence);
        let pages = crate::access::index_pages(nblocks);
        self.pool.smgr.create(rel, name.clone(), pages, persistence)?;
        self.pool.smgr.set_index(rel, IndexOf { table, nblocks });
        Ok(self.log.emit(Event::RelationCreated(rel))?)
    }

    /// `CreateCheckPoint`, when the one that is under way has ended.
    pub(super) fn checkpoint(&mut self, all: bool) -> Result<(), Error> {
        if self.pool.checkpoint.is_some() {
            self.checkpoint_part(CheckpointPart::End)?;
        }
        let written = self.auxiliary_access().checkpoint_buffers(all)?;
        self.stats.checkpoints += 1;
        self.stats.checkpoint_buffers += u64::from(written);
        Ok(())
    }

    /// A checkpoint that is spread over time.
    #[inline(never)]
    fn checkpoint_part(&mut self, part: CheckpointPart) -> Result<(), Error> {
        match part {
            CheckpointPart::Begin if self.pool.checkpoint.is_some() => {
                Err(Error::Protocol("a checkpoint is under way: it has to end first"))
            }
            CheckpointPart::Begin => self.auxiliary_access().checkpoint_begin(false),
            CheckpointPart::Write(pages) => self.auxiliary_access().checkpoint_write(pages),
            CheckpointPart::End => {
                let written = self.auxiliary_access().checkpoint_end()?;
                self.stats.checkpoints += 1;
                self.stats.checkpoint_buffers += u64::from(written);
                Ok(())
            }
        }
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
}
