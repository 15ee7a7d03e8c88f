//! Every statement of the language, in one table: what the parser looks up, what it
//! suggests, and what the reference is made of.

use crate::ast::BulkKind;
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

/// What the parser knows of a statement.
#[derive(Clone, Copy, Debug)]
pub struct StatementInfo {
    /// The word or words it begins with.
    pub keyword: &'static str,
    /// Who executes it.
    pub by: By,
    /// How it is written: capitals stand for what to fill in, brackets for what may be left out.
    pub syntax: &'static str,
    pub(crate) grammar: Grammar,
}

/// What the reference says of a statement besides.
#[derive(Clone, Copy, Debug)]
pub struct StatementReference {
    /// What it does.
    pub meaning: &'static str,
    /// An example that compiles in a scenario with a table `orders` of 200 pages, a backend
    /// `alice`, her context `Work`, chunk `a` and pin `p`.
    pub example: &'static str,
}

impl StatementInfo {
    /// The first word, which tells the statements apart.
    pub fn word(&self) -> &'static str {
        self.keyword.split(' ').next().unwrap_or_default()
    }
}

const fn statement(
    keyword: &'static str,
    by: By,
    syntax: &'static str,
    meaning: &'static str,
    example: &'static str,
    grammar: Grammar,
) -> (StatementInfo, StatementReference) {
    (StatementInfo { keyword, by, syntax, grammar }, StatementReference { meaning, example })
}

/// Every statement.
pub const STATEMENTS: &[StatementInfo] = &{
    let mut table = [ALL[0].0; ALL.len()];
    let mut row = 0;
    while row < ALL.len() {
        table[row] = ALL[row].0;
        row += 1;
    }
    table
};

/// What the reference says of each, in the same order: a page without a reference does without.
pub const REFERENCE: &[StatementReference] = &{
    let mut table = [ALL[0].1; ALL.len()];
    let mut row = 0;
    while row < ALL.len() {
        table[row] = ALL[row].1;
        row += 1;
    }
    table
};

