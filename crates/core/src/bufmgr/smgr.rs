//! Relations as virtual files (`smgr.c`, `md.c`).
//!
//! No bytes are stored. A page's content follows from the scenario's seed, its place and how
//! often it was changed, so of a written page its LSN and its number of changes are kept.

use std::collections::HashMap;

use crate::error::Error;
use crate::ids::{BlockNumber, BufferTag, Lsn, RelId};
use crate::op::{Name, Persistence};

/// Blocks that a relation may have.
pub const MAX_BLOCKS: BlockNumber = 1 << 24;
/// Relations that a server may have.
pub const MAX_RELATIONS: usize = 10_000;
/// Different pages that may be written, of all relations together: 4 GB of files.
pub const MAX_WRITTEN: usize = 1 << 19;
/// The first relation's file number, as a fresh server's first user table has it.
const FIRST_NORMAL_OBJECT_ID: u32 = 16384;
/// `pg_tablespace_d.h`: where a database's relations are, and where shared catalogs are.
const DEFAULTTABLESPACE_OID: u32 = 1663;
const GLOBALTABLESPACE_OID: u32 = 1664;
/// The database that the scenario's tables are in.
const DATABASE: u32 = 5;

/// One relation's main fork.
#[derive(Clone, Debug)]
pub struct Relation {
    /// Its name.
    pub name: Name,
    /// Whether it is WAL-logged.
    pub persistence: Persistence,
    /// Blocks on disk.
    pub nblocks: BlockNumber,
    /// It belongs to no database: a catalog that all databases share.
    pub shared: bool,
    /// It was dropped: nothing asks for it any more.
    pub dropped: bool,
    /// Pages that were read (`heap_blks_read` in `pg_statio_user_tables`).
    pub reads: u64,
    /// Pages that were in memory already (`heap_blks_hit`).
    pub hits: u64,
    /// The B-tree that it is, if it is an index.
    pub index: Option<IndexOf>,
    /// Pages written since the start.
    written: HashMap<BlockNumber, PageVersion>,
    /// Pages that rows were added to and that have room for more, and how many rows are in them;
    /// in the order of the pages.
    open: Vec<(BlockNumber, u32)>,
}

/// What an index was built over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexOf {
    /// The table.
    pub table: RelId,
    /// Blocks that the table had.
    pub nblocks: BlockNumber,
}

/// Which state of a page lies on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageVersion {
    /// Its LSN.
    pub lsn: Lsn,
    /// How often it was changed.
    pub changes: u32,
}

impl Relation {
    /// Which version of a block is on disk.
    #[inline(always)]
    pub(super) fn version(&self, block: BlockNumber) -> PageVersion {
        // Most relations of a scenario are only read: no need to hash for them.
        if self.written.is_empty() {
            return PageVersion::default();
        }
        self.version_written(block)
    }

    #[inline(never)]
    fn version_written(&self, block: BlockNumber) -> PageVersion {
        self.written.get(&block).copied().unwrap_or_default()
    }
}

/// All relations.
#[derive(Clone, Debug, Default)]
pub struct Smgr {
    relations: Vec<Relation>,
    /// Pages of all relations that were written since the start.
    written: usize,
}

impl Smgr {
    /// Create a relation with blocks that are on disk already.
    ///
    /// # Errors
    /// An id that is not the next one; too many relations or blocks.
    pub fn create(
        &mut self,
        rel: RelId,
        name: Name,
        nblocks: BlockNumber,
        persistence: Persistence,
    ) -> Result<(), Error> {
        if rel.0 as usize != self.relations.len() {
            return Err(Error::Protocol("relations must be created in the order of their ids"));
        }
        if self.relations.len() >= MAX_RELATIONS {
            return Err(Error::Limit { what: "relations", limit: MAX_RELATIONS as u64 });
        }
        check_blocks(nblocks)?;
        self.relations.push(Relation {
            name,
            persistence,
            nblocks,
            shared: false,
            dropped: false,
            reads: 0,
            hits: 0,
            index: None,
            written: HashMap::new(),
            open: Vec::new(),
        });
        Ok(())
    }

