//! The postmaster: it starts processes, hands shared memory to them, and answers when one crashes
//! (`postmaster.c`).
//!
//! Every process takes a slot in shared memory. When a backend is killed by a signal, shared memory may be
//! damaged: the postmaster tells all others to quit, lays it out anew, has the startup process read the log,
//! and begins again. Numbers of processes count up from the postmaster's.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::backend::{Backend, ClientProcess};
use super::proc::{ProcGlobal, ProcList};
use super::segment::{Counts, Segment};
use super::settings::{SettingError, Settings};
use super::shmem::ShmemLayout;
use super::{Server, lock_manager};
use crate::bufmgr::BufferPool;
use crate::bufmgr::desc::{BM_DIRTY, BM_PERMANENT, BufferDesc};
use crate::bufmgr::smgr::PageVersion;
use crate::error::{Error, Fallible};
use crate::event::{End, Event, ProcessEvent};
use crate::ids::{BackendId, RelId};
use crate::mmgr::LocalMemory;
use crate::op::Persistence;
use crate::profile::parameters::Setting;
use crate::profile::{BackendType, Version};

/// The postmaster's own number.
pub const POSTMASTER_PID: u32 = 1000;
/// `io_method = worker`
const IO_METHOD_WORKER: i32 = 1;
/// `SIGSEGV`, `SIGABRT`
const SIGSEGV: u8 = 11;
const SIGABRT: u8 = 6;

/// A process that serves no client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
    /// What it is.
    pub kind: BackendType,
    /// Its number.
    pub pid: u32,
    /// Its `PGPROC`.
    pub proc: u32,
    list: ProcList,
}

/// What the postmaster knows.
#[derive(Clone, Debug)]
pub(super) struct Postmaster {
    next_pid: u32,
    children: Vec<Child>,
    procs: ProcGlobal,
    /// The last transaction of each number that processes had (`nextLXID`).
    transactions: BTreeMap<u32, u32>,
    /// What the configuration file says now.
    pub(super) file: Settings,
    /// What it said when it was last read.
    pub(super) read: Settings,
}

impl Postmaster {
    /// A server is started: all processes that it has before anyone connects.
    pub(super) fn start(version: Version, settings: &Settings) -> Result<Self, SettingError> {
        let mut postmaster = Self {
            next_pid: POSTMASTER_PID + 1,
            children: Vec::new(),
            procs: ProcGlobal::default(),
            transactions: BTreeMap::new(),
            file: settings.clone(),
            read: settings.clone(),
        };
        postmaster.init_proc_global(version, settings)?;
        postmaster.start_children(version, settings);
        Ok(postmaster)
    }

    fn init_proc_global(
        &mut self,
        version: Version,
        settings: &Settings,
    ) -> Result<(), SettingError> {
        let profile = version.segment();
        let counts = Counts::new(profile, settings)?;
        self.procs = ProcGlobal::new(profile, &counts, version.processes().stack);
        self.transactions.clear();
        Ok(())
    }

    /// `PostmasterMain`, then the way to `PM_RUN`: the startup process has a slot for as long as it takes.
    fn start_children(&mut self, version: Version, settings: &Settings) {
        let profile = version.segment();
        let workers = version.processes().io_workers
            && settings.get(profile, Setting::IoMethod) == IO_METHOD_WORKER;
        let workers = if workers { settings.get(profile, Setting::IoWorkers) } else { 0 };
        for _ in 0..workers {
            self.start_child(BackendType::IoWorker, ProcList::Auxiliary);
        }
        self.start_child(BackendType::Checkpointer, ProcList::Auxiliary);
        self.start_child(BackendType::BackgroundWriter, ProcList::Auxiliary);
        self.start_child(BackendType::Startup, ProcList::Auxiliary);
        if let Some(startup) = self.children.pop_if(|it| it.kind == BackendType::Startup) {
            self.procs.give_back(startup.list, startup.proc);
        }
        self.start_child(BackendType::WalWriter, ProcList::Auxiliary);
        if settings.get(profile, Setting::Autovacuum) != 0 {
            self.start_child(BackendType::AutovacuumLauncher, ProcList::Autovacuum);
        }
        if settings.get(profile, Setting::MaxLogicalReplicationWorkers) > 0 {
            let list = ProcList::BackgroundWorker;
            self.start_child(BackendType::LogicalReplicationLauncher, list);
        }
    }

    /// `StartChildProcess`; without a free slot it can't start.
    fn start_child(&mut self, kind: BackendType, list: ProcList) {
        let pid = self.pid();
        if let Some(proc) = self.procs.take(list) {
            self.children.push(Child { kind, pid, proc, list });
        }
    }

    /// The free slots of each list, whose slots end there.
    pub(super) fn free_procs(&self, ends: [u64; 4]) -> [Vec<u32>; 4] {
        self.procs.free_lists(ends[2] as u32..ends[3] as u32)
    }

