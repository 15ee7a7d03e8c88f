//! What happened: an operation's history as a list of typed events.
//!
//! Each event follows the one change of state that it tells of, so a machine that stops
//! after *k* events of an operation stands exactly where event *k* left it. That is how the
//! page walks through the middle of an operation: [`EventLog::stop_after`] makes the
//! `emit` of event *k* return [`Error::Stopped`], and the operation
//! unwinds with the machine as it stands.
//!
//! Pictures, narration and statistics are functions of events; they decide nothing.

use crate::error::Error;
use crate::ids::{BackendId, BufferId, BufferTag, Lsn};
use crate::memory::Addr;
use crate::op::DirtyKind;

/// One thing that happened in the machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// A relation came to be, on disk only.
    RelationCreated(crate::ids::RelId),
    /// A backend was forked; its contexts follow as events of their own.
    BackendStarted(BackendId),
    /// Something in the buffer pool.
    Buffer(BufferEvent),
    /// Something in a backend's memory contexts.
    Memory(BackendId, MemoryEvent),
    /// The operation failed; what happened before this stays.
    Failed(crate::error::ErrorCode),
}

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
    /// The new page entered the lookup table and the buffer is its.
    Hashed {
        /// The buffer.
        buffer: BufferId,
        /// The page that arrives.
        tag: BufferTag,
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

/// Events of one backend's memory contexts. `context` is the context's address, `name` the
/// address of its name in the program's text (both can outlive the context in a log).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryEvent {
    /// A context was created.
    ContextCreated {
        /// The context.
        context: Addr,
        /// Its name.
        name: Addr,
        /// It came from the store of deleted contexts, with its first block.
        recycled: bool,
    },
    /// A context was deleted. Its children went before it.
    ContextDeleted {
        /// Where it was.
        context: Addr,
        /// Its name.
        name: Addr,
        /// It is kept in the store of deleted contexts for the next creation.
        kept: bool,
    },
    /// Everything in a context was freed at once.
    ContextReset {
        /// The context.
        context: Addr,
        /// Its name.
        name: Addr,
    },
    /// The whole store of deleted contexts was given back to malloc.
    ContextStoreEmptied {
        /// How many contexts.
        contexts: u32,
    },
    /// `CurrentMemoryContext` changed.
    Switched {
        /// The new one.
        context: Addr,
        /// Its name.
        name: Addr,
    },
    /// An allocation was rounded up to a size class and its freelist looked at.
    SizeClass {
        /// The context.
        context: Addr,
        /// Bytes asked for.
        size: u64,
        /// Bytes of the class.
        class: u64,
        /// A free chunk of that class was on the list.
        found: bool,
    },
    /// A chunk left a freelist.
    FreelistTaken {
        /// The chunk's pointer, past its header.
        chunk: Addr,
        /// Bytes of the class.
        class: u64,
    },
    /// The rest of an exhausted block became a free chunk.
    Carved {
        /// The block.
        block: Addr,
        /// The chunk's pointer, past its header.
        chunk: Addr,
        /// Bytes of the class.
        class: u64,
    },
    /// A block came from malloc.
    BlockAllocated {
        /// The context.
        context: Addr,
        /// The block.
        block: Addr,
        /// Bytes, header included.
        size: u64,
        /// It holds one large chunk alone.
        dedicated: bool,
    },
    /// A block went back to malloc.
    BlockFreed {
        /// The context.
        context: Addr,
        /// The block.
        block: Addr,
        /// Bytes, header included.
        size: u64,
    },
    /// A block's last chunk was freed, and the context keeps the block for later.
    BlockEmptied {
        /// The context.
        context: Addr,
        /// The block.
        block: Addr,
    },
    /// An empty block that the context had kept is used again.
    BlockReused {
        /// The context.
        context: Addr,
        /// The block.
        block: Addr,
    },
    /// A dedicated block was resized with realloc.
    BlockResized {
        /// The context.
        context: Addr,
        /// Where it was.
        from: Addr,
        /// Where it is.
        to: Addr,
        /// Bytes now, header included.
        size: u64,
    },
    /// A chunk is handed out.
    Palloc {
        /// The context.
        context: Addr,
        /// The pointer.
        chunk: Addr,
        /// Bytes asked for.
        size: u64,
        /// Bytes the caller may use.
        usable: u64,
    },
    /// A pointer with the alignment asked for was set up within a larger chunk.
    Aligned {
        /// The context.
        context: Addr,
        /// The chunk that the allocator returned.
        chunk: Addr,
        /// The pointer that the caller gets.
        pointer: Addr,
    },
    /// A chunk is free. AllocSet keeps it on its class's list.
    Pfree {
        /// The context.
        context: Addr,
        /// The pointer.
        chunk: Addr,
        /// Bytes it had.
        usable: u64,
        /// It went on a freelist and can be handed out again.
        freelist: bool,
    },
    /// `repalloc` found enough room and returned the same chunk.
    RepallocInPlace {
        /// The context.
        context: Addr,
        /// The pointer.
        chunk: Addr,
        /// Bytes asked for.
        size: u64,
        /// Bytes the caller may use.
        usable: u64,
    },
    /// `repalloc` copied the data to a new chunk.
    RepallocMoved {
        /// The context.
        context: Addr,
        /// The old pointer, freed after this.
        from: Addr,
        /// The new pointer.
        to: Addr,
        /// Bytes copied.
        copied: u64,
    },
    /// A function is to be called when the context is next reset or deleted.
    CallbackRegistered {
        /// The context.
        context: Addr,
        /// The function's argument.
        callback: u32,
    },
    /// A reset callback was called.
    CallbackFired {
        /// The context.
        context: Addr,
        /// The function's argument.
        callback: u32,
    },
    /// A context was moved to another place in the tree.
    ParentChanged {
        /// The context.
        context: Addr,
        /// Its parent now.
        parent: Addr,
    },
    /// A context was given an identifier.
    IdentifierSet {
        /// The context.
        context: Addr,
        /// Where the identifier is.
        ident: Addr,
    },
    /// A function was entered.
    CallBegan {
        /// The function's name.
        function: Addr,
        /// Calls that are running now.
        depth: u32,
    },
    /// A function returned and everything it allocated is gone.
    CallEnded {
        /// The function's name.
        function: Addr,
        /// Calls that are still running.
        depth: u32,
    },
}

