//! The lock manager against the rules that its callers rely on.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::profile::Version;

const OWNER: Owner = Owner::Level(1);

fn manager(version: Version, processes: u32) -> LockManager {
    let settings = LockSettings {
        max_locks_per_transaction: 64,
        processes,
        free_shared_memory: 0,
        database: 5,
    };
    LockManager::new(version.profile(), settings)
}

fn table(number: u32) -> LockTag {
    LockTag::relation(5, 16_384 + number)
}

fn attach<const N: usize>(manager: &mut LockManager) -> [ProcNumber; N] {
    std::array::from_fn(|_| manager.attach())
}

fn end(manager: &mut LockManager, proc: ProcNumber) {
    manager.release_all(proc, LockMethod::Default, false);
}

/// The counts of every entry agree with what its processes hold and want, and no two processes
/// hold what conflicts.
fn check(manager: &LockManager) {
    for (tag, lock) in &manager.locks {
        for mode in LockMode::ALL {
            let holders = lock.proc_locks.iter();
            let holders = holders.filter(|&&proc| manager.hold_mask(proc, tag) & mode.bit() != 0);
            let waiters = lock.wait_procs.iter().filter_map(|&proc| manager.wait_of(proc));
            let waiters = waiters.filter(|wait| wait.mode == mode && wait.tag == *tag).count();
            let granted = holders.count();
            assert_eq!(lock.granted[mode as usize] as usize, granted, "{tag}");
            assert_eq!(lock.requested[mode as usize] as usize, granted + waiters, "{tag}");
            assert_eq!(lock.grant_mask & mode.bit() != 0, granted > 0);
            assert_eq!(lock.wait_mask & mode.bit() != 0, waiters > 0);
        }
        for &one in &lock.proc_locks {
            for &other in lock.proc_locks.iter().filter(|other| **other != one) {
                for mode in modes(manager.hold_mask(one, tag)) {
                    assert_eq!(mode.conflicts() & manager.hold_mask(other, tag), 0, "{tag}");
                }
            }
        }
        assert!(!lock.proc_locks.is_empty(), "an entry that nobody needs");
    }
    for (proc, process) in &manager.procs {
        if let Some(wait) = process.wait {
            assert!(manager.locks[&wait.tag].wait_procs.contains(proc));
        }
        for (relation, mask) in process.fast_path.entries() {
            let tag = LockTag::relation(5, relation);
            for mode in modes(mask) {
                assert!(process.local.held.contains_key(&(tag, mode)));
            }
            let strong = |lock: &Lock| {
                modes(lock.grant_mask).any(|mode| mode > LockMode::ShareUpdateExclusive)
            };
            assert!(!manager.locks.get(&tag).is_some_and(strong), "a strong lock overlooked it");
        }
    }
}

#[test]
fn a_waiter_is_awakened_in_turn() {
    let mut manager = manager(Version::V18, 10);
    let [a, b, c] = attach(&mut manager);
    assert_eq!(
        manager.acquire(a, OWNER, table(0), LockMode::AccessShare, false),
        Acquired::Granted
    );
    assert!(manager.lock_status()[0].fastpath);
    let strong = LockMode::AccessExclusive;
    assert_eq!(manager.acquire(b, OWNER, table(0), strong, false), Acquired::Waits);
    assert!(!manager.lock_status()[0].fastpath, "moved");
    assert_eq!(manager.acquire(c, OWNER, table(0), LockMode::AccessShare, false), Acquired::Waits);
    assert_eq!((manager.blocking(b), manager.blocking(c)), (vec![a], vec![b]));
    end(&mut manager, a);
    assert_eq!(manager.take_awakened(), [b]);
    assert_eq!(manager.blocking(c), [b]);
    end(&mut manager, b);
    assert_eq!(manager.take_awakened(), [c]);
    end(&mut manager, c);
    assert!(manager.lock_status().is_empty() && manager.locks.is_empty());
    assert!(manager.strong.is_empty());
}

#[test]
fn who_will_not_wait_may_go_ahead_since_17() {
    for (version, expected) in
        [(Version::V15, Acquired::NotAvailable), (Version::V17, Acquired::Granted)]
    {
        let mut manager = manager(version, 10);
        let [a, b] = attach(&mut manager);
        manager.acquire(a, OWNER, table(0), LockMode::AccessShare, false);
        let strong = LockMode::AccessExclusive;
        assert_eq!(manager.acquire(b, OWNER, table(0), strong, false), Acquired::Waits);
        assert_eq!(manager.acquire(a, OWNER, table(0), LockMode::RowShare, true), expected);
        check(&manager);
    }
}

