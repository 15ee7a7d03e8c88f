//! Queries: which relations and indexes they lock, which rows they find.
//!
//! PostgreSQL: the parser locks the tables of FROM, the rewriter those of views, the planner
//! (`get_relation_info`) every index of a table that is scanned, `expand_inherited_rtentry`
//! the partitions that are left.

use std::rc::Rc;

use pgscope_core::lmgr::{LockMode, LockTag};

use crate::ast::{Bound, Expr, FromItem, Select, Value};
use crate::calls::has_aggregate;
use crate::catalog::{Kind, Relation};
use crate::database::{DATABASE, Database};
use crate::error::SqlError;
use crate::eval::Columns;
use crate::heap::Tid;
use crate::rows::{LockRow, Locked};
use crate::session::SessionId;
use crate::step::{Step, Stepped, Steps, Whose, act, lock};

/// A row that a scan found.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The tables that it comes from: what FROM calls each, its OID, the version.
    pub(crate) base: Vec<(String, u32, Tid)>,
    pub(crate) columns: Columns,
}

/// A query on its way through its rows.
struct Run {
    select: Select,
    rows: Vec<Row>,
}

impl Database {
    /// The locks of a query before it runs: its tables, what is behind views, indexes.
    pub(crate) fn lock_query(&self, select: &Select) -> Steps {
        let mut steps = Vec::new();
        for item in select.from.iter().filter(|item| item.args.is_none()) {
            let (name, mode) = (item.name.clone(), mode_of(select, item));
            steps.push(act(move |db, sid| db.open(sid, &name, mode)));
        }
        steps
    }

    pub(crate) fn plan_query(&self, select: &Select) -> Steps {
        let mut steps = Vec::new();
        for item in select.from.iter().filter(|item| item.args.is_none()) {
            let (item, mode) = (item.clone(), mode_of(select, item));
            let filter = select.filter.clone();
            steps.push(act(move |db, sid| {
                let oid = db.by_name(sid, &item.name)?.oid;
                db.plan_relation(sid, oid, mode, filter.as_ref())
            }));
        }
        steps
    }

    /// What planning a scan of a relation locks.
    pub(crate) fn plan_relation(
        &mut self,
        sid: SessionId,
        oid: u32,
        mode: LockMode,
        filter: Option<&Expr>,
    ) -> Stepped {
        let relation = self.get(sid, oid)?;
        if let Kind::View(inner) = &relation.kind {
            let mut steps = Vec::new();
            for item in &inner.from {
                let name = item.name.clone();
                steps.push(act(move |db, sid| {
                    let mut steps = db.open(sid, &name, mode)?;
                    let name = name.clone();
                    steps.push(act(move |db, sid| {
                        let oid = db.by_name(sid, &name)?.oid;
                        db.plan_relation(sid, oid, mode, None)
                    }));
                    Ok(steps)
                }));
            }
            return Ok(steps);
        }
        let mut steps = lock_indexes(&relation, mode);
        for partition in self.pruned(sid, &relation, filter)? {
            steps.push(lock(partition.oid, mode));
            steps.extend(lock_indexes(&partition, mode));
        }
        Ok(steps)
    }

    /// The partitions that can have rows that pass the filter.
    pub(crate) fn pruned(
        &mut self,
        sid: SessionId,
        relation: &Relation,
        filter: Option<&Expr>,
    ) -> Result<Vec<Rc<Relation>>, SqlError> {
        let Kind::Partitioned(key) = &relation.kind else { return Ok(Vec::new()) };
        let mut wanted = Vec::new();
        if let Some(filter) = filter {
            self.conditions(sid, filter, key, &mut wanted);
        }
        let mut left = Vec::new();
        for partition in self.relations(sid) {
            let Some((parent, bound)) = &partition.parent else { continue };
            if *parent == relation.oid && wanted.iter().all(|(sign, it)| possible(bound, sign, it))
            {
                let below = self.pruned(sid, &partition, filter)?;
                left.push(partition);
                left.extend(below);
            }
        }
        Ok(left)
    }

    /// Comparisons of the key with constants that all rows must pass.
    fn conditions(
        &mut self,
        sid: SessionId,
        filter: &Expr,
        key: &str,
        found: &mut Vec<(String, Value)>,
    ) {
        let Expr::Binary(sign, left, right) = filter else { return };
        if sign == "and" {
            self.conditions(sid, left, key, found);
            self.conditions(sid, right, key, found);
        } else if **left == Expr::Column(key.to_owned())
            && let Ok(value) = self.eval(sid, right, &Vec::new())
        {
            found.push((sign.clone(), value));
        }
    }

