//! What a byte of shared memory means: the field's name as the sources have it, and its value.

use super::{CKPT_SORT_ITEM, DESCRIPTOR, ShmemLayout, lookup_table};
use crate::memory::Addr;
use crate::profile::{ContentLock, ShmemProfile};
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
        lookup_table::field(server, &self.lookup, addr)
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
