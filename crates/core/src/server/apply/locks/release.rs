//! The end of locks: with the transaction, the savepoint, or the statement that was a
//! transaction of its own.
//!
//! PostgreSQL: `ProcReleaseLocks` (`proc.c`), `ResourceOwnerRelease` (`resowner.c`).

use crate::error::{Error, Fallible};
use crate::ids::{BackendId, ContextSlot};
use crate::lmgr::{LockMethod, Owner};
use crate::server::Server;

impl Server {
    /// `ProcReleaseLocks`: the transaction's locks go. An abort takes the session's own locks
    /// along, but never advisory ones that are the session's.
    pub(in crate::server::apply) fn proc_release_locks(
        &mut self,
        id: BackendId,
        commit: bool,
    ) -> Fallible<()> {
        let state = &mut self.at(id)?.locks;
        let proc = state.proc;
        state.own = false;
        state.xids.clear();
        self.with_locks(|locks| {
            locks.give_up(proc);
            locks.release_all(proc, LockMethod::Default, !commit);
            locks.release_all(proc, LockMethod::User, false);
        })
    }

    /// A savepoint is released: what it locked is that level's around it
    /// (`LockReassignCurrentOwner`), and so is its transaction id.
    pub(in crate::server::apply) fn reassign_locks(&mut self, id: BackendId) -> Fallible<()> {
        let (proc, level) = self.innermost_level(id)?;
        let xids = self.at(id)?.locks.xids.iter_mut();
        xids.for_each(|(of, _)| *of = (*of).min(level - 1));
        let (from, to) = (Owner::Level(level), Owner::Level(level - 1));
        self.with_locks(|locks| locks.reassign_owner(proc, from, to))
    }

    /// A savepoint is rolled back: what it locked goes (`LockReleaseCurrentOwner`), and its
    /// transaction id is over.
    pub(in crate::server::apply) fn release_level_locks(&mut self, id: BackendId) -> Fallible<()> {
        let (proc, level) = self.innermost_level(id)?;
        self.at(id)?.locks.xids.retain(|(of, _)| *of < level);
        self.with_locks(|locks| {
            locks.give_up(proc);
            locks.release_owner(proc, Owner::Level(level));
        })
    }

    fn innermost_level(&mut self, id: BackendId) -> Fallible<(crate::lmgr::ProcNumber, u32)> {
        let backend = self.at(id)?;
        let level = (backend.session.levels.len() as u32).max(2);
        Ok((backend.locks.proc, level))
    }

    /// A statement that has no transaction around it is one.
    pub(super) fn begin_own_transaction(&mut self, id: BackendId) -> Fallible<()> {
        let state = &mut self.at(id)?.locks;
        if std::mem::replace(&mut state.own, true) {
            return Ok(());
        }
        self.begin_virtual_transaction(id)
    }

    /// Its end, unless it goes on with further pages.
    pub(super) fn end_own_transaction(&mut self, id: BackendId, commit: bool) -> Fallible<()> {
        let backend = self.at(id)?;
        let goes_on = backend.access.is_running() || backend.waits.is_some();
        if backend.locks.own && !goes_on {
            return self.proc_release_locks(id, commit);
        }
        Ok(())
    }

    /// An error of a statement that needed a lock: the transaction is aborted, and what was
    /// called in it never returns (`siglongjmp` to `PostgresMain`).
    pub(super) fn abort_statement(&mut self, id: BackendId) -> Fallible<()> {
        let backend = self.at(id)?;
        backend.locks.rest.clear();
        if !backend.is_in_transaction() {
            return self.end_own_transaction(id, false);
        }
        if !backend.calls.is_empty() {
            backend.calls.clear();
            backend.variables.set_context(ContextSlot::FUNCTION_CALL, None)?;
        }
        self.recover_from_error(id)
    }

    /// The same, of an error that is one of the server's.
    pub(super) fn fail_statement(&mut self, id: BackendId, error: Error) -> Fallible<Error> {
        self.abort_statement(id)?;
        let code = error.code();
        self.at(id)?.locks.error = Some(Box::new(error.clone()));
        self.log.emit(crate::event::Event::StatementFailed(id, code))?;
        Ok(error)
    }
}
