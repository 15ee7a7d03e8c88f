//! Random schedules of two to four sessions and their locks, in a real server and in the model.
//!
//! [`draw`] makes the statements from a seed; [`live::record`] plays them on a running server, each as
//! soon as everybody else has come to rest, and writes what came of it in the form of
//! `tests/servers/locks-*`; conformance compares that. A statement of a session that waits is left out.

mod live;

use std::io;

use serde_json::{Value, json};

use super::random::Random;
use super::shrink;
use crate::conformance::{self, Verdict};
use crate::postgres::Running;
use crate::steps::Outcome;
use crate::trouble::Trouble;
use pgscope_core::profile::Version;

/// Tables with a key each, as the recordings' rows have them.
const SETUP: [&str; 7] = [
    "CREATE TABLE t(id int PRIMARY KEY, bal int) WITH (autovacuum_enabled = off)",
    "INSERT INTO t SELECT i, 0 FROM generate_series(1, 3) i",
    "CREATE TABLE u(id int PRIMARY KEY, bal int) WITH (autovacuum_enabled = off)",
    "INSERT INTO u SELECT i, 0 FROM generate_series(1, 3) i",
    "CREATE TABLE v(id int)",
    "CREATE TABLE child(id int PRIMARY KEY, parent int REFERENCES u(id)) WITH (autovacuum_enabled = off)",
    "VACUUM t, u",
];
/// As those were set that recorded.
pub(super) const SETTINGS: [&str; 5] = [
    "autovacuum=off",
    "max_connections=20",
    "max_parallel_workers_per_gather=0",
    "checkpoint_timeout=1d",
    "deadlock_timeout=1s",
];
/// What is no statement: whoever waits is told to give up.
const CANCEL: &str = "cancel";
const MODES: [&str; 8] = [
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
];

/// What schedules have most of.
#[derive(Clone, Copy)]
enum Mix {
    Tables,
    Rows,
    Advisory,
    Keys,
    All,
}

/// The statements of one seed, each behind the letter of its session.
fn draw(seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    let sessions = random.between(2, 4);
    let mix = random.pick(&[
        Mix::Tables,
        Mix::Rows,
        Mix::Rows,
        Mix::Keys,
        Mix::Keys,
        Mix::Advisory,
        Mix::All,
    ]);
    let mut lines = Vec::new();
    for session in 0..sessions {
        if random.percent(80) {
            lines.push(format!("{} BEGIN", letter(session)));
        }
    }
    for _ in 0..random.between(6, 22) {
        let session = letter(random.below(sessions));
        lines.push(format!("{session} {}", statement(&mut random, mix)));
    }
    lines
}

fn letter(session: u64) -> char {
    char::from(b'A' + session as u8)
}

fn statement(random: &mut Random, mix: Mix) -> String {
    let [tables, rows, advisory, keys] = match mix {
        Mix::Tables => [60, 5, 5, 2],
        Mix::Rows => [5, 60, 3, 5],
        Mix::Advisory => [5, 3, 60, 0],
        Mix::Keys => [5, 30, 0, 40],
        Mix::All => [25, 30, 20, 15],
    };
    let kinds = [(tables, 0), (rows, 1), (advisory, 2), (keys, 4), (3, 5), (25, 3)];
    match random.weighted(&kinds) {
        0 => table(random),
        1 => row(random),
        2 => advisory_lock(random),
        4 => key(random),
        5 => CANCEL.into(),
        _ => transaction(random),
    }
}

fn table(random: &mut Random) -> String {
    let (table, mode) = (random.pick(&["t", "u", "v"]), random.pick(&MODES));
    let nowait = if random.percent(20) { " NOWAIT" } else { "" };
    format!("LOCK TABLE {table} IN {mode} MODE{nowait}")
}

fn row(random: &mut Random) -> String {
    let (table, id) = (random.pick(&["t", "t", "u"]), random.between(1, 3));
    let strength = random.pick(&["UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"]);
    let wait = random.weighted(&[(8, ""), (1, " NOWAIT"), (1, " SKIP LOCKED")]);
    match random.below(10) {
        0..5 => format!("SELECT id FROM {table} WHERE id = {id} FOR {strength}{wait}"),
        5..8 => format!("UPDATE {table} SET bal = bal + 1 WHERE id = {id}"),
        8 => format!("DELETE FROM {table} WHERE id = {id}"),
        _ => format!("SELECT count(*) FROM {table}"),
    }
}

/// Keys that others look for, refer to, or want too.
fn key(random: &mut Random) -> String {
    let (table, id, other) =
        (random.pick(&["t", "u", "u"]), random.between(1, 4), random.between(1, 4));
    match random.below(12) {
        0..2 => format!("UPDATE {table} SET id = id + 10 WHERE id = {id}"),
        2..5 => format!("INSERT INTO {table} VALUES ({id}, 0)"),
        5..8 => format!("INSERT INTO child VALUES ({other}, {id})"),
        8 => format!("DELETE FROM child WHERE id = {other}"),
        9 => format!("UPDATE child SET parent = {id} WHERE id = {other}"),
        10 => format!("SELECT id FROM {table} WHERE id < {id} ORDER BY id FOR UPDATE"),
        _ => format!("TRUNCATE {}", random.pick(&["t", "v"])),
    }
}

