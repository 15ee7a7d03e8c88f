//! Measurements of the core as WebAssembly, compiled as the page is, in headless Chromium.

use std::process::Stdio;

use crate::process;
use crate::setup::browser::Browser;
use crate::setup::target::{self, TRIPLE};
use crate::setup::tools::BINDGEN;
use crate::steps::Screen;
use crate::trouble::Trouble;

const WAY_OUT: &str = "the lines above name the place; mend it and run this again";
/// Seconds after which the browser's driver takes the measurement for lost.
const MOST_SECONDS: &str = "600";

/// What one pool came to.
pub(super) struct Measured {
    pub(super) buffers: f64,
    /// Millions of reads a second.
    pub(super) speed: f64,
    pub(super) misses: f64,
}

/// Measure in the test `reads` of the page's crate.
pub(super) fn measure(screen: &Screen, reads: u32) -> Result<Vec<Measured>, Trouble> {
    logged(screen, "reads", &[("PGSCOPE_READS", reads.to_string())]).map(|text| lines(&text))
}

/// What a measurement among the tests of the page's crate logs.
pub(super) fn logged(
    screen: &Screen,
    test: &str,
    settings: &[(&str, String)],
) -> Result<String, Trouble> {
    target::ensure(screen)?;
    let bindgen = BINDGEN.ensure(screen)?;
    let browser = Browser::ensure(screen)?;
    screen.break_line();
    let mut cargo = process::cargo();
    cargo
        .args(["test", "--release", "-p", "pgscope-web", "--target", TRIPLE])
        .args(["--test", test, "--", "--nocapture"])
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER",
            bindgen.program("wasm-bindgen-test-runner"),
        )
        .envs(settings.iter().map(|(name, value)| (*name, value)))
        .env("WASM_BINDGEN_USE_BROWSER", "1")
        .env("WASM_BINDGEN_TEST_TIMEOUT", MOST_SECONDS)
        .env("CHROMEDRIVER", &browser.driver);
    let output = cargo.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| Trouble::new(error.to_string(), WAY_OUT))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(Trouble::new(format!("it ended with {}\n{text}", output.status), WAY_OUT));
    }
    Ok(text.into_owned())
}

/// The lines that the test logs among those of its runner.
fn lines(text: &str) -> Vec<Measured> {
    let measured = text.lines().filter_map(|line| line.trim().strip_prefix("measured\t"));
    let numbers = measured.filter_map(|line| {
        let fields: Result<Vec<f64>, _> = line.split('\t').map(str::parse).collect();
        let &[buffers, speed, misses] = fields.ok()?.as_slice() else { return None };
        Some(Measured { buffers, speed, misses })
    });
    numbers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_runner_says_is_passed_over() {
        let text = "Loading\n    measured\t1024\t50.5\t9\ntest reads ... ok\n";
        let [Measured { buffers, speed, misses }] = lines(text)[..] else { panic!("not one") };
        assert_eq!([buffers, speed, misses], [1024.0, 50.5, 9.0]);
    }
}
