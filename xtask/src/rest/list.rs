//! `cargo xtask rest`: writes the list of what the first picture doesn't need.
//!
//! A release build of the page, in one piece, has a mark put at the beginning of each of its functions.
//! Readers then open it, with a wide window, with a phone, and as an embed, and what they never
//! called goes into the list: by the path that says it in the fewest lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use walrus::ir::Value;
use walrus::{Module, ValType};

use super::{LIST, PAGE, TYPES, holds, page_wasm};
use crate::checks;
use crate::page;
use crate::process;
use crate::setup::{self, Kit};
use crate::steps::{Outcome, Plan, Screen};
use crate::symbol::{self, Paths};
use crate::trouble::Trouble;

/// Instructions: a line for less isn't worth it, and one that means a single function is for more.
const LEAST: u64 = 60;
const LEAST_ALONE: u64 = 120;
/// What must be there when the rest can't be had: what a panic shows, and the ways to the outside.
const STAYS: &str = "pgscope_web::bridge";
/// Crates that are ours.
const OURS: &str = "pgscope_";
const HEADER: &str = "\
# What goes to a release's second file, fetched behind the first picture: paths of Rust, as
# xtask/src/rest.rs reads them. Written by `cargo xtask rest`, from what readers who opened the page
# did not call; tests/e2e/tests/later.rs holds a first visit to it.
";

/// Writes the list anew.
pub(crate) fn write() -> Result<(), String> {
    page::in_one_piece(setup::for_the_browser(setup::for_the_page(Plan::new())))
        .step("what the first picture calls", watch)
        .run(&mut Kit::default())
}

fn watch(kit: &mut Kit, screen: &Screen) -> Outcome {
    let failed = |error: String| {
        Trouble::new(error, "see xtask/src/rest/list.rs, and what changed in wasm-bindgen")
    };
    let folder = process::root().join("target/rest");
    let functions = mark(&page::dist(), &folder).map_err(failed)?;
    let mut readers = process::cargo();
    readers.args(["run", "-q", "-p", "pgscope-e2e", "--bin", "marks"]);
    checks::with_browser(&mut readers, kit);
    readers.env("PGSCOPE_DIST", &folder);
    process::run(&mut readers, screen, "the lines above say what a reader missed")?;
    let called = fs::read_to_string(folder.join("marks")).map_err(|it| failed(it.to_string()))?;
    let called: BTreeSet<usize> =
        called.split(',').filter_map(|it| it.trim().parse().ok()).collect();
    let list = list(&functions, &called);
    let lines = list.len();
    let text = format!("{HEADER}\n{}\n", list.join("\n"));
    fs::write(process::root().join(LIST), text).map_err(|it| failed(it.to_string()))?;
    Ok(format!("{} of {} functions; {lines} paths in {LIST}", called.len(), functions.len()))
}

/// One function of the page: its instructions, and its name.
struct Function {
    size: u64,
    named: Paths,
}

impl Function {
    /// The paths by which the list may mean it.
    fn paths(&self) -> Vec<String> {
        let types = self.named.made_for.iter().map(|path| format!("{TYPES}{path}"));
        self.named.own.iter().cloned().chain(types).collect()
    }
}

/// A copy of the page in `to` whose functions tell when they are called.
fn mark(from: &Path, to: &Path) -> Result<Vec<Function>, String> {
    let told = |error: std::io::Error| error.to_string();
    if to.is_dir() {
        fs::remove_dir_all(to).map_err(told)?;
    }
    fs::create_dir_all(to).map_err(told)?;
    for entry in fs::read_dir(from).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            fs::copy(&path, to.join(name)).map_err(told)?;
        }
    }
    let wasm = page_wasm(to)?;
    let mut module = Module::from_file(&wasm).map_err(|error| error.to_string())?;
    let takes_a_number = module.types.add(&[ValType::I32], &[]);
    let (mark, _) = module.add_import_func("marks", "mark", takes_a_number);
    let mut functions = Vec::new();
    for (place, function) in (0_i32..).zip(module.funcs.iter_mut()) {
        let named = symbol::paths(function.name.as_deref().unwrap_or_default());
        let mut size = 0;
        if let walrus::FunctionKind::Local(local) = &mut function.kind {
            size = local.size();
            local.builder_mut().func_body().const_at(0, Value::I32(place)).call_at(1, mark);
        }
        functions.push(Function { size, named });
    }
    module.emit_wasm_file(&wasm).map_err(|error| error.to_string())?;

    let script = wasm.to_string_lossy().replace("_bg.wasm", ".js");
    let text = fs::read_to_string(&script).map_err(told)?;
    const IMPORTS: &str = "function __wbg_get_imports() {";
    if text.matches(IMPORTS).count() != 1 {
        return Err(format!("{PAGE}….js has no {IMPORTS}"));
    }
    let marked = "globalThis.marks = new Set();
        function __wbg_get_imports() {
            return { ...imports(), marks: { mark: place => globalThis.marks.add(place) } };
        }
        function imports() {";
    fs::write(script, text.replace(IMPORTS, marked)).map_err(told)?;
    Ok(functions)
}

