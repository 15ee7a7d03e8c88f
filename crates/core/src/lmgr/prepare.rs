//! Locks of prepared transactions: they pass to a stand-in process.
//!
//! PostgreSQL: `AtPrepare_Locks`, `PostPrepare_Locks`, `lock_twophase_postcommit` (`lock.c`).

use super::table::{ProcLock, partition};
use super::{LockManager, LockMethod, LockTag, LockTagType, Owner, Proc, ProcNumber};

impl LockManager {
    /// Whether the process holds one lock for its session and for its transaction, which can't
    /// be prepared (`CheckForSessionAndXactLocks`).
    pub fn holds_for_both(&self, proc: ProcNumber) -> bool {
        let Some(proc) = self.procs.get(&proc) else { return false };
        let mut seen = std::collections::BTreeMap::<LockTag, u8>::new();
        for ((tag, _), local) in &proc.local.held {
            for owned in &local.owners {
                *seen.entry(*tag).or_default() |= if owned.owner == Owner::Session { 1 } else { 2 };
            }
        }
        seen.values().any(|both| *both == 3)
    }

    /// Pass the transaction's locks to a stand-in, which this returns; nothing if there was no
    /// room to write them into the shared table.
    pub fn prepare(&mut self, number: ProcNumber) -> Option<ProcNumber> {
        let held = &self.procs.get(&number)?.local.held;
        let ours: Vec<_> = held
            .iter()
            .filter(|(_, local)| local.owners.iter().any(|owned| owned.owner != Owner::Session))
            .map(|(key, local)| (*key, local.in_table))
            .filter(|((tag, _), _)| tag.kind != LockTagType::VirtualTransaction)
            .collect();
        for &((tag, mode), in_table) in &ours {
            let moved = in_table || self.hold_mask(number, &tag) & mode.bit() != 0;
            if !moved && !self.transfer(number, tag, mode) {
                return None;
            }
        }
        let stand_in = self.attach();
        let mut dummy = Proc { prepared: true, ..Proc::new(1) };
        for &((tag, mode), _) in &ours {
            if let Some(local) = self.procs.get_mut(&number)?.local.remove(tag, mode) {
                dummy
                    .local
                    .held
                    .insert((tag, mode), super::local::LocalLock { in_table: true, ..local });
            }
            self.pass_proclock(number, stand_in, tag, &mut dummy);
        }
        self.procs.insert(stand_in, dummy);
        self.release_all(number, LockMethod::Default, false);
        Some(stand_in)
    }

    fn pass_proclock(&mut self, from: ProcNumber, to: ProcNumber, tag: LockTag, dummy: &mut Proc) {
        let Some(proclock) = self.proclocks.remove(&(tag, from)) else { return };
        let born = self.births;
        self.births += 1;
        self.proclocks.insert((tag, to), ProcLock { born, ..proclock });
        if let Some(lock) = self.locks.get_mut(&tag) {
            for holder in lock.proc_locks.iter_mut().filter(|holder| **holder == from) {
                *holder = to;
            }
        }
        if let Some(proc) = self.procs.get_mut(&from) {
            proc.proc_locks[partition(&tag)].remove(&proclock.born);
        }
        dummy.proc_locks[partition(&tag)].insert(born, tag);
    }
}
