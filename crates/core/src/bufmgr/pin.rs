//! Pins: who uses a buffer (`PinBuffer`, `UnpinBuffer`, `bufmgr.c`).
//!
//! A backend counts its own pins in its own memory. Only its first pin on a buffer and the
//! release of its last touch the shared refcount, and only the first raises the usage count.
//! So the shared refcount says how many *backends* use a page, and five nested pins are one
//! use.

use super::BufferAccess;
use super::desc::{BM_PIN_COUNT_WAITER, BufferDesc};
use crate::error::Error;
use crate::event::BufferEvent;
use crate::ids::{Buffer, BufferId};

/// Pins that fit the array; more go to a list (PostgreSQL: a hash) (`REFCOUNT_ARRAY_ENTRIES`).
pub(super) const REFCOUNT_ARRAY_ENTRIES: usize = 8;

/// The key of an array entry that is free.
const FREE: u32 = u32::MAX;

/// A backend's own pin counts: `PrivateRefCountArray`, and the hash behind it.
///
/// An entry is reserved before it is known whether it will be needed. If none is free then, one
/// in use goes to the hash, whoever's turn it is. How many are there decides how many pins more
/// `ExtendBufferedRelBy` may take, so the turns are PostgreSQL's.
#[derive(Clone, Debug)]
pub struct PrivateRefCount {
    /// Buffers, or [`FREE`]; their pins are in `counts`.
    buffers: [u32; REFCOUNT_ARRAY_ENTRIES],
    counts: [u32; REFCOUNT_ARRAY_ENTRIES],
    /// `ReservedRefCountEntry`.
    reserved: Option<usize>,
    /// `PrivateRefCountClock`: whose turn it is to go to the hash.
    clock: usize,
    /// The hash, in the order of the buffers.
    overflow: Vec<(BufferId, u32)>,
}

impl Default for PrivateRefCount {
    fn default() -> Self {
        Self {
            buffers: [FREE; REFCOUNT_ARRAY_ENTRIES],
            counts: [0; REFCOUNT_ARRAY_ENTRIES],
            reserved: None,
            clock: 0,
            overflow: Vec::new(),
        }
    }
}

impl PrivateRefCount {
    /// How often this backend has the buffer pinned (`GetPrivateRefCount`).
    #[inline]
    pub fn get(&self, buffer: BufferId) -> u32 {
        match self.find(buffer.0) {
            Some(entry) => self.counts[entry],
            None => self.overflow_place(buffer).map_or(0, |place| self.overflow[place].1),
        }
    }

    #[inline]
    fn find(&self, buffer: u32) -> Option<usize> {
        self.buffers.iter().position(|known| *known == buffer)
    }

    /// Where a buffer's pins are counted behind the array, or would be.
    #[inline]
    fn overflow_place(&self, buffer: BufferId) -> Result<usize, usize> {
        self.overflow.binary_search_by_key(&buffer, |entry| entry.0)
    }

    /// `ReservePrivateRefCountEntry`: the array's entry for the next pin.
    #[inline]
    pub(super) fn reserve(&mut self) -> usize {
        match self.reserved {
            Some(entry) => entry,
            None => self.reserve_anew(),
        }
    }

    #[cold]
    fn reserve_anew(&mut self) -> usize {
        let entry = self.find(FREE).unwrap_or_else(|| {
            let victim = self.clock % REFCOUNT_ARRAY_ENTRIES;
            self.clock = self.clock.wrapping_add(1);
            let moved = (BufferId(self.buffers[victim]), self.counts[victim]);
            if let Err(place) = self.overflow_place(moved.0) {
                self.overflow.insert(place, moved);
            }
            self.buffers[victim] = FREE;
            self.counts[victim] = 0;
            victim
        });
        self.reserved = Some(entry);
        entry
    }

    /// One pin more; how many it are. An entry of the hash comes back to the array
    /// (`GetPrivateRefCountEntry`, `NewPrivateRefCountEntry`).
    #[inline]
    fn add(&mut self, buffer: BufferId) -> u32 {
        let entry = match self.find(buffer.0) {
            Some(entry) => entry,
            None => {
                let entry = self.reserve();
                self.reserved = None;
                self.buffers[entry] = buffer.0;
                self.counts[entry] = if self.overflow.is_empty() { 0 } else { self.take(buffer) };
                entry
            }
        };
        self.counts[entry] += 1;
        self.counts[entry]
    }

