//! A scenario's history, walked both ways.
//!
//! A [`Position`] is a step and an event within it. Going forward executes; going back takes
//! the nearest snapshot before and executes the few steps from there, which gives the same
//! bytes, since the machine is deterministic. A snapshot is a clone of the server, which
//! shares its pages with the others. The number of snapshots is bounded: when there are too
//! many, every other one goes and they are taken half as often.
//!
//! Between two events of a step the machine is executed up to that event and stopped there
//! ([`EventLog::stop_after`](pgscope_core::event::EventLog::stop_after)).

use std::rc::Rc;

use pgscope_core::bufmgr::BufferUsage;
use pgscope_core::event::BufferEvent;
use pgscope_core::ids::{BackendId, BlockNumber, RelId};
use pgscope_core::op::ReadMode;
use pgscope_core::{Error, Event, Op, Server};

use crate::expect::{self, Failure};
use crate::program::{Program, Step, StepKind};

/// A place in a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Steps that are complete.
    pub op: u64,
    /// Events of the step after them that have happened; 0 if it has not begun.
    pub event: u32,
}

/// What a step came to, for the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A page was found in the pool.
    Hit,
    /// A page was loaded into a buffer that held none.
    Miss,
    /// A page was loaded and another, clean one left for it.
    Evict,
    /// A page was loaded and another, dirty one was written and left for it.
    Write,
    /// Something in a backend's memory contexts.
    Memory,
    /// Anything else.
    Other,
    /// The operation failed, or an expectation does not hold.
    Error,
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
}

