//! Definitions and maintenance: which locks each takes, and what it changes.
//!
//! PostgreSQL: `src/backend/commands` and `src/backend/catalog`.

mod alter;
mod constrain;
mod create;
mod drop;
mod maintain;

use pgscope_core::lmgr::LockMode;

use crate::ast::Statement;
use crate::catalog::{PG_NAMESPACE, PUBLIC, Relation};
use crate::database::Database;
use crate::error::SqlError;
use crate::session::SessionId;
use crate::step::{Step, Stepped, Steps, act, lock, lock_object};

impl Database {
    pub(crate) fn define(&mut self, sid: SessionId, statement: &Statement) -> Stepped {
        match statement {
            Statement::CreateTable { .. } => self.create_table(sid, statement),
            Statement::CreateIndex { .. } => self.create_index(sid, statement),
            Statement::CreateView(name, select, false) => self.create_view(sid, name, select),
            Statement::CreateView(name, select, true) => self.create_matview(sid, name, select),
            Statement::CreateSequence(name) => self.create_sequence(sid, name),
            Statement::CreateFunction(name) => {
                let oid = self.new_object(crate::catalog::PG_PROC, &format!("public.{name}()"));
                self.functions.insert(name.clone(), oid);
                self.assign_xid(sid);
                self.tag(sid, "CREATE FUNCTION");
                Ok(vec![lock_object(PG_NAMESPACE, PUBLIC, LockMode::AccessShare)])
            }
            Statement::CreateTrigger { name, table, function } => {
                self.create_trigger(sid, name, table, function)
            }
            Statement::CreateStatistics(table) => {
                self.tag(sid, "CREATE STATISTICS");
                let mut steps = self.simple(table, LockMode::ShareUpdateExclusive);
                if self.depends() {
                    steps.push(lock_object(PG_NAMESPACE, PUBLIC, LockMode::AccessShare));
                }
                Ok(steps)
            }
            Statement::CreatePart { class, name, table } => {
                let rule = *class == crate::catalog::PG_REWRITE;
                self.tag(sid, if rule { "CREATE RULE" } else { "CREATE POLICY" });
                let mut steps = self.simple(table, LockMode::AccessExclusive);
                let (class, name, table) = (*class, name.clone(), table.clone());
                steps.push(act(move |db, sid| {
                    let oid = db.by_name(sid, &table)?.oid;
                    db.add_part(sid, class, &name, oid)?;
                    Ok(Vec::new())
                }));
                Ok(steps)
            }
            Statement::DropPart { class, name, table } => self.drop_part(sid, *class, name, table),
            Statement::Grant(tables, tag) => {
                self.tag(sid, tag);
                if !self.version.profile().lmgr.fast_path_groups {
                    self.assign_xid(sid);
                    return Ok(Vec::new());
                }
                Ok(tables.iter().flat_map(|it| self.simple(it, LockMode::AccessShare)).collect())
            }
            Statement::Comment(table) => {
                self.tag(sid, "COMMENT");
                Ok(self.simple(table, LockMode::ShareUpdateExclusive))
            }
            Statement::Drop { .. } => self.drop(sid, statement),
            Statement::AlterTable(table, parts) => self.alter_table(sid, table, parts),
            Statement::AlterSequence(name) => {
                self.tag(sid, "ALTER SEQUENCE");
                let name = name.clone();
                Ok(vec![
                    act(move |db, sid| {
                        let oid = db.by_name(sid, &name)?.oid;
                        let mut steps = db.open(sid, &name, LockMode::ShareRowExclusive)?;
                        steps.push(lock(oid, LockMode::RowExclusive));
                        Ok(steps)
                    }),
                    writes(),
                ])
            }
            other => self.maintain(sid, other),
        }
    }

    /// Version 19 locks what a new object depends on.
    fn depends(&self) -> bool {
        self.version.profile().lmgr.waiting_context
    }

    /// A statement that takes one lock on a table and writes to the catalog.
    fn simple(&self, table: &str, mode: LockMode) -> Steps {
        let table = table.to_owned();
        vec![act(move |db, sid| db.open(sid, &table, mode)), writes()]
    }

    /// Something that belongs to a table: a trigger, a policy, a rule.
    fn add_part(
        &mut self,
        sid: SessionId,
        class: u32,
        name: &str,
        table: u32,
    ) -> Result<(), SqlError> {
        let of = self.get(sid, table)?.name.clone();
        let oid = self.new_object(class, &format!("{name} on public.{of}"));
        self.parts.insert((class, name.to_owned(), table), oid);
        self.change(sid, table, |table| table.objects.push((class, oid)))
    }

    fn exists(&self, sid: SessionId, name: &str) -> Result<(), SqlError> {
        match self.find(sid, name) {
            None => Ok(()),
            Some(_) => {
                let message = format!("relation \"{name}\" already exists");
                Err(SqlError::new("42P07", message))
            }
        }
    }

    /// A copy of a table that its rows are written to, as CLUSTER and ALTER TABLE make it; it is
    /// gone again at the end, and its locks stay (`make_new_heap`, `finish_heap_swap`).
    fn rewrite(&mut self, relation: &Relation, unlogged: bool) -> Steps {
        let mut steps = Vec::new();
        if self.depends() {
            steps.push(lock_object(PG_NAMESPACE, PUBLIC, LockMode::AccessShare));
        }
        let copy = self.new_oid("");
        let array = self.new_object(crate::catalog::PG_TYPE, "");
        let row = self.new_object(crate::catalog::PG_TYPE, "");
        steps.push(lock(copy, LockMode::AccessExclusive));
        if self.depends() {
            steps.push(lock_object(crate::catalog::PG_TYPE, row, LockMode::AccessShare));
        }
        if let Some((toast, index)) = relation.toast {
            let (copy, copy_index) = (self.new_oid(""), self.new_oid(""));
            steps.push(lock(copy, LockMode::AccessExclusive));
            steps.push(lock(copy, LockMode::Share));
            steps.push(lock(copy_index, LockMode::AccessExclusive));
            steps.push(lock(toast, LockMode::AccessExclusive));
            if unlogged {
                steps.push(lock(copy_index, LockMode::ShareUpdateExclusive));
            }
            steps.push(lock(index, LockMode::AccessExclusive));
        }
        steps.push(lock_object(crate::catalog::PG_TYPE, row, LockMode::AccessExclusive));
        steps.push(lock_object(crate::catalog::PG_TYPE, array, LockMode::AccessExclusive));
        steps.extend(reindex(relation, false));
        steps.push(writes());
        steps
    }
}

/// The catalog is written to: the transaction needs an id.
fn writes() -> Step {
    act(|db, sid| {
        db.assign_xid(sid);
        Ok(Vec::new())
    })
}

/// The locks of `reindex_relation`.
fn reindex(relation: &Relation, toast: bool) -> Steps {
    let mut steps = vec![lock(relation.oid, LockMode::Share)];
    steps.extend(relation.indexes.iter().map(|oid| lock(*oid, LockMode::AccessExclusive)));
    if let Some((table, index)) = relation.toast.filter(|_| toast) {
        steps.push(lock(table, LockMode::Share));
        steps.push(lock(index, LockMode::AccessExclusive));
    }
    steps
}
