//! Numbers that follow from the settings: `MaxBackends`, the size of the lock table, the settings that
//! choose their own value.

use crate::profile::parameters::{MAX_BACKENDS, SLRU_BANK_SIZE, Setting};
use crate::profile::segment::{Count, SegmentProfile, Share};
use crate::server::settings::{SettingError, Settings};

/// `MAX_CHECKPOINT_REQUESTS`.
const MAX_CHECKPOINT_REQUESTS: u64 = 10_000_000;
/// `PGPROC_MAX_CACHED_SUBXIDS`, and the transaction itself.
const CACHED_XIDS: u64 = 64 + 1;
/// `FP_LOCK_GROUPS_PER_BACKEND_MAX`.
const FP_LOCK_GROUPS_PER_BACKEND_MAX: u64 = 1024;
/// `FP_LOCK_SLOTS_PER_GROUP`.
const FP_LOCK_SLOTS_PER_GROUP: u64 = 16;
/// `OLD_SNAPSHOT_PADDING_ENTRIES`.
const OLD_SNAPSHOT_PADDING_ENTRIES: u64 = 10;
/// The most that `AioChooseMaxConcurrency` and `SimpleLruAutotuneBuffers` choose.
const CHOSEN_CONCURRENCY: i64 = 64;
const CHOSEN_SLRU_BUFFERS: i32 = 1024;
/// The share of `shared_buffers` that the latter takes.
const SLRU_DIVISOR: i32 = 512;
/// `io_method`'s number of `worker` and `io_uring`.
const IO_WORKER: i32 = 1;
const IO_URING: i32 = 2;
/// What x86-64 calls a huge page.
const HUGE_PAGE: u64 = 2 << 20;

/// The settings of a server of one version, and what follows from them.
#[derive(Clone, Copy, Debug)]
pub struct Counts<'a> {
    profile: &'static SegmentProfile,
    settings: &'a Settings,
    backends: u64,
}

impl<'a> Counts<'a> {
    /// Add up `MaxBackends` (`InitializeMaxBackends`).
    ///
    /// # Errors
    /// What the postmaster refuses to start with.
    pub fn new(
        profile: &'static SegmentProfile,
        settings: &'a Settings,
    ) -> Result<Self, SettingError> {
        let mut counts = Self { profile, settings, backends: 0 };
        let sum = [Setting::MaxConnections, Setting::MaxWorkerProcesses, Setting::MaxWalSenders];
        let processes: u64 = sum.into_iter().map(|setting| counts.number(setting)).sum();
        let workers = counts.number(profile.autovacuum_workers);
        counts.backends = processes + workers + profile.special_workers;
        let connections = counts.get(Setting::MaxConnections);
        let superuser = counts.get(Setting::SuperuserReservedConnections);
        let reserved = profile.words.reserved_connections;
        let reserved = reserved.then(|| counts.get(Setting::ReservedConnections));
        if superuser + reserved.unwrap_or(0) >= connections {
            return Err(SettingError::ReservedConnections { superuser, reserved, connections });
        }
        if counts.get(Setting::MaxWalSenders) > 0 && counts.get(Setting::WalLevel) == 0 {
            return Err(SettingError::WalStreaming(profile.words.wal_streaming));
        }
        if counts.backends > MAX_BACKENDS as u64 {
            return Err(counts.too_many_backends());
        }
        if counts.get(Setting::IoMethod) == IO_URING {
            return Err(SettingError::IoUring);
        }
        Ok(counts)
    }

    /// What `InitializeMaxBackends` says.
    fn too_many_backends(&self) -> SettingError {
        let profile = self.profile;
        let message = profile.words.too_many_backends;
        if profile.words.checked_alone.is_some() {
            return SettingError::TooManyBackends { message, detail: String::new() };
        }
        let connections = self.get(Setting::MaxConnections);
        let slots = self.get(profile.autovacuum_workers);
        let workers = self.get(Setting::MaxWorkerProcesses);
        let senders = self.get(Setting::MaxWalSenders);
        let most = MAX_BACKENDS as u64 + 1 - profile.special_workers;
        let detail = format!(
            "\"max_connections\" ({connections}) plus \"autovacuum_worker_slots\" ({slots}) plus \
             \"max_worker_processes\" ({workers}) plus \"max_wal_senders\" ({senders}) \
             must be less than {most}."
        );
        SettingError::TooManyBackends { message, detail }
    }

    /// `MaxBackends`.
    pub fn backends(&self) -> u64 {
        self.backends
    }

    /// And the auxiliary processes.
    pub fn processes(&self) -> u64 {
        self.backends + self.profile.auxiliary
    }

    /// A setting as `pg_settings` shows it once the server runs: those that choose their value have
    /// chosen.
    pub fn in_force(&self, setting: Setting) -> i32 {
        let value = self.get(setting);
        match setting {
            Setting::WalBuffers if value == -1 => self.xlog_choose_num_buffers(),
            Setting::IoMaxConcurrency if value == -1 => self.aio_choose_max_concurrency(),
            Setting::TransactionBuffers
            | Setting::CommitTimestampBuffers
            | Setting::SubtransactionBuffers
                if value == 0 =>
            {
                self.simple_lru_autotune_buffers()
            }
            _ => value,
        }
    }

