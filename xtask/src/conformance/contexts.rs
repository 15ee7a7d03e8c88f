//! Stories of what real backends show of their memory contexts (`tests/servers`).
//!
//! A story is one backend and the SQL that it was sent, with the rows of
//! `pg_backend_memory_contexts` or the server log's text between. The core does for each
//! statement what it does with contexts for any statement of that kind; then the contexts that
//! it claims must be those of the real backend, in their order, below the same parents, and
//! those whose content it models must be of the same size, with as much free space.

use std::collections::HashMap;
use std::path::Path;

use pgscope_core::ids::BackendId;
use pgscope_core::op::TransactionStmt;
use pgscope_core::profile::Version;
use pgscope_core::server::Settings;
use pgscope_core::{Op, Server, views};
use serde_json::Value;

use super::record::Stop;
use super::trace::unpack;

const BACKEND: BackendId = BackendId(0);

/// Contexts that a backend of the core has where a real one has them.
const CLAIMED: [&str; 18] = [
    "TopMemoryContext",
    "ErrorContext",
    "GUCMemoryContext",
    "MdSmgr",
    "WAL record construction",
    "CacheMemoryContext",
    "TopPortalContext",
    "TransactionAbortContext",
    "TopTransactionContext",
    "CurTransactionContext",
    "PgStat Pending",
    "PgStat Shared Ref",
    "PgStat Shared Ref Hash",
    "MessageContext",
    "RowDescriptionContext",
    "PortalContext",
    "ExecutorState",
    "printtup",
];
/// Those of which it knows everything that is in them, whatever the statement.
const MODELLED: [&str; 7] = [
    "ErrorContext",
    "TransactionAbortContext",
    "TopPortalContext",
    "CurTransactionContext",
    "RowDescriptionContext",
    "WAL record construction",
    "printtup",
];
/// And those of which it does while the backend is idle, outside of a transaction.
const MODELLED_IDLE: [&str; 2] = ["MessageContext", "TopTransactionContext"];

/// What came of one story.
#[derive(Default)]
pub(super) struct Told {
    pub(super) version: u64,
    pub(super) name: String,
    /// Contexts compared.
    pub(super) compared: u64,
    /// The first difference.
    pub(super) difference: Option<String>,
    /// What of the story the core has no words for; it is not told any further.
    pub(super) unsupported: Option<String>,
}

/// A context, as the server or the core shows it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Shown {
    name: String,
    parent: String,
    level: u64,
    total: u64,
    blocks: u64,
    free: u64,
}

