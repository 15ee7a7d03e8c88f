//! Statements that go over many pages of a table: scans (`heapam.c`), VACUUM (`vacuumlazy.c`),
//! `pg_prewarm`, COPY FROM and CREATE TABLE AS (`copyfrom.c`, `createas.c`).
//!
//! A statement begins, goes on page by page, and ends. An error ends it: it gives up its pins and
//! its ring, and what comes after it of the same statement fails likewise.

use std::rc::Rc;

use super::Access;
use super::hio::BulkInsertState;
use crate::bufmgr::cleanup::CleanupLock;
use crate::bufmgr::read_stream::{Blocks, ReadStream, StreamFlags};
use crate::error::Error;
use crate::ids::{BlockNumber, Buffer, BufferTag, RelId, StrategySlot};
use crate::op::{Bulk, ReadMode, StrategyKind};

/// Pages that one step of a statement goes over at most.
const MAX_PAGES_AT_ONCE: u32 = 1 << 16;

/// A statement that is being executed.
#[derive(Clone, Debug)]
pub(super) struct Running {
    rel: RelId,
    bulk: Bulk,
    source: Source,
    ring: Option<usize>,
    /// The page that it is at, pinned (`rs_cbuf`).
    current: Option<(Buffer, BlockNumber)>,
    /// Pages of its last step that are left since it waits for a cleanup lock.
    left: u32,
}

/// Where its pages come from.
#[derive(Clone, Debug)]
enum Source {
    /// `ReadBufferExtended`, one by one.
    Blocks(Blocks),
    /// A read stream, and the blocks that it hands out.
    Stream(Box<ReadStream>, Blocks),
    /// They are added.
    New(BulkInsertState),
}

impl Running {
    pub(super) fn left(&self) -> u32 {
        self.left
    }

    pub(super) fn page(&self) -> Option<BufferTag> {
        self.current.map(|(_, block)| BufferTag { rel: self.rel, block })
    }
}

