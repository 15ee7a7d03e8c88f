//! A whole scenario told: what happened, by the lines of its text, and the sums at the end.
//!
//! A golden scenario carries its story behind its text, as comments that begin with [`SAID`]:
//! `tests/scenarios` has them. The story is as long as the text, not as the history: of a line that
//! takes many steps it has the first and the last.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use crate::history::{History, Position, Totals};
use crate::narrate::{Narration, narrate};

/// What the lines of a golden scenario's story begin with.
pub const SAID: &str = "--= ";

/// Up to so many steps of a line are all told.
const ALL: usize = 4;

/// What happened, line by line.
#[derive(Clone, Debug, Default)]
pub struct Story {
    lines: BTreeMap<u32, Steps>,
    totals: Totals,
}

/// The steps of one line: the first, and the last of the others.
#[derive(Clone, Debug, Default)]
struct Steps {
    count: usize,
    first: Option<Narration>,
    last: VecDeque<Narration>,
}

/// A part of a story.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// What a step of this line did.
    Step(u32, &'a Narration),
    /// So many steps of this line are left out.
    More(u32, usize),
    /// The sums.
    End(Totals),
}

impl Story {
    /// Run a history to its end, and tell of every step on the way.
    pub fn of(history: &mut History) -> Self {
        let end = Position { op: history.len(), event: 0 };
        Self::up_to(history, end)
    }

    /// The same up to a position; where it lies within a step, that step is told as far as it is.
    pub fn up_to(history: &mut History, end: Position) -> Self {
        let mut story = Self::default();
        while history.step_towards(end) {
            let steps = story.lines.entry(history.shown_line().unwrap_or_default()).or_default();
            let narration = narrate(history);
            steps.count += 1;
            match steps.first {
                None => steps.first = Some(narration),
                Some(_) => steps.last.push_back(narration),
            }
            if steps.last.len() >= ALL {
                steps.last.pop_front();
            }
        }
        story.totals = history.totals();
        story
    }

    /// Its parts, in order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let lines = self.lines.iter().flat_map(|(&line, steps)| {
            let left_out = steps.count > ALL;
            let more = left_out.then(|| Entry::More(line, steps.count - 2));
            let last = steps.last.iter().skip(if left_out { ALL - 2 } else { 0 });
            let step = move |narration| Entry::Step(line, narration);
            steps.first.iter().map(step).chain(more).chain(last.map(step))
        });
        lines.chain([Entry::End(self.totals)])
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries().try_for_each(|entry| write!(f, "{entry}"))
    }
}

/// Whole lines, each with its end.
impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(line, narration) => {
                writeln!(f, "{line}: {}", narration.text())?;
                narration.listing.iter().try_for_each(|row| writeln!(f, "    {row}"))
            }
            Self::More(line, count) => writeln!(f, "{line}: ... {count} more"),
            Self::End(totals) => {
                let Totals { hits, misses, evictions, writes } = totals;
                writeln!(f, "hits {hits}, misses {misses}, evictions {evictions}, writes {writes}")
            }
        }
    }
}

/// A golden scenario: the text up to its story, and the story as comments behind it.
pub fn golden(text: &str) -> (&str, &str) {
    let begin = text.split_inclusive('\n').scan(0, |end, line| {
        let begin = *end;
        *end += line.len();
        Some((begin, line))
    });
    let story = begin.filter(|(_, line)| line.starts_with(SAID)).map(|(begin, _)| begin).next();
    text.split_at(story.unwrap_or(text.len()))
}

impl Story {
    /// The text with this story behind it.
    pub fn behind(&self, text: &str) -> String {
        let mut whole = format!("{}\n\n", text.trim_end());
        for line in self.to_string().lines() {
            whole.extend([SAID, line, "\n"]);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::compile;

    fn story(text: &str) -> String {
        let mut history = History::new(Rc::new(compile(text).unwrap())).unwrap();
        Story::of(&mut history).to_string()
    }

    #[test]
    fn of_many_steps_the_first_and_the_last_are_told() {
        let told = |times: u32| {
            let text = format!("backend a\nrepeat {times} {{ a: palloc 8 }}");
            story(&text).lines().filter(|line| line.starts_with("2: ")).count()
        };
        assert_eq!([1, 3, 4, 5, 9].map(told), [1, 3, 4, 3, 3]);
        let text = "table t pages=90\nbackend a\na: read t 0..8";
        let lines: Vec<String> = story(text).lines().skip(2).map(str::to_owned).collect();
        assert!(lines[0].starts_with("3: a reads t 0:"));
        assert_eq!(lines[1], "3: ... 7 more");
        assert!(lines[2].starts_with("3: a reads t 8:"));
        assert_eq!(lines[3], "hits 0, misses 9, evictions 0, writes 0");
    }

    #[test]
    fn a_golden_text_is_parted_from_its_story() {
        assert_eq!(golden("a\n\n--= 1: x\n"), ("a\n\n", "--= 1: x\n"));
        assert_eq!(golden("a -- --= no"), ("a -- --= no", ""));
        let story = Story::default();
        assert_eq!(story.behind("a\n\n"), "a\n\n--= hits 0, misses 0, evictions 0, writes 0\n");
    }
}