/// Read a file of stories.
pub(super) fn read(path: &Path) -> Result<Value, String> {
    let text = unpack(path).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// Tell all stories of a file.
pub(super) fn replay(file: &Value) -> Result<Vec<Told>, String> {
    if file["format"] != "pg-contexts/1" {
        return Err("this is no file of stories about contexts".into());
    }
    let number = file["version"].as_u64().unwrap_or(0);
    let version = u32::try_from(number).ok().and_then(Version::from_number);
    let version = version.ok_or("the core doesn't know the stories' version")?;
    let columns = file["columns"].as_array().ok_or("the stories have no columns")?;
    let stories = file["stories"].as_array().ok_or("there are no stories")?;
    Ok(stories.iter().map(|story| tell(story, columns, version)).collect())
}

fn tell(story: &Value, columns: &[Value], version: Version) -> Told {
    let mut told = Told {
        version: version.number().into(),
        name: story["name"].as_str().unwrap_or_default().to_owned(),
        compared: 0,
        difference: None,
        unsupported: None,
    };
    let steps = story["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let server = Server::start(version, Settings::default(), 0);
    let mut teller = match server {
        Ok(server) => Teller { server, columns, compared: 0, wal_grew: false },
        Err(error) => {
            told.difference = Some(error.to_string());
            return told;
        }
    };
    let unstable = story["unstable_steps"].as_array().map_or(&[][..], Vec::as_slice);
    let mut result = teller.apply(&[Op::Connect { backend: BACKEND, name: "story".into() }]);
    for (number, step) in steps.iter().enumerate() {
        let stable = !unstable.iter().any(|it| it.as_u64() == Some(number as u64));
        result = result.and_then(|()| {
            teller.step(step, stable).map_err(|stop| match stop {
                Stop::Differs(what) => Stop::Differs(format!("  step {number}: {what}")),
                unsupported @ Stop::Unsupported(_) => unsupported,
            })
        });
    }
    told.compared = teller.compared;
    match result {
        Ok(()) => {}
        Err(Stop::Differs(what)) => told.difference = Some(what),
        Err(Stop::Unsupported(what)) => told.unsupported = Some(what),
    }
    told
}

struct Teller<'a> {
    server: Server,
    columns: &'a [Value],
    compared: u64,
    /// A command may have logged many pages at once, for which the working areas grow
    /// (`XLogEnsureRecordSpace`).
    wal_grew: bool,
}

impl Teller<'_> {
    fn apply(&mut self, ops: &[Op]) -> Result<(), Stop> {
        for op in ops {
            let applied = self.server.apply(op);
            applied.map_err(|error| Stop::Differs(format!("{op:?}: {error}")))?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Value, stable: bool) -> Result<(), Stop> {
        let sql = step["sql"].as_str().unwrap_or_default();
        match step["step"].as_str().unwrap_or_default() {
            "view" if sql.starts_with("SELECT * FROM pg_backend_memory_contexts") => {
                let rows = self.rows(&step["rows"])?;
                self.begin(Some(self.columns.len()))?;
                let mut modelled = MODELLED.to_vec();
                modelled.push("PortalContext");
                self.compare(&rows, stable, &modelled)?;
                self.end()
            }
            "log" => {
                let rows = from_log(step["log"].as_str().unwrap_or_default());
                let idle = step["txstatus"] == "I";
                let more = if idle { &MODELLED_IDLE[..] } else { &[] };
                self.compare(&rows, stable, &[&MODELLED[..], more].concat())
            }
            "exec_log" => {
                let rows = from_log(step["log"].as_str().unwrap_or_default());
                self.begin(Some(1))?;
                self.compare(&rows, stable, &MODELLED)?;
                self.end()
            }
            "exec" => self.execute(sql, step),
            "view" => Err(Stop::Unsupported("a view from within a function or a join".into())),
            _ => Err(Stop::Unsupported("the extended protocol".into())),
        }
    }

    fn execute(&mut self, sql: &str, step: &Value) -> Result<(), Stop> {
        if !step["error"].is_null() {
            return Err(Stop::Unsupported("an error".into()));
        }
        let words: Vec<&str> = sql.split_whitespace().collect();
        let last = || (*words.last().unwrap_or(&"")).into();
        let statement = match words.as_slice() {
            ["BEGIN", ..] => TransactionStmt::Begin,
            ["COMMIT", ..] => TransactionStmt::Commit,
            ["ROLLBACK", "TO", ..] => TransactionStmt::RollbackTo(last()),
            ["ROLLBACK", ..] => TransactionStmt::Rollback,
            ["SAVEPOINT", ..] => TransactionStmt::Savepoint(last()),
            ["RELEASE", ..] => TransactionStmt::Release(last()),
            ["DECLARE", ..] => return Err(Stop::Unsupported("a cursor".into())),
            [first, ..] => {
                self.wal_grew |= ["CREATE", "ALTER"].contains(first);
                let query = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(first);
                self.begin(query.then_some(1))?;
                return self.end();
            }
            [] => return Err(Stop::Unsupported("an empty statement".into())),
        };
        self.apply(&[Op::Transaction { backend: BACKEND, statement }])
    }

    fn begin(&mut self, columns: Option<usize>) -> Result<(), Stop> {
        let columns = columns.and_then(|columns| u16::try_from(columns).ok());
        let run = Op::QueryRun { backend: BACKEND, columns };
        self.apply(&[Op::QueryBegin { backend: BACKEND }, run])
    }

    fn end(&mut self) -> Result<(), Stop> {
        self.apply(&[Op::QueryEnd { backend: BACKEND }])
    }

    /// The contexts claimed, the real ones and the core's.
    fn compare(&mut self, rows: &[Shown], stable: bool, modelled: &[&str]) -> Result<(), Stop> {
        let own = self.own();
        let claimed = |rows: &[Shown]| -> Vec<Shown> {
            let known = |row: &&Shown| CLAIMED.contains(&row.name.as_str());
            rows.iter().filter(known).cloned().collect()
        };
        let (mut expected, mut got) = (claimed(rows), claimed(&own));
        // Some views go by depth, some by breadth: among those of one level the order counts.
        expected.sort_by_key(|row| row.level);
        got.sort_by_key(|row| row.level);
        let place = |row: &Shown| (row.name.clone(), row.parent.clone(), row.level);
        for (number, row) in expected.iter().enumerate() {
            let mine = got.get(number);
            if mine.is_none_or(|mine| place(mine) != place(row)) {
                return Err(Stop::Differs(format!("expected {row:?}, got {mine:?}")));
            }
            let grown = self.wal_grew && row.name == "WAL record construction";
            let exact = stable && !grown && modelled.contains(&row.name.as_str());
            if exact && mine != Some(row) {
                return Err(Stop::Differs(format!("expected {row:?}, got {mine:?}")));
            }
            self.compared += 1;
        }
        match got.get(expected.len()) {
            Some(more) => Err(Stop::Differs(format!("expected no more, got {more:?}"))),
            None => Ok(()),
        }
    }

    /// The core's contexts.
    fn own(&self) -> Vec<Shown> {
        let rows = views::contexts(&self.server, BACKEND);
        let names: HashMap<_, _> = rows.iter().map(|row| (row.addr, row.name.clone())).collect();
        let parent = |row: &views::ContextRow| row.parent.and_then(|parent| names.get(&parent));
        let shown = |row: &views::ContextRow| Shown {
            name: row.name.clone(),
            parent: parent(row).cloned().unwrap_or_default(),
            level: row.level.into(),
            total: row.total_bytes,
            blocks: row.total_nblocks,
            free: row.free_bytes,
        };
        rows.iter().map(shown).collect()
    }

    /// The view's rows, levels counted from 1.
    fn rows(&self, rows: &Value) -> Result<Vec<Shown>, Stop> {
        let column = |name: &str| self.columns.iter().position(|column| column == name);
        let rows = rows.as_array().map_or(&[][..], Vec::as_slice);
        let get = |row: &Value, name: &str| {
            column(name).map_or(Value::Null, |column| row[column].clone())
        };
        let number = |row: &Value, name: &str| get(row, name).as_u64();
        let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
        let from_zero = column("path").is_none();
        let shown = |row: &Value| {
            if !from_zero && get(row, "type") != "AllocSet" {
                // The core's are all of this kind.
                return Some(Shown { name: "of another kind".into(), ..Shown::default() });
            }
            let parent = match get(row, "path").as_array() {
                Some(path) => {
                    let above = path.len().checked_sub(2).and_then(|above| path[above].as_u64());
                    let above = above.and_then(|above| rows.get(above as usize - 1));
                    above.map_or_else(String::new, |above| text(get(above, "name")))
                }
                None => text(get(row, "parent")),
            };
            Some(Shown {
                name: text(get(row, "name")),
                parent,
                level: number(row, "level")? + u64::from(from_zero),
                total: number(row, "total_bytes")?,
                blocks: number(row, "total_nblocks")?,
                free: number(row, "free_bytes")?,
            })
        };
        let shown: Option<Vec<Shown>> = rows.iter().map(shown).collect();
        shown.ok_or_else(|| Stop::Differs("a row lacks a number".into()))
    }
}

/// The contexts of a log text, levels counted from 1.
fn from_log(log: &str) -> Vec<Shown> {
    let mut rows: Vec<Shown> = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut base = None;
    for line in log.lines() {
        let Some((level, rest)) = line
            .strip_prefix("LOG:  level: ")
            .and_then(|rest| rest.split_once("; "))
            .and_then(|(level, rest)| Some((level.parse::<usize>().ok()?, rest)))
        else {
            continue;
        };
        let level = level - *base.get_or_insert(level);
        let Some((name, rest)) = rest.split_once(": ") else { continue };
        let numbers: Vec<u64> = rest
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|digits| digits.parse().ok())
            .take(3)
            .collect();
        let [total, blocks, free] = numbers[..] else { continue };
        path.truncate(level);
        let parent = path.last().cloned().unwrap_or_default();
        path.push(name.to_owned());
        rows.push(Shown {
            name: name.to_owned(),
            parent,
            level: level as u64 + 1,
            total,
            blocks,
            free,
        });
    }
    rows
}
