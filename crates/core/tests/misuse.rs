//! Pointers that are no good any more, and what happens to whoever uses them all the same.

#![allow(clippy::unwrap_used)]

use pgscope_core::event::{Access, Gone, MemoryEvent, Wrong};
use pgscope_core::ids::{BackendId, ChunkSlot, ContextSlot};
use pgscope_core::memory::Addr;
use pgscope_core::op::Allocator;
use pgscope_core::profile::Version;
use pgscope_core::server::{Outcome, Settings};
use pgscope_core::{Error, Event, Op, Server, views};
use proptest::prelude::*;

const ALICE: BackendId = BackendId(0);
const BOB: BackendId = BackendId(1);
const WORK: ContextSlot = ContextSlot(ContextSlot::FIRST_USER.0);
const A: ChunkSlot = ChunkSlot(0);
const B: ChunkSlot = ChunkSlot(1);
const C: ChunkSlot = ChunkSlot(2);

fn server(version: Version, allocator: Allocator) -> Server {
    let mut server = Server::start(version, Settings::default(), 1).unwrap();
    for (backend, name) in [(ALICE, "alice"), (BOB, "bob")] {
        server.apply(&Op::Connect { backend, name: name.into() }).unwrap();
    }
    server.apply(&create(0, allocator)).unwrap();
    server
}

fn create(number: u32, allocator: Allocator) -> Op {
    let context = ContextSlot(WORK.0 + number);
    Op::CreateContext { backend: ALICE, context, parent: None, name: "ctx".into(), allocator }
}

fn palloc(size: u64, chunk: ChunkSlot) -> Op {
    let (context, chunk) = (Some(WORK), Some(chunk));
    Op::Palloc { backend: ALICE, context, size, zero: false, chunk }
}

fn pfree(chunk: ChunkSlot) -> Op {
    Op::Pfree { backend: ALICE, chunk }
}

fn poke(chunk: ChunkSlot, offset: u32, size: u32) -> Op {
    Op::Poke { backend: ALICE, chunk, offset, size }
}

fn peek(backend: BackendId, chunk: ChunkSlot) -> Op {
    Op::Peek { backend, owner: ALICE, chunk, offset: 0, size: 8 }
}

fn pointer(outcome: Result<Outcome, Error>) -> Addr {
    outcome.unwrap().pointer().unwrap()
}

fn misused(server: &Server) -> Option<(Access, Wrong)> {
    server.events().iter().find_map(|event| match event {
        Event::Memory(_, MemoryEvent::Misused { access, wrong, .. }) => Some((*access, *wrong)),
        _ => None,
    })
}

#[test]
fn a_chunk_freed_twice_is_handed_out_twice() {
    for version in Version::ALL {
        let mut server = server(version, Allocator::ALLOCSET_DEFAULT);
        server.apply(&palloc(100, A)).unwrap();
        server.apply(&pfree(A)).unwrap();
        assert_eq!(misused(&server), None);
        let again = server.apply(&pfree(A));
        assert_eq!(misused(&server), Some((Access::Free, Wrong::Gone(Gone::Freed))));
        if version.number() == 15 {
            // The link of the freelist is where the chunk's owner was, and it is NULL.
            assert_eq!(again, Err(Error::SegmentationFault));
            continue;
        }
        again.unwrap();
        let first = pointer(server.apply(&palloc(100, B)));
        let second = pointer(server.apply(&palloc(100, C)));
        assert_eq!(first, second, "{version:?}");
        // And the freelist, which is a circle, can be looked at.
        let work = server.backend(ALICE).unwrap().context(WORK).unwrap();
        let row = views::contexts(&server, ALICE).into_iter().find(|row| row.addr == work).unwrap();
        assert!((1..5).contains(&row.free_chunks), "{row:?}");
    }
}

#[test]
fn what_is_written_to_a_free_chunk_is_taken_for_a_link() {
    for version in Version::ALL {
        let mut server = server(version, Allocator::ALLOCSET_DEFAULT);
        server.apply(&palloc(100, A)).unwrap();
        server.apply(&pfree(A)).unwrap();
        server.apply(&poke(A, 0, 8)).unwrap();
        assert_eq!(misused(&server), Some((Access::Write, Wrong::Gone(Gone::Freed))));
        server.apply(&palloc(100, B)).unwrap();
        let third = server.apply(&palloc(100, C));
        // To 15 the link stands in the header, where nothing was written.
        let has_header_link = version.number() == 15;
        assert_eq!(third.is_ok(), has_header_link, "{version:?}: {third:?}");
    }
}

