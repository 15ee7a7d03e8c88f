//! Where new rows go (`RelationGetBufferForTuple`, `RelationAddBlocks`, `hio.c`).
//!
//! A row goes to the page that took the last one, else to the table's last page, and if it has no
//! room there, to a new page. COPY and CREATE TABLE AS keep a pin on their page, work in a ring, and
//! from 16 on extend the table by more and more pages at once, 64 at most.

use super::{Access, ROWS_PER_PAGE};
use crate::error::Error;
use crate::ids::{BlockNumber, Buffer, BufferTag, RelId};
use crate::op::{DirtyKind, ReadMode};

/// `MAX_BUFFERS_TO_EXTEND_BY`
const MAX_BUFFERS_TO_EXTEND_BY: u32 = 64;
/// Rows that COPY hands over at once (`MAX_BUFFERED_TUPLES`).
const MAX_BUFFERED_TUPLES: u32 = 1000;

/// `BulkInsertState`
#[derive(Clone, Debug, Default)]
pub(super) struct BulkInsertState {
    /// The page that rows go to, pinned.
    current_buf: Option<Buffer>,
    /// Pages that were added already: the next, and the end.
    next_free: BlockNumber,
    end_free: BlockNumber,
    already_extended_by: u32,
    /// Pages filled.
    filled: u32,
}

