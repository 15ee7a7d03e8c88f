//! The release's wasm, split by the list in `crates/web/rest.txt`.
//!
//! The list has a path of Rust on each line, and a function that is there goes to the rest. After the
//! word `types` the path means generic code that was made for a type that is there; and a line with
//! ` for ` in it is one function, with all the paths that are in its name. `cargo xtask rest`
//! writes it ([`list`]); a path that no function has any more is passed over: what it named is back in the
//! first load, which has its budget.

pub(crate) mod list;

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::process;
use crate::split::{self, Split};
use crate::steps::Outcome;
use crate::symbol::{self, Paths};
use crate::trouble::Trouble;

const LIST: &str = "crates/web/rest.txt";
/// Where index.html wants the name of the file.
const PLACE: &str = "REST = \"\"";
/// What a line begins with that means types.
const TYPES: &str = "types ";
const PAGE: &str = "pgscope-web-";

/// What the rest's file is called.
pub(crate) fn is_rest(name: &str) -> bool {
    name.starts_with("pgscope-rest-") && name.ends_with(".wasm")
}

/// Splits the page's wasm in `dist`.
pub(crate) fn release(dist: &Path) -> Outcome {
    let failed = |error: String| {
        Trouble::new(
            format!("the wasm in dist cannot be split: {error}"),
            format!("see {LIST}, xtask/src/rest.rs and split.rs, and what changed in Trunk"),
        )
    };
    let in_two = in_two(dist).map_err(failed)?;
    Ok(format!("{} functions, {} of them called from the first", in_two.moved, in_two.doors))
}

fn in_two(dist: &Path) -> Result<Split, String> {
    let told = |error: std::io::Error| error.to_string();
    let list = fs::read_to_string(process::root().join(LIST)).map_err(told)?;
    let paths: Vec<&str> = paths(&list).collect();
    let wasm = page_wasm(dist)?;
    let bytes = fs::read(&wasm).map_err(told)?;
    let in_two = split::split(&bytes, |name| {
        let named = symbol::paths(name);
        paths.iter().any(|path| holds(path, &named))
    })?;

    let mut hasher = DefaultHasher::new();
    (&in_two.first, &in_two.rest).hash(&mut hasher);
    let name = format!("pgscope-rest-{:016x}.wasm", hasher.finish());
    let page = dist.join("index.html");
    let text = fs::read_to_string(&page).map_err(told)?;
    if text.matches(PLACE).count() != 1 {
        return Err(format!("index.html has no {PLACE}"));
    }
    fs::write(page, text.replace(PLACE, &format!("REST = \"./{name}\""))).map_err(told)?;
    fs::write(wasm, &in_two.first).map_err(told)?;
    fs::write(dist.join(name), &in_two.rest).map_err(told)?;
    Ok(in_two)
}

/// The wasm that Trunk made of the page.
fn page_wasm(dist: &Path) -> Result<PathBuf, String> {
    let entries = fs::read_dir(dist).map_err(|error| error.to_string())?;
    let mut paths = entries.flatten().map(|entry| entry.path());
    paths
        .find(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with(PAGE) && name.ends_with("_bg.wasm")
        })
        .ok_or_else(|| format!("no {PAGE}…_bg.wasm is there"))
}

/// The list's lines, without what is said about them.
fn paths(list: &str) -> impl Iterator<Item = &str> {
    list.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|it| !it.is_empty())
}

/// Whether a line of the list means a function with this name.
fn holds(line: &str, named: &Paths) -> bool {
    match line.strip_prefix(TYPES) {
        Some(path) => named.made_for.iter().any(|it| is_in(it, path)),
        None if line.contains(" for ") => named.whole() == line,
        None => named.own.iter().any(|it| is_in(it, line)),
    }
}

/// Whether `path` is `outer` or in it.
fn is_in(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_in_its_module() {
        assert!(is_in("web::panels::views::Row", "web::panels::views"));
        assert!(is_in("web::panels::views", "web::panels::views"));
        assert!(!is_in("web::panels::views_of_old::run", "web::panels::views"));
    }

    #[test]
    fn the_list_may_say_why() {
        assert_eq!(paths("# why\n\na::b # only there\nc").collect::<Vec<_>>(), ["a::b", "c"]);
    }
}
