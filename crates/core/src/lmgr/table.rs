//! Entries of the shared tables: LOCK and PROCLOCK.
//!
//! PostgreSQL: `SetupLockInTable`, `GrantLock`, `UnGrantLock`, `CleanUpLock`,
//! `LockCheckConflicts` (`lock.c`).

use std::collections::btree_map::Entry;

use super::{LockManager, LockMode, LockTag, PARTITIONS, ProcNumber};
use crate::event::LockEvent;

/// A locked object (`LOCK`).
#[derive(Clone, Debug, Default)]
pub(super) struct Lock {
    /// Which entry of the shared tables it was, in the order of all.
    pub(super) born: u64,
    /// Modes that somebody holds.
    pub(super) grant_mask: u16,
    /// Modes that somebody waits for.
    pub(super) wait_mask: u16,
    /// Requests by mode, granted or not.
    pub(super) requested: [u32; 9],
    pub(super) granted: [u32; 9],
    /// Who has a PROCLOCK, in the order in which they came.
    pub(super) proc_locks: Vec<ProcNumber>,
    /// Who waits, in order.
    pub(super) wait_procs: Vec<ProcNumber>,
}

/// One process's hold on a locked object (`PROCLOCK`).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProcLock {
    /// As its LOCK has it.
    pub(super) born: u64,
    pub(super) hold_mask: u16,
    pub(super) release_mask: u16,
}

/// Which partition of the tables a tag is in (`LockHashPartition`).
pub(crate) fn partition(tag: &LockTag) -> usize {
    tag.hash_code() as usize % PARTITIONS
}

impl LockManager {
    /// Find or make the entries for a request and count it; false if there is no room.
    pub(super) fn setup_lock_in_table(
        &mut self,
        proc: ProcNumber,
        tag: LockTag,
        mode: LockMode,
    ) -> bool {
        let hash = tag.hash_code();
        let room = &mut self.room;
        let new = !self.locks.contains_key(&tag);
        if new && !room.lock.take(hash, &mut room.shared) {
            return false;
        }
        let key = (tag, proc);
        if let Entry::Vacant(entry) = self.proclocks.entry(key) {
            // A PROCLOCK's hash differs from its LOCK's in bits that do not choose the list.
            if !room.proclock.take(hash, &mut room.shared) {
                if new {
                    room.lock.give(hash);
                }
                return false;
            }
            let born = self.births + 1;
            self.births += 2;
            entry.insert(ProcLock { born, ..ProcLock::default() });
            let fresh = || Lock { born: born - 1, ..Lock::default() };
            self.locks.entry(tag).or_insert_with(fresh).proc_locks.push(proc);
            if let Some(proc) = self.procs.get_mut(&proc) {
                proc.proc_locks[partition(&tag)].insert(born, tag);
            }
            self.emit(LockEvent::Entered { proc, tag, lock: new });
        }
        self.locks.entry(tag).or_default().requested[mode as usize] += 1;
        true
    }

    /// Whether somebody else holds what conflicts; what the process itself holds does not count.
    pub(super) fn lock_check_conflicts(
        &self,
        proc: ProcNumber,
        tag: &LockTag,
        mode: LockMode,
    ) -> bool {
        let Some(lock) = self.locks.get(tag) else { return false };
        if mode.conflicts() & lock.grant_mask == 0 {
            return false;
        }
        let own = self.hold_mask(proc, tag);
        LockMode::ALL
            .into_iter()
            .filter(|held| mode.conflicts_with(*held))
            .any(|held| lock.granted[held as usize] > u32::from(own & held.bit() != 0))
    }

    pub(super) fn hold_mask(&self, proc: ProcNumber, tag: &LockTag) -> u16 {
        self.proclocks.get(&(*tag, proc)).map_or(0, |proclock| proclock.hold_mask)
    }

    pub(super) fn grant_lock(&mut self, proc: ProcNumber, tag: LockTag, mode: LockMode) {
        if let Some(lock) = self.locks.get_mut(&tag) {
            lock.granted[mode as usize] += 1;
            lock.grant_mask |= mode.bit();
            if lock.granted[mode as usize] == lock.requested[mode as usize] {
                lock.wait_mask &= !mode.bit();
            }
        }
        if let Some(proclock) = self.proclocks.get_mut(&(tag, proc)) {
            proclock.hold_mask |= mode.bit();
        }
    }

    /// Take a grant back; whether somebody may be awakened by that.
    pub(super) fn ungrant_lock(&mut self, proc: ProcNumber, tag: LockTag, mode: LockMode) -> bool {
        if let Some(proclock) = self.proclocks.get_mut(&(tag, proc)) {
            proclock.hold_mask &= !mode.bit();
        }
        let Some(lock) = self.locks.get_mut(&tag) else { return false };
        let at = mode as usize;
        lock.requested[at] = lock.requested[at].saturating_sub(1);
        lock.granted[at] = lock.granted[at].saturating_sub(1);
        if lock.granted[at] == 0 {
            lock.grant_mask &= !mode.bit();
        }
        let wakeup = mode.conflicts() & lock.wait_mask != 0;
        self.emit(LockEvent::Released { proc, tag, mode });
        wakeup
    }

    /// A request that was counted is not to be granted after all.
    pub(super) fn forget_request(&mut self, tag: LockTag, mode: LockMode) {
        if let Some(lock) = self.locks.get_mut(&tag) {
            let at = mode as usize;
            lock.requested[at] = lock.requested[at].saturating_sub(1);
            if lock.granted[at] == lock.requested[at] {
                lock.wait_mask &= !mode.bit();
            }
        }
    }

    /// Remove entries that nothing needs any more, and awaken who can be.
    pub(super) fn clean_up_lock(&mut self, proc: ProcNumber, tag: LockTag, wakeup: bool) {
        let hash = tag.hash_code();
        let gone = self.proclocks.get(&(tag, proc)).filter(|proclock| proclock.hold_mask == 0);
        let gone = gone.map(|proclock| proclock.born);
        if let Some(born) = gone {
            self.proclocks.remove(&(tag, proc));
            self.room.proclock.give(hash);
            if let Some(lock) = self.locks.get_mut(&tag) {
                lock.proc_locks.retain(|holder| *holder != proc);
            }
            if let Some(proc) = self.procs.get_mut(&proc) {
                proc.proc_locks[partition(&tag)].remove(&born);
            }
        }
        let unused = |lock: &Lock| {
            lock.requested.iter().all(|&count| count == 0) && lock.proc_locks.is_empty()
        };
        let unused = self.locks.get(&tag).is_some_and(unused);
        if unused {
            self.locks.remove(&tag);
            self.room.lock.give(hash);
        }
        if gone.is_some() {
            self.emit(LockEvent::Removed { proc, tag, lock: unused });
        }
        if wakeup && !unused {
            self.proc_lock_wakeup(tag);
        }
    }
}
