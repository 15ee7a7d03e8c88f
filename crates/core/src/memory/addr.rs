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
/// The lowest address of the shared segment: whatever lies below is never mapped.
const SHARED_START: u64 = 0x1_0000;

impl Addr {
    /// The null pointer.
    pub const NULL: Self = Self(0);
    /// Where the shared segment begins.
    pub const SHARED: Self = Self(SHARED_START);
    /// Where the program's text begins.
    pub const PROGRAM: Self = Self(PROGRAM_SEGMENT << SEGMENT_BITS);
    /// Bytes that one backend's part can hold.
    pub const SEGMENT_SIZE: u64 = 1 << SEGMENT_BITS;

    /// Where a backend's local memory begins.
    pub fn local(backend: BackendId) -> Self {
        Self((u64::from(backend.0) + 1) << SEGMENT_BITS)
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

    /// Bytes from `start` to here.
    #[inline]
    pub fn since(self, start: Self) -> u64 {
        self.0.wrapping_sub(start.0)
    }

    /// Whose memory this is.
    pub fn owner(self) -> Owner {
        match self.0 >> SEGMENT_BITS {
            0 if self.0 < SHARED_START => Owner::Nobody,
            0 => Owner::Shared,
            PROGRAM_SEGMENT => Owner::Program,
            segment => u16::try_from(segment - 1)
                .map_or(Owner::Nobody, |number| Owner::Backend(BackendId(number))),
        }
    }

    /// Which segment, and where in it: for the arena's page tables.
    #[inline]
    pub(super) fn split(self) -> (u64, u64) {
        (self.0 >> SEGMENT_BITS, self.0 & (Self::SEGMENT_SIZE - 1))
    }

    pub(super) const PROGRAM_INDEX: u64 = PROGRAM_SEGMENT;
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
        assert_eq!(Addr::PROGRAM.owner(), Owner::Program);
        assert_eq!(Addr(u64::MAX).owner(), Owner::Nobody);
    }
}
