//! What a scenario says must be true: a number that is looked at, and how it compares.

use std::fmt;
use std::rc::Rc;

use pgscope_core::views::View;

use super::{Name, PageRange};
use crate::diagnostic::Span;
use crate::metrics::{
    BackendMetric, ChunkMetric, ContextMetric, PageMetric, RelationMetric, ServerMetric,
};
use crate::units::Quantity;

/// `dirty_buffers > 3`
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// What is looked at.
    pub metric: Measured,
    /// How it compares.
    pub comparison: Comparison,
    /// There is a minus before the number.
    pub negative: bool,
    /// With what.
    pub value: Quantity,
    /// Where it stands.
    pub span: Span,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minus = if self.negative { "-" } else { "" };
        write!(f, "{} {} {minus}{}", self.metric, self.comparison.symbol(), self.value)
    }
}

/// What an expectation looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum Measured {
    /// `hit_ratio`
    Server(ServerMetric),
    /// `usage(orders, 3)`
    Page(PageMetric, Name, PageRange),
    /// `buffers(orders)`
    Relation(RelationMetric, Name),
    /// `used(alice, Work)`
    Context(ContextMetric, Name, Name),
    /// `offset(alice, a)`
    Chunk(ChunkMetric, Name, Name),
    /// `contexts(alice)`
    Backend(BackendMetric, Name),
    /// `pg_stat_bgwriter(buffers_clean)`: what a view shows in a column, by the row's keys before it
    View(View, Vec<Rc<str>>, Span),
}

/// How an expectation compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`, also written `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// Every comparison with its symbol; of two symbols for one, the canonical one is first.
    pub(crate) const SYMBOLS: [(&'static str, Self); 7] = [
        ("=", Self::Equal),
        ("<>", Self::NotEqual),
        ("!=", Self::NotEqual),
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("<", Self::Less),
        (">", Self::Greater),
    ];

    /// The symbol.
    pub fn symbol(self) -> &'static str {
        Self::SYMBOLS.iter().find(|(_, it)| *it == self).map_or("", |(symbol, _)| symbol)
    }

    /// Whether `left` and `right` compare like this.
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}
