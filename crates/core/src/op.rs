//! What can be asked of the machine: one [`Op`] is one thing that one backend does.
//!
//! The scenario language compiles to these, the trace replay builds them directly.
//! Names are already resolved: relations, backends and variables are numbers here.

mod checkpoint;
mod lock;
mod plain;
mod session;
mod settings;

use std::rc::Rc;

use crate::ids::{
    BackendId, BlockNumber, BufferId, ChunkSlot, ContextSlot, Lsn, PinSlot, RelId, StrategySlot,
};

pub use crate::ids::Name;
pub use checkpoint::CheckpointPart;
pub use lock::{AdvisoryKey, LockStmt, LockTarget};
pub use plain::SLAB_CHUNK;
pub use session::{PlanCacheMode, PlanChoice, Preparation, SessionOp};
pub use settings::SettingStmt;

/// One operation. Sizes are bytes unless a field says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Create a relation with `nblocks` blocks on disk, none of them in memory.
    CreateRelation {
        /// The number it gets; must be the next free one.
        rel: RelId,
        /// Its name.
        name: Name,
        /// Blocks on disk.
        nblocks: BlockNumber,
        /// Whether it is WAL-logged.
        persistence: Persistence,
    },
    /// Create a B-tree over a table, as large as the table's pages make it, on disk only.
    CreateIndex {
        /// The number it gets; must be the next free one.
        rel: RelId,
        /// Its name.
        name: Name,
        /// The table.
        table: RelId,
    },
    /// A statement that goes over many pages of a relation begins.
    BulkBegin {
        /// Who executes it.
        backend: BackendId,
        /// The relation.
        rel: RelId,
        /// What it does.
        bulk: Bulk,
    },
    /// It goes on to its next pages.
    BulkNext {
        /// Who executes it.
        backend: BackendId,
        /// How many pages; all that are left, if there are fewer.
        pages: u32,
    },
    /// It ends.
    BulkEnd {
        /// Who executes it.
        backend: BackendId,
    },
    /// `heap_insert` of one row.
    Insert {
        /// Who inserts.
        backend: BackendId,
        /// The table.
        rel: RelId,
    },
    /// An index scan for one row.
    IndexScan {
        /// Who looks it up.
        backend: BackendId,
        /// The index.
        index: RelId,
        /// The row's block in the table.
        block: BlockNumber,
        /// Change the row, with a WAL record.
        update: bool,
    },
    /// Cut a relation: drop its buffers from a block on, then the blocks themselves
    /// (`smgrtruncate`); or drop it whole (`smgrdounlinkall`).
    Truncate {
        /// Who cuts it.
        backend: BackendId,
        /// The relation.
        rel: RelId,
        /// The blocks that stay; `None` if nothing does.
        nblocks: Option<BlockNumber>,
    },
    /// A client connects: the postmaster forks a backend.
    Connect {
        /// The number it gets; must be the next free one.
        backend: BackendId,
        /// Its name on the page.
        name: Name,
    },
    /// The same, as a superuser: what is kept back for them may be used.
    ConnectSuperuser {
        /// The number it gets; must be the next free one, or that of one that has ended.
        backend: BackendId,
        /// Its name on the page.
        name: Name,
    },
    /// The client goes, and its backend ends.
    Disconnect {
        /// Whose.
        backend: BackendId,
    },
    /// `SET`, `SET LOCAL`, `RESET`.
    Setting {
        /// In whose session.
        backend: BackendId,
        /// What.
        statement: SettingStmt,
    },
    /// `ALTER SYSTEM`: the configuration file says so from now on.
    AlterSystem(SettingStmt),
    /// `pg_reload_conf`: all processes read the configuration file.
    Reload,
    /// The server is stopped and started (`pg_ctl restart`).
    Restart,
    /// `ReadBufferExtended` of one block; then, if asked, mark it dirty; then release the
    /// pin, or keep it in `pin`.
    Read {
        /// Who reads.
        backend: BackendId,
        /// The relation.
        rel: RelId,
        /// The block.
        block: BlockNumber,
        /// How the page gets into a buffer that does not hold it yet.
        mode: ReadMode,
        /// The buffer ring to use; `None` is the default strategy.
        strategy: Option<StrategySlot>,
        /// Mark the page dirty while it is pinned.
        dirty: Option<DirtyKind>,
        /// Keep the pin under this variable.
        pin: Option<PinSlot>,
    },
    /// `ReleaseBuffer` of a kept pin.
    Unpin {
        /// Who holds the pin.
        backend: BackendId,
        /// The variable.
        pin: PinSlot,
    },
    /// `LockBufferForCleanup` on a page on which a pin is held; the lock is given back at once.
    CleanupLock {
        /// Who holds the pin.
        backend: BackendId,
        /// The variable.
        pin: PinSlot,
        /// Sleep until nobody else has it pinned; otherwise do without
        /// (`ConditionalLockBufferForCleanup`).
        wait: bool,
    },
    /// Mark a page dirty on which a pin is held.
    MarkDirty {
        /// Who holds the pin.
        backend: BackendId,
        /// The variable.
        pin: PinSlot,
        /// With or without a WAL record.
        kind: DirtyKind,
    },
    /// Add one block at the end of a relation (`ExtendBufferedRel`).
    Extend {
        /// Who extends.
        backend: BackendId,
        /// The relation.
        rel: RelId,
        /// The buffer ring to use; `None` is the default strategy.
        strategy: Option<StrategySlot>,
        /// Mark the new page dirty while it is pinned.
        dirty: Option<DirtyKind>,
        /// Keep the pin under this variable.
        pin: Option<PinSlot>,
    },
    /// Add several blocks at the end of a relation, and release them
    /// (`ExtendBufferedRelBy`). The server may add fewer, if they were too many to pin.
    ExtendBy {
        /// Who extends.
        backend: BackendId,
        /// The relation.
        rel: RelId,
        /// Blocks asked for.
        count: u32,
        /// The buffer ring to use; `None` is the default strategy.
        strategy: Option<StrategySlot>,
    },
    /// Read consecutive blocks, several with one system call (`StartReadBuffers`,
    /// `WaitReadBuffers`); then, if asked, mark each dirty; then release each.
    ReadRange {
        /// Who reads.
        backend: BackendId,
        /// The relation.
        rel: RelId,
        /// The first block.
        block: BlockNumber,
        /// How many.
        count: u32,
        /// The buffer ring to use; `None` is the default strategy.
        strategy: Option<StrategySlot>,
        /// Mark each page dirty before it is released.
        dirty: Option<DirtyKind>,
    },
    /// `GetAccessStrategy`: a ring of buffers for one bulk operation; with a size
    /// `GetAccessStrategyWithSize`.
    CreateStrategy {
        /// Whose.
        backend: BackendId,
        /// The variable that gets it.
        strategy: StrategySlot,
        /// For which kind of operation.
        kind: StrategyKind,
        /// The ring's size in kB; `None` is the kind's own, and less than a page is no ring.
        size_kb: Option<u32>,
    },
    /// `FreeAccessStrategy`.
    FreeStrategy {
        /// Whose.
        backend: BackendId,
        /// The variable; it is empty afterwards.
        strategy: StrategySlot,
    },
    /// Drop a relation's buffers without writing them: all (`DropRelationsAllBuffers`), or, as
    /// for a truncation, those from a block on (`DropRelationBuffers`). The file stays.
    DropRelation {
        /// Who drops.
        backend: BackendId,
        /// The relation.
        rel: RelId,
        /// The first block to drop.
        from: BlockNumber,
    },
    /// Drop the buffers of every relation in the database (`DropDatabaseBuffers`).
    DropDatabase {
        /// Who drops.
        backend: BackendId,
    },
    /// Write a relation's dirty pages (`FlushRelationBuffers`).
    FlushRelation {
        /// Who writes.
        backend: BackendId,
        /// The relation.
        rel: RelId,
    },
    /// Write the dirty pages of every relation in the database (`FlushDatabaseBuffers`).
    FlushDatabase {
        /// Who writes.
        backend: BackendId,
    },
    /// Empty one buffer, if nobody has it pinned (`EvictUnpinnedBuffer`, which
    /// `pg_buffercache_evict` calls).
    Evict {
        /// Who asks.
        backend: BackendId,
        /// The buffer.
        buffer: BufferId,
    },
    /// `FlushOneBuffer`: write the page under a kept pin, if it is dirty.
    FlushBuffer {
        /// Who holds the pin.
        backend: BackendId,
        /// The variable.
        pin: PinSlot,
    },
    /// Insert a small WAL record and flush all WAL.
    WalFlush {
        /// Where the record ends; `None` lets the machine say.
        end: Option<Lsn>,
    },
    /// `CheckPointBuffers`: write every dirty page, in sorted order.
    Checkpoint {
        /// Also pages of unlogged relations (as at shutdown).
        all: bool,
    },
    /// A part of a checkpoint that is spread over time.
    CheckpointPart(CheckpointPart),
    /// One round of the background writer (`BgBufferSync`).
    BackgroundWriter {
        /// The process that executes it; `None` is the background writer itself.
        backend: Option<BackendId>,
        /// Its parameters.
        round: BgWriterRound,
    },
    /// Create a memory context.
    CreateContext {
        /// Whose.
        backend: BackendId,
        /// The variable that gets it.
        context: ContextSlot,
        /// The parent; `None` means `CurrentMemoryContext`.
        parent: Option<ContextSlot>,
        /// The context's name.
        name: Name,
        /// Which allocator, with its parameters.
        allocator: Allocator,
    },
    /// `MemoryContextSwitchTo`.
    SwitchTo {
        /// Whose.
        backend: BackendId,
        /// The new `CurrentMemoryContext`.
        context: ContextSlot,
    },
    /// `palloc` and its relatives.
    Palloc {
        /// Whose.
        backend: BackendId,
        /// The context; `None` means `CurrentMemoryContext`.
        context: Option<ContextSlot>,
        /// Bytes asked for.
        size: u64,
        /// Zero the chunk (`palloc0`).
        zero: bool,
        /// The variable that gets the pointer; `None` leaves it to the context to free it.
        chunk: Option<ChunkSlot>,
    },
    /// `MemoryContextAllocExtended`: an allocation with flags.
    PallocExtended {
        /// Whose.
        backend: BackendId,
        /// The context; `None` means `CurrentMemoryContext`.
        context: Option<ContextSlot>,
        /// Bytes asked for.
        size: u64,
        /// What is asked for besides.
        flags: AllocFlags,
        /// The variable that gets the pointer.
        chunk: Option<ChunkSlot>,
    },
    /// `MemoryContextAllocAligned`: an allocation whose address is a multiple of `align`.
    PallocAligned {
        /// Whose.
        backend: BackendId,
        /// The context; `None` means `CurrentMemoryContext`.
        context: Option<ContextSlot>,
        /// Bytes asked for.
        size: u64,
        /// The alignment, a power of two.
        align: u64,
        /// What is asked for besides.
        flags: AllocFlags,
        /// The variable that gets the pointer.
        chunk: Option<ChunkSlot>,
    },
    /// `MemoryContextStrdup`: a copy of a string.
    Strdup {
        /// Whose.
        backend: BackendId,
        /// The context; `None` means `CurrentMemoryContext`.
        context: Option<ContextSlot>,
        /// The string.
        text: Name,
        /// The variable that gets the pointer.
        chunk: Option<ChunkSlot>,
    },
    /// `pfree`.
    Pfree {
        /// Whose.
        backend: BackendId,
        /// The variable that holds the pointer; it is empty afterwards.
        chunk: ChunkSlot,
    },
    /// `repalloc`.
    Repalloc {
        /// Whose.
        backend: BackendId,
        /// The variable that holds the pointer, and gets the new one.
        chunk: ChunkSlot,
        /// Bytes asked for.
        size: u64,
    },
    /// `repalloc_extended`.
    RepallocExtended {
        /// Whose.
        backend: BackendId,
        /// The variable that holds the pointer, and gets the new one.
        chunk: ChunkSlot,
        /// Bytes asked for.
        size: u64,
        /// What is asked for besides.
        flags: AllocFlags,
    },
    /// Read bytes behind the pointer that a variable holds, whether it is still good or not.
    Peek {
        /// Who reads.
        backend: BackendId,
        /// Whose variable it is: another backend's memory is not there.
        owner: BackendId,
        /// The variable.
        chunk: ChunkSlot,
        /// The first byte, from the pointer on.
        offset: u32,
        /// How many.
        size: u32,
    },
    /// Overwrite bytes behind the pointer that a variable holds, whether it is still good or not
    /// and whether they are still the chunk's.
    Poke {
        /// Whose.
        backend: BackendId,
        /// The variable.
        chunk: ChunkSlot,
        /// The first byte, from the pointer on.
        offset: u32,
        /// How many.
        size: u32,
    },
    /// `MemoryContextReset`: free everything in it, delete its children.
    Reset {
        /// Whose.
        backend: BackendId,
        /// The context.
        context: ContextSlot,
    },
    /// `MemoryContextResetOnly`: free everything in it, leave its children alone.
    ResetOnly {
        /// Whose.
        backend: BackendId,
        /// The context.
        context: ContextSlot,
    },
    /// `MemoryContextResetChildren`: free everything in the contexts below it.
    ResetChildren {
        /// Whose.
        backend: BackendId,
        /// The context.
        context: ContextSlot,
    },
    /// `MemoryContextDelete`: the context, its children and all their memory.
    Delete {
        /// Whose.
        backend: BackendId,
        /// The context.
        context: ContextSlot,
    },
    /// `MemoryContextDeleteChildren`: the contexts below it and all their memory.
    DeleteChildren {
        /// Whose.
        backend: BackendId,
        /// The context.
        context: ContextSlot,
    },
    /// `MemoryContextSetParent`: the context and all below it move to another parent.
    SetParent {
        /// Whose.
        backend: BackendId,
        /// The context.
        context: ContextSlot,
        /// The new parent.
        parent: ContextSlot,
    },
    /// `MemoryContextRegisterResetCallback`: have a function called when the context is next
    /// reset or deleted.
    RegisterResetCallback {
        /// Whose.
        backend: BackendId,
        /// The context.
        context: ContextSlot,
        /// The function's argument, by which its event tells it from others.
        callback: u32,
    },
    /// `MemoryContextCopyAndSetIdentifier`: say what the context is for, in its own memory.
    SetIdentifier {
        /// Whose.
        backend: BackendId,
        /// The context.
        context: ContextSlot,
        /// The identifier.
        ident: Name,
    },
    /// A client sends a statement that has to do with the transaction, and it is executed.
    Transaction {
        /// Whose.
        backend: BackendId,
        /// The statement.
        statement: TransactionStmt,
    },
    /// A client sends a statement that has to do with heavyweight locks, and it is executed.
    Lock {
        /// Whose.
        backend: BackendId,
        /// The statement.
        statement: LockStmt,
    },
    /// Time passes: waiters whose `deadlock_timeout` runs out look for a deadlock, those whose
    /// `lock_timeout` does give up.
    PassTime {
        /// How much.
        milliseconds: u64,
    },
    /// `pg_cancel_backend`: if the backend waits, it gives up.
    Cancel(BackendId),
    /// A client sends a query, a transaction is at hand for it, and it can be planned: the
    /// first half of `exec_simple_query`.
    QueryBegin {
        /// Whose.
        backend: BackendId,
    },
    /// The planned query gets a portal and is executed in it (`PortalRun`).
    QueryRun {
        /// Whose.
        backend: BackendId,
        /// Columns of its result; `None` for a utility command, which has no executor.
        columns: Option<u16>,
    },
    /// Its portal is dropped, and with it the transaction ends, unless there was a BEGIN.
    QueryEnd {
        /// Whose.
        backend: BackendId,
    },
    /// A plan node goes on to its next tuple: `ResetExprContext`, and the per-tuple context
    /// becomes current.
    TupleBegin {
        /// Whose.
        backend: BackendId,
    },
    /// The tuple is made; what was current before is again.
    TupleEnd {
        /// Whose.
        backend: BackendId,
    },
    /// `SPI_connect`.
    SpiConnect {
        /// Who calls.
        backend: BackendId,
    },
    /// `SPI_finish`.
    SpiFinish {
        /// Who calls.
        backend: BackendId,
    },
    /// A function is called: a FunctionCallContext is made under
    /// `CurrentMemoryContext` and becomes current.
    CallBegin {
        /// Who calls.
        backend: BackendId,
        /// The function's name.
        function: Name,
    },
    /// The function returns: its context is deleted, the caller's is current again.
    CallEnd {
        /// Who returns.
        backend: BackendId,
    },
    /// Cursors, prepared statements, and what goes on within a statement.
    Session {
        /// Whose session.
        backend: BackendId,
        /// What it does.
        session: SessionOp,
    },
}

