//! A statement's work as steps: locks that it takes, and what it does between them.

use std::rc::Rc;

use pgscope_core::lmgr::{Acquired, LockMode, LockTag, LockTagType, Owner};

use crate::database::{DATABASE, Database};
use crate::error::SqlError;
use crate::session::SessionId;

pub(crate) type Steps = Vec<Step>;
pub(crate) type Stepped = Result<Steps, SqlError>;

/// Something that is done at once, and says what has to be done next, before all else.
pub(crate) type Act = Rc<dyn Fn(&mut Database, SessionId) -> Stepped>;

/// One step.
#[derive(Clone)]
pub(crate) enum Step {
    /// Take a lock; wait for it if need be.
    Lock(LockTag, LockMode, Whose),
    /// Take a lock if it can be had at once; otherwise the statement fails.
    LockOrFail(LockTag, LockMode, SqlError),
    /// Take a lock if it can be had at once, and else do other steps in place of these.
    LockOrElse(LockTag, LockMode, Steps, Steps),
    /// Wait for the end of a virtual transaction: its process and number.
    Virtual(pgscope_core::lmgr::ProcNumber, u32),
    /// Give a lock back.
    Unlock(LockTag, LockMode, Whose),
    /// Do something.
    Do(Act),
    /// From here on, errors have this context.
    Context(Option<String>),
}

/// For whom a lock is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The (sub)transaction under way.
    Current,
    /// The whole transaction.
    Top,
    /// The session.
    Session,
}

/// Do something.
pub(crate) fn act(what: impl Fn(&mut Database, SessionId) -> Stepped + 'static) -> Step {
    Step::Do(Rc::new(what))
}

/// Take a lock on a relation for the current (sub)transaction.
pub(crate) fn lock(oid: u32, mode: LockMode) -> Step {
    Step::Lock(LockTag::relation(DATABASE, oid), mode, Whose::Current)
}

/// Take a lock on an object that is no relation.
pub(crate) fn lock_object(class: u32, oid: u32, mode: LockMode) -> Step {
    Step::Lock(LockTag::object(DATABASE, class, oid), mode, Whose::Current)
}

/// How a run of steps came to rest.
pub(crate) enum Rest {
    Done,
    Waits,
    /// It is somebody else's turn.
    Turn,
    /// Busy for ever, as far as this model goes.
    Busy,
}

impl Database {
    /// Do the session's steps until none is left or it has to wait.
    pub(crate) fn run_steps(&mut self, sid: SessionId) -> Result<Rest, SqlError> {
        loop {
            let Some(session) = self.sessions.get_mut(&sid) else { return Ok(Rest::Done) };
            if session.busy {
                return Ok(Rest::Busy);
            }
            let Some(step) = session.queue.pop_front() else { return Ok(Rest::Done) };
            match step {
                Step::Lock(tag, mode, whose) => match self.take(sid, tag, mode, whose, false)? {
                    Acquired::Waits => return Ok(Rest::Waits),
                    Acquired::Deadlock(edges) => return Err(self.deadlock_report(&edges)),
                    _ => {}
                },
                Step::LockOrFail(tag, mode, error) => {
                    if self.take(sid, tag, mode, Whose::Current, true)? == Acquired::NotAvailable {
                        return Err(error);
                    }
                }
                Step::LockOrElse(tag, mode, then, other) => {
                    let taken = self.take(sid, tag, mode, Whose::Current, true)?;
                    self.push_front(
                        sid,
                        if taken == Acquired::NotAvailable { other } else { then },
                    );
                }
                Step::Virtual(proc, number) => {
                    let Some(own) = self.proc(sid) else { return Ok(Rest::Done) };
                    let owner = self.owner(sid, Whose::Current);
                    let taken = self.locks.virtual_transaction_lock(own, owner, proc, number);
                    let tag = LockTag::virtual_transaction(proc.0, number);
                    self.push_front(sid, vec![Step::Unlock(tag, LockMode::Share, Whose::Current)]);
                    match taken {
                        Acquired::Waits => return Ok(Rest::Waits),
                        Acquired::OutOfSharedMemory => return Err(self.out_of_shared_memory()),
                        _ => {}
                    }
                }
                Step::Unlock(tag, mode, whose) => {
                    let owner = self.owner(sid, whose);
                    if let Some(proc) = self.proc(sid) {
                        self.locks.release(proc, owner, tag, mode);
                    }
                }
                Step::Do(what) => {
                    let next = what(self, sid)?;
                    self.push_front(sid, next);
                    if self.in_turns() {
                        return Ok(Rest::Turn);
                    }
                }
                Step::Context(context) => {
                    if let Some(session) = self.sessions.get_mut(&sid) {
                        session.context = context;
                    }
                }
            }
        }
    }

    pub(crate) fn push_front(&mut self, sid: SessionId, steps: Steps) {
        if let Some(session) = self.sessions.get_mut(&sid) {
            for step in steps.into_iter().rev() {
                session.queue.push_front(step);
            }
        }
    }

    /// Take a lock; the strongest on a relation needs a transaction id, to be told to standbys
    /// (`LogAccessExclusiveLockPrepare`).
    fn take(
        &mut self,
        sid: SessionId,
        tag: LockTag,
        mode: LockMode,
        whose: Whose,
        dont_wait: bool,
    ) -> Result<Acquired, SqlError> {
        let Some(proc) = self.proc(sid) else { return Ok(Acquired::Granted) };
        let known = self.locks.holds(proc, &tag, mode);
        if tag.kind == LockTagType::Relation && mode == LockMode::AccessExclusive && !known {
            self.assign_xid(sid);
        }
        let owner = self.owner(sid, whose);
        let taken = self.locks.acquire(proc, owner, tag, mode, dont_wait);
        if taken == Acquired::OutOfSharedMemory {
            return Err(self.out_of_shared_memory());
        }
        Ok(taken)
    }

    pub(crate) fn out_of_shared_memory(&self) -> SqlError {
        let hint = self.version.profile().lmgr.out_of_memory_hint;
        SqlError::new("53200", "out of shared memory").hint(hint)
    }

    pub(crate) fn owner(&self, sid: SessionId, whose: Whose) -> Owner {
        match whose {
            Whose::Session => Owner::Session,
            Whose::Top => Owner::Level(1),
            Whose::Current => Owner::Level(self.level(sid)),
        }
    }

    /// Open a relation by name with a lock, and look again if it was renamed or dropped while
    /// waiting (`RangeVarGetRelidExtended`).
    pub(crate) fn open(&self, sid: SessionId, name: &str, mode: LockMode) -> Stepped {
        let oid = self.by_name(sid, name)?.oid;
        self.open_as(sid, name, oid, mode)
    }

    fn open_as(&self, sid: SessionId, name: &str, oid: u32, mode: LockMode) -> Stepped {
        let relation = self.get(sid, oid)?;
        let database = if relation.shared { 0 } else { DATABASE };
        let name = name.to_owned();
        let again = act(move |db, sid| {
            let now = db.by_name(sid, &name)?.oid;
            if now == oid {
                return Ok(Vec::new());
            }
            let mut steps =
                vec![Step::Unlock(LockTag::relation(DATABASE, oid), mode, Whose::Current)];
            steps.extend(db.open_as(sid, &name, now, mode)?);
            Ok(steps)
        });
        Ok(vec![Step::Lock(LockTag::relation(database, oid), mode, Whose::Current), again])
    }
}
