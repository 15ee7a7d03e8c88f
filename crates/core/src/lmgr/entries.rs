//! What the shared tables and the processes' slots hold, for who writes out their bytes.

use super::fastpath::FastPath;
use super::{LockManager, LockMode, LockTag, ProcNumber};

/// An entry of the LOCK table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LockEntry<'a> {
    /// The order in which entries of both tables were made.
    pub(crate) born: u64,
    pub(crate) tag: LockTag,
    pub(crate) grant_mask: u16,
    pub(crate) wait_mask: u16,
    /// By mode; there is no mode 0.
    pub(crate) requested: &'a [u32; 9],
    pub(crate) granted: &'a [u32; 9],
    pub(crate) proc_locks: &'a [ProcNumber],
    pub(crate) wait_procs: &'a [ProcNumber],
}

/// An entry of the PROCLOCK table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcLockEntry {
    pub(crate) born: u64,
    pub(crate) tag: LockTag,
    pub(crate) proc: ProcNumber,
    pub(crate) hold_mask: u16,
    pub(crate) release_mask: u16,
}

impl LockManager {
    pub(crate) fn lock_entries(&self) -> impl Iterator<Item = LockEntry<'_>> {
        self.locks.iter().map(|(tag, lock)| LockEntry {
            born: lock.born,
            tag: *tag,
            grant_mask: lock.grant_mask,
            wait_mask: lock.wait_mask,
            requested: &lock.requested,
            granted: &lock.granted,
            proc_locks: &lock.proc_locks,
            wait_procs: &lock.wait_procs,
        })
    }

    pub(crate) fn proclock_entries(&self) -> impl Iterator<Item = ProcLockEntry> {
        self.proclocks.iter().map(|(&(tag, proc), proclock)| ProcLockEntry {
            born: proclock.born,
            tag,
            proc,
            hold_mask: proclock.hold_mask,
            release_mask: proclock.release_mask,
        })
    }

    /// A process's PROCLOCKs of one partition, in order.
    pub(crate) fn proc_locks(
        &self,
        proc: ProcNumber,
        partition: usize,
    ) -> impl DoubleEndedIterator<Item = LockTag> + '_ {
        let lists = self.procs.get(&proc).map(|proc| &proc.proc_locks);
        lists.and_then(|lists| lists.get(partition)).into_iter().flat_map(|it| it.values().copied())
    }

    /// What a process waits for, and the modes that it held there when it began.
    pub(crate) fn wait(&self, proc: ProcNumber) -> Option<(LockTag, LockMode, u16)> {
        self.wait_of(proc).map(|wait| (wait.tag, wait.mode, wait.held))
    }

    /// The virtual transaction whose lock a process has in its own slot.
    pub(crate) fn fast_path_virtual_lock(&self, proc: ProcNumber) -> Option<u32> {
        self.procs.get(&proc).map(|proc| &proc.fast_path).and_then(FastPath::virtual_lock)
    }

    /// Strong locks that are held or wanted, by partition, where there are any.
    pub(crate) fn strong_locks(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.strong.iter().map(|(&partition, &count)| (partition, count))
    }
}
