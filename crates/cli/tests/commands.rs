//! What no transcript can show: pipes, colours, and that commands fit together.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn pgscope(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgscope"));
    command.args(args).env_remove("CLICOLOR_FORCE").env_remove("NO_COLOR");
    command
}

fn with_stdin(args: &[&str], stdin: &[u8]) -> Output {
    let piped = || Stdio::piped();
    let mut child = pgscope(args).stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    child.wait_with_output().unwrap()
}

fn stdout(args: &[&str], stdin: &[u8]) -> String {
    let output = with_stdin(args, stdin);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn golden_scenarios() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.map(|file| file.to_str().unwrap().to_owned()).collect()
}

const READS: &str = "table orders pages=9\nbackend alice\nalice: read orders 3\n";

#[test]
fn the_golden_scenarios_are_as_they_say_here_too() {
    let files = golden_scenarios();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let output = with_stdin(&[&["golden"], files.as_slice()].concat(), b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(files.len() >= 50);
}

#[test]
fn what_run_prints_is_the_story_that_a_golden_scenario_carries() {
    for file in golden_scenarios() {
        let whole = std::fs::read_to_string(&file).unwrap();
        let story: Vec<&str> = whole.lines().filter_map(|line| line.strip_prefix("--= ")).collect();
        assert_eq!(stdout(&["run", &file], b"").lines().collect::<Vec<_>>(), story, "{file}");
    }
}

#[test]
fn every_line_of_json_is_an_object() {
    let text = stdout(&["run", "--json", "-"], READS.as_bytes());
    let events: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_line_3 = events.iter().filter(|event| event["line"] == 3);
    let kinds: Vec<&str> = of_line_3.map(|event| event["kind"].as_str().unwrap()).collect();
    let expected = ["lookup", "freelist_pop", "pinned", "hashed", "loaded", "unpinned"];
    assert_eq!(kinds, expected);
    assert_eq!(events.last().unwrap()["misses"], 1);
}

#[test]
fn a_link_comes_back_as_the_text_it_was_made_of() {
    let link = stdout(&["link", "-", "--base", "https://example.org/"], READS.as_bytes());
    assert_eq!(stdout(&["unlink", link.trim()], b""), READS);
    // A link stands for its scenario, as an argument or saved in a file.
    let told = stdout(&["run", "-"], READS.as_bytes());
    assert_eq!(stdout(&["run", link.trim()], b""), told);
    assert_eq!(stdout(&["run", "-"], link.as_bytes()), told);
}

#[test]
fn a_trace_can_be_piped_into_a_replay() {
    let trace = |format| {
        let zipf = ["trace", "--zipf", "1.1", "--pages", "500", "--reads", "20000"];
        with_stdin(&[&zipf[..], &["--format", format]].concat(), b"").stdout
    };
    let [csv, binary] = ["csv", "oracleGeneral"].map(trace);
    assert_eq!(binary.len(), 20_000 * 24);
    let replay = |trace: &[u8]| stdout(&["replay", "-", "--csv", "--pools", "16,64"], trace);
    assert_eq!(replay(&csv), replay(&binary));
    assert!(replay(&csv).contains("\n64,64,20000,"));
}

#[test]
fn who_stops_reading_is_not_an_error() {
    let scenario = "table t pages=9\nbackend a\nrepeat 20000 { a: read t uniform }\n";
    let zipf = ["trace", "--zipf", "1", "--pages", "500", "--reads", "1000000"];
    for args in [&["run", "--json", "-"][..], &["run", "--all", "-"], &zipf] {
        let piped = || Stdio::piped();
        let mut child =
            pgscope(args).stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
        drop(child.stdout.take());
        child.stdin.take().unwrap().write_all(scenario.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
        assert!(output.status.success(), "{args:?}");
    }
}

#[test]
fn colours_are_for_terminals() {
    let run = |name: &str| {
        let mut command = pgscope(&["run", "s1=p6gIFGNgYICnWAA"]);
        if !name.is_empty() {
            command.env(name, "1");
        }
        let output = command.output().unwrap();
        assert!(output.status.success());
        output.stdout.contains(&0x1b)
    };
    assert!(run("CLICOLOR_FORCE"));
    assert!(!run("") && !run("NO_COLOR"));
}

#[test]
fn every_shell_gets_a_script() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&["completions", shell], b"");
        assert!(script.contains("replay") && script.contains("pools"), "{shell}");
    }
}

#[test]
fn shared_memory_is_listed() {
    let rows = stdout(&["view", "pg_shmem_allocations", "-", "--csv"], b"server 18");
    assert!(rows.starts_with("name,off,size,allocated_size\n"));
    assert!(rows.contains("\nBuffer Blocks,") && rows.contains("\n<anonymous>,,"));
}

#[test]
fn the_commands_of_the_readme_work() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let commands: Vec<&str> =
        readme.lines().filter_map(|line| line.strip_prefix("    pgscope ")).collect();
    assert!(commands.len() >= 5);
    let program = Path::new(env!("CARGO_BIN_EXE_pgscope")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    for command in commands {
        let command = format!("pgscope {command}");
        let mut shell = Command::new("sh");
        let output = shell.args(["-c", &command]).current_dir(&root).env("PATH", &path).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!output.stdout.is_empty() || command.contains("check"), "{command}");
    }
}
