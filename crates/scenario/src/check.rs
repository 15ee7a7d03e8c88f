//! A script to a program: names become numbers, and what can be known to be wrong before
//! anything runs is found.
//!
//! The script is read once, top to bottom. A name is known from the statement that defines
//! it on; whether a handle still holds something when it is used is the machine's business,
//! since seeing `pfree` fail the second time may be the point of a scenario.

mod frame;
mod frames;
mod lesson;
mod locks;
mod memory;
mod names;
mod pages;
mod pgbench;
mod plpgsql;
mod session;
mod statement;

use std::collections::BTreeSet;
use std::rc::Rc;

use pgscope_core::ids::{BackendId, BlockNumber, RelId};
use pgscope_core::server::Settings;

use crate::ast::{Action, Block, Item, Lesson, Name, Script, Statement};
use crate::diagnostic::{Diagnostic, Problem, Span};
use crate::limits::{MAX_DIAGNOSTICS, MAX_STEPS};
use crate::markdown::Inline;
use crate::names::{Names, Register};
use crate::parser::{parse, parse_condition};
use crate::pgbench::HISTORY;
use crate::program::{Body, Expectation, Node, Program, Sequence, ServerConfig};
use crate::statements::{By, STATEMENTS};
use frames::Within;

/// Read a scenario and make it ready to run.
///
/// # Errors
/// Everything that is wrong with it, top to bottom.
pub fn compile(source: &str) -> Result<Program, Vec<Diagnostic>> {
    let parsed = parse(source);
    let mut diagnostics = parsed.diagnostics;
    match check(&parsed.script) {
        Ok(program) if diagnostics.is_empty() => return Ok(program),
        Ok(_) => {}
        Err(found) => {
            for diagnostic in found {
                let start = diagnostic.span.start;
                let at = diagnostics.partition_point(|before| before.span.start <= start);
                diagnostics.insert(at, diagnostic);
            }
        }
    }
    diagnostics.truncate(MAX_DIAGNOSTICS);
    Err(diagnostics)
}

/// Give a script its meaning.
///
/// # Errors
/// Everything that is wrong with it, top to bottom.
pub fn check(script: &Script) -> Result<Program, Vec<Diagnostic>> {
    let mut checker = Checker::new(ServerConfig::default(), Names::default());
    for name in &script.doubtful {
        checker.tolerated.define(name);
    }
    checker.find_extended(&script.items);
    let steps = checker.sequence(
        &script.items,
        Place { backend: Backend::None, top: true, within: Within::Nothing },
    );
    if let Some(span) = checker.asked {
        let problem = Problem::new(span, "no operation follows that answers this question");
        checker.problems.push(problem.help("ask before what the question is about"));
    }
    if checker.problems.is_empty() {
        let Checker { config, settings, names, title, .. } = checker;
        return Ok(Program { config, settings, names, steps, title });
    }
    let problems = checker.problems.into_iter().take(MAX_DIAGNOSTICS);
    Err(problems.map(|problem| problem.locate(&script.source)).collect())
}

/// Give a condition its meaning in a scenario: its names are those that it has at its end.
pub(crate) fn compile_condition(
    source: &str,
    program: &Program,
) -> Result<Expectation, Box<Diagnostic>> {
    let condition = parse_condition(source)?;
    let mut checker = Checker::new(program.config, program.names.clone());
    match checker.condition(&condition) {
        Some(expectation) => Ok(expectation),
        None => {
            let unknown = || Problem::new(condition.span, "this can't be looked at");
            Err(Box::new(checker.problems.pop().unwrap_or_else(unknown).locate(source)))
        }
    }
}

struct Checker {
    config: ServerConfig,
    settings: Settings,
    /// Backends whose role is a superuser.
    superusers: BTreeSet<BackendId>,
    names: Names,
    /// What is known of each table and index.
    tables: Vec<TableSize>,
    /// Tables that grow somewhere in the scenario, whose size is not known beforehand.
    extended: Register,
    /// The scale of pgbench's tables, if they are there.
    pgbench_scale: Option<u64>,
    /// Unknown names that nothing more is said about.
    tolerated: Register,
    statements: u32,
    too_long: bool,
    /// A statement stood before, other than those that may stand before `server`.
    begun: bool,
    title: Option<Rc<[Inline]>>,
    /// A question that no operation has answered yet.
    asked: Option<Span>,
    problems: Vec<Problem>,
}

/// A table or an index.
#[derive(Clone, Copy)]
struct TableSize {
    /// Blocks of the table at first; of an index, those of its table.
    pages: BlockNumber,
    index: bool,
}

/// Where a statement stands.
#[derive(Clone, Copy)]
struct Place {
    backend: Backend,
    /// Not in braces.
    top: bool,
    /// What the backend is in the middle of.
    within: Within,
}

/// Who executes a statement.
#[derive(Clone, Copy, PartialEq)]
enum Backend {
    None,
    Known(BackendId),
    /// One that isn't there, about which enough was said.
    Unknown,
}

impl Backend {
    fn known(self) -> Option<BackendId> {
        match self {
            Self::Known(backend) => Some(backend),
            Self::None | Self::Unknown => None,
        }
    }
}

/// What a statement becomes: a body and how many steps it has. None after an error.
type Compiled = Option<(Body, u64)>;

