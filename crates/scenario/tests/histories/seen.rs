//! What a reader sees of the machine, as sums that tell where a difference is.
//!
//! At every position: descriptors, the clock hand, counters, sessions, and one part of a heap, another
//! at each. At some, and at the end: everything.

use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::{FixedState, FoldHasher};
use pgscope_core::Server;
use pgscope_core::memory::Addr;
use pgscope_core::views::{self, View};
use pgscope_scenario::{History, Position, narrate};

/// Sums.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Seen {
    pool: u64,
    sessions: u64,
    heaps: u64,
    contexts: u64,
    story: u64,
    views: u64,
    bytes: u64,
}

/// Bytes of a heap that are looked at everywhere.
const PART: usize = 2 << 10;
/// Bytes of each region that are looked at in full.
const ALL: usize = 64 << 10;

fn sum(add: impl FnOnce(&mut FoldHasher<'_>)) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    add(&mut hasher);
    hasher.finish()
}

/// The position and what is seen there.
pub(crate) fn look(history: &History) -> (Position, Seen) {
    let position = history.position();
    let server = history.server();
    let seen = Seen {
        pool: sum(|it| pool(history, it)),
        sessions: sum(|it| sessions(history, it)),
        heaps: sum(|it| heaps(server, position, it)),
        ..Seen::default()
    };
    let turn = position.op * 7 + u64::from(position.event);
    // Ends are looked at in full more often than places on the way.
    if !turn.is_multiple_of(if history.at_end() { 4 } else { 97 }) {
        return (position, seen);
    }
    let all = Seen {
        contexts: sum(|it| {
            let ids = server.backends().map(|(id, _)| id);
            ids.for_each(|id| format!("{:?}", views::contexts(server, id)).hash(it));
        }),
        story: sum(|it| narrate(history).text().hash(it)),
        views: sum(|it| {
            for view in [View::Locks, View::LockTables, View::Processes, View::StatIo] {
                views::view_rows(server, None, view, 1000).hash(it);
            }
        }),
        bytes: sum(|it| bytes(server, it)),
        ..seen
    };
    (position, all)
}

fn pool(history: &History, it: &mut FoldHasher<'_>) {
    let server = history.server();
    let pool = server.pool();
    let strategy = pool.strategy();
    (strategy.hand(), strategy.passes(), strategy.allocs()).hash(it);
    (pool.wal.flushed(), server.evictions(), history.events().len()).hash(it);
    let totals = history.totals();
    (totals.hits, totals.misses, totals.writes).hash(it);
    for (_, desc) in pool.descs() {
        let tag = desc.tag().map(|tag| (tag.rel.0, tag.block));
        (tag, desc.state(), desc.free_next, desc.lsn, desc.changes).hash(it);
    }
}

fn sessions(history: &History, it: &mut FoldHasher<'_>) {
    (history.error().map(ToString::to_string), history.was_skipped()).hash(it);
    for (_, backend) in history.server().backends() {
        backend.waits_for().map(|it| format!("{it:?}")).hash(it);
        (backend.transaction_id(), backend.is_in_transaction()).hash(it);
        backend.memory.heap.stats().obtained.hash(it);
    }
}

fn heaps(server: &Server, position: Position, it: &mut FoldHasher<'_>) {
    let mut part = [0; PART];
    let turn = position.op + u64::from(position.event);
    let backends = server.backends();
    let whose = turn as usize % backends.len().max(1);
    for (id, backend) in backends.skip(whose).take(1) {
        let parts = backend.memory.heap.stats().obtained / PART as u64;
        // The last parts change the most.
        let from = parts.saturating_sub(1 + turn % parts.clamp(1, 64));
        server.peek(Addr::local(id).offset(from * PART as u64), &mut part);
        it.write(&part);
    }
}

fn bytes(server: &Server, it: &mut FoldHasher<'_>) {
    let mut part = vec![0; ALL];
    for region in server.regions() {
        (region.addr.0, region.size).hash(it);
        let part = &mut part[..region.size.min(ALL as u64) as usize];
        part.fill(0);
        server.peek(region.addr, part);
        it.write(part);
    }
}
