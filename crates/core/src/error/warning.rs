//! What PostgreSQL warns of: the statement goes on.

use std::fmt;

use crate::lmgr::LockMode;

/// What PostgreSQL warns of, and goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// BEGIN after BEGIN (`BeginTransactionBlock`).
    TransactionInProgress,
    /// SET LOCAL without BEGIN (`WarnNoTransactionBlock`).
    OnlyInTransactionBlocks,
    /// COMMIT or ROLLBACK without BEGIN (`EndTransactionBlock`, `UserAbortTransactionBlock`).
    NoTransactionInProgress,
    /// A lock was to be given back that the session doesn't have (`LockRelease`).
    LockNotOwned(LockMode),
}

impl Warning {
    /// Its SQLSTATE.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Self::TransactionInProgress => "25001",
            Self::OnlyInTransactionBlocks | Self::NoTransactionInProgress => "25P01",
            Self::LockNotOwned(_) => "01000",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TransactionInProgress => {
                f.write_str("there is already a transaction in progress")
            }
            Self::OnlyInTransactionBlocks => {
                f.write_str("SET LOCAL can only be used in transaction blocks")
            }
            Self::NoTransactionInProgress => f.write_str("there is no transaction in progress"),
            Self::LockNotOwned(mode) => {
                write!(f, "you don't own a lock of type {}", mode.name())
            }
        }
    }
}
