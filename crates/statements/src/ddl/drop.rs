//! DROP: the object and everything that goes with it is locked.
//!
//! PostgreSQL: `RemoveRelations`, `performMultipleDeletions`, `AcquireDeletionLock`.

use pgscope_core::lmgr::{LockMode, LockTag};

use super::writes;
use crate::ast::{Dropped, Statement};
use crate::catalog::{Constraint, Kind, PG_CONSTRAINT, PG_POLICY, PG_TRIGGER, PG_TYPE, Relation};
use crate::database::{DATABASE, Database};
use crate::error::SqlError;
use crate::session::SessionId;
use crate::step::{Step, Stepped, Steps, Whose, act, lock, lock_object};

impl Database {
    pub(super) fn drop(&mut self, sid: SessionId, statement: &Statement) -> Stepped {
        let Statement::Drop { kind, names, if_exists, cascade } = statement else {
            return Ok(Vec::new());
        };
        let (what, tag) = match kind {
            Dropped::Table => ("table", "DROP TABLE"),
            Dropped::Index(_) => ("index", "DROP INDEX"),
            Dropped::View => ("view", "DROP VIEW"),
            Dropped::MatView => ("materialized view", "DROP MATERIALIZED VIEW"),
            Dropped::Sequence => ("sequence", "DROP SEQUENCE"),
        };
        self.tag(sid, tag);
        let mut steps = Vec::new();
        for name in names {
            if self.find(sid, name).is_none() {
                let message = format!("{what} \"{name}\" does not exist");
                if !if_exists {
                    let code = if what == "index" { "42704" } else { "42P01" };
                    return Err(SqlError::new(code, message));
                }
                self.notice(sid, &format!("NOTICE: {message}, skipping"));
                continue;
            }
            if *kind == Dropped::Index(true) {
                self.forbid_block(sid, "DROP INDEX CONCURRENTLY")?;
                steps.extend(self.drop_concurrently(sid, name)?);
                continue;
            }
            let (name, cascade) = (name.clone(), *cascade);
            steps.push(act(move |db, sid| {
                let mut steps = Vec::new();
                // An index's table is locked first.
                let relation = db.by_name(sid, &name)?;
                if let Kind::Index(index) = &relation.kind {
                    steps.push(lock(index.table, LockMode::AccessExclusive));
                }
                // So is what a partition belongs to.
                if let Some((parent, _)) = &relation.parent {
                    steps.push(lock(*parent, LockMode::AccessExclusive));
                }
                steps.extend(db.open(sid, &name, LockMode::AccessExclusive)?);
                let name = name.clone();
                steps.push(act(move |db, sid| {
                    let relation = db.by_name(sid, &name)?;
                    db.drop_relation(sid, &relation, cascade)
                }));
                Ok(steps)
            }));
        }
        Ok(steps)
    }

    /// Lock and forget a relation that is locked itself.
    fn drop_relation(&mut self, sid: SessionId, relation: &Relation, cascade: bool) -> Stepped {
        let dependents = self.dependents(sid, relation);
        let mut keys = self.referencing(sid, relation.oid);
        keys.retain(|(child, _)| child.oid != relation.oid);
        let used = !dependents.is_empty() || !keys.is_empty();
        if used && !cascade {
            return Err(in_use(relation, &dependents, &keys));
        }
        let mut steps = Vec::new();
        let dropped = |class, oid| lock_object(class, oid, LockMode::AccessExclusive);
        for (child, constraint) in &keys {
            steps.push(lock(child.oid, LockMode::AccessExclusive));
            steps.push(dropped(PG_CONSTRAINT, constraint.oid));
            let triggers = constraint.foreign.as_ref().map(|foreign| foreign.triggers);
            steps.extend(triggers.into_iter().flatten().map(|oid| dropped(PG_TRIGGER, oid)));
            let (child, gone) = (child.oid, constraint.oid);
            steps.push(act(move |db, sid| {
                db.change(sid, child, |table| table.constraints.retain(|it| it.oid != gone))?;
                Ok(Vec::new())
            }));
        }
        for dependent in &dependents {
            for (class, oid) in &dependent.objects {
                steps.push(dropped(*class, *oid));
            }
            steps.push(lock(dependent.oid, LockMode::AccessExclusive));
            steps.extend(self.drop_relation(sid, dependent, true)?);
        }
        let mut others: Vec<String> =
            dependents.iter().map(|it| format!("{} {}", kind_name(it), it.name)).collect();
        others.extend(keys.iter().map(key_name));
        match &others[..] {
            [] => {}
            [one] => self.notice(sid, &format!("NOTICE: drop cascades to {one}")),
            more => {
                let count = more.len();
                self.notice(sid, &format!("NOTICE: drop cascades to {count} other objects"));
            }
        }
        steps.extend(self.drop_parts(sid, relation)?);
        let oid = relation.oid;
        let table = match &relation.kind {
            Kind::Index(index) => Some(index.table),
            _ => None,
        };
        let parts: Vec<u32> = relation.indexes.iter().chain(&relation.sequences).copied().collect();
        steps.push(writes());
        steps.push(act(move |db, sid| {
            for part in parts.iter().chain([&oid]) {
                db.put(sid, *part, None);
            }
            if let Some(table) = table {
                db.change(sid, table, |table| table.indexes.retain(|index| *index != oid))?;
            }
            Ok(Vec::new())
        }));
        Ok(steps)
    }

