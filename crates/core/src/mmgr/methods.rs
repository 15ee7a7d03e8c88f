//! What every allocator offers (`MemoryContextMethods`, `nodes/memnodes.h`), and the table
//! of allocators (`mcxt_methods`, `mcxt.c`).
//!
//! A context's header points to its allocator's row. From a chunk the row is found through
//! the four lowest bits of its packed header, or, in versions before that, through the context
//! that its header points to. Ids that memory often holds by accident are left without a row,
//! so that `pfree` of a wild pointer is caught.
//!
//! A new allocator is one file that implements the two traits, and one line in the table. Each can
//! be left out of a build: the cargo feature of its name adds its file and its row.

use super::alignedalloc::AlignedRedirect;
#[cfg(feature = "aset")]
use super::aset::AllocSet;
#[cfg(feature = "bump")]
use super::bump::Bump;
use super::chunk::{
    MCTX_ALIGNED_REDIRECT_ID, MCTX_ASET_ID, MCTX_BUMP_ID, MCTX_GENERATION_ID, MCTX_SLAB_ID,
};
#[cfg(feature = "generation")]
use super::generation::Generation;
use super::inspect::BlockView;
use super::mcxt::Context;
use super::short_way::{Kind, Quick, ShortWay, Start};
#[cfg(feature = "slab")]
use super::slab::Slab;
use super::{Process, StatsText};
use crate::error::{Error, Fallible};
use crate::memory::{Addr, Arena, Windows};
use crate::op::{AllocFlags, Allocator};
use crate::profile::{ChunkHeaders, MEMORY_CONTEXT_CHECKING, OwnerLayout, PackedLayout, Profile};

/// `MemoryContextCounters` (`memnodes.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Blocks that malloc gave.
    pub nblocks: u64,
    /// Chunks that are free for reuse.
    pub freechunks: u64,
    /// Bytes that malloc gave, headers included.
    pub totalspace: u64,
    /// Bytes of them that are free.
    pub freespace: u64,
}

impl std::ops::AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.nblocks = self.nblocks.wrapping_add(other.nblocks);
        self.freechunks = self.freechunks.wrapping_add(other.freechunks);
        self.totalspace = self.totalspace.wrapping_add(other.totalspace);
        self.freespace = self.freespace.wrapping_add(other.freespace);
    }
}

