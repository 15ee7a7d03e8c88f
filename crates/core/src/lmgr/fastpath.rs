//! Fast-path slots: weak locks on relations that no other process needs to see.
//!
//! PostgreSQL: `FastPathGrantRelationLock`, `FastPathUnGrantRelationLock`,
//! `FastPathTransferRelationLocks`, `VirtualXactLock` (`lock.c`).

use super::{
    Acquired, LockManager, LockMethod, LockMode, LockTag, LockTagType, Owner, ProcNumber,
    STRONG_PARTITIONS,
};
use crate::event::LockEvent;

/// Slots in a group (`FP_LOCK_SLOTS_PER_GROUP`).
const SLOTS: usize = 16;

/// A process's slots, and the lock on its own virtual transaction.
#[derive(Clone, Debug)]
pub(super) struct FastPath {
    /// Relation and modes of each slot, group after group; none before the first is needed.
    slots: Vec<(u32, u16)>,
    /// Slots in use, as the process itself knows; another process that moves an entry away does
    /// not tell it (`FastPathLocalUseCounts`).
    use_counts: Vec<usize>,
    /// The virtual transaction under way (`fpLocalTransactionId`).
    vxid: Option<u32>,
    /// Its lock is still here (`fpVXIDLock`).
    vxid_lock: bool,
}

/// A weak lock on a relation of the own database (`EligibleForRelationFastPath`).
fn eligible(tag: &LockTag, mode: LockMode, database: u32) -> bool {
    tag.method == LockMethod::Default
        && tag.kind == LockTagType::Relation
        && tag.field1 == database
        && database != 0
        && mode < LockMode::ShareUpdateExclusive
}

/// A lock that weak ones on the same relation have to be seen for
/// (`ConflictsWithRelationFastPath`).
fn conflicts(tag: &LockTag, mode: LockMode) -> bool {
    tag.method == LockMethod::Default
        && tag.kind == LockTagType::Relation
        && tag.field1 != 0
        && mode > LockMode::ShareUpdateExclusive
}

impl FastPath {
    pub(super) fn new(groups: usize) -> Self {
        FastPath { slots: Vec::new(), use_counts: vec![0; groups], vxid: None, vxid_lock: false }
    }

    fn group(&self, relation: u32) -> usize {
        let spread = u64::from(relation) * 49_157;
        spread as usize & (self.use_counts.len() - 1)
    }

    fn group_slots(&mut self, relation: u32) -> &mut [(u32, u16)] {
        let from = self.group(relation) * SLOTS;
        self.slots.resize(self.use_counts.len() * SLOTS, (0, 0));
        &mut self.slots[from..from + SLOTS]
    }

    fn grant(&mut self, relation: u32, mode: LockMode) -> bool {
        let group = self.group(relation);
        let slots = self.group_slots(relation);
        if let Some(slot) = slots.iter_mut().find(|slot| slot.1 != 0 && slot.0 == relation) {
            slot.1 |= mode.bit();
            return true;
        }
        // Of the free slots PostgreSQL takes the last.
        let Some(slot) = slots.iter_mut().rev().find(|slot| slot.1 == 0) else { return false };
        *slot = (relation, mode.bit());
        self.use_counts[group] += 1;
        true
    }

    fn ungrant(&mut self, relation: u32, mode: LockMode) -> bool {
        let group = self.group(relation);
        let slots = self.group_slots(relation);
        let mut found = false;
        for slot in slots.iter_mut() {
            if slot.0 == relation && slot.1 & mode.bit() != 0 {
                slot.1 &= !mode.bit();
                found = true;
            }
        }
        self.use_counts[group] = slots.iter().filter(|slot| slot.1 != 0).count();
        found
    }

    /// Every slot: relation and modes.
    pub(super) fn slots(&self) -> &[(u32, u16)] {
        &self.slots
    }

    /// The entries: relation and modes of each used slot.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u32, u16)> + '_ {
        self.slots.iter().copied().filter(|slot| slot.1 != 0)
    }

    /// The virtual transaction whose lock is here.
    pub(super) fn virtual_lock(&self) -> Option<u32> {
        self.vxid.filter(|_| self.vxid_lock)
    }
}

impl LockManager {
    /// Try to take a lock without the shared table.
    pub(super) fn fast_path_acquire(
        &mut self,
        number: ProcNumber,
        tag: LockTag,
        mode: LockMode,
    ) -> bool {
        if !eligible(&tag, mode, self.database) {
            return false;
        }
        let strong = self.strong.get(&(tag.hash_code() % STRONG_PARTITIONS));
        let Some(proc) = self.procs.get_mut(&number) else { return false };
        let fast_path = &mut proc.fast_path;
        if fast_path.use_counts[fast_path.group(tag.field2)] >= SLOTS
            || strong.is_some_and(|&count| count > 0)
            || !fast_path.grant(tag.field2, mode)
        {
            return false;
        }
        self.emit(LockEvent::FastPath { proc: number, tag, mode });
        true
    }

