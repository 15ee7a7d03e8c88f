//! The arena: one linear address space that holds every byte of the server.
//!
//! "The linear-memory slab" of pgscope's mission; *arena* in code and on the page, since
//! Slab is the name of one of PostgreSQL's allocators. An [`Addr`] is an offset in it. Its
//! upper bits say whose memory it is:
//!
//! ```text
//! 0x0_0000_0000   nothing: the null pointer is here, and touching it is an error
//! 0x0_0001_0000   the shared segment, the same address in every process
//! 0x1_0000_0000   backend 0's own memory: what its malloc hands out
//! 0x2_0000_0000   backend 1's own memory ...
//! 0x7000_0000_0000  what backend 0 has mapped for large requests; backend 1's follows
//! 0xf000_0000_0000  the program's text: constant strings, read-only, in every process
//! ```
//!
//! [`Arena`] keeps the bytes, in pages that exist once they are written and that clones of
//! the machine share until one of them writes. [`Heap`] is the operating system's side of
//! malloc within one backend's part. [`ProgramText`] interns the constant strings.

mod addr;
mod addr_set;
mod arena;
mod heap;
mod program;
mod segment;
mod window;

pub use addr::{Addr, Owner};
pub use addr_set::AddrSet;
pub use arena::Arena;
pub(crate) use arena::{Fault, MAX_TOUCHED};
pub use heap::{Heap, HeapChunk, HeapStats, MALLOC_ALIGN};
pub use program::ProgramText;
pub use segment::PAGE_SIZE;
pub use window::Words;
pub(crate) use window::{Fields, Window, Windows};
