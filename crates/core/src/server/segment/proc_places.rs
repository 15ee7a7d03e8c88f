//! Where the slots of processes lie in the segment: `PROC_HDR`, the array of `PGPROC`, the arrays
//! that mirror some of its fields, semaphores and fast-path slots (`InitProcGlobal`, `proc.c`;
//! `PGReserveSemaphores`).

use super::{Allocation, CACHE_LINE, Count, Counts, HEADER, SEMAPHORE, SegmentProfile};
use crate::profile::ProcProfile;
use crate::profile::parameters::Setting;

/// Places count from the segment's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct ProcPlaces {
    pub(in crate::server) header: u64,
    pub(in crate::server) procs: u64,
    /// All `PGPROC`s, those of prepared transactions included.
    pub(in crate::server) total: u64,
    /// `allProcCount`
    pub(in crate::server) all_proc_count: u64,
    /// The first `PGPROC` behind those of clients, of autovacuum, of background workers, and of
    /// WAL senders.
    pub(in crate::server) ends: [u64; 4],
    pub(in crate::server) xids: u64,
    pub(in crate::server) subxid_states: u64,
    pub(in crate::server) status_flags: u64,
    /// The first semaphore.
    pub(in crate::server) semaphores: u64,
    /// The first process's fast-path slots, and how many groups each process has, where they
    /// are not within `PGPROC`.
    pub(in crate::server) fast_path: Option<(u64, u64)>,
}

impl ProcPlaces {
    /// Where they are.
    pub(super) fn find(
        profile: &SegmentProfile,
        procs: &ProcProfile,
        counts: &Counts<'_>,
        allocations: &[Allocation],
    ) -> Option<Self> {
        let row = |name| allocations.iter().find(|row| row.name == name);
        let header = row("Proc Header")?;
        let total = counts.of(Count::Procs);
        let mut it = Self {
            header: header.off,
            procs: 0,
            total,
            all_proc_count: counts.processes(),
            ends: ends(profile, counts),
            xids: 0,
            subxid_states: 0,
            status_flags: 0,
            semaphores: row("Semaphores").map_or(HEADER, |row| row.off),
            fast_path: None,
        };
        let one_row = row("PGPROC structures");
        // Where they have no name, each array has cache lines of its own behind the header.
        let align = if one_row.is_some() { 1 } else { CACHE_LINE };
        let mut at = one_row.map_or(header.off + header.allocated_size, |row| row.off);
        for (place, each) in [
            (&mut it.procs, procs.size),
            (&mut it.xids, 4),
            (&mut it.subxid_states, 2),
            (&mut it.status_flags, 1),
        ] {
            *place = at;
            at += (each * total).next_multiple_of(align);
        }
        if let Some(row) = row("Fast-Path Lock Array") {
            it.fast_path = Some((row.off, counts.of(Count::FastPathGroups) / total.max(1)));
        }
        Some(it)
    }

    /// A process's semaphore.
    pub(in crate::server) fn semaphore(&self, number: u64) -> u64 {
        self.semaphores + number * SEMAPHORE
    }
}

fn ends(profile: &SegmentProfile, counts: &Counts<'_>) -> [u64; 4] {
    let number = |setting| counts.of(Count::Of(setting));
    let clients = number(Setting::MaxConnections);
    let autovacuum = clients + number(profile.autovacuum_workers) + profile.special_workers;
    let workers = autovacuum + number(Setting::MaxWorkerProcesses);
    [clients, autovacuum, workers, counts.backends()]
}
