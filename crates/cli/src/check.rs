//! `pgscope check`: what is wrong with scenarios, before anything runs.

use std::io::Write as _;

use pgscope_scenario::compile;

use crate::args::CheckArgs;
use crate::input::Source;
use crate::outcome::{Outcome, Trouble, say};
use crate::paint;

pub(crate) fn check(args: &CheckArgs) -> Result<Outcome, Trouble> {
    let mut out = anstream::stdout().lock();
    let mut broken = false;
    for given in &args.sources {
        let source = match Source::read(given) {
            Ok(source) => source,
            Err(trouble) => {
                // The others may have errors too.
                trouble.report();
                broken = true;
                continue;
            }
        };
        if let Err(found) = compile(&source.text) {
            broken = true;
            for diagnostic in &found {
                writeln!(out, "{}", paint::diagnostic(&source.name, diagnostic))?;
            }
            let errors = if found.len() == 1 { "error" } else { "errors" };
            say(format_args!("{}: {} {errors}", source.name, found.len()));
        }
    }
    if broken { Err(Trouble::Shown) } else { Ok(Outcome::Fine) }
}
