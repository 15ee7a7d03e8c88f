//! The standard library for `wasm32-unknown-unknown`.
//!
//! Present means that a `libstd-*.rlib` lies where rustc looks for it: rustup's own notion of
//! "installed" is not asked, because rustc may come from a distribution, and because a reader may
//! have pointed rustc to another sysroot (see the message in [`ways_out`]).

use std::path::Path;
use std::time::Duration;

use crate::process;
use crate::steps::{Outcome, Screen};
use crate::trouble::Trouble;

pub(crate) const TRIPLE: &str = "wasm32-unknown-unknown";

/// The variable by which cargo passes flags to rustc for this target only.
const FLAGS: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS";

/// Finds the target or has rustup add it.
pub(crate) fn ensure(screen: &Screen) -> Outcome {
    if is_present() {
        return Ok("already there".into());
    }
    if process::on_path("rustup").is_none() {
        return Err(Trouble::new(
            "rustc has no standard library for this target, and there is no rustup to add it",
            ways_out(),
        ));
    }
    screen.note("asking rustup for it (some seconds)");
    let mut rustup = process::command("rustup");
    rustup.args(["target", "add", TRIPLE]);
    process::run_within(Duration::from_secs(180), &mut rustup, screen, ways_out())?;
    if is_present() {
        return Ok("added by rustup".into());
    }
    Err(Trouble::new(
        "rustup says the target is added, but rustc does not find it: \
         the rustc on PATH is not rustup's",
        "put rustup's folder (~/.cargo/bin) first on PATH and run this again",
    ))
}

fn is_present() -> bool {
    let mut rustc = process::command(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--print", "target-libdir", "--target", TRIPLE]);
    if let Ok(flags) = std::env::var(FLAGS) {
        rustc.args(flags.split_whitespace());
    }
    let Some(folder) = process::answer(&mut rustc) else { return false };
    let Ok(entries) = Path::new(&folder).read_dir() else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

fn ways_out() -> &'static str {
    "any one of these, then run this again:\n\
     1. with network access to rustup's server: rustup target add wasm32-unknown-unknown\n\
     2. build std from source: the crate rustc-build-sysroot, with the rust-src of exactly this\n   \
     rustc and the flag -Cembed-bitcode=yes, into a folder of its own (never into the\n   \
     toolchain's); then export\n   \
     CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS=\"--sysroot <folder>\"\n\
     3. on Debian: apt-get install rustc-web cargo-web rust-web-src lld-22, put /usr/bin first on\n   \
     PATH, and build std from its source as in 2"
}
