//! Where the pieces of the lookup table of buffers lie in the segment: header, directory, segments
//! of buckets, and for each free list its share of elements (`hash_create`, `init_htab`, `dynahash.c`).

use super::sizes::{
    DEF_SEGSIZE, HASHHDR, NUM_FREELISTS, POINTER, choose_nelem_alloc, element_size,
    hash_get_shared_size, hash_select_dirsize, lot, segments,
};
use super::{Allocator, CACHE_LINE, Segment, Version};
use crate::bufmgr::hash::NUM_BUFFER_PARTITIONS;

/// `sizeof(BufferLookupEnt)`: a tag and a buffer.
pub(in crate::server) const ENTRY: u64 = 24;
const NAME: &str = "Shared Buffer Lookup Table";

/// Elements that were allocated at once, from the segment's start.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Lot {
    pub(in crate::server) off: u64,
    pub(in crate::server) elements: u64,
}

/// The lookup table's pieces; offsets count from the segment's start.
#[derive(Clone, Debug)]
pub(in crate::server) struct LookupTable {
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
    /// More elements are taken from here on, up to the segment's end, if the version's table grows.
    pub(in crate::server) growth: Option<(u64, u64)>,
}

impl LookupTable {
    /// Bytes of an element.
    pub(in crate::server) fn element(&self) -> u64 {
        element_size(ENTRY)
    }

    /// Bytes of the elements that the table takes when a free list is empty.
    pub(in crate::server) fn grown_lot(&self) -> u64 {
        lot(self.nelem_alloc, ENTRY)
    }
}

impl Segment {
    /// Where the lookup table is, for so many buffers.
    pub(in crate::server) fn lookup_table(
        &self,
        version: Version,
        nbuffers: u32,
    ) -> Option<LookupTable> {
        let row = self.allocations.iter().find(|row| row.name == NAME)?;
        let lines = matches!(version.segment().allocator, Allocator::Estimated { .. });
        let entries = u64::from(nbuffers) + u64::from(NUM_BUFFER_PARTITIONS);
        let nbuckets = entries.next_power_of_two();
        let nsegs = segments(nbuckets);
        // Where the row is the header and the directory only, the pieces have cache lines behind it.
        let named = hash_get_shared_size(entries);
        let buckets = row.off + if lines { named.next_multiple_of(CACHE_LINE) } else { named };
        let mut end = buckets + nsegs * DEF_SEGSIZE * POINTER;
        let share = (entries / NUM_FREELISTS).max(1);
        let first = entries.saturating_sub(share * (NUM_FREELISTS - 1)).max(share);
        let mut lots = Vec::with_capacity(NUM_FREELISTS as usize);
        for list in 0..NUM_FREELISTS {
            let elements = if list == 0 { first } else { share };
            lots.push(Lot { off: end, elements });
            end += if lines { lot(elements, ENTRY) } else { elements * element_size(ENTRY) };
        }
        Some(LookupTable {
            header: row.off,
            directory: row.off + HASHHDR,
            dsize: hash_select_dirsize(entries),
            buckets,
            nbuckets,
            nsegs,
            nelem_alloc: choose_nelem_alloc(ENTRY),
            lots,
            end,
            growth: lines.then_some((self.free_offset, self.total)),
        })
    }
}
