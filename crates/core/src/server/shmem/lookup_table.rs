//! The bytes of the lookup table of buffers, made when somebody looks: each entry is a tag and its
//! buffer (`buf_table.c`).
//!
//! The machine finds pages by a table of another form, which doesn't say in which order they came. Here
//! they come in the order of their buffers, as they do to a pool that fills up.

use super::copy;
use super::dynahash::{self, HASHELEMENT, LISTS, Rendered, shared};
use crate::bufmgr::hash::NUM_BUFFER_PARTITIONS;
use crate::ids::{BufferId, BufferTag};
use crate::memory::Addr;
use crate::server::Server;
use crate::server::segment::hash_tables::HashTable;

/// `sizeof(BufferTag)`.
const KEY: u64 = 20;

/// The table, and of each element the entry.
struct Entered {
    table: Rendered,
    entries: Vec<(BufferTag, BufferId)>,
    /// What of the segment's free rest the table has left over.
    rest: (u64, u64),
}

/// Write out what of the table lies in the range that `out` covers.
pub(super) fn read(server: &Server, table: &HashTable, addr: Addr, out: &mut [u8]) {
    let end = addr.offset(out.len() as u64);
    let within = |from: u64, to: u64| addr < shared(to) && end > shared(from);
    let grown = server.segment().free_offset;
    let lots = u64::from(server.pool.nbuffers()) / table.nelem_alloc + u64::from(LISTS);
    let grows = table.grows && within(grown, grown + lots * table.grown_lot());
    if within(table.header, table.end) || grows {
        let entered = Entered::new(server, table);
        entered.table.write(table, KEY, addr, out);
        for (element, (tag, buffer)) in entered.table.elements.iter().zip(entered.entries) {
            let entry = server.pool.tag_words(tag).into_iter().chain([buffer.0]);
            let entry: Vec<u8> = entry.flat_map(u32::to_le_bytes).collect();
            copy(out, addr, Addr(element.at + HASHELEMENT), &entry);
        }
    }
}

/// What the table has left of the segment's free rest.
pub(super) fn free_rest(server: &Server, table: &HashTable) -> (u64, u64) {
    Entered::new(server, table).rest
}

/// What of the table an address is in, in words.
pub(super) fn field(server: &Server, table: &HashTable, addr: Addr) -> Option<String> {
    let name = table.name;
    if let Some(words) = dynahash::field(table, addr) {
        return Some(words);
    }
    let start = dynahash::element_at(table, addr)?;
    let Entered { table, entries, .. } = Entered::new(server, table);
    let mut elements = table.elements.iter().zip(entries);
    Some(match elements.find(|(it, _)| it.at == start) {
        Some((element, (_, buffer))) => {
            let partition = element.hash % NUM_BUFFER_PARTITIONS;
            let hash = element.hash;
            format!(
                "{name}: an entry, hash value {hash:#x}, partition {partition}, buffer {buffer}"
            )
        }
        None => format!("{name}: a free element"),
    })
}

impl Entered {
    fn new(server: &Server, table: &HashTable) -> Self {
        let segment = server.segment();
        let (mut rendered, mut entries) = (Rendered::new(table), Vec::new());
        let mut rest = (segment.free_offset, segment.total);
        for (buffer, desc) in server.pool.descs() {
            let Some(tag) = desc.tag() else { continue };
            if rendered.enter(table, server.pool.hash_code(tag), &mut rest).is_some() {
                entries.push((tag, buffer));
            }
        }
        Self { table: rendered, entries, rest }
    }
}
