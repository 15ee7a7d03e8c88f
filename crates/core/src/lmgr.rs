//! Heavyweight locks: the lock manager.
//!
//! PostgreSQL: `src/backend/storage/lmgr/{lock.c,proc.c,deadlock.c}`.
//!
//! A [`LockManager`] is the shared LOCK and PROCLOCK tables, the processes' fast-path slots and
//! wait queues, and each process's local table, which counts. It knows tags, modes and process
//! numbers and nothing of statements. Nothing here waits: who has to is put into a queue
//! ([`Acquired::Waits`]), and who is awakened is told by [`LockManager::take_awakened`]; a
//! deadlock is looked for when [`LockManager::check_deadlock`] is called, as a waiter does when
//! its `deadlock_timeout` has run out. It is a value: a clone is a snapshot.

mod acquire;
mod deadlock;
mod entries;
mod fastpath;
mod local;
mod prepare;
mod queue;
mod release;
pub(crate) mod room;
mod status;
mod table;
mod tag;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use deadlock::DeadlockEdge;
pub(crate) use entries::{LockEntry, ProcLockEntry};
pub use local::Owner;
pub use status::{LockRow, LockTable};
pub use tag::{LockMethod, LockMode, LockTag, LockTagType, modes};

use crate::event::LockEvent;
use crate::profile::{LmgrProfile, Profile};
use fastpath::FastPath;
use local::LocalLocks;
use room::LockRoom;
pub(crate) use table::partition as lock_partition;
use table::{Lock, ProcLock};

/// Partitions of the lock tables (`NUM_LOCK_PARTITIONS`).
const PARTITIONS: usize = 16;
/// Partitions by which strong locks are counted (`FAST_PATH_STRONG_LOCK_HASH_PARTITIONS`).
const STRONG_PARTITIONS: u32 = 1024;

/// A process's place among all (`ProcNumber`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcNumber(pub u32);

/// What the lock manager needs to know of the settings.
#[derive(Clone, Copy, Debug)]
pub struct LockSettings {
    /// `max_locks_per_transaction`.
    pub max_locks_per_transaction: u32,
    /// `MaxBackends + max_prepared_transactions`.
    pub processes: u32,
    /// The free rest of the shared segment, which the tables may take from before version 19.
    pub free_shared_memory: u64,
    /// The database that all processes are connected to.
    pub database: u32,
}

/// How a request ended (`LockAcquireResult`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// The lock is held.
    Granted,
    /// It was held before; one more is counted.
    AlreadyHeld,
    /// It can't be had without waiting, and the caller won't.
    NotAvailable,
    /// The process is in the wait queue and sleeps.
    Waits,
    /// Waiting would be a deadlock with another waiter for the same lock.
    Deadlock(Vec<DeadlockEdge>),
    /// The shared tables have no room.
    OutOfSharedMemory,
}

/// What looking for a deadlock found (`DeadLockState`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadlockFound {
    /// The process does not wait any more.
    NotYet,
    /// There is none.
    None,
    /// There was one that another order of wait queues undid.
    Soft,
    /// There is one. The process has left the queue and reports an error.
    Hard(Vec<DeadlockEdge>),
}

/// One process, as far as locks go: part of its PGPROC and its local lock table.
#[derive(Clone, Debug)]
struct Proc {
    fast_path: FastPath,
    local: LocalLocks,
    /// Its PROCLOCKs, by partition, in the order in which they came (`myProcLocks`).
    proc_locks: [BTreeMap<u64, LockTag>; PARTITIONS],
    /// What virtual transactions are called by: its own number, in 15 its `BackendId`.
    virtual_number: u32,
    wait: Option<Wait>,
    /// A prepared transaction's stand-in.
    prepared: bool,
}

/// What a process waits for (`waitLock`, `waitLockMode`, `heldLocks`).
#[derive(Clone, Copy, Debug)]
struct Wait {
    tag: LockTag,
    mode: LockMode,
    /// Modes that it held on the object when it began to wait.
    held: u16,
    owner: Owner,
}

/// The lock manager of one server.
#[derive(Clone, Debug)]
pub struct LockManager {
    profile: &'static LmgrProfile,
    groups: usize,
    database: u32,
    locks: BTreeMap<LockTag, Lock>,
    proclocks: BTreeMap<(LockTag, ProcNumber), ProcLock>,
    /// `NLOCKENTS`.
    max_locks: u32,
    room: LockRoom,
    /// Strong locks that are held or wanted, by partition (`FastPathStrongRelationLocks`).
    strong: BTreeMap<u32, u32>,
    procs: BTreeMap<ProcNumber, Proc>,
    /// Entries that the shared tables have had.
    births: u64,
    awakened: Vec<ProcNumber>,
    watched: bool,
    events: Vec<LockEvent>,
    /// After so many events, a copy is kept as it stands.
    keep_at: Option<usize>,
    kept: Option<Box<LockManager>>,
}

