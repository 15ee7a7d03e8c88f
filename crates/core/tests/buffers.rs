//! What holds for the buffers whatever happens: properties over random operations of three
//! backends on a small pool, and rules at the edges that no recorded trace reaches.

// The helpers unwrap as the tests do: what fails in them is a failed test.
#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};

use pgscope_core::bufmgr::desc::{
    BM_DIRTY, BM_MAX_USAGE_COUNT, BM_PIN_COUNT_WAITER, BM_TAG_VALID, BM_VALID,
};
use pgscope_core::bufmgr::{PoolBuffer, PoolState};
use pgscope_core::event::{BufferEvent, LocalBufferEvent, Tick};
use pgscope_core::ids::{BackendId, BufferId, BufferTag, PinSlot, RelId, StrategySlot};
use pgscope_core::op::{BgWriterRound, DirtyKind, Persistence, ReadMode, StrategyKind};
use pgscope_core::profile::Version;
use pgscope_core::server::{Settings, WaitsFor};
use pgscope_core::{Error, Event, Op, Server};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const NBUFFERS: u32 = 16;
const LOCAL_BUFFERS: u32 = 5;
const BACKENDS: u16 = 3;
const PINS: u32 = 8;
const PERMANENT: RelId = RelId(0);
const UNLOGGED: RelId = RelId(1);
/// Backend 0's own.
const TEMPORARY: RelId = RelId(2);
const ALICE: BackendId = BackendId(0);
const BOB: BackendId = BackendId(1);

fn start(version: Version) -> Server {
    let settings = Settings::with_shared_buffers(NBUFFERS);
    let mut server = Server::start(version, settings, 1).unwrap();
    for backend in (0..BACKENDS).map(BackendId) {
        server.apply(&Op::Connect { backend, name: "someone".into() }).unwrap();
    }
    let relations = [
        (PERMANENT, 40, Persistence::Permanent),
        (UNLOGGED, 20, Persistence::Unlogged),
        (TEMPORARY, 12, Persistence::Temporary(ALICE)),
    ];
    for (rel, nblocks, persistence) in relations {
        let op = Op::CreateRelation { rel, name: "t".into(), nblocks, persistence };
        server.apply(&op).unwrap();
    }
    let empty = vec![None; LOCAL_BUFFERS as usize];
    server.restore_local_buffers(ALICE, &empty, 0).unwrap();
    server
}

fn read(backend: BackendId, rel: RelId, block: u32, pin: Option<u32>) -> Op {
    let (mode, pin) = (ReadMode::Normal, pin.map(PinSlot));
    Op::Read { backend, rel, block, mode, strategy: None, dirty: None, pin }
}

#[test]
fn a_state_that_contradicts_itself_is_refused() {
    let page = |block, usage_count, rel| {
        Some(PoolBuffer { tag: BufferTag { rel, block }, usage_count, dirty: true })
    };
    let mut good =
        PoolState { hand: 3, passes: u32::MAX, allocs: u32::MAX, ..PoolState::default() };
    good.buffers = vec![None; NBUFFERS as usize];
    good.buffers[4] = page(7, 5, PERMANENT);
    good.buffers[5] = page(7, 0, UNLOGGED);
    good.freelist = vec![BufferId(15), BufferId(0)];
    let restore = |change: &dyn Fn(&mut PoolState)| {
        let mut server = start(Version::V18);
        let mut state = good.clone();
        change(&mut state);
        let profile = &server.profile().bufmgr;
        server.pool_mut().restore(&state, profile).map(|()| server)
    };
    let mut server = restore(&|_| ()).unwrap();
    assert_eq!(server.pool().lookup(PERMANENT, 7), Some(BufferId(4)));
    assert_eq!(server.pool().freelist().collect::<Vec<_>>(), good.freelist);
    // Counters at their end go on from 0, as C's do.
    for block in 0..NBUFFERS + 2 {
        server.apply(&read(ALICE, PERMANENT, block, None)).unwrap();
    }
    assert!(server.pool().strategy().passes() < 9);

    let bad: [&dyn Fn(&mut PoolState); 7] = [
        &|state| state.buffers.truncate(15),
        &|state| state.hand = NBUFFERS + 1,
        &|state| state.freelist.push(BufferId(NBUFFERS)),
        &|state| state.freelist.push(BufferId(0)),
        &|state| state.buffers[6] = state.buffers[4],
        &|state| state.buffers[4] = page(7, BM_MAX_USAGE_COUNT + 1, PERMANENT),
        &|state| state.buffers[4] = page(7, 1, RelId(9)),
    ];
    for (number, change) in bad.iter().enumerate() {
        assert!(matches!(restore(change), Err(Error::Protocol(_))), "number {number}");
    }
    let mut server = start(Version::V18);
    let twice = [page(1, 1, TEMPORARY), page(1, 1, TEMPORARY)];
    for (buffers, hand) in [(&twice[..1], 1), (&twice[..], 0)] {
        assert!(server.restore_local_buffers(ALICE, buffers, hand).is_err());
    }
}

