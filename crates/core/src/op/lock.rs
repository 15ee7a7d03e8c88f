//! What can be asked of heavyweight locks.

use crate::ids::{BackendId, BlockNumber, RelId};
use crate::lmgr::{LockMode, LockTag};

/// A statement that has to do with heavyweight locks, as a client sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockStmt {
    /// `LOCK TABLE`, and what access methods lock of a table: `LockPage`, `LockTuple`.
    Take {
        /// The table, and what of it.
        target: LockTarget,
        /// How.
        mode: LockMode,
        /// Rather fail, or do without, than wait.
        nowait: bool,
    },
    /// `pg_advisory_lock` and its seven relatives.
    Advisory {
        /// The number that users agree on.
        key: AdvisoryKey,
        /// Others may have it too.
        shared: bool,
        /// Until the transaction's end, not the session's (`pg_advisory_xact_lock`).
        transaction: bool,
        /// `pg_try_advisory_lock`
        nowait: bool,
    },
    /// `pg_advisory_unlock`
    AdvisoryUnlock {
        /// The number.
        key: AdvisoryKey,
        /// `pg_advisory_unlock_shared`
        shared: bool,
    },
    /// `pg_advisory_unlock_all`
    AdvisoryUnlockAll,
    /// The transaction gets an id, and locks it (`AssignTransactionId`, `XactLockTableInsert`).
    AssignXid,
    /// Wait for the end of another backend's transaction (`XactLockTableWait`), as who wants to
    /// change a row does that the other has changed.
    WaitFor(BackendId),
    /// A lock that was taken only to wait for it is given back (`LockRelease`).
    Release(LockTag, LockMode),
}

/// A table, or what of it is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockTarget {
    /// All of it.
    Relation(RelId),
    /// A page.
    Page(RelId, BlockNumber),
    /// A row version: page and line pointer.
    Tuple(RelId, BlockNumber, u16),
}

impl LockTarget {
    /// The table.
    pub fn relation(self) -> RelId {
        match self {
            Self::Relation(rel) | Self::Page(rel, _) | Self::Tuple(rel, ..) => rel,
        }
    }
}

/// An advisory lock's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdvisoryKey {
    /// One of 64 bits.
    One(i64),
    /// Two of 32 bits.
    Two(i32, i32),
}
