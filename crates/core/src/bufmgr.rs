//! The buffer manager (`src/backend/storage/buffer`): a pool of 8 kB buffers in shared
//! memory between the backends and the relations' files.
//!
//! A backend that wants a page asks for it by *tag* (relation and block). If a buffer holds
//! it, that is a hit. If not, a *victim* is chosen, its page written out if it is dirty, its
//! old tag forgotten, the new page loaded. A buffer that somebody uses is *pinned* and never
//! chosen. Who is chosen decides the *clock sweep*: a hand goes round and round over all
//! buffers; each has a usage count, raised (to 5 at most) when it is pinned and lowered when
//! the hand passes; the first unpinned buffer found at 0 is the victim.
//!
//! - [`desc`]: one buffer's descriptor and its state word
//! - `usage`: the usage counts of all of them
//! - [`buf_table`]: from tag to buffer
//! - [`hash`]: in which part of that table
//! - [`freelist`]: who is the next victim; buffer rings
//! - [`read`]: the way of one page into the pool
//! - `unobserved`: the same in one stroke, while nobody watches
//! - [`range`]: several blocks read together
//! - `read_stream`: the pages that a scan will want, pinned and read ahead
//! - [`extend`]: new blocks at a relation's end
//! - [`pin`]: pins, shared and private
//! - [`cleanup`]: a page all to oneself
//! - [`write`](mod@write): dirty pages, their way out, the checkpoint
//! - [`invalidate`]: pages dropped without being written
//! - [`bgwriter`]: the background writer's round
//! - [`localbuf`]: a backend's own buffers for its temporary relations
//! - [`smgr`]: relations as virtual files
//! - [`stats`]: what the statistics views count
//! - [`wal`]: as much of the write-ahead log as the rules above need
//!
//! For speed the descriptors are compact arrays here. The bytes that PostgreSQL would have
//! for them in shared memory are computed from these when somebody looks
//! ([`server::shmem`](crate::server::shmem)).

pub mod bgwriter;
pub mod buf_table;
pub mod cleanup;
pub mod desc;
pub mod extend;
pub mod freelist;
pub mod hash;
pub mod invalidate;
pub mod localbuf;
pub mod pin;
pub mod range;
pub mod read;
pub(crate) mod read_stream;
pub mod smgr;
pub mod stats;
mod unobserved;
mod usage;
pub mod wal;
pub mod write;

use std::collections::BTreeSet;
use std::ops::AddAssign;
use std::rc::Rc;

use crate::error::Error;
use crate::event::{BufferEvent, EventLog};
use crate::ids::{BackendId, BlockNumber, Buffer, BufferId, BufferTag, Name, RelId};
use crate::op::Persistence;
use crate::profile::BufmgrProfile;
use crate::server::Settings;

use bgwriter::BgWriterState;
use buf_table::BufTable;
use desc::{BufferDesc, Descriptors};
use freelist::{BufferAccessStrategy, StrategyControl};
use localbuf::LocalBufferPool;
use pin::PrivateRefCount;
use smgr::Smgr;
use stats::IoStats;
use wal::Wal;

/// Bytes of a page (`BLCKSZ`).
pub const BLCKSZ: u64 = 8192;

/// Everything about buffers that lies in shared memory, and the files behind it.
#[derive(Clone)]
pub struct BufferPool {
    pub(crate) descs: Descriptors,
    pub(crate) table: BufTable,
    pub(crate) strategy: StrategyControl,
    /// `MaxProportionalPins`: buffers that a backend may pin at once for a bulk operation.
    max_proportional_pins: u32,
    /// How far use raises a usage count.
    max_usage_count: u8,
    /// Local buffers that backends have made, all together.
    pub(crate) local_buffers: u32,
    /// `CkptBufferIds`, as far as checkpoints have filled it: what each wrote, sorted, over what those
    /// before left there.
    pub(crate) ckpt_buffer_ids: Rc<Vec<(BufferTag, BufferId)>>,
    /// A checkpoint that has begun and not ended.
    pub(crate) checkpoint: Option<write::Underway>,
    /// A backend's local buffers may want memory.
    pub(crate) local_requests: bool,
    /// Backends that were awakened from their wait for others' pins, in their order.
    pub(crate) signalled: Vec<BackendId>,
    /// The relations' files.
    pub smgr: Smgr,
    /// The write-ahead log's positions.
    pub wal: Wal,
}

