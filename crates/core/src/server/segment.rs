//! The whole shared segment as a version lays it out at start: what `pg_shmem_allocations` lists
//! (`ipci.c`, `shmem.c`).
//!
//! [`Segment::new`] does with the settings what the postmaster does: it computes how large the
//! segment must be, and hands out memory to one structure after the other. What lies in the
//! structures of the buffer pool is [`ShmemLayout`](super::shmem::ShmemLayout)'s.

mod counts;
pub(super) mod hash_tables;
pub(super) mod proc_places;
mod sizes;

pub use counts::Counts;
use hash_tables::HashTable;
use proc_places::ProcPlaces;

use super::settings::{INTEGER_RANGE_HINT, SettingError, Settings};
use crate::profile::Version;
use crate::profile::segment::{
    Allocator, CACHE_LINE, Count, Estimate, SHMEM_INDEX_ENTRY, SHMEM_INDEX_SIZE, SegmentProfile,
    Size,
};
use sizes::{
    choose_nelem_alloc, hash_create_pieces, hash_estimate_size, hash_get_shared_size, lot,
    simple_lru_shmem_size,
};

/// What `CalculateShmemSize` adds for all that is too small to be estimated.
const SMALL_THINGS: u64 = 100_000;
/// A typical page, to whose multiple the segment's size is rounded up.
const PAGE: u64 = 8192;
/// `sizeof(PGShmemHeader)`.
const HEADER: u64 = 56;
/// `sizeof(PGSemaphoreData)`: a semaphore has a cache line to itself.
const SEMAPHORE: u64 = 128;
/// The lock of the allocator itself (`ShmemAllocUnlocked`).
const SHMEM_LOCK: u64 = 8;

/// A structure in the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Its name.
    pub name: &'static str,
    /// Bytes from the segment's start.
    pub off: u64,
    /// Bytes asked for.
    pub size: u64,
    /// Bytes that it takes, with padding.
    pub allocated_size: u64,
}

/// A server's shared segment after start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// What has a name, by address.
    pub allocations: Vec<Allocation>,
    /// `freeoffset`: where the free rest begins.
    pub free_offset: u64,
    /// Bytes of the segment.
    pub total: u64,
    /// `num_os_semaphores`.
    pub semaphores: u64,
    /// Bytes of a huge page.
    pub huge_page: u64,
    /// Where the pieces of some structures lie.
    places: Option<Places>,
}

/// Where the pieces of those structures lie that have bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) lookup: HashTable,
    pub(super) lock: HashTable,
    pub(super) proclock: HashTable,
    pub(super) procs: ProcPlaces,
    /// `FastPathStrongRelationLockData`
    pub(super) strong: u64,
}

impl Segment {
    /// The segment of a version for these settings.
    ///
    /// # Errors
    /// Settings that PostgreSQL does not start with, and those whose memory the operating system
    /// decides.
    pub fn new(version: Version, settings: &Settings) -> Result<Self, SettingError> {
        let profile = version.segment();
        let counts = Counts::new(profile, settings)?;
        let semaphores = counts.processes();
        let mut segment = Self {
            allocations: Vec::with_capacity(profile.structures.len()),
            free_offset: 0,
            total: 0,
            semaphores,
            huge_page: counts.huge_page(),
            places: None,
        };
        match profile.allocator {
            Allocator::Estimated { slop } => {
                segment.total = calculate_shmem_size(profile, &counts, slop);
                segment.create_shared_memory(profile, &counts);
            }
            Allocator::Requested => segment.allocate_requested(profile, &counts),
        }
        segment.places = Places::find(version, &counts, &segment.allocations);
        for (name, size) in [
            ("shared_memory_size", segment.shared_memory_size()),
            ("shared_memory_size_in_huge_pages", segment.shared_memory_size_in_huge_pages()),
        ] {
            if i32::try_from(size).is_err() {
                let (value, hint) = (size.to_string(), INTEGER_RANGE_HINT.to_owned());
                return Err(SettingError::Invalid { name, value, hint });
            }
        }
        Ok(segment)
    }

    /// `CreateSharedMemoryAndSemaphores`: semaphores, the allocator's lock, then the structures,
    /// each in cache lines of its own.
    fn create_shared_memory(&mut self, profile: &SegmentProfile, counts: &Counts<'_>) {
        let begin = HEADER + SEMAPHORE * self.semaphores + SHMEM_LOCK;
        self.free_offset = begin.next_multiple_of(CACHE_LINE);
        for structure in profile.structures {
            let Some(size) = shared_size(profile, counts, structure.size) else { continue };
            let allocated_size = size.next_multiple_of(CACHE_LINE);
            let name = structure.name;
            if !name.is_empty() {
                self.free_offset += shmem_index_grows(self.allocations.len() as u64);
            }
            let off = self.free_offset;
            if !name.is_empty() {
                self.allocations.push(Allocation { name, off, size, allocated_size });
            }
            self.free_offset += allocated_size;
            if let Size::Hash { init, entry, partitions, .. } = structure.size {
                self.free_offset += hash_create_pieces(counts.of(init), entry, partitions);
            }
        }
    }

