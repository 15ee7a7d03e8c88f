//! pgscope-core: PostgreSQL's process memory as one deterministic machine.
//!
//! A [`Server`] is started from a [`Profile`](profile::Profile) (which PostgreSQL
//! version), [`Settings`](server::Settings) and a seed. [`Server::apply`] takes one
//! [`Op`] after the other and reports what happened as typed [`Event`]s, down to the
//! single tick of the clock hand. Nothing else goes in: no clock, no I/O, no platform
//! randomness. The same profile, settings, seed and operations give the same history,
//! byte for byte.
//!
//! It is *not* a database: no SQL, no rows that mean anything, no concurrency. It is the
//! memory of one: what is allocated where, which buffer goes, what is shared.
//!
//! Cargo features choose what is built: which allocators there are (`aset`, `slab`,
//! `generation`, `bump`), which of them a plain context gets (`default-aset`, ...), and
//! PostgreSQL's own compile-time switches `clobber-freed-memory` and `memory-context-checking`.
//!
//! The floors, lowest first; no arrow points upward:
//!
//! | floor | modules | holds |
//! |---|---|---|
//! | 1 | [`memory`], [`profile`], [`event`], [`ids`], [`error`], [`op`] | the arena, what a version is, the words |
//! | 2 | [`mmgr`], [`bufmgr`], [`lmgr`] | memory contexts; the buffer pool; heavyweight locks |
//! | 2 | `executor` | what sorts and hash tables keep within `work_mem` |
//! | 2 | [`access`] | which pages scans, inserts and lookups ask the buffer pool for |
//! | 3 | [`server`] | the server, its backends, its settings |
//! | 4 | [`views`] | the `pg_*` views and pictures of the machine, read-only |

#![forbid(unsafe_code)]
// What only a left-out allocator uses is not worth a condition at each place.
#![cfg_attr(
    not(all(feature = "aset", feature = "slab", feature = "generation", feature = "bump")),
    allow(dead_code, unused_imports)
)]

pub mod access;
pub mod bufmgr;
pub mod error;
pub mod event;
mod executor;
pub mod ids;
pub mod lmgr;
pub mod memory;
pub mod mmgr;
pub mod op;
pub mod profile;
pub mod server;
mod slots;
pub mod views;

pub use error::Error;
pub use event::Event;
pub use op::Op;
pub use server::Server;
