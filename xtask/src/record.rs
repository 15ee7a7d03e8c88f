//! `cargo xtask record`: what a server of yours makes of its shared memory, under random settings,
//! compared with the core.
//!
//! Each draw of settings is first asked about with `postgres -C`, which answers without memory for
//! it, or refuses; if the segment is of a size that any machine has, the server is started in its
//! single-user mode and its `pg_shmem_allocations` is read. What comes of it is a file like those under
//! `tests/servers`, which [`crate::conformance`] compares.

mod contexts;

use std::fs;
use std::path::{Path, PathBuf};

use pgscope_core::profile::Version;
use pgscope_core::profile::parameters::{Parameter, Setting};
use serde_json::{Map, Value, json};

use crate::conformance;
use crate::live::Live;
use crate::oracle::random::Random;
use crate::postgres::{self, Server};
use crate::process;
use crate::steps::{Outcome, Plan};
use crate::trouble::Trouble;

/// What backends are told to do.
const STORIES: &str = "tests/servers/stories.sql";
/// Where Debian and Ubuntu put the version that continuous integration compares with.
const DEBIAN: &str = "/usr/lib/postgresql/15/bin";
/// Megabytes up to which a server is really started.
const STARTED: u64 = 1024;
/// Settings that no one gives: the data folder has it from initdb.
const PRESET: Setting = Setting::WalSegmentSize;

/// What the command line says.
pub(crate) struct Options {
    /// The folder of a server's programs; `None` is the packaged PostgreSQL 15.
    pub(crate) pg_bin: Option<String>,
    pub(crate) out: Option<String>,
    /// About contexts, not shared memory.
    pub(crate) contexts: bool,
    pub(crate) starts: u64,
    pub(crate) seed: u64,
}

/// What earlier steps found.
#[derive(Default)]
struct Found {
    words: String,
    version: Option<Version>,
    server: Option<Server>,
}

/// Record, write and compare.
pub(crate) fn run(options: Options) -> Result<(), String> {
    let Options { pg_bin, out, contexts, starts, seed } = options;
    let bin = PathBuf::from(pg_bin.unwrap_or_else(|| DEBIAN.into()));
    let name = if contexts { "contexts.json" } else { "shmem.json" };
    let out =
        out.map_or_else(|| process::root().join("target").join("record").join(name), PathBuf::from);
    let file = out.display().to_string();
    if contexts {
        Plan::new()
            .step("stories of contexts", move |_: &mut (), _| tell(&bin, &out))
            .run(&mut ())?;
        return conformance::run(&[file]).map(drop);
    }
    Plan::new()
        .step("PostgreSQL", move |found: &mut Found, _| find(found, &bin))
        .step(format!("{starts} starts from seed {seed}"), move |found, _| {
            record(found, &out, starts, seed)
        })
        .run(&mut Found::default())?;
    conformance::run(&[file]).map(drop)
}

fn tell(bin: &Path, out: &Path) -> Outcome {
    let (words, version) = known(bin)?;
    let text = fs::read_to_string(process::root().join(STORIES));
    let text = text.map_err(|error| Trouble::new(error.to_string(), "it is in the repository"))?;
    let live = Live::start(bin, version)?;
    let recorded = contexts::Stories::read(&text).record(&live, version.number(), &words)?;
    write(out, &recorded)
}

fn find(found: &mut Found, bin: &Path) -> Outcome {
    let (words, version) = known(bin)?;
    found.version = Some(version);
    found.server = Some(Server::bare(bin, version)?);
    found.words = words.clone();
    Ok(words)
}

/// What the server's program says it is.
fn known(bin: &Path) -> Result<(String, Version), Trouble> {
    let way_out = "`--pg-bin DIR` with the folder of a server's programs, or\n\
                   `apt-get install postgresql-15` as root";
    let words = process::answer(process::command(bin.join("postgres")).arg("--version"));
    let words = words.ok_or_else(|| {
        Trouble::new(format!("there is no server's program in {}", bin.display()), way_out)
    })?;
    let words = words.replace("postgres (PostgreSQL)", "PostgreSQL");
    let version = postgres::release(&words).and_then(Version::from_release);
    let unknown = || Trouble::new(format!("the core does not know {words}"), way_out);
    let version = version.ok_or_else(unknown)?;
    Ok((words, version))
}

fn record(found: &mut Found, out: &Path, starts: u64, seed: u64) -> Outcome {
    let (Some(version), Some(server)) = (found.version, &found.server) else {
        return Ok("nothing".into());
    };
    let mut random = Random::new(seed);
    let mut runs = Vec::new();
    for number in 0..starts {
        let given = if number == 0 { Map::new() } else { settings(version, &mut random) };
        let mut run = start(server, version, &given)?;
        run["name"] = json!(format!("random-{number}"));
        run["set"] = Value::Object(given);
        runs.push(run);
    }
    let recorded = json!({
        "format": conformance::SHMEM, "version": version.number(), "server": found.words,
        "columns": ["name", "off", "size", "allocated_size"], "runs": runs,
    });
    write(out, &recorded)
}

