//! An error's kind, and the SQLSTATE that PostgreSQL gives it.

use super::Error;
use crate::event::End;

/// An error's kind alone, small enough for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// `ERRCODE_OUT_OF_MEMORY`, 53200.
    OutOfMemory,
    /// `ERRCODE_INSUFFICIENT_RESOURCES`, 53000.
    InsufficientResources,
    /// `ERRCODE_FEATURE_NOT_SUPPORTED`, 0A000.
    FeatureNotSupported,
    /// `ERRCODE_DATA_CORRUPTED`, XX001.
    DataCorrupted,
    /// `ERRCODE_NO_ACTIVE_SQL_TRANSACTION`, 25P01.
    NoActiveTransaction,
    /// `ERRCODE_ACTIVE_SQL_TRANSACTION`, 25001.
    ActiveTransaction,
    /// `ERRCODE_IN_FAILED_SQL_TRANSACTION`, 25P02.
    InFailedTransaction,
    /// `ERRCODE_S_E_INVALID_SPECIFICATION`, 3B001.
    InvalidSavepoint,
    /// `ERRCODE_LOCK_NOT_AVAILABLE`, 55P03.
    LockNotAvailable,
    /// `ERRCODE_QUERY_CANCELED`, 57014.
    QueryCanceled,
    /// `ERRCODE_T_R_DEADLOCK_DETECTED`, 40P01.
    DeadlockDetected,
    /// `ERRCODE_DUPLICATE_CURSOR`, 42P03.
    DuplicateCursor,
    /// `ERRCODE_UNDEFINED_CURSOR`, 34000.
    UndefinedCursor,
    /// `ERRCODE_DUPLICATE_PSTATEMENT`, 42P05.
    DuplicateStatement,
    /// `ERRCODE_UNDEFINED_PSTATEMENT`, 26000.
    UndefinedStatement,
    /// `ERRCODE_INVALID_PARAMETER_VALUE`, 22023.
    InvalidParameterValue,
    /// `ERRCODE_UNDEFINED_OBJECT`, 42704.
    UndefinedObject,
    /// `ERRCODE_CANT_CHANGE_RUNTIME_PARAM`, 55P02.
    CantChangeRuntimeParam,
    /// `ERRCODE_INSUFFICIENT_PRIVILEGE`, 42501.
    InsufficientPrivilege,
    /// `ERRCODE_TOO_MANY_CONNECTIONS`, 53300.
    TooManyConnections,
    /// `ERRCODE_CRASH_SHUTDOWN`, 57P02.
    CrashShutdown,
    /// `ERRCODE_ADMIN_SHUTDOWN`, 57P01.
    AdminShutdown,
    /// `ERRCODE_INTERNAL_ERROR`, XX000: what `elog(ERROR)` gives.
    Internal,
    /// Not an error that PostgreSQL has: the playground's own.
    Playground,
}

impl Error {
    /// The kind alone.
    pub fn code(&self) -> ErrorCode {
        match self {
            Error::OutOfMemory { .. }
            | Error::OutOfMemoryCreating { .. }
            | Error::OutOfSharedMemory(_) => ErrorCode::OutOfMemory,
            Error::LockNotAvailable(_) | Error::LockTimeout(_) => ErrorCode::LockNotAvailable,
            Error::QueryCanceled(_) => ErrorCode::QueryCanceled,
            Error::DeadlockDetected(_) => ErrorCode::DeadlockDetected,
            Error::NoEmptyLocalBuffer => ErrorCode::InsufficientResources,
            Error::OtherTempRelation => ErrorCode::FeatureNotSupported,
            Error::ShortRead { .. } => ErrorCode::DataCorrupted,
            Error::InFailedTransaction => ErrorCode::InFailedTransaction,
            Error::NoTransactionBlock(_) => ErrorCode::NoActiveTransaction,
            Error::ActiveTransaction(..) => ErrorCode::ActiveTransaction,
            Error::NoSuchSavepoint(_) => ErrorCode::InvalidSavepoint,
            Error::Session(error) => error.code(),
            Error::Setting(error) => error.code(),
            Error::TooManyClients | Error::ReservedConnections(_) => ErrorCode::TooManyConnections,
            Error::NotConnected(End::CrashOfAnother) => ErrorCode::CrashShutdown,
            Error::NotConnected(End::Administrator) => ErrorCode::AdminShutdown,
            Error::NoUnpinnedBuffers
            | Error::PinnedInInvalidateBuffer
            | Error::IncorrectLocalPinCount(_)
            | Error::MultipleWaiters
            | Error::StillReferenced { .. }
            | Error::BadBufferId(_)
            | Error::InvalidAllocSize(_)
            | Error::UnexpectedChunkSize { .. }
            | Error::SlabBlockTooSmall { .. }
            | Error::SlabRealloc
            | Error::BumpUnsupported(_)
            | Error::ChunkIsFree { .. }
            | Error::ChunkWithoutBlock(_)
            | Error::InvalidPointer { .. } => ErrorCode::Internal,
            _ => ErrorCode::Playground,
        }
    }
}

impl ErrorCode {
    /// The SQLSTATE, where PostgreSQL has one.
    pub fn sqlstate(self) -> Option<&'static str> {
        match self {
            ErrorCode::OutOfMemory => Some("53200"),
            ErrorCode::InsufficientResources => Some("53000"),
            ErrorCode::FeatureNotSupported => Some("0A000"),
            ErrorCode::DataCorrupted => Some("XX001"),
            ErrorCode::NoActiveTransaction => Some("25P01"),
            ErrorCode::ActiveTransaction => Some("25001"),
            ErrorCode::InFailedTransaction => Some("25P02"),
            ErrorCode::InvalidSavepoint => Some("3B001"),
            ErrorCode::LockNotAvailable => Some("55P03"),
            ErrorCode::QueryCanceled => Some("57014"),
            ErrorCode::DeadlockDetected => Some("40P01"),
            ErrorCode::DuplicateCursor => Some("42P03"),
            ErrorCode::UndefinedCursor => Some("34000"),
            ErrorCode::DuplicateStatement => Some("42P05"),
            ErrorCode::UndefinedStatement => Some("26000"),
            ErrorCode::InvalidParameterValue => Some("22023"),
            ErrorCode::UndefinedObject => Some("42704"),
            ErrorCode::CantChangeRuntimeParam => Some("55P02"),
            ErrorCode::InsufficientPrivilege => Some("42501"),
            ErrorCode::TooManyConnections => Some("53300"),
            ErrorCode::CrashShutdown => Some("57P02"),
            ErrorCode::AdminShutdown => Some("57P01"),
            ErrorCode::Internal => Some("XX000"),
            ErrorCode::Playground => None,
        }
    }
}
