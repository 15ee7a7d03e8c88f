//! malloc, as the operating system and the C library provide it to one backend.
//!
//! A model of glibc's main arena, simple enough to read: chunks of at least 32 bytes in
//! steps of 16, each with its size in the eight bytes before the pointer; a free chunk
//! merges with free neighbours; a request takes the smallest free chunk that fits, lowest
//! address first, and otherwise grows the heap at its top. Requests of 128 kB and more
//! (`M_MMAP_THRESHOLD`) are mapped on their own, by the page, and unmapped when freed. As in
//! glibc the threshold is dynamic: whoever frees a mapped request will ask for such sizes again,
//! so from then on they come from the heap, up to 32 MB.
//!
//! Which address malloc returns is not part of what pgscope promises: real addresses differ
//! from run to run, and the traces are compared relative to their block. What matters is
//! that blocks come from somewhere, cost what they cost, and go back.

use std::collections::{BTreeMap, BTreeSet};

use super::{Addr, Arena, PAGE_SIZE};
use crate::ids::BackendId;

/// malloc's alignment on 64-bit glibc.
pub const MALLOC_ALIGN: u64 = 16;
const HEADER: u64 = 8;
const MIN_CHUNK: u64 = 32;
const MMAP_THRESHOLD: u64 = 128 << 10;
const MMAP_THRESHOLD_MAX: u64 = 32 << 20;
/// Offsets from here on are of mapped requests, below it of the heap proper.
const MMAP_START: u64 = Addr::SEGMENT_SIZE;

/// One backend's malloc.
#[derive(Clone)]
pub struct Heap {
    base: Addr,
    mapped_base: Addr,
    /// End of the heap proper, as `brk` would say; an offset from `base`.
    top: u64,
    /// Free chunks below the top: where and how long.
    free_by_addr: BTreeMap<u64, u64>,
    free_by_size: BTreeSet<(u64, u64)>,
    /// Mapped ranges that are in use: where and how long.
    mapped: BTreeMap<u64, u64>,
    /// Requests from this size on are mapped.
    mmap_threshold: u64,
    limit: u64,
    stats: HeapStats,
}

/// What a heap costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeapStats {
    /// Bytes in chunks that are in use, their headers included.
    pub used: u64,
    /// Bytes that the operating system gave and has not got back.
    pub obtained: u64,
    /// Calls of malloc and realloc so far.
    pub mallocs: u64,
    /// Calls of free so far.
    pub frees: u64,
}

/// A piece of the heap: what malloc handed out, or what is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapChunk {
    /// What malloc returned, or would: the chunk's header is in the eight bytes before it.
    pub pointer: Addr,
    /// Bytes behind the header.
    pub room: u64,
    /// Nobody has it.
    pub free: bool,
    /// It has pages of its own, which begin sixteen bytes before the pointer.
    pub mapped: bool,
}

impl Heap {
    /// A backend's heap, which may obtain `limit` bytes.
    pub fn new(backend: BackendId, limit: u64) -> Self {
        Self {
            base: Addr::local(backend),
            mapped_base: Addr::mapped(backend),
            top: MALLOC_ALIGN,
            free_by_addr: BTreeMap::new(),
            free_by_size: BTreeSet::new(),
            mapped: BTreeMap::new(),
            mmap_threshold: MMAP_THRESHOLD,
            limit,
            stats: HeapStats::default(),
        }
    }

    /// What the heap costs now.
    pub fn stats(&self) -> HeapStats {
        self.stats
    }

    /// What the heap consists of, in the order of the addresses; what is mapped comes last.
    pub fn chunks(&self, arena: &Arena) -> Vec<HeapChunk> {
        let mut chunks = Vec::new();
        let mut at = MALLOC_ALIGN;
        while at < self.top {
            let pointer = self.addr(at + MALLOC_ALIGN);
            let free = self.free_by_addr.get(&at).copied();
            let size = free.unwrap_or_else(|| arena.read_u64(pointer.back(HEADER)));
            // Behind a header that somebody wrote over, nothing tells one chunk from the next.
            let rest = self.top - at;
            let size = if (MIN_CHUNK..rest).contains(&size) { size } else { rest };
            let room = size.saturating_sub(HEADER);
            chunks.push(HeapChunk { pointer, room, free: free.is_some(), mapped: false });
            at += size;
        }
        chunks.extend(self.mapped.iter().map(|(&at, &size)| HeapChunk {
            pointer: self.addr(at + MALLOC_ALIGN),
            room: size - MALLOC_ALIGN,
            free: false,
            mapped: true,
        }));
        chunks
    }

