//! What a server says about its memory contexts: rows, statistics and log lines in the shape of
//! each version, as recorded from real servers, and what they cost next to malloc and free.
//!
//! Only where plain contexts are AllocSets, as in real servers.

#![cfg(not(any(
    feature = "default-slab",
    feature = "default-generation",
    feature = "default-bump"
)))]
#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

use pgscope_core::ids::{BackendId, ChunkSlot, ContextSlot};
use pgscope_core::mmgr::StatsForm;
use pgscope_core::op::Allocator;
use pgscope_core::profile::Version;
use pgscope_core::server::Settings;
use pgscope_core::views::{self, BackendMemoryContext, Ledger};
use pgscope_core::{Op, Server};

const BACKEND: BackendId = BackendId(0);
const WORK: ContextSlot = ContextSlot::FIRST_USER;
const INNER: ContextSlot = ContextSlot(WORK.0 + 1);

fn server(version: Version) -> Server {
    let mut server = Server::start(version, Settings::default(), 1).unwrap();
    server.apply(&Op::Connect { backend: BACKEND, name: "alice".into() }).unwrap();
    server
}

fn create(server: &mut Server, context: ContextSlot, parent: ContextSlot, name: &str) {
    let (name, allocator) = (name.into(), Allocator::ALLOCSET_SMALL);
    let parent = Some(parent);
    let op = Op::CreateContext { backend: BACKEND, context, parent, name, allocator };
    server.apply(&op).unwrap();
}

fn identify(server: &mut Server, context: ContextSlot, ident: &str) {
    let ident = ident.into();
    server.apply(&Op::SetIdentifier { backend: BACKEND, context, ident }).unwrap();
}

fn fields(server: &Server, name: &str) -> Vec<String> {
    let rows = views::pg_backend_memory_contexts(server, BACKEND, 100);
    let row = rows.iter().find(|row| row.name == name).unwrap();
    row.fields(server.profile())
}

/// A family, with the first child of the top context deeper than the second.
fn family(version: Version) -> Server {
    let mut server = server(version);
    create(&mut server, WORK, ContextSlot::MESSAGE, "Work");
    create(&mut server, INNER, WORK, "Inner");
    server
}

#[test]
fn a_row_has_the_fields_of_its_version() {
    // An ErrorContext that nothing was allocated in.
    let server_15 = server(Version::V15);
    let wanted = ["ErrorContext", "", "TopMemoryContext", "1", "8192", "1", "7928", "0", "264"];
    assert_eq!(fields(&server_15, "ErrorContext"), wanted);
    let server_17 = server(Version::V17);
    let wanted = ["ErrorContext", "", "TopMemoryContext", "1", "8192", "1", "7952", "0", "240"];
    assert_eq!(fields(&server_17, "ErrorContext"), wanted);
    for version in Version::ALL {
        let server = server(version);
        let columns = views::memory_context_columns(server.profile());
        assert_eq!(columns.len(), fields(&server, "TopMemoryContext").len());
        assert_eq!(columns.contains(&"path"), !columns.contains(&"parent"));
    }
    let server_18 = server(Version::V18);
    let found = fields(&server_18, "ErrorContext");
    assert_eq!(found[..4], ["ErrorContext", "", "AllocSet", "2"]);
    assert_eq!(found[5..], ["8192", "1", "7952", "0", "240"]);
}

#[test]
fn rows_come_in_the_order_of_the_version() {
    let names =
        |rows: &[BackendMemoryContext]| rows.iter().map(|row| row.name.clone()).collect::<Vec<_>>();
    for version in [Version::V15, Version::V17] {
        let rows = views::pg_backend_memory_contexts(&family(version), BACKEND, 100);
        let at = names(&rows).iter().position(|name| name == "MessageContext").unwrap();
        let levels: Vec<u32> = rows[at..at + 3].iter().map(|row| row.level).collect();
        assert_eq!(names(&rows[at..at + 3]), ["MessageContext", "Work", "Inner"]);
        assert_eq!(levels, [1, 2, 3]);
        assert_eq!(rows[at + 2].parent.as_deref(), Some("Work"));
    }
    for version in [Version::V18, Version::V19] {
        let rows = views::pg_backend_memory_contexts(&family(version), BACKEND, 100);
        assert!(rows.is_sorted_by_key(|row| row.level));
        // Each row's path ends with its number, and the rest is its parent's path.
        for (row, number) in rows.iter().zip(1..) {
            let (last, above) = row.path.split_last().unwrap();
            assert_eq!((*last, row.path.len()), (number, row.level as usize));
            if let Some(parent) = above.last() {
                assert_eq!(rows[*parent as usize - 1].path, above);
            }
        }
    }
}

