//! The server: one shared segment, and the backends with what each keeps to itself.
//!
//! [`Server::start`] lays out shared memory; [`Server::apply`] executes one [`Op`] and leaves
//! its events in [`Server::events`]. A server is a value: a clone is a snapshot, cheap because
//! clones share the pages of the arena.

mod apply;
mod at_hand;
mod backend;
mod buffers;
mod guc;
mod lives;
mod locks;
pub mod page;
mod plancache;
mod plpgsql;
mod portals;
pub mod postmaster;
mod proc;
mod relcache;
pub mod segment;
mod session;
pub use session::Skipped;
pub mod settings;
pub mod shmem;
mod variables;

pub use apply::{Outcome, ReadOutcome};
pub use backend::{Backend, Call, ClientProcess, WaitsFor};
pub use settings::Settings;
pub use variables::ChunkVar;

use std::rc::Rc;

use crate::bufmgr::localbuf::LocalBufferPool;
use crate::bufmgr::smgr::DATABASE;
use crate::bufmgr::stats::IoContext;
use crate::bufmgr::{BufferPool, BufferUsage, LocalBufferState, PoolBuffer};
use crate::error::Error;
use crate::event::{Event, EventLog};
use crate::ids::{BackendId, BufferId};
use crate::lmgr::{LockManager, LockSettings};
use crate::memory::{Addr, Arena, Owner, ProgramText};
use crate::profile::parameters::Setting;
use crate::profile::segment::Count;
use crate::profile::{Profile, Version};
use at_hand::AtHand;
use postmaster::Postmaster;
use segment::{Counts, Segment};
use shmem::{Region, ShmemLayout};

/// A PostgreSQL server's memory.
#[derive(Clone)]
pub struct Server {
    profile: &'static Profile,
    settings: Settings,
    seed: u64,
    arena: Arena,
    program: ProgramText,
    shmem: ShmemLayout,
    pool: BufferPool,
    backends: Vec<Backend>,
    /// Heavyweight locks. Snapshots share them until they change.
    locks: Rc<LockManager>,
    /// The next transaction's id.
    next_xid: u32,
    /// Milliseconds that the scenario has let pass.
    clock: u64,
    /// What the checkpointer and the background writer count.
    auxiliary: LocalBufferState,
    stats: WriterStats,
    log: EventLog,
    at_hand: AtHand,
    /// Snapshots share it.
    postmaster: Rc<Postmaster>,
}

/// The first transaction's id: a fresh cluster has used up those before it.
const FIRST_XID: u32 = 740;

/// A lock manager of the size that the settings give it, in a segment with their free rest.
pub(super) fn lock_manager(
    version: Version,
    settings: &Settings,
    segment: &Segment,
) -> Result<LockManager, Error> {
    let profile = version.segment();
    let counts = Counts::new(profile, settings).map_err(Error::from)?;
    let max_locks = settings.get(profile, Setting::MaxLocksPerTransaction);
    let settings = LockSettings {
        max_locks_per_transaction: max_locks.max(0) as u32,
        processes: counts.of(Count::PerTransaction(1)) as u32,
        free_shared_memory: segment.free(),
        database: DATABASE,
    };
    let mut locks = LockManager::new(version.profile(), settings);
    locks.watch();
    Ok(locks)
}

/// What `pg_stat_bgwriter` and `pg_stat_checkpointer` count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterStats {
    /// Checkpoints, all of them asked for.
    pub checkpoints: u64,
    /// Pages that they wrote.
    pub checkpoint_buffers: u64,
    /// Pages that the background writer wrote.
    pub bgwriter_buffers: u64,
    /// Rounds in which it stopped at `bgwriter_lru_maxpages`.
    pub bgwriter_stops: u64,
    /// Buffers allocated, as far as its rounds have counted them.
    pub allocs: u64,
}

