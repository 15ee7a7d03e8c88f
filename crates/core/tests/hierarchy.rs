//! The contexts of a backend, its transactions and its statements, in every version.
//!
//! The sizes are those that real servers showed (`pg_backend_memory_contexts` of 15.18, 17.10,
//! 18.4 and 19rc1), for contexts whose content the core models. They were production builds:
//! where a feature makes this build another, there is nothing to compare.

#![cfg(all(
    feature = "aset",
    not(any(
        feature = "default-slab",
        feature = "default-generation",
        feature = "default-bump",
        feature = "memory-context-checking",
    )),
))]
#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

use pgscope_core::ids::{BackendId, ContextSlot};
use pgscope_core::op::{Allocator, TransactionStmt};
use pgscope_core::profile::Version;
use pgscope_core::server::Settings;
use pgscope_core::views::{ContextRow, contexts};
use pgscope_core::{Error, Event, Op, Server};
use proptest::prelude::*;
use proptest::sample::select;

const ALICE: BackendId = BackendId(0);

fn connected(version: Version) -> Server {
    let mut server = Server::start(version, Settings::default(), 0).unwrap();
    server.apply(&Op::Connect { backend: ALICE, name: "alice".into() }).unwrap();
    server
}

fn rows(server: &Server) -> Vec<ContextRow> {
    contexts(server, ALICE)
}

fn names(server: &Server) -> Vec<String> {
    rows(server).into_iter().map(|row| row.name).collect()
}

/// Total, blocks and free bytes of the context with this name.
fn sizes(server: &Server, name: &str) -> Option<(u64, u64, u64)> {
    let row = rows(server).into_iter().find(|row| row.name == name)?;
    Some((row.total_bytes, row.total_nblocks, row.free_bytes))
}

/// `[15, 17, 18, 19]`
fn by_version<T: Copy>(version: Version, values: [T; 4]) -> T {
    values[Version::OFFERED.iter().position(|it| *it == version).unwrap()]
}

fn parent(server: &Server, name: &str) -> String {
    let rows = rows(server);
    let row = rows.iter().find(|row| row.name == name).unwrap();
    rows.iter().find(|it| Some(it.addr) == row.parent).unwrap().name.clone()
}

fn current(server: &Server) -> String {
    rows(server).into_iter().find(|row| row.current).unwrap().name
}

fn transaction(server: &mut Server, statement: TransactionStmt) -> Result<(), Error> {
    server.apply(&Op::Transaction { backend: ALICE, statement }).map(drop)
}

fn savepoint(name: &str) -> TransactionStmt {
    TransactionStmt::Savepoint(name.into())
}

fn palloc(server: &mut Server, context: Option<ContextSlot>) {
    let op = Op::Palloc { backend: ALICE, context, size: 100, zero: false, chunk: None };
    server.apply(&op).unwrap();
}

fn apply(server: &mut Server, ops: &[Op]) {
    for op in ops {
        server.apply(op).unwrap_or_else(|error| panic!("{op:?}: {error}"));
    }
}

const BEGIN: Op = Op::QueryBegin { backend: ALICE };
const SELECT: Op = Op::QueryRun { backend: ALICE, columns: Some(1) };
const DO: Op = Op::QueryRun { backend: ALICE, columns: None };
const END: Op = Op::QueryEnd { backend: ALICE };
const TUPLE: Op = Op::TupleBegin { backend: ALICE };
const TUPLE_END: Op = Op::TupleEnd { backend: ALICE };
const SPI: Op = Op::SpiConnect { backend: ALICE };
const SPI_END: Op = Op::SpiFinish { backend: ALICE };

#[test]
fn a_backend_starts_with_the_contexts_of_its_version_newest_first() {
    for version in Version::OFFERED {
        let server = connected(version);
        let mut expected = vec![
            "TopMemoryContext",
            "RowDescriptionContext",
            "MessageContext",
            "PgStat Shared Ref Hash",
            "PgStat Shared Ref",
            "PgStat Pending",
            "TopTransactionContext",
            "TransactionAbortContext",
            "TopPortalContext",
            "CacheMemoryContext",
            "WAL record construction",
            "MdSmgr",
            "GUCMemoryContext",
            "ErrorContext",
        ];
        expected.retain(|name| match *name {
            "GUCMemoryContext" => version != Version::V15,
            "TopTransactionContext" => by_version(version, [false, false, true, true]),
            _ => true,
        });
        assert_eq!(names(&server), expected, "{version:?}");
        assert_eq!(current(&server), "MessageContext");
    }
}

