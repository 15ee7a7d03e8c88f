//! Whatever the text or the link, nothing panics and nothing grows without bound.

use std::rc::Rc;

use pgscope_core::{Error, Server};
use pgscope_scenario::link::{self, Link};
use pgscope_scenario::{
    History, METRICS, Position, REFERENCE, STATEMENTS, StepKind, compile, format, highlight,
    limits, narrate, parse,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::string::string_regex;

fn cases(cases: u32) -> ProptestConfig {
    // Without a file of past failures: a case worth keeping becomes a test of its own.
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Everything that a page does with a text while somebody types.
fn survives(source: &str) {
    let parsed = parse(source);
    assert!(parsed.diagnostics.len() <= limits::MAX_DIAGNOSTICS);
    let lines = highlight(source);
    for (line, parts) in source.split('\n').zip(&lines) {
        assert!(parts.iter().all(|(range, _)| line.get(range.clone()).is_some()));
    }
    match format(source) {
        Ok(canonical) => {
            assert_eq!(parse(&canonical).script, parsed.script);
            assert_eq!(format(&canonical).as_ref(), Ok(&canonical));
        }
        Err(diagnostics) => assert_eq!(diagnostics, parsed.diagnostics),
    }
    match compile(source) {
        Ok(program) => {
            let end = program.len();
            assert!(end <= limits::MAX_STEPS);
            let inside = [0, end / 3, end / 2, end.saturating_sub(1)];
            assert!(end == 0 || inside.iter().all(|&i| program.step(i).is_some()));
            assert!(program.step(end).is_none());
        }
        Err(diagnostics) => {
            assert!((1..=limits::MAX_DIAGNOSTICS).contains(&diagnostics.len()));
            assert!(diagnostics.iter().all(|found| found.to_string().len() < 2_000));
        }
    }
}

fn random_bytes() -> impl Strategy<Value = String> {
    vec(any::<u8>(), 0..60).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Words of the language in no order.
fn token_soup() -> impl Strategy<Value = String> {
    let mut words: Vec<&'static str> = vec![
        ":",
        ";",
        ",",
        "..",
        "(",
        ")",
        "{",
        "}",
        "=",
        "<",
        "<=",
        "<>",
        "\"",
        "\n",
        "\n",
        "\n",
        "--",
        "0",
        "3",
        "0..5",
        "1.1",
        "18",
        "128kB",
        "99999999999999999999",
        "t",
        "alice:",
        "alice",
        "W",
        "as",
        "hold",
        "in",
        "to",
        "context",
        "pages=20",
        "zipf",
        "zipf(1.1)",
        "uniform",
        "times",
        "TopMemoryContext",
        "unlogged",
        "shared_buffers=",
        "seed",
        "delay=",
        "min=",
        "error",
        "é",
        "%",
        "table t pages=20\n",
        "backend alice\n",
        "alice: palloc 8 as x\n",
        "\"text\"",
        "{\n",
    ];
    words.extend(STATEMENTS.iter().flat_map(|info| [info.word(), info.keyword]));
    words.extend(REFERENCE.iter().map(|reference| reference.example));
    words.extend(METRICS.iter().map(|info| info.name));
    vec((select(words), select(vec![" ", " ", ""])), 0..25)
        .prop_map(|words| words.into_iter().flat_map(|(word, gap)| [word, gap]).collect())
}

/// A statement that makes sense in [`valid_script`], with any spacing and letters.
fn statement() -> impl Strategy<Value = String> {
    let number = 0..20_u32;
    let name = || string_regex("[a-zA-Z_ü][a-z0-9_$]{0,5}").expect("a regex");
    let offset = || select(vec![0u32, 8, 60, 64, 100, 200, 1000, 9000]);
    let size = || string_regex("[1-9][0-9]{0,3}( |(\\.[05])?kB|MB|B)").expect("a regex");
    prop_oneof![
        (number.clone(), 0..9_u32).prop_map(|(a, b)| format!("read t {a}..{}", a + b)),
        vec(number.clone(), 1..4).prop_map(|blocks| {
            format!(
                "UPDATE  t {}",
                blocks.iter().map(u32::to_string).collect::<Vec<_>>().join(" ,")
            )
        }),
        (number.clone(), name()).prop_map(|(a, p)| format!("hint t {a} hold as {p}")),
        (1..99_u32, number)
            .prop_map(|(s, n)| format!("read\tt zipf({}) times {n}", f64::from(s) / 10.0)),
        (size(), name()).prop_map(|(size, a)| format!("palloc {size} as {a};pfree {a}")),
        (name(), size()).prop_map(|(w, size)| format!("create context x{w} small min={size}")),
        (name(), size()).prop_map(|(w, size)| format!(
            "create context s{w} in MessageContext slab chunk={size};palloc {size} in s{w} as c"
        )),
        (name(), select(vec!["generation", "bump small", "allocset"])).prop_map(|(w, kind)| {
            format!("create context y{w} {kind}; strdup \"a\"\"b\" in y{w}; identify y{w} \"é\"")
        }),
        (size(), name()).prop_map(|(size, a)| {
            format!("palloc {size} noerror as {a} aligned 64 zero;repalloc {a} {size} huge noerror")
        }),
        name().prop_map(|w| format!(
            "create context z{w};on reset z{w} call f;move z{w} under TopMemoryContext;\
             reset only z{w};reset children z{w};delete children z{w}"
        )),
        (size(), name(), offset()).prop_map(|(size, a, at)| format!(
            "palloc {size} as {a}; pfree {a}; poke {a} 8 at {at}; pfree {a}; peek {a}"
        )),
        (size(), name(), offset(), offset()).prop_map(|(size, a, at, bytes)| format!(
            "create context p{a} slab chunk={size};palloc {size} in p{a} as {a};\
             palloc {size} in p{a} as c;poke {a} {bytes} at {at};pfree c;reset p{a};\
             peek {a} {bytes} at {at};poke c 16;palloc {size} in p{a} as c"
        )),
        (size(), name(), offset(), select(vec!["generation", "bump small", "allocset"])).prop_map(
            |(size, a, at, kind)| format!(
                "create context q{a} {kind}; palloc {size} in q{a} as {a}; poke {a} 40 at {at};\
                 repalloc {a} {size}; show contexts; show stats TopMemoryContext; show malloc;\
                 show fragmentation; delete q{a}; poke {a} 100; pfree {a}"
            )
        ),
        select(vec![
            "show contexts",
            "SHOW stats TopMemoryContext",
            "show fragmentation; show malloc"
        ])
        .prop_map(str::to_owned),
        select(vec![
            "seqscan t; prewarm l; seqscan l",
            "vacuum t; vacuum t buffer_usage_limit=128kB",
            "bitmapscan t 3..5,4,12; truncate t to 15",
            "insert t times 3; copy t pages=3; extend t by 4",
            "indexscan i sequential times 2 update; indexscan i hot(3,0.50)",
            "ring r BULKREAD size=256kB; update t loop(9) times 12 ring r; free r",
            "ring r vacuum; extend t ring r; evict 3; flush t; free r; free r",
            "show pg_buffercache; show pg_stat_io; show pg_statio_user_tables",
            "show pg_buffercache_summary; show pg_stat_bgwriter",
            "expect pg_stat_io( \"client backend\", relation, \"normal\", reads)>=0.0",
        ])
        .prop_map(str::to_owned),
        Just("bgwriter delay = 1s maxpages=7".to_owned()),
        Just("expect  hit_ratio<=0.50; expect error \"a \"\"b\"\"\"".to_owned()),
        Just("expect used(alice ,TopMemoryContext) != 1kB".to_owned()),
    ]
}

/// Statements with comments and empty lines between them, and blocks around them.
fn valid_script() -> impl Strategy<Value = String> {
    let line = (statement(), select(vec!["\n", "\n\n\n", ";", "; ;\n", " -- é \n", "\n -- x\n"]));
    let line = line.prop_map(|(statement, end)| statement + end);
    let block = line.prop_recursive(4, 24, 4, |inner| {
        let open = select(vec![
            "repeat 3 {",
            "call f{\n",
            "alice: repeat 0 { -- in\n",
            "alice: call g { ",
        ]);
        let close = select(vec!["}\n", " } -- out\n", "\n\n}\n", "};"]);
        (open, vec(inner, 0..4), close).prop_map(|(open, inner, close)| {
            let inner = inner.concat();
            format!("{open}{inner}{close}")
        })
    });
    let items = vec(block.prop_map(|block| format!("alice: repeat 2 {{ {block} }}\n")), 0..6);
    items.prop_map(|items| {
        let head = "table t pages=20\nindex i on t\nbackend alice\nalice: temp table l pages=9";
        format!("{head}\nalice: extend t\n{}", items.concat())
    })
}

proptest! {
    #![proptest_config(cases(50_000))]

    #[test]
    fn random_bytes_do_no_harm(source in random_bytes()) {
        survives(&source);
    }

    #[test]
    fn token_soup_does_no_harm(source in token_soup()) {
        survives(&source);
    }

    #[test]
    fn random_links_do_no_harm(
        mark in select(vec!["s1=", "s1=", "#s1=", "s1%3D", "s2=", ""]),
        body in string_regex("[A-Za-z0-9_-]{0,40}(%[0-9a-f]{2}|.)?[A-Za-z0-9_-]{0,10}").expect("a regex"),
    ) {
        let fragment = mark.to_owned() + &body;
        prop_assert!(link::decode(&fragment).is_err());
    }
}

proptest! {
    // Ten damaged links from each good one make it 50,000: packing takes the most time.
    #![proptest_config(cases(5_000))]

    #[test]
    fn changed_links_do_no_harm(
        text in token_soup(), op: u64, event: u32, panels: u32,
        changes in vec((any::<usize>(), 0x20..0x7f_u8, any::<usize>()), 10),
    ) {
        let wanted = Link { text, op, event, panels };
        let whole = link::encode(&wanted);
        prop_assert_eq!(link::decode(&whole), Ok(wanted.clone()));
        for (at, to, cut) in changes {
            let mut bytes = whole.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] = to;
            bytes.truncate(1 + cut % (2 * bytes.len()));
            if let Ok(found) = link::decode(&String::from_utf8_lossy(&bytes)) {
                prop_assert_eq!(&found, &wanted);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn format_is_the_identity_on_what_is_said(source in valid_script()) {
        let errors = compile(&source).map(|_| ()).err();
        prop_assert!(errors.is_none(), "{}\n{:?}", source, errors);
        survives(&source);
    }

    #[test]
    fn the_machine_knows_every_number(source in prop_oneof![valid_script(), token_soup()]) {
        let Ok(program) = compile(&source) else { return Ok(()) };
        let config = program.config();
        let settings = program.settings().clone();
        let started = Server::start(config.version, settings, config.seed);
        prop_assert!(started.is_ok());
        let Ok(mut server) = started else { return Ok(()) };
        for step in (0..300).map_while(|i| program.step(i)) {
            if let StepKind::Op(op) = step.kind {
                let result = server.apply(&op);
                prop_assert!(!matches!(result, Err(Error::Protocol(_))), "{:?}: {:?}", op, result);
            }
        }
    }
}

/// The machine at a history's position: its counters, and the first bytes of each region.
fn machine(history: &History) -> (Position, String, Vec<Vec<u8>>) {
    let server = history.server();
    let (strategy, wal) = (server.pool().strategy(), server.pool().wal.flushed());
    let counters = format!("{strategy:?} {wal} {:?} {:?}", server.usage(), history.error());
    let bytes = server.regions().into_iter().map(|region| {
        let mut bytes = vec![0; region.size.min(16 << 10) as usize];
        server.peek(region.addr, &mut bytes);
        bytes
    });
    (history.position(), counters, bytes.collect())
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn history_is_the_same_both_ways(source in valid_script(), jumps in vec(any::<usize>(), 10)) {
        let program = compile(&source).map_err(|errors| TestCaseError::fail(format!("{errors:?}")))?;
        let mut history = History::new(Rc::new(program)).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let mut forward = vec![machine(&history)];
        while forward.len() < 100 && history.step_event() {
            prop_assert!(!narrate(&history).text().is_empty());
            forward.push(machine(&history));
        }
        for expected in forward.iter().rev().skip(1) {
            prop_assert!(history.back_event());
            prop_assert!(&machine(&history) == expected, "back at {:?}", expected.0);
        }
        for jump in jumps {
            let expected = &forward[jump % forward.len()];
            history.seek(expected.0);
            prop_assert!(&machine(&history) == expected, "sought {:?}", expected.0);
        }
    }
}

#[test]
fn the_largest_texts_do_no_harm() {
    for piece in
        ["{", "}", "a:", "repeat 1 {", "x ", "x\n", "\"", "checkpoint;", "é", "1..", "a: read t 1,"]
    {
        let mut source = piece.repeat(limits::MAX_TEXT / piece.len());
        survives(&source);
        source.push_str(&" ".repeat(limits::MAX_TEXT));
        survives(&source);
    }
}

#[test]
fn many_unknown_names_do_no_harm() {
    let numbers = || 0..4_000;
    let known = numbers().map(|i| format!("table known{i} pages=1\n"));
    let unknown = numbers().map(|i| format!("a: read other{i} 1\n"));
    let source: String =
        std::iter::once("backend a\n".to_owned()).chain(known).chain(unknown).collect();
    assert!(source.len() <= limits::MAX_TEXT);
    let errors = compile(&source).err().map(|errors| errors.len());
    assert_eq!(errors, Some(limits::MAX_DIAGNOSTICS));
}
