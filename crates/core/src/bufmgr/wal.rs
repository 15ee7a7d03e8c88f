//! As much of the write-ahead log as buffers need: how far it is written, how far flushed.
//!
//! A dirty page may go to disk only after the WAL record of its last change. So each such
//! change gets a position, and writing a page may force a flush.

use crate::ids::Lsn;

/// A record with the image of a page: the page without its hole, and headers. A plausible
/// size; only the order of positions matters to the rules.
const FULL_PAGE_RECORD: u64 = 8192 + 56;
/// A small record, such as a running-transactions snapshot.
const SMALL_RECORD: u64 = 56;

/// WAL positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wal {
    inserted: Lsn,
    flushed: Lsn,
}

impl Wal {
    /// The end of the last record.
    pub fn inserted(&self) -> Lsn {
        self.inserted
    }

    /// Everything up to here is on disk.
    pub fn flushed(&self) -> Lsn {
        self.flushed
    }

    /// `XLogInsert` of a record with a page image; its end. `end` says where, if it is known.
    pub(super) fn insert_page(&mut self, end: Option<Lsn>) -> Lsn {
        self.insert(FULL_PAGE_RECORD, end)
    }

    /// Insert a small record.
    pub(crate) fn insert_small(&mut self, end: Option<Lsn>) -> Lsn {
        self.insert(SMALL_RECORD, end)
    }

    /// `XLogFlush`: if `upto` is not on disk yet, everything inserted so far goes there.
    /// True if there was something to flush.
    pub(crate) fn flush(&mut self, upto: Lsn) -> bool {
        let needed = upto > self.flushed;
        if needed {
            self.flushed = self.inserted;
        }
        needed
    }

    /// The server crashed: what was not flushed is lost. The checkpoint at the end of recovery is on disk.
    pub(crate) fn crash(&mut self) {
        self.inserted = self.flushed;
        let end = self.insert_small(None);
        self.flush(end);
    }

    fn insert(&mut self, size: u64, end: Option<Lsn>) -> Lsn {
        self.inserted = end.unwrap_or(self.inserted.saturating_add(size)).max(self.inserted);
        self.inserted
    }
}
