//! Pointers that are no good any more, and what happens to whoever uses them all the same.

#![allow(clippy::unwrap_used)]

use pgscope_core::event::{Access, End, Gone, MemoryEvent, Wrong};
use pgscope_core::ids::{BackendId, ChunkSlot, ContextSlot};
use pgscope_core::memory::Addr;
use pgscope_core::mmgr::StatsForm;
use pgscope_core::op::{AllocFlags, Allocator, Name, TransactionStmt};
use pgscope_core::profile::Version;
use pgscope_core::server::{Outcome, Settings};
use pgscope_core::views::Ledger;
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
        if cfg!(feature = "memory-context-checking") {
            assert!(matches!(again, Err(Error::ChunkIsFree { .. })), "{again:?}");
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
    // The postmaster's answer: nobody is left, and whoever connects finds nothing of what was.
    let sent_away = Err(Error::NotConnected(End::CrashOfAnother));
    assert_eq!(server.apply(&poke(A, 0, 8)), sent_away);
    assert_eq!(server.apply(&peek(BOB, A)), Err(Error::NotConnected(End::Killed(11))));
    server.apply(&Op::Connect { backend: ALICE, name: "alice".into() }).unwrap();
    assert_eq!(server.apply(&poke(A, 0, 8)), Err(Error::NoSuchChunk));
    let mut server = self::server(Version::V18, Allocator::ALLOCSET_DEFAULT);
    server.apply(&palloc(100, A)).unwrap();
    assert_eq!(server.apply(&poke(A, u32::MAX, 8)), Err(Error::SegmentationFault));
}

/// A redirection within another's chunk: both pointers lead to it, and its freelist is a circle.
#[test]
fn an_aligned_request_that_wraps_around_ends() {
    for version in Version::ALL {
        for shift in [4, 6, 12, 20, 26] {
            for below in (0..80).step_by(9) {
                let mut server = server(version, Allocator::ALLOCSET_DEFAULT);
                let (context, chunk) = (Some(WORK), Some(A));
                for align in [1 << shift, 64] {
                    let (size, flags) = (u64::MAX - below, AllocFlags::default());
                    let op =
                        Op::PallocAligned { backend: ALICE, context, size, align, flags, chunk };
                    for op in [op, palloc(64, B), pfree(A), pfree(B), palloc(64, A)] {
                        let _ = server.apply(&op);
                        views::contexts(&server, ALICE);
                    }
                }
            }
        }
    }
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

/// Work's contexts, and those of the session that can be reached by name.
fn context() -> impl Strategy<Value = ContextSlot> {
    prop_oneof![
        8 => (0..4u32).prop_map(|number| ContextSlot(WORK.0 + number)),
        2 => (0..WORK.0).prop_map(ContextSlot),
        1 => Just(ContextSlot::ERROR),
        1 => Just(ContextSlot::TOP),
    ]
}

fn size() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => Just(64u64),
        12 => 0..300u64,
        6 => 8000..20_000u64,
        1 => 100_000..40_000_000u64,
        1 => any::<u64>(),
        1 => (0..64u64).prop_map(|below| u64::MAX - below),
    ]
}

fn flags() -> impl Strategy<Value = AllocFlags> {
    any::<(bool, bool, bool)>().prop_map(|(huge, no_oom, zero)| AllocFlags { huge, no_oom, zero })
}

