//! Histories walked both ways, and their bounds.

use super::*;
use crate::compile;

const TEXT: &str = "\
server 18 shared_buffers=128kB seed=3
table orders pages=60
backend alice
alice: read orders 0..15
alice: update orders 3..5
alice: create context Work
repeat 40 { alice: read orders zipf(0.9)
alice: palloc 700 in Work }
checkpoint
alice: reset Work
expect hits > 1
";

fn history(text: &str) -> History {
    let program = compile(text).unwrap_or_else(|errors| panic!("{errors:?}"));
    History::new(Rc::new(program)).unwrap()
}

/// Everything of the machine that a reader could see, in bytes and numbers.
fn state(history: &History) -> (Vec<u64>, Vec<u8>, Totals) {
    let server = history.server();
    let mut numbers = vec![
        server.pool().strategy().hand().into(),
        server.pool().strategy().passes().into(),
        server.pool().wal.flushed(),
    ];
    let mut bytes = Vec::new();
    for region in server.regions() {
        numbers.push(region.size);
        let mut part = vec![0; (region.size as usize).min(1 << 20)];
        server.peek(region.addr, &mut part);
        bytes.extend(part);
    }
    (numbers, bytes, history.totals())
}

#[test]
fn back_and_forward_by_events_is_the_same_history() {
    let mut history = history(TEXT);
    let mut forward = vec![(history.position(), state(&history))];
    while history.step_event() {
        forward.push((history.position(), state(&history)));
    }
    assert!(history.at_end() && history.failures().is_empty());
    for expected in forward.iter().rev().skip(1) {
        assert!(history.back_event());
        assert_eq!(history.position(), expected.0);
        assert!(state(&history) == expected.1, "back at {:?}", expected.0);
    }
    assert!(!history.back_event());
    for expected in forward.iter().step_by(7).rev().chain(forward.iter().step_by(11)) {
        history.seek(expected.0);
        assert_eq!(history.position(), expected.0);
        assert!(state(&history) == expected.1, "sought {:?}", expected.0);
    }
}

/// Statements that keep something from one step to the next, also where they fail.
const BULK: &str = "\
table t pages=30
index i on t
backend a
backend b
a: temp table l pages=4
a: seqscan t
b: read t 0 hold as p
a: vacuum t
b: copy t pages=9
a: insert t times 3
b: seqscan t
a: bitmapscan t 3..5, 9
a: indexscan i uniform times 3 update
a: seqscan l
b: seqscan l
a: create table c as pages=5
a: ring r bulkread
a: read t 0..5 ring r
a: truncate t to 7
a: drop l
";

/// Everything about buffers: what each holds, who has it pinned, and what was counted.
fn buffers(history: &History) -> String {
    let server = history.server();
    let descs = server.pool().descs().filter(|(_, desc)| desc.state() != 0);
    let descs: Vec<_> = descs.collect();
    let backends = server.backends().map(|(_, backend)| {
        let local = backend.buffers.temp.buffers().filter(|(_, desc, _)| desc.state() != 0);
        let local: Vec<_> = local.collect();
        format!("{:?} {local:?} {:?}", backend.buffers.pins, backend.access.page())
    });
    let backends: Vec<_> = backends.collect();
    let strategy = server.pool().strategy();
    format!("{strategy:?} {descs:?} {backends:?} {:?}", history.totals())
}

#[test]
fn scans_and_their_like_are_walked_both_ways() {
    for server in ["15 shared_buffers=128kB", "17 shared_buffers=4MB", "18 shared_buffers=16MB"] {
        let mut history = history(&format!("server {server}\n{BULK}"));
        let mut forward = vec![(history.position(), buffers(&history))];
        while history.step_event() {
            forward.push((history.position(), buffers(&history)));
        }
        assert!(history.at_end());
        for expected in forward.iter().rev().step_by(3).chain(forward.iter().step_by(13)) {
            history.seek(expected.0);
            assert!(buffers(&history) == expected.1, "sought {:?}", expected.0);
        }
    }
}

#[test]
fn a_long_history_keeps_few_snapshots() {
    let text = "table t pages=100\nbackend a\nrepeat 50000 { a: read t uniform }";
    let mut history = history(text);
    assert!(!history.run_slice(1000));
    assert!(history.run_slice(u64::MAX));
    assert!(history.snapshots.all().len() <= snapshots::SNAPSHOTS);
    assert_eq!(history.marks().len() as u64, history.len());
    let end = state(&history);
    history.seek(Position { op: 20_000, event: 1 });
    assert_eq!(history.position(), Position { op: 20_000, event: 1 });
    history.seek(Position { op: u64::MAX, event: 9 });
    assert!(state(&history) == end);
}

#[test]
fn reads_that_go_together_end_where_they_end_alone() {
    let mut text = String::from(
        "server 18 shared_buffers=128kB\ntable t pages=40\ntable s pages=40\nbackend a\n\
             backend b\nrepeat 3000 { a: read t zipf(0.9) }\na: update s 0..9\n\
             repeat 500 { b: read t uniform\na: read s uniform }\n",
    );
    // Reads fail while every buffer is pinned.
    (0..16).for_each(|pin| text += &format!("b: read s {pin} hold as p{pin}\n"));
    text += "repeat 100 { a: read t uniform }\n";
    (0..16).for_each(|pin| text += &format!("b: unpin p{pin}\n"));
    text += "repeat 300 { a: read t uniform }";
    let text = &text;
    let mut alone = history(text);
    alone.run_slice(u64::MAX);
    assert!(alone.marks().iter().filter(|mark| **mark == Mark::Error).count() > 50);
    let mut together = history(text);
    together.run_slice(u64::MAX);
    for op in [2900, 3400, 17, 1024, 4080, alone.len()] {
        let mut alone = history(text);
        alone.run_slice(op);
        together.seek(Position { op, event: 0 });
        assert!(state(&together) == state(&alone), "at {op}");
        assert_eq!(together.error(), alone.error());
    }
}

