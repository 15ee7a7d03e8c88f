//! Transactions and subtransactions: ids, snapshots, and what their ends release.
//!
//! PostgreSQL: `xact.c`, `procarray.c`.

use pgscope_core::lmgr::{LockMethod, LockMode, LockTag, Owner};

use crate::ast::{Isolation, TransactionStmt};
use crate::catalog::Overlay;
use crate::database::Database;
use crate::error::SqlError;
use crate::session::SessionId;

/// What became of a transaction id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum XidState {
    InProgress,
    /// Committed, as the so-many-th.
    Committed(u64),
    Aborted,
}

#[derive(Clone, Debug)]
pub(crate) struct Xid {
    pub(crate) state: XidState,
    /// The top transaction's.
    pub(crate) top: u32,
    pub(crate) session: SessionId,
}

/// A level of a transaction: the top one, or a savepoint's.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    name: Option<String>,
    pub(crate) xid: Option<u32>,
    /// Ids of subtransactions that were released into this one.
    merged: Vec<u32>,
    /// The catalog as it was when the level began.
    before: Overlay,
}

/// A transaction under way.
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    pub(crate) block: bool,
    pub(crate) aborted: bool,
    pub(crate) levels: Vec<Level>,
    pub(crate) overlay: Overlay,
    pub(crate) isolation: Isolation,
    /// Commits before this one are seen; of a statement, or of the whole transaction.
    pub(crate) snapshot: Option<u64>,
    /// It has had one (`FirstSnapshotSet`).
    had_snapshot: bool,
    /// A snapshot is held between statements, as by a cursor.
    pub(crate) holds_snapshot: bool,
    pub(crate) cid: u32,
}

/// A transaction that was prepared.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) proc: pgscope_core::lmgr::ProcNumber,
    xids: Vec<u32>,
    overlay: Overlay,
}

impl Transaction {
    fn new(isolation: Isolation) -> Self {
        let top = Level { name: None, xid: None, merged: Vec::new(), before: Overlay::new() };
        Transaction {
            block: false,
            aborted: false,
            levels: vec![top],
            overlay: Overlay::new(),
            isolation,
            snapshot: None,
            had_snapshot: false,
            holds_snapshot: false,
            cid: 0,
        }
    }

    /// `check_XactIsoLevel`: the level can't be changed once anything was read.
    fn set_isolation(&mut self, isolation: Isolation) -> Result<(), SqlError> {
        if self.isolation != isolation {
            let wrong = match (self.had_snapshot, self.levels.len()) {
                (true, _) => Some("must be called before any query"),
                (false, 2..) => Some("must not be called in a subtransaction"),
                _ => None,
            };
            if let Some(wrong) = wrong {
                let message = format!("SET TRANSACTION ISOLATION LEVEL {wrong}");
                return Err(SqlError::new("25001", message));
            }
        }
        self.isolation = isolation;
        Ok(())
    }

    fn xids(&self) -> Vec<u32> {
        let of = |level: &Level| level.xid.into_iter().chain(level.merged.clone());
        self.levels.iter().flat_map(of).collect()
    }
}

impl Database {
    pub(crate) fn transaction(&self, sid: SessionId) -> Option<&Transaction> {
        self.sessions.get(&sid)?.transaction.as_ref()
    }

    pub(crate) fn transaction_mut(&mut self, sid: SessionId) -> Option<&mut Transaction> {
        self.sessions.get_mut(&sid)?.transaction.as_mut()
    }

    pub(crate) fn overlay(&self, sid: SessionId) -> Option<&Overlay> {
        Some(&self.transaction(sid)?.overlay)
    }

    pub(crate) fn overlay_mut(&mut self, sid: SessionId) -> Option<&mut Overlay> {
        Some(&mut self.transaction_mut(sid)?.overlay)
    }

    pub(crate) fn level(&self, sid: SessionId) -> u32 {
        self.transaction(sid).map_or(1, |transaction| transaction.levels.len() as u32)
    }

    pub(crate) fn in_block(&self, sid: SessionId) -> bool {
        self.transaction(sid).is_some_and(|transaction| transaction.block)
    }

    pub(crate) fn keeps_snapshot(&self, sid: SessionId) -> bool {
        self.transaction(sid).is_some_and(|it| it.isolation != Isolation::ReadCommitted)
    }

