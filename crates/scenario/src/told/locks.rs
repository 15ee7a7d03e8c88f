//! Events of heavyweight locks as plain objects.

use pgscope_core::event::LockEvent as L;
use pgscope_core::lmgr::{LockMode, LockTag, ProcNumber};

use super::{Teller, Told};

impl Teller<'_> {
    pub(super) fn lock_event(&self, event: &L) -> Told {
        let new = |kind, proc| Told::new(kind).text("backend", self.process(proc));
        let lock = |kind, proc, tag: LockTag, mode: LockMode| {
            new(kind, proc).text("object", tag.to_string()).text("mode", mode.name())
        };
        match *event {
            L::FastPath { proc, tag, mode } => lock("lock_fast_path", proc, tag, mode),
            L::Transferred { proc, tag, mode } => lock("lock_transferred", proc, tag, mode),
            L::Entered { proc, tag, lock } => {
                new("lock_entered", proc).text("object", tag.to_string()).flag("new_lock", lock)
            }
            L::Removed { proc, tag, lock } => {
                new("lock_removed", proc).text("object", tag.to_string()).flag("last", lock)
            }
            L::Refused { proc, tag, mode } => lock("lock_refused", proc, tag, mode),
            L::Granted { proc, tag, mode } => lock("lock_granted", proc, tag, mode),
            L::Waits { proc, tag, mode, ahead } => {
                lock("lock_waits", proc, tag, mode).number("ahead", ahead as u64)
            }
            L::Awakened { proc, tag, mode } => lock("lock_awakened", proc, tag, mode),
            L::GaveUp { proc, tag, mode } => lock("lock_gave_up", proc, tag, mode),
            L::DeadlockCheck { proc } => new("deadlock_check", proc),
            L::Edge { waiter, blocker, soft } => new("deadlock_edge", waiter)
                .text("blocker", self.process(blocker))
                .flag("soft", soft),
            L::Deadlock { proc } => new("deadlock", proc),
            L::Rearranged { tag } => {
                Told::new("lock_queue_rearranged").text("object", tag.to_string())
            }
            L::Released { proc, tag, mode } => lock("lock_released", proc, tag, mode),
            L::OutOfMemory { proc, tag } => {
                new("lock_out_of_memory", proc).text("object", tag.to_string())
            }
        }
    }

    fn process(&self, proc: ProcNumber) -> String {
        self.server.backend_of(proc).map(|id| self.backend(id)).unwrap_or_default()
    }
}
