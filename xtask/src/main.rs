//! The commands of the README, behind `cargo xtask`.
//!
//! This file reads the command line; each command is a [`steps::Plan`] put together in a module of
//! its own. Set-up is part of every command that needs it, so that each works as the first act on a
//! fresh machine:
//!
//! | command       | module          | set-up                        |
//! |---------------|-----------------|-------------------------------|
//! | `serve`       | [`page`]        | target, wasm-bindgen, Trunk   |
//! | `build`       | [`page`]        | target, wasm-bindgen, Trunk   |
//! | `size`        | [`size`]        | none                          |
//! | `test`        | [`checks`]      | all of these and a browser    |
//! | `conformance` | [`conformance`] | none                          |
//! | `oracle`      | [`oracle`]      | PostgreSQL, with `--install`  |
//! | `record`      | [`record`]      | none                          |
//! | `bench`       | [`bench`]       | none                          |
//! | `fuzz`        | [`fuzz`]        | cargo-fuzz; a nightly compiler must be there |
//! | `screenshots` | [`screenshots`] | all of these and a browser    |
//!
//! What it is not: a build system. Trunk builds the page, cargo builds the rest.

mod args;
mod bench;
mod checks;
mod conformance;
mod features;
mod fuzz;
mod live;
mod oracle;
mod page;
mod postgres;
mod process;
mod record;
mod rest;
mod screenshots;
mod setup;
mod shorten;
mod size;
mod split;
mod stamp;
mod steps;
mod symbol;
mod trouble;

use std::process::ExitCode;

use args::Args;
use features::Features;

const HELP: &str = "\
The commands of pgscope. Each sets up what it needs first, under target/.

  cargo xtask serve [--open] [--release] [--port N]
      Build the page, serve it on 127.0.0.1 and rebuild it at each change of a source file.
        --open      open it in your browser
        --release   build it small instead of fast
        --port N    serve on port N instead of 8080
  cargo xtask build
      Build the page for publishing into dist/ and print the size of its first load.
        --features LIST, --no-default-features (of both)
                    build it with other cargo features than usual, such as
                    clobber-freed-memory,memory-context-checking or default-slab
  cargo xtask test
      Run every check and every test, from rustfmt to a reader's way through the page in Chromium.
  cargo xtask conformance [FILE or DIR ...]
      Replay recorded traces of real servers in the core and compare every operation; without a
      path, those under tests/traces and tests/servers. Exits non-zero if one differs.
  cargo xtask oracle [--kind KIND] [--ops N] [--seed S] [--pg-bin DIR] [--install]
      Run random scenarios inside a real server and in the core, compare after every operation,
      and report the first difference as the shortest scenario that shows it.
        --kind KIND   about memory contexts (mmgr, the usual) or buffers (bufmgr)
        --ops N       this many operations instead of 100000
        --seed S      from this seed instead of 1
        --pg-bin DIR  the server whose programs lie in DIR, instead of Debian's PostgreSQL 15
        --install     have apt install PostgreSQL 15 if it is missing
  cargo xtask record [--kind KIND] [--pg-bin DIR] [--starts N] [--seed S] [--out FILE]
      Start a real server with random settings, write down how it lays out its shared memory, and
      compare with the core.
        --kind KIND   about shared memory (shmem, the usual), or about memory contexts (contexts): what
                      backends have of them in the stories of tests/servers/stories.sql; psql is needed
        --pg-bin DIR  as above; no headers are needed
        --starts N    with so many different settings instead of 20
        --seed S      from this seed instead of 1
        --out FILE    into this file instead of target/record/shmem.json or contexts.json
  cargo xtask bench [--kind KIND] [--pg-bin DIR] [--steps N] [--runs N] [--reads N]
      Time palloc and pfree in the core, beside the same work inside a real server if there is one;
      reads of pages, beside libCacheSim's Clock if pip can install it; and going back in a history
      of a million events, native and as WebAssembly.
        --kind KIND   only one of them: mmgr, bufmgr or history; or page: the built page in Chromium,
                      from a key to the painted change, frames, ten million reads, and Lighthouse's scores
        --pg-bin DIR  as above
        --steps N     this many steps of each workload instead of 3000000
        --runs N      the median of this many runs instead of 7
        --reads N     this many reads instead of 20000000
  cargo xtask fuzz [--runs N] [--seed S]
      Have libFuzzer try to break the parser and what opens links; wants a nightly compiler.
        --runs N      so many executions of each instead of 100000
        --seed S      from this seed instead of 1
  cargo xtask size
      Print the size of what lies in dist/, compressed, against budget.toml.
  cargo xtask rest
      Write anew which functions the first picture doesn't need (crates/web/rest.txt): a release has
      them in a second file.
  cargo xtask screenshots
      Take the pictures in docs/screenshots/ anew.

