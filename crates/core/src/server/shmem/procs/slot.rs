//! What is in the fields of a `PGPROC`.

use super::{FP_LOCK_SLOTS_PER_GROUP, Holder, Procs, slots_size};
use crate::bufmgr::smgr::DATABASE;
use crate::lmgr::ProcNumber;
use crate::profile::{BackendType, ContentLock, HeaderValue, ProcValue};
use crate::server::shmem::dynahash::shared;
use crate::server::{Backend, WaitsFor};

/// `BOOTSTRAP_SUPERUSERID`
const SUPERUSER: u64 = 10;
/// `PG_WAIT_LOCK`, `PG_WAIT_BUFFER_PIN`, `WAIT_EVENT_CLIENT_READ`
const WAIT_LOCK: u64 = 0x0300_0000;
const WAIT_BUFFER_PIN: u64 = 0x0400_0000;
const WAIT_CLIENT_READ: u64 = 0x0600_0000;
/// `PROC_WAIT_STATUS_WAITING`
const WAITING: u64 = 1;
/// Bits of a slot, and the first mode that a bit stands for.
const FAST_PATH_BITS_PER_SLOT: usize = 3;
const FAST_PATH_LOCKNUMBER_OFFSET: u16 = 1;
/// Between `LWTRANCHE_BUFFER_CONTENT` and `LWTRANCHE_LOCK_FASTPATH`.
const TRANCHES: u16 = 3;
/// Subtransactions' ids that a process shows (`PGPROC_MAX_CACHED_SUBXIDS`).
const MAX_CACHED_SUBXIDS: usize = 64;

