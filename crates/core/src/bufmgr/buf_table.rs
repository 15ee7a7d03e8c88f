//! From tag to buffer: the shared buffer lookup table (`buf_table.c`).
//!
//! PostgreSQL keeps it as a partitioned hash table, 128 partitions with a lock each. Here nothing
//! runs at the same time, and what partition a tag falls in is the server's to show. So a relation
//! that is not too large has an array with a place for each of its blocks. All other pages are in
//! one open-addressing hash table. Deleting from that moves the entries behind the gap up, so that
//! a search ends at the first empty place.

use super::smgr::MAX_RELATIONS;
use crate::ids::{BlockNumber, BufferId, BufferTag, RelId};
use crate::server::settings::MAX_SHARED_BUFFERS;

/// A place that is free: its buffer is one that no pool has.
const EMPTY: u64 = u64::MAX;
/// Bits of a place that say which buffer; the others are the tag.
const BUFFER_BITS: u32 = 18;
const BUFFER_MASK: u64 = (1 << BUFFER_BITS) - 1;

/// Blocks of all relations together that have places in arrays: 4 MB.
const ARRAYED_BLOCKS: usize = 1 << 20;

/// Which buffer holds which page.
#[derive(Clone, Debug)]
pub struct BufTable {
    /// For the first relations an array, maybe of no blocks: each block's buffer, counted from 1.
    arrays: Vec<Vec<u32>>,
    /// Blocks that may still get a place there.
    to_array: usize,
    /// The hash table, tag and buffer in one word: a search looks at as little memory as can be.
    places: Vec<u64>,
}

const _: () = assert!((MAX_SHARED_BUFFERS as u64) < BUFFER_MASK);
const _: () = assert!((MAX_RELATIONS as u64) < 1 << (32 - BUFFER_BITS));

impl BufTable {
    /// A table for a pool of `nbuffers` buffers.
    ///
    /// There is room for one entry more than buffers, as an insert precedes its delete; half of
    /// the places stay free at least, so that most searches end where they begin.
    pub fn new(nbuffers: u32) -> Self {
        let places = vec![EMPTY; (nbuffers as usize * 2 + 2).next_power_of_two()];
        Self { arrays: Vec::new(), to_array: ARRAYED_BLOCKS, places }
    }

    /// The next relation is there, with this many blocks. What it is to grow by has no places in
    /// an array.
    pub(super) fn add_relation(&mut self, nblocks: BlockNumber) {
        let room = self.to_array.checked_sub(nblocks as usize);
        self.to_array = room.unwrap_or(self.to_array);
        self.arrays.push(vec![0; room.map_or(0, |_| nblocks as usize)]);
    }

    /// No page is in it any more.
    pub(super) fn clear(&mut self) {
        self.arrays.iter_mut().for_each(|array| array.fill(0));
        self.places.fill(EMPTY);
    }

    /// Bytes of a clone.
    pub(crate) fn bytes(&self) -> usize {
        (ARRAYED_BLOCKS - self.to_array) * 4 + self.places.len() * 8
    }

    /// A block's place in its relation's array.
    fn place(&mut self, tag: BufferTag) -> Option<&mut u32> {
        self.arrays.get_mut(tag.rel.0 as usize)?.get_mut(tag.block as usize)
    }

    /// A relation's array, for a loop to have it at hand; until it is given back, its blocks are in
    /// no table.
    pub(super) fn take_array(&mut self, rel: RelId) -> Vec<u32> {
        self.arrays.get_mut(rel.0 as usize).map(std::mem::take).unwrap_or_default()
    }

    pub(super) fn give_array(&mut self, rel: RelId, array: Vec<u32>) {
        if let Some(place) = self.arrays.get_mut(rel.0 as usize) {
            *place = array;
        }
    }

    /// `BufTableLookup`.
    #[inline]
    pub fn lookup(&self, tag: BufferTag) -> Option<BufferId> {
        let array = self.arrays.get(tag.rel.0 as usize);
        match array.and_then(|array| array.get(tag.block as usize)) {
            Some(place) => place.checked_sub(1).map(BufferId),
            None => self.lookup_hashed(tag),
        }
    }

    fn lookup_hashed(&self, tag: BufferTag) -> Option<BufferId> {
        match self.places[self.find(key(tag))] {
            EMPTY => None,
            place => Some(BufferId((place & BUFFER_MASK) as u32)),
        }
    }

    /// `BufTableInsert`; the tag must be new.
    pub fn insert(&mut self, tag: BufferTag, buffer: BufferId) {
        debug_assert_eq!(self.lookup(tag), None, "{tag:?} is in the table already");
        match self.place(tag) {
            Some(place) => *place = buffer.number(),
            None => self.insert_hashed(tag, buffer),
        }
    }

    fn insert_hashed(&mut self, tag: BufferTag, buffer: BufferId) {
        let at = self.find(key(tag));
        self.places[at] = key(tag) << BUFFER_BITS | u64::from(buffer.0);
    }

    /// `BufTableDelete`.
    pub fn delete(&mut self, tag: BufferTag) {
        match self.place(tag) {
            Some(place) => *place = 0,
            None => self.delete_hashed(tag),
        }
    }

    fn delete_hashed(&mut self, tag: BufferTag) {
        let mask = self.places.len() - 1;
        let mut gap = self.find(key(tag));
        if self.places[gap] == EMPTY {
            return;
        }
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
                self.places[gap] = place;
                gap = at;
            }
        }
        self.places[gap] = EMPTY;
    }

    /// Pages in the table.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether no page is in it.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (BufferTag, BufferId)> {
        let hashed = self.places.iter().filter(|place| **place != EMPTY).map(|&place| {
            let key = place >> BUFFER_BITS;
            let tag = BufferTag { rel: RelId((key >> 32) as u32), block: key as u32 };
            (tag, BufferId((place & BUFFER_MASK) as u32))
        });
        let arrayed = (0..).map(RelId).zip(&self.arrays).flat_map(|(rel, array)| {
            let tags = (0..).map(move |block| BufferTag { rel, block });
            let buffers = array.iter().map(|place| place.checked_sub(1).map(BufferId));
            tags.zip(buffers).filter_map(|(tag, buffer)| Some((tag, buffer?)))
        });
        arrayed.chain(hashed)
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
        // Only some blocks of some relations have places in arrays.
        table.add_relation(ARRAYED_BLOCKS as u32 + 1);
        table.add_relation(50);
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
        table.clear();
        assert_eq!((table.len(), table.iter().count()), (0, 0));
    }
}
