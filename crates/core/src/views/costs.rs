//! What a backend's operations cost with memory contexts, and what they would cost without.
//!
//! A [`Ledger`] reads the events of a backend's operations and keeps what no byte of a server
//! says: how much was asked for, chunk by chunk. At the same time it does with plain malloc and
//! free what the operations do: a malloc for each chunk, a free for each that is freed, and,
//! where a context is reset or deleted, a free for each chunk that was still in it. Both sides
//! run on the same model of malloc.

use std::collections::BTreeMap;

use crate::Server;
use crate::event::{Event, MemoryEvent};
use crate::ids::BackendId;
use crate::memory::{Addr, Arena, Heap, HeapStats};
use crate::mmgr::HEAP_LIMIT;
use crate::op::Op;

/// What one way of managing memory cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// Calls by which the program gave memory back.
    pub returns: u64,
    /// Calls of malloc and realloc.
    pub mallocs: u64,
    /// Calls of free.
    pub frees: u64,
    /// Bytes obtained from the operating system, at most.
    pub peak: u64,
    /// Bytes obtained from it, now.
    pub obtained: u64,
}

/// A chunk that is in use.
#[derive(Clone, Copy)]
struct Live {
    asked: u64,
    /// The pointer that malloc gave in its place; null if it had no more.
    plain: Addr,
}

/// What a backend asked for since it connected.
#[derive(Clone)]
pub struct Ledger {
    backend: BackendId,
    /// Chunks in use, by context and pointer.
    live: BTreeMap<(Addr, Addr), Live>,
    requests: u64,
    asked: u64,
    contexts: Costs,
    /// What the backend's heap had cost when it had connected.
    start: HeapStats,
    plain: Costs,
    heap: Heap,
    arena: Arena,
}

impl Ledger {
    /// Begin with a backend that has just connected.
    pub fn new(server: &Server, backend: BackendId) -> Self {
        let start = server.backend(backend).map(|found| found.memory.heap.stats());
        Self {
            backend,
            live: BTreeMap::new(),
            requests: 0,
            asked: 0,
            contexts: Costs::default(),
            start: start.unwrap_or_default(),
            plain: Costs::default(),
            heap: Heap::new(backend, HEAP_LIMIT),
            arena: Arena::new(),
        }
    }

    /// Allocations so far.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Bytes that are asked for now.
    pub fn asked(&self) -> u64 {
        self.asked
    }

    /// What the memory contexts cost since the backend connected.
    pub fn contexts(&self) -> Costs {
        self.contexts
    }

    /// What plain malloc and free would have cost.
    pub fn plain(&self) -> Costs {
        self.plain
    }

    /// The chunks of a context that are in use, and how much of each was asked for.
    pub fn chunks(&self, context: Addr) -> impl Iterator<Item = (Addr, u64)> {
        let range = (context, Addr::NULL)..=(context, Addr(u64::MAX));
        self.live.range(range).map(|(&(_, pointer), live)| (pointer, live.asked))
    }

    /// Note an operation that the server has just executed, with its events.
    pub fn note(&mut self, op: &Op, server: &Server) {
        if op.backend() != Some(self.backend) || !op.is_memory() {
            return;
        }
        let events = server.events().iter().filter_map(|event| match *event {
            Event::Memory(_, event) => Some(event),
            _ => None,
        });
        match *op {
            Op::Repalloc { size, .. } | Op::RepallocExtended { size, .. } => {
                self.repalloc(size, events);
            }
            _ => self.allocate_and_free(op, events),
        }
        let gives_back = matches!(
            op,
            Op::Pfree { .. }
                | Op::Reset { .. }
                | Op::ResetOnly { .. }
                | Op::ResetChildren { .. }
                | Op::Delete { .. }
                | Op::DeleteChildren { .. }
                | Op::CallEnd { .. }
        );
        self.contexts.returns += u64::from(gives_back);
        if let Some(backend) = server.backend(self.backend) {
            add_up(&mut self.contexts, backend.memory.heap.stats(), self.start);
        }
        let plain = self.heap.stats();
        add_up(&mut self.plain, plain, HeapStats::default());
        self.plain.returns = plain.frees;
    }

