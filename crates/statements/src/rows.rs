//! Rows that are locked, changed and checked.
//!
//! PostgreSQL: `heap_lock_tuple`, `heap_update`, `heap_delete`, `heap_acquire_tuplock`,
//! `XactLockTableWait`, `MultiXactIdWait`, `heapam_tuple_lock`, `_bt_check_unique`.

use std::rc::Rc;

use pgscope_core::lmgr::{LockMode, LockTag};

use crate::ast::{Expr, RowLock, Value, WaitPolicy};
use crate::catalog::{Kind, Relation};
use crate::database::{DATABASE, Database};
use crate::error::SqlError;
use crate::heap::{Locker, Satisfies, Tid};
use crate::session::{Check, SessionId};
use crate::step::{Step, Stepped, Steps, Whose, act};

/// How locking a row ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Locked {
    /// This version is locked.
    Yes(Tid),
    /// Somebody has it, and the caller does not wait.
    Skipped,
    /// It was deleted.
    Gone,
}

/// What comes after a row was locked.
pub(crate) type Then = Rc<dyn Fn(&mut Database, SessionId, Locked) -> Stepped>;

/// A row is to be locked, in its latest version.
pub(crate) struct LockRow {
    pub(crate) relation: u32,
    pub(crate) strength: RowLock,
    pub(crate) policy: WaitPolicy,
    /// After a wait for who has updated the version, the next ones are locked too
    /// (`TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS`), as a query does that locks rows.
    pub(crate) follow_updates: bool,
    pub(crate) then: Then,
}

/// A row is to be changed: its new values, or nothing to delete it.
pub(crate) struct Modify {
    pub(crate) relation: u32,
    pub(crate) set: Option<Vec<(String, Expr)>>,
    pub(crate) filter: Option<Expr>,
}

fn tuple_tag(relation: u32, tid: Tid) -> LockTag {
    LockTag::tuple(DATABASE, relation, tid.0, tid.1)
}

impl Database {
    /// Wait for the end of a transaction; if it was a subtransaction, of the whole one.
    fn wait_for_xid(xid: u32) -> Steps {
        let tag = LockTag::transaction(xid);
        vec![
            Step::Lock(tag, LockMode::Share, Whose::Current),
            Step::Unlock(tag, LockMode::Share, Whose::Current),
            act(move |db, _| match db.xids.get(&xid) {
                Some(known) if db.in_progress(xid) && known.top != xid => {
                    Ok(Self::wait_for_xid(known.top))
                }
                _ => Ok(Vec::new()),
            }),
        ]
    }

    /// The same within an error context, for several one after the other.
    pub(crate) fn wait_for_xids(xids: &[u32], context: String) -> Steps {
        let mut steps = vec![Step::Context(Some(context))];
        steps.extend(xids.iter().flat_map(|xid| Self::wait_for_xid(*xid)));
        steps.push(Step::Context(None));
        steps
    }

    pub(crate) fn place(&self, sid: SessionId, what: &str, relation: u32, tid: Tid) -> String {
        let name = self.relation(sid, relation).map_or_else(String::new, |it| it.name.clone());
        format!("while {what} tuple ({},{}) in relation \"{name}\"", tid.0, tid.1)
    }

    fn release_tuple(&self, relation: u32, tid: Tid, mode: Option<LockMode>) -> Steps {
        let unlock = |mode| Step::Unlock(tuple_tag(relation, tid), mode, Whose::Current);
        mode.map(unlock).into_iter().collect()
    }

    /// Lock a row version, or the latest one if it was updated.
    pub(crate) fn lock_row(
        &mut self,
        sid: SessionId,
        request: Rc<LockRow>,
        tid: Tid,
        have: bool,
    ) -> Stepped {
        let relation = self.get(sid, request.relation)?;
        let mode = request.strength.mode();
        let mut steps = self.release_tuple(relation.oid, tid, have.then_some(mode));
        match self.satisfies(sid, relation.filenode, tid, request.strength) {
            Satisfies::Ok | Satisfies::SelfModified => {
                self.add_locker(sid, relation.filenode, tid, request.strength);
                steps.extend((request.then)(self, sid, Locked::Yes(tid))?);
                Ok(steps)
            }
            Satisfies::Deleted => {
                self.serialize(sid, "update")?;
                steps.extend((request.then)(self, sid, Locked::Gone)?);
                Ok(steps)
            }
            Satisfies::Updated(next) => {
                self.serialize(sid, "update")?;
                steps.push(act(move |db, sid| db.follow(sid, Rc::clone(&request), next)));
                Ok(steps)
            }
            Satisfies::Wait { xids, member } => match request.policy {
                WaitPolicy::Error => Err(row_not_available(&relation.name)),
                WaitPolicy::Skip => (request.then)(self, sid, Locked::Skipped),
                WaitPolicy::Block => {
                    let mut steps = Vec::new();
                    let take = !have && !member;
                    if take {
                        let tag = tuple_tag(relation.oid, tid);
                        steps.push(Step::Lock(tag, mode, Whose::Current));
                    }
                    let context = self.place(sid, "locking", relation.oid, tid);
                    steps.extend(Self::wait_for_xids(&xids, context));
                    let have = have || take;
                    let next = self.updated_version(relation.filenode, tid);
                    if let Some(next) = next.filter(|_| request.follow_updates) {
                        let request = Rc::clone(&request);
                        steps.push(act(move |db, sid| {
                            let xid = db.assign_xid(sid);
                            db.lock_updated_tuple(sid, Rc::clone(&request), next, xid)
                        }));
                    }
                    steps
                        .push(act(move |db, sid| db.lock_row(sid, Rc::clone(&request), tid, have)));
                    Ok(steps)
                }
            },
        }
    }

