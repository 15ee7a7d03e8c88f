//! What a scenario says about heavyweight locks.

use std::fmt;

use pgscope_core::ids::BlockNumber;
use pgscope_core::lmgr::LockMode;

use super::Name;
use crate::units::Quantity;

/// A statement about locks.
#[derive(Clone, Debug, PartialEq)]
pub enum LockAction {
    /// `lock orders share nowait`, `lock orders page 3 tuple 7`
    Take {
        /// The table.
        table: Name,
        /// A page of it.
        page: Option<BlockNumber>,
        /// A line pointer in that page.
        tuple: Option<u16>,
        /// How; if it isn't said, a table as LOCK TABLE does and anything else exclusively.
        mode: Option<LockMode>,
        /// Rather fail than wait.
        nowait: bool,
    },
    /// `advisory lock 42 shared xact try`
    Advisory {
        /// The numbers.
        keys: Keys,
        /// Others may have it too.
        shared: bool,
        /// Until the transaction's end.
        xact: bool,
        /// Rather do without than wait.
        nowait: bool,
    },
    /// `advisory unlock 42 shared`; without a number, all.
    AdvisoryUnlock {
        /// The numbers.
        keys: Option<Keys>,
        /// It was shared.
        shared: bool,
    },
    /// `assign xid`
    AssignXid,
    /// `wait for bob`
    WaitFor(Name),
    /// `cancel bob`
    Cancel(Name),
    /// `sleep 1s`
    Sleep(Quantity),
}

/// An advisory lock's numbers, or those of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// `42`, `1..500`: the first and the last.
    Range(i64, i64),
    /// `1, 2`
    Pair(i32, i32),
}

impl Keys {
    /// How many locks these are.
    pub(crate) fn count(self) -> u64 {
        match self {
            Self::Range(first, last) => first.abs_diff(last).saturating_add(1),
            Self::Pair(..) => 1,
        }
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(first, last) if first == last => first.fmt(f),
            Self::Range(first, last) => write!(f, "{first}..{last}"),
            Self::Pair(one, two) => write!(f, "{one}, {two}"),
        }
    }
}

/// The words for a mode, as in LOCK TABLE.
pub(crate) fn mode_words(mode: LockMode) -> &'static str {
    match mode {
        LockMode::AccessShare => "access share",
        LockMode::RowShare => "row share",
        LockMode::RowExclusive => "row exclusive",
        LockMode::ShareUpdateExclusive => "share update exclusive",
        LockMode::Share => "share",
        LockMode::ShareRowExclusive => "share row exclusive",
        LockMode::Exclusive => "exclusive",
        LockMode::AccessExclusive => "access exclusive",
    }
}

impl LockAction {
    /// The word or words that it begins with.
    pub fn keyword(&self) -> &'static str {
        match self {
            Self::Take { .. } => "lock",
            Self::Advisory { .. } | Self::AdvisoryUnlock { .. } => "advisory",
            Self::AssignXid => "assign xid",
            Self::WaitFor(_) => "wait for",
            Self::Cancel(_) => "cancel",
            Self::Sleep(_) => "sleep",
        }
    }
}

/// What follows the keyword.
impl fmt::Display for LockAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |said: bool, word: &'static str| if said { word } else { "" };
        match self {
            Self::Take { table, page, tuple, mode, nowait } => {
                write!(f, " {table}")?;
                if let Some(page) = page {
                    write!(f, " page {page}")?;
                }
                if let Some(tuple) = tuple {
                    write!(f, " tuple {tuple}")?;
                }
                if let Some(mode) = mode {
                    write!(f, " {}", mode_words(*mode))?;
                }
                f.write_str(word(*nowait, " nowait"))
            }
            Self::Advisory { keys, shared, xact, nowait } => {
                let (shared, xact) = (word(*shared, " shared"), word(*xact, " xact"));
                write!(f, " lock {keys}{shared}{xact}{}", word(*nowait, " try"))
            }
            Self::AdvisoryUnlock { keys: Some(keys), shared } => {
                write!(f, " unlock {keys}{}", word(*shared, " shared"))
            }
            Self::AdvisoryUnlock { keys: None, .. } => f.write_str(" unlock all"),
            Self::AssignXid => Ok(()),
            Self::WaitFor(name) | Self::Cancel(name) => write!(f, " {name}"),
            Self::Sleep(time) => write!(f, " {time}"),
        }
    }
}
