//! A scenario's history, walked both ways.
//!
//! A [`Position`] is a step and an event within it. Going forward executes; going back takes
//! the nearest snapshot before and executes the few steps from there, which gives the same
//! bytes, since the machine is deterministic ([`snapshots`]). What nobody looks at on the way is
//! done without events ([`quiet`]).
//!
//! Between two events of a step the machine is executed up to that event and stopped there
//! ([`EventLog::stop_after`](pgscope_core::event::EventLog::stop_after)).

mod breaks;
mod marks;
mod quiet;
mod snapshots;

use std::rc::Rc;

use pgscope_core::server::Outcome;
use pgscope_core::{Error, Event, Op, Server};

use crate::expect::{self, Failure};
use crate::program::{Program, Step, StepKind};

pub use breaks::{Breakpoint, EVENT_KINDS, EventKind, Ran};
pub use marks::Mark;
use marks::mark;
use snapshots::Snapshots;

/// A place in a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Steps that are complete.
    pub op: u64,
    /// Events of the step after them that have happened; 0 if it has not begun.
    pub event: u32,
}

/// Sums over everything up to a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Page reads that found the page in the pool.
    pub hits: u64,
    /// Page reads that did not.
    pub misses: u64,
    /// Pages that had to leave for another.
    pub evictions: u64,
    /// Pages written out.
    pub writes: u64,
}

/// The machine after some steps, and how the last operation among them ended.
#[derive(Clone)]
struct Point {
    op: u64,
    server: Rc<Server>,
    error: Option<Error>,
    /// The error that an expectation sees: the end of what it ended doesn't hide it.
    expected: Option<Error>,
    /// An error has ended the statement that the last operation belongs to.
    skipped: bool,
}

impl Point {
    /// Execute an operation; note what it came to.
    fn apply(&mut self, op: &Op, marks: Option<&mut Vec<Mark>>) {
        let before = self.server.block_counts();
        let outcome = Rc::make_mut(&mut self.server).apply(op);
        self.skipped = matches!(outcome, Ok(Outcome::Ended));
        self.error = outcome.err();
        if !self.skipped {
            self.expected = self.error.clone();
        }
        if let Some(marks) = marks {
            marks.push(mark(op, self, before));
        }
    }
}

/// Failed expectations kept at most.
const FAILURES: usize = 1000;

/// A scenario and the machine at one position of it.
pub struct History {
    program: Rc<Program>,
    /// The machine when the step under way had not begun.
    base: Point,
    /// Events of the step under way that are shown.
    event: u32,
    /// The machine in the middle of that step.
    middle: Option<Rc<Server>>,
    /// The machine after that step.
    ahead: Option<Point>,
    snapshots: Snapshots,
    marks: Vec<Mark>,
    failures: Vec<Failure>,
}

impl History {
    /// Start the scenario's server; nothing has happened yet.
    ///
    /// # Errors
    /// A setting that the server does not start with.
    pub fn new(program: Rc<Program>) -> Result<Self, Error> {
        let config = program.config();
        let settings = program.settings().clone();
        let server = Server::start(config.version, settings, config.seed)?;
        let base =
            Point { op: 0, server: Rc::new(server), error: None, expected: None, skipped: false };
        Ok(Self {
            program,
            snapshots: Snapshots::new(base.clone()),
            base,
            event: 0,
            middle: None,
            ahead: None,
            marks: Vec::new(),
            failures: Vec::new(),
        })
    }

    /// The scenario.
    pub fn program(&self) -> &Rc<Program> {
        &self.program
    }

    /// Steps in all.
    pub fn len(&self) -> u64 {
        self.program.len()
    }

    /// Whether there are no steps.
    pub fn is_empty(&self) -> bool {
        self.program.is_empty()
    }

    /// Where we are.
    pub fn position(&self) -> Position {
        Position { op: self.base.op, event: self.event }
    }

    /// Whether everything has happened.
    pub fn at_end(&self) -> bool {
        self.base.op >= self.len()
    }

