//! The shared segment in the arena: where each structure lies, and its bytes as PostgreSQL has
//! them.
//!
//! [`Segment`] lays it out, from the allocator's header to the free rest; it begins at
//! [`Addr::SHARED`]. The machine works on compact forms of what lies in it;
//! [`ShmemLayout::read`] writes out the bytes of the buffer pool, of the lock tables and of the
//! processes' slots when somebody looks. Everything else reads as zeros.

mod dynahash;
mod fields;
mod lock_tables;
mod lookup_table;
mod procs;

use std::rc::Rc;

use super::page::render_page;
use super::segment::Segment;
use super::{Backend, Server};
use crate::bufmgr::BLCKSZ;
use crate::bufmgr::desc::BufferDesc;
use crate::error::Error;
use crate::ids::{BufferId, BufferTag};
use crate::memory::{Addr, Owner};
use crate::profile::{ContentLock, Profile, ShmemProfile};

/// A named part of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// As `pg_shmem_allocations.name` has it, or what a backend uses it for.
    pub name: &'static str,
    /// Whose it is.
    pub owner: Owner,
    /// Where it begins.
    pub addr: Addr,
    /// Bytes.
    pub size: u64,
}

impl Region {
    fn shared(name: &'static str, off: u64, size: u64) -> Self {
        Self { name, owner: Owner::Shared, addr: Addr::SHARED.offset(off), size }
    }
}

/// `BUFFERDESC_PAD_TO_SIZE`.
const DESCRIPTOR: u64 = 64;
/// `sizeof(CkptSortItem)`.
const CKPT_SORT_ITEM: u64 = 20;
/// `CV_MINIMAL_SIZE`.
const CONDITION_VARIABLE: u64 = 16;
/// Names of structures that the machine finds its own in.
const DESCRIPTORS: &str = "Buffer Descriptors";
const BLOCKS: &str = "Buffer Blocks";
const SORTED: &str = "Checkpoint BufferIds";
const STRATEGY: &str = "Buffer Strategy Status";
const IO_WAITS: &str = "Buffer IO Condition Variables";

/// Where everything lies.
#[derive(Clone, Debug)]
pub struct ShmemLayout {
    /// Snapshots of a server share it.
    segment: Rc<Segment>,
    descriptors: Region,
    blocks: Region,
    sorted: Region,
    strategy: Region,
    io_waits: Region,
}

impl ShmemLayout {
    /// A segment at its place in the arena, for so many buffers.
    ///
    /// # Errors
    /// [`Error::Limit`] if the arena has no room for it.
    pub fn new(profile: &Profile, segment: Segment, nbuffers: u32) -> Result<Self, Error> {
        let room = Addr::SEGMENT_SIZE - Addr::SHARED.0;
        if segment.total > room {
            return Err(Error::Limit { what: "bytes of shared memory", limit: room });
        }
        let region = |name| {
            let row = segment.allocations.iter().find(|row| row.name == name);
            row.map(|row| Region::shared(name, row.off, row.size))
                .ok_or(Error::Protocol("the segment has no buffers"))
        };
        let mut blocks = region(BLOCKS)?;
        // The row has room to align the pages in it.
        blocks.addr = Addr(blocks.addr.0.next_multiple_of(profile.shmem.block_align));
        blocks.size = u64::from(nbuffers) * BLCKSZ;
        let [descriptors, sorted] = [region(DESCRIPTORS)?, region(SORTED)?];
        let [strategy, io_waits] = [region(STRATEGY)?, region(IO_WAITS)?];
        let segment = Rc::new(segment);
        Ok(Self { segment, descriptors, blocks, sorted, strategy, io_waits })
    }

    /// What is where.
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// What has a name, in address order.
    pub fn regions(&self) -> impl Iterator<Item = Region> {
        let rows = self.segment.allocations.iter();
        rows.map(|row| Region::shared(row.name, row.off, row.size))
    }

    /// Where a buffer's descriptor lies.
    pub fn descriptor(&self, buffer: BufferId) -> Addr {
        self.descriptors.addr.offset(u64::from(buffer.0) * DESCRIPTOR)
    }

    /// Where a buffer's page lies.
    pub fn block(&self, buffer: BufferId) -> Addr {
        self.blocks.addr.offset(u64::from(buffer.0) * BLCKSZ)
    }

