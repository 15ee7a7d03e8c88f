//! Looking for deadlocks, and undoing those that another order of the wait queues undoes.
//!
//! PostgreSQL: `DeadLockCheck`, `TestConfiguration`, `FindLockCycle`, `ExpandConstraints`,
//! `TopoSort` (`deadlock.c`), `CheckDeadLock` (`proc.c`).

use std::collections::BTreeMap;

use super::{DeadlockFound, LockManager, LockMode, LockTag, ProcNumber};
use crate::event::LockEvent;

/// One line of a deadlock's detail: who waits for what. The next line's process blocks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadlockEdge {
    /// What is waited for.
    pub tag: LockTag,
    /// How.
    pub mode: LockMode,
    /// Who waits.
    pub proc: ProcNumber,
}

/// A waiter that stands behind another one it conflicts with (`EDGE`): as a constraint, the
/// waiter is to stand before the blocker.
#[derive(Clone, Copy, Debug)]
struct SoftEdge {
    waiter: ProcNumber,
    blocker: ProcNumber,
    tag: LockTag,
}

/// What a search carries along.
struct Search<'a> {
    manager: &'a LockManager,
    /// Other orders of wait queues to take for true (`waitOrders`).
    orders: BTreeMap<LockTag, Vec<ProcNumber>>,
    visited: Vec<ProcNumber>,
    soft: Vec<SoftEdge>,
    details: Vec<DeadlockEdge>,
    events: Vec<LockEvent>,
    /// Configurations that may still be tried, against queues that have too many.
    tries: u32,
}

impl LockManager {
    /// A waiter's `deadlock_timeout` has run out. A soft deadlock is undone here; a hard one
    /// takes the process out of the queue.
    pub fn check_deadlock(&mut self, proc: ProcNumber) -> DeadlockFound {
        if self.wait_of(proc).is_none() {
            return DeadlockFound::NotYet;
        }
        self.emit(LockEvent::DeadlockCheck { proc });
        let mut search = Search {
            manager: self,
            orders: BTreeMap::new(),
            visited: Vec::new(),
            soft: Vec::new(),
            details: Vec::new(),
            events: Vec::new(),
            tries: 10_000,
        };
        let hard = search.recurse(proc, &mut Vec::new());
        if hard {
            // As PostgreSQL does: look again at the queues as they are, for the report.
            search.orders.clear();
            search.find_lock_cycle(proc);
        }
        let Search { orders, details, events, .. } = search;
        for event in events {
            self.emit(event);
        }
        if hard {
            self.emit(LockEvent::Deadlock { proc });
            self.give_up(proc);
            return DeadlockFound::Hard(details);
        }
        if orders.is_empty() {
            return DeadlockFound::None;
        }
        for (tag, order) in orders {
            if let Some(lock) = self.locks.get_mut(&tag) {
                lock.wait_procs = order;
            }
            self.emit(LockEvent::Rearranged { tag });
            self.proc_lock_wakeup(tag);
        }
        DeadlockFound::Soft
    }
}