    /// The rows of a relation that the session's statement sees.
    pub(crate) fn scan(
        &mut self,
        sid: SessionId,
        name: &str,
        oid: u32,
    ) -> Result<Vec<Row>, SqlError> {
        let relation = self.get(sid, oid)?;
        match &relation.kind {
            Kind::View(select) => return self.scan_view(sid, name, &relation, &select.clone()),
            Kind::Partitioned(_) => {
                let mut rows = Vec::new();
                for partition in self.partitions(sid, oid) {
                    if !partition.is_partitioned() {
                        rows.extend(self.scan(sid, name, partition.oid)?);
                    }
                }
                return Ok(rows);
            }
            _ if oid < 16_384 => {
                // A catalog has some rows.
                return Ok(vec![Row { base: Vec::new(), columns: Vec::new() }]);
            }
            _ => {}
        }
        let Some(heap) = self.heaps.get(&relation.filenode) else { return Ok(Vec::new()) };
        let seen = heap.tuples.iter().filter(|tuple| self.sees(sid, tuple));
        Ok(seen
            .map(|tuple| Row {
                base: vec![(name.to_owned(), oid, tuple.tid)],
                columns: columns(&relation, &tuple.values),
            })
            .collect())
    }

    /// A serializable transaction notes what it has read of a relation.
    pub(crate) fn note_reads(
        &mut self,
        sid: SessionId,
        oid: u32,
        filter: Option<&Expr>,
        rows: &[Row],
    ) -> Result<(), SqlError> {
        let relation = self.get(sid, oid)?;
        if let Kind::View(inner) = &relation.kind {
            for item in inner.from.iter().filter(|item| item.args.is_none()) {
                let oid = self.by_name(sid, &item.name)?.oid;
                self.note_reads(sid, oid, inner.filter.as_ref(), rows)?;
            }
            return Ok(());
        }
        let mut read = self.pruned(sid, &relation, filter)?;
        if !relation.is_partitioned() {
            read.push(relation);
        }
        for part in read {
            let found = rows.iter().flat_map(|row| &row.base);
            let found = found.filter(|(_, oid, _)| *oid == part.oid).map(|(.., tid)| *tid);
            let found: Vec<Tid> = found.collect();
            self.has_read(sid, &part, filter, &found);
        }
        Ok(())
    }

    fn scan_view(
        &mut self,
        sid: SessionId,
        name: &str,
        view: &Relation,
        select: &Select,
    ) -> Result<Vec<Row>, SqlError> {
        let mut rows = self.find_rows(sid, select)?;
        for row in &mut rows {
            let values = self.project(sid, select, &row.columns)?;
            row.columns = view.columns.iter().map(|it| it.name.clone()).zip(values).collect();
            for base in &mut row.base {
                base.0 = name.to_owned();
            }
        }
        Ok(rows)
    }

    /// Rows of all of FROM that pass the filter.
    pub(crate) fn find_rows(
        &mut self,
        sid: SessionId,
        select: &Select,
    ) -> Result<Vec<Row>, SqlError> {
        let mut rows = vec![Row { base: Vec::new(), columns: Vec::new() }];
        for item in &select.from {
            let more = self.item_rows(sid, item)?;
            let joined = rows.iter().flat_map(|left| {
                more.iter().map(|right| Row {
                    base: [left.base.clone(), right.base.clone()].concat(),
                    columns: [left.columns.clone(), right.columns.clone()].concat(),
                })
            });
            rows = joined.take(100_001).collect();
            if rows.len() > 100_000 {
                return Err(SqlError::unsupported("more than 100,000 rows"));
            }
        }
        let mut passed = Vec::new();
        for row in rows {
            if self.passes(sid, select.filter.as_ref(), &row.columns)? {
                passed.push(row);
            }
        }
        Ok(passed)
    }

    fn item_rows(&mut self, sid: SessionId, item: &FromItem) -> Result<Vec<Row>, SqlError> {
        let Some(args) = &item.args else {
            let oid = self.by_name(sid, &item.name)?.oid;
            return self.scan(sid, &item.alias, oid);
        };
        let args = args.iter().map(|arg| self.eval(sid, arg, &Vec::new()));
        let args = args.collect::<Result<Vec<_>, _>>()?;
        let ("generate_series", [Value::Int(from), Value::Int(to)]) = (&*item.name, &args[..])
        else {
            return Err(SqlError::unsupported(format!("function {} in FROM", item.name)));
        };
        if to.saturating_sub(*from) > 100_000 {
            return Err(SqlError::unsupported("more than 100,000 rows"));
        }
        let row = |number| Row {
            base: Vec::new(),
            columns: vec![(item.alias.clone(), Value::Int(number))],
        };
        Ok((*from..=*to).map(row).collect())
    }

