//! pgscope-scenario: the language in which everything in pgscope is said.
//!
//! A scenario is a short text: which server, which tables, who reads and allocates what.
//! The page's buttons write it, a link carries it, lessons and tests are made of it.
//!
//! ```text
//! text ── parse ──▶ Script ── check ──▶ Program ── step(i) ──▶ Op, for the machine
//!  ▲                  │
//!  └──── to_string ───┘
//! ```
//!
//! [`parse`] never fails: it yields what can be read and a list of [`Diagnostic`]s.
//! [`compile`] does all of it at once. [`link`] packs a text into a web address.
//!
//! Texts and links come from strangers. Everything here is bounded by [`limits`], and
//! nothing panics.

#![forbid(unsafe_code)]

mod ask;
pub mod ast;
mod check;
mod compare;
mod complete;
mod decimal;
mod diagnostic;
mod expect;
mod format;
mod highlight;
mod history;
mod lexer;
pub mod limits;
pub mod link;
pub mod markdown;
mod metrics;
mod names;
mod narrate;
mod parser;
mod pgbench;
mod program;
mod random;
mod statements;
mod story;
mod suggest;
pub mod table;
mod told;
mod units;

pub use ask::{Answer, Choice, Number, Pick, Question, Solution};
pub use ast::{Comparison, Script, Shown};
pub use check::{check, compile};
pub use compare::{Replay, replay};
pub use complete::{Completion, Completions, LOCK_MODES, complete};
pub use diagnostic::{Diagnostic, Span};
pub use expect::{Failure, measure};
pub use format::format;
pub use highlight::{Class, highlight, highlight_line};
pub use history::{Breakpoint, EVENT_KINDS, EventKind, History, Mark, Position, Ran, Totals};
pub use metrics::{
    BackendMetric, ChunkMetric, ContextMetric, METRIC_MEANINGS, METRICS, Metric, MetricInfo,
    MetricKind, PageMetric, RelationMetric, ServerMetric,
};
pub use names::Names;
pub use narrate::{Narration, Part, Tone, narrate};
pub use parser::{Parsed, parse};
pub use program::{Expectation, Program, ServerConfig, Step, StepKind};
pub use random::{Distribution, Zipf};
pub use statements::{By, REFERENCE, STATEMENTS, StatementInfo, StatementReference};
pub use story::{Entry, SAID, Story, golden};
pub use suggest::nearest;
pub use told::{Teller, Told, Value};
pub use units::{MEMORY_UNITS, Quantity, TIME_UNITS, Unit};
