//! The part of a heap that is at hand: where a process finds nearly all that it asks for.

use super::Addr;
use super::segment::{WORD, Word};

/// Words that can be read and written, or not: a whole arena has them all, a [`Window`] some.
/// The short ways through the allocators are written against it: they look first, and leave
/// what is not at hand to the long way.
pub(crate) trait Words {
    /// The word at an address that is a multiple of eight, if it is at hand.
    fn word(&self, addr: Addr) -> Option<u64>;
    /// Store a word that was found at hand.
    fn set_word(&mut self, addr: Addr, value: u64);
}

/// The words of the working backend's heap.
pub(crate) struct Window<'a> {
    pub(super) words: &'a mut [Word],
    pub(super) base: Addr,
}

/// The index of a word: past any window if the address is not a multiple of eight.
#[inline]
pub(super) fn index(base: Addr, addr: Addr) -> usize {
    let offset = addr.since(base).rotate_right(WORD.ilog2());
    usize::try_from(offset).unwrap_or(usize::MAX)
}

impl Words for Window<'_> {
    #[inline(always)]
    fn word(&self, addr: Addr) -> Option<u64> {
        self.words.get(index(self.base, addr)).map(|word| u64::from_le_bytes(*word))
    }

    #[inline(always)]
    fn set_word(&mut self, addr: Addr, value: u64) {
        if let Some(word) = self.words.get_mut(index(self.base, addr)) {
            *word = value.to_le_bytes();
        }
    }
}