#[test]
fn memory_without_end_is_refused_in_time() {
    let mut history = history("backend a\nrepeat 30000 { a: palloc 8000 }");
    history.run_slice(u64::MAX);
    assert!(matches!(history.error(), Some(Error::Limit { .. })), "{:?}", history.error());
    let largest = history.snapshots.all().map(|point| point.server.arena().resident()).max();
    assert!(largest.is_some_and(|bytes| bytes < 80 << 20));
    assert!(history.snapshots.all().len() <= 8);
}

#[test]
fn writing_without_end_is_refused_in_time() {
    let text = "table t pages=16000000\nbackend a\nrepeat 700 { a: hint t uniform times 1000 }";
    let mut history = history(text);
    history.run_slice(u64::MAX);
    let error = history.error();
    assert!(matches!(error, Some(Error::Limit { limit: 524_288, .. })), "{error:?}");
    assert!(history.snapshots.all().len() <= 8);
}

#[test]
fn a_wide_family_is_reset_in_time() {
    // The current context lies deep, outside of what is reset: it is looked for once.
    let mut history = history(
        "backend a\na: create context Wide small\na: create context Deep small\n\
             a: repeat 20000 { create context Child in Wide small }\na: switch to Deep\n\
             a: repeat 20000 { create context Deep small; switch to Deep }\n\
             a: reset Wide\nexpect used(a, Wide) < 1kB",
    );
    history.run_slice(u64::MAX);
    assert!(history.failures().is_empty(), "{:?}", history.failures());
    assert_eq!(history.error(), None);
}

#[test]
fn an_error_is_part_of_the_history() {
    let text = "table t pages=40\nbackend a\na: read t 0 hold as p\na: unpin p\na: unpin p\n\
                    expect error \"bad buffer ID: 0\"\na: read t 1";
    let mut history = history(text);
    history.seek(Position { op: 5, event: 0 });
    assert_eq!(history.error(), Some(&Error::BadBufferId(0)));
    assert!(history.run_slice(10));
    assert!(history.failures().is_empty());
    assert_eq!(history.marks()[4], Mark::Error);
    assert_eq!(history.marks()[6], Mark::Miss);
}

/// Reads that nobody looks at are run without events: to the same machine, marks and errors.
#[test]
fn a_run_comes_to_what_steps_come_to() {
    let each = |pins: fn(u32) -> String| (0..16).map(pins).collect::<String>();
    let text = format!(
        "server 15 shared_buffers=128kB seed=5\ntable t pages=60\nbackend a\nbackend b\n\
         {}a: read t 16..30\nb: read t 16..30\n{}\
         repeat 300 {{ a: read t zipf(0.9)\nb: update t 3\nb: read t zipf(0.5) times 9 }}\n\
         expect hits > 1\n",
        each(|pin| format!("a: read t {pin} hold as p{pin}\n")),
        each(|pin| format!("a: unpin p{pin}\n"))
    );
    let (mut stepped, mut run) = (history(&text), history(&text));
    while stepped.step_op() {}
    assert!(stepped.marks().contains(&Mark::Error), "no read fails");
    run.run_slice(7);
    while !run.run_slice(400) {}
    assert_eq!(state(&stepped), state(&run));
    assert_eq!(stepped.marks(), run.marks());
    assert_eq!(stepped.events(), run.events());
    assert_eq!(stepped.failures(), run.failures());
    for op in [6, 23, 700, 1500, 2999] {
        stepped.seek(Position { op, event: 0 });
        run.seek(Position { op, event: 0 });
        assert_eq!(state(&stepped), state(&run), "{op}");
        assert_eq!((stepped.events(), stepped.error()), (run.events(), run.error()), "{op}");
    }
}

/// What is shown behind many steps that are no operations: the last operation's events.
#[test]
fn the_last_operation_is_shown_however_long_ago_it_was() {
    let mut history = history(
        "table t pages=9\nbackend a\nnote \"a\"\na: read t 1\n\
         repeat 3 { repeat 100 { expect hits >= 0 }\nnote \"b\" }\nnote \"c\"\na: read t 2",
    );
    let mut forward = Vec::new();
    while history.step_op() {
        forward.push((history.position(), history.events().to_vec()));
    }
    for (position, events) in forward.iter().rev().skip(1) {
        assert!(history.back_op());
        assert_eq!(history.position(), *position);
        assert_eq!(history.events(), events, "at {position:?}");
    }
    for (position, events) in forward.iter().rev().step_by(17).chain(forward.iter().step_by(13)) {
        history.seek(*position);
        assert_eq!(history.events(), events, "at {position:?}");
    }
}

/// Who goes back step by step executes few steps each time, however far the snapshot is.
#[test]
fn a_row_of_steps_back_shares_one_way() {
    let text = "table t pages=100\nbackend a\nrepeat 200 { a: update t uniform\na: palloc 9 }";
    let mut history = history(text);
    let mut forward = vec![state(&history)];
    while history.step_op() {
        forward.push(state(&history));
    }
    history.snapshots.all_but_the_first_go();
    for (op, expected) in forward.iter().enumerate().rev().skip(1).take(150) {
        assert!(history.back_op());
        assert_eq!(history.position().op, op as u64);
        assert!(state(&history) == *expected, "at {op}");
        let from = history.snapshots.last_on_the_way();
        assert!(from.is_some_and(|from| op as u64 - from <= 16), "at {op}: {from:?}");
    }
}
