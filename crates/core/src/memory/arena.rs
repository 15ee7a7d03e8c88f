//! The bytes of the arena.
//!
//! Memory comes into being with the first write and reads as zeros before, as the operating
//! system's does. A clone of the arena shares what was not written since, so a snapshot of the
//! whole server costs what changed.
//!
//! One process works at a time, and nearly always in its own heap. So the arena keeps the
//! memory of the process that it was lent to at hand, and every access looks there first.
//!
//! Integers are little-endian, as on the servers whose traces we follow. Structures are
//! aligned as C aligns them, so an integer never crosses a page.

use std::cell::Cell;

use super::Addr;
use super::segment::{PAGE_SIZE, Segment};
use super::window::{Windows, Words, index, shift_of, word_of};
use crate::ids::BackendId;

/// How far a heap's window may grow.
const HEAP_WINDOW: usize = 64 << 20;
/// How far the window of what a backend has mapped may grow, and over which gaps: of a large
/// request often only the first page is ever touched.
const MAPPED_WINDOW: usize = 64 << 20;
const MAPPED_GAP: usize = 256 << 10;
/// Bytes of the arena that may be written before allocating is refused.
pub(crate) const MAX_TOUCHED: usize = 64 << 20;
/// Bytes of it that may be written at all: a copy in one operation doubles them at most.
const MAX_RESIDENT: usize = 3 * MAX_TOUCHED;

/// What one backend has written of its own memory.
#[derive(Clone)]
struct Local {
    heap: Segment,
    mapped: Segment,
}

impl Local {
    fn new(backend: BackendId) -> Self {
        Self {
            heap: Segment::new(Addr::local(backend), HEAP_WINDOW, HEAP_WINDOW),
            mapped: Segment::new(Addr::mapped(backend), MAPPED_WINDOW, MAPPED_GAP),
        }
    }

    fn pages(&self) -> usize {
        self.heap.pages() + self.mapped.pages()
    }
}

/// What a process is killed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It went for memory that it does not have: the null page, another process's, or what is
    /// nobody's. It read zeros, and wrote nothing.
    Segmentation,
    /// The C library found its own bookkeeping damaged.
    Abort,
    /// Nothing that a server would mind: it writes more than the playground holds.
    TooMuch,
}

/// Which part of the address space an address is in.
enum Part {
    Heap(usize),
    Mapped(usize),
    Program,
    /// Shared memory, whose bytes are kept in compact form elsewhere, and what is nobody's.
    Elsewhere,
}

/// One linear memory, read as zeros where nothing was written.
#[derive(Clone)]
pub struct Arena {
    /// The heap of the backend that works now.
    near: Local,
    /// Which backend that is: its place in `locals` is empty.
    near_index: usize,
    locals: Vec<Local>,
    program: Segment,
    /// Pages of the other backends.
    other_pages: usize,
    /// What the working backend is to be killed for.
    fault: Cell<Option<Fault>>,
}

impl Default for Arena {
    fn default() -> Self {
        Self::new()
    }
}

impl Arena {
    /// An arena in which nothing was written yet.
    pub fn new() -> Self {
        Self {
            near: Local::new(BackendId(0)),
            near_index: 0,
            locals: Vec::new(),
            program: Segment::default(),
            other_pages: 0,
            fault: Cell::new(None),
        }
    }

