//! Everything the page knows, and the one way to change it.
//!
//! [`State`] is a value; an [`Action`] is something that a reader, a timer or the address asks
//! for; [`State::reduce`](Reducible::reduce) makes the next state of the two. No part of this
//! module knows the page, a clock or the network: it runs in a test as it runs in a browser.
//! Components draw what [`State::view`] holds and send actions; they decide nothing.
//!
//! - [`run`]: the program that runs, its history and what is seen of it
//! - [`compose`]: the statements that the buttons write
//! - [`timeline`]: a history of any length, summed up in a bounded number of columns
//! - [`guide`]: the scenario of a first visit
//! - [`versions`]: the same scenario on every version
//! - `action`: all that can be asked for; `words`: the small types that actions are made of

mod action;
pub mod breaks;
pub mod compose;
pub mod guide;
pub mod question;
pub mod run;
pub mod timeline;
pub mod versions;
mod words;

pub use action::Action;
pub use words::{Activity, Dialog, Move, Notice, Pane, SPEEDS, Theme};

use std::rc::Rc;

use pgscope_core::ids::{BackendId, BufferId};
use pgscope_core::memory::Addr;
use pgscope_core::profile::Version;
use pgscope_scenario::Position;
use pgscope_scenario::link::Link;
use pgscope_scenario::{Diagnostic, Pick, Ran, compile, markdown};
use yew::Reducible;

use breaks::Breaks;
use compose::Draft;
use question::Asked;
use run::{Run, View};

/// An index into [`SPEEDS`]: the one to begin with.
const NORMAL_SPEED: usize = 1;

/// Farther than this many operations ahead is run in slices, so that the page stays awake.
const FAR: u64 = 2_000;

/// A reason as a sentence.
pub fn sentence(reason: &str) -> Rc<str> {
    let mut text = [reason, "."].concat();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text.into()
}

/// Everything the page knows.
#[derive(Clone)]
pub struct State {
    /// The script as it stands in the editor.
    pub text: Rc<str>,
    /// The script was edited since it was compiled.
    pub stale: bool,
    /// Why the script can't run; empty if it can.
    pub diagnostics: Rc<[Diagnostic]>,
    /// The last script that could run.
    run: Option<Run>,
    /// Counts the views that were ever taken, so that no two have the same number.
    views: u64,
    /// What is seen of it.
    pub view: Option<View>,
    /// Whether time moves by itself.
    pub activity: Activity,
    /// Where runs stop.
    pub breaks: Breaks,
    /// It runs to the next of them.
    stopping: bool,
    /// Slices that were run since the program was last looked at.
    pub unseen: u32,
    /// Changes so far that can be seen: a slice of a run can't, until the program is looked at.
    changes: u64,
    /// The answer that the reader chose to the question of this step.
    picked: Option<(u64, Pick)>,
    /// An index into [`SPEEDS`].
    pub speed: usize,
    /// The buffer looked at.
    pub selected: Option<BufferId>,
    /// The backend whose local memory is looked at.
    pub backend: BackendId,
    /// The memory context that is open.
    pub open: Option<Addr>,
    /// The chunk looked at.
    pub chunk: Option<Addr>,
    /// What the reader is being told.
    pub notice: Option<Notice>,
    /// The dialog that is open.
    pub dialog: Option<Dialog>,
    /// The page's colours.
    pub theme: Theme,
    /// How shared memory is shown.
    pub pane: Pane,
    /// The byte that is looked at.
    pub byte: Option<Addr>,
    /// Large type, for a room.
    pub projector: bool,
    /// Scripts that were loaded: with each of them another draft begins.
    pub loaded: u32,
    /// The script as the last link brought it.
    sent: Option<Rc<str>>,
}

impl State {
    /// The page with this scenario, standing at this position.
    pub fn new(text: &str, position: Position, theme: Theme) -> Self {
        let mut state = Self {
            text: text.into(),
            stale: false,
            diagnostics: Rc::new([]),
            run: None,
            views: 0,
            view: None,
            activity: Activity::Resting,
            breaks: Breaks::default(),
            stopping: false,
            unseen: 0,
            changes: 0,
            picked: None,
            speed: NORMAL_SPEED,
            selected: None,
            backend: BackendId(0),
            open: None,
            chunk: None,
            notice: None,
            dialog: None,
            theme,
            pane: Pane::default(),
            byte: None,
            projector: false,
            loaded: 0,
            sent: None,
        };
        state.start(position);
        state
    }

