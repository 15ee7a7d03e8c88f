//! Any text: all that the page does with it while somebody types.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pgscope_scenario::{compile, format, highlight, highlight_line, limits, parse};

fuzz_target!(|source: &str| {
    let parsed = parse(source);
    assert!(parsed.diagnostics.len() <= limits::MAX_DIAGNOSTICS);
    let lines = source.split('\n');
    for (line, parts) in lines.clone().zip(highlight(source)) {
        assert!(parts.iter().all(|(range, _)| line.get(range.clone()).is_some()));
    }
    for line in lines {
        let parts = highlight_line(line);
        assert!(parts.iter().all(|(range, _)| line.get(range.clone()).is_some()));
    }
    match format(source) {
        Ok(canonical) => {
            assert_eq!(parse(&canonical).script, parsed.script);
            assert_eq!(format(&canonical).as_deref(), Ok(&*canonical));
        }
        Err(diagnostics) => assert_eq!(diagnostics, parsed.diagnostics),
    }
    match compile(source) {
        Ok(program) => {
            let end = program.len();
            assert!(end <= limits::MAX_STEPS);
            assert!(end == 0 || program.step(end - 1).is_some());
            assert!(program.step(end).is_none());
        }
        Err(diagnostics) => {
            assert!((1..=limits::MAX_DIAGNOSTICS).contains(&diagnostics.len()));
        }
    }
});
