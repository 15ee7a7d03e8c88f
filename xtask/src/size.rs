//! What a reader's first load weighs, and whether that is within the budget.
//!
//! Counted is every file in dist/, compressed by brotli at its highest level as a web server would
//! send it: wasm, JavaScript, CSS, HTML, icons, everything. That is a little more than any one visit
//! transfers, and there is no way to hide a file from it: the three files that the page fetches behind
//! its first picture (tests/e2e/tests/later.rs holds it to that) have budgets of their own, and so has
//! the one that only pages of others load, to embed this one (tests/e2e/tests/element.rs).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::page;
use crate::process;
use crate::rest;
use crate::steps::{Outcome, Plan, Screen};
use crate::trouble::Trouble;

const BUDGET_FILE: &str = "budget.toml";
const FIRST_LOAD: &str = "first_load_brotli_bytes";
const LATER: &str = "later_brotli_bytes";
/// What counts for [`LATER`]; any other file is of the first load.
const LATER_FILES: [&str; 2] = ["later.js", "later_bg.wasm"];
const REST: &str = "rest_brotli_bytes";
/// What a host's page loads for the custom element, and what it may weigh there.
const ELEMENT_FILE: &str = "pg-scope.js";
const ELEMENT: &str = "the custom element";
const ELEMENT_BYTES: usize = 2_500;

struct Weighed {
    name: String,
    raw: usize,
    brotli: usize,
}

impl Weighed {
    /// The budget that it counts for.
    fn budget(&self) -> &'static str {
        match &*self.name {
            name if LATER_FILES.contains(&name) => LATER,
            name if rest::is_rest(name) => REST,
            ELEMENT_FILE => ELEMENT,
            _ => FIRST_LOAD,
        }
    }
}

/// `cargo xtask size`.
pub(crate) fn print() -> Result<(), String> {
    Plan::new().step("size of the first load", |(), screen| check(screen)).run(&mut ())
}

/// Prints the table; fails when the sum is over the budget.
pub(crate) fn check(screen: &Screen) -> Outcome {
    let dist = page::dist();
    if !dist.join("index.html").is_file() {
        return Err(Trouble::new("there is no page in dist", "build it first: cargo xtask build"));
    }
    let weighed = weigh(&dist).map_err(|error| {
        Trouble::new(format!("dist cannot be read: {error}"), "build it again: cargo xtask build")
    })?;
    screen.break_line();
    print!("{}", table(&weighed));

    let weight = |key| {
        let counted = weighed.iter().filter(|file| file.budget() == key);
        counted.map(|file| file.brotli).sum::<usize>()
    };
    let kept = |key| within(weight(key), read_budget(key)?, key);
    let (first, rest, later) = (kept(FIRST_LOAD)?, kept(REST)?, kept(LATER)?);
    if weight(ELEMENT) > ELEMENT_BYTES {
        return Err(Trouble::new(
            format!("{ELEMENT_FILE} is larger than {ELEMENT_BYTES} bytes compressed"),
            "it is for pages of others: make it do less",
        ));
    }
    Ok(format!("{first}; the rest: {rest}; links: {later}"))
}

fn within(sum: usize, budget: usize, key: &str) -> Outcome {
    if sum > budget {
        return Err(Trouble::new(
            format!("{sum} bytes compressed, and {BUDGET_FILE} allows {key} = {budget}"),
            format!(
                "find what grew in the table above and make it smaller; raising {key} in\n\
                 {BUDGET_FILE} is a decision to be argued for in its own commit"
            ),
        ));
    }
    Ok(format!("{sum} of {budget} bytes, {} %", sum * 100 / budget.max(1)))
}

fn read_budget(key: &str) -> Result<usize, Trouble> {
    let way_out = format!("{BUDGET_FILE} needs a line such as: {key} = 300_000");
    let text = std::fs::read_to_string(process::root().join(BUDGET_FILE))
        .map_err(|error| Trouble::new(format!("{BUDGET_FILE}: {error}"), way_out.clone()))?;
    budget_in(&text, key)
        .ok_or_else(|| Trouble::new(format!("{BUDGET_FILE} has no number called {key}"), way_out))
}

/// A number of the budget file.
fn budget_in(text: &str, key: &str) -> Option<usize> {
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    value.trim().strip_prefix('=')?.trim().replace('_', "").parse().ok()
}

fn weigh(folder: &Path) -> std::io::Result<Vec<Weighed>> {
    let mut weighed = Vec::new();
    for path in files_under(folder)? {
        let content = std::fs::read(&path)?;
        let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        weighed.push(Weighed { name, raw: content.len(), brotli: compressed(&content)? });
    }
    weighed.sort_by_key(|file| std::cmp::Reverse(file.brotli));
    Ok(weighed)
}

fn files_under(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.append(&mut files_under(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

fn compressed(content: &[u8]) -> std::io::Result<usize> {
    let highest = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut &content[..], &mut out, &highest)
}

fn table(weighed: &[Weighed]) -> String {
    let mut text = format!("      {:>10} {:>10}  file\n", "bytes", "brotli");
    for file @ Weighed { name, raw, brotli } in weighed {
        let later = match file.budget() {
            FIRST_LOAD => "",
            ELEMENT => " (in pages of others)",
            _ => " (later)",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "      {raw:>10} {brotli:>10}  {name}{later}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_read_with_or_without_underscores() {
        let text = "# why\nfirst_load_brotli_bytes = 300_000\nlater_brotli_bytes=7";
        assert_eq!(budget_in(text, FIRST_LOAD), Some(300_000));
        assert_eq!(budget_in(text, LATER), Some(7));
        assert_eq!(budget_in("first_load = 7", FIRST_LOAD), None);
    }

    #[test]
    fn compressing_makes_text_smaller() {
        let text = "page ".repeat(1000);
        assert!(compressed(text.as_bytes()).unwrap() < 50);
    }
}
