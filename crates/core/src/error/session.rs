//! What can go wrong with cursors and prepared statements.

use std::fmt;

use super::ErrorCode;
use crate::ids::Name;

/// An error that PostgreSQL gives about a portal or a prepared statement, or that a statement
/// raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionError {
    /// `CreatePortal`
    CursorExists(Name),
    /// `PerformPortalFetch`, `PerformPortalClose`
    NoSuchCursor(Name),
    /// `exec_execute_message`
    NoSuchPortal(Name),
    /// `StorePreparedStatement`
    StatementExists(Name),
    /// `FetchPreparedStatement`; the unnamed one is missed by `exec_bind_message`.
    NoSuchStatement(Name),
    /// A statement's own error, whose SQLSTATE nobody asked for.
    Raised(Name),
}

impl SessionError {
    /// The kind alone.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::CursorExists(_) => ErrorCode::DuplicateCursor,
            Self::NoSuchCursor(_) | Self::NoSuchPortal(_) => ErrorCode::UndefinedCursor,
            Self::StatementExists(_) => ErrorCode::DuplicateStatement,
            Self::NoSuchStatement(_) => ErrorCode::UndefinedStatement,
            Self::Raised(_) => ErrorCode::Internal,
        }
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CursorExists(name) => write!(f, "cursor \"{name}\" already exists"),
            Self::NoSuchCursor(name) => write!(f, "cursor \"{name}\" does not exist"),
            Self::NoSuchPortal(name) => write!(f, "portal \"{name}\" does not exist"),
            Self::StatementExists(name) => {
                write!(f, "prepared statement \"{name}\" already exists")
            }
            Self::NoSuchStatement(name) if name.is_empty() => {
                f.write_str("unnamed prepared statement does not exist")
            }
            Self::NoSuchStatement(name) => {
                write!(f, "prepared statement \"{name}\" does not exist")
            }
            Self::Raised(message) => f.write_str(message),
        }
    }
}
