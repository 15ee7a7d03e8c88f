//! How a version lays out a process's slot in shared memory, `PGPROC`, and `PROC_HDR` (`proc.h`).
//!
//! Offsets are those of x86-64 builds. 19's are not read from a release: its order of fields is the one
//! that its developers published, and the size that follows from it is the recorded one.

mod layouts;

use super::Version;
use layouts::{PG15, PG17, PG18, PG19};

/// A version's slots of processes.
#[derive(Debug)]
pub struct ProcProfile {
    /// `sizeof(PGPROC)`, with what it is aligned to.
    pub size: u64,
    /// The fields of `PGPROC`.
    pub fields: &'static [Field<ProcValue>],
    /// Those of `PROC_HDR`.
    pub header: &'static [Field<HeaderValue>],
    /// Where a `PGPROC` is linked into a wait queue.
    pub wait_link: u64,
    /// Where it is linked into a free list.
    pub free_link: u64,
    /// A free list is linked in one direction, and the last one given back is its first.
    pub stack: bool,
}

/// A field of a struct, or several alike one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Field<V> {
    /// As the sources have it.
    pub name: &'static str,
    /// Where it begins.
    pub at: u64,
    /// Bytes of one.
    pub width: u64,
    /// How many there are.
    pub times: u64,
    /// What is in it.
    pub value: V,
}

/// What a field of `PGPROC` has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcValue {
    /// What nothing here uses.
    Zero,
    /// A link to the one before in the free list or, where both share a link, the wait queue.
    Prev,
    /// To the one after it.
    Next,
    /// The same of a wait queue with a link of its own.
    WaitPrev,
    /// To the one after it.
    WaitNext,
    /// The free list that it goes back to.
    FreeList,
    /// Its semaphore.
    Semaphore,
    /// `ProcWaitStatus`
    WaitStatus,
    /// `maybe_sleeping` of its latch.
    LatchSleeps,
    /// `is_shared` of its latch.
    LatchShared,
    /// `owner_pid` of its latch.
    LatchOwner,
    /// The transaction's id.
    Xid,
    /// The virtual transaction's number.
    Lxid,
    /// The process.
    Pid,
    /// Its place in `ProcArray`.
    ArrayOffset,
    /// Its place among all slots.
    Number,
    /// What its virtual transactions are called by.
    VirtualNumber,
    /// Its database.
    Database,
    /// Its role.
    Role,
    /// That it is no client's backend.
    BackgroundWorker,
    /// That it is a client's backend.
    RegularBackend,
    /// `BackendType`
    BackendType,
    /// The LOCK that it waits for.
    WaitLock,
    /// Its PROCLOCK there.
    WaitProcLock,
    /// The mode that it waits for.
    WaitLockMode,
    /// The modes that it held there.
    HeldLocks,
    /// For each partition the links of a list's head.
    ProcLocks,
    /// Ids of subtransactions.
    SubxidCount,
    /// These.
    Subxids,
    /// No process.
    NoProcess,
    /// What it waits for, for `pg_stat_activity`.
    WaitEvent,
    /// -1 once it has been taken.
    NoPage,
    /// `LWTRANCHE_LOCK_FASTPATH`
    FastPathTranche,
    /// The state of a lock that nobody holds.
    LockReleased,
    /// Modes of its fast-path slots, or where they are.
    FastPathBits,
    /// Relations of its fast-path slots, or where they are.
    FastPathRelations,
    /// That the lock on its virtual transaction is here.
    VirtualLock,
    /// That virtual transaction's number.
    VirtualLockLxid,
    /// A list that is empty.
    EmptyList,
}

/// What a field of `PROC_HDR` has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderValue {
    /// The first `PGPROC`.
    Procs,
    /// The mirror of `xid`.
    Xids,
    /// Of `subxidStatus`.
    SubxidStates,
    /// Of `statusFlags`.
    StatusFlags,
    /// `PGPROC`s but those of prepared transactions.
    Count,
    /// The head of a free list: of clients, autovacuum, background workers, WAL senders.
    FreeList(usize),
    /// No process.
    NoProcess,
    /// The latch of an auxiliary process, or where there are two of them, its number.
    WalWriter,
    /// The same.
    Checkpointer,
    /// `DEFAULT_SPINS_PER_DELAY`
    SpinsPerDelay,
    /// -1
    NoBuffer,
}

impl Version {
    /// How this version lays out the slots of processes.
    pub fn procs(self) -> &'static ProcProfile {
        match self {
            Version::V15 | Version::V15_20 => &PG15,
            Version::V17 => &PG17,
            Version::V18 => &PG18,
            Version::V19 => &PG19,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_order<V>(fields: &[Field<V>], size: u64) {
        let mut end = 0;
        for Field { name, at, width, times, .. } in fields {
            assert!(*at >= end && *at - end < 8, "{name}");
            assert_eq!(at % width, 0, "{name}");
            end = at + width * times;
        }
        assert!(end <= size);
    }

    #[test]
    fn fields_follow_each_other_and_are_aligned() {
        for version in Version::ALL {
            let procs = version.procs();
            in_order(procs.fields, procs.size);
            in_order(procs.header, 136);
        }
    }
}
