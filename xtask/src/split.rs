//! The page's wasm in two files: what the first picture needs, and the rest.
//!
//! The rest is a module over the same memory, the same table of functions and the same globals: it
//! imports them from the first, which exports them for it. In the first file a function of the rest
//! is a door: it lets the rest be fetched if it isn't here, then calls the function through the
//! table, where the rest has put it. So Rust code needs to know nothing about it, and calls
//! between functions on the same side stay as they were.
//!
//! Data stay in the first file: wasm doesn't say which function uses which bytes.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use walrus::ir::{UnaryOp, Value, Visitor, dfs_in_order};
use walrus::{
    ConstExpr, ElementItems, ElementKind, ExportItem, FunctionBuilder, FunctionId, FunctionKind,
    GlobalId, GlobalKind, ImportedFunction, Module, TableId, ValType,
};

/// The export of the first file that tells whether the rest is here: a global, 0 or 1.
pub(crate) const HERE: &str = "$";
/// What the rest calls the first file when it imports from it.
pub(crate) const FIRST: &str = "$";
/// The export of the page's wasm that brings the rest at once. `crates/web/src/bridge/rest.rs`
const BRING: &str = "bring_the_rest";
/// What every wasm of Rust exports.
const MEMORY: &str = "memory";

/// The two files, and what is in the second.
pub(crate) struct Split {
    pub(crate) first: Vec<u8>,
    pub(crate) rest: Vec<u8>,
    pub(crate) moved: usize,
    pub(crate) doors: usize,
}

/// `wasm` in two: the functions whose names `is_later` goes to the rest, with those that only they
/// call. Names are those of the name section.
pub(crate) fn split(wasm: &[u8], is_later: impl FnMut(&str) -> bool) -> Result<Split, String> {
    let parse = || Module::from_buffer(wasm).map_err(|error| error.to_string());
    let first = parse()?;
    let moved = moved(&first, is_later);
    if moved.is_empty() {
        return Err("no function has a name that is in the list".into());
    }
    let plan = Plan::new(&first, moved)?;
    Ok(Split {
        moved: plan.moved.len(),
        doors: plan.doors.len(),
        first: plan.first(first)?,
        rest: plan.rest(parse()?)?,
    })
}

/// What one function uses.
#[derive(Default)]
struct Uses {
    functions: BTreeSet<FunctionId>,
    globals: BTreeSet<GlobalId>,
    tables: BTreeSet<TableId>,
}

impl<'instr> Visitor<'instr> for Uses {
    fn visit_function_id(&mut self, id: &FunctionId) {
        self.functions.insert(*id);
    }

    fn visit_global_id(&mut self, id: &GlobalId) {
        self.globals.insert(*id);
    }

    fn visit_table_id(&mut self, id: &TableId) {
        self.tables.insert(*id);
    }
}

impl Uses {
    fn add(&mut self, module: &Module, id: FunctionId) {
        if let FunctionKind::Local(function) = &module.funcs.get(id).kind {
            dfs_in_order(self, function, function.entry_block());
        }
    }
}

/// What is called from outside, or through the table.
fn reachable_otherwise(module: &Module) -> BTreeSet<FunctionId> {
    let mut found: BTreeSet<FunctionId> = module.start.into_iter().collect();
    for element in module.elements.iter() {
        if let ElementItems::Functions(functions) = &element.items {
            found.extend(functions);
        }
    }
    found.extend(module.exports.iter().filter_map(|export| match export.item {
        ExportItem::Function(id) => Some(id),
        _ => None,
    }));
    found
}

