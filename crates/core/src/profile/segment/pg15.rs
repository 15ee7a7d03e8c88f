//! PostgreSQL 15: `ipci.c` and what it calls.

use super::super::parameters::others::{ADVICE, EVERYWHERE, SMALLEST_1MB};
use super::super::parameters::{AUTOVACUUM_WORKERS, COMMON, GROWING_LOCKS, OLD_SNAPSHOT, Setting};
use super::Count::{self, Fixed, Of, SlruShare};
use super::{
    Allocator, Estimate, SHMEM_INDEX, SegmentProfile, Share, SlruProfile, Structure, Words, array,
    clog, fixed, growing, hash, optional, slru,
};

pub(super) static SEGMENT: SegmentProfile = SegmentProfile {
    parameters: &[&COMMON, &GROWING_LOCKS, &AUTOVACUUM_WORKERS, &OLD_SNAPSHOT],
    others: &[&EVERYWHERE, &SMALLEST_1MB, &ADVICE],
    special_workers: 1,
    autovacuum_workers: Setting::AutovacuumMaxWorkers,
    auxiliary: 5,
    auxiliary_slots: 6,
    allocator: Allocator::Estimated { slop: 2 * 128 },
    slru: SlruProfile { header: 88, page_number: 4, bank: 0 },
    words: Words {
        range_has_units: false,
        reserved_connections: false,
        full_stop: "",
        checked_alone: Some(1),
        too_many_backends: "too many backends configured",
        wal_streaming: "WAL streaming (max_wal_senders > 0) requires wal_level \"replica\" or \"logical\"",
    },
    structures: &STRUCTURES,
};

static STRUCTURES: [Structure; 68] = [
    fixed("", 72).not_estimated(),    // VariableCacheData
    fixed("", (208 * 128) + 4 + 128), // MainLWLockArray
    SHMEM_INDEX,
    optional("Preallocated DSM", 0, 1 << 20, Of(Setting::MinDynamicSharedMemory)),
    array("XLOG Ctl", 9800, 8200, Count::WalBuffers),
    fixed("Control File", 296).not_estimated(),
    fixed("XLogPrefetchStats", 72),
    fixed("XLOG Recovery Ctl", 104),
    clog("Xact", SlruShare(512, 4, 128)),
    slru("CommitTs", SlruShare(256, 4, 256)),
    fixed("CommitTs shared", 32),
    slru("Subtrans", Fixed(32)),
    slru("MultiXactOffset", Fixed(8)),
    slru("MultiXactMember", Fixed(16)),
    array("Shared MultiXact State", 52, 8, Count::Transactions),
    array("Buffer Descriptors", 0, 64, Of(Setting::SharedBuffers)),
    array("Buffer Blocks", 0, 8192, Of(Setting::SharedBuffers)),
    array("Buffer IO Condition Variables", 0, 16, Of(Setting::SharedBuffers)),
    array("Checkpoint BufferIds", 0, 20, Of(Setting::SharedBuffers)),
    hash("Shared Buffer Lookup Table", Count::BufferTable, 24, 128),
    fixed("Buffer Strategy Status", 28).estimate(Estimate::Bytes(32)),
    growing("LOCK hash", [Count::Locks(Share::Half), Count::Locks(Share::Whole)], 152, 16),
    growing("PROCLOCK hash", [Count::Locks(Share::TwoHalves), Count::Locks(Share::Double)], 64, 16)
        .estimate(Estimate::WithTenth),
    fixed("Fast Path Strong Relation Lock Data", 4100).not_estimated(),
    hash("PREDICATELOCKTARGET hash", Count::PredicateLocks(1), 32, 16),
    hash("PREDICATELOCK hash", Count::PredicateLocks(2), 56, 16).estimate(Estimate::WithTenth),
    fixed("PredXactList", 88),
    array("", 0, 1680, Count::Transactions), // PredXact->element, ten each
    hash("SERIALIZABLEXID hash", Count::PerTransaction(10), 16, 0),
    fixed("RWConflictPool", 24),
    array("", 0, 2400, Count::Transactions), // RWConflictPool->element, fifty each
    fixed("FinishedSerializableTransactions", 16),
    slru("Serial", Fixed(16)),
    fixed("SerialControlData", 12),
    fixed("Proc Header", 104),
    array("", 0, 880, Count::Procs), // PGPROC
    array("", 0, 4, Count::Procs),   // ProcGlobal->xids
    array("", 0, 2, Count::Procs),   // ProcGlobal->subxidStates
    array("", 0, 1, Count::Procs),   // ProcGlobal->statusFlags
    fixed("", 1),                    // ProcStructLock
    array("Proc Array", 40, 4, Count::Transactions),
    optional("KnownAssignedXids", 0, 4, Count::KnownAssigned),
    optional("KnownAssignedXidsValid", 0, 1, Count::KnownAssigned),
    array("Backend Status Array", 0, 432, Count::StatusSlots),
    array("Backend Application Name Buffer", 0, 64, Count::StatusSlots),
    array("Backend Client Host Name Buffer", 0, 64, Count::StatusSlots),
    array("Backend Activity Buffer", 0, 1, Count::ActivityBytes),
    array("Backend SSL Status Buffer", 0, 324, Count::StatusSlots),
    array("Backend GSS Status Buffer", 0, 66, Count::StatusSlots),
    array("Prepared Transaction Table", 16, 264, Of(Setting::MaxPreparedTransactions)),
    array("Background Worker Data", 16, 560, Of(Setting::MaxWorkerProcesses)),
    array("shmInvalBuffer", 65_560, 32, Count::Backends),
    array("PMSignalState", 40, 8, Count::Backends),
    array("ProcSignal", 8, 80, Count::StatusSlots),
    array("Checkpointer Data", 64, 24, Count::CheckpointRequests),
    array("AutoVacuum Data", 5176, 64, Of(Setting::AutovacuumMaxWorkers)),
    optional("ReplicationSlot Ctl", 0, 264, Count::ReplicationSlots),
    optional("ReplicationOriginState", 8, 56, Of(Setting::MaxReplicationSlots)),
    array("Wal Sender Ctl", 80, 96, Of(Setting::MaxWalSenders)),
    fixed("Wal Receiver Ctl", 2264),
    fixed("Archiver Data", 8),
    array("Logical Replication Launcher Data", 8, 112, Of(Setting::MaxLogicalReplicationWorkers)),
    array("OldSnapshotControlData", 68, 4, Count::OldSnapshots),
    array("BTree Vacuum State", 12, 12, Count::Backends),
    fixed("Sync Scan Locations List", 656),
    array("Async Queue Control", 52, 20, Count::Backends),
    slru("Notify", Fixed(8)),
    fixed("Shared Memory Stats", 263_312),
];
