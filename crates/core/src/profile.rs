//! What differs between PostgreSQL versions, as data.
//!
//! A [`Profile`] is a value that the machine carries; code that depends on the version asks
//! the profile and never the version's number. One file a version. Traces of real servers of
//! each replay without a difference.

pub(crate) mod contexts;
mod lmgr;
mod mmgr;
pub mod parameters;
mod pg15;
mod pg17;
mod pg18;
mod pg19;
mod process;
mod processes;
mod procs;
mod routines;
pub mod segment;
mod shmem;
mod views;
mod work;

pub use contexts::{BackendProfile, StartStep, TransactionEnd};
pub use lmgr::LmgrProfile;
pub use mmgr::{
    ChunkHeaders, ContextRows, GenerationProfile, MEMORY_CONTEXT_CHECKING, MmgrProfile, NodeTags,
    Recycling, SlabLists, SlabProfile, StatsDetail, TreeOrder,
};
pub use process::{BackendType, ProcessProfile};
pub use processes::ProcessCount;
pub use procs::{Field, HeaderValue, ProcProfile, ProcValue};
pub use routines::Renamed;
pub use shmem::{ContentLock, ShmemProfile};
pub use views::ViewColumns;
pub use work::WorkProfile;

/// A major version of PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// PostgreSQL 15, up to 15.18 and perhaps 15.19.
    V15,
    /// PostgreSQL 15 from 15.20 on.
    V15_20,
    /// PostgreSQL 17.
    V17,
    /// PostgreSQL 18.
    V18,
    /// PostgreSQL 19 (release candidate 1).
    V19,
}

impl Version {
    /// Every version that the core knows something of.
    pub const ALL: [Version; 5] =
        [Version::V15, Version::V15_20, Version::V17, Version::V18, Version::V19];
    /// The versions that scenarios may ask for: those that recorded traces have checked whole.
    pub const OFFERED: [Version; 4] = [Version::V15, Version::V17, Version::V18, Version::V19];

    /// The major version's number.
    pub fn number(self) -> u32 {
        match self {
            Version::V15 | Version::V15_20 => 15,
            Version::V17 => 17,
            Version::V18 => 18,
            Version::V19 => 19,
        }
    }

    /// The version with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.number() == number)
    }

    /// The version that a release is, by its `server_version_num`.
    pub fn from_release(number: u32) -> Option<Self> {
        match number {
            150_020..160_000 => Some(Version::V15_20),
            _ => Self::from_number(number / 10_000),
        }
    }

    /// Everything that is particular to it.
    pub fn profile(self) -> &'static Profile {
        match self {
            Version::V15 => &pg15::PROFILE,
            Version::V15_20 => &pg15::PROFILE_20,
            Version::V17 => &pg17::PROFILE,
            Version::V18 => &pg18::PROFILE,
            Version::V19 => &pg19::PROFILE,
        }
    }
}

/// One version's particulars.
#[derive(Debug)]
pub struct Profile {
    /// Which version.
    pub version: Version,
    /// Memory contexts.
    pub mmgr: MmgrProfile,
    /// The contexts of a backend.
    pub backend: BackendProfile,
    /// The buffer pool.
    pub bufmgr: BufmgrProfile,
    /// What uses `work_mem`.
    pub work: &'static WorkProfile,
    /// The shared segment.
    pub shmem: ShmemProfile,
    /// The lock manager.
    pub lmgr: LmgrProfile,
    /// The views' columns.
    pub views: &'static ViewColumns,
    /// Routines of PostgreSQL 18 whose work another one does here.
    pub routines: &'static [Renamed],
}

/// One of the two kinds of chunk headers, for what is compiled for each by itself. Sizes and
/// offsets are the same in all profiles that have them, and here they are constants.
pub(crate) trait Layout {
    /// A profile with this kind.
    const PROFILE: &Profile;
}

/// [`ChunkHeaders::Owner`].
pub(crate) struct OwnerLayout;

/// [`ChunkHeaders::Packed`].
pub(crate) struct PackedLayout;

impl Layout for OwnerLayout {
    const PROFILE: &Profile = &pg15::PROFILE;
}

