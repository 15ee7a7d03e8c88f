//! Stories of what real backends show of their memory contexts (`tests/servers`).
//!
//! A story is one backend and the SQL that it was sent, with the rows of
//! `pg_backend_memory_contexts` or the server log's text between. The core does for each
//! statement what it does with contexts for any statement of that kind; then the contexts that
//! it claims must be those of the real backend, in their order, below the same parents, and
//! those whose content it models must be of the same size, with as much free space.

mod function;
mod rows;
mod schema;
mod sql;

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use pgscope_core::ids::{BackendId, Name, RelId};
use pgscope_core::op::{PlanCacheMode, PlanChoice, Preparation, SessionOp, TransactionStmt};
use pgscope_core::profile::Version;
use pgscope_core::server::Settings;
use pgscope_core::{Error, Op, Server};
use serde_json::Value;

use super::record::Stop;
use super::trace::unpack;
use function::{Reading, Telling};
use rows::Shown;
use schema::Schema;
use sql::InForce;

const BACKEND: BackendId = BackendId(0);

/// Contexts that a backend of the core has wherever a real one has them.
const CLAIMED: [&str; 30] = [
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
    "PortalHoldContext",
    "printtup",
    "TupleSort main",
    "TupleSort sort",
    "Caller tuples",
    "HashTableContext",
    "HashBatchContext",
    "HashSpillContext",
    "unnamed prepared statement",
    "HashAgg meta context",
    "HashAgg table context",
    "HashAgg hashed tuples",
    "PL/pgSQL function",
    "PLpgSQL per-statement data",
];
/// Those that it has below these alone: other modules make some of the same name elsewhere.
const CLAIMED_BELOW: [(&str, &str); 6] = [
    ("ExecutorState", "PortalContext"),
    ("ExecutorState", "TopTransactionContext"),
    ("ExecutorState", "SPI Exec"),
    ("tuplestore tuples", "PortalHoldContext"),
    ("SPI Proc", "TopTransactionContext"),
    ("SPI Exec", "TopTransactionContext"),
];
/// Those of which it knows everything that is in them, whatever the statement.
const MODELLED: [&str; 10] = [
    "ErrorContext",
    "TransactionAbortContext",
    "TopPortalContext",
    "CurTransactionContext",
    "RowDescriptionContext",
    "WAL record construction",
    "printtup",
    "HashBatchContext",
    "HashAgg table context",
    "HashAgg hashed tuples",
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
    let schema = Rc::new(Schema::read(file["schema"].as_str().unwrap_or_default()));
    Ok(stories.iter().map(|story| tell(story, columns, &schema, version)).collect())
}

fn tell(story: &Value, columns: &[Value], schema: &Rc<Schema>, version: Version) -> Told {
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
        Ok(server) => Teller {
            server,
            version,
            schema: schema.clone(),
            columns,
            compared: 0,
            wal_grew: false,
            mode: PlanCacheMode::Auto,
            settings: InForce { work_mem: 4096, multiplier: None },
            texts: Vec::new(),
            cursors: BTreeMap::new(),
        },
        Err(error) => {
            told.difference = Some(error.to_string());
            return told;
        }
    };
    teller.server.log_mut().off();
    let unstable = story["unstable_steps"].as_array().map_or(&[][..], Vec::as_slice);
    let mut result = teller
        .apply(&schema.ops())
        .and_then(|()| teller.apply(&[Op::Connect { backend: BACKEND, name: "story".into() }]));
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
    version: Version,
    schema: Rc<Schema>,
    columns: &'a [Value],
    compared: u64,
    /// A command may have logged many pages at once, for which the working areas grow
    /// (`XLogEnsureRecordSpace`).
    wal_grew: bool,
    /// `plan_cache_mode`
    mode: PlanCacheMode,
    settings: InForce,
    /// The texts of the client's own prepared statements, as the log shows them.
    texts: Vec<String>,
    /// The cursors' queries that have not been run yet.
    cursors: BTreeMap<Name, String>,
}

