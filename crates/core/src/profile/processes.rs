//! How many processes a server may have, among which the pins of bulk operations are shared out
//! (`InitializeMaxBackends`, `postinit.c`; `NUM_AUXILIARY_PROCS`, `proc.h`).
//!
//! [`Counts::processes`](crate::server::segment) adds up the same from the whole list of settings, which
//! the page does not carry; a test holds the two together.

use super::parameters::Setting;
use crate::server::Settings;

/// What a version adds up.
#[derive(Clone, Copy, Debug)]
pub struct ProcessCount {
    /// The setting that counts autovacuum's workers, and its default.
    autovacuum: (Setting, u32),
    /// `NUM_SPECIAL_WORKER_PROCS`, once the autovacuum launcher alone.
    special_workers: u32,
    /// `NUM_AUXILIARY_PROCS`.
    auxiliary: u32,
}

/// Settings that count processes in every version, with their defaults.
const COUNTED: [(Setting, u32); 3] = [
    (Setting::MaxConnections, 100),
    (Setting::MaxWorkerProcesses, 8),
    (Setting::MaxWalSenders, 10),
];

const WORKERS: (Setting, u32) = (Setting::AutovacuumMaxWorkers, 3);

impl ProcessCount {
    pub(super) const OF_15: Self = Self { autovacuum: WORKERS, special_workers: 1, auxiliary: 5 };
    pub(super) const OF_17: Self = Self { autovacuum: WORKERS, special_workers: 2, auxiliary: 6 };
    /// With slots for autovacuum and `MAX_IO_WORKERS`.
    pub(super) const OF_18: Self = Self {
        autovacuum: (Setting::AutovacuumWorkerSlots, 16),
        special_workers: 2,
        auxiliary: 6 + 32,
    };

    /// `MaxBackends + NUM_AUXILIARY_PROCS` with these settings.
    pub fn of(&self, settings: &Settings) -> u32 {
        let mut processes = self.special_workers + self.auxiliary;
        for (setting, default) in COUNTED.into_iter().chain([self.autovacuum]) {
            let given = settings.given(setting).and_then(|value| u32::try_from(value).ok());
            processes = processes.saturating_add(given.unwrap_or(default));
        }
        processes
    }
}

#[cfg(test)]
mod tests {
    use crate::profile::Version;
    use crate::server::Settings;
    use crate::server::segment::processes;

    #[test]
    fn the_segment_has_room_for_as_many_processes() {
        for version in Version::ALL {
            for given in [
                &[][..],
                &[("max_connections", "10"), ("max_worker_processes", "0")],
                &[("max_connections", "1000"), ("max_wal_senders", "3")],
                &[("autovacuum_max_workers", "7"), ("autovacuum_worker_slots", "9")],
            ] {
                let mut settings = Settings::default();
                for (name, value) in given {
                    // 15 and 17 have no slots.
                    let _ = settings.set(version, name, value);
                }
                let counted = u64::from(version.profile().bufmgr.processes.of(&settings));
                assert_eq!(Ok(counted), processes(version, &settings), "{version:?} {given:?}");
            }
        }
    }
}
