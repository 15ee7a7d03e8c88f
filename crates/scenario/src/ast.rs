//! A scenario as written: names are still text, units still units, comments still there.
//!
//! The formatter prints it, [`check`](crate::check()) gives it a meaning.

mod condition;
mod context;
mod frame;
mod lesson;
mod locks;
mod pages;
mod session;

use std::rc::Rc;

use pgscope_core::ids::BlockNumber;
use pgscope_core::op::{AllocFlags, CheckpointPart, StrategyKind};

use crate::diagnostic::Span;
use crate::units::Quantity;
pub use condition::{Comparison, Condition, Measured};
pub use context::{ContextKind, ContextSizes, Family, Shown};
pub use frame::{GivenSetting, SettingValue};
pub use lesson::{Asked, AskedChoice, Lesson};
pub use locks::{Keys, LockAction};
pub(crate) use pages::RING_WORDS;
pub use pages::{BulkKind, Dirtying, Generator, PageRange, Pages, Purpose};
pub use session::{Choice, Session};

/// A whole scenario. Two scripts are equal when they say the same in the same order.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// What stands in it, top to bottom.
    pub items: Vec<Item>,
    /// The text it was read from, for errors that are found later.
    pub(crate) source: Rc<str>,
    /// Words in statements that couldn't be read. One of them may be the name that a later
    /// statement seems to miss, so none of these is called unknown.
    pub(crate) doubtful: Vec<Rc<str>>,
}

impl PartialEq for Script {
    fn eq(&self, other: &Self) -> bool {
        self.items == other.items
    }
}

/// One thing in a list of statements.
#[expect(clippy::large_enum_variant, reason = "nearly all items are statements")]
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// One empty line or more.
    Blank,
    /// A comment on a line of its own, with its dashes.
    Comment(String),
    /// A statement.
    Statement(Statement),
}

/// A statement, with the backend that executes it if that is written before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// `alice` of `alice: read orders 3`.
    pub backend: Option<Name>,
    /// What to do.
    pub action: Action,
    /// The comment behind it on the same line, with its dashes.
    pub comment: Option<String>,
    /// Where it stands.
    pub span: Span,
}

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    /// The name.
    pub text: Rc<str>,
    /// Where it stands.
    pub span: Span,
}

/// Statements in braces.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// What stands in it.
    pub items: Vec<Item>,
    /// It is written on one line.
    pub inline: bool,
    /// The closing brace.
    pub close: Span,
}

