//! Which statements random scenarios execute, and how these end.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};

use pgscope_scenario::{History, STATEMENTS};

/// The statements in a line, by the word or words that they begin with.
pub(crate) fn statements(line: &str) -> impl Iterator<Item = &'static str> {
    let parts = line.split(['{', ';']).map(|part| match part.split_once(": ") {
        Some((_, part)) => part,
        None => part.trim(),
    });
    parts.filter_map(|part| {
        let begun = |keyword: &&str| {
            part.strip_prefix(*keyword).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        STATEMENTS.iter().map(|it| it.keyword).filter(begun).max_by_key(|it| it.len())
    })
}

/// Counts of what was executed.
#[derive(Default)]
pub(crate) struct Coverage {
    scenarios: u64,
    stops: u64,
    /// Steps of lines with a statement: those that succeeded, and those that failed.
    steps: BTreeMap<&'static str, [u64; 2]>,
    errors: BTreeMap<String, u64>,
    /// The statements of each line of the scenario under way.
    lines: Vec<Vec<&'static str>>,
}

impl Coverage {
    /// Another scenario begins.
    pub(crate) fn begin(&mut self, text: &str) {
        self.scenarios += 1;
        self.lines = text.lines().map(|line| statements(line).collect()).collect();
        for statement in self.lines.iter().flatten() {
            self.steps.entry(statement).or_default();
        }
    }

    /// A position on the way forward.
    pub(crate) fn count(&mut self, history: &History) {
        self.stops += 1;
        if history.position().event > 0 {
            return;
        }
        let Some(line) = history.shown_line() else { return };
        let failed = history.error().is_some();
        for statement in self.lines.get(line as usize - 1).into_iter().flatten() {
            self.steps.entry(statement).or_default()[usize::from(failed)] += 1;
        }
        if let Some(error) = history.error() {
            *self.errors.entry(kind(&format!("{error:?}"))).or_default() += 1;
        }
    }
}

/// The names of the variants that an error is made of.
fn kind(debug: &str) -> String {
    let named = debug.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let names = named.take_while(|word| word.starts_with(|c: char| c.is_ascii_uppercase()));
    names.take(2).collect::<Vec<_>>().join(" ")
}

impl Display for Coverage {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "{} scenarios, {} positions", self.scenarios, self.stops)?;
        writeln!(f, "{:<24} {:>10} {:>10}", "statement", "steps done", "failed")?;
        for (statement, [done, failed]) in &self.steps {
            writeln!(f, "{statement:<24} {done:>10} {failed:>10}")?;
        }
        writeln!(f, "{:<44} {:>10}", "error", "steps")?;
        self.errors.iter().try_for_each(|(kind, steps)| writeln!(f, "{kind:<44} {steps:>10}"))
    }
}
