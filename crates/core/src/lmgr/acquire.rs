//! Taking a lock.
//!
//! PostgreSQL: `LockAcquireExtended` (`lock.c`).

use super::queue::Joined;
use super::{Acquired, LockManager, LockMode, LockTag, Owner, ProcNumber};
use crate::event::LockEvent;

impl LockManager {
    /// Ask for a lock on behalf of `owner`; `dont_wait` rather has it refused than waits.
    pub fn acquire(
        &mut self,
        proc: ProcNumber,
        owner: Owner,
        tag: LockTag,
        mode: LockMode,
        dont_wait: bool,
    ) -> Acquired {
        if !self.procs.contains_key(&proc) {
            return Acquired::NotAvailable;
        }
        if self.holds(proc, &tag, mode) {
            self.grant_local(proc, owner, tag, mode, None);
            return Acquired::AlreadyHeld;
        }
        if self.fast_path_acquire(proc, tag, mode) {
            self.grant_local(proc, owner, tag, mode, Some(false));
            return Acquired::Granted;
        }
        let Some(strong) = self.begin_strong_lock(tag, mode) else {
            self.emit(LockEvent::OutOfMemory { proc, tag });
            return Acquired::OutOfSharedMemory;
        };
        if !self.setup_lock_in_table(proc, tag, mode) {
            if strong {
                self.end_strong_lock(tag);
            }
            self.emit(LockEvent::OutOfMemory { proc, tag });
            return Acquired::OutOfSharedMemory;
        }
        let waited_for = self.locks.get(&tag).map_or(0, |lock| lock.wait_mask);
        let conflict =
            mode.conflicts() & waited_for != 0 || self.lock_check_conflicts(proc, &tag, mode);
        let joined = if !conflict {
            self.grant_lock(proc, tag, mode);
            self.emit(LockEvent::Granted { proc, tag, mode });
            Joined::Granted
        } else if dont_wait && !self.profile.nowait_goes_ahead {
            Joined::Refused
        } else {
            self.join_wait_queue(proc, owner, tag, mode, dont_wait)
        };
        match joined {
            Joined::Granted => {
                self.grant_local(proc, owner, tag, mode, Some(true));
                Acquired::Granted
            }
            Joined::Waits => Acquired::Waits,
            Joined::Refused => {
                self.refuse(proc, tag, mode);
                Acquired::NotAvailable
            }
            Joined::Deadlock(edges) => {
                self.refuse(proc, tag, mode);
                if dont_wait { Acquired::NotAvailable } else { Acquired::Deadlock(edges) }
            }
        }
    }

    /// The request leaves no trace but what it moved to the shared table.
    fn refuse(&mut self, proc: ProcNumber, tag: LockTag, mode: LockMode) {
        if Self::is_strong(&tag, mode) {
            self.end_strong_lock(tag);
        }
        self.forget_request(tag, mode);
        self.clean_up_lock(proc, tag, false);
        self.emit(LockEvent::Refused { proc, tag, mode });
    }

    /// Whether the process holds the lock in this mode, for whomever.
    pub fn holds(&self, proc: ProcNumber, tag: &LockTag, mode: LockMode) -> bool {
        self.procs.get(&proc).is_some_and(|proc| proc.local.held.contains_key(&(*tag, mode)))
    }

    /// Count the lock in the process's own table; `in_table` is known of a new one.
    pub(super) fn grant_local(
        &mut self,
        proc: ProcNumber,
        owner: Owner,
        tag: LockTag,
        mode: LockMode,
        in_table: Option<bool>,
    ) {
        let Some(proc) = self.procs.get_mut(&proc) else { return };
        proc.local.grant(owner, tag, mode);
        if let (Some(in_table), Some(lock)) = (in_table, proc.local.held.get_mut(&(tag, mode))) {
            lock.in_table = in_table;
            lock.strong = Self::is_strong(&tag, mode);
        }
    }
}
