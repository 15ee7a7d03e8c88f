//! CREATE.

use pgscope_core::lmgr::{LockMode, LockTag};

use crate::ast::{ColumnDef, ConstraintKind, Expr, Select, Statement, Value};
use crate::catalog::{
    Index, Kind, PG_CONSTRAINT, PG_NAMESPACE, PG_PROC, PG_REWRITE, PG_TRIGGER, PG_TYPE, PUBLIC,
    Relation,
};
use crate::database::{DATABASE, Database};
use crate::error::SqlError;
use crate::session::SessionId;
use crate::step::{Step, Stepped, Steps, Whose, act, lock, lock_object};

impl Database {
    pub(super) fn create_table(&mut self, sid: SessionId, statement: &Statement) -> Stepped {
        let Statement::CreateTable { name, partition_of, query, .. } = statement else {
            return Ok(Vec::new());
        };
        self.exists(sid, name)?;
        let mut steps = Vec::new();
        if let Some(query) = query {
            steps.extend(self.lock_query(query));
            steps.extend(self.plan_query(query));
        }
        steps.push(lock_object(PG_NAMESPACE, PUBLIC, LockMode::AccessShare));
        if let Some((parent, _)) = partition_of {
            let parent = parent.clone();
            steps.push(act(move |db, sid| db.open(sid, &parent, LockMode::AccessExclusive)));
        }
        let statement = statement.clone();
        steps.push(act(move |db, sid| db.make_table(sid, &statement)));
        Ok(steps)
    }

    fn make_table(&mut self, sid: SessionId, statement: &Statement) -> Stepped {
        let Statement::CreateTable {
            name,
            columns,
            constraints,
            partition_by,
            partition_of,
            query,
        } = statement
        else {
            return Ok(Vec::new());
        };
        self.exists(sid, name)?;
        let mut steps = Vec::new();
        let mut sequences = Vec::new();
        for column in columns {
            if let Some(Expr::Call(function, args)) = &column.default
                && let ("nextval", [Expr::Value(Value::Text(sequence))]) = (&**function, &args[..])
                && self.find(sid, sequence).is_none()
            {
                let oid = self.new_oid(sequence);
                sequences.push(oid);
                self.put(sid, oid, Some(Relation::new(oid, sequence, Kind::Sequence)));
                // It is made, then altered to be the column's.
                steps.push(lock(oid, LockMode::AccessExclusive));
                steps.push(lock(oid, LockMode::ShareRowExclusive));
                steps.push(lock(oid, LockMode::RowExclusive));
            }
        }
        let mut columns = columns.clone();
        let mut parent = None;
        if let Some((name, bound)) = partition_of {
            let table = self.by_name(sid, name)?;
            columns = table.columns.clone();
            parent = Some((table.oid, bound.clone()));
        }
        if let Some(query) = query {
            columns = self.query_columns(sid, query)?;
        }
        let kind = match partition_by {
            Some(key) => Kind::Partitioned(key.clone()),
            None => Kind::Table,
        };
        let primary = constraints.iter().find_map(|it| match &it.kind {
            ConstraintKind::Primary(columns) => Some(columns.clone()),
            _ => None,
        });
        for column in &mut columns {
            column.not_null |= primary.as_ref().is_some_and(|it| it.contains(&column.name));
        }
        let (oid, made) = self.make_relation(sid, name, kind, columns);
        steps.extend(made);
        if !sequences.is_empty() {
            steps.push(lock(oid, LockMode::AccessShare));
        }
        self.change(sid, oid, |relation| {
            relation.parent = parent;
            relation.sequences = sequences;
        })?;
        if let Some(query) = query {
            self.take_snapshot(sid);
            let rows = self.find_rows(sid, query)?;
            let count = rows.len();
            let xid = self.assign_xid(sid);
            for row in rows {
                let values = self.project(sid, query, &row.columns)?;
                self.heap(oid).add(xid, 0, values, Vec::new());
            }
            self.tag(sid, &format!("SELECT {count}"));
        } else {
            self.tag(sid, "CREATE TABLE");
        }
        for constraint in constraints {
            let constraint = constraint.clone();
            steps.push(act(move |db, sid| db.add_constraint(sid, oid, &constraint, true)));
        }
        Ok(steps)
    }

    /// A new relation with rows: its types, its TOAST table, its NOT NULL constraints.
    pub(super) fn make_relation(
        &mut self,
        sid: SessionId,
        name: &str,
        kind: Kind,
        columns: Vec<ColumnDef>,
    ) -> (u32, Steps) {
        self.assign_xid(sid);
        let oid = self.new_oid(name);
        let array = self.new_object(PG_TYPE, &format!("public.{name}[]"));
        let row = self.new_object(PG_TYPE, &format!("public.{name}"));
        let mut relation = Relation::new(oid, name, kind);
        relation.types = Some((array, row));
        let mut steps = vec![lock(oid, LockMode::AccessExclusive)];
        if self.depends() {
            steps.push(lock_object(PG_TYPE, row, LockMode::AccessShare));
        }
        if self.version.profile().lmgr.fast_path_groups {
            for column in columns.iter().filter(|column| column.not_null) {
                let label = format!("{name}_{}_not_null on public.{name}", column.name);
                let object = self.new_object(PG_CONSTRAINT, &label);
                relation.objects.push((PG_CONSTRAINT, object));
            }
        }
        relation.columns = columns;
        steps.extend(self.make_toast(&mut relation));
        self.put(sid, oid, Some(relation));
        (oid, steps)
    }

