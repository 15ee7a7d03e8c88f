//! The command line, and all that `--help` says.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use pgscope_core::profile::Version;
use pgscope_scenario::Position;

const ABOUT: &str = "PostgreSQL's memory in the terminal: run scenarios, replay traces";

const LONG_ABOUT: &str = "\
PostgreSQL's memory in the terminal: buffers, the clock sweep, memory contexts, op for op as a
server of version 15, 17, 18 or 19 does it.

A scenario is a short text: which server, which tables, who reads and allocates what. The page
writes them, a link carries them, and every command here takes them as a FILE, as a LINK that was
copied from the page, or from stdin as `-`.";

const EXAMPLES: &str = "\
Examples:
  Tell what happens when the pool is full:
      pgscope run tests/scenarios/clock-sweep.pgscope
  Type a scenario, and see which buffer holds what at its end:
      echo 'table t pages=9; backend a; a: read t 0..3' | pgscope view pg_buffercache -
  Share it:
      pgscope link lesson.pgscope --base https://example.org/pgscope/
  How large should shared_buffers be for this workload?
      pgscope replay reads.csv --pools 128MB,256MB,512MB

Exit codes: 0 all is well; 1 something expected is not so (an `expect` of a scenario, the form that
`fmt --check` wants, a golden story); 2 what it was given can't be used.
Results go to stdout, talk and progress to stderr. NO_COLOR=1 leaves out the colours.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "pgscope", version, about = ABOUT, long_about = LONG_ABOUT)]
#[command(after_long_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(RunArgs),
    View(ViewArgs),
    Check(CheckArgs),
    Fmt(FmtArgs),
    Golden(GoldenArgs),
    Link(LinkArgs),
    Unlink(UnlinkArgs),
    Replay(ReplayArgs),
    Trace(TraceArgs),
    /// Print a script that completes this command line in your shell
    #[command(after_help = "\
Examples:
  pgscope completions bash > ~/.local/share/bash-completion/completions/pgscope
  pgscope completions zsh > \"${fpath[1]}/_pgscope\"
  pgscope completions fish > ~/.config/fish/completions/pgscope.fish")]
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// Run a scenario and tell what happens.
///
/// Each line of the scenario gets a sentence for what it did, and the tables that its `show`
/// statements show. Of a line that takes many steps the first and the last are told. The sums
/// stand at the end.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgscope run tests/scenarios/dirty-victim.pgscope
  pgscope run 's1=qmUygo2Us...'
  pgscope run --json lesson.pgscope | jq -c 'select(.kind == \"unhashed\")'

It exits with 1 if an `expect` does not hold. Errors that PostgreSQL raises are part of the story.")]
pub(crate) struct RunArgs {
    /// The scenario
    #[arg(value_name = "FILE|LINK|-", value_hint = ValueHint::FilePath)]
    pub(crate) source: String,
    /// Tell every step, in the order in which they happen
    #[arg(long)]
    pub(crate) all: bool,
    /// Print every event as a JSON object on a line of its own
    #[arg(long, conflicts_with = "all")]
    pub(crate) json: bool,
}

/// Run a scenario and print one of PostgreSQL's views.
///
/// The columns are those of the scenario's version; an empty cell is a null.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgscope view pg_buffercache tests/scenarios/clock-sweep.pgscope
  pgscope view pg_backend_memory_contexts --backend alice --csv lesson.pgscope
  pgscope view pg_buffercache --at 20.3 lesson.pgscope    (20 operations and 3 events)")]
pub(crate) struct ViewArgs {
    /// The view
    pub(crate) name: ViewName,
    /// The scenario
    #[arg(value_name = "FILE|LINK|-", value_hint = ValueHint::FilePath)]
    pub(crate) source: String,
    /// Stop after so many operations, and so many events of the next; else at the end
    #[arg(long, value_name = "OP[.EVENT]")]
    pub(crate) at: Option<Place>,
    /// Whose memory contexts; the only backend if there is but one
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: Option<String>,
    /// CSV instead of a table
    #[arg(long)]
    pub(crate) csv: bool,
}

