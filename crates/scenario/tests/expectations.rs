//! `expect` can be written for every number that a view shows, in every version, and it holds.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

use std::rc::Rc;

use pgscope_core::profile::Version;
use pgscope_core::views::{self, View};
use pgscope_scenario::table::is_number;
use pgscope_scenario::{History, compile};

/// Something in every view: rows that have the same keys, a number below zero, yes and no.
const TEXT: &str = "\
table orders pages=30
table items pages=4 unlogged
index by_id on orders
backend alice
backend bob superuser
alice: set work_mem = 100kB
alice: temp table own pages=3
alice: update own 0..2
alice: read orders 3 hold as p
alice: update orders 0..5
alice: indexscan by_id 7
bgwriter
checkpoint
alice: begin
alice: lock orders page 3 exclusive
alice: lock orders share
alice: advisory lock 4, 2
alice: assign xid
bob: begin
bob: advisory lock 99
bob: lock orders row exclusive
alice: create context Work in TopMemoryContext
alice: create context Work in Work small
alice: identify Work \"what for\"
";

fn run(text: &str) -> History {
    let program = compile(text).unwrap_or_else(|errors| panic!("{}", errors[0]));
    let mut history = History::new(Rc::new(program)).unwrap();
    history.run_slice(u64::MAX);
    history
}

/// The columns by which a view's rows are chosen.
fn keys(view: View) -> usize {
    match view {
        View::StatIo => 3,
        View::StatBgwriter | View::StatCheckpointer | View::BuffercacheSummary | View::Locks => 0,
        _ => 1,
    }
}

fn quoted(key: &str) -> String {
    format!("\"{}\"", key.replace('"', "\"\""))
}

/// An expectation for each number and each yes or no in a view, as alice sees it.
fn expectations(history: &History, view: View) -> Vec<String> {
    let server = history.server();
    let alice = history.program().names().find_backend("alice").unwrap();
    let columns = view.columns(server.profile());
    let rows = views::view_rows(server, Some(alice), view, usize::MAX);
    // Of the tables of buffers' counters the name is the third column.
    let first = if view == View::StatioUserTables { 2 } else { 0 };
    let chosen = first..first + keys(view);
    let mut lines = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let own = &row[chosen.clone()];
        let which = 1 + rows[..at].iter().filter(|it| it[chosen.clone()] == *own).count();
        let mut words: Vec<String> = own.iter().map(|key| quoted(key)).collect();
        if matches!(view, View::BackendMemoryContexts | View::Settings) {
            words.insert(0, "alice".to_owned());
        }
        if which > 1 {
            words.push(which.to_string());
        }
        for (cell, column) in row.iter().zip(columns) {
            let number = match cell.as_str() {
                "" => continue,
                "t" => "1",
                "f" => "0",
                cell if is_number(cell) => cell,
                _ => continue,
            };
            let words = [&words[..], &[(*column).to_owned()]].concat().join(", ");
            lines.push(format!("expect {}({words}) = {number}\n", view.name()));
        }
    }
    lines
}

#[test]
fn every_number_of_every_view_can_be_expected() {
    for version in Version::OFFERED {
        let text = format!("server {} shared_buffers=128kB\n{TEXT}", version.number());
        let history = run(&text);
        let (mut below_zero, mut later_rows) = (0, 0);
        for view in View::ALL {
            let lines = expectations(&history, view);
            let there = !view.columns(version.profile()).is_empty();
            assert_eq!(there, !lines.is_empty(), "{} in {}", view.name(), version.number());
            below_zero += lines.iter().filter(|line| line.contains("= -")).count();
            later_rows += lines.iter().filter(|line| line.contains(", 2, ")).count();
            for some in lines.chunks(1000) {
                let asked = run(&(text.clone() + &some.concat()));
                let failures: Vec<_> = asked.failures().iter().map(|it| &it.message).collect();
                assert!(failures.is_empty(), "{failures:#?}");
                // What is not so is told.
                let wrong = some[0].replace(" = ", " < ");
                assert_eq!(run(&(text.clone() + &wrong)).failures().len(), 1, "{wrong}");
            }
        }
        assert!(below_zero > 0 && later_rows > 0, "{below_zero}, {later_rows}");
    }
}

#[test]
fn what_is_not_there_is_said() {
    let failures = |line: &str| {
        let history = run(&format!("{TEXT}{line}"));
        history.failures().iter().map(|it| it.message.clone()).collect::<Vec<_>>()
    };
    let missing = "but there is no such row or column";
    for view in [
        "pg_locks(0, pid)",
        "pg_locks(99, pid)",
        "pg_locks(1, 1, pid)",
        "pg_locks(1, mode)",
        "pg_settings(bob, nothing, setting)",
        "pg_settings(carol, work_mem, setting)",
        "pg_backend_memory_contexts(alice, Nothing, level)",
        "pg_backend_memory_contexts(alice, level)",
        "pg_backend_memory_contexts(level)",
        "pg_buffercache(usagecount)",
        "pg_buffercache(17, 5000, usagecount)",
    ] {
        let expected = format!("expected {view} = -1, {missing}");
        assert_eq!(failures(&format!("expect {view} = -1")), [expected]);
    }
    assert_eq!(
        failures("expect pg_settings(alice, work_mem, setting) < -2.5"),
        ["expected pg_settings(alice, work_mem, setting) < -2.5, it is 100"]
    );
    assert!(failures("expect pg_settings(work_mem, setting) = 4096").is_empty());
}
