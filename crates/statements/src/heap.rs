//! Rows and their versions: who made them, who locked them, what became of them.
//!
//! PostgreSQL: `heapam_visibility.c`, and of `heapam.c` what the header of a tuple says.

use crate::ast::{RowLock, Value};
use crate::database::Database;
use crate::session::SessionId;

/// A row version's place: block and offset.
pub(crate) type Tid = (u32, u16);

/// Bytes of a page that rows can have.
const PAGE: usize = 8192 - 24;

/// A transaction in a version's `xmax`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Locker {
    pub(crate) xid: u32,
    pub(crate) strength: RowLock,
    /// It has updated or deleted the version.
    pub(crate) update: bool,
    pub(crate) cid: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Tuple {
    pub(crate) tid: Tid,
    pub(crate) xmin: u32,
    pub(crate) cmin: u32,
    pub(crate) lockers: Vec<Locker>,
    pub(crate) next: Option<Tid>,
    pub(crate) values: Vec<Value>,
}

/// A table's rows, in the order of their places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heap {
    pub(crate) tuples: Vec<Tuple>,
    used: usize,
}

impl Heap {
    pub(crate) fn tuple(&self, tid: Tid) -> Option<&Tuple> {
        let at = self.tuples.binary_search_by_key(&tid, |tuple| tuple.tid).ok()?;
        self.tuples.get(at)
    }

    pub(crate) fn tuple_mut(&mut self, tid: Tid) -> Option<&mut Tuple> {
        let at = self.tuples.binary_search_by_key(&tid, |tuple| tuple.tid).ok()?;
        self.tuples.get_mut(at)
    }

    /// Put a version behind the last one.
    pub(crate) fn add(
        &mut self,
        xmin: u32,
        cmin: u32,
        values: Vec<Value>,
        lockers: Vec<Locker>,
    ) -> Tid {
        let bytes = size(&values) + 4;
        let last = self.tuples.last().map(|tuple| tuple.tid);
        let tid = match last {
            Some((block, offset)) if self.used + bytes <= PAGE => (block, offset + 1),
            Some((block, _)) => (block + 1, 1),
            None => (0, 1),
        };
        self.used = if tid.1 == 1 { bytes } else { self.used + bytes };
        self.tuples.push(Tuple { tid, xmin, cmin, lockers, next: None, values });
        tid
    }
}

/// Bytes of a version with these values, of integers and short texts.
fn size(values: &[Value]) -> usize {
    let mut data = 0_usize;
    for value in values {
        data = match value {
            Value::Int(_) => data.next_multiple_of(4) + 4,
            Value::Text(text) => data + 1 + text.len(),
            Value::Bool(_) => data + 1,
            Value::Null | Value::Void => data,
        };
    }
    24 + data.next_multiple_of(8)
}

/// What stands in the way of changing or locking a version (`HeapTupleSatisfiesUpdate`).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Satisfies {
    /// Nothing.
    Ok,
    /// The own transaction has changed it.
    SelfModified,
    /// It was updated; this is the next version.
    Updated(Tid),
    /// It was deleted.
    Deleted,
    /// These transactions have it; `member` if the own one is among its lockers.
    Wait { xids: Vec<u32>, member: bool },
}

impl Database {
    pub(crate) fn heap(&mut self, filenode: u32) -> &mut Heap {
        self.heaps.entry(filenode).or_default()
    }

    pub(crate) fn satisfies(
        &self,
        sid: SessionId,
        filenode: u32,
        tid: Tid,
        strength: RowLock,
    ) -> Satisfies {
        let tuple = self.heaps.get(&filenode).and_then(|heap| heap.tuple(tid));
        let Some(tuple) = tuple else { return Satisfies::Deleted };
        let alive = |locker: &&Locker| !self.aborted(locker.xid);
        if let Some(updater) = tuple.lockers.iter().filter(alive).find(|it| it.update) {
            if self.is_own(sid, updater.xid) {
                return Satisfies::SelfModified;
            }
            if self.committed(updater.xid).is_some() {
                return tuple.next.map_or(Satisfies::Deleted, Satisfies::Updated);
            }
        }
        let under_way = |locker: &&Locker| self.in_progress(locker.xid);
        let others = tuple.lockers.iter().filter(under_way);
        let others = others.filter(|it| !self.is_own(sid, it.xid));
        let mut xids: Vec<u32> =
            others.filter(|it| it.strength.conflicts_with(strength)).map(|it| it.xid).collect();
        xids.sort_unstable();
        xids.dedup();
        if xids.is_empty() {
            return Satisfies::Ok;
        }
        let member = tuple.lockers.iter().any(|it| self.is_own(sid, it.xid));
        Satisfies::Wait { xids, member }
    }

    /// Whether a statement of the session sees the version.
    pub(crate) fn sees(&self, sid: SessionId, tuple: &Tuple) -> bool {
        let (snapshot, cid) = self.snapshot(sid);
        let done = |xid: u32, at: u32| {
            if self.is_own(sid, xid) {
                at < cid
            } else {
                self.committed(xid).is_some_and(|seq| seq <= snapshot)
            }
        };
        let gone = |locker: &Locker| locker.update && done(locker.xid, locker.cid);
        !self.aborted(tuple.xmin) && done(tuple.xmin, tuple.cmin) && !tuple.lockers.iter().any(gone)
    }
}
