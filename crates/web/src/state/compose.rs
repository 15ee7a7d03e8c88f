//! The statements that the buttons write.
//!
//! A button stands for a [`Kind`] of statement. A [`Draft`] is one such statement with its blanks
//! filled in by what is most likely wanted next (the next page, a free name, a pin that is
//! held), so that one click is enough and a form can offer the rest. What a draft becomes is
//! text at the end of the script; there is no second way into the machine.

mod known;
mod setting;

use pgscope_core::Server;
use pgscope_core::ids::BackendId;
use pgscope_scenario::Program;

use known::{ALLOCSET, Known};
pub use setting::{Setting, with_setting};

/// A kind of statement that has a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `read`
    Read,
    /// `update`
    Update,
    /// `palloc`
    Palloc,
    /// `pfree`
    Pfree,
    /// `create context`
    NewContext,
    /// `call`
    Call,
    /// `query`
    Query,
    /// `begin`, `commit`, `rollback`
    Transaction,
    /// `read … hold as`
    Pin,
    /// `unpin`
    Unpin,
    /// `checkpoint`
    Checkpoint,
    /// `reset`
    Reset,
    /// `repalloc`
    Repalloc,
    /// `delete`
    Delete,
    /// `extend`
    Extend,
    /// `bgwriter`
    BgWriter,
    /// `lock`
    Lock,
    /// `cleanup`
    Cleanup,
    /// `set`
    Set,
    /// `sleep`
    Sleep,
    /// `seqscan`
    Seqscan,
    /// `advisory lock`, `advisory unlock`
    Advisory,
    /// `prepare`
    Prepare,
    /// `execute`
    Execute,
}

/// A button's label and key.
#[derive(Clone, Copy, Debug)]
pub struct Button {
    /// What it writes.
    pub kind: Kind,
    /// What it says.
    pub label: &'static str,
    /// The key that does the same.
    pub key: &'static str,
}

const fn button(kind: Kind, label: &'static str, key: &'static str) -> Button {
    Button { kind, label, key }
}

/// The buttons, the most wanted first.
pub const BUTTONS: &[Button] = &[
    button(Kind::Read, "Read page", "r"),
    button(Kind::Update, "Update", "u"),
    button(Kind::Palloc, "palloc", "a"),
    button(Kind::Pfree, "pfree", "f"),
    button(Kind::NewContext, "New context", "c"),
    button(Kind::Call, "Call", "k"),
    button(Kind::Pin, "Pin", "p"),
    button(Kind::Unpin, "Unpin", "n"),
    button(Kind::Checkpoint, "Checkpoint", "w"),
    button(Kind::Reset, "Reset", "e"),
    button(Kind::Repalloc, "repalloc", "o"),
    button(Kind::Delete, "Delete", "d"),
    button(Kind::Query, "Query", "q"),
    button(Kind::Transaction, "Transaction", "g"),
    button(Kind::Extend, "Extend", "x"),
    button(Kind::BgWriter, "bgwriter", "b"),
    button(Kind::Lock, "Lock", "l"),
    button(Kind::Cleanup, "Cleanup lock", "v"),
    button(Kind::Set, "Set", "m"),
    button(Kind::Sleep, "Sleep", "s"),
    button(Kind::Seqscan, "Scan", "h"),
    button(Kind::Advisory, "Advisory lock", "y"),
    button(Kind::Prepare, "Prepare", "j"),
    button(Kind::Execute, "Execute", "i"),
];

/// A blank of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blank {
    /// Which backend executes it.
    Backend,
    /// Which table.
    Table,
    /// Which of its pages.
    Page,
    /// How many bytes.
    Size,
    /// In which memory context.
    Context,
    /// Which chunk.
    Chunk,
    /// Which pin.
    Pin,
    /// A name for what comes to be.
    Name,
    /// Which allocator.
    Allocator,
    /// Which statement of several.
    Statement,
    /// How strong a lock.
    Mode,
    /// Which setting.
    Setting,
    /// What it becomes.
    Value,
    /// How long.
    Time,
    /// A number that users agree on.
    Key,
    /// Which prepared statement.
    Prepared,
}

impl Blank {
    /// What a form calls it.
    pub fn label(self) -> &'static str {
        match self {
            Blank::Backend => "backend",
            Blank::Table => "table",
            Blank::Page => "page",
            Blank::Size => "bytes",
            Blank::Context => "context",
            Blank::Chunk => "chunk",
            Blank::Pin => "pin",
            Blank::Name => "name",
            Blank::Allocator => "allocator",
            Blank::Statement => "statement",
            Blank::Mode => "mode",
            Blank::Setting => "setting",
            Blank::Value => "value",
            Blank::Time => "time",
            Blank::Key => "key",
            Blank::Prepared => "prepared",
        }
    }
}

/// A blank, filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Which.
    pub blank: Blank,
    /// With what.
    pub value: String,
    /// What else there is to choose; nothing if anything may be written.
    pub choices: Vec<String>,
}

/// A statement with its blanks filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What kind of statement.
    pub kind: Kind,
    /// Its blanks in the order of the text.
    pub fields: Vec<Field>,
    /// What must be declared first, because the script has none.
    prelude: String,
}

