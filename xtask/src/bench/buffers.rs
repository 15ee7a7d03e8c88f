//! Reading pages, beside libCacheSim.
//!
//! The core's benchmark (`crates/core/benches/bufmgr.rs`) makes a trace of twenty million reads after
//! Zipf's law and compares its misses with those of a plain clock; libCacheSim's Clock gets the same
//! trace from a file, and must have the same misses where both can count alike. The same reads run as
//! WebAssembly in Chromium ([`wasm`](super::wasm)). Without Python, or without a way to PyPI, or
//! without a browser, the core's figures stand alone.

use std::path::PathBuf;

use super::cargo_bench;
use super::wasm::{self, Measured};
use crate::process;
use crate::steps::{Outcome, Plan, Screen};
use crate::trouble::Trouble;

const SCRIPT: &str = include_str!("libcachesim.py");
const PACKAGE: &str = "libcachesim==0.3.5";
/// Of the script's runs, the one with what libCacheSim takes unless told otherwise.
const DEFAULT_HASHPOWER: u32 = 24;
/// How many times as fast the core is to be: at that hashpower, and at the best one.
const GOALS: [f64; 2] = [10.0, 4.0];
/// What of the native figure the core must reach as WebAssembly.
const LEAST_WASM: f64 = 0.7;
/// Millions of events a second that the core must reach with events on.
const LEAST_EVENTS: f64 = 3.0;

/// What was measured so far.
#[derive(Default)]
struct Bench {
    /// Python with libCacheSim.
    python: Option<PathBuf>,
    /// The core's lines.
    core: String,
    /// The same as WebAssembly; empty without a browser.
    wasm: Vec<Measured>,
    /// libCacheSim's.
    peer: String,
}

/// Measure and print.
pub(super) fn run(reads: u32) -> Result<(), String> {
    let trace = process::root().join("target").join("bench").join("zipf.oracleGeneral");
    let [write, read] = [trace.clone(), trace.clone()];
    let mut bench = Bench::default();
    let result = Plan::new()
        .step("libCacheSim", |bench: &mut Bench, screen| libcachesim(bench, screen))
        .step(format!("{reads} reads of a million pages, in the core"), move |bench, screen| {
            let folder = write.parent().map_or(Ok(()), std::fs::create_dir_all);
            let way_out = "look for room in the folder target";
            folder.map_err(|error| Trouble::new(error.to_string(), way_out))?;
            let [reads, trace] = [reads.to_string(), write.display().to_string()];
            let mut options = vec!["--", "--lines", "--reads", &reads];
            if bench.python.is_some() {
                options.extend(["--trace", &trace]);
            }
            screen.break_line();
            bench.core = cargo_bench("bufmgr", &options)?;
            Ok("the plain clock's misses, every one".into())
        })
        .step("the same as WebAssembly, in Chromium", move |bench, screen| {
            match wasm::measure(screen, reads) {
                Ok(measured) => {
                    bench.wasm = measured;
                    Ok("done".into())
                }
                Err(trouble) => Ok(format!("skipped: {}", trouble.cause())),
            }
        })
        .step("the same in libCacheSim", move |bench, _| {
            let Some(python) = &bench.python else { return Ok("skipped".into()) };
            let mut command = process::command(python);
            command.arg("-c").arg(SCRIPT).arg(&read).arg(reads.to_string());
            command.args(bench.core.lines().filter_map(|line| line.split('\t').next()));
            let output = process::answer(&mut command);
            let failed =
                || Trouble::new("its script failed", "`rm -r target/libcachesim` and again");
            bench.peer = output.ok_or_else(failed)?;
            Ok("done".into())
        })
        .run(&mut bench);
    // Half a gigabyte; if it can't be removed, the next run writes over it.
    let _ = std::fs::remove_file(trace);
    result?;
    print!("{}", table(&bench.core, &bench.wasm, &bench.peer)?);
    Ok(())
}

/// Install it into target/libcachesim; if that can't be done, say why and go on without.
fn libcachesim(bench: &mut Bench, screen: &Screen) -> Outcome {
    let folder = process::root().join("target").join("libcachesim");
    let python = folder.join("bin").join("python");
    let works = |python: &PathBuf| {
        process::answer(process::command(python).args(["-c", "import libcachesim; print(1)"]))
            .is_some()
    };
    if !works(&python) {
        screen.note("not there yet; pip installs it into target/libcachesim");
        let made = process::answer(process::command("python3").args(["-m", "venv"]).arg(&folder));
        let pip = made.and_then(|_| {
            let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE];
            process::answer(process::command(&python).args(pip))
        });
        if pip.is_none() || !works(&python) {
            return Ok(format!("skipped: python3 and pip could not install {PACKAGE}"));
        }
    }
    bench.python = Some(python);
    Ok(PACKAGE.into())
}

/// What libCacheSim did with one pool.
#[derive(Default)]
struct Peer {
    /// With 1, 2 and 3 bits.
    misses: [f64; 3],
    default: f64,
    best: (f64, u32),
}

