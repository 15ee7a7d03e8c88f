//! What scans, COPY and CREATE TABLE AS leave in the pool: what was seen on real servers (15.18
//! with 128 MB, 18.6) comes out of the same accesses here.

#![allow(clippy::unwrap_used)]

use std::rc::Rc;

use pgscope_core::event::BufferEvent;
use pgscope_core::ids::{BackendId, PinSlot, RelId};
use pgscope_core::op::{Bulk, Persistence, ReadMode};
use pgscope_core::profile::Version;
use pgscope_core::server::Settings;
use pgscope_core::{Error, Event, Op, Server};

const ALICE: BackendId = BackendId(0);
const BOB: BackendId = BackendId(1);
const TABLE: RelId = RelId(0);

/// A server with one table and two backends.
fn start(version: Version, shared_buffers: u32, nblocks: u32) -> Server {
    let settings = Settings::with_shared_buffers(shared_buffers);
    let mut server = Server::start(version, settings, 1).unwrap();
    for backend in [ALICE, BOB] {
        server.apply(&Op::Connect { backend, name: "someone".into() }).unwrap();
    }
    create(&mut server, TABLE, nblocks, Persistence::Permanent);
    server
}

fn create(server: &mut Server, rel: RelId, nblocks: u32, persistence: Persistence) {
    let op = Op::CreateRelation { rel, name: "t".into(), nblocks, persistence };
    server.apply(&op).unwrap();
}

/// A statement from its beginning to its end, page by page; the pages it went over.
fn execute(server: &mut Server, rel: RelId, bulk: Bulk) -> u32 {
    server.apply(&Op::BulkBegin { backend: ALICE, rel, bulk }).unwrap();
    let mut pages = 0;
    while server.apply(&Op::BulkNext { backend: ALICE, pages: 1 }).unwrap().buffer().is_some() {
        pages += 1;
    }
    server.apply(&Op::BulkEnd { backend: ALICE }).unwrap();
    assert_unpinned(server);
    pages
}

/// COPY or CREATE TABLE AS of so many pages.
fn fill(server: &mut Server, rel: RelId, bulk: Bulk, pages: u32) {
    server.apply(&Op::BulkBegin { backend: ALICE, rel, bulk }).unwrap();
    for _ in 0..pages {
        server.apply(&Op::BulkNext { backend: ALICE, pages: 1 }).unwrap();
    }
    server.apply(&Op::BulkEnd { backend: ALICE }).unwrap();
    assert_unpinned(server);
}

fn assert_unpinned(server: &Server) {
    assert!(server.pool().descs().all(|(_, desc)| desc.refcount() == 0));
    let (_, alice) = server.backends().next().unwrap();
    assert_eq!(alice.buffers.pins.iter().count(), 0);
    assert_eq!(alice.buffers.rings().count(), 0);
}

/// The usage counts of a table's pages that are in the pool.
fn usages(server: &Server, rel: RelId) -> Vec<u8> {
    let descs = server.pool().descs();
    let own = descs.filter(|(_, desc)| desc.tag().is_some_and(|tag| tag.rel == rel));
    own.map(|(_, desc)| desc.usage_count()).collect()
}

#[test]
fn a_scan_of_a_large_table_leaves_32_buffers_in_15() {
    let mut server = start(Version::V15, 16_384, 10_000);
    assert_eq!(execute(&mut server, TABLE, Bulk::SeqScan), 10_000);
    assert_eq!(usages(&server, TABLE), [1; 32]);
}

#[test]
fn a_scan_of_a_table_below_a_quarter_of_the_pool_leaves_it_whole() {
    for version in Version::ALL {
        let mut server = start(version, 16_384, 2_500);
        for scan in 1..=8 {
            execute(&mut server, TABLE, Bulk::SeqScan);
            assert_eq!(usages(&server, TABLE), [scan.min(5); 2_500], "{version:?}");
        }
    }
}

/// A backend's share of the pool (`MaxProportionalPins`).
fn share(version: Version, settings: &Settings) -> u32 {
    settings.shared_buffers / version.profile().bufmgr.processes.of(settings)
}

/// Slots of the ring of a bulk read in a pool of 128 MB.
fn bulkread_slots(version: Version) -> usize {
    let share = share(version, &Settings::default());
    (version.profile().bufmgr.bulkread_ring_kb)(share) as usize / 8
}

