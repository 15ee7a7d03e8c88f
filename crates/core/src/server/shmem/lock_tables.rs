//! The bytes of the LOCK and PROCLOCK tables, made when somebody looks (`lock.h`).
//!
//! The lock manager keeps entries by their tags, and of each the order in which it was made: in that
//! order they are entered here, as if no lock had ever been given back before.

use std::collections::BTreeMap;

use super::dynahash::{self, HASHELEMENT, Rendered, bytes, shared};
use super::{copy, lookup_table};
use crate::lmgr::{LockEntry, LockManager, LockTag, ProcLockEntry, ProcNumber, lock_partition};
use crate::memory::Addr;
use crate::server::Server;
use crate::server::segment::Places;
use crate::server::segment::hash_tables::HashTable;

/// `sizeof(LOCKTAG)`, `sizeof(PROCLOCKTAG)`: the tables' keys.
const KEY: u64 = 16;
/// `LOG2_NUM_LOCK_PARTITIONS`
const LOG2_NUM_LOCK_PARTITIONS: u32 = 4;
/// Where a LOCK has its list of PROCLOCKs, and its queue.
const PROC_LOCKS: u64 = 24;
const WAIT_PROCS: u64 = 40;
/// Where a PROCLOCK is linked into its LOCK's list, and into its process's.
const LOCK_LINK: u64 = 32;
const PROC_LINK: u64 = 48;
/// Bytes of a list's head or node.
pub(super) const NODE: u64 = 16;

/// The tables, and where each entry lies.
pub(super) struct LockTables<'a> {
    server: &'a Server,
    places: &'a Places,
    lock: Rendered,
    proclock: Rendered,
    locks: Vec<LockEntry<'a>>,
    proclocks: Vec<ProcLockEntry>,
    lock_at: BTreeMap<LockTag, u64>,
    proclock_at: BTreeMap<(LockTag, ProcNumber), u64>,
}

/// Write out what of the tables and of the counts of strong locks lies in the range that `out` covers.
pub(super) fn read(server: &Server, places: &Places, addr: Addr, out: &mut [u8]) {
    let end = addr.offset(out.len() as u64);
    let within = |from: u64, to: u64| addr < shared(to) && end > shared(from);
    for (partition, count) in server.locks.strong_locks() {
        // Behind the spinlock.
        let at = shared(places.strong + 4 + u64::from(partition) * 4);
        copy(out, addr, at, &count.to_le_bytes());
    }
    let segment = server.segment();
    let grown = may_grow(server, places) && within(segment.free_offset, segment.total);
    let of = |table: &HashTable| within(table.header, table.end);
    if of(&places.lock) || of(&places.proclock) || grown {
        let tables = LockTables::new(server, places);
        tables.lock.write(&places.lock, KEY, addr, out);
        tables.proclock.write(&places.proclock, KEY, addr, out);
        let overlaps = |at: u64, size: u64| Addr(at) < end && Addr(at + size) > addr;
        for entry in &tables.locks {
            let Some(at) = tables.lock(&entry.tag) else { continue };
            if overlaps(at, places.lock.entry) {
                copy(out, addr, Addr(at), &tables.lock_bytes(entry, at));
            }
        }
        for entry in &tables.proclocks {
            let Some(at) = tables.proclock(&entry.tag, entry.proc) else { continue };
            if overlaps(at, places.proclock.entry) {
                copy(out, addr, Addr(at), &tables.proclock_bytes(entry));
            }
        }
    }
}

