//! The mix of pages that pgbench's standard transaction ("TPC-B (sort of)") asks for.
//!
//! A transaction changes the balance of an account, reads it, changes those of a teller and a branch,
//! and appends to the history; account, teller and branch are drawn uniformly, as pgbench does. What a
//! transaction draws is a function of the scenario's seed and of its first step's number.

use pgscope_core::Op;
use pgscope_core::ids::{BackendId, BlockNumber, RelId};
use pgscope_core::op::{DirtyKind, ReadMode};

use crate::random::between;

/// Page accesses of a transaction: one step each.
pub(crate) const STEPS: u64 = 5;
/// The largest scale factor.
pub(crate) const MAX_SCALE: u64 = 1_000;

/// A table of `pgbench -i`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BenchTable {
    pub(crate) name: &'static str,
    /// Its primary key's index; the history has none.
    pub(crate) index: Option<&'static str>,
    /// Rows for each unit of scale.
    rows: u64,
    /// As many as fit in a page.
    rows_per_page: u64,
}

pub(crate) const HISTORY: BenchTable =
    BenchTable { name: "pgbench_history", index: None, rows: 0, rows_per_page: 1 };
pub(crate) const TELLERS: BenchTable = BenchTable {
    name: "pgbench_tellers",
    index: Some("pgbench_tellers_pkey"),
    rows: 10,
    rows_per_page: 185,
};
pub(crate) const ACCOUNTS: BenchTable = BenchTable {
    name: "pgbench_accounts",
    index: Some("pgbench_accounts_pkey"),
    rows: 100_000,
    rows_per_page: 61,
};
pub(crate) const BRANCHES: BenchTable = BenchTable {
    name: "pgbench_branches",
    index: Some("pgbench_branches_pkey"),
    rows: 1,
    rows_per_page: 226,
};

impl BenchTable {
    /// Its pages at a scale.
    pub(crate) fn pages(&self, scale: u64) -> BlockNumber {
        (self.rows * scale).div_ceil(self.rows_per_page) as BlockNumber
    }

    /// The page of a row that is drawn.
    fn draw(&self, scale: u64, seed: u64, step: u64) -> BlockNumber {
        // Each table's draws are its own.
        let salt = self.rows;
        (between(seed.wrapping_add(salt), step, self.rows * scale) / self.rows_per_page)
            as BlockNumber
    }
}

/// A table and its primary key's index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keyed {
    pub(crate) table: RelId,
    pub(crate) index: RelId,
}

/// A backend's transactions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pgbench {
    pub(crate) backend: BackendId,
    pub(crate) scale: u64,
    pub(crate) accounts: Keyed,
    pub(crate) tellers: Keyed,
    pub(crate) branches: Keyed,
    pub(crate) history: RelId,
}

impl Pgbench {
    /// Step `within` of the transaction whose first step is the scenario's step `first`.
    pub(crate) fn op(&self, seed: u64, first: u64, within: u64) -> Op {
        let account = ACCOUNTS.draw(self.scale, seed, first);
        match within {
            0 => self.by_index(self.accounts, account, true),
            1 => self.by_index(self.accounts, account, false),
            2 => self.change(TELLERS, self.tellers, TELLERS.draw(self.scale, seed, first)),
            3 => self.change(BRANCHES, self.branches, BRANCHES.draw(self.scale, seed, first)),
            _ => Op::Insert { backend: self.backend, rel: self.history },
        }
    }

    fn by_index(&self, rel: Keyed, block: BlockNumber, update: bool) -> Op {
        Op::IndexScan { backend: self.backend, index: rel.index, block, update }
    }

    /// A table of one page is scanned, a larger one looked up in.
    fn change(&self, table: BenchTable, rel: Keyed, block: BlockNumber) -> Op {
        if table.pages(self.scale) > 1 {
            return self.by_index(rel, block, true);
        }
        Op::Read {
            backend: self.backend,
            rel: rel.table,
            block,
            mode: ReadMode::Normal,
            strategy: None,
            dirty: Some(DirtyKind::Wal { end: None }),
            pin: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_as_large_as_those_that_pgbench_makes() {
        // 15.20: 3279 pages of accounts at scale 2.
        assert_eq!(ACCOUNTS.pages(2), 3_279);
        let pages = |table: BenchTable| [1, 10, 100].map(|scale| table.pages(scale));
        assert_eq!(pages(ACCOUNTS), [1_640, 16_394, 163_935]);
        assert_eq!(pages(TELLERS), [1, 1, 6]);
        assert_eq!(pages(BRANCHES), [1, 1, 1]);
        assert_eq!(pages(HISTORY), [0; 3]);
    }

    #[test]
    fn every_account_is_as_likely_as_the_next() {
        let pages = ACCOUNTS.pages(1);
        let draws: Vec<u32> = (0..4_000).map(|step| ACCOUNTS.draw(1, 7, step * STEPS)).collect();
        assert!(draws.iter().all(|block| *block < pages));
        let lower = draws.iter().filter(|block| **block < pages / 2).count();
        assert!((1_850..2_150).contains(&lower), "{lower}");
        assert!(draws.iter().collect::<std::collections::BTreeSet<_>>().len() > 1_400);
    }
}
