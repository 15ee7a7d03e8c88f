//! The bytes of the lock tables and of the processes' slots: what a server finds there by way of
//! headers, directories, chains and links must be what the lock manager knows.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

use std::ops::Deref;

use pgscope_core::Op;
use pgscope_core::ids::{BackendId, RelId};
use pgscope_core::lmgr::{LockMode, LockTag, LockTagType, ProcNumber};
use pgscope_core::memory::Addr;
use pgscope_core::op::{AdvisoryKey, LockStmt, LockTarget, Persistence, TransactionStmt};
use pgscope_core::profile::{BackendType, Version};
use pgscope_core::server::{Server, Settings};

const ALICE: BackendId = BackendId(0);
const BOB: BackendId = BackendId(1);
const CAROL: BackendId = BackendId(2);
const DAVE: BackendId = BackendId(3);
/// Tables, by the number of their file.
const ORDERS: RelId = RelId(0);
const OTHER: RelId = RelId(3);
const THIRD: RelId = RelId(6);

fn start(version: Version) -> Server {
    let mut server = Server::start(version, Settings::with_shared_buffers(2048), 0).unwrap();
    for rel in (0..7).map(RelId) {
        let (name, persistence) = (format!("t{}", rel.0).into(), Persistence::Permanent);
        server.apply(&Op::CreateRelation { rel, name, nblocks: 1, persistence }).unwrap();
    }
    for (backend, name) in [(ALICE, "alice"), (BOB, "bob"), (CAROL, "carol"), (DAVE, "dave")] {
        server.apply(&Op::ConnectSuperuser { backend, name: name.into() }).unwrap();
    }
    server
}

fn transaction(server: &mut Server, backend: BackendId, statement: TransactionStmt) {
    server.apply(&Op::Transaction { backend, statement }).unwrap();
}

fn lock(server: &mut Server, backend: BackendId, rel: RelId, mode: LockMode) {
    let target = LockTarget::Relation(rel);
    let statement = LockStmt::Take { target, mode, nowait: false };
    server.apply(&Op::Lock { backend, statement }).unwrap();
}

fn advisory(server: &mut Server, backend: BackendId, key: AdvisoryKey, shared: bool) {
    let transaction = matches!(key, AdvisoryKey::Two(..));
    let statement = LockStmt::Advisory { key, shared, transaction, nowait: false };
    server.apply(&Op::Lock { backend, statement }).unwrap();
}

/// Fast-path locks, one that was moved, waiters behind each other, a subtransaction, advisory locks.
fn several_locks(version: Version) -> Server {
    let mut server = start(version);
    let it = &mut server;
    transaction(it, ALICE, TransactionStmt::Begin);
    lock(it, ALICE, ORDERS, LockMode::AccessShare);
    lock(it, ALICE, OTHER, LockMode::RowExclusive);
    advisory(it, ALICE, AdvisoryKey::One(7), false);
    advisory(it, ALICE, AdvisoryKey::Two(1, 2), false);
    transaction(it, BOB, TransactionStmt::Begin);
    lock(it, BOB, OTHER, LockMode::RowShare);
    advisory(it, BOB, AdvisoryKey::Two(1, 3), true);
    transaction(it, BOB, TransactionStmt::Savepoint("s".into()));
    lock(it, BOB, THIRD, LockMode::AccessExclusive);
    transaction(it, CAROL, TransactionStmt::Begin);
    lock(it, CAROL, ORDERS, LockMode::AccessExclusive);
    transaction(it, DAVE, TransactionStmt::Begin);
    lock(it, DAVE, ORDERS, LockMode::RowExclusive);
    lock(it, BOB, ORDERS, LockMode::AccessShare);
    server
}

/// A server, and the bytes of its whole segment.
struct Image<'a> {
    server: &'a Server,
    bytes: Vec<u8>,
}

impl Deref for Image<'_> {
    type Target = Server;

    fn deref(&self) -> &Server {
        self.server
    }
}

fn image(server: &Server) -> Image<'_> {
    let mut bytes = vec![0; server.segment().total as usize];
    server.peek(Addr::SHARED, &mut bytes);
    Image { server, bytes }
}

fn row(server: &Server, name: &str) -> Addr {
    let rows = &server.segment().allocations;
    Addr::SHARED.offset(rows.iter().find(|row| row.name == name).unwrap().off)
}