/// What of the tables an address is in, in words.
pub(super) fn field(server: &Server, places: &Places, addr: Addr) -> Option<String> {
    let strong = shared(places.strong);
    if let Some(partition) = addr.0.checked_sub(strong.0 + 4).map(|at| at / 4)
        && partition < 1024
    {
        let counts: BTreeMap<u32, u32> = server.locks.strong_locks().collect();
        let count = counts.get(&(partition as u32)).unwrap_or(&0);
        return Some(format!("FastPathStrongRelationLocks: count[{partition}] = {count}"));
    }
    let segment = server.segment();
    let grown = addr >= shared(segment.free_offset) && addr < shared(segment.total);
    let (mut tables, rest) = (None, may_grow(server, places) && grown);
    for (table, is_lock) in [(&places.lock, true), (&places.proclock, false)] {
        if let Some(words) = dynahash::field(table, addr) {
            return Some(words);
        }
        let first = dynahash::element_at(table, addr);
        if first.is_none() && !rest {
            continue;
        }
        let tables = tables.get_or_insert_with(|| LockTables::new(server, places));
        let (rendered, fields) = match is_lock {
            true => (&tables.lock, LOCK_FIELDS),
            false => (&tables.proclock, PROCLOCK_FIELDS),
        };
        let holds = |at: u64| (at..at + table.element()).contains(&addr.0);
        let Some(place) = rendered.elements.iter().position(|it| holds(it.at)) else {
            if first.is_some() {
                return Some(format!("{}: a free element", table.name));
            }
            continue;
        };
        let element = &rendered.elements[place];
        let what = match is_lock {
            true => tables.locks.get(place).map(|it| format!("LOCK of {}", it.tag)),
            false => tables
                .proclocks
                .get(place)
                .map(|it| format!("PROCLOCK of PGPROC {} on {}", it.proc.0, it.tag)),
        };
        let what = what.unwrap_or_default();
        let inside = addr.0 - element.at;
        return Some(match inside.checked_sub(HASHELEMENT) {
            Some(at) => {
                let field = super::fields::named_one(server, addr, fields, at);
                format!("{what}: {}", field.unwrap_or_else(|| "padding".into()))
            }
            None if inside < 8 => format!("{what}: link to the next of the bucket"),
            None => format!("{what}: hash value {:#x}", element.hash),
        });
    }
    None
}

/// Fields: the name, where it is, and bytes.
const LOCK_FIELDS: &[(&str, u64, u64)] = &[
    ("tag.locktag_field1", 0, 4),
    ("tag.locktag_field2", 4, 4),
    ("tag.locktag_field3", 8, 4),
    ("tag.locktag_field4", 12, 2),
    ("tag.locktag_type", 14, 1),
    ("tag.locktag_lockmethodid", 15, 1),
    ("grantMask", 16, 4),
    ("waitMask", 20, 4),
    ("procLocks.prev", 24, 8),
    ("procLocks.next", 32, 8),
    ("waitProcs.prev", 40, 8),
    ("waitProcs.next", 48, 8),
    ("waitProcs, how many", 56, 4),
    ("requested[0]", 64, 4),
    ("requested[AccessShareLock]", 68, 4),
    ("requested[RowShareLock]", 72, 4),
    ("requested[RowExclusiveLock]", 76, 4),
    ("requested[ShareUpdateExclusiveLock]", 80, 4),
    ("requested[ShareLock]", 84, 4),
    ("requested[ShareRowExclusiveLock]", 88, 4),
    ("requested[ExclusiveLock]", 92, 4),
    ("requested[AccessExclusiveLock]", 96, 4),
    ("requested[9]", 100, 4),
    ("nRequested", 104, 4),
    ("granted[0]", 108, 4),
    ("granted[AccessShareLock]", 112, 4),
    ("granted[RowShareLock]", 116, 4),
    ("granted[RowExclusiveLock]", 120, 4),
    ("granted[ShareUpdateExclusiveLock]", 124, 4),
    ("granted[ShareLock]", 128, 4),
    ("granted[ShareRowExclusiveLock]", 132, 4),
    ("granted[ExclusiveLock]", 136, 4),
    ("granted[AccessExclusiveLock]", 140, 4),
    ("granted[9]", 144, 4),
    ("nGranted", 148, 4),
];

/// The same of a PROCLOCK.
const PROCLOCK_FIELDS: &[(&str, u64, u64)] = &[
    ("tag.myLock", 0, 8),
    ("tag.myProc", 8, 8),
    ("groupLeader", 16, 8),
    ("holdMask", 24, 4),
    ("releaseMask", 28, 4),
    ("lockLink.prev", 32, 8),
    ("lockLink.next", 40, 8),
    ("procLink.prev", 48, 8),
    ("procLink.next", 56, 8),
];