    /// Begin a transaction if none is under way (`StartTransaction`).
    pub(crate) fn start_transaction(&mut self, sid: SessionId) {
        let Some(session) = self.sessions.get_mut(&sid) else { return };
        if session.transaction.is_some() {
            return;
        }
        let isolation = match session.settings.get("default_transaction_isolation") {
            Some(level) if level == "serializable" => Isolation::Serializable,
            Some(level) if level == "repeatable read" => Isolation::RepeatableRead,
            _ => Isolation::ReadCommitted,
        };
        session.transaction = Some(Transaction::new(isolation));
        session.virtual_number += 1;
        self.locks.begin_virtual_transaction(session.proc, session.virtual_number);
    }

    /// What a statement sees: the commits before this, and its own changes before this command.
    pub(crate) fn snapshot(&self, sid: SessionId) -> (u64, u32) {
        let transaction = self.transaction(sid);
        let snapshot = transaction.and_then(|transaction| transaction.snapshot);
        (snapshot.unwrap_or(self.commits), transaction.map_or(0, |transaction| transaction.cid))
    }

    pub(crate) fn take_snapshot(&mut self, sid: SessionId) {
        let commits = self.commits;
        let Some(transaction) = self.transaction_mut(sid) else { return };
        transaction.had_snapshot = true;
        if transaction.isolation == Isolation::ReadCommitted || transaction.snapshot.is_none() {
            transaction.snapshot = Some(commits);
        }
    }

    pub(crate) fn drop_snapshot(&mut self, sid: SessionId) {
        let Some(transaction) = self.transaction_mut(sid) else { return };
        if transaction.isolation == Isolation::ReadCommitted && !transaction.holds_snapshot {
            transaction.snapshot = None;
        }
    }

    pub(crate) fn is_own(&self, sid: SessionId, xid: u32) -> bool {
        let own = |level: &Level| level.xid == Some(xid) || level.merged.contains(&xid);
        self.transaction(sid).is_some_and(|transaction| transaction.levels.iter().any(own))
    }

    pub(crate) fn in_progress(&self, xid: u32) -> bool {
        self.xids.get(&xid).is_some_and(|xid| xid.state == XidState::InProgress)
    }

    pub(crate) fn aborted(&self, xid: u32) -> bool {
        self.xids.get(&xid).is_some_and(|xid| xid.state == XidState::Aborted)
    }

    /// When it was committed, as a place among all commits; 0 for what has always been there.
    pub(crate) fn committed(&self, xid: u32) -> Option<u64> {
        match self.xids.get(&xid) {
            None => Some(0),
            Some(xid) => match xid.state {
                XidState::Committed(seq) => Some(seq),
                _ => None,
            },
        }
    }

    /// The transaction's id, which is assigned and locked when it is first needed, after its
    /// parents' (`GetCurrentTransactionId`, `AssignTransactionId`).
    pub(crate) fn assign_xid(&mut self, sid: SessionId) -> u32 {
        let depth = self.level(sid) as usize;
        self.assign_to(sid, depth)
    }

    /// The same for the top transaction only.
    pub(crate) fn assign_top_xid(&mut self, sid: SessionId) -> u32 {
        self.assign_to(sid, 1)
    }

    fn assign_to(&mut self, sid: SessionId, depth: usize) -> u32 {
        let mut last = 0;
        for at in 0..depth {
            let known = self.transaction(sid).and_then(|it| it.levels.get(at)?.xid);
            last = match known {
                Some(xid) => xid,
                None => self.new_xid(sid, at),
            };
        }
        last
    }

    fn new_xid(&mut self, sid: SessionId, at: usize) -> u32 {
        let xid = self.next_xid;
        self.next_xid += 1;
        let top = self.transaction(sid).and_then(|it| it.levels.first()?.xid).unwrap_or(xid);
        self.xids.insert(xid, Xid { state: XidState::InProgress, top, session: sid });
        if let Some(level) = self.transaction_mut(sid).and_then(|it| it.levels.get_mut(at)) {
            level.xid = Some(xid);
        }
        if let Some(proc) = self.proc(sid) {
            let owner = Owner::Level(at as u32 + 1);
            let tag = LockTag::transaction(xid);
            self.locks.acquire(proc, owner, tag, LockMode::Exclusive, false);
        }
        xid
    }

    /// End the transaction (`CommitTransaction`): its changes are seen, its locks released.
    pub(crate) fn commit(&mut self, sid: SessionId) {
        let Some(session) = self.sessions.get_mut(&sid) else { return };
        let Some(transaction) = session.transaction.take() else { return };
        self.finish(transaction.xids(), Some(transaction.overlay));
        self.release(sid, false);
        self.end_reads(sid, true);
    }

