//! `pgscope fmt`: scenarios in their canonical form.

use std::io::Write as _;

use pgscope_scenario::format;

use crate::args::FmtArgs;
use crate::input::{Source, check_length};
use crate::outcome::{Outcome, Trouble, say, write_out};
use crate::paint;

pub(crate) fn fmt(args: &FmtArgs) -> Result<Outcome, Trouble> {
    let (mut broken, mut different) = (false, false);
    for given in &args.files {
        match one(given, args) {
            Ok(changes) => different |= changes,
            Err(trouble @ Trouble::NobodyReads) => return Err(trouble),
            Err(trouble) => {
                trouble.report();
                broken = true;
            }
        }
    }
    match broken {
        true => Err(Trouble::Shown),
        false => Ok(Outcome::fine_if(!(args.check && different))),
    }
}

/// Whether the form is another.
fn one(given: &str, args: &FmtArgs) -> Result<bool, Trouble> {
    let Source { name, text } = Source::read_text(given)?;
    check_length(&name, &text)?;
    let formatted = format(&text).map_err(|found| {
        for diagnostic in &found {
            say(paint::diagnostic(&name, diagnostic));
        }
        Trouble::Shown
    })?;
    let changes = formatted != text;
    if args.check {
        if changes {
            writeln!(std::io::stdout(), "{name}")?;
        }
    } else if args.stdout || given == "-" {
        write_out(formatted.as_bytes())?;
    } else if changes {
        std::fs::write(given, formatted).map_err(|error| Trouble::with(given, error))?;
        say(format_args!("formatted {name}"));
    }
    Ok(changes)
}