/// A view by its name in PostgreSQL.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ViewName {
    /// Every buffer: its page, usage count, pins
    #[value(name = "pg_buffercache")]
    Buffercache,
    /// The pool in a line: buffers used, dirty, pinned
    #[value(name = "pg_buffercache_summary")]
    BuffercacheSummary,
    /// How many buffers have each usage count
    #[value(name = "pg_buffercache_usage_counts")]
    BuffercacheUsageCounts,
    /// Reads, writes and extends by kind of process, from 16 on
    #[value(name = "pg_stat_io")]
    StatIo,
    /// What the background writer did
    #[value(name = "pg_stat_bgwriter")]
    StatBgwriter,
    /// What the checkpointer did, from 17 on
    #[value(name = "pg_stat_checkpointer")]
    StatCheckpointer,
    /// Blocks of each table that were found in the pool, and read
    #[value(name = "pg_statio_user_tables")]
    StatioUserTables,
    /// A backend's memory contexts
    #[value(name = "pg_backend_memory_contexts")]
    BackendMemoryContexts,
    /// Who has how much of shared memory
    #[value(name = "pg_shmem_allocations")]
    ShmemAllocations,
    /// Every setting, as the postmaster has it, or as the session of --backend
    #[value(name = "pg_settings")]
    Settings,
    /// Every process: its PGPROC, its local memory
    #[value(name = "processes")]
    Processes,
    /// Which bytes of the whole address space belong to whom
    #[value(name = "map")]
    Map,
}

/// Say what is wrong with scenarios, without running them.
///
/// Every error has its file, line and column, the marked source, and what to write instead.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgscope check lessons/*.pgscope
  echo 'alice: raed orders 3' | pgscope check -

It exits with 2 if there is any error.")]
pub(crate) struct CheckArgs {
    /// The scenarios
    #[arg(value_name = "FILE|LINK|-", required = true, value_hint = ValueHint::FilePath)]
    pub(crate) sources: Vec<String>,
}

