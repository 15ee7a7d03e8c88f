//! What transactions and savepoints do with memory contexts (`xact.c`).
//!
//! A transaction has `TopTransactionContext`; a savepoint gets a `CurTransactionContext` under
//! that of the level it stands in. At top level both names are pointers to one context. What
//! aborts a level works in `TransactionAbortContext`, whose 32 kB are there even if malloc has
//! no more. What becomes of locks is in `locks`. Snapshots and resource owners are not here, nor what they allocate.

use crate::error::{Error, Fallible, Warning};
use crate::event::Event;
use crate::ids::{BackendId, ContextSlot};
use crate::memory::Addr;
use crate::op::{Allocator, Name, TransactionStmt};
use crate::profile::TransactionEnd;
use crate::profile::contexts::TRANSACTION_ABORT_SIZES;
use crate::server::Server;
use crate::server::session::TransactionState;

/// Savepoints within savepoints.
const MAX_LEVELS: usize = 1000;

/// What `CommitTransactionCommand` finds to do when a statement has been executed.
enum Then {
    /// Nothing, or the end of a statement's own transaction.
    Next,
    /// `TBLOCK_BEGIN`
    Begin,
    /// `TBLOCK_END`
    Commit,
    /// `TBLOCK_ABORT_PENDING`, `TBLOCK_ABORT_END`
    Rollback,
    /// `TBLOCK_SUBBEGIN`
    Savepoint(Addr),
    /// `TBLOCK_SUBRELEASE` for all levels from this one on.
    Release(usize),
    /// `TBLOCK_SUBRESTART` for this level, the end for those within.
    RollbackTo(usize),
}

impl Server {
    /// A statement of the client's that has to do with the transaction, from its message to
    /// the top of the main loop.
    pub(super) fn transaction_statement(
        &mut self,
        id: BackendId,
        statement: &TransactionStmt,
    ) -> Fallible<()> {
        use TransactionStmt::{Commit, Rollback, RollbackTo};
        let exit = matches!(statement, Commit | Rollback | RollbackTo(_));
        self.exec_simple_query(id, exit)?;
        self.run_portal(id, None)?;
        match self.transaction_block(id, statement) {
            Ok(then) => {
                self.finish_portal(id)?;
                self.commit_transaction_command(id, then)?;
                self.main_loop_top(id)
            }
            // A stop between two events is no error.
            Err(error) if *error == Error::Stopped => Err(error),
            Err(error) => {
                self.recover_from_error(id)?;
                Err(error)
            }
        }
    }

    /// `BeginTransactionBlock`, `EndTransactionBlock` and the others, which only note what is
    /// to be done.
    fn transaction_block(&mut self, id: BackendId, statement: &TransactionStmt) -> Fallible<Then> {
        let session = &self.at(id)?.session;
        let in_block = session.in_block;
        let aborted = session.levels.last().is_some_and(|level| level.aborted);
        let too_many = session.levels.len() > MAX_LEVELS;
        Ok(match statement {
            TransactionStmt::Begin if in_block => {
                self.log.emit(Event::Warned(Warning::TransactionInProgress))?;
                Then::Next
            }
            TransactionStmt::Begin => Then::Begin,
            TransactionStmt::Commit if !in_block => {
                self.log.emit(Event::Warned(Warning::NoTransactionInProgress))?;
                Then::Next
            }
            TransactionStmt::Commit if aborted => Then::Rollback,
            TransactionStmt::Commit => Then::Commit,
            TransactionStmt::Rollback => {
                if !in_block {
                    self.log.emit(Event::Warned(Warning::NoTransactionInProgress))?;
                }
                Then::Rollback
            }
            TransactionStmt::Savepoint(_) if !in_block => {
                return Err(Error::NoTransactionBlock("SAVEPOINT").into());
            }
            TransactionStmt::Savepoint(_) if too_many => {
                return Err(Error::Limit { what: "savepoints", limit: MAX_LEVELS as u64 }.into());
            }
            TransactionStmt::Savepoint(name) => Then::Savepoint(self.savepoint_name(id, name)?),
            TransactionStmt::Release(name) => {
                Then::Release(self.find_savepoint(id, name, "RELEASE SAVEPOINT")?)
            }
            TransactionStmt::RollbackTo(name) => {
                Then::RollbackTo(self.find_savepoint(id, name, "ROLLBACK TO SAVEPOINT")?)
            }
        })
    }

