//! `cargo xtask bench`: what palloc and pfree cost in the core, beside what they cost in a server;
//! and what reading a page costs ([`buffers`]); and how fast the built page is ([`page`]).
//!
//! The same workloads run in turns: each run first inside a real server, by the oracle's extension
//! (`tests/oracle/workload.c`), then through the whole core, by the core's own benchmark
//! (`crates/core/benches/mmgr.rs`). Both measure what their thread had of a processor, and of the
//! runs the median counts. So what else the machine does hardly matters. Without a PostgreSQL the
//! core's figures stand alone.

mod buffers;
mod page;
mod wasm;

use crate::oracle::Found;
use crate::postgres::{Installation, Server};
use crate::process;
use crate::steps::Plan;
use crate::trouble::Trouble;

/// The core may take this many times as long as the server.
const MOST_TIMES: f64 = 1.5;
/// Millions of operations that the core must do in a second with events on.
const LEAST_WITH_EVENTS: f64 = 2.0;

/// What the command line says.
pub(crate) struct Options {
    /// Only these; `None` is both of the core's.
    pub(crate) kind: Option<Kind>,
    /// The folder of a server's programs; `None` is the packaged PostgreSQL 15.
    pub(crate) pg_bin: Option<String>,
    pub(crate) steps: u32,
    pub(crate) runs: u32,
    pub(crate) reads: u32,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Mmgr,
    Bufmgr,
    Page,
}

impl Kind {
    /// As the command line calls it.
    pub(crate) fn from_word(word: &str) -> Result<Self, String> {
        match word {
            "mmgr" => Ok(Self::Mmgr),
            "bufmgr" => Ok(Self::Bufmgr),
            "page" => Ok(Self::Page),
            _ => Err(format!("there is no kind `{word}`, only `mmgr`, `bufmgr` and `page`")),
        }
    }
}

/// Each workload's name, and a row of numbers for each run.
type Measured = Vec<(String, Vec<Vec<f64>>)>;

#[derive(Default)]
struct Bench {
    found: Found,
    /// Nanoseconds a step.
    server: Measured,
    /// The same, Rust heap allocations a thousand steps, and with events on millions of operations
    /// a second.
    core: Measured,
}

/// Measure and print.
pub(crate) fn run(options: Options) -> Result<(), String> {
    let Options { kind, pg_bin, steps, runs, reads } = options;
    if matches!(kind, None | Some(Kind::Mmgr)) {
        memory(pg_bin, steps, runs)?;
    }
    match kind {
        None | Some(Kind::Bufmgr) => buffers::run(reads),
        Some(Kind::Page) => page::run(),
        Some(Kind::Mmgr) => Ok(()),
    }
}

fn memory(pg_bin: Option<String>, steps: u32, runs: u32) -> Result<(), String> {
    let mut bench = Bench::default();
    Plan::new()
        .step("PostgreSQL", move |bench: &mut Bench, _| {
            match Installation::find(pg_bin.as_deref()) {
                Ok(installation) => {
                    let words = installation.words.clone();
                    bench.found.server = Some(Server::new(&installation)?);
                    bench.found.installation = Some(installation);
                    Ok(words)
                }
                // Who names a server wants that one.
                Err(trouble) if pg_bin.is_some() => Err(trouble),
                Err(trouble) => Ok(format!("{}: the core's figures stand alone", trouble.cause())),
            }
        })
        .step("the core, as fast as it gets", |_, screen| {
            screen.break_line();
            cargo_bench("mmgr", &["--no-run"]).map(|_| "ready".into())
        })
        .step(format!("{runs} runs of {steps} steps"), move |bench, _| {
            for run in 0..runs {
                in_the_server(bench, steps, run)?;
                in_the_core(bench, steps, run)?;
            }
            Ok("done".into())
        })
        .run(&mut bench)?;
    print!("{}", table(&bench.core, &bench.server));
    Ok(())
}

fn in_the_server(bench: &mut Bench, steps: u32, run: u32) -> Result<(), Trouble> {
    let Some(server) = &bench.found.server else { return Ok(()) };
    let text = server.exchange(None, "", |_, to| {
        vec![format!("SELECT oracle_workloads({steps}, {run}, '{to}')")]
    })?;
    take_in(&mut bench.server, &text)
}

fn in_the_core(bench: &mut Bench, steps: u32, run: u32) -> Result<(), Trouble> {
    let version = bench.found.installation.as_ref().map_or(15, |it| it.version.number());
    let [steps, run, version] = [steps, run, version].map(|number| number.to_string());
    let options = ["--", "--lines", "--pg", &version, "--steps", &steps, "--run", &run];
    let text = cargo_bench("mmgr", &[&options[..], &["--runs", "1"]].concat())?;
    take_in(&mut bench.core, &text)
}

