//! Random valid scenarios forward, back and forward again: what was undone and redone is the same.
//!
//! The proptests of `properties` shrink what they find but take long for each case; these are many.
//! `PGSCOPE_SCENARIOS=1000000 cargo test --release -p pgscope-scenario --test histories` runs a
//! million, a seed behind it (`PGSCOPE_SEED=7`) others.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use pgscope_core::views;
use pgscope_scenario::{History, Position, compile, narrate};

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.roll(words.len() as u64) as usize]
    }
}

/// What alice and bob do; `N` is a small number, `S` a size.
const STATEMENTS: &[&str] = &[
    "read t N",
    "read t N..15",
    "update t N",
    "hint t N",
    "read t uniform times 3",
    "update t zipf(1.1) times 2",
    "read t N hold as p; dirty p; unpin p",
    "read t N hold as p",
    "unpin p",
    "flush t",
    "seqscan t",
    "vacuum t",
    "insert t times 2",
    "extend t by 3",
    "bitmapscan t N, 3..5",
    "ring r bulkread; read t N ring r; free r",
    "palloc S as a",
    "palloc S in W as a",
    "palloc0 S aligned 64 in W as c",
    "pfree a",
    "pfree c",
    "repalloc a S",
    "reset W",
    "delete W",
    "create context W S0",
    "create context V in W slab chunk=64; palloc 64 in V as c",
    "strdup \"x\" in W as c",
    "switch to W",
    "poke a 8 at N",
    "peek a",
    "begin",
    "savepoint s",
    "rollback",
    "commit",
    "call f { palloc S as x; palloc S }",
    "query { palloc S as x; tuple { palloc 64 } }",
    "show stats",
    "evict 3",
];
/// The operations that every scenario begins with.
const BEGIN: u64 = 12;
const SIZES: &[&str] = &["1", "8", "60", "100", "1kB", "5000", "9000", "20kB"];
const KINDS: &[&str] = &["allocset", "allocset small", "generation", "bump"];

fn scenario(dice: &mut Dice) -> String {
    let version = dice.one_of(&["15", "17", "18", "19"]);
    let mut text = format!(
        "server {version} seed={}\ntable t pages=20\nbackend alice\nbackend bob\n\
         alice: create context W; bob: create context W; alice: palloc 8 as a; bob: palloc 8 as a\n\
         alice: palloc 8 as c; bob: palloc 8 as c; alice: read t 0 hold as p; bob: read t 1 hold as p\n\
         alice: savepoint s\n",
        dice.roll(1000)
    );
    for _ in 0..2 + dice.roll(7) {
        let who = dice.one_of(&["alice", "alice", "bob"]);
        let statement = match dice.roll(20) {
            0 => "repeat 2 { read t N; palloc S as a }",
            _ => dice.one_of(STATEMENTS),
        };
        let statement = statement
            .replace("S0", dice.one_of(KINDS))
            .replace(" S", &format!(" {}", dice.one_of(SIZES)))
            .replace('N', &dice.roll(16).to_string());
        for part in statement.split("; ").filter(|_| !statement.contains('{')) {
            text.extend([who, ": ", part, "\n"]);
        }
        if statement.contains('{') {
            text.extend([who, ": ", &statement, "\n"]);
        }
        match dice.roll(12) {
            0 => text.push_str("checkpoint\n"),
            1 => text.push_str("bgwriter\n"),
            2 => text.push_str("ask \"?\" victim\ncheckpoint\n"),
            _ => {}
        }
    }
    text
}

/// What a reader sees of the machine; with `bytes`, all bytes of each region that fit in 64 kB too.
fn seen(history: &History, bytes: bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    let server = history.server();
    let strategy = server.pool().strategy();
    (strategy.hand(), strategy.passes(), strategy.allocs()).hash(&mut hasher);
    (server.pool().wal.flushed(), server.evictions(), history.events().len()).hash(&mut hasher);
    let totals = history.totals();
    (totals.hits, totals.misses, totals.writes).hash(&mut hasher);
    for row in views::buffers(server) {
        let tag = row.tag.map(|tag| (tag.rel.0, tag.block));
        (tag, row.usage_count, row.pins, row.dirty).hash(&mut hasher);
    }
    history.error().map(ToString::to_string).hash(&mut hasher);
    for region in server.regions() {
        (region.addr.0, region.size).hash(&mut hasher);
        if bytes {
            let mut part = vec![0; region.size.min(64 << 10) as usize];
            server.peek(region.addr, &mut part);
            part.hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// Whether all bytes are compared here: at one position of so many.
fn with_bytes(position: Position) -> bool {
    (position.op * 7 + u64::from(position.event)).is_multiple_of(13)
}

fn look(history: &History) -> (Position, u64) {
    let position = history.position();
    (position, seen(history, with_bytes(position)))
}

/// What is seen on the way on to the end: by operations, and by events within one of them.
fn on_to_the_end(history: &mut History, by_events: u64) -> Vec<(Position, u64)> {
    let mut seen = vec![look(history)];
    while match history.position().op == by_events {
        true => history.step_event(),
        false => history.step_op(),
    } {
        seen.push(look(history));
    }
    seen
}

fn check(text: &str, dice: &mut Dice) {
    let program = compile(text).unwrap_or_else(|errors| panic!("{text}\n{}", errors[0]));
    let mut history = History::new(Rc::new(program)).unwrap();
    // What every scenario begins with is gone over by operations.
    history.run_slice(BEGIN);
    let by_events = BEGIN + dice.roll(history.len() - BEGIN);
    let forward = on_to_the_end(&mut history, by_events);
    assert!(!narrate(&history).text().is_empty());
    for expected in forward.iter().rev().skip(1) {
        assert!(match expected.0.op == by_events {
            true => history.back_event(),
            false => history.back_op(),
        });
        assert_eq!(look(&history), *expected, "back\n{text}");
    }
    assert_eq!(on_to_the_end(&mut history, by_events), forward, "forward again\n{text}");
}

#[test]
fn random_scenarios_are_the_same_both_ways() {
    let seed = number("PGSCOPE_SEED", 1);
    for round in 0..number("PGSCOPE_SCENARIOS", 300) {
        let mut dice = Dice(seed << 40 | round);
        check(&scenario(&mut dice), &mut dice);
    }
}
