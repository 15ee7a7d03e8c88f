//! The pages of a trace, numbered from 0 in the order in which they come first.
//!
//! Whether a read is a miss depends on which page is the same as which, not on their numbers. So a
//! trace may name blocks and objects by any numbers at all, and the servers see pages without gaps:
//! the first 2^20 are in the relation that the core finds fastest.

use std::collections::HashMap;

/// Different pages of a trace at most.
pub(crate) const MAX_PAGES: u32 = 1 << 24;
/// Pages of each of the servers' relations.
pub(super) const PAGES_OF_RELATION: u32 = 1 << 20;

/// Blocks with a place in an array at most: for one relation of the trace, and for all.
const MAX_ARRAY: usize = 1 << 24;
const MAX_ARRAYS: usize = 1 << 25;

/// A page as the servers know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) relation: u32,
    pub(super) block: u32,
}

/// Too many different pages.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// Which number each page of the trace has.
#[derive(Debug)]
pub(super) struct Pages {
    /// For each of the trace's relations the numbers of its first blocks, counted from 1.
    arrays: Vec<Vec<u32>>,
    /// Places that the arrays may still get.
    room: usize,
    /// Those of other blocks.
    others: HashMap<(u32, u64), u32>,
    count: u32,
}

impl Default for Pages {
    fn default() -> Self {
        Self { arrays: Vec::new(), room: MAX_ARRAYS, others: HashMap::new(), count: 0 }
    }
}

impl Pages {
    /// Relations that the servers need for the pages so far.
    pub(super) fn relations(&self) -> u32 {
        self.count.div_ceil(PAGES_OF_RELATION)
    }

    /// The page that the trace calls this block of this relation.
    #[inline]
    pub(super) fn find(&mut self, relation: u32, block: u64) -> Result<Page, TooMany> {
        let array = self.arrays.get_mut(relation as usize);
        let place = usize::try_from(block).ok();
        let number = match place.and_then(|place| array.and_then(|array| array.get_mut(place))) {
            Some(&mut number) if number > 0 => number - 1,
            Some(number) => {
                let new = self.count;
                *number = new + 1;
                self.count = counted(new)?;
                new
            }
            None => self.find_elsewhere(relation, block)?,
        };
        Ok(Page { relation: number / PAGES_OF_RELATION, block: number % PAGES_OF_RELATION })
    }

    #[cold]
    fn find_elsewhere(&mut self, relation: u32, block: u64) -> Result<u32, TooMany> {
        if self.grow(relation as usize, block) {
            let Page { relation, block } = self.find(relation, block)?;
            return Ok(relation * PAGES_OF_RELATION + block);
        }
        let new = self.count;
        let number = *self.others.entry((relation, block)).or_insert(new);
        if number == new {
            self.count = counted(new)?;
        }
        Ok(number)
    }

    /// Make room for a block in its relation's array; false if that would take too much. What once
    /// was refused is always refused, since the room only shrinks.
    fn grow(&mut self, relation: usize, block: u64) -> bool {
        let Some(length) = usize::try_from(block).ok().filter(|block| *block < MAX_ARRAY) else {
            return false;
        };
        let length = (length + 1).next_power_of_two();
        let before = self.arrays.get(relation).map_or(0, Vec::len);
        let Some(room) = self.room.checked_sub(length - before) else { return false };
        self.room = room;
        if self.arrays.len() <= relation {
            self.arrays.resize(relation + 1, Vec::new());
        }
        if let Some(array) = self.arrays.get_mut(relation) {
            array.resize(length, 0);
        }
        true
    }
}

fn counted(number: u32) -> Result<u32, TooMany> {
    if number < MAX_PAGES { Ok(number + 1) } else { Err(TooMany) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(page: Page) -> u32 {
        page.relation * PAGES_OF_RELATION + page.block
    }

    #[test]
    fn the_same_page_has_the_same_number() {
        let mut pages = Pages::default();
        let mut expected: HashMap<(u32, u64), u32> = HashMap::new();
        let mut random = 1_u64;
        for _ in 0..200_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let relation = (random >> 20) as u32 % 40;
            // Small ones, those around the arrays' end, and any.
            let block = match random % 4 {
                0 => random >> 40 & 0xff,
                1 => (MAX_ARRAY as u64 - 8) + (random >> 40 & 0xf),
                2 => 1 << (random >> 40 & 0x3f),
                _ => random >> 30 & 0xffff,
            };
            let new = expected.len() as u32;
            let expected = *expected.entry((relation, block)).or_insert(new);
            assert_eq!(pages.find(relation, block).map(number), Ok(expected));
        }
        assert_eq!(pages.count, expected.len() as u32);
        assert!(!pages.others.is_empty());
        assert!(pages.arrays.iter().map(Vec::len).sum::<usize>() + pages.room == MAX_ARRAYS);
    }

    #[test]
    fn there_is_an_end_to_them() {
        let mut pages = Pages { count: MAX_PAGES, ..Pages::default() };
        assert_eq!(pages.find(0, 3), Err(TooMany));
        assert_eq!(pages.find(0, u64::MAX), Err(TooMany));
    }
}