/// The paths that hold only functions nobody called: of two, one in the other, the outer. Then the
/// larger functions that are left, one by one.
fn list(functions: &[Function], called: &BTreeSet<usize>) -> Vec<String> {
    let paths: Vec<Vec<String>> = functions.iter().map(Function::paths).collect();
    let mut used = BTreeSet::new();
    let mut unused: BTreeMap<&str, u64> = BTreeMap::new();
    for (place, (function, paths)) in functions.iter().zip(&paths).enumerate() {
        let all: BTreeSet<&str> = paths.iter().flat_map(|path| with_outer(path)).collect();
        for path in all {
            if called.contains(&place) {
                used.insert(path);
            } else {
                *unused.entry(path).or_default() += function.size;
            }
        }
    }
    let cold = |path: &str| unused.contains_key(path) && !used.contains(path);
    let mut list: Vec<String> = unused
        .iter()
        .filter(|(path, size)| cold(path) && **size >= LEAST && !path.starts_with(STAYS))
        .filter(|(path, _)| !with_outer(path).any(|outer| outer != **path && cold(outer)))
        .map(|(path, _)| (*path).to_owned())
        .collect();
    let by_kind =
        |line: &String| (line.starts_with(TYPES), line.trim_start_matches(TYPES).to_owned());
    list.sort_by_key(by_kind);

    let kept: BTreeSet<String> = called
        .iter()
        .filter_map(|place| functions.get(*place))
        .map(|function| function.named.whole())
        .collect();
    let alone: BTreeSet<String> = functions
        .iter()
        .enumerate()
        .filter(|(place, function)| function.size >= LEAST_ALONE && !called.contains(place))
        .filter(|(_, function)| !list.iter().any(|line| holds(line, &function.named)))
        .filter(|(_, function)| !function.named.own.iter().any(|path| path.starts_with(STAYS)))
        .map(|(_, function)| function.named.whole())
        .filter(|line| !kept.contains(line) && line.contains(OURS))
        .collect();
    list.extend(alone);
    list
}

/// A path and all that it is in, but for whole crates and what isn't ours.
fn with_outer(path: &str) -> impl Iterator<Item = &str> {
    let is_ours = path.strip_prefix(TYPES).unwrap_or(path).starts_with(OURS);
    let inner = path.match_indices("::").skip(1).map(|(at, _)| &path[..at]);
    inner.chain([path]).filter(move |it| is_ours && it.contains("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(size: u64, own: &str, made_for: &[&str]) -> Function {
        let made_for = made_for.iter().map(|it| (*it).to_owned()).collect();
        Function { size, named: Paths { own: vec![own.to_owned()], made_for } }
    }

    #[test]
    fn what_was_never_called_is_named_by_the_outermost_path() {
        let functions = [
            function(100, "pgscope_a::one::f", &[]),
            function(100, "pgscope_a::two::f", &[]),
            function(100, "pgscope_a::two::more::g", &[]),
            function(100, "core::fmt::h", &["pgscope_a::three::T"]),
            function(5, "pgscope_a::four", &[]),
        ];
        let list = list(&functions, &BTreeSet::from([0]));
        assert_eq!(list, ["pgscope_a::two", "types pgscope_a::three"]);
    }

    #[test]
    fn what_is_left_is_named_whole() {
        let hot = ["pgscope_a::A"];
        let functions = [
            function(200, "alloc::vec::Vec::push", &hot),
            function(200, "alloc::vec::Vec::sort", &hot),
            function(200, "alloc::vec::Vec::sort", &["u8"]),
        ];
        let list = list(&functions, &BTreeSet::from([0]));
        assert_eq!(list, ["alloc::vec::Vec::sort for pgscope_a::A"]);
    }

    #[test]
    fn a_module_stays_if_one_of_its_functions_was_called() {
        let functions =
            [function(100, "pgscope_a::two::f", &[]), function(100, "pgscope_a::two::g", &[])];
        assert_eq!(list(&functions, &BTreeSet::from([0])), ["pgscope_a::two::g"]);
    }
}
