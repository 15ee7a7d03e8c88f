//! What a version puts into the shared segment at start, in the order in which it does
//! (`CreateSharedMemoryAndSemaphores`, from 19 on `subsystemlist.h`), and from what each size follows.
//!
//! A table a version. It does not hang on [`Profile`](super::Profile), so that who asks for no
//! layout carries none of it.

mod pg15;
mod pg17;
mod pg18;
mod pg19;

use super::Version;
use super::parameters::{Parameter, Setting};

/// A version's shared segment.
#[derive(Debug)]
pub struct SegmentProfile {
    /// The settings that it is computed from.
    pub parameters: &'static [&'static [Parameter]],
    /// The other settings.
    pub others: &'static [&'static [Parameter]],
    /// Processes of `MaxBackends` that no setting counts: the autovacuum launcher, and the slot
    /// synchronization worker.
    pub special_workers: u64,
    /// How many autovacuum workers `MaxBackends` has room for.
    pub autovacuum_workers: Setting,
    /// `NUM_AUXILIARY_PROCS`.
    pub auxiliary: u64,
    /// Slots of `BackendStatusArray` for auxiliary processes.
    pub auxiliary_slots: u64,
    /// How memory is handed out.
    pub allocator: Allocator,
    /// How an SLRU area is laid out.
    pub slru: SlruProfile,
    /// How it says what is wrong with the settings.
    pub words: Words,
    /// The structures, in the order in which they are allocated.
    pub structures: &'static [Structure],
}

/// A version's messages about settings, where versions differ.
#[derive(Debug)]
pub struct Words {
    /// Both ends of a range have the unit too.
    pub range_has_units: bool,
    /// There is `reserved_connections`.
    pub reserved_connections: bool,
    /// How a detail ends.
    pub full_stop: &'static str,
    /// Each setting that counts processes is checked when it is given, with so many processes beyond
    /// those that settings count.
    pub checked_alone: Option<i32>,
    /// `MaxBackends` is too large.
    pub too_many_backends: &'static str,
    /// WAL senders without WAL that is fit for them.
    pub wal_streaming: &'static str,
}

/// How the segment is sized and handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocator {
    /// `CalculateShmemSize` adds estimates; `ShmemAlloc` hands out whole cache lines, and hash
    /// tables take theirs in pieces without a name.
    Estimated {
        /// Estimated beyond the structures: the cache lines by which `BufferShmemSize` aligns.
        slop: u64,
    },
    /// Every structure is requested by name before the segment is made (`ShmemRequestStruct`),
    /// and the padding before it counts as its own.
    Requested,
}

/// `SlruSharedData` and what follows it (`SimpleLruShmemSize`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlruProfile {
    /// `sizeof(SlruSharedData)`.
    pub header: u64,
    /// Bytes of a page's number.
    pub page_number: u64,
    /// Buffers of a bank, each with a lock and a counter; zero if there are no banks.
    pub bank: u64,
}

/// One thing in the segment.
#[derive(Clone, Copy, Debug)]
pub struct Structure {
    /// Its name in `pg_shmem_allocations`, empty if it has none.
    pub name: &'static str,
    /// How large it is.
    pub size: Size,
    /// What it begins at a multiple of.
    pub align: u64,
    /// What `CalculateShmemSize` counts for it.
    pub estimate: Estimate,
}

/// What a size follows from.
#[derive(Clone, Copy, Debug)]
pub enum Size {
    /// A constant, and so many bytes for each.
    Array(u64, u64, Count),
    /// The same, not there if there are none.
    Optional(u64, u64, Count),
    /// An SLRU area (`SimpleLruShmemSize`).
    Slru {
        /// Pages it holds.
        buffers: Count,
        /// `group_lsn` entries a page (`CLOG_LSNS_PER_PAGE`).
        lsns: u64,
    },
    /// A shared hash table (`ShmemInitHash`).
    Hash {
        /// The most entries.
        max: Count,
        /// Entries made at start.
        init: Count,
        /// Bytes of an entry.
        entry: u64,
        /// `num_partitions`; zero if it is not partitioned.
        partitions: u64,
    },
}

/// What `CalculateShmemSize` counts for a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Estimate {
    /// Its size, of a hash table all that it may come to take.
    Size,
    /// That, and a tenth of it and of the structure before it.
    WithTenth,
    /// Something else.
    Bytes(u64),
}

