//! The bytes of a shared hash table, made when somebody looks: header, directory, buckets, and
//! elements, free ones and those with an entry (`dynahash.c`).
//!
//! What is in the table is entered in an order that says which elements are taken and in which order
//! a bucket's chain has them, as if nothing had ever left the table.

use std::collections::BTreeMap;

use super::copy;
use crate::memory::Addr;
use crate::server::segment::hash_tables::HashTable;

/// `NUM_FREELISTS`.
pub(super) const LISTS: u32 = 32;
/// `sizeof(HASHELEMENT)`.
pub(super) const HASHELEMENT: u64 = 16;
/// Buckets of a segment, and its logarithm.
const SEGMENT: (u64, u64) = (256, 8);
/// A pointer's bytes.
const POINTER: u64 = 8;

/// An element in a bucket's chain.
pub(super) struct Element {
    pub(super) at: u64,
    link: u64,
    pub(super) hash: u32,
}

/// A table as `dynahash.c` has it; pointers are addresses.
pub(super) struct Rendered {
    /// Each list's elements.
    free: Vec<Run>,
    entries: Vec<u64>,
    /// The first and the last element of the chains of buckets that have any.
    chains: BTreeMap<u64, (u64, usize)>,
    pub(super) elements: Vec<Element>,
}

/// Elements side by side, each of which links to the one before it; the last is taken next. A list
/// has one run: more are only allocated when it is empty.
#[derive(Clone, Copy)]
struct Run {
    at: u64,
    left: u64,
}

impl Run {
    fn head(self, element: u64) -> u64 {
        self.left.checked_sub(1).map_or(0, |last| self.at + last * element)
    }
}

/// The address of an offset.
pub(super) fn shared(off: u64) -> Addr {
    Addr::SHARED.offset(off)
}

/// Numbers of eight bytes.
pub(super) fn bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

impl Rendered {
    /// A table with nothing in it.
    pub(super) fn new(table: &HashTable) -> Self {
        let lots = table.lots.iter().map(|lot| Run { at: shared(lot.off).0, left: lot.elements });
        Self {
            free: lots.collect(),
            entries: vec![0; LISTS as usize],
            chains: BTreeMap::new(),
            elements: Vec::new(),
        }
    }

    /// `hash_search` with `HASH_ENTER`: where the element lies that the entry gets. If its list is
    /// empty, the table takes elements from the segment's free rest.
    pub(super) fn enter(
        &mut self,
        table: &HashTable,
        hash: u32,
        (from, to): &mut (u64, u64),
    ) -> Option<u64> {
        let list = (hash % LISTS) as usize;
        let empty = self.free.get(list).is_some_and(|run| run.left == 0);
        if empty && table.grows && *from + table.grown_lot() <= *to {
            self.free[list] = Run { at: shared(*from).0, left: table.nelem_alloc };
            *from += table.grown_lot();
        }
        let at = self.take(list, table.element())?;
        self.entries[list] += 1;
        let bucket = u64::from(hash) & (table.nbuckets - 1);
        let place = self.elements.len();
        let (_, last) = self.chains.entry(bucket).or_insert((at, place));
        if *last < place {
            self.elements[*last].link = at;
            *last = place;
        }
        self.elements.push(Element { at, link: 0, hash });
        Some(at)
    }

    /// `get_hash_entry`: from this free list, or from the next one that has any.
    fn take(&mut self, list: usize, element: u64) -> Option<u64> {
        let (before, from) = self.free.split_at_mut(list);
        let run = from.iter_mut().chain(before).find(|run| run.left > 0)?;
        let at = run.head(element);
        run.left -= 1;
        Some(at)
    }

    /// Write out what of it lies in the range that `out` covers, but the entries themselves.
    pub(super) fn write(&self, table: &HashTable, key: u64, addr: Addr, out: &mut [u8]) {
        self.header(table, key, addr, out);
        for (bucket, (head, _)) in &self.chains {
            copy(out, addr, shared(table.buckets + bucket * POINTER), &head.to_le_bytes());
        }
        let (element, end) = (table.element(), addr.offset(out.len() as u64).0);
        for run in &self.free {
            // The first of them links to nothing.
            let first = (addr.0.saturating_sub(run.at) / element).max(1);
            let last = end.saturating_sub(run.at).div_ceil(element).min(run.left);
            for at in (first..last).map(|index| run.at + index * element) {
                copy(out, addr, Addr(at), &(at - element).to_le_bytes());
            }
        }
        for element in &self.elements {
            copy(out, addr, Addr(element.at), &element.link.to_le_bytes());
            copy(out, addr, Addr(element.at + 8), &element.hash.to_le_bytes());
        }
    }

    /// `HASHHDR` and the directory.
    fn header(&self, table: &HashTable, key: u64, addr: Addr, out: &mut [u8]) {
        let mut words = Vec::new();
        for (free, entries) in self.free.iter().zip(&self.entries) {
            // mutex, nentries, freeList
            words.extend([0, *entries, free.head(table.element())]);
        }
        let mask = table.nbuckets - 1;
        // dsize, nsegs; max_bucket and high_mask; low_mask
        words.extend([table.dsize, table.nsegs]);
        words.extend([mask | (2 * table.nbuckets - 1) << 32, mask]);
        // keysize, entrysize, num_partitions, max_dsize, ssize; sshift and nelem_alloc
        words.extend([key, table.entry, table.partitions, table.dsize, SEGMENT.0]);
        words.push(SEGMENT.1 | table.nelem_alloc << 32);
        copy(out, addr, shared(table.header), &bytes(&words));
        for number in 0..table.nsegs {
            let segment = shared(table.buckets + number * SEGMENT.0 * POINTER);
            copy(out, addr, shared(table.directory + number * POINTER), &segment.0.to_le_bytes());
        }
    }
}

/// What of a table an address is in, in words, if that is no element.
pub(super) fn field(table: &HashTable, addr: Addr) -> Option<String> {
    let off = addr.0.checked_sub(Addr::SHARED.0)?;
    let name = table.name;
    let directory = table.directory..table.directory + table.dsize * POINTER;
    let buckets = table.buckets..table.buckets + table.nbuckets * POINTER;
    if directory.contains(&off) {
        return Some(format!("{name}: directory, segment {}", (off - directory.start) / POINTER));
    }
    if buckets.contains(&off) {
        let bucket = (off - buckets.start) / POINTER;
        return Some(format!("{name}: bucket {bucket} of {}", table.nbuckets));
    }
    None
}

/// The element of a table's first lots that an address is in.
pub(super) fn element_at(table: &HashTable, addr: Addr) -> Option<u64> {
    let off = addr.0.checked_sub(Addr::SHARED.0)?;
    let element = table.element();
    let lot =
        table.lots.iter().find(|lot| (lot.off..lot.off + lot.elements * element).contains(&off))?;
    Some(shared(lot.off + (off - lot.off) / element * element).0)
}