    fn finish(&mut self, xids: Vec<u32>, overlay: Option<Overlay>) {
        let commit = overlay.is_some();
        if commit {
            self.commits += 1;
        }
        for (oid, relation) in overlay.into_iter().flatten() {
            match relation {
                Some(relation) => self.catalog.insert(oid, relation),
                None => self.catalog.remove(&oid),
            };
        }
        let state = if commit { XidState::Committed(self.commits) } else { XidState::Aborted };
        for xid in xids {
            if let Some(xid) = self.xids.get_mut(&xid) {
                xid.state = state;
            }
        }
    }

    fn release(&mut self, sid: SessionId, all: bool) {
        let Some(proc) = self.proc(sid) else { return };
        self.locks.release_all(proc, LockMethod::Default, all);
        self.locks.release_all(proc, LockMethod::User, false);
    }

    /// Undo the transaction and release its locks (`AbortTransaction`). In a block it goes on
    /// as a failed one.
    pub(crate) fn abort(&mut self, sid: SessionId) {
        let Some(transaction) = self.transaction_mut(sid) else { return };
        let xids = transaction.xids();
        transaction.overlay.clear();
        transaction.aborted = true;
        transaction.snapshot = None;
        for level in &mut transaction.levels {
            level.xid = None;
            level.merged.clear();
        }
        self.finish(xids, None);
        self.release(sid, true);
        self.end_reads(sid, false);
    }

    /// A statement failed: its (sub)transaction is undone (`AbortCurrentTransaction`).
    pub(crate) fn abort_current(&mut self, sid: SessionId) {
        let depth = self.level(sid);
        if depth > 1 {
            self.abort_level(sid);
            if let Some(transaction) = self.transaction_mut(sid) {
                transaction.aborted = true;
            }
            return;
        }
        self.abort(sid);
        if !self.in_block(sid)
            && let Some(session) = self.sessions.get_mut(&sid)
        {
            session.transaction = None;
        }
    }

    /// Undo the innermost level and release its locks (`AbortSubTransaction`).
    fn abort_level(&mut self, sid: SessionId) {
        let depth = self.level(sid);
        let Some(level) = self.transaction_mut(sid).and_then(|it| it.levels.last_mut()) else {
            return;
        };
        let mut xids = std::mem::take(&mut level.merged);
        xids.extend(level.xid.take());
        let before = level.before.clone();
        if let Some(transaction) = self.transaction_mut(sid) {
            transaction.overlay = before;
        }
        self.finish(xids, None);
        if let Some(proc) = self.proc(sid) {
            self.locks.release_owner(proc, Owner::Level(depth));
        }
    }

    /// A savepoint is released: its level becomes its parent's (`CommitSubTransaction`).
    fn merge_level(&mut self, sid: SessionId) {
        let depth = self.level(sid);
        let Some(transaction) = self.transaction_mut(sid) else { return };
        let Some(level) = transaction.levels.pop() else { return };
        if let Some(parent) = transaction.levels.last_mut() {
            parent.merged.extend(level.merged.iter().copied().chain(level.xid));
        }
        let Some(proc) = self.proc(sid) else { return };
        let owner = Owner::Level(depth);
        if let Some(xid) = level.xid {
            let tag = LockTag::transaction(xid);
            self.locks.release(proc, owner, tag, LockMode::Exclusive);
        }
        self.locks.reassign_owner(proc, owner, Owner::Level(depth - 1));
    }

    fn savepoint(&self, sid: SessionId, name: &str) -> Result<usize, SqlError> {
        let levels = self.transaction(sid).map_or(&[][..], |it| &it.levels);
        let place = levels.iter().rposition(|level| level.name.as_deref() == Some(name));
        place.ok_or_else(|| SqlError::new("3B001", format!("savepoint \"{name}\" does not exist")))
    }

    pub(crate) fn need_block(&self, sid: SessionId, what: &str) -> Result<(), SqlError> {
        if self.in_block(sid) {
            return Ok(());
        }
        let message = format!("{what} can only be used in transaction blocks");
        Err(SqlError::new("25P01", message))
    }

    fn push_level(&mut self, sid: SessionId, name: &str) {
        if let Some(transaction) = self.transaction_mut(sid) {
            let before = transaction.overlay.clone();
            let name = Some(name.to_owned());
            transaction.levels.push(Level { name, xid: None, merged: Vec::new(), before });
        }
    }

