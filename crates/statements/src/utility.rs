//! Where each statement begins, and those that are neither queries nor definitions.

use pgscope_core::lmgr::{LockMethod, LockMode, LockTag, modes};

use crate::ast::{Statement, Value};
use crate::catalog::Kind;
use crate::database::{DATABASE, Database};
use crate::error::SqlError;
use crate::query::lock_indexes;
use crate::rows::unlock_indexes;
use crate::session::SessionId;
use crate::step::{Step, Stepped, Steps, Whose, act, lock};

/// A function that waits for an advisory lock: what it locks, how, for whom.
pub(crate) fn advisory_lock(name: &str, args: &[Value]) -> Option<(LockTag, LockMode, Whose)> {
    let rest = name.strip_prefix("pg_advisory_")?;
    let (rest, whose) = match rest.strip_prefix("xact_") {
        Some(rest) => (rest, Whose::Current),
        None => (rest, Whose::Session),
    };
    let mode = match rest {
        "lock" => LockMode::Exclusive,
        "lock_shared" => LockMode::Share,
        _ => return None,
    };
    Some((advisory_tag(args)?, mode, whose))
}

fn advisory_tag(args: &[Value]) -> Option<LockTag> {
    match args {
        [Value::Int(key)] => Some(LockTag::advisory(DATABASE, *key)),
        [Value::Int(one), Value::Int(other)] => {
            Some(LockTag::advisory_pair(DATABASE, *one as i32, *other as i32))
        }
        _ => None,
    }
}

impl Database {
    /// Advisory functions that never wait; nothing if it is none.
    pub(crate) fn advisory(
        &mut self,
        sid: SessionId,
        name: &str,
        args: &[Value],
    ) -> Result<Option<Value>, SqlError> {
        let Some(proc) = self.proc(sid) else { return Ok(None) };
        if name == "pg_advisory_unlock_all" {
            self.locks.release_session(proc, LockMethod::User);
            return Ok(Some(Value::Void));
        }
        if let Some(rest) = name.strip_prefix("pg_try_advisory_") {
            let waiting = format!("pg_advisory_{rest}");
            let Some((tag, mode, whose)) = advisory_lock(&waiting, args) else { return Ok(None) };
            let owner = self.owner(sid, whose);
            let taken = self.locks.acquire(proc, owner, tag, mode, true);
            return match taken {
                pgscope_core::lmgr::Acquired::OutOfSharedMemory => Err(self.out_of_shared_memory()),
                pgscope_core::lmgr::Acquired::NotAvailable => Ok(Some(Value::Bool(false))),
                _ => Ok(Some(Value::Bool(true))),
            };
        }
        let mode = match name {
            "pg_advisory_unlock" => LockMode::Exclusive,
            "pg_advisory_unlock_shared" => LockMode::Share,
            _ => return Ok(None),
        };
        let Some(tag) = advisory_tag(args) else { return Ok(None) };
        let owner = self.owner(sid, Whose::Session);
        let released = self.locks.release(proc, owner, tag, mode);
        if !released {
            let notice = format!("WARNING: you don't own a lock of type {}", mode.name());
            self.notice(sid, &notice);
        }
        Ok(Some(Value::Bool(released)))
    }

