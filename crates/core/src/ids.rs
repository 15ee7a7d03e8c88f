//! Small index types, so that a block number can't be taken for a buffer.
//!
//! Each is a newtype over the integer that PostgreSQL uses for the same thing, or, for the
//! slots, a number that the scenario chose in place of a C variable's name.

use std::fmt;
use std::rc::Rc;

/// A backend, numbered from 0 in the order of the scenario's `backend` lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendId(pub u16);

/// A relation's main fork, numbered from 0 in the order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelId(pub u32);

/// A block of a relation, counted from 0 (`BlockNumber` in `storage/block.h`).
pub type BlockNumber = u32;

/// A shared buffer's index, counted from 0 (`buf_id` in `BufferDesc`).
///
/// PostgreSQL's `Buffer` and everything a reader sees count from 1: [`BufferId::number`],
/// and that is also what [`Display`](fmt::Display) prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BufferId(pub u32);

impl BufferId {
    /// The number as in `pg_buffercache.bufferid`, counted from 1.
    pub fn number(self) -> u32 {
        self.0 + 1
    }

    /// The index into the descriptor array.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for BufferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number())
    }
}

/// A local buffer's index, counted from 0: a buffer in one backend's own memory, for pages of
/// its temporary relations. Shown as PostgreSQL's `Buffer` has it, counted down from -1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalBufferId(pub u32);

impl LocalBufferId {
    /// The number in a variable of type `Buffer`: -1 is the first.
    pub fn number(self) -> i32 {
        -(self.0 as i32) - 1
    }

    /// The index into the backend's descriptor array.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for LocalBufferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number())
    }
}

/// What a variable of type `Buffer` can hold (`storage/buf.h`): positive numbers are shared
/// buffers, negative ones local buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Buffer {
    /// In the pool.
    Shared(BufferId),
    /// In the backend's own memory.
    Local(LocalBufferId),
}

impl Buffer {
    /// The number that PostgreSQL has for it.
    pub fn number(self) -> i32 {
        match self {
            Self::Shared(buffer) => buffer.number() as i32,
            Self::Local(buffer) => buffer.number(),
        }
    }

    /// The shared buffer, if it is one.
    pub fn shared(self) -> Option<BufferId> {
        match self {
            Self::Shared(buffer) => Some(buffer),
            Self::Local(_) => None,
        }
    }
}

impl From<BufferId> for Buffer {
    fn from(buffer: BufferId) -> Self {
        Self::Shared(buffer)
    }
}

impl From<LocalBufferId> for Buffer {
    fn from(buffer: LocalBufferId) -> Self {
        Self::Local(buffer)
    }
}

impl fmt::Display for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number())
    }
}

/// Which page a buffer holds (`BufferTag` in `buf_internals.h`): relation and block.
///
/// Tablespace, database, relation file number and fork follow from the relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BufferTag {
    /// The relation's main fork.
    pub rel: RelId,
    /// The block within it.
    pub block: BlockNumber,
}

/// A backend's variable of type `MemoryContext`, numbered per backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContextSlot(pub u32);

