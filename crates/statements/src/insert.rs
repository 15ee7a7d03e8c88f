//! Rows that are inserted, and the unique keys that they are checked against.
//!
//! PostgreSQL: `ExecInsert`, `_bt_check_unique`, `ExecCheckIndexConstraints`.

use pgscope_core::lmgr::{LockMode, LockTag};

use crate::ast::{Expr, Source, Value};
use crate::catalog::{Kind, Relation};
use crate::database::{DATABASE, Database};
use crate::error::SqlError;
use crate::heap::Tid;
use crate::query::{columns, lock_indexes};
use crate::rows::unlock_indexes;
use crate::session::{Check, SessionId};
use crate::step::{Step, Stepped, Whose, act, lock};

impl Database {
    /// INSERT's rows, evaluated, then stored one after the other.
    pub(crate) fn insert_rows(
        &mut self,
        sid: SessionId,
        table: &str,
        names: &[String],
        source: &Source,
        quiet: bool,
    ) -> Stepped {
        self.take_snapshot(sid);
        let relation = self.by_name(sid, table)?;
        let mut rows = Vec::new();
        match source {
            Source::Values(list) => rows.extend(list.iter().cloned()),
            Source::Query(select) => {
                for row in self.find_rows(sid, select)? {
                    let values = self.project(sid, select, &row.columns)?;
                    rows.push(values.into_iter().map(|it| Some(Expr::Value(it))).collect());
                }
            }
        }
        let mut steps = Vec::new();
        for row in rows {
            let mut values: Vec<Option<Expr>> = vec![None; relation.columns.len()];
            for (at, expr) in row.into_iter().enumerate() {
                let to = match names.get(at) {
                    Some(name) => relation.column(name),
                    None => Some(at),
                };
                let Some(place) = to.and_then(|to| values.get_mut(to)) else {
                    let message = "INSERT has more expressions than target columns";
                    return Err(SqlError::new("42601", message));
                };
                *place = expr;
            }
            let default = |(value, column): (Option<Expr>, &crate::ast::ColumnDef)| {
                value.or_else(|| column.default.clone()).unwrap_or(Expr::Value(Value::Null))
            };
            let values: Vec<Expr> =
                values.into_iter().zip(&relation.columns).map(default).collect();
            steps.extend(self.insert_row(sid, relation.oid, values, quiet)?);
        }
        Ok(steps)
    }

    /// One row: default values from sequences lock those first.
    fn insert_row(&mut self, sid: SessionId, oid: u32, values: Vec<Expr>, quiet: bool) -> Stepped {
        let mut steps = Vec::new();
        for value in &values {
            if let Expr::Call(name, args) = value
                && name == "nextval"
                && let [Expr::Value(Value::Text(sequence))] = &args[..]
            {
                let tag = LockTag::relation(DATABASE, self.by_name(sid, sequence)?.oid);
                steps.push(Step::Lock(tag, LockMode::RowExclusive, Whose::Top));
            }
        }
        steps.push(act(move |db, sid| {
            let mut row = Vec::new();
            for value in &values {
                row.push(db.insert_value(sid, value)?);
            }
            db.store(sid, oid, row, quiet)
        }));
        Ok(steps)
    }

    fn insert_value(&mut self, sid: SessionId, value: &Expr) -> Result<Value, SqlError> {
        if let Expr::Call(name, args) = value
            && name == "nextval"
            && let [Expr::Value(Value::Text(sequence))] = &args[..]
        {
            let oid = self.by_name(sid, sequence)?.oid;
            self.assign_top_xid(sid);
            return Ok(Value::Int(self.sequence_value(oid, true)));
        }
        self.eval(sid, value, &Vec::new())
    }

    /// Store a row in its table, or in the partition that takes it.
    fn store(&mut self, sid: SessionId, oid: u32, row: Vec<Value>, quiet: bool) -> Stepped {
        let relation = self.get(sid, oid)?;
        if let Kind::Partitioned(key) = &relation.kind {
            let value = relation.column(key).and_then(|at| row.get(at)).cloned();
            let value = value.unwrap_or(Value::Null);
            let filter = Expr::Binary(
                "=".into(),
                Box::new(Expr::Column(key.clone())),
                Box::new(Expr::Value(value.clone())),
            );
            let found = self.pruned(sid, &relation, Some(&filter))?;
            let Some(partition) = found.first().map(|it| it.oid) else {
                let message =
                    format!("no partition of relation \"{}\" found for row", relation.name);
                let shown = value.text().unwrap_or_else(|| "null".into());
                return Err(SqlError::new("23514", message).detail(format!(
                    "Partition key of the failing row contains ({key}) = ({shown})."
                )));
            };
            return Ok(vec![
                lock(partition, LockMode::RowExclusive),
                act(move |db, sid| {
                    let partition = db.get(sid, partition)?;
                    let mut steps = lock_indexes(&partition, LockMode::RowExclusive);
                    let (oid, row) = (partition.oid, row.clone());
                    steps.push(act(move |db, sid| db.store(sid, oid, row.clone(), quiet)));
                    steps.extend(unlock_indexes(&partition, LockMode::RowExclusive));
                    Ok(steps)
                }),
            ]);
        }
        for (column, value) in relation.columns.iter().zip(&row) {
            if column.not_null && *value == Value::Null {
                let message = format!(
                    "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
                    column.name, relation.name
                );
                let shown: Vec<String> =
                    row.iter().map(|it| it.text().unwrap_or_else(|| "null".into())).collect();
                let detail = format!("Failing row contains ({}).", shown.join(", "));
                return Err(SqlError::new("23502", message).detail(detail));
            }
        }
        if quiet && self.conflicts(sid, &relation, &row) {
            return Ok(Vec::new());
        }
        let xid = self.assign_xid(sid);
        let cid = self.snapshot(sid).1;
        let tid = self.heap(relation.filenode).add(xid, cid, row, Vec::new());
        if let Some(session) = self.sessions.get_mut(&sid) {
            session.work.count += 1;
            session.work.checks.push(Check::Child { table: oid, tid });
        }
        self.check_unique_or(sid, &relation, tid, quiet)
    }