impl Access<'_> {
    /// `heap_insert` of one row.
    pub(crate) fn heap_insert(&mut self, rel: RelId) -> Result<Buffer, Error> {
        self.buffers.pool.smgr.check_written()?;
        let (buffer, block) = self.relation_get_buffer_for_tuple(rel)?;
        let rows = self.buffers.pool.smgr.rows(rel, block).unwrap_or_default() + 1;
        let open = (rows < ROWS_PER_PAGE).then_some(rows);
        let kind = self.logged(rel);
        self.buffers.mark_buffer_dirty(buffer, kind)?;
        self.buffers.pool.smgr.set_rows(rel, block, open);
        self.buffers.release_buffer(buffer)?;
        Ok(buffer)
    }

    /// `RelationGetBufferForTuple` for a row on its own.
    fn relation_get_buffer_for_tuple(
        &mut self,
        rel: RelId,
    ) -> Result<(Buffer, BlockNumber), Error> {
        let nblocks = self.buffers.pool.smgr.nblocks(rel, 1)?;
        let target = self.state.targets.iter().find(|(known, _)| *known == rel);
        let target = target.map(|(_, block)| *block).filter(|block| *block < nblocks);
        if let Some(block) = target.or(nblocks.checked_sub(1)) {
            let tag = BufferTag { rel, block };
            let buffer = self.buffers.read_buffer(tag, ReadMode::Normal, None)?;
            if self.buffers.pool.smgr.rows(rel, block).is_some() {
                self.set_target(rel, block);
                return Ok((buffer, block));
            }
            self.buffers.release_buffer(buffer)?;
        }
        let buffer = self.buffers.extend_buffered_rel(rel, None)?;
        self.buffers.mark_buffer_dirty(buffer, DirtyKind::Plain)?;
        self.buffers.pool.smgr.set_rows(rel, nblocks, Some(0));
        self.set_target(rel, nblocks);
        Ok((buffer, nblocks))
    }

    fn set_target(&mut self, rel: RelId, block: BlockNumber) {
        self.state.targets.retain(|(known, _)| *known != rel);
        self.state.targets.push((rel, block));
    }

    /// A page of COPY or CREATE TABLE AS is filled with rows; `whole` is how many pages COPY fills.
    pub(super) fn fill_page(
        &mut self,
        rel: RelId,
        state: &mut BulkInsertState,
        ring: Option<usize>,
        whole: Option<u32>,
    ) -> Result<Buffer, Error> {
        let nblocks = self.buffers.pool.smgr.nblocks(rel, 1)?;
        // COPY tries the table's last page first, even if it is full.
        let last = nblocks.checked_sub(1).filter(|_| whole.is_some() && state.filled == 0);
        let mut found = None;
        if let Some(block) = last {
            let buffer = self.read_buffer_bi(BufferTag { rel, block }, state, ring)?;
            found = self.buffers.pool.smgr.rows(rel, block).map(|_| (buffer, block));
        }
        let (buffer, block) = match found {
            Some(page) => page,
            None if state.next_free < state.end_free => {
                let block = state.next_free;
                state.next_free += 1;
                let buffer = self.read_buffer_bi(BufferTag { rel, block }, state, ring)?;
                self.buffers.mark_buffer_dirty(buffer, DirtyKind::Plain)?;
                (buffer, block)
            }
            None => (self.relation_add_blocks(rel, state, ring, whole)?, nblocks),
        };
        let kind = self.logged(rel);
        self.buffers.mark_buffer_dirty(buffer, kind)?;
        self.buffers.pool.smgr.set_rows(rel, block, None);
        state.filled += 1;
        Ok(buffer)
    }

    /// `ReadBufferBI`: the page before is given up, the new one stays pinned.
    fn read_buffer_bi(
        &mut self,
        tag: BufferTag,
        state: &mut BulkInsertState,
        ring: Option<usize>,
    ) -> Result<Buffer, Error> {
        if let Some(buffer) = state.current_buf.take() {
            self.buffers.release_buffer(buffer)?;
        }
        let buffer = self.buffers.read_buffer(tag, ReadMode::Normal, ring)?;
        state.current_buf = Some(buffer);
        Ok(buffer)
    }

    /// `RelationAddBlocks`: as many pages as the rows at hand need, or as were added so far.
    fn relation_add_blocks(
        &mut self,
        rel: RelId,
        state: &mut BulkInsertState,
        ring: Option<usize>,
        whole: Option<u32>,
    ) -> Result<Buffer, Error> {
        if let Some(buffer) = state.current_buf.take() {
            self.buffers.release_buffer(buffer)?;
        }
        let buffer = if self.buffers.profile.bulk_extend {
            let needed = whole.map_or(1, |whole| heap_multi_insert_pages(state.filled, whole));
            let count = needed.max(state.already_extended_by).min(MAX_BUFFERS_TO_EXTEND_BY);
            let first = self.buffers.pool.smgr.nblocks(rel, count)?;
            let mut added = self.buffers.extend_buffered_rel_by(rel, count, ring)?.into_iter();
            let buffer = added.next().ok_or(Error::Protocol("no block was added"))?;
            state.current_buf = Some(buffer);
            self.buffers.mark_buffer_dirty(buffer, DirtyKind::Plain)?;
            let count = 1 + added.len() as u32;
            for further in added {
                self.buffers.release_buffer(further)?;
            }
            (state.next_free, state.end_free) = (first + 1, first + count);
            state.already_extended_by += count;
            buffer
        } else {
            let buffer = self.buffers.extend_buffered_rel(rel, ring)?;
            state.current_buf = Some(buffer);
            self.buffers.mark_buffer_dirty(buffer, DirtyKind::Plain)?;
            buffer
        };
        Ok(buffer)
    }

    /// `FreeBulkInsertState`: pages that were added and not filled stay, empty. Only the last one
    /// is ever tried again, since there is no free space map.
    pub(super) fn free_bulk_insert_state(
        &mut self,
        rel: RelId,
        state: &mut BulkInsertState,
    ) -> Result<(), Error> {
        if let Some(last) = (state.next_free..state.end_free).last() {
            self.buffers.pool.smgr.set_rows(rel, last, Some(0));
        }
        match state.current_buf.take() {
            Some(buffer) => self.buffers.release_buffer(buffer),
            None => Ok(()),
        }
    }
}

/// `heap_multi_insert_pages`: pages that the rest of the rows at hand takes, when so many pages of
/// all that COPY is to fill are full.
fn heap_multi_insert_pages(filled: u32, whole: u32) -> u32 {
    let rows = u64::from(filled) * u64::from(ROWS_PER_PAGE);
    let all = u64::from(whole) * u64::from(ROWS_PER_PAGE);
    let batch = u64::from(MAX_BUFFERED_TUPLES);
    let end = ((rows / batch + 1) * batch).min(all);
    end.saturating_sub(rows).div_ceil(ROWS_PER_PAGE.into()).max(1) as u32
}