    pub(crate) fn transaction_statement(
        &mut self,
        sid: SessionId,
        statement: &TransactionStmt,
    ) -> Result<(), SqlError> {
        let tag = match statement {
            TransactionStmt::Begin(isolation) => {
                if self.in_block(sid) {
                    self.notice(sid, "WARNING: there is already a transaction in progress");
                }
                if let Some(transaction) = self.transaction_mut(sid) {
                    let isolation = isolation.unwrap_or(transaction.isolation);
                    transaction.set_isolation(isolation)?;
                    transaction.block = true;
                }
                "BEGIN"
            }
            TransactionStmt::Commit | TransactionStmt::Rollback => {
                if !self.in_block(sid) {
                    self.notice(sid, "WARNING: there is no transaction in progress");
                }
                let aborted = self.transaction(sid).is_some_and(|it| it.aborted);
                if *statement == TransactionStmt::Commit && !aborted {
                    self.commit(sid);
                    "COMMIT"
                } else {
                    self.abort(sid);
                    if let Some(session) = self.sessions.get_mut(&sid) {
                        session.transaction = None;
                    }
                    "ROLLBACK"
                }
            }
            TransactionStmt::Savepoint(name) => {
                self.need_block(sid, "SAVEPOINT")?;
                self.push_level(sid, name);
                "SAVEPOINT"
            }
            TransactionStmt::Release(name) => {
                self.need_block(sid, "RELEASE SAVEPOINT")?;
                let place = self.savepoint(sid, name)?;
                while self.level(sid) as usize > place {
                    self.merge_level(sid);
                }
                "RELEASE"
            }
            TransactionStmt::RollbackTo(name) => {
                self.need_block(sid, "ROLLBACK TO SAVEPOINT")?;
                let place = self.savepoint(sid, name)?;
                while self.level(sid) as usize > place {
                    self.abort_level(sid);
                    if let Some(transaction) = self.transaction_mut(sid) {
                        transaction.levels.pop();
                        transaction.aborted = false;
                    }
                }
                self.push_level(sid, name);
                "ROLLBACK"
            }
            TransactionStmt::Prepare(name) => return self.prepare_transaction(sid, name),
            TransactionStmt::Finish(name, commit) => {
                return self.finish_prepared(sid, name, *commit);
            }
        };
        self.tag(sid, tag);
        Ok(())
    }

    fn prepare_transaction(&mut self, sid: SessionId, name: &str) -> Result<(), SqlError> {
        if !self.in_block(sid) {
            self.notice(sid, "WARNING: there is no transaction in progress");
            self.tag(sid, "ROLLBACK");
            return Ok(());
        }
        let Some(proc) = self.proc(sid) else { return Ok(()) };
        if self.locks.holds_for_both(proc) {
            return Err(SqlError::new(
                "0A000",
                "cannot PREPARE while holding both session-level and transaction-level locks on the same object",
            ));
        }
        if self.prepared.contains_key(name) {
            let message = format!("transaction identifier \"{name}\" is already in use");
            return Err(SqlError::new("42710", message));
        }
        self.assign_top_xid(sid);
        while self.level(sid) > 1 {
            self.merge_level(sid);
        }
        let Some(stand_in) = self.locks.prepare(proc) else {
            return Err(self.out_of_shared_memory());
        };
        let transaction = self.sessions.get_mut(&sid).and_then(|it| it.transaction.take());
        if let Some(transaction) = transaction {
            let xids = transaction.xids();
            let overlay = transaction.overlay;
            self.prepared.insert(name.to_owned(), Prepared { proc: stand_in, xids, overlay });
        }
        self.release(sid, false);
        self.tag(sid, "PREPARE TRANSACTION");
        Ok(())
    }

    fn finish_prepared(
        &mut self,
        sid: SessionId,
        name: &str,
        commit: bool,
    ) -> Result<(), SqlError> {
        let tag = if commit { "COMMIT PREPARED" } else { "ROLLBACK PREPARED" };
        if self.in_block(sid) {
            let message = format!("{tag} cannot run inside a transaction block");
            return Err(SqlError::new("25001", message));
        }
        let Some(prepared) = self.prepared.remove(name) else {
            let message = format!("prepared transaction with identifier \"{name}\" does not exist");
            return Err(SqlError::new("42704", message));
        };
        self.finish(prepared.xids, commit.then_some(prepared.overlay));
        self.locks.detach(prepared.proc);
        self.tag(sid, tag);
        Ok(())
    }
}