    /// Whether all of these bytes are the process's: touching others kills it.
    pub fn has(&self, at: Addr, size: u64) -> bool {
        if at >= self.base && at < self.base.offset(Addr::SEGMENT_SIZE) {
            // The last chunk ends where the next one's header would.
            return size <= (self.top + HEADER).saturating_sub(at.since(self.base));
        }
        if at < self.mapped_base {
            return false;
        }
        let from = MMAP_START.saturating_add(at.since(self.mapped_base));
        let range = self.mapped.range(..=from).next_back();
        range.is_some_and(|(start, length)| size <= length.saturating_sub(from - start))
    }

    /// Whether a pointer is to pages that were mapped for it alone, and go when it is freed.
    pub fn is_mapped(&self, pointer: Addr) -> bool {
        pointer >= self.mapped_base
    }

    /// `malloc`: a pointer to at least `size` bytes, or `None` if there is no more. The
    /// bytes are whatever was there before.
    pub fn malloc(&mut self, arena: &mut Arena, size: u64) -> Option<Addr> {
        let need = chunk_size(size)?;
        let at = if need >= self.mmap_threshold { self.map(need)? } else { self.carve(need)? };
        let need = self.mapped.get(&at).copied().unwrap_or(need);
        self.stats.mallocs += 1;
        self.stats.used += need;
        self.write_size(arena, at, need);
        Some(self.addr(at + MALLOC_ALIGN))
    }

    /// `free` of a pointer that `malloc` or `realloc` returned.
    pub fn free(&mut self, arena: &mut Arena, pointer: Addr) {
        let Some((at, size)) = self.chunk_of(arena, pointer) else { return };
        self.stats.frees += 1;
        self.stats.used = self.stats.used.saturating_sub(size);
        if self.mapped.remove(&at).is_some() {
            self.stats.obtained -= size;
            if size <= MMAP_THRESHOLD_MAX {
                self.mmap_threshold = self.mmap_threshold.max(size + 1);
            }
            arena.fill(self.addr(at), size, 0);
        } else {
            self.release(at, size);
        }
    }

    /// `realloc`: the same bytes in a chunk of at least `size` bytes, in place if there is
    /// room; `None`, and nothing changed, if there is none anywhere.
    pub fn realloc(&mut self, arena: &mut Arena, pointer: Addr, size: u64) -> Option<Addr> {
        let need = chunk_size(size)?;
        let (at, old) = self.chunk_of(arena, pointer)?;
        if at >= MMAP_START && need >= self.mmap_threshold {
            return self.remap(arena, at, need);
        }
        if at < MMAP_START && need < self.mmap_threshold {
            if need <= old {
                if old - need >= MIN_CHUNK {
                    self.stats.used = self.stats.used.saturating_sub(old - need);
                    self.write_size(arena, at, need);
                    self.release(at + need, old - need);
                }
                return Some(pointer);
            }
            if self.grow_in_place(at, old, need) {
                self.stats.used += need - old;
                self.write_size(arena, at, need);
                return Some(pointer);
            }
        }
        let new = self.malloc(arena, size)?;
        arena.copy(pointer, new, (old - HEADER).min(size));
        self.free(arena, pointer);
        Some(new)
    }

    /// Free chunk, or the top, behind a chunk: take from it what the chunk lacks.
    fn grow_in_place(&mut self, at: u64, old: u64, need: u64) -> bool {
        let next = at + old;
        if next == self.top {
            return self.extend_top(need - old);
        }
        let Some(&free) = self.free_by_addr.get(&next) else { return false };
        match (old + free).checked_sub(need) {
            Some(0) => self.unlink(next, free),
            Some(rest) if rest >= MIN_CHUNK => {
                self.unlink(next, free);
                self.link(at + need, rest);
            }
            _ => return false,
        }
        true
    }

    fn carve(&mut self, need: u64) -> Option<u64> {
        // A rest too small for a chunk of its own would be lost track of.
        let fits = self.free_by_size.range((need, 0)..=(need, u64::MAX)).next();
        let larger = || self.free_by_size.range((need + MIN_CHUNK, 0)..).next();
        if let Some(&(size, at)) = fits.or_else(larger) {
            self.unlink(at, size);
            if size > need {
                self.link(at + need, size - need);
            }
            return Some(at);
        }
        let at = self.top;
        self.extend_top(need).then_some(at)
    }

    fn extend_top(&mut self, by: u64) -> bool {
        if self.top + by > MMAP_START || self.stats.obtained + by > self.limit {
            return false;
        }
        self.top += by;
        self.stats.obtained += by;
        true
    }

    fn map(&mut self, need: u64) -> Option<u64> {
        let need = pages(need)?;
        if self.stats.obtained.checked_add(need)? > self.limit {
            return None;
        }
        let at = self.unmapped_range(need)?;
        self.mapped.insert(at, need);
        self.stats.obtained += need;
        Some(at)
    }

