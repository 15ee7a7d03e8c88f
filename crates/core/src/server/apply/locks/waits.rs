//! Who waits: what it still has to do, what ends its wait, and what it does then.
//!
//! PostgreSQL: `ProcSleep`, `CheckDeadLock` (`proc.c`), `ProcessInterrupts` (`postgres.c`).

use std::rc::Rc;

use crate::error::{Error, Fallible};
use crate::event::Event;
use crate::ids::BackendId;
use crate::lmgr::DeadlockFound;
use crate::op::{LockStmt, Op};
use crate::profile::parameters::Setting;
use crate::server::{Outcome, Server, WaitsFor};

/// Operations that a statement may have left to do after a wait.
const MAX_REST: usize = 10_000;

/// A timeout that can end a wait. At the same time, the first goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timeout {
    Deadlock,
    Lock,
}

impl Server {
    /// A backend that waits is to do something: what belongs to its statement is put off until
    /// it goes on. Anything else it can't do.
    pub(in crate::server::apply) fn put_off(&mut self, op: &Op) -> Result<Outcome, Error> {
        let Some(id) = op.backend() else { return Ok(Outcome::Done) };
        let backend = self.at(id)?;
        if let Some(WaitsFor::BufferPin(buffer)) = backend.waits {
            return self.put_off_for_pins(id, buffer, op);
        }
        let in_braces = backend.session.statement.is_some();
        let rest = &mut backend.locks.rest;
        let same = match (rest.first(), rest.last(), op) {
            (_, Some(Op::QueryEnd { .. }), _) => false,
            _ if in_braces => true,
            (_, Some(Op::BulkEnd { .. }), _) => false,
            (Some(Op::BulkBegin { .. }), _, Op::BulkNext { .. } | Op::BulkEnd { .. }) => true,
            (Some(Op::Insert { rel, .. }), _, Op::Insert { rel: same, .. }) => rel == same,
            (Some(Op::IndexScan { index, .. }), _, Op::IndexScan { index: same, .. }) => {
                index == same
            }
            _ => false,
        };
        match backend.waits {
            Some(WaitsFor::Lock { tag, mode }) if !same => {
                return Err(Error::BackendWaits { tag, mode });
            }
            _ => {}
        }
        if rest.len() >= MAX_REST {
            let what = "operations that a waiting backend has yet to do";
            return Err(Error::Limit { what, limit: MAX_REST as u64 });
        }
        rest.push(op.clone());
        Ok(Outcome::Done)
    }

    /// Who was granted what it waited for, or got a signal, goes on, in the order of awakening, and so do those
    /// whom that awakens.
    #[cold]
    #[inline(never)]
    pub(in crate::server::apply) fn resume_awakened(&mut self) -> Result<(), Error> {
        loop {
            for proc in Rc::make_mut(&mut self.locks).take_awakened() {
                if let Some(id) = self.backend_of(proc) {
                    self.go_on(id)?;
                }
            }
            if !self.pool.signalled.is_empty() {
                let id = self.pool.signalled.remove(0);
                self.resume_signalled(id)?;
            } else if !self.locks.has_awakened() {
                return Ok(());
            }
        }
    }

    /// The rest of a statement. Its errors are its own, not those of the step that awakened it.
    fn go_on(&mut self, id: BackendId) -> Result<(), Error> {
        self.log.emit(Event::Resumed(id))?;
        let rest = std::mem::take(&mut self.at(id)?.locks.rest);
        let mut rest = rest.into_iter();
        while let Some(op) = rest.next() {
            match self.execute_resumed(&op) {
                Ok(()) => {}
                Err(Error::Stopped) => return Err(Error::Stopped),
                Err(error) => {
                    self.fail_statement(id, error)?;
                    return Ok(());
                }
            }
            let backend = self.at(id)?;
            if backend.waits.is_some() {
                backend.keep_for_later(rest);
                return Ok(());
            }
        }
        Ok(self.end_own_transaction(id, true)?)
    }

