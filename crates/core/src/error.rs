//! What can go wrong, as typed values: PostgreSQL's errors with PostgreSQL's words, and the
//! few that only a playground has.

mod session;

use std::fmt;
use std::rc::Rc;

use crate::event::End;
use crate::ids::{BlockNumber, BufferId, Name};
use crate::lmgr::{LockMode, LockTag};
use crate::memory::{Addr, Fault, MAX_TOUCHED};
use crate::server::settings::SettingError;
pub use session::SessionError;

/// An operation's error. An error changes nothing, unless PostgreSQL itself would leave a
/// trace (the clock hand of a failed sweep stays where it stopped).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Not an error of the server: the operation was stopped after the number of events asked for.
    Stopped,
    /// Every buffer is pinned (`StrategyGetBuffer`).
    NoUnpinnedBuffers,
    /// Every local buffer is pinned (`GetLocalVictimBuffer`).
    NoEmptyLocalBuffer,
    /// A page is to be dropped that this backend itself has pinned (`InvalidateBuffer`).
    PinnedInInvalidateBuffer,
    /// A page is to be dropped that another backend has pinned: the server waits for it.
    WaitsForPin(BufferId),
    /// A cleanup lock on a page that the backend has pinned more than once
    /// (`CheckBufferIsPinnedOnce`).
    IncorrectLocalPinCount(u32),
    /// A cleanup lock for which another backend waits already (`LockBufferForCleanup`).
    MultipleWaiters,
    /// The backend waits for a cleanup lock on this buffer, and can do nothing else.
    BackendWaitsForPins(BufferId),
    /// A temporary relation's page is to be dropped that is pinned (`InvalidateLocalBuffer`).
    StillReferenced {
        /// The relation's file.
        path: String,
        /// The block.
        block: BlockNumber,
        /// Pins on it.
        pins: u32,
    },
    /// A temporary relation belongs to another backend (`ReadBufferExtended`).
    OtherTempRelation,
    /// The server's version has no such routine, or nothing of this kind.
    NotInVersion(&'static str),
    /// A pin was released or used that is not there (`BufferIsValid`, `ReleaseBuffer`).
    BadBufferId(i32),
    /// A block past the relation's end was read (`mdreadv`).
    ShortRead {
        /// The relation's file, as in PostgreSQL's message.
        path: String,
        /// The block asked for.
        block: BlockNumber,
        /// The relation's name.
        relation: Name,
        /// Blocks it has.
        nblocks: BlockNumber,
    },
    /// A request over the limit for normal allocations (`MemoryContextCheckSize`).
    InvalidAllocSize(u64),
    /// malloc had no more (`MemoryContextAllocationFailure`).
    OutOfMemory {
        /// Bytes asked for.
        size: u64,
        /// The context's name.
        context: String,
    },
    /// malloc had no more while a context was created.
    OutOfMemoryCreating {
        /// The context's name.
        context: String,
    },
    /// A pointer that no allocator knows (`BogusFree`, `BogusRealloc`).
    InvalidPointer {
        /// The function that noticed: `pfree` or `repalloc`.
        function: &'static str,
        /// The pointer.
        pointer: Addr,
        /// The eight bytes before it.
        header: u64,
    },
    /// A chunk was to be freed or resized that is free (`MEMORY_CONTEXT_CHECKING`).
    ChunkIsFree {
        /// The function that noticed: `pfree` or `realloc`.
        function: &'static str,
        /// The context's name.
        context: String,
        /// Where the chunk's header is.
        chunk: Addr,
    },
    /// A chunk that should be alone in its block is not (`AllocSetFree`, `AllocSetRealloc`). The
    /// address is that of its header.
    ChunkWithoutBlock(Addr),
    /// A Slab context was asked for another size than its chunks have.
    UnexpectedChunkSize {
        /// Bytes asked for.
        size: u64,
        /// Bytes of the context's chunks.
        expected: u64,
    },
    /// A Slab context's block would not hold a single chunk.
    SlabBlockTooSmall {
        /// The block's size.
        block: u64,
        /// The chunk's size.
        chunk: u64,
        /// How the version's message ends.
        ending: &'static str,
    },
    /// A Slab chunk was to be resized.
    SlabRealloc,
    /// A routine that needs the header that Bump's chunks don't have.
    BumpUnsupported(&'static str),
    /// The server would read or write memory that is not its own, and die of it.
    SegmentationFault,
    /// The server would do the same for ever.
    EndlessLoop,
    /// glibc found its own bookkeeping damaged, and ended the process.
    HeapCorrupted,
    /// An alignment that PostgreSQL's assertions forbid.
    InvalidAlignment(u64),
    /// A context was to become a child of itself, or of one below it.
    ContextLoop(String),
    /// An allocator that was left out of this build, by its cargo feature.
    AllocatorLeftOut(&'static str),
    /// A chunk variable is empty: nothing was allocated into it.
    NoSuchChunk,
    /// A context variable is empty or its context was deleted.
    NoSuchContext,
    /// A context was to be deleted that is current, or belongs to a call that is running.
    ContextInUse(String),
    /// A context was to be deleted that lives as long as its backend.
    PermanentContext(String),
    /// The transaction failed and waits for its end (`exec_simple_query`).
    InFailedTransaction,
    /// A statement that only makes sense after BEGIN (`RequireTransactionBlock`).
    NoTransactionBlock(&'static str),
    /// A statement that can't be part of a transaction with others (`PreventInTransactionBlock`): its
    /// name, and where it was met.
    ActiveTransaction(&'static str, &'static str),
    /// A savepoint that the transaction doesn't have (`ReleaseSavepoint`).
    NoSuchSavepoint(Name),
    /// The backend waits for a lock, and can do nothing else.
    BackendWaits {
        /// On what.
        tag: LockTag,
        /// How it is to be locked.
        mode: LockMode,
    },
    /// A table can't be locked without waiting (`RangeVarGetRelidExtended`).
    LockNotAvailable(Name),
    /// A cycle of waiters (`DeadLockReport`): who waits for what, line by line.
    DeadlockDetected(Rc<str>),
    /// `lock_timeout` ran out (`ProcessInterrupts`). In newer versions the context says of what.
    LockTimeout(Option<Rc<str>>),
    /// `pg_cancel_backend` (`ProcessInterrupts`), likewise.
    QueryCanceled(Option<Rc<str>>),
    /// The shared lock tables have no room (`LockAcquireExtended`), with the version's hint.
    OutOfSharedMemory(&'static str),
    /// About a cursor or a prepared statement, or raised by a statement.
    Session(SessionError),
    /// A setting outside its range (`set_config_option`).
    SettingOutOfRange {
        /// The setting.
        name: &'static str,
        /// The value, in the setting's unit.
        value: u32,
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
    /// A setting that PostgreSQL does not take, or does not start with.
    Setting(Box<SettingError>),
    /// All slots for clients are taken (`InitProcess`).
    TooManyClients,
    /// The rest of them is kept back (`InitPostgres`); in the version's words.
    ReservedConnections(&'static str),
    /// The backend has ended.
    NotConnected(End),
    /// A return without a call.
    NoCallRunning,
    /// A strategy variable is empty.
    NoSuchStrategy,
    /// A pin variable that already holds a pin was to get another.
    PinInUse,
    /// A context parameter that PostgreSQL's assertions forbid.
    InvalidContextParameter(&'static str),
    /// An id that is not there or is there already: the operations came in the wrong order.
    Protocol(&'static str),
    /// The playground's own limits, which a scenario can't pass.
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
}

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

/// What routines return that are called by the million: an error is behind a pointer, so that
/// success passes through registers.
pub(crate) type Fallible<T> = Result<T, Box<Error>>;

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Segmentation => Self::SegmentationFault,
            Fault::Abort => Self::HeapCorrupted,
            Fault::TooMuch => Self::TOO_MUCH_TOUCHED,
        }
    }
}

impl From<SettingError> for Error {
    fn from(error: SettingError) -> Self {
        Self::Setting(Box::new(error))
    }
}

impl From<Box<Error>> for Error {
    fn from(error: Box<Error>) -> Self {
        *error
    }
}

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
    /// malloc is generous, as on a real machine; what processes touch of it is what the
    /// playground has to hold.
    pub(crate) const TOO_MUCH_TOUCHED: Self =
        Self::Limit { what: "bytes of memory that backends touch", limit: MAX_TOUCHED as u64 };

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

    /// PostgreSQL's `DETAIL` line, where its message has one.
    pub fn detail(&self) -> Option<String> {
        match self {
            Error::OutOfMemory { size, context } => {
                Some(format!("Failed on request of size {size} in memory context \"{context}\"."))
            }
            Error::OutOfMemoryCreating { context } => {
                Some(format!("Failed while creating memory context \"{context}\"."))
            }
            Error::DeadlockDetected(lines) => Some(lines.to_string()),
            Error::LockTimeout(Some(context)) | Error::QueryCanceled(Some(context)) => {
                Some(format!("CONTEXT: {context}"))
            }
            Error::Setting(error) if !error.is_hint() => {
                Some(error.detail()).filter(|detail| !detail.is_empty())
            }
            Error::NotConnected(End::CrashOfAnother) => Some(
                "The postmaster has commanded this server process to roll back the current \
                 transaction and exit, because another server process exited abnormally and \
                 possibly corrupted shared memory."
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// How grave it is, as PostgreSQL logs it.
    pub fn severity(&self) -> &'static str {
        match self {
            Error::TooManyClients
            | Error::ReservedConnections(_)
            | Error::NotConnected(End::Administrator) => "FATAL",
            Error::NotConnected(End::CrashOfAnother) => "WARNING",
            Error::SegmentationFault | Error::HeapCorrupted => "LOG",
            _ => "ERROR",
        }
    }

    /// What to do about it, for the reader of the page.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::NoUnpinnedBuffers => {
                "Every buffer is pinned: unpin one, or start the server with more shared_buffers."
                    .into()
            }
            Error::NoEmptyLocalBuffer => {
                "Every local buffer of this backend is pinned: unpin one.".into()
            }
            Error::PinnedInInvalidateBuffer | Error::StillReferenced { .. } => {
                "Unpin the page first.".into()
            }
            Error::WaitsForPin(_) => "A real server would wait here until the other backend \
                unpins the page."
                .into(),
            Error::IncorrectLocalPinCount(_) => "The backend's own other pins would never go away \
                while it waits."
                .into(),
            Error::MultipleWaiters => {
                "The descriptor has room for one waiter: cancel it, or unpin the page.".into()
            }
            Error::BackendWaitsForPins(_) => {
                "It goes on when the other backends have unpinned the \
                page: until then it can only be cancelled."
                    .into()
            }
            Error::NotInVersion(_) => {
                "The number in the server statement is the version: choose a newer one.".into()
            }
            Error::BadBufferId(_) => "This variable holds no pin: it was never set, its read \
                failed, or it was unpinned already."
                .into(),
            Error::ShortRead { relation, nblocks: 0, .. } => {
                format!("{relation} has no blocks yet: extend it first.")
            }
            Error::ShortRead { relation, nblocks, .. } => {
                format!("{relation} has {nblocks} blocks: 0 to {}.", nblocks - 1)
            }
            Error::InvalidAllocSize(_) => {
                "palloc takes at most 1 GB - 1 byte (MaxAllocSize).".into()
            }
            Error::UnexpectedChunkSize { expected, .. } => {
                format!("Every chunk of this Slab context has {expected} bytes.")
            }
            Error::SlabRealloc => {
                "Every chunk of a Slab context has the same size: palloc a new one elsewhere."
                    .into()
            }
            Error::BumpUnsupported(_) => "Bump chunks have no header, so a build without \
                assertions would take whatever bytes lie before the chunk for one. Reset or \
                delete the context instead."
                .into(),
            Error::HeapCorrupted => "malloc's own header before the block was overwritten, and \
                free noticed."
                .into(),
            Error::AllocatorLeftOut(feature) => {
                format!("Build pgscope with its feature `{feature}`.")
            }
            Error::Setting(error) if error.is_hint() && !error.detail().is_empty() => {
                error.detail()
            }
            Error::NotConnected(End::CrashOfAnother) => "In a moment you should be able to \
                reconnect to the database and repeat your command."
                .into(),
            Error::NotConnected(_) => "Let the client connect again first.".into(),
            Error::NoSuchChunk => "palloc into this name first.".into(),
            Error::NoSuchContext => {
                "Create it first; a reset or delete of its parent takes it along.".into()
            }
            Error::ContextInUse(_) => {
                "It is current, or a running statement, call or transaction still needs it.".into()
            }
            Error::BackendWaits { .. } => {
                "It goes on when it is awakened: until then it can only be \
                cancelled, or time can pass."
                    .into()
            }
            Error::DeadlockDetected(_) => "See server log for query details.".into(),
            Error::OutOfSharedMemory(hint) => (*hint).into(),
            Error::InFailedTransaction => "Only a commit or a rollback gets out of it.".into(),
            _ => return None,
        })
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

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Stopped => f.write_str("stopped between two events"),
            Error::NoUnpinnedBuffers => f.write_str("no unpinned buffers available"),
            Error::NoEmptyLocalBuffer => f.write_str("no empty local buffer available"),
            Error::PinnedInInvalidateBuffer => f.write_str("buffer is pinned in InvalidateBuffer"),
            Error::WaitsForPin(buffer) => {
                write!(f, "another backend has buffer {buffer} pinned")
            }
            Error::IncorrectLocalPinCount(pins) => write!(f, "incorrect local pin count: {pins}"),
            Error::MultipleWaiters => {
                f.write_str("multiple backends attempting to wait for pincount 1")
            }
            Error::BackendWaitsForPins(buffer) => {
                write!(f, "the backend waits for a cleanup lock on buffer {buffer}")
            }
            Error::StillReferenced { path, block, pins } => {
                write!(f, "block {block} of {path} is still referenced (local {pins})")
            }
            Error::OtherTempRelation => {
                f.write_str("cannot access temporary tables of other sessions")
            }
            Error::NotInVersion(what) => write!(f, "this version has no {what}"),
            Error::BadBufferId(id) => write!(f, "bad buffer ID: {id}"),
            Error::ShortRead { path, block, .. } => write!(
                f,
                "could not read blocks {block}..{block} in file \"{path}\": read only 0 of 8192 bytes"
            ),
            Error::InvalidAllocSize(size) => {
                write!(f, "invalid memory alloc request size {size}")
            }
            Error::OutOfMemory { .. } | Error::OutOfMemoryCreating { .. } => {
                f.write_str("out of memory")
            }
            Error::InvalidPointer { function, pointer, header } => write!(
                f,
                "{function} called with invalid pointer {pointer} (header 0x{header:016x})"
            ),
            Error::ChunkIsFree { function: "pfree", context, chunk } => {
                write!(f, "detected double pfree in {context} {chunk}")
            }
            Error::ChunkIsFree { function, context, chunk } => {
                write!(f, "detected {function} of freed chunk in {context} {chunk}")
            }
            Error::ChunkWithoutBlock(chunk) => {
                write!(f, "could not find block containing chunk {chunk}")
            }
            Error::UnexpectedChunkSize { size, expected } => {
                write!(f, "unexpected alloc chunk size {size} (expected {expected})")
            }
            Error::SlabBlockTooSmall { block, chunk, ending } => {
                write!(f, "block size {block} for slab is too small for {chunk}{ending}")
            }
            Error::SlabRealloc => f.write_str("slab allocator does not support realloc()"),
            Error::BumpUnsupported(function) => {
                write!(f, "{function} is not supported by the bump memory allocator")
            }
            Error::SegmentationFault => {
                f.write_str("server process was terminated by signal 11: Segmentation fault")
            }
            Error::EndlessLoop => {
                f.write_str("the links go in a circle: a server would follow them for ever")
            }
            Error::HeapCorrupted => {
                f.write_str("server process was terminated by signal 6: Aborted")
            }
            Error::InvalidAlignment(align) => {
                write!(f, "an alignment must be a power of two below 128 MB, not {align}")
            }
            Error::ContextLoop(name) => {
                write!(f, "memory context \"{name}\" can't be below itself")
            }
            Error::AllocatorLeftOut(feature) => {
                write!(f, "this build of pgscope was made without the allocator {feature}")
            }
            Error::NoSuchChunk => f.write_str("no chunk has this name now"),
            Error::NoSuchContext => f.write_str("no memory context has this name now"),
            Error::ContextInUse(name) => write!(f, "memory context \"{name}\" is in use"),
            Error::PermanentContext(name) => {
                write!(f, "memory context \"{name}\" lives as long as its backend")
            }
            Error::InFailedTransaction => f.write_str(
                "current transaction is aborted, commands ignored until end of transaction block",
            ),
            Error::NoTransactionBlock(statement) => {
                write!(f, "{statement} can only be used in transaction blocks")
            }
            Error::ActiveTransaction(statement, place) => write!(f, "{statement} cannot {place}"),
            Error::BackendWaits { tag, mode } => {
                write!(f, "the backend waits for {} on {tag}", mode.name())
            }
            Error::LockNotAvailable(name) => {
                write!(f, "could not obtain lock on relation \"{name}\"")
            }
            Error::DeadlockDetected(_) => f.write_str("deadlock detected"),
            Error::LockTimeout(_) => f.write_str("canceling statement due to lock timeout"),
            Error::QueryCanceled(_) => f.write_str("canceling statement due to user request"),
            Error::OutOfSharedMemory(_) => f.write_str("out of shared memory"),
            Error::NoSuchSavepoint(name) => write!(f, "savepoint \"{name}\" does not exist"),
            Error::Session(error) => error.fmt(f),
            Error::SettingOutOfRange { name, value, min, max } => write!(
                f,
                "{value} 8kB is outside the valid range for parameter \"{name}\" \
                 ({min} 8kB .. {max} 8kB)"
            ),
            Error::Setting(error) => write!(f, "{error}"),
            Error::TooManyClients => f.write_str("sorry, too many clients already"),
            Error::ReservedConnections(words) => f.write_str(words),
            Error::NotConnected(End::CrashOfAnother) => {
                f.write_str("terminating connection because of crash of another server process")
            }
            Error::NotConnected(End::Administrator) => {
                f.write_str("terminating connection due to administrator command")
            }
            Error::NotConnected(End::Killed(_)) => {
                f.write_str("server closed the connection unexpectedly")
            }
            Error::NotConnected(End::Disconnected | End::Refused) => {
                f.write_str("no connection to the server")
            }
            Error::NoCallRunning => f.write_str("no function call is running"),
            Error::NoSuchStrategy => f.write_str("no buffer ring has this name"),
            Error::PinInUse => f.write_str("this name already holds a pin"),
            Error::InvalidContextParameter(what) => write!(f, "invalid context size: {what}"),
            Error::Protocol(what) => f.write_str(what),
            Error::Limit { what, limit } => write!(f, "too many {what}: at most {limit}"),
        }
    }
}

impl std::error::Error for Error {}