/// What may stand before `server`.
fn is_head(action: &Action) -> bool {
    matches!(action, Action::Lesson(lesson)
        if matches!(**lesson, Lesson::Language(_) | Lesson::Title(_)))
}

/// Whether a statement has an operation of its own, not only in its braces.
fn is_done_by_machine(action: &Action) -> bool {
    !matches!(
        action,
        Action::Lesson(_)
            | Action::Expect(_)
            | Action::ExpectError(_)
            | Action::Show { .. }
            | Action::Repeat { .. }
            | Action::As { .. }
    )
}

impl Checker {
    fn new(config: ServerConfig, names: Names) -> Self {
        Self {
            settings: config.settings(),
            config,
            superusers: BTreeSet::new(),
            names,
            tables: Vec::new(),
            extended: Register::default(),
            pgbench_scale: None,
            tolerated: Register::default(),
            statements: 0,
            too_long: false,
            begun: false,
            title: None,
            asked: None,
            problems: Vec::new(),
        }
    }

    fn find_extended(&mut self, items: &[Item]) {
        for item in items {
            let Item::Statement(Statement { action, .. }) = item else { continue };
            if let Some(table) = pages::resized(action) {
                self.extended.define(&table.text);
            }
            if let Action::Pgbench { .. } = action {
                self.extended.define(&HISTORY.name.into());
            }
            if let Some(body) = action.block() {
                self.find_extended(&body.items);
            }
        }
    }

    fn sequence(&mut self, items: &[Item], place: Place) -> Sequence {
        let mut sequence = Sequence::default();
        for item in items {
            if let Item::Statement(statement) = item {
                self.statement(statement, place, &mut sequence);
            }
        }
        sequence
    }

    fn statement(&mut self, statement: &Statement, place: Place, sequence: &mut Sequence) {
        let number = self.statements;
        self.statements = number.saturating_add(1);
        let place = self.place(statement, place);
        let first = if is_head(&statement.action) { number == 0 } else { !self.begun };
        self.begun |= !is_head(&statement.action);
        if let Some((body, steps)) = self.action(&statement.action, statement.span, place, first)
            && steps > 0
        {
            if is_done_by_machine(&statement.action) {
                self.asked = None;
            }
            let node = Node { line: statement.span.line, statement: number, body };
            let fits = sequence.push(node, steps) && sequence.len() <= MAX_STEPS;
            if !fits {
                self.too_long(statement.span);
            }
        }
    }

    /// A scenario that does too much, which is said once.
    fn too_long(&mut self, span: Span) {
        if std::mem::replace(&mut self.too_long, true) {
            return;
        }
        let message = format!("the scenario has more than {MAX_STEPS} steps here");
        self.problems.push(Problem::new(span, message).help("repeat less often"));
    }

    /// Where what `statement` does takes place: its own backend comes before that of the
    /// braces around it.
    fn place(&mut self, statement: &Statement, around: Place) -> Place {
        let keyword = statement.action.keyword();
        let info = STATEMENTS.iter().find(|info| info.keyword == keyword);
        let by = info.map_or(By::Either, |info| info.by);
        let backend = match &statement.backend {
            Some(name) if by == By::Server => {
                let message = format!("\"{keyword}\" is not done by a backend");
                let problem = Problem::new(name.span, message);
                self.problems.push(problem.help(format!("leave out \"{name}:\"")));
                Backend::None
            }
            Some(name) => self.backend(name).map_or(Backend::Unknown, Backend::Known),
            None => around.backend,
        };
        // Another backend is in the middle of something else.
        let within = if backend == around.backend { around.within } else { Within::Nothing };
        if by == By::Backend && matches!(backend, Backend::None) {
            let known = self.names.backends().next().unwrap_or("alice");
            let help = format!("write who does it: {known}: {keyword} …");
            let message = format!("\"{keyword}\" is done by a backend");
            self.problems.push(Problem::new(statement.span, message).help(help));
            return Place { backend: Backend::Unknown, ..around };
        }
        Place { backend, within, ..around }
    }

    /// `as`: its body, done by another backend.
    #[inline(never)]
    fn as_backend(&mut self, backend: &Name, body: &Block, place: Place) -> Compiled {
        let found = self.backend(backend).map_or(Backend::Unknown, Backend::Known);
        let within = if found == place.backend { place.within } else { Within::Nothing };
        let place = Place { backend: found, top: false, within };
        let sequence = self.sequence(&body.items, place);
        let steps = sequence.len();
        Some((Body::Repeated(sequence), steps))
    }

    /// `repeat`: its body, as often as asked.
    #[inline(never)]
    fn repeat(&mut self, times: u64, body: &Block, span: Span, place: Place) -> Compiled {
        let sequence = self.sequence(&body.items, Place { top: false, ..place });
        let steps = sequence.len().checked_mul(times);
        if steps.is_none() {
            self.too_long(span);
        }
        Some((Body::Repeated(sequence), steps?))
    }

    /// Complain, unless `result` is fine.
    fn noted<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problems.push(problem)).ok()
    }

    /// Blocks of a table, if that is known beforehand.
    fn fixed_size(&self, name: &str, rel: RelId) -> Option<BlockNumber> {
        let grows = self.extended.number(name).is_some();
        let size = usize::try_from(rel.0).ok().and_then(|rel| self.tables.get(rel));
        size.filter(|_| !grows).map(|size| size.pages)
    }
}

#[cfg(test)]
mod tests;
