//! What an `expect` can look at: one table, grouped by what a metric is a number *of*.

use pgscope_core::ids::{BackendId, BufferTag, ChunkSlot, ContextSlot, RelId};

/// A number of the whole server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerMetric {
    /// Hits among all page reads, 0 to 1.
    HitRatio,
    /// Reads that found the page in the pool.
    Hits,
    /// Reads that didn't.
    Misses,
    /// Pages that had to leave for another.
    Evictions,
    /// Pages written out.
    Writes,
    /// The buffer under the clock hand, from 1.
    Hand,
    /// Complete turns of the clock hand.
    Passes,
    /// Buffers asked of the clock sweep.
    Allocs,
    /// Buffers that hold a dirty page.
    DirtyBuffers,
    /// The buffer that the last operation evicted, from 1; 0 if none.
    Victim,
    /// The size class of the last operation's first chunk, in bytes; 0 if it has none.
    SizeClass,
    /// Entries of the shared LOCK table.
    LockEntries,
    /// Entries of the shared PROCLOCK table.
    ProclockEntries,
}

/// A number of one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageMetric {
    /// The usage count of its buffer.
    Usage,
    /// Pins on its buffer.
    Pins,
    /// 1 if it is dirty, else 0.
    Dirty,
    /// The buffer that holds it, from 1; 0 if none.
    Buffer,
    /// The partition of the lookup table that it falls in.
    Partition,
}

/// A number of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationMetric {
    /// Buffers that hold its pages.
    Buffers,
}

/// A number of one memory context, without its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextMetric {
    /// Bytes used.
    Used,
    /// Bytes taken from malloc.
    Total,
    /// Bytes of them that are free.
    Free,
    /// Bytes taken from malloc, with those below it.
    MemAllocated,
    /// Free chunks.
    FreeChunks,
    /// Blocks.
    Blocks,
}

/// A number of one chunk that a variable holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkMetric {
    /// Where it begins, in bytes from the start of its block.
    Offset,
    /// Bytes that it takes up, its header included (`GetMemoryChunkSpace`).
    Space,
}

/// A number of one backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendMetric {
    /// Memory contexts it has.
    Contexts,
    /// Calls of malloc and realloc.
    Mallocs,
    /// Calls of free.
    Frees,
    /// Locks it holds, those on its transactions too.
    Locks,
    /// Those of them in fast-path slots.
    FastpathLocks,
    /// 1 if it waits, else 0.
    Waiting,
}

/// A number that the machine can be asked for, with what it is a number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Of the whole server.
    Server(ServerMetric),
    /// Of one page.
    Page(PageMetric, BufferTag),
    /// Of one table.
    Relation(RelationMetric, RelId),
    /// Of one memory context.
    Context(ContextMetric, BackendId, ContextSlot),
    /// Of one chunk.
    Chunk(ChunkMetric, BackendId, ChunkSlot),
    /// Of one backend.
    Backend(BackendMetric, BackendId),
}

/// A metric without what it is a number of: this decides which arguments it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// No arguments.
    Server(ServerMetric),
    /// `(TABLE, BLOCK)`
    Page(PageMetric),
    /// `(TABLE)`
    Relation(RelationMetric),
    /// `(BACKEND, CONTEXT)`
    Context(ContextMetric),
    /// `(BACKEND, CHUNK)`
    Chunk(ChunkMetric),
    /// `(BACKEND)`
    Backend(BackendMetric),
}

impl MetricKind {
    /// The arguments, as a reference writes them.
    pub fn arguments(self) -> &'static str {
        match self {
            Self::Server(_) => "",
            Self::Page(_) => "(TABLE, BLOCK)",
            Self::Relation(_) => "(TABLE)",
            Self::Context(_) => "(BACKEND, CONTEXT)",
            Self::Chunk(_) => "(BACKEND, CHUNK)",
            Self::Backend(_) => "(BACKEND)",
        }
    }

    /// The word for it in an `expect`.
    pub fn name(self) -> &'static str {
        METRICS.iter().find(|info| info.kind == self).map_or("", |info| info.name)
    }
}

impl Metric {
    /// Which metric it is, whatever it is a number of.
    pub fn kind(self) -> MetricKind {
        match self {
            Self::Server(metric) => MetricKind::Server(metric),
            Self::Page(metric, _) => MetricKind::Page(metric),
            Self::Relation(metric, _) => MetricKind::Relation(metric),
            Self::Context(metric, ..) => MetricKind::Context(metric),
            Self::Chunk(metric, ..) => MetricKind::Chunk(metric),
            Self::Backend(metric, _) => MetricKind::Backend(metric),
        }
    }
}

