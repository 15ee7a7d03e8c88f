//! `cargo xtask record --kind settings`: what a server of yours says to SET, SET LOCAL, RESET and ALTER
//! SYSTEM with values good and bad, and what SHOW says then, compared with the core's words.
//!
//! Statements are drawn from a seed. A batch is one session, of a superuser or of an ordinary role; the
//! core gets the same one. Severity, SQLSTATE, message, detail and hint must be equal.

use pgscope_core::error::{Error, ErrorCode};
use pgscope_core::event::Event;
use pgscope_core::ids::BackendId;
use pgscope_core::op::{SettingStmt, TransactionStmt};
use pgscope_core::profile::Version;
use pgscope_core::profile::parameters::{Context, Parameter, Setting};
use pgscope_core::server::{Settings, settings};
use pgscope_core::{Op, Server};

use crate::live::{Live, Said};
use crate::oracle::random::Random;
use crate::steps::Outcome;
use crate::trouble::Trouble;

/// Statements of one session.
const BATCH: u64 = 1000;
const BACKEND: BackendId = BackendId(0);
/// An ordinary role.
const ROLE: &str = "ordinary";
/// Differences that are told.
const SHOWN: usize = 20;

/// A statement, for the server and for the core.
struct Statement {
    sql: String,
    /// What it is about.
    of: Setting,
    act: Act,
}

