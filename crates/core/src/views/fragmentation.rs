//! Where a context's bytes are: asked for, lost within chunks, or free between them.
//!
//! *Internal* fragmentation is what a chunk has and its caller did not ask for. *External*
//! fragmentation is free memory in pieces: a request larger than the largest of them needs more
//! from malloc, however much is free in sum.

use super::Ledger;
use crate::Server;
use crate::memory::Addr;
use crate::mmgr::inspect;

/// What the bytes of a context's blocks are used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fragmentation {
    /// Bytes that malloc gave: the sum of those below, but the last.
    pub total: u64,
    /// Headers of the context, its blocks and its chunks.
    pub headers: u64,
    /// What callers asked for.
    pub asked: u64,
    /// What their chunks have beyond it.
    pub rounding: u64,
    /// Free chunks that can be handed out again.
    pub free_chunks: u64,
    /// Chunks that are free, but are not handed out again before their whole block is.
    pub stranded: u64,
    /// What was never cut into chunks.
    pub unused: u64,
    /// The largest free piece.
    pub largest: u64,
}

impl Fragmentation {
    /// Free bytes of any kind.
    pub fn free(&self) -> u64 {
        self.free_chunks.wrapping_add(self.stranded).wrapping_add(self.unused)
    }
}

/// The bytes of one context, by a ledger of its backend.
pub fn fragmentation(server: &Server, context: Addr, ledger: &Ledger) -> Fragmentation {
    let (arena, profile) = (server.arena(), server.profile());
    let header = server.context(context).chunk_header(profile);
    let reuses = !inspect::freelists(arena, profile, context).is_empty();
    let live = ledger.chunks(context);
    let mut found = Fragmentation::default();
    for block in inspect::blocks(arena, profile, context) {
        add(&mut found.total, block.size);
        add(&mut found.headers, block.header);
        add(&mut found.headers, header * block.chunks.len() as u64);
        add(&mut found.unused, block.unused);
        found.largest = found.largest.max(block.unused.saturating_sub(header));
        for chunk in &block.chunks {
            if chunk.free && reuses {
                add(&mut found.free_chunks, chunk.size);
                found.largest = found.largest.max(chunk.size);
                continue;
            }
            // Without headers, all chunks of a block look like one.
            let end = match header {
                0 => chunk.pointer.offset(chunk.size),
                _ => chunk.pointer.offset(1),
            };
            let first = live.partition_point(|(pointer, _)| *pointer < chunk.pointer);
            let within = live.iter().skip(first).take_while(|(pointer, _)| *pointer < end);
            let counted =
                |(n, sum): (u64, u64), (_, asked): &(Addr, u64)| (n + 1, sum.wrapping_add(*asked));
            let (count, asked) = within.fold((0, 0), counted);
            if count == 0 {
                add(&mut found.stranded, chunk.size);
            } else {
                add(&mut found.asked, asked);
                add(&mut found.rounding, chunk.size.saturating_sub(asked));
            }
        }
    }
    // A slab's header is a malloc of its own.
    let apart = server.context(context).stats(profile).totalspace.saturating_sub(found.total);
    add(&mut found.headers, apart);
    add(&mut found.total, apart);
    found
}

/// Sizes that somebody wrote over add up to anything.
fn add(sum: &mut u64, bytes: u64) {
    *sum = sum.wrapping_add(bytes);
}
