//! The map: the whole address space by owner, as strips to scale that a reader can unfold.
//!
//! One shared structure, the pages, can be ten thousand times as large as another. So what would be
//! too thin to see is folded together with its neighbours, and a fold is a strip of its own one
//! step further in, to its own scale.

use pgscope_core::Server;
use pgscope_core::ids::BackendId;
use pgscope_core::memory::{Addr, Owner};
use pgscope_core::views::{self, MapRange};

use super::words;

/// Ranges that are asked of the server at most.
const MOST: usize = 4_000;
/// A part that is smaller than this share of its strip is folded: one of so many.
const THIN: u64 = 40;
/// Parts of a strip at most; what lies behind them is one fold.
const PARTS: usize = 64;

/// The ranges of one owner, in the order of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Land {
    /// Whose they are.
    pub owner: Owner,
    /// The ranges.
    pub ranges: Vec<MapRange>,
}

/// A part of a strip: the ranges from `from` to before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The first range.
    pub from: usize,
    /// Behind the last one.
    pub to: usize,
    /// Bytes in them.
    pub len: u64,
}

impl Part {
    /// Whether it is several ranges, to be unfolded.
    pub fn is_fold(&self) -> bool {
        self.to - self.from > 1
    }
}

/// The map by owner: the shared segment, then each backend's own memory.
pub fn lands(server: &Server) -> Vec<Land> {
    let mut lands: Vec<Land> = Vec::new();
    for range in views::map(server, MOST) {
        match lands.iter_mut().find(|land| land.owner == range.owner) {
            Some(land) => land.ranges.push(range),
            None => lands.push(Land { owner: range.owner, ranges: vec![range] }),
        }
    }
    lands
}

impl Land {
    /// Bytes in all.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|range| range.len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Its name.
    pub fn name(&self, server: &Server) -> String {
        match self.owner {
            Owner::Backend(id) => format!("Local memory of {}", words::backend(server, id)),
            _ => "Shared segment".to_owned(),
        }
    }

    /// The look that tells it from others: the classes of a relation's colours and patterns.
    pub fn classes(&self) -> String {
        match self.owner {
            Owner::Backend(BackendId(id)) => {
                super::relations::classes(pgscope_core::ids::RelId(id.into()))
            }
            _ => "of-all".to_owned(),
        }
    }

    /// The ranges from `from` to before `to` as a strip.
    pub fn strip(&self, from: usize, to: usize) -> Vec<Part> {
        let ranges = self.ranges.get(from..to).unwrap_or_default();
        let all: u64 = ranges.iter().map(|range| range.len).sum();
        // Equals can't be told apart by size, and folding all of them would unfold to the same.
        let largest = ranges.iter().map(|range| range.len).max().unwrap_or_default();
        let thin = (all / THIN).min(largest.saturating_sub(1));
        let mut parts: Vec<Part> = Vec::new();
        let mut folding = false;
        for (place, range) in (from..).zip(ranges) {
            let folds = range.len <= thin || parts.len() >= PARTS;
            match parts.last_mut().filter(|_| folds && folding) {
                Some(fold) => {
                    fold.to = place + 1;
                    fold.len += range.len;
                }
                None => parts.push(Part { from: place, to: place + 1, len: range.len }),
            }
            folding = folds;
        }
        parts
    }

    /// Where a part begins.
    pub fn start(&self, part: &Part) -> Addr {
        self.ranges.get(part.from).map_or(Addr::NULL, |range| range.start)
    }

    /// What a part is called.
    pub fn called(&self, part: &Part) -> String {
        match self.ranges.get(part.from) {
            Some(range) if !part.is_fold() => range.name.clone(),
            _ => format!("{} smaller parts", words::thousands((part.to - part.from) as u64)),
        }
    }

    /// A part in one line, as a screen reader says it.
    pub fn said(&self, part: &Part) -> String {
        let at = self.start(part).0;
        format!("{}, {}, at {at:#x}", self.called(part), words::bytes(part.len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn land(sizes: &[u64]) -> Land {
        let mut start = Addr::SHARED;
        let range = |len: &u64| {
            let range = MapRange { start, len: *len, owner: Owner::Shared, name: len.to_string() };
            start = start.offset(*len);
            range
        };
        Land { owner: Owner::Shared, ranges: sizes.iter().map(range).collect() }
    }

    #[wasm_bindgen_test]
    fn what_is_thin_is_folded_with_its_neighbours_and_unfolds_to_its_own_scale() {
        let land = land(&[100, 20, 1_000_000, 7, 100_000]);
        let whole = land.strip(0, 5);
        let called: Vec<_> = whole.iter().map(|part| land.called(part)).collect();
        assert_eq!(called, ["2 smaller parts", "1000000", "7", "100000"]);
        assert_eq!(whole.iter().map(|part| part.len).sum::<u64>(), land.len());
        let inside = land.strip(whole[0].from, whole[0].to);
        assert_eq!(inside.len(), 2);
        assert!(inside.iter().all(|part| !part.is_fold()));
        assert_eq!(land.said(&inside[1]), "20, 20 B, at 0x10064");
    }

    #[wasm_bindgen_test]
    fn equals_are_not_folded_until_they_are_too_many() {
        let few = land(&[8192; 60]);
        assert_eq!(few.strip(0, 60).len(), 60);
        let many = land(&[8192; 1_000]);
        let parts = many.strip(0, 1_000);
        assert_eq!(parts.len(), PARTS + 1);
        let last = parts[PARTS];
        assert_eq!((last.from, last.to), (PARTS, 1_000));
        // And that unfolds further, to an end.
        assert!(many.strip(last.from, last.to).len() > 1);
    }
}
