//! Reading and writing memory through a pointer, as C does: nothing asks whether it is still
//! good, or how far the chunk goes.

use crate::error::{Error, Fallible};
use crate::event::{Access, Event, MemoryEvent, Wrong};
use crate::ids::{BackendId, ChunkSlot};
use crate::memory::Addr;
use crate::server::Server;
use crate::server::variables::ChunkVar;

/// What a scenario writes: `X`, which is easy to find in the bytes.
const POKED: u8 = b'X';
/// The most bytes of one access.
const MAX_ACCESS: u32 = 64 << 10;
/// Bytes that a reader is told.
const TOLD: usize = 8;

impl Server {
    /// Read bytes behind a pointer. Returns the first eight.
    pub(super) fn peek_chunk(
        &mut self,
        id: BackendId,
        owner: BackendId,
        slot: ChunkSlot,
        offset: u32,
        size: u32,
    ) -> Fallible<u64> {
        let (var, gone) = self.backend_mut(owner)?.variables.pointer(slot)?;
        let wrong = if owner == id { gone.map(Wrong::Gone) } else { Some(Wrong::Foreign) };
        let at = self.access_chunk(id, &var, wrong, Access::Read, offset, size)?;
        let mut bytes = [0; TOLD];
        let told = TOLD.min(size as usize);
        self.arena.read(at, &mut bytes[..told]);
        self.log.emit(Event::Memory(id, MemoryEvent::Peeked { at, size }))?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Overwrite bytes behind a pointer.
    pub(super) fn poke_chunk(
        &mut self,
        id: BackendId,
        slot: ChunkSlot,
        offset: u32,
        size: u32,
    ) -> Fallible<()> {
        self.check_touched()?;
        let (var, gone) = self.backend_mut(id)?.variables.pointer(slot)?;
        let at = self.access_chunk(id, &var, gone.map(Wrong::Gone), Access::Write, offset, size)?;
        self.at_hand.distrust();
        self.arena.fill(at, size.into(), POKED);
        self.log.emit(Event::Memory(id, MemoryEvent::Poked { at, size }))
    }

    /// Say what is wrong with an access, if anything is; and stop the one that a real machine
    /// would stop. Returns where it begins.
    fn access_chunk(
        &mut self,
        id: BackendId,
        var: &ChunkVar,
        wrong: Option<Wrong>,
        access: Access,
        offset: u32,
        size: u32,
    ) -> Fallible<Addr> {
        if size > MAX_ACCESS {
            return Err(Error::Limit { what: "bytes at once", limit: MAX_ACCESS.into() }.into());
        }
        let end = u64::from(offset) + u64::from(size);
        let wrong = wrong.or((end > var.requested).then_some(Wrong::PastEnd));
        if let Some(wrong) = wrong {
            self.log.emit(Event::Memory(
                id,
                MemoryEvent::Misused { pointer: var.pointer, access, wrong },
            ))?;
        }
        let at = var.pointer.offset(offset.into());
        let heap = &self.backend_mut(id)?.memory.heap;
        if !heap.has(at, size.into()) {
            return Err(Error::SegmentationFault.into());
        }
        self.lend(id);
        Ok(at)
    }
}
