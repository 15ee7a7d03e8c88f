//! What a client's session can ask for beyond plain queries: cursors, prepared statements, the
//! messages of the extended protocol; and what goes on within a statement: relations that are
//! opened, nodes that use `work_mem`, an error.
//!
//! What has a beginning and an end is two operations, with whatever happens between.

use super::Name;
use crate::ids::RelId;

/// One thing that a session does. A portal or statement without a name has an empty one.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionOp {
    /// `relation_open` of a table, and of its indexes as the planner does it.
    Open(RelId),
    /// `index_open` of one index, without its table's others.
    OpenIndex(RelId),
    /// A catalog change to a table commits, whatever it was: everybody's caches of it are invalid.
    Alter(RelId),
    /// `ereport(ERROR)` with this message.
    Error(Name),
    /// `DECLARE name CURSOR`
    DeclareCursor {
        /// Its name.
        name: Name,
        /// `WITH HOLD`
        hold: bool,
    },
    /// `FETCH FROM name` begins: the cursor's executor runs.
    FetchBegin(Name),
    /// `CLOSE name`
    Close(Name),
    /// `PREPARE name AS ...`
    Prepare(Preparation),
    /// `EXECUTE name` begins: its executor runs.
    ExecuteBegin {
        /// The prepared statement.
        name: Name,
        /// What choosing its plan depends on.
        choice: PlanChoice,
    },
    /// `DEALLOCATE name`; all of them without one.
    Deallocate(Option<Name>),
    /// The message Parse.
    Parse(Preparation),
    /// The message Bind.
    Bind {
        /// The portal that it makes.
        portal: Name,
        /// The prepared statement.
        statement: Name,
        /// What choosing its plan depends on.
        choice: PlanChoice,
    },
    /// The message Execute for a portal: its executor runs.
    RunBegin(Name),
    /// The message Sync.
    Sync,
    /// What `FETCH`, `EXECUTE` or an Execute message began ends.
    RunEnd,
    /// `tuplesort_begin_heap` in the running query.
    SortBegin {
        /// `work_mem` in kB; the session's without it.
        work_mem: Option<u32>,
        /// `LIMIT`: a bounded sort.
        bound: Option<u32>,
        /// `tuplesort_begin_datum`: one column, whose values are sorted without tuples around them.
        datum: bool,
        /// `t_len` of each tuple.
        length: u32,
    },
    /// The sort gets rows.
    SortPut {
        /// How many.
        rows: u32,
    },
    /// `tuplesort_performsort`
    SortPerform,
    /// `ExecHashTableCreate` in the running query.
    HashBegin {
        /// `work_mem` in kB; the session's without it.
        work_mem: Option<u32>,
        /// `hash_mem_multiplier`; the session's without it.
        multiplier: Option<f64>,
        /// Rows that the planner expects.
        estimate: u32,
        /// The planner's width of a row.
        width: u32,
        /// `t_len` of each tuple.
        length: u32,
    },
    /// The hash table gets rows, whose keys are integers that count up.
    HashInsert {
        /// How many.
        rows: u32,
    },
    /// The end of `MultiExecPrivateHash`.
    HashBuilt,
    /// `ExecInitAgg` of a hashed aggregate in the running query.
    AggBegin {
        /// `work_mem` in kB; the session's without it.
        work_mem: Option<u32>,
        /// `hash_mem_multiplier`; the session's without it.
        multiplier: Option<f64>,
        /// Groups that the planner expects.
        estimate: u32,
        /// Bytes of a key.
        width: u32,
        /// Aggregates, whose states are passed by value.
        transitions: u32,
    },
    /// The aggregate gets rows, each of a new group; their keys are integers that count up.
    AggPut {
        /// How many.
        groups: u32,
    },
    /// The end of `agg_fill_hash_table`.
    AggFilled,
    /// A PL/pgSQL function is called, by its signature; without one it is a DO block.
    FunctionBegin(Name),
    /// It returns.
    FunctionEnd,
    /// A PL/pgSQL block with an exception part begins.
    BlockBegin,
    /// Its statements end, and its exception part begins.
    BlockException,
    /// Its exception part ends.
    BlockEnd,
    /// A PL/pgSQL statement has SPI execute a query.
    SpiQueryBegin {
        /// RETURN QUERY; otherwise PERFORM.
        returns: bool,
    },
    /// The query ends.
    SpiQueryEnd {
        /// RETURN QUERY; otherwise PERFORM.
        returns: bool,
    },
    /// A PL/pgSQL loop over a query's rows opens its portal.
    LoopBegin,
    /// It closes that.
    LoopEnd,
}

impl SessionOp {
    /// Whether a client sends it; otherwise it happens within what a client has sent.
    pub fn is_sent(&self) -> bool {
        !matches!(
            self,
            Self::Open(_)
                | Self::OpenIndex(_)
                | Self::Error(_)
                | Self::RunEnd
                | Self::SortBegin { .. }
                | Self::SortPut { .. }
                | Self::SortPerform
                | Self::HashBegin { .. }
                | Self::HashInsert { .. }
                | Self::HashBuilt
                | Self::AggBegin { .. }
                | Self::AggPut { .. }
                | Self::AggFilled
                | Self::FunctionBegin(_)
                | Self::FunctionEnd
                | Self::BlockBegin
                | Self::BlockException
                | Self::BlockEnd
                | Self::SpiQueryBegin { .. }
                | Self::SpiQueryEnd { .. }
                | Self::LoopBegin
                | Self::LoopEnd
        )
    }
}

/// What a prepared statement is.
#[derive(Clone, Debug, PartialEq)]
pub struct Preparation {
    /// Its name.
    pub name: Name,
    /// The query's text.
    pub text: Name,
    /// The table that it is about.
    pub rel: Option<RelId>,
    /// It has parameters.
    pub params: bool,
    /// What the planner expects a generic plan to cost.
    pub generic_cost: f64,
}

/// What `choose_custom_plan` looks at, besides the prepared statement.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PlanChoice {
    /// `plan_cache_mode`; the session's without it.
    pub mode: Option<PlanCacheMode>,
    /// What the planner expects a plan for these parameters to cost.
    pub custom_cost: f64,
}

/// The setting `plan_cache_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanCacheMode {
    /// `auto`
    Auto,
    /// `force_generic_plan`
    ForceGeneric,
    /// `force_custom_plan`
    ForceCustom,
}
