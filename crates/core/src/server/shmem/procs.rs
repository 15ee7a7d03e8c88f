//! The bytes of the slots of processes, made when somebody looks: `PROC_HDR`, `PGPROC`, the arrays
//! that mirror some of its fields, and fast-path slots (`proc.c`, `lock.c`).

mod slot;

use std::collections::BTreeMap;

use super::dynahash::shared;
use super::lock_tables::{LockTables, ends, neighbours, proc_address};
use super::{copy, fields};
use crate::lmgr::ProcNumber;
use crate::memory::Addr;
use crate::profile::{BackendType, HeaderValue, ProcProfile};
use crate::server::postmaster::Child;
use crate::server::segment::Places;
use crate::server::segment::proc_places::ProcPlaces;
use crate::server::{Backend, Server};

/// `DEFAULT_SPINS_PER_DELAY`
const SPINS_PER_DELAY: u64 = 100;
/// Slots of a group.
const FP_LOCK_SLOTS_PER_GROUP: usize = 16;

/// Who has a slot.
#[derive(Clone, Copy)]
enum Holder<'a> {
    Client(&'a Backend),
    Child(&'a Child),
}

/// The slots, as they are just now.
struct Procs<'a> {
    server: &'a Server,
    places: &'a Places,
    profile: &'static ProcProfile,
    holders: BTreeMap<u64, Holder<'a>>,
    /// The free slots of each list, the one to be taken next first.
    free: [Vec<u32>; 4],
    tables: LockTables<'a>,
}

/// Write out what of the slots lies in the range that `out` covers.
pub(super) fn read(server: &Server, places: &Places, addr: Addr, out: &mut [u8]) {
    let end = addr.offset(out.len() as u64);
    let within = |from: u64, to: u64| addr < shared(to) && end > shared(from);
    let at = &places.procs;
    let behind = at.status_flags + at.total;
    let groups = at.fast_path.map(|(from, groups)| (from, from + at.total * slots_size(groups)));
    let slots = groups.is_some_and(|(from, to)| within(from, to));
    if !within(at.header, at.header + HEADER) && !within(at.procs, behind) && !slots {
        return;
    }
    let procs = Procs::new(server, places);
    procs.header(addr, out);
    let size = procs.profile.size;
    let overlapping = |from: u64, each: u64| {
        let start = shared(from).0;
        let first = addr.0.saturating_sub(start) / each;
        let last = end.0.saturating_sub(start).div_ceil(each);
        first..last.min(at.total)
    };
    for number in overlapping(at.procs, size) {
        procs.proc(number, addr, out);
    }
    procs.mirrors(addr, out);
    if let Some((from, groups)) = at.fast_path {
        for number in overlapping(from, slots_size(groups)) {
            procs.slots(number, from, groups, addr, out);
        }
    }
}

/// `sizeof(PROC_HDR)` at most.
const HEADER: u64 = 136;

/// Bytes of a process's fast-path slots that are not within its `PGPROC`: modes, then relations.
fn slots_size(groups: u64) -> u64 {
    groups * 8 + groups * FP_LOCK_SLOTS_PER_GROUP as u64 * 4
}