fn any_dirty() -> impl Strategy<Value = Option<DirtyKind>> + Clone {
    select(vec![
        None,
        None,
        Some(DirtyKind::Plain),
        Some(DirtyKind::Wal { end: None }),
        Some(DirtyKind::Hint),
    ])
}

/// Any operation on buffers; reads most often.
fn any_op(rings: bool) -> impl Strategy<Value = Op> {
    let who = (0..BACKENDS).prop_map(BackendId);
    let rel = select(vec![PERMANENT, PERMANENT, UNLOGGED, TEMPORARY]);
    let pin = (0..PINS).prop_map(PinSlot);
    // A few blocks lie past the relations' ends.
    let block = 0..42u32;
    let ring = if rings { prop::option::of(0..2u32).boxed() } else { Just(None).boxed() };
    let strategy = ring.prop_map(|slot| slot.map(StrategySlot));
    let kind = select(vec![StrategyKind::BulkRead, StrategyKind::BulkWrite, StrategyKind::Vacuum]);
    let one = (who.clone(), rel.clone(), block.clone(), strategy.clone(), any_dirty());
    let many = (who.clone(), rel.clone(), block.clone(), strategy.clone(), any_dirty(), 0..9u32);
    let mode = select(vec![ReadMode::Normal, ReadMode::ZeroAndLock]);
    prop_oneof![
        10 => (one.clone(), mode, prop::option::weighted(0.3, pin.clone())).prop_map(
            |((backend, rel, block, strategy, dirty), mode, pin)| {
                Op::Read { backend, rel, block, mode, strategy, dirty, pin }
            }
        ),
        4 => (who.clone(), pin.clone()).prop_map(|(backend, pin)| Op::Unpin { backend, pin }),
        1 => (one, prop::option::of(pin.clone())).prop_map(
            |((backend, rel, _, strategy, dirty), pin)| {
                Op::Extend { backend, rel, strategy, dirty, pin }
            }
        ),
        2 => many.clone().prop_map(|(backend, rel, block, strategy, dirty, count)| {
            Op::ReadRange { backend, rel, block, count, strategy, dirty }
        }),
        1 => many.prop_map(|(backend, rel, _, strategy, _, count)| {
            Op::ExtendBy { backend, rel, count, strategy }
        }),
        2 => (who.clone(), 0..2u32, kind, prop::option::of(0..64u32)).prop_map(
            move |(backend, slot, kind, size_kb)| {
                let strategy = StrategySlot(slot);
                // Without rings the variables stay empty: an operation that must fail.
                if !rings {
                    return Op::FreeStrategy { backend, strategy };
                }
                Op::CreateStrategy { backend, strategy, kind, size_kb }
            }
        ),
        1 => (who.clone(), 0..2u32).prop_map(|(backend, slot)| {
            Op::FreeStrategy { backend, strategy: StrategySlot(slot) }
        }),
        1 => (who.clone(), rel.clone(), select(vec![0, 5, 30])).prop_map(
            |(backend, rel, from)| Op::DropRelation { backend, rel, from }
        ),
        1 => (who.clone(), rel).prop_map(|(backend, rel)| Op::FlushRelation { backend, rel }),
        1 => (who.clone(), 0..NBUFFERS + 1).prop_map(|(backend, buffer)| {
            Op::Evict { backend, buffer: BufferId(buffer) }
        }),
        2 => (who, pin, 0..8).prop_map(|(backend, pin, what)| match what {
            0 => Op::MarkDirty { backend, pin, kind: DirtyKind::Plain },
            1 => Op::FlushBuffer { backend, pin },
            2 => Op::DropDatabase { backend },
            5 | 6 => Op::CleanupLock { backend, pin, wait: what == 5 },
            7 => Op::Cancel(backend),
            3 => Op::FlushDatabase { backend },
            _ => Op::BackgroundWriter { backend: None, round: BgWriterRound::default() },
        }),
        1 => any::<bool>().prop_map(|all| Op::Checkpoint { all }),
        1 => Just(Op::WalFlush { end: None }),
    ]
}

