//! The way of a lookup through a B-tree (`_bt_search`, `nbtsearch.c`) to a row.
//!
//! The index is as CREATE INDEX makes it over a table whose rows lie in the order of their keys:
//! which block each page has follows from `nbtsort.c`, which fills the leaves one after the
//! other and makes a page of the level above when the second page below it begins, or when the page
//! above is full. So the root of a small index is block 3, and that of a larger one 290.

use super::{Access, ROWS_PER_PAGE};
use crate::error::Error;
use crate::ids::{BlockNumber, Buffer, BufferTag, RelId};
use crate::op::ReadMode;

/// Index tuples of 16 bytes in a leaf that is filled to 90 %, and in a page above to 70 %.
const LEAF_TUPLES: u64 = 366;
const INTERNAL_TUPLES: u64 = 285;
/// `BTREE_METAPAGE`
const METAPAGE: BlockNumber = 0;

/// How many leaves the index of a table has.
fn leaves(table_pages: BlockNumber) -> u64 {
    (u64::from(table_pages) * u64::from(ROWS_PER_PAGE)).div_ceil(LEAF_TUPLES).max(1)
}

/// Pages of each level, the leaves first.
fn levels(table_pages: BlockNumber) -> Vec<u64> {
    let mut levels = vec![leaves(table_pages)];
    while let Some(&below) = levels.last().filter(|below| **below > 1) {
        levels.push(below.div_ceil(INTERNAL_TUPLES));
    }
    levels
}

/// Blocks of the index of a table: its metapage, the leaves, and the levels above.
pub(crate) fn pages(table_pages: BlockNumber) -> BlockNumber {
    (1 + levels(table_pages).iter().sum::<u64>()).try_into().unwrap_or(BlockNumber::MAX)
}

/// The leaf whose beginning makes page `page` of `level` come to be.
fn maker(level: usize, page: u64) -> u64 {
    (0..level).fold(page, |page, _| page * INTERNAL_TUPLES + 1)
}

/// The block of a page of a level.
fn block(levels: &[u64], level: usize, page: u64) -> u64 {
    let leaves = levels.first().copied().unwrap_or_default();
    let leaf = maker(level, page);
    if leaf < leaves {
        // Those made before this leaf, on each level above; then the ones that it makes.
        let before = (1..levels.len()).map(|above| {
            let first = maker(above, 0);
            let step = maker(above, 1) - first;
            if leaf > first { (leaf - first).div_ceil(step) } else { 0 }
        });
        return 1 + leaf + before.sum::<u64>() + level as u64;
    }
    // Made at the end, when the last page of the level below got its place: lower levels first.
    let whole = 1 + levels.iter().sum::<u64>();
    let later = (level..levels.len()).filter(|&above| {
        let last = levels.get(above).copied().unwrap_or_default().saturating_sub(1);
        maker(above, last) >= leaves
    });
    whole - later.count() as u64
}

/// The blocks from the root to the leaf that points to a table's block.
fn path(table_pages: BlockNumber, heap_block: BlockNumber) -> Vec<BlockNumber> {
    let levels = levels(table_pages);
    let row = u64::from(heap_block) * u64::from(ROWS_PER_PAGE);
    let mut page = (row / LEAF_TUPLES).min(levels.first().map_or(0, |leaves| leaves - 1));
    let mut blocks = Vec::new();
    for level in 0..levels.len() {
        blocks.push(block(&levels, level, page) as BlockNumber);
        page /= INTERNAL_TUPLES;
    }
    blocks.reverse();
    blocks
}

impl Access<'_> {
    /// An index scan for one row: from the root to the leaf, then to the row's page, which is
    /// changed if `update` says so. Each page of the index is given up before the next is asked
    /// for; the metapage is read once by each backend.
    pub(crate) fn index_scan(
        &mut self,
        index: RelId,
        heap_block: BlockNumber,
        update: bool,
    ) -> Result<Buffer, Error> {
        self.buffers.pool.smgr.check_written()?;
        let of = self.buffers.pool.smgr.relation(index).and_then(|relation| relation.index);
        let of = of.ok_or(Error::Protocol("there is no such index"))?;
        if !self.state.roots.contains(&index) {
            self.visit(BufferTag { rel: index, block: METAPAGE })?;
            self.state.roots.push(index);
        }
        for block in path(of.nblocks, heap_block) {
            self.visit(BufferTag { rel: index, block })?;
        }
        let tag = BufferTag { rel: of.table, block: heap_block };
        let buffer = self.buffers.read_buffer(tag, ReadMode::Normal, None)?;
        if update {
            let kind = self.logged(of.table);
            self.buffers.mark_buffer_dirty(buffer, kind)?;
        }
        self.buffers.release_buffer(buffer)?;
        Ok(buffer)
    }

    fn visit(&mut self, tag: BufferTag) -> Result<(), Error> {
        let buffer = self.buffers.read_buffer(tag, ReadMode::Normal, None)?;
        self.buffers.release_buffer(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An index built page by page, as `_bt_buildadd` and `_bt_uppershutdown` do.
    #[derive(Default)]
    struct Build {
        next: u64,
        /// The blocks of each level's pages.
        levels: Vec<Vec<u64>>,
        /// Tuples in the last page of each level.
        tuples: Vec<u64>,
    }

    impl Build {
        fn page(&mut self, level: usize) {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
                self.tuples.push(0);
            }
            self.next += 1;
            self.levels[level].push(self.next);
            self.tuples[level] = 0;
        }

        fn add(&mut self, level: usize) {
            let most = if level == 0 { LEAF_TUPLES } else { INTERNAL_TUPLES };
            if self.levels.len() == level {
                self.page(level);
            } else if self.tuples[level] == most {
                self.page(level);
                self.add(level + 1);
            }
            self.tuples[level] += 1;
        }
    }

    fn built(rows: u64) -> Build {
        let mut build = Build::default();
        build.page(0);
        (0..rows).for_each(|_| build.add(0));
        let mut level = 0;
        while build.levels[level].len() > 1 || level + 1 < build.levels.len() {
            build.add(level + 1);
            level += 1;
        }
        build
    }

    #[test]
    fn blocks_are_those_of_a_build() {
        for table_pages in [1, 6, 7, 12, 13, 100, 1640, 1711, 1712, 1716, 3430, 488_000, 488_720] {
            let build = built(u64::from(table_pages) * u64::from(ROWS_PER_PAGE));
            assert_eq!(u64::from(pages(table_pages)), build.next + 1, "{table_pages}");
            let levels = levels(table_pages);
            for (level, blocks) in build.levels.iter().enumerate() {
                for (page, &wanted) in blocks.iter().enumerate() {
                    let found = block(&levels, level, page as u64);
                    assert_eq!(found, wanted, "{table_pages} pages: level {level}, page {page}");
                }
            }
        }
    }

    #[test]
    fn pgbench_accounts_pkey_is_known() {
        assert_eq!(pages(1640), 276);
        assert_eq!(pages(16_394), 2745);
        assert_eq!(path(1640, 0), [3, 1]);
        assert_eq!(path(1640, 6), [3, 2]);
        assert_eq!(path(16_394, 0), [290, 3, 1]);
    }
}