impl From<BufferEvent> for Event {
    fn from(event: BufferEvent) -> Self {
        Event::Buffer(event)
    }
}

/// The events of the operation that is running or ran last.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    events: Vec<Event>,
    mode: Mode,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    Off,
    #[default]
    All,
    StopAfter(usize),
}

impl EventLog {
    /// Record nothing: for replays of millions of operations.
    pub fn off(&mut self) {
        self.mode = Mode::Off;
        self.events.clear();
    }

    /// Record every event.
    pub fn on(&mut self) {
        self.mode = Mode::All;
    }

    /// Record `count` events of the next operation and stop it there.
    pub fn stop_after(&mut self, count: usize) {
        self.mode = Mode::StopAfter(count);
    }

    /// The events since the operation began.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// A new operation begins.
    ///
    /// # Errors
    /// [`Error::Stopped`] if it is to stop before its first event.
    pub(crate) fn begin(&mut self) -> Result<(), Error> {
        self.events.clear();
        match self.mode {
            Mode::StopAfter(0) => Err(Error::Stopped),
            _ => Ok(()),
        }
    }

    /// Tell of the change that was just made.
    ///
    /// # Errors
    /// [`Error::Stopped`] if this was the last event wanted.
    #[inline]
    pub(crate) fn emit(&mut self, event: impl Into<Event>) -> Result<(), Error> {
        if self.mode == Mode::Off {
            return Ok(());
        }
        self.record(event.into())
    }

    fn record(&mut self, event: Event) -> Result<(), Error> {
        self.events.push(event);
        match self.mode {
            Mode::StopAfter(count) if self.events.len() >= count => Err(Error::Stopped),
            _ => Ok(()),
        }
    }
}
