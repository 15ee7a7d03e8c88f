//! The statements that the buttons write.
//!
//! A button stands for a [`Kind`] of statement. A [`Draft`] is one such statement with its blanks
//! filled in by what is most likely wanted next (the next page, a free name, a pin that is
//! held), so that one click is enough and a form can offer the rest. What a draft becomes is
//! text at the end of the script; there is no second way into the machine.

mod setting;

use pgscope_core::Server;
use pgscope_core::ids::{BackendId, ChunkSlot, ContextSlot, PinSlot};
use pgscope_core::views;
use pgscope_scenario::Program;

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
            Kind::Extend => &[Blank::Backend, Blank::Table],
            Kind::Palloc => &[Blank::Backend, Blank::Size, Blank::Context, Blank::Name],
            Kind::Pfree => &[Blank::Backend, Blank::Chunk],
            Kind::Repalloc => &[Blank::Backend, Blank::Chunk, Blank::Size],
            Kind::NewContext => &[Blank::Backend, Blank::Name, Blank::Context, Blank::Allocator],
            Kind::Query => &[Blank::Backend],
            Kind::Transaction => &[Blank::Backend, Blank::Statement],
            Kind::Reset | Kind::Delete => &[Blank::Backend, Blank::Context],
            Kind::Call => &[Blank::Backend, Blank::Name],
            Kind::Unpin => &[Blank::Backend, Blank::Pin],
        };
        let fields = blanks.iter().map(|&blank| known.field(kind, blank)).collect();
        Self { kind, fields, prelude: known.prelude(blanks) }
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
            Kind::Query => "query { palloc 200 as state; tuple { palloc 64 as datum } }".into(),
            Kind::Transaction => value(Blank::Statement).into(),
            Kind::Reset => format!("reset {context}"),
            Kind::Delete => format!("delete {context}"),
            Kind::Call => format!("call {name} {{ palloc 64 as tmp; palloc 2000 as buf }}"),
            Kind::Unpin => format!("unpin {}", value(Blank::Pin)),
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

/// What fills blanks.
struct Known<'a> {
    program: Option<&'a Program>,
    server: Option<&'a Server>,
    backend: BackendId,
}

/// Buffers looked at for a likely page: a guess is worth no more.
const LOOKED_AT: usize = 4_096;

/// What a script without any gets.
const FIRST_BACKEND: &str = "alice";
const FIRST_TABLE: &str = "orders";
/// What a context is that is created without a word about it.
const ALLOCSET: &str = "allocset";

