//! Wait queues: where a waiter goes, and who is awakened.
//!
//! PostgreSQL: `JoinWaitQueue` (`ProcSleep` before version 18), `ProcLockWakeup` (`proc.c`),
//! `RemoveFromWaitQueue` (`lock.c`).

use super::deadlock::DeadlockEdge;
use super::{LockManager, LockMode, LockTag, Owner, ProcNumber, Wait};
use crate::event::LockEvent;

/// How joining a queue ended.
pub(super) enum Joined {
    Granted,
    Waits,
    Refused,
    Deadlock(Vec<DeadlockEdge>),
}

impl LockManager {
    /// Find the place in the queue. At its end, except that who holds what a waiter wants goes
    /// before that waiter, and is granted the lock at once if nothing before it conflicts.
    pub(super) fn join_wait_queue(
        &mut self,
        proc: ProcNumber,
        owner: Owner,
        tag: LockTag,
        mode: LockMode,
        dont_wait: bool,
    ) -> Joined {
        let held = self.hold_mask(proc, &tag);
        let queue = self.locks.get(&tag).map(|lock| lock.wait_procs.clone()).unwrap_or_default();
        let mut at = queue.len();
        let mut ahead = 0;
        for (place, waiter) in queue.iter().enumerate() {
            let Some(wait) = self.wait_of(*waiter) else { continue };
            if held != 0 && wait.mode.conflicts() & held != 0 {
                if mode.conflicts() & wait.held != 0 {
                    return Joined::Deadlock(vec![
                        DeadlockEdge { tag, mode, proc },
                        DeadlockEdge { tag, mode: wait.mode, proc: *waiter },
                    ]);
                }
                if mode.conflicts() & ahead == 0 && !self.lock_check_conflicts(proc, &tag, mode) {
                    self.grant_lock(proc, tag, mode);
                    self.emit(LockEvent::Granted { proc, tag, mode });
                    return Joined::Granted;
                }
                at = place;
                break;
            }
            ahead |= wait.mode.bit();
        }
        if dont_wait {
            return Joined::Refused;
        }
        if let Some(lock) = self.locks.get_mut(&tag) {
            lock.wait_procs.insert(at, proc);
            lock.wait_mask |= mode.bit();
        }
        if let Some(process) = self.procs.get_mut(&proc) {
            process.wait = Some(Wait { tag, mode, held, owner });
        }
        self.emit(LockEvent::Waits { proc, tag, mode, ahead: at });
        Joined::Waits
    }

    pub(super) fn wait_of(&self, proc: ProcNumber) -> Option<Wait> {
        self.procs.get(&proc)?.wait
    }

    /// Awaken, from the front, everybody whose request conflicts neither with what is held nor
    /// with a request before it.
    pub(super) fn proc_lock_wakeup(&mut self, tag: LockTag) {
        let queue = self.locks.get(&tag).map(|lock| lock.wait_procs.clone()).unwrap_or_default();
        let mut ahead = 0;
        for waiter in queue {
            let Some(wait) = self.wait_of(waiter) else { continue };
            let Wait { mode, owner, .. } = wait;
            if mode.conflicts() & ahead != 0 || self.lock_check_conflicts(waiter, &tag, mode) {
                ahead |= mode.bit();
                continue;
            }
            self.grant_lock(waiter, tag, mode);
            if let Some(lock) = self.locks.get_mut(&tag) {
                lock.wait_procs.retain(|proc| *proc != waiter);
            }
            if let Some(proc) = self.procs.get_mut(&waiter) {
                proc.wait = None;
            }
            self.grant_local(waiter, owner, tag, mode, Some(true));
            self.awakened.push(waiter);
            self.emit(LockEvent::Awakened { proc: waiter, tag, mode });
        }
    }

    /// A waiter gives up and leaves the queue, as by a cancel (`LockErrorCleanup`,
    /// `RemoveFromWaitQueue`).
    pub fn give_up(&mut self, proc: ProcNumber) {
        let Some(Wait { tag, mode, .. }) = self.procs.get_mut(&proc).and_then(|it| it.wait.take())
        else {
            return;
        };
        if let Some(lock) = self.locks.get_mut(&tag) {
            lock.wait_procs.retain(|waiter| *waiter != proc);
        }
        self.emit(LockEvent::GaveUp { proc, tag, mode });
        if Self::is_strong(&tag, mode) {
            self.end_strong_lock(tag);
        }
        self.forget_request(tag, mode);
        self.clean_up_lock(proc, tag, true);
    }
}