impl Search<'_> {
    /// Whether no set of constraints makes the process free of deadlock (`DeadLockCheckRecurse`).
    fn recurse(&mut self, proc: ProcNumber, constraints: &mut Vec<SoftEdge>) -> bool {
        let Some(edges) = self.test_configuration(proc, constraints) else { return true };
        if edges.is_empty() {
            return false;
        }
        for edge in edges {
            if self.tries == 0 {
                return true;
            }
            self.tries -= 1;
            constraints.push(edge);
            if !self.recurse(proc, constraints) {
                return false;
            }
            constraints.pop();
        }
        true
    }

    /// Try the queues in the order that the constraints make. Nothing: a hard deadlock or no
    /// such order. Otherwise the soft edges of the last cycle found, none if all is well.
    fn test_configuration(
        &mut self,
        start: ProcNumber,
        constraints: &[SoftEdge],
    ) -> Option<Vec<SoftEdge>> {
        if !self.expand_constraints(constraints) {
            return None;
        }
        let mut found = Vec::new();
        let ends = constraints.iter().flat_map(|edge| [edge.waiter, edge.blocker]);
        for proc in ends.chain([start]) {
            if self.find_lock_cycle(proc) {
                if self.soft.is_empty() {
                    return None;
                }
                found = self.soft.clone();
            }
        }
        Some(found)
    }

    fn find_lock_cycle(&mut self, proc: ProcNumber) -> bool {
        self.visited.clear();
        self.soft.clear();
        self.details.clear();
        let found = self.find_recurse(proc);
        // Lines are written on the way back, the last one first.
        self.details.reverse();
        found
    }

    fn find_recurse(&mut self, proc: ProcNumber) -> bool {
        if let Some(at) = self.visited.iter().position(|seen| *seen == proc) {
            // Only a cycle through the start counts.
            return at == 0;
        }
        self.visited.push(proc);
        let Some(wait) = self.manager.wait_of(proc) else { return false };
        let Some(lock) = self.manager.locks.get(&wait.tag) else { return false };
        let edge = DeadlockEdge { tag: wait.tag, mode: wait.mode, proc };
        let conflicts = wait.mode.conflicts();
        for &holder in lock.proc_locks.iter().filter(|holder| **holder != proc) {
            if self.manager.hold_mask(holder, &wait.tag) & conflicts == 0 {
                continue;
            }
            self.events.push(LockEvent::Edge { waiter: proc, blocker: holder, soft: false });
            if self.find_recurse(holder) {
                self.details.push(edge);
                return true;
            }
        }
        let queue = self.orders.get(&wait.tag).unwrap_or(&lock.wait_procs).clone();
        for ahead in queue.into_iter().take_while(|ahead| *ahead != proc) {
            let asks = self.manager.wait_of(ahead).map_or(0, |asks| asks.mode.bit());
            if asks & conflicts == 0 {
                continue;
            }
            self.events.push(LockEvent::Edge { waiter: proc, blocker: ahead, soft: true });
            if self.find_recurse(ahead) {
                self.details.push(edge);
                self.soft.push(SoftEdge { waiter: proc, blocker: ahead, tag: wait.tag });
                return true;
            }
        }
        false
    }

    /// Put each constrained queue into an order that keeps to its constraints.
    fn expand_constraints(&mut self, constraints: &[SoftEdge]) -> bool {
        self.orders.clear();
        for edge in constraints.iter().rev() {
            if self.orders.contains_key(&edge.tag) {
                continue;
            }
            let Some(lock) = self.manager.locks.get(&edge.tag) else { return false };
            let Some(order) = topo_sort(&lock.wait_procs, constraints, edge.tag) else {
                return false;
            };
            self.orders.insert(edge.tag, order);
        }
        true
    }
}

/// Order a queue so that each constraint's waiter stands before its blocker, moving nobody
/// without need: filled from the end, each time with the last process that nothing keeps back.
fn topo_sort(
    queue: &[ProcNumber],
    constraints: &[SoftEdge],
    tag: LockTag,
) -> Option<Vec<ProcNumber>> {
    let place = |proc: ProcNumber| queue.iter().position(|waiter| *waiter == proc);
    let pairs = constraints.iter().filter(|edge| edge.tag == tag);
    let mut pairs: Vec<(usize, usize)> =
        pairs.filter_map(|edge| Some((place(edge.waiter)?, place(edge.blocker)?))).collect();
    let mut left: Vec<usize> = (0..queue.len()).collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        let free = |&at: &usize| pairs.iter().all(|(before, _)| *before != at);
        let at = left.iter().rposition(free)?;
        let last = left.remove(at);
        pairs.retain(|(_, after)| *after != last);
        order.push(queue[last]);
    }
    order.reverse();
    Some(order)
}