fn any_version() -> impl Strategy<Value = Version> {
    select(Version::ALL.to_vec())
}

/// What must hold between any two operations.
fn check(server: &Server) {
    check_pool(server, 0);
    check_waiters(server);
}

/// What must hold between any two events. 15 enters a buffer's new page before the old one
/// leaves, so one buffer can stand in the table twice.
fn check_between(server: &Server) {
    check_pool(server, usize::from(server.profile().bufmgr.insert_first));
}

fn check_pool(server: &Server, entered_twice: usize) {
    let pool = server.pool();
    let mut tags = HashMap::new();
    for (buffer, desc) in pool.descs() {
        if let Some(tag) = desc.tag() {
            assert_eq!(tags.insert(tag, buffer), None, "two buffers hold {tag:?}");
        }
        assert!(!desc.is(BM_VALID) || desc.is(BM_TAG_VALID), "buffer {buffer} is of no page");
        assert!(!desc.is(BM_DIRTY) || desc.is(BM_VALID), "buffer {buffer} is dirty and invalid");
        assert!(desc.usage_count() <= BM_MAX_USAGE_COUNT);
        let pinning = server.backends().filter(|(_, it)| it.buffers.pins.get(buffer) > 0);
        assert_eq!(desc.refcount() as usize, pinning.count(), "pins on buffer {buffer}");
    }
    let table: HashMap<_, _> = pool.table().iter().collect();
    assert!(tags.iter().all(|(tag, buffer)| table.get(tag) == Some(buffer)), "{table:?} {tags:?}");
    assert!(table.len() <= tags.len() + entered_twice, "{table:?} {tags:?}");

    let free: Vec<BufferId> = pool.freelist().take(2 * NBUFFERS as usize).collect();
    assert_eq!(free.iter().collect::<HashSet<_>>().len(), free.len(), "{free:?}");
    assert_eq!(pool.strategy().last_free(), free.last().copied());

    for (_, backend) in server.backends() {
        let local = &backend.buffers.temp;
        let mut pages = 0;
        for (buffer, desc, _) in local.buffers() {
            let Some(tag) = desc.tag() else { continue };
            assert_eq!(local.lookup(tag), Some(buffer));
            pages += 1;
        }
        assert_eq!(local.len(), pages);
    }
}

