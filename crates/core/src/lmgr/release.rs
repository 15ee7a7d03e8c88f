//! Giving locks back: one, an owner's, or all of a method.
//!
//! PostgreSQL: `LockRelease`, `LockReleaseAll`, `LockReleaseSession`, `LockReleaseCurrentOwner`,
//! `LockRefindAndRelease` (`lock.c`).

use super::local::LocalLock;
use super::{LockManager, LockMethod, LockMode, LockTag, Owner, PARTITIONS, ProcNumber};

impl LockManager {
    /// Give back one of the times that the owner took the lock; false if it has none, for which
    /// PostgreSQL warns.
    pub fn release(
        &mut self,
        number: ProcNumber,
        owner: Owner,
        tag: LockTag,
        mode: LockMode,
    ) -> bool {
        let Some(proc) = self.procs.get_mut(&number) else { return false };
        let Some(left) = proc.local.subtract_one(owner, tag, mode) else { return false };
        if left == 0 {
            self.drop_local(number, tag, mode);
        }
        true
    }

    /// Remove the local entry and what it stands for.
    fn drop_local(&mut self, number: ProcNumber, tag: LockTag, mode: LockMode) {
        let Some(proc) = self.procs.get_mut(&number) else { return };
        let Some(local) = proc.local.remove(tag, mode) else { return };
        if local.strong {
            self.end_strong_lock(tag);
        }
        if !self.fast_path_release(number, tag, mode) {
            self.refind_and_release(number, tag, mode);
        }
    }

    pub(super) fn refind_and_release(&mut self, proc: ProcNumber, tag: LockTag, mode: LockMode) {
        if self.hold_mask(proc, &tag) & mode.bit() != 0 {
            let wakeup = self.ungrant_lock(proc, tag, mode);
            self.clean_up_lock(proc, tag, wakeup);
        }
    }

    /// Release what a (sub)transaction took, last first (`LockReleaseCurrentOwner`).
    pub fn release_owner(&mut self, number: ProcNumber, owner: Owner) {
        let Some(proc) = self.procs.get_mut(&number) else { return };
        for (tag, mode) in proc.local.take_from(owner) {
            let Some(proc) = self.procs.get(&number) else { return };
            if proc.local.held.get(&(tag, mode)).is_some_and(|lock| lock.total() == 0) {
                self.drop_local(number, tag, mode);
            }
        }
    }

    /// A subtransaction was committed: what it holds is its parent's now.
    pub fn reassign_owner(&mut self, proc: ProcNumber, from: Owner, to: Owner) {
        if let Some(proc) = self.procs.get_mut(&proc) {
            proc.local.reassign(from, to);
        }
    }

    /// Release all locks of a method at a transaction's end; those of the session only if `all`.
    pub fn release_all(&mut self, number: ProcNumber, method: LockMethod, all: bool) {
        if method == LockMethod::Default {
            self.end_virtual_transaction(number);
        }
        let Some(proc) = self.procs.get_mut(&number) else { return };
        let stays = (!all).then_some(Owner::Session);
        for (tag, mode, LocalLock { strong, in_table, .. }) in proc.local.forget(method, stays) {
            if strong {
                self.end_strong_lock(tag);
            }
            if in_table {
                if let Some(proclock) = self.proclocks.get_mut(&(tag, number)) {
                    proclock.release_mask |= mode.bit();
                }
            } else if !self.fast_path_release(number, tag, mode) {
                self.refind_and_release(number, tag, mode);
            }
        }
        for partition in 0..PARTITIONS {
            let Some(proc) = self.procs.get(&number) else { return };
            for tag in proc.proc_locks[partition].values().copied().collect::<Vec<_>>() {
                if tag.method == method {
                    self.release_marked(number, tag, all);
                }
            }
        }
    }

    fn release_marked(&mut self, proc: ProcNumber, tag: LockTag, all: bool) {
        let Some(proclock) = self.proclocks.get_mut(&(tag, proc)) else { return };
        if all {
            proclock.release_mask = proclock.hold_mask;
        }
        let mask = std::mem::take(&mut proclock.release_mask);
        if mask == 0 && proclock.hold_mask != 0 {
            return;
        }
        let mut wakeup = false;
        for mode in super::modes(mask) {
            wakeup |= self.ungrant_lock(proc, tag, mode);
        }
        self.clean_up_lock(proc, tag, wakeup);
    }

    /// Release the session's locks of a method (`LockReleaseSession`).
    pub fn release_session(&mut self, proc: ProcNumber, method: LockMethod) {
        let Some(process) = self.procs.get(&proc) else { return };
        let theirs = process
            .local
            .held
            .iter()
            .filter(|((tag, _), local)| tag.method == method && local.of(Owner::Session) > 0);
        let theirs: Vec<_> = theirs.map(|(key, local)| (*key, local.of(Owner::Session))).collect();
        for ((tag, mode), times) in theirs {
            for _ in 0..times {
                self.release(proc, Owner::Session, tag, mode);
            }
        }
    }
}
