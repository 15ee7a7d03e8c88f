//! Predicate locks of SERIALIZABLE transactions: what they have read.
//!
//! PostgreSQL: `predicate.c`. Nobody waits for these. A scan of a table locks the whole of it, a
//! search by an index the index's page and the rows found. They stay after the commit as long as
//! a serializable transaction runs that began before it.

use crate::ast::{Expr, Isolation};
use crate::catalog::{Kind, Relation};
use crate::database::Database;
use crate::heap::Tid;
use crate::naming::Shown;
use crate::session::SessionId;

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Target {
    Relation(u32),
    /// A page of an index: small ones have one, their root.
    Page(u32, u32),
    Tuple(u32, Tid),
}

/// A predicate lock.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    session: SessionId,
    target: Target,
    /// When its transaction was committed.
    committed: Option<u64>,
}

impl Database {
    /// A statement has read rows of a table.
    pub(crate) fn has_read(
        &mut self,
        sid: SessionId,
        relation: &Relation,
        filter: Option<&Expr>,
        found: &[Tid],
    ) {
        let serializable =
            self.transaction(sid).is_some_and(|it| it.isolation == Isolation::Serializable);
        if !serializable || relation.oid < 16_384 {
            return;
        }
        let targets = match self.index_for(sid, relation, filter) {
            None => vec![Target::Relation(relation.oid)],
            Some(index) => {
                let rows = found.iter().map(|tid| Target::Tuple(relation.oid, *tid));
                std::iter::once(Target::Page(index, 1)).chain(rows).collect()
            }
        };
        let held = |reads: &[Read], target: Target| {
            let own = |it: &&Read| it.session == sid && it.committed.is_none();
            reads
                .iter()
                .filter(own)
                .any(|it| it.target == target || it.target == Target::Relation(relation.oid))
        };
        for target in targets {
            if !held(&self.reads, target) {
                // The whole table stands for its rows.
                if target == Target::Relation(relation.oid) {
                    self.reads.retain(|it| {
                        let row = matches!(it.target, Target::Tuple(oid, _) if oid == relation.oid);
                        !(row && it.session == sid && it.committed.is_none())
                    });
                }
                self.reads.push(Read { session: sid, target, committed: None });
            }
        }
    }

    /// The index that the planner takes: for a key's value, unless the table is known to be
    /// small, for which reading all of it is cheaper.
    fn index_for(&self, sid: SessionId, table: &Relation, filter: Option<&Expr>) -> Option<u32> {
        let settings = &self.sessions.get(&sid)?.settings;
        let scans = settings.get("enable_seqscan").is_none_or(|value| value != "off");
        if table.counted && scans {
            return None;
        }
        let filter = filter?;
        table.indexes.iter().copied().find(|oid| {
            let index = self.relation(sid, *oid);
            index.is_some_and(|index| match &index.kind {
                Kind::Index(index) => index.columns.first().is_some_and(|it| asks_for(filter, it)),
                _ => false,
            })
        })
    }

    /// A serializable transaction has ended; what nobody needs any more goes.
    pub(crate) fn end_reads(&mut self, sid: SessionId, commit: bool) {
        let now = self.commits;
        for read in self.reads.iter_mut().filter(|it| it.session == sid) {
            if commit && read.committed.is_none() {
                read.committed = Some(now);
            }
        }
        if !commit {
            self.reads.retain(|it| it.session != sid || it.committed.is_some());
        }
        let running = self.sessions.values().filter_map(|session| session.transaction.as_ref());
        let running = running.filter(|it| it.isolation == Isolation::Serializable && !it.aborted);
        let oldest = running.filter_map(|it| it.snapshot).min();
        self.reads
            .retain(|it| it.committed.is_none_or(|at| oldest.is_some_and(|oldest| oldest < at)));
    }

    /// Their rows in `pg_locks`.
    pub(crate) fn read_rows(&self) -> Vec<Shown> {
        let row = |read: &Read| {
            let (locktype, target) = match read.target {
                Target::Relation(oid) => ("relation", self.object_name(0, oid)),
                Target::Page(oid, page) => ("page", format!("{} {page}", self.object_name(0, oid))),
                Target::Tuple(oid, (block, offset)) => {
                    ("tuple", format!("{} ({block},{offset})", self.object_name(0, oid)))
                }
            };
            Shown {
                session: self.session_name(read.session).to_owned(),
                locktype,
                target,
                mode: "SIReadLock",
                granted: true,
                fastpath: false,
                shared: false,
            }
        };
        self.reads.iter().map(row).collect()
    }
}

/// Whether a filter asks for one value of a column.
fn asks_for(filter: &Expr, column: &str) -> bool {
    match filter {
        Expr::Binary(sign, left, right) if sign == "and" => {
            asks_for(left, column) || asks_for(right, column)
        }
        Expr::Binary(sign, left, right) => {
            sign == "="
                && **left == Expr::Column(column.to_owned())
                && matches!(**right, Expr::Value(_))
        }
        _ => false,
    }
}