/// Whether a free list may have run dry: otherwise nobody has to know what is left of the segment.
fn may_grow(server: &Server, places: &Places) -> bool {
    let least = |table: &HashTable| table.lots.iter().map(|lot| lot.elements).min().unwrap_or(0);
    let (locks, proclocks) = server.locks.entries();
    locks as u64 > least(&places.lock) || proclocks as u64 > least(&places.proclock)
}

/// Where a process's `PGPROC` is.
pub(super) fn proc_address(server: &Server, places: &Places, proc: ProcNumber) -> u64 {
    let size = server.profile().version.procs().size;
    shared(places.procs.procs + u64::from(proc.0) * size).0
}

/// The neighbours of a place in a circular list: its nodes in order, its head elsewhere.
pub(super) fn neighbours(nodes: &[u64], head: u64, place: usize) -> [u64; 2] {
    let before = place.checked_sub(1).and_then(|before| nodes.get(before));
    [before, nodes.get(place + 1)].map(|node| node.copied().unwrap_or(head))
}

/// What a circular list's head links to: the last and the first.
pub(super) fn ends(nodes: &[u64], head: u64) -> [u64; 2] {
    [nodes.last(), nodes.first()].map(|node| node.copied().unwrap_or(head))
}

impl<'a> LockTables<'a> {
    pub(super) fn new(server: &'a Server, places: &'a Places) -> Self {
        let locks: &'a LockManager = &server.locks;
        let mut it = Self {
            server,
            places,
            lock: Rendered::new(&places.lock),
            proclock: Rendered::new(&places.proclock),
            locks: locks.lock_entries().collect(),
            proclocks: locks.proclock_entries().collect(),
            lock_at: BTreeMap::new(),
            proclock_at: BTreeMap::new(),
        };
        it.locks.sort_unstable_by_key(|entry| entry.born);
        it.proclocks.sort_unstable_by_key(|entry| entry.born);
        let mut rest = match may_grow(server, places) {
            true => lookup_table::free_rest(server, &places.lookup),
            false => (0, 0),
        };
        // Those of both tables in their order; what no element is left for has none.
        let (mut entered, mut proclocks) = (Vec::new(), Vec::new());
        let mut locks = std::mem::take(&mut it.locks).into_iter().peekable();
        for entry in std::mem::take(&mut it.proclocks) {
            while let Some(lock) = locks.next_if(|lock| lock.born < entry.born) {
                if let Some(at) = it.lock.enter(&places.lock, lock.tag.hash_code(), &mut rest) {
                    it.lock_at.insert(lock.tag, at + HASHELEMENT);
                    entered.push(lock);
                }
            }
            let hash = it.proclock_hash(&entry.tag, entry.proc);
            if let Some(at) = it.proclock.enter(&places.proclock, hash, &mut rest) {
                it.proclock_at.insert((entry.tag, entry.proc), at + HASHELEMENT);
                proclocks.push(entry);
            }
        }
        Self { locks: entered, proclocks, ..it }
    }

    /// `ProcLockHashCode`: the LOCK's, but for the bits that don't choose its partition.
    fn proclock_hash(&self, tag: &LockTag, proc: ProcNumber) -> u32 {
        let proc = proc_address(self.server, self.places, proc) as u32;
        tag.hash_code() ^ proc << LOG2_NUM_LOCK_PARTITIONS
    }

    /// Where a LOCK is.
    pub(super) fn lock(&self, tag: &LockTag) -> Option<u64> {
        self.lock_at.get(tag).copied()
    }

    /// Where a PROCLOCK is.
    pub(super) fn proclock(&self, tag: &LockTag, proc: ProcNumber) -> Option<u64> {
        self.proclock_at.get(&(*tag, proc)).copied()
    }

    /// The nodes of a LOCK's list of PROCLOCKs.
    fn lock_links(&self, tag: &LockTag, procs: &[ProcNumber]) -> Vec<u64> {
        let nodes = procs.iter().filter_map(|proc| self.proclock(tag, *proc));
        nodes.map(|at| at + LOCK_LINK).collect()
    }