fn number(image: &Image<'_>, addr: Addr, width: usize) -> u64 {
    let (mut bytes, at) = ([0; 8], addr.since(Addr::SHARED) as usize);
    bytes[..width].copy_from_slice(&image.bytes[at..at + width]);
    u64::from_le_bytes(bytes)
}

fn word(server: &Image<'_>, at: u64) -> u64 {
    number(server, Addr(at), 8)
}

fn int(server: &Image<'_>, at: u64) -> u32 {
    number(server, Addr(at), 4) as u32
}

fn key_of(tag: &LockTag) -> [u64; 2] {
    let last = u64::from(tag.field4) | (tag.kind as u64) << 16 | (tag.method as u64) << 24;
    [u64::from(tag.field1) | u64::from(tag.field2) << 32, u64::from(tag.field3) | last << 32]
}

/// `hash_search`: where the entry with this key is.
fn hash_search(server: &Image<'_>, table: &str, hash: u32, key: [u64; 2]) -> Option<u64> {
    let header = row(server, table).0;
    let bucket = u64::from(hash & int(server, header + 784));
    let (segment, index) =
        (bucket >> int(server, header + 840), bucket & (word(server, header + 832) - 1));
    assert!(segment < word(server, header + 776), "nsegs");
    let mut element = word(server, word(server, header + 848 + segment * 8) + index * 8);
    while element != 0 {
        let entry = element + 16;
        if int(server, element + 8) == hash && [0, 8].map(|at| word(server, entry + at)) == key {
            return Some(entry);
        }
        element = word(server, element);
    }
    None
}

/// The nodes of a circular list, from its head on; the way back must be the same.
fn circle(server: &Image<'_>, head: u64) -> Vec<u64> {
    let mut nodes = Vec::new();
    let (mut before, mut node) = (head, word(server, head + 8));
    while node != head {
        assert_eq!(word(server, node), before, "prev");
        nodes.push(node);
        (before, node) = (node, word(server, node + 8));
    }
    assert_eq!(word(server, head), before, "the head's prev");
    nodes
}

/// A field of a process's slot: where it is.
fn proc_field(server: &Image<'_>, proc: ProcNumber, name: &str) -> u64 {
    let profile = server.profile().version.procs();
    let procs = word(server, row(server, "Proc Header").0);
    let field = profile.fields.iter().find(|field| field.name == name).unwrap();
    procs + u64::from(proc.0) * profile.size + field.at
}

fn proc_value(server: &Image<'_>, proc: ProcNumber, name: &str) -> u64 {
    let fields = server.profile().version.procs().fields;
    let field = fields.iter().find(|field| field.name == name).unwrap();
    number(server, Addr(proc_field(server, proc, name)), field.width as usize)
}

/// A process's `PGPROC`.
fn slot(server: &Image<'_>, proc: ProcNumber) -> u64 {
    let size = server.profile().version.procs().size;
    word(server, row(server, "Proc Header").0) + u64::from(proc.0) * size
}

/// Where a waiter is linked into its queue.
fn wait_link(server: &Image<'_>, proc: ProcNumber) -> u64 {
    slot(server, proc) + server.profile().version.procs().wait_link
}

fn find_lock(server: &Image<'_>, tag: &LockTag) -> Option<u64> {
    hash_search(server, "LOCK hash", tag.hash_code(), key_of(tag))
}

/// `proclock_hash`: the LOCK's hash, and the address of the `PGPROC`.
fn find_proclock(server: &Image<'_>, tag: &LockTag, lock: u64, proc: ProcNumber) -> Option<u64> {
    let slot = slot(server, proc);
    let hash = tag.hash_code() ^ (slot as u32) << 4;
    hash_search(server, "PROCLOCK hash", hash, [lock, slot])
}