    /// The TOAST table that a relation needs and does not have yet.
    pub(super) fn make_toast(&mut self, relation: &mut Relation) -> Steps {
        let wide = ["text", "varchar", "bytea", "json", "jsonb", "numeric", "character"];
        let needed = relation.columns.iter().any(|it| wide.contains(&it.kind.as_str()));
        if !needed || !relation.has_storage() || relation.toast.is_some() {
            return Vec::new();
        }
        let toast = self.new_oid(&format!("toast({})", relation.name));
        let index = self.new_oid(&format!("toast_index({})", relation.name));
        relation.toast = Some((toast, index));
        vec![
            lock(toast, LockMode::AccessExclusive),
            lock(toast, LockMode::Share),
            lock(index, LockMode::AccessExclusive),
        ]
    }

    pub(super) fn query_columns(
        &mut self,
        sid: SessionId,
        select: &Select,
    ) -> Result<Vec<ColumnDef>, SqlError> {
        let mut columns = Vec::new();
        let mut all = Vec::new();
        for item in select.from.iter().filter(|item| item.args.is_none()) {
            all.extend(self.by_name(sid, &item.name)?.columns.clone());
        }
        for item in &select.items {
            match item {
                Expr::Star => columns.extend(all.iter().cloned()),
                Expr::Column(name) => {
                    let found = all.iter().find(|column| column.name == *name).cloned();
                    columns.push(
                        found.unwrap_or(ColumnDef { name: name.clone(), ..Default::default() }),
                    );
                }
                Expr::Call(name, _) => {
                    columns.push(ColumnDef { name: name.clone(), ..Default::default() });
                }
                _ => columns.push(ColumnDef { name: "?column?".into(), ..Default::default() }),
            }
        }
        for column in &mut columns {
            column.not_null = false;
            column.default = None;
        }
        Ok(columns)
    }

    /// A new index, which nobody else sees yet.
    pub(super) fn make_index(
        &mut self,
        sid: SessionId,
        name: &str,
        table: u32,
        columns: Vec<String>,
        unique: bool,
    ) -> Result<u32, SqlError> {
        self.exists(sid, name)?;
        self.assign_xid(sid);
        let oid = self.new_oid(name);
        let index = Index { table, columns, unique, invalid: false };
        self.put(sid, oid, Some(Relation::new(oid, name, Kind::Index(index))));
        let filenode = self.get(sid, table)?.filenode;
        let rows = self.heaps.get(&filenode).is_some_and(|heap| !heap.tuples.is_empty());
        self.change(sid, table, |relation| {
            relation.indexes.push(oid);
            relation.counted |= rows;
        })?;
        Ok(oid)
    }

    pub(super) fn create_index(&mut self, sid: SessionId, statement: &Statement) -> Stepped {
        let Statement::CreateIndex { name, table, columns, unique, concurrently } = statement
        else {
            return Ok(Vec::new());
        };
        let name = name.clone().unwrap_or_else(|| format!("{table}_{}_idx", columns.join("_")));
        self.tag(sid, "CREATE INDEX");
        let (table, columns, unique) = (table.clone(), columns.clone(), *unique);
        if !concurrently {
            let open = table.clone();
            return Ok(vec![
                act(move |db, sid| db.open(sid, &open, LockMode::Share)),
                act(move |db, sid| {
                    let oid = db.by_name(sid, &table)?.oid;
                    let index = db.make_index(sid, &name, oid, columns.clone(), unique)?;
                    let mut steps = vec![lock(index, LockMode::AccessExclusive)];
                    // Each partition gets one of its own, which is attached to this one.
                    for part in db.partitions(sid, oid) {
                        let name = format!("{}_{}_idx", part.name, columns.join("_"));
                        let own = db.make_index(sid, &name, part.oid, columns.clone(), unique)?;
                        steps.push(lock(part.oid, LockMode::Share));
                        steps.push(lock(own, LockMode::AccessExclusive));
                        steps.push(lock(index, LockMode::ShareUpdateExclusive));
                    }
                    Ok(steps)
                }),
            ]);
        }
        self.forbid_block(sid, "CREATE INDEX CONCURRENTLY")?;
        let mode = LockMode::ShareUpdateExclusive;
        let open = table.clone();
        Ok(vec![
            act(move |db, sid| db.open(sid, &open, mode)),
            act(move |db, sid| {
                let oid = db.by_name(sid, &table)?.oid;
                db.make_index(sid, &name, oid, columns.clone(), unique)?;
                let tag = LockTag::relation(DATABASE, oid);
                Ok(vec![
                    Step::Lock(tag, mode, Whose::Session),
                    act(move |db, sid| {
                        db.next_transaction(sid);
                        Ok(db.wait_for_lockers(sid, oid, LockMode::Share))
                    }),
                    act(move |db, sid| {
                        db.next_transaction(sid);
                        Ok(db.wait_for_lockers(sid, oid, LockMode::Share))
                    }),
                    act(move |db, sid| {
                        db.next_transaction(sid);
                        Ok(db.wait_for_snapshots(sid))
                    }),
                    act(move |db, sid| {
                        db.unlock_session(sid, oid);
                        Ok(Vec::new())
                    }),
                ])
            }),
        ])
    }