fn table(core: &str, wasm: &[Measured], peer: &str) -> Result<String, String> {
    let mut table = format!(
        "\n{:>8}{:>12}{:>18}{:>13}{:>22}{:>34}{:>18}\n",
        "buffers",
        "Mreads/s",
        "as wasm (share)",
        "plain clock",
        "libCacheSim (times)",
        "at its best hashpower (times)",
        "Mevents/s"
    );
    for line in core.lines() {
        let wrong = || format!("the core's benchmark printed `{line}`");
        let numbers: Option<Vec<f64>> = line.split('\t').map(|field| field.parse().ok()).collect();
        let Some([buffers, off, plain, misses @ .., on]) = numbers.as_deref() else {
            return Err(wrong());
        };
        let mut missed = Vec::new();
        let as_wasm = match wasm.iter().find(|it| it.buffers == *buffers) {
            None => "-".into(),
            Some(it) if it.misses != misses[0] => {
                let theirs = it.misses;
                return Err(format!("as WebAssembly {theirs} misses, not {}", misses[0]));
            }
            Some(Measured { speed, .. }) => {
                if speed / off < LEAST_WASM {
                    missed.push(format!("under {LEAST_WASM} as wasm"));
                }
                format!("{speed:.1} ({:.2})", speed / off)
            }
        };
        let beside = match peer_of(*buffers, peer)? {
            None => format!("{:>22}{:>34}", "-", "-"),
            Some(Peer { misses: others, .. }) if others != misses[1..] => {
                return Err(format!(
                    "libCacheSim has {others:?} misses where the core has {:?}",
                    &misses[1..]
                ));
            }
            Some(Peer { default, best: (best, hashpower), .. }) => {
                let times = [off / default, off / best];
                for (times, goal) in times.iter().zip(GOALS) {
                    if *times < goal {
                        missed.push(format!("under {goal} times"));
                    }
                }
                let usual = format!("{default:.1} ({:.1})", times[0]);
                let best = format!("2^{hashpower}: {best:.1} ({:.1})", times[1]);
                format!("{usual:>22}{best:>34}")
            }
        };
        if *on < LEAST_EVENTS {
            missed.push(format!("under {LEAST_EVENTS} Mevents/s"));
        }
        let row = format!("{buffers:>8}{off:>12.1}{as_wasm:>18}{plain:>13.1}{beside}{on:>18.1}");
        table += &format!("{row}  {}", missed.join(", "));
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    Ok(table)
}

/// Its runs with a pool of this size; nothing if there are none.
fn peer_of(pool: f64, lines: &str) -> Result<Option<Peer>, String> {
    let mut peer = Peer::default();
    for line in lines.lines() {
        let numbers: Option<Vec<f64>> = line.split('\t').map(|field| field.parse().ok()).collect();
        let Some(&[buffers, bits, hashpower, misses, speed]) = numbers.as_deref() else {
            return Err(format!("libCacheSim's script printed `{line}`"));
        };
        if buffers != pool {
            continue;
        }
        if let Some(place) = peer.misses.get_mut(bits as usize - 1) {
            *place = misses;
        }
        if hashpower as u32 == DEFAULT_HASHPOWER {
            peer.default = peer.default.max(speed);
        }
        if speed > peer.best.0 {
            peer.best = (speed, hashpower as u32);
        }
    }
    Ok((peer.best.0 > 0.0).then_some(peer))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORE: &str = "1024\t50.00\t80.00\t9\t30\t20\t10\t40.0\n";

    #[test]
    fn a_ratio_below_its_goal_is_named() {
        let peer =
            "1024\t1\t24\t30\t4\n1024\t2\t24\t20\t5\n1024\t3\t24\t10\t3\n1024\t1\t14\t30\t20\n";
        let table = table(CORE, &[], peer).unwrap();
        assert!(table.contains("5.0 (10.0)") && table.contains("2^14: 20.0 (2.5)"));
        assert!(table.trim_end().ends_with("under 4 times"));
    }

    #[test]
    fn other_misses_are_an_error() {
        assert!(table(CORE, &[], "1024\t1\t24\t31\t4\n").unwrap_err().contains("31"));
    }

    #[test]
    fn without_libcachesim_the_core_stands_alone() {
        let table = table(CORE, &[], "").unwrap();
        assert!(table.contains("50.0") && !table.contains("under"));
    }

    #[test]
    fn as_wasm_it_has_the_same_misses_and_most_of_the_speed() {
        let wasm = |speed, misses| [Measured { buffers: 1024.0, speed, misses }];
        assert!(table(CORE, &wasm(40.0, 8.0), "").is_err());
        assert!(!table(CORE, &wasm(40.0, 9.0), "").unwrap().contains("under"));
        let slow = table(CORE, &wasm(30.0, 9.0), "").unwrap();
        assert!(slow.contains("30.0 (0.60)") && slow.trim_end().ends_with("as wasm"));
    }
}
