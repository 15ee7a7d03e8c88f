//! `cargo xtask test`: every check there is, cheapest first, stopping at the first that fails.
//!
//! This is also all that continuous integration runs, so what is not in this list is not checked.

use std::process::Command;

use crate::features;
use crate::oracle::{Kind, Traced};
use crate::page;
use crate::process;
use crate::setup::target::TRIPLE;
use crate::setup::{self, Kit};
use crate::steps::{Outcome, Plan, Screen};
use crate::trouble::Trouble;

/// Everything that must hold before a change goes in.
pub(crate) fn test() -> Result<(), String> {
    let plan = setup::for_axe(setup::for_the_browser(setup::for_the_page(Plan::new())))
        .step("formatting", |_, screen| {
            let way_out = "run `cargo fmt --all` and look at what it changed";
            run(process::cargo().args(["fmt", "--all", "--check"]), screen, way_out)
        })
        .step("clippy, host", |_, screen| {
            let host = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
            run(process::cargo().args(host), screen, MEND)
        })
        .step("clippy, wasm", |_, screen| {
            let web = ["clippy", "-p", "pgscope-web", "-p", "pgscope-later", "--all-targets"];
            run(
                process::cargo()
                    .args(web)
                    .args(["--target", TRIPLE])
                    .args(["--", "-D", "warnings"]),
                screen,
                MEND,
            )
        })
        .step("tests of every crate that needs no browser", |_, screen| {
            // The workspace's default members: a new crate is in without a word here.
            run(process::cargo().arg("test"), screen, MEND)
        })
        .step("tests of the core with other features", |_, screen| {
            features::test_choices(screen, MEND)
        })
        .step("conformance with real servers", |_, screen| {
            screen.break_line();
            crate::conformance::run(&[]).map_err(|closing| {
                Trouble::new(closing, "a difference is a bug in the core: find the rule behind it")
            })
        })
        .step("random memory contexts beside PostgreSQL 15", |_, screen| {
            crate::oracle::check(screen, Kind::Traced(Traced::Mmgr), 20_000, 1)
        })
        .step("random buffers beside PostgreSQL 15", |_, screen| {
            crate::oracle::check(screen, Kind::Traced(Traced::Bufmgr), 10_000, 1)
        })
        .step("tests of the page's parts, in Chromium", wasm_tests);
    page::for_release(plan)
        .step("tests of the whole page, in Chromium", end_to_end)
        .run(&mut Kit::default())?;
    println!("\nall is well");
    Ok(())
}

const MEND: &str = "the lines above name the place; mend it and run this again";

fn wasm_tests(kit: &mut Kit, screen: &Screen) -> Outcome {
    let mut cargo = process::cargo();
    cargo
        .args(["test", "-p", "pgscope-web", "--target", TRIPLE])
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER",
            kit.bindgen().program("wasm-bindgen-test-runner"),
        )
        .env("WASM_BINDGEN_USE_BROWSER", "1")
        .env("CHROMEDRIVER", &kit.browser().driver);
    run(&mut cargo, screen, MEND)
}

fn end_to_end(kit: &mut Kit, screen: &Screen) -> Outcome {
    // What an earlier run left would be taken for this one's.
    let _ = std::fs::remove_dir_all(process::root().join("target").join("e2e"));
    let mut cargo = process::cargo();
    cargo.args(["test", "-p", "pgscope-e2e"]);
    with_browser(&mut cargo, kit);
    let way_out = "a picture and the source of the page as it failed lie in target/e2e";
    run(&mut cargo, screen, way_out)
}

/// Tells the crate tests/e2e what to test and with what.
pub(crate) fn with_browser(command: &mut Command, kit: &Kit) {
    command
        .env("PGSCOPE_DIST", page::dist())
        .env("CHROME", &kit.browser().browser)
        .env("CHROMEDRIVER", &kit.browser().driver);
    if let Some(axe) = kit.axe() {
        command.env("PGSCOPE_AXE", axe);
    }
}

fn run(command: &mut Command, screen: &Screen, way_out: &str) -> Outcome {
    process::run(command, screen, way_out)?;
    Ok("passed".into())
}