#[test]
fn what_a_fresh_backend_holds_is_what_a_real_one_holds() {
    for version in Version::OFFERED {
        let server = connected(version);
        let old = version == Version::V15;
        let size = |name| sizes(&server, name).unwrap();
        assert_eq!(size("ErrorContext"), (8192, 1, if old { 7928 } else { 7952 }));
        let abort = if old { 32504 } else { 32528 };
        assert_eq!(size("TransactionAbortContext"), (32768, 1, abort));
        assert_eq!(size("TopPortalContext"), (8192, 1, if old { 7928 } else { 7952 }));
        assert_eq!(size("RowDescriptionContext"), (8192, 1, if old { 6888 } else { 6920 }));
        assert_eq!(size("MessageContext"), (8192, 1, if old { 6888 } else { 6920 }));
        let wal = by_version(version, [50208, 49760, 49760, 50200]);
        let free = if old { 6360 } else { 6400 };
        assert_eq!(size("WAL record construction"), (wal, 2, free), "{version:?}");
    }
}

#[test]
fn a_query_has_a_portal_and_an_executor_and_leaves_nothing() {
    for version in Version::OFFERED {
        let mut server = connected(version);
        let before = names(&server);
        apply(&mut server, &[BEGIN]);
        assert_eq!(current(&server), "MessageContext");
        assert!(sizes(&server, "TopTransactionContext").is_some());
        apply(&mut server, &[SELECT]);
        assert_eq!(current(&server), "ExecutorState");
        assert_eq!(parent(&server, "ExecutorState"), "PortalContext");
        assert_eq!(parent(&server, "ExprContext"), "ExecutorState");
        assert_eq!(parent(&server, "printtup"), "ExecutorState");
        let old = version == Version::V15;
        let portal = (8192, 1, if old { 7656 } else { 7688 });
        assert_eq!(sizes(&server, "TopPortalContext"), Some(portal), "{version:?}");
        let printtup = (8192, 1, if old { 7928 } else { 7952 });
        assert_eq!(sizes(&server, "printtup"), Some(printtup));
        // The recorded query has ten columns, this one has one: 8 bytes of format codes, not 32.
        let context = (1024, 1, if old { 568 } else { 608 } + 24);
        assert_eq!(sizes(&server, "PortalContext"), Some(context));
        let portal = server.backend(ALICE).unwrap().context(ContextSlot::PORTAL).unwrap();
        assert_eq!(server.context(portal).ident().unwrap(), b"<unnamed>");
        apply(&mut server, &[END]);
        assert_eq!(names(&server), before, "{version:?}");
        assert_eq!(current(&server), "MessageContext");
    }
}

#[test]
fn the_per_tuple_context_is_reset_when_the_next_cycle_starts() {
    let mut server = connected(Version::V18);
    apply(&mut server, &[BEGIN, SELECT]);
    let free = |server: &Server| sizes(server, "ExprContext").unwrap().2;
    let empty = free(&server);
    for _ in 0..3 {
        apply(&mut server, &[TUPLE]);
        assert_eq!(current(&server), "ExprContext");
        assert_eq!(free(&server), empty);
        palloc(&mut server, None);
        apply(&mut server, &[TUPLE_END]);
        assert_eq!(current(&server), "ExecutorState");
        assert!(free(&server) < empty, "the tuple is still there");
    }
    apply(&mut server, &[END]);
}

#[test]
fn the_message_context_is_empty_for_each_message() {
    let mut server = connected(Version::V18);
    let fresh = sizes(&server, "MessageContext");
    palloc(&mut server, None);
    apply(&mut server, &[BEGIN]);
    palloc(&mut server, None);
    assert_ne!(sizes(&server, "MessageContext"), fresh);
    apply(&mut server, &[SELECT, END]);
    assert_eq!(sizes(&server, "MessageContext"), fresh);
}

#[test]
fn the_transaction_context_is_deleted_or_reset_at_its_end() {
    for version in Version::OFFERED {
        for end in [TransactionStmt::Commit, TransactionStmt::Rollback] {
            let mut server = connected(version);
            let stays = by_version(version, [false, false, true, true]);
            transaction(&mut server, TransactionStmt::Begin).unwrap();
            let backend = server.backend(ALICE).unwrap();
            let top = backend.context(ContextSlot::TOP_TRANSACTION).unwrap();
            assert_eq!(backend.context(ContextSlot::CUR_TRANSACTION), Some(top));
            palloc(&mut server, Some(ContextSlot::TOP_TRANSACTION));
            transaction(&mut server, end.clone()).unwrap();
            let left = sizes(&server, "TopTransactionContext");
            assert_eq!(left, stays.then_some((8192, 1, 7952)), "{version:?} {end:?}");
            let backend = server.backend(ALICE).unwrap();
            assert_eq!(backend.context(ContextSlot::CUR_TRANSACTION), None);
            assert_eq!(current(&server), "MessageContext");
        }
    }
}

