//! PostgreSQL 15, as read in its source and confirmed by the traces of 15.18.

use super::{BufmgrProfile, MmgrProfile, NodeTags, Profile, ShmemProfile, Version};

pub(super) static PROFILE: Profile = Profile {
    version: Version::V15,
    mmgr: MmgrProfile::with_owner_pointers(NodeTags {
        aset: 223,
        generation: 225,
        slab: 224,
        bump: 0,
    }),
    bufmgr: BufmgrProfile {
        freelist: true,
        just_dirtied: true,
        bulkread_ring_kb: |_| 256,
        vacuum_ring_kb: 256,
        sized_rings: false,
        insert_first: true,
        bulk_extend: false,
        read_rounds: None,
        evict: false,
        local_flush_counted: false,
        processes: 14 + 5,
    },
    shmem: ShmemProfile::BEFORE_IO_ALIGNMENT,
    routines: super::routines::OF_15,
};
