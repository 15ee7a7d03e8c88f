//! Which memory contexts a backend has, when it makes them, and what it keeps in them.
//!
//! Only what is certain is listed: contexts that PostgreSQL creates plainly at a known point
//! of its start. Its hash tables have contexts too, which grow with what the session looks up.

use crate::ids::ContextSlot;
use crate::op::Allocator;

/// The contexts of a backend's start, of transactions and of statements.
#[derive(Debug)]
pub struct BackendProfile {
    /// What a backend does with contexts until it waits for its first command, in order;
    /// behind `TopMemoryContext`, which `MemoryContextInit` makes before all.
    pub start: &'static [StartStep],
    /// What becomes of `TopTransactionContext` when its transaction ends.
    pub transaction_end: TransactionEnd,
    /// PL/pgSQL functions are compiled into `CacheMemoryContext`, else into `TopMemoryContext`.
    pub functions_in_cache: bool,
    /// `sizeof(PortalData)`.
    pub portal: u64,
    /// `sizeof(QueryDesc)`.
    pub query_desc: u64,
    /// What local buffers are allocated with besides their pages, to be aligned
    /// (`PG_IO_ALIGN_SIZE`).
    pub local_buffer_align: u64,
}

/// One step of a backend's start.
#[derive(Clone, Copy, Debug)]
pub enum StartStep {
    /// A context under `TopMemoryContext`.
    Create {
        /// Which.
        context: ContextSlot,
        /// Its sizes.
        sizes: Allocator,
        /// What is palloc'd in it at once, in bytes, up to the first 0.
        chunks: [u64; 3],
    },
    /// `InitPostgres` begins a transaction, to look at the catalogs.
    StartTransaction,
    /// The same transaction ends.
    CommitTransaction,
    /// A context is no longer needed.
    Delete(ContextSlot),
}

/// What becomes of `TopTransactionContext` when its transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionEnd {
    /// It is deleted, and `TopMemoryContext` is current; a savepoint's end makes the
    /// transaction's context current.
    Delete,
    /// It is reset and stays; what was current before the transaction, or the savepoint, is
    /// current again.
    Reset,
}

/// `AtStart_Memory`'s `32 * 1024` three times.
pub(crate) const TRANSACTION_ABORT_SIZES: Allocator = sized(32 * 1024);
/// What `MemoryContextInit` holds in reserve for errors.
const ERROR_SIZES: Allocator = sized(8 * 1024);
/// The first buffer of a `StringInfo` (`initStringInfo`).
pub(crate) const STRING_INFO: u64 = 1024;

const fn sized(size: u64) -> Allocator {
    Allocator::plain(size, size, size)
}

const fn create(context: ContextSlot) -> StartStep {
    StartStep::Create { context, sizes: Allocator::PLAIN, chunks: [0; 3] }
}

const fn small(context: ContextSlot) -> StartStep {
    StartStep::Create { context, sizes: Allocator::PLAIN_SMALL, chunks: [0; 3] }
}

/// The order of 15. `registered_buffers` is five times `sizeof(registered_buffer)`, which
/// depends on the compression libraries that the server was built with; behind them come
/// `sizeof(XLogRecData) * XLR_NORMAL_RDATAS` and `HEADER_SCRATCH_SIZE` (`InitXLogInsert`).
pub(super) const fn start_of_15(registered_buffers: u64) -> [StartStep; 14] {
    [
        StartStep::Create { context: ContextSlot::ERROR, sizes: ERROR_SIZES, chunks: [0; 3] },
        create(ContextSlot::POSTMASTER),
        create(ContextSlot::MD),
        StartStep::Create {
            context: ContextSlot::WAL,
            sizes: Allocator::PLAIN,
            chunks: [registered_buffers, 480, 928],
        },
        create(ContextSlot::CACHE),
        create(ContextSlot::TOP_PORTAL),
        StartStep::StartTransaction,
        small(ContextSlot::PGSTAT_PENDING),
        small(ContextSlot::PGSTAT_SHARED_REF),
        small(ContextSlot::PGSTAT_SHARED_REF_HASH),
        StartStep::CommitTransaction,
        StartStep::Delete(ContextSlot::POSTMASTER),
        create(ContextSlot::MESSAGE),
        StartStep::Create {
            context: ContextSlot::ROW_DESCRIPTION,
            sizes: Allocator::PLAIN,
            chunks: [STRING_INFO, 0, 0],
        },
    ]
}

/// The order of 17 and later, where settings have a context of their own.
pub(super) const fn start_of_17(registered_buffers: u64) -> [StartStep; 15] {
    let [error, postmaster, md, wal, cache, portal, begin, pending, refs, hash, rest @ ..] =
        start_of_15(registered_buffers);
    let [commit, delete, message, row] = rest;
    let guc = create(ContextSlot::GUC);
    [
        error, postmaster, guc, md, wal, cache, portal, begin, pending, refs, hash, commit, delete,
        message, row,
    ]
}