impl Access<'_> {
    /// A statement begins.
    pub(crate) fn bulk_begin(&mut self, rel: RelId, bulk: &Bulk) -> Result<(), Error> {
        if self.state.running.is_some() {
            return Err(Error::Protocol("the backend is in the middle of a statement"));
        }
        self.state.failed = None;
        match self.begin(rel, bulk) {
            Ok(running) => self.state.running = Some(Box::new(running)),
            Err(error) => return self.fail(error),
        }
        Ok(())
    }

    fn begin(&mut self, rel: RelId, bulk: &Bulk) -> Result<Running, Error> {
        let nblocks = self.buffers.pool.smgr.nblocks(rel, 0)?;
        let temporary = self.buffers.is_temporary(rel)?;
        let profile = self.buffers.profile;
        // `initscan`; other scans don't ask for a ring.
        let large = !temporary && nblocks > self.buffers.pool.nbuffers() / 4;
        let (ring, flags) = match bulk {
            Bulk::SeqScan => (
                large.then_some((StrategyKind::BulkRead, None)),
                Some(StreamFlags { sequential: true, ..StreamFlags::default() }),
            ),
            Bulk::BitmapScan(_) => (
                None,
                profile.read_stream.filter(|it| it.more_users).map(|_| StreamFlags::default()),
            ),
            Bulk::Vacuum { size_kb, .. } => {
                let flags = StreamFlags { maintenance: true, ..StreamFlags::default() };
                let streams = profile.read_stream.filter(|it| it.more_users);
                (Some((StrategyKind::Vacuum, *size_kb)), streams.map(|_| flags))
            }
            Bulk::Prewarm => {
                let maintenance = profile.read_stream.is_some_and(|it| it.more_users);
                let flags = StreamFlags { maintenance, full: true, ..StreamFlags::default() };
                (None, Some(flags))
            }
            Bulk::CopyIn { .. } | Bulk::CreateTableAs => {
                (Some((StrategyKind::BulkWrite, None)), None)
            }
        };
        if let Some((kind, size_kb)) = ring {
            self.buffers.get_access_strategy(StrategySlot::STATEMENT, kind, size_kb)?;
        }
        let slot = ring.map(|_| StrategySlot::STATEMENT);
        let strategy = self.buffers.local.strategy(slot)?;
        let source = match bulk {
            Bulk::CopyIn { .. } | Bulk::CreateTableAs => Source::New(BulkInsertState::default()),
            _ => {
                let ranges = match bulk {
                    Bulk::BitmapScan(ranges) => Rc::clone(ranges),
                    _ => Rc::new([(0, nblocks)]),
                };
                let blocks = Blocks::new(ranges);
                let stream = match flags {
                    Some(flags) => {
                        self.buffers.read_stream_begin(rel, strategy, blocks.clone(), flags)?
                    }
                    None => None,
                };
                match stream {
                    Some(stream) => Source::Stream(Box::new(stream), blocks),
                    None => Source::Blocks(blocks),
                }
            }
        };
        Ok(Running { rel, bulk: bulk.clone(), source, ring: strategy, current: None, left: 0 })
    }

    /// A statement does not begin: what comes after it of the same fails likewise.
    pub(crate) fn bulk_refused(&mut self, error: Error) {
        self.state.failed = Some(error);
    }

    /// The statement goes on to its next page, or to its next `pages` pages.
    pub(crate) fn bulk_next(&mut self, pages: u32) -> Result<Option<Buffer>, Error> {
        let mut running = self.running()?;
        let mut last = None;
        for page in 0..pages {
            let next = if page < MAX_PAGES_AT_ONCE {
                self.next_page(&mut running)
            } else {
                let limit = MAX_PAGES_AT_ONCE.into();
                Err(Error::Limit { what: "pages in one step of a statement", limit })
            };
            match next {
                Ok(Some(buffer)) => last = Some(buffer),
                // It has given way to whoever has the page pinned.
                Ok(None) if self.buffers.local.pin_count_wait_buf.is_some() => {
                    running.left = pages - page;
                    break;
                }
                Ok(None) => break,
                Err(error) => {
                    self.state.running = Some(running);
                    return self.fail(error);
                }
            }
        }
        self.state.running = Some(running);
        Ok(last)
    }

    fn running(&mut self) -> Result<Box<Running>, Error> {
        match (self.state.running.take(), &self.state.failed) {
            (Some(running), _) => Ok(running),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Err(Error::Protocol("no statement is being executed")),
        }
    }

    fn next_page(&mut self, running: &mut Running) -> Result<Option<Buffer>, Error> {
        let rel = running.rel;
        if let Source::New(state) = &mut running.source {
            self.buffers.pool.smgr.check_written()?;
            let whole = match running.bulk {
                Bulk::CopyIn { pages } => Some(pages),
                _ => None,
            };
            return self.fill_page(rel, state, running.ring, whole).map(Some);
        }
        if let Some((buffer, _)) = running.current {
            if let Bulk::Vacuum { .. } = running.bulk {
                return self.lazy_scan_page(running, buffer, true);
            }
            // `heap_fetch_next_buffer`: the page before is given up first.
            running.current = None;
            self.buffers.release_buffer(buffer)?;
        }
        let (buffer, block) = match &mut running.source {
            Source::Stream(stream, blocks) => {
                let Some(buffer) = self.buffers.read_stream_next_buffer(stream)? else {
                    return Ok(None);
                };
                (buffer, blocks.next().unwrap_or_default())
            }
            Source::Blocks(blocks) => {
                let Some(block) = blocks.next() else { return Ok(None) };
                let tag = BufferTag { rel, block };
                (self.buffers.read_buffer(tag, ReadMode::Normal, running.ring)?, block)
            }
            Source::New(_) => return Ok(None),
        };
        match running.bulk {
            Bulk::SeqScan | Bulk::BitmapScan(_) => running.current = Some((buffer, block)),
            Bulk::Vacuum { .. } => {
                running.current = Some((buffer, block));
                return self.lazy_scan_page(running, buffer, false);
            }
            _ => self.buffers.release_buffer(buffer)?,
        }
        Ok(Some(buffer))
    }

    /// A page of `lazy_scan_heap`, pinned: with a cleanup lock its rows are pruned and frozen
    /// (`lazy_scan_prune`). Without one they are only counted (`lazy_scan_noprune`), unless they must
    /// be frozen: then VACUUM waits for it, and gives nothing back. `again` is another attempt.
    fn lazy_scan_page(
        &mut self,
        running: &mut Running,
        buffer: Buffer,
        again: bool,
    ) -> Result<Option<Buffer>, Error> {
        let freeze = matches!(running.bulk, Bulk::Vacuum { freeze: true, .. });
        let mut lock = CleanupLock::Refused;
        if !again {
            if self.buffers.profile.vacuum_checks_pins {
                self.buffers.check_buffer_is_pinned_once(buffer)?;
            }
            lock = self.buffers.conditional_lock_buffer_for_cleanup(buffer)?;
        }
        if lock == CleanupLock::Refused && freeze {
            lock = self.buffers.lock_buffer_for_cleanup(buffer)?;
        }
        match lock {
            CleanupLock::Waits => return Ok(None),
            CleanupLock::Refused => {}
            CleanupLock::Locked => {
                self.buffers.pool.smgr.check_written()?;
                let kind = self.logged(running.rel);
                self.buffers.mark_buffer_dirty(buffer, kind)?;
            }
        }
        running.current = None;
        self.buffers.release_buffer(buffer)?;
        Ok(Some(buffer))
    }

    /// The statement is cancelled while it waits.
    pub(crate) fn bulk_cancel(&mut self, error: Error) -> Result<(), Error> {
        match self.fail::<()>(error) {
            Err(Error::Stopped) => Err(Error::Stopped),
            _ => Ok(()),
        }
    }

    /// The statement ends: pins, stream and ring are given up.
    pub(crate) fn bulk_end(&mut self) -> Result<(), Error> {
        let running = self.running();
        self.state.failed = None;
        self.give_up(*running?)
    }

    fn give_up(&mut self, mut running: Running) -> Result<(), Error> {
        if let Some((buffer, _)) = running.current.take() {
            self.buffers.release_buffer(buffer)?;
        }
        match &mut running.source {
            Source::Stream(stream, _) => self.buffers.read_stream_end(stream)?,
            Source::New(state) => self.free_bulk_insert_state(running.rel, state)?,
            Source::Blocks(_) => {}
        }
        self.free_ring()
    }

    /// `FreeAccessStrategy`, if the statement has a ring.
    fn free_ring(&mut self) -> Result<(), Error> {
        match self.buffers.local.ring(StrategySlot::STATEMENT) {
            Some(_) => self.buffers.free_access_strategy(StrategySlot::STATEMENT),
            None => Ok(()),
        }
    }

    /// An error ends the statement. A stop between two events is none.
    fn fail<T>(&mut self, error: Error) -> Result<T, Error> {
        if error != Error::Stopped {
            match self.state.running.take() {
                Some(running) => self.give_up(*running)?,
                None => self.free_ring()?,
            }
            self.state.failed = Some(error.clone());
        }
        Err(error)
    }
}
