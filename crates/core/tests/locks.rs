//! What holds for a server's heavyweight locks whatever happens: properties over random
//! statements of three backends that wait for each other.

// The helpers unwrap as the tests do: what fails in them is a failed test.
#![allow(clippy::unwrap_used)]

use pgscope_core::ids::{BackendId, RelId};
use pgscope_core::lmgr::{LockMode, modes};
use pgscope_core::op::{
    AdvisoryKey, Bulk, LockStmt, LockTarget, Persistence, SettingStmt,
    TransactionStmt as Transaction,
};
use pgscope_core::profile::Version;
use pgscope_core::server::{Settings, WaitsFor};
use pgscope_core::views::{View, lock_table, view_rows};
use pgscope_core::{Error, Op, Server};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const BACKENDS: u16 = 3;
const TABLES: u32 = 2;

fn start(version: Version) -> Server {
    let mut server = Server::start(version, Settings::with_shared_buffers(16), 7).unwrap();
    for rel in (0..TABLES).map(RelId) {
        let name = format!("t{}", rel.0).into();
        let persistence = Persistence::Permanent;
        server.apply(&Op::CreateRelation { rel, name, nblocks: 3, persistence }).unwrap();
    }
    for backend in (0..BACKENDS).map(BackendId) {
        server.apply(&Op::Connect { backend, name: format!("b{}", backend.0).into() }).unwrap();
    }
    server
}

fn backend() -> impl Strategy<Value = BackendId> {
    (0..BACKENDS).prop_map(BackendId)
}

/// The operations of one statement.
fn statement() -> impl Strategy<Value = Vec<Op>> {
    let rel = || (0..TABLES).prop_map(RelId);
    let mode = || select(LockMode::ALL.to_vec());
    let lock = |backend, statement| vec![Op::Lock { backend, statement }];
    let advisory = (0..3_i64, any::<bool>(), any::<bool>(), any::<bool>());
    let transaction = select(vec![
        Transaction::Begin,
        Transaction::Begin,
        Transaction::Commit,
        Transaction::Rollback,
        Transaction::Savepoint("s".into()),
        Transaction::Release("s".into()),
        Transaction::RollbackTo("s".into()),
    ]);
    prop_oneof![
        5 => (backend(), transaction)
            .prop_map(|(backend, statement)| vec![Op::Transaction { backend, statement }]),
        6 => (backend(), rel(), mode(), any::<bool>()).prop_map(move |(backend, rel, mode, nowait)| {
            let target = LockTarget::Relation(rel);
            lock(backend, LockStmt::Take { target, mode, nowait })
        }),
        3 => (backend(), advisory).prop_map(move |(backend, (key, shared, transaction, nowait))| {
            let key = AdvisoryKey::One(key);
            lock(backend, LockStmt::Advisory { key, shared, transaction, nowait })
        }),
        1 => (backend(), select(vec![
            LockStmt::AdvisoryUnlockAll,
            LockStmt::AssignXid,
            LockStmt::AdvisoryUnlock { key: AdvisoryKey::One(1), shared: false },
        ])).prop_map(move |(backend, statement)| lock(backend, statement)),
        1 => (backend(), 1..BACKENDS).prop_map(move |(backend, other)| {
            let other = BackendId((backend.0 + other) % BACKENDS);
            lock(backend, LockStmt::WaitFor(other))
        }),
        2 => (backend(), rel()).prop_map(|(backend, rel)| vec![Op::Insert { backend, rel }]),
        2 => (backend(), rel(), any::<bool>()).prop_map(|(backend, rel, query)| {
            let scan = vec![
                Op::BulkBegin { backend, rel, bulk: Bulk::SeqScan },
                Op::BulkNext { backend, pages: 1 },
                Op::BulkNext { backend, pages: u32::MAX },
                Op::BulkEnd { backend },
            ];
            let (begin, end) = (Op::QueryBegin { backend }, Op::QueryEnd { backend });
            let run = Op::QueryRun { backend, columns: Some(1) };
            match query {
                true => [vec![begin, run], scan, vec![end]].concat(),
                false => scan,
            }
        }),
        1 => (backend(), rel())
            .prop_map(|(backend, rel)| vec![Op::Truncate { backend, rel, nblocks: Some(2) }]),
        1 => backend().prop_map(|backend| vec![Op::Cancel(backend)]),
        2 => select(vec![100, 500, 2000])
            .prop_map(|milliseconds| vec![Op::PassTime { milliseconds }]),
        1 => backend().prop_map(|backend| {
            let (name, value) = ("lock_timeout".into(), Some("300ms".into()));
            let statement = SettingStmt::Set { name, value, local: false };
            vec![Op::Setting { backend, statement }]
        }),
        1 => backend().prop_map(|backend| {
            let name = format!("b{}", backend.0).into();
            vec![Op::Disconnect { backend }, Op::Connect { backend, name }]
        }),
    ]
}

