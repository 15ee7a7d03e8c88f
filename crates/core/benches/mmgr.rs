//! What memory contexts cost in the whole core: one [`Op`] after the other through
//! [`Server::apply`].
//!
//! The workloads are the ones that the oracle's extension runs inside a real server
//! (`tests/oracle/workload.c`): same random numbers, same seeds, same steps; `cargo xtask bench`
//! puts the two side by side. Alone, while the core is made faster:
//!
//! ```text
//! cargo bench -p pgscope-core --bench mmgr -- aset/small
//! cargo bench -p pgscope-core --bench mmgr -- --pg 18 --steps 1000000 --runs 3 bump slab
//! ```
//!
//! Each line says: workload, nanoseconds a step (median, least, most of the runs), Rust heap
//! allocations a thousand steps, and with events on millions of operations a second. Time is what
//! the thread had of a processor. `--lines` prints for programs, parted by tabs: workload, median,
//! allocations, events on. `--run N` is the number of the first run, which makes its random numbers.

#[path = "mmgr/allocations.rs"]
mod allocations;
#[path = "mmgr/cpu_time.rs"]
mod cpu_time;
#[path = "mmgr/workload.rs"]
mod workload;

use std::process::ExitCode;

use cpu_time::Start;
use pgscope_core::profile::Version;
use pgscope_core::{Error, Op, Server};
use workload::{Machine, Workload};

/// State of the random numbers in run 0; each further run starts one higher.
const SEED: u64 = 12_345;
/// With events on a part of the steps is enough.
const FEWER_WITH_EVENTS: u64 = 5;

struct Options {
    version: Version,
    steps: u64,
    /// The number of the first run.
    run: u64,
    runs: u64,
    /// For programs.
    lines: bool,
    /// Names of workloads contain one of these; none means all.
    only: Vec<String>,
}

/// What one workload came to.
struct Figures {
    /// Nanoseconds a step, in order.
    off: Vec<f64>,
    /// Millions of operations a second with events on.
    on: f64,
    /// A thousand steps, when everything that they need once is there.
    allocations: f64,
}

impl Machine for Server {
    #[inline(always)]
    fn apply(&mut self, op: &Op) -> Result<(), Error> {
        Server::apply(self, op).map(drop)
    }
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::FAILURE;
        }
    };
    if !options.lines {
        println!(
            "{:16}{:>9}{:>18}{:>14}{:>22}",
            "workload", "ns/step", "(min to max)", "allocs/1000", "events on, Mops/s"
        );
    }
    for workload in Workload::all(options.version) {
        let name = workload.name();
        if !options.only.is_empty() && !options.only.iter().any(|word| name.contains(word)) {
            continue;
        }
        match measure(workload, &options) {
            Ok(figures) => print(&name, &figures, &options),
            Err(error) => {
                eprintln!("{name}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn options(words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut words = words;
    let mut options = Options {
        version: Version::V15,
        steps: 3_000_000,
        run: 0,
        runs: 5,
        lines: false,
        only: Vec::new(),
    };
    while let Some(word) = words.next() {
        let mut number = |least| {
            let value = words.next().and_then(|value| value.parse::<u64>().ok());
            value.filter(|value| *value >= least).ok_or(format!("{word} needs a number"))
        };
        match word.as_str() {
            // What cargo itself adds.
            "--bench" => {}
            "--lines" => options.lines = true,
            "--steps" => options.steps = number(1)?,
            "--run" => options.run = number(0)?,
            "--runs" => options.runs = number(1)?,
            "--pg" => {
                let version = u32::try_from(number(0)?).ok().and_then(Version::from_number);
                options.version = version.ok_or("there is no such version")?;
            }
            _ => options.only.push(word),
        }
    }
    Ok(options)
}

fn measure(workload: Workload, options: &Options) -> Result<Figures, Error> {
    let mut figures = Figures { off: Vec::new(), on: 0.0, allocations: 0.0 };
    let steps = options.steps;
    for run in options.run..options.run + options.runs {
        let mut server = workload.server(options.version)?;
        server.log_mut().off();
        let (nanoseconds, _, allocations) = timed(workload, &mut server, SEED + run, steps)?;
        figures.off.push(nanoseconds / steps as f64);
        figures.allocations = allocations as f64 * 1000.0 / (steps - steps / 10) as f64;
    }
    figures.off.sort_by(f64::total_cmp);
    let mut server = workload.server(options.version)?;
    let fewer = steps / FEWER_WITH_EVENTS;
    let (nanoseconds, ops, _) = timed(workload, &mut server, SEED + options.run, fewer)?;
    figures.on = ops as f64 * 1000.0 / nanoseconds;
    Ok(figures)
}

/// One run: nanoseconds, operations, and Rust heap allocations after a tenth of it, when every
/// page and table that the steps need is there.
fn timed(
    workload: Workload,
    server: &mut Server,
    seed: u64,
    steps: u64,
) -> Result<(f64, u64, u64), Error> {
    let mut run = workload.start(seed);
    let started = Start::now();
    let mut ops = run.steps(steps / 10, server)?;
    let before = allocations::count();
    ops += run.steps(steps - steps / 10, server)?;
    let allocations = allocations::count() - before;
    Ok((started.elapsed(), ops, allocations))
}

fn print(name: &str, figures: &Figures, options: &Options) {
    let Figures { off, on, allocations } = figures;
    let (median, min, max) = (off[off.len() / 2], off[0], off[off.len() - 1]);
    if options.lines {
        println!("{name}\t{median:.3}\t{allocations:.3}\t{on:.2}");
    } else {
        let spread = format!("({min:.1} to {max:.1})");
        println!("{name:16}{median:9.1}{spread:>18}{allocations:>14.1}{on:>22.1}");
    }
}
