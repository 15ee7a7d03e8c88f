//! The names of a scenario and the numbers that the machine knows them by, both ways.

use std::collections::BTreeMap;

use pgscope_core::ids::{BackendId, ChunkSlot, ContextSlot, PinSlot, RelId};
use pgscope_core::op::Name;

/// The number of a name that means nothing any more.
const FORGOTTEN: u32 = u32::MAX;

/// Names of one kind, numbered from 0 in the order of their first use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Register {
    names: Vec<Name>,
    numbers: BTreeMap<Name, u32>,
}

impl Register {
    /// The number of `name`, which is added if it is new.
    pub(crate) fn define(&mut self, name: &Name) -> u32 {
        if let Some(number) = self.number(name) {
            return number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.clone());
        self.numbers.insert(name.clone(), number);
        number
    }

    /// The name means nothing any more; its number still leads to it.
    pub(crate) fn forget(&mut self, name: &Name) {
        self.numbers.insert(name.clone(), FORGOTTEN);
    }

    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied().filter(|number| *number != FORGOTTEN)
    }

    pub(crate) fn name(&self, number: u32) -> Option<&Name> {
        self.names.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

/// What only one backend knows: its variables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Locals {
    pub(crate) contexts: Register,
    pub(crate) chunks: Register,
    pub(crate) pins: Register,
    pub(crate) rings: Register,
    pub(crate) callbacks: Register,
    /// A bit for each context of a backend's own that the scenario names.
    pub(crate) mentioned: u32,
}

/// Every name in a scenario.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub(crate) tables: Register,
    pub(crate) backends: Register,
    pub(crate) locals: Vec<Locals>,
}

impl Names {
    /// The tables' names, in the order of [`RelId`].
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.iter()
    }

    /// The backends' names, in the order of [`BackendId`].
    pub fn backends(&self) -> impl Iterator<Item = &str> {
        self.backends.iter()
    }

    /// A table's name.
    pub fn table(&self, rel: RelId) -> Option<&Name> {
        self.tables.name(rel.0)
    }

    /// A table by its name.
    pub fn find_table(&self, name: &str) -> Option<RelId> {
        self.tables.number(name).map(RelId)
    }

    /// A backend's name.
    pub fn backend(&self, backend: BackendId) -> Option<&Name> {
        self.backends.name(backend.0.into())
    }

    /// A backend by its name.
    pub fn find_backend(&self, name: &str) -> Option<BackendId> {
        self.backends.number(name).and_then(|number| number.try_into().ok()).map(BackendId)
    }

    /// The name of a backend's context.
    pub fn context(&self, backend: BackendId, slot: ContextSlot) -> Option<&str> {
        match slot.0.checked_sub(ContextSlot::FIRST_USER.0) {
            Some(number) => self.locals(backend)?.contexts.name(number).map(|name| &**name),
            None => Some(slot.known_name()).filter(|name| !name.is_empty()),
        }
    }

    /// A backend's context by its name.
    pub fn find_context(&self, backend: BackendId, name: &str) -> Option<ContextSlot> {
        let own = self.locals(backend).and_then(|locals| locals.contexts.number(name));
        let known = || ContextSlot::WELL_KNOWN.iter().find(|(known, _)| *known == name);
        own.map(user_context).or_else(|| known().map(|&(_, slot)| slot))
    }

    /// The name of a backend's chunk variable.
    pub fn chunk(&self, backend: BackendId, slot: ChunkSlot) -> Option<&Name> {
        self.locals(backend)?.chunks.name(slot.0)
    }

    /// A backend's chunk variable by its name.
    pub fn find_chunk(&self, backend: BackendId, name: &str) -> Option<ChunkSlot> {
        self.locals(backend)?.chunks.number(name).map(ChunkSlot)
    }

    /// The name of a function that a backend has called at a reset.
    pub fn callback(&self, backend: BackendId, number: u32) -> Option<&Name> {
        self.locals(backend)?.callbacks.name(number)
    }

    /// The name of a backend's pin variable.
    pub fn pin(&self, backend: BackendId, slot: PinSlot) -> Option<&Name> {
        self.locals(backend)?.pins.name(slot.0)
    }

    /// A backend's pin variable by its name.
    pub fn find_pin(&self, backend: BackendId, name: &str) -> Option<PinSlot> {
        self.locals(backend)?.pins.number(name).map(PinSlot)
    }

    /// Whether the scenario names a context that the backend has by itself.
    pub fn mentions(&self, backend: BackendId, slot: ContextSlot) -> bool {
        self.locals(backend).is_some_and(|it| it.mentioned & own_bit(slot) != 0)
    }

    pub(crate) fn locals(&self, backend: BackendId) -> Option<&Locals> {
        self.locals.get(usize::from(backend.0))
    }

    pub(crate) fn locals_mut(&mut self, backend: BackendId) -> Option<&mut Locals> {
        self.locals.get_mut(usize::from(backend.0))
    }
}

/// The bit of a context that a backend has by itself; none for a scenario's own.
pub(crate) fn own_bit(slot: ContextSlot) -> u32 {
    1u32.checked_shl(slot.0).unwrap_or_default()
}

/// The slot of a scenario's own context.
pub(crate) fn user_context(number: u32) -> ContextSlot {
    ContextSlot(ContextSlot::FIRST_USER.0.saturating_add(number))
}