    /// What belongs to a relation and goes with it.
    fn drop_parts(&mut self, sid: SessionId, relation: &Relation) -> Stepped {
        let dropped = |class, oid| lock_object(class, oid, LockMode::AccessExclusive);
        let mut steps: Steps = Vec::new();
        if let Some((array, row)) = relation.types {
            steps.push(dropped(PG_TYPE, row));
            steps.push(dropped(PG_TYPE, array));
        }
        for (class, oid) in &relation.objects {
            steps.push(dropped(*class, *oid));
        }
        for constraint in &relation.constraints {
            steps.push(dropped(PG_CONSTRAINT, constraint.oid));
            if let Some(foreign) = &constraint.foreign {
                steps.push(lock(foreign.parent, LockMode::AccessExclusive));
                steps.extend(foreign.triggers.map(|oid| dropped(PG_TRIGGER, oid)));
            }
        }
        for oid in relation.indexes.iter().chain(&relation.sequences) {
            steps.push(lock(*oid, LockMode::AccessExclusive));
        }
        if let Some((toast, index)) = relation.toast {
            steps.push(lock(toast, LockMode::AccessExclusive));
            steps.push(lock(index, LockMode::AccessExclusive));
        }
        for partition in self.partitions(sid, relation.oid) {
            steps.push(lock(partition.oid, LockMode::AccessExclusive));
            steps.extend(self.drop_parts(sid, &partition)?);
            let oid = partition.oid;
            steps.push(act(move |db, sid| {
                db.put(sid, oid, None);
                Ok(Vec::new())
            }));
        }
        Ok(steps)
    }

    /// Views over a relation.
    fn dependents(&self, sid: SessionId, relation: &Relation) -> Vec<std::rc::Rc<Relation>> {
        let mut all = self.relations(sid);
        all.retain(|other| match &other.kind {
            Kind::View(select) | Kind::MatView(select) => {
                select.from.iter().any(|item| item.name == relation.name)
            }
            _ => false,
        });
        all
    }

    /// A trigger, a policy or a rule goes; the table is locked as for a change of it.
    pub(super) fn drop_part(
        &mut self,
        sid: SessionId,
        class: u32,
        name: &str,
        table: &str,
    ) -> Stepped {
        let (what, tag) = match class {
            PG_TRIGGER => ("trigger", "DROP TRIGGER"),
            PG_POLICY => ("policy", "DROP POLICY"),
            _ => ("rule", "DROP RULE"),
        };
        self.tag(sid, tag);
        let relation = self.by_name(sid, table)?;
        let Some(&oid) = self.parts.get(&(class, name.to_owned(), relation.oid)) else {
            let message = format!("{what} \"{name}\" for table \"{table}\" does not exist");
            return Err(SqlError::new("42704", message));
        };
        let mut steps = self.open(sid, table, LockMode::AccessShare)?;
        steps.push(lock_object(class, oid, LockMode::AccessExclusive));
        steps.push(lock(relation.oid, LockMode::AccessExclusive));
        steps.push(writes());
        let table = relation.oid;
        steps.push(act(move |db, sid| {
            db.change(sid, table, |table| table.objects.retain(|it| *it != (class, oid)))?;
            Ok(Vec::new())
        }));
        Ok(steps)
    }

    /// DROP INDEX CONCURRENTLY: nobody may still use the index.
    fn drop_concurrently(&mut self, sid: SessionId, name: &str) -> Stepped {
        let index = self.by_name(sid, name)?;
        let Kind::Index(of) = &index.kind else {
            let message = format!("\"{name}\" is not an index");
            return Err(SqlError::new("42809", message));
        };
        let (table, oid) = (of.table, index.oid);
        let mode = LockMode::ShareUpdateExclusive;
        let tag = |oid| LockTag::relation(DATABASE, oid);
        Ok(vec![
            lock(table, mode),
            lock(oid, mode),
            Step::Lock(tag(table), mode, Whose::Session),
            Step::Lock(tag(oid), mode, Whose::Session),
            act(move |db, sid| {
                db.next_transaction(sid);
                Ok(db.wait_for_lockers(sid, table, LockMode::AccessExclusive))
            }),
            act(move |db, sid| {
                db.next_transaction(sid);
                Ok(db.wait_for_lockers(sid, table, LockMode::AccessExclusive))
            }),
            lock(table, mode),
            lock(oid, LockMode::AccessExclusive),
            act(move |db, sid| {
                db.put(sid, oid, None);
                db.change(sid, table, |table| table.indexes.retain(|index| *index != oid))?;
                db.unlock_session(sid, table);
                db.unlock_session(sid, oid);
                Ok(Vec::new())
            }),
        ])
    }
}

fn key_name((child, constraint): &(std::rc::Rc<Relation>, Constraint)) -> String {
    format!("constraint {} on table {}", constraint.name, child.name)
}

fn in_use(
    relation: &Relation,
    dependents: &[std::rc::Rc<Relation>],
    keys: &[(std::rc::Rc<Relation>, Constraint)],
) -> SqlError {
    let what = kind_name(relation);
    let name = &relation.name;
    let message = format!("cannot drop {what} {name} because other objects depend on it");
    let others = dependents.iter().map(|it| format!("{} {}", kind_name(it), it.name));
    let others = others.chain(keys.iter().map(key_name));
    let detail: Vec<String> =
        others.map(|other| format!("{other} depends on {what} {name}")).collect();
    SqlError::new("2BP01", message)
        .detail(detail.join("\n"))
        .hint("Use DROP ... CASCADE to drop the dependent objects too.")
}

fn kind_name(relation: &Relation) -> &'static str {
    match relation.kind {
        Kind::View(_) => "view",
        Kind::MatView(_) => "materialized view",
        Kind::Index(_) => "index",
        Kind::Sequence => "sequence",
        _ => "table",
    }
}
