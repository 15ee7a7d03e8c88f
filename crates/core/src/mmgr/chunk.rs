//! The packed header before a chunk (`utils/memutils_memorychunk.h`, PostgreSQL 16 and later).
//!
//! `pfree` gets a pointer and nothing else. The 64-bit word before it says the rest:
//!
//! ```text
//!  bit 63                    34 33                       5    4    3      0
//! ┌─────────────────────────────┬──────────────────────────┬─────┬─────────┐
//! │ distance back to the block  │ value: AllocSet's size   │ ext │ method  │
//! │ (30 bits, lowest shared)    │ class (30 bits)          │     │ id      │
//! └─────────────────────────────┴──────────────────────────┴─────┴─────────┘
//! ```
//!
//! A chunk too far from its block for the 30 bits, or alone in a block of its own, is
//! *external*: the bit is set, and a magic number stands in place of distance and value.
//!
//! Older versions keep a pointer to the context in that place, behind fields that each
//! allocator has for itself.

use crate::memory::{Addr, Words};
use crate::profile::MEMORY_CONTEXT_CHECKING;

/// Bytes of the word before a chunk.
pub const CHUNK_HEADER: u64 = 8;
/// `sizeof(MemoryChunk)`: with MEMORY_CONTEXT_CHECKING the size asked for stands before the word.
pub(super) const MEMORY_CHUNK: u64 = if MEMORY_CONTEXT_CHECKING { 16 } else { CHUNK_HEADER };

const METHOD_BITS: u32 = 4;
const METHOD_MASK: u64 = (1 << METHOD_BITS) - 1;
const EXTERNAL_BIT: u64 = 1 << METHOD_BITS;
const VALUE_BASE: u32 = METHOD_BITS + 1;
const VALUE_MASK: u64 = 0x3fff_ffff;
const OFFSET_BASE: u32 = VALUE_BASE + 29;
const OFFSET_MASK: u64 = 0x3fff_fffe;
const MAGIC: u64 = 0xb1a8_db85_8eb6_efba >> VALUE_BASE << VALUE_BASE;

// MemoryContextMethodID (utils/memutils_internal.h). Ids that memory often holds by accident
// (all zeros, all ones, glibc's own chunk headers) belong to nobody.

/// `MCTX_ASET_ID`.
pub const MCTX_ASET_ID: u8 = 3;
/// `MCTX_GENERATION_ID`.
pub const MCTX_GENERATION_ID: u8 = 4;
/// `MCTX_SLAB_ID`.
pub const MCTX_SLAB_ID: u8 = 5;
/// `MCTX_ALIGNED_REDIRECT_ID`.
pub const MCTX_ALIGNED_REDIRECT_ID: u8 = 6;
/// `MCTX_BUMP_ID`.
pub const MCTX_BUMP_ID: u8 = 7;

/// The word before a chunk, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkHeader(pub u64);

impl ChunkHeader {
    /// The header of the chunk that `pointer` points to.
    #[inline]
    pub fn of(arena: &impl Words, pointer: Addr) -> Self {
        Self(arena.word(pointer.back(CHUNK_HEADER)))
    }

    /// `MemoryChunkSetHdrMask`: a chunk `offset` bytes behind its block's start.
    #[inline]
    pub fn new(offset: u64, value: u64, method: u8) -> Self {
        Self(offset << OFFSET_BASE | value << VALUE_BASE | u64::from(method))
    }

    /// `MemoryChunkSetHdrMaskExternal`.
    pub fn external(method: u8) -> Self {
        Self(MAGIC | EXTERNAL_BIT | u64::from(method))
    }

    /// Which allocator the chunk belongs to.
    #[inline]
    pub fn method(self) -> u8 {
        (self.0 & METHOD_MASK) as u8
    }

    /// `MemoryChunkIsExternal`.
    #[inline]
    pub fn is_external(self) -> bool {
        self.0 & EXTERNAL_BIT != 0
    }

    /// `HdrMaskCheckMagic`: an external header carries the magic number.
    pub fn magic_ok(self) -> bool {
        self.0 >> VALUE_BASE << VALUE_BASE == MAGIC
    }

    /// `MemoryChunkGetValue`: AllocSet's freelist index, the size of Generation's and Slab's
    /// chunks, the alignment that a redirection was made for.
    #[inline]
    pub fn value(self) -> u64 {
        self.0 >> VALUE_BASE & VALUE_MASK
    }

    /// Bytes from the block's start to this header.
    #[inline]
    pub fn block_offset(self) -> u64 {
        self.0 >> OFFSET_BASE & OFFSET_MASK
    }
}

/// `ALLOC_MINBITS`: AllocSet's smallest size class holds 2^3 bytes.
pub(super) const ALLOC_MINBITS: u32 = 3;

/// `GetChunkSizeFromFreeListIdx`: bytes of AllocSet's size class with this index, which is the
/// value in the headers of its chunks.
#[inline]
pub fn class_size(index: usize) -> u64 {
    1u64.wrapping_shl(index as u32 + ALLOC_MINBITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_come_back() {
        for (offset, value) in [(40, 0), (0x3fff_fff8, 10), (1 << 20, VALUE_MASK >> 1)] {
            let header = ChunkHeader::new(offset, value, MCTX_ASET_ID);
            assert_eq!(header.method(), MCTX_ASET_ID);
            assert_eq!((header.block_offset(), header.value()), (offset, value));
            assert!(!header.is_external());
        }
    }

    #[test]
    fn an_external_header_carries_the_magic() {
        let header = ChunkHeader::external(MCTX_ASET_ID);
        assert!(header.is_external() && header.magic_ok());
        assert_eq!(header.method(), MCTX_ASET_ID);
        assert!(!ChunkHeader::new(40, 3, MCTX_ASET_ID).magic_ok());
    }
}
