//! Random scenarios that compile, with every statement of the language.
//!
//! Most are short, some long. They are drawn from lines with gaps: `$N` a small number, `$R` how often, `$S` a size, `$F` a number that is new,
//! `$K` a kind of context, `$M` a mode of locks, `$T` a table, `$W` one of the
//! backends, `$O` another one.

/// SplitMix64.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.roll(words.len() as u64) as usize]
    }
}

/// What every scenario begins with, so that the names below are known.
const BEGIN: &str = "table t pages=20\ntable u pages=3 unlogged\ntable v pages=2\nindex i on t\n\
    backend alice\nbackend bob\nbackend root superuser\n";
/// What each backend begins with; `p` of alice and of bob is on the same page.
const EACH: &str =
    "create context W\npalloc 8 as a\npalloc 8 as c\nread t 0 hold as p\nring r bulkread";

/// What backends do with pages.
const PAGES: &[&str] = &[
    "read t $N",
    "read $T 0..2",
    "read t $N..15",
    "update t $N",
    "update $T zipf(1.1) times 2",
    "hint t $N",
    "read t uniform times 3",
    "read t hot(4, 0.9) times 3",
    "read t loop(5) times 3",
    "read t sequential times 3",
    "read t $N hold as p\ndirty p\nunpin p",
    "read t $N hold as p\ndirty p nowal",
    "read t $N hold as p",
    "unpin p",
    "unpin p\nflush p",
    "cleanup p",
    "cleanup p nowait",
    "flush $T",
    "seqscan $T",
    "vacuum t",
    "vacuum t freeze",
    "vacuum t buffer_usage_limit=128kB",
    "prewarm $T",
    "insert $T times 2",
    "extend t by 3",
    "extend t hold as p",
    "copy t pages=$N",
    "create table new$F as pages=3",
    "truncate t to $N",
    "bitmapscan t $N, 3..5",
    "indexscan i $N",
    "indexscan i 3, 1 update",
    "ring r vacuum\nread t $N ring r\nfree r",
    "update t $N ring r",
    "readbuffers t $N..15",
    "evict $N",
    "temp table temp$F pages=3\nupdate temp$F 0..2",
    "create temp table temp$F pages=3\ninsert temp$F",
    "drop old$F",
];

/// What they do with memory.
const MEMORY: &[&str] = &[
    "palloc $S as a",
    "palloc $S in W as a",
    "palloc $S noerror in W as a",
    "palloc 2000MB as c",
    "palloc 2000MB noerror as c",
    "palloc0 $S aligned 64 in W as c",
    "pfree a",
    "pfree c",
    "repalloc a $S",
    "reset W",
    "reset only W",
    "reset children TopMemoryContext",
    "delete W",
    "delete children W",
    "create context W $K",
    "create context V in W slab chunk=64\npalloc 64 in V as c",
    "create context V in W\nmove V under MessageContext",
    "move W under MessageContext",
    "on reset W call closer",
    "identify W \"what for\"",
    "strdup \"x\" in W as c",
    "switch to W",
    "poke a 8 at $N",
    "peek a",
    "peek a of $O",
];

