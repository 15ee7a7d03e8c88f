//! docs/language.md is made of the language's own tables, and every example in it runs.
//!
//! `UPDATE_GOLDEN=1 cargo test -p pgscope-scenario --test reference` writes it anew.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

use std::fmt::Write as _;
use std::path::Path;

use pgscope_scenario::{
    By, METRIC_MEANINGS, METRICS, REFERENCE, STATEMENTS, StatementReference, compile,
};

/// What the examples may take for granted.
const SETTING: &str = "\
table orders pages=200
backend alice
alice: create context Work in TopMemoryContext
alice: palloc 100 in Work as a
alice: read orders 0 hold as p
";

const HEAD: &str = "\
# The scenario language

A scenario is a text of statements, one a line, or several with `;` between them. `--` starts a
comment that runs to the end of the line. What a backend does has its name in front:
`alice: read orders 3`. Braces hold several statements, which inherit the backend.

Names begin with a letter or an underscore, have at most 63 bytes, and keep their case. Sizes take
PostgreSQL's units: `B`, `kB`, `MB`, `GB`. Pages are a number, a range `0..15`, a list `3, 5, 9..11`,
or drawn from the scenario's seed, with `times 20` for more than one: `uniform`, `zipf(1.1)`, `sequential`
(one after the other, and again), `loop(20)` (the same over the first 20 pages), `hot(20, 0.9)` (nine of ten
from the first 20 pages, the others a sequential scan of the rest).
Errors name line and column, mark the place, and suggest the nearest word.

This page is written by a test from the tables that the parser uses, and each example is compiled by it.
";

fn reference() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n## Statements\n");
    for (info, reference) in STATEMENTS.iter().zip(REFERENCE) {
        let by = match info.by {
            By::Backend => "A backend does this. ",
            By::Server | By::Either => "",
        };
        write!(
            page,
            "\n### {}\n\n    {}\n\n{by}{}\n\n```\n{}\n```\n",
            info.keyword, info.syntax, reference.meaning, reference.example
        )
        .unwrap();
    }
    page.push_str("\n## What `expect` can look at\n\n| metric | is |\n|---|---|\n");
    for (metric, meaning) in METRICS.iter().zip(METRIC_MEANINGS) {
        let arguments = metric.kind.arguments();
        writeln!(page, "| `{}{arguments}` | {meaning} |", metric.name).unwrap();
    }
    page
}

#[test]
fn the_reference_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/language.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, reference()).unwrap();
    }
    assert!(
        std::fs::read_to_string(&file).unwrap() == reference(),
        "docs/language.md is not what the tables say: run this test with UPDATE_GOLDEN=1"
    );
}

#[test]
fn every_example_compiles() {
    for (info, StatementReference { example, .. }) in STATEMENTS.iter().zip(REFERENCE) {
        let scenario = match info.word() {
            "server" | "pgscope" => format!("{example}\n{SETTING}"),
            _ => format!("{SETTING}{example}"),
        };
        assert!(compile(&scenario).is_ok(), "{example}: {:?}", compile(&scenario).err());
    }
}