    fn savepoint_name(&mut self, id: BackendId, name: &Name) -> Fallible<Addr> {
        let process = self.memory_of(id)?;
        Ok(process.program.intern(process.arena, name)?)
    }

    /// The level of a savepoint, the innermost of its name.
    fn find_savepoint(
        &mut self,
        id: BackendId,
        name: &Name,
        statement: &'static str,
    ) -> Fallible<usize> {
        let wanted = self.savepoint_name(id, name)?;
        let session = &self.at(id)?.session;
        if !session.in_block {
            return Err(Error::NoTransactionBlock(statement).into());
        }
        let found = session.levels.iter().rposition(|level| level.name == wanted);
        found.ok_or_else(|| Error::NoSuchSavepoint(name.clone()).into())
    }

    /// `StartTransactionCommand`.
    pub(super) fn start_transaction_command(&mut self, id: BackendId) -> Fallible<()> {
        if self.at(id)?.session.levels.is_empty() {
            self.start_transaction(id)?;
        }
        let context = self.level(id)?.context;
        self.switch(id, context)
    }

    /// `CommitTransactionCommand` at the end of a query.
    pub(super) fn commit_query(&mut self, id: BackendId) -> Fallible<()> {
        self.commit_transaction_command(id, Then::Next)
    }

    /// `CommitTransactionCommand`.
    fn commit_transaction_command(&mut self, id: BackendId, then: Then) -> Fallible<()> {
        match then {
            Then::Next if self.at(id)?.session.in_block => Ok(()),
            Then::Next => self.commit_transaction(id),
            Then::Begin => {
                self.at(id)?.session.in_block = true;
                Ok(())
            }
            Then::Commit => {
                self.commit_sub_transactions(id, 1)?;
                self.commit_transaction(id)
            }
            Then::Rollback => {
                self.abort_sub_transactions(id, 1)?;
                if !self.level(id)?.aborted {
                    self.abort_transaction(id)?;
                }
                self.cleanup_transaction(id)
            }
            Then::Savepoint(name) => self.start_sub_transaction(id, name),
            Then::Release(level) => self.commit_sub_transactions(id, level),
            Then::RollbackTo(level) => {
                self.abort_sub_transactions(id, level + 1)?;
                let name = self.level(id)?.name;
                self.abort_sub_transactions(id, level)?;
                self.start_sub_transaction(id, name)
            }
        }
    }

    /// `AbortCurrentTransaction`: what an error does to the transaction it happens in.
    pub(super) fn abort_current_transaction(&mut self, id: BackendId) -> Fallible<()> {
        let session = &self.at(id)?.session;
        let (levels, in_block) = (session.levels.len(), session.in_block);
        match levels {
            0 => return Ok(()),
            _ if self.level(id)?.aborted => return Ok(()),
            1 => self.abort_transaction(id)?,
            _ => self.abort_sub_transaction(id)?,
        }
        if !in_block {
            return self.cleanup_transaction(id);
        }
        if let Some(level) = self.at(id)?.session.levels.last_mut() {
            level.aborted = true;
        }
        Ok(())
    }

    /// `StartTransaction`, `AtStart_Memory`.
    pub(super) fn start_transaction(&mut self, id: BackendId) -> Fallible<()> {
        let backend = self.at(id)?;
        let (top, prior) = (backend.memory.top, backend.memory.current);
        if backend.context(ContextSlot::TRANSACTION_ABORT).is_none() {
            let slot = ContextSlot::TRANSACTION_ABORT;
            self.create_named(id, top, slot, TRANSACTION_ABORT_SIZES)?;
        }
        let slot = ContextSlot::TOP_TRANSACTION;
        let context = match self.at(id)?.context(slot) {
            Some(kept) => kept,
            None => self.create_named(id, top, slot, Allocator::PLAIN)?,
        };
        self.push_level(id, TransactionState { name: Addr::NULL, context, prior, aborted: false })?;
        self.begin_virtual_transaction(id)
    }

