//! A backend's part in heavyweight locks, and the way from the server to the lock manager.
//!
//! The lock manager collects what happens as it works; here it becomes the operation's events.
//! Who looks between two of them sees the tables as they stood there: the lock manager keeps a
//! copy of that moment.

use std::rc::Rc;

use super::Server;
use super::backend::{Backend, WaitsFor};
use crate::error::{Error, Fallible};
use crate::event::{Event, LockEvent};
use crate::ids::BackendId;
use crate::lmgr::{LockManager, Owner, ProcNumber};

/// What a backend knows of its locks besides the lock manager's tables.
#[derive(Clone, Debug)]
pub(super) struct LockState {
    /// Its PGPROC.
    pub(super) proc: ProcNumber,
    /// `localTransactionId` of the transaction under way or the last.
    pub(super) lxid: u32,
    /// Ids of the transaction and of its savepoints, with their levels.
    pub(super) xids: Vec<(u32, u32)>,
    /// A statement that changes pages without a transaction around it is one of its own.
    pub(super) own: bool,
    /// When the wait began.
    pub(super) since: u64,
    /// It has looked for a deadlock since.
    pub(super) checked: bool,
    /// How a statement failed that another step had awakened or ended.
    pub(super) error: Option<Box<Error>>,
}

impl LockState {
    pub(super) fn new(proc: ProcNumber) -> Self {
        Self { proc, lxid: 0, xids: Vec::new(), own: false, since: 0, checked: false, error: None }
    }
}

impl Backend {
    /// The resource owner of the innermost level of its transaction.
    pub(super) fn resource_owner(&self) -> Owner {
        Owner::Level((self.session.levels.len() as u32).max(1))
    }
}

impl Server {
    /// A backend's process id.
    pub fn pid(&self, id: BackendId) -> u32 {
        self.backend(id).map_or(0, Backend::last_pid)
    }

    /// The backend that a process is.
    pub fn backend_of(&self, proc: ProcNumber) -> Option<BackendId> {
        let mut backends = self.backends();
        backends.find(|(_, it)| it.end().is_none() && it.locks.proc == proc).map(|(id, _)| id)
    }

    /// Let the lock manager work, and tell what it did.
    pub(super) fn with_locks<T>(
        &mut self,
        work: impl FnOnce(&mut LockManager) -> T,
    ) -> Fallible<T> {
        let locks = Rc::make_mut(&mut self.locks);
        locks.keep_after(self.log.room());
        let answer = work(locks);
        let (events, kept) = (locks.take_events(), locks.take_kept());
        for event in events {
            self.note_wait(&event);
            if let Err(stopped) = self.log.emit(Event::Lock(event)) {
                if let Some(kept) = kept {
                    self.locks = Rc::from(kept);
                }
                return Err(stopped);
            }
        }
        Ok(answer)
    }

    /// A wait begins or ends.
    fn note_wait(&mut self, event: &LockEvent) {
        let (proc, waits) = match *event {
            LockEvent::Waits { proc, tag, mode, .. } => (proc, Some(WaitsFor::Lock { tag, mode })),
            LockEvent::Awakened { proc, .. } | LockEvent::GaveUp { proc, .. } => (proc, None),
            _ => return,
        };
        let clock = self.clock;
        let waiter = self.backends.iter_mut().find(|backend| backend.locks.proc == proc);
        if let Some(backend) = waiter {
            backend.waits = waits;
            backend.locks.since = clock;
            backend.locks.checked = false;
        }
    }

    /// `VirtualXactLockTableInsert`, for a transaction that starts.
    pub(super) fn begin_virtual_transaction(&mut self, id: BackendId) -> Fallible<()> {
        let Some(backend) = self.backends.get_mut(usize::from(id.0)) else { return Ok(()) };
        let state = &mut backend.locks;
        state.lxid += 1;
        let (proc, lxid) = (state.proc, state.lxid);
        self.with_locks(|locks| locks.begin_virtual_transaction(proc, lxid))
    }
}
