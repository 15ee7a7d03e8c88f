//! The part of a heap that is at hand: where a process finds nearly all that it asks for.

use super::Addr;
use super::segment::{Segment, WORD, Word};

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
    #[inline(always)]
    fn half(&self, addr: Addr) -> u32 {
        (self.word(word_of(addr)) >> shift_of(addr)) as u32
    }

    /// Store a 32-bit integer.
    #[inline(always)]
    fn set_half(&mut self, addr: Addr, value: u32) {
        self.set_part(addr, u32::MAX.into(), value.into());
    }

    /// Store an integer in the bits of its word that `mask` has.
    #[inline(always)]
    fn set_part(&mut self, addr: Addr, mask: u64, value: u64) {
        let (word, shift) = (word_of(addr), shift_of(addr));
        let others = self.word(word) & !(mask << shift);
        self.set_word(word, others | value << shift);
    }
}

/// The words of the working backend's heap, or of what it has mapped.
pub(crate) struct Window<'a> {
    pub(super) words: &'a mut [Word],
    pub(super) base: Addr,
}

/// Both: what the working backend has written of its own memory, nearly all of it. The heap comes
/// first; where the other window is matters only to what is not there.
pub(crate) struct Windows<'a> {
    pub(super) heap: Window<'a>,
    pub(super) mapped: &'a mut Segment,
}

impl Windows<'_> {
    /// The one that has all of a block, if either has: a block does not reach from one into the
    /// other.
    #[inline(always)]
    pub(crate) fn of(&mut self, block: Addr) -> Window<'_> {
        if block < self.mapped.base() {
            Window { words: &mut *self.heap.words, base: self.heap.base }
        } else {
            self.mapped.window()
        }
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
        self.words.get(index(self.base, addr)).map_or(0, |word| u64::from_le_bytes(*word))
    }

    #[inline(always)]
    fn set_word(&mut self, addr: Addr, value: u64) {
        if let Some(word) = self.words.get_mut(index(self.base, addr)) {
            *word = value.to_le_bytes();
        }
    }
}

impl Words for Windows<'_> {
    #[inline(always)]
    fn has(&self, addr: Addr) -> bool {
        self.heap.has(addr) || index(self.mapped.base(), addr) < self.mapped.words().len()
    }

    #[inline(always)]
    fn word(&self, addr: Addr) -> u64 {
        let word = match self.heap.words.get(index(self.heap.base, addr)) {
            Some(word) => Some(word),
            None => self.mapped.words().get(index(self.mapped.base(), addr)),
        };
        word.map_or(0, |word| u64::from_le_bytes(*word))
    }

    #[inline(always)]
    fn set_word(&mut self, addr: Addr, value: u64) {
        match self.heap.words.get_mut(index(self.heap.base, addr)) {
            Some(word) => *word = value.to_le_bytes(),
            None => self.mapped.window().set_word(addr, value),
        }
    }
}
