//! ALTER TABLE.
//!
//! PostgreSQL: `AlterTableGetLockLevel`, `ATExecCmd`, `ATRewriteTables` (`tablecmds.c`).

use pgscope_core::lmgr::{LockMode, LockTag};

use super::writes;
use crate::ast::{AlterTable, Bound, ColumnChange, ConstraintKind};
use crate::catalog::{Kind, PG_CONSTRAINT, PG_TRIGGER};
use crate::database::{DATABASE, Database};
use crate::error::SqlError;
use crate::session::SessionId;
use crate::step::{Step, Stepped, Whose, act, lock, lock_object};

/// The lock on the table that a part asks for.
fn lock_level(part: &AlterTable) -> LockMode {
    match part {
        AlterTable::AlterColumn(_, ColumnChange::Statistics)
        | AlterTable::Validate(_)
        | AlterTable::Attach(..)
        | AlterTable::Detach(_, true) => LockMode::ShareUpdateExclusive,
        AlterTable::Options(names) if names.iter().all(|name| mild(name)) => {
            LockMode::ShareUpdateExclusive
        }
        AlterTable::AddConstraint(constraint) => match constraint.kind {
            ConstraintKind::Foreign { .. } => LockMode::ShareRowExclusive,
            _ => LockMode::AccessExclusive,
        },
        AlterTable::ClusterOn(_) => LockMode::ShareUpdateExclusive,
        AlterTable::Triggers => LockMode::ShareRowExclusive,
        AlterTable::Other(mode) => *mode,
        _ => LockMode::AccessExclusive,
    }
}

/// Storage options that need no strong lock (`reloptions.c`).
fn mild(option: &str) -> bool {
    option != "user_catalog_table" && option != "security_barrier"
}

impl Database {
    pub(super) fn alter_table(
        &mut self,
        sid: SessionId,
        table: &str,
        parts: &[AlterTable],
    ) -> Stepped {
        self.tag(sid, "ALTER TABLE");
        if let [AlterTable::Detach(partition, true)] = parts {
            self.forbid_block(sid, "ALTER TABLE ... DETACH CONCURRENTLY")?;
            return self.detach_concurrently(sid, table, partition);
        }
        let mut mode = parts.iter().map(lock_level).max().unwrap_or(LockMode::AccessExclusive);
        let index = self.find(sid, table).is_some_and(|it| matches!(it.kind, Kind::Index(_)));
        if index && matches!(parts, [AlterTable::Rename(_)]) {
            mode = LockMode::ShareUpdateExclusive;
        }
        let mut steps = self.open(sid, table, mode)?;
        // Changes of columns and constraints go to partitions too.
        let down = parts.iter().any(|part| {
            !matches!(
                part,
                AlterTable::Options(_)
                    | AlterTable::Attach(..)
                    | AlterTable::Detach(..)
                    | AlterTable::Rename(_)
                    | AlterTable::Other(_)
                    | AlterTable::ClusterOn(_)
            )
        });
        if down {
            for partition in self.partitions(sid, self.by_name(sid, table)?.oid) {
                steps.push(lock(partition.oid, mode));
            }
        }
        for part in parts {
            let (table, part) = (table.to_owned(), part.clone());
            steps.push(act(move |db, sid| {
                let oid = db.by_name(sid, &table)?.oid;
                db.alter_part(sid, oid, &part)
            }));
        }
        Ok(steps)
    }