    /// The lowest range of this length that nothing is mapped to.
    fn unmapped_range(&self, need: u64) -> Option<u64> {
        let mut at = MMAP_START;
        for (&start, &size) in &self.mapped {
            if start - at >= need {
                break;
            }
            at = start + size;
        }
        (at + need <= MMAP_START + Addr::MAPPED_SIZE).then_some(at)
    }

    /// `mremap`: the pages of a mapped request, fewer or more, elsewhere if they must.
    fn remap(&mut self, arena: &mut Arena, at: u64, need: u64) -> Option<Addr> {
        let need = pages(need)?;
        let old = *self.mapped.get(&at)?;
        if (self.stats.obtained - old).checked_add(need)? > self.limit {
            return None;
        }
        let next = self.mapped.range(at + 1..).next().map(|(&start, _)| start);
        let room = next.unwrap_or(MMAP_START + Addr::MAPPED_SIZE) - at;
        let to = if need <= room { at } else { self.unmapped_range(need)? };
        if to == at {
            arena.fill(self.addr(at + need), old.saturating_sub(need), 0);
        } else {
            arena.copy(self.addr(at), self.addr(to), old.min(need));
            arena.fill(self.addr(at), old, 0);
        }
        self.mapped.remove(&at);
        self.mapped.insert(to, need);
        self.stats.obtained = self.stats.obtained - old + need;
        self.stats.used = self.stats.used - old + need;
        self.stats.mallocs += 1;
        self.stats.frees += 1;
        self.write_size(arena, to, need);
        Some(self.addr(to + MALLOC_ALIGN))
    }

    fn release(&mut self, mut at: u64, mut size: u64) {
        if let Some((&before, &length)) = self.free_by_addr.range(..at).next_back()
            && before + length == at
        {
            self.unlink(before, length);
            at = before;
            size += length;
        }
        if let Some(&length) = self.free_by_addr.get(&(at + size)) {
            self.unlink(at + size, length);
            size += length;
        }
        if at + size == self.top {
            self.top = at;
            self.stats.obtained -= size;
        } else {
            self.link(at, size);
        }
    }

    fn link(&mut self, at: u64, size: u64) {
        self.free_by_addr.insert(at, size);
        self.free_by_size.insert((size, at));
    }

    fn unlink(&mut self, at: u64, size: u64) {
        self.free_by_addr.remove(&at);
        self.free_by_size.remove(&(size, at));
    }

    /// Where the chunk of a pointer begins, and how long it is. `None` if that can't be: glibc
    /// checks as much, and ends the process.
    fn chunk_of(&self, arena: &Arena, pointer: Addr) -> Option<(u64, u64)> {
        let size = arena.read_u64(pointer.back(HEADER));
        let found = self.place_of(pointer, size);
        let aligned = (size | pointer.0).is_multiple_of(MALLOC_ALIGN);
        match found.filter(|_| aligned) {
            Some(at) => Some((at, size)),
            None => {
                arena.abort();
                None
            }
        }
    }

    /// Where a chunk of this size begins that can be in use.
    fn place_of(&self, pointer: Addr, size: u64) -> Option<u64> {
        if pointer >= self.mapped_base {
            let at = MMAP_START.checked_add(pointer.since(self.mapped_base))?;
            let at = at.checked_sub(MALLOC_ALIGN)?;
            return (self.mapped.get(&at) == Some(&size)).then_some(at);
        }
        let at = pointer.0.checked_sub(self.base.0 + MALLOC_ALIGN)?;
        let end = at.checked_add(size)?;
        let before = self.free_by_addr.range(..end).next_back();
        let apart = before.is_none_or(|(start, length)| start + length <= at);
        (apart && size >= MIN_CHUNK && end <= self.top).then_some(at)
    }

    fn write_size(&self, arena: &mut Arena, at: u64, size: u64) {
        arena.write_u64(self.addr(at + MALLOC_ALIGN - HEADER), size);
    }

    /// The address of an offset.
    fn addr(&self, at: u64) -> Addr {
        match at.checked_sub(MMAP_START) {
            Some(mapped) => self.mapped_base.offset(mapped),
            None => self.base.offset(at),
        }
    }
}

/// Bytes of the pages that hold this many bytes. A mapped chunk has no neighbour whose first
/// eight bytes it could use as the others do.
fn pages(need: u64) -> Option<u64> {
    need.checked_add(HEADER)?.checked_next_multiple_of(PAGE_SIZE as u64)
}