    /// What a count comes to.
    pub fn of(&self, count: Count) -> u64 {
        let buffers = self.number(Setting::SharedBuffers);
        match count {
            Count::Fixed(number) => number,
            Count::Of(setting) => self.number(setting),
            Count::WalBuffers => self.in_force(Setting::WalBuffers) as u64,
            // NUM_BUFFER_PARTITIONS
            Count::BufferTable => buffers + 128,
            Count::CheckpointRequests => buffers.min(MAX_CHECKPOINT_REQUESTS),
            Count::Backends => self.backends,
            Count::Processes => self.processes(),
            Count::StatusSlots => self.status_slots(),
            Count::Transactions => self.transactions(),
            Count::Procs => self.procs(),
            Count::MultixactSlots => self.backends + self.transactions(),
            Count::Locks(share) => {
                // NLOCKENTS
                let locks = self.number(Setting::MaxLocksPerTransaction) * self.transactions();
                match share {
                    Share::Half => locks / 2,
                    Share::TwoHalves => locks / 2 * 2,
                    Share::Whole => locks,
                    Share::Double => locks * 2,
                }
            }
            Count::PredicateLocks(times) => {
                // NPREDICATELOCKTARGETENTS
                times * self.number(Setting::MaxPredLocksPerTransaction) * self.transactions()
            }
            Count::PerTransaction(each) => each * self.transactions(),
            Count::KnownAssigned => {
                CACHED_XIDS * self.transactions() * self.number(Setting::HotStandby)
            }
            Count::FastPathGroups => self.fast_path_groups() * self.procs(),
            Count::ChildSlots => {
                let clients =
                    self.number(Setting::MaxConnections) + self.number(Setting::MaxWalSenders);
                let workers = self.number(self.profile.autovacuum_workers);
                2 * clients + workers + self.number(Setting::MaxWorkerProcesses)
            }
            Count::ActivityBytes => {
                self.number(Setting::TrackActivityQuerySize) * self.status_slots()
            }
            Count::OldSnapshots => match self.get(Setting::OldSnapshotThreshold) {
                minutes @ 1.. => minutes as u64 + OLD_SNAPSHOT_PADDING_ENTRIES,
                _ => 0,
            },
            Count::ReplicationSlots => {
                self.number(Setting::MaxReplicationSlots)
                    + self.number(Setting::MaxRepackReplicationSlots)
            }
            Count::SlruShare(divisor, least, most) => {
                (buffers / divisor as u64).clamp(least as u64, most as u64)
            }
            Count::SlruSetting(setting, most) => {
                self.in_force(setting).clamp(SLRU_BANK_SIZE, most) as u64
            }
            Count::IoHandles => {
                self.processes() * self.in_force(Setting::IoMaxConcurrency).max(0) as u64
            }
            Count::IoPages => self.of(Count::IoHandles) * self.number(Setting::IoMaxCombineLimit),
            Count::IoWorkers => u64::from(self.get(Setting::IoMethod) == IO_WORKER),
        }
    }

    /// `GetHugePageSize`.
    pub(super) fn huge_page(&self) -> u64 {
        match self.number(Setting::HugePageSize) {
            0 => HUGE_PAGE,
            kilobytes => kilobytes << 10,
        }
    }

    fn get(&self, setting: Setting) -> i32 {
        self.settings.get(self.profile, setting)
    }

    /// A setting that is never negative.
    fn number(&self, setting: Setting) -> u64 {
        self.get(setting).max(0) as u64
    }

    fn status_slots(&self) -> u64 {
        self.backends + self.profile.auxiliary_slots
    }

    fn transactions(&self) -> u64 {
        self.backends + self.number(Setting::MaxPreparedTransactions)
    }

    fn procs(&self) -> u64 {
        self.transactions() + self.profile.auxiliary
    }

    /// `InitializeFastPathLocks`.
    fn fast_path_groups(&self) -> u64 {
        let locks = self.number(Setting::MaxLocksPerTransaction).next_power_of_two();
        (locks / FP_LOCK_SLOTS_PER_GROUP).clamp(1, FP_LOCK_GROUPS_PER_BACKEND_MAX)
    }

    /// `XLOGChooseNumBuffers`: 1/32 of the pool, at most a segment, at least 64 kB.
    fn xlog_choose_num_buffers(&self) -> i32 {
        let segment = self.get(Setting::WalSegmentSize) / 8192;
        (self.get(Setting::SharedBuffers) / 32).min(segment).max(8)
    }

    /// `SimpleLruAutotuneBuffers`: whole banks.
    fn simple_lru_autotune_buffers(&self) -> i32 {
        let share = self.get(Setting::SharedBuffers) / SLRU_DIVISOR;
        (share - share % SLRU_BANK_SIZE).clamp(SLRU_BANK_SIZE, CHOSEN_SLRU_BUFFERS)
    }

    /// `AioChooseMaxConcurrency`: a process's share of the pool.
    fn aio_choose_max_concurrency(&self) -> i32 {
        let share = i64::from(self.get(Setting::SharedBuffers)) / self.processes() as i64;
        share.clamp(1, CHOSEN_CONCURRENCY) as i32
    }
}