/// What is done with a chunk. Chunks are addresses; all state is in the arena.
pub(crate) trait ChunkMethods: Sync {
    /// Free one chunk.
    fn free_p(&self, process: &mut Process<'_>, pointer: Addr) -> Fallible<()>;
    /// The same bytes in a chunk of at least `size` bytes; NULL only if the flags allow it.
    fn realloc(
        &self,
        process: &mut Process<'_>,
        pointer: Addr,
        size: u64,
        flags: AllocFlags,
    ) -> Fallible<Addr>;
    /// The context that a chunk belongs to, if its allocator can tell.
    fn get_chunk_context(&self, arena: &Arena, profile: &Profile, pointer: Addr) -> Option<Addr>;
    /// Bytes that a chunk takes up, its header included, if its allocator can tell.
    fn get_chunk_space(&self, arena: &Arena, profile: &Profile, pointer: Addr) -> Option<u64>;
}

/// One allocator. Contexts are addresses; all state is in the arena.
pub(crate) trait MemoryContextMethods: ChunkMethods {
    /// A chunk of at least `size` bytes, its content left as it is; NULL only if the flags
    /// allow it.
    fn alloc(
        &self,
        process: &mut Process<'_>,
        context: Addr,
        size: u64,
        flags: AllocFlags,
    ) -> Fallible<Addr>;
    /// Free every chunk of a context.
    fn reset(&self, process: &mut Process<'_>, context: Addr) -> Fallible<()>;
    /// Free the context itself. True if its memory is kept for the next context.
    fn delete_context(&self, process: &mut Process<'_>, context: Addr) -> Fallible<bool>;
    /// Whether nothing is allocated in the context, as far as the allocator can tell.
    fn is_empty(&self, arena: &Arena, profile: &Profile, context: Addr) -> bool;
    /// What the context's memory is used for.
    fn stats(&self, arena: &Arena, profile: &Profile, context: Addr) -> Counters;
    /// The same as a line of text.
    fn stats_text(&self, arena: &Arena, profile: &Profile, context: Addr) -> String {
        StatsText::from(self.stats(arena, profile, context)).to_string()
    }
    /// Look through all chunks for what is wrong, and warn of it.
    #[cfg(feature = "memory-context-checking")]
    fn check(&self, process: &mut Process<'_>, context: Addr) -> Fallible<()>;
    /// The kind's name, as `pg_backend_memory_contexts.type` has it.
    fn name(&self) -> &'static str;

    // For whoever looks into a context: nothing of this is PostgreSQL's.

    /// The context's blocks, taken apart.
    fn blocks(&self, arena: &Arena, profile: &Profile, context: Addr) -> Vec<BlockView>;
    /// Sizes that free chunks are kept of, and how many there are of each.
    fn freelists(&self, _: &Arena, _: &Profile, _: Addr) -> Vec<(u64, usize)> {
        Vec::new()
    }
    /// Bytes above which a request gets a block of its own.
    fn chunk_limit(&self, arena: &Arena, profile: &Profile, context: Addr) -> u64;
    /// Bytes of the header before a chunk.
    fn chunk_header(&self, profile: &Profile) -> u64;
}

/// A row of the table.
#[derive(Clone, Copy)]
struct Row {
    chunk: &'static dyn ChunkMethods,
    /// A redirection stands before a chunk, but no context is made of them.
    context: Option<&'static dyn MemoryContextMethods>,
}

const fn allocator<T: MemoryContextMethods>(methods: &'static T) -> Option<Row> {
    Some(Row { chunk: methods, context: Some(methods) })
}

/// Makes the table of allocators, and beside it the two routines that are called by the million,
/// `alloc` and `free_p`, as direct calls, the long way and the short one.
macro_rules! allocators {
    ($($feature:literal $id:ident $methods:ident;)*) => {
        /// The allocators by their ids.
        static METHODS: [Option<Row>; 16] = {
            let mut table = [const { None }; 16];
            $(#[cfg(feature = $feature)] { table[$id as usize] = allocator(&$methods); })*
            table[MCTX_ALIGNED_REDIRECT_ID as usize] =
                Some(Row { chunk: &AlignedRedirect, context: None });
            table
        };

        impl ShortWay {
            /// How a context can be used the short way; `None` if it can't.
            pub(crate) fn of(
                windows: Windows<'_>,
                profile: &Profile,
                context: Addr,
            ) -> Option<Self> {
                let (start, fields) = Start::of(windows, context)?;
                let id = method_id(start.methods(fields)?);
                match profile.mmgr.chunk_headers {
                    $(#[cfg(feature = $feature)]
                    ChunkHeaders::Owner if id == $id => {
                        let limit = $methods::limit::<OwnerLayout>(fields);
                        Some(Self { kind: Kind::owner($id), start, limit })
                    })*
                    $(#[cfg(feature = $feature)]
                    ChunkHeaders::Packed if id == $id => {
                        let limit = $methods::limit::<PackedLayout>(fields);
                        Some(Self { kind: Kind::packed($id), start, limit })
                    })*
                    _ => None,
                }
            }

            /// `palloc`; `None`, and nothing has changed, if it needs the long way.
            #[inline(always)]
            pub(crate) fn alloc(&self, arena: &mut Arena, size: u64) -> Option<Addr> {
                if size > self.limit {
                    return None;
                }
                $(#[cfg(feature = $feature)]
                if self.kind.is(const { Kind::owner($id) }) {
                    return $methods::quick_alloc::<OwnerLayout>(self, arena, size);
                }
                #[cfg(feature = $feature)]
                if self.kind.is(const { Kind::packed($id) }) {
                    return $methods::quick_alloc::<PackedLayout>(self, arena, size);
                })*
                None
            }

            /// `pfree` of one of the context's chunks; `None`, and nothing has changed, if it needs
            /// the long way.
            #[inline(always)]
            pub(crate) fn free(&self, arena: &mut Arena, pointer: Addr) -> Option<()> {
                $(#[cfg(feature = $feature)]
                if self.kind.is(const { Kind::owner($id) }) {
                    return $methods::quick_free::<OwnerLayout>(self, arena, pointer);
                }
                #[cfg(feature = $feature)]
                if self.kind.is(const { Kind::packed($id) }) {
                    return $methods::quick_free::<PackedLayout>(self, arena, pointer);
                })*
                None
            }
        }

        impl Process<'_> {
            /// `MemoryContextMethods.alloc` of a context.
            #[inline]
            pub(in crate::mmgr) fn alloc_by_method(
                &mut self,
                context: Addr,
                size: u64,
                flags: AllocFlags,
            ) -> Fallible<Addr> {
                match method_id(Context::at(self.arena, context).methods_addr()) {
                    $(#[cfg(feature = $feature)] $id => $methods.alloc(self, context, size, flags),)*
                    // A call of whatever is there.
                    _ => Err(Error::SegmentationFault.into()),
                }
            }

            /// `MemoryContextMethods.free_p`, by the id that goes with the chunk; `None` for an
            /// id that marks a wild pointer.
            #[inline]
            pub(in crate::mmgr) fn free_by_method(
                &mut self,
                id: u8,
                pointer: Addr,
            ) -> Option<Fallible<()>> {
                Some(match id {
                    $(#[cfg(feature = $feature)] $id => $methods.free_p(self, pointer),)*
                    MCTX_ALIGNED_REDIRECT_ID => AlignedRedirect.free_p(self, pointer),
                    _ => return None,
                })
            }
        }
    };
}

allocators! {
    "aset" MCTX_ASET_ID AllocSet;
    "generation" MCTX_GENERATION_ID Generation;
    "slab" MCTX_SLAB_ID Slab;
    "bump" MCTX_BUMP_ID Bump;
}

impl Process<'_> {
    /// Create a context with the allocator's own routine.
    ///
    /// # Errors
    /// Parameters that the routine refuses; an allocator that the version or this build does
    /// not have.
    pub fn context_create(
        &mut self,
        parent: Addr,
        name: Addr,
        allocator: Allocator,
    ) -> Fallible<Addr> {
        match allocator {
            #[cfg(feature = "aset")]
            Allocator::AllocSet { min, init, max } => {
                self.alloc_set_context_create(parent, name, min, init, max)
            }
            #[cfg(feature = "slab")]
            Allocator::Slab { block, chunk } => {
                self.slab_context_create(parent, name, block, chunk)
            }
            #[cfg(feature = "generation")]
            Allocator::Generation { min, init, max } => {
                self.generation_context_create(parent, name, min, init, max)
            }
            #[cfg(feature = "bump")]
            Allocator::Bump { min, init, max } => {
                self.bump_context_create(parent, name, min, init, max)
            }
            #[cfg(not(all(
                feature = "aset",
                feature = "slab",
                feature = "generation",
                feature = "bump"
            )))]
            left_out => Err(Error::AllocatorLeftOut(left_out.feature()).into()),
        }
    }
}

/// Where the program keeps the table: what a context's `methods` pointer points into.
pub const METHODS_TABLE: Addr = Addr(Addr::PROGRAM.0 + 0x8000_0000);
/// `sizeof(MemoryContextMethods)`: nine function pointers, ten with `check`.
const METHODS_SIZE: u64 = if MEMORY_CONTEXT_CHECKING { 10 * 8 } else { 9 * 8 };

/// What the header of a chunk with this id goes to, or `None` for an id that marks a wild
/// pointer.
#[inline]
pub(crate) fn chunk_methods(id: u8) -> Option<&'static dyn ChunkMethods> {
    METHODS.get(usize::from(id))?.map(|row| row.chunk)
}