impl Server {
    /// Start a server: lay out its shared memory. No backend is connected, no relation exists.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn start(version: Version, settings: Settings, seed: u64) -> Result<Self, Error> {
        settings.check()?;
        let profile = version.profile();
        let segment = Segment::new(version, &settings)?;
        let locks = lock_manager(version, &settings, &segment)?;
        let postmaster = Rc::new(Postmaster::start(version, &settings)?);
        Ok(Self {
            profile,
            shmem: ShmemLayout::new(profile, segment, settings.shared_buffers)?,
            pool: BufferPool::new(&settings, &profile.bufmgr),
            settings,
            seed,
            arena: Arena::new(),
            program: ProgramText::default(),
            backends: Vec::new(),
            locks: Rc::new(locks),
            next_xid: FIRST_XID,
            clock: 0,
            auxiliary: LocalBufferState::default(),
            stats: WriterStats::default(),
            log: EventLog::default(),
            at_hand: AtHand::default(),
            postmaster,
        })
    }

    /// What is particular to this server's version.
    pub fn profile(&self) -> &'static Profile {
        self.profile
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The seed from which page contents follow.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The events of the last operation.
    pub fn events(&self) -> &[Event] {
        self.log.events()
    }

    /// Which events are recorded.
    pub fn log_mut(&mut self) -> &mut EventLog {
        self.at_hand.forget();
        &mut self.log
    }

    /// The buffer pool.
    pub fn pool(&self) -> &BufferPool {
        &self.pool
    }

    /// The buffer pool, to put it into a state that was recorded elsewhere.
    pub fn pool_mut(&mut self) -> &mut BufferPool {
        &mut self.pool
    }

    /// The backends, in the order in which they connected.
    pub fn backends(&self) -> impl ExactSizeIterator<Item = (BackendId, &Backend)> {
        self.backends.iter().enumerate().map(|(id, backend)| (BackendId(id as u16), backend))
    }

    /// One backend.
    pub fn backend(&self, id: BackendId) -> Option<&Backend> {
        self.backends.get(usize::from(id.0))
    }

    /// Counters of shared blocks, of all processes together.
    pub fn usage(&self) -> BufferUsage {
        let processes = self.backends.iter().map(|backend| &backend.buffers);
        let mut sum = BufferUsage::default();
        processes.chain([&self.auxiliary]).for_each(|process| sum += process.usage);
        sum
    }

    /// What the checkpointer and the background writer have done.
    pub fn writer_stats(&self) -> WriterStats {
        self.stats
    }

    /// Counters of local blocks, of all processes together.
    pub fn local_usage(&self) -> BufferUsage {
        let mut sum = BufferUsage::default();
        self.backends.iter().for_each(|backend| sum += backend.buffers.local_usage);
        sum
    }

    /// Take over the local buffers of a real server's backend.
    ///
    /// # Errors
    /// [`Error::Protocol`] if there is no such backend or the state contradicts itself.
    pub fn restore_local_buffers(
        &mut self,
        id: BackendId,
        buffers: &[Option<PoolBuffer>],
        hand: u32,
    ) -> Result<(), Error> {
        let backend = self.backends.get_mut(usize::from(id.0));
        let backend = backend.ok_or(Error::Protocol("there is no such backend"))?;
        backend.buffers.temp = LocalBufferPool::found(buffers, hand)?;
        Ok(())
    }

    /// Pages that had to leave the pool for others so far.
    pub fn evictions(&self) -> u64 {
        self.backends.iter().map(|backend| backend.buffers.evictions).sum()
    }

    /// Counters of shared and of local blocks together, and the pages that had to leave for others.
    pub fn block_counts(&self) -> (BufferUsage, u64) {
        let mut usage = self.usage();
        let mut evictions = self.evictions();
        for backend in &self.backends {
            usage += backend.buffers.local_usage;
            evictions += backend.buffers.io_counts(IoContext::Temp).evictions;
        }
        (usage, evictions)
    }

    /// The bytes of contexts and chunks.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// A constant string of the program: a context's or a function's name.
    pub fn text(&self, addr: Addr) -> &str {
        self.program.text(addr)
    }

    /// Where the background writer's next round begins, once it had one.
    pub fn next_to_clean(&self) -> Option<BufferId> {
        self.auxiliary.next_to_clean()
    }

    /// Heavyweight locks.
    pub fn locks(&self) -> &LockManager {
        &self.locks
    }

    /// Bytes that a clone can come to take of its own: the pool's descriptors, what is known of
    /// files and backends, the last operation's events, and every page of the arena once the
    /// original has written it again.
    pub fn snapshot_bytes(&self) -> usize {
        const DESCRIPTOR: usize = 40;
        let events = std::mem::size_of_val(self.log.events());
        let backends = self.backends.len() * size_of::<Backend>();
        let buffers = self.pool.nbuffers() + self.pool.local_buffers;
        let pool = buffers as usize * DESCRIPTOR + self.pool.table.bytes();
        let locks = self.locks.bytes();
        pool + locks
            + self.pool.smgr.kept_bytes()
            + events
            + backends
            + self.arena.resident()
            + 4096
    }

    /// The shared segment as it was laid out at start.
    pub fn segment(&self) -> &Segment {
        self.shmem.segment()
    }

    /// Where the structures of the segment lie.
    pub fn layout(&self) -> &ShmemLayout {
        &self.shmem
    }

    /// Who owns what: the areas of shared memory, and each backend's heap.
    pub fn regions(&self) -> Vec<Region> {
        let mut regions: Vec<_> = self.shmem.regions().collect();
        regions.extend(self.backends().map(|(id, backend)| Region {
            name: "heap",
            owner: Owner::Backend(id),
            addr: Addr::local(id),
            size: backend.memory.heap.stats().obtained,
        }));
        regions
    }

    /// Any bytes of the arena, as a process would see them. What is kept in compact form
    /// (descriptors, pages) is laid out as in shared memory.
    pub fn peek(&self, addr: Addr, out: &mut [u8]) {
        if addr.owner() == Owner::Shared {
            self.shmem.read(self, addr, out);
        } else {
            self.arena.read(addr, out);
        }
    }
}
