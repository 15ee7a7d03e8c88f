//! Every statement of the language, in one table: what the parser looks up, what it
//! suggests, and what the reference is made of.

use crate::parser::Grammar;

/// Who executes a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A backend: the statement needs `alice:` before it, or around it.
    Backend,
    /// The server: no backend may stand before it.
    Server,
    /// Whoever executes what is inside.
    Either,
}

/// One statement's entry in the reference.
#[derive(Clone, Copy, Debug)]
pub struct StatementInfo {
    /// The word or words it begins with.
    pub keyword: &'static str,
    /// Who executes it.
    pub by: By,
    /// How it is written: capitals stand for what to fill in, brackets for what may be left out.
    pub syntax: &'static str,
    /// What it does: for the reference, which is not part of the page.
    #[cfg(not(target_arch = "wasm32"))]
    pub meaning: &'static str,
    /// An example that compiles in a scenario with a table `orders` of 200 pages, a backend
    /// `alice`, her context `Work`, chunk `a` and pin `p`.
    #[cfg(not(target_arch = "wasm32"))]
    pub example: &'static str,
    pub(crate) grammar: Grammar,
}

impl StatementInfo {
    /// The first word, which tells the statements apart.
    pub fn word(&self) -> &'static str {
        self.keyword.split(' ').next().unwrap_or_default()
    }
}

#[cfg_attr(target_arch = "wasm32", expect(unused_variables, reason = "the reference's words"))]
const fn statement(
    keyword: &'static str,
    by: By,
    syntax: &'static str,
    meaning: &'static str,
    example: &'static str,
    grammar: Grammar,
) -> StatementInfo {
    StatementInfo {
        keyword,
        by,
        syntax,
        #[cfg(not(target_arch = "wasm32"))]
        meaning,
        #[cfg(not(target_arch = "wasm32"))]
        example,
        grammar,
    }
}