#[test]
fn a_deadlock_on_one_lock_shows_at_once() {
    let mut manager = manager(Version::V15, 10);
    let [a, b] = attach(&mut manager);
    for proc in [a, b] {
        manager.acquire(proc, OWNER, table(0), LockMode::Share, false);
    }
    manager.acquire(a, OWNER, table(0), LockMode::RowExclusive, false);
    let answer = manager.acquire(b, OWNER, table(0), LockMode::RowExclusive, false);
    let Acquired::Deadlock(edges) = answer else { panic!("{answer:?}") };
    assert_eq!(edges.iter().map(|edge| edge.proc).collect::<Vec<_>>(), [b, a]);
    check(&manager);
}

#[test]
fn a_soft_deadlock_is_undone_by_another_order() {
    let mut manager = manager(Version::V19, 10);
    let [a, b, c, d] = attach(&mut manager);
    let (weak, strong) = (LockMode::AccessShare, LockMode::AccessExclusive);
    manager.acquire(a, OWNER, table(0), weak, false);
    manager.acquire(b, OWNER, table(1), weak, false);
    manager.acquire(c, OWNER, table(0), strong, false);
    manager.acquire(d, OWNER, table(1), strong, false);
    manager.acquire(a, OWNER, table(1), weak, false);
    manager.acquire(b, OWNER, table(0), weak, false);
    assert_eq!(manager.check_deadlock(b), DeadlockFound::Soft);
    assert_eq!(manager.take_awakened(), [a]);
    assert_eq!(manager.blocking(d), [b, a]);
    check(&manager);
}

#[test]
fn a_cycle_of_four_names_each() {
    let mut manager = manager(Version::V17, 10);
    let procs: [ProcNumber; 4] = attach(&mut manager);
    let strong = LockMode::Exclusive;
    for (number, proc) in procs.into_iter().enumerate() {
        manager.acquire(proc, OWNER, table(number as u32), strong, false);
    }
    for (number, proc) in procs.into_iter().enumerate() {
        let next = table((number as u32 + 1) % 4);
        assert_eq!(manager.acquire(proc, OWNER, next, strong, false), Acquired::Waits);
    }
    let found = manager.check_deadlock(procs[2]);
    let DeadlockFound::Hard(edges) = found else { panic!("{found:?}") };
    let named: Vec<ProcNumber> = edges.iter().map(|edge| edge.proc).collect();
    assert_eq!(named, [procs[2], procs[3], procs[0], procs[1]]);
    assert_eq!(manager.check_deadlock(procs[2]), DeadlockFound::NotYet);
    check(&manager);
}

#[test]
fn slots_are_sixteen_or_follow_the_setting() {
    for (version, fast) in [(Version::V15, 16), (Version::V18, 64)] {
        let mut manager = manager(version, 10);
        let [a] = attach(&mut manager);
        for number in 0..64 {
            manager.acquire(a, OWNER, table(number), LockMode::AccessShare, false);
        }
        let rows = manager.lock_status();
        assert_eq!(rows.len(), 64);
        assert_eq!(rows.iter().filter(|row| row.fastpath).count(), fast);
    }
}

#[test]
fn a_full_table_refuses_and_recovers() {
    let mut manager = manager(Version::V19, 1);
    let [a] = attach(&mut manager);
    let take = |manager: &mut LockManager| {
        let granted = |key: &i64| {
            let tag = LockTag::advisory(5, *key);
            manager.acquire(a, Owner::Session, tag, LockMode::Exclusive, false) == Acquired::Granted
        };
        (0..1000).take_while(granted).count()
    };
    assert_eq!(take(&mut manager), 64);
    manager.release_session(a, LockMethod::User);
    assert_eq!(take(&mut manager), 64);
}

#[test]
fn a_prepared_transaction_keeps_its_locks() {
    let mut manager = manager(Version::V18, 10);
    let [a, b] = attach(&mut manager);
    manager.begin_virtual_transaction(a, 1);
    manager.acquire(a, OWNER, table(0), LockMode::RowExclusive, false);
    let stand_in = manager.prepare(a).unwrap();
    let rows = manager.lock_status();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].proc, rows[0].fastpath), (stand_in, false));
    assert_eq!(manager.acquire(b, OWNER, table(0), LockMode::Share, false), Acquired::Waits);
    manager.detach(stand_in);
    assert_eq!(manager.take_awakened(), [b]);
    check(&manager);
}