The first run builds Trunk and wasm-bindgen into target/tools, which takes some minutes;
afterwards set-up takes less than a second. `rm -r target` undoes all of it.";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_else(|| "--help".into());
    match dispatch(&command, Args::new(words)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("\n{message}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: &str, mut args: Args) -> Result<(), String> {
    match command {
        "--help" | "-h" | "help" => {
            println!("{HELP}");
            Ok(())
        }
        "serve" => {
            let options = page::ServeOptions {
                open: args.flag("--open"),
                release: args.flag("--release"),
                port: args.number("--port")?.unwrap_or(8080),
                features: Features::of(&mut args)?,
            };
            args.finish(command)?;
            page::serve(options)
        }
        "build" => {
            let features = Features::of(&mut args)?;
            args.finish(command)?;
            page::build(features)
        }
        "test" => {
            args.finish(command)?;
            checks::test()
        }
        "size" => {
            args.finish(command)?;
            size::print()
        }
        "rest" => {
            args.finish(command)?;
            rest::list::write()
        }
        "conformance" => {
            let paths = args.rest(command)?;
            conformance::run(&paths).map(drop)
        }
        "oracle" => {
            let options = oracle::Options {
                kind: kind(&mut args)?.unwrap_or(oracle::Kind::Traced(oracle::Traced::Mmgr)),
                pg_bin: args.text("--pg-bin", "/usr/lib/postgresql/15/bin")?,
                install: args.flag("--install"),
                ops: args.number("--ops")?.unwrap_or(100_000),
                seed: args.number("--seed")?.unwrap_or(1),
            };
            args.finish(command)?;
            oracle::run(options)
        }
        "record" => {
            let options = record::Options {
                pg_bin: args.text("--pg-bin", "/usr/lib/postgresql/15/bin")?,
                out: args.text("--out", "starts.json")?,
                contexts: about_contexts(&mut args)?,
                starts: args.number("--starts")?.unwrap_or(20),
                seed: args.number("--seed")?.unwrap_or(1),
            };
            args.finish(command)?;
            record::run(options)
        }
        "bench" => {
            let options = bench::Options {
                what: what(&mut args)?,
                pg_bin: args.text("--pg-bin", "/usr/lib/postgresql/15/bin")?,
                steps: args.number("--steps")?.unwrap_or(3_000_000).max(1000),
                runs: args.number("--runs")?.unwrap_or(7).max(1),
                reads: args.number("--reads")?.unwrap_or(20_000_000).max(1000),
            };
            args.finish(command)?;
            bench::run(options)
        }
        "fuzz" => {
            let options = fuzz::Options {
                runs: args.number("--runs")?.unwrap_or(100_000).max(1),
                seed: args.number("--seed")?.unwrap_or(1),
            };
            args.finish(command)?;
            fuzz::run(options)
        }
        "screenshots" => {
            args.finish(command)?;
            screenshots::take()
        }
        unknown => Err(format!(
            "there is no command `{unknown}`\n  way out: `cargo xtask --help` lists the commands"
        )),
    }
}

fn what(args: &mut Args) -> Result<Option<bench::What>, String> {
    let Some(word) = args.text("--kind", "history")? else { return Ok(None) };
    let what = bench::What::from_word(&word);
    what.map(Some).ok_or_else(|| {
        format!("there is no kind `{word}`, only `mmgr`, `bufmgr`, `history` and `page`")
    })
}

fn about_contexts(args: &mut Args) -> Result<bool, String> {
    match args.text("--kind", "contexts")?.as_deref() {
        None | Some("shmem") => Ok(false),
        Some("contexts") => Ok(true),
        Some(word) => Err(format!("there is no kind `{word}`, only `shmem` and `contexts`")),
    }
}

fn kind(args: &mut Args) -> Result<Option<oracle::Kind>, String> {
    let Some(word) = args.text("--kind", "bufmgr")? else { return Ok(None) };
    let kind = oracle::Kind::from_word(&word);
    kind.map(Some)
        .ok_or_else(|| format!("there is no kind `{word}`, only `mmgr`, `bufmgr` and `locks`"))
}
