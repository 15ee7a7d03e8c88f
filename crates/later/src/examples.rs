//! The examples that the page offers besides its guide: golden scenarios of the project's own tests.
//!
//! What a test needs and a reader doesn't is left out when the page is compiled: the narration at a
//! golden scenario's end and its expectations, which the tests hold to be true.

use pgscope_scenario::link::Link;

/// A scenario, and where to stand in it.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// What a link calls it: `#lesson=size-classes`.
    pub lesson: &'static str,
    /// What it is about.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
    /// So many operations are done.
    pub op: u64,
}

impl Example {
    /// The link to it.
    pub fn link(&self) -> Link {
        Link { text: self.text.into(), op: self.op, event: 0, panels: 0 }
    }
}

/// The example that a link names.
pub fn lesson(name: &str) -> Option<&'static Example> {
    EXAMPLES.iter().find(|example| example.lesson.eq_ignore_ascii_case(name))
}

/// A golden scenario.
macro_rules! golden {
    ($name:literal, $file:literal, $op:literal) => {{
        const GOLDEN: &[u8] =
            include_bytes!(concat!("../../../tests/scenarios/", $file, ".pgscope"));
        const SHOWN: ([u8; GOLDEN.len()], usize) = shown(GOLDEN);
        static TEXT: [u8; SHOWN.1] = *SHOWN.0.first_chunk().expect("it is a part");
        const READ: &str = match std::str::from_utf8(&TEXT) {
            Ok(text) => text,
            Err(_) => panic!("not UTF-8"),
        };
        Example { lesson: $file, name: $name, text: READ, op: $op }
    }};
}

/// The examples, in the order of a textbook.
pub const EXAMPLES: &[Example] = &[
    golden!("Size classes", "size-classes", 8),
    golden!("Freelists", "aset-freelist", 9),
    golden!("Reset and the keeper block", "aset-reset", 103),
    golden!("Recycled contexts", "aset-context-store", 5),
    golden!("Generation", "generation-queue", 12),
    golden!("Bump", "bump", 5),
    golden!("A transaction's contexts", "transaction-contexts", 4),
    golden!("A query's contexts", "query-contexts", 10),
];

/// Their names, which the page's menu has without the texts.
pub const NAMES: [&str; EXAMPLES.len()] = {
    let mut names = [""; EXAMPLES.len()];
    let mut place = 0;
    while place < names.len() {
        names[place] = EXAMPLES[place].name;
        place += 1;
    }
    names
};

/// The lines for a reader, and how many bytes they are.
const fn shown<const N: usize>(golden: &[u8]) -> ([u8; N], usize) {
    let (mut text, mut len, mut at) = ([0; N], 0, 0);
    while at < N {
        let skipped = is_for_tests(golden, at);
        loop {
            if !skipped {
                text[len] = golden[at];
                len += 1;
            }
            at += 1;
            if at == N || golden[at - 1] == b'\n' {
                break;
            }
        }
    }
    // The narration stood apart.
    while len > 1 && text[len - 1] == b'\n' && text[len - 2] == b'\n' {
        len -= 1;
    }
    (text, len)
}

/// Whether the line that begins here is an expectation or narration.
const fn is_for_tests(golden: &[u8], mut at: usize) -> bool {
    while at < golden.len() && golden[at] == b' ' {
        at += 1;
    }
    begins(golden, at, b"expect ") || begins(golden, at, b"--= ")
}

const fn begins(text: &[u8], at: usize, with: &[u8]) -> bool {
    let mut place = 0;
    while place < with.len() {
        if at + place >= text.len() || text[at + place] != with[place] {
            return false;
        }
        place += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::rc::Rc;

    use pgscope_scenario::{History, Position, compile};

    use super::{EXAMPLES, NAMES};

    #[test]
    fn an_example_is_a_scenario_without_what_tests_need() {
        for (example, name) in EXAMPLES.iter().zip(NAMES) {
            assert_eq!(example.name, name);
            assert_eq!(super::lesson(example.lesson).map(|it| it.name), Some(name));
            assert!(!example.text.contains("--= "), "{}", example.text);
            assert!(!example.text.contains("expect "), "{}", example.text);
            let program = compile(&example.link().text).unwrap();
            let mut history = History::new(Rc::new(program)).unwrap();
            assert!(history.len() > example.op, "{name}");
            let place = Position { op: example.op, event: 0 };
            history.seek(place);
            assert_eq!(history.position(), place, "{name}");
        }
    }
}