impl Teller<'_> {
    fn apply(&mut self, ops: &[Op]) -> Result<(), Stop> {
        for op in ops {
            let applied = self.server.apply(op);
            applied.map_err(|error| Stop::Differs(format!("{op:?}: {error}")))?;
        }
        Ok(())
    }

    fn session(&mut self, session: SessionOp) -> Result<(), Stop> {
        self.apply(&[Op::Session { backend: BACKEND, session }])
    }

    fn step(&mut self, step: &Value, stable: bool) -> Result<(), Stop> {
        let sql = step["sql"].as_str().unwrap_or_default();
        match step["step"].as_str().unwrap_or_default() {
            "view" => {
                let rows = rows::of_view(&step["rows"], self.columns)?;
                let within = self.reads_within(sql);
                self.start(sql, Some(self.columns.len()))?;
                let reading = Some(Reading { rows: &rows, stable, read: false });
                let mut telling = Telling { reading, ..Telling::default() };
                self.calls(sql, &mut telling)?;
                match telling.reading.is_some_and(|reading| reading.read) {
                    read if read != within => {
                        return Err(Stop::Differs("the view is not read where it was".into()));
                    }
                    true => {}
                    false => self.compare_view(&rows, stable)?,
                }
                self.end()
            }
            "log" => {
                let rows = rows::of_log(step["log"].as_str().unwrap_or_default())?;
                let idle = step["txstatus"] == "I";
                let more = if idle { &MODELLED_IDLE[..] } else { &[] };
                self.compare(&rows, stable, &[&MODELLED[..], more].concat())
            }
            "exec_log" => {
                let rows = rows::of_log(step["log"].as_str().unwrap_or_default())?;
                self.begin(sql, Some(1))?;
                self.compare(&rows, stable, &MODELLED)?;
                self.end()
            }
            "exec" if step["error"].is_null() => self.execute(sql),
            "exec" => self.fail(sql, step["error"]["message"].as_str().unwrap_or_default()),
            "ext" => self.messages(&step["messages"]),
            other => Err(Stop::Unsupported(format!("a step called {other}"))),
        }
    }

    fn execute(&mut self, sql: &str) -> Result<(), Stop> {
        self.settings.set(sql);
        if sql.starts_with("SET plan_cache_mode = force_generic_plan") {
            self.mode = PlanCacheMode::ForceGeneric;
        }
        let words: Vec<&str> = sql.split_whitespace().collect();
        let last = || Name::from(*words.last().unwrap_or(&""));
        let statement = match words.as_slice() {
            ["BEGIN", ..] => TransactionStmt::Begin,
            ["COMMIT", ..] => TransactionStmt::Commit,
            ["ROLLBACK", "TO", ..] => TransactionStmt::RollbackTo(last()),
            ["ROLLBACK", ..] => TransactionStmt::Rollback,
            ["SAVEPOINT", ..] => TransactionStmt::Savepoint(last()),
            ["RELEASE", ..] => TransactionStmt::Release(last()),
            ["DECLARE", name, ..] => {
                // The plan is made here; what it needs to run, with the first row.
                self.cursors.insert((*name).into(), sql.to_owned());
                let hold = sql.contains("WITH HOLD");
                self.open_later(sql)?;
                return self.session(SessionOp::DeclareCursor { name: (*name).into(), hold });
            }
            ["FETCH", .., name] => {
                self.session(SessionOp::FetchBegin((*name).into()))?;
                if let Some(query) = self.cursors.remove(*name) {
                    self.nodes(&query)?;
                }
                return self.session(SessionOp::RunEnd);
            }
            ["CLOSE", name, ..] => return self.session(SessionOp::Close((*name).into())),
            ["PREPARE", ..] => {
                let (name, _) = sql::named(sql);
                let preparation = self.preparation(name, sql);
                return self.session(SessionOp::Prepare(preparation));
            }
            ["EXECUTE", ..] => {
                let (name, _) = sql::named(sql);
                let choice = self.choice();
                self.session(SessionOp::ExecuteBegin { name, choice })?;
                return self.session(SessionOp::RunEnd);
            }
            ["DEALLOCATE", name] => {
                return self.session(SessionOp::Deallocate(Some((*name).into())));
            }
            ["DISCARD", "ALL"] => return self.session(SessionOp::Deallocate(None)),
            [first, ..] => {
                self.wal_grew |= ["CREATE", "ALTER"].contains(first);
                let query = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(first);
                self.begin(sql, query.then_some(1))?;
                return self.end();
            }
            [] => return Err(Stop::Unsupported("an empty statement".into())),
        };
        self.apply(&[Op::Transaction { backend: BACKEND, statement }])
    }

    /// A cursor's statement opens its tables before the cursor is there.
    fn open_later(&mut self, sql: &str) -> Result<(), Stop> {
        for open in sql::opens(&self.schema, sql, self.version) {
            self.session(open)?;
        }
        Ok(())
    }

    fn preparation(&mut self, name: Name, sql: &str) -> Preparation {
        let (_, params) = sql::named(sql);
        let rel: Option<RelId> = self.schema.opens(sql).first().map(|opened| opened.table);
        self.texts.push(rows::cut(sql));
        Preparation { name, text: sql.into(), rel, params, generic_cost: 0.0 }
    }

    fn choice(&self) -> PlanChoice {
        PlanChoice { mode: Some(self.mode), custom_cost: 0.0 }
    }

    /// A statement that ends with an error.
    fn fail(&mut self, sql: &str, message: &str) -> Result<(), Stop> {
        let begun = self.server.apply(&Op::QueryBegin { backend: BACKEND });
        let got = match begun {
            Err(error) => error,
            Ok(_) => {
                self.open_later(sql)?;
                if self.schema.calls(sql).next().is_some() {
                    self.apply(&[Op::QueryRun { backend: BACKEND, columns: Some(1) }])?;
                    let mut telling = Telling { error: message, ..Telling::default() };
                    if self.calls(sql, &mut telling)? {
                        return Ok(());
                    }
                }
                let session = SessionOp::Error(message.into());
                let raised = self.server.apply(&Op::Session { backend: BACKEND, session });
                raised.err().unwrap_or(Error::Stopped)
            }
        };
        if got.to_string() == message {
            return Ok(());
        }
        Err(Stop::Differs(format!("expected the error {message}, got {got}")))
    }

    /// Messages of the extended protocol, and Sync.
    fn messages(&mut self, messages: &Value) -> Result<(), Stop> {
        for message in messages.as_array().map_or(&[][..], Vec::as_slice) {
            let text = |place: usize| message[place].as_str().unwrap_or_default();
            match text(0) {
                "P" => {
                    let preparation = self.preparation(text(1).into(), text(2));
                    self.session(SessionOp::Parse(preparation))?;
                }
                "B" => {
                    let (portal, statement) = (text(1).into(), text(2).into());
                    let choice = self.choice();
                    self.session(SessionOp::Bind { portal, statement, choice })?;
                }
                "E" => {
                    self.session(SessionOp::RunBegin(text(1).into()))?;
                    self.session(SessionOp::RunEnd)?;
                }
                other => return Err(Stop::Unsupported(format!("a message {other}"))),
            }
        }
        self.session(SessionOp::Sync)
    }

    /// A statement as far as its first row, functions with it.
    fn begin(&mut self, sql: &str, columns: Option<usize>) -> Result<(), Stop> {
        self.start(sql, columns)?;
        self.calls(sql, &mut Telling::default()).map(drop)
    }

    fn start(&mut self, sql: &str, columns: Option<usize>) -> Result<(), Stop> {
        let columns = columns.and_then(|columns| u16::try_from(columns).ok());
        self.apply(&[Op::QueryBegin { backend: BACKEND }])?;
        if !sql.starts_with("DO ") {
            self.open_later(sql)?;
        }
        if columns.is_none() {
            return self.apply(&[Op::QueryRun { backend: BACKEND, columns }]);
        }
        let (planned, run) = sql::nodes(BACKEND, sql, (&self.schema, self.version), self.settings);
        self.apply(&planned)?;
        self.apply(&[Op::QueryRun { backend: BACKEND, columns }])?;
        self.apply(&run)
    }

    fn nodes(&mut self, sql: &str) -> Result<(), Stop> {
        let (planned, run) = sql::nodes(BACKEND, sql, (&self.schema, self.version), self.settings);
        self.apply(&planned)?;
        self.apply(&run)
    }

    fn compare_view(&mut self, rows: &[Shown], stable: bool) -> Result<(), Stop> {
        self.compare(rows, stable, &[&MODELLED[..], &["PortalContext"]].concat())
    }

    fn end(&mut self) -> Result<(), Stop> {
        self.apply(&[Op::QueryEnd { backend: BACKEND }])
    }

    /// Whether the core claims to have this context.
    fn claims(&self, rows: &[Shown], row: &Shown) -> bool {
        let above = || row.above.and_then(|above| rows.get(above));
        match row.name.as_str() {
            // Those that the client made; functions and triggers have others.
            "CachedPlan" | "CachedPlanSource" => self.texts.contains(&row.ident),
            "CachedPlanQuery" => above().is_some_and(|above| self.texts.contains(&above.ident)),
            "index info" => self.schema.is_index(&row.ident),
            // Those of PL/pgSQL's expressions: other queries have as many as their nodes want.
            "ExprContext" => above().is_some_and(|above| above.parent == "TopTransactionContext"),
            name => CLAIMED.contains(&name) || CLAIMED_BELOW.contains(&(name, row.parent.as_str())),
        }
    }

    /// The contexts claimed, the real ones and the core's.
    fn compare(&mut self, rows: &[Shown], stable: bool, modelled: &[&str]) -> Result<(), Stop> {
        rows::read_back(&self.server, BACKEND)?;
        let own = rows::own(&self.server, BACKEND);
        let claimed = |rows: &[Shown]| -> Vec<Shown> {
            rows.iter().filter(|row| self.claims(rows, row)).cloned().collect()
        };
        let (mut expected, mut got) = (claimed(rows), claimed(&own));
        // Some views go by depth, some by breadth: among those of one level the order counts.
        expected.sort_by_key(|row| row.level);
        got.sort_by_key(|row| row.level);
        let mut compared = 0;
        for (number, row) in expected.iter().enumerate() {
            let differs =
                || Err(Stop::Differs(format!("expected {row:?}, got {:?}", got.get(number))));
            let Some(mine) = got.get(number) else { return differs() };
            let kind = row.kind.is_empty() || row.kind == mine.kind;
            let place =
                |row: &Shown| (row.name.clone(), row.ident.clone(), row.parent.clone(), row.level);
            if !kind || place(mine) != place(row) {
                return differs();
            }
            let grown = self.wal_grew && row.name == "WAL record construction";
            let exact = stable && !grown && is_modelled(row, &expected, modelled);
            if exact && (mine.total, mine.blocks, mine.free) != (row.total, row.blocks, row.free) {
                return differs();
            }
            compared += 1;
        }
        self.compared += compared;
        match got.get(expected.len()) {
            Some(more) => Err(Stop::Differs(format!("expected no more, got {more:?}"))),
            None => Ok(()),
        }
    }
}

/// Whether the core knows all that is in a context.
fn is_modelled(row: &Shown, rows: &[Shown], modelled: &[&str]) -> bool {
    let below = |name: &str| rows.iter().find(|row| row.name == name);
    match row.name.as_str() {
        // A cursor's has a copy of its plan.
        "PortalContext" if row.ident != "<unnamed>" => false,
        // Those of a bounded sort depend on the order of the values.
        "Caller tuples" => row.kind != "AllocSet" && !row.kind.is_empty(),
        // Without tapes.
        "TupleSort sort" => below("TupleSort main").is_some_and(|main| main.total > 100_000),
        name => modelled.contains(&name),
    }
}
