//! Golden scenarios: every file in tests/scenarios is a scenario that ends with its own
//! narration, line by line, as comments. The scenario is run, narrated, and compared.
//!
//! `UPDATE_GOLDEN=1 cargo test -p pgscope-scenario --test golden` writes the narration anew;
//! what changed is for a person to look at.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

use std::path::{Path, PathBuf};
use std::rc::Rc;

use pgscope_scenario::{History, Story, compile, format, golden};

fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The scenario with its story behind it.
fn told(name: &str, text: &str) -> String {
    let program = compile(text).unwrap_or_else(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{name} does not compile:\n{}", errors.join("\n"))
    });
    let mut history = History::new(Rc::new(program)).unwrap();
    let story = Story::of(&mut history);
    assert!(history.failures().is_empty(), "{name}: {:?}", history.failures());
    story.behind(text)
}

#[test]
fn every_scenario_tells_its_story() {
    let files = scenarios();
    assert!(files.len() >= 8, "the golden scenarios are missing");
    let mut different = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let whole = std::fs::read_to_string(&file).unwrap();
        let (text, expected) = golden(&whole);
        assert_eq!(format(text).unwrap().trim_end(), text.trim_end(), "{name} is not formatted");
        let told = told(&name, text);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, told).unwrap();
        } else if whole != told {
            let (_, got) = golden(&told);
            different.push(format!("{name}\nexpected:\n{expected}got:\n{got}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