/// What a backend does with chunks and contexts, mostly wrongly.
fn misuse(backend: BackendId) -> impl Strategy<Value = Op> {
    let chunk = || (0..12u32).prop_map(ChunkSlot);
    let place = || {
        let context = prop_oneof![1 => Just(None), 9 => context().prop_map(Some)];
        (context, size(), chunk().prop_map(Some))
    };
    let align = (0..27u32).prop_map(|shift| 1 << shift);
    let text = "[ -~]{0,40}";
    prop_oneof![
        6 => (0..4u32, context(), allocator()).prop_map(move |(number, parent, allocator)| {
            let (context, parent) = (ContextSlot(WORK.0 + number), Some(parent));
            Op::CreateContext { backend, context, parent, name: "ctx".into(), allocator }
        }),
        20 => place().prop_map(move |(context, size, chunk)| Op::Palloc {
            backend, context, size, zero: false, chunk,
        }),
        3 => place().prop_map(move |(context, size, chunk)| Op::Palloc {
            backend, context, size, zero: true, chunk,
        }),
        3 => (place(), align, flags()).prop_map(move |((context, size, chunk), align, flags)| {
            Op::PallocAligned { backend, context, size, align, flags, chunk }
        }),
        2 => (place(), flags()).prop_map(move |((context, size, chunk), flags)| {
            Op::PallocExtended { backend, context, size, flags, chunk }
        }),
        2 => (place(), text).prop_map(move |((context, _, chunk), text)| Op::Strdup {
            backend, context, text: text.as_str().into(), chunk,
        }),
        16 => chunk().prop_map(move |chunk| Op::Pfree { backend, chunk }),
        6 => (chunk(), size()).prop_map(move |(chunk, size)| Op::Repalloc {
            backend, chunk, size,
        }),
        2 => (chunk(), size(), flags()).prop_map(move |(chunk, size, flags)| {
            Op::RepallocExtended { backend, chunk, size, flags }
        }),
        20 => (chunk(), 0..400u32, 0..80u32).prop_map(move |(chunk, offset, size)| Op::Poke {
            backend, chunk, offset, size,
        }),
        3 => (chunk(), 0..20_000u32, 0..20_000u32).prop_map(move |(chunk, offset, size)| {
            Op::Poke { backend, chunk, offset, size }
        }),
        3 => chunk().prop_map(move |chunk| Op::Peek {
            backend, owner: ALICE, chunk, offset: 0, size: 8,
        }),
        4 => context().prop_map(move |context| Op::Reset { backend, context }),
        2 => context().prop_map(move |context| Op::ResetOnly { backend, context }),
        1 => context().prop_map(move |context| Op::ResetChildren { backend, context }),
        3 => context().prop_map(move |context| Op::Delete { backend, context }),
        1 => context().prop_map(move |context| Op::DeleteChildren { backend, context }),
        2 => (context(), context()).prop_map(move |(context, parent)| Op::SetParent {
            backend, context, parent,
        }),
        1 => context().prop_map(move |context| Op::SwitchTo { backend, context }),
        1 => (context(), any::<u32>()).prop_map(move |(context, callback)| {
            Op::RegisterResetCallback { backend, context, callback }
        }),
        1 => (context(), text).prop_map(move |(context, ident)| Op::SetIdentifier {
            backend, context, ident: ident.as_str().into(),
        }),
    ]
}

/// What a session does between, in whatever order.
fn statement(backend: BackendId) -> impl Strategy<Value = Op> {
    let name = || Name::from("s");
    prop::sample::select(vec![
        Op::Transaction { backend, statement: TransactionStmt::Begin },
        Op::Transaction { backend, statement: TransactionStmt::Commit },
        Op::Transaction { backend, statement: TransactionStmt::Rollback },
        Op::Transaction { backend, statement: TransactionStmt::Savepoint(name()) },
        Op::Transaction { backend, statement: TransactionStmt::Release(name()) },
        Op::Transaction { backend, statement: TransactionStmt::RollbackTo(name()) },
        Op::QueryBegin { backend },
        Op::QueryRun { backend, columns: Some(3) },
        Op::QueryRun { backend, columns: None },
        Op::QueryEnd { backend },
        Op::TupleBegin { backend },
        Op::TupleEnd { backend },
        Op::SpiConnect { backend },
        Op::SpiFinish { backend },
        Op::CallBegin { backend, function: "f".into() },
        Op::CallEnd { backend },
    ])
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => misuse(ALICE),
        3 => statement(ALICE),
        2 => misuse(BOB),
        1 => statement(BOB),
    ]
}

/// Everything that the page shows of a backend's memory.
fn look(server: &Server, id: BackendId, ledger: &Ledger) {
    for row in views::contexts(server, id) {
        let view = views::open_context(server, id, row.addr, &ledger.chunks(row.addr));
        for block in &view.blocks {
            let _sums = (block.used(), block.free());
        }
        row.used_bytes();
        views::fragmentation(server, row.addr, ledger).free();
        server.context(row.addr).mem_allocated(true);
    }
    views::pg_backend_memory_contexts(server, id, 200);
    let backend = server.backend(id).unwrap();
    for form in [StatsForm::Stderr, StatsForm::Log] {
        server.context_stats(backend.memory.top, (3, 10), form);
        server.context_stats(backend.memory.current, (100, 100), form);
    }
    backend.memory.heap.chunks(server.arena());
    for (_, var) in backend.chunks() {
        server.chunk_space(var.pointer);
    }
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
        let mut ledgers = [ALICE, BOB].map(|backend| Ledger::new(&watched, backend));
        for op in &ops {
            let outcome = watched.apply(op);
            prop_assert_eq!(&outcome, &unwatched.apply(op), "{:?}", op);
            for ledger in &mut ledgers {
                ledger.note(op, &watched);
            }
            look(&watched, ALICE, &ledgers[0]);
            look(&watched, BOB, &ledgers[1]);
            if matches!(outcome, Err(Error::SegmentationFault | Error::HeapCorrupted)) {
                break;
            }
        }
    }
}
