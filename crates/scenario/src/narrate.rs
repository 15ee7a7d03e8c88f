//! What just happened, in a sentence: who did what, hit or miss, what the hand did, what was
//! taken and why, and the PostgreSQL routine that did it.
//!
//! A function of the shown step, its events and the machine; the page shows the parts in
//! their tones, a screen reader reads [`Narration::text`]. [`buffers`] tells of the pool,
//! [`bulk`] of statements that go over many of its pages, [`local`] of local buffers, [`locks`] of
//! heavyweight locks, [`waits`] of who waits for others' pins, [`memory`] of contexts, [`session`]
//! of the statements that make and drop them, [`work`] of cursors, plans, sorts and hash tables,
//! [`show`] has the tables.

mod buffers;
mod bulk;
mod frame;
mod lesson;
mod local;
mod locks;
mod memory;
mod plpgsql;
mod session;
mod show;
mod waits;
mod work;

use std::fmt::Write as _;
use std::rc::Rc;

use pgscope_core::event::{BufferEvent, MemoryEvent, Tick};
use pgscope_core::ids::BackendId;
use pgscope_core::op::{Name, Op};
use pgscope_core::profile::Version;
use pgscope_core::server::{Backend, Skipped};
use pgscope_core::{Error, Event, Server};

use crate::history::History;
use crate::markdown::Inline;
use crate::names::Names;
use crate::program::StepKind;

/// A sentence or two, and where in PostgreSQL it happens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narration {
    /// The words, in order.
    pub parts: Vec<Part>,
    /// The PostgreSQL routine behind the last event.
    pub routine: &'static str,
    /// Its source file, below `src/`.
    pub file: &'static str,
    /// That file in the version's public source tree.
    pub url: String,
    /// Lines that belong to it, in columns: what a `show` shows.
    pub listing: Vec<String>,
    /// The same words with their marks, where a `note` has some.
    pub prose: Rc<[Inline]>,
}

/// Words that share a tone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The words, with their spaces.
    pub text: String,
    /// How they are meant.
    pub tone: Tone,
}

/// What words are about; the page has a colour for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing in particular.
    Plain,
    /// Who does what.
    Who,
    /// A page that was there, a chunk that was found.
    Hit,
    /// A page that was not.
    Miss,
    /// A page that has to go; an error.
    Evict,
    /// A page that differs from its file.
    Dirty,
    /// A pin.
    Pin,
}

impl Narration {
    /// All the words.
    pub fn text(&self) -> String {
        self.parts.iter().map(|part| part.text.as_str()).collect()
    }

    fn say(&mut self, tone: Tone, text: impl Into<String>) {
        let text = text.into();
        match self.parts.last_mut() {
            Some(last) if last.tone == tone => last.text.push_str(&text),
            _ => self.parts.push(Part { text, tone }),
        }
    }

    fn at(&mut self, version: Version, routine: (&'static str, &'static str)) {
        let (routine, file) = version.profile().routine(routine);
        self.routine = routine;
        self.file = file;
        self.url.clear();
        let branch = version.number();
        let _ = write!(
            self.url,
            "https://github.com/postgres/postgres/blob/REL_{branch}_STABLE/src/{file}"
        );
    }
}

/// What the narration draws on.
struct Scene<'a> {
    names: &'a Names,
    server: &'a Server,
    /// What the step itself did.
    events: &'a [Event],
    /// And what those did whom it awakened.
    all: &'a [Event],
}

impl Scene<'_> {
    fn failed(&self) -> bool {
        self.all.iter().any(|event| matches!(event, Event::Failed(_)))
    }

    /// The backend, if it waited before this operation of its statement, which is put off.
    fn put_off(&self, op: &Op) -> Option<&str> {
        let backend = op.backend()?;
        let waits = self.server.backend(backend)?.waits_for().is_some();
        let nothing = self.events.is_empty();
        (waits && nothing).then(|| self.backend(backend))
    }

    fn backend(&self, id: BackendId) -> &str {
        self.server.backend(id).map_or("the server", |backend| &backend.name)
    }
}

