//! What happened: an operation's history as a list of typed events.
//!
//! Each event follows the one change of state that it tells of, so a machine that stops
//! after *k* events of an operation stands exactly where event *k* left it. That is how the
//! page walks through the middle of an operation: [`EventLog::stop_after`] makes the
//! `emit` of event *k* return [`Error::Stopped`], and the operation
//! unwinds with the machine as it stands.
//!
//! Pictures, narration and statistics are functions of events; they decide nothing.

mod buffers;
mod localbuf;
mod locks;
mod misuse;
mod problem;
mod process;

pub use buffers::{BufferEvent, Tick, WriteReason};
pub use localbuf::LocalBufferEvent;
pub use locks::LockEvent;
pub use misuse::{Access, Gone, Wrong};
pub use problem::Problem;
pub use process::{End, ProcessEvent};

use crate::error::Error;
use crate::error::Fallible;
use crate::ids::BackendId;
use crate::memory::Addr;

/// One thing that happened in the machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// A relation came to be, on disk only.
    RelationCreated(crate::ids::RelId),
    /// A backend was forked; its contexts follow as events of their own.
    BackendStarted(BackendId),
    /// Something about processes, and the settings that they live by.
    Process(ProcessEvent),
    /// Something in the buffer pool.
    Buffer(BufferEvent),
    /// Something in a backend's local buffers.
    LocalBuffer(BackendId, LocalBufferEvent),
    /// Something in a backend's memory contexts.
    Memory(BackendId, MemoryEvent),
    /// PostgreSQL warned of something, and went on.
    Warned(crate::error::Warning),
    /// The operation failed; what happened before this stays.
    Failed(crate::error::ErrorCode),
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
    /// A pointer was used that is not good for it. Nobody notices, unless the build checks.
    Misused {
        /// The pointer.
        pointer: Addr,
        /// What was done with it.
        access: Access,
        /// What is wrong with that.
        wrong: Wrong,
    },
    /// Bytes were read.
    Peeked {
        /// The first of them.
        at: Addr,
        /// How many.
        size: u32,
    },
    /// Bytes were overwritten.
    Poked {
        /// The first of them.
        at: Addr,
        /// How many.
        size: u32,
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
    /// A build with MEMORY_CONTEXT_CHECKING found something wrong, said so and went on.
    Warning {
        /// The context's name.
        name: Addr,
        /// What is wrong.
        problem: Problem,
        /// What the words name, in their order: chunks, blocks, numbers.
        values: [u64; 3],
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
    /// Events that the operation came to, whether they are recorded or not.
    came: u32,
}

/// More events than any operation comes to that ends: links that somebody wrote over can lead
/// a routine in a circle.
const MOST_EVENTS: u32 = 1 << 22;

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

    /// Whether nothing is recorded.
    #[inline]
    pub(crate) fn is_off(&self) -> bool {
        self.mode == Mode::Off
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
    #[inline]
    pub(crate) fn begin(&mut self) -> Fallible<()> {
        self.events.clear();
        self.came = 0;
        match self.mode {
            Mode::StopAfter(0) => Err(Error::Stopped.into()),
            _ => Ok(()),
        }
    }

    /// Tell of the change that was just made.
    ///
    /// # Errors
    /// [`Error::Stopped`] if this was the last event wanted.
    #[inline]
    pub(crate) fn emit(&mut self, event: impl Into<Event>) -> Fallible<()> {
        if self.is_off() {
            return self.count();
        }
        self.record(event.into())
    }

    /// Count a change that nobody wants to hear of.
    ///
    /// # Errors
    /// [`Error::EndlessLoop`] after too many in one operation.
    #[inline]
    pub(crate) fn count(&mut self) -> Fallible<()> {
        self.came += 1;
        if self.came > MOST_EVENTS { Err(Error::EndlessLoop.into()) } else { Ok(()) }
    }

    fn record(&mut self, event: Event) -> Fallible<()> {
        self.count()?;
        self.events.push(event);
        match self.mode {
            Mode::StopAfter(count) if self.events.len() >= count => Err(Error::Stopped.into()),
            _ => Ok(()),
        }
    }
}
