//! The shared segment as bytes: what the hex view shows must be what PostgreSQL keeps there.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

use pgscope_core::ids::{BackendId, BufferId, BufferTag, RelId};
use pgscope_core::memory::{Addr, Owner};
use pgscope_core::op::{DirtyKind, Persistence, ReadMode};
use pgscope_core::profile::Version;
use pgscope_core::server::shmem::Region;
use pgscope_core::server::{Server, Settings};
use pgscope_core::{Error, Op};

const ALICE: BackendId = BackendId(0);
const ORDERS: RelId = RelId(0);

fn server() -> Server {
    server_of(Version::V18)
}

fn server_of(version: Version) -> Server {
    let mut server = Server::start(version, Settings::with_shared_buffers(16), 7).unwrap();
    let orders = Op::CreateRelation {
        rel: ORDERS,
        name: "orders".into(),
        nblocks: 100,
        persistence: Persistence::Permanent,
    };
    server.apply(&orders).unwrap();
    server.apply(&Op::Connect { backend: ALICE, name: "alice".into() }).unwrap();
    server
}

fn read(server: &mut Server, block: u32, dirty: Option<DirtyKind>) {
    let mode = ReadMode::Normal;
    let (backend, rel) = (ALICE, ORDERS);
    let op = Op::Read { backend, rel, block, mode, strategy: None, dirty, pin: None };
    server.apply(&op).unwrap();
}

fn region(server: &Server, name: &str) -> Region {
    server.regions().into_iter().find(|region| region.name == name).unwrap()
}

fn words(server: &Server, addr: Addr, count: usize) -> Vec<u32> {
    let mut bytes = vec![0; count * 4];
    server.peek(addr, &mut bytes);
    bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
}

#[test]
fn areas_have_the_sizes_that_a_server_with_128_mb_reports() {
    for version in Version::ALL {
        let server = Server::start(version, Settings::default(), 0).unwrap();
        // Until 15, and again in 19, nothing is added to align the pages.
        let slack = if matches!(version, Version::V17 | Version::V18) { 4096 } else { 0 };
        let reported = [
            ("Buffer Descriptors", 1_048_576),
            ("Buffer Blocks", 134_217_728 + slack),
            ("Buffer IO Condition Variables", 262_144),
            ("Checkpoint BufferIds", 327_680),
            ("Buffer Strategy Status", if version == Version::V19 { 20 } else { 28 }),
        ];
        for (name, size) in reported {
            assert_eq!(region(&server, name).size, size, "{version:?} {name}");
        }
    }
}

#[test]
fn every_byte_has_one_owner() {
    let server = server();
    let mut regions = server.regions();
    regions.sort_by_key(|region| region.addr);
    for pair in regions.windows(2) {
        assert!(pair[0].addr.offset(pair[0].size) <= pair[1].addr, "{pair:?}");
    }
    for region in regions {
        assert_eq!(region.addr.owner(), region.owner);
        assert_eq!(region.addr.offset(region.size - 1).owner(), region.owner);
    }
    assert_eq!(region(&server, "heap").owner, Owner::Backend(ALICE));
}

#[test]
fn a_descriptor_holds_tag_number_and_state_word() {
    let mut server = server();
    read(&mut server, 42, None);
    let descriptors = region(&server, "Buffer Descriptors").addr;
    let taken = words(&server, descriptors, 9);
    // Tablespace pg_default, the database, the first user relation, main fork, block 42.
    assert_eq!(taken[..6], [1663, 5, 16384, 0, 42, 0]);
    let state = server.pool().desc(BufferId(0)).unwrap().state();
    // Permanent, valid, tag valid; usage count 1, no pin.
    assert_eq!((taken[6], taken[6]), (state, 1 << 31 | 1 << 25 | 1 << 24 | 1 << 18));
    assert_eq!(taken[8] as i32, -2, "it is not on the freelist");
    // The next one is free: no tag, and it leads to the one after it.
    let free = words(&server, descriptors.offset(64), 9);
    assert_eq!((free[3], free[4], free[5], free[6], free[8]), (u32::MAX, u32::MAX, 1, 0, 2));
}

