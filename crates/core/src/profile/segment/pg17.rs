//! PostgreSQL 17: `ipci.c` and what it calls, of a build without GSSAPI.

use super::super::parameters::others::{ADVICE, COMBINED, EVERYWHERE, SMALLEST_64KB};
use super::super::parameters::{
    AUTOVACUUM_WORKERS, COMMON, GROWING_LOCKS, SLRU_BUFFERS, SLRU_MAX_ALLOWED_BUFFERS, Setting,
};
use super::Count::{self, Fixed, Of, SlruSetting};
use super::pg18::WORDS;
use super::{
    Allocator, Estimate, SHMEM_INDEX, SegmentProfile, Share, SlruProfile, Structure, Words, array,
    clog, fixed, growing, hash, optional, slru,
};

pub(super) static SEGMENT: SegmentProfile = SegmentProfile {
    parameters: &[&COMMON, &GROWING_LOCKS, &AUTOVACUUM_WORKERS, &SLRU_BUFFERS],
    others: &[&EVERYWHERE, &SMALLEST_64KB, &ADVICE, &COMBINED],
    special_workers: 2,
    autovacuum_workers: Setting::AutovacuumMaxWorkers,
    auxiliary: 6,
    auxiliary_slots: 6,
    allocator: Allocator::Estimated { slop: 2 * 128 },
    slru: BANKS,
    words: Words {
        full_stop: "",
        checked_alone: Some(1),
        too_many_backends: "too many backends configured",
        ..WORDS
    },
    structures: &STRUCTURES,
};

/// Banks of 16 buffers, each with its lock.
pub(super) const BANKS: SlruProfile = SlruProfile { header: 104, page_number: 8, bank: 16 };
/// `CLOG_MAX_ALLOWED_BUFFERS`: pages of half the transaction ids.
pub(super) const CLOG_MAX_ALLOWED_BUFFERS: i32 = 65_536;
/// The transaction states' buffers.
pub(super) const TRANSACTION: Count =
    SlruSetting(Setting::TransactionBuffers, CLOG_MAX_ALLOWED_BUFFERS);
/// The commit timestamps' buffers.
pub(super) const COMMIT_TIMESTAMP: Count =
    SlruSetting(Setting::CommitTimestampBuffers, SLRU_MAX_ALLOWED_BUFFERS);
/// The subtransactions' buffers.
pub(super) const SUBTRANSACTION: Count =
    SlruSetting(Setting::SubtransactionBuffers, SLRU_MAX_ALLOWED_BUFFERS);

static STRUCTURES: [Structure; 72] = [
    fixed("", (213 * 128) + 4 + 128), // MainLWLockArray
    SHMEM_INDEX,
    optional("Preallocated DSM", 0, 1 << 20, Of(Setting::MinDynamicSharedMemory)),
    fixed("DSM Registry Data", 16),
    fixed("TransamVariables", 72),
    array("XLOG Ctl", 9800, 8200, Count::WalBuffers),
    fixed("Control File", 296).not_estimated(),
    fixed("XLogPrefetchStats", 72),
    fixed("XLOG Recovery Ctl", 104),
    clog("transaction", TRANSACTION),
    slru("commit_timestamp", COMMIT_TIMESTAMP),
    fixed("CommitTs shared", 32),
    slru("subtransaction", SUBTRANSACTION),
    slru("multixact_offset", Of(Setting::MultixactOffsetBuffers)),
    slru("multixact_member", Of(Setting::MultixactMemberBuffers)),
    array("Shared MultiXact State", 48, 4, Count::MultixactSlots),
    array("Buffer Descriptors", 0, 64, Of(Setting::SharedBuffers)),
    array("Buffer Blocks", 4096, 8192, Of(Setting::SharedBuffers)),
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
    slru("serializable", Of(Setting::SerializableBuffers)),
    fixed("SerialControlData", 16),
    fixed("Proc Header", 136),
    array("", 0, 888, Count::Procs), // PGPROC
    array("", 0, 4, Count::Procs),   // ProcGlobal->xids
    array("", 0, 2, Count::Procs),   // ProcGlobal->subxidStates
    array("", 0, 1, Count::Procs),   // ProcGlobal->statusFlags
    fixed("", 1),                    // ProcStructLock
    array("Proc Array", 36, 4, Count::Transactions),
    optional("KnownAssignedXids", 0, 4, Count::KnownAssigned),
    optional("KnownAssignedXidsValid", 0, 1, Count::KnownAssigned),
    array("Backend Status Array", 0, 432, Count::StatusSlots),
    array("Backend Application Name Buffer", 0, 64, Count::StatusSlots),
    array("Backend Client Host Name Buffer", 0, 64, Count::StatusSlots),
    array("Backend Activity Buffer", 0, 1, Count::ActivityBytes),
    array("Backend SSL Status Buffer", 0, 324, Count::StatusSlots),
    array("Prepared Transaction Table", 16, 264, Of(Setting::MaxPreparedTransactions)),
    array("Background Worker Data", 16, 1488, Of(Setting::MaxWorkerProcesses)),
    array("shmInvalBuffer", 65_568, 20, Count::StatusSlots),
    array("PMSignalState", 32, 8, Count::Backends),
    array("ProcSignal", 8, 88, Count::StatusSlots),
    array("Checkpointer Data", 56, 32, Count::CheckpointRequests),
    array("AutoVacuum Data", 5184, 48, Of(Setting::AutovacuumMaxWorkers)),
    optional("ReplicationSlot Ctl", 0, 280, Count::ReplicationSlots),
    optional("ReplicationOriginState", 8, 56, Of(Setting::MaxReplicationSlots)),
    array("Wal Sender Ctl", 112, 104, Of(Setting::MaxWalSenders)),
    fixed("Wal Receiver Ctl", 2264),
    fixed("Wal Summarizer Ctl", 48),
    fixed("Archiver Data", 8),
    array("Logical Replication Launcher Data", 16, 128, Of(Setting::MaxLogicalReplicationWorkers)),
    fixed("Slot Sync Data", 24),
    array("BTree Vacuum State", 12, 12, Count::Backends),
    fixed("Sync Scan Locations List", 656),
    array("Async Queue Control", 56, 32, Count::Backends),
    slru("notify", Of(Setting::NotifyBuffers)),
    fixed("Shared Memory Stats", 279_992),
    fixed("WaitEventCustomCounterData", 8),
    growing("WaitEventCustom hash by wait event information", [Fixed(16), Fixed(128)], 68, 0),
    growing("WaitEventCustom hash by name", [Fixed(16), Fixed(128)], 68, 0),
];