    /// The page as a link asks for it. Without one, or with its error on top: as its reader left
    /// it, or as on a first visit.
    pub fn opened(link: Option<Result<Link, Rc<str>>>, left: Option<Link>, theme: Theme) -> Self {
        let (sent, failed) = match link {
            Some(Ok(link)) => (Some(link), None),
            Some(Err(error)) => (None, Some(Err(error))),
            None => (None, None),
        };
        let is_sent = sent.is_some();
        let begin = sent.or(left).unwrap_or_else(guide::link);
        let place = Position { op: begin.op, event: begin.event };
        let mut state = Self::new(&begin.text, place, theme);
        state.sent = is_sent.then(|| Rc::clone(&state.text));
        if let Some(failed) = failed {
            state.follow(failed);
        }
        state
    }

    /// Whether the script is what the last link brought: its sender's, until the reader writes
    /// something into it.
    pub fn is_sent(&self) -> bool {
        self.sent.as_ref() == Some(&self.text)
    }

    /// The link to what is shown.
    pub fn link(&self) -> Link {
        let position = self.view.as_ref().map_or(Position { op: 0, event: 0 }, |v| v.position);
        Link { text: self.text.to_string(), op: position.op, event: position.event, panels: 0 }
    }

    /// What the script calls itself: its title, else its first comment.
    pub fn title(&self) -> String {
        let program = self.view.as_ref().map(|view| &view.program);
        if let Some(title) = program.and_then(|program| program.title()) {
            return markdown::plain(title);
        }
        let comment = self.text.lines().find_map(|line| line.trim().strip_prefix("--"));
        comment.map(|comment| comment.trim_matches(['-', ' '])).unwrap_or_default().to_owned()
    }

    /// The version of PostgreSQL that it runs on.
    pub fn version(&self) -> Version {
        let program = self.view.as_ref().map(|view| &view.program);
        program.map(|program| program.config()).unwrap_or_default().version
    }

    /// What the reader answered to this question.
    pub fn picked(&self, asked: &Asked) -> Option<Pick> {
        self.picked.filter(|(step, _)| *step == asked.step).map(|(_, pick)| pick)
    }

    /// Whether the page looks the same with `other`, a state of the same page.
    pub fn looks_like(&self, other: &Self) -> bool {
        self.changes == other.changes
    }

    /// A statement of this kind with everything filled in, ready to be appended.
    pub fn draft(&self, kind: compose::Kind) -> Draft {
        let program = self.run.as_ref().map(Run::program);
        let server = self.view.as_ref().map(|view| &*view.frame.server);
        Draft::new(kind, program, server, self.backend)
    }

    /// Another script, which is the reader's own.
    fn load(&mut self, text: Rc<str>) {
        self.follow(Ok(Link { text: text.to_string(), ..Link::default() }));
        self.sent = None;
        self.loaded += 1;
    }

    fn follow(&mut self, link: Result<Link, Rc<str>>) {
        match link {
            Ok(link) => {
                self.text = link.text.into();
                self.sent = Some(Rc::clone(&self.text));
                self.notice = None;
                self.picked = None;
                self.breaks = Breaks::default();
                self.activity = Activity::Resting;
                self.start(Position { op: link.op, event: link.event });
            }
            Err(error) => {
                let message = sentence(&format!("{error}. What you see is not from this link"));
                self.notice = Some(Notice::Failed(message));
            }
        }
    }

    /// Compile the script from nothing.
    fn start(&mut self, position: Position) {
        self.run = None;
        self.view = None;
        self.forget_looks();
        self.compile(Some(position));
        if self.run.is_none() {
            // Nothing of it can run. An idle server still has a picture, and the script its errors.
            let idle = compile("").ok().and_then(|program| Run::new(program).ok());
            self.run = idle;
            self.look();
        }
    }