    /// `PushTransaction`, `StartSubTransaction`, `AtSubStart_Memory`.
    fn start_sub_transaction(&mut self, id: BackendId, name: Addr) -> Fallible<()> {
        let parent = self.level(id)?.context;
        let prior = self.at(id)?.memory.current;
        let slot = ContextSlot::CUR_TRANSACTION;
        let context = self.create_named(id, parent, slot, Allocator::PLAIN)?;
        self.push_level(id, TransactionState { name, context, prior, aborted: false })
    }

    /// `BeginInternalSubTransaction`
    pub(super) fn begin_internal_sub_transaction(&mut self, id: BackendId) -> Fallible<()> {
        if self.at(id)?.session.levels.len() > MAX_LEVELS {
            return Err(Error::Limit { what: "savepoints", limit: MAX_LEVELS as u64 }.into());
        }
        let context = self.level(id)?.context;
        self.switch(id, context)?;
        self.start_sub_transaction(id, Addr::NULL)
    }

    fn push_level(&mut self, id: BackendId, level: TransactionState) -> Fallible<()> {
        let context = level.context;
        let backend = self.at(id)?;
        backend.session.levels.push(level);
        backend.variables.set_context_to(ContextSlot::CUR_TRANSACTION, context)?;
        self.switch(id, context)
    }

    /// `CommitTransaction`, `PreCommit_Portals`, `AtCommit_Memory`.
    pub(super) fn commit_transaction(&mut self, id: BackendId) -> Fallible<()> {
        self.pre_commit_portals(id)?;
        self.plpgsql_xact_cb(id, true)?;
        self.proc_release_locks(id, true)?;
        self.at_eoxact_guc(id, true)?;
        self.end_transaction(id, false)
    }

    /// `AbortTransaction`, `AtAbort_Memory`, `AtAbort_Portals`, and then its locks go.
    fn abort_transaction(&mut self, id: BackendId) -> Fallible<()> {
        self.switch_to_slot(id, ContextSlot::TRANSACTION_ABORT)?;
        self.abort_portal(id, 1)?;
        self.abort_cursors(id, 1)?;
        self.plpgsql_xact_cb(id, false)?;
        self.release_pins(id)?;
        self.proc_release_locks(id, false)?;
        self.at_eoxact_guc(id, false)?;
        // AtEOXact_SPI: their memory goes with the transaction's, or the portal's.
        self.at(id)?.session.spi.clear();
        Ok(())
    }

    /// `CleanupTransaction`, `AtCleanup_Portals`, `AtCleanup_Memory`.
    fn cleanup_transaction(&mut self, id: BackendId) -> Fallible<()> {
        self.portal_drop(id)?;
        self.drop_cursors(id, |cursor| cursor.portal.level > 0)?;
        self.end_transaction(id, true)
    }

    /// The common part of `AtCommit_Memory` and `AtCleanup_Memory`.
    fn end_transaction(&mut self, id: BackendId, aborted: bool) -> Fallible<()> {
        let TransactionState { context, prior, .. } = self.level(id)?;
        let end = self.profile.backend.transaction_end;
        let top = self.at(id)?.memory.top;
        self.switch(id, if end == TransactionEnd::Reset { prior } else { top })?;
        if aborted {
            self.reset_slot(id, ContextSlot::TRANSACTION_ABORT)?;
        }
        let backend = self.at(id)?;
        backend.session.levels.clear();
        backend.session.pins.clear();
        backend.session.in_block = false;
        backend.variables.set_context(ContextSlot::CUR_TRANSACTION, None)?;
        match end {
            TransactionEnd::Reset => self.reset_family(id, context),
            TransactionEnd::Delete => {
                backend.variables.set_context(ContextSlot::TOP_TRANSACTION, None)?;
                self.delete_family(id, context)
            }
        }
    }

    /// `CommitSubTransaction` for the levels from `until` on, the innermost first.
    pub(super) fn commit_sub_transactions(&mut self, id: BackendId, until: usize) -> Fallible<()> {
        while self.at(id)?.session.levels.len() > until {
            self.plpgsql_subxact_cb(id)?;
            self.reassign_locks(id)?;
            self.at_eoxact_guc(id, true)?;
            let ended = self.pop_level(id)?;
            let session = &mut self.at(id)?.session;
            let level = session.levels.len();
            session.pins.iter_mut().for_each(|(_, of)| *of = level.min(*of));
            self.sub_commit_portals(id, level)?;
            // AtSubCommit_Memory
            let parent = self.level(id)?.context;
            self.switch(id, parent)?;
            if self.context(ended.context).is_empty(self.profile) {
                self.delete_family(id, ended.context)?;
            }
        }
        Ok(())
    }

