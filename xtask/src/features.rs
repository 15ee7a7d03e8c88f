//! Cargo features of the page and of the core: `--features` of the commands, and the choices that
//! `cargo xtask test` tries one after the other.
//!
//! What each feature is stands in crates/core/Cargo.toml.

use std::process::Command;

use crate::args::Args;
use crate::process;
use crate::steps::{Outcome, Screen};

/// What the reader wants built.
#[derive(Clone, Default)]
pub(crate) struct Features {
    list: Option<String>,
    no_default: bool,
}

impl Features {
    /// Takes `--features LIST` and `--no-default-features` out of the command line.
    pub(crate) fn of(args: &mut Args) -> Result<Self, String> {
        let list = args.text("--features", "clobber-freed-memory,memory-context-checking")?;
        Ok(Self { list, no_default: args.flag("--no-default-features") })
    }

    /// Whether anything but the usual page is wanted.
    pub(crate) fn chosen(&self) -> bool {
        self.list.is_some() || self.no_default
    }

    /// Hands them on to cargo or Trunk.
    pub(crate) fn tell(&self, command: &mut Command) {
        if let Some(list) = &self.list {
            command.args(["--features", list]);
        }
        if self.no_default {
            command.arg("--no-default-features");
        }
    }
}

/// Another build of the core than the usual one.
struct Choice {
    features: &'static str,
    no_default: bool,
    /// What is tested besides the core's units: files of crates/core/tests.
    tests: &'static [&'static str],
}

const fn default(features: &'static str) -> Choice {
    Choice { features, no_default: false, tests: &["choices", "properties_memory"] }
}

const fn alone(features: &'static str) -> Choice {
    Choice { features, no_default: true, tests: &["choices"] }
}

const CHOICES: [Choice; 8] = [
    default("default-generation"),
    default("default-slab"),
    default("default-bump"),
    alone("aset"),
    alone("generation"),
    alone("slab"),
    alone("bump"),
    Choice {
        features: "clobber-freed-memory,memory-context-checking",
        no_default: false,
        tests: &["checking", "clobber", "properties_memory"],
    },
];

/// Random cases of each property: what a choice can break shows soon.
const CASES: &str = "24";

/// Tests the core as each choice builds it: what depends on memory contexts, no more.
pub(crate) fn test_choices(screen: &Screen, way_out: &str) -> Outcome {
    screen.break_line();
    for Choice { features, no_default, tests } in CHOICES {
        let mut cargo = process::cargo();
        cargo.args(["test", "--quiet", "-p", "pgscope-core", "--lib"]);
        cargo.args(tests.iter().flat_map(|test| ["--test", test]));
        Features { list: Some(features.into()), no_default }.tell(&mut cargo);
        cargo.env("PROPTEST_CASES", CASES);
        process::run_quietly(&mut cargo, way_out)?;
        screen.note(&format!("{}{features}", if no_default { "only " } else { "" }));
    }
    Ok(format!("{} builds passed", CHOICES.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_handed_on_as_they_were_typed() {
        let words = ["--features=slab,default-slab", "--no-default-features"];
        let mut args = Args::new(words.into_iter().map(String::from));
        let features = Features::of(&mut args).unwrap();
        assert_eq!(args.finish("serve"), Ok(()));
        assert!(features.chosen());
        let mut command = Command::new("cargo");
        features.tell(&mut command);
        let told: Vec<_> = command.get_args().collect();
        assert_eq!(told, ["--features", "slab,default-slab", "--no-default-features"]);
    }
}