#[test]
fn memory_of_a_context_that_is_gone_can_be_read() {
    let mut server = server(Version::V18, Allocator::ALLOCSET_DEFAULT);
    server.apply(&palloc(100, A)).unwrap();
    server.apply(&poke(A, 0, 100)).unwrap();
    assert_eq!(misused(&server), None);
    server.apply(&Op::Reset { backend: ALICE, context: WORK }).unwrap();
    let bytes = server.apply(&peek(ALICE, A)).unwrap();
    assert_eq!(misused(&server), Some((Access::Read, Wrong::Gone(Gone::WithContext))));
    let stale = if cfg!(feature = "clobber-freed-memory") { 0x7f } else { b'X' };
    assert_eq!(bytes, Outcome::Bytes(u64::from_ne_bytes([stale; 8])));
}

#[test]
fn writing_past_the_end_hits_what_comes_next() {
    let mut server = server(Version::V18, Allocator::ALLOCSET_DEFAULT);
    server.apply(&palloc(64, A)).unwrap();
    server.apply(&palloc(64, B)).unwrap();
    server.apply(&poke(A, 60, 4)).unwrap();
    assert_eq!(misused(&server), None);
    server.apply(&poke(A, 64, 16)).unwrap();
    assert_eq!(misused(&server), Some((Access::Write, Wrong::PastEnd)));
    let freed = server.apply(&pfree(B));
    assert!(matches!(freed, Err(Error::InvalidPointer { .. })), "{freed:?}");
}

#[test]
fn a_process_does_not_have_the_memory_of_another() {
    let mut server = server(Version::V18, Allocator::ALLOCSET_DEFAULT);
    server.apply(&palloc(100, A)).unwrap();
    assert_eq!(server.apply(&peek(BOB, A)), Err(Error::SegmentationFault));
    assert_eq!(misused(&server), Some((Access::Read, Wrong::Foreign)));
    assert_eq!(server.apply(&poke(A, u32::MAX, 8)), Err(Error::SegmentationFault));
}

fn allocator() -> impl Strategy<Value = Allocator> {
    prop::sample::select(vec![
        Allocator::ALLOCSET_DEFAULT,
        Allocator::ALLOCSET_SMALL,
        Allocator::Generation { min: 0, init: 1024, max: 8192 },
        Allocator::Bump { min: 0, init: 1024, max: 8192 },
        Allocator::Slab { block: 1024, chunk: 64 },
    ])
}

/// Mostly misuse.
fn op() -> impl Strategy<Value = Op> {
    let chunk = || (0..12u32).prop_map(ChunkSlot);
    let context = || (0..4u32).prop_map(|number| ContextSlot(WORK.0 + number));
    let size = || prop_oneof![Just(64u64), 0..300u64, 8000..20_000u64];
    prop_oneof![
        3 => (0..4u32, allocator()).prop_map(|(number, allocator)| create(number, allocator)),
        12 => (context(), size(), chunk()).prop_map(|(context, size, chunk)| Op::Palloc {
            backend: ALICE, context: Some(context), size, zero: false, chunk: Some(chunk),
        }),
        8 => chunk().prop_map(pfree),
        4 => (chunk(), size()).prop_map(|(chunk, size)| Op::Repalloc {
            backend: ALICE, chunk, size,
        }),
        10 => (chunk(), 0..400u32, 0..80u32).prop_map(|(chunk, at, size)| poke(chunk, at, size)),
        2 => chunk().prop_map(|chunk| peek(ALICE, chunk)),
        2 => context().prop_map(|context| Op::Reset { backend: ALICE, context }),
        1 => context().prop_map(|context| Op::Delete { backend: ALICE, context }),
        1 => (context(), context()).prop_map(|(context, parent)| Op::SetParent {
            backend: ALICE, context, parent,
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Nothing that is done with memory stops the playground: each operation ends with success or
    /// an error, the same with and without events, and what is left can be looked at.
    #[test]
    fn whatever_is_done_can_be_looked_at(
        version in prop::sample::select(Version::ALL.to_vec()),
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let mut watched = server(version, Allocator::ALLOCSET_DEFAULT);
        let mut unwatched = watched.clone();
        unwatched.log_mut().off();
        for op in &ops {
            let outcome = watched.apply(op);
            prop_assert_eq!(&outcome, &unwatched.apply(op), "{:?}", op);
            for row in views::contexts(&watched, ALICE) {
                views::open_context(&watched, ALICE, row.addr);
            }
            if matches!(outcome, Err(Error::SegmentationFault | Error::HeapCorrupted)) {
                break;
            }
        }
    }
}