/// What they do in transactions and sessions.
const SESSION: &[&str] = &[
    "begin",
    "begin\nsavepoint s",
    "begin\nsavepoint s\npalloc $S\nrelease s",
    "savepoint s",
    "release s",
    "rollback to s",
    "rollback",
    "commit",
    "call f { palloc $S as x; palloc $S }",
    "query { palloc $S as x; tuple { palloc 64 } }",
    "query { plan { palloc $S; open t }; palloc $S }",
    "query { read t $N; update t $N; spi { palloc $S } }",
    "query { sort rows=$R width=4000 work_mem=64kB }",
    "query { sort rows=$R width=200 limit=$N }",
    "query { hash rows=$R width=4000 work_mem=64kB }",
    "query { hash rows=$R width=8 estimate=2 }",
    "query { palloc $S; error \"no\"; palloc $S }",
    "do { palloc $S; spi { palloc $S as x } }",
    "query { plpgsql f { block { perform { palloc $S; tuple { palloc $S } }; exception { palloc $S } } } }",
    "query { tuple { plpgsql g { block { return query { error \"no\"; palloc $S }; exception { palloc $S as x } }; palloc $S } } }",
    "do { plpgsql { block { call f { for query { perform { plpgsql f { error \"no\" } } } }; exception { perform { sort rows=20 width=9 } } } } }",
    "query { hash aggregate groups=90 width=9 estimate=3; hash aggregate groups=9 width=4; palloc $S }",
    "query { plpgsql f { for query { block { perform { hash rows=9 width=9 }; error \"no\"; exception { palloc $S } } } } }",
    "simple query $T",
    "simple query v sort width=44 work_mem=64kB",
    "begin\ndeclare cursor k\nfetch k { palloc $S }",
    "begin\ndeclare cursor k with hold\nfetch k { sort rows=9 width=44 }\ncommit\nfetch k",
    "fetch k { palloc $S }",
    "begin\ndeclare cursor k\nclose k",
    "close k",
    "prepare q \"select 1\" on t params cost=8\nexecute q cost=7 { palloc $S }",
    "prepare q \"select 1\"",
    "execute q cost=$N plan_cache_mode=force_generic_plan",
    "repeat 6 { execute q cost=$N }",
    "deallocate q",
    "deallocate all",
    "parse \"select $N\" on t params\nbind cost=8\nrun { palloc $S }\nsync",
    "parse q \"select 1\"\nbind k to q\nrun k",
    "run k",
    "sync",
    "alter table $T",
    "set work_mem = $N000kB",
    "begin\nset local work_mem = 100kB",
    "set lock_timeout = 300",
    "set plan_cache_mode = force_custom_plan",
    "reset work_mem",
    "reset all",
    "disconnect\nconnect",
    "disconnect",
    "connect",
];

/// What they do with locks.
const LOCKS: &[&str] = &[
    "begin\nlock $T $M",
    "lock $T $M",
    "lock $T $M nowait",
    "begin\nlock t page $N exclusive",
    "lock t page 1 tuple $N $M",
    "advisory lock $N",
    "advisory lock 1..$N",
    "advisory lock 1, 2 shared",
    "begin\nadvisory lock $N xact",
    "advisory lock $N try",
    "advisory unlock $N",
    "advisory unlock all",
    "begin\nassign xid",
    "assign xid",
    "wait for $O",
    "savepoint s\nlock $T $M\nrollback to s",
];

/// What somebody looks at.
const SHOWN: &[&str] = &[
    "contexts",
    "stats",
    "stats W",
    "log",
    "fragmentation",
    "malloc",
    "locks",
    "pg_stat_bgwriter",
    "pg_statio_user_tables",
    "pg_locks",
    "lock_tables",
    "processes",
    "work_mem",
];

/// What happens besides.
const SERVER: &[&str] = &[
    "checkpoint",
    "bgwriter",
    "bgwriter maxpages=3 multiplier=4 delay=100ms",
    "walflush",
    "table old$F pages=4\nalice: update old$F 0..2",
    "ask \"?\" victim\ncheckpoint",
    "note \"Well.\"",
    "sleep 1s",
    "sleep 100ms",
    "cancel $W",
    "cancel $W",
    "alter system set work_mem = 1MB\nreload",
    "alter system set shared_buffers = 256kB",
    "alter system reset all",
    "reload",
    "restart\nalice: connect\nbob: connect",
    "restart",
    "expect hits > $N",
    "expect usage(t, $N) >= 0",
    "expect waiting($W) = 0",
    "expect error \"deadlock detected\"",
    "pgbench tables\n$W: pgbench",
    "as $W { read t $N; palloc $S as a }",
    "repeat 2 { alice: read t $N; bob: palloc $S as a }",
    "repeat $R { $W: read t zipf(1.1) }",
    "repeat $R { expect hits >= 0 }",
    "repeat 3 { repeat $R { note \"x\" }; $W: read t $N }",
    "$W: show $V",
    "alice: begin\nalice: lock u exclusive\nbob: begin\nbob: lock v exclusive\n\
     alice: lock v $M\nbob: lock u $M",
    "bob: begin\nbob: lock u exclusive\nalice: begin\nalice: lock u $M nowait",
    "bob: begin\nbob: lock u exclusive\nalice: begin\nalice: set lock_timeout = 300\n\
     alice: lock u $M\nsleep 1s",
    "alice: begin\nalice: declare cursor k\nalice: fetch k { error \"no\" }\nalice: commit",
    PIN_ALL,
];
/// In a small pool nothing is left then.
const PIN_ALL: &str = "$W: prewarm t\n$W: read t 1 hold as p1\n$W: read t 2 hold as p2\n\
    $W: read t 3 hold as p3\n$W: read t 4 hold as p4\n$W: read t 5 hold as p5\n\
    $W: read t 6 hold as p6\n$W: read t 7 hold as p7\n$W: read t 8 hold as p8\n\
    $W: read t 9 hold as p9\n$W: read t 10 hold as pa\n$W: read t 11 hold as pb\n\
    $W: read t 12 hold as pc\n$W: read t 13 hold as pd\n$W: read t 14 hold as pe\n\
    $W: read t 15 hold as pf\n$W: read t 16\n$W: temp table temp$F pages=3\n$W: seqscan t";

