//! What lies at an address: in words, down to the chunk, the descriptor or the buffer's page.

use pgscope_core::Server;
use pgscope_core::ids::BufferId;
use pgscope_core::memory::{Addr, Owner};
use pgscope_core::mmgr::inspect;
use pgscope_core::server::shmem::Region;
use pgscope_core::views;

use super::heap_page::SIZE;
use super::{cells, words};

/// A part of the arena and what of it an address is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The part.
    pub region: Region,
    /// The buffer whose page this is, and where that page begins.
    pub page: Option<(BufferId, Addr)>,
    /// What it is, in words.
    pub words: String,
}

/// The name of a part, for a reader who chooses one.
pub fn region_name(server: &Server, region: &Region) -> String {
    match region.owner {
        Owner::Backend(id) => format!("{} of {}", region.name, words::backend(server, id)),
        _ => region.name.to_owned(),
    }
}

/// What lies at `at`; `None` if nothing does.
pub fn place(server: &Server, at: Addr) -> Option<Place> {
    let holds = |region: &Region| at >= region.addr && at.since(region.addr) < region.size;
    // Pieces of the hash tables have no row of their own in pg_shmem_allocations.
    let anonymous = || {
        server.layout().field(server, at)?;
        Some(Region { name: "<anonymous>", owner: Owner::Shared, addr: at, size: 1 })
    };
    let region = server.regions().into_iter().find(holds).or_else(anonymous)?;
    let inside = at.since(region.addr);
    let layout = server.layout();
    let mut page = None;
    let words = match (region.owner, region.name) {
        (Owner::Shared, "Buffer Blocks") => match buffer_at(server, at) {
            Some((buffer, cell)) => {
                page = Some((buffer, layout.block(buffer)));
                words::buffer(server, buffer, &cell)
            }
            None => "room to align the pages".to_owned(),
        },
        (Owner::Backend(id), _) => in_heap(server, id, at).unwrap_or_else(|| {
            format!("{}, byte {}", region_name(server, &region), words::thousands(inside))
        }),
        _ => layout
            .field(server, at)
            .unwrap_or_else(|| format!("{}, byte {}", region.name, words::thousands(inside))),
    };
    Some(Place { region, page, words })
}

/// The buffer whose page an address is in.
fn buffer_at(server: &Server, at: Addr) -> Option<(BufferId, cells::Cell)> {
    let first = server.layout().block(BufferId(0));
    let buffer = BufferId(u32::try_from(at.0.checked_sub(first.0)? / SIZE as u64).ok()?);
    Some((buffer, cells::cell(server, buffer)?))
}

/// The chunk, block or context header that an address of a backend's heap is in.
fn in_heap(server: &Server, id: pgscope_core::ids::BackendId, at: Addr) -> Option<String> {
    let (arena, profile) = (server.arena(), server.profile());
    for row in views::contexts(server, id) {
        let header = server.context(row.addr).chunk_header(profile);
        for block in inspect::blocks(arena, profile, row.addr) {
            if at < block.addr || at.since(block.addr) >= block.size {
                continue;
            }
            let inside = |chunk: &&inspect::ChunkView| {
                at >= chunk.pointer.back(header) && at < chunk.pointer.offset(chunk.size)
            };
            let name = &row.name;
            return Some(match block.chunks.iter().find(inside) {
                Some(chunk) if at < chunk.pointer => format!("header of a chunk of {name}"),
                Some(chunk) => format!(
                    "{}chunk of {name}, byte {} of {}",
                    if chunk.free { "free " } else { "" },
                    at.since(chunk.pointer),
                    words::bytes(chunk.size),
                ),
                None if at.since(block.addr) < block.header => {
                    format!("header of a block of {name}")
                }
                None => format!("block of {name}, never handed out"),
            });
        }
    }
    None
}

/// The address that a reader wrote: hexadecimal, with or without `0x`.
pub fn address(text: &str) -> Option<Addr> {
    let text = text.trim();
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    u64::from_str_radix(digits, 16).ok().map(Addr)
}
