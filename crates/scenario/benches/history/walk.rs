//! A history of over a million events, and the ways back in it: as a native program and as
//! WebAssembly the same.

use std::rc::Rc;

use pgscope_scenario::{History, Position, compile};

/// Events that it must have at least.
pub(crate) const EVENTS: u64 = 1_000_000;
/// Places from which it is gone back.
const PLACES: u64 = 300;

/// Two backends that read, change, allocate and free, more pages than there are buffers.
fn scenario() -> String {
    "server 18 shared_buffers=1MB seed=7\n\
     table orders pages=1000\n\
     backend alice\nbackend bob\n\
     alice: create context Work\nbob: create context Work\n\
     repeat 40000 {\n\
     alice: read orders zipf(0.9)\nbob: update orders uniform\n\
     alice: palloc 700 in Work as a\nalice: palloc 60 in Work as b\nalice: pfree a\nalice: pfree b\n\
     bob: palloc 9000 in Work as c\nbob: pfree c\n\
     }\ncheckpoint\n"
        .to_owned()
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Events in all.
    pub(crate) events: u64,
    /// Steps in all.
    pub(crate) steps: u64,
    /// Milliseconds of the slowest way back by one event, and of the slowest to any other place.
    pub(crate) back: f64,
    pub(crate) leap: f64,
    /// Their medians.
    pub(crate) usual: [f64; 2],
}

/// Walk; `now` are milliseconds. `grown` is called while the whole history is there.
///
/// # Errors
/// The scenario has an error, or fewer events than it should.
pub(crate) fn walk(now: impl Fn() -> f64, grown: impl FnOnce()) -> Result<Found, String> {
    let program = compile(&scenario()).map_err(|errors| format!("{errors:?}"))?;
    let mut history = History::new(Rc::new(program)).map_err(|error| error.to_string())?;
    let mut events = 0;
    while history.step_op() {
        events += u64::from(history.event_count());
    }
    if events < EVENTS {
        return Err(format!("only {events} events"));
    }
    let steps = history.len();
    let (mut back, mut leap) = (Vec::new(), Vec::new());
    for place in 1..=PLACES {
        // All over the history, in no order.
        let op = place.wrapping_mul(0x9e37_79b9_7f4a_7c15) % steps;
        let start = now();
        history.seek(Position { op, event: 1 });
        let there = now();
        history.back_event();
        history.back_event();
        back.push((now() - there) / 2.0);
        leap.push(there - start);
    }
    grown();
    let slowest = |all: &mut Vec<f64>| {
        all.sort_by(f64::total_cmp);
        (
            all.last().copied().unwrap_or_default(),
            all.get(all.len() / 2).copied().unwrap_or_default(),
        )
    };
    let ((back, usual_back), (leap, usual_leap)) = (slowest(&mut back), slowest(&mut leap));
    Ok(Found { events, steps, back, leap, usual: [usual_back, usual_leap] })
}