/// What the parser knows of a metric.
#[derive(Clone, Copy, Debug)]
pub struct MetricInfo {
    /// The word for it.
    pub name: &'static str,
    /// Which it is.
    pub kind: MetricKind,
}

/// Every metric.
pub const METRICS: &[MetricInfo] = &{
    let mut table = [ALL[0].0; ALL.len()];
    let mut row = 0;
    while row < ALL.len() {
        table[row] = ALL[row].0;
        row += 1;
    }
    table
};

/// What each says, in the same order, for the reference.
pub const METRIC_MEANINGS: &[&str] = &{
    let mut table = [""; ALL.len()];
    let mut row = 0;
    while row < ALL.len() {
        table[row] = ALL[row].1;
        row += 1;
    }
    table
};

const ALL: &[(MetricInfo, &str)] = {
    use {BackendMetric as B, ContextMetric as C, MetricKind as K, PageMetric as P};
    use {ChunkMetric as H, RelationMetric as R, ServerMetric as S};
    const fn info(
        name: &'static str,
        kind: K,
        meaning: &'static str,
    ) -> (MetricInfo, &'static str) {
        (MetricInfo { name, kind }, meaning)
    }
    &[
        info("hit_ratio", K::Server(S::HitRatio), "hits among all page reads, 0 to 1"),
        info("hits", K::Server(S::Hits), "page reads that found the page in the pool"),
        info("misses", K::Server(S::Misses), "page reads that didn't"),
        info("evictions", K::Server(S::Evictions), "pages that had to leave for another"),
        info("writes", K::Server(S::Writes), "pages written out"),
        info("hand", K::Server(S::Hand), "the buffer under the clock hand, from 1"),
        info("passes", K::Server(S::Passes), "complete turns of the clock hand"),
        info("allocs", K::Server(S::Allocs), "buffers asked of the clock sweep"),
        info("dirty_buffers", K::Server(S::DirtyBuffers), "buffers that hold a dirty page"),
        info("victim", K::Server(S::Victim), "the buffer that the last operation evicted, or 0"),
        info(
            "size_class",
            K::Server(S::SizeClass),
            "the size class that the last operation asked first, or 0",
        ),
        info("lock_entries", K::Server(S::LockEntries), "entries of the shared LOCK table"),
        info(
            "proclock_entries",
            K::Server(S::ProclockEntries),
            "entries of the shared PROCLOCK table",
        ),
        info("usage", K::Page(P::Usage), "the usage count of the page's buffer"),
        info("pins", K::Page(P::Pins), "pins on the page's buffer"),
        info("dirty", K::Page(P::Dirty), "1 if the page is dirty, else 0"),
        info("buffer", K::Page(P::Buffer), "the buffer that holds the page, or 0"),
        info(
            "partition",
            K::Page(P::Partition),
            "the partition of the buffer lookup table that the page falls in, 0 to 127",
        ),
        info("buffers", K::Relation(R::Buffers), "buffers that hold the table's pages"),
        info("used", K::Context(C::Used), "bytes used in the context"),
        info("total", K::Context(C::Total), "bytes that the context took from malloc"),
        info("free", K::Context(C::Free), "bytes of them that are free"),
        info("mem_allocated", K::Context(C::MemAllocated), "bytes that it and those below it took"),
        info("free_chunks", K::Context(C::FreeChunks), "free chunks in the context"),
        info("blocks", K::Context(C::Blocks), "blocks of the context"),
        info(
            "offset",
            K::Chunk(H::Offset),
            "where the chunk begins, in bytes from the start of its block",
        ),
        info("space", K::Chunk(H::Space), "bytes that the chunk takes up, its header included"),
        info("contexts", K::Backend(B::Contexts), "memory contexts that the backend has"),
        info("mallocs", K::Backend(B::Mallocs), "calls of malloc and realloc since it started"),
        info("frees", K::Backend(B::Frees), "calls of free since it started"),
        info(
            "locks",
            K::Backend(B::Locks),
            "locks that the backend holds, those on its own transaction too",
        ),
        info("fastpath_locks", K::Backend(B::FastpathLocks), "those of them in fast-path slots"),
        info("waiting", K::Backend(B::Waiting), "1 if the backend waits, else 0"),
    ]
};