    /// Fill `out` with the bytes of shared memory from `addr` on.
    pub(super) fn read(&self, server: &Server, addr: Addr, out: &mut [u8]) {
        out.fill(0);
        let end = addr.offset(out.len() as u64);
        let Self { descriptors, blocks, sorted, strategy, io_waits, .. } = self;
        for buffer in items(descriptors, DESCRIPTOR, addr, end) {
            if let Some(desc) = server.pool.desc(buffer) {
                let bytes = descriptor_bytes(server, buffer, &desc);
                copy(out, addr, self.descriptor(buffer), &bytes);
            }
        }
        for buffer in items(blocks, BLCKSZ, addr, end) {
            if let Some(desc) = server.pool.desc(buffer) {
                let page = render_page(server.seed, &desc);
                copy(out, addr, self.block(buffer), page.as_slice());
            }
        }
        for place in items(sorted, CKPT_SORT_ITEM, addr, end) {
            if let Some(&item) = server.pool.ckpt_buffer_ids.get(place.index()) {
                let at = sorted.addr.offset(u64::from(place.0) * CKPT_SORT_ITEM);
                copy(out, addr, at, &sort_item_bytes(server, item));
            }
        }
        for place in items(io_waits, CONDITION_VARIABLE, addr, end) {
            if place.0 < server.pool.nbuffers() {
                let at = io_waits.addr.offset(u64::from(place.0) * CONDITION_VARIABLE);
                copy(out, addr, at, &condition_variable_bytes(server));
            }
        }
        copy(out, addr, strategy.addr, &strategy_bytes(server));
        if let Some(places) = self.segment.places() {
            lookup_table::read(server, &places.lookup, addr, out);
            lock_tables::read(server, places, addr, out);
            procs::read(server, places, addr, out);
        }
    }
}

/// The items of an array in shared memory that overlap a range.
fn items(
    region: &Region,
    size: u64,
    from: Addr,
    to: Addr,
) -> impl Iterator<Item = BufferId> + use<> {
    let (start, end) = (region.addr.0, region.addr.0 + region.size);
    let first = from.0.clamp(start, end) - start;
    let last = to.0.clamp(start, end) - start;
    (first / size..last.div_ceil(size)).map(|index| BufferId(index as u32))
}

/// Copy the part of an item that lies within the range that `out` covers.
fn copy(out: &mut [u8], start: Addr, at: Addr, item: &[u8]) {
    if at.0 + item.len() as u64 <= start.0 || at.0 >= start.0 + out.len() as u64 {
        return;
    }
    for (offset, byte) in item.iter().enumerate() {
        let place = at.offset(offset as u64).since(start);
        if let Some(target) = usize::try_from(place).ok().and_then(|place| out.get_mut(place)) {
            *target = *byte;
        }
    }
}

/// `BufferDesc`: tag, buf_id, state, wait_backend_pgprocno, then what the version has of
/// freeNext, io_wref, and content_lock or lock_waiters.
fn descriptor_bytes(server: &Server, buffer: BufferId, desc: &BufferDesc) -> Vec<u8> {
    let ShmemProfile { no_process, io_wref, content_lock, .. } = server.profile().shmem;
    let none = [0, 0, 0, u32::MAX, u32::MAX];
    let tag = desc.tag().map_or(none, |tag| server.pool.tag_words(tag));
    let mut words = Vec::with_capacity(DESCRIPTOR as usize / 4);
    words.extend(tag);
    words.extend([buffer.0, desc.state()]);
    if content_lock == ContentLock::InState {
        // Nobody holds the content lock.
        words.push(0);
    }
    let waiter = desc.wait_backend().and_then(|id| server.backend(id));
    words.push(waiter.map_or(no_process, Backend::last_proc));
    if server.profile().bufmgr.freelist {
        words.push(desc.free_next as u32);
    }
    if io_wref {
        // No I/O is under way.
        words.extend([u32::MAX, 0, 0]);
    }
    if let ContentLock::LwLock { tranche, released } = content_lock {
        words.extend([tranche.into(), released]);
    }
    // Nobody waits for it.
    words.extend([no_process, no_process]);
    words.resize(DESCRIPTOR as usize / 4, 0);
    bytes_of(&words)
}

/// `ConditionVariable`: mutex, then the head and tail of those who wait: no I/O takes so long that anybody does.
fn condition_variable_bytes(server: &Server) -> Vec<u8> {
    let ShmemProfile { no_process, .. } = server.profile().shmem;
    bytes_of(&[0, no_process, no_process, 0])
}

/// `CkptSortItem`: tsId, relNumber, forkNum, blockNum, buf_id.
fn sort_item_bytes(server: &Server, (tag, buffer): (BufferTag, BufferId)) -> Vec<u8> {
    let [tablespace, _, number] = server.pool.smgr.locator(tag.rel);
    bytes_of(&[tablespace, number, 0, tag.block, buffer.0])
}

/// `BufferStrategyControl`: buffer_strategy_lock, nextVictimBuffer, with a freelist its first and
/// last buffer, completePasses, numBufferAllocs, bgwprocno.
fn strategy_bytes(server: &Server) -> Vec<u8> {
    let control = server.pool.strategy();
    let (next_victim, passes, first_free, last_free) = control.raw();
    let mut words = vec![0, next_victim];
    if server.profile().bufmgr.freelist {
        words.extend([first_free as u32, last_free as u32]);
    }
    words.extend([passes, control.allocs(), u32::MAX]);
    bytes_of(&words)
}

fn bytes_of(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