impl Known<'_> {
    fn prelude(&self, blanks: &[Blank]) -> String {
        let mut prelude = String::new();
        if blanks.contains(&Blank::Table) && self.tables().is_empty() {
            prelude += &format!("table {FIRST_TABLE} pages=200\n");
        }
        if blanks.contains(&Blank::Backend) && self.backends().is_empty() {
            prelude += &format!("backend {FIRST_BACKEND}\n");
        }
        prelude
    }

    fn tables(&self) -> Vec<String> {
        self.program.map_or_else(Vec::new, |it| it.names().tables().map(Into::into).collect())
    }

    fn backends(&self) -> Vec<String> {
        self.program.map_or_else(Vec::new, |it| it.names().backends().map(Into::into).collect())
    }

    /// What a context can be, as the version has it; a slab's chunks need a size.
    fn allocators(&self) -> Vec<String> {
        let bump = self.server.is_some_and(|server| server.profile().mmgr.bump);
        let kinds = [ALLOCSET, "generation", "slab chunk=64", "bump"];
        kinds.into_iter().take(3 + usize::from(bump)).map(Into::into).collect()
    }

    fn field(&self, kind: Kind, blank: Blank) -> Field {
        let (value, choices) = match blank {
            Blank::Backend => {
                let backends = self.backends();
                let own = backends.get(usize::from(self.backend.0)).or(backends.first());
                (own.map_or(FIRST_BACKEND, |name| name).to_owned(), backends)
            }
            Blank::Table => {
                let tables = self.tables();
                (tables.first().map_or(FIRST_TABLE, |name| name).to_owned(), tables)
            }
            Blank::Page if kind == Kind::Pin => (self.page_in_pool().to_string(), Vec::new()),
            Blank::Page => (self.next_page().to_string(), Vec::new()),
            Blank::Size if kind == Kind::Repalloc => ("400".into(), Vec::new()),
            Blank::Size => ("100".into(), Vec::new()),
            Blank::Context => self.contexts(kind),
            Blank::Chunk => last_of(self.chunks()),
            Blank::Pin => last_of(self.pins()),
            Blank::Name => (self.free_name(kind), Vec::new()),
            Blank::Allocator => (ALLOCSET.into(), self.allocators()),
            Blank::Statement => {
                let backend = self.server.and_then(|server| server.backend(self.backend));
                let begun = backend.is_some_and(|backend| backend.is_transaction_block());
                let choices = ["begin", "commit", "rollback"].map(String::from);
                (choices[usize::from(begun)].clone(), choices.into())
            }
        };
        Field { blank, value, choices }
    }

    /// The page after the last one of the first table that is in the pool.
    fn next_page(&self) -> u32 {
        let Some(server) = self.server else { return 0 };
        let Some((rel, relation)) = server.pool().smgr.relations().next() else { return 0 };
        let tags = views::buffers(server).take(LOOKED_AT).filter_map(|row| row.tag);
        let last = tags.filter(|tag| tag.rel == rel).map(|tag| tag.block).max();
        last.map_or(0, |last| (last + 1) % relation.nblocks.max(1))
    }

    /// A page of the first table that is in the pool.
    fn page_in_pool(&self) -> u32 {
        let Some(server) = self.server else { return 0 };
        let Some((rel, _)) = server.pool().smgr.relations().next() else { return 0 };
        let tags = views::buffers(server).take(LOOKED_AT).filter_map(|row| row.tag);
        tags.filter(|tag| tag.rel == rel).map(|tag| tag.block).min().unwrap_or_default()
    }

    /// The scenario's own contexts that exist, then PostgreSQL's.
    fn contexts(&self, kind: Kind) -> (String, Vec<String>) {
        let mut choices = Vec::new();
        if let Some(names) = self.program.map(Program::names) {
            let of_slot = |slot| names.context(self.backend, ContextSlot(slot));
            let own = (ContextSlot::FIRST_USER.0..).map_while(|slot| Some((slot, of_slot(slot)?)));
            choices.extend(own.filter(|(slot, _)| self.exists(ContextSlot(*slot))).map(|it| it.1));
        }
        choices.reverse();
        let own = choices.first().copied();
        if kind != Kind::Delete {
            choices.extend(["TopMemoryContext", "CacheMemoryContext", "MessageContext"]);
        }
        let value = match kind {
            Kind::NewContext => "TopMemoryContext",
            Kind::Delete | Kind::Reset => own.unwrap_or_default(),
            _ => own.unwrap_or("TopMemoryContext"),
        };
        (value.to_owned(), choices.into_iter().map(Into::into).collect())
    }

    /// Whether the context of a slot exists where we stand; without a server, it may.
    fn exists(&self, slot: ContextSlot) -> bool {
        let backend = self.server.and_then(|server| server.backend(self.backend));
        backend.is_none_or(|backend| backend.context(slot).is_some())
    }

    fn chunks(&self) -> Vec<String> {
        let backend = self.server.and_then(|server| server.backend(self.backend));
        let slots = backend.map(|it| it.chunks().map(|(slot, _)| slot).collect::<Vec<_>>());
        let name = |slot: ChunkSlot| self.program?.names().chunk(self.backend, slot);
        let names = slots.into_iter().flatten().filter_map(name);
        names.map(|name| name.to_string()).collect()
    }

    fn pins(&self) -> Vec<String> {
        let (Some(program), Some(server)) = (self.program, self.server) else { return Vec::new() };
        let Some(backend) = server.backend(self.backend) else { return Vec::new() };
        let name = |slot| Some((slot, program.names().pin(self.backend, PinSlot(slot))?));
        let named = (0..).map_while(name);
        let held = named.filter(|(slot, _)| backend.pin(PinSlot(*slot)).is_some());
        held.map(|(_, name)| name.to_string()).collect()
    }

    /// A name that nothing of this kind has yet.
    fn free_name(&self, kind: Kind) -> String {
        let names = self.program.map(Program::names);
        let taken = |name: &str| match kind {
            Kind::NewContext => {
                names.is_some_and(|it| it.find_context(self.backend, name).is_some())
            }
            Kind::Pin => names.is_some_and(|it| it.find_pin(self.backend, name).is_some()),
            Kind::Palloc => names.is_some_and(|it| it.find_chunk(self.backend, name).is_some()),
            _ => false,
        };
        let candidates: Box<dyn Iterator<Item = String>> = match kind {
            Kind::Palloc => {
                let letters = (b'a'..=b'z').map(|letter| char::from(letter).to_string());
                Box::new(letters.chain((1..).map(|number: u32| format!("chunk{number}"))))
            }
            Kind::Pin => Box::new(numbered("p")),
            Kind::NewContext => Box::new(numbered("Work")),
            _ => Box::new(numbered("my_func")),
        };
        let mut free = candidates.skip_while(|name| taken(name));
        free.next().unwrap_or_default()
    }
}

/// `p`, `p2`, `p3` and so on.
fn numbered(stem: &'static str) -> impl Iterator<Item = String> {
    std::iter::once(stem.to_owned()).chain((2_u32..).map(move |n| format!("{stem}{n}")))
}

fn last_of(choices: Vec<String>) -> (String, Vec<String>) {
    (choices.last().cloned().unwrap_or_default(), choices)
}
