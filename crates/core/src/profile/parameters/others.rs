//! The settings that shared memory does not depend on, but memory does: what a process may take for itself,
//! and how the processes that keep the pool clean go about it.

use super::{
    Context, INT_MAX, MAX_BACKENDS, MILLIONTHS, Parameter, Setting, Unit, bytes, number, word,
};

/// `WRITEBACK_MAX_PENDING_FLUSHES`.
const MAX_PENDING_FLUSHES: i32 = 256;
/// `MAX_BAS_VAC_RING_SIZE_KB`.
const MAX_VACUUM_RING: i32 = 16 << 20;
/// `MAX_IO_CONCURRENCY`.
const MAX_IO_CONCURRENCY: i32 = 1000;
/// `MAX_IO_WORKERS`.
const MAX_IO_WORKERS: i32 = 32;

const OFF_ON: &[&str] = &["off", "on"];

const fn kilobytes(setting: Setting, name: &'static str, boot: i32, min: i32) -> Parameter {
    bytes(1024, number(setting, name, boot, min, INT_MAX)).changes(Context::User)
}

const fn blocks(setting: Setting, name: &'static str, boot: i32, min: i32, max: i32) -> Parameter {
    bytes(8192, number(setting, name, boot, min, max)).changes(Context::User)
}

const fn megabytes(setting: Setting, name: &'static str, boot: i32) -> Parameter {
    bytes(1 << 20, number(setting, name, boot, 2, INT_MAX)).changes(Context::Sighup)
}

const fn time(unit: Unit, number: Parameter) -> Parameter {
    Parameter { unit, ..number }.changes(Context::Sighup)
}

const fn real(setting: Setting, name: &'static str, [boot, min, max]: [f64; 3]) -> Parameter {
    let number = number(
        setting,
        name,
        (boot * MILLIONTHS) as i32,
        (min * MILLIONTHS) as i32,
        (max * MILLIONTHS) as i32,
    );
    Parameter { unit: Unit::Real, ..number }.changes(Context::Sighup)
}

const fn boolean(setting: Setting, name: &'static str) -> Parameter {
    word(setting, name, 1, OFF_ON).changes(Context::Sighup)
}

/// What the server says of itself.
const fn preset(unit: Unit, setting: Setting, name: &'static str) -> Parameter {
    Parameter { unit, ..number(setting, name, 0, 0, INT_MAX) }.changes(Context::Internal)
}