#[test]
fn the_ring_follows_from_how_many_processes_there_may_be() {
    // 18.6 without background workers left 98 buffers of a table of 10,240 pages in 128 MB.
    for (given, left) in [
        (&[("max_worker_processes", "0")][..], 98),
        (&[], 94),
        (
            &[("max_connections", "10"), ("max_worker_processes", "0"), ("max_wal_senders", "0")],
            248,
        ),
        (&[("max_connections", "20"), ("autovacuum_worker_slots", "3")], 202),
        (&[("max_connections", "2000")], 32),
    ] {
        let mut settings = Settings::default();
        for (name, value) in given {
            settings.set(Version::V18, name, value).unwrap();
        }
        let mut server = Server::start(Version::V18, settings, 1).unwrap();
        server.apply(&Op::Connect { backend: ALICE, name: "alice".into() }).unwrap();
        create(&mut server, TABLE, 10_240, Persistence::Permanent);
        execute(&mut server, TABLE, Bulk::SeqScan);
        assert_eq!(usages(&server, TABLE), vec![1; left], "{given:?}");
    }
}

#[test]
fn a_scan_of_a_larger_table_leaves_its_ring() {
    for version in Version::ALL {
        let mut server = start(version, 16_384, 4_096);
        execute(&mut server, TABLE, Bulk::SeqScan);
        assert_eq!(usages(&server, TABLE).len(), 4_096);
        for nblocks in [4_097, 10_240] {
            let mut server = start(version, 16_384, nblocks);
            execute(&mut server, TABLE, Bulk::SeqScan);
            let slots = bulkread_slots(version);
            assert_eq!(usages(&server, TABLE), vec![1; slots], "{version:?}");
        }
    }
}

#[test]
fn a_page_that_was_loaded_starts_at_1_and_seven_scans_make_it_5() {
    let mut server = start(Version::V15, 16_384, 100);
    execute(&mut server, TABLE, Bulk::SeqScan);
    assert_eq!(usages(&server, TABLE), [1; 100]);
    (0..6).for_each(|_| {
        execute(&mut server, TABLE, Bulk::SeqScan);
    });
    assert_eq!(usages(&server, TABLE), [5; 100]);
}

#[test]
fn create_table_as_leaves_16_mb() {
    for version in Version::ALL {
        let mut server = start(version, 16_384, 0);
        fill(&mut server, TABLE, Bulk::CreateTableAs, 10_240);
        assert_eq!(usages(&server, TABLE).len(), 2_048, "{version:?}");
    }
}

/// Where the pages of a scan were read, as so many blocks in one call, until `calls` of them.
fn calls(server: &mut Server, bulk: Bulk, calls: usize) -> Vec<u32> {
    server.apply(&Op::BulkBegin { backend: ALICE, rel: TABLE, bulk }).unwrap();
    let mut found = Vec::new();
    while found.len() < calls {
        server.apply(&Op::BulkNext { backend: ALICE, pages: 1 }).unwrap();
        found.extend(server.events().iter().filter_map(|event| match event {
            Event::Buffer(BufferEvent::ReadStarted { blocks, .. }) => Some(*blocks),
            _ => None,
        }));
    }
    found
}

#[test]
fn streams_look_ahead_further_and_further() {
    // One read under way in 17, and never more than one call's blocks; 16 of them in 18.
    let scan = |version, bulk| calls(&mut start(version, 16_384, 2_000), bulk, 8);
    assert_eq!(scan(Version::V17, Bulk::SeqScan), [1, 2, 4, 8, 16, 16, 16, 16]);
    assert_eq!(scan(Version::V18, Bulk::SeqScan), [1, 2, 4, 8, 16, 16, 16, 16]);
    assert_eq!(scan(Version::V17, Bulk::Prewarm), [16; 8]);
    // A pool too small to share out: a page at a time.
    let mut small = start(Version::V18, 64, 16);
    assert_eq!(calls(&mut small, Bulk::SeqScan, 8), [1; 8]);
}

#[test]
fn streams_pin_what_they_will_return() {
    let mut server = start(Version::V18, 16_384, 2_000);
    calls(&mut server, Bulk::SeqScan, 40);
    let pinned = server.pool().descs().filter(|(_, desc)| desc.refcount() > 0).count() as u32;
    // The page that the scan is at is none of the stream's.
    let share = share(Version::V18, server.settings());
    assert!((share - 16..=share + 1).contains(&pinned), "{pinned} of {share}");
    server.apply(&Op::BulkEnd { backend: ALICE }).unwrap();
    assert_unpinned(&server);
}

#[test]
fn a_bitmap_scan_reads_the_pages_of_its_bitmap() {
    for version in Version::ALL {
        let mut server = start(version, 64, 100);
        let ranges: Rc<[(u32, u32)]> = Rc::new([(3, 7), (50, 51)]);
        assert_eq!(execute(&mut server, TABLE, Bulk::BitmapScan(ranges)), 5);
        assert_eq!(usages(&server, TABLE), [1; 5]);
    }
}

