//! `lib/simplehash.h` as far as its size goes: which keys make it grow. Entries are kept in the order of
//! their hashes, those that collide close behind; where that would take too many steps it grows early.

/// `SH_FILLFACTOR`
const FILLFACTOR: f64 = 0.9;
/// `SH_GROW_MAX_DIB`
const GROW_MAX_DIB: usize = 25;
/// `SH_GROW_MAX_MOVE`
const GROW_MAX_MOVE: usize = 150;
/// `SH_GROW_MIN_FILLFACTOR`
const GROW_MIN_FILLFACTOR: f64 = 0.1;

/// `tuplehash_hash`: the hashes that lie in it.
#[derive(Clone, Debug)]
pub(super) struct SimpleHash {
    entries: Vec<Option<u32>>,
    members: usize,
    grow_threshold: usize,
}

impl SimpleHash {
    /// `SH_CREATE`
    pub(super) fn create(elements: u64) -> Self {
        let size = (elements as f64 / FILLFACTOR) as u64;
        Self::of_size(size.max(2).next_power_of_two())
    }

    fn of_size(size: u64) -> Self {
        let grow_threshold = (size as f64 * FILLFACTOR) as usize;
        Self { entries: vec![None; size as usize], members: 0, grow_threshold }
    }

    /// Its buckets.
    pub(super) fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    fn next(&self, place: usize) -> usize {
        (place + 1) & (self.entries.len() - 1)
    }

    /// `SH_DISTANCE_FROM_OPTIMAL`
    fn distance(&self, hash: u32, place: usize) -> usize {
        let optimal = hash as usize & (self.entries.len() - 1);
        place.wrapping_sub(optimal) & (self.entries.len() - 1)
    }

    /// Whether it is full enough to grow because of collisions.
    fn may_grow(&self) -> bool {
        self.members as f64 / self.entries.len() as f64 >= GROW_MIN_FILLFACTOR
    }

    /// `SH_INSERT_HASH_INTERNAL` of a key that is not in it; how often it grew for that.
    pub(super) fn insert(&mut self, hash: u32) -> u32 {
        let mut grown = 0;
        loop {
            if self.members >= self.grow_threshold {
                self.grow();
                grown += 1;
            }
            match self.place(hash) {
                Some(place) => {
                    self.make_room(place);
                    self.entries[place] = Some(hash);
                    self.members += 1;
                    return grown;
                }
                None => self.grow_threshold = 0,
            }
        }
    }

    /// Where it goes; none if it should grow first.
    fn place(&self, hash: u32) -> Option<usize> {
        let mut place = hash as usize & (self.entries.len() - 1);
        let mut distance = 0;
        while let Some(other) = self.entries[place] {
            if distance > self.distance(other, place) {
                return (self.room(place) <= GROW_MAX_MOVE || !self.may_grow()).then_some(place);
            }
            place = self.next(place);
            distance += 1;
            if distance > GROW_MAX_DIB && self.may_grow() {
                return None;
            }
        }
        Some(place)
    }

    /// How many entries lie between this place and the next empty one.
    fn room(&self, mut place: usize) -> usize {
        let mut moved = 0;
        loop {
            place = self.next(place);
            if self.entries[place].is_none() {
                return moved;
            }
            moved += 1;
        }
    }

    /// Entries from this place on move up by one.
    fn make_room(&mut self, place: usize) {
        let (mut carried, mut at) = (self.entries[place].take(), place);
        while carried.is_some() {
            at = self.next(at);
            std::mem::swap(&mut carried, &mut self.entries[at]);
        }
    }

    /// `SH_GROW` to twice the size: from an entry that lies where it belongs, in order.
    fn grow(&mut self) {
        let mut larger = Self::of_size(self.size() * 2);
        let mask = self.entries.len() - 1;
        let start = (0..self.entries.len()).find(|place| match self.entries[*place] {
            Some(hash) => hash as usize & mask == *place,
            None => true,
        });
        for step in 0..self.entries.len() {
            if let Some(hash) = self.entries[(start.unwrap_or(0) + step) & mask] {
                let mut place = hash as usize & (larger.entries.len() - 1);
                while larger.entries[place].is_some() {
                    place = larger.next(place);
                }
                larger.entries[place] = Some(hash);
            }
        }
        larger.members = self.members;
        *self = larger;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_at_nine_tenths() {
        let mut table = SimpleHash::create(7);
        assert_eq!(table.size(), 8);
        let grown: Vec<u32> = (0..8).map(|hash| table.insert(hash)).collect();
        assert_eq!(grown, [0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(table.size(), 16);
    }

    #[test]
    fn it_grows_early_where_keys_collide() {
        let mut table = SimpleHash::create(200);
        let grown: u32 = (0..60).map(|key| table.insert(key * 256)).sum();
        assert!(grown > 0, "the 27th key is 26 places from where it belongs");
    }
}
