//! Processes, settings and what they share: what must hold however clients come and go.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

use pgscope_core::event::{End, ProcessEvent};
use pgscope_core::ids::{BackendId, ChunkSlot, ContextSlot, PinSlot, RelId};
use pgscope_core::memory::{Addr, Owner, PAGE_SIZE};
use pgscope_core::op::{DirtyKind, Persistence, ReadMode, SettingStmt, TransactionStmt};
use pgscope_core::profile::Version;
use pgscope_core::profile::parameters::Setting;
use pgscope_core::server::{Server, Settings};
use pgscope_core::views::{self, View};
use pgscope_core::{Error, Event, Op};

const ALICE: BackendId = BackendId(0);
const BOB: BackendId = BackendId(1);
const ORDERS: RelId = RelId(0);
const SECRET: ChunkSlot = ChunkSlot(0);

fn connect(backend: BackendId) -> Op {
    Op::Connect { backend, name: format!("client {}", backend.0).into() }
}

fn connect_both(server: &mut Server) {
    for backend in [ALICE, BOB] {
        server.apply(&connect(backend)).unwrap();
    }
}

fn server(version: Version, given: &[(&str, &str)]) -> Server {
    let mut settings = Settings::with_shared_buffers(16);
    for (name, value) in given {
        settings.set(version, name, value).unwrap();
    }
    Server::start(version, settings, 7).unwrap()
}

fn read(backend: BackendId, block: u32, pin: Option<PinSlot>, dirty: bool) -> Op {
    let dirty = dirty.then_some(DirtyKind::Wal { end: None });
    Op::Read { backend, rel: ORDERS, block, mode: ReadMode::Normal, strategy: None, dirty, pin }
}

fn table(server: &mut Server) {
    let (name, persistence) = ("orders".into(), Persistence::Permanent);
    server.apply(&Op::CreateRelation { rel: ORDERS, name, nblocks: 50, persistence }).unwrap();
}

fn set(backend: BackendId, value: &str) -> Op {
    let (name, value) = ("work_mem".into(), Some(value.into()));
    Op::Setting { backend, statement: SettingStmt::Set { name, value, local: false } }
}

fn procs(server: &Server) -> Vec<u32> {
    let clients = server.backends().filter_map(|(_, backend)| backend.process());
    server.children().iter().map(|it| it.proc).chain(clients.map(|it| it.proc)).collect()
}

#[test]
fn every_process_has_a_slot_of_its_own_and_a_client_gives_it_back() {
    for version in Version::ALL {
        let mut server = server(version, &[("max_connections", "5")]);
        let at_start = procs(&server);
        // Three are kept for superusers.
        for backend in [ALICE, BOB] {
            server.apply(&connect(backend)).unwrap();
        }
        let refused = server.apply(&connect(BackendId(2)));
        assert!(matches!(refused, Err(Error::ReservedConnections(_))), "{refused:?}");
        for backend in (2..5).map(BackendId) {
            let name = "root".into();
            server.apply(&Op::ConnectSuperuser { backend, name }).unwrap();
        }
        let name = "root".into();
        let full = server.apply(&Op::ConnectSuperuser { backend: BackendId(5), name });
        assert_eq!(full, Err(Error::TooManyClients));
        let mut taken = procs(&server);
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), at_start.len() + 5, "{version:?}");
        let proc = |server: &Server, id| server.backend(id).unwrap().process().unwrap().proc;
        let [first, second] = [ALICE, BOB].map(|backend| {
            let proc = proc(&server, backend);
            server.apply(&Op::Disconnect { backend }).unwrap();
            proc
        });
        let again = [ALICE, BOB].map(|backend| {
            let name = "root".into();
            server.apply(&Op::ConnectSuperuser { backend, name }).unwrap();
            proc(&server, backend)
        });
        // A stack gives the slot first that came back last; a queue the one that came back first.
        let stack = version.number() == 15;
        assert_eq!(again, if stack { [second, first] } else { [first, second] }, "{version:?}");
        for backend in (0..5).map(BackendId) {
            server.apply(&Op::Disconnect { backend }).unwrap();
        }
        assert_eq!(procs(&server), at_start);
    }
}