#[test]
fn vacuum_stays_in_its_ring_and_dirties_every_page() {
    for version in Version::ALL {
        let profile = &version.profile().bufmgr;
        let mut server = start(version, 16_384, 1_000);
        execute(&mut server, TABLE, Bulk::Vacuum { size_kb: None, freeze: false });
        let slots = profile.vacuum_ring_kb as usize / 8;
        assert_eq!(usages(&server, TABLE), vec![1; slots], "{version:?}");
        let written = server.usage().written;
        assert_eq!(written, 1_000 - slots as u64, "{version:?}");

        let limit = Bulk::Vacuum { size_kb: Some(0), freeze: false };
        let mut server = start(version, 16_384, 1_000);
        if profile.sized_rings {
            execute(&mut server, TABLE, limit);
            assert_eq!(usages(&server, TABLE).len(), 1_000);
        } else {
            let begin = Op::BulkBegin { backend: ALICE, rel: TABLE, bulk: limit };
            let refused = Error::NotInVersion("GetAccessStrategyWithSize");
            assert_eq!(server.apply(&begin), Err(refused.clone()));
            let next = server.apply(&Op::BulkNext { backend: ALICE, pages: 1 });
            assert_eq!(next, Err(refused));
        }
    }
}

#[test]
fn copy_extends_by_more_and_more() {
    let added = |version, bulk, pages| {
        let mut server = start(version, 16_384, 0);
        fill(&mut server, TABLE, bulk, pages);
        server.pool().smgr.relation(TABLE).unwrap().nblocks
    };
    for version in [Version::V17, Version::V18, Version::V19] {
        // 1, 1, 2, 4, 8, 16, 32, 64, 64
        assert_eq!(added(version, Bulk::CreateTableAs, 129), 192);
        // A batch of 1,000 rows needs 17 pages, and the second extension is as large.
        assert_eq!(added(version, Bulk::CopyIn { pages: 18 }, 18), 34);
        assert_eq!(added(version, Bulk::CopyIn { pages: 10 }, 10), 10);
    }
    assert_eq!(added(Version::V15, Bulk::CreateTableAs, 129), 129);
}

#[test]
fn rows_go_to_the_last_page_while_it_has_room() {
    for version in Version::ALL {
        let mut server = start(version, 16, 3);
        let insert = |server: &mut Server, backend| {
            server.apply(&Op::Insert { backend, rel: TABLE }).unwrap();
            server.pool().smgr.relation(TABLE).unwrap().nblocks
        };
        // The last page is full, as every page of a table that was not inserted into.
        assert_eq!(insert(&mut server, ALICE), 4);
        assert_eq!(usages(&server, TABLE).len(), 2);
        (0..60).for_each(|_| assert_eq!(insert(&mut server, BOB), 4));
        assert_eq!(insert(&mut server, ALICE), 5);
        assert_unpinned(&server);
    }
}

#[test]
fn a_lookup_reads_the_metapage_once() {
    let mut server = start(Version::V18, 64, 1_640);
    let index = RelId(1);
    let name = "t_pkey".into();
    server.apply(&Op::CreateIndex { rel: index, name, table: TABLE }).unwrap();
    let look_up = |server: &mut Server, backend| {
        server.apply(&Op::IndexScan { backend, index, block: 9, update: true }).unwrap();
    };
    let pages = |server: &Server| {
        let own = server.pool().descs().filter_map(|(_, desc)| desc.tag());
        own.filter(|tag| tag.rel == index).map(|tag| tag.block).collect::<Vec<_>>()
    };
    look_up(&mut server, ALICE);
    assert_eq!(pages(&server), [0, 3, 2]);
    assert_eq!(usages(&server, index), [1, 1, 1]);
    look_up(&mut server, ALICE);
    assert_eq!(usages(&server, index), [1, 2, 2]);
    look_up(&mut server, BOB);
    assert_eq!(usages(&server, index), [2, 3, 3]);
    assert_eq!(server.usage().dirtied, 1);
}

#[test]
fn temporary_tables_are_scanned_in_local_buffers() {
    for version in Version::ALL {
        let mut settings = Settings::with_shared_buffers(16);
        settings.temp_buffers = 100;
        let mut server = Server::start(version, settings, 1).unwrap();
        for backend in [ALICE, BOB] {
            server.apply(&Op::Connect { backend, name: "someone".into() }).unwrap();
        }
        create(&mut server, TABLE, 150, Persistence::Temporary(ALICE));
        assert_eq!(execute(&mut server, TABLE, Bulk::SeqScan), 150);
        let alice = server.backend(ALICE).unwrap();
        assert_eq!((alice.buffers.temp.nbuffers(), alice.buffers.temp.len()), (100, 100));
        assert_eq!(server.usage().read, 0);
        let begin = Op::BulkBegin { backend: BOB, rel: TABLE, bulk: Bulk::SeqScan };
        assert_eq!(server.apply(&begin), Err(Error::OtherTempRelation));
    }
}

