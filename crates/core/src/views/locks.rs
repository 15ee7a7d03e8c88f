//! The lock table: who holds what, who waits for whom, and how full it is.
//!
//! PostgreSQL: `pg_lock_status`, `pg_blocking_pids` (`lockfuncs.c`). [`lock_table`] is the same for
//! a picture: an object at a time, with its holders and its queue in order.

use crate::Server;
use crate::bufmgr::smgr::Smgr;
use crate::ids::{BackendId, RelId};
use crate::lmgr::{LockMode, LockRow, LockTable, LockTag, LockTagType, ProcNumber};

use super::statistics::add;

/// The columns of `pg_locks`, in all versions since 14.
pub(super) const PG_LOCKS: &[&str] = &[
    "locktype",
    "database",
    "relation",
    "page",
    "tuple",
    "virtualxid",
    "transactionid",
    "classid",
    "objid",
    "objsubid",
    "virtualtransaction",
    "pid",
    "mode",
    "granted",
    "fastpath",
    "waitstart",
];

/// The columns of `lock_tables`.
pub(super) const LOCK_TABLES: &[&str] =
    &["name", "entries", "max_entries", "free_elements", "grows_by", "free_shared_memory"];

/// A locked object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockView {
    /// What is locked.
    pub tag: LockTag,
    /// The table that it is, or is part of.
    pub relation: Option<RelId>,
    /// It has a LOCK in the shared table; otherwise its holders have it in fast-path slots.
    pub shared: bool,
    /// Who holds it, in the order in which they came, and the modes as a mask: see
    /// [`modes`](crate::lmgr::modes).
    pub holders: Vec<(BackendId, u16)>,
    /// Who waits for it, in the queue's order.
    pub waiters: Vec<LockWaiter>,
}

/// A place in a wait queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockWaiter {
    /// Who.
    pub backend: BackendId,
    /// For which mode.
    pub mode: LockMode,
    /// Whom it waits for: who holds what conflicts, or stands before it and wants it.
    pub blocked_by: Vec<BackendId>,
}

/// Every locked object but virtual transactions: first those of the shared table, then those in
/// fast-path slots only.
pub fn lock_table(server: &Server) -> Vec<LockView> {
    let locks = server.locks();
    let backend = |proc: ProcNumber| server.backend_of(proc);
    let mut table: Vec<LockView> = Vec::new();
    for tag in locks.locked().filter(|tag| tag.kind != LockTagType::VirtualTransaction) {
        let held = locks.holders(&tag).filter(|(_, mask)| *mask != 0);
        let holders = held.filter_map(|(proc, mask)| Some((backend(proc)?, mask))).collect();
        let waiters = locks.queue(&tag).filter_map(|(proc, mode)| {
            let blocked_by = locks.blocking(proc).into_iter().filter_map(backend).collect();
            Some(LockWaiter { backend: backend(proc)?, mode, blocked_by })
        });
        let waiters = waiters.collect();
        table.push(LockView { tag, relation: relation(&tag), shared: true, holders, waiters });
    }
    let in_table = table.len();
    for (id, holder) in server.backends() {
        let slots = locks.fast_path(holder.proc_number()).iter();
        for &(number, mask) in slots.filter(|(_, mask)| *mask != 0) {
            let tag = LockTag::relation(crate::bufmgr::smgr::DATABASE, number);
            let known = table[in_table..].iter_mut().find(|view| view.tag == tag);
            match known {
                Some(view) => view.holders.push((id, mask)),
                None => table.push(LockView {
                    tag,
                    relation: relation(&tag),
                    shared: false,
                    holders: vec![(id, mask)],
                    waiters: Vec::new(),
                }),
            }
        }
    }
    table
}

fn relation(tag: &LockTag) -> Option<RelId> {
    match tag.kind {
        LockTagType::Relation | LockTagType::Page | LockTagType::Tuple => {
            Some(Smgr::relation_of(tag.field2))
        }
        _ => None,
    }
}

pub(super) fn pg_locks(server: &Server, most: usize) -> Vec<Vec<String>> {
    let rows = server.locks().lock_status();
    rows.iter().take(most).map(|row| lock_row(server, row)).collect()
}

/// One row (`pg_lock_status`). When a wait began is a time, which the playground has not.
fn lock_row(server: &Server, row: &LockRow) -> Vec<String> {
    let LockTag { field1, field2, field3, field4, kind, .. } = row.tag;
    let (one, two, three) = (field1.to_string(), field2.to_string(), field3.to_string());
    let virtual_xid = || format!("{field1}/{field2}");
    let four = field4.to_string();
    // From `database` to `objsubid`.
    let mut target = [const { String::new() }; 9];
    match kind {
        LockTagType::Relation | LockTagType::Extend => [target[0], target[1]] = [one, two],
        LockTagType::FrozenIds => target[0] = one,
        LockTagType::Page => [target[0], target[1], target[2]] = [one, two, three],
        LockTagType::Tuple => {
            [target[0], target[1], target[2], target[3]] = [one, two, three, four];
        }
        LockTagType::VirtualTransaction => target[4] = virtual_xid(),
        LockTagType::Transaction => target[5] = one,
        _ => [target[0], target[6], target[7], target[8]] = [one, two, three, four],
    }
    let id = server.backend_of(row.proc);
    let locks = server.locks();
    let number = locks.virtual_number(row.proc);
    let lxid = locks.virtual_transaction(row.proc).unwrap_or(0);
    let mut cells = vec![kind.name().to_owned()];
    cells.extend(target);
    cells.push(number.map_or_else(String::new, |number| format!("{number}/{lxid}")));
    cells.push(id.map_or_else(String::new, |id| server.pid(id).to_string()));
    cells.push(row.mode.name().to_owned());
    cells.extend([row.granted, row.fastpath].map(|it| if it { "t" } else { "f" }.to_owned()));
    cells
}

pub(super) fn lock_tables(server: &Server) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for table in server.locks().tables() {
        let LockTable { name, entries, most, free, grows, shared } = table;
        let mut cells = vec![name.to_owned()];
        add(&mut cells, &[entries as u64, most.into(), free.into(), grows.into(), shared]);
        rows.push(cells);
    }
    rows
}