    fn allocate_and_free(&mut self, op: &Op, events: impl Iterator<Item = MemoryEvent>) {
        let mut last = None;
        for event in events {
            match event {
                MemoryEvent::Palloc { context, chunk, size, usable } => {
                    // A size that wrapped around when it was rounded up has less.
                    let asked = size.min(usable);
                    let chunk = (context, chunk);
                    // Where chunks have no headers, an empty one shares its address.
                    self.free(chunk);
                    self.requests += 1;
                    self.asked += asked;
                    let plain = self.heap.malloc(&mut self.arena, asked).unwrap_or(Addr::NULL);
                    self.live.insert(chunk, Live { asked, plain });
                    last = Some(chunk);
                }
                // The allocator was asked for more, as malloc had to be: what the caller wanted
                // counts.
                MemoryEvent::Aligned { .. } => {
                    if let (Op::PallocAligned { size, .. }, Some(last)) = (op, last)
                        && let Some(live) = self.live.get_mut(&last)
                    {
                        let asked = live.asked.min(*size);
                        self.asked = self.asked - live.asked + asked;
                        live.asked = asked;
                    }
                }
                MemoryEvent::Pfree { context, chunk, .. } => self.free((context, chunk)),
                MemoryEvent::ContextReset { context, .. }
                | MemoryEvent::ContextDeleted { context, .. } => {
                    let chunks: Vec<_> = self.chunks(context).map(|(chunk, _)| chunk).collect();
                    chunks.into_iter().for_each(|chunk| self.free((context, chunk)));
                }
                _ => {}
            }
        }
    }

    fn free(&mut self, chunk: (Addr, Addr)) {
        let Some(live) = self.live.remove(&chunk) else { return };
        self.asked -= live.asked;
        if !live.plain.is_null() {
            self.heap.free(&mut self.arena, live.plain);
        }
    }

    /// One realloc, however the allocator did it.
    fn repalloc(&mut self, size: u64, events: impl Iterator<Item = MemoryEvent>) {
        let (mut old, mut new, mut resized) = (None, None, false);
        let mut asked = size;
        for event in events {
            match event {
                MemoryEvent::Palloc { context, chunk, usable, .. } => {
                    new = Some((context, chunk));
                    asked = asked.min(usable);
                }
                MemoryEvent::Pfree { context, chunk, .. } => old = Some((context, chunk)),
                MemoryEvent::BlockResized { .. } => resized = true,
                MemoryEvent::RepallocInPlace { context, chunk, .. } => {
                    (old, new) = (Some((context, chunk)), Some((context, chunk)));
                }
                MemoryEvent::RepallocMoved { context, from, to, .. } if resized => {
                    (old, new) = (Some((context, from)), Some((context, to)));
                }
                _ => {}
            }
        }
        let Some((old, new)) = old.zip(new) else { return };
        let Some(live) = self.live.remove(&old) else { return };
        let plain = match live.plain.is_null() {
            true => self.heap.malloc(&mut self.arena, asked),
            false => self.heap.realloc(&mut self.arena, live.plain, asked),
        };
        self.asked = self.asked - live.asked + asked;
        let plain = plain.unwrap_or(live.plain);
        self.live.insert(new, Live { asked, plain });
    }
}

/// What a heap costs now, since it cost `start`.
fn add_up(costs: &mut Costs, now: HeapStats, start: HeapStats) {
    costs.mallocs = now.mallocs - start.mallocs;
    costs.frees = now.frees - start.frees;
    costs.obtained = now.obtained.saturating_sub(start.obtained);
    costs.peak = costs.peak.max(costs.obtained);
}
