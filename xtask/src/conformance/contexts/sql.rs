//! What a statement of a story does with contexts, as operations of the core: which tables it
//! opens, which sort or hash table it needs. The core has no parser and no planner; this is what
//! those of a real server come to for the stories' statements.

use pgscope_core::ids::{BackendId, Name, RelId};
use pgscope_core::op::{Op, SessionOp};
use pgscope_core::profile::Version;

use super::schema::{self, Opened, Schema};

/// What a statement opens.
pub(super) fn opens(schema: &Schema, sql: &str, version: Version) -> Vec<SessionOp> {
    let open = |Opened { table: RelId(table), for_key, has_index }| {
        // From 19 on a foreign key looks at the other table's primary key without a plan.
        match version.number() >= 19 && for_key && has_index {
            true => SessionOp::OpenIndex(RelId(table + 1)),
            false => SessionOp::Open(RelId(table)),
        }
    };
    schema.opens(sql).into_iter().map(open).collect()
}

/// `(i * 7919) % 10007`, of more numbers than that.
const GROUPS: u32 = 10_007;

/// What is in force of the settings that stories change.
#[derive(Clone, Copy)]
pub(super) struct InForce {
    pub(super) work_mem: u32,
    pub(super) multiplier: Option<f64>,
}

impl InForce {
    /// `SET`, if it is of these.
    pub(super) fn set(&mut self, sql: &str) {
        let value = sql.split('\'').nth(1).unwrap_or_default();
        let number =
            |unit: &str| value.strip_suffix(unit).and_then(|text| text.parse::<u32>().ok());
        if sql.starts_with("SET work_mem") {
            let megabytes = number("MB").map(|value| value * 1024);
            self.work_mem = number("kB").or(megabytes).unwrap_or(self.work_mem);
        } else if let Some(value) = sql.strip_prefix("SET hash_mem_multiplier = ") {
            self.multiplier = value.parse().ok();
        }
    }
}

/// The nodes that a query has run when its first row comes, in their order: what is made when the
/// executor starts, and what comes later.
pub(super) fn nodes(
    backend: BackendId,
    sql: &str,
    (schema, version): (&Schema, Version),
    settings: InForce,
) -> (Vec<Op>, Vec<Op>) {
    let InForce { work_mem, multiplier } = settings;
    // A column alone is sorted as a Datum from 16 on: its bytes without a tuple around them.
    let datum = version.number() >= 16;
    let (one, two) = (if datum { (33, true) } else { (49, false) }, (56, false));
    let sort = |(length, datum), bound| {
        vec![
            SessionOp::SortBegin { work_mem: Some(work_mem), bound, datum, length },
            SessionOp::SortPut { rows: schema.rows("ledger") },
            SessionOp::SortPerform,
        ]
    };
    let items = schema.rows("items");
    let aggregate = |width, groups| {
        vec![
            SessionOp::AggBegin {
                work_mem: Some(work_mem),
                multiplier,
                estimate: groups,
                width,
                transitions: 1,
            },
            SessionOp::AggPut { groups },
            SessionOp::AggFilled,
        ]
    };
    let ops = match sql {
        sql if sql.contains("PARTITION BY r ORDER BY v") => sort(two, None),
        sql if sql.contains("SELECT v FROM ledger ORDER BY v") => sort(one, bound(sql)),
        sql if sql.contains("FROM ledger ORDER BY v") => sort((60, false), bound(sql)),
        sql if sql.contains("JOIN items y ON y.id = x.id") => vec![
            SessionOp::HashBegin {
                work_mem: Some(work_mem),
                multiplier,
                estimate: items,
                width: 4,
                length: 20,
            },
            SessionOp::HashInsert { rows: items },
            SessionOp::HashBuilt,
        ],
        // Keys are integers, or texts of 32 letters with a byte before them.
        sql if sql.contains("FROM ledger GROUP BY r") => aggregate(4, GROUPS),
        sql if sql.contains("FROM ledger GROUP BY v") => aggregate(33, schema.rows("ledger")),
        _ => Vec::new(),
    };
    let ops = ops.into_iter().map(|session| Op::Session { backend, session });
    let starts = |op: &Op| matches!(op, Op::Session { session: SessionOp::AggBegin { .. }, .. });
    ops.partition(starts)
}

/// How many rows a sort with LIMIT has to keep.
fn bound(sql: &str) -> Option<u32> {
    let (_, rest) = sql.split_once("ORDER BY v")?;
    let own = rest.split(')').next()?;
    let limit = schema::after(own, "LIMIT ")?;
    Some(limit + schema::after(own, "OFFSET ").unwrap_or(0))
}

/// A prepared statement or a cursor: its name, and whether it has parameters.
pub(super) fn named(sql: &str) -> (Name, bool) {
    let name = schema::words(sql).nth(1).unwrap_or_default();
    (name.into(), sql.contains('$'))
}
