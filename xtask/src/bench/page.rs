//! How fast the page is: a release build of it in Chromium, measured by a program of the
//! end-to-end tests' crate and by Lighthouse.

use std::process::{Child, Stdio};

use crate::checks;
use crate::page;
use crate::process;
use crate::setup::npm::LIGHTHOUSE;
use crate::setup::{self, Kit};
use crate::steps::{Outcome, Plan, Screen};
use crate::trouble::Trouble;

/// What Lighthouse starts the browser with: as the tests do.
const FLAGS: &str = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run \
                     --disable-background-networking --disable-component-update --disable-sync";
/// Prints scores and figures of Lighthouse's report.
const SCORES: &str = "const report = JSON.parse(require('fs').readFileSync(0));
    for (const it of Object.values(report.categories)) console.log(`${it.title}: ${it.score * 100}`);
    for (const it of ['largest-contentful-paint', 'total-blocking-time', 'cumulative-layout-shift'])
        console.log(`${report.audits[it].title}: ${report.audits[it].displayValue}`);";
const WAY_OUT: &str = "`cargo xtask serve --release` shows the page that was measured";

pub(super) fn run() -> Result<(), String> {
    page::for_release(setup::for_the_browser(setup::for_the_page(Plan::new())))
        .step("keys, frames, ten million reads", |kit, screen| {
            let mut measure = process::cargo();
            measure.args(["run", "-q", "-p", "pgscope-e2e", "--bin", "measure"]);
            checks::with_browser(&mut measure, kit);
            // What can't be measured is said; Lighthouse is asked all the same.
            match process::run(&mut measure, screen, WAY_OUT) {
                Ok(()) => Ok("measured".into()),
                Err(trouble) => Ok(format!("not all: {}", trouble.cause())),
            }
        })
        .step(format!("{} {}", LIGHTHOUSE.name, LIGHTHOUSE.version), lighthouse)
        .run(&mut Kit::default())
}

/// The page is served by the tests' own server while Lighthouse looks.
fn lighthouse(kit: &mut Kit, screen: &Screen) -> Outcome {
    let program = LIGHTHOUSE.ensure(screen)?;
    let mut serve = process::cargo();
    serve.args(["run", "-q", "-p", "pgscope-e2e", "--bin", "served"]);
    checks::with_browser(&mut serve, kit);
    let trouble = |error: std::io::Error| Trouble::new(error.to_string(), WAY_OUT);
    let server = serve.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(trouble)?;
    let mut server = Served(server);
    let address = server.address().map_err(trouble)?;
    let mut lighthouse = process::command("node");
    lighthouse.arg(&program).arg(&address).args(["--output=json", "--quiet"]);
    lighthouse.arg(format!("--chrome-flags={FLAGS}")).env("CHROME_PATH", &kit.browser().browser);
    lighthouse.args(["--only-categories=performance,accessibility,best-practices"]);
    let report = lighthouse.stderr(Stdio::inherit()).output().map_err(trouble)?;
    if !report.status.success() {
        return Err(Trouble::new(format!("Lighthouse ended with {}", report.status), WAY_OUT));
    }
    let mut scores = process::command("node");
    let scores = scores.args(["-e", SCORES]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut scores = scores.spawn().map_err(trouble)?;
    if let Some(input) = &mut scores.stdin {
        std::io::Write::write_all(input, &report.stdout).map_err(trouble)?;
    }
    let scores = scores.wait_with_output().map_err(trouble)?;
    screen.break_line();
    print!("{}", String::from_utf8_lossy(&scores.stdout));
    Ok("mobile profile, simulated throttling".into())
}

/// A server that ends when it is dropped.
struct Served(Child);

impl Served {
    /// The line that it prints first.
    fn address(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if let Some(out) = self.0.stdout.take() {
            std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line)?;
        }
        Ok(line.trim().to_owned())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It ends when its input does; waiting for it can only fail if it is gone.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
