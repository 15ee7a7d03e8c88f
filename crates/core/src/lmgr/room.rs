//! How many entries the shared LOCK and PROCLOCK tables have room for.
//!
//! PostgreSQL: `dynahash.c` (`element_alloc`, `get_hash_entry`, `choose_nelem_alloc`),
//! `hashfn.c` (`hash_bytes`), `LockShmemSize`.
//!
//! Elements wait on 32 free lists, and which list an element comes from is decided by the key's
//! hash. Up to version 18 an empty list first takes a new lot from the free rest of the shared
//! segment, which both tables draw on; only when that is used up are other lists asked. So how
//! many locks fit depends on the order in which the lists ran dry. Version 19 allocates
//! everything at start.

const FREELISTS: usize = 32;

/// Bytes of a LOCK and of a PROCLOCK element, with the header of `dynahash` (16 bytes).
const LOCK_ELEMENT: u64 = 16 + 152;
const PROCLOCK_ELEMENT: u64 = 16 + 64;

/// The free lists of one table.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    free: [u32; FREELISTS],
    element: u64,
    /// Elements in a lot; 0 if the table can't grow.
    lot: u32,
}

impl Room {
    fn new(elements: u32, element: u64, grows: bool) -> Self {
        let each = elements / FREELISTS as u32;
        let mut free = [each; FREELISTS];
        free[0] = elements - each * (FREELISTS as u32 - 1);
        Room { free, element, lot: if grows { choose_nelem_alloc(element) } else { 0 } }
    }

    /// Take an element for a key with this hash; `shared` is the segment's free rest.
    pub(crate) fn take(&mut self, hash: u32, shared: &mut u64) -> bool {
        let first = hash as usize % FREELISTS;
        if self.free[first] == 0 && self.lot > 0 {
            let bytes = (u64::from(self.lot) * self.element).next_multiple_of(128);
            if *shared >= bytes {
                *shared -= bytes;
                self.free[first] = self.lot;
            }
        }
        let list =
            (0..FREELISTS).map(|step| (first + step) % FREELISTS).find(|&list| self.free[list] > 0);
        let Some(list) = list else { return false };
        self.free[list] -= 1;
        true
    }

    /// An element comes back; it goes to the list of its key.
    pub(crate) fn give(&mut self, hash: u32) {
        self.free[hash as usize % FREELISTS] += 1;
    }

    /// Elements in a lot that it takes when a list is empty; 0 if it can't grow.
    pub(crate) fn grows_by(&self) -> u32 {
        self.lot
    }

    /// Elements that are free now, without any lot yet to be taken.
    pub(crate) fn left(&self) -> u32 {
        self.free.iter().sum()
    }
}

/// The room of both tables, and what they may still take from the segment.
#[derive(Clone, Debug)]
pub(crate) struct LockRoom {
    pub(crate) lock: Room,
    pub(crate) proclock: Room,
    pub(crate) shared: u64,
}

impl LockRoom {
    /// Room for `max` locks (`NLOCKENTS`) at start.
    pub(crate) fn new(max: u32, shared: u64, fixed: bool) -> Self {
        let init = if fixed { max } else { max / 2 };
        LockRoom {
            lock: Room::new(init, LOCK_ELEMENT, !fixed),
            proclock: Room::new(init * 2, PROCLOCK_ELEMENT, !fixed),
            shared,
        }
    }
}

/// How many elements are allocated at once: what fits into the smallest power of two that has
/// room for 32.
fn choose_nelem_alloc(element: u64) -> u32 {
    let mut bytes = 256;
    while bytes / element < 32 {
        bytes *= 2;
    }
    (bytes / element) as u32
}

/// Bob Jenkins' hash (lookup3) of sixteen bytes, as `hash_bytes` has it.
pub(crate) fn hash_bytes(words: [u32; 4]) -> u32 {
    let start = 0x9e37_79b9_u32.wrapping_add(16).wrapping_add(3_923_095);
    let [mut a, mut b, mut c] = [0, 1, 2].map(|i| start.wrapping_add(words[i]));
    let turn = |to: &mut u32, with: u32, by: u32| {
        *to = to.wrapping_sub(with) ^ with.rotate_left(by);
    };
    turn(&mut a, c, 4);
    c = c.wrapping_add(b);
    turn(&mut b, a, 6);
    a = a.wrapping_add(c);
    turn(&mut c, b, 8);
    b = b.wrapping_add(a);
    turn(&mut a, c, 16);
    c = c.wrapping_add(b);
    turn(&mut b, a, 19);
    a = a.wrapping_add(c);
    turn(&mut c, b, 4);
    b = b.wrapping_add(a);
    a = a.wrapping_add(words[3]);
    let last = |to: &mut u32, with: u32, by: u32| {
        *to = (*to ^ with).wrapping_sub(with.rotate_left(by));
    };
    last(&mut c, b, 14);
    last(&mut a, c, 11);
    last(&mut b, a, 25);
    last(&mut c, b, 16);
    last(&mut a, c, 4);
    last(&mut b, a, 14);
    last(&mut c, b, 24);
    c
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many advisory locks of the recordings' kind fit (one PROCLOCK with each LOCK).
    fn fit(max: u32, shared: u64, fixed: bool) -> u32 {
        let mut room = LockRoom::new(max, shared, fixed);
        let mut shared = room.shared;
        for key in 1.. {
            let hash = super::super::LockTag::advisory_pair(5, 1, key).hash_code();
            if !room.lock.take(hash, &mut shared) || !room.proclock.take(hash, &mut shared) {
                return key as u32 - 1;
            }
        }
        0
    }

    #[test]
    fn as_many_fit_as_on_real_servers() {
        assert_eq!(fit(320, 219_136, false), 626);
        assert_eq!(fit(7808, 1_916_928, false), 12_832);
        assert_eq!(fit(460, 286_592, false), 970);
        assert_eq!(fit(8704, 2_275_968, false), 14_912);
        assert_eq!(fit(460, 100_196, true), 460);
    }

    #[test]
    fn what_comes_back_can_be_taken_again() {
        let mut room = Room::new(40, LOCK_ELEMENT, false);
        let mut none = 0;
        let taken = (0..).take_while(|&hash| room.take(hash, &mut none)).count();
        assert_eq!((taken, room.left()), (40, 0));
        room.give(7);
        assert!(room.take(8, &mut none), "from another list");
        assert!(!room.take(8, &mut none));
    }
}