impl Op {
    /// `ReadBuffer` of one block, released at once.
    pub fn plain_read(backend: BackendId, rel: RelId, block: BlockNumber) -> Self {
        let mode = ReadMode::Normal;
        Self::Read { backend, rel, block, mode, strategy: None, dirty: None, pin: None }
    }

    /// Who reads what, if it is a read as [`Op::plain_read`] makes it: its pin goes at once, and it
    /// changes nothing.
    #[inline(always)]
    pub fn as_plain_read(&self) -> Option<(BackendId, RelId, BlockNumber)> {
        match *self {
            Self::Read {
                backend,
                rel,
                block,
                mode: ReadMode::Normal,
                strategy: None,
                dirty: None,
                pin: None,
            } => Some((backend, rel, block)),
            _ => None,
        }
    }

    /// Whether it concerns a backend's memory contexts, and no buffer.
    pub fn is_memory(&self) -> bool {
        matches!(
            self,
            Op::CreateContext { .. }
                | Op::SwitchTo { .. }
                | Op::Palloc { .. }
                | Op::PallocExtended { .. }
                | Op::PallocAligned { .. }
                | Op::Strdup { .. }
                | Op::Pfree { .. }
                | Op::Repalloc { .. }
                | Op::RepallocExtended { .. }
                | Op::Peek { .. }
                | Op::Poke { .. }
                | Op::Reset { .. }
                | Op::ResetOnly { .. }
                | Op::ResetChildren { .. }
                | Op::Delete { .. }
                | Op::DeleteChildren { .. }
                | Op::SetParent { .. }
                | Op::RegisterResetCallback { .. }
                | Op::SetIdentifier { .. }
                | Op::Transaction { .. }
                | Op::QueryBegin { .. }
                | Op::QueryRun { .. }
                | Op::QueryEnd { .. }
                | Op::TupleBegin { .. }
                | Op::TupleEnd { .. }
                | Op::SpiConnect { .. }
                | Op::SpiFinish { .. }
                | Op::CallBegin { .. }
                | Op::CallEnd { .. }
                | Op::Session { .. }
        )
    }

