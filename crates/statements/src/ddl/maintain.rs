//! TRUNCATE, VACUUM, ANALYZE, CLUSTER, REINDEX and REFRESH.

use pgscope_core::lmgr::{LockMode, LockTag};

use super::{reindex, writes};
use crate::ast::{Select, Statement};
use crate::catalog::{Kind, PG_NAMESPACE, PG_TYPE};
use crate::database::{DATABASE, Database};
use crate::error::SqlError;
use crate::query::lock_indexes;
use crate::session::SessionId;
use crate::step::{Step, Stepped, Whose, act, lock, lock_object};

impl Database {
    pub(super) fn maintain(&mut self, sid: SessionId, statement: &Statement) -> Stepped {
        match statement {
            Statement::Truncate { tables, cascade } => self.truncate(sid, tables, *cascade),
            Statement::Analyze(tables) => {
                self.tag(sid, "ANALYZE");
                let mut steps = Vec::new();
                for table in tables {
                    let (open, name) = (table.clone(), table.clone());
                    let mode = LockMode::ShareUpdateExclusive;
                    steps.push(act(move |db, sid| db.open(sid, &open, mode)));
                    steps.push(act(move |db, sid| {
                        let relation = db.by_name(sid, &name)?;
                        let mut steps = Vec::new();
                        for part in db.partitions(sid, relation.oid).iter().chain([&relation]) {
                            if part.oid != relation.oid {
                                // Read once for the whole, then analyzed by itself.
                                steps.push(lock(part.oid, LockMode::AccessShare));
                            }
                            steps.push(lock(part.oid, mode));
                            steps.extend(lock_indexes(part, LockMode::AccessShare));
                            // Without rows there is nothing to write about them.
                            let heap = db.heaps.get(&part.filenode);
                            if heap.is_some_and(|heap| !heap.tuples.is_empty()) {
                                db.change(sid, part.oid, |table| table.counted = true)?;
                                steps.push(writes());
                            }
                        }
                        Ok(steps)
                    }));
                }
                Ok(steps)
            }
            Statement::Vacuum { tables, full, skip_locked, .. } => {
                self.forbid_block(sid, "VACUUM")?;
                self.tag(sid, "VACUUM");
                let one = |table: &String| {
                    let (table, full, skip) = (table.clone(), *full, *skip_locked);
                    act(move |db, sid| db.vacuum(sid, &table, full, skip))
                };
                Ok(tables.iter().map(one).collect())
            }
            Statement::Cluster(table, index, tag) => {
                self.cluster(sid, table, index.as_deref(), tag)
            }
            Statement::Reindex { name, index, concurrently } => {
                self.tag(sid, "REINDEX");
                if *concurrently {
                    self.forbid_block(sid, "REINDEX CONCURRENTLY")?;
                    return self.reindex_concurrently(sid, name);
                }
                self.reindex(sid, name, *index)
            }
            Statement::Refresh(name, concurrently) => self.refresh(sid, name, *concurrently),
            other => Err(SqlError::unsupported(format!("{other:?}"))),
        }
    }

    fn truncate(&mut self, sid: SessionId, tables: &[String], cascade: bool) -> Stepped {
        self.tag(sid, "TRUNCATE TABLE");
        let mut steps = Vec::new();
        for table in tables {
            let (open, name) = (table.clone(), table.clone());
            steps.push(act(move |db, sid| db.open(sid, &open, LockMode::AccessExclusive)));
            steps.push(act(move |db, sid| {
                let oid = db.by_name(sid, &name)?.oid;
                let partitions = db.partitions(sid, oid);
                Ok(partitions.iter().map(|it| lock(it.oid, LockMode::AccessExclusive)).collect())
            }));
        }
        let tables = tables.to_vec();
        steps.push(act(move |db, sid| {
            let mut steps = Vec::new();
            let mut all = Vec::new();
            for table in &tables {
                let relation = db.by_name(sid, table)?;
                all.extend(db.partitions(sid, relation.oid));
                all.push(relation);
            }
            let mut at = 0;
            while let Some(relation) = all.get(at).cloned() {
                at += 1;
                for (child, _) in db.referencing(sid, relation.oid) {
                    if all.iter().any(|it| it.oid == child.oid) {
                        continue;
                    }
                    if !cascade {
                        return Err(referenced(&child.name, &relation.name));
                    }
                    db.notice(
                        sid,
                        &format!("NOTICE: truncate cascades to table \"{}\"", child.name),
                    );
                    steps.push(lock(child.oid, LockMode::AccessExclusive));
                    all.push(child);
                }
            }
            for relation in all.into_iter().filter(|relation| !relation.is_partitioned()) {
                if let Some((toast, _)) = relation.toast {
                    steps.push(lock(toast, LockMode::AccessExclusive));
                }
                steps.extend(reindex(&relation, true));
                let oid = relation.oid;
                steps.push(act(move |db, sid| {
                    let filenode = db.new_object(0, "");
                    db.change(sid, oid, |relation| relation.filenode = filenode)?;
                    Ok(Vec::new())
                }));
            }
            Ok(steps)
        }));
        Ok(steps)
    }

