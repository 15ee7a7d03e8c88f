//! `pgscope link` and `pgscope unlink`: from scenario to link and back.

use std::io::Write as _;

use pgscope_scenario::golden;
use pgscope_scenario::limits::{CHATS_CUT, MAX_LINK};
use pgscope_scenario::link::{self, Link};

use crate::args::{LinkArgs, UnlinkArgs};
use crate::input::{Source, open};
use crate::outcome::{Outcome, Trouble, say, write_out};

pub(crate) fn link(args: &LinkArgs) -> Result<Outcome, Trouble> {
    let source = Source::read(&args.source)?;
    // A link to a broken scenario helps nobody.
    let program = source.history()?.program().clone();
    // What a golden scenario has behind its text, whoever opens the link sees happen.
    let text = match golden(&source.text) {
        (_, "") => source.text.clone(),
        (text, _) => format!("{}\n", text.trim_end()),
    };
    let (op, event) = (args.at.op.min(program.len()), args.at.event);
    let fragment = match args.plain {
        true => link::encode_plain(&text),
        false => link::encode(&Link { text, op, event, panels: 0 }),
    };
    if fragment.len() > MAX_LINK {
        return Err(Trouble::with(
            source.name,
            format!("its link would be longer than {} kB: share the file", MAX_LINK / 1024),
        ));
    }
    let address = match &args.base {
        Some(base) => format!("{}#{fragment}", base.trim_end_matches('#')),
        None => fragment,
    };
    writeln!(std::io::stdout(), "{address}")?;
    if address.len() > CHATS_CUT {
        let length = address.len();
        say(format_args!("{length} characters: some chat programs will cut it, share the file"));
    }
    Ok(Outcome::Fine)
}

pub(crate) fn unlink(args: &UnlinkArgs) -> Result<Outcome, Trouble> {
    let link = match args.link.as_str() {
        "-" => open(Source::read_text("-")?.text.trim())?,
        link => open(link)?,
    };
    let Link { text, op, event, .. } = link;
    write_out(text.as_bytes())?;
    if !text.ends_with('\n') {
        write_out(b"\n")?;
    }
    if (op, event) != (0, 0) {
        say(format_args!("stands at {op}.{event}: operations done, events of the next"));
    }
    Ok(Outcome::Fine)
}
