//! `pgscope golden`: scenarios that carry their own story behind their text, as those in
//! `tests/scenarios` do.

use std::io::Write as _;

use pgscope_scenario::{Story, golden as parts};

use crate::args::GoldenArgs;
use crate::input::{Source, check_length};
use crate::outcome::{Outcome, Trouble, say};
use crate::run::judge;

pub(crate) fn golden(args: &GoldenArgs) -> Result<Outcome, Trouble> {
    let (mut different, mut broken) = (0, 0);
    for file in &args.files {
        match one(file, args.update) {
            Ok(outcome) => different += usize::from(outcome == Outcome::Unfulfilled),
            Err(trouble @ Trouble::NobodyReads) => return Err(trouble),
            Err(trouble) => {
                trouble.report();
                broken += 1;
            }
        }
    }
    let all = args.files.len();
    say(format_args!("{} of {all} golden scenarios are as they say", all - different - broken));
    if broken > 0 { Err(Trouble::Shown) } else { Ok(Outcome::fine_if(different == 0)) }
}

/// Whether everything happens as the file says, or said so until now.
fn one(file: &str, update: bool) -> Result<Outcome, Trouble> {
    let Source { name, text: whole } = Source::read_text(file)?;
    let (text, _) = parts(&whole);
    check_length(&name, text)?;
    let source = Source { name, text: text.to_owned() };
    let mut history = source.history()?;
    let told = Story::of(&mut history).behind(text);
    let fulfilled = judge(&source.name, &history);
    if told == whole {
        return Ok(fulfilled);
    }
    if update {
        std::fs::write(file, &told).map_err(|error| Trouble::with(file, error))?;
        say(format_args!("rewrote {file}"));
        return Ok(fulfilled);
    }
    writeln!(std::io::stdout(), "{file}\n{}", difference(&whole, &told))?;
    Ok(Outcome::Unfulfilled)
}

/// From the first line that differs to the last, of both.
fn difference(expected: &str, got: &str) -> String {
    let [mut expected, mut got] = [expected, got].map(|text| text.lines().collect::<Vec<_>>());
    let same = expected.iter().zip(&got).take_while(|(one, other)| one == other).count();
    let first = same + 1;
    expected.drain(..same);
    got.drain(..same);
    while expected.last().is_some_and(|last| got.last() == Some(last)) {
        expected.pop();
        got.pop();
    }
    let mut text = format!("from line {first} on:\n");
    for (mark, lines) in [("- ", &expected), ("+ ", &got)] {
        lines.iter().for_each(|line| text.extend([mark, line, "\n"]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn only_what_differs_is_shown() {
        assert_eq!(difference("a\nb\nc\n", "a\nx\ny\nc\n"), "from line 2 on:\n- b\n+ x\n+ y\n");
        assert_eq!(difference("a\n", "a\na\n"), "from line 2 on:\n+ a\n");
    }
}