    /// A relation.
    #[inline]
    pub fn relation(&self, rel: RelId) -> Option<&Relation> {
        self.relations.get(rel.0 as usize)
    }

    /// All relations with their ids.
    pub fn relations(&self) -> impl Iterator<Item = (RelId, &Relation)> {
        self.relations.iter().enumerate().map(|(id, relation)| (RelId(id as u32), relation))
    }

    /// A relation is a shared catalog.
    pub(super) fn belongs_to_no_database(&mut self, rel: RelId) {
        if let Some(relation) = self.relations.get_mut(rel.0 as usize) {
            relation.shared = true;
        }
    }

    /// Where a relation's files are: tablespace, database, file number (`RelFileLocator`).
    pub fn locator(&self, rel: RelId) -> [u32; 3] {
        let number = Self::file_number(rel);
        if self.relation(rel).is_some_and(|relation| relation.shared) {
            [GLOBALTABLESPACE_OID, 0, number]
        } else {
            [DEFAULTTABLESPACE_OID, DATABASE, number]
        }
    }

    /// A relation's file below the data directory (`relpath`).
    pub fn path(&self, rel: RelId) -> String {
        let number = Self::file_number(rel);
        match self.relation(rel) {
            Some(Relation { shared: true, .. }) => format!("global/{number}"),
            Some(Relation { persistence: Persistence::Temporary(owner), .. }) => {
                format!("base/{DATABASE}/t{}_{number}", owner.0)
            }
            _ => format!("base/{DATABASE}/{number}"),
        }
    }

    /// A relation's file number (`relfilenode` in `pg_class`).
    pub fn file_number(rel: RelId) -> u32 {
        FIRST_NORMAL_OBJECT_ID + rel.0
    }

    /// `smgrread`: which version of the page is on disk.
    ///
    /// # Errors
    /// [`Error::ShortRead`] past the end.
    #[inline]
    pub(super) fn read(&self, tag: BufferTag) -> Result<PageVersion, Error> {
        let Some(relation) = self.relation(tag.rel).filter(|r| tag.block < r.nblocks) else {
            return Err(self.short_read(tag));
        };
        Ok(relation.version(tag.block))
    }

    #[cold]
    fn short_read(&self, tag: BufferTag) -> Error {
        let (relation, nblocks) =
            self.relation(tag.rel).map_or(("".into(), 0), |r| (r.name.clone(), r.nblocks));
        Error::ShortRead { path: self.path(tag.rel), block: tag.block, relation, nblocks }
    }

    /// `smgrwrite`.
    pub(super) fn write(&mut self, tag: BufferTag, page: PageVersion) {
        if let Some(relation) = self.relations.get_mut(tag.rel.0 as usize) {
            let before = relation.written.insert(tag.block, page);
            self.written += usize::from(before.is_none());
        }
    }

    /// Which version of a page is on disk.
    pub(crate) fn version_on_disk(&self, tag: BufferTag) -> PageVersion {
        self.relation(tag.rel).map_or_else(PageVersion::default, |it| it.version(tag.block))
    }

    /// Recovery made a page's changes again.
    pub(crate) fn redo(&mut self, tag: BufferTag, page: PageVersion) {
        self.write(tag, page);
    }

    /// After a crash, unlogged relations are empty, and temporary ones gone.
    pub(crate) fn reset_unlogged(&mut self) {
        for rel in (0..self.relations.len() as u32).map(RelId) {
            match self.relation(rel).map(|relation| relation.persistence) {
                Some(Persistence::Unlogged) => self.truncate(rel, 0),
                Some(Persistence::Temporary(_)) => self.unlink(rel),
                _ => {}
            }
        }
    }

    /// Whether pages may still be changed: what is written of them has to be kept.
    ///
    /// # Errors
    /// [`Error::Limit`].
    pub(crate) fn check_written(&self) -> Result<(), Error> {
        if self.written > MAX_WRITTEN {
            return Err(Error::Limit {
                what: "different pages written",
                limit: MAX_WRITTEN as u64,
            });
        }
        Ok(())
    }