    /// The first steps of a statement.
    pub(crate) fn begin_statement(&mut self, sid: SessionId, statement: &Statement) -> Stepped {
        use crate::ast::TransactionStmt::{Commit, Rollback, RollbackTo};
        let failed = self.transaction(sid).is_some_and(|transaction| transaction.aborted);
        if let Statement::Transaction(transaction) = statement
            && (!failed || matches!(transaction, Commit | Rollback | RollbackTo(_)))
        {
            self.transaction_statement(sid, transaction)?;
            return Ok(Vec::new());
        }
        if failed {
            return Err(SqlError::new(
                "25P02",
                "current transaction is aborted, commands ignored until end of transaction block",
            ));
        }
        match statement {
            Statement::Lock { tables, mode, nowait } => {
                self.need_block(sid, "LOCK TABLE")?;
                self.tag(sid, "LOCK TABLE");
                let one = |(name, only): &(String, bool)| {
                    let (name, only, mode, nowait) = (name.clone(), *only, *mode, *nowait);
                    act(move |db, sid| db.lock_table(sid, &name, only, mode, nowait))
                };
                Ok(tables.iter().map(one).collect())
            }
            Statement::Select(select) => {
                if self.keeps_snapshot(sid) {
                    self.take_snapshot(sid);
                }
                Ok(self.select(select))
            }
            Statement::Insert { table, columns, source, on_conflict_nothing } => {
                self.tag(sid, "INSERT 0");
                let (name, columns, source) = (table.clone(), columns.clone(), source.clone());
                let quiet = *on_conflict_nothing;
                let mut steps =
                    vec![act(move |db, sid| db.open(sid, &name, LockMode::RowExclusive))];
                if let crate::ast::Source::Query(select) = &source {
                    steps.extend(self.lock_query(select));
                    steps.extend(self.plan_query(select));
                }
                let name = table.clone();
                steps.push(act(move |db, sid| {
                    let relation = db.by_name(sid, &name)?;
                    let mut steps = lock_indexes(&relation, LockMode::RowExclusive);
                    let (name, columns, source) = (name.clone(), columns.clone(), source.clone());
                    steps.push(act(move |db, sid| {
                        db.insert_rows(sid, &name, &columns, &source, quiet)
                    }));
                    // Foreign keys are checked in ExecutorFinish, indexes closed in ExecutorEnd.
                    steps.push(act(|db, sid| db.check_foreign_keys(sid)));
                    steps.extend(unlock_indexes(&relation, LockMode::RowExclusive));
                    Ok(steps)
                }));
                Ok(after_rows(steps))
            }
            Statement::Update { table, set, filter } => {
                self.tag(sid, "UPDATE");
                Ok(self.change_rows(table, Some(set.clone()), filter.clone()))
            }
            Statement::Delete { table, filter } => {
                self.tag(sid, "DELETE");
                Ok(self.change_rows(table, None, filter.clone()))
            }
            Statement::Set(name, value, _) => {
                if let Some(session) = self.sessions.get_mut(&sid) {
                    session.settings.insert(name.clone(), value.clone());
                }
                self.tag(sid, "SET");
                Ok(Vec::new())
            }
            Statement::Explain(inner) => Ok(self.explain(sid, inner)),
            Statement::Prepare(name, inner) => {
                if let Some(session) = self.sessions.get_mut(&sid) {
                    session.statements.insert(name.clone(), (**inner).clone());
                }
                self.tag(sid, "PREPARE");
                Ok(self.analyze_only(inner))
            }
            Statement::Execute(name) => {
                let prepared = self.sessions.get(&sid).and_then(|it| it.statements.get(name));
                let Some(prepared) = prepared.cloned() else {
                    let message = format!("prepared statement \"{name}\" does not exist");
                    return Err(SqlError::new("26000", message));
                };
                self.begin_statement(sid, &prepared)
            }
            Statement::Declare(_, select) => {
                self.need_block(sid, "DECLARE CURSOR")?;
                self.tag(sid, "DECLARE CURSOR");
                let mut steps = self.lock_query(select);
                steps.extend(self.plan_query(select));
                steps.push(act(|db, sid| {
                    db.take_snapshot(sid);
                    if let Some(transaction) = db.transaction_mut(sid) {
                        transaction.holds_snapshot = true;
                    }
                    Ok(Vec::new())
                }));
                Ok(steps)
            }
            Statement::Fetch => {
                self.tag(sid, "FETCH");
                Ok(Vec::new())
            }
            Statement::Plain(tag) => {
                self.tag(sid, tag);
                Ok(Vec::new())
            }
            other => self.define(sid, other),
        }
    }

    fn change_rows(
        &mut self,
        table: &str,
        set: Option<Vec<(String, crate::ast::Expr)>>,
        filter: Option<crate::ast::Expr>,
    ) -> Steps {
        let (open, plan, name) = (table.to_owned(), table.to_owned(), table.to_owned());
        let by = filter.clone();
        after_rows(vec![
            act(move |db, sid| {
                if db.keeps_snapshot(sid) {
                    db.take_snapshot(sid);
                }
                db.open(sid, &open, LockMode::RowExclusive)
            }),
            act(move |db, sid| {
                let oid = db.by_name(sid, &plan)?.oid;
                db.plan_relation(sid, oid, LockMode::RowExclusive, by.as_ref())
            }),
            act(move |db, sid| db.modify_rows(sid, &name, set.clone(), filter.clone())),
        ])
    }

    fn explain(&mut self, sid: SessionId, inner: &Statement) -> Steps {
        self.tag(sid, "EXPLAIN");
        match inner {
            Statement::Select(select) => {
                let mut steps = self.lock_query(select);
                steps.extend(self.plan_query(select));
                steps
            }
            Statement::Update { table, filter, .. } | Statement::Delete { table, filter } => {
                let (open, plan, filter) = (table.clone(), table.clone(), filter.clone());
                vec![
                    act(move |db, sid| db.open(sid, &open, LockMode::RowExclusive)),
                    act(move |db, sid| {
                        let oid = db.by_name(sid, &plan)?.oid;
                        db.plan_relation(sid, oid, LockMode::RowExclusive, filter.as_ref())
                    }),
                ]
            }
            other => self.analyze_only(other),
        }
    }

    /// What parsing alone locks.
    fn analyze_only(&mut self, statement: &Statement) -> Steps {
        match statement {
            Statement::Select(select) => self.lock_query(select),
            Statement::Insert { table, .. }
            | Statement::Update { table, .. }
            | Statement::Delete { table, .. } => {
                let table = table.clone();
                vec![act(move |db, sid| db.open(sid, &table, LockMode::RowExclusive))]
            }
            _ => Vec::new(),
        }
    }

