//! What each mistake looks like to the reader: scenarios with their errors, in files.
//!
//! A case is a scenario, a line `---` and its errors; a line `====` ends it. A last line `break: ` asks
//! for a breakpoint in the scenario, a last line `...` stands for more than a scenario may have. After a change
//! of wording, `UPDATE_GOLDEN=1 cargo test` writes the files anew, to be reviewed by eye.

use std::fs;
use std::path::Path;

use pgscope_scenario::Breakpoint;
use pgscope_scenario::limits::MAX_TEXT;

const SEPARATOR: &str = "\n====\n";

#[test]
fn diagnostics() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for name in ["syntax", "names", "values", "places", "lesson", "waits", "breakpoints"] {
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
    let text = match source.strip_suffix("\n...") {
        Some(begun) => &format!("{begun}{}", "\n-- more".repeat(MAX_TEXT / 8)),
        None => source,
    };
    let (text, breakpoint) = match text.rsplit_once("\nbreak: ") {
        Some((text, breakpoint)) => (text, Some(breakpoint)),
        None => (text, None),
    };
    let compiled = pgscope_scenario::compile(text).and_then(|program| match breakpoint {
        Some(breakpoint) => {
            Breakpoint::parse(breakpoint, &program).map(|_| ()).map_err(|wrong| vec![*wrong])
        }
        None => Ok(()),
    });
    let errors = compiled.map_or_else(
        |errors| errors.iter().map(ToString::to_string).collect(),
        |()| vec!["no errors".to_owned()],
    );
    format!("{source}\n---\n{}", errors.join("\n\n"))
}