/// What a statement does. `STATEMENTS` tells the syntax and meaning of each.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// `server 18 shared_buffers=128kB seed=7`
    Server(Server),
    /// `table orders pages=200 unlogged`
    Table {
        /// Its name.
        name: Name,
        /// Blocks on disk.
        pages: BlockNumber,
        /// Not WAL-logged.
        unlogged: bool,
        /// `temp table`: the backend's own.
        temporary: bool,
    },
    /// `index orders_pkey on orders`
    Index {
        /// Its name.
        name: Name,
        /// The table.
        table: Name,
    },
    /// `backend alice`
    Backend(Name),
    /// `backend alice superuser`
    Superuser(Name),
    /// `connect`
    Connect,
    /// `disconnect`
    Disconnect,
    /// `set work_mem = 4MB`, `set local work_mem = 4MB`, `alter system set work_mem = 4MB`
    Set {
        /// `alter system`
        system: bool,
        /// `local`
        local: bool,
        /// What.
        setting: GivenSetting,
    },
    /// `alter system reset work_mem`
    AlterSystemReset(Name),
    /// `reload`
    Reload,
    /// `restart`
    Restart,
    /// `read`, `update`, `hint` and `indexscan`
    Read {
        /// What happens to the page besides.
        purpose: Purpose,
        /// The table.
        table: Name,
        /// Which of its pages.
        pages: Pages,
        /// The ring to use.
        ring: Option<Name>,
        /// The name under which the pin is kept.
        hold: Option<Name>,
    },
    /// `dirty p`
    Dirty {
        /// The pin on the page.
        pin: Name,
        /// How it is made dirty.
        how: Dirtying,
    },
    /// `extend orders`
    Extend {
        /// The table.
        table: Name,
        /// By how many pages at once.
        by: Option<u64>,
        /// The ring to use.
        ring: Option<Name>,
        /// The name under which the pin is kept.
        hold: Option<Name>,
    },
    /// `seqscan orders` and others that go over many pages
    Bulk {
        /// What is done.
        what: BulkKind,
        /// The table.
        table: Name,
        /// The pages of a bitmap.
        pages: Vec<PageRange>,
        /// Pages that are filled.
        count: BlockNumber,
        /// `buffer_usage_limit`
        limit: Option<Quantity>,
    },
    /// `insert orders times 3`
    Insert {
        /// The table.
        table: Name,
        /// How many rows; one if it isn't said.
        times: Option<u64>,
    },
    /// `truncate orders to 3`
    Truncate {
        /// The table.
        table: Name,
        /// The pages that stay; none if it isn't said.
        to: Option<BlockNumber>,
    },
    /// `drop orders`
    Drop(Name),
    /// `ring r bulkread`
    Ring {
        /// Its name.
        name: Name,
        /// What it is for.
        kind: StrategyKind,
        /// Its size.
        size: Option<Quantity>,
    },
    /// `free r`
    Free(Name),
    /// `evict 3`
    Evict(u64),
    /// `cleanup p`
    Cleanup {
        /// The pin on the page.
        pin: Name,
        /// `nowait`
        nowait: bool,
    },
    /// `pgbench tables scale=10`
    PgbenchTables {
        /// The scale factor; 1 if it isn't said.
        scale: Option<u64>,
    },
    /// `pgbench times 100`
    Pgbench {
        /// How many transactions; one if it isn't said.
        times: Option<u64>,
    },
    /// `readbuffers orders 3..40`
    ReadRange {
        /// The table.
        table: Name,
        /// Its pages.
        pages: PageRange,
        /// The ring to use.
        ring: Option<Name>,
    },
    /// `unpin p`
    Unpin(Name),
    /// `flush p`, `flush orders`
    Flush(Name),
    /// `checkpoint [PART]`
    Checkpoint(Option<CheckpointPart>),
    /// `walflush`
    WalFlush,
    /// `bgwriter maxpages=100 multiplier=2 delay=200ms`
    BgWriter {
        /// `bgwriter_lru_maxpages`
        maxpages: Option<Quantity>,
        /// `bgwriter_lru_multiplier`
        multiplier: Option<Quantity>,
        /// `bgwriter_delay`
        delay: Option<Quantity>,
    },
    /// `create context Work in TopMemoryContext allocset small`
    CreateContext {
        /// Its name.
        name: Name,
        /// The parent; without one, the current context.
        parent: Option<Name>,
        /// Its allocator; without one, the usual.
        kind: Option<ContextKind>,
        /// What is said about its sizes.
        sizes: Box<ContextSizes>,
    },
    /// `switch to Work`
    SwitchTo(Name),
    /// `palloc 100 in Work as a`
    Palloc {
        /// Bytes.
        size: Quantity,
        /// `palloc0`
        zero: bool,
        /// `aligned 64`
        align: Option<Quantity>,
        /// `huge`, `noerror` and `zero`
        flags: AllocFlags,
        /// The context; without one, the current context.
        context: Option<Name>,
        /// The name for the pointer.
        chunk: Option<Name>,
    },
    /// `strdup "select 1" in Work as s`
    Strdup {
        /// The string.
        text: Rc<str>,
        /// The context; without one, the current context.
        context: Option<Name>,
        /// The name for the pointer.
        chunk: Option<Name>,
    },
    /// `pfree a`
    Pfree(Name),
    /// `repalloc a 400`
    Repalloc {
        /// The pointer.
        chunk: Name,
        /// Bytes.
        size: Quantity,
        /// `huge` and `noerror`
        flags: AllocFlags,
    },
    /// `peek a`, `peek a 16 at 64 of alice`
    Peek {
        /// The pointer.
        chunk: Name,
        /// Bytes.
        size: Option<Quantity>,
        /// Bytes from the pointer to the first.
        at: Option<Quantity>,
        /// Whose pointer it is, if it is another backend's.
        of: Option<Name>,
    },
    /// `poke a 16 at 64`
    Poke {
        /// The pointer.
        chunk: Name,
        /// Bytes.
        size: Quantity,
        /// Bytes from the pointer to the first.
        at: Option<Quantity>,
    },
    /// `reset Work`, `reset only Work`, `reset children Work`
    Reset(Family, Name),
    /// `delete Work`, `delete children Work`
    Delete(Family, Name),
    /// `move Work under TopMemoryContext`
    Move {
        /// The context.
        context: Name,
        /// The new parent.
        parent: Name,
    },
    /// `on reset Work call close_file`
    OnReset {
        /// The context.
        context: Name,
        /// The function.
        callback: Name,
    },
    /// `identify Work "select 1"`
    Identify {
        /// The context.
        context: Name,
        /// What it is for.
        ident: Rc<str>,
    },
    /// `show contexts`, `show stats Work`
    Show {
        /// What.
        what: Shown,
        /// Of which context only.
        context: Option<Name>,
    },
    /// `lock orders share`, and others about heavyweight locks
    Lock(LockAction),
    /// `begin`
    Begin,
    /// `commit`
    Commit,
    /// `rollback`, or `rollback to s1`
    Rollback(Option<Name>),
    /// `savepoint s1`
    Savepoint(Name),
    /// `release s1`
    Release(Name),
    /// `query { … }` and `do { … }`
    Query {
        /// `do`
        utility: bool,
        /// What happens while it is executed.
        body: Block,
    },
    /// Cursors, prepared statements, sorts, hash tables, errors.
    Session(Box<Session>),
    /// `plan { … }`
    Plan(Block),
    /// `tuple { … }`
    Tuple(Block),
    /// `spi { … }`
    Spi(Block),
    /// `call my_func { … }`
    Call {
        /// The function's name.
        function: Name,
        /// What it does.
        body: Block,
    },
    /// `repeat 1000 { … }`
    Repeat {
        /// How often.
        times: u64,
        /// What.
        body: Block,
    },
    /// `as alice { … }`
    As {
        /// Who does what is in the braces.
        backend: Name,
        /// What.
        body: Block,
    },
    /// `pgscope`, `title`, `note` and `ask`
    Lesson(Box<Lesson>),
    /// `expect hit_ratio > 0.8`
    Expect(Box<Condition>),
    /// `expect error "no unpinned buffers available"`
    ExpectError(Rc<str>),
}