#[test]
fn a_subtransaction_gives_back_its_own() {
    let mut manager = manager(Version::V18, 10);
    let [a] = attach(&mut manager);
    let inner = Owner::Level(2);
    manager.acquire(a, OWNER, table(0), LockMode::Share, false);
    manager.acquire(a, inner, table(0), LockMode::Share, false);
    manager.acquire(a, inner, table(1), LockMode::Share, false);
    manager.release_owner(a, inner);
    assert!(manager.holds(a, &table(0), LockMode::Share));
    assert!(!manager.holds(a, &table(1), LockMode::Share));
    manager.acquire(a, inner, table(1), LockMode::Share, false);
    manager.reassign_owner(a, inner, OWNER);
    manager.release_owner(a, inner);
    assert!(manager.holds(a, &table(1), LockMode::Share));
    assert!(manager.release(a, OWNER, table(1), LockMode::Share));
    assert!(!manager.release(a, OWNER, table(1), LockMode::Share));
    check(&manager);
}

/// One step of a random history.
#[derive(Clone, Copy, Debug)]
enum Step {
    Take { proc: usize, table: u32, mode: LockMode, nowait: bool },
    End(usize),
    Cancel(usize),
    Check(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let mode = prop::sample::select(LockMode::ALL.to_vec());
    prop_oneof![
        6 => (0..5_usize, 0..3_u32, mode, any::<bool>()).prop_map(|(proc, table, mode, nowait)| {
            Step::Take { proc, table, mode, nowait: nowait && table == 0 }
        }),
        1 => (0..5_usize).prop_map(Step::End),
        1 => (0..5_usize).prop_map(Step::Cancel),
        1 => (0..5_usize).prop_map(Step::Check),
    ]
}

/// Whether somebody waits who could go on: no one holds or asks before it what conflicts.
fn overlooked(manager: &LockManager) -> bool {
    let mut waiters = manager.procs.keys().filter(|proc| manager.waits_for(**proc).is_some());
    waiters.any(|proc| manager.blocking(*proc).is_empty())
}

/// Whether following blockers from some waiter can only lead around for ever.
fn stuck(manager: &LockManager) -> bool {
    let mut free: BTreeMap<ProcNumber, bool> =
        manager.procs.keys().map(|proc| (*proc, manager.waits_for(*proc).is_none())).collect();
    loop {
        let next = free.iter().find(|(proc, done)| {
            !**done && manager.blocking(**proc).iter().all(|blocker| free[blocker])
        });
        let Some(next) = next.map(|(proc, _)| *proc) else { break };
        free.insert(next, true);
    }
    free.values().any(|done| !done)
}

proptest! {
    #[test]
    fn random_histories_keep_the_rules(
        version in prop::sample::select(Version::ALL.to_vec()),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut manager = manager(version, 10);
        let procs: [ProcNumber; 5] = attach(&mut manager);
        for step in steps {
            match step {
                Step::Take { proc, table: number, mode, nowait } => {
                    if manager.waits_for(procs[proc]).is_none() {
                        manager.acquire(procs[proc], OWNER, table(number), mode, nowait);
                    }
                }
                Step::End(proc) => {
                    if manager.waits_for(procs[proc]).is_none() {
                        end(&mut manager, procs[proc]);
                    }
                }
                Step::Cancel(proc) => manager.give_up(procs[proc]),
                Step::Check(proc) => {
                    manager.check_deadlock(procs[proc]);
                }
            }
            check(&manager);
            prop_assert!(!overlooked(&manager));
        }
        // Every waiter looks for a deadlock once, as each does when its time runs out.
        for proc in procs {
            manager.check_deadlock(proc);
            check(&manager);
        }
        prop_assert!(!stuck(&manager));
        for proc in procs {
            manager.detach(proc);
        }
        prop_assert!(manager.locks.is_empty() && manager.proclocks.is_empty());
        prop_assert!(manager.strong.is_empty());
    }

    #[test]
    fn without_wait_nobody_changes_the_queue(mode in prop::sample::select(LockMode::ALL.to_vec())) {
        let mut manager = manager(Version::V18, 10);
        let [a, b, c] = attach(&mut manager);
        manager.acquire(a, OWNER, table(0), LockMode::Exclusive, false);
        manager.acquire(b, OWNER, table(0), LockMode::Share, false);
        let before = manager.lock_status();
        if manager.acquire(c, OWNER, table(0), mode, true) == Acquired::NotAvailable {
            prop_assert_eq!(before, manager.lock_status());
        }
    }
}