    /// Bytes that it takes to keep all this.
    pub(crate) fn kept_bytes(&self) -> usize {
        const ENTRY: usize = 2 * size_of::<(BlockNumber, PageVersion)>();
        self.relations.len() * size_of::<Relation>() + self.written * ENTRY
    }

    /// `smgrnblocks`: blocks on disk.
    ///
    /// # Errors
    /// No such relation; it could not hold `more` blocks more.
    pub(crate) fn nblocks(&self, rel: RelId, more: u32) -> Result<BlockNumber, Error> {
        let relation = self.relation(rel).ok_or(Error::Protocol("there is no such relation"))?;
        check_blocks(relation.nblocks.saturating_add(more))?;
        Ok(relation.nblocks)
    }

    /// A page was asked for, and found in memory or not (`pgstat_count_buffer_read`,
    /// `pgstat_count_buffer_hit`).
    #[inline]
    pub(super) fn count_read(&mut self, rel: RelId, hit: bool) {
        self.count_reads(rel, hit.into(), (!hit).into());
    }

    /// The same, of several pages.
    #[inline]
    pub(super) fn count_reads(&mut self, rel: RelId, hits: u64, reads: u64) {
        if let Some(relation) = self.relations.get_mut(rel.0 as usize) {
            relation.hits += hits;
            relation.reads += reads;
        }
    }

    /// The relation is an index.
    pub(crate) fn set_index(&mut self, rel: RelId, index: IndexOf) {
        if let Some(relation) = self.relations.get_mut(rel.0 as usize) {
            relation.index = Some(index);
        }
    }

    /// Rows in a page that has room for more.
    pub(crate) fn rows(&self, rel: RelId, block: BlockNumber) -> Option<u32> {
        let open = &self.relation(rel)?.open;
        let at = open.binary_search_by_key(&block, |it| it.0).ok()?;
        open.get(at).map(|(_, rows)| *rows)
    }

    /// A page has so many rows now, and room for more; or none is left.
    pub(crate) fn set_rows(&mut self, rel: RelId, block: BlockNumber, rows: Option<u32>) {
        if let Some(relation) = self.relations.get_mut(rel.0 as usize) {
            let open = &mut relation.open;
            match (open.binary_search_by_key(&block, |it| it.0), rows) {
                (Ok(at), Some(rows)) => open[at] = (block, rows),
                (Ok(at), None) => {
                    open.remove(at);
                }
                (Err(at), Some(rows)) => open.insert(at, (block, rows)),
                (Err(_), None) => {}
            }
        }
    }

    /// `smgrdounlinkall`: the relation's file is gone.
    pub(crate) fn unlink(&mut self, rel: RelId) {
        self.truncate(rel, 0);
        if let Some(relation) = self.relations.get_mut(rel.0 as usize) {
            relation.dropped = true;
        }
    }

    /// `smgrtruncate`: blocks from this one on are gone.
    pub(crate) fn truncate(&mut self, rel: RelId, nblocks: BlockNumber) {
        if let Some(relation) = self.relations.get_mut(rel.0 as usize) {
            relation.nblocks = relation.nblocks.min(nblocks);
            let before = relation.written.len();
            relation.written.retain(|block, _| *block < nblocks);
            self.written -= before - relation.written.len();
            relation.open.retain(|(block, _)| *block < nblocks);
        }
    }

    /// `smgrextend`: one block more.
    pub(super) fn extend(&mut self, rel: RelId) {
        if let Some(relation) = self.relations.get_mut(rel.0 as usize) {
            relation.nblocks += 1;
        }
    }
}

fn check_blocks(nblocks: BlockNumber) -> Result<(), Error> {
    if nblocks > MAX_BLOCKS {
        return Err(Error::Limit { what: "blocks in a relation", limit: MAX_BLOCKS.into() });
    }
    Ok(())
}