fn write(out: &Path, recorded: &Value) -> Outcome {
    let wrong = |error: std::io::Error| {
        Trouble::new(format!("{}: {error}", out.display()), "`--out FILE` names another file")
    };
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder).map_err(wrong)?;
    }
    fs::write(out, recorded.to_string()).map_err(wrong)?;
    Ok(process::shown(out))
}

/// A few settings: an end of the range, or something near its lower one.
fn settings(version: Version, random: &mut Random) -> Map<String, Value> {
    let groups = version.segment().parameters.iter();
    let all: Vec<&Parameter> = groups.flat_map(|group| group.iter()).collect();
    let mut given = Map::new();
    for _ in 0..random.between(1, 8) {
        let Parameter { setting, name, min, max, multiple_of, words, .. } = *random.pick(&all);
        if setting == PRESET {
            continue;
        }
        // The memory of io_uring's rings is the kernel's business.
        let words: Vec<&&str> = words.iter().filter(|word| **word != "io_uring").collect();
        let value = if words.is_empty() {
            let range = (i64::from(max) - i64::from(min)) as u64;
            let above = match random.below(12) {
                0 => 0,
                1 => range,
                2 => random.between(0, range),
                3..6 => random.between(0, range.min(20)),
                _ => random.between(0, range.min(2000)),
            };
            let value = i64::from(min) + above as i64;
            (value - value % i64::from(multiple_of)).to_string()
        } else {
            (**random.pick(&words)).to_owned()
        };
        given.insert(name.to_owned(), json!(value));
    }
    given
}

/// Start a server with these settings, or have it say why it does not.
fn start(server: &Server, version: Version, given: &Map<String, Value>) -> Result<Value, Trouble> {
    let setting =
        |(name, value): (&String, &Value)| format!("{name}={}", value.as_str().unwrap_or_default());
    let settings: Vec<String> = given.iter().map(setting).collect();
    let mut constants = Map::new();
    let mut names = vec!["shared_memory_size", "shared_memory_size_in_huge_pages"];
    if version.number() >= 18 {
        names.push("num_os_semaphores");
    }
    for name in names {
        let said = server.ask(name, &settings)?;
        if !said.status.success() {
            return Ok(refusal(&String::from_utf8_lossy(&said.stderr)));
        }
        // -1 stands for a system that does not know huge pages.
        if let Ok(number) = String::from_utf8_lossy(&said.stdout).trim().parse::<u64>() {
            constants.insert(name.to_owned(), json!(number));
        }
    }
    let size = constants.get("shared_memory_size").and_then(Value::as_u64);
    if size.is_none_or(|size| size > STARTED) {
        return Ok(json!({ "constants": constants }));
    }
    let to = server.output();
    server.sql_with(&settings, &[format!("COPY ({ROWS}) TO '{}'", to.display())])?;
    let unreadable = |what: String| Trouble::new(what, "see what the server wrote");
    let text = fs::read_to_string(&to).map_err(|error| unreadable(error.to_string()))?;
    let mut run: Value =
        serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    constants.insert("wal_segment_size".into(), run["wal_segment_size"].take());
    run["constants"] = Value::Object(constants);
    Ok(run)
}

/// One line: the settings in force that need a restart, and the view's rows.
const ROWS: &str = "SELECT json_build_object(\
    'postmaster_settings', (SELECT json_object_agg(name, CASE vartype WHEN 'integer' \
        THEN to_json(setting::bigint) ELSE to_json(setting) END) FROM pg_settings \
        WHERE context = 'postmaster' AND vartype IN ('integer', 'bool', 'enum')), \
    'wal_segment_size', (SELECT setting::bigint FROM pg_settings \
        WHERE name = 'wal_segment_size'), \
    'allocations', (SELECT json_agg(json_build_array(name, off, size, allocated_size) \
        ORDER BY off) FROM pg_shmem_allocations), \
    'total', (SELECT sum(allocated_size)::bigint FROM pg_shmem_allocations))";

/// A server's last words: message, and detail or hint.
fn refusal(log: &str) -> Value {
    let after = |words: &[&str]| {
        let found = log.lines().find_map(|line| {
            words.iter().find_map(|word| line.split_once(word)).map(|(_, rest)| rest.trim())
        });
        found.map(str::to_owned)
    };
    let message = after(&["FATAL:  ", "ERROR:  ", "LOG:  "]).or_else(|| after(&["postgres: "]));
    json!({ "refused": message, "detail": after(&["DETAIL:  ", "HINT:  "]).unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_taken_apart() {
        let log = "2026-01-01 00:00:00 UTC [1] FATAL:  too many\n2026-01-01 [1] DETAIL:  by one.\n";
        assert_eq!(refusal(log), json!({ "refused": "too many", "detail": "by one." }));
        let short = "postgres: must be less\n";
        assert_eq!(refusal(short), json!({ "refused": "must be less", "detail": "" }));
    }

    #[test]
    fn the_same_seed_draws_the_same_settings() {
        for version in Version::ALL {
            let draw = |seed| {
                let mut random = Random::new(seed);
                (0..50).map(|_| settings(version, &mut random)).collect::<Vec<_>>()
            };
            assert_eq!(draw(7), draw(7));
            assert_ne!(draw(7), draw(8));
        }
    }
}