    /// A process has had this slot, and given it back.
    pub(super) fn has_returned(&self, proc: u32) -> bool {
        self.procs.has_returned(proc)
    }

    fn pid(&mut self) -> u32 {
        let pid = self.next_pid;
        self.next_pid += 1;
        pid
    }
}

impl Server {
    /// The processes that serve no client, in the order in which they started. The postmaster is not among
    /// them: it has no slot.
    pub fn children(&self) -> &[Child] {
        &self.postmaster.children
    }

    /// Find a slot for a client's backend (`InitProcess`), and whether its role may have it
    /// (`InitPostgres`).
    pub(super) fn admit(&mut self, superuser: bool) -> Result<ClientProcess, Error> {
        let setting = |setting| self.setting(None, setting).max(0) as usize;
        let reserved =
            setting(Setting::SuperuserReservedConnections) + setting(Setting::ReservedConnections);
        let words = self.profile.version.processes().reserved;
        let backend_id = self.lowest_backend_id();
        let backend_ids = self.profile.version.processes().backend_ids;
        let postmaster = Rc::make_mut(&mut self.postmaster);
        let pid = postmaster.pid();
        let proc = postmaster.procs.take(ProcList::Client).ok_or(Error::TooManyClients)?;
        if !superuser && reserved > 0 && !postmaster.procs.have_free_for_clients(reserved) {
            postmaster.procs.give_back(ProcList::Client, proc);
            return Err(Error::ReservedConnections(words));
        }
        Ok(ClientProcess { pid, proc, number: if backend_ids { backend_id } else { proc } })
    }

    /// `SharedInvalBackendInit`: the lowest `BackendId` that nobody has. Those of the processes
    /// that serve no client are taken before anyone connects; auxiliary ones have none.
    fn lowest_backend_id(&self) -> u32 {
        let children = self.postmaster.children.iter();
        let first = 1 + children.filter(|it| it.list != ProcList::Auxiliary).count() as u32;
        let taken = |id: u32| {
            self.backends.iter().filter_map(Backend::process).any(|process| process.number == id)
        };
        (first..).find(|id| !taken(*id)).unwrap_or(first)
    }

    /// The transaction that the last process of this number had.
    pub(super) fn last_transaction(&self, process: ClientProcess) -> u32 {
        self.postmaster.transactions.get(&process.number).copied().unwrap_or(0)
    }

    /// That a backend is there to do something.
    pub(super) fn check_connected(&self, id: BackendId) -> Result<(), Error> {
        match self.backend(id).and_then(Backend::end) {
            Some(end) => Err(Error::NotConnected(end)),
            None => Ok(()),
        }
    }

    /// A client goes, or is sent away: what its backend has in shared memory is given up, and its own
    /// memory goes with it (`proc_exit`).
    pub(super) fn end_backend(&mut self, id: BackendId, why: End) -> Fallible<()> {
        if self.check_connected(id).is_err() {
            return Ok(());
        }
        self.access(id)?.unlock_buffers();
        if self.backend_mut(id)?.access.page().is_some() {
            self.table_access(id)?.bulk_end()?;
        }
        while let Some(pin) = self.backend_mut(id)?.pins.pop() {
            if let Some(buffer) = pin {
                self.access(id)?.release_buffer(buffer)?;
            }
        }
        for rel in self.temporary_relations(id) {
            self.access(id)?.drop_relation_buffers(rel, 0)?;
            self.pool.smgr.unlink(rel);
        }
        let proc = self.backend_mut(id)?.locks.proc;
        self.with_locks(|locks| locks.detach(proc))?;
        self.forget_backend(id, why);
        self.backend_ended(id, why)
    }

    /// `RemoveTempRelations`: those of one backend.
    fn temporary_relations(&self, id: BackendId) -> Vec<RelId> {
        let of = |persistence| persistence == Persistence::Temporary(id);
        let relations = self.pool.smgr.relations();
        let own = relations.filter(|(_, it)| of(it.persistence) && !it.dropped);
        own.map(|(rel, _)| rel).collect()
    }

    /// The process is not there any more, nor is its memory.
    fn forget_backend(&mut self, id: BackendId, why: End) {
        let Some(backend) = self.backends.get_mut(usize::from(id.0)) else { return };
        self.pool.local_buffers -= backend.buffers.temp.nbuffers();
        if let Some(process) = backend.process() {
            let postmaster = Rc::make_mut(&mut self.postmaster);
            postmaster.procs.give_back(ProcList::Client, process.proc);
            postmaster.transactions.insert(process.number, backend.local_transaction());
        }
        backend.ended(LocalMemory::new(id), why);
        self.arena.forget(id);
    }

    fn backend_ended(&mut self, id: BackendId, why: End) -> Fallible<()> {
        let Some(pid) = self.backend(id).map(Backend::last_pid) else { return Ok(()) };
        let (kind, backend) = (BackendType::ClientBackend, Some(id));
        self.log.emit(Event::Process(ProcessEvent::Ended { kind, backend, pid, why }))
    }

