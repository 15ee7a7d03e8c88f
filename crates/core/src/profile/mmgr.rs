//! How the memory contexts of a version are laid out, and what they do differently.
//!
//! One change made nearly all the difference: PostgreSQL 16 replaced the context pointer in
//! front of every chunk by a packed 64-bit word (`utils/memutils_memorychunk.h`). Slab and
//! Generation were reworked for it, and 17 added Bump, which needs no header at all.

/// Memory contexts of a version. Sizes are bytes.
#[derive(Debug)]
pub struct MmgrProfile {
    /// What stands in front of a chunk.
    pub chunk_headers: ChunkHeaders,
    /// `ALLOC_CHUNKHDRSZ`: AllocSet's chunk header.
    pub chunk: u64,
    /// `MAXALIGN(sizeof(AllocSetContext))`: where the keeper block begins.
    pub aset_context: u64,
    /// `ALLOC_BLOCKHDRSZ`.
    pub aset_block: u64,
    /// The least that a dedicated block is resized to, by the set's chunk limit.
    pub aset_realloc_minimum: fn(u64) -> u64,
    /// A deleted AllocSet that is used again with another largest block gets the chunk limit
    /// that goes with it; else it keeps that of its first creation.
    pub recycled_limit_follows_max: bool,
    /// Generation.
    pub generation: GenerationProfile,
    /// Slab.
    pub slab: SlabProfile,
    /// There is Bump.
    pub bump: bool,
    /// Of a block size in a context's header: 8, or 4 where they are `uint32`.
    pub size_field: u64,
    /// `MEMORYCHUNK_MAX_BLOCKOFFSET`, which bounds what a block may grow to.
    pub max_block_size: u64,
    /// Every request's size is checked before its allocator is called, not only where a chunk
    /// gets a block of its own.
    pub check_size_first: bool,
    /// There is `MemoryContextAllocAligned`.
    pub aligned: bool,
    /// In which order `MemoryContextResetChildren` goes through the tree.
    pub reset_children: TreeOrder,
    /// How `MemoryContextStatsDetail` sums up what it does not list.
    pub stats_detail: StatsDetail,
    /// How `pg_backend_memory_contexts` tells of the tree.
    pub context_rows: ContextRows,
    /// Node tags of the context kinds.
    pub node_tags: NodeTags,
}

/// What stands in front of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkHeaders {
    /// Fields of the allocator's own, the last of them a pointer to the context.
    Owner,
    /// `MemoryChunk`: one word with method, value and the way back to the block.
    Packed,
}

/// Generation contexts.
#[derive(Debug)]
pub struct GenerationProfile {
    /// `MAXALIGN(sizeof(GenerationContext))`: where the keeper block begins.
    pub context: u64,
    /// `Generation_BLOCKHDRSZ`.
    pub block: u64,
    /// `Generation_CHUNKHDRSZ`.
    pub chunk: u64,
    /// The most that the chunk limit starts from.
    pub max_chunk_limit: u64,
    /// What becomes of blocks that were emptied.
    pub recycling: Recycling,
    /// A block larger than the largest that the context makes for small chunks never becomes the
    /// spare one: a dedicated block is freed with its chunk.
    pub spare_within_max: bool,
}

/// What a Generation context does with a block whose last chunk was freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recycling {
    /// It may become the spare block although it is the active one; the keeper is filled
    /// again as soon as it is empty; a new block makes the spare one forgotten.
    SpareOrKeeper,
    /// The active block is emptied where it is, another becomes the spare one; the keeper is
    /// not used again before the next reset.
    Spare,
}

/// Slab contexts.
#[derive(Debug)]
pub struct SlabProfile {
    /// `Slab_CONTEXT_HDRSZ`: the context's header, by the number of chunks in a block.
    pub context: fn(u64) -> u64,
    /// Where a context keeps its lists of blocks.
    pub blocklists: u64,
    /// `Slab_BLOCKHDRSZ`.
    pub block: u64,
    /// `Slab_CHUNKHDRSZ`.
    pub chunk: u64,
    /// A smaller chunk size is raised to this.
    pub min_chunk: u64,
    /// How blocks are kept and chosen.
    pub lists: SlabLists,
    /// How the error of an impossible block size goes on behind the chunk size.
    pub too_small_for: &'static str,
}

/// How a Slab context keeps its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlabLists {
    /// A list for each number of free chunks; empty blocks are freed at once.
    ByFreeChunks,
    /// Three lists by fullness; up to ten empty blocks are kept.
    ByFullness,
}

/// The order of a walk through the tree of contexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeOrder {
    /// A context before those below it.
    ParentsFirst,
    /// A context after those below it.
    ChildrenFirst,
}

