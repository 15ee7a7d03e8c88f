//! Golden transcripts: commands and what they print, in one file each.
//!
//! ```text
//! $ pgscope fmt --check - < 'backend  a'
//! stdin
//! ! what it says on stderr
//! = 1
//! ```
//!
//! A line that begins with `$` is a command; words with blanks are in single quotes, `<` gives it
//! stdin. Then come stdout, stderr behind `! `, and behind `= ` the exit code unless it is 0. The
//! commands of a file run one after the other in a folder of their own, a copy of tests/files.
//! `UPDATE_GOLDEN=1 cargo test -p pgscope-cli --test transcripts` writes them anew, for a person to
//! look at.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// A fresh copy of tests/files.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for file in fs::read_dir(here().join("files")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    folder
}

/// The words of a command, and what it gets on stdin.
fn words(command: &str) -> (Vec<String>, String) {
    let (mut words, mut stdin) = (Vec::new(), String::new());
    let mut rest = command.trim();
    let mut to_stdin = false;
    while !rest.is_empty() {
        let word = match rest.strip_prefix('\'') {
            Some(quoted) => {
                let (word, behind) = quoted.split_once('\'').expect("a quote is closed");
                rest = behind.trim_start();
                word
            }
            None => {
                let (word, behind) = rest.split_once(' ').unwrap_or((rest, ""));
                rest = behind.trim_start();
                word
            }
        };
        match word {
            "<" => to_stdin = true,
            word if to_stdin => stdin = word.replace("\\n", "\n"),
            word => words.push(word.to_owned()),
        }
    }
    (words, stdin)
}

/// What a command prints, as a transcript has it.
fn transcript(command: &str, folder: &Path) -> String {
    let (words, stdin) = words(command);
    let (program, args) = words.split_first().unwrap();
    assert_eq!(program, "pgscope");
    let mut child = Command::new(env!("CARGO_BIN_EXE_pgscope"))
        .args(args)
        .current_dir(folder)
        .env_remove("CLICOLOR_FORCE")
        .env("COLUMNS", "100")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without reading it all.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    let mut text = format!("$ {command}\n{stdout}");
    // How long it took is another thing each time.
    for line in stderr.lines().filter(|line| !line.contains("million reads a second")) {
        text.extend([format!("! {line}").trim_end(), "\n"]);
    }
    match output.status.code() {
        Some(0) => {}
        code => writeln!(text, "= {}", code.unwrap()).unwrap(),
    }
    text + "\n"
}

#[test]
fn commands_print_what_their_transcripts_say() {
    let mut files: Vec<PathBuf> =
        fs::read_dir(here().join("transcripts")).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 8, "transcripts are missing");
    let mut different = String::new();
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let folder = folder(name);
        let expected = fs::read_to_string(&file).unwrap();
        let commands = expected.lines().filter_map(|line| line.strip_prefix("$ "));
        let got: String = commands.map(|command| transcript(command, &folder)).collect();
        let got = format!("{}\n", got.trim_end());
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&file, got).unwrap();
        } else if got != expected {
            let _ = write!(different, "{name}\nexpected:\n{expected}\ngot:\n{got}\n");
        }
    }
    assert!(different.is_empty(), "{different}");
}
