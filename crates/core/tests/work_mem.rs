//! What sorts, hash joins and hashed aggregates come to within `work_mem`, beside what EXPLAIN ANALYZE and
//! `trace_sort` of a PostgreSQL 15.20 said of the same rows.

use pgscope_core::event::{Event, SortMethod, WorkEvent};
use pgscope_core::ids::BackendId;
use pgscope_core::op::SessionOp;
use pgscope_core::profile::Version;
use pgscope_core::server::Settings;
use pgscope_core::{Op, Server};

const BACKEND: BackendId = BackendId(0);

/// A server of 15 with a query that runs.
fn querying() -> Server {
    let mut server = Server::start(Version::V15, Settings::default(), 0).expect("a server");
    let name = "a".into();
    for op in [
        Op::Connect { backend: BACKEND, name },
        Op::QueryBegin { backend: BACKEND },
        Op::QueryRun { backend: BACKEND, columns: Some(1) },
    ] {
        server.apply(&op).expect("a query");
    }
    server
}

/// The events of these operations about plans and nodes.
fn work(server: &mut Server, ops: impl IntoIterator<Item = SessionOp>) -> Vec<WorkEvent> {
    let mut found = Vec::new();
    for session in ops {
        server.apply(&Op::Session { backend: BACKEND, session }).expect("a node");
        found.extend(server.events().iter().filter_map(|event| match event {
            Event::Work(_, event) => Some(*event),
            _ => None,
        }));
    }
    found
}

/// Buckets, batches and kB of a hash table over `rows` integers.
fn hash(work_mem: u32, multiplier: f64, estimate: u32, rows: u32) -> (u64, u64, u64) {
    let begin = SessionOp::HashBegin {
        work_mem: Some(work_mem),
        multiplier: Some(multiplier),
        estimate,
        width: 4,
        length: 20,
    };
    let ops = [begin, SessionOp::HashInsert { rows }, SessionOp::HashBuilt];
    match work(&mut querying(), ops).last() {
        Some(&WorkEvent::HashDone { buckets, batches, peak_kb }) => (buckets, batches, peak_kb),
        other => panic!("the table is not done: {other:?}"),
    }
}

#[test]
fn hash_tables_are_sized_as_the_server_sized_them() {
    assert_eq!(hash(64, 1.0, 2000, 2000), (2048, 2, 51));
    assert_eq!(hash(64, 1.0, 5000, 5000), (2048, 8, 37));
    assert_eq!(hash(64, 1.0, 50_000, 50_000), (2048, 64, 45));
    assert_eq!(hash(4096, 2.0, 50_000, 50_000), (65_536, 1, 2270));
}

#[test]
fn batches_and_buckets_grow_where_the_planner_expected_less() {
    assert_eq!(hash(64, 1.0, 10, 5000), (2048, 4, 59));
    assert_eq!(hash(4096, 1.0, 10, 5000), (8192, 1, 240));
}

/// Groups, and kB, of `SELECT k, count(*) FROM generate_series(1, n) k GROUP BY k`, for which the
/// planner expects 200 groups.
fn aggregate(work_mem: u32, multiplier: f64, groups: u32) -> (u64, u64) {
    let begin = SessionOp::AggBegin {
        work_mem: Some(work_mem),
        multiplier: Some(multiplier),
        estimate: 200,
        width: 4,
        transitions: 1,
    };
    match work(&mut querying(), [begin, SessionOp::AggPut { groups }, SessionOp::AggFilled]).last()
    {
        Some(&WorkEvent::AggFilled { groups, peak_kb, .. }) => (groups, peak_kb),
        other => panic!("the aggregate is not done: {other:?}"),
    }
}

#[test]
fn aggregates_take_what_the_server_said() {
    assert_eq!(aggregate(4096, 8.0, 1000), (1000, 209));
    assert_eq!(aggregate(4096, 8.0, 2000), (2000, 385));
    assert_eq!(aggregate(4096, 8.0, 5000), (5000, 737));
    assert_eq!(aggregate(4096, 8.0, 20_000), (20_000, 2593));
    assert_eq!(aggregate(4096, 8.0, 100_000), (100_000, 14_113));
}

#[test]
fn an_aggregate_beyond_work_mem_takes_no_more_groups() {
    // EXPLAIN says 109 kB, of a later batch that has 8 kB more to read its file.
    assert_eq!(aggregate(64, 1.0, 2000).1, 109 - 8);
    assert_eq!(aggregate(64, 1.0, 2000).0, aggregate(64, 1.0, 20_000).0);
}

/// What a sort of 20,000 rows of three columns, each of 60 bytes as a tuple, comes to.
fn sort(work_mem: u32, bound: Option<u32>) -> Vec<WorkEvent> {
    let begin = SessionOp::SortBegin { work_mem: Some(work_mem), bound, datum: false, length: 60 };
    let ops = [begin, SessionOp::SortPut { rows: 20_000 }, SessionOp::SortPerform];
    work(&mut querying(), ops)
}

/// Its runs, and each merge pass's runs.
fn runs(events: &[WorkEvent]) -> (u32, Vec<u32>) {
    let spilled = events.iter().filter(|event| matches!(event, WorkEvent::SortSpilled { .. }));
    let passes = events.iter().filter_map(|event| match event {
        WorkEvent::SortPass { runs, .. } => Some(*runs),
        _ => None,
    });
    (spilled.count() as u32, passes.collect())
}

#[test]
fn a_sort_beyond_work_mem_has_the_servers_runs() {
    assert_eq!(runs(&sort(64, None)), (43, vec![43, 8, 2]));
    assert_eq!(runs(&sort(256, None)), (11, vec![11, 2]));
    assert_eq!(runs(&sort(1024, None)), (3, vec![3]));
}

#[test]
fn a_sort_within_work_mem_has_no_runs() {
    let events = sort(4096, None);
    assert_eq!(runs(&events), (0, Vec::new()));
    assert_eq!(events.last(), Some(&WorkEvent::SortDone { method: SortMethod::Quicksort }));
    let grown = events.iter().filter(|event| matches!(event, WorkEvent::SortGrew { .. }));
    assert_eq!(grown.count(), 5, "1024 slots become 32768");
}

#[test]
fn a_bounded_sort_keeps_what_is_wanted() {
    let events = sort(64, Some(20));
    assert!(events.contains(&WorkEvent::SortBounded { bound: 20 }));
    assert_eq!(events.last(), Some(&WorkEvent::SortDone { method: SortMethod::TopNHeapsort }));
}