/// Tell of the step that is under way or ran last.
pub fn narrate(history: &History) -> Narration {
    let mut narration = Narration::default();
    let all = history.events();
    let own = all.iter().position(|event| matches!(event, Event::Resumed(_)));
    let scene = Scene {
        names: history.program().names(),
        server: history.server(),
        events: &all[..own.unwrap_or(all.len())],
        all,
    };
    let version = history.program().config().version;
    let Some((number, step)) = history.shown().zip(history.shown_step()) else {
        narration.say(Tone::Plain, "The server has started. Its shared memory is laid out, its ");
        narration.say(Tone::Plain, buffers::count(scene.server.pool().nbuffers(), "buffer"));
        narration.say(Tone::Plain, " are empty, and nobody is connected.");
        narration.at(version, ("BufferManagerShmemInit", "backend/storage/buffer/buf_init.c"));
        return narration;
    };
    match &step.kind {
        StepKind::Expect(_) => match history.failures().iter().find(|f| f.op == number) {
            Some(failure) => {
                narration.say(Tone::Evict, format!("This does not hold: {}.", failure.message));
            }
            None => narration.say(Tone::Hit, "As expected."),
        },
        StepKind::Show { backend, what, context } => {
            show::tell(&mut narration, &scene, history, (*backend, *what, *context));
        }
        StepKind::Note(text) => lesson::note(&mut narration, text),
        StepKind::Ask(question) => lesson::question(&mut narration, question),
        StepKind::Op(op) if history.was_skipped() => {
            let who = op.backend().map_or("the server", |backend| scene.backend(backend));
            let skipped = op.backend().and_then(|id| scene.server.backend(id));
            let words = match skipped.map(Backend::skipped).unwrap_or_default() {
                Skipped::Statement => {
                    format!("An error has ended {who}'s statement: this is not executed.")
                }
                Skipped::Block => {
                    format!(
                        "An error has ended the block of {who}'s function: this is not executed."
                    )
                }
                Skipped::Handler => {
                    format!("{who}'s block had no error: its exception part is not executed.")
                }
            };
            narration.say(Tone::Plain, words);
        }
        StepKind::Op(op) => {
            match (history.error(), op.backend()) {
                (Some(Error::NotConnected(_)), Some(id)) => {
                    let who = scene.backend(id);
                    narration.say(Tone::Who, format!("{who} has no backend any more"));
                }
                _ => tell(&mut narration, &scene, op),
            }
            locks::aside(&mut narration, &scene, op);
            waits::tell_others(&mut narration, &scene);
            let complete = history.position().event == 0;
            let turn = |event: &&Event| complete && is_turn(event, op);
            let turning_point = scene.events.iter().find(turn);
            let routine = |event| routine(&scene, op, event);
            let whole = session::whole_routine(op)
                .or_else(|| bulk::routine(op))
                .or_else(|| work::whole_routine(op));
            let whole = whole.filter(|_| complete);
            let place = whole.or_else(|| turning_point.and_then(routine));
            let place = place.or_else(|| locks::whole_routine(op).filter(|_| complete));
            if let Some(place) = place.or_else(|| scene.events.iter().rev().find_map(routine)) {
                narration.at(version, place);
            }
        }
    }
    warnings(&mut narration, &scene);
    if let Some(error) = history.error() {
        if !narration.parts.last().is_some_and(|part| part.text.ends_with('.')) {
            narration.say(Tone::Plain, ".");
        }
        narration.say(Tone::Evict, format!(" {}: {error}.", error.severity()));
        if let Some(detail) = error.detail() {
            narration.say(Tone::Plain, format!(" {detail}"));
        }
        if let Some(hint) = error.hint() {
            narration.say(Tone::Plain, format!(" {hint}"));
        }
        frame::crash(&mut narration, &scene);
    }
    if matches!(step.kind, StepKind::Op(_)) {
        lesson::answers(&mut narration, history, number);
    }
    narration
}

/// What a build with MEMORY_CONTEXT_CHECKING noticed on the way.
fn warnings(narration: &mut Narration, scene: &Scene<'_>) {
    for event in scene.events {
        if let Event::Memory(_, MemoryEvent::Warning { name, problem, values }) = *event {
            let text = problem.text(scene.server.text(name), values);
            narration.say(Tone::Evict, format!(" WARNING: {text}."));
        }
    }
}