/// The functions that go to the rest.
fn moved(module: &Module, mut is_later: impl FnMut(&str) -> bool) -> BTreeSet<FunctionId> {
    let local: Vec<FunctionId> = module.funcs.iter_local().map(|(id, _)| id).collect();
    let named: HashSet<FunctionId> = local
        .iter()
        .copied()
        .filter(|id| module.funcs.get(*id).name.as_deref().is_some_and(&mut is_later))
        .collect();
    // Whatever can be reached without them stays.
    let mut waiting: Vec<FunctionId> = reachable_otherwise(module).into_iter().collect();
    let mut staying: HashSet<FunctionId> = HashSet::new();
    while let Some(id) = waiting.pop() {
        if !named.contains(&id) && staying.insert(id) {
            let mut uses = Uses::default();
            uses.add(module, id);
            waiting.extend(uses.functions);
        }
    }
    local.into_iter().filter(|id| !staying.contains(id)).collect()
}

/// Which function goes where, and what the two sides know of each other. Everything is known by
/// its place, which is the same whenever the same bytes are parsed.
struct Plan {
    moved: BTreeSet<usize>,
    /// Those of the moved that the first file calls, in the order of their slots.
    doors: Vec<usize>,
    /// The first slot of the table that is theirs.
    base: u64,
    /// What the rest uses of the first file, with the name of the export.
    functions: BTreeMap<usize, String>,
    globals: BTreeMap<usize, String>,
    tables: BTreeMap<usize, String>,
}

impl Plan {
    fn new(module: &Module, moved: BTreeSet<FunctionId>) -> Result<Plan, String> {
        let (mut there, mut here) = (Uses::default(), Uses::default());
        here.functions = reachable_otherwise(module);
        for (id, _) in module.funcs.iter_local() {
            let side = if moved.contains(&id) { &mut there } else { &mut here };
            side.add(module, id);
        }
        let table = main_table(module)?;
        there.tables.insert(table);
        let mut names = (0..).map(name);
        let mut named = |place: usize| (place, names.next().unwrap_or_default());
        Ok(Plan {
            doors: here.functions.intersection(&moved).map(|id| id.index()).collect(),
            base: module.tables.get(table).initial,
            functions: there.functions.difference(&moved).map(|id| named(id.index())).collect(),
            globals: there.globals.iter().map(|id| named(id.index())).collect(),
            tables: there.tables.iter().map(|id| named(id.index())).collect(),
            moved: moved.iter().map(|id| id.index()).collect(),
        })
    }

    /// The file with doors.
    fn first(&self, mut module: Module) -> Result<Vec<u8>, String> {
        let bring = module.exports.get_func(BRING).map_err(|error| error.to_string())?;
        let table = main_table(&module)?;
        let here =
            module.globals.add_local(ValType::I32, true, false, ConstExpr::Value(Value::I32(0)));
        module.exports.add(HERE, here);

        let functions: Vec<FunctionId> = module.funcs.iter().map(|it| it.id()).collect();
        for id in &functions {
            if let Some(name) = self.functions.get(&id.index()) {
                module.exports.add(name, *id);
            }
        }
        for id in module.globals.iter().map(|it| it.id()).collect::<Vec<_>>() {
            if let Some(name) = self.globals.get(&id.index()) {
                module.exports.add(name, id);
            }
        }
        for id in module.tables.iter().map(|it| it.id()).collect::<Vec<_>>() {
            if let Some(name) = self.tables.get(&id.index()) {
                module.exports.add(name, id);
            }
        }

        let slots = self.doors.len() as u64;
        let room = module.tables.get_mut(table);
        room.initial += slots;
        room.maximum = room.maximum.map(|most| most + slots);

        let slot_of: BTreeMap<usize, u64> = self.doors.iter().copied().zip(self.base..).collect();
        for id in functions {
            if !self.moved.contains(&id.index()) {
                continue;
            }
            let kind = module.funcs.get(id).ty();
            let (params, results) = module.types.params_results(kind);
            let (params, results) = (params.to_vec(), results.to_vec());
            let arguments: Vec<_> = params.iter().map(|it| module.locals.add(*it)).collect();
            let mut builder = FunctionBuilder::new(&mut module.types, &params, &results);
            let mut body = builder.func_body();
            match slot_of.get(&id.index()) {
                // Nobody here calls it: it is gone with the names below.
                None => {
                    body.unreachable();
                }
                Some(slot) => {
                    body.global_get(here).unop(UnaryOp::I32Eqz).if_else(
                        None,
                        |then| {
                            then.call(bring);
                        },
                        |_| (),
                    );
                    for argument in &arguments {
                        body.local_get(*argument);
                    }
                    let slot = i32::try_from(*slot).map_err(|error| error.to_string())?;
                    body.i32_const(slot).call_indirect(kind, table);
                }
            }
            module.funcs.get_mut(id).kind = FunctionKind::Local(builder.local_func(arguments));
        }
        Ok(finished(module))
    }