    /// `ShmemGetRequestedSize` and `ShmemInitRequested`: all that was requested, each at its
    /// alignment; the padding before a structure is the structure's.
    fn allocate_requested(&mut self, profile: &SegmentProfile, counts: &Counts<'_>) {
        let mut requested = 0_u64;
        // The allocator's header and lock.
        self.free_offset = CACHE_LINE;
        for structure in profile.structures {
            let Some(size) = whole_size(profile, counts, structure.size) else { continue };
            requested = requested.next_multiple_of(structure.align) + size;
            let off = self.free_offset.next_multiple_of(structure.align);
            let allocated_size = off + size - self.free_offset;
            self.allocations.push(Allocation { name: structure.name, off, size, allocated_size });
            self.free_offset = off + size;
        }
        self.total = rounded(requested + SMALL_THINGS);
    }

    /// Bytes that the lookup table of buffers takes from the free rest each time when one of its free lists
    /// is empty (`get_hash_entry`), as happens in a small pool as soon as pages are read; zero where
    /// tables don't grow.
    pub fn lookup_table_grows(version: Version) -> u64 {
        let profile = version.segment();
        let entry = profile.structures.iter().find_map(|structure| match structure.size {
            Size::Hash { max: Count::BufferTable, entry, .. } => Some(entry),
            _ => None,
        });
        match (profile.allocator, entry) {
            (Allocator::Estimated { .. }, Some(entry)) => lot(choose_nelem_alloc(entry), entry),
            _ => 0,
        }
    }

    /// Where the pieces of structures lie.
    pub(super) fn places(&self) -> Option<&Places> {
        self.places.as_ref()
    }

    /// What has no name.
    pub fn anonymous(&self) -> u64 {
        let named: u64 = self.allocations.iter().map(|it| it.allocated_size).sum();
        self.free_offset - named
    }

    /// What is not handed out.
    pub fn free(&self) -> u64 {
        self.total.saturating_sub(self.free_offset)
    }

    /// `shared_memory_size`, in MB (`InitializeShmemGUCs`).
    pub fn shared_memory_size(&self) -> u64 {
        self.total.div_ceil(1 << 20)
    }

    /// `shared_memory_size_in_huge_pages`.
    pub fn shared_memory_size_in_huge_pages(&self) -> u64 {
        self.total / self.huge_page + 1
    }
}

impl Places {
    fn find(version: Version, counts: &Counts<'_>, allocations: &[Allocation]) -> Option<Self> {
        let profile = version.segment();
        let table = |name| HashTable::find(profile, counts, allocations, name);
        let strong = |row: &&Allocation| row.name == "Fast Path Strong Relation Lock Data";
        Some(Self {
            lookup: table("Shared Buffer Lookup Table")?,
            lock: table("LOCK hash")?,
            proclock: table("PROCLOCK hash")?,
            procs: ProcPlaces::find(profile, version.procs(), counts, allocations)?,
            strong: allocations.iter().find(strong)?.off,
        })
    }
}

/// Processes that a server may have, backends and others.
///
/// # Errors
/// What the postmaster refuses to start with.
pub fn processes(version: Version, settings: &Settings) -> Result<u64, SettingError> {
    Ok(Counts::new(version.segment(), settings)?.processes())
}

/// What `ShmemIndex` takes when it comes to have one entry more than `entries`: a group of elements if
/// all those are taken with which it started.
fn shmem_index_grows(entries: u64) -> u64 {
    let group = choose_nelem_alloc(SHMEM_INDEX_ENTRY);
    let full = entries.checked_sub(SHMEM_INDEX_SIZE).is_some_and(|more| more % group == 0);
    if full { lot(group, SHMEM_INDEX_ENTRY) } else { 0 }
}

/// `CalculateShmemSize`, where it adds up what every module estimates.
fn calculate_shmem_size(profile: &SegmentProfile, counts: &Counts<'_>, slop: u64) -> u64 {
    let mut sum = SMALL_THINGS + SEMAPHORE * counts.processes() + slop;
    let mut before = 0;
    for structure in profile.structures {
        let Some(size) = whole_size(profile, counts, structure.size) else { continue };
        sum += match structure.estimate {
            Estimate::Size => size,
            Estimate::WithTenth => size + (before + size) / 10,
            Estimate::Bytes(bytes) => bytes,
        };
        before = size;
    }
    rounded(sum)
}

fn rounded(size: u64) -> u64 {
    size + PAGE - size % PAGE
}

/// Bytes of a structure, of a hash table all that it may come to take; `None` if there is none.
fn whole_size(profile: &SegmentProfile, counts: &Counts<'_>, size: Size) -> Option<u64> {
    match size {
        Size::Array(base, each, of) => Some(base + each * counts.of(of)),
        Size::Optional(base, each, of) => {
            let number = counts.of(of);
            (number > 0).then_some(base + each * number)
        }
        Size::Slru { buffers, lsns } => {
            Some(simple_lru_shmem_size(&profile.slru, counts.of(buffers), lsns))
        }
        Size::Hash { max, entry, .. } => Some(hash_estimate_size(counts.of(max), entry)),
    }
}

/// The same, of a hash table only what `ShmemInitHash` takes by name.
fn shared_size(profile: &SegmentProfile, counts: &Counts<'_>, size: Size) -> Option<u64> {
    match size {
        Size::Hash { max, .. } => Some(hash_get_shared_size(counts.of(max))),
        other => whole_size(profile, counts, other),
    }
}
