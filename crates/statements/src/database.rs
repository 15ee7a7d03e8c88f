//! The database: sessions, time, and what can be seen from outside.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use pgscope_core::lmgr::{DeadlockFound, LockManager, LockSettings, ProcNumber};
use pgscope_core::profile::Version;

use crate::ast::Statement;
use crate::catalog::{Relation, system};
use crate::error::SqlError;
use crate::heap::Heap;
use crate::session::{Outcome, Session, SessionId, Work};
use crate::step::{Rest, act};
use crate::transaction::{Prepared, Xid};

/// The OID of the database that everybody is connected to: `postgres`.
pub(crate) const DATABASE: u32 = 5;

/// Steps take this long, in milliseconds.
const STEP_TIME: u64 = 10;

/// What the database is to be like.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `max_locks_per_transaction`.
    pub max_locks_per_transaction: u32,
    /// `MaxBackends + max_prepared_transactions`.
    pub processes: u32,
    /// The free rest of the shared segment.
    pub free_shared_memory: u64,
    /// OIDs that relations are to get, by name.
    pub oids: BTreeMap<String, u32>,
    /// Who goes on first of those that are awakened together.
    pub schedule: Schedule,
}

/// Who goes on first of several sessions that are awakened together; real servers let them race.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Who was awakened first.
    First,
    /// Who was awakened last.
    Last,
    /// All of them, in turns.
    Turns,
    /// In turns, the last awakened first.
    TurnsLast,
}

impl Schedule {
    /// Every schedule.
    pub const ALL: [Schedule; 4] =
        [Schedule::First, Schedule::Last, Schedule::Turns, Schedule::TurnsLast];
}

/// A database with its sessions.
#[derive(Clone)]
pub struct Database {
    pub(crate) version: Version,
    pub(crate) locks: LockManager,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    pub(crate) catalog: BTreeMap<u32, Rc<Relation>>,
    pub(crate) heaps: BTreeMap<u32, Heap>,
    pub(crate) functions: BTreeMap<String, u32>,
    /// Triggers, policies and rules: by catalog, name and table.
    pub(crate) parts: BTreeMap<(u32, String, u32), u32>,
    pub(crate) xids: BTreeMap<u32, Xid>,
    pub(crate) next_xid: u32,
    pub(crate) commits: u64,
    pub(crate) prepared: BTreeMap<String, Prepared>,
    /// What serializable transactions have read.
    pub(crate) reads: Vec<crate::predicate::Read>,
    pub(crate) next_oid: u32,
    pub(crate) oids: BTreeMap<String, u32>,
    /// Names of relations and of other objects, by catalog (0 for relations) and OID.
    pub(crate) names: BTreeMap<(u32, u32), String>,
    /// Objects that steps made are called `new1`, `new2`, ... as they are first seen.
    pub(crate) new_objects: u32,
    /// Transaction ids have names as they are first seen.
    pub(crate) xid_names: BTreeMap<u32, String>,
    clock: u64,
    ready: VecDeque<SessionId>,
    schedule: Schedule,
    finished: Vec<(SessionId, Outcome)>,
    pub(crate) set_up: bool,
}

impl Database {
    /// An empty database.
    pub fn new(version: Version, settings: Settings) -> Self {
        let lock_settings = LockSettings {
            max_locks_per_transaction: settings.max_locks_per_transaction,
            processes: settings.processes,
            free_shared_memory: settings.free_shared_memory,
            database: DATABASE,
        };
        let catalog = system();
        let names = catalog.values().map(|it| ((0, it.oid), it.name.clone())).collect();
        let highest = settings.oids.values().copied().max().unwrap_or(0);
        Database {
            version,
            locks: LockManager::new(version.profile(), lock_settings),
            sessions: BTreeMap::new(),
            catalog,
            heaps: BTreeMap::new(),
            functions: BTreeMap::new(),
            parts: BTreeMap::new(),
            xids: BTreeMap::new(),
            next_xid: 1000,
            commits: 0,
            prepared: BTreeMap::new(),
            reads: Vec::new(),
            next_oid: highest.max(16_383) + 1000,
            oids: settings.oids,
            names,
            new_objects: 0,
            xid_names: BTreeMap::new(),
            clock: 0,
            ready: VecDeque::new(),
            schedule: settings.schedule,
            finished: Vec::new(),
            set_up: false,
        }
    }

    /// Execute statements before the sessions come.
    pub fn set_up(&mut self, statements: &[String]) -> Result<(), SqlError> {
        let sid = self.connect("setup");
        self.name(crate::catalog::PG_NAMESPACE, crate::catalog::PUBLIC, "public");
        for sql in statements {
            if let Outcome::Error(error) = self.execute(sid, sql) {
                return Err(error);
            }
        }
        self.disconnect(sid);
        self.sessions.remove(&sid);
        self.set_up = true;
        Ok(())
    }