/// Every statement.
#[rustfmt::skip]
pub const STATEMENTS: &[StatementInfo] = &[
    statement("server", By::Server,
        "server [VERSION] [shared_buffers=SIZE] [seed=NUMBER]",
        "Choose the server: at most once, as the first statement.",
        "server 18 shared_buffers=128kB seed=7", |it| it.server()),
    statement("table", By::Server,
        "table NAME pages=NUMBER [unlogged]",
        "Create a relation with so many pages on disk, none of them in memory.",
        "table customers pages=50", |it| it.table()),
    statement("backend", By::Server,
        "backend NAME",
        "A client connects: a backend is forked.",
        "backend bob", |it| it.backend()),
    statement("read", By::Backend,
        "read TABLE PAGES [hold as PIN]",
        "Read pages, one after the other; keep the pin of a single one under a name.",
        "alice: read orders 3, 5, 9..11", |it| it.read()),
    statement("update", By::Backend,
        "update TABLE PAGES [hold as PIN]",
        "Read pages and change each, with a WAL record.",
        "alice: update orders zipf(1.1) times 20", |it| it.update()),
    statement("hint", By::Backend,
        "hint TABLE PAGES [hold as PIN]",
        "Read pages and set a hint bit in each.",
        "alice: hint orders 3", |it| it.hint()),
    statement("dirty", By::Backend,
        "dirty PIN [hint | nowal]",
        "Mark a pinned page dirty: with a WAL record, by a hint bit, or without WAL.",
        "alice: dirty p", |it| it.dirty()),
    statement("extend", By::Backend,
        "extend TABLE [hold as PIN]",
        "Add a page at the end of a relation.",
        "alice: extend orders", |it| it.extend()),
    statement("unpin", By::Backend,
        "unpin PIN",
        "Release a pin.",
        "alice: unpin p", |it| it.unpin()),
    statement("flush", By::Backend,
        "flush PIN",
        "Write a pinned page out, if it is dirty.",
        "alice: flush p", |it| it.flush()),
    statement("checkpoint", By::Server,
        "checkpoint",
        "Write every dirty page out.",
        "checkpoint", |it| it.checkpoint()),
    statement("walflush", By::Server,
        "walflush",
        "Flush all WAL.",
        "walflush", |it| it.walflush()),
    statement("bgwriter", By::Server,
        "bgwriter [maxpages=NUMBER] [multiplier=NUMBER] [delay=TIME]",
        "One round of the background writer.",
        "bgwriter maxpages=10 delay=200ms", |it| it.bgwriter()),
    statement("create context", By::Backend,
        "create context NAME [in CONTEXT] [allocset] [default | small] [min=SIZE] [init=SIZE] [max=SIZE]",
        "Create a memory context, without `in` under the current one.",
        "alice: create context Scratch in TopMemoryContext small", |it| it.create_context()),
    statement("switch to", By::Backend,
        "switch to CONTEXT",
        "Make a memory context the current one.",
        "alice: switch to Work", |it| it.switch_to()),
    statement("palloc", By::Backend,
        "palloc SIZE [in CONTEXT] [as CHUNK]",
        "Allocate a chunk, without `in` in the current context; keep the pointer under a name.",
        "alice: palloc 100 in Work as b", |it| it.palloc()),
    statement("palloc0", By::Backend,
        "palloc0 SIZE [in CONTEXT] [as CHUNK]",
        "Allocate a chunk and fill it with zeros.",
        "alice: palloc0 1kB", |it| it.palloc0()),
    statement("pfree", By::Backend,
        "pfree CHUNK",
        "Free a chunk.",
        "alice: pfree a", |it| it.pfree()),
    statement("repalloc", By::Backend,
        "repalloc CHUNK SIZE",
        "Make a chunk larger or smaller.",
        "alice: repalloc a 400", |it| it.repalloc()),
    statement("reset", By::Backend,
        "reset CONTEXT",
        "Free everything in a memory context and delete its children.",
        "alice: reset Work", |it| it.reset()),
    statement("delete", By::Backend,
        "delete CONTEXT",
        "Delete a memory context with everything in it.",
        "alice: delete Work", |it| it.delete()),
    statement("begin", By::Backend,
        "begin",
        "The client sends BEGIN: a transaction starts.",
        "alice: begin", |it| it.begin()),
    statement("commit", By::Backend,
        "commit",
        "The client sends COMMIT: the transaction ends.",
        "alice: commit", |it| it.commit()),
    statement("rollback", By::Backend,
        "rollback [to SAVEPOINT]",
        "The client sends ROLLBACK: the transaction is undone, or what came after a savepoint.",
        "alice: rollback", |it| it.rollback()),
    statement("savepoint", By::Backend,
        "savepoint NAME",
        "The client sends SAVEPOINT: a subtransaction starts.",
        "alice: savepoint s1", |it| it.savepoint()),
    statement("release", By::Backend,
        "release SAVEPOINT",
        "The client sends RELEASE: the subtransaction becomes part of what is around it.",
        "alice: release s1", |it| it.release()),
    statement("query", By::Backend,
        "query { [plan { STATEMENTS }] STATEMENTS }",
        "The client sends a query: the statements are executed in its ExecutorState. Without `begin` it is a transaction of its own.",
        "alice: query { palloc 200 as state; tuple { palloc 64 as datum } }", |it| it.query()),
    statement("do", By::Backend,
        "do { [plan { STATEMENTS }] STATEMENTS }",
        "The client sends DO or CALL, which has no executor: the statements are executed in its PortalContext.",
        "alice: do { spi { palloc 64 as row } }", |it| it.utility()),
    statement("plan", By::Backend,
        "plan { STATEMENTS }",
        "What is done in MessageContext to plan a `query` or `do`: first in its braces.",
        "alice: query { plan { palloc 3kB as tree } }", |it| it.plan()),
    statement("tuple", By::Backend,
        "tuple { STATEMENTS }",
        "One cycle of a plan node of a `query`: ExprContext is reset, then it is current.",
        "alice: query { repeat 3 { tuple { palloc 64 as datum } } }", |it| it.tuple()),
    statement("spi", By::Backend,
        "spi { STATEMENTS }",
        "A function in a `query`, `tuple` or `do` uses SPI: SPI Proc is current.",
        "alice: query { tuple { spi { palloc 100 in \"SPI Exec\" as row } } }", |it| it.spi()),
    statement("call", By::Backend,
        "call NAME { STATEMENTS }",
        "Call a function: what it allocates goes to its own context, which is gone on return. No context of PostgreSQL has the name FunctionCallContext: near to it are `tuple` and `spi`.",
        "alice: call my_func { palloc 64 as tmp; palloc 2000 as buf }", |it| it.call()),
    statement("repeat", By::Either,
        "repeat NUMBER { STATEMENTS }",
        "Do statements again and again.",
        "repeat 1000 { alice: read orders zipf(1.1) }", |it| it.repeat()),
    statement("expect", By::Either,
        "expect METRIC COMPARISON NUMBER, or expect error \"TEXT\"",
        "Say what must be true here, or which error the last operation must have given.",
        "expect hit_ratio >= 0", |it| it.expect()),
];
