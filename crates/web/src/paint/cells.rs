//! A buffer as the pictures show it: the few facts on which its look depends.
//!
//! [`Cell`] is what the dial compares to know whether a buffer has to be drawn again.

use pgscope_core::Server;
use pgscope_core::bufmgr::desc::{BM_DIRTY, BM_VALID, BufferDesc};
use pgscope_core::ids::{BufferId, BufferTag};

/// Buffers of the freelist whose place is told on the dial. Each that is taken moves all others up,
/// and each number that is another then is a text laid out anew.
pub const NEAR: u32 = 8;
/// The place of those behind them.
pub const FAR: u32 = u32::MAX;

/// One buffer's visible state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// The page it belongs to.
    pub tag: Option<BufferTag>,
    /// The page's bytes are there.
    pub valid: bool,
    /// The page differs from the one on disk.
    pub dirty: bool,
    /// 0 to 5.
    pub usage: u8,
    /// Backends that pin it.
    pub pins: u32,
    /// Its place on the freelist, from 1; [`FAR`] if that is none of the next few.
    pub free: Option<u32>,
}

impl Cell {
    /// Read a descriptor.
    pub fn of(desc: &BufferDesc) -> Self {
        Self {
            tag: desc.tag(),
            valid: desc.is(BM_VALID),
            dirty: desc.is(BM_DIRTY),
            usage: desc.usage_count(),
            pins: desc.refcount(),
            free: None,
        }
    }
}

/// Every buffer of the pool, with its place on the freelist if it is one of the next few.
pub fn cells(server: &Server) -> Vec<Cell> {
    let mut cells: Vec<_> = server.pool().descs().map(|(_, desc)| Cell::of(&desc)).collect();
    for (place, buffer) in (1..).zip(server.pool().freelist().take(cells.len())) {
        if let Some(cell) = cells.get_mut(buffer.index()) {
            cell.free = Some(if place <= NEAR { place } else { FAR });
        }
    }
    cells
}

/// One buffer.
pub fn cell(server: &Server, buffer: BufferId) -> Option<Cell> {
    let mut cell = Cell::of(&server.pool().desc(buffer)?);
    if cell.tag.is_none() {
        cell.free = (1..).zip(server.pool().freelist()).find(|(_, b)| *b == buffer).map(|f| f.0);
    }
    Some(cell)
}

#[cfg(test)]
pub(crate) mod tests {
    use pgscope_scenario::{History, Position, compile};

    use super::*;

    /// A pool of 128 buffers, some of them in use: two relations, pins, dirty pages, a freelist.
    pub(crate) fn busy() -> std::rc::Rc<Server> {
        let text = "server 17 shared_buffers=1MB\ntable t pages=90\ntable u pages=9\nbackend a\n\
                    a: read t 0..60\na: read t 3 hold as p\na: update u 0..5\na: read t zipf(1.1) times 9";
        let program = compile(text).expect("it can run");
        let mut history = History::new(program.into()).expect("it starts");
        history.seek(Position { op: history.len(), event: 0 });
        std::rc::Rc::clone(history.server())
    }
}