/// Everything that the lock manager has in the shared table is in the bytes, and linked.
fn check(server: &Server) {
    let server = &image(server);
    let locks = server.locks();
    let mut entries = (0, 0);
    for tag in locks.locked() {
        let lock = find_lock(server, &tag).unwrap();
        entries.0 += 1;
        let holders: Vec<_> = locks.holders(&tag).collect();
        let queue: Vec<_> = locks.queue(&tag).collect();
        let (mut grants, mut waits) = (0, 0);
        let mut proclocks = Vec::new();
        for &(proc, held) in &holders {
            let proclock = find_proclock(server, &tag, lock, proc).unwrap();
            entries.1 += 1;
            grants |= held;
            assert_eq!(int(server, proclock + 24), held.into(), "holdMask");
            assert_eq!(word(server, proclock + 16), slot(server, proc), "groupLeader");
            proclocks.push(proclock + 32);
            let lists = proc_field(server, proc, "myProcLocks");
            let list = circle(server, lists + u64::from(tag.hash_code() % 16) * 16);
            assert!(list.contains(&(proclock + 48)), "procLink of {tag}");
        }
        for &(proc, mode) in &queue {
            waits |= mode.bit();
            assert_eq!(proc_value(server, proc, "waitLock"), lock);
            let proclock = find_proclock(server, &tag, lock, proc).unwrap();
            assert_eq!(proc_value(server, proc, "waitProcLock"), proclock);
            assert_eq!(proc_value(server, proc, "waitLockMode"), mode as u64);
            assert_eq!(proc_value(server, proc, "waitStatus"), 1);
        }
        assert_eq!([16, 20].map(|at| int(server, lock + at)), [grants.into(), waits.into()]);
        assert_eq!(circle(server, lock + 24), proclocks, "{tag}");
        let waiters: Vec<u64> = queue.iter().map(|(proc, _)| wait_link(server, *proc)).collect();
        assert_eq!(circle(server, lock + 40), waiters, "{tag}");
        assert_eq!(int(server, lock + 56) as usize, queue.len());
        for mode in LockMode::ALL {
            let held = holders.iter().filter(|(_, mask)| mask & mode.bit() != 0).count() as u32;
            let asked = queue.iter().filter(|(_, asked)| *asked == mode).count() as u32;
            let counts = [64, 108].map(|at| int(server, lock + at + 4 * mode as u64));
            assert_eq!(counts, [held + asked, held], "{tag} {mode:?}");
        }
        let sum = |at| (0..10).map(|mode| int(server, lock + at + 4 * mode)).sum::<u32>();
        assert_eq!([sum(64), sum(108)], [104, 148].map(|at| int(server, lock + at)));
    }
    assert_eq!(locks.entries(), entries);
    for (table, entries) in [("LOCK hash", entries.0), ("PROCLOCK hash", entries.1)] {
        let header = row(server, table).0;
        let counted: u64 = (0..32).map(|list| word(server, header + list * 24 + 8)).sum();
        assert_eq!(counted, entries as u64, "{table}");
    }
}

/// The relations of a process's fast-path slots, with the modes of each.
fn fast_path(server: &Image<'_>, proc: ProcNumber) -> Vec<(u32, u64)> {
    let (bits, relations) = match server.profile().lmgr.fast_path_groups {
        false => ["fpLockBits", "fpRelId"].map(|name| proc_field(server, proc, name)).into(),
        true => ["fpLockBits", "fpRelId"].map(|name| proc_value(server, proc, name)).into(),
    };
    let slots = server.locks().fast_path(proc).len() as u64;
    let slot = |slot: u64| {
        let modes = word(server, bits + slot / 16 * 8) >> (slot % 16 * 3) & 7;
        (int(server, relations + slot * 4), modes << 1)
    };
    (0..slots).map(slot).filter(|(_, modes)| *modes != 0).collect()
}

fn proc_of(server: &Server, id: BackendId) -> ProcNumber {
    server.backend(id).unwrap().proc_number()
}

#[test]
fn every_lock_is_found_from_the_header_and_every_link_leads_on() {
    for version in Version::ALL {
        let mut server = several_locks(version);
        check(&server);
        let it = image(&server);
        let orders = LockTag::relation(5, 16384);
        let lock = find_lock(&it, &orders).unwrap();
        let queue = circle(&it, lock + 40);
        let waiters = [CAROL, DAVE, BOB].map(|id| wait_link(&it, proc_of(&it, id)));
        assert_eq!(queue, waiters, "{version:?}");
        let nowhere = LockTag::relation(5, 16385);
        assert_eq!(find_lock(&it, &nowhere), None);

        // One after the other they go, and nobody waits in the end.
        transaction(&mut server, ALICE, TransactionStmt::Rollback);
        check(&server);
        transaction(&mut server, CAROL, TransactionStmt::Commit);
        check(&server);
        let it = image(&server);
        for id in [ALICE, BOB, CAROL, DAVE] {
            let proc = proc_of(&it, id);
            for name in ["waitLock", "waitProcLock", "waitLockMode", "waitStatus"] {
                assert_eq!(proc_value(&it, proc, name), 0, "{version:?} {name}");
            }
        }
        server.apply(&Op::Disconnect { backend: BOB }).unwrap();
        check(&server);
    }
}