fn advisory_lock(random: &mut Random) -> String {
    let key = random.pick(&["1", "2", "1, 2"]);
    let scope = random.pick(&["", "_xact"]);
    let shared = random.pick(&["", "_shared"]);
    match random.below(10) {
        0..6 => format!("SELECT pg_advisory{scope}_lock{shared}({key})"),
        6..8 => format!("SELECT pg_try_advisory{scope}_lock{shared}({key})"),
        8 => format!("SELECT pg_advisory_unlock{shared}({key})"),
        _ => "SELECT pg_advisory_unlock_all()".into(),
    }
}

fn transaction(random: &mut Random) -> String {
    let words = [
        (4, "BEGIN"),
        (1, "BEGIN ISOLATION LEVEL REPEATABLE READ"),
        (4, "COMMIT"),
        (4, "ROLLBACK"),
        (4, "SAVEPOINT s"),
        (3, "ROLLBACK TO s"),
        (2, "RELEASE s"),
        (2, "SAVEPOINT r"),
        (1, "ROLLBACK TO r"),
    ];
    random.weighted(&words).into()
}

/// The file that conformance reads, with one scenario.
fn file(version: Version, name: &str, scenario: Value) -> Value {
    let mut scenario = scenario;
    scenario["name"] = json!(name);
    json!({
        "format": "pg-locks/1", "version": version.number(),
        "settings": {"max_connections": "20", "max_prepared_transactions": "0"},
        "scenarios": [scenario],
    })
}

/// Compare schedules until so many statements were; each seed is one.
pub(super) fn compare(server: &Running, version: Version, ops: u64, seed: u64) -> Outcome {
    let (mut compared, mut schedules, mut late) = (0, 0, 0);
    while compared < ops {
        let seed = seed.wrapping_add(schedules);
        let lines = draw(seed);
        schedules += 1;
        match play(server, version, &lines)? {
            Played::Equal(steps) => compared += steps,
            Played::TooLate => late += 1,
            Played::Differs(..) => return Err(report(server, version, seed, &lines)?),
        }
    }
    let note = if late > 0 {
        format!(", {late} left out that the machine was too slow for")
    } else {
        String::new()
    };
    Ok(format!("{compared} statements compared in {schedules} schedules, 0 differences{note}"))
}

enum Played {
    Equal(u64),
    /// Somebody had waited for so long that his deadlock_timeout may have run out by itself.
    TooLate,
    Differs(String, Value),
}

fn play(server: &Running, version: Version, lines: &[String]) -> Result<Played, Trouble> {
    let Some(scenario) = live::record(server, &SETUP, lines).map_err(wrong)? else {
        return Ok(Played::TooLate);
    };
    let steps = scenario["steps"].as_array().map_or(0, Vec::len) as u64;
    let file = file(version, "schedule", scenario);
    let way_out = "the schedules and crates/statements must fit together";
    match conformance::replay_locks(&file).map_err(|cause| Trouble::new(cause, way_out))? {
        Verdict::Equal { .. } => Ok(Played::Equal(steps)),
        Verdict::Differs { difference, .. } => Ok(Played::Differs(difference, file)),
        Verdict::Unsupported(reason) => Err(Trouble::new(reason, way_out)),
    }
}

fn wrong(error: io::Error) -> Trouble {
    Trouble::new(format!("the server: {error}"), "look at its log")
}

/// Shorten a schedule that shows a difference, and tell of it.
fn report(
    server: &Running,
    version: Version,
    seed: u64,
    lines: &[String],
) -> Result<Trouble, Trouble> {
    let short = shrink::shortest(lines, |candidates| {
        let differs =
            |lines: &Vec<String>| Ok(matches!(play(server, version, lines)?, Played::Differs(..)));
        candidates.iter().map(differs).collect::<Result<Vec<bool>, Trouble>>()
    })?;
    let (difference, kept) = match play(server, version, &short)? {
        Played::Differs(difference, file) => {
            (difference, super::keep("locks.json", &file.to_string()))
        }
        _ => ("it shows only now and then".into(), "nothing".into()),
    };
    Ok(Trouble::new(
        format!("server and model differ in seed {seed}\n{}\n{difference}", short.join("\n")),
        format!(
            "`cargo xtask conformance {kept}` shows it again; find the rule in PostgreSQL's source"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_statements() {
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let lines: Vec<String> = (0..50).flat_map(draw).collect();
        assert!(lines.iter().all(|line| "ABCD".contains(&line[..1]) && &line[1..2] == " "));
    }
}
