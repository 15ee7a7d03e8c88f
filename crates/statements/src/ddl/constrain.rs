//! Constraints: keys, and the foreign keys that link two tables.
//!
//! PostgreSQL: `ATExecAddConstraint` (`tablecmds.c`), `DefineIndex`, `RI_Initial_Check`.

use pgscope_core::lmgr::LockMode;

use super::writes;
use crate::ast::{ConstraintDef, ConstraintKind};
use crate::catalog::{Constraint, Foreign, Kind, PG_CONSTRAINT, PG_TRIGGER, Relation};
use crate::database::Database;
use crate::error::SqlError;
use crate::session::SessionId;
use crate::step::{Stepped, act, lock, lock_object};

impl Database {
    /// Add a constraint to a table that is locked already; `new` if nobody else knows the table.
    pub(super) fn add_constraint(
        &mut self,
        sid: SessionId,
        oid: u32,
        constraint: &ConstraintDef,
        new: bool,
    ) -> Stepped {
        let table = self.get(sid, oid)?;
        let name = |suffix: &str, columns: &[String]| match columns {
            [] => format!("{}_{suffix}", table.name),
            columns => format!("{}_{}_{suffix}", table.name, columns.join("_")),
        };
        self.assign_xid(sid);
        match &constraint.kind {
            ConstraintKind::Check => {
                let name = constraint.name.clone().unwrap_or_else(|| name("check", &[]));
                self.record_constraint(sid, oid, name, None, None)?;
                Ok(Vec::new())
            }
            ConstraintKind::Primary(columns) | ConstraintKind::Unique(columns) => {
                let primary = matches!(constraint.kind, ConstraintKind::Primary(_));
                let suffix = if primary { name("pkey", &[]) } else { name("key", columns) };
                let name = constraint.name.clone().unwrap_or(suffix);
                let index = self.make_index(sid, &name, oid, columns.clone(), true)?;
                let object = self.record_constraint(sid, oid, name, Some(index), None)?;
                let mut steps = vec![lock(index, LockMode::AccessExclusive)];
                if self.depends() {
                    steps.push(lock_object(PG_CONSTRAINT, object, LockMode::AccessShare));
                }
                steps.push(lock(oid, LockMode::Share));
                Ok(steps)
            }
            ConstraintKind::Foreign { columns, table: parent, to, cascade } => {
                let name = constraint.name.clone().unwrap_or_else(|| name("fkey", columns));
                let mut steps = vec![lock(oid, LockMode::ShareRowExclusive)];
                steps.extend(self.open(sid, parent, LockMode::ShareRowExclusive)?);
                let (columns, parent, to) = (columns.clone(), parent.clone(), to.clone());
                let (cascade, validate) = (*cascade, !constraint.not_valid && !new);
                steps.push(act(move |db, sid| {
                    let parent = db.by_name(sid, &parent)?;
                    let to = if to.is_empty() { db.primary_key(sid, &parent) } else { to.clone() };
                    let triggers = [0; 4].map(|_| db.new_object(PG_TRIGGER, ""));
                    let foreign = Foreign {
                        columns: columns.clone(),
                        parent: parent.oid,
                        to,
                        cascade,
                        triggers,
                    };
                    db.link(sid, oid, name.clone(), foreign, validate)
                }));
                Ok(steps)
            }
        }
    }

    /// A foreign key between two locked tables; what is there already may have to be checked.
    fn link(
        &mut self,
        sid: SessionId,
        oid: u32,
        name: String,
        foreign: Foreign,
        validate: bool,
    ) -> Stepped {
        let parent = foreign.parent;
        let key = foreign.to.clone();
        let object = self.record_constraint(sid, oid, name, None, Some(foreign))?;
        let mut steps = vec![lock(oid, LockMode::AccessShare), lock(parent, LockMode::AccessShare)];
        if self.depends() {
            steps.push(lock_object(PG_CONSTRAINT, object, LockMode::AccessShare));
            let table = self.get(sid, parent)?;
            for index in &table.indexes {
                let found = self.relation(sid, *index);
                let is_key = found.is_some_and(|index| match &index.kind {
                    Kind::Index(index) => index.unique && index.columns == key,
                    _ => false,
                });
                if is_key {
                    steps.push(lock(*index, LockMode::AccessShare));
                }
            }
        }
        if validate {
            steps.extend(self.validate(sid, oid, parent)?);
        }
        Ok(steps)
    }

    /// The query that checks a foreign key's rows (`RI_Initial_Check`).
    pub(super) fn validate(&mut self, sid: SessionId, child: u32, parent: u32) -> Stepped {
        let mut steps = vec![lock(parent, LockMode::RowShare)];
        for oid in [child, parent] {
            steps.push(lock(oid, LockMode::AccessShare));
            steps.extend(self.plan_relation(sid, oid, LockMode::AccessShare, None)?);
        }
        steps.push(writes());
        Ok(steps)
    }

    fn primary_key(&self, sid: SessionId, table: &Relation) -> Vec<String> {
        let index = table.constraints.iter().find_map(|constraint| constraint.index);
        let index = index.and_then(|oid| self.relation(sid, oid));
        match index.as_ref().map(|index| &index.kind) {
            Some(Kind::Index(index)) => index.columns.clone(),
            _ => Vec::new(),
        }
    }

    fn record_constraint(
        &mut self,
        sid: SessionId,
        oid: u32,
        name: String,
        index: Option<u32>,
        foreign: Option<Foreign>,
    ) -> Result<u32, SqlError> {
        let table = self.get(sid, oid)?.name.clone();
        let object = self.new_object(PG_CONSTRAINT, &format!("{name} on public.{table}"));
        let constraint = Constraint { oid: object, name, index, foreign };
        self.change(sid, oid, |relation| relation.constraints.push(constraint))?;
        Ok(object)
    }
}
