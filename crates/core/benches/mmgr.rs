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
//! Each line says: workload, nanoseconds a step (median, least, most of the runs), steps, runs,
//! Rust heap allocations a thousand steps, and with events on millions of operations a second.
//! `--lines` prints the same for programs, parted by tabs.

#[path = "mmgr/allocations.rs"]
mod allocations;
#[path = "mmgr/workload.rs"]
mod workload;

use std::process::ExitCode;
use std::time::Instant;

use pgscope_core::Server;
use pgscope_core::profile::Version;
use workload::Workload;

/// State of the random numbers in the first run; each further run starts one higher.
const SEED: u64 = 12_345;

struct Options {
    version: Version,
    steps: u64,
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
        runs: 5,
        lines: false,
        only: Vec::new(),
    };
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().and_then(|value| value.parse::<u64>().ok());
            value.filter(|value| *value > 0).ok_or(format!("{word} needs a number above 0"))
        };
        match word.as_str() {
            // What cargo itself adds.
            "--bench" => {}
            "--lines" => options.lines = true,
            "--steps" => options.steps = number()?,
            "--runs" => options.runs = number()?,
            "--pg" => {
                let version = u32::try_from(number()?).ok().and_then(Version::from_number);
                options.version = version.ok_or("there is no such version")?;
            }
            _ => options.only.push(word),
        }
    }
    Ok(options)
}

fn measure(workload: Workload, options: &Options) -> Result<Figures, pgscope_core::Error> {
    let mut figures = Figures { off: Vec::new(), on: 0.0, allocations: 0.0 };
    for run in 0..options.runs {
        let mut server = workload.server(options.version)?;
        server.log_mut().off();
        let (nanoseconds, _, allocations) = timed(workload, &mut server, SEED + run, options)?;
        figures.off.push(nanoseconds / options.steps as f64);
        figures.allocations = allocations as f64 * 1000.0 / (options.steps * 9 / 10) as f64;
    }
    figures.off.sort_by(f64::total_cmp);
    let mut server = workload.server(options.version)?;
    let (nanoseconds, ops, _) = timed(workload, &mut server, SEED, options)?;
    figures.on = ops as f64 * 1000.0 / nanoseconds;
    Ok(figures)
}

/// One run: nanoseconds, operations, and Rust heap allocations after a tenth of it, when every
/// page and table that the steps need is there.
fn timed(
    workload: Workload,
    server: &mut Server,
    seed: u64,
    options: &Options,
) -> Result<(f64, u64, u64), pgscope_core::Error> {
    let mut run = workload.start(seed);
    let started = Instant::now();
    run.steps(server, options.steps / 10)?;
    let before = allocations::count();
    run.steps(server, options.steps - options.steps / 10)?;
    let allocations = allocations::count() - before;
    Ok((started.elapsed().as_nanos() as f64, run.ops(), allocations))
}

fn print(name: &str, figures: &Figures, options: &Options) {
    let Figures { off, on, allocations } = figures;
    let (median, min, max) = (off[off.len() / 2], off[0], off[off.len() - 1]);
    if options.lines {
        println!("{name}\t{median:.2}\t{min:.2}\t{max:.2}\t{allocations:.3}\t{on:.2}");
    } else {
        let spread = format!("({min:.1} to {max:.1})");
        println!("{name:16}{median:9.1}{spread:>18}{allocations:>14.1}{on:>22.1}");
    }
}