/// A buffer's flag says that somebody waits for it, and who; others have it pinned then.
fn check_waiters(server: &Server) {
    let mut waiting = 0;
    for (buffer, desc) in server.pool().descs().filter(|(_, it)| it.is(BM_PIN_COUNT_WAITER)) {
        let waiter = server.backend(desc.wait_backend().unwrap()).unwrap();
        assert_eq!(waiter.waits_for(), Some(WaitsFor::BufferPin(buffer)));
        assert_eq!(waiter.buffers.pins.get(buffer), 1);
        assert!(desc.refcount() > 1, "nobody keeps {buffer} from its waiter");
        waiting += 1;
    }
    assert_eq!(server.backends().filter(|(_, it)| it.waits_for().is_some()).count(), waiting);
}

/// Between operations the pins are those that variables keep.
fn check_variables(server: &Server) {
    for (_, backend) in server.backends() {
        let kept = || (0..PINS).filter_map(|slot| backend.pin(PinSlot(slot)));
        for (buffer, pins) in backend.buffers.pins.iter() {
            assert_eq!(kept().filter(|kept| *kept == buffer.into()).count(), pins as usize);
        }
        for (buffer, _, pins) in backend.buffers.temp.buffers() {
            assert_eq!(kept().filter(|kept| *kept == buffer.into()).count(), pins as usize);
        }
    }
}

/// No page in a buffer on the freelist: true unless a ring took the buffer past the list.
fn check_freelist(server: &Server) {
    for buffer in server.pool().freelist() {
        let desc = server.pool().desc(buffer).unwrap();
        assert_eq!((desc.tag(), desc.refcount(), desc.usage_count()), (None, 0, 0));
    }
}

/// Sweeps take unpinned buffers only, and end within six turns.
fn check_sweeps(events: &[Event]) {
    let most = (u32::from(BM_MAX_USAGE_COUNT) + 1) * NBUFFERS;
    let mut ticks = 0;
    let mut taken = None;
    for event in events {
        match *event {
            Event::Buffer(BufferEvent::Tick { buffer, tick }) => {
                ticks += 1;
                assert!(ticks <= most, "{ticks} ticks");
                if tick == Tick::Taken {
                    taken = Some(buffer);
                    ticks = 0;
                }
            }
            Event::Buffer(BufferEvent::Pinned { buffer, private, shared, .. })
                if taken.take() == Some(buffer) =>
            {
                assert_eq!((private, shared), (1, 1), "buffer {buffer} was pinned");
            }
            _ => {}
        }
    }
}

/// Everything of the machine that operations on buffers change, in words.
fn state(server: &Server) -> String {
    let pool = server.pool();
    let descs: Vec<_> = pool.descs().collect();
    let sizes: Vec<_> = pool.smgr.relations().map(|(_, relation)| relation.nblocks).collect();
    let backends: Vec<_> = server.backends().map(|(_, backend)| &backend.buffers).collect();
    format!("{descs:?} {:?} {:?} {sizes:?} {backends:?}", pool.strategy(), pool.wal)
}