/// Bytes of the chunk that serves a request, its header included.
fn chunk_size(size: u64) -> Option<u64> {
    let need = size.checked_add(HEADER)?.checked_next_multiple_of(MALLOC_ALIGN)?;
    Some(need.max(MIN_CHUNK))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new() -> (Arena, Heap) {
        (Arena::new(), Heap::new(BackendId(0), 1 << 30))
    }

    #[test]
    fn pointers_are_aligned_and_apart() {
        let (mut arena, mut heap) = new();
        let a = heap.malloc(&mut arena, 100).unwrap();
        let b = heap.malloc(&mut arena, 1).unwrap();
        assert_eq!(a.0 % MALLOC_ALIGN, 0);
        assert_eq!(b.since(a), 112);
    }

    #[test]
    fn a_process_has_all_that_malloc_gave_it_and_no_more() {
        let (mut arena, mut heap) = new();
        for size in [24, 100, 104, MMAP_THRESHOLD] {
            let pointer = heap.malloc(&mut arena, size).unwrap();
            assert!(heap.has(pointer, size));
            assert!(!heap.has(pointer, size + (PAGE_SIZE as u64) * 2));
        }
    }

    #[test]
    fn a_chunk_whose_size_runs_over_a_free_one_is_not_freed() {
        let (mut arena, mut heap) = new();
        let [a, b, _c] = [100, 100, 100].map(|size| heap.malloc(&mut arena, size).unwrap());
        heap.free(&mut arena, b);
        arena.write_u64(a.back(HEADER), 144);
        heap.free(&mut arena, a);
        assert_eq!(arena.fault(), Some(crate::memory::Fault::Abort));
        assert_eq!(heap.stats().frees, 1);
    }

    #[test]
    fn freed_neighbours_merge_and_everything_goes_back() {
        let (mut arena, mut heap) = new();
        let all: Vec<_> = (1..50).map(|i| heap.malloc(&mut arena, i * 40).unwrap()).collect();
        for pointer in all.iter().step_by(2).chain(all.iter().skip(1).step_by(2)) {
            heap.free(&mut arena, *pointer);
        }
        assert_eq!(heap.stats().used, 0);
        assert_eq!(heap.stats().obtained, 0);
    }

    #[test]
    fn the_best_fit_is_reused() {
        let (mut arena, mut heap) = new();
        let big = heap.malloc(&mut arena, 1000).unwrap();
        heap.malloc(&mut arena, 8).unwrap();
        let small = heap.malloc(&mut arena, 200).unwrap();
        heap.malloc(&mut arena, 8).unwrap();
        heap.free(&mut arena, big);
        heap.free(&mut arena, small);
        assert_eq!(heap.malloc(&mut arena, 200), Some(small));
    }

    #[test]
    fn large_requests_are_mapped_and_unmapped() {
        let (mut arena, mut heap) = new();
        let a = heap.malloc(&mut arena, 1 << 20).unwrap();
        arena.fill(a, 1 << 20, 1);
        assert!(heap.stats().obtained > 1 << 20);
        heap.free(&mut arena, a);
        assert_eq!(heap.stats().obtained, 0);
        assert_eq!(arena.read_u8(a), 0);
    }

    #[test]
    fn realloc_keeps_the_bytes() {
        let (mut arena, mut heap) = new();
        let a = heap.malloc(&mut arena, 100).unwrap();
        heap.malloc(&mut arena, 8).unwrap();
        arena.fill(a, 100, 42);
        let b = heap.realloc(&mut arena, a, 300_000).unwrap();
        assert_eq!(arena.read_u8(b.offset(99)), 42);
        let c = heap.realloc(&mut arena, b, 50).unwrap();
        assert_eq!(arena.read_u8(c.offset(49)), 42);
        assert_eq!(heap.stats().used, 32 + 64);
    }

    #[test]
    fn a_mapped_request_is_remapped() {
        let (mut arena, mut heap) = new();
        let a = heap.malloc(&mut arena, 200 << 20).unwrap();
        arena.write_u64(a.offset(100 << 20), 7);
        let b = heap.malloc(&mut arena, 1 << 20).unwrap();
        let moved = heap.realloc(&mut arena, a, 500 << 20).unwrap();
        assert_ne!(a, moved);
        assert_eq!(arena.read_u64(moved.offset(100 << 20)), 7);
        assert_eq!(heap.realloc(&mut arena, moved, 400 << 20), Some(moved));
        assert_eq!(heap.realloc(&mut arena, moved, 2 << 30), None);
        heap.free(&mut arena, moved);
        heap.free(&mut arena, b);
        assert_eq!((heap.stats().obtained, heap.stats().used), (0, 0));
    }

    #[test]
    fn there_is_an_end() {
        let mut arena = Arena::new();
        let mut heap = Heap::new(BackendId(0), 1 << 20);
        assert_eq!(heap.malloc(&mut arena, 2 << 20), None);
        assert_eq!(heap.malloc(&mut arena, u64::MAX), None);
        assert!(heap.malloc(&mut arena, 1 << 19).is_some());
    }
}