/// What of the slots an address is in, in words.
pub(super) fn field(server: &Server, places: &Places, addr: Addr) -> Option<String> {
    let off = addr.0.checked_sub(Addr::SHARED.0)?;
    let (at, profile) = (&places.procs, server.profile().version.procs());
    let inside = |from: u64, each: u64, number: u64| {
        let into = off.checked_sub(from)?;
        (into < each * number).then(|| (into / each, into % each))
    };
    let unnamed = || "padding".to_owned();
    if let Some((_, byte)) = inside(at.header, HEADER, 1) {
        let field = fields::named_of(server, addr, profile.header, byte).unwrap_or_else(unnamed);
        return Some(format!("PROC_HDR: {field}"));
    }
    if let Some((number, byte)) = inside(at.procs, profile.size, at.total) {
        let field = fields::named_of(server, addr, profile.fields, byte).unwrap_or_else(unnamed);
        return Some(format!("PGPROC {number}{}: {field}", whose(server, number)));
    }
    for (name, from, each) in [
        ("xids", at.xids, 4),
        ("subxidStates", at.subxid_states, 2),
        ("statusFlags", at.status_flags, 1),
    ] {
        if let Some((number, byte)) = inside(from, each, at.total) {
            let value = fields::value(server, Addr(addr.0 - byte), each);
            return Some(format!("ProcGlobal->{name}[{number}] = {value}"));
        }
    }
    let (from, groups) = at.fast_path?;
    let (number, byte) = inside(from, slots_size(groups), at.total)?;
    let of = format!("of PGPROC {number}{}", whose(server, number));
    Some(match byte.checked_sub(groups * 8) {
        Some(byte) => {
            let value = fields::value(server, Addr(addr.0 - byte % 4), 4);
            format!("fast-path slots {of}: fpRelId[{}] = {value}", byte / 4)
        }
        None => {
            let value = fields::value(server, Addr(addr.0 - byte % 8), 8);
            format!("fast-path slots {of}: fpLockBits[{}] = {value:#x}", byte / 8)
        }
    })
}

/// Who has a slot, in brackets.
fn whose(server: &Server, number: u64) -> String {
    match holders(server).get(&number) {
        Some(Holder::Client(backend)) => format!(" ({})", backend.name),
        Some(Holder::Child(child)) => format!(" ({})", child.kind.word()),
        None => String::new(),
    }
}

fn holders(server: &Server) -> BTreeMap<u64, Holder<'_>> {
    let children = server.children().iter();
    let children = children.map(|child| (u64::from(child.proc), Holder::Child(child)));
    let clients = server.backends().filter_map(|(_, backend)| {
        Some((u64::from(backend.process()?.proc), Holder::Client(backend)))
    });
    children.chain(clients).collect()
}

impl<'a> Procs<'a> {
    fn new(server: &'a Server, places: &'a Places) -> Self {
        Self {
            server,
            places,
            profile: server.profile().version.procs(),
            holders: holders(server),
            free: server.postmaster.free_procs(places.procs.ends),
            tables: LockTables::new(server, places),
        }
    }

    fn at(&self) -> &ProcPlaces {
        &self.places.procs
    }

    fn address(&self, number: u64) -> u64 {
        proc_address(self.server, self.places, ProcNumber(number as u32))
    }

    /// The list that a slot goes back to, if it does to any.
    fn list(&self, number: u64) -> Option<usize> {
        self.at().ends.iter().position(|end| number < *end)
    }

    /// A field of `PROC_HDR`'s address.
    fn header_field(&self, value: HeaderValue) -> u64 {
        let field = self.profile.header.iter().find(|field| field.value == value);
        shared(self.at().header + field.map_or(0, |field| field.at)).0
    }

    fn header(&self, addr: Addr, out: &mut [u8]) {
        for field in self.profile.header {
            let at = shared(self.at().header + field.at);
            for index in 0..field.times {
                let value = self.header_value(field.value, field.width, index);
                let at = at.offset(index * field.width);
                copy(out, addr, at, &value.to_le_bytes()[..field.width as usize]);
            }
        }
    }

    fn header_value(&self, value: HeaderValue, width: u64, index: u64) -> u64 {
        let at = self.at();
        match value {
            HeaderValue::Procs => shared(at.procs).0,
            HeaderValue::Xids => shared(at.xids).0,
            HeaderValue::SubxidStates => shared(at.subxid_states).0,
            HeaderValue::StatusFlags => shared(at.status_flags).0,
            HeaderValue::Count => at.all_proc_count,
            HeaderValue::FreeList(list) => {
                let nodes = self.free_nodes(list);
                match self.profile.stack {
                    true => nodes.first().copied().unwrap_or(0),
                    false => ends(&nodes, self.header_field(value))[index as usize % 2],
                }
            }
            HeaderValue::NoProcess => self.server.profile().shmem.no_process.into(),
            HeaderValue::WalWriter => self.auxiliary(BackendType::WalWriter, width),
            HeaderValue::Checkpointer => self.auxiliary(BackendType::Checkpointer, width),
            HeaderValue::SpinsPerDelay => SPINS_PER_DELAY,
            HeaderValue::NoBuffer => u32::MAX.into(),
        }
    }

