//! `cargo xtask bench`: what palloc and pfree cost in the core, beside what they cost in a server.
//!
//! The same workloads run twice, one after the other: inside a real server, by the oracle's
//! extension (`tests/oracle/workload.c`), and through the whole core, by the core's own benchmark
//! (`crates/core/benches/mmgr.rs`). Without a PostgreSQL the core's figures stand alone.

use crate::oracle::Found;
use crate::postgres::{Installation, Server};
use crate::process;
use crate::steps::{Outcome, Plan, Screen};
use crate::trouble::Trouble;

/// The core may take this many times as long as the server.
const MOST_TIMES: f64 = 1.5;
/// Millions of operations that the core must do in a second with events on.
const LEAST_WITH_EVENTS: f64 = 2.0;

/// What the command line says.
pub(crate) struct Options {
    /// The folder of a server's programs; `None` is the packaged PostgreSQL 15.
    pub(crate) pg_bin: Option<String>,
    pub(crate) steps: u32,
    pub(crate) runs: u32,
}

#[derive(Default)]
struct Bench {
    found: Found,
    /// Each workload's name and nanoseconds a step in the server.
    server: Vec<(String, f64)>,
    /// The core's lines.
    core: String,
}

/// Measure and print.
pub(crate) fn run(options: Options) -> Result<(), String> {
    let Options { pg_bin, steps, runs } = options;
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
            core(&["--no-run"], screen).map(|_| "ready".into())
        })
        .step(format!("{steps} steps, {runs} runs, in the server"), move |bench, _| {
            in_the_server(bench, steps, runs)
        })
        .step(format!("{steps} steps, {runs} runs, in the core"), move |bench, screen| {
            let version = bench.found.installation.as_ref().map_or(15, |it| it.version.number());
            let [steps, runs, version] = [steps, runs, version].map(|number| number.to_string());
            let options = ["--", "--lines", "--pg", &version, "--steps", &steps, "--runs", &runs];
            bench.core = core(&options, screen)?;
            Ok("done".into())
        })
        .run(&mut bench)?;
    print!("{}", table(&bench.core, &bench.server)?);
    Ok(())
}

fn in_the_server(bench: &mut Bench, steps: u32, runs: u32) -> Outcome {
    let Some(server) = &bench.found.server else { return Ok("skipped".into()) };
    let text = server.exchange(None, "", |_, to| {
        vec![format!("SELECT oracle_workloads({steps}, {runs}, '{to}')")]
    })?;
    let way_out = "the extension in tests/oracle and this command must fit together";
    let mut measured: Vec<(String, Vec<f64>)> = Vec::new();
    for line in text.lines() {
        let parts = line.split_once('\t').and_then(|(name, took)| Some((name, took.parse().ok()?)));
        let (name, took) = parts.ok_or_else(|| Trouble::new(line, way_out))?;
        match measured.last_mut().filter(|(last, _)| last == name) {
            Some((_, all)) => all.push(took),
            None => measured.push((name.to_owned(), vec![took])),
        }
    }
    bench.server = measured.into_iter().map(|(name, all)| (name, median(all))).collect();
    Ok("done".into())
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// The core's benchmark with these options; what it prints.
fn core(options: &[&str], screen: &Screen) -> Result<String, Trouble> {
    screen.break_line();
    let mut cargo = process::cargo();
    cargo.args(["bench", "-q", "-p", "pgscope-core", "--bench", "mmgr"]).args(options);
    let way_out = "`cargo bench -p pgscope-core --bench mmgr` shows the same alone";
    let output = cargo.stderr(std::process::Stdio::inherit()).output();
    let output = output.map_err(|error| Trouble::new(error.to_string(), way_out))?;
    if !output.status.success() {
        return Err(Trouble::new(format!("it ended with {}", output.status), way_out));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A line for each workload of the core, with the goals that it misses.
fn table(core: &str, server: &[(String, f64)]) -> Result<String, String> {
    let mut table = format!(
        "\n{:16}{:>12}{:>10}{:>8}{:>26}{:>20}\n",
        "ns a step", "server", "core", "ratio", "allocations a 1000 steps", "events on, Mops/s"
    );
    for line in core.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let numbers: Option<Vec<f64>> =
            fields.iter().skip(1).map(|field| field.parse().ok()).collect();
        let (Some(name), Some([took, _, _, allocations, on])) =
            (fields.first(), numbers.as_deref())
        else {
            return Err(format!("the core's benchmark printed `{line}`"));
        };
        let beside = server.iter().find(|(known, _)| known == name).map(|(_, took)| *took);
        let ratio = beside.map(|beside| took / beside);
        let shown = |number: Option<f64>, digits: usize| {
            number.map_or_else(|| "-".to_owned(), |number| format!("{number:.digits$}"))
        };
        table += &format!(
            "{name:16}{:>12}{took:>10.1}{:>8}{allocations:>26.1}{on:>20.1}",
            shown(beside, 1),
            shown(ratio, 2),
        );
        if ratio.is_some_and(|ratio| ratio > MOST_TIMES) {
            table += &format!("  over {MOST_TIMES}");
        }
        if *on < LEAST_WITH_EVENTS {
            table += &format!("  under {LEAST_WITH_EVENTS} Mops/s");
        }
        table.push('\n');
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_that_is_missed_is_named() {
        let server = [("aset/small".to_owned(), 10.0), ("aset/mixed".to_owned(), 20.0)];
        let core = "aset/small\t16\t15\t17\t0.000\t1.5\naset/mixed\t30\t29\t31\t0.000\t9\n";
        let table = table(core, &server).unwrap();
        let line =
            |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        assert!(line("aset/small").ends_with("over 1.5  under 2 Mops/s"));
        assert!(line("aset/mixed").contains("1.50"));
        assert!(!line("aset/mixed").contains("over"));
    }

    #[test]
    fn without_a_server_the_core_stands_alone() {
        let table = table("gen/small\t16\t15\t17\t0.000\t5\n", &[]).unwrap();
        assert!(table.contains("gen/small") && !table.contains("over"));
    }
}