impl Draft {
    /// A statement of this kind, executed by `backend` if it is there, as `server` stands.
    pub fn new(
        kind: Kind,
        program: Option<&Program>,
        server: Option<&Server>,
        backend: BackendId,
    ) -> Self {
        let known = Known { program, server, backend };
        let blanks: &[Blank] = match kind {
            Kind::Checkpoint | Kind::BgWriter => &[],
            Kind::Read | Kind::Update => &[Blank::Backend, Blank::Table, Blank::Page],
            Kind::Pin => &[Blank::Backend, Blank::Table, Blank::Page, Blank::Name],
            Kind::Extend | Kind::Seqscan => &[Blank::Backend, Blank::Table],
            Kind::Palloc => &[Blank::Backend, Blank::Size, Blank::Context, Blank::Name],
            Kind::Pfree => &[Blank::Backend, Blank::Chunk],
            Kind::Repalloc => &[Blank::Backend, Blank::Chunk, Blank::Size],
            Kind::NewContext => &[Blank::Backend, Blank::Name, Blank::Context, Blank::Allocator],
            Kind::Query => &[Blank::Backend],
            Kind::Transaction => &[Blank::Backend, Blank::Statement],
            Kind::Reset | Kind::Delete => &[Blank::Backend, Blank::Context],
            Kind::Call => &[Blank::Backend, Blank::Name],
            Kind::Unpin | Kind::Cleanup => &[Blank::Backend, Blank::Pin],
            Kind::Lock => &[Blank::Backend, Blank::Table, Blank::Mode],
            Kind::Set => &[Blank::Backend, Blank::Setting, Blank::Value],
            Kind::Sleep => &[Blank::Time],
            Kind::Advisory => &[Blank::Backend, Blank::Statement, Blank::Key],
            Kind::Prepare => &[Blank::Backend, Blank::Name, Blank::Table],
            Kind::Execute => &[Blank::Backend, Blank::Prepared],
        };
        let fields = blanks.iter().map(|&blank| known.field(kind, blank)).collect();
        Self { kind, fields, prelude: known.prelude(kind, blanks) }
    }

    /// Whether every blank is filled in.
    pub fn is_complete(&self) -> bool {
        self.fields.iter().all(|field| !field.value.trim().is_empty())
    }

    /// The same with another value in one blank.
    #[must_use]
    pub fn with(&self, blank: Blank, value: &str) -> Self {
        let mut draft = self.clone();
        for field in draft.fields.iter_mut().filter(|field| field.blank == blank) {
            value.clone_into(&mut field.value);
        }
        draft
    }

    /// The statement.
    pub fn statement(&self) -> String {
        let value = |blank| {
            let field = self.fields.iter().find(|field| field.blank == blank);
            field.map_or("", |field| field.value.trim())
        };
        let (table, page) = (value(Blank::Table), value(Blank::Page));
        let (size, context) = (value(Blank::Size), value(Blank::Context));
        let (chunk, name) = (value(Blank::Chunk), value(Blank::Name));
        let action = match self.kind {
            Kind::Read => format!("read {table} {page}"),
            Kind::Update => format!("update {table} {page}"),
            Kind::Pin => format!("read {table} {page} hold as {name}"),
            Kind::Extend => format!("extend {table}"),
            Kind::Palloc => format!("palloc {size} in {context} as {name}"),
            Kind::Pfree => format!("pfree {chunk}"),
            Kind::Repalloc => format!("repalloc {chunk} {size}"),
            Kind::NewContext => {
                let allocator = match value(Blank::Allocator) {
                    ALLOCSET => "",
                    other => &format!(" {other}"),
                };
                format!("create context {name} in {context}{allocator}")
            }
            Kind::Seqscan => format!("seqscan {table}"),
            Kind::Advisory => {
                // What comes behind the number: `advisory lock 42 shared`.
                let statement = value(Blank::Statement);
                let (statement, how) = statement.split_once(' ').unwrap_or((statement, ""));
                format!("advisory {statement} {} {how}", value(Blank::Key)).trim_end().to_owned()
            }
            Kind::Prepare => {
                format!("prepare {name} \"SELECT v FROM {table} WHERE id = $1\" on {table} params")
            }
            Kind::Execute => format!("execute {}", value(Blank::Prepared)),
            Kind::Query => "query { palloc 200 as state; tuple { palloc 64 as datum } }".into(),
            Kind::Transaction => value(Blank::Statement).into(),
            Kind::Reset => format!("reset {context}"),
            Kind::Delete => format!("delete {context}"),
            Kind::Call => format!("call {name} {{ palloc 64 as tmp; palloc 2000 as buf }}"),
            Kind::Unpin => format!("unpin {}", value(Blank::Pin)),
            Kind::Cleanup => format!("cleanup {}", value(Blank::Pin)),
            Kind::Lock => format!("lock {table} {}", value(Blank::Mode)),
            Kind::Set => format!("set {} = {}", value(Blank::Setting), value(Blank::Value)),
            Kind::Sleep => return format!("sleep {}", value(Blank::Time)),
            Kind::Checkpoint => return "checkpoint".into(),
            Kind::BgWriter => return "bgwriter".into(),
        };
        format!("{}: {action}", value(Blank::Backend))
    }

    /// `script` with the statement at its end.
    pub fn appended_to(&self, script: &str) -> String {
        let script = script.trim_end();
        let gap = if script.is_empty() { "" } else { "\n" };
        format!("{script}{gap}{}{}\n", self.prelude, self.statement())
    }
}