enum Act {
    Op(Op),
    /// SHOW
    Show(&'static Parameter),
}

/// Compare so many statements.
pub(super) fn compare(live: &Live, version: Version, statements: u64, seed: u64) -> Outcome {
    live.session(&[format!("CREATE ROLE {ROLE} LOGIN")])?;
    let mut random = Random::new(seed);
    let (mut compared, mut differences) = (0, Vec::new());
    while compared < statements {
        let superuser = random.percent(50);
        let mut batch = Vec::new();
        while (batch.len() as u64) < BATCH.min(statements - compared) {
            draw(&mut batch, version, superuser, &mut random);
        }
        compared += batch.len() as u64;
        let sql: Vec<String> = batch.iter().map(|statement| statement.sql.clone()).collect();
        let answers = live.session_of(if superuser { "postgres" } else { ROLE }, &sql)?;
        let mut core = core(version, superuser)?;
        // What the playground has no room for, and the server does as it is told.
        let mut beyond: Vec<Setting> = Vec::new();
        for (Statement { sql, of, act }, answer) in batch.iter().zip(answers) {
            let shown: String = answer.rows.into_iter().flatten().collect();
            let (said, own) = match act {
                Act::Op(op) => match apply(&mut core, op) {
                    Some(said) => (said, String::new()),
                    None => {
                        beyond.push(*of);
                        continue;
                    }
                },
                Act::Show(_) if beyond.contains(of) => continue,
                Act::Show(parameter) => {
                    let value = core.setting(Some(BACKEND), parameter.setting);
                    (Vec::new(), settings::shown(parameter, value))
                }
            };
            if said != answer.said || own != shown {
                let server = (answer.said, shown);
                differences
                    .push(format!("{sql}\n  server: {server:?}\n  core:   {:?}", (said, own)));
            }
        }
        if superuser {
            live.session(&["ALTER SYSTEM RESET ALL".to_owned()])?;
        }
    }
    if differences.is_empty() {
        return Ok(format!("{compared} statements compared, 0 differences"));
    }
    let count = differences.len();
    differences.truncate(SHOWN);
    let cause = format!("{count} of {compared} differ\n{}", differences.join("\n"));
    Err(Trouble::new(cause, "find the rule in guc.c"))
}

fn core(version: Version, superuser: bool) -> Result<Server, Trouble> {
    let wrong = |error: Error| Trouble::new(error.to_string(), "this is a bug of xtask");
    let mut server = Server::start(version, Settings::default(), 0).map_err(wrong)?;
    let (backend, name) = (BACKEND, "a".into());
    let connect = match superuser {
        true => Op::ConnectSuperuser { backend, name },
        false => Op::Connect { backend, name },
    };
    server.apply(&connect).map_err(wrong)?;
    Ok(server)
}

/// What the core says; none if that is none of PostgreSQL's words.
fn apply(server: &mut Server, op: &Op) -> Option<Vec<Said>> {
    let applied = server.apply(op);
    let mut said: Vec<Said> = Vec::new();
    for event in server.events() {
        if let Event::Warned(warning) = event {
            let (severity, message) = ("WARNING".to_owned(), warning.to_string());
            let sqlstate = warning.sqlstate().to_owned();
            said.push(Said { severity, sqlstate, message, ..Said::default() });
        }
    }
    match applied {
        Ok(_) => Some(said),
        Err(error) if error.code() == ErrorCode::Playground => None,
        Err(error) => {
            said.push(Said {
                severity: error.severity().to_owned(),
                sqlstate: error.code().sqlstate().unwrap_or_default().to_owned(),
                message: error.to_string(),
                detail: error.detail().unwrap_or_default(),
                hint: match &error {
                    Error::Setting(_) => error.hint().unwrap_or_default(),
                    // The others' hints are the playground's.
                    _ => String::new(),
                },
            });
            Some(said)
        }
    }
}

fn draw(batch: &mut Vec<Statement>, version: Version, superuser: bool, random: &mut Random) {
    let all: Vec<&'static Parameter> = settings::parameters(version.segment()).collect();
    // A third can be set in a session, and is drawn more often for that.
    let own: Vec<&'static Parameter> =
        all.iter().filter(|it| it.context == Context::User).copied().collect();
    let from = if random.percent(60) { &own } else { &all };
    let parameter = random.pick(from);
    // What these may be depends on the data folder, the machine, and how the server was built.
    let others = [Setting::WalSegmentSize, Setting::SharedMemorySize, Setting::IoMethod];
    if others.contains(&parameter.setting) {
        return;
    }
    let name = match random.below(20) {
        0 => parameter.name.to_uppercase(),
        1 => format!("{}s", parameter.name),
        _ => parameter.name.to_owned(),
    };
    let value = (!random.percent(5)).then(|| value(parameter, random));
    let literal = value.as_ref().map_or("DEFAULT".to_owned(), |value| format!("'{value}'"));
    let backend = BACKEND;
    let set = |local| SettingStmt::Set {
        name: name.as_str().into(),
        value: value.as_deref().map(Into::into),
        local,
    };
    let of = parameter.setting;
    let mut push = |sql: String, op| batch.push(Statement { sql, of, act: Act::Op(op) });
    match random.below(12) {
        0 => push(
            format!("RESET {name}"),
            Op::Setting { backend, statement: SettingStmt::Reset(name.as_str().into()) },
        ),
        1 if superuser => {
            push(format!("ALTER SYSTEM SET {name} = {literal}"), Op::AlterSystem(set(false)));
        }
        2 => push(
            format!("SET LOCAL {name} = {literal}"),
            Op::Setting { backend, statement: set(true) },
        ),
        3 => {
            let local = random.percent(50);
            let word = if local { "LOCAL " } else { "" };
            let transaction = |statement| Op::Transaction { backend, statement };
            push("BEGIN".to_owned(), transaction(TransactionStmt::Begin));
            let statement = set(local);
            push(format!("SET {word}{name} = {literal}"), Op::Setting { backend, statement });
            match random.percent(50) {
                true => push("COMMIT".to_owned(), transaction(TransactionStmt::Commit)),
                false => push("ROLLBACK".to_owned(), transaction(TransactionStmt::Rollback)),
            }
        }
        _ => {
            push(format!("SET {name} = {literal}"), Op::Setting { backend, statement: set(false) })
        }
    }
    if parameter.context == Context::User {
        let sql = format!("SHOW {}", parameter.name);
        batch.push(Statement { sql, of, act: Act::Show(parameter) });
    }
}

const UNITS: [&str; 20] = [
    "", "", "", "B", "kB", "kB", "MB", "MB", "GB", "TB", "us", "ms", "s", "min", "h", "d", "KB",
    "mb", "XB", " kB",
];
const WORDS: [&str; 24] = [
    "on", "off", "ON", "true", "TrUe", "tru", "yes", "no", "n", "o", "of", "t", "f", "1", "0",
    "auto", "none", "huge", "", " ", "-", "1.2.3", "64 kB x", "NaN",
];

fn value(parameter: &Parameter, random: &mut Random) -> String {
    if !parameter.words.is_empty() && random.percent(40) {
        let word = random.pick(parameter.words);
        return if random.percent(20) { word.to_uppercase() } else { word.to_owned() };
    }
    if random.percent(if parameter.words.is_empty() { 8 } else { 60 }) {
        return random.pick(&WORDS).to_owned();
    }
    let Parameter { min, max, .. } = *parameter;
    let (min, max) = (i64::from(min), i64::from(max));
    let number = match random.below(10) {
        0 => min - 1,
        1 => min,
        2 => max,
        3 => max + 1,
        4 => -1,
        5 => random.below(1 << 40) as i64,
        6 => random.below(10) as i64,
        _ => min + random.below(4000) as i64,
    };
    let text = match random.below(16) {
        0 => format!("{number}.5"),
        1 => format!("{}.{}", random.below(20), random.below(1000)),
        2 => format!(".{}", random.below(100)),
        3 => format!("{}e{}", random.below(30), random.below(6)),
        4 => format!("0x{:x}", random.below(5000)),
        5 => format!("0{}", random.below(5000)),
        6 => format!(" {number} "),
        7 => format!("+{number}"),
        _ => number.to_string(),
    };
    format!("{text}{}", random.pick(&UNITS))
}