    /// VACUUM of one table. With a cost delay it sleeps as soon as it reads a page.
    fn vacuum(&mut self, sid: SessionId, table: &str, full: bool, skip: bool) -> Stepped {
        let relation = self.by_name(sid, table)?;
        let mode = if full { LockMode::AccessExclusive } else { LockMode::ShareUpdateExclusive };
        let name = table.to_owned();
        let oid = relation.oid;
        let work = act(move |db, sid| {
            let relation = db.get(sid, oid)?;
            let session = db.sessions.get(&sid);
            let delay = session.map_or(0, |it| it.milliseconds("vacuum_cost_delay", 0));
            let pages = db.heaps.get(&relation.filenode).is_some_and(|it| !it.tuples.is_empty());
            if full || delay == 0 || !pages {
                db.change(sid, oid, |relation| relation.counted |= pages)?;
                db.next_transaction(sid);
                return Ok(Vec::new());
            }
            let mut steps = lock_indexes(&relation, LockMode::RowExclusive);
            steps.push(act(move |db, sid| {
                let tells = !db.version.profile().lmgr.fast_path_groups;
                let Some(session) = db.sessions.get_mut(&sid) else { return Ok(Vec::new()) };
                session.busy = true;
                let context =
                    format!("while scanning block 0 of relation \"public.{}\"", relation.name);
                session.context = tells.then_some(context);
                Ok(Vec::new())
            }));
            Ok(steps)
        });
        if skip {
            let tag = LockTag::relation(DATABASE, oid);
            let warning = format!("WARNING: skipping vacuum of \"{name}\" --- lock not available");
            let other = act(move |db, sid| {
                db.notice(sid, &warning);
                Ok(Vec::new())
            });
            return Ok(vec![Step::LockOrElse(tag, mode, vec![work], vec![other])]);
        }
        let mut steps = self.open(sid, table, mode)?;
        steps.push(work);
        Ok(steps)
    }

    fn cluster(&mut self, sid: SessionId, table: &str, index: Option<&str>, tag: &str) -> Stepped {
        self.tag(sid, tag);
        let mut steps = self.open(sid, table, LockMode::AccessExclusive)?;
        let (table, index) = (table.to_owned(), index.map(str::to_owned));
        steps.push(act(move |db, sid| {
            let relation = db.by_name(sid, &table)?;
            let mut steps = Vec::new();
            if let Some(index) = &index {
                let oid = db.by_name(sid, index)?.oid;
                steps.push(lock(oid, LockMode::AccessExclusive));
                // The planner compares a sort with a scan of the index.
                steps.extend(lock_indexes(&relation, LockMode::AccessShare));
            }
            steps.extend(db.rewrite(&relation, false));
            Ok(steps)
        }));
        Ok(steps)
    }

    fn reindex(&mut self, sid: SessionId, name: &str, index: bool) -> Stepped {
        let relation = self.by_name(sid, name)?;
        if let (true, Kind::Index(of)) = (index, &relation.kind) {
            return Ok(vec![
                lock(of.table, LockMode::Share),
                lock(relation.oid, LockMode::AccessExclusive),
                writes(),
            ]);
        }
        let mut steps = self.open(sid, name, LockMode::Share)?;
        let name = name.to_owned();
        steps.push(act(move |db, sid| {
            let mut steps = reindex(&*db.by_name(sid, &name)?, true);
            steps.push(writes());
            Ok(steps)
        }));
        Ok(steps)
    }

