//! No diagnostic without a golden file: each place in the sources that makes one, gives it a help or a
//! suggestion is come to by a case in tests/diagnostics.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::limits::MAX_TEXT;
use crate::{Breakpoint, compile};

thread_local! {
    static REACHED: RefCell<BTreeSet<(String, u32)>> = const { RefCell::new(BTreeSet::new()) };
}

/// The caller's caller makes a part of a diagnostic.
#[track_caller]
pub(super) fn reached() {
    let place = Location::caller();
    let file = place.file().replace('\\', "/");
    REACHED.with_borrow_mut(|all| all.insert((file, place.line())));
}

fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

/// All cases of the golden files.
fn execute_the_cases() {
    let mut cases = Vec::new();
    files(&crate_folder().join("tests/diagnostics"), &mut cases);
    for path in cases {
        let golden = fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
        for case in golden.split_terminator("\n====\n") {
            let source = case.split_once("\n---\n").map_or(case, |(source, _)| source);
            let text = match source.strip_suffix("\n...") {
                Some(begun) => &format!("{begun}{}", "\n-- more".repeat(MAX_TEXT / 8)),
                None => source,
            };
            let (text, breakpoint) = match text.rsplit_once("\nbreak: ") {
                Some((text, breakpoint)) => (text, Some(breakpoint)),
                None => (text, None),
            };
            let program = compile(text);
            if let (Ok(program), Some(breakpoint)) = (program, breakpoint) {
                let _ = Breakpoint::parse(breakpoint, &Rc::new(program));
            }
        }
    }
}

/// The lines of the sources that make a part of a diagnostic. Tests stand at a file's end.
fn places() -> BTreeSet<(String, u32)> {
    let mut sources = Vec::new();
    files(&crate_folder().join("src"), &mut sources);
    let mut places = BTreeSet::new();
    for path in sources {
        let source = fs::read_to_string(&path).unwrap();
        if path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"))
            || path.starts_with(crate_folder().join("src/diagnostic"))
        {
            continue;
        }
        let shown = path.strip_prefix(crate_folder()).unwrap().display().to_string();
        for (line, number) in source.lines().zip(1..) {
            if line.trim() == "mod tests {" {
                break;
            }
            if line.contains(OUT_OF_REACH) {
                continue;
            }
            let code = line.split("//").next().unwrap_or_default();
            if ["Problem::new(", ".help(", ".suggest("].iter().any(|made| code.contains(made)) {
                places.insert((shown.replace('\\', "/"), number));
            }
        }
    }
    places
}

/// What no text comes to: there is always a problem when a condition has no meaning, though types
/// don't say so.
const OUT_OF_REACH: &str = "this can't be looked at";

#[test]
fn every_diagnostic_has_a_golden_case() {
    execute_the_cases();
    let reached = REACHED.with_borrow(Clone::clone);
    let missing: Vec<_> = places()
        .into_iter()
        .filter(|(file, line)| !reached.iter().any(|it| it.0.ends_with(file) && it.1 == *line))
        .map(|(file, line)| format!("{file}:{line}"))
        .collect();
    assert!(reached.len() > 80, "only {} places were come to", reached.len());
    assert!(missing.is_empty(), "no case in tests/diagnostics comes to\n{}", missing.join("\n"));
}