#[test]
fn long_identifiers_are_cut_where_the_server_cuts_them() {
    let mut server = server(Version::V18);
    create(&mut server, WORK, ContextSlot::TOP, "Work");
    create(&mut server, INNER, ContextSlot::TOP, "dynahash");
    identify(&mut server, WORK, &format!("{}\n{}", "é".repeat(49), "é".repeat(500)));
    identify(&mut server, INNER, "Portal hash");
    // 49 letters of two bytes, the line's end, and as many letters as fit into 1023 bytes.
    let ident = fields(&server, "Work").swap_remove(1);
    assert_eq!((ident.len(), ident.contains('\n')), (1023, true));
    assert_eq!(fields(&server, "Portal hash")[1], "");
    let stats = |slot| {
        let context = server.backend(BACKEND).unwrap().context(slot).unwrap();
        server.context_stats(context, (100, 100), StatsForm::Stderr)
    };
    let line = stats(WORK);
    let line = line.lines().next().unwrap();
    assert!(line.ends_with(&format!(": {} ...", "é".repeat(49))), "{line}");
    assert!(stats(INNER).starts_with("Portal hash: "));
}

#[test]
fn the_log_says_levels_as_its_version_counts_them() {
    for (version, first) in [(Version::V15, 0), (Version::V17, 0), (Version::V18, 1)] {
        let server = family(version);
        let top = server.backend(BACKEND).unwrap().memory.top;
        let log = server.context_stats(top, (100, 100), StatsForm::Log);
        let level = |name: &str| {
            let line = log.lines().find(|line| line.contains(&format!("; {name}: "))).unwrap();
            line.strip_prefix("level: ").unwrap().split(';').next().unwrap().parse::<u32>().unwrap()
        };
        assert_eq!((level("TopMemoryContext"), level("Inner")), (first, first + 3));
        assert!(log.lines().last().unwrap().starts_with("Grand total: "));
        let text = server.context_stats(top, (100, 100), StatsForm::Stderr);
        assert_eq!(text.lines().count(), log.lines().count());
        assert!(text.contains("\n      Inner: "));
    }
    // As 19rc1 logged it of a context that nothing was allocated in.
    let server = server(Version::V19);
    let top = server.backend(BACKEND).unwrap().memory.top;
    let log = server.context_stats(top, (100, 100), StatsForm::Log);
    let line = "level: 2; ErrorContext: 8192 total in 1 blocks; 7952 free (0 chunks); 240 used\n";
    assert!(log.contains(line), "{log}");
}

#[test]
fn more_children_than_a_hundred_are_summed_up() {
    for (version, level) in [(Version::V15, 1), (Version::V17, 1), (Version::V18, 2)] {
        let mut server = server(version);
        create(&mut server, WORK, ContextSlot::TOP, "Work");
        for _ in 0..103 {
            create(&mut server, INNER, WORK, "Inner");
        }
        let top = server.backend(BACKEND).unwrap().memory.top;
        let log = server.context_stats(top, (100, 100), StatsForm::Log);
        let start = format!("\nlevel: {level}; 3 more child contexts containing 3072 total in 3 ");
        assert!(log.contains(&start), "{log}");
        let text = server.context_stats(top, (100, 100), StatsForm::Stderr);
        assert!(text.contains("\n    3 more child contexts containing "), "{text}");
    }
}

#[test]
fn what_plain_malloc_would_cost_is_known_of_each_backend() {
    let mut server = server(Version::V18);
    let backend = BackendId(1);
    server.apply(&Op::Connect { backend, name: "bob".into() }).unwrap();
    let mut ledger = Ledger::new(&server, backend);
    let (context, chunk) = (None, ChunkSlot(0));
    let palloc = Op::Palloc { backend, context, size: 100, zero: false, chunk: Some(chunk) };
    for op in [palloc, Op::Pfree { backend, chunk }] {
        server.apply(&op).unwrap();
        ledger.note(&op, &server);
    }
    let plain = ledger.plain();
    assert_eq!((plain.mallocs, plain.frees, plain.obtained), (1, 1, 0));
}

#[test]
fn a_reset_stands_for_a_free_of_each_chunk() {
    let mut server = server(Version::V18);
    let mut ledger = Ledger::new(&server, BACKEND);
    let (backend, context) = (BACKEND, Some(ContextSlot::TOP));
    let mut apply = |op: Op| {
        server.apply(&op).unwrap();
        ledger.note(&op, &server);
    };
    for number in 0..10 {
        let chunk = Some(ChunkSlot(number));
        apply(Op::Palloc { backend, context, size: 100, zero: false, chunk });
    }
    apply(Op::Repalloc { backend, chunk: ChunkSlot(3), size: 5000 });
    apply(Op::Pfree { backend, chunk: ChunkSlot(3) });
    apply(Op::ResetOnly { backend, context: ContextSlot::TOP });
    assert_eq!((ledger.requests(), ledger.asked()), (10, 0));
    let (with, without) = (ledger.contexts(), ledger.plain());
    assert_eq!((with.returns, with.mallocs), (2, 1));
    // The realloc finds no room behind the chunk: it is a malloc and a free too.
    assert_eq!((without.mallocs, without.frees, without.returns), (11, 11, 11));
    assert_eq!(without.obtained, 0);
}