    fn execute_resumed(&mut self, op: &Op) -> Result<(), Error> {
        match *op {
            // In the middle of its statement, not a statement of its own.
            Op::Lock { backend, statement: LockStmt::Release(tag, mode) } => {
                let owner = self.at(backend)?.resource_owner();
                let proc = self.at(backend)?.locks.proc;
                self.with_locks(|locks| locks.release(proc, owner, tag, mode))?;
                Ok(())
            }
            _ => self.execute(op).map(|_| ()),
        }
    }

    /// What was locked only to wait for it is to be given back.
    pub(super) fn release_when_awake(&mut self, id: BackendId) -> Fallible<()> {
        let backend = self.at(id)?;
        if let Some(WaitsFor::Lock { tag, mode }) = backend.waits {
            let statement = LockStmt::Release(tag, mode);
            backend.locks.rest.push(Op::Lock { backend: id, statement });
        }
        Ok(())
    }

    /// Time passes, and timeouts run out one after the other. The first error that ends a
    /// statement is the step's own.
    pub(in crate::server::apply) fn pass_time(&mut self, milliseconds: u64) -> Fallible<()> {
        let end = self.clock.saturating_add(milliseconds);
        let mut first = None;
        while let Some((when, id, timeout)) = self.next_timeout().filter(|it| it.0 <= end) {
            self.clock = self.clock.max(when);
            let error = match timeout {
                Timeout::Deadlock => self.check_dead_lock(id)?,
                Timeout::Lock => Some(self.interrupt(id, Error::LockTimeout)?),
            };
            first = first.or(error);
            self.resume_awakened()?;
        }
        self.clock = end;
        first.map_or(Ok(()), |error| Err(error.into()))
    }

    fn next_timeout(&self) -> Option<(u64, BackendId, Timeout)> {
        let mut all = Vec::new();
        for (id, backend) in self.backends() {
            let state = &backend.locks;
            let Some(WaitsFor::Lock { .. }) = backend.waits else { continue };
            let timeout = |setting| self.setting(Some(id), setting).max(0) as u64;
            let lock_timeout = timeout(Setting::LockTimeout);
            if lock_timeout > 0 {
                let when = state.since + lock_timeout;
                all.push((when, Timeout::Lock, state.since, id));
            }
            if !state.checked {
                let when = state.since + timeout(Setting::DeadlockTimeout);
                all.push((when, Timeout::Deadlock, state.since, id));
            }
        }
        // At the same time, the one that waits longer is first.
        let next = all.into_iter().min()?;
        Some((next.0, next.3, next.1))
    }

    /// `CheckDeadLock`: a waiter's `deadlock_timeout` has run out.
    fn check_dead_lock(&mut self, id: BackendId) -> Fallible<Option<Error>> {
        let state = &mut self.at(id)?.locks;
        state.checked = true;
        let proc = state.proc;
        match self.with_locks(|locks| locks.check_deadlock(proc))? {
            DeadlockFound::Hard(edges) => {
                let error = self.dead_lock_report(&edges);
                Ok(Some(self.fail_statement(id, error)?))
            }
            DeadlockFound::NotYet | DeadlockFound::None | DeadlockFound::Soft => Ok(None),
        }
    }

    /// `pg_cancel_backend`: who waits gives up. Who doesn't has nothing to be cancelled.
    pub(in crate::server::apply) fn cancel(&mut self, id: BackendId) -> Fallible<()> {
        match self.at(id)?.waits {
            Some(WaitsFor::Lock { .. }) => Err(self.interrupt(id, Error::QueryCanceled)?.into()),
            Some(WaitsFor::BufferPin(_)) => Ok(self.cancel_wait_for_pins(id)?),
            None => Ok(()),
        }
    }

    /// A waiter's statement is stopped; newer versions say what it waited for.
    fn interrupt(&mut self, id: BackendId, error: fn(Option<Rc<str>>) -> Error) -> Fallible<Error> {
        let backend = self.at(id)?;
        let proc = backend.locks.proc;
        let Some(WaitsFor::Lock { tag, mode }) = backend.waits else {
            return Ok(error(None));
        };
        let says = self.profile.lmgr.waiting_context;
        let context = says.then(|| format!("waiting for {} on {tag}", mode.name()).into());
        self.with_locks(|locks| locks.give_up(proc))?;
        self.fail_statement(id, error(context))
    }
}
