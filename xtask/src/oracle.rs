//! `cargo xtask oracle`: random scenarios, in a real server and in the core, compared after every
//! operation.
//!
//! [`scenario`] (memory contexts) or [`buffers`] draws a scenario from a seed; the extension in `tests/oracle` executes it inside the
//! server (see [`crate::postgres`]) and writes what came of it in the format of the recorded traces;
//! [`crate::conformance`] replays that in the core. So a difference that was found is a trace like
//! any other. Before it is reported, [`shrink`] looks for the shortest scenario that still shows one,
//! by asking the server again and again about parts of the first.

mod buffers;
mod locks;
pub(crate) mod random;
mod scenario;
mod shrink;

use std::collections::BTreeSet;

use crate::conformance::{self, Verdict};
use crate::postgres::{Installation, Server};
use crate::process;
use crate::steps::{Outcome, Plan, Screen};
use crate::trouble::Trouble;
use pgscope_core::profile::Version;
use scenario::Scenario;

/// Operations that one call of the extension executes, about; enough to make its start cheap.
const BATCH: usize = 60_000;

/// What scenarios are about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One that our extension executes and traces.
    Traced(Traced),
    /// Sessions and their locks, on a server with a postmaster.
    Locks,
}

/// What the extension traces.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traced {
    Mmgr,
    Bufmgr,
}

impl Kind {
    /// As the command line and the traces call it.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "mmgr" => Some(Self::Traced(Traced::Mmgr)),
            "bufmgr" => Some(Self::Traced(Traced::Bufmgr)),
            "locks" => Some(Self::Locks),
            _ => None,
        }
    }
}

impl Traced {
    fn scenario(self, seed: u64, version: Version) -> Scenario {
        match self {
            Self::Mmgr => Scenario::random(seed, &version.profile().mmgr),
            Self::Bufmgr => buffers::random(seed, &version.profile().bufmgr),
        }
    }

    /// The statements that execute a file of scripts and write a file of traces.
    fn statements(self, from: &str, to: &str) -> Vec<String> {
        match self {
            Self::Mmgr => vec![format!("SELECT oracle_mmgr('{from}', '{to}')")],
            Self::Bufmgr => {
                let kinds = ["", "", "UNLOGGED", "TEMPORARY", "TEMPORARY"];
                let tables = kinds.iter().enumerate().map(|(number, kind)| {
                    format!("CREATE {kind} TABLE IF NOT EXISTS oracle{number} (number int)")
                });
                tables.chain([format!("SELECT oracle_bufmgr('{from}', '{to}')")]).collect()
            }
        }
    }
}

/// What the command line says.
pub(crate) struct Options {
    pub(crate) kind: Kind,
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
    let Options { kind, pg_bin, install, ops, seed } = options;
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
        .step("a throw-away server", move |found, _| {
            found.server = Some(kind.server(found.installation())?);
            Ok("ready".into())
        })
        .step(format!("{ops} operations from seed {seed}"), move |found, _| {
            let server = found.server.as_ref().expect("the step before starts it");
            kind.compare(server, found.installation().version, ops, seed)
        })
        .run(&mut Found::default())
}

/// All of it as one step of `cargo xtask test`. Where there is no PostgreSQL and none can be
/// installed, says so and passes.
pub(crate) fn check(screen: &Screen, kind: Kind, ops: u64, seed: u64) -> Outcome {
    let installation = match Installation::ensure(screen) {
        Ok(installation) => installation,
        Err(trouble) => return Ok(format!("skipped: {}", trouble.cause())),
    };
    let server = kind.server(&installation)?;
    let outcome = kind.compare(&server, installation.version, ops, seed)?;
    Ok(format!("{}: {outcome}", installation.words))
}

impl Kind {
    /// A throw-away server; with our extension if that is needed.
    fn server(self, installation: &Installation) -> Result<Server, Trouble> {
        match self {
            Self::Traced(_) => Server::new(installation),
            Self::Locks => installation.bare(),
        }
    }