    /// What a process that was killed by a signal brings about (`HandleChildCrash`).
    pub(super) fn handle_child_crash(&mut self, id: BackendId, error: &Error) -> Fallible<()> {
        let why = match error {
            Error::SegmentationFault => End::Killed(SIGSEGV),
            Error::HeapCorrupted => End::Killed(SIGABRT),
            _ => return Ok(()),
        };
        self.forget_backend(id, why);
        self.backend_ended(id, why)?;
        let others: Vec<BackendId> = self.connected();
        for other in others {
            self.forget_backend(other, End::CrashOfAnother);
            self.backend_ended(other, End::CrashOfAnother)?;
        }
        self.end_children(End::CrashOfAnother)?;
        let (redone, lost) = self.recover();
        let settings = self.settings.clone();
        self.reinitialize(settings)?;
        self.log.emit(Event::Process(ProcessEvent::Recovered { redone, lost }))?;
        self.children_started()
    }

    fn connected(&self) -> Vec<BackendId> {
        let connected = self.backends().filter(|(_, backend)| backend.end().is_none());
        connected.map(|(id, _)| id).collect()
    }

    fn end_children(&mut self, why: End) -> Fallible<()> {
        let children = std::mem::take(&mut Rc::make_mut(&mut self.postmaster).children);
        for Child { kind, pid, .. } in children {
            let event = ProcessEvent::Ended { kind, backend: None, pid, why };
            self.log.emit(Event::Process(event))?;
        }
        Ok(())
    }

    fn children_started(&mut self) -> Fallible<()> {
        for Child { kind, pid, proc, .. } in self.postmaster.children.clone() {
            let event = ProcessEvent::Started { kind, pid, proc };
            self.log.emit(Event::Process(event))?;
        }
        Ok(())
    }

    /// Lay shared memory out anew, with these settings, and start what belongs to a server. Files and the
    /// flushed log are on disk; everything else that was shared is gone.
    fn reinitialize(&mut self, settings: Settings) -> Fallible<()> {
        let version = self.profile.version;
        let segment = Segment::new(version, &settings).map_err(Error::from)?;
        let total = segment.total;
        self.locks = Rc::new(lock_manager(version, &settings, &segment)?);
        self.shmem = ShmemLayout::new(self.profile, segment, settings.shared_buffers)?;
        let mut pool = BufferPool::new(&settings, &self.profile.bufmgr);
        pool.take_files(&mut self.pool);
        self.pool = pool;
        self.auxiliary.forget();
        let postmaster = Rc::make_mut(&mut self.postmaster);
        postmaster.init_proc_global(version, &settings).map_err(Error::from)?;
        postmaster.start_children(version, &settings);
        self.settings = settings;
        self.log.emit(Event::Process(ProcessEvent::Reinitialized { total }))
    }

    /// What the startup process makes of the files (`StartupXLOG`): changes whose records were flushed are
    /// made again, later ones are lost; unlogged tables are empty, temporary ones gone
    /// (`ResetUnloggedRelations`, `RemovePgTempFiles`). Returns the pages of either kind. That it reads them
    /// through buffers, which it leaves filled, is left out.
    fn recover(&mut self) -> (u32, u32) {
        let flushed = self.pool.wal.flushed();
        let (mut redone, mut lost) = (0, 0);
        let dirty: Vec<_> = {
            let changed = |desc: &BufferDesc| desc.is(BM_DIRTY) && desc.is(BM_PERMANENT);
            self.pool.descs().filter(|(_, desc)| changed(desc)).collect()
        };
        for (_, desc) in dirty {
            let Some(tag) = desc.tag() else { continue };
            let version = PageVersion { lsn: desc.lsn, changes: desc.changes };
            let on_disk = self.pool.smgr.version_on_disk(tag);
            match version.lsn {
                lsn if lsn <= on_disk.lsn => {}
                lsn if lsn > flushed => lost += 1,
                _ => {
                    self.pool.smgr.redo(tag, version);
                    redone += 1;
                }
            }
        }
        self.pool.smgr.reset_unlogged();
        self.pool.wal.crash();
        self.stats = Default::default();
        (redone, lost)
    }

    /// `pg_ctl restart`: clients are sent away, the checkpointer writes everything, and the server starts
    /// with what the configuration file says.
    pub(super) fn restart(&mut self) -> Fallible<()> {
        let settings = self.postmaster.file.clone();
        settings.check()?;
        // A real server would stop before it finds that it can't start.
        let segment = Segment::new(self.profile.version, &settings).map_err(Error::from)?;
        ShmemLayout::new(self.profile, segment, settings.shared_buffers)?;
        for id in self.connected() {
            self.end_backend(id, End::Administrator)?;
        }
        self.checkpoint(true)?;
        self.end_children(End::Administrator)?;
        Rc::make_mut(&mut self.postmaster).read = settings.clone();
        self.reinitialize(settings)?;
        self.children_started()
    }
}
