//! `pgscope trace`: a trace of reads of one relation, drawn as a scenario draws pages.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use pgscope_scenario::{Distribution, Zipf};

use crate::args::{Format, TraceArgs};
use crate::outcome::{Outcome, Trouble, say};

/// What libCacheSim takes for "nobody has computed it": when the object is read again.
const NEXT_ACCESS_UNKNOWN: i64 = -2;

pub(crate) fn trace(args: &TraceArgs) -> Result<Outcome, Trouble> {
    let Some(path) = &args.output else {
        write(args, BufWriter::new(io::stdout().lock()))?;
        return Ok(Outcome::Fine);
    };
    let named = |error| Trouble::with(path.display(), error);
    let file = File::create(path).map_err(named)?;
    write(args, BufWriter::new(file)).map_err(named)?;
    say(format_args!("{} reads in {}", args.reads, path.display()));
    Ok(Outcome::Fine)
}

fn write(args: &TraceArgs, mut out: impl Write) -> io::Result<()> {
    let TraceArgs { pages, reads, seed, .. } = *args;
    let distribution = match args.zipf {
        Some(exponent) => Distribution::Zipf(Zipf::new(exponent, pages)),
        None => Distribution::Uniform { pages },
    };
    let csv =
        || args.output.as_ref().is_some_and(|path| path.extension().is_some_and(|it| it == "csv"));
    let format = args.format.unwrap_or(if csv() { Format::Csv } else { Format::OracleGeneral });
    for read in 0..reads {
        let block = distribution.draw(seed, read, read);
        match format {
            Format::Csv => writeln!(out, "t,{block}")?,
            Format::OracleGeneral => {
                // Time, object, size, next access.
                out.write_all(&(read as u32).to_le_bytes())?;
                out.write_all(&u64::from(block).to_le_bytes())?;
                out.write_all(&1_u32.to_le_bytes())?;
                out.write_all(&NEXT_ACCESS_UNKNOWN.to_le_bytes())?;
            }
        }
    }
    out.flush()
}
