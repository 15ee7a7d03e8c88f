//! PostgreSQL 19, as read in its source and confirmed by the traces of 19rc1.

use super::{BufmgrProfile, MmgrProfile, Profile, ReadRounds, Version};

pub(super) static PROFILE: Profile = Profile {
    version: Version::V19,
    mmgr: MmgrProfile { aset_context: 200, aset_block: 40, chunk: 8, node_tag_aset: 474 },
    bufmgr: BufmgrProfile {
        freelist: false,
        just_dirtied: false,
        bulkread_ring_kb: super::pg18::bulkread_ring_kb,
        vacuum_ring_kb: 2048,
        sized_rings: true,
        bulk_extend: true,
        read_rounds: Some(ReadRounds::StopBeforeHit),
        evict: true,
        local_flush_counted: true,
        processes: super::pg18::BACKENDS_AND_AUX_PROCS,
    },
};
