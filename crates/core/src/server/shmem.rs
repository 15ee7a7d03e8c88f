//! The shared segment: where each structure lies, and its bytes as PostgreSQL has them.
//!
//! Structures are laid out in the order in which the server allocates them at start
//! (`BufferManagerShmemInit`, `StrategyInitialize`), each from the next cache line on
//! (`ShmemAlloc`). So far it holds what the buffer manager needs except the lookup table's
//! entries. The machine works on compact forms of these; [`ShmemLayout::read`] writes out the
//! bytes when somebody looks.

use super::page::render_page;
use super::{Server, Settings};
use crate::bufmgr::BLCKSZ;
use crate::bufmgr::desc::BufferDesc;
use crate::bufmgr::smgr::Smgr;
use crate::ids::BufferId;
use crate::memory::{Addr, Owner};

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
const IO_ALIGN: u64 = 4096;
/// `BUFFERDESC_PAD_TO_SIZE`.
const DESCRIPTOR: u64 = 64;
const IO_CONDITION_VARIABLE: u64 = 16;
/// `sizeof(CkptSortItem)`.
const CKPT_SORT_ITEM: u64 = 20;
/// `sizeof(BufferStrategyControl)`.
const STRATEGY_CONTROL: u64 = 28;

/// Where everything lies.
#[derive(Clone, Debug)]
pub struct ShmemLayout {
    regions: [Region; 5],
}

impl ShmemLayout {
    /// The layout for these settings.
    pub fn new(settings: &Settings) -> Self {
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
                region("Buffer Blocks", nbuffers * BLCKSZ, IO_ALIGN),
                region(
                    "Buffer IO Condition Variables",
                    nbuffers * IO_CONDITION_VARIABLE,
                    CACHE_LINE,
                ),
                region("Checkpoint BufferIds", nbuffers * CKPT_SORT_ITEM, CACHE_LINE),
                region("Buffer Strategy Status", STRATEGY_CONTROL, CACHE_LINE),
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
        let [descriptors, blocks, _, _, strategy] = &self.regions;
        for buffer in items(descriptors, DESCRIPTOR, addr, end) {
            if let Some(desc) = server.pool.desc(buffer) {
                let bytes = descriptor_bytes(&server.pool.smgr, buffer, desc);
                copy(out, addr, self.descriptor(buffer), &bytes);
            }
        }
        for buffer in items(blocks, BLCKSZ, addr, end) {
            if let Some(desc) = server.pool.desc(buffer) {
                let page = render_page(server.seed, desc);
                copy(out, addr, self.block(buffer), page.as_slice());
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

/// `BufferDesc` of PostgreSQL 18: tag, buf_id, state, wait_backend_pgprocno, freeNext,
/// io_wref, content_lock.
fn descriptor_bytes(smgr: &Smgr, buffer: BufferId, desc: &BufferDesc) -> [u8; DESCRIPTOR as usize] {
    let tag = desc.tag().map_or([0, 0, 0, u32::MAX, u32::MAX], |tag| {
        let [tablespace, database, number] = smgr.locator(tag.rel);
        [tablespace, database, number, 0, tag.block]
    });
    let nobody = u32::MAX;
    let words = tag.into_iter().chain([
        buffer.0,
        desc.state(),
        nobody,
        desc.free_next as u32,
        // io_wref: no I/O is under way.
        nobody,
        0,
        0,
        // content_lock: nobody holds it, nobody waits.
        0,
        0,
        nobody,
        nobody,
    ]);
    let mut bytes = [0; DESCRIPTOR as usize];
    for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// `BufferStrategyControl`: spinlock, nextVictimBuffer, firstFreeBuffer, lastFreeBuffer,
/// completePasses, numBufferAllocs, bgwprocno.
fn strategy_bytes(server: &Server) -> [u8; STRATEGY_CONTROL as usize] {
    let control = server.pool.strategy();
    let (next_victim, passes, first_free, last_free) = control.raw();
    let words =
        [0, next_victim, first_free as u32, last_free as u32, passes, control.allocs(), u32::MAX];
    let mut bytes = [0; STRATEGY_CONTROL as usize];
    for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}
