//! From tag to buffer: the shared buffer lookup table (`buf_table.c`).
//!
//! PostgreSQL keeps it as a partitioned hash table, 128 partitions with a lock each. Here it
//! is one open-addressing table, since nothing runs at the same time; the partition that a
//! tag falls in is the server's to show. Deleting moves the entries behind the gap up, so
//! that a search ends at the first empty place.

use crate::ids::{BufferId, BufferTag, RelId};

const EMPTY: u32 = u32::MAX;

/// Which buffer holds which page.
#[derive(Clone, Debug)]
pub struct BufTable {
    /// Keys and values by place; a place whose value is [`EMPTY`] is free.
    places: Vec<(u64, u32)>,
    len: usize,
}

impl BufTable {
    /// A table for a pool of `nbuffers` buffers.
    ///
    /// There is room for one entry more than buffers, as an insert precedes its delete; a
    /// quarter of the places stays free at least.
    pub fn new(nbuffers: u32) -> Self {
        let places = (nbuffers as usize * 4 / 3 + 2).next_power_of_two();
        Self { places: vec![(0, EMPTY); places], len: 0 }
    }

    /// `BufTableLookup`.
    #[inline]
    pub fn lookup(&self, tag: BufferTag) -> Option<BufferId> {
        let value = self.places[self.find(key(tag))].1;
        (value != EMPTY).then_some(BufferId(value))
    }

    /// `BufTableInsert`; the tag must be new.
    #[inline]
    pub fn insert(&mut self, tag: BufferTag, buffer: BufferId) {
        let place = self.find(key(tag));
        debug_assert_eq!(self.places[place].1, EMPTY, "{tag:?} is in the table already");
        self.places[place] = (key(tag), buffer.0);
        self.len += 1;
    }

    /// `BufTableDelete`.
    pub fn delete(&mut self, tag: BufferTag) {
        let mask = self.places.len() - 1;
        let mut gap = self.find(key(tag));
        if self.places[gap].1 == EMPTY {
            return;
        }
        self.len -= 1;
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let (key, value) = self.places[at];
            if value == EMPTY {
                break;
            }
            // It may move to the gap unless its home lies behind the gap.
            let home = self.home(key);
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(gap) & mask) {
                self.places[gap] = self.places[at];
                gap = at;
            }
        }
        self.places[gap].1 = EMPTY;
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
        self.places.iter().filter(|(_, value)| *value != EMPTY).map(|&(key, value)| {
            (BufferTag { rel: RelId((key >> 32) as u32), block: key as u32 }, BufferId(value))
        })
    }

    /// The place of a key, or the empty one where it would go.
    #[inline]
    fn find(&self, key: u64) -> usize {
        let mask = self.places.len() - 1;
        let mut at = self.home(key);
        while self.places[at].1 != EMPTY && self.places[at].0 != key {
            at = (at + 1) & mask;
        }
        at
    }

    #[inline]
    fn home(&self, key: u64) -> usize {
        // Fibonacci hashing: the upper bits of the product are the mixed ones.
        let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash >> (64 - self.places.len().trailing_zeros())) as usize
    }
}

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
