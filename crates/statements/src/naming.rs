//! Names in place of the numbers that no two servers have alike: in rows of `pg_locks`, in messages,
//! and for whom a session waits.

use pgscope_core::lmgr::{DeadlockEdge, LockMethod, LockRow, LockTag, LockTagType, ProcNumber};

use crate::database::Database;
use crate::error::SqlError;
use crate::transaction::Xid;

impl Database {
    /// The error of a deadlock (`DeadLockReport`).
    pub(crate) fn deadlock_report(&mut self, edges: &[DeadlockEdge]) -> SqlError {
        let mut lines = Vec::new();
        for (at, edge) in edges.iter().enumerate() {
            let next = edges.get(at + 1).or(edges.first()).map_or(edge.proc, |next| next.proc);
            lines.push(format!(
                "Process <{}> waits for {} on {}; blocked by process <{}>.",
                self.proc_name(edge.proc),
                edge.mode.name(),
                self.describe(&edge.tag),
                self.proc_name(next)
            ));
        }
        SqlError::new("40P01", "deadlock detected")
            .detail(lines.join("\n"))
            .hint("See server log for query details.")
    }

    /// An OID for a new object; one that the recording names, if it does.
    pub(crate) fn new_oid(&mut self, name: &str) -> u32 {
        let known = self.oids.remove(name);
        let oid = known.unwrap_or(self.next_oid);
        if known.is_none() {
            self.next_oid += 1;
        }
        if !self.set_up {
            self.name(0, oid, name);
        }
        oid
    }

    /// An OID for an object that is no relation; named if the set-up makes it.
    pub(crate) fn new_object(&mut self, class: u32, name: &str) -> u32 {
        let oid = self.next_oid;
        self.next_oid += 1;
        if !self.set_up && !name.is_empty() {
            self.name(class, oid, name);
        }
        oid
    }

    pub(crate) fn name(&mut self, class: u32, oid: u32, name: &str) {
        self.names.insert((class, oid), name.to_owned());
    }

    fn proc_name(&self, proc: ProcNumber) -> String {
        if self.locks.is_prepared(proc) {
            return "prepared".into();
        }
        let session = self.sessions.values().find(|it| it.proc == proc && !it.closed);
        session.map_or_else(String::new, |session| session.name.clone())
    }

    /// Rows of `pg_locks`, sorted. Objects get names as they are first seen.
    pub fn locks(&mut self) -> Vec<Shown> {
        let rows = self.locks.lock_status();
        self.name_new(&rows);
        let mut shown: Vec<Shown> = rows.iter().map(|row| self.shown(row)).collect();
        shown.extend(self.read_rows());
        shown.sort();
        shown
    }

    fn name_new(&mut self, rows: &[LockRow]) {
        let mut objects = Vec::new();
        let mut xids = Vec::new();
        for LockRow { tag, .. } in rows {
            match tag.kind {
                LockTagType::Relation | LockTagType::Tuple | LockTagType::Page => {
                    objects.push((tag.field2, 0));
                }
                LockTagType::Object => objects.push((tag.field3, tag.field2)),
                LockTagType::Transaction => xids.push(tag.field1),
                _ => {}
            }
        }
        objects.sort_unstable();
        objects.dedup();
        for (oid, class) in objects {
            if !self.names.contains_key(&(class, oid)) {
                self.new_objects += 1;
                let name = format!("new{}", self.new_objects);
                self.names.insert((class, oid), name);
            }
        }
        xids.sort_unstable();
        for xid in xids {
            self.name_xid(xid);
        }
    }

    fn name_xid(&mut self, xid: u32) {
        if self.xid_names.contains_key(&xid) {
            return;
        }
        let Some(Xid { session, .. }) = self.xids.get(&xid) else { return };
        let session = self.sessions.get(session).map_or("", |session| &session.name);
        let before = self
            .xid_names
            .values()
            .filter(|name| name.trim_end_matches(|c: char| c.is_ascii_digit()) == session);
        let name = format!("{session}{}", before.count() + 1);
        self.xid_names.insert(xid, name);
    }

