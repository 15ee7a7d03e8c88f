//! The memory that local buffers take from their backend (`InitLocalBuffers`,
//! `GetLocalBufferStorage`, `localbuf.c`; `hash_create`, `element_alloc`, `dynahash.c`).
//!
//! The lookup table has a context of its own from the first use on, and takes entries by the lot. The
//! pages lie in LocalBufferContext, room for 16 of them at first, then for twice as many each time;
//! none before a buffer is used the first time. Descriptors and pin counts come from calloc, and are
//! in no context. Which requests there are is decided here; the server makes them.

use crate::bufmgr::BLCKSZ;

/// `MaxAllocSize`.
const MAX_ALLOC_SIZE: u64 = 0x3fff_ffff;
/// `sizeof(HTAB)`, and the table's name with the zero byte that ends it.
const HTAB: u64 = 96 + TABLE.len() as u64 + 1;
/// `sizeof(HASHHDR)`.
const HASHHDR: u64 = 848;
/// `DEF_SEGSIZE` and `DEF_DIRSIZE`: buckets of a segment, segments of a directory.
const SEGMENT: u32 = 256;
const POINTER: u64 = 8;
/// An entry with its header: `HASHELEMENT`, then a tag and a buffer's number.
const ELEMENT: u64 = 16 + 24;
/// `choose_nelem_alloc`: as many as fit into 2 kB.
const ELEMENTS: u32 = 2048 / ELEMENT as u32;
/// Buffers that there is room for at first.
const FIRST_BUFFERS: u32 = 16;

/// The lookup table's name.
pub(crate) const TABLE: &str = "Local Buffer Lookup Table";

/// A request to the backend's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// `hash_create` for so many buffers.
    Table(u32),
    /// A lot of entries for it, in bytes.
    Entries(u64),
    /// Room for pages, so many.
    Pages(u32),
}

/// What was requested so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Storage {
    /// Not made yet.
    requests: Vec<Request>,
    nbuffers: u32,
    entries: u32,
    /// Buffers that have their page's room.
    used: u32,
    num_bufs_in_block: u32,
    total_bufs_allocated: u32,
}

impl Storage {
    /// `InitLocalBuffers`
    pub(super) fn new(nbuffers: u32) -> Self {
        Self { requests: vec![Request::Table(nbuffers)], nbuffers, ..Self::default() }
    }

    /// That of a pool which was found on a real server: what it took was not recorded.
    pub(super) fn unknown() -> Self {
        Self { entries: u32::MAX, used: u32::MAX, ..Self::default() }
    }

    /// The table gets so many entries at once.
    pub(super) fn entered(&mut self, entries: usize) {
        if entries > self.entries as usize {
            self.entries += ELEMENTS;
            self.requests.push(Request::Entries(u64::from(ELEMENTS) * ELEMENT));
        }
    }

    /// `GetLocalBufferStorage`, for a buffer that has none: the sweep takes unused ones in their order.
    pub(super) fn get_local_buffer_storage(&mut self, buffer: u32) {
        if buffer < self.used {
            return;
        }
        self.used = buffer + 1;
        if buffer >= self.total_bufs_allocated {
            let left = self.nbuffers - self.total_bufs_allocated;
            let most = (MAX_ALLOC_SIZE / BLCKSZ) as u32;
            let pages = (self.num_bufs_in_block * 2).max(FIRST_BUFFERS).min(left).min(most);
            self.num_bufs_in_block = pages;
            self.total_bufs_allocated += pages;
            self.requests.push(Request::Pages(pages));
        }
    }

    pub(super) fn take_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }
}

/// What `hash_create` allocates, one after the other: the table, its header, a directory, the
/// directory's segments.
pub(crate) fn hash_create(nbuffers: u32) -> impl Iterator<Item = u64> {
    let segments = nbuffers.next_power_of_two().div_ceil(SEGMENT).next_power_of_two();
    let directory = u64::from(segments.max(SEGMENT)) * POINTER;
    let segment = u64::from(SEGMENT) * POINTER;
    [HTAB, HASHHDR, directory].into_iter().chain((0..segments).map(move |_| segment))
}
