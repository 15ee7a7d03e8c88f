//! A process's own table of the locks it holds: how often, and for whom.
//!
//! PostgreSQL: `LOCALLOCK`, `GrantLockLocal`, `RemoveLocalLock`, `LockReassignCurrentOwner`
//! (`lock.c`).

use std::collections::BTreeMap;

use super::{LockMode, LockTag};

/// On whose behalf a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The session: the lock stays until it is released or the session ends.
    Session,
    /// A transaction or, at a level above 1, a subtransaction (`ResourceOwner`).
    Level(u32),
}

/// A lock held in one mode (`LOCALLOCK`).
#[derive(Clone, Debug, Default)]
pub(super) struct LocalLock {
    /// How often, by owner.
    pub(super) owners: Vec<(Owner, u64)>,
    /// It counts among the strong locks (`holdsStrongLockCount`).
    pub(super) strong: bool,
    /// It is known to be in the shared table; one taken by the fast path is not, even if
    /// another process moved it there.
    pub(super) in_table: bool,
}

impl LocalLock {
    pub(super) fn total(&self) -> u64 {
        self.owners.iter().map(|(_, count)| count).sum()
    }

    pub(super) fn of(&self, owner: Owner) -> u64 {
        self.owners.iter().find(|(of, _)| *of == owner).map_or(0, |(_, count)| *count)
    }

    /// One more for this owner (`GrantLockLocal`).
    pub(super) fn add(&mut self, owner: Owner, more: u64) {
        match self.owners.iter_mut().find(|(of, _)| *of == owner) {
            Some((_, count)) => *count += more,
            None => self.owners.push((owner, more)),
        }
    }

    pub(super) fn subtract_one(&mut self, owner: Owner) {
        if let Some((_, count)) = self.owners.iter_mut().find(|(of, _)| *of == owner) {
            *count = count.saturating_sub(1);
        }
        self.owners.retain(|(_, count)| *count > 0);
    }
}

/// A process's local lock table.
#[derive(Clone, Debug, Default)]
pub(super) struct LocalLocks {
    pub(super) held: BTreeMap<(LockTag, LockMode), LocalLock>,
    /// What each owner took, in order, for release the other way round
    /// (`ResourceOwnerRememberLock`).
    pub(super) taken: Vec<(Owner, LockTag, LockMode)>,
}

impl LocalLocks {
    /// Count a lock that is held.
    pub(super) fn grant(&mut self, owner: Owner, tag: LockTag, mode: LockMode) {
        let lock = self.held.entry((tag, mode)).or_default();
        if lock.of(owner) == 0 {
            self.taken.push((owner, tag, mode));
        }
        lock.add(owner, 1);
    }

    /// Forget that an owner took it.
    pub(super) fn forget(&mut self, owner: Owner, tag: LockTag, mode: LockMode) {
        let this = (owner, tag, mode);
        if let Some(at) = self.taken.iter().rposition(|taken| *taken == this) {
            self.taken.remove(at);
        }
    }

    /// A subtransaction's locks become its parent's (`LockReassignCurrentOwner`).
    pub(super) fn reassign(&mut self, from: Owner, to: Owner) {
        for lock in self.held.values_mut() {
            let count = lock.of(from);
            if count > 0 {
                lock.owners.retain(|(owner, _)| *owner != from);
                lock.add(to, count);
            }
        }
        for (owner, ..) in &mut self.taken {
            if *owner == from {
                *owner = to;
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        self.taken.retain(|taken| seen.insert(*taken));
    }
}
