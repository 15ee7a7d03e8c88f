//! What happens in the buffer pool, which every process sees.

use crate::ids::{BackendId, BufferId, BufferTag, Lsn, StrategySlot};
use crate::op::{DirtyKind, StrategyKind};

/// What the clock hand met at one tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// Pinned: passed over, usage count left alone.
    Pinned,
    /// Usage count lowered by one.
    Lowered {
        /// Usage count before.
        from: u8,
    },
    /// Usage count 0 and no pin: taken.
    Taken,
}

/// Why a page is written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteReason {
    /// A backend needs the buffer for another page.
    Eviction,
    /// The checkpointer's turn.
    Checkpoint,
    /// The background writer's round.
    BackgroundWriter,
    /// Somebody asked for this buffer to be flushed.
    Flush,
}

/// Events of the buffer pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BufferEvent {
    /// `BufTableLookup`: is the page in the pool?
    Lookup {
        /// Who asks.
        backend: BackendId,
        /// For which page.
        tag: BufferTag,
        /// The buffer that holds it.
        found: Option<BufferId>,
    },
    /// A buffer was popped off the freelist.
    FreelistPop {
        /// The buffer.
        buffer: BufferId,
        /// False if it was pinned or in use after all, so the next is tried.
        taken: bool,
    },
    /// The ring moved on to its next slot and looked at the buffer there.
    RingLook {
        /// The slot, from 0.
        slot: u32,
        /// The buffer in it; an empty slot has none.
        buffer: Option<BufferId>,
        /// It is unpinned and not used by others, so it is taken.
        taken: bool,
    },
    /// A buffer was put at the head of the freelist (`StrategyFreeBuffer`).
    FreelistPush {
        /// The buffer.
        buffer: BufferId,
    },
    /// A backend made a buffer ring.
    RingCreated {
        /// Whose.
        backend: BackendId,
        /// Its variable.
        strategy: StrategySlot,
        /// What it is for.
        kind: StrategyKind,
        /// Slots; 0 if the size asked for means no ring.
        slots: u32,
    },
    /// A backend gave up a buffer ring; the pages stay where they are.
    RingFreed {
        /// Whose.
        backend: BackendId,
        /// Its variable.
        strategy: StrategySlot,
    },
    /// The ring's current slot got a buffer (`AddBufferToRing`).
    RingFilled {
        /// The slot, from 0.
        slot: u32,
        /// The buffer.
        buffer: BufferId,
    },
    /// The ring gave up a dirty buffer whose WAL is not flushed yet (`StrategyRejectBuffer`).
    RingRejected {
        /// The buffer.
        buffer: BufferId,
    },
    /// The hand looked at a buffer and moved on by one.
    Tick {
        /// The buffer under the hand.
        buffer: BufferId,
        /// What it met.
        tick: Tick,
    },
    /// The hand went over the last buffer and starts a new pass.
    PassCompleted {
        /// Complete passes so far.
        passes: u32,
    },
    /// Every buffer is pinned: the sweep gives up after a whole turn.
    SweepFailed,
    /// A pin was taken.
    Pinned {
        /// Who pins.
        backend: BackendId,
        /// The buffer.
        buffer: BufferId,
        /// The backend's own pins on it now.
        private: u32,
        /// Backends that pin it now.
        shared: u32,
        /// Usage count before.
        usage_from: u8,
        /// Usage count after.
        usage_to: u8,
    },
    /// A pin was given up.
    Unpinned {
        /// Who had it.
        backend: BackendId,
        /// The buffer.
        buffer: BufferId,
        /// The backend's own pins on it now.
        private: u32,
        /// Backends that pin it now.
        shared: u32,
    },
    /// A backend has the page all to itself: exclusive content lock, no other pin
    /// (`LockBufferForCleanup`).
    CleanupLocked {
        /// Who.
        backend: BackendId,
        /// The buffer.
        buffer: BufferId,
    },
    /// Others have the page pinned, and the backend does without
    /// (`ConditionalLockBufferForCleanup`).
    CleanupRefused {
        /// Who.
        backend: BackendId,
        /// The buffer.
        buffer: BufferId,
        /// Backends that pin it, this one included.
        shared: u32,
    },
    /// Others have the page pinned: `BM_PIN_COUNT_WAITER` is set, and the backend sleeps.
    WaitsForPins {
        /// Who.
        backend: BackendId,
        /// The buffer.
        buffer: BufferId,
        /// Backends that pin it, this one included.
        shared: u32,
    },
    /// The last pin of another is gone: the flag is cleared and the waiter gets a signal
    /// (`WakePinCountWaiter`).
    PinWaiterWoken {
        /// Who waited.
        backend: BackendId,
        /// The buffer.
        buffer: BufferId,
    },
    /// WAL had to reach disk before the page (`XLogFlush`).
    WalFlushed {
        /// Everything up to here is flushed now.
        upto: Lsn,
    },
    /// A page went to disk and is clean.
    Written {
        /// The buffer.
        buffer: BufferId,
        /// The page.
        tag: BufferTag,
        /// Why.
        reason: WriteReason,
    },
    /// The old page left the lookup table: it is no longer in the pool.
    Unhashed {
        /// The buffer.
        buffer: BufferId,
        /// The page that left.
        tag: BufferTag,
    },
    /// A page was dropped unwritten: it left the lookup table and its buffer is empty
    /// (`InvalidateBuffer`).
    Dropped {
        /// The buffer.
        buffer: BufferId,
        /// The page that is gone.
        tag: BufferTag,
    },
    /// The new page entered the lookup table and the buffer is its.
    Hashed {
        /// The buffer.
        buffer: BufferId,
        /// The page that arrives.
        tag: BufferTag,
    },
    /// Several blocks are read with one system call (`WaitReadBuffers`); they count as read.
    ReadStarted {
        /// The first page.
        tag: BufferTag,
        /// How many.
        blocks: u32,
    },
    /// The page's bytes are in the buffer and valid.
    Loaded {
        /// The buffer.
        buffer: BufferId,
        /// The page.
        tag: BufferTag,
        /// Read from disk, or zeroed.
        read: bool,
    },
    /// A relation grew by one block.
    Extended {
        /// The new page.
        tag: BufferTag,
    },
    /// A page was marked dirty.
    Dirtied {
        /// The buffer.
        buffer: BufferId,
        /// How.
        kind: DirtyKind,
        /// False if it was dirty already.
        newly: bool,
    },
    /// The checkpoint will write this page.
    CheckpointNeeded {
        /// The buffer.
        buffer: BufferId,
    },
    /// The checkpoint is complete.
    CheckpointDone {
        /// Pages it wrote.
        written: u32,
    },
    /// The background writer looked at a buffer ahead of the hand.
    BgWriterLook {
        /// The buffer.
        buffer: BufferId,
        /// Unpinned and usage count 0: the hand could take it.
        reusable: bool,
    },
    /// The background writer's round is over.
    BgWriterDone {
        /// Pages it wrote.
        written: u32,
        /// Buffers it expects to be needed until the next round.
        upcoming: u32,
        /// It may sleep longer.
        hibernate: bool,
    },
}
