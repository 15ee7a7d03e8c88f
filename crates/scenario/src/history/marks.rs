//! What a step came to, for the timeline.

use pgscope_core::bufmgr::BufferUsage;
use pgscope_core::event::BufferEvent;
use pgscope_core::server::ReadOutcome;
use pgscope_core::{Event, Op};

use super::Point;

/// What a step came to, for the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A page was found in the pool.
    Hit,
    /// A page was loaded into a buffer that held none.
    Miss,
    /// A page was loaded and another, clean one left for it.
    Evict,
    /// A page was loaded and another, dirty one was written and left for it.
    Write,
    /// Something in a backend's memory contexts.
    Memory,
    /// Anything else.
    Other,
    /// The operation failed, or an expectation does not hold.
    Error,
}

impl From<ReadOutcome> for Mark {
    fn from(outcome: ReadOutcome) -> Self {
        match outcome {
            ReadOutcome::Hit => Self::Hit,
            ReadOutcome::Loaded => Self::Miss,
            ReadOutcome::Evicted => Self::Evict,
            ReadOutcome::Written => Self::Write,
            ReadOutcome::PutOff | ReadOutcome::Ended => Self::Other,
        }
    }
}

/// What an operation came to; `before` are its server's counts before it.
pub(super) fn mark(op: &Op, after: &Point, before: (BufferUsage, u64)) -> Mark {
    if after.error.is_some() {
        return Mark::Error;
    }
    if after.skipped {
        return Mark::Other;
    }
    match op {
        Op::Read { .. }
        | Op::Extend { .. }
        | Op::BulkNext { .. }
        | Op::Insert { .. }
        | Op::IndexScan { .. } => {
            let (usage, evictions) = after.server.block_counts();
            let evicted = evictions > before.1;
            let extended =
                |event: &&Event| matches!(event, Event::Buffer(BufferEvent::Extended { .. }));
            let extends = after.server.events().iter().filter(extended).count() as u64;
            if evicted && usage.written > before.0.written + extends {
                Mark::Write
            } else if evicted {
                Mark::Evict
            } else if extends > 0 || usage.read > before.0.read {
                Mark::Miss
            } else {
                Mark::Hit
            }
        }
        op if op.is_memory() => Mark::Memory,
        _ => Mark::Other,
    }
}