/// What one process has of its own for buffers.
#[derive(Clone, Debug, Default)]
pub struct LocalBufferState {
    /// Its pins.
    pub pins: PrivateRefCount,
    /// Its counters of shared blocks, as `EXPLAIN (BUFFERS)` shows them.
    pub usage: BufferUsage,
    /// Its counters of local blocks.
    pub local_usage: BufferUsage,
    /// Its buffers for temporary relations.
    pub temp: LocalBufferPool,
    /// Pages that had to leave for its reads (`pg_stat_io.evictions`).
    pub evictions: u64,
    /// `PinCountWaitBuf`: the buffer that it waits for until nobody else has it pinned.
    pub(crate) pin_count_wait_buf: Option<BufferId>,
    /// What it counts for `pg_stat_io`.
    pub(crate) io: IoStats,
    /// Its buffer rings by variable.
    pub(crate) strategies: Vec<Option<BufferAccessStrategy>>,
    /// What it remembers from one background-writer round to the next: static variables of
    /// `BgBufferSync`, so every process would have its own.
    pub(crate) bgwriter: BgWriterState,
}

/// `BufferUsage` (`instrument.h`): the four counters of one kind of blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BufferUsage {
    /// Found in the pool.
    pub hit: u64,
    /// Read from disk.
    pub read: u64,
    /// Became dirty.
    pub dirtied: u64,
    /// Written by this process.
    pub written: u64,
}

impl LocalBufferState {
    /// The process has ended: its pins, rings and local buffers are gone. What it counted stays in the
    /// statistics.
    pub(crate) fn forget(&mut self) {
        let Self { usage, local_usage, evictions, io, .. } = std::mem::take(self);
        *self = Self { usage, local_usage, evictions, io, ..Self::default() };
    }
}

impl AddAssign for BufferUsage {
    fn add_assign(&mut self, other: Self) {
        self.hit += other.hit;
        self.read += other.read;
        self.dirtied += other.dirtied;
        self.written += other.written;
    }
}

/// The pool as one process sees it, for the time of one operation.
pub struct BufferAccess<'a> {
    /// Which backend; the checkpointer and the background writer act as none.
    pub who: BackendId,
    /// Shared memory.
    pub pool: &'a mut BufferPool,
    /// Its own part.
    pub local: &'a mut LocalBufferState,
    /// Where events go.
    pub log: &'a mut EventLog,
    /// The version.
    pub profile: &'static BufmgrProfile,
}

/// A pool as it was found on a real server: what a trace starts from.
#[derive(Clone, Debug, Default)]
pub struct PoolState {
    /// Every buffer in order: its page if it holds one, usage count, dirty.
    pub buffers: Vec<Option<PoolBuffer>>,
    /// `nextVictimBuffer`, counted from 0.
    pub hand: u32,
    /// `completePasses`.
    pub passes: u32,
    /// `numBufferAllocs`.
    pub allocs: u32,
    /// The freelist, first to be taken first.
    pub freelist: Vec<BufferId>,
    /// Relations that belong to no database: shared catalogs.
    pub shared_relations: Vec<RelId>,
}

/// One buffer of a [`PoolState`].
#[derive(Clone, Copy, Debug)]
pub struct PoolBuffer {
    /// The page.
    pub tag: BufferTag,
    /// Usage count.
    pub usage_count: u8,
    /// The page differs from the one on disk.
    pub dirty: bool,
}

impl BufferPool {
    /// A pool of empty buffers, as it is when a server with these settings starts.
    pub fn new(settings: &Settings, profile: &BufmgrProfile) -> Self {
        let nbuffers = settings.shared_buffers;
        let mut pool = Self {
            descs: Descriptors::new(nbuffers),
            table: BufTable::new(nbuffers),
            strategy: StrategyControl::new(nbuffers),
            max_proportional_pins: nbuffers / profile.processes.of(settings),
            max_usage_count: desc::BM_MAX_USAGE_COUNT,
            local_buffers: 0,
            ckpt_buffer_ids: Rc::default(),
            checkpoint: None,
            local_requests: false,
            signalled: Vec::new(),
            smgr: Smgr::default(),
            wal: Wal::default(),
        };
        if profile.freelist {
            pool.link_freelist((0..nbuffers).map(BufferId));
        }
        pool
    }

    /// Take over what is on disk: the files, and the log.
    pub(crate) fn take_files(&mut self, other: &mut Self) {
        self.smgr = std::mem::take(&mut other.smgr);
        self.wal = other.wal;
        self.max_usage_count = other.max_usage_count;
        for (_, relation) in self.smgr.relations() {
            if !matches!(relation.persistence, Persistence::Temporary(_)) {
                self.table.add_relation(relation.nblocks);
            }
        }
    }

    /// Let use raise usage counts to this, at most 15, instead of `BM_MAX_USAGE_COUNT`, which is a
    /// constant on a real server: to compare with clocks that count to something else.
    pub fn set_max_usage_count(&mut self, most: u8) {
        self.max_usage_count = most.min(desc::USAGE_COUNT_BITS);
    }

