//! The names that a text has, and what can stand in a place of the syntax.

use std::collections::BTreeSet;

use pgscope_core::ids::ContextSlot;

use super::Completion;
use crate::highlight::{Class, highlight_line};
use crate::metrics::METRICS;

/// The modes of locks in the words of `LOCK`, weakest first.
pub const LOCK_MODES: [&str; 8] = [
    "access share",
    "row share",
    "row exclusive",
    "share update exclusive",
    "share",
    "share row exclusive",
    "exclusive",
    "access exclusive",
];
/// The strategies of rings.
const RINGS: [&str; 3] = ["bulkread", "bulkwrite", "vacuum"];
/// Settings of memory that a session may change.
const SETTINGS: [&str; 4] =
    ["work_mem", "maintenance_work_mem", "temp_buffers", "hash_mem_multiplier"];

/// Names by what they stand for, each once, in the order of the alphabet.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) backends: BTreeSet<String>,
    tables: BTreeSet<String>,
    contexts: BTreeSet<String>,
    chunks: BTreeSet<String>,
    pins: BTreeSet<String>,
}

impl Words {
    /// The names in a text, by the colours that an editor gives them.
    pub(super) fn of(text: &str) -> Self {
        let mut words = Self::default();
        for line in text.split('\n') {
            let (mut one_before, mut two_before) = ("", "");
            for (range, class) in highlight_line(line) {
                let word = line.get(range).unwrap_or_default();
                let name = || word.trim_matches('"').to_owned();
                match class {
                    Class::Backend => drop(words.backends.insert(name())),
                    Class::Table => drop(words.tables.insert(name())),
                    Class::Context => drop(words.contexts.insert(name())),
                    Class::Handle if (two_before, one_before) == ("hold", "as") => {
                        words.pins.insert(name());
                    }
                    Class::Handle if one_before == "as" => drop(words.chunks.insert(name())),
                    _ => {}
                }
                (two_before, one_before) = (one_before, word);
            }
        }
        words
    }

    /// What can stand in a place of this kind.
    pub(super) fn for_place(&self, place: &str) -> Vec<Completion> {
        let names = |names: &BTreeSet<String>, about| {
            let one = |name: &String| Completion { text: name.clone(), about };
            names.iter().map(one).collect()
        };
        let fixed = |words: &[&str], about| {
            let one = |word: &&str| Completion { text: (*word).to_owned(), about };
            words.iter().map(one).collect::<Vec<_>>()
        };
        match place {
            "TABLE" | "INDEX" => names(&self.tables, "table"),
            "BACKEND" => names(&self.backends, "backend"),
            "CHUNK" => names(&self.chunks, "chunk"),
            "PIN" => names(&self.pins, "pin"),
            "CONTEXT" => {
                let mut offers: Vec<Completion> = names(&self.contexts, "context");
                let own = ContextSlot::WELL_KNOWN.iter().map(|(name, _)| *name);
                let plain: Vec<&str> = own.filter(|name| !name.contains(' ')).collect();
                offers.extend(fixed(&plain, "context"));
                offers
            }
            "MODE" => fixed(&LOCK_MODES, "lock mode"),
            "RING" => fixed(&RINGS, "ring"),
            "SETTING" => fixed(&SETTINGS, "setting"),
            "PAGES" => fixed(&["zipf(1.1)", "uniform"], "pages"),
            "METRIC" => {
                let names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
                fixed(&names, "metric")
            }
            _ => Vec::new(),
        }
    }
}
