//! What time travel and checking cost, for `cargo xtask bench --kind history`. Each line: a name and
//! its numbers, parted by tabs.

#![expect(clippy::unwrap_used, reason = "a measurement says what broke by panicking")]

#[path = "history/walk.rs"]
mod walk;

use std::fmt::Write as _;
use std::time::Instant;

use pgscope_scenario::compile;

/// What the process has of memory, in MB; nothing where nobody says.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}

/// A scenario of so many lines, no two alike.
fn lines(count: u32) -> String {
    let mut text = "server 18 shared_buffers=1MB seed=7\ntable orders pages=2000\nbackend alice\n\
                    alice: create context Work\n"
        .to_owned();
    for line in 4..count {
        match line % 5 {
            0 => writeln!(text, "alice: read orders {}, {}..{}", line, line + 3, line + 9),
            1 => writeln!(text, "alice: palloc {} in Work as c{line}", 8 * line),
            2 => writeln!(text, "alice: update orders zipf(1.{line}) times {line}"),
            3 => writeln!(text, "alice: pfree c{}  -- line {line}", line - 2),
            _ => writeln!(text, "expect hits >= {line}"),
        }
        .unwrap();
    }
    text
}

fn main() {
    let start = Instant::now();
    let before = resident();
    let mut grown = None;
    let found = walk::walk(
        || start.elapsed().as_secs_f64() * 1e3,
        || grown = before.zip(resident()).map(|(before, now)| now - before),
    )
    .unwrap();
    let grown = grown.unwrap_or(f64::NAN);
    let walk::Found { events, steps, back, leap, usual } = found;
    println!(
        "history\t{events}\t{steps}\t{back:.2}\t{}\t{leap:.2}\t{}\t{grown:.1}",
        usual[0], usual[1]
    );

    let text = lines(1000);
    assert!(compile(&text).is_ok());
    let mut fastest = f64::INFINITY;
    for _ in 0..50 {
        let start = Instant::now();
        assert!(compile(&text).is_ok());
        fastest = fastest.min(start.elapsed().as_secs_f64() * 1e3);
    }
    println!("check\t{}\t{fastest:.3}", text.lines().count());
}