/// Bring scenarios into their canonical form.
///
/// Files are rewritten where they are; what comes from stdin goes to stdout. A scenario that can't
/// be read is left alone.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgscope fmt lessons/*.pgscope
  pgscope fmt --check lessons/*.pgscope    (prints those that are not formatted, exits with 1)
  pgscope fmt - < draft.pgscope")]
pub(crate) struct FmtArgs {
    /// The files, or - for stdin
    #[arg(value_name = "FILE|-", required = true, value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<String>,
    /// Change nothing; print the names of those whose form is another
    #[arg(long)]
    pub(crate) check: bool,
    /// Print the form instead of rewriting the file
    #[arg(long, conflicts_with = "check")]
    pub(crate) stdout: bool,
}

/// Compare golden scenarios with what happens.
///
/// A golden scenario carries what `pgscope run` prints of it behind its text, as comments that
/// begin with `--= `. So a lesson can be tested: what it teaches is what happens.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgscope golden tests/scenarios/*.pgscope
  pgscope golden --update lesson.pgscope    (then look at what changed)

It exits with 1 if a story is another, or an `expect` does not hold.")]
pub(crate) struct GoldenArgs {
    /// The files
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<String>,
    /// Write the stories anew
    #[arg(long)]
    pub(crate) update: bool,
}

/// Make a link of a scenario.
///
/// The link holds the whole scenario, compressed; nothing is stored anywhere.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgscope link lesson.pgscope
  pgscope link lesson.pgscope --base 'https://example.org/pgscope/?embed' --at 12")]
pub(crate) struct LinkArgs {
    /// The scenario
    #[arg(value_name = "FILE|LINK|-", value_hint = ValueHint::FilePath)]
    pub(crate) source: String,
    /// The page's address; without it only what stands behind its # is printed
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) base: Option<String>,
    /// Where the link stands: operations done, events of the next done
    #[arg(long, value_name = "OP[.EVENT]", default_value = "0")]
    pub(crate) at: Place,
}

/// Print the scenario in a link.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgscope unlink 'https://example.org/pgscope/#s1=qmUygo2Us...' > lesson.pgscope
  xclip -o | pgscope unlink -")]
pub(crate) struct UnlinkArgs {
    /// The link, whole or from its # on
    #[arg(value_name = "LINK|-", value_hint = ValueHint::Url)]
    pub(crate) link: String,
}

/// Replay a trace of page reads in pools of several sizes.
///
/// Every pool is a server of its own that reads the same pages with PostgreSQL's buffer manager. The
/// trace is read once, in pieces, and may be longer than memory; the pools share the processors.
///
/// A trace is CSV with a line `relation,block` or `relation,block,r` for a page that is read and
/// `relation,block,w` for one that is changed too; or libCacheSim's binary format oracleGeneral, of
/// which the objects' numbers count. Which of the two it is its first bytes tell.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgscope replay reads.csv
  pgscope replay reads.oracleGeneral --pools 128MB,256MB,16384 --csv > misses.csv
  pgscope trace --zipf 0.9 --pages 1000000 --reads 20000000 | pgscope replay - --version 15

A trace may have 16,777,216 different pages, and a pool 131,072 buffers (1 GB).")]
pub(crate) struct ReplayArgs {
    /// The trace
    #[arg(value_name = "TRACE|-", value_hint = ValueHint::FilePath)]
    pub(crate) trace: String,
    /// The pools: shared_buffers as postgresql.conf has it, in buffers if there is no unit
    #[arg(long, value_name = "SIZE,...", value_delimiter = ',')]
    #[arg(default_value = "8MB,16MB,32MB,64MB,128MB,256MB,512MB,1GB")]
    pub(crate) pools: Vec<String>,
    /// PostgreSQL's version
    #[arg(long, value_name = "NUMBER", default_value = "18", value_parser = version)]
    pub(crate) version: Version,
    /// What the trace is, if its first bytes shall not tell
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Threads at most; else one for each processor
    #[arg(long, value_name = "NUMBER")]
    pub(crate) threads: Option<std::num::NonZeroUsize>,
    /// CSV instead of a table
    #[arg(long)]
    pub(crate) csv: bool,
}

/// Make a trace of page reads.
///
/// The same options give the same trace. Block 0 is the one that is read most often.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgscope trace --zipf 0.9 --pages 1000000 --reads 20000000 --seed 1 -o zipf.oracleGeneral
  pgscope trace --uniform --pages 5000 --reads 100000 --format csv | head")]
pub(crate) struct TraceArgs {
    /// Zipf's law: block k - 1 is read with a probability in proportion to 1/k^S
    #[arg(long, value_name = "S", required_unless_present = "uniform", value_parser = exponent)]
    pub(crate) zipf: Option<f64>,
    /// Every page is equally likely
    #[arg(long, conflicts_with = "zipf")]
    pub(crate) uniform: bool,
    /// Pages of the relation
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=MAX_PAGES))]
    pub(crate) pages: u32,
    /// Reads in all
    #[arg(long, value_name = "NUMBER")]
    pub(crate) reads: u64,
    /// What the draws grow from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// The file, instead of stdout
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// What to write; else CSV if the file's name ends so
    #[arg(long)]
    pub(crate) format: Option<Format>,
}

/// As many different pages as a replay can tell apart.
const MAX_PAGES: i64 = crate::replay::MAX_PAGES as i64;

/// How a trace is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines of `relation,block[,r|w]`
    Csv,
    /// libCacheSim's: 24 bytes a read
    #[value(name = "oracleGeneral", alias = "oracle-general")]
    OracleGeneral,
}

/// A place in a history, as in `12` or `12.3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) op: u64,
    pub(crate) event: u32,
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (op, event) = text.split_once('.').unwrap_or((text, "0"));
        let place = op.parse().ok().zip(event.parse().ok());
        let (op, event) =
            place.ok_or("write a number of operations, as 12, or with events, as 12.3")?;
        Ok(Self { op, event })
    }
}

impl From<Place> for Position {
    fn from(place: Place) -> Self {
        Self { op: place.op, event: place.event }
    }
}

fn version(text: &str) -> Result<Version, String> {
    let asked = text.parse().ok().and_then(Version::from_number);
    asked.filter(|version| Version::OFFERED.contains(version)).ok_or_else(|| {
        let offered = Version::OFFERED.map(|version| version.number().to_string());
        format!("there is {}", offered.join(", "))
    })
}

fn exponent(text: &str) -> Result<f64, String> {
    let exponent = text.parse().ok().filter(|exponent| (0.01..=10.0).contains(exponent));
    exponent.ok_or_else(|| "write a number from 0.01 to 10".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_place_is_operations_and_events() {
        assert_eq!("12.3".parse(), Ok(Place { op: 12, event: 3 }));
        assert_eq!("7".parse(), Ok(Place { op: 7, event: 0 }));
        assert!(["", "x", "1.", "1.2.3", "-1"].iter().all(|text| text.parse::<Place>().is_err()));
    }
}
