//! The short ways: what nearly every `palloc` and `pfree` comes to, for when nobody watches.
//!
//! Each changes the same bytes as the long way, in the windows of the arena. What needs a block,
//! or more than the windows have, is left to the long way. A [`ShortWay`] is good as long as
//! nothing but short ways was gone: those change neither a context's methods nor its limits.

use super::mcxt::{IS_RESET, METHODS};
use crate::memory::{Addr, Arena, Fields, Windows};
use crate::profile::Layout;

/// Words of a context, from its header on, that a short way takes to be at hand: as many as any
/// allocator's looks at.
const CONTEXT_WORDS: usize = 28;
/// A context's first words.
pub(super) type ContextFields<'a> = Fields<'a, CONTEXT_WORDS>;

/// How a context is used the short way.
#[derive(Clone, Copy, Default)]
pub(crate) struct ShortWay {
    pub(super) kind: Kind,
    pub(super) start: Start,
    /// A request for more bytes goes the long way.
    pub(super) limit: u64,
}

/// The allocator, and what stands before its chunks: one bit, which is quicker to test for than a
/// number.
#[derive(Clone, Copy, Default)]
pub(super) struct Kind(u32);

impl Kind {
    /// Chunks point to their owner.
    pub(super) const fn owner(method: u8) -> Self {
        Self(1 << method)
    }

    /// Chunks have a packed header.
    pub(super) const fn packed(method: u8) -> Self {
        Self(1 << (16 + method))
    }

    #[inline(always)]
    pub(super) fn is(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// Where a context is.
#[derive(Clone, Copy, Default)]
pub(super) struct Start {
    pub(super) addr: Addr,
    /// Its place in the heap's window.
    pub(super) index: usize,
}

impl Start {
    pub(super) fn of(windows: Windows<'_>, addr: Addr) -> Option<(Self, ContextFields<'_>)> {
        let start = Self { addr, index: windows.heap.index(addr) };
        Some((start, start.fields(windows)?))
    }

    /// The context's fields.
    #[inline(always)]
    pub(super) fn fields(self, windows: Windows<'_>) -> Option<ContextFields<'_>> {
        windows.heap.fields_at(self.index)
    }

    /// Where the context's methods are, if it was used since its last reset: else the next request
    /// has to note that it is.
    pub(super) fn methods(self, fields: ContextFields<'_>) -> Option<Addr> {
        (fields.half(IS_RESET) as u8 == 0).then(|| fields.ptr(METHODS))
    }
}

/// An allocator's short ways. Those that it does not have are the long ones.
pub(super) trait Quick {
    /// The most that a request may be for.
    fn limit<L: Layout>(fields: ContextFields<'_>) -> u64;

    /// `alloc` that takes a chunk that is there already.
    fn quick_alloc<L: Layout>(way: &ShortWay, arena: &mut Arena, size: u64) -> Option<Addr>;

    /// `free_p` of a chunk that is the context's, which leaves the chunk's block where it is.
    #[inline(always)]
    fn quick_free<L: Layout>(_: &ShortWay, _: &mut Arena, _: Addr) -> Option<()> {
        None
    }
}