fn statements(most: usize) -> impl Strategy<Value = Vec<Op>> {
    vec(statement(), 1..most).prop_map(|statements| statements.concat())
}

fn version() -> impl Strategy<Value = Version> {
    select(Version::OFFERED.to_vec())
}

/// No two backends hold what conflicts, who waits is blocked by somebody, and every backend
/// knows itself that it waits.
fn check(server: &Server) {
    for view in lock_table(server) {
        for &(one, held) in &view.holders {
            for &(other, mask) in view.holders.iter().filter(|(other, _)| *other != one) {
                let conflicts = modes(held).any(|mode| mode.conflicts() & mask != 0);
                assert!(!conflicts, "{one:?} and {other:?} hold {}", view.tag);
            }
        }
        for waiter in &view.waiters {
            let waits = server.backend(waiter.backend).unwrap().waits_for();
            let (tag, mode) = (view.tag, waiter.mode);
            assert_eq!(waits, Some(WaitsFor::Lock { tag, mode }));
        }
    }
    for (_, backend) in server.backends() {
        let waits = server.locks().waits_for(backend.proc_number());
        let waits = waits.map(|(tag, mode)| WaitsFor::Lock { tag, mode });
        assert_eq!(backend.waits_for(), waits);
    }
}

fn shown(server: &Server) -> Vec<Vec<String>> {
    view_rows(server, None, View::Locks, usize::MAX)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_waits_is_blocked_and_in_the_end_nothing_is_left(
        version in version(),
        ops in statements(40),
    ) {
        let mut server = start(version);
        for op in &ops {
            let result = server.apply(op);
            let endless = matches!(result, Err(Error::EndlessLoop));
            prop_assert!(!endless);
            check(&server);
            for view in lock_table(&server) {
                prop_assert!(view.waiters.iter().all(|waiter| !waiter.blocked_by.is_empty()));
            }
        }
        // Deadlocks are found, and whoever doesn't wait ends what it is in the middle of.
        for _ in 0..BACKENDS {
            let _ = server.apply(&Op::PassTime { milliseconds: 2000 });
            for backend in (0..BACKENDS).map(BackendId) {
                let _ = server.apply(&Op::Transaction { backend, statement: Transaction::Rollback });
                let statement = LockStmt::AdvisoryUnlockAll;
                let _ = server.apply(&Op::Lock { backend, statement });
            }
        }
        prop_assert!(server.backends().all(|(_, backend)| backend.waits_for().is_none()));
        prop_assert_eq!(server.locks().entries(), (0, 0));
        prop_assert_eq!(shown(&server), Vec::<Vec<String>>::new());
    }

    #[test]
    fn without_events_the_locks_are_the_same(version in version(), ops in statements(40)) {
        let mut watched = start(version);
        let mut quiet = watched.clone();
        quiet.log_mut().off();
        for op in &ops {
            prop_assert_eq!(watched.apply(op), quiet.apply(op));
            prop_assert_eq!(shown(&watched), shown(&quiet));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn between_two_events_the_tables_stand_as_the_last_one_left_them(
        version in version(),
        before in statements(20),
        ops in statements(5),
    ) {
        let mut server = start(version);
        before.iter().for_each(|op| drop(server.apply(op)));
        for op in &ops {
            let base = server.clone();
            drop(server.apply(op));
            let events = server.events().len();
            for count in 0..=events {
                let mut stopped = base.clone();
                stopped.log_mut().stop_after(count);
                prop_assert_eq!(stopped.apply(op), Err(Error::Stopped));
                prop_assert_eq!(stopped.events(), &server.events()[..count]);
                check(&stopped);
                if count == 0 {
                    prop_assert_eq!(shown(&stopped), shown(&base));
                }
                if count == events {
                    prop_assert_eq!(shown(&stopped), shown(&server));
                }
            }
        }
    }
}