    /// An auxiliary process's latch, or its number where four bytes are for it.
    fn auxiliary(&self, kind: BackendType, width: u64) -> u64 {
        let latch = self.profile.fields.iter().find(|field| field.name == "procLatch.is_set");
        match self.server.children().iter().find(|child| child.kind == kind) {
            Some(child) if width == 4 => child.proc.into(),
            Some(child) => self.address(child.proc.into()) + latch.map_or(0, |field| field.at),
            None => 0,
        }
    }

    fn free_nodes(&self, list: usize) -> Vec<u64> {
        let free = self.free.get(list).into_iter().flatten();
        free.map(|number| self.address((*number).into()) + self.profile.free_link).collect()
    }

    /// What is before and behind a slot in its free list; nothing if it is taken.
    fn free_links(&self, number: u64) -> [u64; 2] {
        let list = self.list(number).filter(|_| !self.holders.contains_key(&number));
        let Some(list) = list else { return [0; 2] };
        let nodes = self.free_nodes(list);
        let node = self.address(number) + self.profile.free_link;
        let Some(place) = nodes.iter().position(|it| *it == node) else { return [0; 2] };
        match self.profile.stack {
            true => [0, nodes.get(place + 1).copied().unwrap_or(0)],
            false => neighbours(&nodes, self.header_field(HeaderValue::FreeList(list)), place),
        }
    }

    fn wait_links(&self, number: u64) -> [u64; 2] {
        let proc = ProcNumber(number as u32);
        let wait = self.server.locks.wait(proc);
        wait.and_then(|(tag, ..)| self.tables.wait_links(proc, &tag)).unwrap_or_default()
    }

    fn proc(&self, number: u64, addr: Addr, out: &mut [u8]) {
        let start = Addr(self.address(number));
        let end = addr.offset(out.len() as u64);
        for field in self.profile.fields {
            for index in 0..field.times {
                let at = start.offset(field.at + index * field.width);
                if at < end && at.offset(field.width) > addr {
                    let value = self.value(number, field.value, index);
                    copy(out, addr, at, &value.to_le_bytes()[..field.width as usize]);
                }
            }
        }
    }

    /// `xids`, `subxidStates` and `statusFlags`, by place in `ProcArray`.
    fn mirrors(&self, addr: Addr, out: &mut [u8]) {
        for (&number, &holder) in &self.holders {
            let Some(place) = self.array_offset(number) else { continue };
            let xid = self.xid(Some(holder)) as u32;
            copy(out, addr, shared(self.at().xids + place * 4), &xid.to_le_bytes());
            let count = [self.subxids(Some(holder)).len() as u8];
            copy(out, addr, shared(self.at().subxid_states + place * 2), &count);
        }
    }

    /// Fast-path slots that are not within a `PGPROC`.
    fn slots(&self, number: u64, from: u64, groups: u64, addr: Addr, out: &mut [u8]) {
        let start = shared(from + number * slots_size(groups));
        for group in 0..groups {
            let bits = self.fast_path_bits(number, group as usize);
            copy(out, addr, start.offset(group * 8), &bits.to_le_bytes());
        }
        let relations = start.offset(groups * 8);
        for slot in 0..groups * FP_LOCK_SLOTS_PER_GROUP as u64 {
            let relation = self.fast_path_relation(number, slot as usize);
            copy(out, addr, relations.offset(slot * 4), &relation.to_le_bytes());
        }
    }
}