    fn forget_looks(&mut self) {
        self.selected = None;
        self.open = None;
        self.chunk = None;
    }

    /// Compile the script. A script that can't run leaves the last one that could in place.
    /// Without a position, stay where we are, or at the first operation that is another now.
    fn compile(&mut self, position: Option<Position>) {
        self.stale = false;
        match compile(&self.text) {
            Err(diagnostics) => self.diagnostics = diagnostics.into(),
            Ok(program) => match Run::new(program) {
                Err(error) => {
                    let message = format!("The server doesn't start: {error}.");
                    self.notice = Some(Notice::Failed(message.into()));
                }
                Ok(run) => {
                    self.diagnostics = Rc::new([]);
                    let kept = self.run.as_ref().map(|old| run.place_after_edit(old));
                    let beginning = Position { op: 0, event: 0 };
                    // A short story is known to its end at once, for the timeline and for
                    // expectations; the reader still stands where they stood.
                    if run.len() <= FAR {
                        run.history_mut().seek(Position { op: run.len(), event: 0 });
                    }
                    self.run = Some(run);
                    self.seek(position.or(kept).unwrap_or(beginning));
                }
            },
        }
    }

    fn compile_if_stale(&mut self) {
        if self.stale {
            self.compile(None);
        }
    }

    /// Go to a position: at once if it is near, else by running.
    fn seek(&mut self, position: Position) {
        let Some(run) = self.run.clone() else { return };
        if position.op > run.executed().saturating_add(FAR) {
            self.activity = Activity::Running(position.op.min(run.len()));
        } else {
            run.history_mut().seek(position);
            self.activity = Activity::Resting;
        }
        self.look();
    }

    fn go(&mut self, to: Move) {
        self.compile_if_stale();
        self.stopping = false;
        let Some(run) = self.run.clone() else { return };
        let len = run.len();
        match to {
            Move::Start => self.seek(Position { op: 0, event: 0 }),
            Move::End => self.seek(Position { op: len, event: 0 }),
            Move::Break => {
                self.stopping = true;
                self.activity = Activity::Running(len);
                self.look();
            }
            Move::To(op) => self.seek(Position { op: op.min(len), event: 0 }),
            Move::BackOp | Move::BackEvent | Move::StepEvent | Move::StepOp => {
                let mut history = run.history_mut();
                // At either end it stays where it is.
                let _ = match to {
                    Move::BackOp => history.back_op(),
                    Move::BackEvent => history.back_event(),
                    Move::StepEvent => history.step_event(),
                    _ => history.step_op(),
                };
                drop(history);
                self.activity = Activity::Resting;
                self.look();
            }
        }
    }

    /// Take up what the history shows now.
    fn look(&mut self) {
        self.unseen = 0;
        if let Some(run) = &mut self.run {
            self.views += 1;
            let view = run.look(self.views);
            if let Some(actor) = view.actor.filter(|actor| *actor != self.backend) {
                self.backend = actor;
                self.open = None;
                self.chunk = None;
            }
            if let Some((context, chunk)) = view.touched(self.backend) {
                self.open = Some(context);
                self.chunk = chunk;
            } else if self.open.is_none() {
                self.open = view.own_context(self.backend);
            }
            self.view = Some(view);
        }
    }

    fn append(&mut self, draft: &Draft) {
        self.compile_if_stale();
        let before = self.run.as_ref().map_or(0, Run::len);
        self.text = draft.appended_to(&self.text).into();
        self.compile(None);
        if self.diagnostics.is_empty() {
            let after = self.run.as_ref().map_or(0, Run::len);
            // A call or a query is worth watching; of anything else the outcome is what matters.
            let watched = matches!(draft.kind, compose::Kind::Call | compose::Kind::Query);
            let op = if watched { (before + 1).min(after) } else { after };
            self.seek(Position { op, event: 0 });
            if watched && self.activity == Activity::Resting {
                self.activity = Activity::Playing;
            }
        }
    }

