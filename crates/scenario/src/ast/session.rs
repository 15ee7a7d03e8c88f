//! What a scenario says about cursors, prepared statements, sorts, hash tables, PL/pgSQL and errors.

use std::fmt;
use std::rc::Rc;

use pgscope_core::op::PlanCacheMode;

use super::{Block, Name};
use crate::units::Quantity;

/// A statement of a session.
#[derive(Clone, Debug, PartialEq)]
pub enum Session {
    /// `open orders`
    Open(Name),
    /// `alter table orders`
    Alter(Name),
    /// `error "division by zero"`
    Error(Rc<str>),
    /// `declare cursor c with hold`
    Declare {
        /// Its name.
        name: Name,
        /// `with hold`
        hold: bool,
    },
    /// `fetch c { … }`
    Fetch(Name, Option<Block>),
    /// `close c`
    Close(Name),
    /// `prepare p "select 1" on orders params cost=8`, and `parse` without a name
    Prepare {
        /// The message Parse.
        message: bool,
        /// Its name.
        name: Option<Name>,
        /// The query's text.
        text: Rc<str>,
        /// The table that it is about.
        table: Option<Name>,
        /// It has parameters.
        params: bool,
        /// What a generic plan costs.
        cost: Option<Quantity>,
    },
    /// `execute p cost=7 { … }`
    Execute(Name, Choice, Option<Block>),
    /// `deallocate p`, `deallocate all`
    Deallocate(Option<Name>),
    /// `bind c to p`
    Bind {
        /// The portal.
        portal: Option<Name>,
        /// The prepared statement.
        statement: Option<Name>,
        /// What the choice of a plan depends on.
        choice: Choice,
    },
    /// `run c { … }`
    Run(Option<Name>, Option<Block>),
    /// `sync`
    Sync,
    /// `sort rows=1000 width=44`
    Sort {
        /// How many rows.
        rows: u64,
        /// Bytes of each.
        width: u64,
        /// `LIMIT`
        limit: Option<u64>,
        /// `work_mem`
        work_mem: Option<Quantity>,
    },
    /// `hash rows=1000 width=4`
    Hash {
        /// How many rows.
        rows: u64,
        /// Bytes of each.
        width: u64,
        /// Rows that the planner expects.
        estimate: Option<u64>,
        /// `work_mem`
        work_mem: Option<Quantity>,
        /// `hash_mem_multiplier`
        multiplier: Option<Quantity>,
    },
    /// `hash aggregate groups=1000 width=4`
    HashAggregate {
        /// How many groups.
        groups: u64,
        /// Bytes of a key.
        width: u64,
        /// Aggregates.
        aggregates: Option<u64>,
        /// Groups that the planner expects.
        estimate: Option<u64>,
        /// `work_mem`
        work_mem: Option<Quantity>,
        /// `hash_mem_multiplier`
        multiplier: Option<Quantity>,
    },
    /// `simple query orders`
    SimpleQuery {
        /// The table.
        table: Name,
        /// `sort width=44`: ORDER BY.
        width: Option<u64>,
        /// `work_mem`
        work_mem: Option<Quantity>,
    },
    /// `create temp table t pages=3`
    CreateTemp {
        /// Its name.
        name: Name,
        /// Its pages.
        pages: u32,
    },
    /// `plpgsql f { … }`
    Function(Option<Name>, Block),
    /// `block { … }`
    Block(Block),
    /// `exception { … }`
    Exception(Block),
    /// `for query { … }`
    ForQuery(Block),
    /// `perform { … }` and `return query { … }`
    Perform {
        /// `return query`
        returns: bool,
        /// What happens while SPI executes it.
        body: Block,
    },
}

/// What the choice of a plan depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Choice {
    /// What a plan for these parameters costs.
    pub cost: Option<Quantity>,
    /// `plan_cache_mode`
    pub mode: Option<PlanCacheMode>,
}

