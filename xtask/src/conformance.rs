//! `cargo xtask conformance`: replay recorded traces of real servers, operation by operation.
//!
//! A trace says what a real PostgreSQL did: each line is one operation, its result, and what
//! it changed. The same operations go through the core, and everything that the line records
//! is compared. The first difference of each trace is printed. A trace that uses something
//! the core does not have yet is counted as not supported, with the reason; it is never
//! passed over in silence, and never counted as equal.
//!
//! [`trace`] reads the files, [`bufmgr`] and [`mmgr`] replay the two kinds. [`contexts`] tells
//! stories of whole backends, whose contexts are compared, [`locks`] plays scenarios of several
//! sessions, whose locks are.

mod bufmgr;
mod contexts;
mod locks;
mod mmgr;
mod record;
#[cfg(test)]
mod tests;
mod trace;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(crate) use record::Verdict;
use trace::Trace;

/// The kind under which stories are counted.
const STORIES: &str = "stories";

/// What came out of all traces.
#[derive(Default)]
struct Tally {
    /// Operations compared, traces equal and traces in all, by kind, version and theme.
    themes: BTreeMap<(String, u64, String), (u64, u64, u64)>,
    compared: u64,
    /// Contexts that stories showed, compared.
    contexts: u64,
    /// Outcomes, waits and locks that scenarios showed, compared.
    locks: u64,
    differ: u64,
    unsupported: BTreeMap<String, u64>,
}

/// Replay the traces and stories in these files and folders; none means those of the repository. Prints
/// the tally; the closing line is the result, an error if a trace differs.
pub(crate) fn run(paths: &[String]) -> Result<String, String> {
    let files = if paths.is_empty() {
        let tests = crate::process::root().join("tests");
        let mut files = trace::files(&tests.join("traces"))?;
        files.extend(trace::files(&tests.join("servers"))?);
        files
    } else {
        let mut files = Vec::new();
        for path in paths {
            files.extend(trace::files(Path::new(path))?);
        }
        files
    };
    if files.is_empty() {
        return Err("there are no traces (*.jsonl, *.json, or with .br) there".into());
    }
    let tally = replay(&files);
    print(&tally);
    let closing = format!(
        "{} operations, {} contexts and {} outcomes and locks compared, {} traces or stories differ, {} not supported",
        tally.compared,
        tally.contexts,
        tally.locks,
        tally.differ,
        tally.unsupported.values().sum::<u64>()
    );
    println!("{closing}");
    if tally.differ > 0 { Err(closing) } else { Ok(closing) }
}

fn replay(files: &[PathBuf]) -> Tally {
    let mut tally = Tally::default();
    for file in files {
        if is_story(file) {
            stories(&mut tally, file);
            continue;
        }
        let trace = match Trace::read(file) {
            Ok(trace) => trace,
            Err(unreadable) => {
                tally.differ += 1;
                println!("{unreadable}");
                continue;
            }
        };
        let key = (trace.kind().to_owned(), trace.version(), trace.theme().to_owned());
        match verdict(&trace) {
            Verdict::Equal { compared } => {
                tally.compared += compared;
                let theme = tally.themes.entry(key).or_default();
                *theme = (theme.0 + compared, theme.1 + 1, theme.2 + 1);
            }
            Verdict::Differs { compared, difference } => {
                tally.compared += compared;
                tally.differ += 1;
                let theme = tally.themes.entry(key).or_default();
                *theme = (theme.0 + compared, theme.1, theme.2 + 1);
                println!("{}\n{difference}", file.display());
            }
            Verdict::Unsupported(reason) => {
                *tally.unsupported.entry(reason).or_default() += 1;
            }
        }
    }
    tally
}

/// Replay the text of one trace; an error if it is none.
pub(crate) fn replay_text(text: &str) -> Result<Verdict, String> {
    Trace::parse(text).map(|trace| verdict(&trace))
}

/// A file of stories is one JSON object, a trace has one on each line.
fn is_story(file: &Path) -> bool {
    let name = file.to_string_lossy();
    name.ends_with(".json") || name.ends_with(".json.br")
}

fn stories(tally: &mut Tally, file: &Path) {
    let read = contexts::read(file);
    let locks = read.as_ref().is_ok_and(|it| it["format"] == locks::FORMAT);
    let stories = if locks {
        read.and_then(|it| locks::replay(&it))
    } else {
        read.and_then(|it| contexts::replay(&it))
    };
    let stories = stories.unwrap_or_else(|unreadable| {
        tally.differ += 1;
        println!("{}: {unreadable}", file.display());
        Vec::new()
    });
    for told in stories {
        let theme = if locks { "locks" } else { "contexts" };
        let key = (STORIES.to_owned(), told.version, theme.to_owned());
        let theme = tally.themes.entry(key).or_default();
        let whole = told.difference.is_none() && (!locks || told.unsupported.is_none());
        *theme = (theme.0 + told.compared, theme.1 + u64::from(whole), theme.2 + 1);
        *(if locks { &mut tally.locks } else { &mut tally.contexts }) += told.compared;
        if let Some(difference) = told.difference {
            tally.differ += 1;
            println!("{}, {}\n{difference}", file.display(), told.name);
        }
        if let Some(reason) = told.unsupported {
            *tally
                .unsupported
                .entry(format!("the rest of a story, which has {reason}"))
                .or_default() += 1;
        }
    }
}

fn verdict(trace: &Trace) -> Verdict {
    match trace.kind() {
        "pg-bufmgr-trace/1" => bufmgr::replay(trace),
        "pg-mmgr-trace/1" => mmgr::replay(trace),
        other => Verdict::Unsupported(format!("format {other}")),
    }
}

fn print(tally: &Tally) {
    for ((kind, version, theme), (compared, equal, all)) in &tally.themes {
        let kind = kind.trim_start_matches("pg-").trim_end_matches("-trace/1");
        let [what, of] = match (kind, theme.as_str()) {
            (STORIES, "locks") => ["locks", "scenarios"],
            (STORIES, _) => ["contexts", "stories"],
            _ => ["operations", "traces"],
        };
        println!("{kind:7} {version}  {theme:20} {compared:6} {what}, {equal} of {all} {of} equal");
    }
    for (reason, count) in &tally.unsupported {
        println!("not supported: {count} with {reason}");
    }
}