fn cases(cases: u32) -> ProptestConfig {
    // Without a file of past failures: a case worth keeping becomes a test of its own.
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn random_operations_keep_the_pool_in_order(
        version in any_version(),
        ops in vec(any_op(true), 1..120),
    ) {
        let mut server = start(version);
        for op in &ops {
            let result = server.apply(op);
            let impossible = matches!(result, Err(Error::Stopped | Error::Protocol(_)));
            prop_assert!(!impossible, "{:?}", result);
            check(&server);
            check_variables(&server);
            check_sweeps(server.events());
        }
    }

    #[test]
    fn without_rings_the_freelist_holds_no_used_buffer(
        version in any_version(),
        ops in vec(any_op(false), 1..120),
    ) {
        let mut server = start(version);
        for op in &ops {
            // A backend that is refused a buffer still leaves the list in order.
            let _ = server.apply(op);
            check_freelist(&server);
        }
    }

    #[test]
    fn a_clone_replays_to_the_same_state(
        version in any_version(),
        before in vec(any_op(true), 0..40),
        after in vec(any_op(true), 1..40),
    ) {
        let mut server = start(version);
        before.iter().for_each(|op| drop(server.apply(op)));
        let mut clone = server.clone();
        for op in &after {
            prop_assert_eq!(server.apply(op), clone.apply(op));
            prop_assert_eq!(server.events(), clone.events());
        }
        prop_assert_eq!(state(&server), state(&clone));
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn stopping_between_events_gives_a_prefix(
        version in any_version(),
        before in vec(any_op(true), 0..60),
        ops in vec(any_op(true), 1..12),
    ) {
        let mut server = start(version);
        before.iter().for_each(|op| drop(server.apply(op)));
        for op in &ops {
            let stopped = server.clone();
            drop(server.apply(op));
            let events = server.events();
            for count in 0..=events.len() {
                let mut stopped = stopped.clone();
                stopped.log_mut().stop_after(count);
                let result = stopped.apply(op);
                prop_assert_eq!(result, Err(Error::Stopped));
                prop_assert_eq!(stopped.events(), &events[..count]);
                check_between(&stopped);
            }
        }
    }
}

#[test]
fn a_pool_full_of_favourites_costs_the_sweep_five_turns() {
    let mut server = start(Version::V18);
    for _ in 0..5 {
        (0..NBUFFERS).for_each(|block| {
            server.apply(&read(ALICE, PERMANENT, block, None)).unwrap();
        });
    }
    server.apply(&read(ALICE, PERMANENT, 30, None)).unwrap();
    let ticks = server.events().iter();
    let ticks = ticks.filter(|e| matches!(e, Event::Buffer(BufferEvent::Tick { .. }))).count();
    assert_eq!(ticks as u32, 5 * NBUFFERS + 1);
}

#[test]
fn a_failed_read_past_the_end_leaves_a_buffer_that_extending_finds() {
    for version in Version::ALL {
        let mut server = start(version);
        let error = server.apply(&read(ALICE, UNLOGGED, 20, None)).unwrap_err();
        assert!(matches!(error, Error::ShortRead { block: 20, .. }), "{error}");
        let stale = server.pool().lookup(UNLOGGED, 20).unwrap();
        assert!(!server.pool().desc(stale).unwrap().is(BM_VALID));

        let (rel, strategy, dirty, pin) = (UNLOGGED, None, None, None);
        let op = Op::Extend { backend: ALICE, rel, strategy, dirty, pin };
        let outcome = server.apply(&op).unwrap();
        assert_eq!(outcome.buffer(), Some(stale.into()));
        assert!(server.pool().desc(stale).unwrap().is(BM_VALID));
        check_freelist(&server);
    }
}

#[test]
fn a_temporary_relation_is_its_backends_own() {
    let mut server = start(Version::V18);
    assert_eq!(
        server.apply(&read(BOB, TEMPORARY, 0, None)),
        Err(Error::OtherTempRelation),
        "another backend's"
    );
    for block in 0..LOCAL_BUFFERS {
        let outcome = server.apply(&read(ALICE, TEMPORARY, block, Some(block))).unwrap();
        assert_eq!(outcome.buffer().map(|buffer| buffer.number()), Some(-(block as i32) - 1));
    }
    let error = server.apply(&read(ALICE, TEMPORARY, 9, None)).unwrap_err();
    assert_eq!(error.to_string(), "no empty local buffer available");
    assert_eq!(error.code().sqlstate(), Some("53000"));
    let failed = Event::LocalBuffer(ALICE, LocalBufferEvent::SweepFailed);
    assert!(server.events().contains(&failed));
    assert!(server.pool().table().is_empty(), "nothing of it is in the pool");

    let drop = Op::DropRelation { backend: ALICE, rel: TEMPORARY, from: 2 };
    let error = server.apply(&drop).unwrap_err();
    assert_eq!(error.to_string(), "block 2 of base/5/t0_16386 is still referenced (local 1)",);
}

#[test]
fn a_buffer_that_a_ring_took_off_the_freelist_early_is_not_put_on_it_twice() {
    let mut server = start(Version::V18);
    let (strategy, kind, size_kb) = (StrategySlot(0), StrategyKind::Vacuum, Some(8));
    server.apply(&Op::CreateStrategy { backend: ALICE, strategy, kind, size_kb }).unwrap();
    let (rel, mode, strategy) = (PERMANENT, ReadMode::Normal, Some(strategy));
    let drop = Op::DropRelation { backend: ALICE, rel, from: 0 };
    for block in 0..2 {
        let op = Op::Read { backend: ALICE, rel, block, mode, strategy, dirty: None, pin: None };
        server.apply(&op).unwrap();
        assert_eq!(server.pool().lookup(rel, block), Some(BufferId(0)));
        server.apply(&drop).unwrap();
        check(&server);
        assert_eq!(server.pool().freelist().count() as u32, NBUFFERS);
    }
}

#[test]
fn less_than_a_page_is_no_ring() {
    let mut server = start(Version::V18);
    let strategy = StrategySlot(0);
    let (kind, size_kb) = (StrategyKind::Vacuum, Some(7));
    server.apply(&Op::CreateStrategy { backend: ALICE, strategy, kind, size_kb }).unwrap();
    let (rel, block, mode) = (PERMANENT, 0, ReadMode::Normal);
    let strategy = Some(strategy);
    let op = Op::Read { backend: ALICE, rel, block, mode, strategy, dirty: None, pin: None };
    server.apply(&op).unwrap();
    server.apply(&op).unwrap();
    let tag = BufferTag { rel, block };
    let buffer = server.pool().lookup(tag.rel, tag.block).unwrap();
    assert_eq!(server.pool().desc(buffer).unwrap().usage_count(), 2, "as without a ring");
}

#[test]
fn what_a_version_lacks_is_refused() {
    let mut server = start(Version::V15);
    let (backend, rel, strategy) = (ALICE, PERMANENT, StrategySlot(0));
    let (kind, size_kb) = (StrategyKind::Vacuum, Some(64));
    let ops = [
        Op::Evict { backend, buffer: BufferId(0) },
        Op::ExtendBy { backend, rel, count: 2, strategy: None },
        Op::ReadRange { backend, rel, block: 0, count: 2, strategy: None, dirty: None },
        Op::CreateStrategy { backend, strategy, kind, size_kb },
    ];
    for op in ops {
        let error = server.apply(&op).unwrap_err();
        assert!(matches!(error, Error::NotInVersion(_)), "{op:?}: {error}");
    }
}

#[test]
fn who_waits_for_pins_is_in_the_descriptor() {
    for (version, place) in [(Version::V15, 98), (Version::V17, 1), (Version::V18, 1)] {
        let mut server = start(version);
        for backend in [BOB, ALICE] {
            server.apply(&read(backend, PERMANENT, 3, Some(0))).unwrap();
        }
        let buffer = server.pool().lookup(PERMANENT, 3).unwrap();
        let at = server.layout().descriptor(buffer);
        let words = |server: &Server| {
            let mut bytes = [0; 32];
            server.peek(at, &mut bytes);
            let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            [word(24), word(28)]
        };
        let [state, nobody] = words(&server);
        assert_eq!(state & BM_PIN_COUNT_WAITER, 0);
        assert_eq!(nobody, server.profile().shmem.no_process);
        let lock = Op::CleanupLock { backend: BOB, pin: PinSlot(0), wait: true };
        server.apply(&lock).unwrap();
        assert_eq!(words(&server), [state | BM_PIN_COUNT_WAITER, place], "{version:?}");
        server.apply(&Op::Unpin { backend: ALICE, pin: PinSlot(0) }).unwrap();
        assert_eq!(words(&server), [state - 1, place], "the number stays");
        assert_eq!(server.backend(BOB).unwrap().waits_for(), None);
    }
}
