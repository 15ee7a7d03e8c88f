//! A backend: one process, and what it keeps to itself.

use std::rc::Rc;

use super::guc::Gucs;
use super::locks::LockState;
use super::session::{Session, Skipped};
use super::variables::{ChunkVar, ContextVar, Variables};
use crate::access::AccessState;
use crate::bufmgr::LocalBufferState;
use crate::bufmgr::localbuf::LocalBufferPool;
use crate::error::Error;
use crate::event::End;
use crate::ids::{Buffer, BufferId, ChunkSlot, ContextSlot, PinSlot};
use crate::lmgr::{LockMode, LockTag, ProcNumber};
use crate::memory::Addr;
use crate::mmgr::LocalMemory;
use crate::op::{Name, Op};
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
    /// What it remembers from one access to tables and indexes to the next.
    pub access: Rc<AccessState>,
    /// Its variables that hold contexts and chunks.
    pub(super) variables: Variables,
    pub(super) pins: Vec<Option<Buffer>>,
    pub(super) calls: Vec<Call>,
    pub(super) session: Session,
    pub(super) gucs: Gucs,
    pub(super) superuser: bool,
    pub(super) waits: Option<WaitsFor>,
    pub(super) locks: LockState,
    process: ClientProcess,
    end: Option<End>,
    /// What its statement has yet to do when it goes on.
    pub(super) put_off: Vec<Op>,
}

/// A backend's process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientProcess {
    /// Its number.
    pub pid: u32,
    /// Its `PGPROC`.
    pub proc: u32,
    /// What its virtual transactions are called by: its `PGPROC`, in 15 its `BackendId`.
    pub number: u32,
}

/// What a backend waits for. Until that ends it can do nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    /// A heavyweight lock (`ProcSleep`).
    Lock {
        /// On what.
        tag: LockTag,
        /// How it is to be locked.
        mode: LockMode,
    },
    /// Nobody else has a page pinned (`LockBufferForCleanup`).
    BufferPin(BufferId),
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

impl Backend {
    pub(super) fn new(name: Name, memory: LocalMemory, temp_buffers: u32) -> Self {
        let temp = LocalBufferPool::of_size(temp_buffers);
        Self {
            name,
            memory,
            buffers: LocalBufferState { temp, ..LocalBufferState::default() },
            access: Rc::default(),
            variables: Variables::default(),
            pins: Vec::new(),
            calls: Vec::new(),
            session: Session::default(),
            waits: None,
            locks: LockState::new(ProcNumber(u32::MAX)),
            gucs: Gucs::default(),
            superuser: false,
            process: ClientProcess::default(),
            end: Some(End::Refused),
            put_off: Vec::new(),
        }
    }

    /// The process has its slot.
    pub(super) fn started(&mut self, process: ClientProcess) {
        self.process = process;
        self.end = None;
    }

    /// The process has ended, and nothing is left of it but what it had counted.
    pub(super) fn ended(&mut self, memory: LocalMemory, why: End) {
        let mut buffers = std::mem::take(&mut self.buffers);
        buffers.forget();
        let last = Self::new(self.name.clone(), memory, 0);
        *self = Self { buffers, process: self.process, end: Some(why), ..last };
    }

    /// Its process, while it is there.
    pub fn process(&self) -> Option<ClientProcess> {
        self.end.is_none().then_some(self.process)
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Whether the next operation is executed: its process is there, waits for nothing, and is not
    /// within a statement that an error has ended. The short ways are for such a backend only.
    pub(super) fn does_what_it_is_told(&self) -> bool {
        self.end.is_none() && self.waits.is_none() && self.session.unwound == 0
    }

    /// What of its statement has begun and not ended: the statement, what it calls, their queries, tuples
    /// and blocks.
    pub(super) fn open_frames(&self) -> usize {
        let Session { tuple, spi, plpgsql, .. } = &self.session;
        let queries = spi.iter().filter(|connection| connection.query.is_some()).count();
        let own = plpgsql.blocks.len() + plpgsql.loops.len();
        1 + tuple.len() + spi.len() + queries + own + self.calls.len()
    }

    /// Why what comes next is not executed, or what came last was not.
    pub fn skipped(&self) -> Skipped {
        self.session.skipped
    }

    /// What comes next is not executed.
    pub fn skips(&self) -> bool {
        self.session.unwound > 0
    }

    /// The number that its process has or had.
    pub fn last_pid(&self) -> u32 {
        self.process.pid
    }

    /// The `PGPROC` that its process has or had.
    pub fn last_proc(&self) -> u32 {
        self.process.proc
    }

    /// The context that a variable holds.
    pub fn context(&self, slot: ContextSlot) -> Option<Addr> {
        self.variables.context(slot)
    }

    /// The chunk that a variable holds, unless its memory is gone.
    pub fn chunk(&self, slot: ChunkSlot) -> Option<ChunkVar> {
        self.variables.chunk(slot)
    }

    /// Every chunk that a variable holds.
    pub fn chunks(&self) -> impl Iterator<Item = (ChunkSlot, ChunkVar)> {
        self.variables.chunks()
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

    /// What it waits for.
    pub fn waits_for(&self) -> Option<WaitsFor> {
        self.waits
    }

    /// Its place among all processes, by which the lock manager knows it.
    pub fn proc_number(&self) -> ProcNumber {
        self.locks.proc
    }

    /// The transaction that it is in or was in last (`localTransactionId`).
    pub fn local_transaction(&self) -> u32 {
        self.locks.lxid
    }

    /// The id of its transaction, if it has got one.
    pub fn transaction_id(&self) -> Option<u32> {
        self.locks.xids.first().map(|(_, xid)| *xid)
    }

    /// How its last statement failed that somebody else's step had awakened or ended.
    pub fn last_error(&self) -> Option<&Error> {
        self.locks.error.as_deref()
    }

    /// Whether its client has sent BEGIN, and no COMMIT or ROLLBACK yet.
    pub fn is_transaction_block(&self) -> bool {
        self.session.in_block
    }

    /// The names of its prepared statements, but for the unnamed one.
    pub fn prepared_statements(&self) -> impl Iterator<Item = &str> {
        let names = self.session.plans.sources.iter().map(|source| &*source.name);
        names.filter(|name| !name.is_empty())
    }

    /// Whether it is in a transaction.
    pub fn is_in_transaction(&self) -> bool {
        !self.session.levels.is_empty()
    }

    pub(super) fn context_or_error(&self, slot: ContextSlot) -> Result<Addr, Error> {
        self.context(slot).ok_or(Error::NoSuchContext)
    }

    pub(super) fn set_pin(&mut self, slot: PinSlot, pin: Option<Buffer>) -> Result<(), Error> {
        *entry(&mut self.pins, slot.0, None)? = pin;
        Ok(())
    }
}
