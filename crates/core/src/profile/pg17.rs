//! PostgreSQL 17, as read in its source and confirmed by the traces of 17.10.

use super::contexts::start_of_17;
use super::{
    BackendProfile, BufmgrProfile, ContextRows, LmgrProfile, MmgrProfile, NodeTags, ProcessCount,
    Profile, ReadRounds, ReadStreamProfile, ShmemProfile, StartStep, TransactionEnd, Version,
};

static START: [StartStep; 15] = start_of_17(41_520);

pub(super) static PROFILE: Profile = Profile {
    version: Version::V17,
    mmgr: MmgrProfile::with_packed_headers(
        ContextRows::Parent,
        NodeTags { aset: 469, generation: 470, slab: 471, bump: 472 },
    ),
    backend: BackendProfile {
        start: &START,
        transaction_end: TransactionEnd::Delete,
        functions_in_cache: false,
        portal: 232,
        query_desc: 112,
        local_buffer_align: 4096,
    },
    bufmgr: BufmgrProfile {
        freelist: true,
        just_dirtied: true,
        bulkread_ring_kb: |_| 256,
        vacuum_ring_kb: 2048,
        sized_rings: true,
        insert_first: false,
        bulk_extend: true,
        read_rounds: Some(ReadRounds::IncludeHit),
        read_stream: Some(ReadStreamProfile {
            effective_io_concurrency: 1,
            maintenance_io_concurrency: 10,
            distance_follows_advice: true,
            more_users: false,
        }),
        evict: true,
        vacuum_checks_pins: false,
        local_flush_counted: true,
        processes: ProcessCount::OF_17,
    },
    work: &super::WorkProfile::OF_17,
    shmem: ShmemProfile::ALIGNED,
    lmgr: LmgrProfile::OF_17,
    views: &super::views::OF_17,
    routines: super::routines::OF_17,
};