    /// A buffer's pins that are counted behind the array; no more from now on.
    #[cold]
    fn take(&mut self, buffer: BufferId) -> u32 {
        self.overflow_place(buffer).map_or(0, |place| self.overflow.remove(place).1)
    }

    /// One pin less; how many are left, `None` if there was none. The entry of the last one is
    /// the next to be used (`ForgetPrivateRefCountEntry`).
    #[inline]
    fn remove(&mut self, buffer: BufferId) -> Option<u32> {
        let Some(entry) = self.find(buffer.0) else { return self.remove_behind(buffer) };
        let left = self.counts[entry] - 1;
        self.counts[entry] = left;
        if left == 0 {
            self.buffers[entry] = FREE;
            self.reserved = Some(entry);
        }
        Some(left)
    }

    #[cold]
    fn remove_behind(&mut self, buffer: BufferId) -> Option<u32> {
        let place = self.overflow_place(buffer).ok()?;
        let left = self.overflow[place].1 - 1;
        self.overflow[place].1 = left;
        if left == 0 {
            self.overflow.remove(place);
        }
        Some(left)
    }

    /// Buffers whose pins are counted behind the array (`PrivateRefCountOverflowed`).
    pub(super) fn overflowed(&self) -> u32 {
        self.overflow.len() as u32
    }

    /// Buffers that this backend has pinned, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (BufferId, u32)> {
        let array = self.buffers.iter().zip(self.counts).filter(|(buffer, _)| **buffer != FREE);
        array.map(|(buffer, count)| (BufferId(*buffer), count)).chain(self.overflow.iter().copied())
    }
}

impl BufferAccess<'_> {
    /// `PinBuffer`. With a ring, use raises the count to 1 at most.
    #[inline]
    pub(super) fn pin_buffer(&mut self, buffer: BufferId, ring: bool) -> Result<(), Error> {
        let private = self.local.pins.add(buffer);
        let most_by_use = self.pool.max_usage_count;
        let usage_from = self.desc(buffer).usage_count();
        if private == 1 {
            let most = if ring { 1 } else { most_by_use };
            self.update(buffer, |desc| {
                desc.add_pin();
                if usage_from < most {
                    desc.raise_usage();
                }
            });
        }
        self.emit_pinned(buffer, private, usage_from)
    }

    /// `PinBuffer_Locked`: pin a victim, without counting it as a use.
    pub(super) fn pin_buffer_locked(&mut self, buffer: BufferId) -> Result<(), Error> {
        let private = self.local.pins.add(buffer);
        self.update(buffer, BufferDesc::add_pin);
        let usage = self.desc(buffer).usage_count();
        self.emit_pinned(buffer, private, usage)
    }

    #[inline]
    fn emit_pinned(&mut self, buffer: BufferId, private: u32, from: u8) -> Result<(), Error> {
        let desc = self.desc(buffer);
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
        let Some(private) = self.local.pins.remove(buffer) else {
            return Err(Error::BadBufferId(buffer.number() as i32));
        };
        if private == 0 {
            self.update(buffer, BufferDesc::drop_pin);
        }
        let desc = self.desc(buffer);
        let shared = desc.refcount();
        self.emit(BufferEvent::Unpinned { backend: self.who, buffer, private, shared })?;
        if private == 0 && desc.is(BM_PIN_COUNT_WAITER) {
            return self.wake_pin_count_waiter(buffer);
        }
        Ok(())
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
                assert_eq!(pins.add(BufferId(buffer)), round);
            }
        }
        assert_eq!(pins.iter().count(), 20);
        assert!((0..20).all(|buffer| pins.get(BufferId(buffer)) == 2));
        for round in [1, 0] {
            for buffer in (0..20).rev() {
                assert_eq!(pins.remove(BufferId(buffer)), Some(round));
            }
        }
        assert_eq!(pins.iter().count(), 0);
        assert_eq!(pins.remove(BufferId(3)), None);
    }

    #[test]
    fn a_full_array_gives_an_entry_up_before_it_is_known_to_be_needed() {
        let mut pins = PrivateRefCount::default();
        for buffer in 0..8 {
            pins.add(BufferId(buffer));
        }
        assert_eq!(pins.overflowed(), 0);
        pins.reserve();
        pins.reserve();
        assert_eq!(pins.overflow, [(BufferId(0), 1)]);
        // Pinned again, it comes back to the entry that is reserved.
        assert_eq!(pins.add(BufferId(0)), 2);
        assert_eq!(pins.overflowed(), 0);
    }
}
