//! Sessions that wait for each other, as a reader of PostgreSQL's manual would expect it; and
//! random statements, which never make the model panic or leave locks behind.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use pgscope_core::profile::Version;
use pgscope_statements::{Database, Outcome, Schedule, SessionId, Settings};
use proptest::prelude::*;

fn database<const N: usize>(version: Version) -> (Database, [SessionId; N]) {
    let settings = Settings {
        max_locks_per_transaction: 64,
        processes: 50,
        free_shared_memory: 0,
        oids: BTreeMap::new(),
        schedule: Schedule::First,
    };
    let mut database = Database::new(version, settings);
    let setup = [
        "CREATE TABLE t(id int PRIMARY KEY, v int)",
        "CREATE TABLE u(id int PRIMARY KEY, t_id int REFERENCES t(id))",
        "INSERT INTO t SELECT i, 0 FROM generate_series(1, 5) i",
    ];
    database.set_up(&setup.map(str::to_owned)).unwrap();
    let sessions = std::array::from_fn(|number| database.connect(["A", "B", "C", "D"][number]));
    (database, sessions)
}

fn ok(database: &mut Database, sid: SessionId, sql: &str) -> String {
    match database.execute(sid, sql) {
        Outcome::Ok { tag, .. } => tag,
        other => panic!("{sql}: {other:?}"),
    }
}

fn waits(database: &mut Database, sid: SessionId, sql: &str) {
    assert_eq!(database.execute(sid, sql), Outcome::Waiting, "{sql}");
}

