//! Statements about heavyweight locks, and those that a statement takes by itself.
//!
//! `LOCK TABLE` and the advisory functions go the way of every statement: a transaction, a portal,
//! the lock, the end. Who has to wait sleeps there (`ProcSleep`): the rest of the statement is
//! put off until another step awakens it ([`waits`]). Locks end with their transaction or its
//! savepoint ([`release`]).

mod release;
mod waits;

use crate::bufmgr::smgr::{DATABASE, Smgr};
use crate::error::{Error, Fallible, Warning};
use crate::event::Event;
use crate::ids::{BackendId, RelId};
use crate::lmgr::{Acquired, DeadlockEdge, LockMethod, LockMode, LockTag, LockTagType, Owner};
use crate::op::{AdvisoryKey, Bulk, LockStmt, LockTarget, Op};
use crate::server::{Outcome, Server, Skipped};

/// What locks may take up in all, whatever the settings allow.
const MAX_LOCK_BYTES: usize = 32 << 20;

/// How a request for a lock went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    Held,
    Waits,
    NotAvailable,
}

impl Server {
    /// A client's statement about locks, from its message to the top of the main loop.
    pub(super) fn lock_statement(&mut self, id: BackendId, statement: &LockStmt) -> Fallible<()> {
        self.exec_simple_query(id, false)?;
        // The functions are called in a query.
        let columns = match statement {
            LockStmt::Advisory { .. }
            | LockStmt::AdvisoryUnlock { .. }
            | LockStmt::AdvisoryUnlockAll
            | LockStmt::AssignXid => Some(1),
            _ => None,
        };
        self.run_portal(id, columns)?;
        match self.execute_lock_statement(id, statement) {
            Ok(Taken::Waits) => {
                if let LockStmt::WaitFor(_) = statement {
                    self.release_when_awake(id)?;
                }
                self.at(id)?.locks.rest.push(Op::QueryEnd { backend: id });
                Ok(())
            }
            Ok(_) => self.end_statement(id),
            Err(error) if *error == Error::Stopped => Err(error),
            Err(error) => {
                self.abort_statement(id)?;
                Err(error)
            }
        }
    }

    fn execute_lock_statement(&mut self, id: BackendId, statement: &LockStmt) -> Fallible<Taken> {
        let current = self.at(id)?.resource_owner();
        match *statement {
            LockStmt::Take { target, mode, nowait } => {
                if !self.at(id)?.is_transaction_block() {
                    return Err(Error::NoTransactionBlock("LOCK TABLE").into());
                }
                let tag = self.lock_tag(target)?;
                let taken = self.take_lock(id, current, tag, mode, nowait)?;
                match target {
                    LockTarget::Relation(rel) if taken == Taken::NotAvailable => {
                        Err(self.lock_not_available(rel).into())
                    }
                    _ => Ok(taken),
                }
            }
            LockStmt::Advisory { key, shared, transaction, nowait } => {
                let owner = if transaction { current } else { Owner::Session };
                self.take_lock(id, owner, advisory_tag(key), advisory_mode(shared), nowait)
            }
            LockStmt::AdvisoryUnlock { key, shared } => {
                let (tag, mode) = (advisory_tag(key), advisory_mode(shared));
                let proc = self.at(id)?.locks.proc;
                let released =
                    self.with_locks(|locks| locks.release(proc, Owner::Session, tag, mode))?;
                if !released {
                    self.log.emit(Event::Warned(Warning::LockNotOwned(mode)))?;
                }
                Ok(Taken::Held)
            }
            LockStmt::AdvisoryUnlockAll => {
                let proc = self.at(id)?.locks.proc;
                self.with_locks(|locks| locks.release_session(proc, LockMethod::User))?;
                Ok(Taken::Held)
            }
            LockStmt::AssignXid => {
                self.assign_transaction_id(id)?;
                Ok(Taken::Held)
            }
            LockStmt::WaitFor(other) => self.xact_lock_table_wait(id, other),
            LockStmt::Release(tag, mode) => {
                let proc = self.at(id)?.locks.proc;
                self.with_locks(|locks| locks.release(proc, current, tag, mode))?;
                Ok(Taken::Held)
            }
        }
    }

