//! Where runs stop.

use std::rc::Rc;

use super::breaks::{Breakpoint, EVENT_KINDS, Ran};
use super::{History, Position};
use crate::compile;

const TEXT: &str = "\
table t pages=60
backend a
a: read t 0..15
a: update t 0..2
repeat 3 {
    a: read t uniform
    a: palloc 900 as x
}
a: read t 30..55
expect misses > 20
";

fn history() -> History {
    let program = compile(TEXT).unwrap_or_else(|errors| panic!("{errors:?}"));
    History::new(Rc::new(program)).unwrap()
}

fn at(history: &History, text: &str) -> Breakpoint {
    Breakpoint::parse(text, history.program()).unwrap()
}

/// Every place where a run stops, in slices of so many steps.
fn stops(breaks: &[&str], slice: u64) -> Vec<(Position, usize)> {
    let mut history = history();
    let breaks: Vec<_> = breaks.iter().map(|text| at(&history, text)).collect();
    let mut found = Vec::new();
    loop {
        match history.run_until(&breaks, slice) {
            Ran::Stopped(place) => found.push((history.position(), place)),
            Ran::Paused => {}
            Ran::Ended => return found,
        }
    }
}

#[test]
fn a_line_stops_where_it_is_come_to() {
    let found: Vec<u64> = stops(&["6"], 1_000).iter().map(|(at, _)| at.op).collect();
    // Before the first read in the braces, in each of three turns.
    assert_eq!(found, [21, 23, 25]);
    // All steps of a statement are entered once.
    assert_eq!(stops(&["line 3"], 1_000).len(), 1);
    assert!(stops(&["5"], 1_000).is_empty());
}

#[test]
fn an_event_stops_right_behind_it() {
    let mut history = history();
    let breaks = [at(&history, "Dirty  eviction")];
    assert_eq!(history.run_until(&breaks, u64::MAX), Ran::Stopped(0));
    let here = history.position();
    assert!(here.event > 0);
    let last = history.events().last().cloned();
    assert!(format!("{last:?}").contains("Unhashed"), "{last:?}");
    let whole = {
        let mut whole = self::history();
        whole.seek(Position { op: here.op + 1, event: 0 });
        whole.totals()
    };
    assert!(whole.writes > 0);
    // No eviction before that one was of a written page.
    let all = stops(&["eviction"], 1_000);
    let dirty = stops(&["dirty eviction"], 1_000);
    assert!(all.len() > dirty.len() && dirty.iter().all(|stop| all.contains(stop)));
    assert_eq!(dirty.first().map(|(at, _)| *at), Some(here));
}

#[test]
fn a_condition_stops_where_it_comes_true() {
    let mut history = history();
    let breaks = [at(&history, "evictions >= 3")];
    assert_eq!(history.run_until(&breaks, u64::MAX), Ran::Stopped(0));
    assert_eq!(history.totals().evictions, 3);
    // It stays true, so nothing stops again.
    assert_eq!(history.run_until(&breaks, u64::MAX), Ran::Ended);
    assert_eq!(stops(&["space(a, x) > 0"], 7).len(), 1);
}

#[test]
fn slices_and_single_events_stop_at_the_same_places() {
    for breaks in [&["eviction", "6"][..], &["dirty eviction", "hits > 0", "block"], &["miss", "9"]]
    {
        let whole = stops(breaks, 1_000_000);
        assert!(!whole.is_empty());
        assert_eq!(stops(breaks, 1), whole);
        assert_eq!(stops(breaks, 3), whole);
        let mut history = history();
        let breaks: Vec<_> = breaks.iter().map(|text| at(&history, text)).collect();
        let mut found = Vec::new();
        while !history.at_end() {
            if let Some(place) = history.step_event_until(&breaks) {
                found.push((history.position(), place));
            }
        }
        assert_eq!(found, whole);
    }
}

#[test]
fn what_can_be_written_and_what_not() {
    let history = history();
    for kind in EVENT_KINDS {
        assert!(Breakpoint::parse(kind.name, history.program()).is_ok(), "{}", kind.name);
    }
    let wrong = |text| Breakpoint::parse(text, history.program()).unwrap_err();
    assert_eq!(wrong("evictoin").help.as_deref(), Some("did you mean \"eviction\"?"));
    assert_eq!(wrong("usage(u, 3) = 1").message, "there is no table \"u\"");
    assert!(wrong("hits > 3 x").message.starts_with("expected"));
    assert!(Breakpoint::parse("", history.program()).is_err());
}
