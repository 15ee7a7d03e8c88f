//! Breakpoints: where a run stops by itself.
//!
//! On a *line*, it stops before the line's first step, and not again until it comes there from
//! another statement. On a kind of *event*, it stops right behind the event. On a *condition*, it
//! stops behind the step that makes it true.

use std::rc::Rc;

use pgscope_core::event::{BufferEvent as B, Event, MemoryEvent as M, WriteReason};

use super::{History, Position};
use crate::check::compile_condition;
use crate::diagnostic::Diagnostic;
use crate::expect::holds;
use crate::program::{Expectation, Program, StepKind};
use crate::suggest::nearest;

/// Where a run stops.
#[derive(Clone, Debug, PartialEq)]
pub struct Breakpoint {
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Line(u32),
    Event(&'static EventKind),
    When(Rc<Expectation>),
}

/// A kind of event to stop at.
#[derive(Debug)]
pub struct EventKind {
    /// The word or words for it.
    pub name: &'static str,
    /// What it is.
    pub meaning: &'static str,
    /// Whether the last of these events is one; the others are those before it in its operation.
    matches: fn(&Event, &[Event]) -> bool,
}

impl PartialEq for EventKind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Every kind of event to stop at.
pub static EVENT_KINDS: &[EventKind] = &[
    EventKind {
        name: "hit",
        meaning: "a page was found in the pool",
        matches: |event, _| matches!(event, Event::Buffer(B::Lookup { found: Some(_), .. })),
    },
    EventKind {
        name: "miss",
        meaning: "a page was not found in the pool",
        matches: |event, _| matches!(event, Event::Buffer(B::Lookup { found: None, .. })),
    },
    EventKind {
        name: "eviction",
        meaning: "a page left the pool for another",
        matches: |event, _| matches!(event, Event::Buffer(B::Unhashed { .. })),
    },
    EventKind {
        name: "dirty eviction",
        meaning: "a page left the pool for another and was written first",
        matches: |event, before| {
            let Event::Buffer(B::Unhashed { buffer: left, .. }) = event else { return false };
            before.iter().any(|event| {
                matches!(event, Event::Buffer(B::Written { buffer, reason: WriteReason::Eviction, .. })
                    if buffer == left)
            })
        },
    },
    EventKind {
        name: "write",
        meaning: "a page was written to disk",
        matches: |event, _| matches!(event, Event::Buffer(B::Written { .. })),
    },
    EventKind {
        name: "pass",
        meaning: "the clock hand began another pass",
        matches: |event, _| matches!(event, Event::Buffer(B::PassCompleted { .. })),
    },
    EventKind {
        name: "all pinned",
        meaning: "the clock sweep found every buffer pinned",
        matches: |event, _| matches!(event, Event::Buffer(B::SweepFailed)),
    },
    EventKind {
        name: "checkpoint",
        meaning: "a checkpoint was done",
        matches: |event, _| matches!(event, Event::Buffer(B::CheckpointDone { .. })),
    },
    EventKind {
        name: "block",
        meaning: "a memory context got a block from malloc",
        matches: |event, _| matches!(event, Event::Memory(_, M::BlockAllocated { .. })),
    },
    EventKind {
        name: "block freed",
        meaning: "a memory context gave a block back",
        matches: |event, _| matches!(event, Event::Memory(_, M::BlockFreed { .. })),
    },
    EventKind {
        name: "reset",
        meaning: "a memory context was reset",
        matches: |event, _| matches!(event, Event::Memory(_, M::ContextReset { .. })),
    },
    EventKind {
        name: "misuse",
        meaning: "memory was used that is not the pointer's any more",
        matches: |event, _| matches!(event, Event::Memory(_, M::Misused { .. })),
    },
    EventKind {
        name: "error",
        meaning: "an operation failed",
        matches: |event, _| matches!(event, Event::Failed(_)),
    },
];

/// How a run came to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// At the breakpoint with this place in the list.
    Stopped(usize),
    /// It did as many steps as it might.
    Paused,
    /// Everything has happened.
    Ended,
}

impl Breakpoint {
    /// A line, from 1.
    pub fn line(line: u32) -> Self {
        Self { kind: Kind::Line(line) }
    }

    /// What a reader writes: a line's number, a kind of event, or a condition as behind `expect`.
    ///
    /// # Errors
    /// It is none of these, or names something that the scenario does not have.
    pub fn parse(text: &str, program: &Program) -> Result<Self, Box<Diagnostic>> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let number = words.strip_prefix(&["line"]).unwrap_or(&words);
        if let [number] = number
            && let Ok(line) = number.parse()
        {
            return Ok(Self::line(line));
        }
        let name = words.join(" ");
        if let Some(kind) = EVENT_KINDS.iter().find(|kind| kind.name.eq_ignore_ascii_case(&name)) {
            return Ok(Self { kind: Kind::Event(kind) });
        }
        let found = compile_condition(text, program).map(Rc::new);
        found.map(|when| Self { kind: Kind::When(when) }).map_err(|mut wrong| {
            // A condition has a comparison in it; what has none may be meant for an event.
            let names = EVENT_KINDS.iter().map(|kind| kind.name);
            if let Some(meant) = nearest(&name, names)
                && !text.contains(['=', '<', '>'])
            {
                wrong.help = Some(format!("did you mean \"{meant}\"?"));
                wrong.suggestion = None;
            }
            wrong
        })
    }

    /// The line it stands on, if it stands on one.
    pub fn on_line(&self) -> Option<u32> {
        match self.kind {
            Kind::Line(line) => Some(line),
            _ => None,
        }
    }

    fn stops_behind(&self, event: &Event, before: &[Event]) -> bool {
        matches!(&self.kind, Kind::Event(kind) if (kind.matches)(event, before))
    }

    /// Whether its condition is true between two steps: right before the one under way.
    fn holds(&self, history: &History) -> bool {
        matches!(&self.kind, Kind::When(when) if holds(when, &history.base.server))
    }
}

