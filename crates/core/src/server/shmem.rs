//! The buffer pool's part of the shared segment: where each structure lies, and its bytes as
//! PostgreSQL has them.
//!
//! Structures are laid out in the order in which the server allocates them at start
//! (`BufferManagerShmemInit`, `StrategyInitialize`), each from the next cache line on
//! (`ShmemAlloc`). It holds what the buffer manager needs except the lookup table's
//! entries; all that is in the segment, and where, is in [`segment`](super::segment). The machine works on compact forms of these; [`ShmemLayout::read`] writes out the
//! bytes when somebody looks.

use super::page::render_page;
use super::{Server, Settings};
use crate::bufmgr::BLCKSZ;
use crate::bufmgr::desc::BufferDesc;
use crate::ids::{BackendId, BufferId, BufferTag};
use crate::memory::{Addr, Owner};
use crate::profile::parameters::Setting;
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

const CACHE_LINE: u64 = 128;
/// `BUFFERDESC_PAD_TO_SIZE`.
const DESCRIPTOR: u64 = 64;
const IO_CONDITION_VARIABLE: u64 = 16;
/// `sizeof(CkptSortItem)`.
const CKPT_SORT_ITEM: u64 = 20;

/// Where everything lies.
#[derive(Clone, Debug)]
pub struct ShmemLayout {
    regions: [Region; 5],
}

impl ShmemLayout {
    /// The layout of a version for these settings.
    pub fn new(profile: &Profile, settings: &Settings) -> Self {
        let nbuffers = u64::from(settings.shared_buffers);
        let mut next = Addr::SHARED.0;
        let mut region = |name, size: u64, align: u64| {
            let addr = next.next_multiple_of(align);
            next = addr + size;
            Region { name, owner: Owner::Shared, addr: Addr(addr), size }
        };
        Self {
            regions: [
                region("Buffer Descriptors", nbuffers * DESCRIPTOR, CACHE_LINE),
                region("Buffer Blocks", nbuffers * BLCKSZ, profile.shmem.block_align),
                region(
                    "Buffer IO Condition Variables",
                    nbuffers * IO_CONDITION_VARIABLE,
                    CACHE_LINE,
                ),
                region("Checkpoint BufferIds", nbuffers * CKPT_SORT_ITEM, CACHE_LINE),
                region("Buffer Strategy Status", strategy_control(profile), CACHE_LINE),
            ],
        }
    }

    /// The areas, in address order.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// Where a buffer's descriptor lies.
    pub fn descriptor(&self, buffer: BufferId) -> Addr {
        self.regions[0].addr.offset(u64::from(buffer.0) * DESCRIPTOR)
    }

    /// Where a buffer's page lies.
    pub fn block(&self, buffer: BufferId) -> Addr {
        self.regions[1].addr.offset(u64::from(buffer.0) * BLCKSZ)
    }

    /// Fill `out` with the bytes of shared memory from `addr` on.
    pub(super) fn read(&self, server: &Server, addr: Addr, out: &mut [u8]) {
        out.fill(0);
        let end = addr.offset(out.len() as u64);
        let [descriptors, blocks, _, sorted, strategy] = &self.regions;
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
        copy(out, addr, strategy.addr, &strategy_bytes(server));
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
    for (offset, byte) in item.iter().enumerate() {
        let place = at.offset(offset as u64).since(start);
        if let Some(target) = usize::try_from(place).ok().and_then(|place| out.get_mut(place)) {
            *target = *byte;
        }
    }
}

/// `sizeof(BufferStrategyControl)`: four words, two of a freelist, one of the background writer.
fn strategy_control(profile: &Profile) -> u64 {
    if profile.bufmgr.freelist { 28 } else { 20 }
}

/// `BufferDesc`: tag, buf_id, state, wait_backend_pgprocno, then what the version has of
/// freeNext, io_wref, and content_lock or lock_waiters.
fn descriptor_bytes(server: &Server, buffer: BufferId, desc: &BufferDesc) -> Vec<u8> {
    let ShmemProfile { no_process, io_wref, content_lock, .. } = server.profile().shmem;
    let tag = desc.tag().map_or([0, 0, 0, u32::MAX, u32::MAX], |tag| {
        let [tablespace, database, number] = server.pool.smgr.locator(tag.rel);
        [tablespace, database, number, 0, tag.block]
    });
    let mut words = Vec::with_capacity(DESCRIPTOR as usize / 4);
    words.extend(tag);
    words.extend([buffer.0, desc.state()]);
    if content_lock == ContentLock::InState {
        // Nobody holds the content lock.
        words.push(0);
    }
    words.push(desc.wait_backend().map_or(no_process, |id| proc_number(server, id)));
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

/// `CkptSortItem`: tsId, relNumber, forkNum, blockNum, buf_id.
fn sort_item_bytes(server: &Server, (tag, buffer): (BufferTag, BufferId)) -> Vec<u8> {
    let [tablespace, _, number] = server.pool.smgr.locator(tag.rel);
    bytes_of(&[tablespace, number, 0, tag.block, buffer.0])
}

/// A backend's place among all processes (`MyProcNumber`, once `pgprocno`), with nobody else connected.
fn proc_number(server: &Server, id: BackendId) -> u32 {
    let place = u32::from(id.0);
    if !server.profile().shmem.places_from_the_end {
        return place;
    }
    let connections = server.settings().given(Setting::MaxConnections).unwrap_or(100);
    (connections as u32).saturating_sub(place + 1)
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