#[rustfmt::skip]
const ALL: &[(StatementInfo, StatementReference)] = &[
    statement("server", By::Server,
        "server [VERSION] [shared_buffers=SIZE] [temp_buffers=SIZE] [SETTING=VALUE] [seed=NUMBER]",
        "Choose the server: at most once, as the first statement. Other settings are those of pg_settings that have \
         to do with memory, in PostgreSQL's words: max_connections, max_locks_per_transaction, work_mem ...; \
         a value that is no word or number stands in quotes. How many processes there may be decides how many \
          pages one of them may pin at once, and so how far scans look ahead.",
        "server 18 shared_buffers=128kB seed=7", |it| it.server()),
    statement("table", By::Server,
        "table NAME pages=NUMBER [unlogged]",
        "Create a relation with so many pages on disk, none of them in memory.",
        "table customers pages=50", |it| it.table()),
    statement("index", By::Server,
        "index NAME on TABLE",
        "Create a B-tree over a table, on disk only: as large as that of a table with 61 rows a page and \
         keys of 8 bytes in their order, block for block as CREATE INDEX makes it.",
        "index orders_idx on orders", |it| it.index()),
    statement("temp table", By::Backend,
        "temp table NAME pages=NUMBER",
        "Create a temporary table with so many pages on disk. Its pages go to local buffers of the \
         backend's own, `temp_buffers` of them, made when one is needed; other backends can't read it.",
        "alice: temp table scratch pages=20", |it| it.temp_table()),
    statement("backend", By::Server,
        "backend NAME [superuser]",
        "A client connects: a backend is forked, and takes a PGPROC. Its role is an ordinary one unless it is said \
         to be a superuser's: then it may use connections that are kept back, and set more.",
        "backend bob", |it| it.backend()),
    statement("disconnect", By::Backend,
        "disconnect",
        "The client goes, and its backend ends: pins are released, temporary tables dropped, its local memory is gone, \
         its PGPROC is free.",
        "alice: disconnect", |it| it.disconnect()),
    statement("connect", By::Backend,
        "connect",
        "The client connects again, once its backend has ended: a new process with memory of its own.",
        "alice: disconnect\nalice: connect", |it| it.connect()),
    statement("set", By::Backend,
        "set [local] SETTING = VALUE, or set [local] SETTING = default",
        "The client sends SET: the session's value, undone if the transaction or the savepoint is; with `local`, \
         until the transaction ends. `reset SETTING` and `reset all` go back. Values are words, numbers with a unit, \
         or texts in quotes.",
        "alice: begin\nalice: set local work_mem = 64MB\nalice: commit\nalice: reset work_mem", |it| it.set()),
    statement("alter system", By::Server,
        "alter system set SETTING = VALUE, or alter system reset SETTING | all",
        "An administrator changes the configuration file. It is in force after `reload`, or after `restart` where \
         the setting takes that.",
        "alter system set bgwriter_lru_maxpages = 200\nalter system set wal_buffers = \"-1\"", |it| it.alter_system()),
    statement("reload", By::Server,
        "reload",
        "pg_reload_conf: all processes read the configuration file. What takes a restart is left pending.",
        "alter system set work_mem = 8MB\nreload", |it| it.reload()),
    statement("restart", By::Server,
        "restart",
        "The server is stopped and started: all backends end, dirty pages are written, shared memory is laid out \
         anew with what the configuration file says. Settings that it could not start with are refused before.",
        "alter system set shared_buffers = 256kB\nrestart\nalice: connect", |it| it.restart()),
    statement("read", By::Backend,
        "read TABLE PAGES [ring RING] [hold as PIN]",
        "Read pages, one after the other; keep the pin of a single one under a name.",
        "alice: read orders 3, 5, 9..11", |it| it.read()),
    statement("update", By::Backend,
        "update TABLE PAGES [ring RING] [hold as PIN]",
        "Read pages and change each, with a WAL record: what an UPDATE does whose new rows fit in the same \
         pages. Leaves out how the rows are found and the visibility map.",
        "alice: update orders zipf(1.1) times 20", |it| it.update()),
    statement("hint", By::Backend,
        "hint TABLE PAGES [ring RING] [hold as PIN]",
        "Read pages and set a hint bit in each.",
        "alice: hint orders 3", |it| it.hint()),
    statement("dirty", By::Backend,
        "dirty PIN [hint | nowal]",
        "Mark a pinned page dirty: with a WAL record, by a hint bit, or without WAL.",
        "alice: dirty p", |it| it.dirty()),
    statement("extend", By::Backend,
        "extend TABLE [by NUMBER] [ring RING] [hold as PIN]",
        "Add a page at the end of a relation; `by` adds several at once, from 16 on, or fewer if they are \
         too many to pin.",
        "alice: extend orders by 4", |it| it.extend()),
    statement("seqscan", By::Backend,
        "seqscan TABLE",
        "Scan a table from its first page to its last. Over a quarter of shared_buffers it works in a \
         bulkread ring; from 17 on it looks ahead. Leaves out synchronized scans, parallel workers, hint \
         bits and pruning, and the second pin by which the executor holds a page with the row it works on.",
        "alice: seqscan orders", |it| it.bulk(BulkKind::SeqScan)),
    statement("bitmapscan", By::Backend,
        "bitmapscan TABLE PAGES",
        "Read the pages of a bitmap in their order, without a ring; from 18 on it looks ahead. Leaves out \
         the index that made the bitmap, and the advice to the kernel before 18.",
        "alice: bitmapscan orders 3, 9..11", |it| it.bulk(BulkKind::BitmapScan)),
    statement("indexscan", By::Backend,
        "indexscan INDEX PAGES [update]",
        "Look up a row in each of these pages of the table: from the root to a leaf, page by page, then the \
         table's page, which `update` changes. A backend reads the index's metapage once. Leaves out the \
         planner, and rows that lie next to each other.",
        "index orders_pkey on orders\nalice: indexscan orders_pkey uniform times 3", |it| it.indexscan()),
    statement("insert", By::Backend,
        "insert TABLE [times NUMBER]",
        "Insert rows, 61 to a page: into the page that took the last one, else the last page, and when that is \
         full into a new one. Leaves out indexes and the free space map.",
        "alice: insert orders times 100", |it| it.insert()),
    statement("copy", By::Backend,
        "copy TABLE pages=NUMBER",
        "COPY FROM: fill pages at the table's end with rows in a bulkwrite ring, a WAL record a page. From \
         16 on the table grows by more and more pages at once. Leaves out indexes and the free space map.",
        "alice: copy orders pages=30", |it| it.bulk(BulkKind::CopyIn)),
    statement("vacuum", By::Backend,
        "vacuum TABLE [freeze] [buffer_usage_limit=SIZE]",
        "VACUUM's first pass over a table that no VACUUM has seen: read and change every page in a \
         vacuum ring, whose size can be chosen from 16 on (0 is none); from 18 on it looks ahead. \
         A page that others have pinned is left as it is; with `freeze` VACUUM waits for it. Leaves out \
         indexes, the second pass, the visibility map, and cutting the table's end.",
        "alice: vacuum orders", |it| it.bulk(BulkKind::Vacuum { freeze: false })),
    statement("prewarm", By::Backend,
        "prewarm TABLE",
        "pg_prewarm: read every page of a table into the pool, without a ring; from 17 on it looks ahead.",
        "alice: prewarm orders", |it| it.bulk(BulkKind::Prewarm)),
    statement("truncate", By::Backend,
        "truncate TABLE [to NUMBER]",
        "Cut a relation to so many pages, or to none: what lies behind is dropped from the buffers unwritten, \
         then from the disk.",
        "alice: truncate orders to 100", |it| it.truncate()),
    statement("drop", By::Backend,
        "drop TABLE",
        "Drop a relation: its pages are dropped from the buffers unwritten, and the name is free.",
        "table old pages=5\nalice: drop old", |it| it.drop_table()),
    statement("ring", By::Backend,
        "ring NAME bulkread | bulkwrite | vacuum [size=SIZE]",
        "Make a buffer ring of the size that the version has for it; from 16 on the size can be chosen.",
        "alice: ring r bulkread\nalice: read orders 0..40 ring r", |it| it.ring()),
    statement("free", By::Backend,
        "free RING",
        "Give up a buffer ring; the pages in it stay where they are.",
        "alice: ring r vacuum size=256kB\nalice: free r", |it| it.free()),
    statement("evict", By::Backend,
        "evict BUFFER",
        "pg_buffercache_evict, from 17 on: empty a buffer, from 1 as pg_buffercache counts them, unless it is pinned.",
        "alice: evict 1", |it| it.evict()),
    statement("readbuffers", By::Backend,
        "readbuffers TABLE BLOCK[..BLOCK] [ring RING]",
        "From 17 on: read consecutive pages, up to 16 at once (io_combine_limit). StartReadBuffers pins as many \
         as one call can read, up to a page that is in the pool; WaitReadBuffers reads them. All 16 stay pinned \
         until the last is there.",
        "alice: readbuffers orders 0..40", |it| it.read_range()),
    statement("pgbench", By::Either,
        "pgbench tables [scale=NUMBER], or BACKEND: pgbench [times NUMBER]",
        "The pages of pgbench's standard transactions. `tables` creates pgbench_accounts, pgbench_tellers, \
         pgbench_branches, pgbench_history and the first three's indexes, as large as `pgbench -i` makes them. A \
         transaction draws an account, a teller and a branch from the scenario's seed, each as likely as the next; it \
         changes the account's page by way of the index, reads it again likewise, changes the teller's and the \
         branch's page (by way of the index if the table has more than one page), and inserts into the history, a step \
         each. Leaves out the transaction's own memory and WAL flush, catalogs, row versions that go to other pages, \
         what the free space map and the visibility map add, and what VACUUM does meanwhile; a history page has 61 rows, not 157.",
        "pgbench tables scale=1\nalice: pgbench times 3", |it| it.pgbench()),
    statement("cleanup", By::Backend,
        "cleanup PIN [nowait]",
        "Take a cleanup lock on a pinned page, and give it back: what VACUUM needs to move rows about. While other \
         backends have the page pinned, the backend waits, and can do nothing until the unpin that leaves its own \
         pin alone wakes it, or it is cancelled. Only one may wait for a page. With `nowait` it does without the lock \
         in place of waiting. What happens within braces meanwhile is put off until it goes on.",
        "alice: cleanup p", |it| it.cleanup()),
    statement("unpin", By::Backend,
        "unpin PIN",
        "Release a pin.",
        "alice: unpin p", |it| it.unpin()),
    statement("flush", By::Backend,
        "flush PIN | TABLE",
        "Write a pinned page out, if it is dirty, or all dirty pages of a table.",
        "alice: flush p", |it| it.flush()),
    statement("checkpoint", By::Server,
        "checkpoint [begin | write NUMBER | end]",
        "Write every dirty page out, in the order of files and blocks. Or spread it, so that others can do something \
         between its writes: `begin` marks what is dirty now, `write` writes so many of the marked pages, `end` the rest. \
         A page that became dirty behind `begin` is left to the next checkpoint, one that somebody else wrote is passed over.",
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
        "create context NAME [in CONTEXT] [allocset | generation | bump] [default | small] \
         [min=SIZE] [init=SIZE] [max=SIZE], or create context NAME [in CONTEXT] slab [block=SIZE] chunk=SIZE",
        "Create a memory context, without `in` under the current one. The allocator decides how its \
         chunks are cut and kept; a slab's chunks all have one size.",
        "alice: create context Scratch in TopMemoryContext slab block=8kB chunk=64", |it| it.create_context()),
    statement("create table", By::Backend,
        "create table NAME as pages=NUMBER",
        "CREATE TABLE AS: a new table whose pages are filled in a bulkwrite ring, as with `copy`. Leaves \
         out the query that makes the rows, and catalogs.",
        "alice: create table summary as pages=30", |it| it.bulk(BulkKind::CreateTableAs)),
    statement("switch to", By::Backend,
        "switch to CONTEXT",
        "Make a memory context the current one.",
        "alice: switch to Work", |it| it.switch_to()),
    statement("palloc", By::Backend,
        "palloc SIZE [aligned SIZE] [zero] [huge] [noerror] [in CONTEXT] [as CHUNK]",
        "Allocate a chunk, without `in` in the current context; keep the pointer under a name. \
         `aligned` asks for an address that is a multiple, `zero` for zeroed bytes, `huge` allows more \
         than 1 GB, `noerror` returns NULL when there is no memory.",
        "alice: palloc 2GB huge noerror in Work as b", |it| it.palloc()),
    statement("palloc0", By::Backend,
        "palloc0 SIZE [aligned SIZE] [huge] [noerror] [in CONTEXT] [as CHUNK]",
        "Allocate a chunk and fill it with zeros.",
        "alice: palloc0 1kB", |it| it.palloc0()),
    statement("strdup", By::Backend,
        "strdup \"TEXT\" [in CONTEXT] [as CHUNK]",
        "Copy a string, with the zero byte that ends it, into a chunk.",
        "alice: strdup \"select 1\" in Work as s", |it| it.strdup()),
    statement("pfree", By::Backend,
        "pfree CHUNK",
        "Free a chunk.",
        "alice: pfree a", |it| it.pfree()),
    statement("repalloc", By::Backend,
        "repalloc CHUNK SIZE [huge] [noerror]",
        "Make a chunk larger or smaller. With `noerror` it stays as it is when there is no memory.",
        "alice: repalloc a 400", |it| it.repalloc()),
    statement("peek", By::Backend,
        "peek CHUNK [SIZE] [at OFFSET] [of BACKEND]",
        "Read bytes behind a pointer, 8 without a size, whether it is still good or not. Another \
         backend's memory is not there: reading it kills the process.",
        "alice: peek a 16 at 64", |it| it.peek_bytes()),
    statement("poke", By::Backend,
        "poke CHUNK SIZE [at OFFSET]",
        "Overwrite bytes behind a pointer, whether it is still good or not and whether they are still the chunk's.",
        "alice: poke a 8 at 100", |it| it.poke_bytes()),
    statement("reset", By::Backend,
        "reset [only | children] CONTEXT, or reset SETTING | all",
        "Free everything in a memory context and delete its children; `only` leaves the children \
         alone, `children` resets them and leaves the context alone. Of a setting: RESET, as after `set`.",
        "alice: reset only Work", |it| it.reset()),
    statement("delete", By::Backend,
        "delete [children] CONTEXT",
        "Delete a memory context with everything in it and below it; `children` leaves the context itself.",
        "alice: delete Work", |it| it.delete()),
    statement("move", By::Backend,
        "move CONTEXT under CONTEXT",
        "Give a memory context, with all below it, another parent.",
        "alice: move Work under MessageContext", |it| it.move_under()),
    statement("on reset", By::Backend,
        "on reset CONTEXT call NAME",
        "Have a function called when the memory context is next reset or deleted, the last registered first.",
        "alice: on reset Work call close_file", |it| it.on_reset()),
    statement("identify", By::Backend,
        "identify CONTEXT \"TEXT\"",
        "Say what a memory context is for; the text is kept in the context's own memory.",
        "alice: identify Work \"select 1\"", |it| it.identify()),
    statement("show", By::Backend,
        "show contexts | stats [CONTEXT] | log | fragmentation | malloc | locks | VIEW | SETTING",
        "Show memory contexts: the rows of pg_backend_memory_contexts, what MemoryContextStats writes or \
         pg_log_backend_memory_contexts logs, where each context's bytes are, or what plain malloc and \
         free would have cost. Or a view of the server, in the version's columns: pg_buffercache, \
         pg_buffercache_summary and pg_buffercache_usage_counts (from 16 on), pg_stat_io (from 16 on), \
         pg_stat_bgwriter, pg_stat_checkpointer (from 17 on), pg_statio_user_tables, \
          pg_shmem_allocations, pg_settings, pg_locks, pg_backend_memory_contexts; `processes` are those that pg_stat_activity lists, with their PGPROC and \
          local memory, `map` says which bytes of the whole address space belong to whom, `lock_tables` how full the lock \
          tables are; and `locks` each locked object with its holders and its queue. Or SHOW of a setting.",
        "alice: show contexts", |it| it.show()),
    statement("lock", By::Backend,
        "lock TABLE [page NUMBER [tuple NUMBER]] [MODE] [nowait]",
        "Lock a table, in a transaction block, until the transaction ends: LOCK TABLE. The modes are `access share`, \
         `row share`, `row exclusive`, `share update exclusive`, `share`, `share row exclusive`, `exclusive` and \
         `access exclusive`, which it is if none is said. With `page` or `tuple`, lock what index methods and \
         changes of rows lock for a moment, `exclusive` if nothing is said. Who has to wait can do nothing until it is \
         awakened, cancelled, or a timeout ends its wait.",
        "alice: begin\nalice: lock orders share row exclusive", |it| it.lock()),
    statement("advisory", By::Backend,
        "advisory lock NUMBER[, NUMBER] [shared] [xact] [try], or advisory unlock NUMBER[, NUMBER] [shared], or advisory unlock all",
        "Lock a number that users agree on, or two: pg_advisory_lock and its relatives. The lock is the session's, with \
         `xact` the transaction's; `try` does without it rather than wait. `1..500` are five hundred locks, one after the other.",
        "alice: advisory lock 42 shared", |it| it.advisory()),
    statement("assign xid", By::Backend,
        "assign xid",
        "Give the transaction an id, which it locks until it ends; a savepoint has one of its own. Inserts, COPY and the \
         strongest lock on a table do so by themselves.",
        "alice: begin\nalice: assign xid", |it| it.assign_xid()),
    statement("wait for", By::Backend,
        "wait for BACKEND",
        "Wait for the end of another backend's transaction, as who wants to change a row does that the other has \
         changed: ask for a share lock on its id, and give it back. Without an id there is nothing to wait for.",
        "backend bob\nbob: begin\nbob: assign xid\nalice: wait for bob", |it| it.wait_for()),
    statement("cancel", By::Either,
        "cancel BACKEND",
        "pg_cancel_backend: a backend that waits gives up, with an error.",
        "cancel alice", |it| it.cancel()),
    statement("sleep", By::Server,
        "sleep TIME",
        "Nobody does anything for so long. Waiters whose deadlock_timeout runs out look for a deadlock, once; those whose \
         lock_timeout does give up.",
        "sleep 1s", |it| it.sleep()),
    statement("begin", By::Backend,
        "begin",
        "The client sends BEGIN: a transaction starts and goes on until `commit` or `rollback`.",
        "alice: begin", |it| it.begin()),
    statement("commit", By::Backend,
        "commit",
        "The client sends COMMIT: the transaction ends, and its memory goes.",
        "alice: commit", |it| it.commit()),
    statement("rollback", By::Backend,
        "rollback [to SAVEPOINT]",
        "The client sends ROLLBACK: the transaction is undone, or what came after a savepoint.",
        "alice: rollback", |it| it.rollback()),
    statement("savepoint", By::Backend,
        "savepoint NAME",
        "The client sends SAVEPOINT: a subtransaction starts, with a memory context of its own.",
        "alice: savepoint s1", |it| it.savepoint()),
    statement("release", By::Backend,
        "release SAVEPOINT",
        "The client sends RELEASE: the subtransaction becomes part of what is around it.",
        "alice: release s1", |it| it.release()),
    statement("query", By::Backend,
        "query { [plan { STATEMENTS }] STATEMENTS }",
        "The client sends a query: what is in the braces happens in its ExecutorState. Without `begin` before, it is a transaction of its own.",
        "alice: query { palloc 200 as state; tuple { palloc 64 as datum } }", |it| it.query()),
    statement("do", By::Backend,
        "do { [plan { STATEMENTS }] STATEMENTS }",
        "The client sends a DO or CALL, a utility command without an executor: what is in the braces happens in its PortalContext.",
        "alice: do { spi { palloc 64 as row } }", |it| it.utility()),
    statement("simple query", By::Backend,
        "simple query TABLE [sort width=NUMBER [work_mem=SIZE]]",
        "The client sends SELECT * FROM the table, with `sort` ORDER BY: a transaction unless there is one, the \
         table and its indexes are opened, a portal with its ExecutorState, a sequential scan (see `seqscan`) whose rows, \
         61 a page, go to the sort; then all of it ends. Leaves out the parser's and planner's trees, row locks, \
         and what the rows are.",
        "alice: simple query orders sort width=44 work_mem=64kB", |it| it.simple_query()),
    statement("open", By::Backend,
        "open TABLE",
        "relation_open as a planner does it, in the braces of a query: the backend gets an `index info` context for each of \
         the table's indexes, until a change to the table makes them invalid. Leaves out descriptors and catalog caches.",
        "alice: query { plan { open orders } }", |it| it.open()),
    statement("alter table", By::Backend,
        "alter table TABLE",
        "The client sends an ALTER TABLE that changes the catalogs only: whatever backends cache of the table, and plans that \
         use it, is no longer valid, and goes when it is next needed. Outside of a transaction block.",
        "alice: alter table orders", |it| it.alter_table()),
    statement("error", By::Backend,
        "error \"TEXT\"",
        "ereport(ERROR) in the braces of a query: the message is made in ErrorContext, and the statement ends with its \
         transaction, or that with its savepoint; in a transaction block all is ignored until ROLLBACK.",
        "alice: query { tuple { error \"division by zero\" } }\nexpect error \"division by zero\"", |it| it.error()),
    statement("declare cursor", By::Backend,
        "declare cursor NAME [with hold]",
        "The client sends DECLARE: a portal with an ExecutorState of its own, which is run by `fetch` and goes with the \
         transaction; `with hold` its rows are kept in a PortalHoldContext at commit. Leaves out the plan.",
        "alice: begin\nalice: declare cursor c\nalice: fetch c { palloc 64 }\nalice: commit", |it| it.declare_cursor()),
    statement("fetch", By::Backend,
        "fetch CURSOR [{ STATEMENTS }]",
        "The client sends FETCH: a statement with a portal of its own, in which the cursor's executor runs; what is in \
         the braces happens in the cursor's ExecutorState and stays there.",
        "alice: begin\nalice: declare cursor c\nalice: fetch c { sort rows=100 width=44 }\nalice: rollback", |it| it.fetch()),
    statement("close", By::Backend,
        "close CURSOR",
        "The client sends CLOSE: the cursor's portal goes with all that its executor kept.",
        "alice: begin\nalice: declare cursor c\nalice: close c\nalice: rollback", |it| it.close()),
    statement("prepare", By::Backend,
        "prepare NAME \"TEXT\" [on TABLE] [params] [cost=NUMBER]",
        "The client sends PREPARE: CachedPlanSource with CachedPlanQuery below CacheMemoryContext. `params` has \
         parameters, `cost` is what a generic plan costs. Leaves out the trees in these contexts.",
        "alice: prepare p \"select v from orders where id = $1\" on orders params cost=8.3", |it| it.prepare()),
    statement("execute", By::Backend,
        "execute NAME [cost=NUMBER] [plan_cache_mode=auto | force_generic_plan | force_custom_plan] [{ STATEMENTS }]",
        "The client sends EXECUTE: a custom plan the first five times, then the generic one if it costs less than they did on \
         average, planning included (`cost` is what one for these parameters costs), or as the session's plan_cache_mode has \
         it; it runs in a portal of its own.",
        "alice: prepare p \"select 1\" params\nalice: execute p cost=8 { palloc 64 }", |it| it.execute()),
    statement("deallocate", By::Backend,
        "deallocate NAME | all",
        "The client sends DEALLOCATE: the prepared statement and its generic plan go.",
        "alice: prepare p \"select 1\"\nalice: deallocate p", |it| it.deallocate()),
    statement("parse", By::Backend,
        "parse [NAME] \"TEXT\" [on TABLE] [params] [cost=NUMBER]",
        "The message Parse of the extended protocol. The unnamed statement has an \"unnamed prepared statement\" below it and \
         lives until the next one, or until a simple query comes.",
        "alice: parse \"select 1\"\nalice: sync", |it| it.parse_message()),
    statement("bind", By::Backend,
        "bind [PORTAL] [to NAME] [cost=NUMBER] [plan_cache_mode=auto | force_generic_plan | force_custom_plan]",
        "The message Bind: a portal for a prepared statement, with its plan and an ExecutorState.",
        "alice: parse \"select 1\"\nalice: bind\nalice: sync", |it| it.bind()),
    statement("run", By::Backend,
        "run [PORTAL] [{ STATEMENTS }]",
        "The message Execute: the portal's executor runs; the portal stays until its transaction ends.",
        "alice: parse \"select 1\"\nalice: bind\nalice: run { palloc 64 }\nalice: sync", |it| it.run()),
    statement("sync", By::Backend,
        "sync",
        "The message Sync: the transaction ends, unless there was a `begin`.",
        "alice: sync", |it| it.sync()),
    statement("sort", By::Backend,
        "sort rows=NUMBER width=NUMBER [limit=NUMBER] [work_mem=SIZE]",
        "A Sort node, in the braces of a query: each row is copied to Caller tuples, and the array of SortTuples grows, until \
         work_mem, the session's unless it is written, is used; then sorted runs go to tapes and are merged. With `limit` only as many are kept. Leaves \
         out sort keys' and tapes' own structures, and what is in the rows.",
        "alice: query { sort rows=1000 width=44 work_mem=64kB }", |it| it.sort()),
    statement("hash", By::Backend,
        "hash rows=NUMBER width=NUMBER [estimate=NUMBER] [work_mem=SIZE] [hash_mem_multiplier=NUMBER]",
        "The Hash node of a hash join over the keys 1, 2, 3 ..., in the braces of a query: buckets and batches for as many rows as \
         the planner expects, chunks of 32 kB that fill up, and twice the batches when there is more than work_mem times \
         hash_mem_multiplier, the session's unless they are written. Leaves out skew buckets, the files, and the batches after the first.",
        "alice: query { hash rows=2000 width=4 work_mem=64kB }", |it| it.hash()),
    statement("hash aggregate", By::Backend,
        "hash aggregate groups=NUMBER width=NUMBER [aggregates=NUMBER] [estimate=NUMBER] [work_mem=SIZE] [hash_mem_multiplier=NUMBER]",
        "An aggregate with a hash table, in the braces of a query, that gets a row each of groups with the keys 1, 2, 3 ...: \
         buckets for as many groups as the planner expects, twice as many when they are too full, and a tuple with the states of its aggregates, \
         one unless it is written, for each group. When there is more than work_mem times hash_mem_multiplier allows, the session's unless they are \
         written, rows of other groups go to files. Where a query begins with it, its contexts are made when the executor starts, as a server's are. Leaves out states that are not passed by \
         value, the files, and what is read back from them.",
        "alice: query { hash aggregate groups=3000 width=4 work_mem=64kB }", |it| it.hash_aggregate()),
    statement("create temp table", By::Backend,
        "create temp table NAME pages=NUMBER",
        "The client sends CREATE TEMP TABLE: a utility command with its portal; the table is the backend's own, as with \
         `temp table`. Leaves out the catalogs' rows.",
        "alice: create temp table scratch pages=3", |it| it.create_temp_table()),
    statement("plan", By::Backend,
        "plan { STATEMENTS }",
        "What happens while a query is parsed and planned, in MessageContext: first in the braces of `query` or `do`.",
        "alice: query { plan { palloc 3kB as tree } }", |it| it.plan()),
    statement("tuple", By::Backend,
        "tuple { STATEMENTS }",
        "One cycle of a plan node, in the braces of `query`: ExprContext is reset, then it is current.",
        "alice: query { repeat 3 { tuple { palloc 64 as datum } } }", |it| it.tuple()),
    statement("spi", By::Backend,
        "spi { STATEMENTS }",
        "A function connects to SPI, in the braces of `query`, `tuple` or `do`: SPI Proc is current until it finishes.",
        "alice: query { tuple { spi { palloc 100 in \"SPI Exec\" as row } } }", |it| it.spi()),
    statement("plpgsql", By::Backend,
        "plpgsql [NAME] { STATEMENTS }",
        "A PL/pgSQL function runs, in the braces of `query`, `tuple` or `do`: it connects to SPI, and has an ExecutorState below \
         TopTransactionContext, which all functions share until the transaction ends, with an ExprContext for its expressions. \
         When it is called first it is compiled into a context that stays. Without a name it is a DO block, whose ExecutorState is \
         its own. Leaves out its variables, and the plans of its statements.",
        "alice: query { tuple { plpgsql f { perform { palloc 64 as row } } } }", |it| it.plpgsql()),
    statement("block", By::Backend,
        "block { STATEMENTS exception { STATEMENTS } }",
        "In the braces of `plpgsql`, BEGIN ... EXCEPTION ... END: the statements run in a subtransaction of their own. An `error` \
         in them, or in what they call, rolls that back, and the exception part goes on; without an error it is passed over. \
         Leaves out conditions: it takes any `error`.",
        "alice: query { plpgsql f { block { perform { error \"division by zero\" }; exception { palloc 64 } } } }", |it| it.exception_block()),
    statement("exception", By::Backend,
        "exception { STATEMENTS }",
        "The exception part of a block, last in its braces: it runs if an error has ended the block's statements, whose data it has \
         at hand in PLpgSQL per-statement data.",
        "alice: do { plpgsql { block { error \"no\"; exception { error \"nor this\" } } } }", |it| it.exception()),
    statement("perform", By::Backend,
        "perform { STATEMENTS }",
        "In the braces of `plpgsql`: a query that SPI executes, in an ExecutorState below SPI Exec.",
        "alice: query { plpgsql f { perform { tuple { palloc 64 } } } }", |it| it.perform()),
    statement("return query", By::Backend,
        "return query { STATEMENTS }",
        "The same as `perform`, whose rows go to the function's result: what takes them is in PLpgSQL per-statement data.",
        "alice: query { plpgsql f { return query { palloc 64 } } }", |it| it.return_query()),
    statement("for query", By::Backend,
        "for query { STATEMENTS }",
        "In the braces of `plpgsql`, FOR ... IN SELECT ... LOOP: the query has a portal of its own while what is in the braces \
         happens, once; write `repeat` in them for more rows.",
        "alice: query { plpgsql f { for query { repeat 3 { perform { palloc 64 } } } } }", |it| it.for_query()),
    statement("call", By::Backend,
        "call NAME { STATEMENTS }",
        "Call a function: what it allocates goes to its own context, which is gone on return. PostgreSQL has no context that is named FunctionCallContext: what comes near are the ExprContext of `tuple` and the SPI Proc of `spi`.",
        "alice: call my_func { palloc 64 as tmp; palloc 2000 as buf }", |it| it.call()),
    statement("as", By::Server,
        "as BACKEND { STATEMENTS }",
        "What is in the braces is done by a backend, as if its name stood before each statement.",
        "as alice { read orders 3; palloc 64 in Work }", |it| it.as_backend()),
    statement("repeat", By::Either,
        "repeat NUMBER { STATEMENTS }",
        "Do statements again and again.",
        "repeat 1000 { alice: read orders zipf(1.1) }", |it| it.repeat()),
    statement("pgscope", By::Either,
        "pgscope VERSION",
        "The version of this language, as the first statement: 1. A text without it is of version 1; texts of \
         older versions keep running.",
        "pgscope 1", |it| it.language()),
    statement("title", By::Either,
        "title \"TEXT\"",
        "What the scenario calls itself. Texts for the reader may have *emphasis*, **strong** words, `code` and \
         links: `[words](https://example.org)`.",
        "title \"The *clock* sweep\"", |it| it.title()),
    statement("note", By::Either,
        "note \"TEXT\"",
        "Tell the reader something here, with the same marks as in a title.",
        "note \"The hand **never** waits.\"", |it| it.note()),
    statement("ask", By::Either,
        "ask \"TEXT\" METRIC [among NUMBER, NUMBER], or ask \"TEXT\" \"CHOICE\" if METRIC COMPARISON NUMBER, \"CHOICE\" [if …]",
        "Ask the reader what the next operation will come to. The machine answers, by what is true right after that \
         operation. A choice without `if` is right when no other is.",
        "ask \"Which buffer will go?\" victim among 1, 2, 3\nask \"Is it there?\" \"yes\" if victim = 0, \"no\"\nalice: read orders 17", |it| it.ask()),
    statement("expect", By::Either,
        "expect METRIC COMPARISON NUMBER, or expect VIEW([KEYS,] COLUMN) COMPARISON NUMBER, or expect error \"TEXT\"",
        "Say what must be true here, or which error the last operation must have given. Of a view with many \
         rows the keys choose one: `pg_statio_user_tables(orders, heap_blks_read)`. Behind them may stand which one \
         it is of several: `pg_locks(3, pid)` is of the third row. Whose memory contexts or settings are meant stands in \
         front: `pg_backend_memory_contexts(alice, ErrorContext, level)`.",
        "expect hit_ratio >= 0", |it| it.expect()),
];