    fn alter_part(&mut self, sid: SessionId, oid: u32, part: &AlterTable) -> Stepped {
        let relation = self.get(sid, oid)?;
        let column = |name: &str| {
            relation.column(name).ok_or_else(|| {
                let table = &relation.name;
                let message = format!("column \"{name}\" of relation \"{table}\" does not exist");
                SqlError::new("42703", message)
            })
        };
        if let AlterTable::Triggers = part {
            // Only a trigger that changes is written.
            let triggers = relation.objects.iter().any(|(class, _)| *class == PG_TRIGGER);
            return Ok(if triggers { vec![writes()] } else { Vec::new() });
        }
        self.assign_xid(sid);
        match part {
            AlterTable::AddColumn(new) => {
                let mut changed = (*relation).clone();
                changed.columns.push(new.clone());
                let steps = self.make_toast(&mut changed);
                self.put(sid, oid, Some(changed));
                Ok(steps)
            }
            AlterTable::ClusterOn(index) => self.open(sid, index, LockMode::ShareUpdateExclusive),
            AlterTable::DropColumn(name) => {
                let at = column(name)?;
                // Its place stays, without a name that could be asked for.
                self.change(sid, oid, |relation| relation.columns[at].name = String::new())?;
                let mut steps = Vec::new();
                for index in relation.indexes.clone() {
                    let index = self.get(sid, index)?;
                    if matches!(&index.kind, Kind::Index(of) if of.columns.contains(name)) {
                        let oid = index.oid;
                        steps.push(lock(oid, LockMode::AccessExclusive));
                        self.put(sid, oid, None);
                    }
                }
                let indexes: Vec<u32> = relation.indexes.clone();
                self.change(sid, oid, |_| {})?;
                let kept: Vec<u32> = indexes
                    .into_iter()
                    .filter(|index| self.relation(sid, *index).is_some())
                    .collect();
                self.change(sid, oid, |relation| relation.indexes = kept)?;
                Ok(steps)
            }
            AlterTable::AlterColumn(name, change) => {
                let at = column(name)?;
                let ColumnChange::Type(kind) = change else { return Ok(vec![writes()]) };
                let kind = kind.clone();
                self.change(sid, oid, |relation| relation.columns[at].kind = kind)?;
                Ok(self.rewrite(&relation, false))
            }
            AlterTable::Options(_) => {
                let toast = relation.toast.map(|(toast, _)| toast);
                let mode = LockMode::ShareUpdateExclusive;
                Ok(toast.map(|toast| lock(toast, mode)).into_iter().collect())
            }
            AlterTable::AddConstraint(constraint) => {
                self.add_constraint(sid, oid, constraint, false)
            }
            AlterTable::DropConstraint(name) => {
                let found = relation.constraints.iter().find(|it| it.name == *name);
                let Some(found) = found.cloned() else {
                    let table = &relation.name;
                    let message =
                        format!("constraint \"{name}\" of relation \"{table}\" does not exist");
                    return Err(SqlError::new("42704", message));
                };
                let mut steps = Vec::new();
                if let Some(foreign) = &found.foreign {
                    steps.push(lock(foreign.parent, LockMode::AccessExclusive));
                    let dropped = |oid| lock_object(PG_TRIGGER, oid, LockMode::AccessExclusive);
                    steps.extend(foreign.triggers.map(dropped));
                }
                steps.push(lock_object(PG_CONSTRAINT, found.oid, LockMode::AccessExclusive));
                if let Some(index) = found.index {
                    steps.push(lock(index, LockMode::AccessExclusive));
                    self.put(sid, index, None);
                }
                self.change(sid, oid, |relation| {
                    relation.constraints.retain(|it| it.oid != found.oid);
                    relation.indexes.retain(|it| Some(*it) != found.index);
                })?;
                Ok(steps)
            }
            AlterTable::Validate(name) => {
                let found = relation.constraints.iter().find(|it| it.name == *name);
                let parent = found.and_then(|it| it.foreign.as_ref()).map(|it| it.parent);
                match parent {
                    Some(parent) => self.validate(sid, oid, parent),
                    None => Ok(Vec::new()),
                }
            }
            AlterTable::Rename(name) => {
                self.exists(sid, name)?;
                self.change(sid, oid, |relation| relation.name = name.clone())?;
                Ok(Vec::new())
            }
            AlterTable::RenameColumn(from, to) => {
                let at = column(from)?;
                self.change(sid, oid, |relation| relation.columns[at].name = to.clone())?;
                Ok(Vec::new())
            }
            AlterTable::SetLogged => Ok(self.rewrite(&relation, true)),
            AlterTable::Attach(name, bound) => self.attach(sid, oid, name, bound),
            AlterTable::Detach(name, _) => {
                let mut steps = self.open(sid, name, LockMode::AccessExclusive)?;
                let name = name.clone();
                steps.push(act(move |db, sid| {
                    let oid = db.by_name(sid, &name)?.oid;
                    db.change(sid, oid, |partition| partition.parent = None)?;
                    Ok(Vec::new())
                }));
                Ok(steps)
            }
            AlterTable::Triggers | AlterTable::Other(_) => Ok(Vec::new()),
        }
    }

    fn attach(&mut self, sid: SessionId, parent: u32, name: &str, bound: &Bound) -> Stepped {
        let mut steps = self.open(sid, name, LockMode::AccessExclusive)?;
        let (name, bound) = (name.to_owned(), bound.clone());
        // A default partition must have no rows of the new one.
        for other in self.partitions(sid, parent) {
            if other.parent.as_ref().is_some_and(|(_, bound)| *bound == Bound::Default) {
                steps.push(lock(other.oid, LockMode::AccessExclusive));
            }
        }
        steps.push(act(move |db, sid| {
            let oid = db.by_name(sid, &name)?.oid;
            let parent = Some((parent, bound.clone()));
            db.change(sid, oid, |partition| partition.parent = parent)?;
            Ok(Vec::new())
        }));
        Ok(steps)
    }

    /// DETACH PARTITION ... CONCURRENTLY: in two transactions, between which everybody who
    /// could still see the partition must have ended.
    fn detach_concurrently(&mut self, sid: SessionId, table: &str, partition: &str) -> Stepped {
        let mode = LockMode::ShareUpdateExclusive;
        let mut steps = self.open(sid, table, mode)?;
        steps.extend(self.open(sid, partition, mode)?);
        let (parent, child) = (self.by_name(sid, table)?.oid, self.by_name(sid, partition)?.oid);
        let tag = |oid| LockTag::relation(DATABASE, oid);
        steps.push(act(move |db, sid| {
            db.assign_xid(sid);
            db.next_transaction(sid);
            Ok(db.wait_for_lockers(sid, parent, LockMode::AccessExclusive))
        }));
        steps.push(Step::Lock(tag(parent), mode, Whose::Current));
        steps.push(Step::Lock(tag(child), LockMode::AccessExclusive, Whose::Current));
        steps.push(act(move |db, sid| {
            db.change(sid, child, |partition| partition.parent = None)?;
            Ok(Vec::new())
        }));
        Ok(steps)
    }
}
