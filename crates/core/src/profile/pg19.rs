//! PostgreSQL 19, as read in its source and confirmed by the traces of 19rc1.

use super::contexts::start_of_17;
use super::{
    BackendProfile, BufmgrProfile, ContextRows, LmgrProfile, MmgrProfile, NodeTags, ProcessCount,
    Profile, ReadRounds, ShmemProfile, StartStep, TransactionEnd, Version,
};

static START: [StartStep; 15] = start_of_17(41_960);

pub(super) static PROFILE: Profile = Profile {
    version: Version::V19,
    // 19rc1 keeps its tags in a generated header that we have not seen: these are 18's.
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
        freelist: false,
        just_dirtied: false,
        bulkread_ring_kb: super::pg18::bulkread_ring_kb,
        vacuum_ring_kb: 2048,
        sized_rings: true,
        insert_first: false,
        bulk_extend: true,
        read_rounds: Some(ReadRounds::StopBeforeHit),
        // 19rc1's streams are 18's here: no trace has them.
        read_stream: Some(super::pg18::READ_STREAM),
        evict: true,
        vacuum_checks_pins: true,
        local_flush_counted: true,
        processes: ProcessCount::OF_18,
    },
    work: &super::WorkProfile::OF_19,
    shmem: ShmemProfile::WIDE_STATE,
    lmgr: LmgrProfile::OF_19,
    views: &super::views::OF_18,
    routines: &[],
};
