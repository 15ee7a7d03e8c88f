//! Child processes: how they are started, and what is said when they fail.
//!
//! xtask itself runs inside `cargo run`, so its environment carries variables that describe *this*
//! package. [`command`] takes those away, so that a nested cargo sees what it would see when the
//! reader had typed the command.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::steps::Screen;
use crate::trouble::Trouble;

/// The repository this xtask was built from.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository")
}

/// A command in the repository's root, free of cargo's notes about xtask itself.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// The cargo that started us, else the one on PATH.
pub(crate) fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs `command` with its output on the reader's screen.
pub(crate) fn run(command: &mut Command, screen: &Screen, way_out: &str) -> Result<(), Trouble> {
    screen.break_line();
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    judge(command, status, way_out)
}

/// As [`run`], but what the command prints is only shown if it fails.
pub(crate) fn run_quietly(command: &mut Command, way_out: &str) -> Result<(), Trouble> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| cannot_start(command, &error))?;
    if !output.status.success() {
        print!("{}", String::from_utf8_lossy(&output.stdout));
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
    }
    judge(command, output.status, way_out)
}

/// As [`run`], but gives up (and ends the child) after `limit`.
pub(crate) fn run_within(
    limit: Duration,
    command: &mut Command,
    screen: &Screen,
    way_out: &str,
) -> Result<(), Trouble> {
    screen.break_line();
    let mut child = command.spawn().map_err(|error| cannot_start(command, &error))?;
    let deadline = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return judge(command, status, way_out),
            Ok(None) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(50));
            }
            _ => {
                // It may have ended in this very moment; either way it is gone afterwards.
                let _ = child.kill();
                let _ = child.wait();
                let cause = format!("`{}` gave no answer in {limit:?}", as_typed(command));
                return Err(Trouble::new(cause, way_out));
            }
        }
    }
}

/// What `command` prints, when it runs at all and ends well.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The first file called `name` in the folders of PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(&file)).find(|path| path.is_file())
}

/// PATH with `first` put before everything else.
pub(crate) fn path_with(first: &[&Path]) -> std::ffi::OsString {
    let old = std::env::var_os("PATH").unwrap_or_default();
    let folders = first.iter().map(|folder| folder.to_path_buf());
    let joined = std::env::join_paths(folders.chain(std::env::split_paths(&old)));
    // Only a folder with the separator in its name cannot be joined; then PATH stays as it was.
    joined.unwrap_or(old)
}

/// `path` as seen from the repository's root, for messages.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn judge(command: &Command, status: ExitStatus, way_out: &str) -> Result<(), Trouble> {
    if status.success() {
        return Ok(());
    }
    Err(Trouble::new(format!("`{}` ended with {status}", as_typed(command)), way_out))
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Trouble {
    Trouble::new(
        format!("`{}` could not be started: {error}", as_typed(command)),
        "see that this program is installed and on PATH",
    )
}

/// The command as one would type it, with the program's file name only.
fn as_typed(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