    /// `AbortSubTransaction` and `CleanupSubTransaction` for the levels from `until` on, the
    /// innermost first.
    pub(super) fn abort_sub_transactions(&mut self, id: BackendId, until: usize) -> Fallible<()> {
        while self.at(id)?.session.levels.len() > until {
            if !self.level(id)?.aborted {
                self.abort_sub_transaction(id)?;
            }
            self.cleanup_sub_transaction(id)?;
        }
        Ok(())
    }

    /// `AbortSubTransaction`, `AtSubAbort_Memory`, `AtSubAbort_Portals`, and then its locks go.
    fn abort_sub_transaction(&mut self, id: BackendId) -> Fallible<()> {
        self.switch_to_slot(id, ContextSlot::TRANSACTION_ABORT)?;
        let level = self.at(id)?.session.levels.len();
        self.abort_portal(id, level)?;
        self.abort_cursors(id, level)?;
        self.plpgsql_subxact_cb(id)?;
        self.release_pins(id)?;
        self.release_level_locks(id)?;
        self.at_eoxact_guc(id, false)?;
        self.at_eosubxact_spi(id)
    }

    /// `CleanupSubTransaction`, `AtSubCleanup_Portals`, `AtSubCleanup_Memory`, `PopTransaction`.
    fn cleanup_sub_transaction(&mut self, id: BackendId) -> Fallible<()> {
        let session = &self.at(id)?.session;
        let level = session.levels.len();
        if session.portal.is_some_and(|portal| portal.level == level) {
            self.portal_drop(id)?;
        }
        self.drop_cursors(id, |cursor| cursor.portal.level >= level)?;
        let ended = self.pop_level(id)?;
        let parent = self.level(id)?.context;
        let reset = self.profile.backend.transaction_end == TransactionEnd::Reset;
        self.switch(id, if reset { ended.prior } else { parent })?;
        self.reset_slot(id, ContextSlot::TRANSACTION_ABORT)?;
        self.delete_family(id, ended.context)?;
        self.switch(id, parent)
    }

    /// The innermost level goes; the variable points at that around it.
    fn pop_level(&mut self, id: BackendId) -> Fallible<TransactionState> {
        let backend = self.at(id)?;
        let ended = backend.session.levels.pop().ok_or_else(no_transaction)?;
        let parent = self.level(id)?.context;
        self.at(id)?.variables.set_context_to(ContextSlot::CUR_TRANSACTION, parent)?;
        Ok(ended)
    }

    /// The innermost level.
    fn level(&mut self, id: BackendId) -> Fallible<TransactionState> {
        self.at(id)?.session.levels.last().copied().ok_or_else(no_transaction)
    }

    /// Whether the innermost level waits for its ROLLBACK.
    pub(super) fn is_aborted(&mut self, id: BackendId) -> Fallible<bool> {
        Ok(self.level(id)?.aborted)
    }

    /// `MemoryContextSwitchTo`, where it changes anything.
    pub(super) fn switch(&mut self, id: BackendId, context: Addr) -> Fallible<()> {
        let mut memory = self.memory_of(id)?;
        if memory.local.current != context {
            memory.memory_context_switch_to(context)?;
        }
        Ok(())
    }

    pub(super) fn switch_to_slot(&mut self, id: BackendId, slot: ContextSlot) -> Fallible<()> {
        let context = self.at(id)?.context_or_error(slot)?;
        self.switch(id, context)
    }

    pub(super) fn reset_slot(&mut self, id: BackendId, slot: ContextSlot) -> Fallible<()> {
        let context = self.at(id)?.context_or_error(slot)?;
        self.check_unused(id, context, false)?;
        self.reset_family(id, context)
    }
}

#[cold]
fn no_transaction() -> Box<Error> {
    Error::Protocol("there is no transaction").into()
}
