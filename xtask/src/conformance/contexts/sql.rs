//! What a statement of a story does with contexts, as operations of the core: which tables it
//! opens, which sort or hash table it needs. The core has no parser and no planner; this is what
//! those of a real server come to for the stories' statements.

use pgscope_core::ids::{BackendId, Name, RelId};
use pgscope_core::op::{Op, Persistence, SessionOp};
use pgscope_core::profile::Version;

/// A table of the stories, with the names of its indexes.
const TABLES: [(&str, &[&str]); 6] = [
    ("orders", &["orders_pkey", "orders_ref"]),
    ("items", &["items_pkey"]),
    ("customers", &["customers_pkey", "customers_name_key"]),
    ("ledger", &[]),
    ("payments", &["payments_pkey"]),
    ("shipments", &[]),
];
/// What else names tables: views, functions, and foreign keys, whose triggers look at the other
/// table.
const ABOUT: [(&str, &str); 6] = [
    ("open_orders", "orders"),
    ("orders_exc", "orders"),
    ("orders_handler", "orders"),
    ("orders_sum", "orders"),
    ("orders_sql", "orders"),
    ("INTO payments", "orders"),
];
/// Rows of `ledger` and of `items`.
const LEDGER: u32 = 20_000;
const ITEMS: u32 = 3_000;

/// The stories' tables and indexes, without pages.
pub(super) fn schema() -> Vec<Op> {
    let mut ops = Vec::new();
    let mut next = 0;
    let mut number = || {
        next += 1;
        RelId(next - 1)
    };
    for (table, indexes) in TABLES {
        let rel = number();
        let persistence = Persistence::Permanent;
        ops.push(Op::CreateRelation { rel, name: table.into(), nblocks: 1, persistence });
        for index in indexes {
            ops.push(Op::CreateIndex { rel: number(), name: (*index).into(), table: rel });
        }
    }
    ops
}

/// Whether it is an index of the stories' tables.
pub(super) fn is_index(name: &str) -> bool {
    TABLES.iter().any(|(_, indexes)| indexes.contains(&name))
}

fn words(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// What a statement opens.
pub(super) fn opens(sql: &str, version: Version) -> Vec<SessionOp> {
    let fast_path = version.number() >= 19 && sql.contains("INTO payments");
    let open = |rel: RelId| match rel {
        // A foreign key looks at the other table's primary key without a plan.
        RelId(0) if fast_path => SessionOp::OpenIndex(RelId(1)),
        rel => SessionOp::Open(rel),
    };
    tables(sql).into_iter().map(open).collect()
}

/// The tables that a statement is about.
pub(super) fn tables(sql: &str) -> Vec<RelId> {
    let mut found = Vec::new();
    let mut rel = 0;
    for (table, indexes) in TABLES {
        let named = words(sql).any(|word| word == table);
        let about = ABOUT.iter().any(|(what, of)| *of == table && sql.contains(what));
        if named || about {
            // What a foreign key needs is opened behind the table itself.
            found.push((about && !named, RelId(rel)));
        }
        rel += 1 + indexes.len() as u32;
    }
    found.sort_by_key(|(later, _)| *later);
    found.into_iter().map(|(_, rel)| rel).collect()
}

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

/// The nodes that a query has run when its first row comes, in their order.
pub(super) fn nodes(backend: BackendId, sql: &str, version: Version, settings: InForce) -> Vec<Op> {
    let InForce { work_mem, multiplier } = settings;
    // A column alone is sorted as a Datum from 16 on: its bytes without a tuple around them.
    let datum = version.number() >= 16;
    let (one, two) = (if datum { 33 } else { 49 }, 56);
    let sort = |length, bound| {
        vec![
            SessionOp::SortBegin { work_mem: Some(work_mem), bound, length },
            SessionOp::SortPut { rows: LEDGER },
            SessionOp::SortPerform,
        ]
    };
    let ops = match sql {
        sql if sql.contains("ORDER BY v LIMIT 20") => sort(60, Some(20)),
        sql if sql.contains("ORDER BY v LIMIT 1 OFFSET 7") => sort(one, Some(8)),
        sql if sql.contains("PARTITION BY r ORDER BY v") => sort(two, None),
        sql if sql.contains("SELECT v FROM ledger ORDER BY v") => sort(one, None),
        sql if sql.contains("FROM ledger ORDER BY v") => sort(60, None),
        sql if sql.contains("JOIN items y ON y.id = x.id") => vec![
            SessionOp::HashBegin {
                work_mem: Some(work_mem),
                multiplier,
                estimate: ITEMS,
                width: 4,
                length: 20,
            },
            SessionOp::HashInsert { rows: ITEMS },
            SessionOp::HashBuilt,
        ],
        _ => Vec::new(),
    };
    ops.into_iter().map(|session| Op::Session { backend, session }).collect()
}

/// A prepared statement or a cursor: its name, and whether it has parameters.
pub(super) fn named(sql: &str) -> (Name, bool) {
    let name = words(sql).nth(1).unwrap_or_default();
    (name.into(), sql.contains('$'))
}
