//! Random valid scenarios forward, back and forward again: what was undone and redone is the same.
//!
//! The proptests of `properties` shrink what they find but take long for each case; these are many.
//! `PGSCOPE_SCENARIOS=1000000 cargo test --release -p pgscope-scenario --test histories` runs a
//! million, a seed behind it (`PGSCOPE_SEED=7`) others.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

mod random;

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hash, Hasher};
use std::rc::Rc;

use foldhash::fast::FixedState;
use pgscope_core::views::{self, View};
use pgscope_scenario::{History, Mark, Position, STATEMENTS, compile, narrate};

use random::{BEGUN, Dice, scenario};

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// What a reader sees of the machine, as sums that tell where a difference is.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    pool: u64,
    sessions: u64,
    contexts: u64,
    story: u64,
    views: u64,
    bytes: u64,
}

fn sum(add: impl FnOnce(&mut foldhash::fast::FoldHasher<'_>)) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    add(&mut hasher);
    hasher.finish()
}

/// What is seen; with `all`, contexts, the story, rows of views, and all bytes of each region that
/// fit in 64 kB too.
fn seen(history: &History, all: bool) -> Seen {
    let server = history.server();
    let pool = sum(|it| {
        let strategy = server.pool().strategy();
        (strategy.hand(), strategy.passes(), strategy.allocs()).hash(it);
        (server.pool().wal.flushed(), server.evictions(), history.events().len()).hash(it);
        let totals = history.totals();
        (totals.hits, totals.misses, totals.writes).hash(it);
        for row in views::buffers(server) {
            let tag = row.tag.map(|tag| (tag.rel.0, tag.block));
            (tag, row.usage_count, row.pins, row.dirty).hash(it);
        }
    });
    let sessions = sum(|it| {
        (history.error().map(ToString::to_string), history.was_skipped()).hash(it);
        for (_, backend) in server.backends() {
            backend.waits_for().map(|it| format!("{it:?}")).hash(it);
            (backend.transaction_id(), backend.is_in_transaction()).hash(it);
        }
        server.regions().iter().for_each(|region| (region.addr.0, region.size).hash(it));
    });
    if !all {
        return Seen { pool, sessions, ..Seen::default() };
    }
    let contexts = sum(|it| {
        let ids = server.backends().map(|(id, _)| id);
        ids.for_each(|id| format!("{:?}", views::contexts(server, id)).hash(it));
    });
    let story = sum(|it| narrate(history).text().hash(it));
    let views = sum(|it| {
        for view in [View::Locks, View::LockTables, View::Processes, View::StatIo] {
            views::view_rows(server, None, view, 1000).hash(it);
        }
    });
    let bytes = sum(|it| {
        let mut part = vec![0; 64 << 10];
        for region in server.regions() {
            let part = &mut part[..region.size.min(64 << 10) as usize];
            part.fill(0);
            server.peek(region.addr, part);
            it.write(part);
        }
    });
    Seen { pool, sessions, contexts, story, views, bytes }
}

/// Whether all of it is compared here: at one position of so many.
fn with_all(position: Position) -> bool {
    (position.op * 7 + u64::from(position.event)).is_multiple_of(13)
}

fn look(history: &History) -> (Position, Seen) {
    let position = history.position();
    (position, seen(history, with_all(position)))
}

/// What is seen on the way on to the end: by operations, and by events within one of them.
fn on_to_the_end(history: &mut History, by_events: u64) -> Vec<(Position, Seen)> {
    let mut seen = vec![look(history)];
    while match history.position().op == by_events {
        true => history.step_event(),
        false => history.step_op(),
    } {
        seen.push(look(history));
    }
    seen
}

fn check(text: &str, dice: &mut Dice) -> History {
    let program = compile(text).unwrap_or_else(|errors| panic!("{text}\n{}", errors[0]));
    let mut history = History::new(Rc::new(program)).unwrap();
    // What every scenario begins with is gone over by operations.
    history.run_slice(BEGUN);
    let by_events = BEGUN + dice.roll(history.len() - BEGUN);
    let forward = on_to_the_end(&mut history, by_events);
    for expected in forward.iter().rev().skip(1) {
        assert!(match expected.0.op == by_events {
            true => history.back_event(),
            false => history.back_op(),
        });
        if look(&history) != *expected {
            let dump = |h: &History| {
                h.server()
                    .backends()
                    .map(|(id, _)| format!("{:#?}", views::contexts(h.server(), id)))
                    .collect::<String>()
            };
            let mut fresh = History::new(Rc::new(compile(text).unwrap())).unwrap();
            while fresh.position() < expected.0 {
                if fresh.position().op == by_events {
                    fresh.step_event();
                } else {
                    fresh.step_op();
                }
            }
            eprintln!(
                "fresh equals expected {} ; back {:?}",
                look(&fresh) == *expected,
                history.shown_step()
            );
            std::fs::write("/tmp/travel/A", dump(&fresh)).unwrap();
            std::fs::write("/tmp/travel/B", dump(&history)).unwrap();
        }
        assert_eq!(look(&history), *expected, "back\n{text}");
    }
    assert_eq!(on_to_the_end(&mut history, by_events), forward, "forward again\n{text}");
    history
}

#[test]
fn random_scenarios_are_the_same_both_ways() {
    let seed = number("PGSCOPE_SEED", 1);
    for round in 0..number("PGSCOPE_SCENARIOS", 300) {
        let mut dice = Dice(seed << 40 | round);
        check(&scenario(&mut dice), &mut dice);
    }
}

/// The statements in a line, by the word or words that they begin with.
fn statements(line: &str) -> impl Iterator<Item = &'static str> {
    let parts = line.split(['{', ';']).map(|part| match part.split_once(": ") {
        Some((_, part)) => part,
        None => part.trim(),
    });
    parts.filter_map(|part| {
        let begun = |keyword: &&str| {
            part.strip_prefix(*keyword).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        STATEMENTS.iter().map(|it| it.keyword).filter(begun).max_by_key(|it| it.len())
    })
}

/// What the scenarios above are worth: each statement is in some, and in one of them it succeeds.
#[test]
fn every_statement_is_in_a_random_scenario() {
    let mut missing: BTreeSet<&str> = STATEMENTS.iter().map(|it| it.keyword).collect();
    missing.remove("error");
    for round in 0..1000 {
        let text = scenario(&mut Dice(round));
        let mut history = History::new(Rc::new(compile(&text).unwrap())).unwrap();
        history.run_slice(u64::MAX);
        let mut done = vec![None; text.lines().count() + 1];
        for (number, mark) in history.marks().iter().enumerate() {
            let line = history.program().step(number as u64).unwrap().line as usize;
            done[line] = Some(*mark != Mark::Error && done[line] != Some(false));
        }
        // What only declares something has no steps.
        for (line, _) in text.lines().zip(&done[1..]).filter(|(_, done)| done.unwrap_or(true)) {
            statements(line).for_each(|it| _ = missing.remove(it));
        }
    }
    assert!(missing.is_empty(), "in none, or only with errors: {missing:?}");
}