    /// A query's values for one row.
    pub(crate) fn project(
        &mut self,
        sid: SessionId,
        select: &Select,
        row: &Columns,
    ) -> Result<Vec<Value>, SqlError> {
        let mut values = Vec::new();
        for item in &select.items {
            match item {
                Expr::Star => values.extend(row.iter().map(|(_, value)| value.clone())),
                item => values.push(self.eval(sid, item, row)?),
            }
        }
        Ok(values)
    }

    /// A query from its first lock to its last row.
    pub(crate) fn select(&mut self, select: &Select) -> Steps {
        let mut steps = self.lock_query(select);
        steps.extend(self.plan_query(select));
        let select = select.clone();
        steps.push(act(move |db, sid| {
            db.take_snapshot(sid);
            db.run_query(sid, &select)
        }));
        steps
    }

    fn run_query(&mut self, sid: SessionId, select: &Select) -> Stepped {
        let mut rows = self.find_rows(sid, select)?;
        for item in select.from.iter().filter(|item| item.args.is_none()) {
            let oid = self.by_name(sid, &item.name)?.oid;
            self.note_reads(sid, oid, select.filter.as_ref(), &rows)?;
        }
        if let Some(session) = self.sessions.get_mut(&sid) {
            session.work.rows = Some(Vec::new());
        }
        if select.items.iter().any(has_aggregate) {
            let mut values = Vec::new();
            for item in &select.items {
                let item = self.aggregate(sid, item, &rows)?;
                values.push(self.eval(sid, &item, &Vec::new())?.text());
            }
            self.emit(sid, values);
            self.tag(sid, "SELECT 1");
            return Ok(Vec::new());
        }
        if let Some((by, down)) = &select.order {
            let mut keyed = Vec::new();
            for row in rows {
                keyed.push((self.eval(sid, by, &row.columns)?, row));
            }
            keyed.sort_by(|one, other| {
                let order = one.0.partial_cmp(&other.0).unwrap_or(std::cmp::Ordering::Equal);
                if *down { order.reverse() } else { order }
            });
            rows = keyed.into_iter().map(|(_, row)| row).collect();
        }
        let run = Rc::new(Run { select: select.clone(), rows });
        self.produce(sid, run, 0)
    }

    fn emit(&mut self, sid: SessionId, row: Vec<Option<String>>) {
        if let Some(session) = self.sessions.get_mut(&sid) {
            session.work.rows.get_or_insert_default().push(row);
        }
    }

    /// The next row: locked if need be, then its values.
    fn produce(&mut self, sid: SessionId, run: Rc<Run>, at: usize) -> Stepped {
        let done = self.sessions.get(&sid).and_then(|it| it.work.rows.as_ref()).map_or(0, Vec::len);
        let full = run.select.limit.is_some_and(|limit| done as i64 >= limit);
        let Some(row) = run.rows.get(at).filter(|_| !full) else {
            self.tag(sid, &format!("SELECT {done}"));
            return Ok(Vec::new());
        };
        let Some(locking) = &run.select.locking else {
            let columns = row.columns.clone();
            return Ok(self.output(run, columns, at));
        };
        let of = |name: &String| locking.of.is_empty() || locking.of.contains(name);
        let base: Vec<(u32, Tid)> = row
            .base
            .iter()
            .filter(|(name, ..)| of(name))
            .map(|(_, oid, tid)| (*oid, *tid))
            .collect();
        self.lock_next(sid, run, base, at, None)
    }

    /// Lock the row's versions one after the other, then give its values.
    fn lock_next(
        &mut self,
        sid: SessionId,
        run: Rc<Run>,
        mut base: Vec<(u32, Tid)>,
        at: usize,
        newer: Option<(u32, Tid)>,
    ) -> Stepped {
        if base.is_empty() {
            let Some(row) = run.rows.get(at) else { return Ok(Vec::new()) };
            let mut columns = row.columns.clone();
            if let Some((oid, tid)) = newer {
                // The latest version has to pass as well (`EvalPlanQual`).
                let fresh = self.version_columns(sid, oid, tid)?;
                for (name, value) in fresh {
                    for column in columns.iter_mut().filter(|column| column.0 == name) {
                        column.1 = value.clone();
                    }
                }
                if !self.passes(sid, run.select.filter.as_ref(), &columns)? {
                    return self.produce(sid, run, at + 1);
                }
            }
            return Ok(self.output(run, columns, at));
        }
        let (oid, tid) = base.remove(0);
        let Some(locking) = run.select.locking.clone() else { return Ok(Vec::new()) };
        let request = LockRow {
            relation: oid,
            strength: locking.strength,
            policy: locking.policy,
            follow_updates: true,
            then: Rc::new(move |db, sid, locked| match locked {
                Locked::Yes(now) => {
                    let newer = if now == tid { newer } else { Some((oid, now)) };
                    db.lock_next(sid, Rc::clone(&run), base.clone(), at, newer)
                }
                Locked::Skipped | Locked::Gone => db.produce(sid, Rc::clone(&run), at + 1),
            }),
        };
        self.lock_row(sid, Rc::new(request), tid, false)
    }