#[test]
fn savepoints_nest_and_an_empty_one_goes_at_release() {
    for version in Version::OFFERED {
        let mut server = connected(version);
        transaction(&mut server, TransactionStmt::Begin).unwrap();
        transaction(&mut server, savepoint("a")).unwrap();
        assert_eq!(parent(&server, "CurTransactionContext"), "TopTransactionContext");
        let count = |server: &Server| {
            names(server).iter().filter(|name| *name == "CurTransactionContext").count()
        };
        transaction(&mut server, savepoint("b")).unwrap();
        assert_eq!(count(&server), 2);
        transaction(&mut server, TransactionStmt::Release("b".into())).unwrap();
        assert_eq!(count(&server), 1, "{version:?}: nothing was in it");
        transaction(&mut server, savepoint("c")).unwrap();
        palloc(&mut server, Some(ContextSlot::CUR_TRANSACTION));
        transaction(&mut server, TransactionStmt::Release("c".into())).unwrap();
        assert_eq!(count(&server), 2, "{version:?}: what is in it lives on with its parent");
        transaction(&mut server, TransactionStmt::RollbackTo("a".into())).unwrap();
        assert_eq!(count(&server), 1, "{version:?}: a new one for the same savepoint");
        transaction(&mut server, TransactionStmt::Commit).unwrap();
        assert_eq!(count(&server), 0);
    }
}

#[test]
fn a_failed_transaction_waits_for_its_end() {
    for version in Version::OFFERED {
        let mut server = connected(version);
        let none = Error::NoTransactionBlock("SAVEPOINT");
        assert_eq!(transaction(&mut server, savepoint("a")), Err(none));
        let idle = names(&server);
        transaction(&mut server, TransactionStmt::Begin).unwrap();
        transaction(&mut server, savepoint("a")).unwrap();
        let release = TransactionStmt::Release("b".into());
        let unknown = Error::NoSuchSavepoint("b".into());
        assert_eq!(transaction(&mut server, release), Err(unknown));
        assert_eq!(server.apply(&BEGIN), Err(Error::InFailedTransaction));
        assert_eq!(current(&server), "MessageContext");
        assert!(names(&server).contains(&"PortalContext".to_owned()), "the failed portal waits");
        transaction(&mut server, TransactionStmt::RollbackTo("a".into())).unwrap();
        apply(&mut server, &[BEGIN, SELECT, END]);
        assert!(transaction(&mut server, TransactionStmt::Release("b".into())).is_err());
        transaction(&mut server, TransactionStmt::Commit).unwrap();
        assert_eq!(names(&server), idle, "{version:?}");
    }
}

#[test]
fn postgresql_warns_of_a_transaction_that_is_there_or_is_not() {
    let mut server = connected(Version::V18);
    let mut warned = |statement| {
        transaction(&mut server, statement).unwrap();
        let events = server.events();
        events.iter().find_map(|event| match event {
            Event::Warned(warning) => Some(warning.to_string()),
            _ => None,
        })
    };
    let none = Some("there is no transaction in progress".to_owned());
    assert_eq!(warned(TransactionStmt::Rollback), none);
    assert_eq!(warned(TransactionStmt::Commit), none);
    assert_eq!(warned(TransactionStmt::Begin), None);
    let already = Some("there is already a transaction in progress".to_owned());
    assert_eq!(warned(TransactionStmt::Begin), already);
}

#[test]
fn spi_hangs_below_the_transaction_or_below_the_portal() {
    let mut server = connected(Version::V18);
    apply(&mut server, &[BEGIN, SELECT, SPI]);
    assert_eq!(current(&server), "SPI Proc");
    assert_eq!(parent(&server, "SPI Proc"), "TopTransactionContext");
    assert_eq!(parent(&server, "SPI Exec"), "TopTransactionContext");
    apply(&mut server, &[SPI_END, END, BEGIN, DO]);
    assert_eq!(current(&server), "PortalContext");
    apply(&mut server, &[SPI]);
    assert_eq!(parent(&server, "SPI Proc"), "PortalContext");
    assert_eq!(parent(&server, "SPI Exec"), "SPI Proc");
    apply(&mut server, &[SPI_END, END]);
    transaction(&mut server, TransactionStmt::Begin).unwrap();
    apply(&mut server, &[BEGIN, DO, SPI]);
    assert_eq!(parent(&server, "SPI Proc"), "TopTransactionContext");
}

