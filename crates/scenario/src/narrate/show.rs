//! What a `show` shows: memory contexts as PostgreSQL's own views and logs have them, and where
//! their bytes are.

use pgscope_core::Error;
use pgscope_core::ids::{BackendId, ContextSlot};
use pgscope_core::mmgr::StatsForm;
use pgscope_core::views::{self, Costs, Fragmentation};

use crate::ast::Shown;
use crate::compare::{Replay, replay};
use crate::history::History;
use crate::narrate::{Narration, Scene, Tone};

/// `MemoryContextStats` and the log list so many levels, and so many children of each context.
const STATS_LIMITS: (u32, usize) = (100, 100);
/// A table has so many rows at most.
const MAX_ROWS: usize = 200;

pub(super) fn tell(
    narration: &mut Narration,
    scene: &Scene<'_>,
    history: &History,
    (backend, what, context): (BackendId, Shown, Option<ContextSlot>),
) {
    const MCXT: &str = "backend/utils/mmgr/mcxt.c";
    let version = history.program().config().version;
    narration.say(Tone::Who, format!("{} shows ", scene.backend(backend)));
    let Some(found) = scene.server.backend(backend) else { return };
    let top = found.memory.top;
    match what {
        Shown::Contexts => {
            narration.say(Tone::Plain, "the rows of pg_backend_memory_contexts.");
            narration.listing = contexts(scene, backend);
            let file = "backend/utils/adt/mcxtfuncs.c";
            narration.at(version, ("pg_get_backend_memory_contexts", file));
        }
        Shown::Stats => {
            let context = match context {
                Some(slot) => found.context(slot),
                None => Some(top),
            };
            let Some(context) = context else {
                return narration.say(Tone::Evict, "a context that is not there.");
            };
            narration.say(Tone::Plain, "what MemoryContextStats writes to stderr.");
            let text = scene.server.context_stats(context, STATS_LIMITS, StatsForm::Stderr);
            narration.listing = text.lines().map(str::to_owned).collect();
            narration.at(version, ("MemoryContextStats", MCXT));
        }
        Shown::Log => {
            narration.say(Tone::Plain, "what pg_log_backend_memory_contexts makes it log.");
            let text = scene.server.context_stats(top, STATS_LIMITS, StatsForm::Log);
            narration.listing = text.lines().map(|line| format!("LOG:  {line}")).collect();
            narration.at(version, ("ProcessLogMemoryContextInterrupt", MCXT));
        }
        Shown::Fragmentation | Shown::Malloc => {
            let steps = history.position().op;
            match replay(history.program(), backend, steps) {
                Ok(replay) if what == Shown::Malloc => malloc(narration, &replay),
                Ok(replay) => fragmentation(narration, &replay, backend),
                Err(error) => refused(narration, &error),
            }
        }
    }
}

fn refused(narration: &mut Narration, error: &Error) {
    narration.say(Tone::Evict, format!("nothing: {error}."));
}

/// Rows in columns: the first to the left, numbers to the right.
fn table(head: &[&str], rows: Vec<Vec<String>>) -> Vec<String> {
    let head = head.iter().map(|&name| name.to_owned()).collect();
    let left_out = rows.len().saturating_sub(MAX_ROWS);
    let mut lines: Vec<Vec<String>> = vec![head];
    lines.extend(rows.into_iter().take(MAX_ROWS));
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let columns = lines.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    // A dangling identifier can hold anything.
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let number = |cell: &str| cell.starts_with(|c: char| c.is_ascii_digit());
    let mut text: Vec<String> = lines
        .iter()
        .map(|line| {
            let cells = line.iter().zip(&widths).map(|(cell, &width)| match number(cell) {
                true => format!("{cell:>width$}"),
                false => format!("{cell:width$}"),
            });
            let line = cells.collect::<Vec<_>>().join(" | ");
            line.trim_end().chars().map(visible).collect()
        })
        .collect();
    if left_out > 0 {
        text.push(format!("({left_out} more)"));
    }
    text
}

fn contexts(scene: &Scene<'_>, backend: BackendId) -> Vec<String> {
    let profile = scene.server.profile();
    let rows = views::pg_backend_memory_contexts(scene.server, backend);
    let rows = rows.iter().map(|row| row.fields(profile)).collect();
    table(views::memory_context_columns(profile), rows)
}

fn fragmentation(narration: &mut Narration, replay: &Replay, backend: BackendId) {
    narration.say(Tone::Plain, "where the bytes of its contexts are.");
    let head = [
        "name",
        "total",
        "headers",
        "asked for",
        "rounded up",
        "free chunks",
        "stranded",
        "never used",
        "largest free",
    ];
    let rows = views::contexts(&replay.server, backend).into_iter().map(|row| {
        let Fragmentation {
            total,
            headers,
            asked,
            rounding,
            free_chunks,
            stranded,
            unused,
            largest,
        } = views::fragmentation(&replay.server, row.addr, &replay.ledger);
        let numbers = [total, headers, asked, rounding, free_chunks, stranded, unused, largest];
        std::iter::once(row.name).chain(numbers.iter().map(u64::to_string)).collect()
    });
    narration.listing = table(&head, rows.collect());
}

fn malloc(narration: &mut Narration, replay: &Replay) {
    narration.say(Tone::Plain, "what its memory cost since it connected, and what the same ");
    narration.say(Tone::Plain, "requests would have cost with a malloc and a free for each.");
    let (ledger, with, without) = (&replay.ledger, replay.ledger.contexts(), replay.ledger.plain());
    let row = |what: &str, cost: &dyn Fn(&Costs) -> u64| {
        vec![what.to_owned(), cost(&with).to_string(), cost(&without).to_string()]
    };
    let asked = ledger.asked();
    narration.listing = table(
        &["", "contexts", "malloc and free"],
        vec![
            row("chunks asked for", &|_| ledger.requests()),
            row("calls that gave memory back", &|costs| costs.returns),
            row("calls of malloc", &|costs| costs.mallocs),
            row("calls of free", &|costs| costs.frees),
            row("bytes asked for, now", &|_| asked),
            row("bytes obtained, now", &|costs| costs.obtained),
            row("bytes obtained, at most", &|costs| costs.peak),
            row("bytes lost, now", &|costs| costs.obtained.saturating_sub(asked)),
        ],
    );
}