/// Lines of a workload's name and its numbers, parted by tabs.
fn take_in(measured: &mut Measured, text: &str) -> Result<(), Trouble> {
    let way_out = "the extension in tests/oracle, the core's benchmark and this must fit together";
    for line in text.lines() {
        let mut fields = line.split('\t');
        let name = fields.next().unwrap_or_default();
        let numbers: Result<Vec<f64>, _> = fields.map(str::parse).collect();
        let numbers = numbers.map_err(|_| Trouble::new(line, way_out))?;
        match measured.iter_mut().find(|(known, _)| known == name) {
            Some((_, runs)) => runs.push(numbers),
            None => measured.push((name.to_owned(), vec![numbers])),
        }
    }
    Ok(())
}

/// The median over the runs of one of the numbers.
fn median(runs: &[Vec<f64>], number: usize) -> Option<f64> {
    let mut all: Vec<f64> = runs.iter().filter_map(|run| run.get(number).copied()).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}

/// One of the core's benchmarks with these options; what it prints.
fn cargo_bench(name: &str, options: &[&str]) -> Result<String, Trouble> {
    let mut cargo = process::cargo();
    cargo.args(["bench", "-q", "-p", "pgscope-core", "--bench", name]).args(options);
    let way_out = format!("`cargo bench -p pgscope-core --bench {name}` shows the same alone");
    let way_out = way_out.as_str();
    let output = cargo.stderr(std::process::Stdio::inherit()).output();
    let output = output.map_err(|error| Trouble::new(error.to_string(), way_out))?;
    if !output.status.success() {
        return Err(Trouble::new(format!("it ended with {}", output.status), way_out));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A line for each workload of the core, with the goals that it misses.
fn table(core: &Measured, server: &Measured) -> String {
    let mut table = format!(
        "\n{:16}{:>12}{:>10}{:>8}{:>26}{:>20}\n",
        "ns a step", "server", "core", "ratio", "allocations a 1000 steps", "events on, Mops/s"
    );
    let shown = |number: Option<f64>, digits: usize| {
        number.map_or_else(|| "-".to_owned(), |number| format!("{number:.digits$}"))
    };
    for (name, runs) in core {
        let [took, allocations, on] = [0, 1, 2].map(|number| median(runs, number));
        let beside = server.iter().find(|(known, _)| known == name);
        let beside = beside.and_then(|(_, runs)| median(runs, 0));
        let ratio = took.zip(beside).map(|(took, beside)| took / beside);
        table += &format!(
            "{name:16}{:>12}{:>10}{:>8}{:>26}{:>20}",
            shown(beside, 1),
            shown(took, 1),
            shown(ratio, 2),
            shown(allocations, 1),
            shown(on, 1),
        );
        if ratio.is_some_and(|ratio| ratio > MOST_TIMES) {
            table += &format!("  over {MOST_TIMES}");
        }
        if on.is_some_and(|on| on < LEAST_WITH_EVENTS) {
            table += &format!("  under {LEAST_WITH_EVENTS} Mops/s");
        }
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(text: &str) -> Measured {
        let mut measured = Measured::new();
        take_in(&mut measured, text).unwrap();
        measured
    }

    #[test]
    fn a_goal_that_is_missed_is_named() {
        let server = measured("aset/small\t10\naset/mixed\t20\n");
        let core = measured("aset/small\t16\t0.000\t1.5\naset/mixed\t30\t0.000\t9\n");
        let table = table(&core, &server);
        let line =
            |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        assert!(line("aset/small").ends_with("over 1.5  under 2 Mops/s"));
        assert!(line("aset/mixed").contains("1.50"));
        assert!(!line("aset/mixed").contains("over"));
    }

    #[test]
    fn the_median_of_the_runs_counts() {
        let core = measured("gen/small\t30\t0\t5\ngen/small\t10\t0\t7\ngen/small\t20\t0\t6\n");
        assert_eq!(core.len(), 1);
        assert_eq!([0, 2].map(|number| median(&core[0].1, number)), [Some(20.0), Some(6.0)]);
    }

    #[test]
    fn without_a_server_the_core_stands_alone() {
        let table = table(&measured("gen/small\t16\t0.000\t5\n"), &Measured::new());
        assert!(table.contains("gen/small") && !table.contains("over"));
    }

    #[test]
    fn a_line_that_is_no_figure_is_trouble() {
        assert!(take_in(&mut Measured::new(), "gen/small\tslow").is_err());
    }
}