    /// Whether a row with one of the keys is there for certain, so that ON CONFLICT need not
    /// even try (`ExecCheckIndexConstraints`).
    fn conflicts(&self, sid: SessionId, relation: &Relation, row: &[Value]) -> bool {
        let values = columns(relation, row);
        let Some(heap) = self.heaps.get(&relation.filenode) else { return false };
        self.unique_keys(sid, relation).iter().any(|(_, key)| {
            let value = |name: &String| values.iter().find(|it| it.0 == *name).map(|it| &it.1);
            let mine: Vec<Value> =
                key.iter().map(|name| value(name).cloned().unwrap_or(Value::Null)).collect();
            heap.tuples.iter().any(|tuple| {
                let there = self.is_own(sid, tuple.xmin) || self.committed(tuple.xmin).is_some();
                let gone = tuple.lockers.iter().any(|it| it.update && !self.aborted(it.xid));
                there
                    && !gone
                    && !mine.contains(&Value::Null)
                    && self.key_of(relation, tuple.tid, key) == mine
            })
        })
    }

    pub(crate) fn check_unique(
        &mut self,
        sid: SessionId,
        relation: &Relation,
        tid: Tid,
    ) -> Stepped {
        self.check_unique_or(sid, relation, tid, false)
    }

    /// Whether another row has the new one's key: who has made or deleted one and is under way
    /// is waited for.
    fn check_unique_or(
        &mut self,
        sid: SessionId,
        relation: &Relation,
        tid: Tid,
        quiet: bool,
    ) -> Stepped {
        for (index, key) in self.unique_keys(sid, relation) {
            let mine = self.key_of(relation, tid, &key);
            if mine.contains(&Value::Null) {
                continue;
            }
            let heap = self.heaps.get(&relation.filenode);
            for other in heap.map_or(&[][..], |heap| &heap.tuples) {
                let same = other.tid != tid && self.key_of(relation, other.tid, &key) == mine;
                if !same || self.aborted(other.xmin) {
                    continue;
                }
                let foreign = |xid: u32| self.in_progress(xid) && !self.is_own(sid, xid);
                let gone = other.lockers.iter().find(|it| it.update && !self.aborted(it.xid));
                let wait = match gone {
                    _ if foreign(other.xmin) => Some(other.xmin),
                    Some(gone) if foreign(gone.xid) => Some(gone.xid),
                    Some(_) => continue,
                    None => None,
                };
                let Some(xid) = wait else {
                    if quiet {
                        return self.take_back(sid, relation.filenode, tid);
                    }
                    return Err(duplicate(&index.name, &key, &mine));
                };
                let context = self.place(sid, "inserting index", index.oid, tid);
                let mut steps = Self::wait_for_xids(&[xid], context);
                let oid = relation.oid;
                steps.push(act(move |db, sid| {
                    let relation = db.get(sid, oid)?;
                    db.check_unique_or(sid, &relation, tid, quiet)
                }));
                return Ok(steps);
            }
        }
        Ok(Vec::new())
    }

    /// ON CONFLICT DO NOTHING: the row is not there after all.
    fn take_back(&mut self, sid: SessionId, filenode: u32, tid: Tid) -> Stepped {
        let heap = self.heap(filenode);
        heap.tuples.retain(|tuple| tuple.tid != tid);
        if let Some(session) = self.sessions.get_mut(&sid) {
            session.work.count = session.work.count.saturating_sub(1);
            session.work.checks.pop();
        }
        Ok(Vec::new())
    }

    pub(crate) fn key_of(&self, relation: &Relation, tid: Tid, key: &[String]) -> Vec<Value> {
        let tuple = self.heaps.get(&relation.filenode).and_then(|heap| heap.tuple(tid));
        let row = tuple.map(|tuple| columns(relation, &tuple.values)).unwrap_or_default();
        let value = |name: &String| row.iter().find(|it| it.0 == *name).map(|it| it.1.clone());
        key.iter().map(|name| value(name).unwrap_or(Value::Null)).collect()
    }
}

pub(crate) fn shown(key: &[Value]) -> String {
    let text = |value: &Value| value.text().unwrap_or_else(|| "null".into());
    key.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn duplicate(index: &str, key: &[String], values: &[Value]) -> SqlError {
    let message = format!("duplicate key value violates unique constraint \"{index}\"");
    let detail = format!("Key ({})=({}) already exists.", key.join(", "), shown(values));
    SqlError::new("23505", message).detail(detail)
}
