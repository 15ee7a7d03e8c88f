//! Pins: who uses a buffer (`PinBuffer`, `UnpinBuffer`, `bufmgr.c`).
//!
//! A backend counts its own pins in its own memory. Only its first pin on a buffer and the
//! release of its last touch the shared refcount, and only the first raises the usage count.
//! So the shared refcount says how many *backends* use a page, and five nested pins are one
//! use.

use super::BufferAccess;
use super::desc::BM_MAX_USAGE_COUNT;
use crate::error::Error;
use crate::event::BufferEvent;
use crate::ids::{Buffer, BufferId};

/// Pins that fit the array; more go to a list (PostgreSQL: a hash) (`REFCOUNT_ARRAY_ENTRIES`).
pub(super) const REFCOUNT_ARRAY_ENTRIES: usize = 8;

/// A backend's own pin counts: `PrivateRefCountArray`, and the hash behind it.
#[derive(Clone, Debug, Default)]
pub struct PrivateRefCount {
    array: [Option<(BufferId, u32)>; REFCOUNT_ARRAY_ENTRIES],
    /// In the order of the buffers.
    overflow: Vec<(BufferId, u32)>,
}

impl PrivateRefCount {
    /// How often this backend has the buffer pinned.
    #[inline]
    pub fn get(&self, buffer: BufferId) -> u32 {
        let in_array = self.array.iter().flatten().find(|entry| entry.0 == buffer);
        match in_array {
            Some(entry) => entry.1,
            None => self.overflow_place(buffer).map_or(0, |place| self.overflow[place].1),
        }
    }

    #[inline]
    fn set(&mut self, buffer: BufferId, count: u32) {
        let place = self
            .array
            .iter()
            .position(|entry| entry.is_some_and(|entry| entry.0 == buffer))
            .or_else(|| match self.overflow_place(buffer) {
                Ok(_) => None,
                Err(_) => self.array.iter().position(Option::is_none),
            });
        match (place, self.overflow_place(buffer)) {
            (Some(place), _) => self.array[place] = (count > 0).then_some((buffer, count)),
            (None, Ok(place)) if count > 0 => self.overflow[place].1 = count,
            (None, Ok(place)) => {
                self.overflow.remove(place);
            }
            (None, Err(place)) if count > 0 => self.overflow.insert(place, (buffer, count)),
            (None, Err(_)) => {}
        }
    }

    /// Where a buffer's pins are counted behind the array, or would be.
    #[inline]
    fn overflow_place(&self, buffer: BufferId) -> Result<usize, usize> {
        self.overflow.binary_search_by_key(&buffer, |entry| entry.0)
    }

    /// Buffers whose pins are counted behind the array (`PrivateRefCountOverflowed`).
    pub(super) fn overflowed(&self) -> u32 {
        self.overflow.len() as u32
    }

    /// Buffers that this backend has pinned, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (BufferId, u32)> {
        self.array.iter().flatten().copied().chain(self.overflow.iter().copied())
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
