//! Pins: who uses a buffer (`PinBuffer`, `UnpinBuffer`, `bufmgr.c`).
//!
//! A backend counts its own pins in its own memory. Only its first pin on a buffer and the
//! release of its last touch the shared refcount, and only the first raises the usage count.
//! So the shared refcount says how many *backends* use a page, and five nested pins are one
//! use.

use std::collections::BTreeMap;

use super::BufferAccess;
use super::desc::BM_MAX_USAGE_COUNT;
use crate::error::Error;
use crate::event::BufferEvent;
use crate::ids::{Buffer, BufferId};

/// Pins that fit the array; more go to a map (`REFCOUNT_ARRAY_ENTRIES`).
pub(super) const REFCOUNT_ARRAY_ENTRIES: usize = 8;

/// A backend's own pin counts: `PrivateRefCountArray`, and the hash behind it.
#[derive(Clone, Debug, Default)]
pub struct PrivateRefCount {
    array: [Option<(BufferId, u32)>; REFCOUNT_ARRAY_ENTRIES],
    overflow: BTreeMap<BufferId, u32>,
}

impl PrivateRefCount {
    /// How often this backend has the buffer pinned.
    #[inline]
    pub fn get(&self, buffer: BufferId) -> u32 {
        let in_array = self.array.iter().flatten().find(|entry| entry.0 == buffer);
        match in_array {
            Some(entry) => entry.1,
            None if self.overflow.is_empty() => 0,
            None => self.overflow.get(&buffer).copied().unwrap_or(0),
        }
    }

    #[inline]
    fn set(&mut self, buffer: BufferId, count: u32) {
        let place = self
            .array
            .iter()
            .position(|entry| entry.is_some_and(|entry| entry.0 == buffer))
            .or_else(|| {
                if self.overflow.contains_key(&buffer) {
                    return None;
                }
                self.array.iter().position(Option::is_none)
            });
        match place {
            Some(place) => self.array[place] = (count > 0).then_some((buffer, count)),
            None if count > 0 => {
                self.overflow.insert(buffer, count);
            }
            None => {
                self.overflow.remove(&buffer);
            }
        }
    }

    /// Buffers whose pins are counted in the map (`PrivateRefCountOverflowed`).
    pub(super) fn overflowed(&self) -> u32 {
        self.overflow.len() as u32
    }

    /// Buffers that this backend has pinned, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (BufferId, u32)> {
        let overflow = self.overflow.iter().map(|(&buffer, &count)| (buffer, count));
        self.array.iter().flatten().copied().chain(overflow)
    }
}

impl BufferAccess<'_> {
    /// `PinBuffer`. With a ring, use raises the count to 1 at most.
    #[inline]
    pub(super) fn pin_buffer(&mut self, buffer: BufferId, ring: bool) -> Result<(), Error> {
        let private = self.local.pins.get(buffer) + 1;
        self.local.pins.set(buffer, private);
        let desc = &mut self.pool.descs[buffer.index()];
        let usage_from = desc.usage_count();
        if private == 1 {
            desc.add_pin();
            let most = if ring { 1 } else { BM_MAX_USAGE_COUNT };
            if usage_from < most {
                desc.raise_usage();
            }
        }
        self.emit_pinned(buffer, private, usage_from)
    }

    /// `PinBuffer_Locked`: pin a victim, without counting it as a use.
    pub(super) fn pin_buffer_locked(&mut self, buffer: BufferId) -> Result<(), Error> {
        let private = self.local.pins.get(buffer) + 1;
        self.local.pins.set(buffer, private);
        let desc = &mut self.pool.descs[buffer.index()];
        desc.add_pin();
        let usage = desc.usage_count();
        self.emit_pinned(buffer, private, usage)
    }

    #[inline]
    fn emit_pinned(&mut self, buffer: BufferId, private: u32, from: u8) -> Result<(), Error> {
        let desc = &self.pool.descs[buffer.index()];
        let event = BufferEvent::Pinned {
            backend: self.who,
            buffer,
            private,
            shared: desc.refcount(),
            usage_from: from,
            usage_to: desc.usage_count(),
        };
        self.emit(event)
    }

    /// `ReleaseBuffer`.
    ///
    /// # Errors
    /// [`Error::BadBufferId`] if this backend has no pin on it.
    #[inline]
    pub fn release_buffer(&mut self, buffer: Buffer) -> Result<(), Error> {
        match buffer {
            Buffer::Shared(buffer) => self.unpin_buffer(buffer),
            Buffer::Local(buffer) => self.unpin_local_buffer(buffer),
        }
    }

    /// An error ends the operation, and with it its pins (`ResourceOwnerRelease`). A stop
    /// between two events is no error of the server: everything stays as it stands.
    pub(super) fn abort<T>(&mut self, pins: &[Buffer], error: Error) -> Result<T, Error> {
        if error != Error::Stopped {
            for &buffer in pins {
                self.release_buffer(buffer)?;
            }
        }
        Err(error)
    }

    /// `UnpinBuffer`.
    #[inline]
    pub(super) fn unpin_buffer(&mut self, buffer: BufferId) -> Result<(), Error> {
        let Some(private) = self.local.pins.get(buffer).checked_sub(1) else {
            return Err(Error::BadBufferId(buffer.number() as i32));
        };
        self.local.pins.set(buffer, private);
        let desc = &mut self.pool.descs[buffer.index()];
        if private == 0 {
            desc.drop_pin();
        }
        let shared = desc.refcount();
        self.emit(BufferEvent::Unpinned { backend: self.who, buffer, private, shared })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_eight_pins_are_counted() {
        let mut pins = PrivateRefCount::default();
        for round in 1..=2 {
            for buffer in 0..20 {
                pins.set(BufferId(buffer), round);
            }
        }
        assert_eq!(pins.iter().count(), 20);
        assert!((0..20).all(|buffer| pins.get(BufferId(buffer)) == 2));
        for buffer in (0..20).rev() {
            pins.set(BufferId(buffer), 0);
        }
        assert_eq!(pins.iter().count(), 0);
    }
}
