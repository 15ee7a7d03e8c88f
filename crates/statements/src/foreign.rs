//! Foreign keys, checked after the statement that changed rows.
//!
//! PostgreSQL: `ri_triggers.c`.

use std::rc::Rc;

use pgscope_core::lmgr::LockMode;

use crate::ast::{Expr, RowLock, Value, WaitPolicy};
use crate::catalog::{Constraint, Foreign, Relation};
use crate::database::Database;
use crate::error::SqlError;
use crate::heap::{Locker, Tid};
use crate::insert::shown;
use crate::query::lock_indexes;
use crate::rows::{LockRow, Locked};
use crate::session::{Check, SessionId};
use crate::step::{Stepped, Steps, act, lock};

impl Database {
    /// After the statement: foreign keys (`AfterTriggerEndQuery`).
    pub(crate) fn check_foreign_keys(&mut self, sid: SessionId) -> Stepped {
        let checks = self.sessions.get_mut(&sid).map(|it| std::mem::take(&mut it.work.checks));
        let mut steps = Vec::new();
        for check in checks.unwrap_or_default() {
            match check {
                Check::Child { table, tid } => {
                    let child = self.get(sid, table)?;
                    for constraint in &child.constraints {
                        if let Some(foreign) = &constraint.foreign {
                            steps.extend(self.check_child(&child, constraint, foreign, tid)?);
                        }
                    }
                }
                Check::Parent { table, tid } => {
                    let parent = self.get(sid, table)?;
                    for (child, constraint) in self.referencing(sid, table) {
                        if let Some(foreign) = constraint.foreign.clone() {
                            let key = self.key_of(&parent, tid, &foreign.to);
                            steps.extend(self.check_parent(
                                &parent,
                                &child,
                                &constraint,
                                foreign,
                                key,
                            ));
                        }
                    }
                }
            }
        }
        Ok(steps)
    }

    /// A child's row: its parent is there, and is locked against losing its key.
    fn check_child(
        &mut self,
        child: &Rc<Relation>,
        constraint: &Constraint,
        foreign: &Foreign,
        tid: Tid,
    ) -> Stepped {
        let key = self.key_of(child, tid, &foreign.columns);
        let old = self.heaps.get(&child.filenode).and_then(|heap| {
            heap.tuples.iter().find(|tuple| tuple.next == Some(tid)).map(|tuple| tuple.tid)
        });
        let unchanged = old.is_some_and(|old| self.key_of(child, old, &foreign.columns) == key);
        if key.contains(&Value::Null) || unchanged {
            return Ok(Vec::new());
        }
        let mut steps = vec![lock(foreign.parent, LockMode::RowShare)];
        let fast = self.version.profile().lmgr.waiting_context;
        let (child, constraint, foreign) = (Rc::clone(child), constraint.clone(), foreign.clone());
        steps.push(act(move |db, sid| {
            let parent = db.get(sid, foreign.parent)?;
            // 19 looks into the key's index itself; before, a query is planned.
            let mut steps = if fast {
                let unique = db.unique_keys(sid, &parent);
                let index = unique.iter().find(|(_, columns)| *columns == foreign.to);
                index.iter().map(|(index, _)| lock(index.oid, LockMode::AccessShare)).collect()
            } else {
                lock_indexes(&parent, LockMode::RowShare)
            };
            let (child, constraint) = (child.name.clone(), constraint.name.clone());
            let (foreign, key) = (foreign.clone(), key.clone());
            steps.push(act(move |db, sid| {
                db.lock_parent(sid, &parent, &child, &constraint, &foreign, &key)
            }));
            Ok(steps)
        }));
        Ok(steps)
    }

