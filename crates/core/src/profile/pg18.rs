//! PostgreSQL 18, as read in its source and confirmed by the traces of 18.4.

use super::{BufmgrProfile, MmgrProfile, Profile, Version};

pub(super) static PROFILE: Profile = Profile {
    version: Version::V18,
    mmgr: MmgrProfile { aset_context: 200, aset_block: 40, chunk: 8, node_tag_aset: 0 },
    bufmgr: BufmgrProfile { freelist: true, just_dirtied: true },
};
