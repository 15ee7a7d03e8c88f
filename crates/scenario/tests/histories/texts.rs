//! The same scenarios as texts: their canonical form, their colours, their links; and so when
//! somebody has broken them.

use std::ops::Range;

use pgscope_scenario::link::{self, Link};
use pgscope_scenario::{Class, compile, format, highlight, highlight_line, parse};

use crate::number;
use crate::random::{Dice, scenario};

/// Texts as the generator makes them, each with a copy that has a line cut short somewhere.
fn texts() -> impl Iterator<Item = (String, String)> {
    (0..number("PGSCOPE_TEXTS", 500)).map(|round| {
        let mut dice = Dice(round);
        let whole = scenario(&mut dice);
        let cut = whole
            .lines()
            .map(|line| {
                let len = line.chars().count() as u64;
                let keep = if dice.roll(6) == 0 { dice.roll(len + 1) } else { len };
                line.chars().take(keep as usize).chain(['\n']).collect::<String>()
            })
            .collect();
        (whole, cut)
    })
}

#[test]
fn the_canonical_form_says_the_same() {
    for (whole, cut) in texts() {
        let canonical = format(&whole).unwrap();
        assert_eq!(parse(&canonical).script, parse(&whole).script, "{whole}");
        assert_eq!(format(&canonical).as_ref(), Ok(&canonical), "{whole}");
        let (program, other) = (compile(&whole).unwrap(), compile(&canonical).unwrap());
        assert_eq!(program.len(), other.len(), "{whole}");
        for step in 0..program.len() {
            let [ours, theirs] = [&program, &other].map(|it| it.step(step).unwrap().kind);
            assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "step {step} of\n{whole}");
        }
        match format(&cut) {
            Ok(canonical) => assert_eq!(parse(&canonical).script, parse(&cut).script, "{cut}"),
            Err(diagnostics) => assert_eq!(diagnostics, parse(&cut).diagnostics, "{cut}"),
        }
    }
}

/// Parts in order, none over another, each within the line; what is between is space or symbols.
fn check_parts(line: &str, parts: &[(Range<usize>, Class)]) {
    let mut end = 0;
    for (range, _) in parts {
        assert!(end <= range.start && range.start < range.end, "{line}: {parts:?}");
        let between = &line[end..range.start];
        assert!(!between.contains('"') && !between.contains("--"), "{line}: {parts:?}");
        end = range.end;
    }
    assert!(!line[end..].contains(['"', '#']), "{line}: {parts:?}");
}

#[test]
fn each_byte_has_one_colour_and_a_line_alone_the_same() {
    let (mut coloured, mut broken) = (0, 0);
    for (whole, cut) in texts() {
        let lines = highlight(&whole);
        assert_eq!(lines.len(), whole.split('\n').count());
        for (line, parts) in whole.split('\n').zip(&lines) {
            check_parts(line, parts);
            assert_eq!(&highlight_line(line), parts, "{line}");
            coloured += parts.len();
        }
        for (line, parts) in cut.split('\n').zip(highlight(&cut)) {
            check_parts(line, &parts);
            broken += parts.iter().filter(|(_, class)| *class == Class::Error).count();
        }
    }
    assert!(coloured > 10_000 && broken > 100, "{coloured} parts, {broken} broken");
}

#[test]
fn a_link_brings_all_of_it_back() {
    for (number, (whole, cut)) in texts().take(100).enumerate() {
        for text in [whole, cut] {
            let wanted = Link { text, op: number as u64, event: 3, panels: 1 };
            let packed = link::encode(&wanted);
            assert!(packed.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=".contains(&b)));
            assert_eq!(link::decode(&packed), Ok(wanted.clone()));
            assert_eq!(link::encode(&wanted), packed);
            let by_hand = link::decode(&link::encode_plain(&wanted.text));
            assert_eq!(by_hand.map(|link| link.text), Ok(wanted.text));
        }
    }
}
