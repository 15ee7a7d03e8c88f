//! Where the pieces of a shared hash table lie in the segment: header, directory, segments of
//! buckets, and for each free list its share of elements (`hash_create`, `init_htab`, `dynahash.c`).

use super::sizes::{
    DEF_SEGSIZE, HASHHDR, NUM_FREELISTS, POINTER, choose_nelem_alloc, element_size,
    hash_get_shared_size, hash_select_dirsize, lot, segments,
};
use super::{Allocation, Allocator, CACHE_LINE, Counts, SegmentProfile, Size};

/// Elements that were allocated at once, from the segment's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct Lot {
    pub(in crate::server) off: u64,
    pub(in crate::server) elements: u64,
}

/// A hash table's pieces; offsets count from the segment's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct HashTable {
    pub(in crate::server) name: &'static str,
    /// Bytes of an entry.
    pub(in crate::server) entry: u64,
    pub(in crate::server) partitions: u64,
    pub(in crate::server) header: u64,
    pub(in crate::server) directory: u64,
    pub(in crate::server) dsize: u64,
    /// Segments lie one after the other, so all buckets do.
    pub(in crate::server) buckets: u64,
    pub(in crate::server) nbuckets: u64,
    pub(in crate::server) nsegs: u64,
    pub(in crate::server) nelem_alloc: u64,
    /// What each free list began with.
    pub(in crate::server) lots: Vec<Lot>,
    /// Behind the last of them.
    pub(in crate::server) end: u64,
    /// It takes more elements from the segment's free rest when a list is empty.
    pub(in crate::server) grows: bool,
}

impl HashTable {
    /// Bytes of an element.
    pub(in crate::server) fn element(&self) -> u64 {
        element_size(self.entry)
    }

    /// Bytes of the elements that the table takes when a free list is empty.
    pub(in crate::server) fn grown_lot(&self) -> u64 {
        lot(self.nelem_alloc, self.entry)
    }

    /// The table that has this row.
    pub(super) fn find(
        profile: &SegmentProfile,
        counts: &Counts<'_>,
        allocations: &[Allocation],
        name: &str,
    ) -> Option<Self> {
        let row = allocations.iter().find(|row| row.name == name)?;
        let structure = profile.structures.iter().find(|structure| structure.name == name)?;
        let Size::Hash { max, init, entry, partitions } = structure.size else { return None };
        let (most, init) = (counts.of(max), counts.of(init));
        let grows = matches!(profile.allocator, Allocator::Estimated { .. });
        let nbuckets = init.next_power_of_two().max(partitions);
        let nsegs = segments(nbuckets);
        // Where the row is the header and the directory only, the pieces have cache lines behind it.
        let named = hash_get_shared_size(most);
        let buckets = row.off + if grows { named.next_multiple_of(CACHE_LINE) } else { named };
        let mut end = buckets + nsegs * DEF_SEGSIZE * POINTER;
        let share = (init / NUM_FREELISTS).max(1);
        let first = init.saturating_sub(share * (NUM_FREELISTS - 1)).max(share);
        let mut lots = Vec::with_capacity(NUM_FREELISTS as usize);
        for list in 0..NUM_FREELISTS {
            let elements = if list == 0 { first } else { share };
            lots.push(Lot { off: end, elements });
            end += if grows { lot(elements, entry) } else { elements * element_size(entry) };
        }
        Some(Self {
            name: row.name,
            entry,
            partitions,
            header: row.off,
            directory: row.off + HASHHDR,
            dsize: hash_select_dirsize(most),
            buckets,
            nbuckets,
            nsegs,
            nelem_alloc: choose_nelem_alloc(entry),
            lots,
            end,
            grows,
        })
    }
}
