//! Which pages the code of tables and indexes asks for, and in which order
//! (`src/backend/access`): scans, VACUUM, inserts, COPY, index lookups.
//!
//! Rows mean nothing here, so a table's page holds [`ROWS_PER_PAGE`] of them, as those of
//! `pgbench_accounts`, and an index over them is as large as `pgbench_accounts_pkey`. What is
//! faithful is which buffers are pinned, dirtied, extended and given up, and when. Pages of the
//! other forks (free space map, visibility map) are left out.
//!
//! - [`heapam`]: statements that go over many pages
//! - [`hio`]: where new rows go
//! - [`nbtree`]: the way through an index

mod heapam;
mod hio;
mod nbtree;

use crate::bufmgr::BufferAccess;
use crate::error::Error;
use crate::ids::{BlockNumber, BufferTag, RelId};
use crate::op::{DirtyKind, Persistence};

pub(crate) use nbtree::pages as index_pages;

/// Rows in a full page.
pub const ROWS_PER_PAGE: u32 = 61;

/// What a backend remembers from one access to the next.
#[derive(Clone, Debug, Default)]
pub struct AccessState {
    /// The statement that it is in the middle of.
    running: Option<Box<heapam::Running>>,
    /// How that statement failed, until its end.
    failed: Option<Error>,
    /// The page that took its last row, for each table (`rd_smgr->smgr_targblock`).
    targets: Vec<(RelId, BlockNumber)>,
    /// Indexes whose metapage it has read (`rd_amcache`).
    roots: Vec<RelId>,
}

/// A backend that uses tables and indexes, for the time of one operation.
pub(crate) struct Access<'a> {
    pub(crate) buffers: BufferAccess<'a>,
    pub(crate) state: &'a mut AccessState,
}

impl AccessState {
    /// Whether it is in the middle of a statement.
    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// The page that the statement is at which is being executed: it has it pinned.
    pub fn page(&self) -> Option<BufferTag> {
        self.running.as_ref()?.page()
    }

    /// Pages that a statement's last step has left over, since it waits.
    pub(crate) fn left(&self) -> u32 {
        self.running.as_ref().map_or(0, |running| running.left())
    }
}

impl Access<'_> {
    /// How a change of a relation's page is logged.
    fn logged(&self, rel: RelId) -> DirtyKind {
        match self.buffers.pool.smgr.relation(rel).map(|relation| relation.persistence) {
            Some(Persistence::Permanent) => DirtyKind::Wal { end: None },
            _ => DirtyKind::Plain,
        }
    }
}