#[test]
fn entries_are_where_a_server_had_them() {
    // Read from the memory of a 15.20 in which the same was done: offsets in the segment.
    let server = several_locks(Version::V15_20);
    let server = image(&server);
    let off = |at: u64| Addr(at).since(Addr::SHARED);
    for (tag, lock, proclock) in [
        (LockTag::transaction(740), 18_911_608, 0x12b_3d80),
        (LockTag::advisory(5, 7), 18_602_488, 0x126_c200),
        (LockTag::relation(5, 16_390), 18_623_096, 0x127_0e80),
        (LockTag::transaction(741), 18_829_008, 0x12a_0b30),
        (LockTag::advisory_pair(5, 1, 2), 18_458_232, 0x124_aa80),
        (LockTag::transaction(742), 18_417_016, 0x124_1180),
        (LockTag::relation(5, 16_384), 18_849_784, 0x12a_5800),
        (LockTag::advisory_pair(5, 1, 3), 18_829_176, 0x12a_0b80),
    ] {
        let at = find_lock(&server, &tag).unwrap();
        assert_eq!(off(at), lock, "{tag}");
        let first = word(&server, at + 32) - 32;
        assert_eq!(off(first), proclock, "{tag}");
    }
    // PROC_HDR: allProcs, xids, subxidStates, statusFlags, allProcCount, the heads of the lists.
    let header = row(&server, "Proc Header").0;
    let words = (0..9).map(|at| word(&server, header + at * 8));
    let words: Vec<u64> = words.map(|it| if it > 0x1_0000 { off(it) } else { it }).collect();
    let real = [0x151_1100, 0x152_c600, 0x152_c800, 0x152_c900, 127];
    // A monitor had come and gone, so its slot was the first free one, as it is here.
    let lists = [0x152_5790, 0x152_6fa0, 0x152_8b20, 0x152_b0f0];
    assert_eq!(words, [&real[..], &lists].concat());
    let fields =
        ["waitLock", "waitLockMode", "heldLocks", "backendId", "pgxactoff", "wait_event_info"];
    let values = |id| fields.map(|name| proc_value(&server, proc_of(&server, id), name));
    let orders = Addr::SHARED.0 + 18_849_784;
    assert_eq!(values(CAROL), [orders, 8, 0, 5, 1, 0x0300_0000]);
    assert_eq!(values(BOB), [orders, 1, 0, 4, 2, 0x0300_0000]);
    assert_eq!(values(ALICE), [0, 0, 0, 3, 3, 0x0600_0000]);
}

#[test]
fn weak_locks_are_in_the_slots_of_their_process() {
    for version in Version::ALL {
        let server = several_locks(version);
        let server = image(&server);
        let [alice, bob] = [ALICE, BOB].map(|id| proc_of(&server, id));
        assert_eq!(fast_path(&server, alice), [(16_387, LockMode::RowExclusive.bit().into())]);
        assert_eq!(fast_path(&server, bob), [(16_387, LockMode::RowShare.bit().into())]);
        assert_eq!(proc_value(&server, alice, "fpVXIDLock"), 1);
        assert_eq!(proc_value(&server, alice, "fpLocalTransactionId"), 2);
        let lxid =
            if matches!(version, Version::V15 | Version::V15_20) { "lxid" } else { "vxid.lxid" };
        assert_eq!(proc_value(&server, alice, lxid), 2);
        // Two strong locks are held or waited for; each counts in its partition.
        let strong = row(&server, "Fast Path Strong Relation Lock Data").0;
        for (relation, count) in [(16_384, 1), (16_390, 1), (16_387, 0)] {
            let partition = LockTag::relation(5, relation).hash_code() % 1024;
            assert_eq!(int(&server, strong + 4 + u64::from(partition) * 4), count, "{relation}");
        }
        // bob's transaction, its savepoint's, and carol's, in the order of their slots.
        let [xid, sub] = ["xid", "subxids.xids"].map(|name| proc_value(&server, bob, name));
        assert_eq!((xid, sub, proc_value(&server, bob, "subxidStatus.count")), (740, 741, 1));
        let xids = word(&server, row(&server, "Proc Header").0 + 8);
        for (id, xid) in [(ALICE, 0), (BOB, 740), (CAROL, 742), (DAVE, 0)] {
            let place = proc_value(&server, proc_of(&server, id), "pgxactoff");
            assert_eq!(int(&server, xids + place * 4), xid, "{version:?}");
        }
    }
}

