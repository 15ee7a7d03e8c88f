//! Memory contexts: `palloc` and everything behind it (`src/backend/utils/mmgr`).
//!
//! A backend does not free what it allocates piece by piece. It allocates in a *memory
//! context*, and when the work that the context stands for is over, the whole context is
//! reset or deleted, children and all. The contexts of a backend are a tree under
//! `TopMemoryContext`:
//!
//! ```text
//! TopMemoryContext ─┬─ MessageContext        reset for each message from the client
//!                   ├─ CacheMemoryContext    never reset
//!                   ├─ ErrorContext          8 kB held in reserve
//!                   └─ ...
//! ```
//!
//! What differs from malloc: `palloc` never returns NULL (it raises an error), `palloc(0)`
//! is legal, `pfree(NULL)` is not, and a freed chunk stays with its context.
//!
//! Everything here lives in the arena as PostgreSQL lays it out: the context's header, its
//! blocks, the headers before the chunks, the links through free chunks. [`mcxt`] is the
//! tree and the public routines; each allocator is one file that implements
//! [`MemoryContextMethods`](methods::MemoryContextMethods) ([`aset`] so far); [`chunk`] is the
//! header from which `pfree` finds the allocator.

pub mod aset;
pub mod chunk;
pub mod inspect;
mod mcxt;
mod methods;

pub use mcxt::{Context, MAX_ALLOC_SIZE};
pub(crate) use mcxt::{get_memory_chunk_context, get_memory_chunk_space};
pub use methods::{Counters, METHODS_TABLE, method_name};

use crate::error::Error;
use crate::event::{EventLog, MemoryEvent};
use crate::ids::BackendId;
use crate::memory::{Addr, Arena, Heap, ProgramText};
use crate::profile::Profile;

/// What one process keeps of memory management outside its contexts: malloc, and the C
/// program's static variables.
#[derive(Clone)]
pub struct LocalMemory {
    /// malloc.
    pub heap: Heap,
    /// `TopMemoryContext`.
    pub top: Addr,
    /// `CurrentMemoryContext`.
    pub current: Addr,
    /// `context_freelists` of `aset.c`: deleted contexts kept for reuse.
    pub context_freelists: [aset::AllocSetFreeList; 2],
}

/// Bytes that one backend's malloc may obtain: what a machine's memory would allow.
pub const HEAP_LIMIT: u64 = 2 << 30;

impl LocalMemory {
    /// A process that has allocated nothing yet.
    pub fn new(backend: BackendId) -> Self {
        Self {
            heap: Heap::new(Addr::local(backend), HEAP_LIMIT),
            top: Addr::NULL,
            current: Addr::NULL,
            context_freelists: Default::default(),
        }
    }
}

/// One process as memory management sees it, for the time of one operation.
pub struct Process<'a> {
    /// Which backend this is.
    pub who: BackendId,
    /// The bytes.
    pub arena: &'a mut Arena,
    /// Its malloc and static variables.
    pub local: &'a mut LocalMemory,
    /// The strings of the program.
    pub program: &'a mut ProgramText,
    /// Where events go.
    pub log: &'a mut EventLog,
    /// The version.
    pub profile: &'static Profile,
}

impl Process<'_> {
    #[inline]
    fn emit(&mut self, event: MemoryEvent) -> Result<(), Error> {
        self.log.emit(crate::event::Event::Memory(self.who, event))
    }

    fn malloc(&mut self, size: u64) -> Option<Addr> {
        self.local.heap.malloc(self.arena, size)
    }

    fn free(&mut self, pointer: Addr) {
        self.local.heap.free(self.arena, pointer);
    }
}

/// `MAXALIGN`: round up to a multiple of eight; sizes near 2^64 wrap, as in C.
#[inline]
pub fn maxalign(size: u64) -> u64 {
    size.wrapping_add(7) & !7
}
