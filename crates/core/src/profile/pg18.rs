//! PostgreSQL 18, as read in its source and confirmed by the traces of 18.4.

use super::contexts::start_of_17;
use super::{
    BackendProfile, BufmgrProfile, ContextRows, LmgrProfile, MmgrProfile, NodeTags, ProcessCount,
    Profile, ReadRounds, ReadStreamProfile, ShmemProfile, StartStep, TransactionEnd, Version,
};

static START: [StartStep; 15] = start_of_17(41_520);

pub(super) static PROFILE: Profile = Profile {
    version: Version::V18,
    mmgr: MmgrProfile::with_packed_headers(
        ContextRows::Path,
        NodeTags { aset: 474, generation: 475, slab: 476, bump: 477 },
    ),
    backend: BackendProfile {
        start: &START,
        transaction_end: TransactionEnd::Reset,
        functions_in_cache: true,
        portal: 224,
        query_desc: 112,
        local_buffer_align: 4096,
    },
    bufmgr: BufmgrProfile {
        freelist: true,
        just_dirtied: true,
        bulkread_ring_kb,
        vacuum_ring_kb: 2048,
        sized_rings: true,
        insert_first: false,
        bulk_extend: true,
        read_rounds: Some(ReadRounds::StopBeforeHit),
        read_stream: Some(READ_STREAM),
        evict: true,
        vacuum_checks_pins: true,
        local_flush_counted: true,
        processes: ProcessCount::OF_18,
    },
    work: &super::WorkProfile::OF_18,
    shmem: ShmemProfile::ASYNCHRONOUS,
    lmgr: LmgrProfile::OF_18,
    views: &super::views::OF_18,
    routines: &[],
};

pub(super) const READ_STREAM: ReadStreamProfile = ReadStreamProfile {
    effective_io_concurrency: 16,
    maintenance_io_concurrency: 16,
    distance_follows_advice: false,
    more_users: true,
};

/// 256 kB, and a page for each I/O that may be under way (`io_combine_limit` 16 times
/// `effective_io_concurrency` 16), within a backend's share of the pool (`GetPinLimit`).
pub(super) fn bulkread_ring_kb(pin_limit: u32) -> u32 {
    (256 + 8 * 16 * 16).min((8 * pin_limit).max(256))
}