    /// The next version, if somebody who is still under way has updated this one.
    fn updated_version(&self, filenode: u32, tid: Tid) -> Option<Tid> {
        let tuple = self.heaps.get(&filenode)?.tuple(tid)?;
        let updating = |it: &Locker| it.update && self.in_progress(it.xid);
        tuple.next.filter(|_| tuple.lockers.iter().any(updating))
    }

    /// Lock a version that an update made, and those that came of it
    /// (`heap_lock_updated_tuple_rec`).
    fn lock_updated_tuple(
        &mut self,
        sid: SessionId,
        request: Rc<LockRow>,
        tid: Tid,
        xid: u32,
    ) -> Stepped {
        let relation = self.get(sid, request.relation)?;
        let tuple = self.heaps.get(&relation.filenode).and_then(|heap| heap.tuple(tid));
        let Some(tuple) = tuple.filter(|it| !self.aborted(it.xmin)) else { return Ok(Vec::new()) };
        let strength = request.strength;
        let own = |it: &Locker| self.is_own(sid, it.xid);
        let mut others = tuple.lockers.iter().filter(|it| !own(it));
        let mut conflicting = others.clone().filter(|it| it.strength.conflicts_with(strength));
        if let Some(other) = conflicting.find(|it| self.in_progress(it.xid)) {
            let name = relation.name.clone();
            let (block, offset) = tid;
            let context = format!(
                "while locking updated version ({block},{offset}) of tuple in relation \"{name}\""
            );
            let mut steps = Self::wait_for_xids(&[other.xid], context);
            steps.push(act(move |db, sid| {
                db.lock_updated_tuple(sid, Rc::clone(&request), tid, xid)
            }));
            return Ok(steps);
        }
        let gone = |it: &Locker| it.update && self.committed(it.xid).is_some();
        if others.any(|it| gone(it) && it.strength.conflicts_with(strength)) {
            return Ok(Vec::new());
        }
        let held = tuple.lockers.iter().any(|it| own(it) && it.strength >= strength);
        let updated = tuple.lockers.iter().any(|it| it.update && !self.aborted(it.xid));
        let next = tuple.next.filter(|_| updated);
        let cid = self.snapshot(sid).1;
        if let Some(tuple) = self.heap(relation.filenode).tuple_mut(tid).filter(|_| !held) {
            tuple.lockers.push(Locker { xid, strength, update: false, cid });
        }
        match next {
            Some(next) => self.lock_updated_tuple(sid, request, next, xid),
            None => Ok(Vec::new()),
        }
    }

    /// Go along the versions to the latest one; who has it under way is waited for.
    fn follow(&mut self, sid: SessionId, request: Rc<LockRow>, tid: Tid) -> Stepped {
        let relation = self.get(sid, request.relation)?;
        let tuple = self.heaps.get(&relation.filenode).and_then(|heap| heap.tuple(tid));
        let updater = tuple.and_then(|tuple| {
            tuple.lockers.iter().find(|it| it.update && !self.aborted(it.xid)).copied()
        });
        let Some(updater) = updater else {
            // Between this look and the lock another session may be faster.
            return Ok(vec![act(move |db, sid| db.lock_row(sid, Rc::clone(&request), tid, false))]);
        };
        if self.in_progress(updater.xid) && !self.is_own(sid, updater.xid) {
            match request.policy {
                WaitPolicy::Skip => return (request.then)(self, sid, Locked::Skipped),
                WaitPolicy::Error => return Err(row_not_available(&relation.name)),
                WaitPolicy::Block => {}
            }
            let context = self.place(sid, "rechecking updated", relation.oid, tid);
            let mut steps = Self::wait_for_xids(&[updater.xid], context);
            steps.push(act(move |db, sid| db.follow(sid, Rc::clone(&request), tid)));
            return Ok(steps);
        }
        match tuple.and_then(|tuple| tuple.next) {
            Some(next) => self.follow(sid, request, next),
            None => (request.then)(self, sid, Locked::Gone),
        }
    }

