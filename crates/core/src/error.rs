//! What can go wrong, as typed values: PostgreSQL's errors, and the few that only a playground has.
//!
//! - [`code`]: an error's kind and its SQLSTATE
//! - [`words`]: message, detail, hint
//! - [`session`]: the errors of cursors and prepared statements
//! - [`warning`]: what is no error

mod code;
mod session;
mod warning;
mod words;

use std::rc::Rc;

use crate::event::End;
use crate::ids::{BlockNumber, BufferId, Name};
use crate::lmgr::{LockMode, LockTag};
use crate::memory::{Addr, Fault, MAX_TOUCHED};
use crate::server::settings::SettingError;
pub use code::ErrorCode;
pub use session::SessionError;
pub use warning::Warning;

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

impl Error {
    /// malloc is generous, as on a real machine; what processes touch of it is what the
    /// playground has to hold.
    pub(crate) const TOO_MUCH_TOUCHED: Self =
        Self::Limit { what: "bytes of memory that backends touch", limit: MAX_TOUCHED as u64 };
}

impl std::error::Error for Error {}
