//! PostgreSQL 17, as read in its source and confirmed by the traces of 17.10.

use super::{BufmgrProfile, ContextRows, MmgrProfile, NodeTags, Profile, ReadRounds, Version};

pub(super) static PROFILE: Profile = Profile {
    version: Version::V17,
    mmgr: MmgrProfile::with_packed_headers(
        ContextRows::Parent,
        NodeTags { aset: 469, generation: 470, slab: 471, bump: 472 },
    ),
    bufmgr: BufmgrProfile {
        freelist: true,
        just_dirtied: true,
        bulkread_ring_kb: |_| 256,
        vacuum_ring_kb: 2048,
        sized_rings: true,
        bulk_extend: true,
        read_rounds: Some(ReadRounds::IncludeHit),
        evict: true,
        local_flush_counted: true,
        processes: 15 + 6,
    },
};