impl Choice {
    /// The word for each mode.
    pub(crate) const MODES: [(&'static str, PlanCacheMode); 3] = [
        ("auto", PlanCacheMode::Auto),
        ("force_generic_plan", PlanCacheMode::ForceGeneric),
        ("force_custom_plan", PlanCacheMode::ForceCustom),
    ];
}

impl Session {
    /// The word or words that the statement begins with.
    pub fn keyword(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::Alter(_) => "alter table",
            Self::Error(_) => "error",
            Self::Declare { .. } => "declare cursor",
            Self::Fetch(..) => "fetch",
            Self::Close(_) => "close",
            Self::Prepare { message: false, .. } => "prepare",
            Self::Prepare { message: true, .. } => "parse",
            Self::Execute(..) => "execute",
            Self::Deallocate(_) => "deallocate",
            Self::Bind { .. } => "bind",
            Self::Run(..) => "run",
            Self::Sync => "sync",
            Self::Sort { .. } => "sort",
            Self::Hash { .. } => "hash",
            Self::HashAggregate { .. } => "hash aggregate",
            Self::SimpleQuery { .. } => "simple query",
            Self::CreateTemp { .. } => "create temp table",
            Self::Function(..) => "plpgsql",
            Self::Block(_) => "block",
            Self::Exception(_) => "exception",
            Self::ForQuery(_) => "for query",
            Self::Perform { returns: false, .. } => "perform",
            Self::Perform { returns: true, .. } => "return query",
        }
    }

    /// What stands in its braces, if it has any.
    pub fn block(&self) -> Option<&Block> {
        match self {
            Self::Fetch(_, body) | Self::Execute(_, _, body) | Self::Run(_, body) => body.as_ref(),
            Self::Function(_, body)
            | Self::Block(body)
            | Self::Exception(body)
            | Self::ForQuery(body)
            | Self::Perform { body, .. } => Some(body),
            _ => None,
        }
    }
}

/// What may be left out, with what stands before it.
struct Maybe<'a, T>(&'a str, &'a Option<T>);

impl<T: fmt::Display> fmt::Display for Maybe<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Maybe(before, Some(value)) => write!(f, "{before}{value}"),
            Maybe(_, None) => Ok(()),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Maybe(" cost=", &self.cost).fmt(f)?;
        match Self::MODES.iter().find(|(_, mode)| Some(*mode) == self.mode) {
            Some((word, _)) => write!(f, " plan_cache_mode={word}"),
            None => Ok(()),
        }
    }
}

/// What follows the keyword, without the braces.
impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(name) | Self::Alter(name) | Self::Close(name) | Self::Fetch(name, _) => {
                write!(f, " {name}")
            }
            Self::Error(text) => write!(f, " \"{}\"", text.replace('"', "\"\"")),
            Self::Declare { name, hold } => {
                write!(f, " {name}{}", if *hold { " with hold" } else { "" })
            }
            Self::Prepare { name, text, table, params, cost, .. } => {
                let text = text.replace('"', "\"\"");
                write!(f, "{} \"{text}\"{}", Maybe(" ", name), Maybe(" on ", table))?;
                f.write_str(if *params { " params" } else { "" })?;
                Maybe(" cost=", cost).fmt(f)
            }
            Self::Execute(name, choice, _) => write!(f, " {name}{choice}"),
            Self::Deallocate(name) => match name {
                Some(name) => write!(f, " {name}"),
                None => f.write_str(" all"),
            },
            Self::Bind { portal, statement, choice } => {
                write!(f, "{}{}{choice}", Maybe(" ", portal), Maybe(" to ", statement))
            }
            Self::Run(portal, _) => Maybe(" ", portal).fmt(f),
            Self::Sync => Ok(()),
            Self::Sort { rows, width, limit, work_mem } => {
                write!(f, " rows={rows} width={width}{}", Maybe(" limit=", limit))?;
                Maybe(" work_mem=", work_mem).fmt(f)
            }
            Self::Hash { rows, width, estimate, work_mem, multiplier } => {
                write!(f, " rows={rows} width={width}{}", Maybe(" estimate=", estimate))?;
                Maybe(" work_mem=", work_mem).fmt(f)?;
                Maybe(" hash_mem_multiplier=", multiplier).fmt(f)
            }
            Self::HashAggregate { groups, width, aggregates, estimate, work_mem, multiplier } => {
                write!(f, " groups={groups} width={width}{}", Maybe(" aggregates=", aggregates))?;
                Maybe(" estimate=", estimate).fmt(f)?;
                Maybe(" work_mem=", work_mem).fmt(f)?;
                Maybe(" hash_mem_multiplier=", multiplier).fmt(f)
            }
            Self::SimpleQuery { table, width, work_mem } => {
                write!(f, " {table}{}", Maybe(" sort width=", width))?;
                Maybe(" work_mem=", work_mem).fmt(f)
            }
            Self::CreateTemp { name, pages } => write!(f, " {name} pages={pages}"),
            Self::Function(name, _) => Maybe(" ", name).fmt(f),
            Self::Block(_) | Self::Exception(_) | Self::ForQuery(_) | Self::Perform { .. } => {
                Ok(())
            }
        }
    }
}
