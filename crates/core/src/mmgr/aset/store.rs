//! Deleted contexts that are kept for the next creation (`context_freelists`).
//!
//! Contexts of the two usual shapes come and go all the time, so their headers and keeper
//! blocks are not given back to malloc. Each shape has a store, last in, first out; one that
//! holds a hundred contexts when another arrives is emptied first, so that a burst of
//! contexts does not stay with the process for ever.

use super::{ENDPTR, MCTX_ASET_ID, chunk_limit, keeper_block, sizes};
use crate::error::Fallible;
use crate::event::MemoryEvent;
use crate::memory::{Addr, Arena};
use crate::mmgr::Process;
use crate::profile::Profile;

const MAX_FREE_CONTEXTS: i32 = 100;
/// `(minContextSize, initBlockSize)` of the shapes that are kept.
const KEPT: [(u64, u64); 2] = [(0, 8 * 1024), (0, 1024)];

/// `AllocSetFreeList`: deleted contexts of one shape, linked through `nextchild`.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllocSetFreeList {
    /// How many.
    pub num_free: u32,
    /// The one that is used next.
    pub first_free: Addr,
}

/// The store for contexts with these parameters, if there is one. The maximum block size does
/// not matter.
pub(super) fn kind(min_context_size: u64, init_block_size: u64) -> Option<usize> {
    KEPT.iter().position(|&kind| kind == (min_context_size, init_block_size))
}

/// Where a context notes its store: in the last field of its header.
fn kind_field(profile: &Profile, set: Addr) -> Addr {
    set.offset(profile.mmgr.aset_context - 8)
}

/// Note the store that a context goes to when it is deleted; -1 is none.
pub(super) fn set_kind(arena: &mut Arena, profile: &Profile, set: Addr, kind: Option<usize>) {
    arena.write_u32(kind_field(profile, set), kind.map_or(u32::MAX, |kind| kind as u32));
}

/// The store that a context goes to when it is deleted.
pub(super) fn kind_of(arena: &Arena, profile: &Profile, set: Addr) -> Option<usize> {
    let kind = arena.read_u32(kind_field(profile, set)) as usize;
    (kind < KEPT.len()).then_some(kind)
}

impl Process<'_> {
    /// A deleted context of the same shape comes back with its keeper block. Only the maximum
    /// block size is set anew: the chunk limit stays that of its first creation, but for
    /// releases that mended this.
    pub(super) fn alloc_set_reuse(
        &mut self,
        kind: usize,
        parent: Addr,
        name: Addr,
        max_block_size: u64,
    ) -> Fallible<Option<Addr>> {
        let set = self.local.context_freelists[kind].first_free;
        if set.is_null() {
            return Ok(None);
        }
        let next = self.nextchild(set);
        let list = &mut self.local.context_freelists[kind];
        list.first_free = next;
        list.num_free = list.num_free.wrapping_sub(1);
        let layout = &self.profile.mmgr;
        sizes(self.profile, set).set_max(self.arena, max_block_size);
        if layout.recycled_limit_follows_max {
            let limit = chunk_limit(layout, max_block_size);
            sizes(self.profile, set).set_chunk_limit(self.arena, limit);
        }
        let tag = self.profile.mmgr.node_tags.aset;
        self.memory_context_create(set, tag, MCTX_ASET_ID, parent, name);
        let keeper = keeper_block(self.profile, set);
        let kept = self.arena.read_ptr(keeper.offset(ENDPTR)).since(set);
        self.mem_allocated_add(set, kept as i64);
        self.emit(MemoryEvent::ContextCreated { context: set, name, recycled: true })?;
        Ok(Some(set))
    }

    /// Put a deleted context, reset already, into its store.
    pub(super) fn alloc_set_keep(&mut self, set: Addr, kind: usize) -> Fallible<()> {
        if self.local.context_freelists[kind].num_free as i32 >= MAX_FREE_CONTEXTS {
            self.empty_store(kind)?;
        }
        let first = self.local.context_freelists[kind].first_free;
        self.set_nextchild(set, first);
        let list = &mut self.local.context_freelists[kind];
        list.first_free = set;
        list.num_free = list.num_free.wrapping_add(1);
        Ok(())
    }

    fn empty_store(&mut self, kind: usize) -> Fallible<()> {
        let contexts = self.local.context_freelists[kind].num_free;
        let mut set = self.local.context_freelists[kind].first_free;
        while !set.is_null() {
            let next = self.nextchild(set);
            self.free(set);
            self.check_fault()?;
            set = next;
        }
        self.local.context_freelists[kind] = AllocSetFreeList::default();
        self.emit(MemoryEvent::ContextStoreEmptied { contexts })
    }
}
