//! What every allocator offers (`MemoryContextMethods`, `nodes/memnodes.h`), and the table
//! of allocators (`mcxt_methods`, `mcxt.c`).
//!
//! The four lowest bits of a chunk's header index the table. Ids that memory often holds by
//! accident (all zeros, all ones, glibc's own chunk headers) are left without an allocator,
//! so that `pfree` of a wild pointer is caught.

use super::Process;
use super::aset::AllocSet;
use super::chunk::MCTX_ASET_ID;
use crate::error::Error;
use crate::memory::{Addr, Arena};
use crate::profile::Profile;

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

/// One allocator. Contexts and chunks are addresses; all state is in the arena.
pub(crate) trait MemoryContextMethods: Sync {
    /// A chunk of at least `size` bytes; its content is left as it is.
    fn alloc(&self, process: &mut Process<'_>, context: Addr, size: u64) -> Result<Addr, Error>;
    /// Free one chunk.
    fn free_p(&self, process: &mut Process<'_>, pointer: Addr) -> Result<(), Error>;
    /// The same bytes in a chunk of at least `size` bytes.
    fn realloc(&self, process: &mut Process<'_>, pointer: Addr, size: u64) -> Result<Addr, Error>;
    /// Free every chunk of a context.
    fn reset(&self, process: &mut Process<'_>, context: Addr) -> Result<(), Error>;
    /// Free the context itself. True if its memory is kept for the next context.
    fn delete_context(&self, process: &mut Process<'_>, context: Addr) -> Result<bool, Error>;
    /// The context that a chunk belongs to.
    fn get_chunk_context(&self, arena: &Arena, profile: &Profile, pointer: Addr) -> Addr;
    /// Bytes that a chunk takes up, its header included.
    fn get_chunk_space(&self, arena: &Arena, profile: &Profile, pointer: Addr) -> u64;
    /// What the context's memory is used for.
    fn stats(&self, arena: &Arena, profile: &Profile, context: Addr) -> Counters;
    /// The kind's name, as `pg_backend_memory_contexts.type` has it.
    fn name(&self) -> &'static str;
}

/// Where the program keeps the table: what a context's `methods` pointer points into.
pub const METHODS_TABLE: Addr = Addr(Addr::PROGRAM.0 + 0x8000_0000);
/// `sizeof(MemoryContextMethods)`: nine function pointers.
const METHODS_SIZE: u64 = 9 * 8;

/// The allocators by their ids.
static METHODS: [Option<&dyn MemoryContextMethods>; 16] = {
    let mut table: [Option<&dyn MemoryContextMethods>; 16] = [None; 16];
    table[MCTX_ASET_ID as usize] = Some(&AllocSet);
    table
};

/// The allocator with this id, or `None` for an id that marks a wild pointer.
#[inline]
pub(crate) fn methods(id: u8) -> Option<&'static dyn MemoryContextMethods> {
    METHODS.get(usize::from(id)).copied().flatten()
}

/// The address of an allocator's row in the table.
pub(crate) fn methods_addr(id: u8) -> Addr {
    METHODS_TABLE.offset(u64::from(id) * METHODS_SIZE)
}

/// The allocator that a context's `methods` pointer names.
#[inline]
pub(crate) fn methods_at(addr: Addr) -> Option<&'static dyn MemoryContextMethods> {
    u8::try_from(addr.since(METHODS_TABLE) / METHODS_SIZE).ok().and_then(methods)
}

/// The name of the allocator with this id, for decoded chunk headers.
pub fn method_name(id: u8) -> Option<&'static str> {
    methods(id).map(MemoryContextMethods::name)
}
