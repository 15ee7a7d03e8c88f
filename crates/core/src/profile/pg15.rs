//! PostgreSQL 15, as read in its source and confirmed by the traces of 15.18; and 15.20, as the
//! oracle found it beside that.

use super::contexts::start_of_15;
use super::{
    BackendProfile, BufmgrProfile, GenerationProfile, LmgrProfile, MmgrProfile, NodeTags,
    ProcessCount, Profile, ShmemProfile, StartStep, TransactionEnd, Version,
};

pub(super) static PROFILE: Profile = Profile {
    version: Version::V15,
    mmgr: MMGR,
    backend: BACKEND,
    bufmgr: BUFMGR,
    work: &super::WorkProfile::OF_15,
    shmem: ShmemProfile::BEFORE_IO_ALIGNMENT,
    lmgr: LmgrProfile::OF_15,
    views: &super::views::OF_15,
    routines: super::routines::OF_15,
};

pub(super) static PROFILE_20: Profile = Profile {
    version: Version::V15_20,
    mmgr: MmgrProfile {
        recycled_limit_follows_max: true,
        generation: GenerationProfile { spare_within_max: true, ..MMGR.generation },
        ..MMGR
    },
    backend: BACKEND,
    bufmgr: BUFMGR,
    work: &super::WorkProfile::OF_15,
    shmem: ShmemProfile::BEFORE_IO_ALIGNMENT,
    lmgr: LmgrProfile::OF_15,
    views: &super::views::OF_15,
    routines: super::routines::OF_15,
};

static START: [StartStep; 14] = start_of_15(41_960);

const MMGR: MmgrProfile =
    MmgrProfile::with_owner_pointers(NodeTags { aset: 223, generation: 225, slab: 224, bump: 0 });

const BACKEND: BackendProfile = BackendProfile {
    start: &START,
    transaction_end: TransactionEnd::Delete,
    functions_in_cache: false,
    portal: 232,
    query_desc: 112,
    local_buffer_align: 0,
};

const BUFMGR: BufmgrProfile = BufmgrProfile {
    freelist: true,
    just_dirtied: true,
    bulkread_ring_kb: |_| 256,
    vacuum_ring_kb: 256,
    sized_rings: false,
    insert_first: true,
    bulk_extend: false,
    read_rounds: None,
    read_stream: None,
    evict: false,
    vacuum_checks_pins: false,
    local_flush_counted: false,
    processes: ProcessCount::OF_15,
};
