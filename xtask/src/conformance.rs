//! `cargo xtask conformance`: replay recorded traces of real servers, operation by operation.
//!
//! A trace says what a real PostgreSQL did: each line is one operation, its result, and what
//! it changed. The same operations go through the core, and everything that the line records
//! is compared. The first difference of each trace is printed. A trace that uses something
//! the core does not have yet is counted as not supported, with the reason; it is never
//! passed over in silence, and never counted as equal.
//!
//! [`trace`] reads the files, [`bufmgr`] and [`mmgr`] replay the two kinds. [`contexts`] tells
//! stories of whole backends, whose contexts are compared; [`shmem`] starts servers with other
//! settings, and compares what they made of their shared memory; [`locks`] plays scenarios of
//! several sessions, whose locks are compared.

mod bufmgr;
mod contexts;
mod locks;
mod mmgr;
mod record;
mod shmem;
#[cfg(test)]
mod tests;
mod trace;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(crate) use record::Verdict;
pub(crate) use shmem::FORMAT as SHMEM;
use trace::Trace;

/// The kinds under which stories and starts of servers are counted.
const STORIES: &str = "stories";
const STARTS: &str = "starts";

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
    /// Rows of `pg_shmem_allocations`, compared.
    allocations: u64,
    /// Starts whose lookup table had grown before they were looked at.
    grown: u64,
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
        "{} operations, {} contexts, {} allocations, {} outcomes and locks compared, \
         {} traces, stories or starts differ, {} not supported",
        tally.compared,
        tally.contexts,
        tally.allocations,
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
        if is_server(file) {
            server(&mut tally, file);
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

/// Replay a file of scenarios of locks.
pub(crate) fn replay_locks(file: &serde_json::Value) -> Result<Verdict, String> {
    let mut compared = 0;
    for told in locks::replay(file)? {
        if let Some(difference) = told.difference {
            return Ok(Verdict::Differs { compared, difference });
        }
        if let Some(reason) = told.unsupported {
            return Ok(Verdict::Unsupported(reason));
        }
        compared += told.compared;
    }
    Ok(Verdict::Equal { compared })
}

/// What a server said is one JSON object, a trace has one on each line.
fn is_server(file: &Path) -> bool {
    let name = file.to_string_lossy();
    name.ends_with(".json") || name.ends_with(".json.br")
}

fn server(tally: &mut Tally, file: &Path) {
    let read = contexts::read(file).and_then(|recorded| match recorded["format"].as_str() {
        Some(shmem::FORMAT) => shmem::replay(&recorded).map(|runs| starts(tally, file, runs)),
        Some(locks::FORMAT) => {
            locks::replay(&recorded).map(|told| stories(tally, file, told, true))
        }
        _ => contexts::replay(&recorded).map(|told| stories(tally, file, told, false)),
    });
    if let Err(unreadable) = read {
        tally.differ += 1;
        println!("{}: {unreadable}", file.display());
    }
}

fn stories(tally: &mut Tally, file: &Path, stories: Vec<contexts::Told>, locks: bool) {
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

fn starts(tally: &mut Tally, file: &Path, starts: Vec<shmem::Started>) {
    for started in starts {
        if let Some(reason) = started.unsupported {
            *tally.unsupported.entry(format!("a start: {reason}")).or_default() += 1;
            continue;
        }
        let key = (STARTS.to_owned(), started.version, "shared memory".to_owned());
        let theme = tally.themes.entry(key).or_default();
        let equal = u64::from(started.difference.is_none());
        *theme = (theme.0 + started.compared, theme.1 + equal, theme.2 + 1);
        tally.allocations += started.compared;
        tally.grown += u64::from(started.grown);
        if let Some(difference) = started.difference {
            tally.differ += 1;
            println!("{}, {}\n{difference}", file.display(), started.name);
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
            (STARTS, _) => ["allocations", "starts"],
            _ => ["operations", "traces"],
        };
        println!("{kind:7} {version}  {theme:20} {compared:6} {what}, {equal} of {all} {of} equal");
    }
    if tally.grown > 0 {
        let grown = tally.grown;
        println!(
            "in {grown} starts the lookup table of buffers had grown before the view was read"
        );
    }
    for (reason, count) in &tally.unsupported {
        println!("not supported: {count} with {reason}");
    }
}
