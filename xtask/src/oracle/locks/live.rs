//! A schedule on a running server: who waits, who is blocked by whom, and all rows of `pg_locks`
//! after each statement, with names in place of numbers.
//!
//! Nothing sleeps here. A statement is over when its answer is there, and at rest when the server
//! says that its process waits for a lock that is not granted.

use std::collections::BTreeMap;
use std::io::{Error, Result};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::postgres::Running;
use crate::postgres::client::{Client, Reply};

/// A deadlock that comes about later than this after the first of its waits began is left out: with
/// `deadlock_timeout` at one second it might be somebody else who finds it.
const LATE: Duration = Duration::from_millis(700);
/// Nothing takes so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Who is in a queue, and sleeps.
const WAITING: &str = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                       AND pid IN (SELECT pid FROM pg_locks WHERE NOT granted)";
const SESSIONS: [char; 4] = ['A', 'B', 'C', 'D'];

struct Session {
    name: char,
    client: Client,
    /// When its statement was sent.
    busy: Option<Instant>,
}

struct Recorder {
    monitor: Client,
    sessions: Vec<Session>,
    relations: BTreeMap<u32, String>,
    transactions: BTreeMap<u32, String>,
    steps: Vec<Value>,
}

/// Play a schedule; nothing if the machine was too slow for it.
pub(super) fn record(server: &Running, setup: &[&str], lines: &[String]) -> Result<Option<Value>> {
    let mut monitor = server.connect()?;
    monitor.rows("SET client_min_messages = error")?;
    monitor.rows("DROP SCHEMA public CASCADE")?;
    monitor.rows("CREATE SCHEMA public")?;
    for sql in setup {
        monitor.rows(sql)?;
    }
    let known = "SELECT oid, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    let known = monitor.rows(known)?;
    let relations = known.iter().map(|row| (number(&row[0]), row[1].clone())).collect();
    let mut sessions = Vec::new();
    for name in SESSIONS {
        if lines.iter().any(|line| line.starts_with(name)) {
            sessions.push(Session { name, client: server.connect()?, busy: None });
        }
    }
    let transactions = BTreeMap::new();
    let mut it = Recorder { monitor, sessions, relations, transactions, steps: Vec::new() };
    if !it.play(lines)? {
        return Ok(None);
    }
    let objects: BTreeMap<&str, u32> =
        it.relations.iter().map(|(oid, name)| (name.as_str(), *oid)).collect();
    let names: Vec<String> = it.sessions.iter().map(|it| it.name.to_string()).collect();
    Ok(Some(json!({
        "sessions": names, "setup": setup, "objects": objects, "steps": it.steps,
    })))
}

fn number(text: &str) -> u32 {
    text.parse().unwrap_or(0)
}