    fn tick(&mut self) {
        let Some(run) = self.run.clone() else { return };
        let breaks = self.breaks.of(run.program());
        let stopped = run.history_mut().step_event_until(&breaks).is_some();
        if stopped || run.at_end() {
            self.activity = Activity::Resting;
        }
        self.look();
        // A question is waited for.
        if self.view.as_ref().is_some_and(|view| view.asked.is_some()) {
            self.activity = Activity::Resting;
        }
    }

    fn slice(&mut self, ops: u64) {
        let (Some(run), Activity::Running(goal)) = (self.run.clone(), self.activity) else {
            return;
        };
        let mut history = run.history_mut();
        let left = goal.saturating_sub(history.position().op);
        let ended = if self.stopping {
            let breaks = self.breaks.of(run.program());
            match history.run_until(&breaks, ops.min(left)) {
                Ran::Stopped(_) => true,
                Ran::Paused => false,
                Ran::Ended => {
                    self.notice =
                        Some(Notice::Done("No breakpoint is left: this is the end".into()));
                    true
                }
            }
        } else {
            history.run_slice(ops.min(left))
        };
        if ended || ops >= left {
            self.activity = Activity::Resting;
        }
        drop(history);
        self.unseen += 1;
        if self.activity == Activity::Resting {
            self.look();
        }
    }

    fn rest(&mut self) {
        self.activity = Activity::Resting;
        if self.unseen > 0 {
            self.look();
        }
    }

    fn toggle(&mut self) {
        if self.activity != Activity::Resting {
            self.rest();
            return;
        }
        self.compile_if_stale();
        let Some(run) = self.run.clone() else { return };
        if run.is_empty() {
            return;
        }
        if run.at_end() {
            run.history_mut().seek(Position { op: 0, event: 0 });
        }
        self.activity = Activity::Playing;
        self.look();
    }
}

impl Reducible for State {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        let mut next = (*self).clone();
        let is_slice = matches!(action, Action::Slice(_));
        match action {
            Action::Edit(text) if text == next.text => return self,
            Action::Edit(text) => {
                next.breaks.follow_edit(&next.text, &text);
                next.text = text;
                next.stale = true;
            }
            Action::Compile => next.compile_if_stale(),
            Action::Append(draft) => next.append(&draft),
            Action::Server(setting, value) => {
                next.text = compose::with_setting(&next.text, setting, &value).into();
                next.compile(None);
            }
            Action::Go(to) => next.go(to),
            Action::Toggle => next.toggle(),
            Action::Rest => next.rest(),
            Action::Tick if next.activity == Activity::Playing => next.tick(),
            Action::Tick => return self,
            Action::Slice(ops) => next.slice(ops),
            Action::Look => next.look(),
            Action::Break(line) => {
                let shown = || next.view.as_ref().and_then(|view| view.line);
                let Some(line) = line.or_else(shown) else { return self };
                next.breaks.toggle(line);
            }
            Action::BreakAt(text) => next.breaks.at = text,
            Action::Pick(pick) => {
                let asked = next.view.as_ref().and_then(|view| view.asked.as_ref());
                next.picked = asked.map(|asked| (asked.step, pick));
            }
            Action::Speed(speed) => next.speed = speed.min(SPEEDS.len() - 1),
            Action::Select(buffer) => next.selected = buffer,
            Action::Backend(backend) => {
                next.backend = backend;
                next.open = None;
                next.chunk = None;
            }
            Action::Open(context) => {
                next.open = context;
                next.chunk = None;
            }
            Action::Chunk(chunk) => next.chunk = chunk,
            Action::Link(link) => next.follow(link),
            Action::Load(text) => next.load(text),
            Action::Tell(notice) => next.notice = Some(notice),
            Action::Dismiss => next.notice = None,
            Action::Show(dialog) => next.dialog = dialog,
            Action::Theme(theme) => next.theme = theme,
            Action::Pane(pane) => next.pane = pane,
            Action::Bytes(addr) => {
                next.pane = Pane::Bytes;
                next.byte = Some(addr);
            }
            Action::Projector => next.projector = !next.projector,
        }
        next.changes += u64::from(!is_slice || next.unseen == 0);
        next.into()
    }
}