impl Procs<'_> {
    /// A field of a slot.
    pub(super) fn value(&self, number: u64, value: ProcValue, index: u64) -> u64 {
        let holder = self.holders.get(&number).copied();
        let client = match holder {
            Some(Holder::Client(backend)) => Some(backend),
            _ => None,
        };
        let proc = ProcNumber(number as u32);
        let (locks, at) = (&self.server.locks, self.at());
        let waits = locks.wait(proc);
        // Prepared transactions have neither semaphore nor latch nor fast-path lock.
        let real = u64::from(number < at.all_proc_count);
        let side = index as usize % 2;
        let is = |is: bool| u64::from(is);
        match value {
            ProcValue::Zero => 0,
            ProcValue::Prev | ProcValue::Next => {
                let side = usize::from(value == ProcValue::Next);
                let shares = self.profile.wait_link == self.profile.free_link;
                match waits {
                    Some(_) if shares => self.wait_links(number)[side],
                    _ => self.free_links(number)[side],
                }
            }
            ProcValue::WaitPrev => self.wait_links(number)[0],
            ProcValue::WaitNext => self.wait_links(number)[1],
            ProcValue::FreeList => {
                let list = self.list(number).map(HeaderValue::FreeList);
                list.map_or(0, |list| self.header_field(list))
            }
            ProcValue::Semaphore => real * shared(at.semaphore(number)).0,
            ProcValue::WaitStatus => is(waits.is_some()) * WAITING,
            ProcValue::LatchSleeps => is(holder.is_some()),
            ProcValue::LatchShared => real,
            ProcValue::LatchOwner | ProcValue::Pid => self.pid(holder),
            ProcValue::Xid => self.xid(holder),
            ProcValue::Lxid => locks.virtual_transaction(proc).unwrap_or(0).into(),
            ProcValue::ArrayOffset => self.array_offset(number).unwrap_or(0),
            ProcValue::Number => number,
            ProcValue::VirtualNumber => self.virtual_number(number, holder),
            ProcValue::Database => is(client.is_some()) * u64::from(DATABASE),
            ProcValue::Role => is(client.is_some_and(|it| it.superuser)) * SUPERUSER,
            ProcValue::BackgroundWorker => is(matches!(holder, Some(Holder::Child(_)))),
            ProcValue::RegularBackend => is(client.is_some()),
            ProcValue::BackendType => self.backend_type(holder),
            ProcValue::WaitLock => waits.and_then(|(tag, ..)| self.tables.lock(&tag)).unwrap_or(0),
            ProcValue::WaitProcLock => {
                waits.and_then(|(tag, ..)| self.tables.proclock(&tag, proc)).unwrap_or(0)
            }
            ProcValue::WaitLockMode => waits.map_or(0, |(_, mode, _)| mode as u64),
            ProcValue::HeldLocks => waits.map_or(0, |(_, _, held)| held.into()),
            ProcValue::ProcLocks => self.tables.proc_list(proc, index as usize / 2)[side],
            ProcValue::SubxidCount => self.subxids(holder).len() as u64,
            ProcValue::Subxids => {
                self.subxids(holder).get(index as usize).map_or(0, |(_, xid)| (*xid).into())
            }
            ProcValue::NoProcess => self.server.profile().shmem.no_process.into(),
            ProcValue::WaitEvent => client.map_or(0, wait_event),
            ProcValue::NoPage => {
                let taken = holder.is_some() && !self.is_auxiliary(number);
                is(taken || self.was_taken(number)) * u64::MAX
            }
            ProcValue::FastPathTranche => match self.server.profile().shmem.content_lock {
                ContentLock::LwLock { tranche, .. } => real * u64::from(tranche + TRANCHES),
                ContentLock::InState => 0,
            },
            ProcValue::LockReleased => match self.server.profile().shmem.content_lock {
                ContentLock::LwLock { released, .. } => real * u64::from(released),
                ContentLock::InState => 0,
            },
            ProcValue::FastPathBits => match at.fast_path {
                Some((from, groups)) => shared(from + number * slots_size(groups)).0,
                None => self.fast_path_bits(number, 0),
            },
            ProcValue::FastPathRelations => match at.fast_path {
                Some((from, groups)) => shared(from + number * slots_size(groups) + groups * 8).0,
                None => self.fast_path_relation(number, index as usize).into(),
            },
            ProcValue::VirtualLock => is(locks.fast_path_virtual_lock(proc).is_some()),
            ProcValue::VirtualLockLxid => locks.virtual_transaction(proc).unwrap_or(0).into(),
            ProcValue::EmptyList => {
                let field = self.profile.fields.iter().find(|field| field.value == value);
                self.address(number) + field.map_or(0, |field| field.at)
            }
        }
    }

    fn pid(&self, holder: Option<Holder<'_>>) -> u64 {
        match holder {
            Some(Holder::Client(backend)) => backend.last_pid().into(),
            Some(Holder::Child(child)) => child.pid.into(),
            None => 0,
        }
    }

    fn is_auxiliary(&self, number: u64) -> bool {
        self.list(number).is_none()
    }

    /// A process that had this slot before has left -1 in some fields.
    fn was_taken(&self, number: u64) -> bool {
        self.server.postmaster.has_returned(number as u32)
    }

    /// In 15 a `BackendId`: processes that serve no client have theirs before clients.
    fn virtual_number(&self, number: u64, holder: Option<Holder<'_>>) -> u64 {
        const NONE: u64 = u32::MAX as u64;
        let backend_ids = self.server.profile().version.processes().backend_ids;
        match holder {
            Some(Holder::Client(backend)) => backend.process().map_or(0, |it| it.number.into()),
            Some(Holder::Child(_)) if self.is_auxiliary(number) => NONE,
            Some(Holder::Child(child)) if backend_ids => {
                let children = self.server.children().iter();
                let mut others = children.filter(|it| !self.is_auxiliary(it.proc.into()));
                others.position(|it| it.pid == child.pid).map_or(0, |place| place as u64 + 1)
            }
            Some(Holder::Child(_)) => number,
            None if self.was_taken(number) && !backend_ids => NONE,
            None => 0,
        }
    }

    /// `BackendType`, as 18 counts them.
    fn backend_type(&self, holder: Option<Holder<'_>>) -> u64 {
        match holder {
            Some(Holder::Client(_)) => 1,
            Some(Holder::Child(child)) => match child.kind {
                BackendType::AutovacuumLauncher => 3,
                BackendType::LogicalReplicationLauncher => 5,
                BackendType::BackgroundWriter => 9,
                BackendType::Checkpointer => 10,
                BackendType::IoWorker => 11,
                BackendType::Startup => 12,
                BackendType::WalWriter => 15,
                BackendType::Postmaster | BackendType::ClientBackend => 0,
            },
            None => 0,
        }
    }

    fn xids(holder: Option<Holder<'_>>) -> &[(u32, u32)] {
        match holder {
            Some(Holder::Client(backend)) => &backend.locks.xids,
            _ => &[],
        }
    }

    pub(super) fn xid(&self, holder: Option<Holder<'_>>) -> u64 {
        Self::xids(holder).first().map_or(0, |(_, xid)| (*xid).into())
    }

    pub(super) fn subxids<'b>(&self, holder: Option<Holder<'b>>) -> &'b [(u32, u32)] {
        let subxids = Self::xids(holder).get(1..).unwrap_or_default();
        &subxids[..subxids.len().min(MAX_CACHED_SUBXIDS)]
    }

    /// Its place in `ProcArray`, which has those by slot that can be in a transaction.
    pub(super) fn array_offset(&self, number: u64) -> Option<u64> {
        if self.is_auxiliary(number) {
            return None;
        }
        self.holders.keys().position(|holder| *holder == number).map(|place| place as u64)
    }

    /// `fpLockBits` of a group.
    pub(super) fn fast_path_bits(&self, number: u64, group: usize) -> u64 {
        let slots = self.server.locks.fast_path(ProcNumber(number as u32));
        let slots =
            slots.iter().skip(group * FP_LOCK_SLOTS_PER_GROUP).take(FP_LOCK_SLOTS_PER_GROUP);
        slots.enumerate().fold(0, |bits, (slot, (_, modes))| {
            let modes = u64::from(modes >> FAST_PATH_LOCKNUMBER_OFFSET);
            bits | modes << (FAST_PATH_BITS_PER_SLOT * slot)
        })
    }

    /// `fpRelId` of a slot.
    pub(super) fn fast_path_relation(&self, number: u64, slot: usize) -> u32 {
        let slots = self.server.locks.fast_path(ProcNumber(number as u32));
        slots.get(slot).map_or(0, |(relation, _)| *relation)
    }
}

/// `wait_event_info`: who has nothing to do waits for its client.
fn wait_event(backend: &Backend) -> u64 {
    match backend.waits_for() {
        Some(WaitsFor::Lock { tag, .. }) => WAIT_LOCK | tag.kind as u64,
        Some(WaitsFor::BufferPin(_)) => WAIT_BUFFER_PIN,
        None => WAIT_CLIENT_READ,
    }
}
