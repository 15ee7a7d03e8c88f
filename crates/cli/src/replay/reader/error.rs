//! What is wrong with a trace, and where.

use std::fmt;
use std::io;

use pgscope_core::bufmgr::smgr::MAX_RELATIONS;

use super::LINE;
use crate::replay::pages::{MAX_PAGES, TooMany};

/// A trace that can't be read on.
#[derive(Debug)]
pub(in crate::replay) struct TraceError {
    pub(in crate::replay) place: Place,
    pub(in crate::replay) problem: Problem,
}

/// Where in the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::replay) enum Place {
    /// The line, counted from 1.
    Line(u64),
    /// The byte, counted from 0.
    Byte(u64),
}

/// What is wrong there.
#[derive(Debug)]
pub(in crate::replay) enum Problem {
    /// It can't be read.
    Read(io::Error),
    /// The last record has too few bytes.
    CutOff,
    /// A line that is longer than any can be.
    LongLine,
    /// A line that has not two or three fields.
    Fields,
    /// A name that is empty or too long.
    Relation,
    /// A second field that is no block number.
    Block,
    /// A third field that is neither `r` nor `w`.
    Access,
    /// Too many names.
    Relations,
    /// Too many pages.
    Pages,
}

impl From<TooMany> for Problem {
    fn from(_: TooMany) -> Self {
        Self::Pages
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Line(line) => write!(f, "line {line}: {}", self.problem),
            Place::Byte(byte) => write!(f, "byte {byte}: {}", self.problem),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::CutOff => f.write_str("the last record is cut off: each has 24 bytes"),
            Self::LongLine => write!(f, "this line has more than {LINE} bytes"),
            Self::Fields => f.write_str("expected relation,block or relation,block,r|w"),
            Self::Relation => f.write_str("a relation's name has 1 to 63 bytes"),
            Self::Block => f.write_str("a block is a number from 0 to 4294967294"),
            Self::Access => f.write_str("the third field is r (read) or w (changed)"),
            Self::Relations => write!(f, "there are more than {MAX_RELATIONS} relations"),
            Self::Pages => write!(f, "there are more than {MAX_PAGES} different pages"),
        }
    }
}
