//! Sessions: what each executes, and how its statements end.

use std::collections::{BTreeMap, VecDeque};

use pgscope_core::lmgr::ProcNumber;

use crate::ast::Statement;
use crate::error::SqlError;
use crate::heap::Tid;
use crate::step::Step;
use crate::transaction::Transaction;

/// A session's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(pub u32);

/// How a statement ended, or has not yet.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is done.
    Ok {
        /// The command's tag.
        tag: String,
        /// The rows; nothing if the model does not know their values.
        rows: Option<Vec<Vec<Option<String>>>>,
        /// Notices and warnings.
        notices: Vec<String>,
    },
    /// It waits for a lock.
    Waiting,
    /// It is busy.
    Running,
    /// It failed.
    Error(SqlError),
}

/// What a statement has come to so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Work {
    pub(crate) tag: String,
    pub(crate) count: u64,
    pub(crate) rows: Option<Vec<Vec<Option<String>>>>,
    pub(crate) row: Vec<Option<String>>,
    pub(crate) notices: Vec<String>,
    /// Foreign keys to be checked at its end.
    pub(crate) checks: Vec<Check>,
}

/// A foreign key to be checked after the statement.
#[derive(Clone, Debug)]
pub(crate) enum Check {
    /// A row of a child is new: its parent must be there.
    Child { table: u32, tid: Tid },
    /// A row of a parent is gone, or its key: no child may refer to it.
    Parent { table: u32, tid: Tid },
}

/// One session.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) name: String,
    pub(crate) proc: ProcNumber,
    pub(crate) queue: VecDeque<Step>,
    /// A statement is under way.
    pub(crate) active: bool,
    pub(crate) busy: bool,
    pub(crate) transaction: Option<Transaction>,
    pub(crate) virtual_number: u32,
    pub(crate) work: Work,
    pub(crate) context: Option<String>,
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) statements: BTreeMap<String, Statement>,
    /// When the statement began, and when it began to wait.
    pub(crate) began: u64,
    pub(crate) waits_since: Option<u64>,
    pub(crate) deadlock_checked: bool,
    pub(crate) closed: bool,
}

impl Session {
    pub(crate) fn new(name: &str, proc: ProcNumber) -> Self {
        Session {
            name: name.to_owned(),
            proc,
            queue: VecDeque::new(),
            active: false,
            busy: false,
            transaction: None,
            virtual_number: 0,
            work: Work::default(),
            context: None,
            settings: BTreeMap::new(),
            statements: BTreeMap::new(),
            began: 0,
            waits_since: None,
            deadlock_checked: false,
            closed: false,
        }
    }

    /// A setting in milliseconds; 0 if it is not set.
    pub(crate) fn milliseconds(&self, name: &str, default: u64) -> u64 {
        let Some(text) = self.settings.get(name) else { return default };
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = text[digits.len()..].trim();
        let number: u64 = digits.trim().parse().unwrap_or(0);
        number.saturating_mul(match unit {
            "s" => 1000,
            "min" => 60_000,
            _ => 1,
        })
    }
}