#[test]
fn local_buffers_are_bounded_over_all_backends() {
    let mut settings = Settings::with_shared_buffers(16);
    settings.temp_buffers = 131_072;
    let mut server = Server::start(Version::V18, settings, 1).unwrap();
    for number in 0..3 {
        let backend = BackendId(number);
        server.apply(&Op::Connect { backend, name: "someone".into() }).unwrap();
        create(&mut server, RelId(number.into()), 1, Persistence::Temporary(backend));
    }
    let mut scan = |number: u16| {
        let (backend, rel) = (BackendId(number), RelId(number.into()));
        server.apply(&Op::BulkBegin { backend, rel, bulk: Bulk::SeqScan })?;
        server.apply(&Op::BulkNext { backend, pages: 1 })?;
        server.apply(&Op::BulkEnd { backend })
    };
    assert!(scan(0).is_ok() && scan(1).is_ok());
    assert!(matches!(scan(2), Err(Error::Limit { limit: 262_144, .. })));
}

#[test]
fn a_statement_that_fails_gives_up_its_pins() {
    let mut server = start(Version::V18, 16, 100);
    for block in 0..16 {
        let pin = Some(PinSlot(block));
        let (mode, rel) = (ReadMode::Normal, TABLE);
        let op = Op::Read { backend: BOB, rel, block, mode, strategy: None, dirty: None, pin };
        server.apply(&op).unwrap();
    }
    let op = Op::BulkBegin { backend: ALICE, rel: TABLE, bulk: Bulk::SeqScan };
    server.apply(&op).unwrap();
    let next = Op::BulkNext { backend: ALICE, pages: u32::MAX };
    assert_eq!(server.apply(&next), Err(Error::NoUnpinnedBuffers));
    assert_eq!(server.apply(&next), Err(Error::NoUnpinnedBuffers));
    assert_eq!(server.apply(&Op::BulkEnd { backend: ALICE }), Err(Error::NoUnpinnedBuffers));
    let alice = server.backend(ALICE).unwrap();
    assert_eq!((alice.buffers.pins.iter().count(), alice.buffers.rings().count()), (0, 0));
}

#[test]
fn what_is_cut_off_is_gone() {
    let mut server = start(Version::V18, 64, 10);
    execute(&mut server, TABLE, Bulk::SeqScan);
    server.apply(&Op::Truncate { backend: ALICE, rel: TABLE, nblocks: Some(4) }).unwrap();
    assert_eq!(usages(&server, TABLE).len(), 4);
    assert_eq!(execute(&mut server, TABLE, Bulk::SeqScan), 4);
}

#[test]
fn local_buffers_take_as_much_memory_as_in_a_real_backend() {
    // 5000 rows in a temporary table, with 1024 local buffers and with 107: total bytes, blocks, free
    // bytes, chunks among them, as recorded. The table had 47 pages; from 17 on CREATE TABLE AS adds
    // some more at its end.
    let table_of_17 = [(16_384, 2, 2_600, 3), (16_384, 2, 6_712, 3)];
    for (version, temp_buffers, pages, [buffers, table]) in [
        (Version::V15, 1024, 47, [(401_520, 3, 7_928, 0), (16_384, 2, 2_512, 2)]),
        (Version::V15, 107, 47, [(401_520, 3, 7_928, 0), (8_192, 1, 552, 0)]),
        (Version::V17, 1024, 47, [(409_696, 3, 7_952, 0), table_of_17[0]]),
        (Version::V17, 107, 64, [(897_168, 4, 7_952, 0), table_of_17[1]]),
        (Version::V18, 1024, 47, [(409_696, 3, 7_952, 0), table_of_17[0]]),
        (Version::V19, 107, 64, [(897_168, 4, 7_952, 0), table_of_17[1]]),
    ] {
        let mut settings = Settings::with_shared_buffers(16);
        settings.temp_buffers = temp_buffers;
        let mut server = Server::start(version, settings, 1).unwrap();
        server.apply(&Op::Connect { backend: ALICE, name: "alice".into() }).unwrap();
        create(&mut server, TABLE, pages, Persistence::Temporary(ALICE));
        for block in 0..pages {
            server.apply(&Op::plain_read(ALICE, TABLE, block)).unwrap();
        }
        let rows = pgscope_core::views::pg_backend_memory_contexts(&server, ALICE, usize::MAX);
        let row = |name: &str| {
            let row = rows.iter().find(|row| row.name == name).unwrap();
            assert_eq!(row.parent.as_deref(), Some("TopMemoryContext"));
            (row.total_bytes, row.total_nblocks, row.free_bytes, row.free_chunks)
        };
        let label = format!("{version:?} {temp_buffers}");
        assert_eq!(row("LocalBufferContext"), buffers, "{label}");
        assert_eq!(row("Local Buffer Lookup Table"), table, "{label}");
    }
}