impl Layout for PackedLayout {
    const PROFILE: &Profile = &pg18::PROFILE;
}

impl Profile {
    /// A routine of PostgreSQL 18 and its file, as this version has them.
    pub fn routine(&self, routine: (&'static str, &'static str)) -> (&'static str, &'static str) {
        let renamed = self.routines.iter().find(|(name, ..)| *name == routine.0);
        renamed.map_or(routine, |&(_, own, file)| (own, file))
    }
}

/// How the buffer manager of a version works.
#[derive(Debug)]
pub struct BufmgrProfile {
    /// Buffers that hold nothing are on a list and are taken before the hand moves.
    pub freelist: bool,
    /// Dirtying sets `BM_JUST_DIRTIED`.
    pub just_dirtied: bool,
    /// Bytes in kB of the ring of a bulk read, for a backend that may pin so many buffers
    /// (`GetPinLimit`).
    pub bulkread_ring_kb: fn(u32) -> u32,
    /// Bytes in kB of VACUUM's ring (`vacuum_buffer_usage_limit`).
    pub vacuum_ring_kb: u32,
    /// The size of a ring can be chosen (`GetAccessStrategyWithSize`).
    pub sized_rings: bool,
    /// A miss enters the new page into the lookup table before its victim's old page leaves it
    /// (`BufferAlloc`); otherwise the victim is emptied first (`GetVictimBuffer`).
    pub insert_first: bool,
    /// Extending takes the victims first and looks the new blocks up afterwards, so that
    /// several can be added at once (`ExtendBufferedRelBy`).
    pub bulk_extend: bool,
    /// How several blocks are read at once; `None` if they can't be.
    pub read_rounds: Option<ReadRounds>,
    /// How scans look ahead; `None` if they don't.
    pub read_stream: Option<ReadStreamProfile>,
    /// A buffer can be emptied from outside (`EvictUnpinnedBuffer`).
    pub evict: bool,
    /// VACUUM makes sure that it has each page pinned once only.
    pub vacuum_checks_pins: bool,
    /// Flushing a temporary relation counts the blocks it writes.
    pub local_flush_counted: bool,
    /// Among whom the pins of bulk operations are shared out.
    pub processes: ProcessCount,
}

/// How a version's read streams look ahead (`read_stream.c`), with the settings' defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadStreamProfile {
    /// `effective_io_concurrency`: reads that a scan may have started.
    pub effective_io_concurrency: u32,
    /// `maintenance_io_concurrency`: the same for VACUUM.
    pub maintenance_io_concurrency: u32,
    /// The distance goes beyond one call's blocks only where the kernel is told in advance, and the
    /// pins are limited when the stream begins; otherwise it doubles with each read, and they are
    /// limited at each.
    pub distance_follows_advice: bool,
    /// Bitmap scans and VACUUM use streams, not only sequential scans and prewarming.
    pub more_users: bool,
}

/// Where a round of `StartReadBuffers` ends that meets a hit after misses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadRounds {
    /// Behind the hit, which is part of the round.
    IncludeHit,
    /// Before the hit, which stays pinned and is a round of its own.
    StopBeforeHit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_offsets_follow_from_the_chunk_headers() {
        for profile in Version::ALL.map(Version::profile) {
            let its = &profile.mmgr;
            let alike = match its.chunk_headers {
                ChunkHeaders::Owner => &OwnerLayout::PROFILE.mmgr,
                ChunkHeaders::Packed => &PackedLayout::PROFILE.mmgr,
            };
            let layout = |mmgr: &MmgrProfile| {
                let (generation, slab) = (&mmgr.generation, &mmgr.slab);
                let aset = [mmgr.chunk, mmgr.aset_context, mmgr.aset_block, mmgr.size_field];
                let generation = [generation.context, generation.block, generation.chunk];
                (aset, generation, [slab.blocklists, slab.block, slab.chunk], slab.lists, mmgr.bump)
            };
            assert_eq!(its.chunk_headers, alike.chunk_headers);
            assert_eq!(layout(its), layout(alike));
        }
    }
}