#[test]
fn a_client_that_goes_leaves_nothing_pinned_and_no_memory() {
    let mut server = server(Version::V18, &[]);
    table(&mut server);
    server.apply(&connect(ALICE)).unwrap();
    let before = server.arena().resident();
    server.apply(&connect(BOB)).unwrap();
    server.apply(&read(BOB, 3, Some(PinSlot(0)), false)).unwrap();
    server.apply(&Op::Disconnect { backend: BOB }).unwrap();
    let buffer = server.pool().lookup(ORDERS, 3).unwrap();
    assert_eq!(server.pool().desc(buffer).unwrap().refcount(), 0);
    assert_eq!(server.arena().resident(), before);
    assert_eq!(
        server.apply(&read(BOB, 3, None, false)),
        Err(Error::NotConnected(End::Disconnected))
    );
    // Not even where no events are wanted.
    server.log_mut().off();
    let again = server.apply(&read(BOB, 3, None, false));
    assert_eq!(again, Err(Error::NotConnected(End::Disconnected)));
    server.apply(&connect(BOB)).unwrap();
    server.apply(&read(BOB, 3, None, false)).unwrap();
}

#[test]
fn a_crash_takes_everybody_along_and_keeps_what_was_flushed() {
    for version in Version::ALL {
        let mut server = server(version, &[]);
        table(&mut server);
        connect_both(&mut server);
        server.apply(&read(ALICE, 1, None, true)).unwrap();
        server.apply(&Op::WalFlush { end: None }).unwrap();
        server.apply(&read(ALICE, 2, None, true)).unwrap();
        server.apply(&read(BOB, 2, Some(PinSlot(0)), false)).unwrap();
        let palloc = Op::Palloc {
            backend: ALICE,
            context: Some(ContextSlot::TOP),
            size: 64,
            zero: false,
            chunk: Some(SECRET),
        };
        server.apply(&palloc).unwrap();
        let peek = Op::Peek { backend: BOB, owner: ALICE, chunk: SECRET, offset: 0, size: 8 };
        assert_eq!(server.apply(&peek), Err(Error::SegmentationFault));
        let recovered = server.events().iter().find_map(|event| match event {
            Event::Process(ProcessEvent::Recovered { redone, lost }) => Some((*redone, *lost)),
            _ => None,
        });
        assert_eq!(recovered, Some((1, 1)), "{version:?}");
        assert!(server.pool().descs().all(|(_, desc)| desc.tag().is_none()));
        // Of all memory the program's text is left.
        assert!(server.arena().resident() <= PAGE_SIZE);
        server.apply(&connect(ALICE)).unwrap();
        let lsn = [1, 2].map(|block| {
            server.apply(&read(ALICE, block, None, false)).unwrap();
            let buffer = server.pool().lookup(ORDERS, block).unwrap();
            server.pool().desc(buffer).unwrap().lsn
        });
        assert!(lsn[0] > 0 && lsn[1] == 0, "{version:?}: {lsn:?}");
    }
}

#[test]
fn a_stop_at_any_event_of_a_crash_is_where_the_crash_comes_through() {
    let mut server = server(Version::V18, &[]);
    table(&mut server);
    connect_both(&mut server);
    let poke = Op::Poke { backend: BOB, chunk: SECRET, offset: u32::MAX, size: 8 };
    let palloc =
        Op::Palloc { backend: BOB, context: None, size: 8, zero: false, chunk: Some(SECRET) };
    server.apply(&palloc).unwrap();
    let mut whole = server.clone();
    assert_eq!(whole.apply(&poke), Err(Error::SegmentationFault));
    let events = whole.events().to_vec();
    for count in 1..events.len() {
        let mut stopped = server.clone();
        stopped.log_mut().stop_after(count);
        assert_eq!(stopped.apply(&poke), Err(Error::Stopped));
        assert_eq!(stopped.events(), &events[..count]);
    }
}