    pub(crate) fn object_name(&self, class: u32, oid: u32) -> String {
        self.names.get(&(class, oid)).cloned().unwrap_or_else(|| oid.to_string())
    }

    fn xid_name(&self, xid: u32) -> String {
        self.xid_names.get(&xid).cloned().unwrap_or_else(|| xid.to_string())
    }

    fn shown(&self, row: &LockRow) -> Shown {
        let LockTag { field1, field2, field3, field4, kind, method } = row.tag;
        let relation = || self.object_name(0, field2);
        let target = match kind {
            LockTagType::Relation | LockTagType::Extend => relation(),
            LockTagType::Page => format!("{} {field3}", relation()),
            LockTagType::Tuple => format!("{} ({field3},{field4})", relation()),
            LockTagType::Transaction => self.xid_name(field1),
            LockTagType::VirtualTransaction => self.proc_name(ProcNumber(field1)),
            LockTagType::Object => {
                format!("{} {}", class_name(field2), self.object_name(field2, field3))
            }
            _ => format!("{field2},{field3},{field4}"),
        };
        let in_database = [LockTagType::Relation, LockTagType::Object].contains(&kind);
        Shown {
            session: self.proc_name(row.proc),
            locktype: kind.name(),
            target,
            mode: row.mode.name(),
            granted: row.granted,
            fastpath: row.fastpath,
            shared: in_database && field1 == 0 && method == LockMethod::Default,
        }
    }

    /// Who waits: the session, the kind of object and the names of its blockers.
    pub fn waits(&self) -> Vec<(String, &'static str, Vec<String>)> {
        let mut all = Vec::new();
        for session in self.sessions.values() {
            let Some((tag, _)) = self.locks.waits_for(session.proc) else { continue };
            let blockers = self.locks.blocking(session.proc);
            let mut blockers: Vec<String> =
                blockers.into_iter().map(|proc| self.proc_name(proc)).collect();
            blockers.sort();
            all.push((session.name.clone(), tag.kind.name(), blockers));
        }
        all.sort();
        all
    }

    /// What messages call an object (`DescribeLockTag`), with names in place of numbers.
    pub(crate) fn describe(&mut self, tag: &LockTag) -> String {
        let LockTag { field1, field2, field3, field4, kind, .. } = *tag;
        let relation = format!("relation <{}> of database <db>", self.object_name(0, field2));
        match kind {
            LockTagType::Relation => relation,
            LockTagType::Extend => format!("extension of {relation}"),
            LockTagType::Page => format!("page {field3} of {relation}"),
            LockTagType::Tuple => format!("tuple ({field3},{field4}) of {relation}"),
            LockTagType::Transaction => {
                self.name_xid(field1);
                format!("transaction <{}>", self.xid_name(field1))
            }
            LockTagType::VirtualTransaction => {
                format!("virtual transaction <{}>", self.proc_name(ProcNumber(field1)))
            }
            LockTagType::Advisory => format!("advisory lock [<db>,{field2},{field3},{field4}]"),
            _ => tag.to_string(),
        }
    }
}

/// A row of `pg_locks` with names in place of numbers that no two servers have alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shown {
    /// Whose: a session's name or `prepared`.
    pub session: String,
    /// The kind of object.
    pub locktype: &'static str,
    /// What.
    pub target: String,
    /// How.
    pub mode: &'static str,
    /// Held, not waited for.
    pub granted: bool,
    /// By the fast path.
    pub fastpath: bool,
    /// In no database.
    pub shared: bool,
}

fn class_name(class: u32) -> &'static str {
    match class {
        crate::catalog::PG_TYPE => "pg_type",
        crate::catalog::PG_PROC => "pg_proc",
        crate::catalog::PG_CONSTRAINT => "pg_constraint",
        crate::catalog::PG_NAMESPACE => "pg_namespace",
        crate::catalog::PG_REWRITE => "pg_rewrite",
        crate::catalog::PG_TRIGGER => "pg_trigger",
        crate::catalog::PG_POLICY => "pg_policy",
        _ => "",
    }
}
