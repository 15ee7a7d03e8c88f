//! Looking names up, and what to say about one that isn't there.

use pgscope_core::ids::{BackendId, ChunkSlot, ContextSlot, PinSlot, RelId, StrategySlot};

use super::Checker;
use crate::ast::Name;
use crate::diagnostic::Problem;
use crate::limits::MAX_DIAGNOSTICS;
use crate::names::{Locals, Register, own_bit};
use crate::suggest::nearest;

impl Checker {
    pub(super) fn table(&mut self, name: &Name) -> Option<RelId> {
        let found = self.names.find_table(&name.text);
        found.or_else(|| {
            self.news(name)?;
            let help = format!("create it before: table {name} pages=100");
            let meant = nearest(&name.text, self.names.tables());
            let problem = missing("table", name).help(help).suggest(meant);
            self.unknown(problem)
        })
    }

    pub(super) fn backend(&mut self, name: &Name) -> Option<BackendId> {
        let found = self.names.find_backend(&name.text);
        found.or_else(|| {
            self.news(name)?;
            let help = format!("connect it before: backend {name}");
            let meant = nearest(&name.text, self.names.backends());
            let problem = missing("backend", name).help(help).suggest(meant);
            self.unknown(problem)
        })
    }

    pub(super) fn context(&mut self, backend: BackendId, name: &Name) -> Option<ContextSlot> {
        let found = self.names.find_context(backend, &name.text);
        if let (Some(slot), Some(locals)) = (found, self.names.locals_mut(backend)) {
            locals.mentioned |= own_bit(slot);
        }
        found.or_else(|| {
            self.news(name)?;
            let own = self.names.locals(backend).map(|locals| &locals.contexts);
            let known = ContextSlot::WELL_KNOWN.iter().map(|&(name, _)| name);
            let meant = nearest(&name.text, known.chain(own.into_iter().flat_map(Register::iter)));
            let meant = meant.map(|meant| Name { text: meant.into(), span: name.span }.to_string());
            let help = format!("create it before: create context {name}");
            let problem = missing("memory context", name).help(help).suggest(meant.as_deref());
            self.unknown(problem)
        })
    }

    pub(super) fn chunk(&mut self, backend: BackendId, name: &Name) -> Option<ChunkSlot> {
        let found = self.names.find_chunk(backend, &name.text);
        found.or_else(|| {
            self.news(name)?;
            let help = format!("give a chunk that name before: palloc 100 as {name}");
            self.unknown_handle(backend, name, help, [CHUNK, PIN])
        })
    }

    pub(super) fn pin(&mut self, backend: BackendId, name: &Name) -> Option<PinSlot> {
        let found = self.names.find_pin(backend, &name.text);
        found.or_else(|| {
            self.news(name)?;
            let help = format!("keep a pin under that name before: read … hold as {name}");
            self.unknown_handle(backend, name, help, [PIN, CHUNK])
        })
    }

    pub(super) fn ring(&mut self, backend: BackendId, name: &Name) -> Option<StrategySlot> {
        let number = self.names.locals(backend)?.rings.number(&name.text);
        let found = number.map(|number| StrategySlot(StrategySlot::FIRST_USER.0 + number));
        found.or_else(|| {
            self.news(name)?;
            let help = format!("make it before: ring {name} bulkread");
            self.unknown_handle(backend, name, help, [RING, PIN])
        })
    }

    /// There is no handle of the first kind; perhaps there is one of the other.
    fn unknown_handle<T>(
        &mut self,
        backend: BackendId,
        name: &Name,
        help: String,
        [(kind, own), (other_kind, other)]: [Handles; 2],
    ) -> Option<T> {
        let locals = self.names.locals(backend)?;
        let problem = if other(locals).number(&name.text).is_some() {
            missing(kind, name).help(format!("\"{name}\" is the name of a {other_kind}"))
        } else {
            missing(kind, name).help(help).suggest(nearest(&name.text, own(locals).iter()))
        };
        self.unknown(problem)
    }

    /// Whether anything is said about an unknown name: only where it is used first, and only
    /// while there is room. Looking for what may be meant takes its time in a long scenario.
    fn news(&mut self, name: &Name) -> Option<()> {
        let room = self.problems.len() < MAX_DIAGNOSTICS;
        let known = self.tolerated.number(&name.text).is_some();
        (room && !known).then(|| {
            self.tolerated.define(&name.text);
        })
    }

    fn unknown<T>(&mut self, problem: Problem) -> Option<T> {
        self.problems.push(problem);
        None
    }
}

/// A kind of handles and where a backend keeps them.
type Handles = (&'static str, fn(&Locals) -> &Register);

const PIN: Handles = ("pin", |locals| &locals.pins);
const RING: Handles = ("ring", |locals| &locals.rings);
const CHUNK: Handles = ("chunk", |locals| &locals.chunks);

fn missing(kind: &str, name: &Name) -> Problem {
    Problem::new(name.span, format!("there is no {kind} \"{}\"", name.text))
}