    /// With a snapshot for the whole transaction, what others changed since is an error.
    fn serialize(&self, sid: SessionId, what: &str) -> Result<(), SqlError> {
        if !self.keeps_snapshot(sid) {
            return Ok(());
        }
        let message = format!("could not serialize access due to concurrent {what}");
        Err(SqlError::new("40001", message))
    }

    /// Write the lock into the version, and into those that follow it.
    fn add_locker(&mut self, sid: SessionId, filenode: u32, tid: Tid, strength: RowLock) {
        let tuple = self.heaps.get(&filenode).and_then(|heap| heap.tuple(tid));
        let Some(tuple) = tuple else { return };
        let next = tuple.next;
        let held = |it: &&Locker| self.is_own(sid, it.xid) && it.strength >= strength;
        if tuple.lockers.iter().any(|it| held(&it)) {
            return;
        }
        let xid = self.assign_xid(sid);
        let cid = self.snapshot(sid).1;
        if let Some(tuple) = self.heap(filenode).tuple_mut(tid) {
            tuple.lockers.push(Locker { xid, strength, update: false, cid });
        }
        if let Some(next) = next {
            self.add_locker(sid, filenode, next, strength);
        }
    }

    /// UPDATE and DELETE: find the rows, then change one after the other.
    pub(crate) fn modify_rows(
        &mut self,
        sid: SessionId,
        table: &str,
        set: Option<Vec<(String, Expr)>>,
        filter: Option<Expr>,
    ) -> Stepped {
        self.take_snapshot(sid);
        let oid = self.by_name(sid, table)?.oid;
        let mut steps = Vec::new();
        let mut rows = Vec::new();
        for row in self.scan(sid, table, oid)? {
            if self.passes(sid, filter.as_ref(), &row.columns)? {
                rows.push(row);
            }
        }
        self.note_reads(sid, oid, filter.as_ref(), &rows)?;
        for row in rows {
            for (_, relation, tid) in row.base {
                let modify = Modify { relation, set: set.clone(), filter: filter.clone() };
                let modify = Rc::new(modify);
                steps.push(act(move |db, sid| db.modify(sid, Rc::clone(&modify), tid, false)));
            }
        }
        Ok(steps)
    }

    fn modify(&mut self, sid: SessionId, modify: Rc<Modify>, tid: Tid, have: bool) -> Stepped {
        let relation = self.get(sid, modify.relation)?;
        self.assign_xid(sid);
        let values = self.new_values(sid, &relation, &modify, tid)?;
        let strength = match &values {
            None => RowLock::Update,
            Some(values) => self.update_strength(sid, &relation, tid, values),
        };
        let mode = strength.mode();
        let mut steps = self.release_tuple(relation.oid, tid, have.then_some(mode));
        match self.satisfies(sid, relation.filenode, tid, strength) {
            Satisfies::Ok => {
                let next = self.write(sid, &relation, tid, strength, values);
                if let Some(next) = next.filter(|_| strength == RowLock::Update) {
                    steps.extend(self.check_unique(sid, &relation, next)?);
                }
                Ok(steps)
            }
            Satisfies::SelfModified => Ok(steps),
            Satisfies::Deleted => {
                self.serialize(sid, "delete")?;
                Ok(steps)
            }
            Satisfies::Updated(_) => {
                self.serialize(sid, "update")?;
                let again = Rc::clone(&modify);
                let request = LockRow {
                    relation: relation.oid,
                    strength,
                    policy: WaitPolicy::Block,
                    follow_updates: false,
                    then: Rc::new(move |db, sid, locked| match locked {
                        Locked::Yes(now) => db.recheck(sid, Rc::clone(&again), now),
                        Locked::Skipped | Locked::Gone => Ok(Vec::new()),
                    }),
                };
                let request = Rc::new(request);
                steps.push(act(move |db, sid| db.lock_row(sid, Rc::clone(&request), tid, false)));
                Ok(steps)
            }
            Satisfies::Wait { xids, member } => {
                let mut steps = Vec::new();
                let take = !have && !member;
                if take {
                    steps.push(Step::Lock(tuple_tag(relation.oid, tid), mode, Whose::Current));
                }
                let what = if modify.set.is_some() { "updating" } else { "deleting" };
                let context = self.place(sid, what, relation.oid, tid);
                steps.extend(Self::wait_for_xids(&xids, context));
                let have = have || take;
                steps.push(act(move |db, sid| db.modify(sid, Rc::clone(&modify), tid, have)));
                Ok(steps)
            }
        }
    }