#[test]
fn free_slots_are_in_the_lists_that_they_came_from() {
    for version in Version::ALL {
        let mut server = start(version);
        let taken = proc_of(&server, BOB);
        server.apply(&Op::Disconnect { backend: BOB }).unwrap();
        let server = image(&server);
        let profile = version.procs();
        let header = row(&server, "Proc Header").0;
        let head = |name: &str| {
            header + profile.header.iter().find(|field| field.name == name).unwrap().at
        };
        let place = |node: u64| ((node - slot(&server, ProcNumber(0))) / profile.size) as u32;
        let list = |name| match profile.stack {
            false => circle(&server, head(name)).into_iter().map(place).collect::<Vec<_>>(),
            true => {
                let first = word(&server, head(name));
                let next = |node: &u64| Some(word(&server, node + 8)).filter(|next| *next != 0);
                std::iter::successors(Some(first), next).map(place).collect()
            }
        };
        let clients = list("freeProcs");
        assert_eq!(clients.len(), 97, "{version:?}");
        let last_given_back = if profile.stack { clients[0] } else { clients[96] };
        assert_eq!(last_given_back, taken.0);
        assert_eq!(list("walsenderFreeProcs").len(), 10);
        // The launchers have slots of theirs.
        let launcher =
            server.children().iter().find(|it| it.kind == BackendType::AutovacuumLauncher);
        let launcher = launcher.unwrap().proc;
        assert!(!list("autovacFreeProcs").contains(&launcher));
        assert_eq!(
            proc_value(&server, ProcNumber(launcher), "procgloballist"),
            head("autovacFreeProcs")
        );
        assert_eq!(int(&server, head("allProcCount")), place_of_prepared(&server));
    }
}

/// Behind the slots of all processes there may be those of prepared transactions: here there are none.
fn place_of_prepared(server: &Server) -> u32 {
    server.segment().semaphores as u32
}

#[test]
fn slots_end_where_the_next_structure_begins() {
    for (version, next) in [(Version::V15, "Proc Array"), (Version::V17, "Proc Array")] {
        let server = start(version);
        let server = image(&server);
        let header = row(&server, "Proc Header").0;
        let flags = word(&server, header + 24);
        let total = u64::from(int(&server, header + 32));
        // The flags, then the spinlock, each in cache lines of its own.
        assert_eq!(
            row(&server, next).0,
            (flags + total).next_multiple_of(128) + 128,
            "{version:?}"
        );
    }
    for version in [Version::V18, Version::V19] {
        let server = start(version);
        let server = image(&server);
        let header = row(&server, "Proc Header").0;
        let rows = &server.segment().allocations;
        let procs = rows.iter().find(|row| row.name == "PGPROC structures").unwrap();
        let total = u64::from(int(&server, header + 32));
        let end = word(&server, header + 24) + total;
        assert_eq!(Addr(end).since(Addr::SHARED), procs.off + procs.size, "{version:?}");
        let slots = rows.iter().find(|row| row.name == "Fast-Path Lock Array").unwrap();
        let last = proc_value(&server, ProcNumber(total as u32 - 1), "fpRelId");
        let groups = if version == Version::V19 { 8 } else { 4 };
        assert_eq!(Addr(last + groups * 64).since(Addr::SHARED), slots.off + slots.size);
    }
}

#[test]
fn a_table_that_grows_keeps_every_lock_in_reach() {
    for version in Version::ALL {
        let mut settings = Settings::with_shared_buffers(16);
        settings.set(version, "max_locks_per_transaction", "10").unwrap();
        settings.set(version, "max_connections", "10").unwrap();
        let mut server = Server::start(version, settings, 0).unwrap();
        server.apply(&Op::Connect { backend: ALICE, name: "alice".into() }).unwrap();
        let key = |key| AdvisoryKey::Two(1, key);
        transaction(&mut server, ALICE, TransactionStmt::Begin);
        let mut held = 0;
        for number in 0.. {
            let (shared, transaction, nowait) = (false, true, false);
            let statement = LockStmt::Advisory { key: key(number), shared, transaction, nowait };
            if server.apply(&Op::Lock { backend: ALICE, statement }).is_err() {
                break;
            }
            held += 1;
        }
        // The error ended the transaction; as many fit again.
        transaction(&mut server, ALICE, TransactionStmt::Rollback);
        transaction(&mut server, ALICE, TransactionStmt::Begin);
        for number in 0..held {
            advisory(&mut server, ALICE, key(number), false);
        }
        assert!(held > 100, "{version:?}: {held}");
        check(&server);
    }
}