fn tell(narration: &mut Narration, scene: &Scene<'_>, op: &Op) {
    if let Some(who) = scene.put_off(op) {
        narration.say(Tone::Who, format!("{who} waits"));
        return narration.say(Tone::Plain, ": this follows when it goes on.");
    }
    if let Some(held_up) = locks::held_up(scene, op) {
        narration.say(Tone::Who, held_up);
        return narration.say(Tone::Plain, ".");
    }
    match op {
        Op::Lock { .. } | Op::PassTime { .. } | Op::Cancel(_) => locks::tell(narration, scene, op),
        Op::CleanupLock { .. } => waits::tell(narration, scene, op),
        Op::CreateRelation { name, nblocks, .. } => {
            narration.say(Tone::Who, format!("Table {name}"));
            let blocks = buffers::count(*nblocks, "page");
            narration.say(Tone::Plain, format!(" has {blocks} on disk, none of them in memory."));
        }
        Op::CreateIndex { rel, name, .. } => {
            let pages = scene.server.pool().smgr.relation(*rel).map_or(0, |it| it.nblocks);
            narration.say(Tone::Who, format!("Index {name}"));
            let blocks = buffers::count(pages, "page");
            narration.say(Tone::Plain, format!(" has {blocks} on disk, none of them in memory."));
        }
        Op::Connect { backend, name } | Op::ConnectSuperuser { backend, name } => {
            connect(narration, scene, *backend, name)
        }
        Op::Disconnect { .. }
        | Op::Setting { .. }
        | Op::AlterSystem(_)
        | Op::Reload
        | Op::Restart => frame::tell(narration, scene, op),
        op if op.is_memory() => {
            memory::tell(narration, scene, op);
            session::tell(narration, scene, op);
            work::tell(narration, scene, op);
            frame::changes(narration, scene);
        }
        Op::BulkBegin { .. }
        | Op::BulkNext { .. }
        | Op::BulkEnd { .. }
        | Op::Insert { .. }
        | Op::IndexScan { .. } => bulk::tell(narration, scene, op),
        _ => buffers::tell(narration, scene, op),
    }
}

fn connect(narration: &mut Narration, scene: &Scene<'_>, backend: BackendId, name: &Name) {
    let contexts = pgscope_core::views::contexts(scene.server, backend).len() as u32;
    narration.say(Tone::Who, format!("{name} connects"));
    if scene.failed() {
        return;
    }
    narration.say(
        Tone::Plain,
        format!(
            ": the postmaster forks a backend, which shares the buffers and has local memory of \
             its own, {} so far.",
            buffers::count(contexts, "memory context")
        ),
    );
}

/// Whether an operation is best looked up at this event: where it was decided how it goes.
fn is_turn(event: &Event, op: &Op) -> bool {
    match event {
        Event::Buffer(event) => matches!(
            event,
            BufferEvent::Tick { tick: Tick::Taken, .. }
                | BufferEvent::FreelistPop { taken: true, .. }
                | BufferEvent::RingLook { taken: true, .. }
                | BufferEvent::Lookup { found: Some(_), .. }
                | BufferEvent::SweepFailed
        ),
        Event::Memory(_, event) if op.is_memory() => {
            matches!(event, MemoryEvent::BlockAllocated { .. })
        }
        Event::Lock(event) => locks::is_turn(event),
        Event::Work(..) => true,
        _ => false,
    }
}