    /// The backend that executes the operation, if a backend does.
    pub fn backend(&self) -> Option<BackendId> {
        match *self {
            Op::Connect { backend, .. }
            | Op::ConnectSuperuser { backend, .. }
            | Op::Disconnect { backend }
            | Op::Setting { backend, .. }
            | Op::Read { backend, .. }
            | Op::BulkBegin { backend, .. }
            | Op::BulkNext { backend, .. }
            | Op::BulkEnd { backend }
            | Op::Insert { backend, .. }
            | Op::IndexScan { backend, .. }
            | Op::Truncate { backend, .. }
            | Op::Unpin { backend, .. }
            | Op::MarkDirty { backend, .. }
            | Op::CleanupLock { backend, .. }
            | Op::Extend { backend, .. }
            | Op::ExtendBy { backend, .. }
            | Op::ReadRange { backend, .. }
            | Op::CreateStrategy { backend, .. }
            | Op::FreeStrategy { backend, .. }
            | Op::DropRelation { backend, .. }
            | Op::DropDatabase { backend }
            | Op::FlushRelation { backend, .. }
            | Op::FlushDatabase { backend }
            | Op::Evict { backend, .. }
            | Op::FlushBuffer { backend, .. }
            | Op::CreateContext { backend, .. }
            | Op::SwitchTo { backend, .. }
            | Op::Palloc { backend, .. }
            | Op::PallocExtended { backend, .. }
            | Op::PallocAligned { backend, .. }
            | Op::Strdup { backend, .. }
            | Op::Pfree { backend, .. }
            | Op::Repalloc { backend, .. }
            | Op::RepallocExtended { backend, .. }
            | Op::Peek { backend, .. }
            | Op::Poke { backend, .. }
            | Op::Reset { backend, .. }
            | Op::ResetOnly { backend, .. }
            | Op::ResetChildren { backend, .. }
            | Op::Delete { backend, .. }
            | Op::DeleteChildren { backend, .. }
            | Op::SetParent { backend, .. }
            | Op::RegisterResetCallback { backend, .. }
            | Op::SetIdentifier { backend, .. }
            | Op::Transaction { backend, .. }
            | Op::Lock { backend, .. }
            | Op::QueryBegin { backend }
            | Op::QueryRun { backend, .. }
            | Op::QueryEnd { backend }
            | Op::TupleBegin { backend }
            | Op::TupleEnd { backend }
            | Op::SpiConnect { backend }
            | Op::SpiFinish { backend }
            | Op::CallBegin { backend, .. }
            | Op::CallEnd { backend }
            | Op::Session { backend, .. } => Some(backend),
            Op::BackgroundWriter { backend, .. } => backend,
            Op::CreateRelation { .. }
            | Op::CreateIndex { .. }
            | Op::WalFlush { .. }
            | Op::PassTime { .. }
            | Op::Cancel(_)
            | Op::AlterSystem(_)
            | Op::Reload
            | Op::Restart
            | Op::Checkpoint { .. }
            | Op::CheckpointPart(_) => None,
        }
    }
}

