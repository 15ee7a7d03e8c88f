//! What happens to heavyweight locks.

use crate::lmgr::{LockMode, LockTag, ProcNumber};

/// Events of the lock manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockEvent {
    /// A weak lock went into a slot of the process, past the shared table.
    FastPath {
        /// Who.
        proc: ProcNumber,
        /// On what.
        tag: LockTag,
        /// How.
        mode: LockMode,
    },
    /// A strong lock is asked for: a fast-path entry moved to the shared table.
    Transferred {
        /// Whose entry.
        proc: ProcNumber,
        /// On what.
        tag: LockTag,
        /// How.
        mode: LockMode,
    },
    /// A request got its PROCLOCK in the shared table, and its LOCK if nobody had one on the object.
    Entered {
        /// Whose PROCLOCK.
        proc: ProcNumber,
        /// On what.
        tag: LockTag,
        /// The LOCK is new too.
        lock: bool,
    },
    /// A PROCLOCK that nothing needs any more went, and its LOCK if it was the last.
    Removed {
        /// Whose PROCLOCK.
        proc: ProcNumber,
        /// On what.
        tag: LockTag,
        /// The LOCK went too.
        lock: bool,
    },
    /// A request was turned down: it would have had to wait, and may not, or never end.
    Refused {
        /// Who asked.
        proc: ProcNumber,
        /// For what.
        tag: LockTag,
        /// How.
        mode: LockMode,
    },
    /// A lock was granted in the shared table.
    Granted {
        /// Who.
        proc: ProcNumber,
        /// On what.
        tag: LockTag,
        /// How.
        mode: LockMode,
    },
    /// A process was put into the lock's wait queue and sleeps.
    Waits {
        /// Who.
        proc: ProcNumber,
        /// For what.
        tag: LockTag,
        /// How.
        mode: LockMode,
        /// Waiters before it.
        ahead: usize,
    },
    /// A waiter was granted its lock and awakes.
    Awakened {
        /// Who.
        proc: ProcNumber,
        /// What it has now.
        tag: LockTag,
        /// How.
        mode: LockMode,
    },
    /// A waiter left the queue without the lock: an error, a timeout or a cancel.
    GaveUp {
        /// Who.
        proc: ProcNumber,
        /// What it waited for.
        tag: LockTag,
        /// How.
        mode: LockMode,
    },
    /// A waiter's `deadlock_timeout` ran out and it looks for a cycle.
    DeadlockCheck {
        /// Who.
        proc: ProcNumber,
    },
    /// The search goes from a waiter to one that it waits for.
    Edge {
        /// Who waits.
        waiter: ProcNumber,
        /// For whom.
        blocker: ProcNumber,
        /// The blocker only stands before the waiter in the queue.
        soft: bool,
    },
    /// The search came back to where it began, and no order of the queues helps.
    Deadlock {
        /// Who has to give up.
        proc: ProcNumber,
    },
    /// A wait queue was put into another order, which undoes the cycle.
    Rearranged {
        /// Whose queue.
        tag: LockTag,
    },
    /// A lock was given back.
    Released {
        /// Who.
        proc: ProcNumber,
        /// What.
        tag: LockTag,
        /// How.
        mode: LockMode,
    },
    /// There was no room for another entry.
    OutOfMemory {
        /// Who asked.
        proc: ProcNumber,
        /// For what.
        tag: LockTag,
    },
}
