//! What reading a page costs in the whole core: one [`Op::Read`] after the other through
//! [`Server::apply`], of a trace of millions.
//!
//! `cargo xtask bench` puts libCacheSim's figures for the same trace beside these. Alone, while
//! the core is made faster:
//!
//! ```text
//! cargo bench -p pgscope-core --bench bufmgr -- --pools 16384 --reads 5000000
//! ```
//!
//! Each line says: buffers, millions of reads a second with events off, and those of a plain clock
//! of arrays that stands for the least that a clock can do; misses at usage counts
//! up to 5 (PostgreSQL's), 1, 3 and 7, which must be the plain clock's (`reference.rs`); millions of
//! events a second with events on.
//! `--lines` prints the same for programs, parted by tabs; `--trace FILE` keeps the trace for
//! libCacheSim.

#[path = "mmgr/cpu_time.rs"]
mod cpu_time;
#[path = "bufmgr/reference.rs"]
mod reference;
#[path = "bufmgr/trace.rs"]
mod trace;

use std::path::PathBuf;
use std::process::ExitCode;

use cpu_time::Start;
use pgscope_core::bufmgr::desc::BM_MAX_USAGE_COUNT;
use pgscope_core::ids::{BackendId, RelId};
use pgscope_core::op::{Persistence, ReadMode};
use pgscope_core::profile::Version;
use pgscope_core::server::Settings;
use pgscope_core::{Op, Server};

const BACKEND: BackendId = BackendId(0);
const REL: RelId = RelId(0);
/// Limits of usage counts: PostgreSQL's, and those that libCacheSim's Clock has too.
const CAPS: [u8; 4] = [BM_MAX_USAGE_COUNT, 1, 3, 7];

struct Options {
    parameters: trace::Parameters,
    pools: Vec<u32>,
    runs: u32,
    lines: bool,
    file: Option<PathBuf>,
}

fn main() -> ExitCode {
    match options(std::env::args().skip(1)).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn options(words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut words = words;
    let parameters =
        trace::Parameters { reads: 20_000_000, pages: 1_000_000, exponent: 0.9, seed: 1 };
    let pools = vec![1024, 16_384, 131_072];
    let mut options = Options { parameters, pools, runs: 3, lines: false, file: None };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a word after it"));
        let number = |text: String| text.parse().map_err(|_| format!("`{text}` is no number"));
        match word.as_str() {
            // What cargo itself adds.
            "--bench" => {}
            "--lines" => options.lines = true,
            "--reads" => options.parameters.reads = number(value()?)? as usize,
            "--pages" => options.parameters.pages = number(value()?)?,
            "--seed" => options.parameters.seed = number(value()?)?.into(),
            "--runs" => options.runs = number(value()?)?.max(1),
            "--pools" => {
                let pools = value()?;
                options.pools = pools.split(',').map(|pool| number(pool.into())).collect::<Result<
                    _,
                    String,
                >>(
                )?;
            }
            "--trace" => options.file = Some(value()?.into()),
            _ => return Err(format!("`{word}` is not known")),
        }
    }
    Ok(options)
}

fn run(options: &Options) -> Result<(), String> {
    let trace = trace::make(options.parameters);
    if let Some(path) = &options.file {
        trace::write(&trace, path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if !options.lines {
        println!(
            "{:>8}{:>10}{:>14}{:>44}{:>24}",
            "buffers",
            "Mreads/s",
            "plain clock",
            "misses at cap 5, 1, 3, 7",
            "events on, Mevents/s"
        );
    }
    let pages = options.parameters.pages;
    for &pool in &options.pools {
        let mut misses = [0; CAPS.len()];
        let (mut fastest, mut plain) = (f64::INFINITY, f64::INFINITY);
        for (cap, misses) in CAPS.into_iter().zip(&mut misses) {
            for _ in 0..if cap == BM_MAX_USAGE_COUNT { options.runs } else { 1 } {
                let mut server = server(pool, pages, cap)?;
                server.log_mut().off();
                let start = Start::now();
                read(&mut server, &trace)?;
                if cap == BM_MAX_USAGE_COUNT {
                    fastest = fastest.min(start.elapsed());
                }
                *misses = server.usage().read;
            }
            let start = Start::now();
            let expected = reference::misses(&trace, pages, pool, cap);
            plain = plain.min(start.elapsed());
            if *misses != expected {
                return Err(format!(
                    "{pool} buffers, usage counts to {cap}: {misses} misses, a plain clock has {expected}"
                ));
            }
        }
        let [off, plain] = [fastest, plain].map(|took| trace.len() as f64 * 1e3 / took);
        let on = with_events(pool, pages, &trace[..trace.len() / 10])?;
        print(options.lines, pool, [off, plain, on], misses);
    }
    Ok(())
}

fn server(buffers: u32, pages: u32, cap: u8) -> Result<Server, String> {
    let settings = Settings::with_shared_buffers(buffers);
    let start = || {
        let mut server = Server::start(Version::V18, settings, 0)?;
        server.apply(&Op::Connect { backend: BACKEND, name: "bench".into() })?;
        let persistence = Persistence::Permanent;
        server.apply(&Op::CreateRelation {
            rel: REL,
            name: "bench".into(),
            nblocks: pages,
            persistence,
        })?;
        server.pool_mut().set_max_usage_count(cap);
        Ok(server)
    };
    start().map_err(|error: pgscope_core::Error| error.to_string())
}

fn read_op(block: u32) -> Op {
    Op::Read {
        backend: BACKEND,
        rel: REL,
        block,
        mode: ReadMode::Normal,
        strategy: None,
        dirty: None,
        pin: None,
    }
}

fn read(server: &mut Server, trace: &[u32]) -> Result<(), String> {
    let mut op = read_op(0);
    for &next in trace {
        if let Op::Read { block, .. } = &mut op {
            *block = next;
        }
        server.apply(&op).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Millions of events a second.
fn with_events(pool: u32, pages: u32, trace: &[u32]) -> Result<f64, String> {
    let mut server = server(pool, pages, BM_MAX_USAGE_COUNT)?;
    let mut events = 0;
    let start = Start::now();
    for &block in trace {
        server.apply(&read_op(block)).map_err(|error| error.to_string())?;
        events += server.events().len();
    }
    Ok(events as f64 * 1e3 / start.elapsed())
}

fn print(lines: bool, pool: u32, [off, plain, on]: [f64; 3], misses: [u64; CAPS.len()]) {
    let [five, one, three, seven] = misses;
    if lines {
        println!("{pool}\t{off:.2}\t{plain:.2}\t{five}\t{one}\t{three}\t{seven}\t{on:.2}");
    } else {
        let misses = format!("{five}, {one}, {three}, {seven}");
        println!("{pool:>8}{off:>10.1}{plain:>14.1}{misses:>44}{on:>24.1}");
    }
}
