//! `cargo xtask fuzz`: libFuzzer on the parser and on what opens links, by the programs in `fuzz/`.
//!
//! They are apart from the workspace because libFuzzer wants a nightly compiler. What it found to be
//! worth trying is kept in target/fuzz for the next run; a text that breaks something lies there too.

use std::path::PathBuf;

use crate::process;
use crate::setup::tools::FUZZ;
use crate::steps::{Plan, Screen};
use crate::trouble::Trouble;

/// Each program, and the longest input that it is given: longer ones find no more, but slowly.
const TARGETS: [(&str, u32); 2] = [("link", 300), ("scenario", 120)];
/// Seconds after which an input counts as a hang.
const TIMEOUT: u32 = 10;

/// What the command line says.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    /// Executions of each program.
    pub(crate) runs: u32,
    pub(crate) seed: u32,
}

/// Fuzz.
pub(crate) fn run(options: Options) -> Result<(), String> {
    let mut plan = Plan::new()
        .step("a nightly compiler", |(), _| {
            let mut rustc = process::command("rustc");
            let version = process::answer(rustc.env("RUSTUP_TOOLCHAIN", "nightly").arg("-V"));
            version.map(|version| version.trim().to_owned()).ok_or_else(|| {
                Trouble::new("there is none", "install it: rustup toolchain install nightly")
            })
        })
        .step(format!("cargo-fuzz {}", FUZZ.version()), |(), screen| {
            FUZZ.ensure(screen).map(|tool| tool.place())
        })
        .step("the programs", |(), screen| build(screen));
    for (target, longest) in TARGETS {
        let runs = options.runs;
        plan = plan.step(format!("{target}, {runs} executions"), move |(), screen| {
            fuzz(target, longest, options, screen)
        });
    }
    plan.run(&mut ())?;
    println!("\nnothing was found");
    Ok(())
}

fn home() -> PathBuf {
    process::root().join("target").join("fuzz")
}

fn build(screen: &Screen) -> Result<String, Trouble> {
    let tool = FUZZ.ensure(screen)?;
    screen.break_line();
    let mut fuzz = process::command(tool.program("cargo-fuzz"));
    fuzz.args([
        "fuzz",
        "build",
        "--sanitizer",
        "none",
        "--no-trace-compares",
        "--fuzz-dir",
        "fuzz",
    ])
    .arg("--target-dir")
    .arg(home())
    .env("RUSTUP_TOOLCHAIN", "nightly")
    .env_remove("CARGO");
    process::run(&mut fuzz, screen, "the lines above name the place; mend it and run this again")?;
    Ok("ready".into())
}

/// The program, wherever the compiler's triple has put it.
fn program(target: &str) -> Result<PathBuf, Trouble> {
    let folders = std::fs::read_dir(home()).into_iter().flatten().flatten();
    let mut programs = folders.map(|folder| folder.path().join("release").join(target));
    programs.find(|program| program.is_file()).ok_or_else(|| {
        Trouble::new(format!("no {target} in {}", process::shown(&home())), "look what was built")
    })
}

/// What there is to begin with: the golden scenarios, the golden links.
fn seeds(target: &str) -> Result<PathBuf, Trouble> {
    let tests = process::root().join("tests");
    if target == "scenario" {
        return Ok(tests.join("scenarios"));
    }
    let folder = home().join("links");
    let file = tests.join("links").join("v1.txt");
    let write = || {
        std::fs::create_dir_all(&folder)?;
        let text = std::fs::read_to_string(&file)?;
        for (number, line) in text.lines().filter(|line| line.starts_with("s1=")).enumerate() {
            std::fs::write(folder.join(number.to_string()), line)?;
        }
        Ok(())
    };
    let written: std::io::Result<()> = write();
    written.map_err(|error| Trouble::new(error.to_string(), "target/fuzz must be writable"))?;
    Ok(folder)
}

fn fuzz(target: &str, longest: u32, options: Options, screen: &Screen) -> Result<String, Trouble> {
    let seeds = seeds(target)?;
    let corpus = home().join("corpus").join(target);
    std::fs::create_dir_all(&corpus)
        .map_err(|error| Trouble::new(error.to_string(), "target/fuzz must be writable"))?;
    let mut fuzzer = process::command(program(target)?);
    fuzzer
        .arg(format!("-runs={}", options.runs))
        .arg(format!("-seed={}", options.seed))
        .arg(format!("-max_len={longest}"))
        .arg(format!("-timeout={TIMEOUT}"))
        .arg(format!("-artifact_prefix={}/", home().display()))
        .args(["-verbosity=0", "-print_final_stats=1"]);
    if target == "scenario" {
        let words = process::root().join("fuzz").join("scenario.dict");
        fuzzer.arg(format!("-dict={}", words.display()));
    }
    fuzzer.arg(corpus).arg(seeds);
    screen.break_line();
    let way_out =
        "the input that broke it lies in target/fuzz; it becomes a test once it is mended";
    process::run(&mut fuzzer, screen, way_out)?;
    Ok("no panic, no hang".into())
}