#[test]
fn behind_the_state_word_each_version_has_its_own_fields() {
    let (nobody, old_nobody, not_in_list) = (u32::MAX, i32::MAX as u32, -2_i32 as u32);
    let state = 1 << 31 | 1 << 25 | 1 << 24 | 1 << 18;
    for version in Version::ALL {
        let mut server = server_of(version);
        read(&mut server, 42, None);
        let fields = words(&server, region(&server, "Buffer Descriptors").addr, 16);
        let lock = |tranche, released, nobody| [tranche, released, nobody, nobody];
        let expected = match version {
            // state, wait_backend_pgprocno, freeNext, content_lock
            Version::V15 | Version::V15_20 => {
                [&[state, old_nobody, not_in_list][..], &lock(56, 1 << 29, old_nobody)].concat()
            }
            Version::V17 => {
                [&[state, nobody, not_in_list][..], &lock(61, 1 << 29, nobody)].concat()
            }
            // and io_wref
            Version::V18 => {
                let aio = [state, nobody, not_in_list, u32::MAX, 0, 0];
                [&aio[..], &lock(62, 1 << 30, nobody)].concat()
            }
            // state in 64 bits, wait_backend_pgprocno, io_wref, lock_waiters
            Version::V19 => vec![state, 0, nobody, u32::MAX, 0, 0, nobody, nobody],
        };
        let (known, padding) = fields[6..].split_at(expected.len());
        assert_eq!(known, expected, "{version:?}");
        assert!(padding.iter().all(|word| *word == 0), "{version:?}");
    }
}

#[test]
fn the_strategy_status_follows_the_hand_and_has_the_freelist_where_there_is_one() {
    for version in Version::ALL {
        let mut server = server_of(version);
        for block in 0..20 {
            read(&mut server, block, None);
        }
        let status = region(&server, "Buffer Strategy Status");
        let status = words(&server, status.addr, status.size as usize / 4);
        let (passes, hand) = (server.pool().strategy().passes(), server.pool().strategy().hand());
        let nobody = u32::MAX;
        match version {
            Version::V19 => assert_eq!(status[2..], [status[2], 20, nobody]),
            _ => {
                // Its end is empty; where it ended is never put right.
                assert_eq!(status[2..], [u32::MAX, 15, status[4], 20, nobody]);
            }
        }
        let completed = status[status.len() - 3];
        assert_eq!((status[1] % 16, completed + status[1] / 16), (hand, passes));
    }
}

#[test]
fn a_page_is_laid_out_as_postgresql_lays_it_out() {
    let mut server = server();
    read(&mut server, 3, None);
    let block = server.layout().block(BufferId(0));
    let mut before = vec![0; 8192];
    server.peek(block, &mut before);
    let short = |at: usize| usize::from(u16::from_le_bytes([before[at], before[at + 1]]));
    let (lower, upper, special, size_and_version) = (short(12), short(14), short(16), short(18));
    assert_eq!((special, size_and_version), (8192, 8192 | 4));
    assert!(24 < lower && lower < upper && upper < special);
    for item in before[24..lower].chunks_exact(4) {
        let item = u32::from_le_bytes(item.try_into().unwrap()) as usize;
        let (offset, flags, length) = (item & 0x7fff, item >> 15 & 3, item >> 17);
        assert_eq!(flags, 1, "LP_NORMAL");
        assert!(offset >= upper && offset + length <= special && offset % 8 == 0);
        assert_eq!(before[offset + 22], 24, "t_hoff");
    }

    // A change shows: the LSN, and a row.
    read(&mut server, 3, Some(DirtyKind::Wal { end: None }));
    let mut after = vec![0; 8192];
    server.peek(block, &mut after);
    let lsn = u32::from_le_bytes(after[4..8].try_into().unwrap());
    assert_eq!(u64::from(lsn), server.pool().wal.inserted());
    assert_ne!(before[upper..], after[upper..]);

    // It survives a way to disk and back.
    for block in 50..80 {
        read(&mut server, block, None);
    }
    read(&mut server, 3, None);
    let buffer = server.pool().lookup(ORDERS, 3).unwrap();
    let mut again = vec![0; 8192];
    server.peek(block.offset(u64::from(buffer.0) * 8192), &mut again);
    assert_eq!(again, after);
}

#[test]
fn a_setting_out_of_range_gets_postgresqls_words() {
    let started = Server::start(Version::V18, Settings::with_shared_buffers(1), 0);
    let error = started.err().unwrap();
    assert!(matches!(error, Error::SettingOutOfRange { .. }));
    assert_eq!(
        error.to_string(),
        "1 8kB is outside the valid range for parameter \"shared_buffers\" \
         (16 8kB .. 131072 8kB)"
    );
}