    /// Create a relation with blocks that are on disk already.
    ///
    /// # Errors
    /// As [`Smgr::create`].
    pub(crate) fn create(
        &mut self,
        rel: RelId,
        name: Name,
        nblocks: BlockNumber,
        persistence: Persistence,
    ) -> Result<(), Error> {
        self.smgr.create(rel, name, nblocks, persistence)?;
        // A temporary relation's pages are never in this pool.
        let temporary = matches!(persistence, Persistence::Temporary(_));
        self.table.add_relation(if temporary { 0 } else { nblocks });
        Ok(())
    }

    /// `NBuffers`.
    pub fn nbuffers(&self) -> u32 {
        self.descs.len()
    }

    /// One buffer's descriptor.
    pub fn desc(&self, buffer: BufferId) -> Option<BufferDesc> {
        self.descs.get(buffer)
    }

    /// Every descriptor, in order.
    pub fn descs(&self) -> impl ExactSizeIterator<Item = (BufferId, BufferDesc)> {
        (0..self.nbuffers()).map(|index| (BufferId(index), self.descs.at(BufferId(index))))
    }

    /// The buffer that holds a page.
    pub fn lookup(&self, rel: RelId, block: BlockNumber) -> Option<BufferId> {
        self.table.lookup(BufferTag { rel, block })
    }

    /// The partition of the lookup table that a page falls in, from 0.
    pub fn partition(&self, tag: BufferTag) -> u32 {
        hash::buf_table_hash_partition(self.hash_code(tag))
    }

    /// A page's hash, which decides its partition and its bucket.
    pub fn hash_code(&self, tag: BufferTag) -> u32 {
        hash::buf_table_hash_code(self.tag_words(tag))
    }

    /// A tag as it is in memory: tablespace, database, file, fork, block.
    pub fn tag_words(&self, tag: BufferTag) -> [u32; 5] {
        let [tablespace, database, number] = self.smgr.locator(tag.rel);
        [tablespace, database, number, 0, tag.block]
    }

    /// The lookup table.
    pub fn table(&self) -> &BufTable {
        &self.table
    }

    /// Clock hand, passes, allocations, freelist.
    pub fn strategy(&self) -> &StrategyControl {
        &self.strategy
    }

    /// Take over the state of a real server's pool. The relations must exist.
    ///
    /// # Errors
    /// [`Error::Protocol`] if the state contradicts itself or the pool.
    pub fn restore(&mut self, state: &PoolState, profile: &BufmgrProfile) -> Result<(), Error> {
        if state.buffers.len() != self.nbuffers() as usize || state.hand > self.nbuffers() {
            return Err(Error::Protocol("the state is of a pool of another size"));
        }
        let listed: BTreeSet<BufferId> = state.freelist.iter().copied().collect();
        let known = listed.last().is_none_or(|last| last.0 < self.nbuffers());
        if !known || listed.len() < state.freelist.len() {
            return Err(Error::Protocol("the freelist is not of this pool's buffers, each once"));
        }
        for &rel in &state.shared_relations {
            self.smgr.belongs_to_no_database(rel);
        }
        self.table.clear();
        for (buffer, found) in (0..).map(BufferId).zip(&state.buffers) {
            self.descs.put(buffer, BufferDesc::default());
            let Some(found) = found else { continue };
            let relation = self
                .smgr
                .relation(found.tag.rel)
                .ok_or(Error::Protocol("a buffer holds a page of no relation"))?;
            if found.usage_count > desc::BM_MAX_USAGE_COUNT {
                return Err(Error::Protocol("a usage count is over the limit"));
            }
            if self.table.lookup(found.tag).is_some() {
                return Err(Error::Protocol("two buffers hold the same page"));
            }
            let dirty = found.dirty.then_some(profile);
            let (tag, persistence) = (found.tag, relation.persistence);
            self.descs.put(buffer, BufferDesc::found(tag, found.usage_count, persistence, dirty));
            self.table.insert(tag, buffer);
        }
        self.strategy = StrategyControl::new(self.nbuffers());
        self.strategy.set(state.hand, state.passes, state.allocs);
        self.link_freelist(state.freelist.iter().copied());
        Ok(())
    }
}

impl BufferAccess<'_> {
    #[inline]
    fn emit(&mut self, event: BufferEvent) -> Result<(), Error> {
        Ok(self.log.emit(event)?)
    }

    /// A buffer's descriptor as it is now.
    #[inline]
    fn desc(&self, buffer: BufferId) -> BufferDesc {
        self.pool.descs.at(buffer)
    }

    /// Change a buffer's descriptor.
    #[inline]
    fn update<T>(&mut self, buffer: BufferId, change: impl FnOnce(&mut BufferDesc) -> T) -> T {
        self.pool.descs.update(buffer, change)
    }

    /// The counters for blocks in buffers of this kind.
    #[inline]
    fn usage_of(&mut self, buffer: Buffer) -> &mut BufferUsage {
        match buffer {
            Buffer::Shared(_) => &mut self.local.usage,
            Buffer::Local(_) => &mut self.local.local_usage,
        }
    }
}
