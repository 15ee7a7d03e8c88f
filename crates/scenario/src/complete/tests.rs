//! What is offered, place by place.

use super::complete;
use crate::statements::STATEMENTS;

const TEXT: &str = "server 18\ntable orders pages=20\ntable odd pages=2\nbackend alice\nbackend bob\n\
    alice: create context Work in TopMemoryContext\nalice: palloc 100 in Work as buf\n\
    bob: read orders 3 hold as page\n";

/// What is offered behind `TEXT` and this.
fn offered(line: &str) -> Vec<String> {
    let text = [TEXT, line].concat();
    let found = complete(&text, text.len());
    found.map_or_else(Vec::new, |it| it.offers.into_iter().map(|offer| offer.text).collect())
}

#[test]
fn a_line_begins_with_a_statement_or_a_backend() {
    assert_eq!(offered("chec"), ["checkpoint"]);
    assert_eq!(offered("al"), ["alter system", "alice:"]);
    assert_eq!(offered("pallo"), [""; 0], "no server does that");
    assert!(offered("").contains(&"bob:".into()));
}

#[test]
fn a_backend_does_what_backends_do() {
    assert_eq!(offered("alice: pal"), ["palloc", "palloc0"]);
    assert_eq!(offered("alice: create "), ["context", "table", "temp"]);
    assert_eq!(offered("alice: create con"), ["context"]);
    assert_eq!(offered("as bob { pf"), ["pfree"]);
    assert_eq!(offered("alice: call f { palloc 8; rese"), ["reset"]);
    assert_eq!(offered("alice: call f {\n  unp"), ["unpin"]);
    assert_eq!(offered("alice: call f { }\nbgw"), ["bgwriter"]);
}

#[test]
fn names_stand_where_the_syntax_has_them() {
    assert_eq!(offered("alice: read "), ["odd", "orders"]);
    assert_eq!(offered("alice: read or"), ["orders"]);
    assert_eq!(offered("alice: pfree "), ["buf"]);
    assert_eq!(offered("bob: unpin "), ["page"]);
    assert_eq!(offered("alice: reset W"), ["Work", "work_mem"]);
    assert_eq!(offered("alice: cancel "), ["alice", "bob"]);
    assert_eq!(
        offered("alice: palloc 10 in top"),
        ["TopMemoryContext", "TopPortalContext", "TopTransactionContext"]
    );
    assert_eq!(offered("alice: lock odd share r"), ["row exclusive"][..0]);
    assert_eq!(offered("alice: lock odd row"), ["row share", "row exclusive"]);
}

#[test]
fn words_come_in_the_order_of_the_syntax() {
    assert_eq!(offered("alice: palloc 100 "), ["aligned", "zero", "huge", "noerror", "in", "as"]);
    assert_eq!(offered("alice: palloc 100 in Work "), ["as"]);
    assert_eq!(offered("alice: read orders 3 "), ["ring", "hold"]);
    assert_eq!(offered("alice: read orders 3, 5..7 h"), ["hold"]);
    assert_eq!(offered("alice: read orders 3 hold "), ["as"]);
    assert_eq!(offered("alice: copy orders pa"), ["pages="]);
    assert_eq!(offered("table fresh "), ["pages="]);
    assert_eq!(offered("table fresh pages=9 "), ["unlogged"]);
    assert_eq!(offered("checkpoint "), ["begin", "write", "end"]);
}

#[test]
fn nothing_is_offered_where_it_would_be_in_the_way() {
    for line in ["-- al", "title \"al", "alice: palloc 1", "alice: palloc 10 as b", "alice"] {
        let found = offered(line);
        assert!(found.is_empty() || line == "alice", "{line}: {found:?}");
    }
    assert!(complete("é", 1).is_none(), "within a character");
    assert!(complete("a", 9).is_none(), "behind the end");
}

#[test]
fn what_is_begun_is_replaced() {
    let text = "backend alice\nalice: pall";
    let found = complete(text, text.len()).expect("an offer");
    assert_eq!(&text[found.range], "pall");
    assert!(found.offers[0].about.starts_with("palloc SIZE"));
}

#[test]
fn every_statement_can_be_reached_by_its_first_letters() {
    for info in STATEMENTS {
        let first = info.keyword.split(' ').next().unwrap_or_default();
        let line = format!("as alice {{ {}", &first[..first.len() - 1]);
        let server = &first[..first.len() - 1];
        let found = [offered(&line), offered(server)].concat();
        assert!(found.iter().any(|it| it == info.keyword), "{}: {found:?}", info.keyword);
    }
}
