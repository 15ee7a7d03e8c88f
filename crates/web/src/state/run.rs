//! A program that runs: its history, and what the page sees of it at one position.
//!
//! The history is a large thing that changes in place, so a [`Run`] shares it behind a cell; the
//! [`View`] is the small immutable value that components compare and draw. A new view is taken
//! after each change, under a new serial number.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use pgscope_core::Error;
use pgscope_core::Op;
use pgscope_core::event::{Event, MemoryEvent as M};
use pgscope_core::ids::{BackendId, ChunkSlot, ContextSlot};
use pgscope_core::memory::Addr;
use pgscope_scenario::{Failure, History, Position, Totals};
use pgscope_scenario::{Names, Program, StepKind};
use pgscope_scenario::{Narration, narrate};

use crate::frame::{Frame, Labels};
use crate::state::timeline::Timeline;

/// Operations compared after an edit before it is taken that nothing before them changed.
const COMPARED: u64 = 50_000;

/// A program that runs.
#[derive(Clone)]
pub struct Run {
    program: Rc<Program>,
    history: Rc<RefCell<History>>,
    labels: Rc<Labels>,
    timeline: Rc<Timeline>,
}

/// What is seen of a run at one position.
#[derive(Clone)]
pub struct View {
    /// Tells it from every other: a later view has a larger one.
    pub serial: u64,
    /// Where in time this is.
    pub position: Position,
    /// For the pictures.
    pub frame: Frame,
    /// What happened, in words.
    pub narration: Rc<Narration>,
    /// What happened, for the timeline.
    pub timeline: Rc<Timeline>,
    /// The scenario's names.
    pub program: Rc<Program>,
    /// Operations in all.
    pub len: u64,
    /// The number of the operation that is shown, from 1; 0 before the first.
    pub shown: u64,
    /// Its line in the script.
    pub line: Option<u32>,
    /// How many of its events have happened.
    pub event: u32,
    /// How many it has.
    pub events: u32,
    /// Its error.
    pub error: Option<Rc<str>>,
    /// The backend that executes it.
    pub actor: Option<BackendId>,
    /// Counters.
    pub totals: Totals,
    /// Expectations that did not hold.
    pub failures: Rc<[Failure]>,
}

impl PartialEq for View {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}

impl View {
    /// Whether nothing has happened yet.
    pub fn at_start(&self) -> bool {
        self.position == Position { op: 0, event: 0 }
    }

    /// Whether nothing more will happen.
    pub fn at_end(&self) -> bool {
        self.position.op >= self.len
    }

    /// The memory context that was worked on last, and the chunk that came of it.
    pub fn touched(&self, backend: BackendId) -> Option<(Addr, Option<Addr>)> {
        let memory = self.frame.events.iter().rev().filter_map(|event| match event {
            Event::Memory(who, event) if *who == backend => Some(event),
            _ => None,
        });
        memory.into_iter().find_map(|event| match *event {
            M::Palloc { context, chunk, .. } | M::RepallocInPlace { context, chunk, .. } => {
                Some((context, Some(chunk)))
            }
            M::Pfree { context, .. }
            | M::ContextCreated { context, .. }
            | M::ContextReset { context, .. }
            | M::SizeClass { context, .. }
            | M::BlockAllocated { context, .. }
            | M::Switched { context, .. } => Some((context, None)),
            _ => None,
        })
    }

    /// The last of the scenario's own contexts that a backend has.
    pub fn own_context(&self, backend: BackendId) -> Option<Addr> {
        let own = self.frame.server.backend(backend)?;
        let first = ContextSlot::FIRST_USER.0;
        let names = self.program.names();
        let slots = (first..).map(ContextSlot);
        let slots = slots.take_while(|slot| names.context(backend, *slot).is_some());
        slots.filter_map(|slot| own.context(slot)).last()
    }
}

impl Run {
    /// Start a server for `program`.
    ///
    /// # Errors
    /// The server doesn't start.
    pub fn new(program: Program) -> Result<Self, Error> {
        let program = Rc::new(program);
        Ok(Self {
            history: Rc::new(RefCell::new(History::new(Rc::clone(&program))?)),
            labels: Rc::new(labels(program.names())),
            timeline: Rc::new(Timeline::new(program.len())),
            program,
        })
    }

    /// What runs.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Operations in all.
    pub fn len(&self) -> u64 {
        self.program.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.program.is_empty()
    }

    /// Operations executed so far, gone back over or not.
    pub fn executed(&self) -> u64 {
        self.history.borrow().marks().len() as u64
    }

    /// Whether nothing more will happen.
    pub fn at_end(&self) -> bool {
        self.history.borrow().position().op >= self.len()
    }

    /// The history, to go somewhere.
    pub fn history_mut(&self) -> RefMut<'_, History> {
        self.history.borrow_mut()
    }

    /// Where to stand after `old` was edited into this: at the same place, unless something
    /// before it is another now; then right behind that.
    pub fn place_after_edit(&self, old: &Run) -> Position {
        let place = old.history.borrow().position();
        if self.program.config() != old.program.config()
            || self.program.settings() != old.program.settings()
        {
            return Position { op: place.op.min(self.len()), event: 0 };
        }
        let kind = |program: &Program, op| program.step(op).map(|step| step.kind);
        let reach = place.op.min(COMPARED);
        let changed = (0..reach).find(|&op| kind(&self.program, op) != kind(&old.program, op));
        match changed {
            Some(op) => Position { op: (op + 1).min(self.len()), event: 0 },
            None if place.op >= self.len() => Position { op: self.len(), event: 0 },
            None if kind(&self.program, place.op) == kind(&old.program, place.op) => place,
            None => Position { op: place.op, event: 0 },
        }
    }

    /// What is seen now.
    pub fn look(&mut self, serial: u64) -> View {
        let history = self.history.borrow();
        let marks = history.marks();
        if self.timeline.known() != marks.len() as u64 {
            Rc::make_mut(&mut self.timeline).extend_to(marks);
        }
        let position = history.position();
        let events: Rc<[Event]> = history.events().into();
        let shown = history.shown();
        let op = shown.and_then(|op| self.program.step(op)).and_then(|step| match step.kind {
            StepKind::Op(op) => Some(op),
            StepKind::Expect(_) | StepKind::Show { .. } => None,
        });
        View {
            serial,
            position,
            narration: Rc::new(narrate(&history)),
            timeline: Rc::clone(&self.timeline),
            program: Rc::clone(&self.program),
            len: self.len(),
            shown: shown.map_or(0, |op| op + 1),
            line: history.shown_line(),
            event: u32::try_from(events.len()).unwrap_or(u32::MAX),
            events: history.event_count(),
            error: history.error().map(|error| error.to_string().into()),
            actor: op.as_ref().and_then(Op::backend),
            totals: history.totals(),
            failures: history.failures().into(),
            frame: Frame {
                server: Rc::clone(history.server()),
                events,
                labels: Rc::clone(&self.labels),
                program: Rc::clone(&self.program),
                steps: position.op,
                serial,
            },
        }
    }
}

/// What the scenario calls each backend's chunks.
fn labels(names: &Names) -> Labels {
    let of = |backend| {
        let name = |slot| names.chunk(backend, ChunkSlot(slot)).cloned();
        (0..).map_while(name).collect()
    };
    let backends = 0..u16::try_from(names.backends().count()).unwrap_or(u16::MAX);
    Labels { chunks: backends.map(|backend| of(BackendId(backend))).collect() }
}