    /// The latest version is changed if it passes the filter too (`EvalPlanQual`).
    fn recheck(&mut self, sid: SessionId, modify: Rc<Modify>, tid: Tid) -> Stepped {
        let columns = self.version_columns(sid, modify.relation, tid)?;
        if !self.passes(sid, modify.filter.as_ref(), &columns)? {
            return Ok(Vec::new());
        }
        self.modify(sid, modify, tid, false)
    }

    fn new_values(
        &mut self,
        sid: SessionId,
        relation: &Relation,
        modify: &Modify,
        tid: Tid,
    ) -> Result<Option<Vec<Value>>, SqlError> {
        let Some(set) = &modify.set else { return Ok(None) };
        let row = self.version_columns(sid, relation.oid, tid)?;
        let mut values: Vec<Value> = row.iter().map(|(_, value)| value.clone()).collect();
        for (column, expr) in set {
            let Some(at) = relation.column(column) else {
                let message =
                    format!("column \"{column}\" of relation \"{}\" does not exist", relation.name);
                return Err(SqlError::new("42703", message));
            };
            values[at] = self.eval(sid, expr, &row)?;
        }
        Ok(Some(values))
    }

    /// How strongly an UPDATE locks: it depends on whether a key that others could refer to
    /// changes (`HeapDetermineColumnsInfo`).
    fn update_strength(
        &self,
        sid: SessionId,
        relation: &Relation,
        tid: Tid,
        values: &[Value],
    ) -> RowLock {
        let tuple = self.heaps.get(&relation.filenode).and_then(|heap| heap.tuple(tid));
        let Some(tuple) = tuple else { return RowLock::NoKeyUpdate };
        let changed = |column: &String| {
            relation.column(column).is_some_and(|at| tuple.values.get(at) != values.get(at))
        };
        let keys = self.unique_keys(sid, relation);
        if keys.iter().any(|(_, key)| key.iter().any(changed)) {
            RowLock::Update
        } else {
            RowLock::NoKeyUpdate
        }
    }

    /// Unique indexes and their columns.
    pub(crate) fn unique_keys(
        &self,
        sid: SessionId,
        relation: &Relation,
    ) -> Vec<(Rc<Relation>, Vec<String>)> {
        let indexes = relation.indexes.iter().filter_map(|oid| self.relation(sid, *oid));
        let unique = indexes.filter_map(|index| match &index.kind {
            Kind::Index(of) if of.unique => {
                let columns = of.columns.clone();
                Some((index, columns))
            }
            _ => None,
        });
        unique.collect()
    }

    /// Change the version; the place of the new one, if there is one.
    fn write(
        &mut self,
        sid: SessionId,
        relation: &Relation,
        tid: Tid,
        strength: RowLock,
        values: Option<Vec<Value>>,
    ) -> Option<Tid> {
        let xid = self.assign_xid(sid);
        let cid = self.snapshot(sid).1;
        let lockers = self.heaps.get(&relation.filenode)?.tuple(tid)?.lockers.clone();
        // Locks of others that are still there hold for the new version too.
        let kept = lockers.into_iter().filter(|it| !it.update && self.in_progress(it.xid));
        let kept: Vec<Locker> = kept.collect();
        let heap = self.heap(relation.filenode);
        let next = values.map(|values| heap.add(xid, cid, values, kept));
        let tuple = heap.tuple_mut(tid)?;
        tuple.lockers.push(Locker { xid, strength, update: true, cid });
        tuple.next = next;
        let keyed = strength == RowLock::Update;
        let referenced = !self.referencing(sid, relation.oid).is_empty();
        let table = relation.oid;
        let session = self.sessions.get_mut(&sid)?;
        session.work.count += 1;
        if keyed && referenced {
            session.work.checks.push(Check::Parent { table, tid });
        }
        if let Some(tid) = next {
            session.work.checks.push(Check::Child { table, tid });
        }
        next
    }
}

pub(crate) fn unlock_indexes(relation: &Relation, mode: LockMode) -> Steps {
    let unlock = |oid: &u32| Step::Unlock(LockTag::relation(DATABASE, *oid), mode, Whose::Current);
    relation.indexes.iter().map(unlock).collect()
}

fn row_not_available(relation: &str) -> SqlError {
    SqlError::new("55P03", format!("could not obtain lock on row in relation \"{relation}\""))
}
