//! The bytes of the arena.
//!
//! Pages of 8 kB come into being with the first write and read as zeros before, as the
//! operating system's do. A clone of the arena shares its pages; whoever writes first gets
//! its own copy. So a snapshot of the whole server costs a table of pointers.
//!
//! Integers are little-endian, as on the servers whose traces we follow. Structures are
//! aligned as C aligns them, so an integer never crosses a page.

use std::rc::Rc;

use super::Addr;

/// Bytes of a page of the arena.
pub const PAGE_SIZE: usize = 8192;

/// Pages of a directory: 4 MB together.
const DIRECTORY: usize = 512;

type Page = [u8; PAGE_SIZE];
type Directory = [Option<Rc<Page>>; DIRECTORY];
/// The pages of one segment, in two steps, so that a clone copies few pointers.
type Table = Vec<Option<Rc<Directory>>>;

/// One linear memory, read as zeros where nothing was written.
#[derive(Clone, Default)]
pub struct Arena {
    /// Shared memory, then the backends' heaps.
    segments: Vec<Table>,
    /// What backends map for large requests.
    mapped: Vec<Table>,
    program: Table,
    pages: usize,
}

/// A segment's table, made if it is not there.
#[inline]
fn nth(tables: &mut Vec<Table>, index: usize) -> &mut Table {
    if tables.len() <= index {
        tables.resize_with(index + 1, Vec::new);
    }
    &mut tables[index]
}

/// Where a page stands in its segment's table.
#[inline]
fn place(offset: u64) -> (usize, usize) {
    let page = (offset / PAGE_SIZE as u64) as usize;
    (page / DIRECTORY, page % DIRECTORY)
}

impl Arena {
    /// An arena in which nothing was written yet.
    pub fn new() -> Self {
        Self::default()
    }

    #[inline]
    fn page(&self, addr: Addr) -> Option<&Page> {
        let (segment, offset) = addr.split();
        let table = if segment < Addr::MAPPED_INDEX {
            self.segments.get(segment as usize)?
        } else if segment == Addr::PROGRAM_INDEX {
            &self.program
        } else {
            self.mapped.get((segment - Addr::MAPPED_INDEX) as usize)?
        };
        let (directory, page) = place(offset);
        table.get(directory)?.as_ref()?[page].as_deref()
    }

    /// The place of a page, made if it is not there (the page itself may be missing), and the
    /// number of pages, which whoever fills or empties the place keeps.
    #[inline]
    fn slot(&mut self, addr: Addr) -> (&mut Option<Rc<Page>>, &mut usize) {
        let (segment, offset) = addr.split();
        let table = if segment < Addr::MAPPED_INDEX {
            nth(&mut self.segments, segment as usize)
        } else if segment == Addr::PROGRAM_INDEX {
            &mut self.program
        } else {
            nth(&mut self.mapped, (segment - Addr::MAPPED_INDEX) as usize)
        };
        let (directory, page) = place(offset);
        if table.len() <= directory {
            table.resize(directory + 1, None);
        }
        let directory =
            table[directory].get_or_insert_with(|| Rc::new([const { None }; DIRECTORY]));
        (&mut Rc::make_mut(directory)[page], &mut self.pages)
    }

    #[inline]
    fn page_mut(&mut self, addr: Addr) -> &mut Page {
        let (slot, pages) = self.slot(addr);
        let page = slot.get_or_insert_with(|| {
            *pages += 1;
            Rc::new([0; PAGE_SIZE])
        });
        Rc::make_mut(page)
    }

    /// Give up the page that holds `addr`: it reads as zeros again.
    fn drop_page(&mut self, addr: Addr) {
        if self.page(addr).is_some() {
            let (slot, pages) = self.slot(addr);
            *slot = None;
            *pages -= 1;
        }
    }

    /// Bytes of pages that were written and not given up: what the arena costs.
    pub fn resident(&self) -> usize {
        self.pages * PAGE_SIZE
    }

