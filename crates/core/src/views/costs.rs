//! What a backend's operations cost with memory contexts, and what they would cost without.
//!
//! A [`Ledger`] reads the events of a backend's operations and keeps what no byte of a server
//! says: how much was asked for, chunk by chunk. At the same time it does with plain malloc and
//! free what the operations do: a malloc for each chunk, a free for each that is freed, and,
//! where a context is reset or deleted, a free for each chunk that was still in it. Both sides
//! run on the same model of malloc.

use std::collections::{BTreeMap, BTreeSet};

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

/// What a backend asked for since it connected.
#[derive(Clone)]
pub struct Ledger {
    backend: BackendId,
    /// Contexts and pointers of the chunks in use. All are plain numbers here, as in [`Heap`].
    live: BTreeSet<(u64, u64)>,
    /// What was asked for, by pointer.
    sizes: BTreeMap<u64, u64>,
    /// The pointer that malloc gave in its place, if it had one.
    pointers: BTreeMap<u64, u64>,
    requests: u64,
    asked: u64,
    asked_before: u64,
    contexts: Costs,
    plain: Costs,
    /// What the two heaps had cost when the backend had connected.
    before: [HeapStats; 2],
    heap: Heap,
    arena: Arena,
}

impl Ledger {
    /// Begin with a backend whose connecting was the server's last operation. What it
    /// allocated for itself is known from then on, but does not count.
    pub fn new(server: &Server, backend: BackendId) -> Self {
        let mut ledger = Self::of_nothing(backend);
        ledger.allocate_and_free(None, memory_events(server));
        let found = server.backend(backend).map(|found| found.memory.heap.stats());
        ledger.before = [found.unwrap_or_default(), ledger.heap.stats()];
        (ledger.requests, ledger.asked_before) = (0, ledger.asked);
        ledger
    }

    fn of_nothing(backend: BackendId) -> Self {
        let mut ledger = Self {
            backend,
            live: BTreeSet::new(),
            sizes: BTreeMap::new(),
            pointers: BTreeMap::new(),
            requests: 0,
            asked: 0,
            asked_before: 0,
            contexts: Costs::default(),
            plain: Costs::default(),
            before: [HeapStats::default(); 2],
            heap: Heap::new(backend, HEAP_LIMIT),
            arena: Arena::new(),
        };
        ledger.arena.lend(backend);
        ledger
    }

    /// Allocations so far.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Bytes that are asked for now, without those that the backend's start asked for.
    pub fn asked(&self) -> u64 {
        self.asked.saturating_sub(self.asked_before)
    }

    /// What the memory contexts cost since the backend connected.
    pub fn contexts(&self) -> Costs {
        self.contexts
    }

    /// What plain malloc and free would have cost.
    pub fn plain(&self) -> Costs {
        self.plain
    }

    /// The chunks of a context that are in use, in the order of their addresses, and how much
    /// of each was asked for.
    pub fn chunks(&self, context: Addr) -> Vec<(Addr, u64)> {
        let chunks = self.live.range((context.0, 0)..=(context.0, u64::MAX));
        chunks.map(|&(_, pointer)| (Addr(pointer), self.asked_for(pointer))).collect()
    }

    fn asked_for(&self, pointer: u64) -> u64 {
        self.sizes.get(&pointer).copied().unwrap_or_default()
    }

    /// Note an operation that the server has just executed, with its events.
    pub fn note(&mut self, op: &Op, server: &Server) {
        if op.backend() != Some(self.backend) || !op.is_memory() {
            return;
        }
        // The operation may have been its last: nothing that it had is there any more.
        if server.backend(self.backend).is_none_or(|backend| backend.end().is_some()) {
            *self = Self::of_nothing(self.backend);
            return;
        }
        match *op {
            Op::Repalloc { size, .. } | Op::RepallocExtended { size, .. } => {
                self.repalloc(size, memory_events(server));
            }
            _ => {
                self.allocate_and_free(Some(op), memory_events(server));
                self.contexts.returns += u64::from(memory_events(server).any(gives_back));
            }
        }
        let [with, without] = self.before;
        if let Some(backend) = server.backend(self.backend) {
            add_up(&mut self.contexts, backend.memory.heap.stats(), with);
        }
        add_up(&mut self.plain, self.heap.stats(), without);
        self.plain.returns = self.plain.frees;
    }

