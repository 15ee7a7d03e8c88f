//! The part of a heap that is at hand: where a process finds nearly all that it asks for.

use std::cell::Cell;
use std::hint::{cold_path, select_unpredictable};

use super::Addr;
use super::segment::{WORD, Word};

/// Words of memory: of the whole [`Arena`](super::Arena), or of a [`Window`] of it. What is
/// written against it works in both.
pub trait Words {
    /// Whether the word at an address that is a multiple of eight is at hand.
    fn has(&self, addr: Addr) -> bool;
    /// That word; 0 if it is not at hand.
    fn word(&self, addr: Addr) -> u64;
    /// Store that word, if it is at hand.
    fn set_word(&mut self, addr: Addr, value: u64);

    /// The pointer at `addr`.
    #[inline(always)]
    fn ptr(&self, addr: Addr) -> Addr {
        Addr(self.word(addr))
    }

    /// Store a pointer.
    #[inline(always)]
    fn set_ptr(&mut self, addr: Addr, value: Addr) {
        self.set_word(addr, value.0);
    }

    /// The unsigned 32-bit integer at `addr`.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    #[cfg_attr(target_family = "wasm", inline(never))]
    fn half(&self, addr: Addr) -> u32 {
        (self.word(word_of(addr)) >> shift_of(addr)) as u32
    }

    /// Store a 32-bit integer.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    #[cfg_attr(target_family = "wasm", inline(never))]
    fn set_half(&mut self, addr: Addr, value: u32) {
        self.set_part(addr, u32::MAX.into(), value.into());
    }

    /// Store an integer in the bits of its word that `mask` has.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    #[cfg_attr(target_family = "wasm", inline(never))]
    fn set_part(&mut self, addr: Addr, mask: u64, value: u64) {
        let (word, shift) = (word_of(addr), shift_of(addr));
        let others = self.word(word) & !(mask << shift);
        self.set_word(word, others | value << shift);
    }
}

/// The words of the working backend's heap, or of what it has mapped. Several structures in it
/// can be worked on at a time, so its words are cells.
#[derive(Clone, Copy)]
pub(crate) struct Window<'a> {
    words: &'a [Cell<Word>],
    base: Addr,
}

impl<'a> Window<'a> {
    pub(super) fn new(words: &'a mut [Word], base: Addr) -> Self {
        Self { words: Cell::from_mut(words).as_slice_of_cells(), base }
    }

    /// A structure of `N` words, if all of it is at hand. Its fields are then reached without
    /// further ado.
    #[inline(always)]
    pub(crate) fn fields<const N: usize>(self, addr: Addr) -> Option<Fields<'a, N>> {
        self.fields_at(self.index(addr))
    }

    /// The same, by the structure's place in the window.
    #[inline(always)]
    pub(crate) fn fields_at<const N: usize>(self, index: usize) -> Option<Fields<'a, N>> {
        let Some(words) = self.words.get(index..index.wrapping_add(N)) else {
            cold_path();
            return None;
        };
        words.first_chunk().map(Fields)
    }

    /// A single word, as a structure: of the structure at `addr`, the one at an offset.
    #[inline(always)]
    pub(crate) fn field(self, addr: Addr, offset: u64) -> Option<Fields<'a, 1>> {
        self.word_at(self.index(addr).wrapping_add(offset as usize / WORD))
    }

    /// A single word, as a structure.
    #[inline(always)]
    pub(crate) fn word_at(self, index: usize) -> Option<Fields<'a, 1>> {
        let word = self.words.get(index)?;
        Some(Fields(std::array::from_ref(word)))
    }

    /// Structures of `N` words that stand side by side, as many as are at hand.
    #[inline(always)]
    pub(crate) fn array_at<const N: usize>(
        self,
        index: usize,
    ) -> impl Iterator<Item = Fields<'a, N>> {
        self.words.get(index..).unwrap_or_default().as_chunks().0.iter().map(Fields)
    }

    /// The place of the word at an address.
    #[inline(always)]
    pub(crate) fn index(self, addr: Addr) -> usize {
        index(self.base, addr)
    }
}

/// A structure's words. Fields are called by their offsets; one that the structure does not have
/// reads as 0.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a, const N: usize>(&'a [Cell<Word>; N]);

impl<const N: usize> Fields<'_, N> {
    /// The word at an offset.
    #[inline(always)]
    pub(crate) fn word(self, offset: u64) -> u64 {
        self.0.get(offset as usize / WORD).map_or(0, |word| u64::from_le_bytes(word.get()))
    }

    /// The pointer there.
    #[inline(always)]
    pub(crate) fn ptr(self, offset: u64) -> Addr {
        Addr(self.word(offset))
    }

    /// The unsigned 32-bit integer there.
    #[inline(always)]
    pub(crate) fn half(self, offset: u64) -> u32 {
        (self.word(offset) >> shift_of(Addr(offset))) as u32
    }

    /// Store a word.
    #[inline(always)]
    pub(crate) fn set_word(self, offset: u64, value: u64) {
        if let Some(word) = self.0.get(offset as usize / WORD) {
            word.set(value.to_le_bytes());
        }
    }

    /// Store a pointer.
    #[inline(always)]
    pub(crate) fn set_ptr(self, offset: u64, value: Addr) {
        self.set_word(offset, value.0);
    }
}

/// Both: what the working backend has written of its own memory, nearly all of it. The heap comes
/// first; where the other window is matters only to what is not there.
#[derive(Clone, Copy)]
pub(crate) struct Windows<'a> {
    pub(crate) heap: Window<'a>,
    pub(super) mapped: Window<'a>,
}

impl<'a> Windows<'a> {
    /// The one that has all of a block, if either has: a block does not reach from one into the
    /// other.
    #[inline(always)]
    pub(crate) fn of(self, block: Addr) -> Window<'a> {
        let Self { heap, mapped } = self;
        let is_heap = block < mapped.base;
        Window {
            words: select_unpredictable(is_heap, heap.words, mapped.words),
            base: select_unpredictable(is_heap, heap.base, mapped.base),
        }
    }

    /// A structure of `N` words, wherever it is at hand.
    #[inline(always)]
    pub(crate) fn fields<const N: usize>(self, addr: Addr) -> Option<Fields<'a, N>> {
        self.of(addr).fields(addr)
    }
}

/// The index of a word: past any window if the address is not a multiple of eight.
#[inline(always)]
pub(super) fn index(base: Addr, addr: Addr) -> usize {
    let offset = addr.since(base).rotate_right(WORD.ilog2());
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// Where the word begins that holds an address.
#[inline(always)]
pub(super) fn word_of(addr: Addr) -> Addr {
    Addr(addr.0 & !7)
}

/// Bits of that word below the address.
#[inline(always)]
pub(super) fn shift_of(addr: Addr) -> u64 {
    (addr.0 & 7) * 8
}

impl Words for Window<'_> {
    #[inline(always)]
    fn has(&self, addr: Addr) -> bool {
        index(self.base, addr) < self.words.len()
    }

    #[inline(always)]
    fn word(&self, addr: Addr) -> u64 {
        self.words.get(index(self.base, addr)).map_or(0, |word| u64::from_le_bytes(word.get()))
    }

    #[inline(always)]
    fn set_word(&mut self, addr: Addr, value: u64) {
        if let Some(word) = self.words.get(index(self.base, addr)) {
            word.set(value.to_le_bytes());
        }
    }
}