    /// The unsigned 64-bit integer at `addr`.
    #[inline]
    pub fn read_u64(&self, addr: Addr) -> u64 {
        self.page(addr).map_or(0, |page| {
            let at = addr.0 as usize % PAGE_SIZE;
            page[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
        })
    }

    /// The unsigned 32-bit integer at `addr`.
    #[inline]
    pub fn read_u32(&self, addr: Addr) -> u32 {
        self.page(addr).map_or(0, |page| {
            let at = addr.0 as usize % PAGE_SIZE;
            page[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
        })
    }

    /// The byte at `addr`.
    #[inline]
    pub fn read_u8(&self, addr: Addr) -> u8 {
        self.page(addr).map_or(0, |page| page[addr.0 as usize % PAGE_SIZE])
    }

    /// The pointer at `addr`.
    #[inline]
    pub fn read_ptr(&self, addr: Addr) -> Addr {
        Addr(self.read_u64(addr))
    }

    /// Fill `out` with the bytes from `addr` on.
    pub fn read(&self, addr: Addr, out: &mut [u8]) {
        let mut done = 0;
        while done < out.len() {
            let from = addr.offset(done as u64);
            let at = from.0 as usize % PAGE_SIZE;
            let count = (out.len() - done).min(PAGE_SIZE - at);
            match self.page(from) {
                Some(page) => out[done..done + count].copy_from_slice(&page[at..at + count]),
                None => out[done..done + count].fill(0),
            }
            done += count;
        }
    }

    /// Store a 64-bit integer.
    #[inline]
    pub fn write_u64(&mut self, addr: Addr, value: u64) {
        let at = addr.0 as usize % PAGE_SIZE;
        if let Some(bytes) = self.page_mut(addr)[at..].first_chunk_mut() {
            *bytes = value.to_le_bytes();
        }
    }

    /// Store a 32-bit integer.
    #[inline]
    pub fn write_u32(&mut self, addr: Addr, value: u32) {
        let at = addr.0 as usize % PAGE_SIZE;
        if let Some(bytes) = self.page_mut(addr)[at..].first_chunk_mut() {
            *bytes = value.to_le_bytes();
        }
    }

    /// Store a byte.
    #[inline]
    pub fn write_u8(&mut self, addr: Addr, value: u8) {
        self.page_mut(addr)[addr.0 as usize % PAGE_SIZE] = value;
    }

    /// Store a pointer.
    #[inline]
    pub fn write_ptr(&mut self, addr: Addr, value: Addr) {
        self.write_u64(addr, value.0);
    }

    /// Store `bytes` from `addr` on.
    pub fn write(&mut self, addr: Addr, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            let to = addr.offset(done as u64);
            let at = to.0 as usize % PAGE_SIZE;
            let count = (bytes.len() - done).min(PAGE_SIZE - at);
            self.page_mut(to)[at..at + count].copy_from_slice(&bytes[done..done + count]);
            done += count;
        }
    }

    /// Set `len` bytes to `byte` (`memset`). Whole pages of zeros are given up, not written.
    pub fn fill(&mut self, addr: Addr, len: u64, byte: u8) {
        let mut done = 0;
        while done < len {
            let to = addr.offset(done);
            let at = to.0 as usize % PAGE_SIZE;
            let count = (len - done).min((PAGE_SIZE - at) as u64);
            if byte == 0 && (self.page(to).is_none() || count == PAGE_SIZE as u64) {
                self.drop_page(to);
            } else {
                self.page_mut(to)[at..at + count as usize].fill(byte);
            }
            done += count;
        }
    }

    /// Copy `len` bytes (`memcpy`: the ranges don't overlap). What was never written at the
    /// source stays unwritten at the target.
    pub fn copy(&mut self, from: Addr, to: Addr, len: u64) {
        let mut buffer = [0; 512];
        let mut done = 0;
        while done < len {
            let (source, target) = (from.offset(done), to.offset(done));
            if self.page(source).is_some() || self.page(target).is_some() {
                let count = (len - done).min(buffer.len() as u64) as usize;
                self.read(source, &mut buffer[..count]);
                self.write(target, &buffer[..count]);
                done += count as u64;
            } else {
                // Neither page exists: on to where the first of the two ends.
                let rest = |addr: Addr| PAGE_SIZE as u64 - addr.0 % PAGE_SIZE as u64;
                done += rest(source).min(rest(target));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::BackendId;

    fn heap() -> Addr {
        Addr::local(BackendId(0))
    }

    #[test]
    fn unwritten_memory_reads_as_zeros_and_costs_nothing() {
        let arena = Arena::new();
        assert_eq!(arena.read_u64(heap()), 0);
        assert_eq!(arena.resident(), 0);
    }

    #[test]
    fn integers_are_little_endian() {
        let mut arena = Arena::new();
        arena.write_u64(heap(), 0x0102_0304_0506_0708);
        assert_eq!(arena.read_u8(heap()), 8);
        assert_eq!(arena.read_u32(heap().offset(4)), 0x0102_0304);
    }

    #[test]
    fn writes_and_copies_cross_pages() {
        let mut arena = Arena::new();
        let bytes: Vec<u8> = (0..20_000u32).map(|i| (i % 251) as u8).collect();
        arena.write(heap().offset(100), &bytes);
        arena.copy(heap().offset(100), heap().offset(50_000), 20_000);
        let mut back = vec![0; 20_000];
        arena.read(heap().offset(50_000), &mut back);
        assert_eq!(back, bytes);
    }

    #[test]
    fn a_clone_keeps_its_bytes_when_the_original_writes() {
        let mut arena = Arena::new();
        arena.write_u64(heap(), 1);
        let snapshot = arena.clone();
        arena.write_u64(heap(), 2);
        assert_eq!(snapshot.read_u64(heap()), 1);
        assert_eq!(arena.read_u64(heap()), 2);
    }

    #[test]
    fn zeroing_gives_pages_back() {
        let mut arena = Arena::new();
        arena.fill(heap(), 4 * PAGE_SIZE as u64, 0x7f);
        assert_eq!(arena.resident(), 4 * PAGE_SIZE);
        arena.fill(heap().offset(8), 4 * PAGE_SIZE as u64 - 8, 0);
        assert_eq!(arena.resident(), PAGE_SIZE);
        assert_eq!(arena.read_u8(heap().offset(7)), 0x7f);
        assert_eq!(arena.read_u8(heap().offset(8)), 0);
    }
}