#[test]
fn the_map_has_every_byte_of_shared_memory_once() {
    for version in Version::ALL {
        let mut server = server(version, &[("max_connections", "30")]);
        connect_both(&mut server);
        let map = views::map(&server, usize::MAX);
        let shared: Vec<_> = map.iter().filter(|it| it.owner == Owner::Shared).collect();
        let mut end = Addr::SHARED;
        for range in &shared {
            assert_eq!(range.start, end, "{version:?}: {range:?}");
            end = range.start.offset(range.len);
        }
        assert_eq!(end.since(Addr::SHARED), server.segment().total, "{version:?}");
        for pair in map.windows(2) {
            assert!(pair[0].start.offset(pair[0].len) <= pair[1].start, "{pair:?}");
            assert_eq!(pair[0].start.owner(), pair[0].owner);
        }
        // With little room each backend is one range.
        assert_eq!(views::map(&server, 0).len(), shared.len() + 2);
    }
}

#[test]
fn sessions_have_their_own_settings_until_a_transaction_or_the_session_ends() {
    for version in Version::ALL {
        let mut server = server(version, &[]);
        connect_both(&mut server);
        let work_mem = |server: &Server, id| server.setting(Some(id), Setting::WorkMem);
        let transaction = |statement| Op::Transaction { backend: ALICE, statement };
        server.apply(&set(ALICE, "1MB")).unwrap();
        server.apply(&transaction(TransactionStmt::Begin)).unwrap();
        server.apply(&set(ALICE, "2MB")).unwrap();
        assert_eq!([ALICE, BOB].map(|id| work_mem(&server, id)), [2048, 4096]);
        // An error ends the transaction, and undoes what it had set.
        let error = server.apply(&set(ALICE, "much"));
        assert!(matches!(error, Err(Error::Setting(_))), "{error:?}");
        assert_eq!(server.apply(&set(ALICE, "3MB")), Err(Error::InFailedTransaction));
        assert_eq!(work_mem(&server, ALICE), 1024);
        server.apply(&transaction(TransactionStmt::Rollback)).unwrap();
        let (name, value) = ("work_mem".into(), Some("8MB".into()));
        let alter = SettingStmt::Set { name, value, local: false };
        server.apply(&Op::AlterSystem(alter)).unwrap();
        server.apply(&Op::Reload).unwrap();
        assert_eq!([ALICE, BOB].map(|id| work_mem(&server, id)), [1024, 8192]);
        server.apply(&Op::Disconnect { backend: ALICE }).unwrap();
        server.apply(&connect(ALICE)).unwrap();
        assert_eq!(work_mem(&server, ALICE), 8192);
    }
}

#[test]
fn a_snapshot_shares_the_segment_and_what_the_postmaster_knows() {
    let mut settings = Settings::default();
    settings.set(Version::V18, "max_connections", "10000").unwrap();
    let mut server = Server::start(Version::V18, settings, 0).unwrap();
    server.apply(&connect(ALICE)).unwrap();
    let snapshot = server.clone();
    assert!(std::ptr::eq(server.segment(), snapshot.segment()));
    assert!(std::ptr::eq(server.children(), snapshot.children()));
}

#[test]
fn pg_settings_has_the_columns_and_rows_that_a_version_has() {
    for version in Version::ALL {
        let server = server(version, &[("work_mem", "8MB")]);
        let cell = |name, column| views::view_cell(&server, View::Settings, &[name], column);
        assert_eq!(cell("work_mem", "setting").as_deref(), Some("8192"));
        assert_eq!(cell("work_mem", "source").as_deref(), Some("configuration file"));
        assert_eq!(cell("io_workers", "setting").is_some(), version.number() >= 18);
        let row = cell("vacuum_buffer_usage_limit", "context");
        assert_eq!(row.as_deref(), (version.number() >= 17).then_some("user"));
        let total = cell("shared_memory_size", "setting").unwrap();
        assert_eq!(total, server.segment().shared_memory_size().to_string());
    }
}
