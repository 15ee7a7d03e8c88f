//! The settings that shared memory is computed from (`guc_tables.c`): unit, default, range and context,
//! by version. Those that a process uses by itself are in [`others`].
//!
//! A setting that a version does not have is not in its groups. Booleans and enumerations are
//! numbers here too: their place among [`Parameter::words`]; real numbers are counted in millionths.

pub(super) mod others;

/// `INT_MAX`.
const INT_MAX: i32 = i32::MAX;
/// `MAX_BACKENDS`: process numbers have 18 bits.
pub const MAX_BACKENDS: i32 = 0x3_ffff;
/// `SLRU_MAX_ALLOWED_BUFFERS`: 1 GB of pages.
pub const SLRU_MAX_ALLOWED_BUFFERS: i32 = (1 << 30) / 8192;
/// `SLRU_BANK_SIZE`.
pub const SLRU_BANK_SIZE: i32 = 16;

/// A setting, by PostgreSQL's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is documented by PostgreSQL under its name")]
pub enum Setting {
    SharedBuffers,
    WalBuffers,
    WalSegmentSize,
    WalLevel,
    MaxConnections,
    SuperuserReservedConnections,
    ReservedConnections,
    MaxLocksPerTransaction,
    MaxPredLocksPerTransaction,
    MaxPreparedTransactions,
    MaxWorkerProcesses,
    MaxWalSenders,
    AutovacuumMaxWorkers,
    AutovacuumWorkerSlots,
    MaxReplicationSlots,
    MaxRepackReplicationSlots,
    MaxActiveReplicationOrigins,
    MaxLogicalReplicationWorkers,
    TrackActivityQuerySize,
    MinDynamicSharedMemory,
    HotStandby,
    HugePageSize,
    OldSnapshotThreshold,
    TransactionBuffers,
    CommitTimestampBuffers,
    SubtransactionBuffers,
    MultixactOffsetBuffers,
    MultixactMemberBuffers,
    NotifyBuffers,
    SerializableBuffers,
    IoMethod,
    IoMaxConcurrency,
    IoMaxCombineLimit,
    TempBuffers,
    WorkMem,
    MaintenanceWorkMem,
    HashMemMultiplier,
    LogicalDecodingWorkMem,
    AutovacuumWorkMem,
    VacuumBufferUsageLimit,
    EffectiveCacheSize,
    HugePages,
    SharedMemoryType,
    DynamicSharedMemoryType,
    EffectiveIoConcurrency,
    MaintenanceIoConcurrency,
    IoCombineLimit,
    IoWorkers,
    BgwriterDelay,
    BgwriterLruMaxpages,
    BgwriterLruMultiplier,
    BgwriterFlushAfter,
    CheckpointTimeout,
    CheckpointCompletionTarget,
    CheckpointFlushAfter,
    CheckpointWarning,
    BackendFlushAfter,
    MaxWalSize,
    MinWalSize,
    WalWriterDelay,
    Autovacuum,
    DeadlockTimeout,
    PlanCacheMode,
    BlockSize,
    SharedMemorySize,
    SharedMemorySizeInHugePages,
    NumOsSemaphores,
}

/// When a setting may change (`GucContext`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Context {
    /// Never: it says what is.
    Internal,
    /// At the server's start.
    Postmaster,
    /// When the configuration file is read again.
    Sighup,
    /// In a superuser's session too.
    Superuser,
    /// In every session too.
    User,
}

impl Context {
    /// `pg_settings.context`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Postmaster => "postmaster",
            Self::Sighup => "sighup",
            Self::Superuser => "superuser",
            Self::User => "user",
        }
    }
}

/// What a real number is counted in.
pub const MILLIONTHS: f64 = 1e6;

/// What a number without a unit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    None,
    /// Bytes, so many at a time.
    Bytes(u32),
    /// `GUC_UNIT_MIN`.
    Minutes,
    /// `GUC_UNIT_S`.
    Seconds,
    /// `GUC_UNIT_MS`.
    Milliseconds,
    /// Millionths: it is a real number.
    Real,
}

/// A setting as a version has it.
#[derive(Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Which.
    pub setting: Setting,
    /// `pg_settings.name`.
    pub name: &'static str,
    /// `unit`.
    pub unit: Unit,
    /// `boot_val`.
    pub boot: i32,
    /// `min_val`.
    pub min: i32,
    /// `max_val`.
    pub max: i32,
    /// It must be a multiple of this.
    pub multiple_of: i32,
    /// `enumvals`, or the words of a boolean; empty if it is a number.
    pub words: &'static [&'static str],
    /// `context`.
    pub context: Context,
}

impl Parameter {
    /// `vartype`.
    pub fn vartype(&self) -> &'static str {
        match (self.words, self.unit) {
            ([], Unit::Real) => "real",
            ([], _) => "integer",
            (["off", "on"], _) => "bool",
            _ => "enum",
        }
    }

    const fn changes(self, context: Context) -> Self {
        Self { context, ..self }
    }
}

const fn number(setting: Setting, name: &'static str, boot: i32, min: i32, max: i32) -> Parameter {
    let (unit, context) = (Unit::None, Context::Postmaster);
    Parameter { setting, name, unit, boot, min, max, multiple_of: 1, words: &[], context }
}

const fn processes(setting: Setting, name: &'static str, boot: i32, min: i32) -> Parameter {
    number(setting, name, boot, min, MAX_BACKENDS)
}