    /// A new session.
    pub fn connect(&mut self, name: &str) -> SessionId {
        let number = self.sessions.keys().map(|sid| sid.0 + 1).max().unwrap_or(0);
        let proc = self.locks.attach();
        self.sessions.insert(SessionId(number), Session::new(name, proc));
        SessionId(number)
    }

    /// A client goes away: its transaction is undone, its locks are released.
    pub fn disconnect(&mut self, sid: SessionId) {
        self.pass_time(STEP_TIME);
        self.leave(sid);
        self.settle();
    }

    fn leave(&mut self, sid: SessionId) {
        self.abort(sid);
        let Some(session) = self.sessions.get_mut(&sid) else { return };
        session.transaction = None;
        session.queue.clear();
        session.active = false;
        session.closed = true;
        self.locks.detach(session.proc);
    }

    /// Execute a statement.
    pub fn execute(&mut self, sid: SessionId, sql: &str) -> Outcome {
        match crate::parse(sql) {
            Ok(statement) => self.execute_parsed(sid, &statement),
            Err(what) => Outcome::Error(SqlError::unsupported(what)),
        }
    }

    /// Execute a statement that was read before.
    pub fn execute_parsed(&mut self, sid: SessionId, statement: &Statement) -> Outcome {
        self.pass_time(STEP_TIME);
        let clock = self.clock;
        let Some(session) = self.sessions.get_mut(&sid) else {
            return Outcome::Error(SqlError::unsupported("no such session"));
        };
        if session.active || session.closed {
            return Outcome::Error(SqlError::unsupported("the session is busy or gone"));
        }
        session.active = true;
        session.began = clock;
        session.work = Work::default();
        session.context = None;
        let statement = statement.clone();
        session.queue.push_back(act(move |db, sid| db.begin_statement(sid, &statement)));
        self.start_transaction(sid);
        self.ready.push_back(sid);
        self.settle();
        self.outcome(sid)
    }

    /// How the session's statement stands.
    fn outcome(&mut self, sid: SessionId) -> Outcome {
        if let Some(at) = self.finished.iter().position(|(done, _)| *done == sid) {
            return self.finished.remove(at).1;
        }
        match self.sessions.get(&sid) {
            Some(session) if session.busy => Outcome::Running,
            _ => Outcome::Waiting,
        }
    }

    /// Statements that ended since the last time, of whichever session.
    pub fn take_finished(&mut self) -> Vec<(SessionId, Outcome)> {
        std::mem::take(&mut self.finished)
    }

    /// Let everybody go on who can.
    fn settle(&mut self) {
        loop {
            let mut awakened = self.locks.take_awakened();
            if self.schedule == Schedule::TurnsLast {
                awakened.reverse();
            }
            for proc in awakened {
                let awake = self.sessions.iter().find(|(_, session)| session.proc == proc);
                if let Some((&sid, _)) = awake {
                    self.ready.push_back(sid);
                }
            }
            let next = match self.schedule {
                Schedule::Last => self.ready.pop_back(),
                _ => self.ready.pop_front(),
            };
            let Some(sid) = next else { return };
            self.go_on(sid);
        }
    }

    fn go_on(&mut self, sid: SessionId) {
        let clock = self.clock;
        if let Some(session) = self.sessions.get_mut(&sid) {
            session.waits_since = None;
            session.deadlock_checked = false;
        }
        match self.run_steps(sid) {
            Ok(Rest::Done) => self.succeed(sid),
            Ok(Rest::Waits) => {
                if let Some(session) = self.sessions.get_mut(&sid) {
                    session.waits_since = Some(clock);
                }
            }
            Ok(Rest::Turn) => self.ready.push_back(sid),
            Ok(Rest::Busy) => {}
            Err(error) => self.fail(sid, error),
        }
    }

    fn succeed(&mut self, sid: SessionId) {
        if !self.in_block(sid) {
            self.commit(sid);
        }
        self.drop_snapshot(sid);
        if let Some(transaction) = self.transaction_mut(sid) {
            transaction.cid += 1;
        }
        let Some(session) = self.sessions.get_mut(&sid) else { return };
        session.active = false;
        let Work { tag, rows, notices, .. } = std::mem::take(&mut session.work);
        self.finished.push((sid, Outcome::Ok { tag, rows, notices }));
    }

    pub(crate) fn fail(&mut self, sid: SessionId, mut error: SqlError) {
        if let Some(session) = self.sessions.get_mut(&sid) {
            session.queue.clear();
            session.active = false;
            session.busy = false;
            session.waits_since = None;
            if error.context.is_none() {
                error.context = session.context.take();
            }
            self.locks.give_up(session.proc);
        }
        self.abort_current(sid);
        self.finished.push((sid, Outcome::Error(error)));
    }