#[test]
fn a_checkpoint_leaves_its_sorted_list() {
    for version in Version::ALL {
        let mut server = server_of(version);
        for block in [9, 3, 7] {
            read(&mut server, block, Some(DirtyKind::Wal { end: None }));
        }
        let sorted = region(&server, "Checkpoint BufferIds").addr;
        assert_eq!(words(&server, sorted, 5), [0; 5]);
        server.apply(&Op::Checkpoint { all: false }).unwrap();
        // Tablespace, file, fork, block, buffer.
        let item = |block, buffer| [1663, 16_384, 0, block, buffer];
        let expected = [item(3, 1), item(7, 2), item(9, 0)].concat();
        assert_eq!(words(&server, sorted, 15), expected, "{version:?}");
        // The next one writes over the first of them only.
        read(&mut server, 50, Some(DirtyKind::Wal { end: None }));
        server.apply(&Op::Checkpoint { all: false }).unwrap();
        let expected = [item(50, 3), item(7, 2), item(9, 0)].concat();
        assert_eq!(words(&server, sorted, 15), expected, "{version:?}");
    }
}

/// A number of 64 bits.
fn word(server: &Server, addr: Addr) -> u64 {
    let words = words(server, addr, 2);
    u64::from(words[0]) | u64::from(words[1]) << 32
}

/// What `hash_search` would find of a page: from the header over the directory to its bucket, and down
/// the chain.
fn hash_search(server: &Server, tag: [u32; 5], hash: u32) -> Option<u32> {
    let header = region(server, "Shared Buffer Lookup Table").addr;
    let field = |at| word(server, header.offset(at));
    // max_bucket and sshift
    let bucket = u64::from(hash) & (field(784) & 0xffff_ffff);
    let (segment, index) = (bucket >> (field(840) & 0xffff_ffff), bucket & (field(832) - 1));
    assert!(segment < field(776), "nsegs");
    let segment = Addr(field(848 + segment * 8));
    let mut element = word(server, segment.offset(index * 8));
    while element != 0 {
        let entry = words(server, Addr(element + 8), 8);
        if entry[0] == hash && entry[2..7] == tag {
            return Some(entry[7]);
        }
        element = word(server, Addr(element));
    }
    None
}

/// Each list's entries and free elements, and the addresses of the latter.
fn free_lists(server: &Server) -> Vec<(u64, Vec<u64>)> {
    let header = region(server, "Shared Buffer Lookup Table").addr;
    let list = |list: u64| {
        let entries = word(server, header.offset(list * 24 + 8));
        let mut free = Vec::new();
        let mut at = word(server, header.offset(list * 24 + 16));
        while at != 0 {
            free.push(at);
            at = word(server, Addr(at));
        }
        (entries, free)
    };
    (0..32).map(list).collect()
}

#[test]
fn the_lookup_table_leads_from_a_tag_to_its_buffer() {
    for version in Version::ALL {
        let mut server = server_of(version);
        // 144 elements: four a list, and what is left over is the first one's.
        let fresh = free_lists(&server);
        let lengths = fresh.iter().map(|(_, free)| free.len());
        assert!(lengths.eq([20].into_iter().chain([4; 31])), "{version:?}");
        for block in 0..16 {
            read(&mut server, block, None);
        }
        // A pool that fills up takes the last of each list first.
        let lists = free_lists(&server);
        for (before, (entries, after)) in fresh.iter().zip(&lists) {
            assert_eq!(before.1[*entries as usize..], after[..], "{version:?}");
        }
        assert_eq!(lists.iter().map(|(entries, _)| entries).sum::<u64>(), 16);
        // Pages come and go.
        for block in (0..90).rev().step_by(3) {
            read(&mut server, block, None);
        }
        for block in 0..100 {
            let tag = BufferTag { rel: ORDERS, block };
            let pool = server.pool();
            let found = hash_search(&server, pool.tag_words(tag), pool.hash_code(tag));
            let buffer = pool.lookup(ORDERS, block).map(|buffer| buffer.0);
            assert_eq!(found, buffer, "{version:?} {block}");
        }
    }
}

#[test]
fn the_lookup_tables_header_is_what_a_server_with_512_buffers_has() {
    // Read from the memory of a 15.20.
    let settings = Settings::with_shared_buffers(512);
    let server = Server::start(Version::V15_20, settings, 0).unwrap();
    let header = region(&server, "Shared Buffer Lookup Table").addr;
    let fields = [256, 0, 4, 0, 1023, 2047, 1023, 0, 20, 0, 24, 0, 128, 0, 256, 0, 256, 0, 8, 51];
    assert_eq!(words(&server, header.offset(768), 20), fields);
    let directory = [0, 1, 2, 3].map(|segment| word(&server, header.offset(848 + segment * 8)));
    let segments = [0xb80, 0x1380, 0x1b80, 0x2380].map(|at| header.offset(at).0);
    assert_eq!(directory, segments);
}