    /// The nodes of a process's list of PROCLOCKs of one partition.
    fn proc_links(&self, proc: ProcNumber, partition: usize) -> Vec<u64> {
        let tags = self.server.locks.proc_locks(proc, partition);
        tags.filter_map(|tag| Some(self.proclock(&tag, proc)? + PROC_LINK)).collect()
    }

    /// Where a process's list of one partition has its head.
    fn my_proc_locks(&self, proc: ProcNumber, partition: usize) -> u64 {
        let fields = self.server.profile().version.procs().fields;
        let lists = fields.iter().find(|field| field.name == "myProcLocks");
        let at = lists.map_or(0, |field| field.at) + partition as u64 * NODE;
        proc_address(self.server, self.places, proc) + at
    }

    /// The last and the first of that list.
    pub(super) fn proc_list(&self, proc: ProcNumber, partition: usize) -> [u64; 2] {
        let head = self.my_proc_locks(proc, partition);
        ends(&self.proc_links(proc, partition), head)
    }

    /// The nodes of a LOCK's queue.
    fn queue(&self, waiters: &[ProcNumber]) -> Vec<u64> {
        let link = self.server.profile().version.procs().wait_link;
        let nodes = waiters.iter().map(|proc| proc_address(self.server, self.places, *proc) + link);
        nodes.collect()
    }

    /// Whom a waiter is between, in the queue of the LOCK that it waits for.
    pub(super) fn wait_links(&self, proc: ProcNumber, tag: &LockTag) -> Option<[u64; 2]> {
        let entry = self.locks.iter().find(|entry| entry.tag == *tag)?;
        let place = entry.wait_procs.iter().position(|waiter| *waiter == proc)?;
        let head = self.lock(tag)? + WAIT_PROCS;
        Some(neighbours(&self.queue(entry.wait_procs), head, place))
    }

    fn lock_bytes(&self, entry: &LockEntry<'_>, at: u64) -> Vec<u8> {
        let mut out: Vec<u8> = entry.tag.words().into_iter().flat_map(u32::to_le_bytes).collect();
        let number = |number: u32| number.to_le_bytes();
        out.extend([u32::from(entry.grant_mask), entry.wait_mask.into()].map(number).concat());
        let procs = self.lock_links(&entry.tag, entry.proc_locks);
        out.extend(bytes(&ends(&procs, at + PROC_LOCKS)));
        out.extend(bytes(&ends(&self.queue(entry.wait_procs), at + WAIT_PROCS)));
        out.extend(bytes(&[entry.wait_procs.len() as u64]));
        for counts in [entry.requested, entry.granted] {
            out.extend(counts.iter().flat_map(|count| number(*count)));
            // There are ten, of which eight modes are used.
            out.extend(number(0));
            out.extend(number(counts.iter().sum()));
        }
        out
    }

    fn proclock_bytes(&self, entry: &ProcLockEntry) -> Vec<u8> {
        let ProcLockEntry { tag, proc, hold_mask, release_mask, .. } = *entry;
        let lock = self.lock(&tag).unwrap_or(0);
        let own = proc_address(self.server, self.places, proc);
        let masks = u64::from(hold_mask) | u64::from(release_mask) << 32;
        let mut words = vec![lock, own, own, masks];
        let here = self.proclock(&tag, proc).unwrap_or(0);
        let holders =
            self.locks.iter().find(|it| it.tag == tag).map_or(&[][..], |it| it.proc_locks);
        let partition = lock_partition(&tag);
        for (nodes, head, node) in [
            (self.lock_links(&tag, holders), lock + PROC_LOCKS, here + LOCK_LINK),
            (
                self.proc_links(proc, partition),
                self.my_proc_locks(proc, partition),
                here + PROC_LINK,
            ),
        ] {
            let place = nodes.iter().position(|it| *it == node);
            words.extend(place.map_or([0; 2], |place| neighbours(&nodes, head, place)));
        }
        bytes(&words)
    }
}
