//! What a `show` shows: memory contexts as PostgreSQL's own views and logs have them, and where
//! their bytes are.

use pgscope_core::Error;
use pgscope_core::ids::{BackendId, ContextSlot};
use pgscope_core::memory::Addr;
use pgscope_core::mmgr::StatsForm;
use pgscope_core::server::settings::SettingError;
use pgscope_core::views::{self, Costs, Fragmentation, View};

use crate::ast::Shown;
use crate::compare::{Replay, replay};
use crate::history::History;
use crate::narrate::{Narration, Scene, Tone};

/// `MemoryContextStats` and the log list so many levels, and so many children of each context.
const STATS_LIMITS: (u32, usize) = (100, 100);
/// A table has so many rows at most.
const MAX_ROWS: usize = 200;

#[inline(never)]
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
    if let Some(end) = found.end() {
        return refused(narration, &Error::NotConnected(end));
    }
    let top = found.memory.top;
    match what {
        Shown::Contexts => {
            narration.say(Tone::Plain, "the rows of pg_backend_memory_contexts.");
            narration.listing = contexts(scene, backend, top);
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
        Shown::Locks => {
            narration.say(Tone::Plain, "what is locked, by whom, and who waits.");
            narration.listing = super::locks::listing(scene);
            narration.at(version, ("GetLockStatusData", "backend/storage/lmgr/lock.c"));
        }
        Shown::View(view) => {
            let columns = view.columns(scene.server.profile());
            if columns.is_empty() {
                let error = Error::NotInVersion(view.name());
                return refused(narration, &error);
            }
            narration.say(Tone::Plain, format!("the rows of {}.", view.name()));
            let mut rows = head(columns);
            rows.extend(views::view_rows(scene.server, Some(backend), view, MAX_ROWS));
            let more = match view {
                View::Buffercache => scene.server.pool().nbuffers() as usize,
                _ => 0,
            };
            narration.listing = table(&rows, more.saturating_sub(MAX_ROWS));
        }
        Shown::Setting(name) => match scene.server.find_setting(name) {
            Some(parameter) => {
                let value = views::show_setting(scene.server, Some(backend), parameter);
                narration.say(Tone::Plain, format!("{name}: "));
                narration.say(Tone::Hit, value);
                narration.say(Tone::Plain, ".");
                narration.at(version, ("GetPGVariable", "backend/utils/misc/guc_funcs.c"));
            }
            None => refused(narration, &SettingError::Unknown(name.to_owned()).into()),
        },
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

/// Rows in columns, as `psql` aligns them; the first row is the head.
fn table(rows: &[Vec<String>], more: usize) -> Vec<String> {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            widths.resize(widths.len().max(column + 1), 0);
            widths[column] = widths[column].max(cell.chars().count());
        }
    }
    let mut lines = Vec::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let pad = " ".repeat(width - cell.chars().count());
            let number = cell.starts_with(|c: char| c.is_ascii_digit());
            let (before, behind) = if number { (pad.as_str(), "") } else { ("", pad.as_str()) };
            let bar = if line.is_empty() { "" } else { " | " };
            for part in [bar, before, cell, behind] {
                line.push_str(part);
            }
        }
        // A dangling identifier can hold anything.
        lines.push(line.trim_end().replace(char::is_control, " "));
    }
    if more > 0 {
        lines.push(format!("({more} more)"));
    }
    lines
}

fn head(names: &[&str]) -> Vec<Vec<String>> {
    vec![names.iter().map(|&name| name.to_owned()).collect()]
}

fn row(name: &str, numbers: &[u64]) -> Vec<String> {
    let mut row = vec![name.to_owned()];
    row.extend(numbers.iter().map(u64::to_string));
    row
}

fn contexts(scene: &Scene<'_>, backend: BackendId, top: Addr) -> Vec<String> {
    let profile = scene.server.profile();
    let all = 1 + scene.server.context(top).descendants().count();
    let mut rows = head(views::memory_context_columns(profile));
    for row in views::pg_backend_memory_contexts(scene.server, backend, MAX_ROWS) {
        rows.push(row.fields(profile));
    }
    table(&rows, all.saturating_sub(MAX_ROWS))
}

fn fragmentation(narration: &mut Narration, replay: &Replay, backend: BackendId) {
    narration.say(Tone::Plain, "where the bytes of its contexts are.");
    let mut rows = head(&[
        "name",
        "total",
        "headers",
        "asked for",
        "rounded up",
        "free chunks",
        "stranded",
        "never used",
        "largest free",
    ]);
    let contexts = views::contexts(&replay.server, backend);
    for context in contexts.iter().take(MAX_ROWS) {
        let found = views::fragmentation(&replay.server, context.addr, &replay.ledger);
        let Fragmentation { total, headers, asked, rounding, .. } = found;
        let Fragmentation { free_chunks, stranded, unused, largest, .. } = found;
        let numbers = [total, headers, asked, rounding, free_chunks, stranded, unused, largest];
        rows.push(row(&context.name, &numbers));
    }
    narration.listing = table(&rows, contexts.len().saturating_sub(MAX_ROWS));
}

fn malloc(narration: &mut Narration, replay: &Replay) {
    narration.say(
        Tone::Plain,
        "what its memory cost since it connected, and what the same requests would have cost with \
         a malloc and a free for each.",
    );
    let ledger = &replay.ledger;
    let (with, without) = (ledger.contexts(), ledger.plain());
    let (requests, asked) = (ledger.requests(), ledger.asked());
    let lost = |costs: Costs| costs.obtained.saturating_sub(asked);
    let mut rows = head(&["", "contexts", "malloc and free"]);
    for (what, one, other) in [
        ("chunks asked for", requests, requests),
        ("calls that gave memory back", with.returns, without.returns),
        ("calls of malloc", with.mallocs, without.mallocs),
        ("calls of free", with.frees, without.frees),
        ("bytes asked for, now", asked, asked),
        ("bytes obtained, now", with.obtained, without.obtained),
        ("bytes obtained, at most", with.peak, without.peak),
        ("bytes lost, now", lost(with), lost(without)),
    ] {
        rows.push(row(what, &[one, other]));
    }
    narration.listing = table(&rows, 0);
}
