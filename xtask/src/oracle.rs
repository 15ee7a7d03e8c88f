//! `cargo xtask oracle`: random scenarios, in a real server and in the core, compared after every
//! operation.
//!
//! [`scenario`] draws a scenario from a seed; the extension in `tests/oracle` executes it inside the
//! server (see [`crate::postgres`]) and writes what came of it in the format of the recorded traces;
//! [`crate::conformance`] replays that in the core. So a difference that was found is a trace like
//! any other. Before it is reported, [`shrink`] looks for the shortest scenario that still shows one,
//! by asking the server again and again about parts of the first.

mod random;
mod scenario;
mod shrink;

use crate::conformance::{self, Verdict};
use crate::postgres::{Installation, Server};
use crate::process;
use crate::steps::{Outcome, Plan, Screen};
use crate::trouble::Trouble;
use pgscope_core::profile::Version;
use scenario::Scenario;

/// Operations that one call of the extension executes, about; enough to make its start cheap.
const BATCH: usize = 60_000;

/// What the command line says.
pub(crate) struct Options {
    /// The folder of a server's programs; `None` is the packaged PostgreSQL 15.
    pub(crate) pg_bin: Option<String>,
    /// Have apt install the packages if they are missing.
    pub(crate) install: bool,
    pub(crate) ops: u64,
    pub(crate) seed: u64,
}

/// What earlier steps found.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) installation: Option<Installation>,
    pub(crate) server: Option<Server>,
}

impl Found {
    fn installation(&self) -> &Installation {
        self.installation.as_ref().expect("the first step finds one")
    }
}

/// Compare; an error if a difference was found.
pub(crate) fn run(options: Options) -> Result<(), String> {
    let Options { pg_bin, install, ops, seed } = options;
    Plan::new()
        .step("PostgreSQL", move |found: &mut Found, screen| {
            let installation = match &pg_bin {
                None if install => Installation::ensure(screen)?,
                bin => Installation::find(bin.as_deref())?,
            };
            let words = installation.words.clone();
            found.installation = Some(installation);
            Ok(words)
        })
        .step("a throw-away server", |found, _| {
            found.server = Some(Server::new(found.installation())?);
            Ok("ready, with the oracle's extension".into())
        })
        .step(format!("{ops} operations from seed {seed}"), move |found, _| {
            let server = found.server.as_ref().expect("the step before starts it");
            compare(server, found.installation().version, ops, seed)
        })
        .run(&mut Found::default())
}

/// All of it as one step of `cargo xtask test`. Where there is no PostgreSQL and none can be
/// installed, says so and passes.
pub(crate) fn check(screen: &Screen, ops: u64, seed: u64) -> Outcome {
    let installation = match Installation::ensure(screen) {
        Ok(installation) => installation,
        Err(trouble) => return Ok(format!("skipped: {}", trouble.cause())),
    };
    let server = Server::new(&installation)?;
    let outcome = compare(&server, installation.version, ops, seed)?;
    Ok(format!("{}: {outcome}", installation.words))
}

/// Compare scenario after scenario until this many operations were.
fn compare(server: &Server, version: Version, ops: u64, seed: u64) -> Outcome {
    let profile = &version.profile().mmgr;
    let (mut compared, mut scenarios) = (0, 0);
    while compared < ops {
        let mut batch: Vec<Scenario> = Vec::new();
        let wanted = usize::try_from(ops - compared).unwrap_or(BATCH).min(BATCH);
        while batch.iter().map(|scenario| scenario.lines.len()).sum::<usize>() < wanted {
            batch.push(Scenario::random(seed.wrapping_add(scenarios), profile));
            scenarios += 1;
        }
        for (scenario, trace) in batch.iter().zip(execute(server, &batch)?) {
            match replay(&trace)? {
                None => compared += trace.lines().count() as u64 - 2,
                Some(_) => return Err(report(server, scenario, compared)),
            }
        }
    }
    Ok(format!("{compared} compared in {scenarios} scenarios, 0 differences"))
}

/// Have the server execute scenarios; the trace of each.
fn execute(server: &Server, scenarios: &[Scenario]) -> Result<Vec<String>, Trouble> {
    let script: String = scenarios.iter().map(Scenario::script).collect();
    let text = server
        .exchange(&script, |from, to| format!("SELECT oracle_mmgr('{from}', '{to}')"))
        .map_err(|trouble| {
            let kept = keep("script", &script);
            trouble.and(&format!("what it was to execute is kept in {kept}"))
        })?;
    let mut traces: Vec<String> = Vec::new();
    for line in text.split_inclusive('\n') {
        if line.starts_with("{\"type\":\"header\"") {
            traces.push(String::new());
        }
        if let Some(trace) = traces.last_mut() {
            trace.push_str(line);
        }
    }
    if traces.len() == scenarios.len() {
        return Ok(traces);
    }
    let cause = format!("{} scenarios gave {} traces", scenarios.len(), traces.len());
    Err(Trouble::new(cause, format!("look at {}", keep("script", &script))))
}

/// The difference that a trace shows, if it shows one.
fn replay(trace: &str) -> Result<Option<String>, Trouble> {
    let way_out = "the extension in tests/oracle and xtask's conformance must fit together";
    match conformance::replay_text(trace).map_err(|cause| Trouble::new(cause, way_out))? {
        Verdict::Equal { .. } => Ok(None),
        Verdict::Differs { difference, .. } => Ok(Some(difference)),
        Verdict::Unsupported(reason) => Err(Trouble::new(reason, way_out)),
    }
}

/// Shorten a scenario that shows a difference, and tell of it.
fn report(server: &Server, found: &Scenario, compared: u64) -> Trouble {
    match shortest(server, found) {
        Ok(trouble) | Err(trouble) => {
            trouble.and(&format!("found after {compared} equal operations, in seed {}", found.seed))
        }
    }
}

fn shortest(server: &Server, found: &Scenario) -> Result<Trouble, Trouble> {
    let with = |lines: &[String]| Scenario { seed: found.seed, lines: lines.to_vec() };
    let lines = shrink::shortest(&found.lines, |candidates| {
        let mut differ = Vec::new();
        // A call for as many as one call should execute.
        let mut rest = candidates;
        while !rest.is_empty() {
            let mut length = 0;
            let enough = |lines: &Vec<String>| {
                length += lines.len() + 10;
                length > BATCH
            };
            let count = rest.iter().position(enough).unwrap_or(rest.len()).max(1);
            let scenarios: Vec<_> = rest[..count].iter().map(|lines| with(lines)).collect();
            for trace in execute(server, &scenarios)? {
                differ.push(replay(&trace)?.is_some());
            }
            rest = &rest[count..];
        }
        Ok(differ)
    })?;
    let scenario = with(&lines);
    let trace = execute(server, std::slice::from_ref(&scenario))?.remove(0);
    let difference = replay(&trace)?.unwrap_or_else(|| "it shows only now and then".into());
    let kept = keep("difference.jsonl", &trace);
    Ok(Trouble::new(
        format!("server and core differ\n{}\n{difference}", lines.join("\n")),
        format!(
            "`cargo xtask conformance {kept}` shows it again; find the rule in PostgreSQL's source"
        ),
    ))
}

/// Keep a file in target/oracle; where.
fn keep(name: &str, text: &str) -> String {
    let folder = process::root().join("target").join("oracle");
    let path = folder.join(name);
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, text));
    match written {
        Ok(()) => process::shown(&path),
        Err(error) => format!("nothing ({}: {error})", process::shown(&path)),
    }
}
