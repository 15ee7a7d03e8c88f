//! How many locks a server holds, and which go into fast-path slots.

use pgscope_core::lmgr::{
    Acquired, LockManager, LockMethod, LockMode, LockSettings, LockTag, Owner, ProcNumber,
};
use pgscope_core::profile::Version;
use pgscope_statements::{Database, Outcome, Schedule, Settings};
use serde_json::{Value, json};

use super::super::contexts::Told;
use super::super::record::Stop;
use super::list;

/// The OID of the database `postgres`, whose locks the records are about.
const DATABASE: u32 = 5;

/// A setting, as a number.
fn number(settings: &Value, name: &str) -> Option<u32> {
    let value = &settings[name];
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    u32::try_from(number).ok()
}

/// `max_locks_per_transaction`, and `MaxBackends + max_prepared_transactions`.
fn sizes(settings: &Value, version: Version) -> (u32, u32) {
    let get = |name, default| number(settings, name).unwrap_or(default);
    let version = version.number();
    let locks = get("max_locks_per_transaction", if version >= 19 { 128 } else { 64 });
    let special = if version >= 17 { 2 } else { 1 };
    let workers = if version >= 18 {
        get("autovacuum_worker_slots", 16)
    } else {
        get("autovacuum_max_workers", 3)
    };
    let backends = get("max_connections", 100)
        + get("max_wal_senders", 10)
        + get("max_worker_processes", 8)
        + workers
        + special;
    (locks, backends + get("max_prepared_transactions", 0))
}

/// What a scenario's server was like.
pub(super) fn settings(
    scenario: &Value,
    version: Version,
    settings: &Value,
    schedule: Schedule,
) -> Settings {
    let (max_locks_per_transaction, processes) = sizes(settings, version);
    let objects = scenario["objects"].as_object();
    let oids = objects.into_iter().flatten();
    let oids =
        oids.filter_map(|(name, oid)| Some((name.clone(), u32::try_from(oid.as_u64()?).ok()?)));
    Settings {
        max_locks_per_transaction,
        processes,
        free_shared_memory: 0,
        oids: oids.collect(),
        schedule,
    }
}

/// Compare one record.
pub(super) fn tell(record: &Value, version: Version) -> Told {
    let mut told = Told {
        version: version.number().into(),
        name: record["name"].as_str().unwrap_or_default().to_owned(),
        compared: 0,
        difference: None,
        unsupported: None,
    };
    let result = match record["kind"].as_str().unwrap_or_default() {
        "advisory" => advisory(record, version),
        "tables" => tables(record, version),
        "fastpath" => fastpath(record, version),
        other => Err(Stop::Unsupported(format!("a record of {other}"))),
    };
    match result {
        Ok(compared) => told.compared = compared,
        Err(Stop::Differs(what)) => told.difference = Some(what),
        Err(Stop::Unsupported(what)) => told.unsupported = Some(what),
    }
    told
}

fn manager(record: &Value, version: Version) -> (LockManager, ProcNumber) {
    let (max_locks_per_transaction, processes) = sizes(&record["effective"], version);
    let free = &record["free_shared_memory"];
    let free = free.as_u64().or_else(|| free[0].as_u64()).unwrap_or(0);
    let settings = LockSettings {
        max_locks_per_transaction,
        processes,
        free_shared_memory: free,
        database: DATABASE,
    };
    let mut manager = LockManager::new(version.profile(), settings);
    let proc = manager.attach();
    (manager, proc)
}

/// Whether our count is among those that the server gave; its error is the one expected.
fn check_attempt(record: &Value, at: usize, count: usize, version: Version) -> Result<u64, Stop> {
    let attempt = &record["attempts"][at];
    let again = list(&record["same_again_on_fresh_servers"]).iter().map(|run| &run[at]);
    let counts: Vec<u64> = [&attempt["granted_before_error"]]
        .into_iter()
        .chain(again)
        .filter_map(Value::as_u64)
        .collect();
    if !counts.contains(&(count as u64)) {
        return Err(Stop::Differs(format!("  attempt {at}: expected {counts:?}, got {count}")));
    }
    let hint = version.profile().lmgr.out_of_memory_hint;
    let error = &attempt["error"];
    if error["sqlstate"] != "53200"
        || error["message"] != "out of shared memory"
        || error["hint"] != hint
    {
        return Err(Stop::Differs(format!("  attempt {at}: expected {error}, got hint {hint}")));
    }
    Ok(2)
}