    pub(super) fn create_view(&mut self, sid: SessionId, name: &str, select: &Select) -> Stepped {
        self.exists(sid, name)?;
        self.tag(sid, "CREATE VIEW");
        let mut steps = self.lock_query(select);
        steps.push(lock_object(PG_NAMESPACE, PUBLIC, LockMode::AccessShare));
        let (name, select) = (name.to_owned(), select.clone());
        steps.push(act(move |db, sid| {
            let columns = db.query_columns(sid, &select)?;
            let kind = Kind::View(select.clone());
            let (oid, steps) = db.make_relation(sid, &name, kind, columns);
            let label = format!("\"_RETURN\" on public.{name}");
            let rule = db.new_object(PG_REWRITE, &label);
            db.change(sid, oid, |view| view.objects.push((PG_REWRITE, rule)))?;
            Ok(steps)
        }));
        Ok(steps)
    }

    pub(super) fn create_matview(
        &mut self,
        sid: SessionId,
        name: &str,
        select: &Select,
    ) -> Stepped {
        self.exists(sid, name)?;
        let mut steps = self.lock_query(select);
        steps.extend(self.plan_query(select));
        steps.push(lock_object(PG_NAMESPACE, PUBLIC, LockMode::AccessShare));
        let (name, select) = (name.to_owned(), select.clone());
        steps.push(act(move |db, sid| {
            let columns = db.query_columns(sid, &select)?;
            let kind = Kind::MatView(select.clone());
            let (oid, steps) = db.make_relation(sid, &name, kind, columns);
            let label = format!("\"_RETURN\" on public.{name}");
            let rule = db.new_object(PG_REWRITE, &label);
            db.change(sid, oid, |view| view.objects.push((PG_REWRITE, rule)))?;
            let count = db.fill_matview(sid, oid, &select)?;
            db.tag(sid, &format!("SELECT {count}"));
            Ok(steps)
        }));
        Ok(steps)
    }

    /// The rows of a materialized view as its query gives them now.
    pub(super) fn fill_matview(
        &mut self,
        sid: SessionId,
        oid: u32,
        select: &Select,
    ) -> Result<usize, SqlError> {
        self.take_snapshot(sid);
        let rows = self.find_rows(sid, select)?;
        let xid = self.assign_xid(sid);
        let filenode = self.new_object(0, "");
        let count = rows.len();
        for row in rows {
            let values = self.project(sid, select, &row.columns)?;
            self.heap(filenode).add(xid, 0, values, Vec::new());
        }
        self.change(sid, oid, |view| view.filenode = filenode)?;
        Ok(count)
    }

    pub(super) fn create_sequence(&mut self, sid: SessionId, name: &str) -> Stepped {
        self.exists(sid, name)?;
        self.tag(sid, "CREATE SEQUENCE");
        self.assign_xid(sid);
        let oid = self.new_oid(name);
        self.put(sid, oid, Some(Relation::new(oid, name, Kind::Sequence)));
        Ok(vec![
            lock_object(PG_NAMESPACE, PUBLIC, LockMode::AccessShare),
            lock(oid, LockMode::AccessExclusive),
        ])
    }

    pub(super) fn create_trigger(
        &mut self,
        sid: SessionId,
        name: &str,
        table: &str,
        function: &str,
    ) -> Stepped {
        self.tag(sid, "CREATE TRIGGER");
        let Some(&function) = self.functions.get(function) else {
            let message = format!("function {function}() does not exist");
            return Err(SqlError::new("42883", message));
        };
        let mut steps = self.simple(table, LockMode::ShareRowExclusive);
        if self.depends() {
            steps.push(lock_object(PG_PROC, function, LockMode::AccessShare));
        }
        let (name, table) = (name.to_owned(), table.to_owned());
        steps.push(act(move |db, sid| {
            let oid = db.by_name(sid, &table)?.oid;
            db.add_part(sid, PG_TRIGGER, &name, oid)?;
            Ok(Vec::new())
        }));
        Ok(steps)
    }
}