impl Action {
    /// The word or words that the statement begins with.
    pub fn keyword(&self) -> &'static str {
        match self {
            Self::Server(_) => "server",
            Self::Table { temporary: false, .. } => "table",
            Self::Table { temporary: true, .. } => "temp table",
            Self::Index { .. } => "index",
            Self::Backend(_) | Self::Superuser(_) => "backend",
            Self::Connect => "connect",
            Self::Disconnect => "disconnect",
            Self::Set { system: false, .. } => "set",
            Self::Set { system: true, .. } | Self::AlterSystemReset(_) => "alter system",
            Self::Reload => "reload",
            Self::Restart => "restart",
            Self::Read { purpose: Purpose::Read, .. } => "read",
            Self::Read { purpose: Purpose::Update, .. } => "update",
            Self::Read { purpose: Purpose::Hint, .. } => "hint",
            Self::Read { purpose: Purpose::IndexScan { .. }, .. } => "indexscan",
            Self::Bulk { what, .. } => what.word(),
            Self::Insert { .. } => "insert",
            Self::Truncate { .. } => "truncate",
            Self::Drop(_) => "drop",
            Self::Ring { .. } => "ring",
            Self::Free(_) => "free",
            Self::Evict(_) => "evict",
            Self::Dirty { .. } => "dirty",
            Self::Extend { .. } => "extend",
            Self::Cleanup { .. } => "cleanup",
            Self::PgbenchTables { .. } | Self::Pgbench { .. } => "pgbench",
            Self::ReadRange { .. } => "readbuffers",
            Self::Unpin(_) => "unpin",
            Self::Flush(_) => "flush",
            Self::Checkpoint(_) => "checkpoint",
            Self::WalFlush => "walflush",
            Self::BgWriter { .. } => "bgwriter",
            Self::CreateContext { .. } => "create context",
            Self::SwitchTo(_) => "switch to",
            Self::Palloc { zero: false, .. } => "palloc",
            Self::Palloc { zero: true, .. } => "palloc0",
            Self::Pfree(_) => "pfree",
            Self::Peek { .. } => "peek",
            Self::Poke { .. } => "poke",
            Self::Repalloc { .. } => "repalloc",
            Self::Strdup { .. } => "strdup",
            Self::Reset(..) => "reset",
            Self::Delete(..) => "delete",
            Self::Move { .. } => "move",
            Self::OnReset { .. } => "on reset",
            Self::Identify { .. } => "identify",
            Self::Show { .. } => "show",
            Self::Lock(action) => action.keyword(),
            Self::Begin => "begin",
            Self::Commit => "commit",
            Self::Rollback(_) => "rollback",
            Self::Savepoint(_) => "savepoint",
            Self::Release(_) => "release",
            Self::Query { utility: false, .. } => "query",
            Self::Query { utility: true, .. } => "do",
            Self::Session(session) => session.keyword(),
            Self::Plan(_) => "plan",
            Self::Tuple(_) => "tuple",
            Self::Spi(_) => "spi",
            Self::Call { .. } => "call",
            Self::Repeat { .. } => "repeat",
            Self::As { .. } => "as",
            Self::Lesson(lesson) => lesson.keyword(),
            Self::Expect(_) | Self::ExpectError(_) => "expect",
        }
    }

    /// What stands in its braces, if it has any.
    pub fn block(&self) -> Option<&Block> {
        match self {
            Self::Query { body, .. }
            | Self::Plan(body)
            | Self::Tuple(body)
            | Self::Spi(body)
            | Self::Call { body, .. }
            | Self::As { body, .. }
            | Self::Repeat { body, .. } => Some(body),
            Self::Session(session) => session.block(),
            _ => None,
        }
    }
}

impl From<Lesson> for Action {
    fn from(lesson: Lesson) -> Self {
        Self::Lesson(Box::new(lesson))
    }
}

/// The server that a scenario wants.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Server {
    /// PostgreSQL's major version.
    pub version: Option<Quantity>,
    /// The setting of that name; without a unit, in buffers.
    pub shared_buffers: Option<Quantity>,
    /// Likewise.
    pub temp_buffers: Option<Quantity>,
    /// What random draws grow from.
    pub seed: Option<u64>,
    /// Other settings.
    pub settings: Vec<GivenSetting>,
}
