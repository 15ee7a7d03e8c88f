//! A process's own table of the locks it holds: how often, and for whom.
//!
//! PostgreSQL: `LOCALLOCK`, `GrantLockLocal`, `RemoveLocalLock`, `LockReassignCurrentOwner`
//! (`lock.c`).

use std::collections::BTreeMap;

use super::{LockMethod, LockMode, LockTag};

/// On whose behalf a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The session: the lock stays until it is released or the session ends.
    Session,
    /// A transaction or, at a level above 1, a subtransaction (`ResourceOwner`).
    Level(u32),
}

/// How often an owner has a lock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owned {
    pub(super) owner: Owner,
    pub(super) count: u64,
    /// Its place among all that owners took.
    taken: u64,
}

/// A lock held in one mode (`LOCALLOCK`).
#[derive(Clone, Debug, Default)]
pub(super) struct LocalLock {
    /// How often, by owner.
    pub(super) owners: Vec<Owned>,
    /// It counts among the strong locks (`holdsStrongLockCount`).
    pub(super) strong: bool,
    /// It is known to be in the shared table; one taken by the fast path is not, even if
    /// another process moved it there.
    pub(super) in_table: bool,
}

impl LocalLock {
    pub(super) fn total(&self) -> u64 {
        self.owners.iter().map(|owned| owned.count).sum()
    }

    pub(super) fn of(&self, owner: Owner) -> u64 {
        self.owners.iter().find(|owned| owned.owner == owner).map_or(0, |owned| owned.count)
    }
}

/// A process's local lock table.
#[derive(Clone, Debug, Default)]
pub(super) struct LocalLocks {
    pub(super) held: BTreeMap<(LockTag, LockMode), LocalLock>,
    /// What each owner took, in order, for release the other way round
    /// (`ResourceOwnerRememberLock`).
    taken: BTreeMap<(Owner, u64), (LockTag, LockMode)>,
    /// Locks that owners have taken so far.
    count: u64,
}

impl LocalLocks {
    /// Count a lock that is held (`GrantLockLocal`).
    pub(super) fn grant(&mut self, owner: Owner, tag: LockTag, mode: LockMode) {
        let lock = self.held.entry((tag, mode)).or_default();
        if let Some(owned) = lock.owners.iter_mut().find(|owned| owned.owner == owner) {
            owned.count += 1;
            return;
        }
        lock.owners.push(Owned { owner, count: 1, taken: self.count });
        self.taken.insert((owner, self.count), (tag, mode));
        self.count += 1;
    }

    /// One less for this owner; how often all owners have it still. Nothing if this one has not.
    pub(super) fn subtract_one(
        &mut self,
        owner: Owner,
        tag: LockTag,
        mode: LockMode,
    ) -> Option<u64> {
        let lock = self.held.get_mut(&(tag, mode))?;
        let at = lock.owners.iter().position(|owned| owned.owner == owner)?;
        lock.owners[at].count -= 1;
        if lock.owners[at].count == 0 {
            let gone = lock.owners.remove(at);
            self.taken.remove(&(owner, gone.taken));
        }
        Some(lock.total())
    }

    /// What an owner took, the last first. It has them no more.
    pub(super) fn take_from(&mut self, owner: Owner) -> Vec<(LockTag, LockMode)> {
        let theirs = self.taken.range((owner, 0)..=(owner, u64::MAX)).rev();
        let theirs: Vec<(u64, (LockTag, LockMode))> =
            theirs.map(|((_, taken), key)| (*taken, *key)).collect();
        for (taken, key) in &theirs {
            self.taken.remove(&(owner, *taken));
            if let Some(lock) = self.held.get_mut(key) {
                lock.owners.retain(|owned| owned.owner != owner);
            }
        }
        theirs.into_iter().map(|(_, key)| key).collect()
    }

    /// Forget the locks of a method, those of the owner `stays` left out; returned are those that nobody
    /// has any more.
    pub(super) fn forget(
        &mut self,
        method: LockMethod,
        stays: Option<Owner>,
    ) -> Vec<(LockTag, LockMode, LocalLock)> {
        let (mut gone, taken) = (Vec::new(), &mut self.taken);
        self.held.retain(|&(tag, mode), lock| {
            if tag.method != method {
                return true;
            }
            lock.owners.retain(|owned| {
                let kept = stays == Some(owned.owner);
                if !kept {
                    taken.remove(&(owned.owner, owned.taken));
                }
                kept
            });
            let held = !lock.owners.is_empty();
            if !held {
                gone.push((tag, mode, std::mem::take(lock)));
            }
            held
        });
        gone
    }

    /// A subtransaction's locks become its parent's (`LockReassignCurrentOwner`).
    pub(super) fn reassign(&mut self, from: Owner, to: Owner) {
        let theirs = self.taken.range((from, 0)..=(from, u64::MAX));
        let theirs: Vec<_> = theirs.map(|((_, taken), key)| (*taken, *key)).collect();
        for (taken, key) in theirs {
            self.taken.remove(&(from, taken));
            let Some(lock) = self.held.get_mut(&key) else { continue };
            let Some(at) = lock.owners.iter().position(|owned| owned.owner == from) else {
                continue;
            };
            let child = lock.owners.remove(at);
            match lock.owners.iter_mut().find(|owned| owned.owner == to) {
                Some(parent) => parent.count += child.count,
                None => {
                    lock.owners.push(Owned { owner: to, ..child });
                    self.taken.insert((to, taken), key);
                }
            }
        }
    }

    /// Remove a lock, whoever has it.
    pub(super) fn remove(&mut self, tag: LockTag, mode: LockMode) -> Option<LocalLock> {
        let lock = self.held.remove(&(tag, mode))?;
        for Owned { owner, taken, .. } in &lock.owners {
            self.taken.remove(&(*owner, *taken));
        }
        Some(lock)
    }
}
