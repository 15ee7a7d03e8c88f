//! Golden scenarios: every file in tests/scenarios is a scenario that ends with its own
//! narration, line by line, as comments. The scenario is run, narrated, and compared.
//!
//! `UPDATE_GOLDEN=1 cargo test -p pgscope-scenario --test golden` writes the narration anew;
//! what changed is for a person to look at.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use pgscope_scenario::{History, compile, format, narrate};

/// What narrated lines begin with.
const SAID: &str = "--= ";

fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The sentences of every line's steps, and the sums at the end.
fn narration(name: &str, text: &str) -> String {
    let program = compile(text).unwrap_or_else(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{name} does not compile:\n{}", errors.join("\n"))
    });
    let mut history = History::new(Rc::new(program)).unwrap();
    let mut lines: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    while history.step_op() {
        let line = history.shown_line().unwrap();
        let narration = narrate(&history);
        let listing = narration.listing.iter().map(|line| format!("\n{SAID}    {line}"));
        lines.entry(line).or_default().push(narration.text() + &listing.collect::<String>());
    }
    let mut said = String::new();
    for (line, sentences) in lines {
        // Of a line that reads many pages, the first and the last step say enough.
        let middle = if sentences.len() > 4 { 1..sentences.len() - 1 } else { 0..0 };
        for (number, sentence) in sentences.iter().enumerate() {
            if number == middle.start && !middle.is_empty() {
                writeln!(said, "{SAID}{line}: ... {} more", middle.len()).unwrap();
            }
            if !middle.contains(&number) {
                writeln!(said, "{SAID}{line}: {sentence}").unwrap();
            }
        }
    }
    assert!(history.failures().is_empty(), "{name}: {:?}", history.failures());
    let totals = history.totals();
    writeln!(
        said,
        "{SAID}hits {}, misses {}, evictions {}, writes {}",
        totals.hits, totals.misses, totals.evictions, totals.writes
    )
    .unwrap();
    said
}

#[test]
fn every_scenario_tells_its_story() {
    let files = scenarios();
    assert!(files.len() >= 8, "the golden scenarios are missing");
    let mut different = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let whole = std::fs::read_to_string(&file).unwrap();
        let end = whole.find(SAID).unwrap_or(whole.len());
        let text = &whole[..end];
        assert_eq!(format(text).unwrap().trim_end(), text.trim_end(), "{name} is not formatted");
        let said = narration(&name, text);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, format!("{}\n\n{said}", text.trim_end())).unwrap();
        } else if whole[end..] != said {
            different.push(format!("{name}\nexpected:\n{}got:\n{said}", &whole[end..]));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