    /// What the working backend is to be killed for, if it is.
    #[inline]
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault.get()
    }

    /// The working backend ends itself.
    pub(crate) fn abort(&self) {
        if self.fault().is_none() {
            self.fault.set(Some(Fault::Abort));
        }
    }

    /// An operation begins: what was looked at between operations is nobody's fault.
    #[inline]
    pub(crate) fn forget_fault(&self) {
        self.fault.set(None);
    }

    /// Whether it is this backend's memory that is at hand.
    #[inline]
    pub(crate) fn is_lent(&self, backend: BackendId) -> bool {
        self.near_index == usize::from(backend.0)
    }

    /// A backend is about to work: have its memory at hand.
    #[inline]
    pub fn lend(&mut self, backend: BackendId) {
        if self.near_index != usize::from(backend.0) {
            self.exchange(backend);
        }
    }

    #[inline(never)]
    fn exchange(&mut self, backend: BackendId) {
        let next = usize::from(backend.0);
        let most = next.max(self.near_index) + 1;
        for missing in self.locals.len()..most {
            self.locals.push(Local::new(BackendId(missing as u16)));
        }
        std::mem::swap(&mut self.near, &mut self.locals[self.near_index]);
        std::mem::swap(&mut self.near, &mut self.locals[next]);
        self.near_index = next;
        self.other_pages = self.locals.iter().map(Local::pages).sum();
    }

    /// A process has ended: its memory is gone.
    pub(crate) fn forget(&mut self, backend: BackendId) {
        let at = usize::from(backend.0);
        if at == self.near_index {
            self.near = Local::new(backend);
        } else if let Some(local) = self.locals.get_mut(at) {
            *local = Local::new(backend);
        }
        self.other_pages = self.locals.iter().map(Local::pages).sum();
    }

    /// Bytes that the arena's memory takes up: pages that were written and not given up, and
    /// small gaps between them.
    #[inline]
    pub fn resident(&self) -> usize {
        (self.near.pages() + self.other_pages + self.program.pages()) * PAGE_SIZE
    }

    fn part(addr: Addr) -> (Part, u64) {
        let (segment, offset) = addr.split();
        let index = segment as usize;
        let part = match segment {
            0 => Part::Elsewhere,
            1..Addr::MAPPED_INDEX if offset < Addr::SEGMENT_SIZE => Part::Heap(index - 1),
            1..Addr::MAPPED_INDEX => {
                return (Part::Mapped(index - 1), offset - Addr::SEGMENT_SIZE);
            }
            Addr::PROGRAM_INDEX => Part::Program,
            _ => Part::Elsewhere,
        };
        (part, offset)
    }

    fn segment(&self, addr: Addr) -> Option<(&Segment, u64)> {
        let (part, offset) = Self::part(addr);
        let local = |index| match index == self.near_index {
            true => Some(&self.near),
            false => {
                self.fault.set(Some(Fault::Segmentation));
                self.locals.get(index)
            }
        };
        let segment = match part {
            Part::Heap(index) => &local(index)?.heap,
            Part::Mapped(index) => &local(index)?.mapped,
            Part::Program => &self.program,
            Part::Elsewhere => {
                self.fault.set(Some(Fault::Segmentation));
                return None;
            }
        };
        Some((segment, offset))
    }

    /// The segment of an address, to be written to. What is nobody's can't be, nor what is
    /// another backend's.
    fn segment_mut(&mut self, addr: Addr) -> Option<(&mut Segment, u64)> {
        let (part, offset) = Self::part(addr);
        let segment = match part {
            Part::Heap(index) if index == self.near_index => &mut self.near.heap,
            Part::Mapped(index) if index == self.near_index => &mut self.near.mapped,
            Part::Program => &mut self.program,
            _ => {
                self.fault.set(Some(Fault::Segmentation));
                return None;
            }
        };
        Some((segment, offset))
    }

    /// The windows of the working backend's memory.
    #[inline(always)]
    pub(crate) fn windows(&mut self) -> Windows<'_> {
        let Local { heap, mapped } = &mut self.near;
        Windows { heap: heap.window(), mapped: mapped.window() }
    }

    /// A page to write to, unless there are too many.
    fn page_mut(&mut self, addr: Addr) -> Option<&mut [u8]> {
        let too_many = self.resident() > MAX_RESIDENT;
        if too_many && !self.is_resident(addr) {
            self.fault.set(Some(Fault::TooMuch));
            return None;
        }
        let (segment, offset) = self.segment_mut(addr)?;
        Some(segment.page_mut(page(offset)))
    }

    /// Whether the page that holds `addr` takes up memory.
    pub(crate) fn is_resident(&self, addr: Addr) -> bool {
        self.segment(addr).is_some_and(|(segment, offset)| segment.has(page(offset)))
    }

    /// The unsigned 64-bit integer at `addr`.
    #[cfg_attr(not(target_family = "wasm"), inline)]
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub fn read_u64(&self, addr: Addr) -> u64 {
        match self.near.heap.words().get(index(self.near.heap.base(), addr)) {
            Some(word) => u64::from_le_bytes(*word),
            None => self.read_u64_elsewhere(addr),
        }
    }

    #[inline(never)]
    fn read_u64_elsewhere(&self, addr: Addr) -> u64 {
        if let Some((segment, offset)) = self.segment(addr)
            && let Some(word) = segment.words().get(index(Addr::NULL, Addr(offset)))
        {
            return u64::from_le_bytes(*word);
        }
        let mut bytes = [0; 8];
        self.read(addr, &mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// The unsigned 32-bit integer at `addr`.
    #[cfg_attr(not(target_family = "wasm"), inline)]
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub fn read_u32(&self, addr: Addr) -> u32 {
        (self.read_u64(word_of(addr)) >> shift_of(addr)) as u32
    }

    /// The byte at `addr`.
    #[cfg_attr(not(target_family = "wasm"), inline)]
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub fn read_u8(&self, addr: Addr) -> u8 {
        (self.read_u64(word_of(addr)) >> shift_of(addr)) as u8
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
            let part = (out.len() - done).min(PAGE_SIZE - at);
            let part = &mut out[done..done + part];
            done += part.len();
            match self.segment(from) {
                Some((segment, offset)) => segment.read(page(offset), at, part),
                None => part.fill(0),
            }
        }
    }

    /// Store a 64-bit integer.
    #[cfg_attr(not(target_family = "wasm"), inline)]
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub fn write_u64(&mut self, addr: Addr, value: u64) {
        let at = index(self.near.heap.base(), addr);
        match self.near.heap.words_mut().get_mut(at) {
            Some(word) => *word = value.to_le_bytes(),
            None => self.write_u64_elsewhere(addr, value),
        }
    }

    #[inline(never)]
    fn write_u64_elsewhere(&mut self, addr: Addr, value: u64) {
        if let Some((segment, offset)) = self.segment_mut(addr)
            && let Some(word) = segment.words_mut().get_mut(index(Addr::NULL, Addr(offset)))
        {
            *word = value.to_le_bytes();
        } else {
            self.write(addr, &value.to_le_bytes());
        }
    }

    /// Store a 32-bit integer.
    #[cfg_attr(not(target_family = "wasm"), inline)]
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub fn write_u32(&mut self, addr: Addr, value: u32) {
        self.set_part(addr, u32::MAX.into(), value.into());
    }

    /// Store a byte.
    #[cfg_attr(not(target_family = "wasm"), inline)]
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub fn write_u8(&mut self, addr: Addr, value: u8) {
        self.set_part(addr, u8::MAX.into(), value.into());
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
            let part = &bytes[done..bytes.len().min(done + PAGE_SIZE - at)];
            done += part.len();
            if let Some(page) = self.page_mut(to) {
                page[at..at + part.len()].copy_from_slice(part);
            }
        }
    }

    /// Set `len` bytes to `byte` (`memset`). Whole pages of zeros are given up, not written.
    pub fn fill(&mut self, addr: Addr, len: u64, byte: u8) {
        let end = addr.offset(len);
        let mut to = addr;
        while to < end {
            let at = to.0 as usize % PAGE_SIZE;
            let Some((segment, offset)) = self.segment_mut(to) else { return };
            let whole = end.since(to) / PAGE_SIZE as u64;
            if byte == 0 && at == 0 && whole > 0 {
                segment.drop_pages(page(offset), page(offset) + whole as usize);
                to = to.offset(whole * PAGE_SIZE as u64);
                continue;
            }
            let count = end.since(to).min((PAGE_SIZE - at) as u64);
            if byte != 0 || segment.has(page(offset)) {
                let Some(page) = self.page_mut(to) else { return };
                page[at..at + count as usize].fill(byte);
            }
            to = to.offset(count);
        }
    }

    /// Set those of `len` bytes to `byte` that lie in pages which were written.
    pub fn fill_written(&mut self, addr: Addr, len: u64, byte: u8) {
        let end = addr.offset(len);
        let mut at = addr;
        while at < end {
            let next = Addr((at.0 / PAGE_SIZE as u64 + 1) * PAGE_SIZE as u64).min(end);
            if self.is_resident(at) {
                self.fill(at, next.since(at), byte);
            }
            if self.fault().is_some() {
                return;
            }
            at = next;
        }
    }

    /// Copy `len` bytes (`memcpy`: the ranges don't overlap). What was never written at the
    /// source stays unwritten at the target.
    pub fn copy(&mut self, from: Addr, to: Addr, len: u64) {
        let mut buffer = [0; 512];
        let mut done = 0;
        // Whoever copies what is not there is killed at once, however much it was to be.
        while done < len && self.fault().is_none() {
            let (source, target) = (from.offset(done), to.offset(done));
            if self.is_resident(source) || self.is_resident(target) {
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

/// The whole arena has every word at hand.
impl Words for Arena {
    #[inline]
    fn has(&self, _: Addr) -> bool {
        true
    }

    #[inline]
    fn word(&self, addr: Addr) -> u64 {
        self.read_u64(addr)
    }

    #[inline]
    fn set_word(&mut self, addr: Addr, value: u64) {
        self.write_u64(addr, value);
    }
}

/// The page that holds an offset.
fn page(offset: u64) -> usize {
    (offset / PAGE_SIZE as u64) as usize
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
    fn what_was_never_written_can_be_left_out() {
        let mut arena = Arena::new();
        let far = heap().offset(1 << 31);
        arena.write_u8(far, 1);
        arena.fill_written(far.back(1 << 20), 2 << 20, 0x7f);
        assert_eq!(arena.resident(), PAGE_SIZE);
        assert_eq!(arena.read_u8(far.offset(1)), 0x7f);
        assert_eq!(arena.read_u8(far.back(1)), 0);
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