    /// LOCK TABLE: the table, what it is partitioned into, and what is behind a view.
    fn lock_table(
        &mut self,
        sid: SessionId,
        name: &str,
        only: bool,
        mode: LockMode,
        nowait: bool,
    ) -> Stepped {
        let relation = self.by_name(sid, name)?;
        let what = match relation.kind {
            Kind::Sequence => "sequences",
            Kind::MatView(_) => "materialized views",
            Kind::Index(_) => "indexes",
            _ => "",
        };
        if !what.is_empty() {
            let message = format!("cannot lock relation \"{name}\"");
            let detail = format!("This operation is not supported for {what}.");
            return Err(SqlError::new("42809", message).detail(detail));
        }
        let mut steps = if nowait {
            vec![self.lock_nowait(relation.oid, name, mode)]
        } else {
            self.open(sid, name, mode)?
        };
        let name = name.to_owned();
        steps.push(act(move |db, sid| {
            let relation = db.by_name(sid, &name)?;
            let mut steps = Vec::new();
            if let Kind::View(select) = &relation.kind {
                for item in select.from.iter().filter(|item| item.args.is_none()) {
                    let inner = item.name.clone();
                    steps.push(act(move |db, sid| db.lock_table(sid, &inner, false, mode, nowait)));
                }
            }
            if !only {
                for partition in db.partitions(sid, relation.oid) {
                    steps.push(if nowait {
                        db.lock_nowait(partition.oid, &partition.name, mode)
                    } else {
                        lock(partition.oid, mode)
                    });
                }
            }
            Ok(steps)
        }));
        Ok(steps)
    }

    fn lock_nowait(&self, oid: u32, name: &str, mode: LockMode) -> Step {
        let message = format!("could not obtain lock on relation \"{name}\"");
        Step::LockOrFail(LockTag::relation(DATABASE, oid), mode, SqlError::new("55P03", message))
    }

    /// Wait for every transaction that holds a lock on the relation that conflicts with the
    /// mode, as it is now (`WaitForLockers`).
    pub(crate) fn wait_for_lockers(&mut self, sid: SessionId, oid: u32, mode: LockMode) -> Steps {
        let tag = LockTag::relation(DATABASE, oid);
        let own = self.proc(sid);
        let rows = self.locks.lock_status().into_iter();
        let holders = rows.filter(|row| {
            row.tag == tag && row.granted && mode.conflicts_with(row.mode) && Some(row.proc) != own
        });
        let mut steps = Vec::new();
        let mut seen = Vec::new();
        for row in holders {
            if !seen.contains(&row.proc) {
                seen.push(row.proc);
                if let Some(number) = self.locks.virtual_transaction(row.proc) {
                    steps.push(Step::Virtual(row.proc, number));
                }
            }
        }
        steps
    }

    /// Wait for every transaction that holds a snapshot (`WaitForOlderSnapshots`).
    pub(crate) fn wait_for_snapshots(&mut self, sid: SessionId) -> Steps {
        let mut steps = Vec::new();
        for (other, session) in &self.sessions {
            let old = session.transaction.as_ref().is_some_and(|it| it.snapshot.is_some());
            if old && *other != sid {
                steps.push(Step::Virtual(session.proc, session.virtual_number));
            }
        }
        steps
    }

    /// Commit what was done so far and go on in another transaction, as maintenance commands
    /// do. Locks of the session stay.
    pub(crate) fn next_transaction(&mut self, sid: SessionId) {
        self.commit(sid);
        self.start_transaction(sid);
    }

    pub(crate) fn forbid_block(&self, sid: SessionId, what: &str) -> Result<(), SqlError> {
        if !self.in_block(sid) {
            return Ok(());
        }
        let message = format!("{what} cannot run inside a transaction block");
        Err(SqlError::new("25001", message))
    }

    /// Give back a relation lock that the session took, in every mode.
    pub(crate) fn unlock_session(&mut self, sid: SessionId, oid: u32) {
        let Some(proc) = self.proc(sid) else { return };
        let tag = LockTag::relation(DATABASE, oid);
        for mode in modes(u16::MAX) {
            self.locks.release(proc, self.owner(sid, Whose::Session), tag, mode);
        }
    }
}

/// The end of a statement that changes rows: foreign keys, and how many rows it were.
fn after_rows(mut steps: Steps) -> Steps {
    steps.push(act(|db, sid| db.check_foreign_keys(sid)));
    steps.push(act(|db, sid| {
        if let Some(session) = db.sessions.get_mut(&sid) {
            let tag = format!("{} {}", session.work.tag, session.work.count);
            session.work.tag = tag;
        }
        Ok(Vec::new())
    }));
    steps
}
