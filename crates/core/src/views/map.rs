//! A map of the whole address space: which bytes belong to whom.
//!
//! Shared memory structure by structure, then each backend's own memory, block by block of its contexts. A
//! map has no more ranges than asked for: a backend whose blocks are too many is one range.

use crate::Server;
use crate::ids::BackendId;
use crate::memory::{Addr, Owner};
use crate::mmgr::inspect;
use crate::profile::segment::Allocator;

/// The view's columns.
pub(super) const COLUMNS: &[&str] = &["start", "size", "owner", "name"];

/// A range of addresses that has one owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapRange {
    /// Where it begins.
    pub start: Addr,
    /// Bytes.
    pub len: u64,
    /// Whose it is.
    pub owner: Owner,
    /// What it is: as `pg_shmem_allocations.name` has it, or the context that a block belongs to.
    pub name: String,
}

/// What lies where, in the order of addresses; `most` ranges at most, as long as that is one for each
/// structure and backend.
pub fn map(server: &Server, most: usize) -> Vec<MapRange> {
    let mut ranges = shared(server);
    let backends = server.backends().filter(|(_, backend)| backend.end().is_none());
    let backends: Vec<BackendId> = backends.map(|(id, _)| id).collect();
    for (place, &id) in backends.iter().enumerate() {
        let others = backends.len() - place - 1;
        let room = most.saturating_sub(ranges.len() + others);
        ranges.append(&mut local(server, id, room));
    }
    ranges
}

/// The shared segment, from its header to its free rest.
fn shared(server: &Server) -> Vec<MapRange> {
    let segment = server.segment();
    let range = |from: u64, to: u64, name: &str| MapRange {
        start: Addr::SHARED.offset(from),
        len: to - from,
        owner: Owner::Shared,
        name: name.to_owned(),
    };
    // From 19 on the padding before a structure is the structure's.
    let version = server.profile().version.segment();
    let padded = matches!(version.allocator, Allocator::Requested);
    let (mut ranges, mut end) = (Vec::new(), 0);
    for row in &segment.allocations {
        let (from, to) = match padded {
            true => (row.off + row.size - row.allocated_size, row.off + row.size),
            false => (row.off, row.off + row.allocated_size),
        };
        if from > end {
            ranges.push(range(end, from, "<anonymous>"));
        }
        ranges.push(range(from.max(end), to, row.name));
        end = to;
    }
    if segment.free_offset > end {
        ranges.push(range(end, segment.free_offset, "<anonymous>"));
    }
    ranges.push(range(segment.free_offset, segment.total, "unused"));
    ranges
}

/// A backend's own memory.
fn local(server: &Server, id: BackendId, room: usize) -> Vec<MapRange> {
    let owner = Owner::Backend(id);
    let mut ranges = Vec::new();
    for context in super::contexts(server, id) {
        for block in inspect::blocks(server.arena(), server.profile(), context.addr) {
            let name = context.name.clone();
            ranges.push(MapRange { start: block.addr, len: block.size, owner, name });
        }
        if ranges.len() > room {
            break;
        }
    }
    if ranges.len() > room {
        let len = server.backend(id).map_or(0, |it| it.memory.heap.stats().obtained);
        let name = "local memory".to_owned();
        return vec![MapRange { start: Addr::local(id), len, owner, name }];
    }
    ranges.sort_by_key(|range| range.start);
    ranges
}

/// The map as a table.
pub(super) fn rows(server: &Server, most: usize) -> Vec<Vec<String>> {
    let row = |range: MapRange| {
        let owner = match range.owner {
            Owner::Backend(id) => server.backend(id).map(|it| it.name.to_string()),
            Owner::Shared => Some("shared".to_owned()),
            Owner::Program | Owner::Nobody => None,
        };
        let start = format!("{:#x}", range.start.0);
        vec![start, range.len.to_string(), owner.unwrap_or_default(), range.name]
    };
    map(server, most).into_iter().map(row).collect()
}
