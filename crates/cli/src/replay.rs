//! `pgscope replay`: what a trace of page reads misses in pools of several sizes.
//!
//! ```text
//! trace ── reader ──▶ pages ──▶ chunks ─┬─▶ thread: pools of its own, one server each
//!          CSV or      numbers          ├─▶ thread: ...
//!          binary      from 0           └─▶ ...
//! ```
//!
//! The trace is read once. Every thread gets every chunk, and its servers read it one after the
//! other ([`pools`]). What a pool misses is what the core counts; nothing is computed here.

mod chunk;
mod pages;
mod pools;
mod reader;

use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pgscope_core::server::Settings;
use pgscope_core::server::settings::{MAX_SHARED_BUFFERS, MIN_SHARED_BUFFERS};

use crate::args::ReplayArgs;
use crate::outcome::{Outcome, Trouble, say};
use pgscope_scenario::table::Table;
use pools::{Count, Pools};
use reader::Reader;

pub(crate) use pages::MAX_PAGES;

/// Pools at most, so that they fit in memory.
const MAX_POOLS: usize = 64;

pub(crate) fn replay(args: &ReplayArgs) -> Result<Outcome, Trouble> {
    let sizes = sizes(args)?;
    let threads = args.threads.or_else(|| thread::available_parallelism().ok());
    let pools = Pools::new(args.version, &sizes, threads.map_or(1, Into::into));
    let start = Instant::now();
    let name = if args.trace == "-" { "stdin" } else { args.trace.as_str() };
    let (trace, length) = open(&args.trace).map_err(|error| Trouble::with(name, error))?;
    let progress = progress(length);
    let reader = Reader::new(progress.wrap_read(trace), args.format);
    let reader = reader.map_err(|error| Trouble::with(name, error))?;
    let counts = pools.replay(reader);
    progress.finish_and_clear();
    let counts = counts.map_err(|error| Trouble::with(name, error))?;
    let mut out = io::stdout().lock();
    table(args, &counts).write(args.csv, &mut out)?;
    out.flush()?;
    say(summary(&counts, start.elapsed()));
    Ok(Outcome::Fine)
}

/// The trace's bytes, and how many there are if that is known.
fn open(trace: &str) -> io::Result<(Box<dyn Read>, Option<u64>)> {
    if trace == "-" {
        return Ok((Box::new(io::stdin().lock()), None));
    }
    let file = File::open(trace)?;
    let about = file.metadata()?;
    if about.is_dir() {
        return Err(io::Error::other("it is a directory"));
    }
    Ok((Box::new(file), about.is_file().then_some(about.len())))
}

/// The pools' sizes in buffers, as PostgreSQL reads its settings.
fn sizes(args: &ReplayArgs) -> Result<Vec<u32>, Trouble> {
    if args.pools.len() > MAX_POOLS {
        return Err(Trouble::with("--pools", format!("{MAX_POOLS} pools at most")));
    }
    let size = |given: &String| {
        let mut settings = Settings::default();
        let set = settings.set(args.version, "shared_buffers", given);
        set.map_err(|error| Trouble::with("--pools", error))?;
        if !(MIN_SHARED_BUFFERS..=MAX_SHARED_BUFFERS).contains(&settings.shared_buffers) {
            let message = format!("{given} is not from 16 buffers (128kB) to 131072 (1GB)");
            return Err(Trouble::with("--pools", message));
        }
        Ok(settings.shared_buffers)
    };
    args.pools.iter().map(size).collect()
}

/// On a terminal a bar, or without an end a count; else nothing.
fn progress(length: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let target = ProgressDrawTarget::stderr();
    match length {
        Some(length) => {
            let style =
                ProgressStyle::with_template("{wide_bar} {bytes} of {total_bytes}, {eta} left");
            let bar = ProgressBar::with_draw_target(Some(length), target);
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        }
        None => {
            let style = ProgressStyle::with_template("{spinner} {bytes} read");
            let bar = ProgressBar::with_draw_target(None, target);
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        }
    }
}

fn table(args: &ReplayArgs, counts: &[Count]) -> Table {
    let columns = ["shared_buffers", "buffers", "reads", "misses", "miss_ratio", "writes"];
    let rows = args.pools.iter().zip(counts).map(|(given, count)| {
        let ratio = count.misses as f64 / (count.reads as f64).max(1.0);
        let [buffers, reads, misses, writes] =
            [count.buffers.into(), count.reads, count.misses, count.writes]
                .map(|it| it.to_string());
        vec![given.clone(), buffers, reads, misses, format!("{ratio:.6}"), writes]
    });
    Table { columns: columns.map(str::to_owned).to_vec(), rows: rows.collect() }
}

fn summary(counts: &[Count], took: Duration) -> String {
    let reads = counts.first().map_or(0, |count| count.reads);
    let total: u64 = counts.iter().map(|count| count.reads).sum();
    let seconds = took.as_secs_f64();
    let speed = total as f64 / seconds.max(1e-9) / 1e6;
    let pools = counts.len();
    format!(
        "{reads} reads in {pools} pools, {seconds:.2} s: {speed:.1} million reads a second in all"
    )
}