fn error(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Error(error) => error.sqlstate,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_second_update_waits_and_looks_at_the_row_again() {
    let (mut db, [a, b]) = database(Version::V18);
    ok(&mut db, a, "BEGIN");
    ok(&mut db, a, "UPDATE t SET v = v + 1 WHERE id = 1");
    waits(&mut db, b, "UPDATE t SET v = v + 1 WHERE id = 1 AND v < 1");
    assert_eq!(db.waits(), [("B".into(), "transactionid", vec!["A".into()])]);
    ok(&mut db, a, "COMMIT");
    let finished = db.take_finished();
    assert!(
        matches!(&finished[..], [(sid, Outcome::Ok { tag, .. })] if *sid == b && tag == "UPDATE 0")
    );
    assert!(db.locks().is_empty());
}

#[test]
fn with_one_snapshot_a_concurrent_update_is_an_error() {
    let (mut db, [a, b]) = database(Version::V17);
    ok(&mut db, a, "BEGIN");
    ok(&mut db, a, "DELETE FROM t WHERE id = 2");
    ok(&mut db, b, "BEGIN ISOLATION LEVEL REPEATABLE READ");
    waits(&mut db, b, "UPDATE t SET v = 1 WHERE id = 2");
    ok(&mut db, a, "COMMIT");
    assert_eq!(error(&db.take_finished()[0].1), "40001");
    assert!(db.locks().is_empty(), "a failed transaction holds nothing");
    assert_eq!(error(&db.execute(b, "SELECT 1")), "25P02");
    assert_eq!(ok(&mut db, b, "COMMIT"), "ROLLBACK");
}

#[test]
fn skip_locked_takes_the_next_row() {
    let (mut db, [a, b]) = database(Version::V19);
    ok(&mut db, a, "BEGIN");
    ok(&mut db, a, "SELECT id FROM t ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED");
    let outcome = db.execute(b, "SELECT id FROM t ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED");
    let Outcome::Ok { rows: Some(rows), .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(rows, [[Some("2".to_owned())]]);
}

#[test]
fn three_in_a_circle_and_the_last_one_dies() {
    let (mut db, [a, b, c]) = database(Version::V15);
    for (sid, row) in [(a, 1), (b, 2), (c, 3)] {
        ok(&mut db, sid, "SET deadlock_timeout = '30s'");
        ok(&mut db, sid, "BEGIN");
        ok(&mut db, sid, &format!("UPDATE t SET v = 1 WHERE id = {row}"));
    }
    ok(&mut db, c, "SET deadlock_timeout = '100ms'");
    for (sid, row) in [(a, 2), (b, 3), (c, 1)] {
        waits(&mut db, sid, &format!("UPDATE t SET v = 2 WHERE id = {row}"));
    }
    db.wait_for_end(5000);
    let finished = db.take_finished();
    let dead: Vec<_> = finished.iter().filter(|(_, it)| matches!(it, Outcome::Error(_))).collect();
    assert_eq!((dead.len(), dead[0].0, error(&dead[0].1)), (1, c, "40P01"));
    let Outcome::Error(report) = &dead[0].1 else { panic!() };
    assert_eq!(report.detail.as_ref().unwrap().lines().count(), 3);
    assert_eq!(report.context.as_deref(), Some("while updating tuple (0,1) in relation \"t\""));
}

#[test]
fn a_child_keeps_its_parent_from_being_deleted() {
    let (mut db, [a, b]) = database(Version::V18);
    ok(&mut db, a, "BEGIN");
    ok(&mut db, a, "INSERT INTO u VALUES (1, 1)");
    ok(&mut db, b, "UPDATE t SET v = 7 WHERE id = 1");
    waits(&mut db, b, "DELETE FROM t WHERE id = 1");
    ok(&mut db, a, "COMMIT");
    assert_eq!(error(&db.take_finished()[0].1), "23503");
    assert_eq!(error(&db.execute(b, "INSERT INTO u VALUES (2, 99)")), "23503");
}

#[test]
fn what_a_savepoint_took_goes_with_it() {
    let (mut db, [a, b]) = database(Version::V18);
    for sql in ["BEGIN", "SAVEPOINT one", "LOCK TABLE t IN SHARE MODE", "SAVEPOINT two"] {
        ok(&mut db, a, sql);
    }
    ok(&mut db, a, "LOCK TABLE u IN SHARE MODE");
    waits(&mut db, b, "DELETE FROM u");
    ok(&mut db, a, "ROLLBACK TO two");
    assert_eq!(db.take_finished().len(), 1);
    waits(&mut db, b, "UPDATE t SET v = 1");
    assert_eq!(error(&db.cancel(b).unwrap()), "57014");
    assert_eq!(error(&db.execute(a, "ROLLBACK TO three")), "3B001");
}

#[test]
fn a_clone_is_a_snapshot() {
    let (mut db, [a, b]) = database(Version::V18);
    ok(&mut db, a, "BEGIN");
    ok(&mut db, a, "LOCK TABLE t");
    let mut before = db.clone();
    waits(&mut db, b, "SELECT count(*) FROM t");
    ok(&mut before, a, "COMMIT");
    ok(&mut before, b, "SELECT count(*) FROM t");
    assert_eq!(db.waits().len(), 1);
}

/// Statements of every kind, as a client may send them in any order.
const STATEMENTS: [&str; 40] = [
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT s",
    "ROLLBACK TO s",
    "RELEASE s",
    "BEGIN ISOLATION LEVEL REPEATABLE READ",
    "LOCK TABLE t IN ACCESS SHARE MODE",
    "LOCK TABLE t IN SHARE MODE",
    "LOCK TABLE u NOWAIT",
    "LOCK TABLE t, u IN ROW EXCLUSIVE MODE",
    "SELECT count(*) FROM t",
    "SELECT * FROM t WHERE id = 1 FOR UPDATE",
    "SELECT * FROM t WHERE id = 1 FOR KEY SHARE",
    "SELECT * FROM t FOR SHARE SKIP LOCKED",
    "SELECT id FROM t WHERE id = 2 FOR NO KEY UPDATE NOWAIT",
    "UPDATE t SET v = v + 1 WHERE id = 1",
    "UPDATE t SET v = v + 1",
    "UPDATE t SET id = id + 10 WHERE id = 3",
    "DELETE FROM t WHERE id = 2",
    "DELETE FROM u",
    "INSERT INTO t VALUES (2, 0)",
    "INSERT INTO t VALUES (9, 0) ON CONFLICT DO NOTHING",
    "INSERT INTO u VALUES (1, 1)",
    "INSERT INTO u VALUES (1, 2)",
    "TRUNCATE u",
    "TRUNCATE t CASCADE",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_advisory_xact_lock(2)",
    "SELECT pg_try_advisory_lock_shared(1)",
    "SELECT pg_advisory_unlock(1)",
    "SELECT pg_advisory_unlock_all()",
    "CREATE INDEX ON t(v)",
    "CREATE INDEX CONCURRENTLY i ON t(v)",
    "ALTER TABLE t ADD COLUMN w text",
    "DROP TABLE u",
    "CREATE TABLE u(id int PRIMARY KEY, t_id int REFERENCES t(id))",
    "SELECT 1/0",
    "PREPARE TRANSACTION 'p'",
    "VACUUM t",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_is_left_when_everybody_is_gone(
        version in prop::sample::select(Version::OFFERED.to_vec()),
        steps in prop::collection::vec((0..4_usize, 0..STATEMENTS.len()), 1..80),
    ) {
        let (mut db, sessions) = database::<4>(version);
        for (session, statement) in steps {
            let outcome = db.execute(sessions[session], STATEMENTS[statement]);
            if let Outcome::Error(error) = &outcome
                && error.message.starts_with("the session is busy")
            {
                db.pass_time(400);
            }
            for (_, _, blockers) in db.waits() {
                prop_assert!(!blockers.is_empty(), "somebody waits for nobody");
            }
        }
        // Every circle is found once all timeouts have run out.
        db.pass_time(60_000);
        for sid in sessions {
            db.disconnect(sid);
        }
        let left = db.locks();
        prop_assert!(left.iter().all(|row| row.session == "prepared"), "{left:?}");
    }

    #[test]
    fn no_text_is_a_panic(text in "[a-z0-9 ,()*='\";:.<>-]{0,80}") {
        let (mut db, [a]) = database(Version::V18);
        db.execute(a, &text);
    }
}