    fn lock_parent(
        &mut self,
        sid: SessionId,
        parent: &Rc<Relation>,
        child: &str,
        constraint: &str,
        foreign: &Foreign,
        key: &[Value],
    ) -> Stepped {
        let message = format!(
            "insert or update on table \"{child}\" violates foreign key constraint \"{constraint}\""
        );
        let detail = format!(
            "Key ({})=({}) is not present in table \"{}\".",
            foreign.columns.join(", "),
            shown(key),
            parent.name
        );
        let missing = SqlError::new("23503", message).detail(detail);
        let heap = self.heaps.get(&parent.filenode);
        let found = heap.map_or(&[][..], |heap| &heap.tuples).iter().find(|tuple| {
            let visible = self.is_own(sid, tuple.xmin) || self.committed(tuple.xmin).is_some();
            let gone = |it: &Locker| {
                it.update && (self.is_own(sid, it.xid) || self.committed(it.xid).is_some())
            };
            visible
                && !tuple.lockers.iter().any(gone)
                && self.key_of(parent, tuple.tid, &foreign.to) == key
        });
        let Some(tid) = found.map(|tuple| tuple.tid) else { return Err(missing) };
        let request = LockRow {
            relation: parent.oid,
            strength: RowLock::KeyShare,
            policy: WaitPolicy::Block,
            follow_updates: true,
            then: Rc::new(move |_, _, locked| match locked {
                Locked::Yes(_) => Ok(Vec::new()),
                Locked::Skipped | Locked::Gone => Err(missing.clone()),
            }),
        };
        self.lock_row(sid, Rc::new(request), tid, false)
    }

    /// A parent's key is gone: no child may have it; or they go too.
    fn check_parent(
        &mut self,
        parent: &Rc<Relation>,
        child: &Rc<Relation>,
        constraint: &Constraint,
        foreign: Foreign,
        key: Vec<Value>,
    ) -> Steps {
        let mut steps = Vec::new();
        if foreign.cascade {
            let by = foreign.columns.iter().zip(&key).map(|(column, value)| {
                let (left, right) = (Expr::Column(column.clone()), Expr::Value(value.clone()));
                Expr::Binary("=".into(), Box::new(left), Box::new(right))
            });
            let filter =
                by.reduce(|one, other| Expr::Binary("and".into(), Box::new(one), Box::new(other)));
            let name = child.name.clone();
            steps.push(lock(child.oid, LockMode::RowExclusive));
            steps.extend(lock_indexes(child, LockMode::RowExclusive));
            steps.push(act(move |db, sid| {
                let count = db.sessions.get(&sid).map_or(0, |it| it.work.count);
                let mut steps = db.modify_rows(sid, &name, None, filter.clone())?;
                steps.push(act(move |db, sid| {
                    if let Some(session) = db.sessions.get_mut(&sid) {
                        session.work.count = count;
                    }
                    db.check_foreign_keys(sid)
                }));
                Ok(steps)
            }));
            return steps;
        }
        steps.push(lock(parent.oid, LockMode::RowShare));
        steps.extend(lock_indexes(parent, LockMode::RowShare));
        steps.push(lock(child.oid, LockMode::RowShare));
        steps.extend(lock_indexes(child, LockMode::RowShare));
        let (parent, child, name) = (Rc::clone(parent), Rc::clone(child), constraint.name.clone());
        steps.push(act(move |db, sid| {
            let heap = db.heaps.get(&child.filenode);
            let found = heap.map_or(&[][..], |heap| &heap.tuples).iter().find(|tuple| {
                let visible = db.is_own(sid, tuple.xmin) || db.committed(tuple.xmin).is_some();
                let gone = |it: &Locker| {
                    it.update && (db.is_own(sid, it.xid) || db.committed(it.xid).is_some())
                };
                visible
                    && !tuple.lockers.iter().any(gone)
                    && db.key_of(&child, tuple.tid, &foreign.columns) == key
            });
            if found.is_none() {
                return Ok(Vec::new());
            }
            let message = format!(
                "update or delete on table \"{}\" violates foreign key constraint \"{name}\" on table \"{}\"",
                parent.name, child.name
            );
            Err(SqlError::new("23503", message).detail(format!(
                "Key ({})=({}) is still referenced from table \"{}\".",
                foreign.to.join(", "),
                shown(&key),
                child.name
            )))
        }));
        steps
    }
}