#[test]
fn what_runs_cannot_be_deleted_under_it() {
    let mut server = connected(Version::V18);
    apply(&mut server, &[BEGIN, SELECT, TUPLE, SPI]);
    use ContextSlot as C;
    let in_use =
        [C::PORTAL, C::EXECUTOR_STATE, C::EXPR, C::SPI_PROC, C::SPI_EXEC, C::TOP_TRANSACTION];
    for context in in_use {
        let result = server.apply(&Op::Delete { backend: ALICE, context });
        assert!(matches!(result, Err(Error::ContextInUse(_))), "{context:?} {result:?}");
    }
    for context in [C::PORTAL, C::EXECUTOR_STATE] {
        let result = server.apply(&Op::Reset { backend: ALICE, context });
        assert!(matches!(result, Err(Error::ContextInUse(_))), "{context:?} {result:?}");
    }
    for context in [C::PORTAL, C::TOP_PORTAL] {
        let result = server.apply(&Op::ResetOnly { backend: ALICE, context });
        assert!(matches!(result, Err(Error::ContextInUse(_))), "{context:?} {result:?}");
    }
    assert!(transaction(&mut server, TransactionStmt::Commit).is_err(), "within a statement");
    apply(&mut server, &[SPI_END, TUPLE_END, END]);
}

#[test]
fn a_context_made_under_the_message_goes_with_it() {
    let mut server = connected(Version::V18);
    let context = ContextSlot::FIRST_USER;
    let allocator = Allocator::ALLOCSET_DEFAULT;
    let create =
        Op::CreateContext { backend: ALICE, context, parent: None, name: "W".into(), allocator };
    apply(&mut server, &[create, Op::SwitchTo { backend: ALICE, context }]);
    transaction(&mut server, TransactionStmt::Begin).unwrap();
    assert_eq!(server.backend(ALICE).unwrap().context(context), None);
    assert_eq!(current(&server), "MessageContext");
}

fn slot() -> impl Strategy<Value = ContextSlot> {
    let own = (0..4u32).prop_map(|number| ContextSlot(ContextSlot::FIRST_USER.0 + number));
    let known = select(ContextSlot::WELL_KNOWN.map(|(_, slot)| slot).to_vec());
    prop_oneof![known, own]
}

fn statement() -> impl Strategy<Value = TransactionStmt> {
    let name = || select(vec!["a", "b"]).prop_map(Into::into);
    prop_oneof![
        3 => Just(TransactionStmt::Begin),
        1 => Just(TransactionStmt::Commit),
        1 => Just(TransactionStmt::Rollback),
        3 => name().prop_map(TransactionStmt::Savepoint),
        1 => name().prop_map(TransactionStmt::Release),
        1 => name().prop_map(TransactionStmt::RollbackTo),
    ]
}

/// What goes on in a session, in any order, with what a reader does to the contexts.
fn anything() -> impl Strategy<Value = Op> {
    let backend = ALICE;
    let allocator = Allocator::ALLOCSET_SMALL;
    let frames = select(vec![
        BEGIN,
        SELECT,
        DO,
        END,
        TUPLE,
        TUPLE_END,
        SPI,
        SPI_END,
        Op::CallBegin { backend, function: "f".into() },
        Op::CallEnd { backend },
    ]);
    prop_oneof![
        8 => frames,
        4 => statement().prop_map(move |statement| Op::Transaction { backend, statement }),
        2 => slot().prop_map(move |context| Op::SwitchTo { backend, context }),
        4 => (slot(), 0..9000u64).prop_map(move |(context, size)| {
            Op::Palloc { backend, context: Some(context), size, zero: false, chunk: None }
        }),
        2 => (0..4u32, slot()).prop_map(move |(number, parent)| Op::CreateContext {
            backend,
            context: ContextSlot(ContextSlot::FIRST_USER.0 + number),
            parent: Some(parent),
            name: "W".into(),
            allocator,
        }),
        1 => slot().prop_map(move |context| Op::Reset { backend, context }),
        1 => slot().prop_map(move |context| Op::ResetOnly { backend, context }),
        1 => slot().prop_map(move |context| Op::ResetChildren { backend, context }),
        1 => slot().prop_map(move |context| Op::Delete { backend, context }),
        1 => slot().prop_map(move |context| Op::DeleteChildren { backend, context }),
        1 => (slot(), slot()).prop_map(move |(context, parent)| {
            Op::SetParent { backend, context, parent }
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_is_done_the_current_context_is_in_the_tree(
        ops in proptest::collection::vec(anything(), 0..120),
        version in select(Version::OFFERED.to_vec()),
    ) {
        let mut server = connected(version);
        for op in &ops {
            let _ = server.apply(op);
            let rows = rows(&server);
            prop_assert_eq!(rows.iter().filter(|row| row.current).count(), 1, "{:?}", op);
            prop_assert!(rows.iter().all(|row| row.free_bytes < row.total_bytes), "{:?}", op);
            for (name, slot) in ContextSlot::WELL_KNOWN {
                if let Some(addr) = server.backend(ALICE).unwrap().context(slot) {
                    let row = rows.iter().find(|row| row.addr == addr);
                    prop_assert!(row.is_some(), "{} is not in the tree after {:?}", name, op);
                }
            }
        }
    }
}
