//! What a backend's PL/pgSQL functions are in the middle of (`pl_exec.c`): functions, blocks with an
//! exception part, and the contexts in which expressions are evaluated.

use std::rc::Rc;

use crate::ids::Name;
use crate::memory::Addr;

/// PL/pgSQL in one backend.
#[derive(Clone, Debug)]
pub(super) struct Plpgsql {
    /// `shared_simple_eval_estate`: its `es_query_cxt`; null until a function needs it.
    pub(super) estate: Addr,
    /// `simple_econtext_stack`
    pub(super) econtexts: Vec<Econtext>,
    /// Functions that run, the innermost last.
    pub(super) functions: Vec<Function>,
    /// Their blocks with an exception part, the innermost last.
    pub(super) blocks: Vec<Block>,
    /// Their loops over a query's rows, the innermost last: each one's portal, and how many functions
    /// there were.
    pub(super) loops: Vec<(Name, usize)>,
    /// `unnamed_portal_count`
    pub(super) portals: u32,
    /// Functions that the session has compiled, with their `fn_cxt`.
    pub(super) compiled: Rc<Vec<(Name, Addr)>>,
}

/// An `eval_econtext` (`SimpleEcontextStackEntry`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Econtext {
    /// `ecxt_per_tuple_memory`
    pub(super) context: Addr,
    /// The entry.
    pub(super) entry: Addr,
    /// How many levels of the transaction there were (`xact_subxid`).
    pub(super) level: usize,
}

/// A function that runs (`PLpgSQL_execstate`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Function {
    /// How many SPI connections there are with its own.
    pub(super) connections: usize,
    /// A DO block's own `simple_eval_estate`; null if it is the shared one.
    pub(super) estate: Addr,
    /// `stmt_mcontext`; null until a statement needs it.
    pub(super) statement: Addr,
    /// `stmt_mcontext_parent`
    pub(super) parent: Addr,
}

/// A block whose statements run in a subtransaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// What was current before.
    pub(super) outer: Addr,
    /// The function's `stmt_mcontext`, which keeps the error.
    pub(super) statement: Addr,
    /// `stmt_mcontext_parent` before.
    pub(super) parent: Addr,
    /// Functions that ran before, its own with them.
    pub(super) functions: usize,
    /// Loops that had not ended.
    pub(super) loops: usize,
    /// Tuples that were worked on.
    pub(super) tuples: usize,
    /// Calls that had not returned.
    pub(super) calls: usize,
    /// All that had begun and not ended.
    pub(super) frames: usize,
    /// An error has ended its statements, and its exception part runs.
    pub(super) caught: bool,
}

impl Default for Plpgsql {
    fn default() -> Self {
        Self {
            estate: Addr::NULL,
            econtexts: Vec::new(),
            functions: Vec::new(),
            blocks: Vec::new(),
            loops: Vec::new(),
            portals: 0,
            compiled: Rc::default(),
        }
    }
}

impl Plpgsql {
    /// Contexts that code still uses.
    pub(super) fn in_use(&self) -> impl Iterator<Item = Addr> {
        let functions = self.functions.iter().flat_map(|it| [it.estate, it.statement, it.parent]);
        let blocks = self.blocks.iter().flat_map(|it| [it.outer, it.statement, it.parent]);
        let econtexts = self.econtexts.iter().map(|econtext| econtext.context);
        let compiled = self.compiled.iter().map(|(_, context)| *context);
        functions.chain(blocks).chain(econtexts).chain(compiled).chain([self.estate])
    }
}
