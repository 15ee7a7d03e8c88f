//! Where a run shall stop: lines that are marked in the script, and an event or a condition.

use std::collections::BTreeSet;
use std::rc::Rc;

use pgscope_scenario::{Breakpoint, Program};

/// The breakpoints, as the reader set them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breaks {
    /// Lines, from 1.
    pub lines: Rc<BTreeSet<u32>>,
    /// An event's kind, a condition or another line, as the reader wrote it; empty is none.
    pub at: Rc<str>,
}

impl Breaks {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.at.trim().is_empty()
    }

    /// Set one on a line, or take it away.
    pub fn toggle(&mut self, line: u32) {
        let lines = Rc::make_mut(&mut self.lines);
        if !lines.remove(&line) {
            lines.insert(line);
        }
    }

    /// What is wrong with what the reader wrote.
    pub fn problem(&self, program: &Program) -> Option<String> {
        let at = self.at.trim();
        let wrong = (!at.is_empty()).then(|| Breakpoint::parse(at, program).err()).flatten()?;
        Some(match wrong.help {
            Some(help) => format!("{}; {help}", wrong.message),
            None => wrong.message,
        })
    }

    /// They, for a run of this program.
    pub fn of(&self, program: &Program) -> Vec<Breakpoint> {
        let at = self.at.trim();
        let written = (!at.is_empty()).then(|| Breakpoint::parse(at, program).ok()).flatten();
        self.lines.iter().map(|line| Breakpoint::line(*line)).chain(written).collect()
    }

    /// Keep the marks at their lines while `old` becomes `new`; those on lines that go, go too.
    pub fn follow_edit(&mut self, old: &str, new: &str) {
        if self.lines.is_empty() {
            return;
        }
        let count = |text: &str| text.split('\n').count();
        let same = old.split('\n').zip(new.split('\n')).take_while(|(old, new)| old == new).count();
        let ends = old.rsplit('\n').zip(new.rsplit('\n')).take_while(|(old, new)| old == new);
        let (old, new) = (count(old), count(new));
        let tail = ends.count().min(old.min(new) - same);
        let moved = |line: &u32| {
            let line = *line as usize;
            if line <= same {
                return u32::try_from(line).ok();
            }
            if line > old - tail {
                return u32::try_from(line + new - old).ok();
            }
            // A line that is changed where it stands keeps its mark.
            (old == new).then(|| u32::try_from(line).ok()).flatten()
        };
        self.lines = Rc::new(self.lines.iter().filter_map(moved).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(lines: &[u32], old: &str, new: &str) -> Vec<u32> {
        let mut breaks = Breaks::default();
        lines.iter().for_each(|line| breaks.toggle(*line));
        breaks.follow_edit(old, new);
        breaks.lines.iter().copied().collect()
    }

    #[test]
    fn marks_stay_with_their_lines() {
        assert_eq!(marks(&[1, 3], "a\nb\nc", "a\nb\nx\nc"), [1, 4]);
        assert_eq!(marks(&[1, 2, 3], "a\nb\nc", "a\nc"), [1, 2]);
        assert_eq!(marks(&[2], "a\nb\nc", "a\nbb\nc"), [2]);
        assert_eq!(marks(&[3], "a\nb\nc", "c"), [1]);
        assert_eq!(marks(&[1, 3], "a\na\na", "a\na"), [1]);
    }
}