/// The routine that an event happens in, and its file below `src/`.
fn routine(scene: &Scene<'_>, op: &Op, event: &Event) -> Option<(&'static str, &'static str)> {
    match event {
        Event::RelationCreated(_) => Some(("RelationCreateStorage", "backend/catalog/storage.c")),
        Event::BackendStarted(_) => Some(("BackendStartup", "backend/postmaster/postmaster.c")),
        Event::Process(event) => Some(frame::routine(event)),
        Event::Buffer(event) => Some(buffers::routine(event)),
        Event::LocalBuffer(_, event) => Some(buffers::local_routine(event)),
        Event::Memory(_, event) => {
            // What the reader does to a context is its own routine.
            let own = matches!(op, Op::CreateContext { .. } | Op::Reset { .. } | Op::Delete { .. });
            let routine = session::routine(scene, event).filter(|_| !own);
            Some(routine.unwrap_or_else(|| memory::routine(scene, op, event)))
        }
        Event::Lock(event) => Some(locks::routine(event)),
        Event::Work(_, event) => Some(work::routine(event)),
        Event::Resumed(_) | Event::StatementFailed(..) | Event::Warned(_) | Event::Failed(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::compile;
    use crate::history::Position;

    fn last_sentence(text: &str) -> String {
        let program = compile(text).unwrap_or_else(|errors| panic!("{errors:?}"));
        let mut history = History::new(Rc::new(program)).unwrap();
        history.run_slice(u64::MAX);
        narrate(&history).text()
    }

    #[test]
    fn a_hit_says_so() {
        let text = "table t pages=5\nbackend alice\nalice: read t 3\nalice: read t 3";
        assert_eq!(
            last_sentence(text),
            "alice reads t 3: a hit, in buffer 1. Its usage count rises from 1 to 2."
        );
    }

    #[test]
    fn a_block_is_freed_by_who_frees_it() {
        let text = "backend a\na: create context W\na: palloc 9000 in W as c\na: pfree c\n\
                    a: palloc 9000 in W\na: reset W\na: palloc 9000 in W\na: delete W";
        let program = compile(text).unwrap_or_else(|errors| panic!("{errors:?}"));
        let mut history = History::new(Rc::new(program)).unwrap();
        let mut routines = Vec::new();
        while history.step_event() {
            use pgscope_core::event::MemoryEvent;
            if let Some(Event::Memory(_, MemoryEvent::BlockFreed { .. })) = history.events().last()
            {
                routines.push(narrate(&history).routine);
            }
        }
        assert_eq!(routines, ["AllocSetFree", "AllocSetReset", "AllocSetDelete"]);
    }

    #[test]
    fn a_sweep_is_told_tick_by_tick() {
        let text = "table t pages=50\nbackend alice\nbackend bob\nalice: read t 0..15\n\
                    bob: read t 2 hold as p\nalice: update t 1\nalice: read t 0..15\n\
                    bob: unpin p\nbob: read t 2 hold as p\nalice: read t 40";
        assert_eq!(
            last_sentence(text),
            "alice reads t 40: not in the pool. The freelist is empty: the hand lowers 30 usage \
             counts in 3 passes, passes over buffer 3 twice (pinned by bob) and takes buffer 1: \
             t 0, clean, leaves. t 40 is loaded into it with usage count 1."
        );
    }

    #[test]
    fn memory_is_told_with_its_waste() {
        let text = "backend alice\nalice: palloc 100 as a";
        assert_eq!(
            last_sentence(text),
            "alice allocates 100 bytes in MessageContext as a: size class 128, whose freelist is \
             empty, so the chunk is cut from the active block. 28 bytes of it stay unused."
        );
        let text = "backend alice\nalice: palloc 100 as a\nalice: pfree a";
        assert_eq!(
            last_sentence(text),
            "alice frees a: its chunk goes to the freelist of class 128 in MessageContext. \
             Nothing goes back to malloc."
        );
    }

    #[test]
    fn routines_are_the_versions_own() {
        let told = |version: u32, text: &str| {
            let program = compile(&format!("server {version}\n{text}")).unwrap();
            let mut history = History::new(Rc::new(program)).unwrap();
            history.run_slice(u64::MAX);
            let narration = narrate(&history);
            (narration.routine, narration.url)
        };
        let source = "https://github.com/postgres/postgres/blob";
        let buf_init = |branch| format!("{source}/{branch}/src/backend/storage/buffer/buf_init.c");
        assert_eq!(told(15, ""), ("InitBufferPool", buf_init("REL_15_STABLE")));
        assert_eq!(told(18, ""), ("BufferManagerShmemInit", buf_init("REL_18_STABLE")));
        let large = "backend a\na: palloc 9000";
        assert_eq!(told(15, large).0, "AllocSetAlloc");
        assert_eq!(told(19, large).0, "AllocSetAllocLarge");
    }

    #[test]
    fn a_page_leaves_before_the_new_one_comes_unless_the_version_is_older() {
        for (version, leaves_first) in [(15, false), (17, true), (18, true), (19, true)] {
            let text = format!("server {version}\ntable t pages=20\nbackend a\na: read t 0..16");
            let mut history = History::new(Rc::new(compile(&text).unwrap())).unwrap();
            history.run_slice(u64::MAX);
            let order: Vec<bool> = history
                .events()
                .iter()
                .filter_map(|event| match event {
                    Event::Buffer(BufferEvent::Unhashed { .. }) => Some(true),
                    Event::Buffer(BufferEvent::Hashed { .. }) => Some(false),
                    _ => None,
                })
                .collect();
            assert_eq!(order, [leaves_first, !leaves_first], "{version}");
        }
    }

    #[test]
    fn the_start_has_a_sentence_too() {
        let program = compile("backend alice").unwrap();
        let mut history = History::new(Rc::new(program)).unwrap();
        assert!(narrate(&history).text().starts_with("The server has started."));
        history.seek(Position { op: 0, event: 1 });
        assert_eq!(narrate(&history).routine, "BackendStartup");
    }
}
