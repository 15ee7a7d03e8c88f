//! What fills the blanks of a statement: the names that the script has, and what stands in the server.

use pgscope_core::Server;
use pgscope_core::ids::{BackendId, ChunkSlot, ContextSlot, PinSlot};
use pgscope_core::views;
use pgscope_scenario::LOCK_MODES;
use pgscope_scenario::Program;

use super::{Blank, Field, Kind};

/// What fills blanks.
pub(super) struct Known<'a> {
    pub(super) program: Option<&'a Program>,
    pub(super) server: Option<&'a Server>,
    pub(super) backend: BackendId,
}

/// Buffers looked at for a likely page: a guess is worth no more.
const LOOKED_AT: usize = 4_096;

/// What a script without any gets.
const FIRST_BACKEND: &str = "alice";
const FIRST_TABLE: &str = "orders";
/// Settings of a session that say how much memory it may use.
const SETTINGS: [&str; 3] = ["work_mem", "maintenance_work_mem", "temp_buffers"];
/// What a context is that is created without a word about it.
pub(super) const ALLOCSET: &str = "allocset";

impl Known<'_> {
    /// What must be declared or begun first.
    pub(super) fn prelude(&self, kind: Kind, blanks: &[Blank]) -> String {
        let mut prelude = String::new();
        if blanks.contains(&Blank::Table) && self.tables().is_empty() {
            prelude += &format!("table {FIRST_TABLE} pages=200\n");
        }
        if blanks.contains(&Blank::Backend) && self.backends().is_empty() {
            prelude += &format!("backend {FIRST_BACKEND}\n");
        }
        if kind == Kind::Lock && !self.is_begun() {
            prelude += &format!("{}: begin\n", self.own_backend());
        }
        prelude
    }

    /// The name of the backend that is looked at, or of the first one.
    fn own_backend(&self) -> String {
        let backends = self.backends();
        let own = backends.get(usize::from(self.backend.0)).or(backends.first());
        own.map_or(FIRST_BACKEND, |name| name).to_owned()
    }

    /// Whether it is in a transaction block.
    fn is_begun(&self) -> bool {
        let backend = self.server.and_then(|server| server.backend(self.backend));
        backend.is_some_and(|backend| backend.is_transaction_block())
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

    /// A blank with what is most likely wanted.
    pub(super) fn field(&self, kind: Kind, blank: Blank) -> Field {
        let (value, choices) = match blank {
            Blank::Backend => (self.own_backend(), self.backends()),
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
            Blank::Statement if kind == Kind::Advisory => {
                ("lock".into(), ["lock", "lock shared", "unlock"].map(String::from).into())
            }
            Blank::Key => ("42".into(), Vec::new()),
            Blank::Prepared => last_of(self.prepared()),
            Blank::Statement => {
                let choices = ["begin", "commit", "rollback"].map(String::from);
                (choices[usize::from(self.is_begun())].clone(), choices.into())
            }
            Blank::Mode => (LOCK_MODES[7].to_owned(), LOCK_MODES.map(Into::into).into()),
            Blank::Setting => (SETTINGS[0].to_owned(), SETTINGS.map(Into::into).into()),
            Blank::Value => ("64MB".into(), Vec::new()),
            Blank::Time => ("1s".into(), Vec::new()),
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

    fn prepared(&self) -> Vec<String> {
        let backend = self.server.and_then(|server| server.backend(self.backend));
        backend.map_or_else(Vec::new, |it| it.prepared_statements().map(Into::into).collect())
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
            Kind::Prepare => self.prepared().iter().any(|prepared| prepared == name),
            _ => false,
        };
        let candidates: Box<dyn Iterator<Item = String>> = match kind {
            Kind::Palloc => {
                let letters = (b'a'..=b'z').map(|letter| char::from(letter).to_string());
                Box::new(letters.chain((1..).map(|number: u32| format!("chunk{number}"))))
            }
            Kind::Pin => Box::new(numbered("p")),
            Kind::Prepare => Box::new(numbered("q")),
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
