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
//! blocks, the headers before the chunks, the links through free chunks. `mcxt` is the
//! tree and the public routines; `methods` is the interface of the allocators and their
//! table; each of [`aset`], `generation`, `slab` and `bump` is one; `growth` has the
//! block sizes that three of them go by, `dlist` PostgreSQL's lists. [`chunk`] is the packed
//! header from which `pfree` finds the allocator, `alignedalloc` what stands in for it before
//! an aligned chunk. [`memdebug`] has PostgreSQL's compile-time switches
//! for finding errors. [`inspect`] and `stats` look at contexts, for pictures and for the log.

mod alignedalloc;
#[cfg(feature = "aset")]
pub mod aset;
#[cfg(feature = "bump")]
mod bump;
mod chain;
pub mod chunk;
#[cfg(any(feature = "bump", feature = "generation", feature = "slab"))]
mod dlist;
#[cfg(feature = "generation")]
mod generation;
#[cfg(any(feature = "aset", feature = "bump", feature = "generation"))]
mod growth;
pub mod inspect;
mod mcxt;
pub mod memdebug;
mod methods;
mod short_way;
#[cfg(feature = "slab")]
mod slab;
mod stats;

pub(crate) use mcxt::is_headerless;
pub use mcxt::{Context, MAX_ALLOC_HUGE_SIZE, MAX_ALLOC_SIZE};
pub use methods::{Counters, METHODS_TABLE, method_name};
pub(crate) use short_way::ShortWay;
pub use stats::StatsForm;
use stats::StatsText;
pub(crate) use stats::memory_context_stats_detail;

use crate::error::{Error, Fallible};
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
    #[cfg(feature = "aset")]
    pub context_freelists: [aset::AllocSetFreeList; 2],
}

/// Bytes that one backend's malloc may obtain: what a machine with 16 GB would allow.
pub const HEAP_LIMIT: u64 = 16 << 30;

impl LocalMemory {
    /// A process that has allocated nothing yet.
    pub fn new(backend: BackendId) -> Self {
        Self {
            heap: Heap::new(backend, HEAP_LIMIT),
            top: Addr::NULL,
            current: Addr::NULL,
            #[cfg(feature = "aset")]
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
    /// Tell of a change. While nobody wants to know, the event is not even made.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub(crate) fn emit(&mut self, event: MemoryEvent) -> Fallible<()> {
        if cfg!(not(target_family = "wasm")) && self.log.is_off() {
            self.check_fault()?;
            return self.log.count();
        }
        self.record(event)
    }

    #[inline(never)]
    fn record(&mut self, event: MemoryEvent) -> Fallible<()> {
        self.check_fault()?;
        self.log.emit(crate::event::Event::Memory(self.who, event))
    }

    /// Whoever reads or writes memory that its process does not have is killed.
    #[inline]
    pub(crate) fn check_fault(&self) -> Fallible<()> {
        match self.arena.fault() {
            None => Ok(()),
            Some(fault) => Err(Error::from(fault).into()),
        }
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

/// `GetMemoryChunkContext`: the context that a live chunk belongs to, if its allocator can tell.
pub(crate) fn get_memory_chunk_context(
    arena: &Arena,
    profile: &Profile,
    pointer: Addr,
) -> Option<Addr> {
    mcxt::methods_of_chunk(arena, profile, pointer)?.get_chunk_context(arena, profile, pointer)
}

/// `GetMemoryChunkSpace`: bytes that a live chunk takes up, its header included, if its
/// allocator can tell.
pub(crate) fn get_memory_chunk_space(
    arena: &Arena,
    profile: &Profile,
    pointer: Addr,
) -> Option<u64> {
    mcxt::methods_of_chunk(arena, profile, pointer)?.get_chunk_space(arena, profile, pointer)
}
