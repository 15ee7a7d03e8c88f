//! What happens in one backend's local buffers, which nobody else sees.

use super::{Tick, WriteReason};
use crate::ids::{BufferTag, LocalBufferId};

/// Events of one backend's local buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalBufferEvent {
    /// The first use of a temporary relation: the descriptors and the lookup table were made
    /// (`InitLocalBuffers`).
    Initialized {
        /// Local buffers (`temp_buffers`).
        buffers: u32,
    },
    /// Is the page in a local buffer?
    Lookup {
        /// The page.
        tag: BufferTag,
        /// The buffer that holds it.
        found: Option<LocalBufferId>,
    },
    /// The local hand looked at a buffer and moved on by one.
    Tick {
        /// The buffer under the hand.
        buffer: LocalBufferId,
        /// What it met.
        tick: Tick,
    },
    /// Every local buffer is pinned: the sweep gives up after a whole turn.
    SweepFailed,
    /// A pin was taken.
    Pinned {
        /// The buffer.
        buffer: LocalBufferId,
        /// Pins on it now.
        pins: u32,
        /// Usage count before.
        usage_from: u8,
        /// Usage count after.
        usage_to: u8,
    },
    /// A pin was given up.
    Unpinned {
        /// The buffer.
        buffer: LocalBufferId,
        /// Pins on it now.
        pins: u32,
    },
    /// A page went to disk and is clean; no WAL is needed for it.
    Written {
        /// The buffer.
        buffer: LocalBufferId,
        /// The page.
        tag: BufferTag,
        /// Why.
        reason: WriteReason,
    },
    /// The old page left the lookup table.
    Unhashed {
        /// The buffer.
        buffer: LocalBufferId,
        /// The page that left.
        tag: BufferTag,
    },
    /// A page was dropped unwritten.
    Dropped {
        /// The buffer.
        buffer: LocalBufferId,
        /// The page that is gone.
        tag: BufferTag,
    },
    /// The new page entered the lookup table and the buffer is its.
    Hashed {
        /// The buffer.
        buffer: LocalBufferId,
        /// The page that arrives.
        tag: BufferTag,
    },
    /// Several blocks are read with one system call; they count as read.
    ReadStarted {
        /// The first page.
        tag: BufferTag,
        /// How many.
        blocks: u32,
    },
    /// The page's bytes are in the buffer and valid.
    Loaded {
        /// The buffer.
        buffer: LocalBufferId,
        /// The page.
        tag: BufferTag,
        /// Read from disk, or zeroed.
        read: bool,
    },
    /// The relation grew by one block.
    Extended {
        /// The new page.
        tag: BufferTag,
    },
    /// A page was marked dirty.
    Dirtied {
        /// The buffer.
        buffer: LocalBufferId,
        /// False if it was dirty already.
        newly: bool,
    },
}
