//! The machine as a reader sees it: the rows of the `pg_*` views, and a context's blocks.
//!
//! Read-only functions of the [`Server`]; nothing here decides or changes anything.

mod costs;
mod fragmentation;
mod map;
mod memory_contexts;
mod processes;
mod settings;
mod shmem_allocations;
mod statistics;

use crate::Server;
use crate::bufmgr::desc::{BM_DIRTY, BM_VALID};
use crate::ids::{BackendId, BufferId, BufferTag, ChunkSlot};
use crate::memory::{Addr, AddrSet};
use crate::mmgr::inspect::{self, BlockView};

pub use costs::{Costs, Ledger};
pub use fragmentation::{Fragmentation, fragmentation};
pub use map::{MapRange, map};
pub use memory_contexts::{
    BackendMemoryContext, memory_context_columns, pg_backend_memory_contexts,
};
pub use settings::show_setting;
pub use shmem_allocations::{ShmemAllocation, pg_shmem_allocations};
pub use statistics::{View, view_cell, view_rows};

/// A row of `pg_buffercache`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferRow {
    /// `bufferid`, from 1 when shown.
    pub buffer: BufferId,
    /// `relfilenode` and `relblocknumber`, by our ids.
    pub tag: Option<BufferTag>,
    /// Its bytes are there.
    pub valid: bool,
    /// `isdirty`.
    pub dirty: bool,
    /// `usagecount`.
    pub usage_count: u8,
    /// `pinning_backends`.
    pub pins: u32,
}

/// One row of `pg_buffercache`; `None` past the pool's end.
pub fn buffer(server: &Server, buffer: BufferId) -> Option<BufferRow> {
    let desc = server.pool().desc(buffer)?;
    Some(BufferRow {
        buffer,
        tag: desc.tag(),
        valid: desc.is(BM_VALID),
        dirty: desc.is(BM_DIRTY),
        usage_count: desc.usage_count(),
        pins: desc.refcount(),
    })
}

/// `pg_buffercache`: every buffer.
pub fn buffers(server: &Server) -> impl Iterator<Item = BufferRow> {
    (0..server.pool().nbuffers()).filter_map(|index| buffer(server, BufferId(index)))
}

/// A memory context as the page's tree shows it. [`BackendMemoryContext`] is the view's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextRow {
    /// The context.
    pub addr: Addr,
    /// Its parent.
    pub parent: Option<Addr>,
    /// `name`.
    pub name: String,
    /// `type`.
    pub kind: &'static str,
    /// `level`, from 1.
    pub level: u32,
    /// `total_bytes`.
    pub total_bytes: u64,
    /// `total_nblocks`.
    pub total_nblocks: u64,
    /// `free_bytes`.
    pub free_bytes: u64,
    /// `free_chunks`.
    pub free_chunks: u64,
    /// It is `CurrentMemoryContext`.
    pub current: bool,
    /// The function whose call it serves.
    pub function: Option<String>,
}

impl ContextRow {
    /// `used_bytes`.
    pub fn used_bytes(&self) -> u64 {
        self.total_bytes.wrapping_sub(self.free_bytes)
    }
}

/// The memory contexts of a backend, parents before their children.
pub fn contexts(server: &Server, id: BackendId) -> Vec<ContextRow> {
    let Some(backend) = server.backend(id) else { return Vec::new() };
    let mut rows = Vec::new();
    let mut seen = AddrSet::default();
    seen.insert(Addr::NULL);
    let mut open = vec![(backend.memory.top, None, 1)];
    while let Some((addr, parent, level)) = open.pop() {
        // Links that somebody wrote over can lead from a context to itself.
        if !seen.insert(addr) {
            continue;
        }
        let context = server.context(addr);
        let counters = context.stats(server.profile());
        let call = backend.calls().iter().find(|call| call.context == addr);
        rows.push(ContextRow {
            addr,
            parent,
            name: server.text(context.name()).to_owned(),
            kind: context.kind(),
            level,
            total_bytes: counters.totalspace,
            total_nblocks: counters.nblocks,
            free_bytes: counters.freespace,
            free_chunks: counters.freechunks,
            current: backend.memory.current == addr,
            function: call.map(|call| server.text(call.function).to_owned()),
        });
        let children: Vec<_> =
            context.children().map(|c| (c.addr, Some(addr), level + 1)).collect();
        open.extend(children.into_iter().rev());
    }
    rows
}

/// A context opened: blocks, chunks, and which variable holds which chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContextView {
    /// Its blocks, the active one first.
    pub blocks: Vec<BlockView>,
    /// Size of each class and how many free chunks it has.
    pub freelists: Vec<(u64, usize)>,
    /// Bytes above which a request gets a block of its own.
    pub chunk_limit: u64,
    /// Bytes of the header before each chunk.
    pub chunk_header: u64,
    /// Variables that hold chunks, in the order of their pointers: pointer, variable, and bytes
    /// asked for.
    pub variables: Vec<(Addr, ChunkSlot, u64)>,
}

impl ContextView {
    /// The variable that holds a chunk, and the bytes asked for.
    pub fn variable(&self, pointer: Addr) -> Option<(ChunkSlot, u64)> {
        let at = self.variables.binary_search_by_key(&pointer, |it| it.0).ok()?;
        self.variables.get(at).map(|&(_, slot, requested)| (slot, requested))
    }
}

/// Open a context of a backend. `live` are chunks known to be in use, sorted, which tell one from the
/// next where nothing else does.
pub fn open_context(
    server: &Server,
    id: BackendId,
    context: Addr,
    live: &[(Addr, u64)],
) -> ContextView {
    let (arena, profile) = (server.arena(), server.profile());
    let mut variables: Vec<(Addr, ChunkSlot, u64)> = Vec::new();
    for (slot, held) in server.backend(id).into_iter().flat_map(|backend| backend.chunks()) {
        let variable = (held.pointer, slot, held.requested);
        match variables.binary_search_by_key(&held.pointer, |it| it.0) {
            Ok(at) => variables[at] = variable,
            Err(at) => variables.insert(at, variable),
        }
    }
    let chunk_header = server.context(context).chunk_header(profile);
    let mut blocks = inspect::blocks(arena, profile, context);
    if chunk_header == 0 {
        let mut known: Vec<Addr> = live.iter().map(|(pointer, _)| *pointer).collect();
        for (pointer, ..) in &variables {
            if let Err(at) = known.binary_search(pointer) {
                known.insert(at, *pointer);
            }
        }
        blocks.iter_mut().for_each(|block| block.cut_at(&known));
    }
    ContextView {
        blocks,
        freelists: inspect::freelists(arena, profile, context),
        chunk_limit: inspect::chunk_limit(arena, profile, context),
        chunk_header,
        variables,
    }
}

/// The bytes of a chunk with its header in front, `limit` at most.
pub fn chunk_bytes(
    server: &Server,
    pointer: Addr,
    header: u64,
    size: u64,
    limit: usize,
) -> Vec<u8> {
    let length = usize::try_from(size.saturating_add(header)).unwrap_or(limit).min(limit);
    let mut bytes = vec![0; length];
    server.peek(pointer.back(header), &mut bytes);
    bytes
}