/// The address of an allocator's row in the table.
#[inline]
pub(crate) const fn methods_addr(id: u8) -> Addr {
    Addr(METHODS_TABLE.0 + id as u64 * METHODS_SIZE)
}

/// The allocator that a context's `methods` pointer names.
#[inline]
pub(crate) fn methods_at(addr: Addr) -> Option<&'static dyn MemoryContextMethods> {
    METHODS.get(usize::from(method_id(addr)))?.and_then(|row| row.context)
}

/// The id of the allocator whose row is at an address; an id without a row if none is.
#[inline]
pub(crate) fn method_id(addr: Addr) -> u8 {
    u8::try_from(addr.since(METHODS_TABLE) / METHODS_SIZE).unwrap_or(u8::MAX)
}

/// Whether the allocator whose row is at an address puts no header before its chunks.
#[inline]
pub(crate) fn is_headerless(addr: Addr, profile: &Profile) -> bool {
    addr == methods_addr(MCTX_BUMP_ID)
        && methods_at(addr).is_some_and(|methods| methods.chunk_header(profile) == 0)
}

/// The name of the allocator with this id, for decoded chunk headers.
pub fn method_name(id: u8) -> Option<&'static str> {
    let row = METHODS.get(usize::from(id)).copied().flatten()?;
    Some(row.context.map_or("aligned redirection", MemoryContextMethods::name))
}
