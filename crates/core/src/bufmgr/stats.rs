//! What `pg_stat_io` counts (`pgstat_count_io_op`, `pgstat_io.c`).
//!
//! Each process counts for itself, by what it used: a ring, the whole pool, its local buffers. What
//! it did without a ring is most of it, and the plain counters know that already: only the rest is
//! counted here, so that a plain read costs nothing more.

use super::{BufferAccess, BufferUsage, LocalBufferState};
use crate::ids::Buffer;
use crate::op::StrategyKind;

/// One row's counters, in blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IoCounts {
    /// Blocks read.
    pub reads: u64,
    /// Those among them that one call read together with the one before.
    pub read_with_others: u64,
    /// Blocks written.
    pub writes: u64,
    /// Blocks added.
    pub extends: u64,
    /// Those among them that one call added together with the one before.
    pub extended_with_others: u64,
    /// Blocks found in memory.
    pub hits: u64,
    /// Pages that left for others.
    pub evictions: u64,
    /// Pages of a ring that left for others of the same ring.
    pub reuses: u64,
}

impl std::ops::AddAssign for IoCounts {
    fn add_assign(&mut self, other: Self) {
        self.reads += other.reads;
        self.read_with_others += other.read_with_others;
        self.writes += other.writes;
        self.extends += other.extends;
        self.extended_with_others += other.extended_with_others;
        self.hits += other.hits;
        self.evictions += other.evictions;
        self.reuses += other.reuses;
    }
}

/// One process's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IoStats {
    /// By kind of ring.
    rings: [IoCounts; 3],
    /// Without a ring; what the plain counters know is not in it.
    normal: IoCounts,
    /// Local buffers; likewise.
    temp: IoCounts,
}

/// `IOContext`, with the object to which it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoContext {
    /// `IOOBJECT_RELATION` with a ring.
    Ring(StrategyKind),
    /// `IOOBJECT_RELATION`, `IOCONTEXT_NORMAL`.
    Normal,
    /// `IOOBJECT_TEMP_RELATION`.
    Temp,
}

impl BufferAccess<'_> {
    /// `pgstat_count_io_op`.
    pub(super) fn count_io(
        &mut self,
        buffer: Buffer,
        strategy: Option<usize>,
        count: impl FnOnce(&mut IoCounts),
    ) {
        let ring = strategy.and_then(|slot| self.local.ring_kind(slot));
        let io = &mut self.local.io;
        count(match (buffer, ring) {
            (Buffer::Local(_), _) => &mut io.temp,
            (_, Some(kind)) => &mut io.rings[kind as usize],
            (_, None) => &mut io.normal,
        });
    }
}

impl LocalBufferState {
    /// What this process counts in one row of `pg_stat_io`.
    pub fn io_counts(&self, context: IoContext) -> IoCounts {
        let IoStats { rings, normal, temp } = self.io;
        let plain = |known: IoCounts, usage: BufferUsage, evictions: u64| IoCounts {
            reads: usage.read,
            hits: usage.hit,
            writes: usage.written.saturating_sub(known.extends),
            evictions,
            ..known
        };
        match context {
            IoContext::Ring(kind) => rings[kind as usize],
            IoContext::Temp => plain(temp, self.local_usage, temp.evictions),
            IoContext::Normal => {
                let mut rest = self.usage;
                let mut evictions = self.evictions;
                for ring in rings {
                    rest.read = rest.read.saturating_sub(ring.reads);
                    rest.hit = rest.hit.saturating_sub(ring.hits);
                    rest.written = rest.written.saturating_sub(ring.writes + ring.extends);
                    evictions = evictions.saturating_sub(ring.evictions + ring.reuses);
                }
                plain(normal, rest, evictions)
            }
        }
    }
}