    /// REINDEX CONCURRENTLY: like CREATE INDEX CONCURRENTLY, then the old indexes go.
    fn reindex_concurrently(&mut self, sid: SessionId, name: &str) -> Stepped {
        let relation = self.by_name(sid, name)?;
        let mode = LockMode::ShareUpdateExclusive;
        let (table, indexes) = match &relation.kind {
            Kind::Index(of) => (of.table, vec![relation.oid]),
            _ => (relation.oid, relation.indexes.clone()),
        };
        let tag = |oid| LockTag::relation(DATABASE, oid);
        let mut steps = vec![lock(table, mode)];
        let mut locked = vec![table];
        for index in indexes {
            locked.push(index);
            locked.push(self.new_oid(""));
        }
        if let (Kind::Table, Some((toast, index))) = (&relation.kind, relation.toast) {
            locked.extend([toast, index, self.new_oid("")]);
        }
        steps.extend(locked.iter().map(|oid| Step::Lock(tag(*oid), mode, Whose::Session)));
        for wait in [LockMode::Share, LockMode::Share] {
            steps.push(act(move |db, sid| {
                db.assign_xid(sid);
                db.next_transaction(sid);
                Ok(db.wait_for_lockers(sid, table, wait))
            }));
        }
        steps.push(act(|db, sid| {
            db.next_transaction(sid);
            Ok(db.wait_for_snapshots(sid))
        }));
        for wait in [LockMode::AccessExclusive, LockMode::AccessExclusive] {
            steps.push(act(move |db, sid| {
                db.next_transaction(sid);
                Ok(db.wait_for_lockers(sid, table, wait))
            }));
        }
        steps.push(act(move |db, sid| {
            for oid in &locked {
                db.unlock_session(sid, *oid);
            }
            Ok(Vec::new())
        }));
        Ok(steps)
    }

    fn refresh(&mut self, sid: SessionId, name: &str, concurrently: bool) -> Stepped {
        self.tag(sid, "REFRESH MATERIALIZED VIEW");
        let mode = if concurrently { LockMode::Exclusive } else { LockMode::AccessExclusive };
        let mut steps = self.open(sid, name, mode)?;
        let name = name.to_owned();
        steps.push(act(move |db, sid| {
            let view = db.by_name(sid, &name)?;
            let Kind::MatView(select) = &view.kind else {
                let message = format!("\"{name}\" is not a materialized view");
                return Err(SqlError::new("0A000", message));
            };
            let mut steps = db.lock_query(select);
            steps.extend(db.plan_query(select));
            if concurrently {
                steps.extend(db.refresh_by_merge(&view));
            } else {
                if !db.version.profile().lmgr.nowait_goes_ahead {
                    steps.push(lock(view.oid, LockMode::AccessShare));
                }
                // The old rows stay readable until they are swapped (`make_new_heap`).
                steps.push(lock(view.oid, LockMode::Exclusive));
                steps.extend(db.rewrite(&view, false));
            }
            let (oid, select): (u32, Select) = (view.oid, select.clone());
            steps.push(act(move |db, sid| {
                db.fill_matview(sid, oid, &select)?;
                Ok(Vec::new())
            }));
            Ok(steps)
        }));
        Ok(steps)
    }

    /// REFRESH ... CONCURRENTLY: the new rows go into a temporary table, the differences into
    /// another, and from there into the view (`refresh_by_match_merge`).
    fn refresh_by_merge(&mut self, view: &crate::catalog::Relation) -> Vec<Step> {
        let schema = self.new_object(PG_NAMESPACE, "");
        let mut steps = vec![lock_object(PG_NAMESPACE, schema, LockMode::AccessShare)];
        let others = [LockMode::AccessShare, LockMode::ShareUpdateExclusive];
        for writes_rows in [false, true] {
            let table = self.new_oid("");
            let types = [self.new_object(PG_TYPE, ""), self.new_object(PG_TYPE, "")];
            steps.push(lock(table, LockMode::AccessExclusive));
            steps.extend(others.map(|mode| lock(table, mode)));
            if self.depends() {
                steps.push(lock_object(PG_TYPE, types[1], LockMode::AccessShare));
            }
            steps.extend(types.map(|oid| lock_object(PG_TYPE, oid, LockMode::AccessExclusive)));
            if writes_rows {
                steps.push(lock(table, LockMode::RowExclusive));
                // It keeps whole rows, which may be long.
                let (toast, index) = (self.new_oid(""), self.new_oid(""));
                steps.push(lock(toast, LockMode::AccessExclusive));
                steps.push(lock(toast, LockMode::Share));
                steps.push(lock(index, LockMode::AccessExclusive));
            }
        }
        for mode in [LockMode::AccessShare, LockMode::RowExclusive] {
            steps.push(lock(view.oid, mode));
            steps.extend(lock_indexes(view, mode));
        }
        steps.push(writes());
        steps
    }
}

fn referenced(child: &str, parent: &str) -> SqlError {
    SqlError::new("0A000", "cannot truncate a table referenced in a foreign key constraint")
        .detail(format!("Table \"{child}\" references \"{parent}\"."))
        .hint(format!("Truncate table \"{child}\" at the same time, or use TRUNCATE ... CASCADE."))
}