#[test]
fn every_field_says_what_it_is() {
    for version in Version::ALL {
        let server = several_locks(version);
        let server = image(&server);
        let field = |at: u64| server.layout().field(&server, Addr(at)).unwrap();
        let orders = LockTag::relation(5, 16_384);
        let lock = find_lock(&server, &orders).unwrap();
        let about = "LOCK of relation 16384 of database 5";
        assert_eq!(field(lock + 14), format!("{about}: tag.locktag_type = 0"));
        assert_eq!(field(lock + 17), format!("{about}: grantMask = 0x2 (AccessShareLock)"));
        assert_eq!(field(lock + 64 + 32), format!("{about}: requested[AccessExclusiveLock] = 1"));
        assert_eq!(field(lock + 104), format!("{about}: nRequested = 4"));
        assert!(field(lock - 16).contains("link to the next"));
        let carol = proc_of(&server, CAROL);
        let proclock = find_proclock(&server, &orders, lock, carol).unwrap();
        let about = format!("PROCLOCK of PGPROC {} on relation 16384 of database 5", carol.0);
        assert_eq!(field(proclock + 24), format!("{about}: holdMask = 0"));
        assert_eq!(field(proclock), format!("{about}: tag.myLock = {lock:#x}"));
        let about = format!("PGPROC {} (carol)", carol.0);
        let said = |name: &str| field(proc_field(&server, carol, name));
        assert_eq!(said("waitLock"), format!("{about}: waitLock = {lock:#x}"));
        assert_eq!(
            said("waitLockMode"),
            format!("{about}: waitLockMode = 8 (AccessExclusiveLock)")
        );
        assert_eq!(said("myProcLocks"), {
            let head = word(&server, proc_field(&server, carol, "myProcLocks"));
            format!("{about}: myProcLocks[0].prev = {head:#x}")
        });
        assert_eq!(said("wait_event_info"), format!("{about}: wait_event_info = 0x3000000"));
        let header = row(&server, "Proc Header").0;
        assert!(field(header + 32).starts_with("PROC_HDR: allProcCount = "));
        let strong = row(&server, "Fast Path Strong Relation Lock Data").0;
        assert_eq!(field(strong + 4), "FastPathStrongRelationLocks: count[0] = 0");
        assert!(field(word(&server, header + 8)).starts_with("ProcGlobal->xids[0] = "));
        let slots = proc_value(&server, proc_of(&server, ALICE), "fpRelId");
        if version.procs().size == 832 {
            assert!(field(slots).contains("(alice): fpRelId[0] = "), "{}", field(slots));
        }
        // No byte of them is without words, and where there are none there is padding.
        let start = slot(&server, carol);
        for at in 0..version.procs().size {
            let nonzero = number(&server, Addr(start + at), 1) != 0;
            assert!(!(nonzero && field(start + at).ends_with("padding")), "{version:?} {at}");
        }
    }
}

#[test]
fn a_virtual_transaction_has_the_number_that_a_server_gives_it() {
    for (version, first) in [(Version::V15, 3), (Version::V17, 0), (Version::V18, 0)] {
        let mut server = several_locks(version);
        let virtual_locks = |server: &Server| {
            let rows = server.locks().lock_status();
            let rows =
                rows.into_iter().filter(|row| row.tag.kind == LockTagType::VirtualTransaction);
            let mut tags: Vec<_> = rows.map(|row| (row.tag.field1, row.tag.field2)).collect();
            tags.sort_unstable();
            tags
        };
        let four = [(first, 2), (first + 1, 2), (first + 2, 2), (first + 3, 2)];
        assert_eq!(virtual_locks(&server), four, "{version:?}");
        // Who comes again counts on where the last of this number ended; a queue of slots has others first.
        server.apply(&Op::Disconnect { backend: ALICE }).unwrap();
        server.apply(&Op::Connect { backend: ALICE, name: "alice".into() }).unwrap();
        transaction(&mut server, ALICE, TransactionStmt::Begin);
        let again = virtual_locks(&server).into_iter().find(|tag| !four.contains(tag));
        assert_eq!(again, Some(if first == 3 { (3, 4) } else { (4, 2) }), "{version:?}");
    }
}