impl ContextSlot {
    /// `TopMemoryContext`.
    pub const TOP: Self = Self(0);
    /// `ErrorContext`.
    pub const ERROR: Self = Self(1);
    /// `PostmasterContext`, which a backend inherits and deletes.
    pub const POSTMASTER: Self = Self(2);
    /// `GUCMemoryContext`.
    pub const GUC: Self = Self(3);
    /// `MdCxt`.
    pub const MD: Self = Self(4);
    /// `xloginsert_cxt`.
    pub const WAL: Self = Self(5);
    /// `CacheMemoryContext`.
    pub const CACHE: Self = Self(6);
    /// `TopPortalContext`.
    pub const TOP_PORTAL: Self = Self(7);
    /// `TransactionAbortContext`.
    pub const TRANSACTION_ABORT: Self = Self(8);
    /// `pgStatPendingContext`.
    pub const PGSTAT_PENDING: Self = Self(9);
    /// `pgStatSharedRefContext`.
    pub const PGSTAT_SHARED_REF: Self = Self(10);
    /// `pgStatEntryRefHashContext`.
    pub const PGSTAT_SHARED_REF_HASH: Self = Self(11);
    /// `MessageContext`.
    pub const MESSAGE: Self = Self(12);
    /// `row_description_context`.
    pub const ROW_DESCRIPTION: Self = Self(13);
    /// `TopTransactionContext`. Those before it live as long as their backend.
    pub const TOP_TRANSACTION: Self = Self(14);
    /// `CurTransactionContext`: that of the innermost savepoint, else `TopTransactionContext`.
    pub const CUR_TRANSACTION: Self = Self(15);
    /// `PortalContext`: that of the portal which runs the statement.
    pub const PORTAL: Self = Self(16);
    /// `es_query_cxt` of the running query.
    pub const EXECUTOR_STATE: Self = Self(17);
    /// `ecxt_per_tuple_memory` of the running query's node.
    pub const EXPR: Self = Self(18);
    /// Where the result's rows are converted for the client.
    pub const PRINTTUP: Self = Self(19);
    /// `procCxt` of the innermost SPI connection.
    pub const SPI_PROC: Self = Self(20);
    /// `execCxt` of the innermost SPI connection.
    pub const SPI_EXEC: Self = Self(21);
    /// The innermost `FunctionCallContext`: the context of the `call` that is running.
    pub const FUNCTION_CALL: Self = Self(22);
    /// `LocalBufferContext`. These two live as long as their backend too, once they are there.
    pub const LOCAL_BUFFER: Self = Self(23);
    /// The context of `LocalBufHash`.
    pub const LOCAL_BUFFER_TABLE: Self = Self(24);
    /// The first number that a scenario's own contexts get.
    pub const FIRST_USER: Self = Self(32);

    /// The contexts that every backend has or can have, by the names that they bear.
    pub const WELL_KNOWN: [(&'static str, Self); 25] = [
        ("TopMemoryContext", Self::TOP),
        ("ErrorContext", Self::ERROR),
        ("Postmaster", Self::POSTMASTER),
        ("GUCMemoryContext", Self::GUC),
        ("MdSmgr", Self::MD),
        ("WAL record construction", Self::WAL),
        ("CacheMemoryContext", Self::CACHE),
        ("TopPortalContext", Self::TOP_PORTAL),
        ("TransactionAbortContext", Self::TRANSACTION_ABORT),
        ("PgStat Pending", Self::PGSTAT_PENDING),
        ("PgStat Shared Ref", Self::PGSTAT_SHARED_REF),
        ("PgStat Shared Ref Hash", Self::PGSTAT_SHARED_REF_HASH),
        ("MessageContext", Self::MESSAGE),
        ("RowDescriptionContext", Self::ROW_DESCRIPTION),
        ("TopTransactionContext", Self::TOP_TRANSACTION),
        ("CurTransactionContext", Self::CUR_TRANSACTION),
        ("PortalContext", Self::PORTAL),
        ("ExecutorState", Self::EXECUTOR_STATE),
        ("ExprContext", Self::EXPR),
        ("printtup", Self::PRINTTUP),
        ("SPI Proc", Self::SPI_PROC),
        ("SPI Exec", Self::SPI_EXEC),
        ("FunctionCallContext", Self::FUNCTION_CALL),
        ("LocalBufferContext", Self::LOCAL_BUFFER),
        ("Local Buffer Lookup Table", Self::LOCAL_BUFFER_TABLE),
    ];

    /// The name that the context bears; empty for a scenario's own.
    pub fn known_name(self) -> &'static str {
        Self::WELL_KNOWN.get(self.0 as usize).map_or("", |(name, _)| name)
    }
}

/// A backend's variable that holds what `palloc` returned, numbered per backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkSlot(pub u32);

/// A backend's variable of type `Buffer` that holds a pin, numbered per backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PinSlot(pub u32);

/// A backend's variable of type `BufferAccessStrategy`, numbered per backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StrategySlot(pub u32);

impl StrategySlot {
    /// The ring of the statement that is being executed.
    pub const STATEMENT: Self = Self(0);
    /// The first number that a scenario's own rings get.
    pub const FIRST_USER: Self = Self(1);
}

/// A name that a reader gave: a relation's, a backend's, a context's, a function's.
pub type Name = Rc<str>;

/// A position in the write-ahead log, in bytes (`XLogRecPtr`).
pub type Lsn = u64;