const SIZES: &[&str] = &["1", "8", "60", "100", "1kB", "5000", "9000", "20kB"];
const KINDS: &[&str] = &["allocset", "allocset small", "generation", "bump"];
const MODES: &[&str] = &[
    "access share",
    "row share",
    "row exclusive",
    "share update exclusive",
    "share",
    "share row exclusive",
    "exclusive",
    "access exclusive",
];
const WHO: &[&str] = &["alice", "alice", "bob", "root"];
/// Small pools, where pages have to go, are the usual ones.
const POOLS: &[&str] = &["128kB", "128kB", "144kB", "256kB", "1MB"];

/// The steps that every scenario begins with: `BEGIN`, and `EACH` for three.
pub(crate) const BEGUN: u64 = 7 + 3 * 5;

/// A scenario.
pub(crate) fn scenario(dice: &mut Dice) -> String {
    let (version, pool) = (dice.one_of(&["15", "17", "18", "19"]), dice.one_of(POOLS));
    let seed = dice.roll(1000);
    let mut text = format!(
        "pgscope 1\ntitle \"A *title*\"\nserver {version} shared_buffers={pool} seed={seed}\n{BEGIN}"
    );
    for who in ["alice", "bob", "root"] {
        add(&mut text, who, EACH);
    }
    // Tables that may be dropped or scanned once; a name is taken once.
    let (mut new, mut dropped, mut pgbench) = (0, 0, false);
    let lines = match dice.roll(50) {
        0 => 20 + dice.roll(20),
        1..10 => 5 + dice.roll(6),
        _ => 1 + dice.roll(4),
    };
    for _ in 0..lines {
        let who = dice.one_of(WHO);
        let family = dice.roll(100);
        let line = match family {
            0..30 => dice.one_of(PAGES),
            30..50 => dice.one_of(MEMORY),
            50..74 => dice.one_of(SESSION),
            74..88 => dice.one_of(LOCKS),
            _ => dice.one_of(SERVER),
        };
        if line.starts_with("drop") {
            dropped += 1;
            text += &format!("table old{dropped} pages=4\n{who}: update old{dropped} 0..1\n");
        }
        if line.starts_with("pgbench") && std::mem::replace(&mut pgbench, true) {
            continue;
        }
        new += 1;
        let number = if line.starts_with("drop") { dropped } else { new + 100 };
        let line = fill(line, who, number, dice);
        match family {
            88.. => text.extend([&line, "\n"]),
            _ => add(&mut text, who, &line),
        }
    }
    text
}

fn add(text: &mut String, who: &str, lines: &str) {
    for line in lines.lines() {
        text.extend([who, ": ", line, "\n"]);
    }
}

fn fill(line: &str, who: &str, number: u64, dice: &mut Dice) -> String {
    let mut filled = String::new();
    let mut parts = line.split('$');
    filled += parts.next().unwrap_or_default();
    for part in parts {
        let (gap, rest) = part.split_at(1);
        filled += &match gap {
            "N" => (1 + dice.roll(15)).to_string(),
            "R" => match dice.roll(30) {
                0 => "300".to_owned(),
                _ => dice.one_of(&["2", "3", "5", "8", "20"]).to_owned(),
            },
            "S" => dice.one_of(SIZES).to_owned(),
            "K" => dice.one_of(KINDS).to_owned(),
            "M" => dice.one_of(MODES).to_owned(),
            "T" => dice.one_of(&["t", "t", "u"]).to_owned(),
            "V" => dice.one_of(SHOWN).to_owned(),
            "O" => {
                dice.one_of(if who == "alice" { &["bob", "root"] } else { &["alice"] }).to_owned()
            }
            "W" => dice.one_of(WHO).to_owned(),
            _ => number.to_string(),
        };
        filled += rest;
    }
    filled
}
