//! Whether a variable is still good: how often the memory at a context's address was given up.
//!
//! An address alone can't tell, since addresses are used again.

use std::collections::BTreeMap;

use crate::memory::Addr;

/// A bit that [`Life::frees`] never has.
pub(super) const FREED: u32 = 1 << 31;

/// A context's address, how often the context there was deleted, and how often its chunks went at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub(super) context: Addr,
    pub(super) deletes: u32,
    pub(super) frees: u32,
}

/// Where the life of the context at an address is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LifeIndex(pub(super) u32);

impl LifeIndex {
    /// No context's.
    pub(super) const NONE: Self = Self(u32::MAX);
}

/// The lives of one backend's contexts.
#[derive(Clone, Default)]
pub(super) struct Lives {
    lives: Vec<Life>,
    /// By address, in a map like malloc's.
    index: BTreeMap<u64, u64>,
    /// The address asked for last: mostly the next one too.
    last: Option<(Addr, LifeIndex)>,
}

impl Lives {
    /// The life of whatever context is at this address.
    #[inline]
    pub(super) fn of(&mut self, context: Addr) -> LifeIndex {
        match self.last {
            Some((addr, life)) if addr == context => life,
            _ => self.find(context),
        }
    }

    fn find(&mut self, context: Addr) -> LifeIndex {
        let known = self.index.get(&context.0).map(|life| *life as u32);
        let life = LifeIndex(known.unwrap_or(self.lives.len() as u32));
        if known.is_none() {
            self.index.insert(context.0, life.0.into());
            self.lives.push(Life { context, deletes: 0, frees: 0 });
        }
        self.last = Some((context, life));
        life
    }

    /// How often it was given up.
    #[inline]
    pub(super) fn at(&self, life: LifeIndex) -> Option<Life> {
        self.lives.get(life.0 as usize).copied()
    }

    /// The chunks of a context are gone; with `deleted`, the context too.
    pub(super) fn end(&mut self, context: Addr, deleted: bool) {
        let LifeIndex(index) = self.of(context);
        if let Some(life) = self.lives.get_mut(index as usize) {
            life.frees = life.frees.wrapping_add(1) & !FREED;
            life.deletes = life.deletes.wrapping_add(deleted.into());
        }
    }
}
