//! Reads that nobody watches.
//!
//! A read whose pin goes at once, with no ring and nothing to dirty, leaves little behind: a usage
//! count, or another page in a buffer. While no events are recorded, that is all that is done here,
//! for replays of millions of reads: many of them one after the other, so that what they share is
//! looked up once. Whatever is not that simple goes the long way ([`read`](super::read)), to the same
//! end; `tests/unobserved.rs` compares the two.

use super::desc::BM_DIRTY;
use super::{BufferPool, LocalBufferState};
use crate::ids::{BlockNumber, BufferId, RelId};
use crate::op::Persistence;
use crate::server::ReadOutcome;

/// So many reads ahead a block's place is looked at, so that it is near when it is needed.
const SOON: usize = 16;

impl BufferPool {
    /// Read blocks of a relation one after the other, up to the first that has to go the long way:
    /// it is not shared or not there, or has no place in an array; a buffer on the way is pinned,
    /// dirty or on the freelist. How many were read, and the buffer of the last; what each came to
    /// is noted.
    #[inline(never)]
    pub(crate) fn read_unobserved(
        &mut self,
        local: &mut LocalBufferState,
        rel: RelId,
        blocks: &[BlockNumber],
        mut note: impl FnMut(ReadOutcome),
    ) -> (usize, BufferId) {
        let mut last = 0;
        let Some(relation) = self.smgr.relation(rel) else { return (0, BufferId(last)) };
        let permanent = relation.persistence == Persistence::Permanent;
        let free = self.strategy.first_free().is_some();
        let most = self.max_usage_count;
        // In a loop's own variables these cost no look at memory.
        let mut strategy = self.strategy.clone();
        let (descs, mut usage) = self.descs.parts();
        let mut places = self.table.take_array(rel);
        let array = places.as_mut_slice();
        let (mut hits, mut reads, mut evictions) = (0, 0, 0);
        let mut touched = 0;
        for (&block, soon) in blocks.iter().zip(SOON..) {
            if let Some(place) = blocks.get(soon).and_then(|&block| array.get(block as usize)) {
                touched ^= place;
            }
            let Some(place) = array.get_mut(block as usize) else { break };
            if let Some(buffer) = place.checked_sub(1) {
                if !usage.raise_unless_busy(buffer, most) {
                    break;
                }
                hits += 1;
                last = buffer;
                note(ReadOutcome::Hit);
                continue;
            }
            // The file may be shorter than its array: it was truncated.
            if free || block >= relation.nblocks {
                break;
            }
            let Some(victim) = strategy.sweep_unobserved(&mut usage) else { break };
            let Some(desc) = descs.get_mut(victim as usize) else { break };
            if desc.is(BM_DIRTY) {
                usage.give_back(victim);
                break;
            }
            *place = victim + 1;
            if let Some(old) = desc.tag() {
                match array.get_mut(old.block as usize).filter(|_| old.rel == rel) {
                    Some(place) => *place = 0,
                    None => self.table.delete(old),
                }
                evictions += 1;
                note(ReadOutcome::Evicted);
            } else {
                note(ReadOutcome::Loaded);
            }
            desc.replace(rel, block, permanent, relation.version(block));
            strategy.take_unobserved();
            reads += 1;
            last = victim;
        }
        std::hint::black_box(touched);
        self.table.give_array(rel, places);
        self.strategy = strategy;
        let read = hits + reads;
        if read > 0 {
            // What pinning would leave behind.
            local.pins.reserve();
        }
        local.usage.hit += hits as u64;
        local.usage.read += reads as u64;
        local.evictions += evictions;
        self.smgr.count_reads(rel, hits as u64, reads as u64);
        (read, BufferId(last))
    }
}