    /// A row's values, one step each, since a function may wait.
    fn output(&mut self, run: Rc<Run>, columns: Columns, at: usize) -> Steps {
        let mut steps = Vec::new();
        for number in 0..run.select.items.len() {
            let (run, columns) = (Rc::clone(&run), columns.clone());
            steps.push(act(move |db, sid| match run.select.items.get(number) {
                Some(item) => db.output_item(sid, item, &columns),
                None => Ok(Vec::new()),
            }));
        }
        steps.push(act(move |db, sid| {
            let row = db.sessions.get_mut(&sid).map(|it| std::mem::take(&mut it.work.row));
            db.emit(sid, row.unwrap_or_default());
            db.produce(sid, Rc::clone(&run), at + 1)
        }));
        steps
    }

    fn output_item(&mut self, sid: SessionId, item: &Expr, columns: &Columns) -> Stepped {
        if *item == Expr::Star {
            for (_, value) in columns {
                self.output_value(sid, value.clone());
            }
            return Ok(Vec::new());
        }
        if let Expr::Call(name, args) = item {
            let values = args.iter().map(|arg| self.eval(sid, arg, columns));
            let values = values.collect::<Result<Vec<_>, _>>()?;
            if let Some(mut steps) = self.waiting_call(sid, name, &values)? {
                if !matches!(name.as_str(), "nextval" | "setval" | "currval") {
                    steps.push(act(|db, sid| {
                        db.output_value(sid, Value::Void);
                        Ok(Vec::new())
                    }));
                }
                return Ok(steps);
            }
        }
        let value = self.eval(sid, item, columns)?;
        self.output_value(sid, value);
        Ok(Vec::new())
    }

    pub(crate) fn output_value(&mut self, sid: SessionId, value: Value) {
        if let Some(session) = self.sessions.get_mut(&sid) {
            session.work.row.push(value.text());
        }
    }

    /// The columns of a row version, whether it is seen or not.
    pub(crate) fn version_columns(
        &self,
        sid: SessionId,
        oid: u32,
        tid: Tid,
    ) -> Result<Columns, SqlError> {
        let relation = self.get(sid, oid)?;
        let tuple = self.heaps.get(&relation.filenode).and_then(|heap| heap.tuple(tid));
        Ok(tuple.map(|tuple| columns(&relation, &tuple.values)).unwrap_or_default())
    }
}

fn mode_of(select: &Select, item: &FromItem) -> LockMode {
    let locked = select
        .locking
        .as_ref()
        .is_some_and(|locking| locking.of.is_empty() || locking.of.contains(&item.alias));
    if locked { LockMode::RowShare } else { LockMode::AccessShare }
}

pub(crate) fn lock_indexes(relation: &Relation, mode: LockMode) -> Steps {
    let database = if relation.shared { 0 } else { DATABASE };
    let tag = |oid: &u32| LockTag::relation(database, *oid);
    relation.indexes.iter().map(|oid| Step::Lock(tag(oid), mode, Whose::Current)).collect()
}

pub(crate) fn columns(relation: &Relation, values: &[Value]) -> Columns {
    let names = relation.columns.iter().map(|column| column.name.clone());
    let rest = std::iter::repeat(Value::Null);
    names.zip(values.iter().cloned().chain(rest)).collect()
}

/// Whether a partition with this bound can have a key for which the comparison holds.
fn possible(bound: &Bound, sign: &str, value: &Value) -> bool {
    match (bound, value) {
        (Bound::Range(from, to), Value::Int(value)) => match sign {
            "=" => from <= value && value < to,
            "<" => from < value,
            "<=" => from <= value,
            ">" => *value < to - 1,
            ">=" => value < to,
            _ => true,
        },
        (Bound::List(list), value) if sign == "=" => list.contains(value),
        _ => true,
    }
}
