//! `pgscope`: scenarios in the terminal, and replays of traces of page reads.
//!
//! This file ties the parts together; [`args`] is the command line with all its help, and each
//! command is a module of its own:
//!
//! | command          | module         |                                                       |
//! |------------------|----------------|-------------------------------------------------------|
//! | `run`            | [`run`]        | a scenario told, or its events as JSON                |
//! | `view`           | [`view`]       | a `pg_*` view at a place of a scenario                |
//! | `check`          | [`check`]      | what is wrong with a scenario                         |
//! | `fmt`            | [`fmt`]        | the canonical form                                    |
//! | `golden`         | [`golden`]     | scenarios that carry their own story                  |
//! | `link`, `unlink` | [`link`]       | from scenario to link and back                        |
//! | `replay`         | [`replay`]     | the misses of a trace in pools of several sizes       |
//! | `trace`          | [`trace`]      | makes a trace                                         |
//!
//! Results go to stdout, talk to stderr. It exits with 0 if all is well, 1 if something that was
//! expected is not so, 2 if what it was given can't be used.
//!
//! It decides nothing about PostgreSQL: all of that is in the core and in the scenario crate.

#![forbid(unsafe_code)]

mod args;
mod check;
mod fmt;
mod golden;
mod input;
mod json;
mod link;
mod outcome;
mod paint;
mod replay;
mod run;
mod trace;
mod view;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Cli, Command};
use outcome::{Outcome, Trouble};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::View(args) => view::view(&args),
        Command::Check(args) => check::check(&args),
        Command::Fmt(args) => fmt::fmt(&args),
        Command::Golden(args) => golden::golden(&args),
        Command::Link(args) => link::link(&args),
        Command::Unlink(args) => link::unlink(&args),
        Command::Replay(args) => replay::replay(&args),
        Command::Trace(args) => trace::trace(&args),
        Command::Completions { shell } => completions(shell),
    };
    match result {
        Ok(outcome) => outcome.into(),
        Err(trouble) => trouble.report(),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<Outcome, Trouble> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pgscope", &mut script);
    outcome::write_out(&script)?;
    Ok(Outcome::Fine)
}
