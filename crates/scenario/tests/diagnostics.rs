//! What each mistake looks like to the reader: scenarios with their errors, in files.
//!
//! A case is a scenario, a line `---` and its errors; a line `====` ends it. After a change
//! of wording, `UPDATE_GOLDEN=1 cargo test` writes the files anew, to be reviewed by eye.

use std::fs;
use std::path::Path;

const SEPARATOR: &str = "\n====\n";

#[test]
fn diagnostics() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for name in ["syntax", "names", "values", "places", "lesson", "waits"] {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/diagnostics/{name}.txt"));
        let golden = fs::read_to_string(&path).expect("the file is there").replace("\r\n", "\n");
        let mut found = String::new();
        for case in golden.split_terminator(SEPARATOR) {
            let now = run(case);
            assert!(update || now == case, "{name}.txt: one case says now\n\n{now}");
            found += &(now + SEPARATOR);
        }
        if update {
            fs::write(&path, &found).expect("the file can be written");
        }
    }
}

/// A case with the errors that its scenario has now.
fn run(case: &str) -> String {
    let source = case.split_once("\n---\n").map_or(case, |(source, _)| source);
    let errors = pgscope_scenario::compile(source).map_or_else(
        |errors| errors.iter().map(ToString::to_string).collect(),
        |_| vec!["no errors".to_owned()],
    );
    format!("{source}\n---\n{}", errors.join("\n\n"))
}