/// A statement that has to do with the transaction (`TransactionStmt` in `parsenodes.h`).
#[derive(Clone, Debug, PartialEq)]
pub enum TransactionStmt {
    /// `BEGIN`
    Begin,
    /// `COMMIT`
    Commit,
    /// `ROLLBACK`
    Rollback,
    /// `SAVEPOINT name`
    Savepoint(Name),
    /// `RELEASE SAVEPOINT name`
    Release(Name),
    /// `ROLLBACK TO SAVEPOINT name`
    RollbackTo(Name),
}

/// What a statement does with many pages.
#[derive(Clone, Debug, PartialEq)]
pub enum Bulk {
    /// A sequential scan.
    SeqScan,
    /// A bitmap heap scan of these blocks: ranges in order, the end not in them.
    BitmapScan(Rc<[(BlockNumber, BlockNumber)]>),
    /// VACUUM's first pass, which changes every page.
    Vacuum {
        /// `BUFFER_USAGE_LIMIT` in kB; 0 is no ring, `None` the setting's default.
        size_kb: Option<u32>,
        /// `FREEZE`: no page may be left out, so it waits for those that others have pinned.
        freeze: bool,
    },
    /// `pg_prewarm`.
    Prewarm,
    /// COPY FROM.
    CopyIn {
        /// Pages that it fills.
        pages: u32,
    },
    /// CREATE TABLE AS, once the table is there.
    CreateTableAs,
}

