//! The same scenario on each version: what it comes to there, and where it first goes another way.

use std::rc::Rc;

use pgscope_core::profile::Version;
use pgscope_core::{Server, views};
use pgscope_scenario::{History, Position, Totals, compile, narrate};

use super::compose::{Setting, with_setting};

/// Operations that are executed on each version, and of these, those whose sentences are compared.
pub const MOST: u64 = 2_000;
const TOLD: u64 = 400;
/// Memory contexts of a backend that are summed up.
const CONTEXTS: usize = 4_096;

/// What a scenario comes to on a version.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Which.
    pub version: Version,
    /// Why it doesn't run there, or what it came to.
    pub ran: Result<Ran, String>,
}

/// What a scenario came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Ran {
    /// Operations that were executed.
    pub ops: u64,
    /// What became of page reads.
    pub totals: Totals,
    /// Bytes that the backends hold in memory contexts.
    pub local: u64,
    /// Bytes of the shared segment.
    pub shared: u64,
    /// The sentence of each operation, with the line of its statement.
    told: Rc<[(Option<u32>, String)]>,
}

/// Where two versions say something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// The operation, from 1.
    pub op: u64,
    /// The line of its statement.
    pub line: Option<u32>,
    /// What the one says, and what the other.
    pub here: String,
    /// The same operation there; empty if there is none.
    pub there: String,
}

/// The scenario on a version: its first [`MOST`] operations.
pub fn outcome(text: &str, version: Version) -> Outcome {
    let text = with_setting(text, Setting::Version, &version.number().to_string());
    let program = compile(&text).map_err(|found| {
        let first = found.first();
        first.map_or_else(String::new, |it| format!("line {}: {}", it.line, it.message))
    });
    let ran = program.and_then(|program| {
        let mut history = History::new(Rc::new(program)).map_err(|error| error.to_string())?;
        let mut told = Vec::new();
        for _ in 0..TOLD.min(history.len()) {
            if !history.step_op() {
                break;
            }
            told.push((history.shown_line(), narrate(&history).text()));
        }
        history.seek(Position { op: history.len().min(MOST), event: 0 });
        let server = history.server();
        Ok(Ran {
            ops: history.position().op,
            totals: history.totals(),
            local: server.backends().map(|(id, _)| local(server, id)).sum(),
            // `shared_memory_size` is in megabytes.
            shared: server.segment().shared_memory_size() << 20,
            told: told.into(),
        })
    });
    Outcome { version, ran }
}

fn local(server: &Server, backend: pgscope_core::ids::BackendId) -> u64 {
    let rows = views::pg_backend_memory_contexts(server, backend, CONTEXTS);
    rows.iter().map(|row| row.total_bytes).sum()
}

impl Ran {
    /// The first operations of which `other` says something else, `most` of them, and how many there are.
    pub fn partings(&self, other: &Self, most: usize) -> (Vec<Parting>, usize) {
        let nothing = (None, String::new());
        let longer = self.told.len().max(other.told.len());
        let both = (0..longer).map(|at| {
            (self.told.get(at).unwrap_or(&nothing), other.told.get(at).unwrap_or(&nothing))
        });
        let apart = both.enumerate().filter(|(_, (here, there))| here.1 != there.1);
        let (mut first, mut count) = (Vec::new(), 0);
        for (at, ((line, here), (line_there, there))) in apart {
            count += 1;
            if first.len() < most {
                let (here, there) = (here.clone(), there.clone());
                first.push(Parting { op: at as u64 + 1, line: line.or(*line_there), here, there });
            }
        }
        (first, count)
    }
}