const fn slru(setting: Setting, name: &'static str, boot: i32, min: i32) -> Parameter {
    let number = number(setting, name, boot, min, SLRU_MAX_ALLOWED_BUFFERS);
    Parameter { unit: Unit::Bytes(8192), multiple_of: SLRU_BANK_SIZE, ..number }
}

const fn word(
    setting: Setting,
    name: &'static str,
    boot: i32,
    words: &'static [&'static str],
) -> Parameter {
    Parameter { words, ..number(setting, name, boot, 0, words.len() as i32 - 1) }
}

const fn bytes(by: u32, number: Parameter) -> Parameter {
    Parameter { unit: Unit::Bytes(by), ..number }
}

/// In every version.
pub(super) static COMMON: [Parameter; 16] = [
    bytes(8192, number(Setting::SharedBuffers, "shared_buffers", 16_384, 16, INT_MAX / 2)),
    bytes(8192, number(Setting::WalBuffers, "wal_buffers", -1, -1, INT_MAX / 8192)),
    bytes(1, number(Setting::WalSegmentSize, "wal_segment_size", 16 << 20, 1 << 20, 1 << 30))
        .changes(Context::Internal),
    word(Setting::WalLevel, "wal_level", 1, &["minimal", "replica", "logical"]),
    processes(Setting::MaxConnections, "max_connections", 100, 1),
    processes(Setting::SuperuserReservedConnections, "superuser_reserved_connections", 3, 0),
    number(Setting::MaxPredLocksPerTransaction, "max_pred_locks_per_transaction", 64, 10, INT_MAX),
    processes(Setting::MaxPreparedTransactions, "max_prepared_transactions", 0, 0),
    processes(Setting::MaxWorkerProcesses, "max_worker_processes", 8, 0),
    processes(Setting::MaxWalSenders, "max_wal_senders", 10, 0),
    processes(Setting::MaxReplicationSlots, "max_replication_slots", 10, 0),
    processes(Setting::MaxLogicalReplicationWorkers, "max_logical_replication_workers", 4, 0),
    bytes(
        1,
        number(Setting::TrackActivityQuerySize, "track_activity_query_size", 1024, 100, 1 << 20),
    ),
    bytes(
        1 << 20,
        number(Setting::MinDynamicSharedMemory, "min_dynamic_shared_memory", 0, 0, INT_MAX),
    ),
    word(Setting::HotStandby, "hot_standby", 1, &["off", "on"]),
    bytes(1024, number(Setting::HugePageSize, "huge_page_size", 0, 0, INT_MAX)),
];

const MAX_LOCKS: &str = "max_locks_per_transaction";

/// Locks of a transaction, until the lock table stopped to grow.
pub(super) static GROWING_LOCKS: [Parameter; 1] =
    [number(Setting::MaxLocksPerTransaction, MAX_LOCKS, 64, 10, INT_MAX)];
/// And since.
pub(super) static FIXED_LOCKS: [Parameter; 1] =
    [number(Setting::MaxLocksPerTransaction, MAX_LOCKS, 128, 10, INT_MAX)];

/// Until autovacuum had slots.
pub(super) static AUTOVACUUM_WORKERS: [Parameter; 1] =
    [processes(Setting::AutovacuumMaxWorkers, "autovacuum_max_workers", 3, 1)];

/// As long as there was "snapshot too old".
pub(super) static OLD_SNAPSHOT: [Parameter; 1] = [Parameter {
    unit: Unit::Minutes,
    ..number(Setting::OldSnapshotThreshold, "old_snapshot_threshold", -1, -1, 60 * 24 * 60)
}];

/// Since the SLRUs have settings.
pub(super) static SLRU_BUFFERS: [Parameter; 8] = [
    processes(Setting::ReservedConnections, "reserved_connections", 0, 0),
    slru(Setting::TransactionBuffers, "transaction_buffers", 0, 0),
    slru(Setting::CommitTimestampBuffers, "commit_timestamp_buffers", 0, 0),
    slru(Setting::SubtransactionBuffers, "subtransaction_buffers", 0, 0),
    slru(Setting::MultixactOffsetBuffers, "multixact_offset_buffers", 16, 16),
    slru(Setting::MultixactMemberBuffers, "multixact_member_buffers", 32, 16),
    slru(Setting::NotifyBuffers, "notify_buffers", 16, 16),
    slru(Setting::SerializableBuffers, "serializable_buffers", 32, 16),
];

/// Since there is asynchronous I/O.
pub(super) static ASYNCHRONOUS_IO: [Parameter; 5] = [
    processes(Setting::AutovacuumWorkerSlots, "autovacuum_worker_slots", 16, 1),
    processes(Setting::MaxActiveReplicationOrigins, "max_active_replication_origins", 10, 0),
    word(Setting::IoMethod, "io_method", 1, &["sync", "worker", "io_uring"]),
    number(Setting::IoMaxConcurrency, "io_max_concurrency", -1, -1, 1024),
    bytes(8192, number(Setting::IoMaxCombineLimit, "io_max_combine_limit", 16, 1, 128)),
];

/// Since there is REPACK.
pub(super) static REPACK: [Parameter; 1] =
    [processes(Setting::MaxRepackReplicationSlots, "max_repack_replication_slots", 5, 0)];