impl LockManager {
    /// A server's lock manager without any lock.
    pub fn new(profile: &'static Profile, settings: LockSettings) -> Self {
        let profile = &profile.lmgr;
        let max = settings.max_locks_per_transaction.saturating_mul(settings.processes);
        LockManager {
            profile,
            groups: profile.groups(settings.max_locks_per_transaction),
            database: settings.database,
            locks: BTreeMap::new(),
            proclocks: BTreeMap::new(),
            max_locks: max,
            room: LockRoom::new(max, settings.free_shared_memory, profile.fixed_tables),
            strong: BTreeMap::new(),
            procs: BTreeMap::new(),
            births: 0,
            awakened: Vec::new(),
            watched: false,
            events: Vec::new(),
            keep_at: None,
            kept: None,
        }
    }

    /// A process takes the lowest free number (`InitProcess`).
    pub fn attach(&mut self) -> ProcNumber {
        let free = (0..).map(ProcNumber).find(|number| !self.procs.contains_key(number));
        let number = free.unwrap_or(ProcNumber(u32::MAX));
        self.attach_as(number, number.0);
        number
    }

    /// A process takes this free number; its virtual transactions are called by the other one.
    pub fn attach_as(&mut self, number: ProcNumber, virtual_number: u32) {
        self.procs.insert(number, Proc { virtual_number, ..Proc::new(self.groups) });
    }

    /// A process ends: it leaves its queue and releases everything (`ProcKill`,
    /// `ShutdownPostgres`).
    pub fn detach(&mut self, proc: ProcNumber) {
        self.give_up(proc);
        self.release_all(proc, LockMethod::Default, true);
        self.release_all(proc, LockMethod::User, true);
        self.procs.remove(&proc);
    }

    /// From now on, keep what happens for [`LockManager::take_events`].
    pub fn watch(&mut self) {
        self.watched = true;
    }

    /// Bytes that a copy takes, more or less.
    pub fn bytes(&self) -> usize {
        const ENTRY: usize = 200;
        let procs = self.procs.values();
        let slots: usize = procs.map(|proc| size_of_val(proc.fast_path.slots())).sum();
        let held: usize = self.procs.values().map(|proc| proc.local.held.len()).sum();
        let entries = self.locks.len() + self.proclocks.len() + held;
        entries * ENTRY + self.procs.len() * size_of::<Proc>() + slots
    }

    /// What happened since the last time, in order.
    pub fn take_events(&mut self) -> Vec<LockEvent> {
        std::mem::take(&mut self.events)
    }

    /// Who was granted a lock that it had waited for, in the order of awakening.
    pub fn take_awakened(&mut self) -> Vec<ProcNumber> {
        std::mem::take(&mut self.awakened)
    }

    /// Whether there is somebody whom [`LockManager::take_awakened`] would name.
    pub fn has_awakened(&self) -> bool {
        !self.awakened.is_empty()
    }

    /// What the process waits for, if it does.
    pub fn waits_for(&self, proc: ProcNumber) -> Option<(LockTag, LockMode)> {
        self.procs.get(&proc)?.wait.map(|wait| (wait.tag, wait.mode))
    }

    /// Whether this is the stand-in of a prepared transaction.
    pub fn is_prepared(&self, proc: ProcNumber) -> bool {
        self.procs.get(&proc).is_some_and(|proc| proc.prepared)
    }

    /// Keep a copy of itself as it will stand after so many events from now on, for who wants
    /// to see it between two of them; `None`: keep none.
    pub(crate) fn keep_after(&mut self, events: Option<usize>) {
        self.keep_at = events.map(|count| self.events.len() + count);
        self.kept = None;
    }

    /// The copy, if it has come to so many events.
    pub(crate) fn take_kept(&mut self) -> Option<Box<LockManager>> {
        self.kept.take()
    }

    fn emit(&mut self, event: LockEvent) {
        if !self.watched {
            return;
        }
        self.events.push(event);
        if self.keep_at == Some(self.events.len()) {
            let copy = LockManager { events: Vec::new(), keep_at: None, ..self.clone() };
            self.kept = Some(Box::new(copy));
        }
    }
}

impl Proc {
    fn new(groups: usize) -> Self {
        Proc {
            fast_path: FastPath::new(groups),
            local: LocalLocks::default(),
            proc_locks: std::array::from_fn(|_| BTreeMap::new()),
            virtual_number: 0,
            wait: None,
            prepared: false,
        }
    }
}