    /// The file behind the doors.
    fn rest(&self, mut module: Module) -> Result<Vec<u8>, String> {
        for id in module.exports.iter().map(|it| it.id()).collect::<Vec<_>>() {
            module.exports.delete(id);
        }
        module.start = None;
        let table = main_table(&module)?;

        let functions: Vec<FunctionId> = module.funcs.iter().map(|it| it.id()).collect();
        for id in functions.iter().copied() {
            let Some(name) = self.functions.get(&id.index()) else { continue };
            let function = module.funcs.get(id);
            let ty = function.ty();
            if let FunctionKind::Import(imported) = &function.kind {
                module.imports.delete(imported.import);
            }
            let import = module.imports.add(FIRST, name, id);
            module.funcs.get_mut(id).kind = FunctionKind::Import(ImportedFunction { import, ty });
        }
        for id in module.globals.iter().map(|it| it.id()).collect::<Vec<_>>() {
            if let Some(name) = self.globals.get(&id.index()) {
                let import = module.imports.add(FIRST, name, id);
                module.globals.get_mut(id).kind = GlobalKind::Import(import);
            }
        }
        for id in module.elements.iter().map(|it| it.id()).collect::<Vec<_>>() {
            module.elements.delete(id);
        }
        for id in module.tables.iter().map(|it| it.id()).collect::<Vec<_>>() {
            let there = module.tables.get_mut(id);
            there.elem_segments.clear();
            // What it imports has room for the doors.
            there.maximum = None;
            if let Some(name) = self.tables.get(&id.index()) {
                let import = module.imports.add(FIRST, name, id);
                module.tables.get_mut(id).import = Some(import);
            }
        }
        for id in module.data.iter().map(|it| it.id()).collect::<Vec<_>>() {
            module.data.delete(id);
        }
        for id in module.memories.iter().map(|it| it.id()).collect::<Vec<_>>() {
            let import = module.imports.add(FIRST, MEMORY, id);
            let memory = module.memories.get_mut(id);
            memory.import = Some(import);
            memory.data_segments.clear();
        }

        let by_place: BTreeMap<usize, FunctionId> =
            functions.into_iter().map(|id| (id.index(), id)).collect();
        let behind_doors = self.doors.iter().filter_map(|place| by_place.get(place).copied());
        let base = i32::try_from(self.base).map_err(|error| error.to_string())?;
        let filled = module.elements.add(
            ElementKind::Active { table, offset: ConstExpr::Value(Value::I32(base)) },
            ElementItems::Functions(behind_doors.collect()),
        );
        module.tables.get_mut(table).elem_segments.insert(filled);
        Ok(finished(module))
    }
}

fn main_table(module: &Module) -> Result<TableId, String> {
    let found = module.tables.main_function_table().map_err(|error| error.to_string())?;
    found.ok_or_else(|| "it has no table of functions".into())
}

/// The bytes, without what nobody uses and without names.
fn finished(mut module: Module) -> Vec<u8> {
    walrus::passes::gc::run(&mut module);
    module.name = None;
    for function in module.funcs.iter_mut() {
        function.name = None;
    }
    module.customs = Default::default();
    module.emit_wasm()
}

/// `$a`, `$b` and so on.
fn name(mut number: usize) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut name = String::from("$");
    loop {
        name.push(char::from(LETTERS[number % LETTERS.len()]));
        number /= LETTERS.len();
        if number == 0 {
            return name;
        }
    }
}