    /// `LockAcquire`, with its errors. The strongest lock on a relation needs a transaction id,
    /// to be told to standbys (`LogAccessExclusiveLockPrepare`).
    fn take_lock(
        &mut self,
        id: BackendId,
        owner: Owner,
        tag: LockTag,
        mode: LockMode,
        dont_wait: bool,
    ) -> Fallible<Taken> {
        if self.locks.bytes() > MAX_LOCK_BYTES {
            let limit = MAX_LOCK_BYTES as u64;
            return Err(Error::Limit { what: "bytes of lock tables", limit }.into());
        }
        let proc = self.at(id)?.locks.proc;
        let strongest = tag.kind == LockTagType::Relation && mode == LockMode::AccessExclusive;
        if strongest && !self.locks.holds(proc, &tag, mode) {
            self.assign_transaction_id(id)?;
        }
        match self.with_locks(|locks| locks.acquire(proc, owner, tag, mode, dont_wait))? {
            Acquired::Granted | Acquired::AlreadyHeld => Ok(Taken::Held),
            Acquired::NotAvailable => Ok(Taken::NotAvailable),
            Acquired::Waits => Ok(Taken::Waits),
            Acquired::Deadlock(edges) => Err(self.dead_lock_report(&edges).into()),
            Acquired::OutOfSharedMemory => {
                Err(Error::OutOfSharedMemory(self.profile.lmgr.out_of_memory_hint).into())
            }
        }
    }

    /// The error of a deadlock (`DeadLockReport`).
    fn dead_lock_report(&self, edges: &[DeadlockEdge]) -> Error {
        let pid = |edge: &DeadlockEdge| self.backend_of(edge.proc).map_or(0, |id| self.pid(id));
        let mut lines = String::new();
        for (edge, next) in edges.iter().zip(edges.iter().cycle().skip(1)) {
            let DeadlockEdge { tag, mode, .. } = edge;
            let line = format!(
                "Process {} waits for {} on {tag}; blocked by process {}.",
                pid(edge),
                mode.name(),
                pid(next)
            );
            lines.push_str(if lines.is_empty() { "" } else { "\n" });
            lines.push_str(&line);
        }
        Error::DeadlockDetected(lines.into())
    }

    /// `AssignTransactionId`: ids for the transaction and its savepoints that have none, the outermost first;
    /// each is locked (`XactLockTableInsert`).
    pub(super) fn assign_transaction_id(&mut self, id: BackendId) -> Fallible<()> {
        let innermost = self.at(id)?.session.levels.len().max(1) as u32;
        for level in 1..=innermost {
            let state = &self.at(id)?.locks;
            if state.xids.iter().any(|(of, _)| *of == level) {
                continue;
            }
            let xid = self.next_xid;
            self.next_xid = xid.wrapping_add(1).max(FIRST_NORMAL_TRANSACTION_ID);
            self.at(id)?.locks.xids.push((level, xid));
            let tag = LockTag::transaction(xid);
            self.take_lock(id, Owner::Level(level), tag, LockMode::Exclusive, false)?;
        }
        Ok(())
    }

    /// `XactLockTableWait`: the lock on the other's transaction id, given back at once.
    fn xact_lock_table_wait(&mut self, id: BackendId, other: BackendId) -> Fallible<Taken> {
        if other == id {
            return Err(Error::Protocol("a transaction does not wait for itself").into());
        }
        let Some(xid) = self.at(other)?.transaction_id() else { return Ok(Taken::Held) };
        let (tag, mode) = (LockTag::transaction(xid), LockMode::Share);
        let owner = self.at(id)?.resource_owner();
        let taken = self.take_lock(id, owner, tag, mode, false)?;
        if taken == Taken::Held {
            let proc = self.at(id)?.locks.proc;
            self.with_locks(|locks| locks.release(proc, owner, tag, mode))?;
        }
        Ok(taken)
    }

    fn relation_tag(rel: RelId) -> LockTag {
        LockTag::relation(DATABASE, Smgr::file_number(rel))
    }

    fn lock_tag(&self, target: LockTarget) -> Fallible<LockTag> {
        let rel = target.relation();
        if self.pool.smgr.relation(rel).is_none_or(|relation| relation.dropped) {
            return Err(Error::Protocol("there is no such table").into());
        }
        let number = Smgr::file_number(rel);
        Ok(match target {
            LockTarget::Relation(rel) => Self::relation_tag(rel),
            LockTarget::Page(_, block) => LockTag::page(DATABASE, number, block),
            LockTarget::Tuple(_, block, offset) => LockTag::tuple(DATABASE, number, block, offset),
        })
    }

    fn lock_not_available(&self, rel: RelId) -> Error {
        let relation = self.pool.smgr.relation(rel);
        Error::LockNotAvailable(relation.map_or_else(|| "".into(), |it| it.name.clone()))
    }