    fn compare(self, server: &Server, version: Version, ops: u64, seed: u64) -> Outcome {
        match self {
            Self::Traced(kind) => Oracle { server, kind, version }.compare(ops, seed),
            Self::Locks => locks::compare(&server.start(&locks::SETTINGS)?, version, ops, seed),
        }
    }
}

/// A server that answers to scenarios of one kind.
struct Oracle<'a> {
    server: &'a Server,
    kind: Traced,
    version: Version,
}

impl Oracle<'_> {
    /// Compare scenario after scenario until this many operations were.
    fn compare(&self, ops: u64, seed: u64) -> Outcome {
        let (mut compared, mut scenarios) = (0, 0);
        while compared < ops {
            let mut batch: Vec<Scenario> = Vec::new();
            let wanted = usize::try_from(ops - compared).unwrap_or(BATCH).min(BATCH);
            while batch.iter().map(|scenario| scenario.lines.len()).sum::<usize>() < wanted {
                batch.push(self.kind.scenario(seed.wrapping_add(scenarios), self.version));
                scenarios += 1;
            }
            for (scenario, trace) in batch.iter().zip(self.execute(&batch)?) {
                match replay(&trace)? {
                    None => compared += trace.lines().count() as u64 - 2,
                    Some(_) => return Err(self.report(scenario, compared)),
                }
            }
        }
        Ok(format!("{compared} compared in {scenarios} scenarios, 0 differences"))
    }

    /// Have the server execute scenarios; the trace of each. Those with a pool of one size need a
    /// server of their own.
    fn execute(&self, scenarios: &[Scenario]) -> Result<Vec<String>, Trouble> {
        let mut traces = vec![String::new(); scenarios.len()];
        let pools: BTreeSet<_> = scenarios.iter().map(|scenario| scenario.pool).collect();
        for pool in pools {
            let members = || (0..scenarios.len()).filter(|at| scenarios[*at].pool == pool);
            let script: String = members().map(|at| scenarios[at].script()).collect();
            let written = self.run(pool, &script, members().count())?;
            for (at, trace) in members().zip(written) {
                traces[at] = trace;
            }
        }
        Ok(traces)
    }

    fn run(&self, pool: Option<u32>, script: &str, count: usize) -> Result<Vec<String>, Trouble> {
        let statements = |from: &str, to: &str| self.kind.statements(from, to);
        let text = self.server.exchange(pool, script, statements).map_err(|trouble| {
            let kept = keep("script", script);
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
        if traces.len() == count {
            return Ok(traces);
        }
        let cause = format!("{count} scenarios gave {} traces", traces.len());
        Err(Trouble::new(cause, format!("look at {}", keep("script", script))))
    }

    /// Shorten a scenario that shows a difference, and tell of it.
    fn report(&self, found: &Scenario, compared: u64) -> Trouble {
        match self.shortest(found) {
            Ok(trouble) | Err(trouble) => trouble
                .and(&format!("found after {compared} equal operations, in seed {}", found.seed)),
        }
    }

    fn shortest(&self, found: &Scenario) -> Result<Trouble, Trouble> {
        let with = |lines: &[String]| Scenario { lines: lines.to_vec(), ..found.clone() };
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
                for trace in self.execute(&scenarios)? {
                    differ.push(replay(&trace)?.is_some());
                }
                rest = &rest[count..];
            }
            Ok(differ)
        })?;
        let scenario = with(&lines);
        let trace = self.execute(std::slice::from_ref(&scenario))?.remove(0);
        let difference = replay(&trace)?.unwrap_or_else(|| "it shows only now and then".into());
        let kept = keep("difference.jsonl", &trace);
        Ok(Trouble::new(
            format!("server and core differ\n{}\n{difference}", lines.join("\n")),
            format!(
                "`cargo xtask conformance {kept}` shows it again; find the rule in PostgreSQL's source"
            ),
        ))
    }
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