impl Recorder {
    /// False: too late for a deadlock.
    fn play(&mut self, lines: &[String]) -> Result<bool> {
        for line in lines {
            let Some((name, sql)) = line.split_once(' ') else { continue };
            let circle = match sql {
                super::CANCEL => self.cancel(name)?,
                _ => self.step(name, sql)?,
            };
            if circle && !self.deadlock()? {
                return Ok(false);
            }
            if self.ends_soon() {
                break;
            }
        }
        // Everybody gives up what he has, and so everybody gets what he waits for.
        let mut open: Vec<char> = self.sessions.iter().map(|it| it.name).collect();
        while !open.is_empty() {
            let free =
                |name: &char| self.sessions.iter().any(|it| it.name == *name && it.busy.is_none());
            let Some(at) = open.iter().position(free) else {
                return Err(Error::other("everybody waits, and nobody blocks anybody"));
            };
            let name = open.remove(at).to_string();
            for sql in ["ROLLBACK", "SELECT pg_advisory_unlock_all()"] {
                if self.step(&name, sql)? && !self.deadlock()? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// After a deadlock the clocks of server and model are not the same.
    fn ends_soon(&self) -> bool {
        self.steps.last().is_some_and(|step| step["wait_ms"].is_number())
    }

    /// `pg_cancel_backend` of who waits.
    fn cancel(&mut self, name: &str) -> Result<bool> {
        let waits = |it: &Session| name.starts_with(it.name) && it.busy.is_some();
        let Some(at) = self.sessions.iter().position(waits) else { return Ok(false) };
        let pid = self.sessions[at].client.pid;
        self.monitor.rows(&format!("SELECT pg_cancel_backend({pid})"))?;
        let reply = self.sessions[at].client.wait()?;
        self.sessions[at].busy = None;
        let ended = self.settle()?;
        let step = json!({"session": name, "action": "cancel", "outcome": self.outcome(&reply)});
        self.write(step, ended)
    }

    /// Send a statement if its session is free, and write down what came of it. Whether sessions now wait
    /// for each other.
    fn step(&mut self, name: &str, sql: &str) -> Result<bool> {
        let free = |it: &Session| name.starts_with(it.name) && it.busy.is_none();
        let Some(at) = self.sessions.iter().position(free) else { return Ok(false) };
        self.sessions[at].client.send(sql)?;
        self.sessions[at].busy = Some(Instant::now());
        let mut ended = self.settle()?;
        let outcome = match ended.iter().position(|(who, _)| *who == at) {
            Some(own) => self.outcome(&ended.remove(own).1),
            None => json!({"result": "waiting"}),
        };
        let step = json!({"session": name, "sql": sql, "outcome": outcome});
        self.write(step, ended)
    }

    /// Wait until somebody finds the deadlock that there is.
    fn deadlock(&mut self) -> Result<bool> {
        let began = self.sessions.iter().filter_map(|it| it.busy).min();
        if began.is_some_and(|began| began.elapsed() > LATE) {
            return Ok(false);
        }
        // One that is found may let others run into the next.
        loop {
            let since = Instant::now();
            let ended = loop {
                let ended = self.settle()?;
                if !ended.is_empty() || !self.circle()? {
                    break ended;
                }
                self.be_patient(since)?;
            };
            if !self.write(json!({"wait_ms": 5000}), ended)? {
                return Ok(true);
            }
        }
    }

    fn be_patient(&self, since: Instant) -> Result<()> {
        match since.elapsed() < PATIENCE {
            true => Ok(()),
            false => Err(Error::other("it does not come to rest")),
        }
    }

    /// Wait until everybody has an answer or waits for a lock; the answers.
    fn settle(&mut self) -> Result<Vec<(usize, Reply)>> {
        let since = Instant::now();
        let mut ended = Vec::new();
        loop {
            for (at, session) in self.sessions.iter_mut().enumerate() {
                if session.busy.is_some()
                    && let Some(reply) = session.client.look()?
                {
                    session.busy = None;
                    ended.push((at, reply));
                }
            }
            let waiting = self.monitor.rows(WAITING)?;
            let waits = |pid: u32| waiting.iter().any(|row| number(&row[0]) == pid);
            let mut busy = self.sessions.iter().filter(|it| it.busy.is_some());
            if busy.all(|it| waits(it.client.pid)) {
                ended.sort_by_key(|(at, _)| *at);
                return Ok(ended);
            }
            self.be_patient(since)?;
        }
    }

    /// Who is blocked by whom.
    fn blocked(&mut self) -> Result<Vec<(usize, String, Vec<usize>)>> {
        let rows = self.monitor.rows(
            "SELECT pid, wait_event, array_to_string(pg_blocking_pids(pid), ' ') \
             FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
        )?;
        let place = |pid: u32| self.sessions.iter().position(|it| it.client.pid == pid);
        let mut all: Vec<_> = rows
            .iter()
            .filter_map(|row| {
                let blockers = row[2].split(' ').filter_map(|pid| place(number(pid)));
                Some((place(number(&row[0]))?, row[1].clone(), blockers.collect()))
            })
            .collect();
        all.sort();
        Ok(all)
    }

    /// Whether somebody waits for himself in the end.
    fn circle(&mut self) -> Result<bool> {
        let blocked = self.blocked()?;
        let edges: BTreeMap<usize, Vec<usize>> =
            blocked.into_iter().map(|(who, _, by)| (who, by)).collect();
        let reaches = |start: usize| {
            let (mut seen, mut next) = (Vec::new(), vec![start]);
            while let Some(at) = next.pop() {
                for &by in edges.get(&at).into_iter().flatten() {
                    if by == start {
                        return true;
                    }
                    if !seen.contains(&by) {
                        seen.push(by);
                        next.push(by);
                    }
                }
            }
            false
        };
        Ok(edges.keys().any(|start| reaches(*start)))
    }

    /// Write the step down, with what everybody holds and waits for now.
    fn write(&mut self, mut step: Value, ended: Vec<(usize, Reply)>) -> Result<bool> {
        let locks = self.locks()?;
        let finished = ended.into_iter().map(|(at, reply)| {
            let mut outcome = self.outcome(&reply);
            outcome["session"] = json!(self.sessions[at].name.to_string());
            outcome
        });
        step["finished"] = finished.collect();
        step["locks"] = json!(locks);
        let blocked = self.blocked()?;
        let name = |at: usize| self.sessions[at].name.to_string();
        let waits = blocked.iter().map(|(who, event, by)| {
            let mut by: Vec<String> = by.iter().map(|at| name(*at)).collect();
            by.sort();
            by.dedup();
            json!({"session": name(*who), "event": event, "blocked_by": by})
        });
        step["waits"] = waits.collect();
        self.steps.push(step);
        self.circle()
    }

    fn session_of(&self, pid: u32) -> Option<&Session> {
        self.sessions.iter().find(|it| it.client.pid == pid)
    }

    /// The rows of `pg_locks` of the schedule's sessions.
    fn locks(&mut self) -> Result<Vec<Value>> {
        let rows = self.monitor.rows(
            "SELECT pid, locktype, relation, page, tuple, virtualxid, transactionid, classid, objid, \
             objsubid, mode, granted, fastpath, virtualtransaction FROM pg_locks \
             ORDER BY transactionid::text::bigint",
        )?;
        // A session's transaction ids are counted as they come.
        for row in rows.iter().filter(|row| row[1] == "transactionid" && row[11] == "t") {
            let xid = number(&row[6]);
            let own = row[10] == "ExclusiveLock";
            if let (true, false, Some(session)) =
                (own, self.transactions.contains_key(&xid), self.session_of(number(&row[0])))
            {
                let name = session.name;
                let before = self.transactions.values().filter(|it| it.starts_with(name)).count();
                self.transactions.insert(xid, format!("{name}{}", before + 1));
            }
        }
        let mut holders: BTreeMap<String, char> = BTreeMap::new();
        for row in &rows {
            if let Some(session) = self.session_of(number(&row[0])) {
                holders.insert(row[13].clone(), session.name);
            }
        }
        let named = |row: &Vec<String>| {
            let session = self.session_of(number(&row[0]))?;
            let relation = self.relations.get(&number(&row[2]));
            let target = match row[1].as_str() {
                "relation" => relation?.clone(),
                "tuple" => format!("{} ({},{})", relation?, row[3], row[4]),
                "virtualxid" => holders.get(&row[5])?.to_string(),
                "transactionid" => self.transactions.get(&number(&row[6]))?.clone(),
                _ => format!("{},{},{}", row[7], row[8], row[9]),
            };
            let [granted, fastpath] = [&row[11], &row[12]].map(|it| it == "t");
            let session = session.name.to_string();
            Some(json!([session, row[1], target, row[10], granted, fastpath, !granted]))
        };
        Ok(rows.iter().filter_map(named).collect())
    }

    /// An answer in the recordings' form.
    fn outcome(&self, reply: &Reply) -> Value {
        if let Some(error) = &reply.error {
            let field = |letter| error.get(&letter).map(|text| self.named(text));
            return json!({
                "result": "error", "sqlstate": field('C'), "message": field('M'),
                "detail": field('D'), "hint": field('H'), "context": field('W'),
            });
        }
        let mut outcome = json!({"result": "ok", "tag": reply.tag, "notices": reply.notices});
        if !reply.rows.is_empty() && reply.rows.len() <= 3 {
            outcome["rows"] = json!(reply.rows);
        }
        outcome
    }

    /// A text with names in place of numbers.
    fn named(&self, text: &str) -> String {
        let mut out = String::new();
        let mut before = "";
        for (place, word) in text.split(' ').enumerate() {
            let end = word.find(|c: char| !c.is_ascii_digit() && c != '/').unwrap_or(word.len());
            let (digits, rest) = word.split_at(end);
            let name = match before {
                "Process" | "process" => {
                    self.session_of(number(digits)).map(|it| it.name.to_string())
                }
                "relation" => self.relations.get(&number(digits)).cloned(),
                "database" => Some("db".into()),
                "transaction" => self.transactions.get(&number(digits)).cloned(),
                _ => None,
            };
            out.push_str(if place > 0 { " " } else { "" });
            match name {
                Some(name) if !digits.is_empty() => out.push_str(&format!("<{name}>{rest}")),
                _ if word.starts_with('[') && before == "lock" => {
                    let keys = word.split_once(',').map_or("", |(_, keys)| keys);
                    out.push_str(&format!("[<db>,{keys}"));
                }
                _ => out.push_str(word),
            }
            before = word.rsplit('\n').next().unwrap_or(word);
        }
        out
    }
}