/// `select pg_advisory_lock(K, i) from generate_series(1, ...) i`, attempt after attempt.
fn advisory(record: &Value, version: Version) -> Result<u64, Stop> {
    let (mut manager, proc) = manager(record, version);
    let mut compared = 0;
    for (at, attempt) in list(&record["attempts"]).iter().enumerate() {
        let sql = attempt["sql"].as_str().unwrap_or_default();
        let key = sql.split_once("pg_advisory_lock(").map_or("", |(_, rest)| rest);
        let pair = key.split_once(", i)").map(|(key, _)| key.trim().parse::<i32>());
        let single = key.starts_with("i)");
        let granted = |number: &i32| {
            let tag = match pair {
                Some(Ok(key)) => LockTag::advisory_pair(DATABASE, key, *number),
                _ => LockTag::advisory(DATABASE, i64::from(*number)),
            };
            let mode = LockMode::Exclusive;
            manager.acquire(proc, Owner::Session, tag, mode, false) == Acquired::Granted
        };
        if !single && !matches!(pair, Some(Ok(_))) {
            return Err(Stop::Unsupported(format!("the attempt {sql}")));
        }
        let count = (1..=200_000).take_while(granted).count();
        compared += check_attempt(record, at, count, version)?;
        manager.release_session(proc, LockMethod::User);
    }
    Ok(compared)
}

/// Tables locked one by one. Where the tables can grow, the count depends on the tables' OIDs,
/// which spread over the free lists and are not recorded.
fn tables(record: &Value, version: Version) -> Result<u64, Stop> {
    if !version.profile().lmgr.fixed_tables {
        let reason = "a count that depends on the tables' OIDs, which are not recorded";
        return Err(Stop::Unsupported(reason.into()));
    }
    let mut compared = 0;
    for (at, attempt) in list(&record["attempts"]).iter().enumerate() {
        let (mut manager, proc) = manager(record, version);
        let strongest = attempt["sql"].as_str().is_some_and(|sql| sql.contains("ACCESS EXCLUSIVE"));
        let mode = if strongest { LockMode::AccessExclusive } else { LockMode::AccessShare };
        let owner = Owner::Level(1);
        if strongest {
            let tag = LockTag::transaction(1000);
            manager.acquire(proc, owner, tag, LockMode::Exclusive, false);
        }
        // Each statement first looks the table up, in pg_class by its index.
        let lookup = [1259, 2663].map(|oid| LockTag::relation(DATABASE, oid));
        let granted = |number: &u32| {
            let looked = lookup
                .map(|tag| manager.acquire(proc, owner, tag, LockMode::AccessShare, false))
                .iter()
                .all(|taken| *taken == Acquired::Granted);
            for tag in lookup {
                manager.release(proc, owner, tag, LockMode::AccessShare);
            }
            let tag = LockTag::relation(DATABASE, 100_000 + number);
            looked && manager.acquire(proc, owner, tag, mode, false) == Acquired::Granted
        };
        let count = (0..200_000).take_while(granted).count();
        compared += check_attempt(record, at, count, version)?;
    }
    Ok(compared)
}

/// One transaction touches tables one by one; the relation locks it has after some of them.
fn fastpath(record: &Value, version: Version) -> Result<u64, Stop> {
    let settings = settings(record, version, &record["effective"], Schedule::First);
    let columns = record["columns"].as_str().unwrap_or_default();
    let mut tables: Vec<String> = settings.oids.keys().cloned().collect();
    // Indexes and sequences have the tables' names with more behind.
    tables.retain(|name| !name.contains('_'));
    let setup: Vec<String> =
        tables.iter().map(|name| format!("CREATE TABLE {name}({columns})")).collect();
    let oids = settings.oids.clone();
    let mut database = Database::new(version, settings);
    let unsupported = |error: pgscope_statements::SqlError| Stop::Unsupported(error.message);
    database.set_up(&setup).map_err(unsupported)?;
    let sid = database.connect("A");
    let mut compared = 0;
    let touch = |database: &mut Database, table: &str| {
        let sql = record["sql"].as_str().unwrap_or_default().replace("{t}", table);
        match database.execute(sid, &sql) {
            Outcome::Ok { .. } => Ok(()),
            other => Err(Stop::Unsupported(format!("{other:?}"))),
        }
    };
    let mut compare = |database: &mut Database, expected: &Value, when: String| {
        let mut rows = database.locks();
        rows.retain(|row| row.locktype == "relation");
        rows.sort_by_key(|row| oids.get(&row.target).copied());
        let got: Vec<Value> =
            rows.iter().map(|row| json!([row.target, row.mode, row.fastpath])).collect();
        compared += got.len() as u64;
        if *expected == json!(got) {
            return Ok(());
        }
        let differs = list(expected).iter().zip(&got).find(|(one, other)| one != other);
        Err(Stop::Differs(format!("  {when}: {} rows, first: {differs:?}", got.len())))
    };
    database.execute(sid, "BEGIN");
    for (number, table) in tables.iter().enumerate() {
        touch(&mut database, table)?;
        let now = list(&record["snapshots"]).iter().find(|it| it["after"] == number + 1);
        if let Some(now) = now {
            compare(&mut database, &now["locks"], format!("after {}", number + 1))?;
        }
    }
    database.execute(sid, "COMMIT");
    database.execute(sid, "BEGIN");
    for table in tables.iter().take(3) {
        touch(&mut database, table)?;
    }
    compare(&mut database, &record["after_commit_first_3"], "after the commit".into())?;
    Ok(compared)
}
