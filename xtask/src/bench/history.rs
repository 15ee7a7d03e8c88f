//! Time travel: what going back in a history of over a million events takes, and what the history
//! keeps; as a native program and as WebAssembly in Chromium. Then what checking a text takes.

use super::{cargo_bench_of, wasm};
use crate::steps::Plan;

/// Milliseconds that going back may take, and megabytes that the history may.
const MOST_MS: f64 = 50.0;
const MOST_MB: f64 = 100.0;
/// Milliseconds in which a scenario of 1,000 lines is to be checked.
const MOST_CHECK: f64 = 5.0;

#[derive(Default)]
struct Bench {
    native: String,
    /// Empty without a browser.
    wasm: String,
}

/// Measure and print.
pub(super) fn run() -> Result<(), String> {
    let mut bench = Bench::default();
    Plan::new()
        .step("native", |bench: &mut Bench, screen| {
            screen.break_line();
            bench.native = cargo_bench_of("pgscope-scenario", "history", &[])?;
            Ok("done".into())
        })
        .step("as WebAssembly, in Chromium", |bench, screen| {
            match wasm::logged(screen, "history", &[]) {
                Ok(text) => bench.wasm = text,
                Err(trouble) => return Ok(format!("{}: native alone", trouble.cause())),
            }
            Ok("done".into())
        })
        .run(&mut bench)?;
    print!("{}", report(&bench.native, &bench.wasm));
    Ok(())
}

/// The numbers of the lines with this name.
fn numbers(text: &str, name: &str) -> Vec<Vec<f64>> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix('\t'));
    lines.filter_map(|line| line.split('\t').map(|it| it.parse().ok()).collect()).collect()
}

/// What is said of a number that is over what it may be.
fn over(number: f64, most: f64) -> String {
    if number <= most { String::new() } else { format!("  over {most}") }
}

fn report(native: &str, wasm: &str) -> String {
    let mut report = format!(
        "\n{:10}{:>10}{:>10}{:>16}{:>10}{:>16}{:>10}{:>8}\n",
        "history", "events", "steps", "back, worst ms", "usual", "leap, worst ms", "usual", "MB"
    );
    for (name, text) in [("native", native), ("wasm", wasm)] {
        for row in numbers(text, "history") {
            let &[events, steps, back, usual_back, leap, usual_leap, memory] = row.as_slice()
            else {
                continue;
            };
            report += &format!(
                "{name:10}{events:>10}{steps:>10}{back:>16.2}{usual_back:>10.2}{leap:>16.2}\
                 {usual_leap:>10.2}{memory:>8.1}{}{}{}\n",
                over(back, MOST_MS),
                over(leap, MOST_MS),
                over(memory, MOST_MB)
            );
        }
    }
    for row in numbers(native, "check") {
        let &[lines, took] = row.as_slice() else { continue };
        report += &format!("check      {lines} lines in {took:.2} ms{}\n", over(took, MOST_CHECK));
    }
    report
}

#[cfg(test)]
mod tests {
    use super::report;

    #[test]
    fn a_goal_that_is_missed_is_named() {
        let native = "history\t1000001\t9\t1.5\t1\t60\t2\t20\ncheck\t1000\t6.5\n";
        let wasm = "    history\t1000001\t9\t1.5\t1\t2\t2\t120\ntest ... ok\n";
        let report = report(native, wasm);
        for said in ["20.0  over 50\n", "120.0  over 100\n", "6.50 ms  over 5\n"] {
            assert!(report.contains(said), "{said}: {report}");
        }
    }
}