    fn allocate_and_free(&mut self, op: Option<&Op>, events: impl Iterator<Item = MemoryEvent>) {
        let mut last = Addr::NULL;
        for event in events {
            match event {
                MemoryEvent::Palloc { context, chunk, size, usable } => {
                    // A size that wrapped around when it was rounded up has less.
                    let asked = size.min(usable);
                    // Where chunks have no headers, an empty one shares its address.
                    self.free(context, chunk);
                    self.requests += 1;
                    self.keep(context, chunk, asked);
                    if let Some(plain) = self.heap.malloc(&mut self.arena, asked) {
                        self.pointers.insert(chunk.0, plain.0);
                    }
                    last = chunk;
                }
                // The allocator was asked for more, as malloc had to be: what the caller wanted
                // counts.
                MemoryEvent::Aligned { .. } => {
                    if let Some(&Op::PallocAligned { size, .. }) = op {
                        let more = self.asked_for(last.0);
                        self.asked = self.asked.wrapping_sub(more - more.min(size));
                        self.sizes.insert(last.0, more.min(size));
                    }
                }
                MemoryEvent::Pfree { context, chunk, .. } => self.free(context, chunk),
                MemoryEvent::ContextReset { context, .. }
                | MemoryEvent::ContextDeleted { context, .. } => {
                    for (chunk, _) in self.chunks(context) {
                        self.free(context, chunk);
                    }
                }
                _ => {}
            }
        }
    }

    fn keep(&mut self, context: Addr, chunk: Addr, asked: u64) {
        self.asked = self.asked.wrapping_add(asked);
        self.live.insert((context.0, chunk.0));
        self.sizes.insert(chunk.0, asked);
    }

    /// A chunk is in use no more: the pointer that malloc gave in its place.
    fn forget(&mut self, context: Addr, chunk: Addr) -> Option<Addr> {
        self.live.remove(&(context.0, chunk.0));
        let asked = self.sizes.remove(&chunk.0).unwrap_or_default();
        self.asked = self.asked.wrapping_sub(asked);
        self.pointers.remove(&chunk.0).map(Addr)
    }

    fn free(&mut self, context: Addr, chunk: Addr) {
        if let Some(plain) = self.forget(context, chunk) {
            self.heap.free(&mut self.arena, plain);
        }
    }

    /// One realloc, however the allocator did it.
    fn repalloc(&mut self, size: u64, events: impl Iterator<Item = MemoryEvent>) {
        let (mut old, mut new, mut resized) = (Addr::NULL, Addr::NULL, false);
        let (mut asked, mut owner) = (size, Addr::NULL);
        for event in events {
            match event {
                MemoryEvent::Palloc { context, chunk, usable, .. } => {
                    (owner, new) = (context, chunk);
                    asked = asked.min(usable);
                }
                MemoryEvent::Pfree { chunk, .. } => old = chunk,
                MemoryEvent::BlockResized { .. } => resized = true,
                MemoryEvent::RepallocInPlace { context, chunk, .. } => {
                    (owner, old, new) = (context, chunk, chunk);
                }
                MemoryEvent::RepallocMoved { context, from, to, .. } if resized => {
                    (owner, old, new) = (context, from, to);
                }
                _ => {}
            }
        }
        if old.is_null() || new.is_null() {
            return;
        }
        let plain = self.forget(owner, old);
        self.keep(owner, new, asked);
        let moved = match plain {
            Some(plain) => self.heap.realloc(&mut self.arena, plain, asked).or(Some(plain)),
            None => self.heap.malloc(&mut self.arena, asked),
        };
        if let Some(plain) = moved {
            self.pointers.insert(new.0, plain.0);
        }
    }
}

fn memory_events(server: &Server) -> impl Iterator<Item = MemoryEvent> {
    server.events().iter().filter_map(|event| match *event {
        Event::Memory(_, event) => Some(event),
        _ => None,
    })
}

fn gives_back(event: MemoryEvent) -> bool {
    matches!(
        event,
        MemoryEvent::Pfree { .. }
            | MemoryEvent::ContextReset { .. }
            | MemoryEvent::ContextDeleted { .. }
    )
}

/// What a heap costs now, since it cost `start`.
fn add_up(costs: &mut Costs, now: HeapStats, start: HeapStats) {
    costs.mallocs = now.mallocs - start.mallocs;
    costs.frees = now.frees - start.frees;
    costs.obtained = now.obtained.saturating_sub(start.obtained);
    costs.peak = costs.peak.max(costs.obtained);
}