impl History {
    /// Forward to the first breakpoint, by up to `steps` steps.
    pub fn run_until(&mut self, breakpoints: &[Breakpoint], steps: u64) -> Ran {
        let mut held: Vec<bool> = breakpoints.iter().map(|it| it.holds(self)).collect();
        let mut seen = self.event as usize;
        for _ in 0..steps {
            if self.at_end() {
                return Ran::Ended;
            }
            self.finish();
            if let Some((place, event)) = self.event_to_stop_at(breakpoints, seen) {
                // Behind the last event the step is complete, and that is where we are.
                if event < self.base.server.events().len() {
                    let event = u32::try_from(event).unwrap_or(u32::MAX);
                    self.seek(Position { op: self.base.op - 1, event });
                }
                return Ran::Stopped(place);
            }
            seen = 0;
            for (place, (breakpoint, held)) in breakpoints.iter().zip(&mut held).enumerate() {
                let now = breakpoint.holds(self);
                if now && !std::mem::replace(held, now) {
                    return Ran::Stopped(place);
                }
                *held = now;
            }
            if let Some(place) = self.line_to_stop_at(breakpoints) {
                return Ran::Stopped(place);
            }
        }
        if self.at_end() { Ran::Ended } else { Ran::Paused }
    }

    /// Run on to the first breakpoint: where it stops, and which it is; nothing if it stops at none.
    pub fn stopped_at(mut self, breakpoints: &[Breakpoint]) -> Option<(Position, usize)> {
        match self.run_until(breakpoints, u64::MAX) {
            Ran::Stopped(place) => Some((self.position(), place)),
            Ran::Paused | Ran::Ended => None,
        }
    }

    /// Forward by one event. The breakpoint that it came to, if any; nothing happens at the end.
    pub fn step_event_until(&mut self, breakpoints: &[Breakpoint]) -> Option<usize> {
        let held: Vec<bool> = breakpoints.iter().map(|it| it.holds(self)).collect();
        if !self.step_event() {
            return None;
        }
        let complete = self.event == 0;
        let events = self.events().len().checked_sub(1).filter(|_| self.shows_operation());
        let on_event = events
            .and_then(|last| self.event_to_stop_at(breakpoints, last).map(|(place, _)| place));
        let conditions = breakpoints.iter().zip(&held);
        let on_condition = || conditions.clone().position(|(it, held)| !held && it.holds(self));
        let on_line = || self.line_to_stop_at(breakpoints).filter(|_| complete);
        on_event.or_else(on_condition).or_else(on_line)
    }

    fn shows_operation(&self) -> bool {
        matches!(self.shown_step().map(|step| step.kind), Some(StepKind::Op(_)))
    }

    /// The first event of the shown operation to stop behind, after `seen` others: which breakpoint
    /// it is for, and how many events there are up to it.
    fn event_to_stop_at(&self, breakpoints: &[Breakpoint], seen: usize) -> Option<(usize, usize)> {
        if !breakpoints.iter().any(|it| matches!(it.kind, Kind::Event(_)))
            || !self.shows_operation()
        {
            return None;
        }
        let events = self.events();
        (seen..events.len()).find_map(|at| {
            let (event, before) = (events.get(at)?, events.get(..at)?);
            let place = breakpoints.iter().position(|it| it.stops_behind(event, before))?;
            Some((place, at + 1))
        })
    }

    /// The breakpoint on the next step's line, if it is come to from another statement.
    fn line_to_stop_at(&self, breakpoints: &[Breakpoint]) -> Option<usize> {
        if !breakpoints.iter().any(|it| it.on_line().is_some()) {
            return None;
        }
        let next = self.program.step(self.base.op)?;
        let last = self.base.op.checked_sub(1).and_then(|last| self.program.step(last));
        if last.is_some_and(|last| last.statement == next.statement) {
            return None;
        }
        breakpoints.iter().position(|it| it.on_line() == Some(next.line))
    }

    /// What is right for the question that is shown; nothing if none is, or nothing follows it.
    pub fn solution(&self) -> Option<crate::ask::Solution> {
        let number = self.shown()?;
        let StepKind::Ask(question) = self.shown_step()?.kind else { return None };
        let answered = self.program.answered_by(number)?;
        let StepKind::Op(op) = self.program.step(answered)?.kind else { return None };
        let mut server = pgscope_core::Server::clone(&self.base.server);
        // An operation that fails has its answer too.
        let _ = server.apply(&op);
        Some(question.solve(&server))
    }
}
