//! What can be seen of locks: the rows of `pg_locks`, and who blocks whom.
//!
//! PostgreSQL: `GetLockStatusData`, `GetBlockerStatusData` (`lock.c`), `pg_lock_status`,
//! `pg_blocking_pids` (`lockfuncs.c`).

use super::room::{LockRoom, Room};
use super::{LockManager, LockMode, LockTag, ProcNumber};

/// How full one of the shared tables is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockTable {
    /// Its name in `pg_shmem_allocations`.
    pub name: &'static str,
    /// Entries in use.
    pub entries: usize,
    /// Entries that it was sized for (`NLOCKENTS`, and twice that).
    pub most: u32,
    /// Elements on its free lists.
    pub free: u32,
    /// Elements that it takes from the segment's free rest when a list is empty; 0: none.
    pub grows: u32,
    /// Bytes of the free rest, which both tables draw on.
    pub shared: u64,
}

/// A row of `pg_locks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockRow {
    /// The process (or a prepared transaction's stand-in).
    pub proc: ProcNumber,
    /// What is locked.
    pub tag: LockTag,
    /// How.
    pub mode: LockMode,
    /// Held; otherwise waited for, and `waitstart` is set.
    pub granted: bool,
    /// Held by the fast path.
    pub fastpath: bool,
}

impl LockManager {
    /// The rows of `pg_locks`: first everybody's fast-path locks, then the shared table's. (The
    /// server's order of the latter is that of its hash table; here it is the tags'.)
    pub fn lock_status(&self) -> Vec<LockRow> {
        let mut rows = Vec::new();
        for (&proc, process) in &self.procs {
            for (relation, mask) in process.fast_path.entries() {
                let tag = LockTag::relation(self.database, relation);
                for mode in super::modes(mask) {
                    rows.push(LockRow { proc, tag, mode, granted: true, fastpath: true });
                }
            }
            if let Some(number) = process.fast_path.virtual_lock() {
                let tag = LockTag::virtual_transaction(process.virtual_number, number);
                let mode = LockMode::Exclusive;
                rows.push(LockRow { proc, tag, mode, granted: true, fastpath: true });
            }
        }
        for (&(tag, proc), proclock) in &self.proclocks {
            for mode in super::modes(proclock.hold_mask) {
                rows.push(LockRow { proc, tag, mode, granted: true, fastpath: false });
            }
            if let Some(wait) = self.wait_of(proc).filter(|wait| wait.tag == tag) {
                let mode = wait.mode;
                rows.push(LockRow { proc, tag, mode, granted: false, fastpath: false });
            }
        }
        rows
    }

    /// Who blocks a waiter: who holds what conflicts with its request, and who stands before it
    /// in the queue with a request that does (`pg_blocking_pids`).
    pub fn blocking(&self, proc: ProcNumber) -> Vec<ProcNumber> {
        let Some(wait) = self.wait_of(proc) else { return Vec::new() };
        let Some(lock) = self.locks.get(&wait.tag) else { return Vec::new() };
        let before = lock.wait_procs.iter().take_while(|waiter| **waiter != proc);
        let before: Vec<ProcNumber> = before.copied().collect();
        let blocks = |other: &ProcNumber| {
            if *other == proc {
                return false;
            }
            let asks = self.wait_of(*other).filter(|_| before.contains(other));
            self.hold_mask(*other, &wait.tag) & wait.mode.conflicts() != 0
                || asks.is_some_and(|asks| asks.mode.conflicts_with(wait.mode))
        };
        lock.proc_locks.iter().copied().filter(|other| blocks(other)).collect()
    }

    /// Entries of the LOCK and of the PROCLOCK table.
    pub fn entries(&self) -> (usize, usize) {
        (self.locks.len(), self.proclocks.len())
    }

    /// The room of both tables (`dynahash.c`).
    pub fn tables(&self) -> [LockTable; 2] {
        let LockRoom { lock, proclock, shared } = &self.room;
        let (locks, proclocks) = self.entries();
        let table = |name, entries, most, room: &Room| LockTable {
            name,
            entries,
            most,
            free: room.left(),
            grows: room.grows_by(),
            shared: if room.grows_by() > 0 { *shared } else { 0 },
        };
        [
            table("LOCK hash", locks, self.max_locks, lock),
            table("PROCLOCK hash", proclocks, self.max_locks.saturating_mul(2), proclock),
        ]
    }

    /// Objects that have a LOCK.
    pub fn locked(&self) -> impl Iterator<Item = LockTag> + '_ {
        self.locks.keys().copied()
    }

    /// Who has a PROCLOCK on an object, in the order in which they came, and the modes held.
    pub fn holders(&self, tag: &LockTag) -> impl Iterator<Item = (ProcNumber, u16)> + '_ {
        let tag = *tag;
        let holders = self.locks.get(&tag).into_iter().flat_map(|lock| &lock.proc_locks);
        holders.map(move |&proc| (proc, self.hold_mask(proc, &tag)))
    }

    /// Who waits for an object, in the queue's order, and for what.
    pub fn queue(&self, tag: &LockTag) -> impl Iterator<Item = (ProcNumber, LockMode)> + '_ {
        let queue = self.locks.get(tag).into_iter().flat_map(|lock| &lock.wait_procs);
        queue.filter_map(|&proc| Some((proc, self.wait_of(proc)?.mode)))
    }

    /// A process's fast-path slots: the relation and the modes of each, zeros if it is free.
    pub fn fast_path(&self, proc: ProcNumber) -> &[(u32, u16)] {
        self.procs.get(&proc).map_or(&[], |proc| proc.fast_path.slots())
    }

    /// How many more locks the shared table has room for without growing.
    pub fn free_entries(&self) -> u32 {
        self.room.lock.left()
    }
}