    /// `pg_cancel_backend`.
    pub fn cancel(&mut self, sid: SessionId) -> Option<Outcome> {
        self.pass_time(STEP_TIME);
        if !self.sessions.get(&sid)?.active {
            return None;
        }
        self.interrupt(sid, SqlError::new("57014", "canceling statement due to user request"));
        self.settle();
        Some(self.outcome(sid))
    }

    /// `pg_terminate_backend`.
    pub fn terminate(&mut self, sid: SessionId) -> Outcome {
        self.pass_time(STEP_TIME);
        let message = "terminating connection due to administrator command";
        self.interrupt(sid, SqlError::new("57P01", message));
        self.leave(sid);
        self.settle();
        self.outcome(sid)
    }

    /// A statement is stopped where it is; newer versions say what it waited for.
    fn interrupt(&mut self, sid: SessionId, mut error: SqlError) {
        let waits = self.proc(sid).and_then(|proc| self.locks.waits_for(proc));
        let Some(session) = self.sessions.get(&sid) else { return };
        let outer = session.context.clone();
        let mut context = Vec::new();
        if let Some((tag, mode)) = waits.filter(|_| self.version.profile().lmgr.waiting_context) {
            context.push(format!("waiting for {} on {}", mode.name(), self.describe(&tag)));
        }
        context.extend(outer);
        error.context = (!context.is_empty()).then(|| context.join("\n"));
        self.fail(sid, error);
    }

    /// Time passes: whose timeouts run out looks for deadlocks or gives up.
    pub fn pass_time(&mut self, milliseconds: u64) {
        let end = self.clock + milliseconds;
        while let Some((when, sid, what)) = self.next_timeout().filter(|it| it.0 <= end) {
            self.clock = self.clock.max(when);
            self.time_out(sid, what);
        }
        self.clock = end;
    }

    /// The same, but only until a waiting statement ends.
    pub fn wait_for_end(&mut self, milliseconds: u64) {
        let end = self.clock + milliseconds;
        let before = self.finished.len();
        while self.finished.len() == before {
            let Some((when, sid, what)) = self.next_timeout().filter(|it| it.0 <= end) else {
                self.clock = end;
                return;
            };
            self.clock = self.clock.max(when);
            self.time_out(sid, what);
        }
    }

    fn next_timeout(&self) -> Option<(u64, SessionId, Timeout)> {
        let mut all = Vec::new();
        for (&sid, session) in &self.sessions {
            let statement = session.milliseconds("statement_timeout", 0);
            if session.active && statement > 0 {
                all.push((session.began + statement, sid, Timeout::Statement));
            }
            let Some(since) = session.waits_since else { continue };
            let lock = session.milliseconds("lock_timeout", 0);
            if lock > 0 {
                all.push((since + lock, sid, Timeout::Lock));
            }
            if !session.deadlock_checked {
                let deadlock = session.milliseconds("deadlock_timeout", 1000);
                all.push((since + deadlock, sid, Timeout::Deadlock));
            }
        }
        // At the same time, the one that waits longer is first.
        let since = |sid: &SessionId| self.sessions.get(sid).and_then(|it| it.waits_since);
        all.into_iter().min_by_key(|(when, sid, what)| (*when, *what, since(sid)))
    }

    fn time_out(&mut self, sid: SessionId, what: Timeout) {
        match what {
            Timeout::Statement => self.interrupt(
                sid,
                SqlError::new("57014", "canceling statement due to statement timeout"),
            ),
            Timeout::Lock => self
                .interrupt(sid, SqlError::new("55P03", "canceling statement due to lock timeout")),
            Timeout::Deadlock => {
                let Some(session) = self.sessions.get_mut(&sid) else { return };
                session.deadlock_checked = true;
                if let DeadlockFound::Hard(edges) = self.locks.check_deadlock(session.proc) {
                    let error = self.deadlock_report(&edges);
                    self.fail(sid, error);
                }
            }
        }
        self.settle();
    }

    pub(crate) fn proc(&self, sid: SessionId) -> Option<ProcNumber> {
        self.sessions.get(&sid).map(|session| session.proc)
    }

    pub(crate) fn tag(&mut self, sid: SessionId, tag: &str) {
        if let Some(session) = self.sessions.get_mut(&sid) {
            session.work.tag = tag.to_owned();
        }
    }

    pub(crate) fn notice(&mut self, sid: SessionId, notice: &str) {
        if let Some(session) = self.sessions.get_mut(&sid) {
            session.work.notices.push(notice.to_owned());
        }
    }

    /// A session by its name.
    pub fn session_name(&self, sid: SessionId) -> &str {
        self.sessions.get(&sid).map_or("", |session| &session.name)
    }

    pub(crate) fn in_turns(&self) -> bool {
        matches!(self.schedule, Schedule::Turns | Schedule::TurnsLast)
    }
}

/// Timeouts, in the order in which they count if they run out together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timeout {
    Deadlock,
    Lock,
    Statement,
}
