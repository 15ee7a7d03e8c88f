//! What a scenario says about pages: which ones, what for, and how they are made dirty.

use pgscope_core::ids::BlockNumber;
use pgscope_core::op::StrategyKind;

use crate::diagnostic::Span;

/// What a page is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `read`: to look at it.
    Read,
    /// `update`: to change it, with a WAL record.
    Update,
    /// `hint`: to set a hint bit.
    Hint,
    /// `indexscan`: by way of an index.
    IndexScan {
        /// And to change the row.
        update: bool,
    },
}

/// What a statement does with many pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkKind {
    /// `seqscan`
    SeqScan,
    /// `bitmapscan`
    BitmapScan,
    /// `vacuum`
    Vacuum {
        /// `freeze`
        freeze: bool,
    },
    /// `prewarm`
    Prewarm,
    /// `copy`
    CopyIn,
    /// `create table`
    CreateTableAs,
}

impl BulkKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::SeqScan => "seqscan",
            Self::BitmapScan => "bitmapscan",
            Self::Vacuum { .. } => "vacuum",
            Self::Prewarm => "prewarm",
            Self::CopyIn => "copy",
            Self::CreateTableAs => "create table",
        }
    }
}

/// The word for each kind of ring.
pub(crate) const RING_WORDS: [(&str, StrategyKind); 3] = [
    ("bulkread", StrategyKind::BulkRead),
    ("bulkwrite", StrategyKind::BulkWrite),
    ("vacuum", StrategyKind::Vacuum),
];

/// How a pinned page is made dirty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dirtying {
    /// With a WAL record.
    Wal,
    /// `hint`: by a hint bit.
    Hint,
    /// `nowal`: without a WAL record.
    NoWal,
}

/// Which pages of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Pages {
    /// `3, 5, 9..11`
    Listed(Vec<PageRange>),
    /// `zipf(1.1) times 20`
    Drawn {
        /// From which distribution.
        generator: Generator,
        /// How many; one if it isn't said.
        times: Option<u64>,
        /// Where the generator stands.
        span: Span,
    },
}

/// Pages that follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PageRange {
    /// The first.
    pub first: BlockNumber,
    /// The last, which belongs to it.
    pub last: BlockNumber,
    /// Where it stands.
    pub span: Span,
}

/// A distribution over a table's pages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Generator {
    /// Each page as likely as the next.
    Uniform,
    /// Page *k* (from 1) with a probability in proportion to 1/*k*^`exponent`.
    Zipf {
        /// How steep.
        exponent: f64,
    },
    /// One page after the other, and again from the first.
    Sequential,
    /// The same over the first pages only.
    Loop {
        /// How many.
        pages: BlockNumber,
    },
    /// A sequential scan, and between its pages uniform draws from the first pages.
    Hot {
        /// How many these are.
        pages: BlockNumber,
        /// Which part of all reads goes to them.
        share: f64,
    },
}