#[test]
fn a_list_without_free_elements_gets_more_where_the_table_grows() {
    for version in Version::ALL {
        let mut server = server_of(version);
        let large = Op::CreateRelation {
            rel: RelId(1),
            name: "large".into(),
            nblocks: 2000,
            persistence: Persistence::Permanent,
        };
        server.apply(&large).unwrap();
        let list = |block| server.pool().hash_code(BufferTag { rel: RelId(1), block }) % 32;
        let fifth: Vec<u32> = (0..2000).filter(|block| list(*block) == 5).take(6).collect();
        for block in fifth {
            let (backend, rel, mode) = (ALICE, RelId(1), ReadMode::Normal);
            let op = Op::Read { backend, rel, block, mode, strategy: None, dirty: None, pin: None };
            server.apply(&op).unwrap();
        }
        let lists = free_lists(&server);
        let (entries, free) = &lists[5];
        assert_eq!(*entries, 6);
        let segment = server.segment();
        if version == Version::V19 {
            // It borrows from the next one.
            assert_eq!((free.len(), lists[6].1.len()), (0, 2));
        } else {
            // 51 more from the free rest, and two of them are taken.
            let last = Addr::SHARED.offset(segment.free_offset + 48 * 40);
            assert_eq!((free.len(), free[0]), (49, last.0), "{version:?}");
        }
        let end = region(&server, "Shared Buffer Lookup Table");
        let end = end.addr.offset(end.size).0;
        let within = lists.iter().flat_map(|(_, free)| free).all(|at| *at + 40 <= end);
        assert_eq!(within, version == Version::V19, "{version:?}");
    }
}

#[test]
fn nobody_waits_for_a_buffers_io() {
    for (version, nobody) in [(Version::V15, i32::MAX as u32), (Version::V18, u32::MAX)] {
        let server = server_of(version);
        let variables = region(&server, "Buffer IO Condition Variables");
        let last = variables.addr.offset(variables.size - 16);
        for variable in [variables.addr, last] {
            assert_eq!(words(&server, variable, 4), [0, nobody, nobody, 0]);
        }
    }
}

#[test]
fn every_field_says_what_it_is() {
    for version in Version::ALL {
        let mut server = server_of(version);
        read(&mut server, 3, Some(DirtyKind::Plain));
        server.apply(&Op::Checkpoint { all: false }).unwrap();
        let field = |addr: Addr| server.layout().field(&server, addr);
        let said = |addr: Addr, words: &str| {
            assert_eq!(field(addr).as_deref(), Some(words), "{version:?}");
        };
        let strategy = region(&server, "Buffer Strategy Status").addr;
        let allocs = if version == Version::V19 { 12 } else { 20 };
        said(strategy.offset(allocs + 2), "BufferStrategyControl: numBufferAllocs = 1");
        let descriptor = server.layout().descriptor(BufferId(0));
        said(descriptor.offset(16), "BufferDesc of buffer 1: tag.blockNum = 3");
        let sorted = region(&server, "Checkpoint BufferIds").addr;
        said(sorted.offset(16), "CkptSortItem 0: buf_id = 0");

        // Every descriptor ends in padding, behind as many fields as have bytes.
        let last = field(descriptor.offset(60)).unwrap();
        assert!(last.contains("padding") || last.contains("waiters.tail"), "{version:?}: {last}");

        let table = region(&server, "Shared Buffer Lookup Table").addr;
        let directory = table.offset(848);
        let segment = Addr(word(&server, directory));
        let about = |addr: Addr, words: &str| {
            let said = field(addr).unwrap();
            assert!(said.contains(words), "{version:?}: {said}");
        };
        about(directory, "directory, segment 0");
        about(segment.offset(8), "bucket 1 of");
        let heads = (0..256).map(|bucket| word(&server, segment.offset(bucket * 8)));
        let heads: Vec<u64> = heads.filter(|head| *head != 0).collect();
        assert_eq!(heads.len(), 1, "{version:?}");
        about(Addr(heads[0] + 39), "an entry, hash value");
        let free = free_lists(&server).into_iter().find_map(|(_, free)| free.first().copied());
        about(Addr(free.unwrap()), "a free element");
    }
}