/// Steps between two snapshots, at first.
const INTERVAL: u64 = 256;
/// Snapshots kept at most: by number, and by the bytes that they may take together.
const SNAPSHOTS: usize = 64;
const SNAPSHOT_BYTES: usize = 64 << 20;
/// Steps at most that are executed together.
const TOGETHER: u64 = 1024;
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
    snapshots: Vec<Point>,
    interval: u64,
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
        let settings = config.settings();
        let server = Server::start(config.version, settings, config.seed)?;
        let base = Point { op: 0, server: Rc::new(server), error: None };
        Ok(Self {
            program,
            snapshots: vec![base.clone()],
            base,
            event: 0,
            middle: None,
            ahead: None,
            interval: INTERVAL,
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
            self.restore(op);
        }
        while self.base.op < op {
            if !self.read_quietly(op) {
                self.finish_quietly(op);
            }
        }
        self.event = 0;
        self.middle = None;
        if position.event > 0 && op == position.op && !self.at_end() {
            self.show(position.event);
        }
    }

    /// Forward by up to `steps` steps. True once everything has happened.
    pub fn run_slice(&mut self, steps: u64) -> bool {
        let until = self.base.op.saturating_add(steps).min(self.len());
        while self.base.op < until {
            self.finish();
        }
        self.at_end()
    }

    /// Take the nearest machine at or before `op` as the base.
    fn restore(&mut self, op: u64) {
        let place = self.snapshots.partition_point(|snapshot| snapshot.op <= op);
        if let Some(snapshot) = place.checked_sub(1).and_then(|last| self.snapshots.get(last))
            && (self.base.op > op || self.base.op < snapshot.op)
        {
            self.base = snapshot.clone();
            self.ahead = None;
        }
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
                    Point { op: 0, server: nothing, error: None },
                );
                // The placeholder must not keep the server shared, or it would be copied.
                self.base.server = Rc::clone(&self.snapshots[0].server);
                self.execute(&mut base);
                self.base = base;
            }
        }
        self.keep_snapshot();
    }

    /// Complete a step on the way to `op`, without events unless they will be shown.
    fn finish_quietly(&mut self, op: u64) {
        // A step that was never reached is executed with its events: expectations need them.
        let known = (self.marks.len() as u64) > self.base.op + 1;
        if known && self.base.op + 2 < op {
            Rc::make_mut(&mut self.base.server).log_mut().off();
            self.finish();
            Rc::make_mut(&mut self.base.server).log_mut().on();
        } else {
            self.finish();
        }
    }

    /// Complete several steps on the way to `op` together: plain reads that have happened before.
    fn read_quietly(&mut self, op: u64) -> bool {
        // As in `finish_quietly`; and no snapshot becomes due on the way.
        let known = (self.marks.len() as u64).saturating_sub(1);
        let due = self.snapshots.last().map_or(0, |snapshot| snapshot.op) + self.interval;
        let from = self.base.op;
        let end = known.min(op.saturating_sub(2)).min(due).min(from + TOGETHER);
        let Some((backend, rel, _)) = self.plain_read(from) else { return false };
        let reads = (from..end).map_while(|number| self.plain_read(number));
        let alike = reads.take_while(|read| (read.0, read.1) == (backend, rel));
        let blocks: Vec<_> = alike.map(|(_, _, block)| block).collect();
        if blocks.is_empty() {
            return false;
        }
        let server = Rc::make_mut(&mut self.base.server);
        server.log_mut().off();
        self.base.error = server.read_blocks(backend, rel, &blocks).err();
        server.log_mut().on();
        self.base.op += blocks.len() as u64;
        self.ahead = None;
        self.keep_snapshot();
        true
    }

    /// A step that is a plain read and succeeded: whose, and of what.
    fn plain_read(&self, number: u64) -> Option<(BackendId, RelId, BlockNumber)> {
        let mark = self.marks.get(number as usize)?;
        match self.program.step(number)?.kind {
            StepKind::Op(Op::Read {
                backend,
                rel,
                block,
                mode: ReadMode::Normal,
                strategy: None,
                dirty: None,
                pin: None,
            }) if *mark != Mark::Error => Some((backend, rel, block)),
            _ => None,
        }
    }

    /// Execute the step at a point; the first time, note what it came to.
    fn execute(&mut self, point: &mut Point) {
        let Some(step) = self.program.step(point.op) else { return };
        let first_time = self.marks.len() as u64 == point.op;
        match step.kind {
            StepKind::Op(op) => {
                let before = (point.server.usage(), point.server.evictions());
                point.error = Rc::make_mut(&mut point.server).apply(&op).err();
                if first_time {
                    self.marks.push(mark(&op, point, before));
                }
            }
            StepKind::Show { .. } => {
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
                        point.error.as_ref(),
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

    fn keep_snapshot(&mut self) {
        let last = self.snapshots.last().map_or(0, |snapshot| snapshot.op);
        if self.base.op < last + self.interval {
            return;
        }
        self.snapshots.push(self.base.clone());
        let most = (SNAPSHOT_BYTES / self.base.server.snapshot_bytes()).clamp(4, SNAPSHOTS);
        if self.snapshots.len() > most {
            let mut number = 0;
            self.snapshots.retain(|_| {
                number += 1;
                number % 2 == 1
            });
            self.interval *= 2;
        }
    }
}

fn mark(op: &Op, after: &Point, before: (BufferUsage, u64)) -> Mark {
    let usage = after.server.usage();
    if after.error.is_some() {
        return Mark::Error;
    }
    match op {
        Op::Read { .. }
        | Op::Extend { .. }
        | Op::BulkNext { .. }
        | Op::Insert { .. }
        | Op::IndexScan { .. } => {
            let evicted = after.server.evictions() > before.1;
            let extended =
                |event: &&Event| matches!(event, Event::Buffer(BufferEvent::Extended { .. }));
            let extends = after.server.events().iter().filter(extended).count() as u64;
            if evicted && usage.written > before.0.written + extends {
                Mark::Write
            } else if evicted {
                Mark::Evict
            } else if extends > 0 || usage.read > before.0.read {
                Mark::Miss
            } else {
                Mark::Hit
            }
        }
        op if op.is_memory() => Mark::Memory,
        _ => Mark::Other,
    }
}

#[cfg(test)]
mod tests {
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
        for server in ["15 shared_buffers=128kB", "17 shared_buffers=4MB", "18 shared_buffers=16MB"]
        {
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
        assert!(history.snapshots.len() <= SNAPSHOTS);
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
        let largest = history.snapshots.iter().map(|point| point.server.arena().resident()).max();
        assert!(largest.is_some_and(|bytes| bytes < 80 << 20));
        assert!(history.snapshots.len() <= 8);
    }

    #[test]
    fn writing_without_end_is_refused_in_time() {
        let text = "table t pages=16000000\nbackend a\nrepeat 700 { a: hint t uniform times 1000 }";
        let mut history = history(text);
        history.run_slice(u64::MAX);
        let error = history.error();
        assert!(matches!(error, Some(Error::Limit { limit: 524_288, .. })), "{error:?}");
        assert!(history.snapshots.len() <= 8);
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
}