/// A relation's persistence (`relpersistence` in `pg_class`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Persistence {
    /// WAL-logged.
    #[default]
    Permanent,
    /// Not WAL-logged: emptied after a crash.
    Unlogged,
    /// One backend's own: its pages never enter the pool, but the backend's local buffers.
    Temporary(BackendId),
}

/// How a page that is not in the pool gets there (`ReadBufferMode` in `bufmgr.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadMode {
    /// `RBM_NORMAL`: read it from disk.
    #[default]
    Normal,
    /// `RBM_ZERO_AND_LOCK`: don't read it, the caller will fill it.
    ZeroAndLock,
}

/// What a buffer ring is for (`BufferAccessStrategyType` in `bufmgr.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrategyKind {
    /// `BAS_BULKREAD`: a scan of a table larger than a quarter of the pool.
    BulkRead,
    /// `BAS_BULKWRITE`: COPY IN, CREATE TABLE AS.
    BulkWrite,
    /// `BAS_VACUUM`.
    Vacuum,
}

/// How a page is made dirty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirtyKind {
    /// `MarkBufferDirty` without a WAL record.
    Plain,
    /// `MarkBufferDirty`, then a WAL record whose end becomes the page's LSN.
    Wal {
        /// Where the record ends; `None` lets the machine say.
        end: Option<Lsn>,
    },
    /// `MarkBufferDirtyHint`: a hint bit was set.
    Hint,
}

