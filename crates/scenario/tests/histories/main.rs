//! Random valid scenarios forward, back and forward again: what was undone and redone is the same.
//!
//! The proptests of `properties` shrink what they find but take long for each case; these are many.
//! `PGSCOPE_SCENARIOS=1000000 cargo test --release -p pgscope-scenario --test histories -- --nocapture`
//! runs a million, `PGSCOPE_SEED=7` others; a chunk of them says where it begins, with
//! `PGSCOPE_FROM=250000`. In the end it prints which statements were executed and how they ended.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

mod coverage;
mod random;
mod seen;
mod texts;

use std::collections::BTreeSet;
use std::rc::Rc;

use pgscope_scenario::{History, Mark, Position, STATEMENTS, compile};

use coverage::{Coverage, statements};
use random::{BEGUN, Dice, scenario};
use seen::{Seen, look};

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Events of a step between which is looked at most.
const EVENTS: u32 = 12;

/// What is seen on the way on to the end: by operations, and by events within one of them.
fn on_to_the_end(
    history: &mut History,
    by_events: u64,
    mut each: impl FnMut(&History, Position, Seen),
) {
    loop {
        let (position, seen) = look(history);
        each(history, position, seen);
        if history.at_end() {
            return;
        }
        let stride = if position.event > 0 { history.event_count() / EVENTS } else { 0 };
        if position.op != by_events {
            history.step_op();
        } else if stride < 2 {
            history.step_event();
        } else {
            history.seek(Position { event: position.event + stride, ..position });
        }
    }
}

/// The same way back.
fn back_to(history: &mut History, place: Position) {
    let position = history.position();
    if position.op == place.op && position.event > place.event + 1 {
        history.seek(place);
    } else if place.event > 0 || position.event > 0 {
        assert!(history.back_event());
        if history.position() != place {
            history.seek(place);
        }
    } else {
        assert!(history.back_op());
    }
}

fn check(text: &str, dice: &mut Dice, coverage: &mut Coverage) {
    let program = compile(text).unwrap_or_else(|errors| panic!("{text}\n{}", errors[0]));
    let mut history = History::new(Rc::new(program)).unwrap();
    coverage.begin(text);
    // What every scenario begins with is gone over in one go.
    history.run_slice(BEGUN);
    let by_events = BEGUN + dice.roll(history.len() - BEGUN);
    let mut forward = Vec::new();
    on_to_the_end(&mut history, by_events, |history, position, seen| {
        coverage.count(history);
        forward.push((position, seen));
    });
    for expected in forward.iter().rev().skip(1) {
        back_to(&mut history, expected.0);
        assert_eq!(look(&history), *expected, "back\n{text}");
    }
    let mut expected = forward.iter();
    on_to_the_end(&mut history, by_events, |_, position, seen| {
        assert_eq!(Some(&(position, seen)), expected.next(), "forward again\n{text}");
    });
    assert_eq!(expected.next(), None, "it ends earlier\n{text}");
}

#[test]
fn random_scenarios_are_the_same_both_ways() {
    let seed = number("PGSCOPE_SEED", 1);
    let from = number("PGSCOPE_FROM", 0);
    let mut coverage = Coverage::default();
    for round in from..from + number("PGSCOPE_SCENARIOS", 1000) {
        let mut dice = Dice(seed << 40 | round);
        check(&scenario(&mut dice), &mut dice, &mut coverage);
    }
    println!("{coverage}");
}

/// What the scenarios above are worth: each statement is in some, and in one of them it succeeds.
#[test]
fn every_statement_is_in_a_random_scenario() {
    let mut missing: BTreeSet<&str> = STATEMENTS.iter().map(|it| it.keyword).collect();
    missing.remove("error");
    for round in 0..2000 {
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
