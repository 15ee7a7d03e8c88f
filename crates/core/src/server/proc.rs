//! The slots that processes have in shared memory: `PGPROC` and its free lists (`proc.c`).
//!
//! A process takes a slot when it starts and gives it back when it ends. Client backends, autovacuum,
//! background workers and WAL senders have lists of their own, so that none can take another's; auxiliary
//! processes look for a free one among theirs.

use std::collections::VecDeque;
use std::ops::Range;

use crate::profile::parameters::Setting;
use crate::profile::segment::SegmentProfile;
use crate::server::segment::Counts;

/// Which list a process takes its slot from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProcList {
    /// `freeProcs`
    Client,
    /// `autovacFreeProcs`
    Autovacuum,
    /// `bgworkerFreeProcs`
    BackgroundWorker,
    /// `AuxiliaryProcs`
    Auxiliary,
}

/// A list of free slots.
#[derive(Clone, Debug, Default)]
struct FreeList {
    /// Those that nobody has had yet.
    fresh: Range<u32>,
    /// Those that were given back, the last one at the end.
    returned: VecDeque<u32>,
}

impl FreeList {
    fn len(&self) -> usize {
        self.fresh.len() + self.returned.len()
    }
}

/// `PROC_HDR`: whose slots are free.
#[derive(Clone, Debug, Default)]
pub(super) struct ProcGlobal {
    /// `MaxConnections`
    client: FreeList,
    autovacuum: FreeList,
    worker: FreeList,
    /// The first of the auxiliary slots.
    auxiliary_base: u32,
    /// Which of the auxiliary slots are taken.
    auxiliary: Vec<bool>,
    /// The lists are stacks.
    stack: bool,
}

impl ProcGlobal {
    /// `InitProcGlobal`: slots for clients, autovacuum and the slot synchronization worker, background
    /// workers, WAL senders, and last auxiliary processes.
    pub(super) fn new(profile: &SegmentProfile, counts: &Counts<'_>, stack: bool) -> Self {
        let number = |setting| u32::try_from(counts.in_force(setting)).unwrap_or(0);
        let clients = number(Setting::MaxConnections);
        let special = u32::try_from(profile.special_workers).unwrap_or(0);
        let autovacuum = clients + number(profile.autovacuum_workers) + special;
        let workers = autovacuum + number(Setting::MaxWorkerProcesses);
        let list = |fresh| FreeList { fresh, returned: VecDeque::new() };
        Self {
            client: list(0..clients),
            autovacuum: list(clients..autovacuum),
            worker: list(autovacuum..workers),
            auxiliary_base: u32::try_from(counts.backends()).unwrap_or(u32::MAX),
            auxiliary: vec![false; usize::try_from(profile.auxiliary).unwrap_or(0)],
            stack,
        }
    }

    fn list(&mut self, list: ProcList) -> Option<&mut FreeList> {
        match list {
            ProcList::Client => Some(&mut self.client),
            ProcList::Autovacuum => Some(&mut self.autovacuum),
            ProcList::BackgroundWorker => Some(&mut self.worker),
            ProcList::Auxiliary => None,
        }
    }

    /// `InitProcess`, `InitAuxiliaryProcess`: a free slot.
    pub(super) fn take(&mut self, list: ProcList) -> Option<u32> {
        let stack = self.stack;
        let Some(list) = self.list(list) else {
            let free = self.auxiliary.iter().position(|taken| !taken)?;
            *self.auxiliary.get_mut(free)? = true;
            return Some(self.auxiliary_base + free as u32);
        };
        match stack {
            true => list.returned.pop_back().or_else(|| list.fresh.next_back()),
            false => list.fresh.next().or_else(|| list.returned.pop_front()),
        }
    }

    /// `ProcKill`, `AuxiliaryProcKill`: a slot is free again.
    pub(super) fn give_back(&mut self, list: ProcList, proc: u32) {
        if let Some(list) = self.list(list) {
            list.returned.push_back(proc);
        } else if let Some(at) = proc.checked_sub(self.auxiliary_base)
            && let Some(taken) = self.auxiliary.get_mut(at as usize)
        {
            *taken = false;
        }
    }

    /// The free slots of each list, the one to be taken next first; of WAL senders, of which there are
    /// none, those that lie in the range.
    pub(super) fn free_lists(&self, wal_senders: Range<u32>) -> [Vec<u32>; 4] {
        let senders = FreeList { fresh: wal_senders, returned: VecDeque::new() };
        [&self.client, &self.autovacuum, &self.worker, &senders].map(|list| {
            let (fresh, returned) = (list.fresh.clone(), list.returned.iter().copied());
            match self.stack {
                true => returned.rev().chain(fresh.rev()).collect(),
                false => fresh.chain(returned).collect(),
            }
        })
    }

    /// A process has had this slot, and given it back.
    pub(super) fn has_returned(&self, proc: u32) -> bool {
        let lists = [&self.client, &self.autovacuum, &self.worker];
        lists.iter().any(|list| list.returned.contains(&proc))
    }

    /// `HaveNFreeProcs`
    pub(super) fn have_free_for_clients(&self, count: usize) -> bool {
        self.client.len() >= count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn procs(stack: bool) -> ProcGlobal {
        let client = FreeList { fresh: 0..3, returned: VecDeque::new() };
        ProcGlobal {
            client,
            auxiliary: vec![false; 2],
            auxiliary_base: 9,
            stack,
            ..Default::default()
        }
    }

    #[test]
    fn a_stack_gives_the_last_slot_first_and_again() {
        let mut procs = procs(true);
        let taken: Vec<_> = (0..4).map(|_| procs.take(ProcList::Client)).collect();
        assert_eq!(taken, [Some(2), Some(1), Some(0), None]);
        procs.give_back(ProcList::Client, 1);
        procs.give_back(ProcList::Client, 2);
        assert!(procs.have_free_for_clients(2) && !procs.have_free_for_clients(3));
        assert_eq!(procs.take(ProcList::Client), Some(2));
    }

    #[test]
    fn a_queue_has_a_slot_wait_its_turn() {
        let mut procs = procs(false);
        assert_eq!(procs.take(ProcList::Client), Some(0));
        procs.give_back(ProcList::Client, 0);
        let taken: Vec<_> = (0..4).map(|_| procs.take(ProcList::Client)).collect();
        assert_eq!(taken, [Some(1), Some(2), Some(0), None]);
    }

    #[test]
    fn auxiliary_processes_take_the_first_that_is_free() {
        let mut procs = procs(false);
        assert_eq!([(); 3].map(|()| procs.take(ProcList::Auxiliary)), [Some(9), Some(10), None]);
        procs.give_back(ProcList::Auxiliary, 9);
        assert_eq!(procs.take(ProcList::Auxiliary), Some(9));
    }
}
