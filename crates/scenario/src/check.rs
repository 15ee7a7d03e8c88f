//! A script to a program: names become numbers, and what can be known to be wrong before
//! anything runs is found.
//!
//! The script is read once, top to bottom. A name is known from the statement that defines
//! it on; whether a handle still holds something when it is used is the machine's business,
//! since seeing `pfree` fail the second time may be the point of a scenario.

mod frame;
mod frames;
mod memory;
mod names;
mod pages;
mod statement;

use std::collections::BTreeSet;

use pgscope_core::ids::{BackendId, BlockNumber, RelId};
use pgscope_core::server::Settings;

use crate::ast::{Block, Item, Script, Statement};
use crate::diagnostic::{Diagnostic, Problem, Span};
use crate::limits::{MAX_DIAGNOSTICS, MAX_STEPS};
use crate::names::{Names, Register};
use crate::parser::parse;
use crate::program::{Body, Node, Program, Sequence, ServerConfig};
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
    let mut checker = Checker {
        config: ServerConfig::default(),
        settings: ServerConfig::default().settings(),
        superusers: BTreeSet::new(),
        names: Names::default(),
        tables: Vec::new(),
        extended: Register::default(),
        tolerated: Register::default(),
        statements: 0,
        too_long: false,
        problems: Vec::new(),
    };
    for name in &script.doubtful {
        checker.tolerated.define(name);
    }
    checker.find_extended(&script.items);
    let steps = checker.sequence(
        &script.items,
        Place { backend: Backend::None, top: true, within: Within::Nothing },
    );
    if checker.problems.is_empty() {
        return Ok(Program {
            config: checker.config,
            settings: checker.settings,
            names: checker.names,
            steps,
        });
    }
    let problems = checker.problems.into_iter().take(MAX_DIAGNOSTICS);
    Err(problems.map(|problem| problem.locate(&script.source)).collect())
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
    /// Unknown names that nothing more is said about.
    tolerated: Register,
    statements: u32,
    too_long: bool,
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

impl Checker {
    fn find_extended(&mut self, items: &[Item]) {
        for item in items {
            let Item::Statement(Statement { action, .. }) = item else { continue };
            if let Some(table) = pages::resized(action) {
                self.extended.define(&table.text);
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
        let first = number == 0;
        if let Some((body, steps)) = self.action(&statement.action, statement.span, place, first)
            && steps > 0
        {
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

    /// `repeat`: its body, as often as asked.
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
