//! Checking: from scripts to the operations they mean, and what is refused.

use pgscope_core::Op;
use pgscope_core::ids::{
    BackendId, BufferId, ChunkSlot, ContextSlot, PinSlot, RelId, StrategySlot,
};
use pgscope_core::op::{
    Allocator, BgWriterRound, Bulk, DirtyKind, Persistence, ReadMode, StrategyKind,
};

use crate::{
    Comparison, ContextMetric, Expectation, Metric, Program, STATEMENTS, ServerMetric, StepKind,
    compile,
};

const HEAD: &str = "table t pages=20\nbackend alice\nbackend bob\n";
const ALICE: BackendId = BackendId(0);
const BOB: BackendId = BackendId(1);

fn program(source: &str) -> Program {
    compile(source).unwrap_or_else(|errors| {
        panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

/// The operations after [`HEAD`].
fn ops(source: &str) -> Vec<Op> {
    let program = program(&format!("{HEAD}{source}"));
    let steps = (3..program.len()).map(|i| program.step(i).unwrap());
    steps
        .filter_map(|step| match step.kind {
            StepKind::Op(op) => Some(op),
            StepKind::Expect(_) | StepKind::Show { .. } | StepKind::Note(_) | StepKind::Ask(_) => {
                None
            }
        })
        .collect()
}

fn read(backend: BackendId, block: u32, dirty: Option<DirtyKind>, pin: Option<PinSlot>) -> Op {
    Op::Read { backend, rel: RelId(0), block, mode: ReadMode::Normal, strategy: None, dirty, pin }
}

/// What is wrong, without the quoted lines.
fn errors(source: &str) -> Vec<String> {
    let errors = compile(source).map(|_| ()).unwrap_err();
    errors
        .iter()
        .map(|error| format!("{}:{}: {}", error.line, error.column, error.message))
        .collect()
}

#[test]
fn every_example_compiles() {
    for (info, reference) in STATEMENTS.iter().zip(crate::REFERENCE) {
        let start = "table orders pages=200\nbackend alice\nalice: create context Work\n\
                     alice: palloc 1 as a\nalice: read orders 3 hold as p\n";
        let source = match info.keyword {
            "server" | "pgscope" => reference.example.to_owned(),
            _ => format!("{start}{}", reference.example),
        };
        program(&source);
        let example = reference.example;
        assert_eq!(crate::parse(example).script.to_string().trim_end(), example);
    }
}

#[test]
fn server_is_configuration() {
    let config = program("server 18 shared_buffers=1MB seed=7").config();
    assert_eq!((config.version.number(), config.shared_buffers, config.seed), (18, 128, 7));
    assert_eq!(program("").config(), crate::ServerConfig::default());
}

#[test]
fn relations_and_backends_are_steps() {
    let program = program("table a pages=3 unlogged\nbackend x");
    let (rel, name) = (RelId(0), "a".into());
    let create = Op::CreateRelation { rel, name, nblocks: 3, persistence: Persistence::Unlogged };
    assert_eq!(program.step(0).unwrap().kind, StepKind::Op(create));
    let connect = Op::Connect { backend: BackendId(0), name: "x".into() };
    assert_eq!(program.step(1).unwrap().kind, StepKind::Op(connect));
    assert_eq!(program.step(2), None);
}

#[test]
fn pages() {
    let wal = Some(DirtyKind::Wal { end: None });
    let found = ops("alice: read t 3, 9..10\nbob: update t 1 hold as p\nbob: hint t 2\n\
                     bob: dirty p nowal; bob: flush p; bob: unpin p; alice: extend t hold as p");
    let pin = PinSlot(0);
    let wanted = [
        read(ALICE, 3, None, None),
        read(ALICE, 9, None, None),
        read(ALICE, 10, None, None),
        read(BOB, 1, wal, Some(pin)),
        read(BOB, 2, Some(DirtyKind::Hint), None),
        Op::MarkDirty { backend: BOB, pin, kind: DirtyKind::Plain },
        Op::FlushBuffer { backend: BOB, pin },
        Op::Unpin { backend: BOB, pin },
        Op::Extend { backend: ALICE, rel: RelId(0), strategy: None, dirty: None, pin: Some(pin) },
    ];
    assert_eq!(found, wanted);
}

#[test]
fn statements_over_many_pages() {
    let backend = ALICE;
    let statement = |rel: u32, bulk: Bulk, pages: u32, steps: usize| {
        let begin = Op::BulkBegin { backend, rel: RelId(rel), bulk };
        let next = Op::BulkNext { backend, pages };
        let steps = std::iter::repeat_n(next, steps);
        [begin].into_iter().chain(steps).chain([Op::BulkEnd { backend }]).collect::<Vec<_>>()
    };
    // Twenty pages are twenty steps.
    assert_eq!(ops("alice: seqscan t"), statement(0, Bulk::SeqScan, 1, 20));
    // A table that grows somewhere has as many as it turns out to have.
    let found = ops("alice: prewarm t\nalice: extend t");
    assert_eq!(found[..3], statement(0, Bulk::Prewarm, u32::MAX, 1));
    let ranges = Bulk::BitmapScan(std::rc::Rc::new([(2, 5), (5, 8), (9, 10)]));
    assert_eq!(ops("alice: bitmapscan t 9, 3..7, 2..4"), statement(0, ranges, 1, 7));
    let vacuum = |limit| statement(0, Bulk::Vacuum { size_kb: limit, freeze: false }, 1, 20);
    assert_eq!(ops("alice: vacuum t"), vacuum(None));
    assert_eq!(ops("alice: vacuum t buffer_usage_limit=0"), vacuum(Some(0)));
    assert_eq!(ops("alice: vacuum t buffer_usage_limit=1MB"), vacuum(Some(1024)));
    let found = ops("alice: create table c as pages=3");
    assert!(matches!(found[0], Op::CreateRelation { rel: RelId(1), nblocks: 0, .. }));
    assert_eq!(found[1..], statement(1, Bulk::CreateTableAs, 1, 3));
}

#[test]
fn rings_tables_and_indexes() {
    let (backend, rel) = (ALICE, RelId(0));
    let strategy = StrategySlot::FIRST_USER;
    let found =
        ops("alice: ring r vacuum size=256kB; alice: extend t by 4 ring r; alice: free r\n\
                     index i on t\nalice: indexscan i 3 update; alice: evict 7; alice: flush t\n\
                     alice: truncate t to 4; alice: drop t");
    let wanted = [
        Op::CreateStrategy { backend, strategy, kind: StrategyKind::Vacuum, size_kb: Some(256) },
        Op::ExtendBy { backend, rel, count: 4, strategy: Some(strategy) },
        Op::FreeStrategy { backend, strategy },
        Op::CreateIndex { rel: RelId(1), name: "i".into(), table: rel },
        Op::IndexScan { backend, index: RelId(1), block: 3, update: true },
        Op::Evict { backend, buffer: BufferId(6) },
        Op::FlushRelation { backend, rel },
        Op::Truncate { backend, rel, nblocks: Some(4) },
        Op::Truncate { backend, rel, nblocks: None },
    ];
    assert_eq!(found, wanted);
    // A dropped table's name is free, and means nothing until it is used again.
    let again = "alice: drop t\nalice: read t 1\ntable t pages=3\nalice: read t 2";
    assert_eq!(errors(&format!("{HEAD}{again}")), ["5:13: there is no table \"t\""]);
}

#[test]
fn generators_count_their_turns() {
    let blocks = |source: &str| {
        let blocks = ops(source).into_iter().filter_map(|op| match op {
            Op::Read { block, .. } => Some(block),
            _ => None,
        });
        blocks.collect::<Vec<_>>()
    };
    assert_eq!(blocks("alice: read t loop(3) times 5"), [0, 1, 2, 0, 1]);
    let nested = "repeat 2 { repeat 2 { alice: read t sequential times 2 }; checkpoint }";
    assert_eq!(blocks(nested), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert!(blocks("alice: read t hot(4, 1) times 50").iter().all(|block| *block < 4));
    let cold = blocks("alice: read t hot(4, 0) times 18");
    assert_eq!(cold, [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 4, 5]);
}

#[test]
fn views_have_the_versions_columns() {
    let said = |version: u32, view: &str| errors(&format!("server {version}\nexpect {view} = 0"));
    assert_eq!(said(15, "pg_stat_io(hits)"), ["2:8: PostgreSQL 15 has no pg_stat_io"]);
    let wrong = "2:25: pg_stat_bgwriter has no column \"buffers_backend\"";
    assert_eq!(said(18, "pg_stat_bgwriter(buffers_backend)"), [wrong]);
    program("server 15\nexpect pg_stat_bgwriter(buffers_backend) = 0");
    program("server 17\nexpect pg_buffercache_usage_counts(5, buffers) = 0");
}

#[test]
fn contexts_and_chunks() {
    let found =
        ops("alice: create context W in TopMemoryContext small max=4kB; alice: switch to W\n\
                     alice: palloc 1kB as a\nalice: palloc0 8 in W\nalice: repalloc a 9\n\
                     alice: pfree a\nalice: reset W\nalice: delete W");
    let (backend, context, chunk) = (ALICE, ContextSlot::FIRST_USER, ChunkSlot(0));
    let allocator = Allocator::AllocSet { min: 0, init: 1024, max: 4096 };
    let (parent, name) = (Some(ContextSlot::TOP), "W".into());
    let wanted = [
        Op::CreateContext { backend, context, parent, name, allocator },
        Op::SwitchTo { backend, context },
        Op::Palloc { backend, context: None, size: 1024, zero: false, chunk: Some(chunk) },
        Op::Palloc { backend, context: Some(context), size: 8, zero: true, chunk: None },
        Op::Repalloc { backend, chunk, size: 9 },
        Op::Pfree { backend, chunk },
        Op::Reset { backend, context },
        Op::Delete { backend, context },
    ];
    assert_eq!(found, wanted);
}

#[test]
fn what_the_server_does() {
    let round = BgWriterRound { maxpages: Some(10), multiplier: Some(0.5), delay_ms: Some(1000) };
    let wanted = [
        Op::BackgroundWriter { backend: None, round: BgWriterRound::default() },
        Op::BackgroundWriter { backend: None, round },
        Op::Checkpoint { all: false },
        Op::WalFlush { end: None },
    ];
    let source = "bgwriter\nbgwriter maxpages=10 multiplier=0.5 delay=1s\ncheckpoint\nwalflush";
    assert_eq!(ops(source), wanted);
}

#[test]
fn blocks_inherit_their_backend() {
    let found = ops("alice: repeat 2 { read t 1; bob: read t 2; checkpoint }");
    let round =
        [read(ALICE, 1, None, None), read(BOB, 2, None, None), Op::Checkpoint { all: false }];
    assert_eq!(found, [&round[..], &round[..]].concat());
}

#[test]
fn calls_begin_and_end() {
    let program = program(&format!("{HEAD}alice: call f {{\n    call g {{ }}\n    read t 1\n}}"));
    let steps: Vec<_> = (3..program.len()).map(|i| program.step(i).unwrap()).collect();
    let lines: Vec<_> = steps.iter().map(|step| (step.line, step.statement)).collect();
    assert_eq!(lines, [(4, 3), (5, 4), (5, 4), (6, 5), (7, 3)]);
    let begin = |name: &str| Op::CallBegin { backend: ALICE, function: name.into() };
    let end = Op::CallEnd { backend: ALICE };
    let wanted = [begin("f"), begin("g"), end.clone(), read(ALICE, 1, None, None), end];
    assert_eq!(
        steps.into_iter().map(|step| step.kind).collect::<Vec<_>>(),
        wanted.map(StepKind::Op)
    );
}

#[test]
fn repeats_cost_nothing() {
    let source =
        format!("{HEAD}repeat 1000000 {{ repeat 9 {{ alice: read t uniform }}; checkpoint }}");
    let program = program(&source);
    assert_eq!(program.len(), 3 + 10_000_000);
    assert_eq!(program.step(10_000_002).unwrap().kind, StepKind::Op(Op::Checkpoint { all: false }));
    assert!(matches!(program.step(9_999_999).unwrap().kind, StepKind::Op(Op::Read { .. })));
    assert_eq!(program.step(5_000_000), program.step(5_000_000));
    assert_eq!(program.step(10_000_003), None);
}

#[test]
fn lines_lead_to_steps() {
    let program =
        program(&format!("{HEAD}\nrepeat 3 {{\n    checkpoint\n    walflush\n}}\nbgwriter"));
    let found = [0, 3, 4, 5, 6, 7, 8, 9, 10].map(|line| program.first_step_from_line(line));
    let wanted = [Some(0), Some(2), Some(3), Some(3), Some(3), Some(4), Some(9), Some(9), None];
    assert_eq!(found, wanted);
}

#[test]
fn expectations_are_resolved() {
    let program = program(&format!(
        "{HEAD}alice: create context W\nexpect used(alice, W) <= 8kB; expect hits = 3\n\
         expect error \"no \"\"x\"\"\""
    ));
    let kinds: Vec<_> = (4..7).map(|i| program.step(i).unwrap().kind).collect();
    let compare = |metric, comparison, value| {
        StepKind::Expect(Expectation::Compare { metric, comparison, value })
    };
    let used = Metric::Context(ContextMetric::Used, ALICE, ContextSlot::FIRST_USER);
    let wanted = [
        compare(used, Comparison::LessOrEqual, 8192.0),
        compare(Metric::Server(ServerMetric::Hits), Comparison::Equal, 3.0),
        StepKind::Expect(Expectation::Error("no \"x\"".into())),
    ];
    assert_eq!(kinds, wanted);
}

#[test]
fn names_go_both_ways() {
    let program = program(&format!(
        "{HEAD}bob: create context W\nbob: palloc 1 as c\nbob: read t 1 hold as p"
    ));
    let names = program.names();
    assert_eq!(names.tables().collect::<Vec<_>>(), ["t"]);
    assert_eq!(names.find_backend("bob"), Some(BOB));
    assert_eq!(names.find_context(BOB, "W"), Some(ContextSlot::FIRST_USER));
    assert_eq!(names.find_context(ALICE, "W"), None);
    assert_eq!(names.context(BOB, ContextSlot::FIRST_USER), Some("W"));
    assert_eq!(names.context(ALICE, ContextSlot::TOP), Some("TopMemoryContext"));
    assert_eq!(names.chunk(BOB, ChunkSlot(0)).map(|name| &**name), Some("c"));
    assert_eq!(names.find_pin(BOB, "p"), Some(PinSlot(0)));
}

#[test]
fn one_mistake_is_said_once() {
    assert_eq!(errors("alice: read t 1\nalice: read t 2"), ["1:1: there is no backend \"alice\""]);
    // The table may well be meant by the line that makes no sense.
    let source = "tabel t pages=20\nbackend a\na: read t 1";
    assert_eq!(errors(source), ["1:1: there is no statement \"tabel\""]);
    // A name is there although its statement has another mistake.
    let source = format!("{HEAD}alice: palloc 1 in Wrok as x\nalice: pfree x");
    assert_eq!(errors(&source), ["4:20: there is no memory context \"Wrok\""]);
}

#[test]
fn steps_are_limited() {
    let many = "repeat 10000000000 { repeat 10000000000 { checkpoint } }";
    assert_eq!(errors(many), ["1:22: the scenario has more than 20000000 steps here"]);
    assert_eq!(errors("repeat 20000001 { checkpoint }").len(), 1);
    assert_eq!(program("repeat 20000000 { checkpoint }").len(), 20_000_000);
    assert_eq!(program("repeat 18446744073709551615 { }").len(), 0);
}
