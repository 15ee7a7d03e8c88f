//! Scenarios of what real servers lock (`tests/servers/locks-*`).
//!
//! A scenario is one to four sessions and their statements, with what everybody holds and waits
//! for after each. The same statements go through the model; outcomes, waits, blockers, errors
//! and the rows of `pg_locks` must be the same after each step. Records of how many locks fit and
//! of fast-path slots are compared with the lock manager itself.
//!
//! Where two sessions awake at once, a real server lets them race. A scenario is equal if it is
//! with the first or with the last awakened going on first, or with both in turns.

mod table;

use std::collections::BTreeMap;

use pgscope_core::profile::Version;
use pgscope_statements::{Database, Outcome, Schedule, SessionId, Shown};
use serde_json::{Value, json};

use super::contexts::Told;
use super::record::Stop;

/// The format's name.
pub(super) const FORMAT: &str = "pg-locks/1";

/// Replay all scenarios and records of a file.
pub(super) fn replay(file: &Value) -> Result<Vec<Told>, String> {
    let number = file["version"].as_u64().unwrap_or(0);
    let version = u32::try_from(number).ok().and_then(Version::from_number);
    let version = version.ok_or("the core doesn't know the scenarios' version")?;
    let mut told = Vec::new();
    for scenario in list(&file["scenarios"]) {
        told.push(tell(scenario, version, &file["settings"]));
    }
    for record in list(&file["lock_table"]) {
        told.push(table::tell(record, version));
    }
    Ok(told)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[][..], Vec::as_slice)
}

fn tell(scenario: &Value, version: Version, settings: &Value) -> Told {
    let mut first = None;
    for schedule in Schedule::ALL {
        let told = replay_one(scenario, version, settings, schedule);
        if told.difference.is_none() {
            return told;
        }
        first.get_or_insert(told);
    }
    first.unwrap_or_default()
}

fn replay_one(scenario: &Value, version: Version, settings: &Value, schedule: Schedule) -> Told {
    let mut told = Told {
        version: version.number().into(),
        name: scenario["name"].as_str().unwrap_or_default().to_owned(),
        compared: 0,
        difference: None,
        unsupported: None,
    };
    let mut player = Player {
        database: Database::new(version, table::settings(scenario, version, settings, schedule)),
        sessions: BTreeMap::new(),
        catalogs: scenario["catalogs"] == true,
        compared: 0,
    };
    let mut result = player.start(scenario);
    for (number, step) in list(&scenario["steps"]).iter().enumerate() {
        result = result.and_then(|()| {
            player.step(step).map_err(|stop| match stop {
                Stop::Differs(what) => Stop::Differs(format!(
                    "  step {number} ({}: {}): {what}",
                    step["session"].as_str().unwrap_or("-"),
                    step["sql"].as_str().or(step["action"].as_str()).unwrap_or("wait"),
                )),
                unsupported @ Stop::Unsupported(_) => unsupported,
            })
        });
    }
    told.compared = player.compared;
    match result {
        Ok(()) => {}
        Err(Stop::Differs(what)) => told.difference = Some(what),
        Err(Stop::Unsupported(what)) => told.unsupported = Some(what),
    }
    told
}

struct Player {
    database: Database,
    sessions: BTreeMap<String, SessionId>,
    catalogs: bool,
    compared: u64,
}

impl Player {
    fn start(&mut self, scenario: &Value) -> Result<(), Stop> {
        let setup: Vec<String> = list(&scenario["setup"])
            .iter()
            .filter_map(|sql| sql.as_str().map(str::to_owned))
            .collect();
        self.database
            .set_up(&setup)
            .map_err(|error| Stop::Unsupported(format!("a set-up with {}", error.message)))?;
        for name in list(&scenario["sessions"]).iter().filter_map(Value::as_str) {
            let sid = self.database.connect(name);
            self.sessions.insert(name.to_owned(), sid);
            for sql in list(&scenario["session_setup"][name]).iter().filter_map(Value::as_str) {
                self.database.execute(sid, sql);
            }
        }
        self.database.take_finished();
        Ok(())
    }