/// How a round of the background writer is to go; what is not said is as the settings have it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BgWriterRound {
    /// `bgwriter_lru_maxpages`: pages written at most.
    pub maxpages: Option<u32>,
    /// `bgwriter_lru_multiplier`.
    pub multiplier: Option<f64>,
    /// `bgwriter_delay`, milliseconds.
    pub delay_ms: Option<u32>,
}

/// What an allocation asks for besides its size (`MCXT_ALLOC_*` in `palloc.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllocFlags {
    /// `MCXT_ALLOC_HUGE`: more than 1 GB is allowed.
    pub huge: bool,
    /// `MCXT_ALLOC_NO_OOM`: return NULL if there is no memory, in place of an error.
    pub no_oom: bool,
    /// `MCXT_ALLOC_ZERO`: zero the chunk.
    pub zero: bool,
}

/// Which allocator a context gets, with its parameters in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocator {
    /// `AllocSetContextCreate`.
    AllocSet {
        /// Size of the first block, context header included; 0 means `init`.
        min: u64,
        /// Size of the first further block.
        init: u64,
        /// Size up to which blocks double.
        max: u64,
    },
    /// `SlabContextCreate`.
    Slab {
        /// Size of every block.
        block: u64,
        /// Size of every chunk.
        chunk: u64,
    },
    /// `GenerationContextCreate`.
    Generation {
        /// Size of the first block, context header included; 0 means `init`.
        min: u64,
        /// Size of the first further block.
        init: u64,
        /// Size up to which blocks double.
        max: u64,
    },
    /// `BumpContextCreate`.
    Bump {
        /// Size of the first block, context header included; 0 means `init`.
        min: u64,
        /// Size of the first further block.
        init: u64,
        /// Size up to which blocks double.
        max: u64,
    },
}

impl Allocator {
    /// `ALLOCSET_DEFAULT_SIZES` (`memutils.h`).
    pub const ALLOCSET_DEFAULT: Self =
        Self::AllocSet { min: 0, init: 8 * 1024, max: 8 * 1024 * 1024 };
    /// `ALLOCSET_SMALL_SIZES` (`memutils.h`).
    pub const ALLOCSET_SMALL: Self = Self::AllocSet { min: 0, init: 1024, max: 8 * 1024 };
}
