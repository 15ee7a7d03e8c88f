//! The bytes of the lookup table of buffers, made when somebody looks: its header, directory and
//! buckets, and the elements, free ones and those with a tag and its buffer (`dynahash.c`).
//!
//! The machine finds pages by a table of another form, which doesn't say in which order they came. Here
//! they come in the order of their buffers, as they do to a pool that fills up.

use super::copy;
use crate::bufmgr::hash::NUM_BUFFER_PARTITIONS;
use crate::ids::{BufferId, BufferTag};
use crate::memory::Addr;
use crate::server::Server;
use crate::server::segment::lookup::{ENTRY, LookupTable};

/// `NUM_FREELISTS`.
const LISTS: u32 = 32;
/// `sizeof(HASHELEMENT)`.
const HASHELEMENT: u64 = 16;
/// Buckets of a segment, and its logarithm.
const SEGMENT: (u64, u64) = (256, 8);
/// A pointer's bytes.
const POINTER: u64 = 8;
/// `sizeof(BufferTag)`.
const KEY: u64 = 20;

/// An element in a bucket's chain.
struct Element {
    at: u64,
    link: u64,
    hash: u32,
    tag: BufferTag,
    buffer: BufferId,
}

/// The table as `dynahash.c` has it; pointers are addresses.
struct Rendered {
    /// Each list's elements, the one to be taken next last.
    free: Vec<Vec<u64>>,
    entries: Vec<u64>,
    heads: Vec<u64>,
    elements: Vec<Element>,
}

/// Write out what of the table lies in the range that `out` covers.
pub(super) fn read(server: &Server, table: &LookupTable, addr: Addr, out: &mut [u8]) {
    let end = addr.offset(out.len() as u64);
    let within = |from: u64, to: u64| addr < shared(to) && end > shared(from);
    let grown = table.growth.map_or((0, 0), |(from, _)| {
        let lots = u64::from(server.pool.nbuffers()) / table.nelem_alloc + u64::from(LISTS);
        (from, from + lots * table.grown_lot())
    });
    if within(table.header, table.end) || within(grown.0, grown.1) {
        let rendered = Rendered::new(server, table);
        rendered.header(table, addr, out);
        rendered.buckets(table, addr, out);
        rendered.elements(server, addr, out);
    }
}

/// What of the table an address is in, in words.
pub(super) fn field(server: &Server, table: &LookupTable, addr: Addr) -> Option<String> {
    let off = addr.0.checked_sub(Addr::SHARED.0)?;
    let directory = table.directory..table.directory + table.dsize * POINTER;
    let buckets = table.buckets..table.buckets + table.nbuckets * POINTER;
    let name = "Shared Buffer Lookup Table";
    if directory.contains(&off) {
        return Some(format!("{name}: directory, segment {}", (off - directory.start) / POINTER));
    }
    if buckets.contains(&off) {
        let bucket = (off - buckets.start) / POINTER;
        return Some(format!("{name}: bucket {bucket} of {}", table.nbuckets));
    }
    let element = table.element();
    let lot =
        table.lots.iter().find(|lot| (lot.off..lot.off + lot.elements * element).contains(&off))?;
    let start = shared(lot.off + (off - lot.off) / element * element).0;
    let rendered = Rendered::new(server, table);
    Some(match rendered.elements.iter().find(|it| it.at == start) {
        Some(Element { hash, buffer, .. }) => {
            let partition = hash % NUM_BUFFER_PARTITIONS;
            format!(
                "{name}: an entry, hash value {hash:#x}, partition {partition}, buffer {buffer}"
            )
        }
        None => format!("{name}: a free element"),
    })
}

fn shared(off: u64) -> Addr {
    Addr::SHARED.offset(off)
}

impl Rendered {
    fn new(server: &Server, table: &LookupTable) -> Self {
        let element = table.element();
        let of =
            |off: u64, number: u64| (0..number).map(move |index| shared(off + index * element).0);
        let mut growth = table.growth;
        let mut it = Self {
            free: table.lots.iter().map(|lot| of(lot.off, lot.elements).collect()).collect(),
            entries: vec![0; LISTS as usize],
            heads: vec![0; table.nbuckets as usize],
            elements: Vec::new(),
        };
        let mut last: Vec<Option<usize>> = vec![None; it.heads.len()];
        for (buffer, desc) in server.pool.descs() {
            let Some(tag) = desc.tag() else { continue };
            let hash = server.pool.hash_code(tag);
            let list = (hash % LISTS) as usize;
            if it.free.get(list).is_some_and(Vec::is_empty)
                && let Some((from, to)) = &mut growth
                && *from + table.grown_lot() <= *to
            {
                it.free[list].extend(of(*from, table.nelem_alloc));
                *from += table.grown_lot();
            }
            let Some(at) = it.take(list) else { continue };
            it.entries[list] += 1;
            let bucket = (u64::from(hash) & (table.nbuckets - 1)) as usize;
            match last[bucket] {
                Some(before) => it.elements[before].link = at,
                None => it.heads[bucket] = at,
            }
            last[bucket] = Some(it.elements.len());
            it.elements.push(Element { at, link: 0, hash, tag, buffer });
        }
        it
    }

    /// `get_hash_entry`: from this free list, or from the next one that has any.
    fn take(&mut self, list: usize) -> Option<u64> {
        let (before, from) = self.free.split_at_mut(list);
        from.iter_mut().chain(before).find_map(Vec::pop)
    }

    /// `HASHHDR` and the directory.
    fn header(&self, table: &LookupTable, addr: Addr, out: &mut [u8]) {
        let mut words = Vec::new();
        for (free, entries) in self.free.iter().zip(&self.entries) {
            // mutex, nentries, freeList
            words.extend([0, *entries, free.last().copied().unwrap_or(0)]);
        }
        let mask = table.nbuckets - 1;
        // dsize, nsegs; max_bucket and high_mask; low_mask
        words.extend([table.dsize, table.nsegs]);
        words.extend([mask | (2 * table.nbuckets - 1) << 32, mask]);
        // keysize, entrysize, num_partitions, max_dsize, ssize; sshift and nelem_alloc
        words.extend([KEY, ENTRY, NUM_BUFFER_PARTITIONS.into(), table.dsize, SEGMENT.0]);
        words.push(SEGMENT.1 | table.nelem_alloc << 32);
        copy(out, addr, shared(table.header), &bytes(&words));
        let segment = |number: u64| shared(table.buckets + number * SEGMENT.0 * 8).0;
        let directory: Vec<u64> = (0..table.nsegs).map(segment).collect();
        copy(out, addr, shared(table.directory), &bytes(&directory));
    }

    fn buckets(&self, table: &LookupTable, addr: Addr, out: &mut [u8]) {
        for (at, head) in (table.buckets..).step_by(8).zip(&self.heads) {
            copy(out, addr, shared(at), &head.to_le_bytes());
        }
    }

    fn elements(&self, server: &Server, addr: Addr, out: &mut [u8]) {
        for list in &self.free {
            for pair in list.windows(2) {
                copy(out, addr, Addr(pair[1]), &pair[0].to_le_bytes());
            }
        }
        for element in &self.elements {
            copy(out, addr, Addr(element.at), &element.link.to_le_bytes());
            copy(out, addr, Addr(element.at + 8), &element.hash.to_le_bytes());
            let entry = server.pool.tag_words(element.tag).into_iter().chain([element.buffer.0]);
            let entry: Vec<u8> = entry.flat_map(u32::to_le_bytes).collect();
            copy(out, addr, Addr(element.at + HASHELEMENT), &entry);
        }
    }
}

fn bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