    /// Give a fast-path entry back; false if it is not there, or not any more.
    pub(super) fn fast_path_release(
        &mut self,
        number: ProcNumber,
        tag: LockTag,
        mode: LockMode,
    ) -> bool {
        if !eligible(&tag, mode, self.database) {
            return false;
        }
        let Some(proc) = self.procs.get_mut(&number) else { return false };
        if !proc.fast_path.ungrant(tag.field2, mode) {
            return false;
        }
        self.emit(LockEvent::Released { proc: number, tag, mode });
        true
    }

    /// A strong lock is wanted: count it, and move everybody's entries of that relation to the
    /// shared table. False if there is no room.
    pub(super) fn begin_strong_lock(&mut self, tag: LockTag, mode: LockMode) -> Option<bool> {
        if !conflicts(&tag, mode) {
            return Some(false);
        }
        *self.strong.entry(tag.hash_code() % STRONG_PARTITIONS).or_default() += 1;
        let procs: Vec<ProcNumber> = self.procs.keys().copied().collect();
        for proc in procs {
            let entries = self.procs.get(&proc).map(|proc| &proc.fast_path);
            let mask = entries
                .and_then(|it| it.entries().find(|(relation, _)| *relation == tag.field2))
                .map_or(0, |(_, mask)| mask);
            for mode in super::modes(mask) {
                if !self.transfer(proc, tag, mode) {
                    self.end_strong_lock(tag);
                    return None;
                }
            }
        }
        Some(true)
    }

    /// A strong lock is no longer held or wanted.
    pub(super) fn end_strong_lock(&mut self, tag: LockTag) {
        let at = tag.hash_code() % STRONG_PARTITIONS;
        let left = self.strong.get(&at).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            self.strong.remove(&at);
        } else {
            self.strong.insert(at, left);
        }
    }

    /// Whether a lock counts among the strong ones.
    pub(super) fn is_strong(tag: &LockTag, mode: LockMode) -> bool {
        conflicts(tag, mode)
    }

    /// Move one entry to the shared table, where it is granted.
    pub(super) fn transfer(&mut self, number: ProcNumber, tag: LockTag, mode: LockMode) -> bool {
        if !self.setup_lock_in_table(number, tag, mode) {
            return false;
        }
        self.grant_lock(number, tag, mode);
        if let Some(proc) = self.procs.get_mut(&number) {
            for slot in proc.fast_path.group_slots(tag.field2) {
                if slot.0 == tag.field2 {
                    slot.1 &= !mode.bit();
                }
            }
        }
        self.emit(LockEvent::Transferred { proc: number, tag, mode });
        true
    }

    /// A transaction begins: its virtual transaction is locked, by the fast path
    /// (`VirtualXactLockTableInsert`).
    pub fn begin_virtual_transaction(&mut self, proc: ProcNumber, number: u32) {
        if let Some(proc) = self.procs.get_mut(&proc) {
            proc.fast_path.vxid = Some(number);
            proc.fast_path.vxid_lock = true;
        }
    }

    /// The transaction's end (`VirtualXactLockTableCleanup`).
    pub(super) fn end_virtual_transaction(&mut self, number: ProcNumber) {
        let Some(proc) = self.procs.get_mut(&number) else { return };
        let Some(vxid) = proc.fast_path.vxid.take() else { return };
        let tag = LockTag::virtual_transaction(proc.virtual_number, vxid);
        if !std::mem::take(&mut proc.fast_path.vxid_lock) {
            self.refind_and_release(number, tag, LockMode::Exclusive);
        }
    }

    /// What a process's virtual transactions are called by.
    pub fn virtual_number(&self, proc: ProcNumber) -> Option<u32> {
        Some(self.procs.get(&proc)?.virtual_number)
    }

    /// The virtual transaction that a process is in.
    pub fn virtual_transaction(&self, proc: ProcNumber) -> Option<u32> {
        self.procs.get(&proc)?.fast_path.vxid
    }

    /// Wait for the end of somebody's virtual transaction (`VirtualXactLock`); `Granted` if it
    /// has ended, and the lock on it is the caller's to release.
    pub fn virtual_transaction_lock(
        &mut self,
        proc: ProcNumber,
        owner: Owner,
        other: ProcNumber,
        number: u32,
    ) -> Acquired {
        let Some(theirs) = self.procs.get_mut(&other) else { return Acquired::Granted };
        let tag = LockTag::virtual_transaction(theirs.virtual_number, number);
        if theirs.fast_path.vxid != Some(number) {
            return Acquired::Granted;
        }
        if std::mem::take(&mut theirs.fast_path.vxid_lock) {
            if !self.setup_lock_in_table(other, tag, LockMode::Exclusive) {
                if let Some(theirs) = self.procs.get_mut(&other) {
                    theirs.fast_path.vxid_lock = true;
                }
                return Acquired::OutOfSharedMemory;
            }
            self.grant_lock(other, tag, LockMode::Exclusive);
            self.emit(LockEvent::Transferred { proc: other, tag, mode: LockMode::Exclusive });
        }
        self.acquire(proc, owner, tag, LockMode::Share, false)
    }
}
