//! Addresses, and whose they are.

use std::fmt;

use crate::ids::BackendId;

/// An offset in the arena: what a pointer is to a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addr(pub u64);

/// Whose memory an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The null pointer's page and whatever belongs to nobody.
    Nobody,
    /// The shared segment.
    Shared,
    /// One backend's local memory.
    Backend(BackendId),
    /// Constant strings of the program.
    Program,
}

const SEGMENT_BITS: u32 = 32;
const PROGRAM_SEGMENT: u64 = 0xf000;
/// The first of the segments that backends map, and how many each may fill.
const MAPPED_SEGMENT: u64 = 0x7000;
const MAPPED_SEGMENTS: u64 = 16;
/// The lowest address of the shared segment: whatever lies below is never mapped.
const SHARED_START: u64 = 0x1_0000;

impl Addr {
    /// The null pointer.
    pub const NULL: Self = Self(0);
    /// Where the shared segment begins.
    pub const SHARED: Self = Self(SHARED_START);
    /// Where the program's text begins.
    pub const PROGRAM: Self = Self(PROGRAM_SEGMENT << SEGMENT_BITS);
    /// Bytes of a segment: what a backend's heap proper can hold.
    pub const SEGMENT_SIZE: u64 = 1 << SEGMENT_BITS;
    /// Bytes that a backend can map for large requests.
    pub const MAPPED_SIZE: u64 = MAPPED_SEGMENTS << SEGMENT_BITS;

    /// Where a backend's local memory begins.
    pub fn local(backend: BackendId) -> Self {
        Self((u64::from(backend.0) + 1) << SEGMENT_BITS)
    }

    /// Where a backend's large requests are mapped.
    pub fn mapped(backend: BackendId) -> Self {
        Self((MAPPED_SEGMENT + u64::from(backend.0) * MAPPED_SEGMENTS) << SEGMENT_BITS)
    }

    /// Whether this is the null pointer.
    #[inline]
    pub fn is_null(self) -> bool {
        self.0 == 0
    }

    /// The address `bytes` further on.
    #[inline]
    #[must_use]
    pub fn offset(self, bytes: u64) -> Self {
        Self(self.0.wrapping_add(bytes))
    }

    /// The address `bytes` before this one.
    #[inline]
    #[must_use]
    pub fn back(self, bytes: u64) -> Self {
        Self(self.0.wrapping_sub(bytes))
    }

    /// The address, rounded down to a multiple of eight: those of contexts and chunks are such
    /// already, and now the compiler knows.
    #[inline(always)]
    #[must_use]
    pub(crate) fn aligned(self) -> Self {
        Self(self.0 & !7)
    }

    /// Bytes from `start` to here.
    #[inline]
    pub fn since(self, start: Self) -> u64 {
        self.0.wrapping_sub(start.0)
    }

    /// Whose memory this is.
    pub fn owner(self) -> Owner {
        let backend = |number: u64| {
            u16::try_from(number).map_or(Owner::Nobody, |id| Owner::Backend(BackendId(id)))
        };
        match self.0 >> SEGMENT_BITS {
            0 if self.0 < SHARED_START => Owner::Nobody,
            0 => Owner::Shared,
            segment @ 1..MAPPED_SEGMENT => backend(segment - 1),
            segment @ MAPPED_SEGMENT..PROGRAM_SEGMENT => {
                backend((segment - MAPPED_SEGMENT) / MAPPED_SEGMENTS)
            }
            PROGRAM_SEGMENT => Owner::Program,
            _ => Owner::Nobody,
        }
    }

    /// Which page table of the arena, and where in it: a backend's table goes on from its heap
    /// to what it mapped.
    #[inline]
    pub(super) fn split(self) -> (u64, u64) {
        let segment = self.0 >> SEGMENT_BITS;
        if (MAPPED_SEGMENT..PROGRAM_SEGMENT).contains(&segment) {
            let from = self.0 - (MAPPED_SEGMENT << SEGMENT_BITS);
            return (from / Self::MAPPED_SIZE + 1, Self::SEGMENT_SIZE + from % Self::MAPPED_SIZE);
        }
        (segment, self.0 & (Self::SEGMENT_SIZE - 1))
    }

    pub(super) const PROGRAM_INDEX: u64 = PROGRAM_SEGMENT;
    pub(super) const MAPPED_INDEX: u64 = MAPPED_SEGMENT;
}

/// As a C program's `%p` would print it.
impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_knows_its_owner() {
        assert_eq!(Addr::NULL.owner(), Owner::Nobody);
        assert_eq!(Addr(0xffff).owner(), Owner::Nobody);
        assert_eq!(Addr::SHARED.owner(), Owner::Shared);
        assert_eq!(Addr::local(BackendId(0)).owner(), Owner::Backend(BackendId(0)));
        assert_eq!(Addr::local(BackendId(7)).offset(99).owner(), Owner::Backend(BackendId(7)));
        assert_eq!(Addr::mapped(BackendId(0)).owner(), Owner::Backend(BackendId(0)));
        assert_eq!(Addr::mapped(BackendId(8)).back(1).owner(), Owner::Backend(BackendId(7)));
        assert_eq!(Addr::PROGRAM.owner(), Owner::Program);
        assert_eq!(Addr(u64::MAX).owner(), Owner::Nobody);
    }

    #[test]
    fn what_is_mapped_comes_behind_the_heap_in_its_table() {
        let (table, at) = Addr::local(BackendId(3)).split();
        assert_eq!(at, 0);
        let mapped = Addr::mapped(BackendId(3)).offset(5);
        assert_eq!(mapped.split(), (table, Addr::SEGMENT_SIZE + 5));
    }
}