    fn step(&mut self, step: &Value) -> Result<(), Stop> {
        let name = step["session"].as_str().unwrap_or_default();
        let sid = self.sessions.get(name).copied();
        let outcome = match (sid, step["action"].as_str()) {
            (Some(sid), Some("cancel")) => self.database.cancel(sid),
            (Some(sid), Some("terminate")) => Some(self.database.terminate(sid)),
            (Some(sid), Some("disconnect")) => {
                self.database.disconnect(sid);
                None
            }
            (_, Some(action)) => return Err(Stop::Unsupported(format!("action {action}"))),
            (Some(sid), None) if step["sql"].is_string() => {
                let sql = step["sql"].as_str().unwrap_or_default();
                Some(self.database.execute(sid, sql))
            }
            _ => {
                self.database.wait_for_end(step["wait_ms"].as_u64().unwrap_or(0));
                None
            }
        };
        if let Some(outcome) = outcome {
            let mut expected = step["outcome"].clone();
            // A connection that is closed shows in the session's later steps.
            if let Some(expected) = expected.as_object_mut() {
                expected.remove("closed");
            }
            self.compare("outcome", &expected, shown(&outcome, &expected)?)?;
        }
        let mut finished = Vec::new();
        let expected = list(&step["finished"]);
        for (sid, outcome) in self.database.take_finished() {
            let name = self.database.session_name(sid).to_owned();
            let of = expected.iter().find(|it| it["session"] == *name);
            let mut value = shown(&outcome, of.unwrap_or(&Value::Null))?;
            value["session"] = json!(name);
            finished.push(value);
        }
        finished.sort_by_key(|it| it["session"].as_str().unwrap_or_default().to_owned());
        let expected: Vec<Value> = expected.iter().map(without_nulls).collect();
        self.compare("finished", &json!(expected), json!(finished))?;
        let waits = self.database.waits();
        let waits = waits.into_iter().map(|(session, event, blockers)| {
            json!({"session": session, "event": event, "blocked_by": blockers})
        });
        let waits: Vec<Value> = waits.collect();
        self.compare("waits", &json!(list(&step["waits"])), json!(waits))?;
        self.compare_locks(list(&step["locks"]))
    }

    fn compare(&mut self, what: &str, expected: &Value, got: Value) -> Result<(), Stop> {
        self.compared += 1;
        let expected = without_nulls(expected);
        if expected == got {
            return Ok(());
        }
        Err(Stop::Differs(format!("{what}\n    expected {expected}\n    got      {got}")))
    }

    fn compare_locks(&mut self, expected: &[Value]) -> Result<(), Stop> {
        let rows = self.database.locks();
        let counted = |row: &&Shown| {
            self.catalogs || row.locktype != "relation" || !row.target.starts_with("pg_")
        };
        let row = |row: &Shown| {
            let mut value = vec![
                json!(row.session),
                json!(row.locktype),
                json!(row.target),
                json!(row.mode),
                json!(row.granted),
                json!(row.fastpath),
                json!(!row.granted),
            ];
            if row.shared {
                value.push(json!("shared"));
            }
            json!(value).to_string()
        };
        let mut got: Vec<String> = rows.iter().filter(counted).map(row).collect();
        let mut expected: Vec<String> = expected.iter().map(Value::to_string).collect();
        got.sort();
        expected.sort();
        self.compared += expected.len() as u64;
        if got == expected {
            return Ok(());
        }
        let only = |of: &[String], other: &[String]| {
            of.iter().filter(|row| !other.contains(row)).cloned().collect::<Vec<_>>().join(" ")
        };
        let (missing, more) = (only(&expected, &got), only(&got, &expected));
        Err(Stop::Differs(format!("locks\n    missing {missing}\n    too many {more}")))
    }
}

fn without_nulls(value: &Value) -> Value {
    let Some(object) = value.as_object() else { return value.clone() };
    let kept = object
        .iter()
        .filter(|(_, value)| !value.is_null() && **value != json!([]) && **value != json!(""));
    Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// An outcome in the recording's form. Rows are only compared if they are recorded and their
/// values known here.
fn shown(outcome: &Outcome, expected: &Value) -> Result<Value, Stop> {
    Ok(match outcome {
        Outcome::Waiting => json!({"result": "waiting"}),
        Outcome::Running => json!({"result": "running"}),
        Outcome::Ok { tag, rows, notices } => {
            let mut value = json!({"result": "ok", "tag": tag});
            if !expected["rows"].is_null() {
                value["rows"] = match rows {
                    Some(rows) => json!(rows),
                    None => expected["rows"].clone(),
                };
            }
            if !notices.is_empty() {
                value["notices"] = json!(notices);
            }
            without_nulls(&value)
        }
        Outcome::Error(error) if error.unsupported => {
            return Err(Stop::Unsupported(error.message.clone()));
        }
        Outcome::Error(error) => without_nulls(&json!({
            "result": "error",
            "sqlstate": error.sqlstate,
            "message": error.message,
            "detail": error.detail,
            "hint": error.hint,
            "context": error.context,
        })),
    })
}