    /// The machine at the position.
    pub fn server(&self) -> &Rc<Server> {
        self.middle.as_ref().unwrap_or(&self.base.server)
    }

    /// Events of the operation under way, up to the position; between two operations, all of
    /// the one that ran last.
    pub fn events(&self) -> &[Event] {
        self.server().events()
    }

    /// The number of the step that is under way or ran last.
    pub fn shown(&self) -> Option<u64> {
        if self.event > 0 { Some(self.base.op) } else { self.base.op.checked_sub(1) }
    }

    /// That step.
    pub fn shown_step(&self) -> Option<Step> {
        self.program.step(self.shown()?)
    }

    /// The line of that step, from 1.
    pub fn shown_line(&self) -> Option<u32> {
        self.shown_step().map(|step| step.line)
    }

    /// Events that the shown step has in all; none for an expectation.
    pub fn event_count(&self) -> u32 {
        let server = match &self.ahead {
            Some(ahead) if self.event > 0 => &ahead.server,
            _ => &self.base.server,
        };
        match self.shown_step().map(|step| step.kind) {
            Some(StepKind::Op(_)) => server.events().len() as u32,
            _ => 0,
        }
    }

    /// How the shown step failed, if it is complete and did.
    pub fn error(&self) -> Option<&Error> {
        let is_op = matches!(self.shown_step()?.kind, StepKind::Op(_));
        if self.event > 0 || !is_op { None } else { self.base.error.as_ref() }
    }

    /// Whether the shown step was not executed: an error has ended the statement that it belongs to.
    pub fn was_skipped(&self) -> bool {
        self.event == 0 && self.base.skipped
    }

    /// What each step that was ever reached came to.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// Expectations that did not hold when they were reached.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// Sums up to the position.
    pub fn totals(&self) -> Totals {
        let server = self.server();
        let usage = server.usage();
        Totals {
            hits: usage.hit,
            misses: usage.read,
            evictions: server.evictions(),
            writes: usage.written,
        }
    }

    /// Forward to the end of the step under way, or over the next one. False at the end.
    pub fn step_op(&mut self) -> bool {
        if self.at_end() {
            return false;
        }
        self.finish();
        true
    }

    /// Forward over the next step, but no farther than `end`. False once it is there.
    pub fn step_towards(&mut self, end: Position) -> bool {
        if self.base.op < end.op {
            return self.step_op();
        }
        let further = self.position() < end && !self.at_end();
        if further {
            self.show(end.event);
        }
        further
    }

    /// Forward by one event. False at the end.
    pub fn step_event(&mut self) -> bool {
        if self.at_end() {
            return false;
        }
        self.show(self.event + 1);
        true
    }

    /// Back to the begin of the step under way, or over the last one. False at the start.
    pub fn back_op(&mut self) -> bool {
        let op = if self.event > 0 { Some(self.base.op) } else { self.base.op.checked_sub(1) };
        op.map(|op| self.seek(Position { op, event: 0 })).is_some()
    }

    /// Back by one event. False at the start.
    pub fn back_event(&mut self) -> bool {
        if let Some(event) = self.event.checked_sub(1) {
            self.show(event);
            return true;
        }
        let Some(op) = self.base.op.checked_sub(1) else { return false };
        self.seek(Position { op, event: 0 });
        let last = self.events_ahead().saturating_sub(1);
        self.show(last);
        true
    }

    /// Go anywhere; a position past the end is the end.
    pub fn seek(&mut self, position: Position) {
        let op = position.op.min(self.len());
        if op != self.base.op {
            self.go(op);
        }
        self.event = 0;
        self.middle = None;
        if position.event > 0 && op == position.op && !self.at_end() {
            self.show(position.event);
        }
    }