    /// An operation that changes or scans a table, with the locks on relations around it.
    pub(super) fn execute_with_locks(&mut self, op: &Op) -> Result<Outcome, Error> {
        let Some(id) = op.backend() else { return self.execute_alone(op) };
        let locked = self.lock_relations(id, op);
        match locked {
            Ok(true) => {}
            Ok(false) => {
                self.at(id)?.locks.rest.push(op.clone());
                return Ok(Outcome::Done);
            }
            Err(error) => {
                if *error != Error::Stopped {
                    let backend = self.at(id)?;
                    let session = &backend.session;
                    let within = session.statement.is_some() || session.running.is_some();
                    let ends = if within { backend.open_frames() } else { 0 };
                    self.abort_statement(id)?;
                    self.at(id)?.session.skip(ends, Skipped::Statement);
                    if let Op::BulkBegin { .. } = op {
                        self.table_access(id)?.bulk_refused(Error::clone(&error));
                    }
                }
                return Err(error.into());
            }
        }
        let outcome = self.execute_alone(op);
        if outcome != Err(Error::Stopped) {
            self.end_own_transaction(id, outcome.is_ok())?;
        }
        outcome
    }

    /// The locks that a statement takes before it works: on its tables and indexes, and on a
    /// transaction id if it changes anything. False: it has to wait.
    fn lock_relations(&mut self, id: BackendId, op: &Op) -> Fallible<bool> {
        let (rel, mode) = match *op {
            Op::BulkBegin { rel, ref bulk, .. } => (rel, bulk_mode(bulk)),
            Op::Insert { rel, .. } => (rel, LockMode::RowExclusive),
            Op::IndexScan { index, update, .. } => (index, row_mode(update)),
            Op::Truncate { rel, .. } => (rel, LockMode::AccessExclusive),
            _ => return Ok(true),
        };
        if self.at(id)?.is_in_transaction() {
            if self.is_aborted(id)? {
                return Err(Error::InFailedTransaction.into());
            }
            if let Op::BulkBegin { bulk: Bulk::Vacuum { .. }, .. } = op {
                return Err(self.prevent_in_transaction_block(id, "VACUUM")?.into());
            }
        } else {
            self.begin_own_transaction(id)?;
        }
        let index = self.pool.smgr.relation(rel).and_then(|relation| relation.index);
        // A table is opened before its index.
        for rel in index.map(|index| index.table).into_iter().chain([rel]) {
            let owner = self.at(id)?.resource_owner();
            let tag = Self::relation_tag(rel);
            if self.take_lock(id, owner, tag, mode, false)? == Taken::Waits {
                return Ok(false);
            }
        }
        if mode == LockMode::RowExclusive {
            self.assign_transaction_id(id)?;
        }
        Ok(true)
    }

    /// `PreventInTransactionBlock`
    fn prevent_in_transaction_block(
        &mut self,
        id: BackendId,
        statement: &'static str,
    ) -> Fallible<Error> {
        let session = &self.at(id)?.session;
        let place = match (session.in_block, session.levels.len()) {
            (true, _) => "run inside a transaction block",
            (false, 0 | 1) => "be executed from a function",
            (false, _) => "run inside a subtransaction",
        };
        Ok(Error::ActiveTransaction(statement, place))
    }
}

/// The first id that is no special one's.
const FIRST_NORMAL_TRANSACTION_ID: u32 = 3;

fn bulk_mode(bulk: &Bulk) -> LockMode {
    match bulk {
        Bulk::SeqScan | Bulk::BitmapScan(_) | Bulk::Prewarm => LockMode::AccessShare,
        Bulk::Vacuum { .. } => LockMode::ShareUpdateExclusive,
        Bulk::CopyIn { .. } => LockMode::RowExclusive,
        Bulk::CreateTableAs => LockMode::AccessExclusive,
    }
}

fn row_mode(update: bool) -> LockMode {
    if update { LockMode::RowExclusive } else { LockMode::AccessShare }
}

fn advisory_tag(key: AdvisoryKey) -> LockTag {
    match key {
        AdvisoryKey::One(key) => LockTag::advisory(DATABASE, key),
        AdvisoryKey::Two(one, two) => LockTag::advisory_pair(DATABASE, one, two),
    }
}

fn advisory_mode(shared: bool) -> LockMode {
    if shared { LockMode::Share } else { LockMode::Exclusive }
}
