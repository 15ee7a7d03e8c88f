//! What a byte of shared memory means: the field's name as the sources have it, and its value.

use super::{CKPT_SORT_ITEM, DESCRIPTOR, ShmemLayout, lock_tables, lookup_table, procs};
use crate::lmgr::{LockMode, modes};
use crate::memory::Addr;
use crate::profile::{ContentLock, Field, ShmemProfile};
use crate::server::Server;

/// Bytes of a field: every one that is named here has four.
const WORD: u64 = 4;

impl ShmemLayout {
    /// The field that an address is in, in words; `None` where nothing is decoded.
    pub fn field(&self, server: &Server, addr: Addr) -> Option<String> {
        let inside = |region: &super::Region| {
            let holds = addr >= region.addr && addr.since(region.addr) < region.size;
            holds.then(|| addr.since(region.addr))
        };
        if let Some(at) = inside(&self.descriptors) {
            let field = named(server, addr, &descriptor_fields(server), at % DESCRIPTOR);
            let field = field.unwrap_or_else(|| "padding".into());
            return Some(format!("BufferDesc of buffer {}: {field}", at / DESCRIPTOR + 1));
        }
        if let Some(at) = inside(&self.strategy) {
            let field = named(server, addr, &strategy_fields(server), at)?;
            return Some(format!("BufferStrategyControl: {field}"));
        }
        if let Some(at) = inside(&self.sorted) {
            const FIELDS: [&str; 5] = ["tsId", "relNumber", "forkNum", "blockNum", "buf_id"];
            let field = named(server, addr, &FIELDS, at % CKPT_SORT_ITEM)?;
            return Some(format!("CkptSortItem {}: {field}", at / CKPT_SORT_ITEM));
        }
        let places = self.segment.places()?;
        lookup_table::field(server, &places.lookup, addr)
            .or_else(|| lock_tables::field(server, places, addr))
            .or_else(|| procs::field(server, places, addr))
    }
}

/// The field of these at an offset, with its value.
fn named(server: &Server, addr: Addr, fields: &[&str], at: u64) -> Option<String> {
    let name = fields.get(usize::try_from(at / WORD).ok()?)?;
    let mut bytes = [0; WORD as usize];
    server.peek(Addr(addr.0 - at % WORD), &mut bytes);
    let value = u32::from_le_bytes(bytes);
    Some(match *name {
        "state" => format!("state = {value:#x}"),
        // -1 in the sources: nobody, or no other.
        _ if value == u32::MAX => format!("{name} = -1"),
        _ => format!("{name} = {}", value as i32),
    })
}

/// A number in shared memory, of so many bytes.
pub(super) fn value(server: &Server, addr: Addr, width: u64) -> u64 {
    let mut bytes = [0; 8];
    let width = bytes.len().min(width as usize);
    server.peek(addr, &mut bytes[..width]);
    u64::from_le_bytes(bytes)
}

/// The field of these (its name, place and bytes) that an offset is in, with its value.
pub(super) fn named_one(
    server: &Server,
    addr: Addr,
    fields: &[(&str, u64, u64)],
    at: u64,
) -> Option<String> {
    let (name, from, width) =
        fields.iter().find(|(_, from, width)| (*from..from + width).contains(&at))?;
    Some(said(name, value(server, Addr(addr.0 - (at - from)), *width), *width))
}

/// The same of a version's fields.
pub(super) fn named_of<V>(
    server: &Server,
    addr: Addr,
    fields: &[Field<V>],
    at: u64,
) -> Option<String> {
    let holds = |field: &&Field<V>| (field.at..field.at + field.width * field.times).contains(&at);
    let field = fields.iter().find(holds)?;
    let (index, byte) = ((at - field.at) / field.width, (at - field.at) % field.width);
    let value = value(server, Addr(addr.0 - byte), field.width);
    let name = match (field.times, field.width) {
        (1, _) => field.name.to_owned(),
        // Lists: their heads link to the last and the first.
        (_, 8) => {
            let link = if index % 2 == 0 { "prev" } else { "next" };
            match field.times {
                2 => format!("{}.{link}", field.name),
                _ => format!("{}[{}].{link}", field.name, index / 2),
            }
        }
        _ => format!("{}[{index}]", field.name),
    };
    Some(said(&name, value, field.width))
}

/// A field's name and value: masks and modes by their names, pointers in hexadecimal digits.
fn said(name: &str, value: u64, width: u64) -> String {
    let names = |modes: &mut dyn Iterator<Item = LockMode>| {
        modes.map(LockMode::name).collect::<Vec<_>>().join(", ")
    };
    match name {
        "grantMask" | "waitMask" | "holdMask" | "releaseMask" | "heldLocks" if value != 0 => {
            format!("{name} = {value:#x} ({})", names(&mut modes(value as u16)))
        }
        "waitLockMode" if value != 0 => {
            let mut mode = LockMode::ALL.into_iter().filter(|mode| *mode as u64 == value);
            format!("{name} = {value} ({})", names(&mut mode))
        }
        "wait_event_info" | "fpLockBits" | "fpInfoLock.state" => format!("{name} = {value:#x}"),
        _ if width == 8 && value == u64::MAX || width == 4 && value == u32::MAX.into() => {
            format!("{name} = -1")
        }
        _ if width == 8 && value != 0 => format!("{name} = {value:#x}"),
        _ => format!("{name} = {value}"),
    }
}

/// As [`super::descriptor_bytes`] writes them.
fn descriptor_fields(server: &Server) -> Vec<&'static str> {
    let ShmemProfile { io_wref, content_lock, .. } = server.profile().shmem;
    let mut fields =
        vec!["tag.spcOid", "tag.dbOid", "tag.relNumber", "tag.forkNum", "tag.blockNum", "buf_id"];
    fields.push("state");
    if content_lock == ContentLock::InState {
        fields.push("state, upper half");
    }
    fields.push("wait_backend_pgprocno");
    if server.profile().bufmgr.freelist {
        fields.push("freeNext");
    }
    if io_wref {
        fields.extend([
            "io_wref.aio_index",
            "io_wref.generation_upper",
            "io_wref.generation_lower",
        ]);
    }
    match content_lock {
        ContentLock::LwLock { .. } => fields.extend([
            "content_lock.tranche",
            "content_lock.state",
            "content_lock.waiters.head",
            "content_lock.waiters.tail",
        ]),
        ContentLock::InState => fields.extend(["lock_waiters.head", "lock_waiters.tail"]),
    }
    fields
}

/// As [`super::strategy_bytes`] writes them.
fn strategy_fields(server: &Server) -> Vec<&'static str> {
    let mut fields = vec!["buffer_strategy_lock", "nextVictimBuffer"];
    if server.profile().bufmgr.freelist {
        fields.extend(["firstFreeBuffer", "lastFreeBuffer"]);
    }
    fields.extend(["completePasses", "numBufferAllocs", "bgwprocno"]);
    fields
}
