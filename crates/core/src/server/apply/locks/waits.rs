//! Who waits for a lock: what ends its wait.
//!
//! PostgreSQL: `ProcSleep`, `CheckDeadLock` (`proc.c`), `ProcessInterrupts` (`postgres.c`).

use std::rc::Rc;

use crate::error::{Error, Fallible};
use crate::event::Event;
use crate::ids::BackendId;
use crate::lmgr::DeadlockFound;
use crate::op::{LockStmt, Op};
use crate::profile::parameters::Setting;
use crate::server::apply::put_off::AfterError;
use crate::server::{Server, WaitsFor};

/// A timeout that can end a wait. At the same time, the first goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timeout {
    Deadlock,
    Lock,
}

impl Server {
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

    /// Who was granted its lock goes on.
    fn go_on(&mut self, id: BackendId) -> Result<(), Error> {
        self.log.emit(Event::Resumed(id))?;
        if let Err(error) = self.do_what_was_put_off(id, AfterError::Ends)? {
            self.fail_statement(id, error)?;
            return Ok(());
        }
        Ok(self.end_own_transaction(id, true)?)
    }

    /// What was locked only to wait for it is to be given back.
    pub(super) fn release_when_awake(&mut self, id: BackendId) -> Fallible<()> {
        let backend = self.at(id)?;
        if let Some(WaitsFor::Lock { tag, mode }) = backend.waits {
            let statement = LockStmt::Release(tag, mode);
            backend.put_off.push(Op::Lock { backend: id, statement });
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