/// In every version.
pub(in crate::profile) static EVERYWHERE: [Parameter; 27] = [
    blocks(Setting::TempBuffers, "temp_buffers", 1024, 100, INT_MAX / 2),
    kilobytes(Setting::WorkMem, "work_mem", 4096, 64),
    real(Setting::HashMemMultiplier, "hash_mem_multiplier", [2.0, 1.0, 1000.0])
        .changes(Context::User),
    kilobytes(Setting::LogicalDecodingWorkMem, "logical_decoding_work_mem", 65_536, 64),
    kilobytes(Setting::AutovacuumWorkMem, "autovacuum_work_mem", -1, -1).changes(Context::Sighup),
    blocks(Setting::EffectiveCacheSize, "effective_cache_size", 524_288, 1, INT_MAX),
    word(Setting::HugePages, "huge_pages", 2, &["off", "on", "try"]),
    word(Setting::SharedMemoryType, "shared_memory_type", 1, &["sysv", "mmap"]),
    word(
        Setting::DynamicSharedMemoryType,
        "dynamic_shared_memory_type",
        0,
        &["posix", "sysv", "mmap"],
    ),
    time(Unit::Milliseconds, number(Setting::BgwriterDelay, "bgwriter_delay", 200, 10, 10_000)),
    number(Setting::BgwriterLruMaxpages, "bgwriter_lru_maxpages", 100, 0, INT_MAX / 2)
        .changes(Context::Sighup),
    real(Setting::BgwriterLruMultiplier, "bgwriter_lru_multiplier", [2.0, 0.0, 10.0]),
    blocks(Setting::BgwriterFlushAfter, "bgwriter_flush_after", 64, 0, MAX_PENDING_FLUSHES)
        .changes(Context::Sighup),
    time(Unit::Seconds, number(Setting::CheckpointTimeout, "checkpoint_timeout", 300, 30, 86_400)),
    real(Setting::CheckpointCompletionTarget, "checkpoint_completion_target", [0.9, 0.0, 1.0]),
    blocks(Setting::CheckpointFlushAfter, "checkpoint_flush_after", 32, 0, MAX_PENDING_FLUSHES)
        .changes(Context::Sighup),
    time(Unit::Seconds, number(Setting::CheckpointWarning, "checkpoint_warning", 30, 0, INT_MAX)),
    blocks(Setting::BackendFlushAfter, "backend_flush_after", 0, 0, MAX_PENDING_FLUSHES),
    megabytes(Setting::MaxWalSize, "max_wal_size", 1024),
    megabytes(Setting::MinWalSize, "min_wal_size", 80),
    time(Unit::Milliseconds, number(Setting::WalWriterDelay, "wal_writer_delay", 200, 1, 10_000)),
    boolean(Setting::Autovacuum, "autovacuum"),
    time(
        Unit::Milliseconds,
        number(Setting::DeadlockTimeout, "deadlock_timeout", 1000, 1, INT_MAX),
    )
    .changes(Context::Superuser),
    word(
        Setting::PlanCacheMode,
        "plan_cache_mode",
        0,
        &["auto", "force_generic_plan", "force_custom_plan"],
    )
    .changes(Context::User),
    preset(Unit::None, Setting::BlockSize, "block_size"),
    preset(Unit::Bytes(1 << 20), Setting::SharedMemorySize, "shared_memory_size"),
    preset(Unit::None, Setting::SharedMemorySizeInHugePages, "shared_memory_size_in_huge_pages"),
];

const fn io(effective: i32, maintenance: i32) -> [Parameter; 2] {
    let most = MAX_IO_CONCURRENCY;
    let (setting, name) = (Setting::MaintenanceIoConcurrency, "maintenance_io_concurrency");
    [
        number(Setting::EffectiveIoConcurrency, "effective_io_concurrency", effective, 0, most)
            .changes(Context::User),
        number(setting, name, maintenance, 0, most).changes(Context::User),
    ]
}

const MAINTENANCE_WORK_MEM: &str = "maintenance_work_mem";

/// Until 16.
pub(in crate::profile) static SMALLEST_1MB: [Parameter; 1] =
    [kilobytes(Setting::MaintenanceWorkMem, MAINTENANCE_WORK_MEM, 65_536, 1024)];
/// From 17 on.
pub(in crate::profile) static SMALLEST_64KB: [Parameter; 2] = [
    kilobytes(Setting::MaintenanceWorkMem, MAINTENANCE_WORK_MEM, 65_536, 64),
    Parameter {
        max: MAX_VACUUM_RING,
        ..kilobytes(Setting::VacuumBufferUsageLimit, "vacuum_buffer_usage_limit", 2048, 0)
    },
];

/// Before there was asynchronous I/O.
pub(in crate::profile) static ADVICE: [Parameter; 2] = io(1, 10);
/// In 17.
pub(in crate::profile) static COMBINED: [Parameter; 1] =
    [blocks(Setting::IoCombineLimit, "io_combine_limit", 16, 1, 32)];

/// Since there is asynchronous I/O.
pub(in crate::profile) static READ_AHEAD: [Parameter; 2] = io(16, 16);
/// Likewise; and autovacuum's workers are counted by slots.
pub(in crate::profile) static WORKERS: [Parameter; 4] = [
    blocks(Setting::IoCombineLimit, "io_combine_limit", 16, 1, 128),
    number(Setting::IoWorkers, "io_workers", 3, 1, MAX_IO_WORKERS).changes(Context::Sighup),
    number(Setting::AutovacuumMaxWorkers, "autovacuum_max_workers", 3, 1, MAX_BACKENDS)
        .changes(Context::Sighup),
    preset(Unit::None, Setting::NumOsSemaphores, "num_os_semaphores"),
];