/// How the statistics' text sums up contexts that it does not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatsDetail {
    /// Any depth is listed, and of the children left out only they are counted.
    AnyDepth,
    /// Contexts below the depth limit are left out too, and all that are left out count.
    Limited,
}

/// How the rows of `pg_backend_memory_contexts` tell where in the tree a context is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextRows {
    /// By the parent's name. A context's children follow it at once; levels count from 0, also
    /// in the statistics that are logged.
    Parent,
    /// By the numbers of its ancestors, and with the allocator's kind. Level by level; levels
    /// count from 1, also in the statistics that are logged.
    Path,
}

/// `NodeTag` of each context kind (`nodes/nodetags.h`, in 15 `nodes/nodes.h`).
#[derive(Debug)]
pub struct NodeTags {
    /// `T_AllocSetContext`.
    pub aset: u32,
    /// `T_GenerationContext`.
    pub generation: u32,
    /// `T_SlabContext`.
    pub slab: u32,
    /// `T_BumpContext`; 0 where there is none.
    pub bump: u32,
}

/// Whether this build notes the sizes asked for in front of chunks and watches their ends, as
/// PostgreSQL's compile-time switch of that name does.
pub const MEMORY_CONTEXT_CHECKING: bool = cfg!(feature = "memory-context-checking");

/// Bytes of a field that only builds that check have.
const CHECKED: u64 = if MEMORY_CONTEXT_CHECKING { 8 } else { 0 };
/// Bytes of a flag that Slab's contexts have for each chunk of a block in such builds.
const FLAG: u64 = if MEMORY_CONTEXT_CHECKING { 1 } else { 0 };

/// `MEMORYCHUNK_MAX_BLOCKOFFSET` and `MEMORYCHUNK_MAX_VALUE`: 30 bits.
const CHUNK_BITS_MAX: u64 = 0x3fff_ffff;

impl MmgrProfile {
    /// Contexts before the packed chunk header, as 15 has them.
    pub(super) const fn with_owner_pointers(node_tags: NodeTags) -> Self {
        Self {
            chunk_headers: ChunkHeaders::Owner,
            chunk: 16 + CHECKED,
            aset_context: 224,
            aset_block: 40,
            // The chunk has to stay over the limit: its size tells that its block is dedicated.
            aset_realloc_minimum: |limit| limit.wrapping_add(1),
            recycled_limit_follows_max: false,
            generation: GenerationProfile {
                context: 152,
                block: 48,
                chunk: 24 + CHECKED,
                max_chunk_limit: u64::MAX,
                recycling: Recycling::SpareOrKeeper,
                spare_within_max: false,
            },
            slab: SlabProfile {
                context: |chunks| 128 + CHECKED + 16 * (chunks + 1) + FLAG * chunks,
                blocklists: 128 + CHECKED,
                block: 24,
                chunk: 16,
                min_chunk: 4,
                lists: SlabLists::ByFreeChunks,
                too_small_for: " chunks",
            },
            bump: false,
            size_field: 8,
            // Half of the address space, so that doubling can't overflow (AllocHugeSizeIsValid).
            max_block_size: u64::MAX / 2,
            check_size_first: true,
            aligned: false,
            reset_children: TreeOrder::ChildrenFirst,
            stats_detail: StatsDetail::AnyDepth,
            context_rows: ContextRows::Parent,
            node_tags,
        }
    }

    /// Contexts with packed chunk headers and Bump, as 17 and later have them.
    pub(super) const fn with_packed_headers(
        context_rows: ContextRows,
        node_tags: NodeTags,
    ) -> Self {
        Self {
            chunk_headers: ChunkHeaders::Packed,
            chunk: 8 + CHECKED,
            aset_context: 200,
            aset_block: 40,
            aset_realloc_minimum: |_| 0,
            recycled_limit_follows_max: false,
            generation: GenerationProfile {
                context: 128,
                block: 56,
                chunk: 8 + CHECKED,
                max_chunk_limit: CHUNK_BITS_MAX,
                recycling: Recycling::Spare,
                spare_within_max: false,
            },
            slab: SlabProfile {
                // With flags there is a pointer to them, which has to be aligned.
                context: |chunks| 176 + 2 * CHECKED + FLAG * chunks,
                blocklists: 128 + 2 * CHECKED,
                block: 48,
                chunk: 8 + CHECKED,
                min_chunk: 8,
                lists: SlabLists::ByFullness,
                too_small_for: "-byte chunks",
            },
            bump: true,
            size_field: 4,
            max_block_size: CHUNK_BITS_MAX,
            check_size_first: false,
            aligned: true,
            reset_children: TreeOrder::ParentsFirst,
            stats_detail: StatsDetail::Limited,
            context_rows,
            node_tags,
        }
    }
}