    /// To the place before this step, from the nearest machine.
    fn go(&mut self, op: u64) {
        // What happened last is shown there, with its events.
        let loud = self.program.last_operation(op);
        let back = self.base.op > op;
        if let Some(nearest) = self.snapshots.nearest(loud, self.base.op, op) {
            self.base = nearest;
            self.ahead = None;
        }
        while self.base.op < op {
            let from = self.base.op;
            let next = if back { Snapshots::next_on_the_way(from, op) } else { op };
            while self.base.op < next {
                if !self.read_quietly(loud.min(next)) {
                    self.finish_quietly(loud);
                }
            }
            if back {
                self.snapshots.keep_on_the_way(&self.base, loud, op);
            }
        }
    }

    /// Forward by up to `steps` steps. True once everything has happened.
    pub fn run_slice(&mut self, steps: u64) -> bool {
        let until = self.base.op.saturating_add(steps).min(self.len());
        while self.base.op < until {
            self.run_reads(until);
            self.finish();
        }
        self.at_end()
    }

    /// Show the step under way up to this event, or as complete if it has no more.
    fn show(&mut self, event: u32) {
        if event > 0 && event >= self.events_ahead() {
            self.finish();
            return;
        }
        self.event = event;
        self.middle = None;
        if event == 0 {
            return;
        }
        if let Some(Step { kind: StepKind::Op(op), .. }) = self.program.step(self.base.op) {
            let mut server = Server::clone(&self.base.server);
            server.log_mut().stop_after(event as usize);
            // It ends with `Stopped`, or it fails before: either is the state to show.
            let _ = server.apply(&op);
            server.log_mut().on();
            self.middle = Some(Rc::new(server));
        }
    }

    /// Events of the step under way, which is executed on the side for this.
    fn events_ahead(&mut self) -> u32 {
        if self.ahead.is_none() {
            let mut ahead = self.base.clone();
            self.execute(&mut ahead);
            self.ahead = Some(ahead);
        }
        let is_op = self.program.step(self.base.op).map(|step| step.kind);
        match (&self.ahead, is_op) {
            (Some(ahead), Some(StepKind::Op(_))) => ahead.server.events().len() as u32,
            _ => 0,
        }
    }

    /// Complete the step under way.
    fn finish(&mut self) {
        self.event = 0;
        self.middle = None;
        match self.ahead.take() {
            Some(ahead) => self.base = ahead,
            None => {
                let nothing = Rc::clone(&self.base.server);
                let mut base = std::mem::replace(
                    &mut self.base,
                    Point { op: 0, server: nothing, error: None, expected: None, skipped: false },
                );
                // The placeholder must not keep the server shared, or it would be copied.
                self.base.server = Rc::clone(self.snapshots.start());
                self.execute(&mut base);
                self.base = base;
            }
        }
        if self.base.op == self.marks.len() as u64 {
            self.snapshots.keep(&self.base);
        }
    }

    /// Execute the step at a point; the first time, note what it came to.
    fn execute(&mut self, point: &mut Point) {
        let Some(step) = self.program.step(point.op) else { return };
        let first_time = self.marks.len() as u64 == point.op;
        match step.kind {
            StepKind::Op(op) => {
                point.apply(&op, first_time.then_some(&mut self.marks));
                if first_time {
                    self.snapshots.spend(1 + point.server.events().len() as u64);
                }
            }
            StepKind::Show { .. } | StepKind::Note(_) | StepKind::Ask(_) => {
                if first_time {
                    self.marks.push(Mark::Other);
                }
            }
            StepKind::Expect(expectation) => {
                if first_time {
                    let failure = expect::check(
                        &expectation,
                        &self.program,
                        &point.server,
                        point.expected.as_ref(),
                    );
                    self.marks.push(if failure.is_some() { Mark::Error } else { Mark::Other });
                    if let Some(message) = failure.filter(|_| self.failures.len() < FAILURES) {
                        self.failures.push(Failure { op: point.op, line: step.line, message });
                    }
                }
            }
        }
        point.op += 1;
    }
}

#[cfg(test)]
mod breaks_tests;
#[cfg(test)]
mod tests;
