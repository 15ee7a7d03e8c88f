//! From tag to buffer: the shared buffer lookup table (`buf_table.c`).
//!
//! PostgreSQL keeps it as a partitioned hash table, 128 partitions with a lock each. Here it
//! is one open-addressing table, since nothing runs at the same time; the partition that a
//! tag falls in is the server's to show. Deleting moves the entries behind the gap up, so
//! that a search ends at the first empty place.

use super::smgr::MAX_RELATIONS;
use crate::ids::{BufferId, BufferTag, RelId};
use crate::server::settings::MAX_SHARED_BUFFERS;

/// A place that is free: its buffer is one that no pool has.
const EMPTY: u64 = u64::MAX;
/// Bits of a place that say which buffer; the others are the tag.
const BUFFER_BITS: u32 = 18;
const BUFFER_MASK: u64 = (1 << BUFFER_BITS) - 1;

/// Which buffer holds which page.
#[derive(Clone, Debug)]
pub struct BufTable {
    /// Tag and buffer in one word: a search looks at as little memory as can be.
    places: Vec<u64>,
    /// Where each buffer's entry is, so that it need not be searched for to be deleted.
    place_of: Vec<u32>,
    len: usize,
}

/// An empty place where a search for a tag ended.
#[derive(Clone, Copy)]
pub(super) struct Vacancy(usize);

const _: () = assert!((MAX_SHARED_BUFFERS as u64) < BUFFER_MASK);
const _: () = assert!((MAX_RELATIONS as u64) < 1 << (32 - BUFFER_BITS));

impl BufTable {
    /// A table for a pool of `nbuffers` buffers.
    ///
    /// There is room for one entry more than buffers, as an insert precedes its delete; half of
    /// the places stay free at least, so that most searches end where they begin.
    pub fn new(nbuffers: u32) -> Self {
        let places = (nbuffers as usize * 2 + 2).next_power_of_two();
        Self { places: vec![EMPTY; places], place_of: vec![0; nbuffers as usize], len: 0 }
    }

    /// `BufTableLookup`.
    #[inline]
    pub fn lookup(&self, tag: BufferTag) -> Option<BufferId> {
        self.search(tag).ok()
    }

    /// The buffer that holds the page, or the place where it would be noted.
    #[inline]
    pub(super) fn search(&self, tag: BufferTag) -> Result<BufferId, Vacancy> {
        let at = self.find(key(tag));
        match self.places[at] {
            EMPTY => Err(Vacancy(at)),
            place => Ok(BufferId((place & BUFFER_MASK) as u32)),
        }
    }

    /// `BufTableInsert`; the tag must be new.
    #[inline]
    pub fn insert(&mut self, tag: BufferTag, buffer: BufferId) {
        let at = self.find(key(tag));
        debug_assert_eq!(self.places[at], EMPTY, "{tag:?} is in the table already");
        self.insert_at(Vacancy(at), tag, buffer);
    }

    /// The same where a search has ended just before.
    #[inline]
    pub(super) fn insert_at(&mut self, vacancy: Vacancy, tag: BufferTag, buffer: BufferId) {
        self.put(vacancy.0, key(tag) << BUFFER_BITS | u64::from(buffer.0));
        self.len += 1;
    }

    /// `BufTableDelete`.
    pub fn delete(&mut self, tag: BufferTag) {
        let at = self.find(key(tag));
        if self.places[at] != EMPTY {
            self.vacate(at);
        }
    }

    /// Where the entry of a buffer is that holds a page; for [`vacate`](Self::vacate), as long as
    /// nothing else is deleted.
    #[inline]
    pub(super) fn place_of(&self, buffer: BufferId) -> usize {
        self.place_of[buffer.index()] as usize
    }

    /// Delete the entry in this place.
    #[inline]
    pub(super) fn vacate(&mut self, place: usize) {
        let mask = self.places.len() - 1;
        let mut gap = place & mask;
        self.len -= 1;
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let place = self.places[at];
            if place == EMPTY {
                break;
            }
            // It may move to the gap unless its home lies behind the gap.
            let home = self.home(place >> BUFFER_BITS);
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(gap) & mask) {
                self.put(gap, place);
                gap = at;
            }
        }
        self.places[gap] = EMPTY;
    }

    #[inline]
    fn put(&mut self, at: usize, place: u64) {
        self.places[at] = place;
        self.place_of[(place & BUFFER_MASK) as usize] = at as u32;
    }

    /// Pages in the table.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no page is in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (BufferTag, BufferId)> {
        self.places.iter().filter(|place| **place != EMPTY).map(|&place| {
            let key = place >> BUFFER_BITS;
            let tag = BufferTag { rel: RelId((key >> 32) as u32), block: key as u32 };
            (tag, BufferId((place & BUFFER_MASK) as u32))
        })
    }

    /// The place of a key, or the empty one where it would go.
    #[inline]
    fn find(&self, key: u64) -> usize {
        let places = self.places.as_slice();
        let mask = places.len() - 1;
        let mut at = self.home(key);
        while places[at & mask] != EMPTY && places[at & mask] >> BUFFER_BITS != key {
            at += 1;
        }
        at & mask
    }

    #[inline]
    fn home(&self, key: u64) -> usize {
        // Fibonacci hashing: the upper bits of the product are the mixed ones.
        let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash >> (64 - self.places.len().trailing_zeros())) as usize
    }
}

/// A relation's number is below [`MAX_RELATIONS`], as `Smgr` gives no other.
#[inline]
fn key(tag: BufferTag) -> u64 {
    u64::from(tag.rel.0) << 32 | u64::from(tag.block)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn it_agrees_with_a_plain_map() {
        let mut table = BufTable::new(64);
        let mut map = HashMap::new();
        let mut random = 1u64;
        for _ in 0..50_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let tag = BufferTag {
                rel: RelId((random >> 60) as u32 % 3),
                block: (random >> 33) as u32 % 100,
            };
            if map.contains_key(&tag) {
                map.remove(&tag);
                table.delete(tag);
            } else if map.len() < 65 {
                let buffer = BufferId((random >> 40) as u32 % 64);
                map.insert(tag, buffer);
                table.insert(tag, buffer);
            }
            assert_eq!(table.lookup(tag), map.get(&tag).copied());
            assert_eq!(table.len(), map.len());
        }
        assert_eq!(table.iter().collect::<HashMap<_, _>>(), map);
    }
}
