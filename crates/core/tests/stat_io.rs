//! `pg_stat_io`: which rows there are, and where their cells are null.

#![allow(clippy::unwrap_used)]

use pgscope_core::Server;
use pgscope_core::profile::Version;
use pgscope_core::server::Settings;
use pgscope_core::views::{View, view_cell, view_rows};

fn start(version: Version) -> Server {
    Server::start(version, Settings::with_shared_buffers(16), 1).unwrap()
}

/// Rows of a kind of process: object and context.
fn rows(server: &Server, process: &str) -> Vec<String> {
    let rows = view_rows(server, None, View::StatIo, usize::MAX);
    let own = rows.into_iter().filter(|row| row[0] == process);
    own.map(|row| format!("{} {}", row[1], row[2])).collect()
}

/// Which of these columns are not null.
fn tracked(server: &Server, keys: [&str; 3]) -> Vec<&'static str> {
    let columns =
        ["reads", "writes", "writebacks", "extends", "hits", "evictions", "reuses", "fsyncs"];
    let cell = |column| view_cell(server, View::StatIo, &keys, column).unwrap();
    columns.into_iter().filter(|column| !cell(column).is_empty()).collect()
}

#[test]
fn every_kind_of_process_has_its_rows() {
    for (version, count) in [(Version::V15, 0), (Version::V17, 35), (Version::V18, 79)] {
        assert_eq!(view_rows(&start(version), None, View::StatIo, usize::MAX).len(), count);
    }
    let [server, newer] = [Version::V17, Version::V18].map(start);
    let rings = ["relation bulkread", "relation bulkwrite"];
    let normal = ["relation normal", "relation vacuum", "temp relation normal"];
    assert_eq!(rows(&server, "client backend"), [&rings[..], &normal].concat());
    assert_eq!(rows(&server, "autovacuum launcher"), ["relation bulkread", "relation normal"]);
    assert_eq!(rows(&server, "checkpointer"), ["relation normal"]);
    assert_eq!(rows(&server, "walwriter"), [""; 0]);
    let wal = ["wal init", "wal normal"];
    assert_eq!(
        rows(&newer, "client backend"),
        [&rings, &["relation init"][..], &normal, &wal].concat()
    );
    assert_eq!(
        rows(&newer, "background writer"),
        [&["relation init", "relation normal"], &wal[..]].concat()
    );
    assert_eq!(rows(&newer, "walsummarizer"), wal);
}

#[test]
fn what_a_process_never_does_is_null() {
    let server = start(Version::V18);
    let of = |process, object, context| tracked(&server, [process, object, context]);
    assert_eq!(of("checkpointer", "relation", "normal"), ["writes", "writebacks", "fsyncs"]);
    assert_eq!(of("checkpointer", "wal", "normal"), ["reads", "writes", "fsyncs"]);
    assert_eq!(of("walwriter", "wal", "normal"), ["writes", "fsyncs"]);
    assert_eq!(of("walsummarizer", "wal", "init"), ["writes", "fsyncs"]);
    assert_eq!(of("walsummarizer", "wal", "normal"), ["reads", "writes", "fsyncs"]);
    assert_eq!(
        of("client backend", "temp relation", "normal"),
        ["reads", "writes", "extends", "hits", "evictions"]
    );
    assert_eq!(
        of("client backend", "relation", "bulkread"),
        ["reads", "writes", "writebacks", "hits", "evictions", "reuses"]
    );
    assert_eq!(
        of("startup", "relation", "vacuum"),
        ["reads", "writes", "writebacks", "extends", "hits", "evictions", "reuses"]
    );
}