/// A number that follows from the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// This.
    Fixed(u64),
    /// A setting.
    Of(Setting),
    /// `wal_buffers`, or what is chosen in its place (`XLOGChooseNumBuffers`).
    WalBuffers,
    /// `shared_buffers` and a spare entry for each partition of the lookup table.
    BufferTable,
    /// Requests to the checkpointer: a buffer each, up to `MAX_CHECKPOINT_REQUESTS`.
    CheckpointRequests,
    /// `MaxBackends`.
    Backends,
    /// And the auxiliary processes.
    Processes,
    /// Slots of `BackendStatusArray`.
    StatusSlots,
    /// `MaxBackends` and prepared transactions.
    Transactions,
    /// Backends, auxiliary processes and prepared transactions: all `PGPROC`s.
    Procs,
    /// Multixact ids that a backend is about to use or sees, and a prepared transaction holds.
    MultixactSlots,
    /// `max_locks_per_transaction` of each transaction, this many times, halved for what is made
    /// at start.
    Locks(Share),
    /// `max_pred_locks_per_transaction` of each transaction, this many times.
    PredicateLocks(u64),
    /// So many for each transaction.
    PerTransaction(u64),
    /// Transaction ids of a primary that a standby keeps (`TOTAL_MAX_CACHED_SUBXIDS`).
    KnownAssigned,
    /// Groups of fast-path slots, of all processes.
    FastPathGroups,
    /// Children of the postmaster that settings count.
    ChildSlots,
    /// Bytes of all activity strings.
    ActivityBytes,
    /// `old_snapshot_threshold` in minutes, and some more; none if it is off.
    OldSnapshots,
    /// Slots for replication, those of REPACK too.
    ReplicationSlots,
    /// An SLRU that a share of `shared_buffers` was taken for: divisor, least, most.
    SlruShare(i32, i32, i32),
    /// An SLRU's own setting, in whose place a share of `shared_buffers` steps if it is zero; at
    /// most so many.
    SlruSetting(Setting, i32),
    /// I/Os that all processes may have under way.
    IoHandles,
    /// Pages of all these.
    IoPages,
    /// One if I/O workers do the I/O.
    IoWorkers,
}

/// Which part of the lock table's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Half of them.
    Half,
    /// Twice the half, which is one less if they are odd.
    TwoHalves,
    /// All.
    Whole,
    /// Twice as many.
    Double,
}

/// `PG_CACHE_LINE_SIZE`.
pub const CACHE_LINE: u64 = 128;
/// `SHMEM_INDEX_SIZE`: entries that the table of names starts with, where structures are allocated as
/// they come.
pub const SHMEM_INDEX_SIZE: u64 = 64;
/// `sizeof(ShmemIndexEnt)` there.
pub const SHMEM_INDEX_ENTRY: u64 = 72;

impl Structure {
    const fn new(name: &'static str, size: Size) -> Self {
        Self { name, size, align: CACHE_LINE, estimate: Estimate::Size }
    }

    const fn estimate(self, estimate: Estimate) -> Self {
        Self { estimate, ..self }
    }

    /// What the 100 kB for small things are for.
    const fn not_estimated(self) -> Self {
        self.estimate(Estimate::Bytes(0))
    }

    const fn align(self, align: u64) -> Self {
        Self { align, ..self }
    }
}

/// A structure of fixed size.
const fn fixed(name: &'static str, size: u64) -> Structure {
    array(name, size, 0, Count::Fixed(0))
}

/// `base` bytes, and `each` for every one.
const fn array(name: &'static str, base: u64, each: u64, of: Count) -> Structure {
    Structure::new(name, Size::Array(base, each, of))
}

/// The same, absent if there are none.
const fn optional(name: &'static str, base: u64, each: u64, of: Count) -> Structure {
    Structure::new(name, Size::Optional(base, each, of))
}

const fn slru(name: &'static str, buffers: Count) -> Structure {
    Structure::new(name, Size::Slru { buffers, lsns: 0 })
}

/// The SLRU of transaction states, which remembers how far WAL must be flushed.
const fn clog(name: &'static str, buffers: Count) -> Structure {
    Structure::new(name, Size::Slru { buffers, lsns: 1024 })
}

/// `ShmemIndex` itself, which has no name in its own table.
const SHMEM_INDEX: Structure = hash("", Count::Fixed(SHMEM_INDEX_SIZE), SHMEM_INDEX_ENTRY, 0);

/// A hash table that is made whole at start.
const fn hash(name: &'static str, max: Count, entry: u64, partitions: u64) -> Structure {
    Structure::new(name, Size::Hash { max, init: max, entry, partitions })
}

/// A hash table that grows.
const fn growing(
    name: &'static str,
    [init, max]: [Count; 2],
    entry: u64,
    partitions: u64,
) -> Structure {
    Structure::new(name, Size::Hash { max, init, entry, partitions })
}

impl Version {
    /// What this version's shared segment is made of.
    pub fn segment(self) -> &'static SegmentProfile {
        match self {
            Version::V15 | Version::V15_20 => &pg15::SEGMENT,
            Version::V17 => &pg17::SEGMENT,
            Version::V18 => &pg18::SEGMENT,
            Version::V19 => &pg19::SEGMENT,
        }
    }
}
