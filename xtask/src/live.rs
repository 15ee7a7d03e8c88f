//! A real server that listens, on a socket in a folder of its own, and psql as its client.
//!
//! One run of psql is one session. It is told to mark where the answer to each statement begins, in what
//! it prints and in what it complains about, so that both can be taken apart again.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use pgscope_core::profile::Version;

use crate::postgres::{Server, as_user, quietly};
use crate::process;
use crate::trouble::Trouble;

/// What parts the fields of a row, and the rows.
const FIELD: char = '\u{1f}';
const ROW: char = '\u{1e}';
/// What stands for NULL.
pub(crate) const NULL: &str = "\u{1}";
const MARK: &str = "-- step --";

/// A running server.
pub(crate) struct Live {
    server: Server,
    bin: PathBuf,
    sockets: PathBuf,
}

/// What a statement came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<Vec<String>>,
    /// All that psql complained about: errors, warnings, notices.
    pub(crate) said: Said,
}

/// An error, or nothing; as psql's VERBOSITY verbose has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) severity: String,
    pub(crate) sqlstate: String,
    pub(crate) message: String,
    pub(crate) detail: String,
    pub(crate) hint: String,
}

impl Live {
    /// Make a data folder and start the server whose programs lie in `bin`.
    pub(crate) fn start(bin: &Path, version: Version) -> Result<Self, Trouble> {
        let server = Server::bare(bin, version)?;
        let sockets = server.folder().to_owned();
        let live = Self { server, bin: bin.to_owned(), sockets };
        let options = format!(
            "-c listen_addresses= -c fsync=off -c jit=off -c autovacuum=off -k {}",
            live.sockets.display()
        );
        let mut start = as_user(&live.bin.join("pg_ctl"));
        start.args(["start", "--wait", "--silent", "-D"]).arg(live.server.data());
        start.arg("-l").arg(live.log()).args(["-o", &options]);
        quietly(start.stdout(Stdio::null()), "see what the server wrote")?;
        Ok(live)
    }

    /// What the server writes.
    pub(crate) fn log(&self) -> PathBuf {
        self.sockets.join("server.log")
    }

    /// One session: these statements, one after the other.
    pub(crate) fn session(&self, statements: &[String]) -> Result<Vec<Answer>, Trouble> {
        let (out, err) = (self.sockets.join("psql.out"), self.sockets.join("psql.err"));
        let wrong = |error: std::io::Error| {
            Trouble::new(error.to_string(), "psql is needed: `apt-get install postgresql-client`")
        };
        let own = self.bin.join("psql");
        let program = if own.is_file() { own } else { PathBuf::from("psql") };
        let mut psql = process::command(program);
        psql.args(["-X", "-q", "-A", "-t", "-U", "postgres", "-d", "postgres", "-h"]);
        psql.arg(&self.sockets).stdin(Stdio::piped()).env("LC_ALL", "C");
        psql.stdout(fs::File::create(&out).map_err(wrong)?);
        let mut child =
            psql.stderr(fs::File::create(&err).map_err(wrong)?).spawn().map_err(wrong)?;
        let mut script = String::from(
            "\\set VERBOSITY verbose\n\\pset fieldsep '\\037'\n\\pset recordsep '\\036'\n\\pset null '\\001'\n",
        );
        for statement in statements {
            script.push_str(&format!("\\echo {MARK}\n\\warn {MARK}\n{statement};\n"));
        }
        if let Some(mut stdin) = child.stdin.take() {
            // If it has gone already, its end tells why.
            let _ = stdin.write_all(script.as_bytes());
        }
        child.wait().map_err(wrong)?;
        let read = |path: &Path| -> Result<String, Trouble> {
            fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).map_err(wrong)
        };
        let (out, err) = (read(&out)?, read(&err)?);
        let (rows, said) = (parts(&out), parts(&err));
        if rows.len() != statements.len() {
            return Err(Trouble::new(
                format!("psql ended early\n{err}"),
                "see what the server wrote",
            ));
        }
        Ok(rows.iter().zip(&said).map(|(rows, said)| answer(rows, said)).collect())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let mut stop = as_user(&self.bin.join("pg_ctl"));
        stop.args(["stop", "--wait", "--silent", "--mode=immediate", "-D"]).arg(self.server.data());
        // If it does not stop, its folder goes from under it, and it ends by itself.
        let _ = quietly(&mut stop, "");
    }
}

/// What stands behind each mark.
fn parts(text: &str) -> Vec<&str> {
    let mark = format!("{MARK}\n");
    text.split(mark.as_str()).skip(1).collect()
}

fn answer(rows: &str, said: &str) -> Answer {
    let rows = rows.trim_end_matches('\n');
    let rows = match rows.is_empty() {
        true => Vec::new(),
        false => rows.split(ROW).map(|row| row.split(FIELD).map(str::to_owned).collect()).collect(),
    };
    Answer { rows, said: said_by(said) }
}

fn said_by(text: &str) -> Said {
    let mut said = Said::default();
    let mut lines = text.lines();
    let Some(first) = lines.next() else { return said };
    // "psql:<stdin>:7: ERROR:  22023: message"
    let mut parts = first.splitn(3, ":  ");
    let mut severity = parts.next().unwrap_or_default();
    if let Some((_, rest)) = severity.rsplit_once(": ") {
        severity = rest;
    }
    let rest = parts.next().unwrap_or_default();
    let (sqlstate, message) = rest.split_once(": ").unwrap_or(("", rest));
    said.severity = severity.to_owned();
    said.sqlstate = sqlstate.to_owned();
    said.message = message.to_owned();
    for line in lines {
        match line.split_once(":  ") {
            Some(("DETAIL", rest)) => said.detail = rest.to_owned(),
            Some(("HINT", rest)) => said.hint = rest.to_owned(),
            _ => {}
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_psql_says_is_taken_apart() {
        let text =
            "ERROR:  22023: 1 is outside the valid range: no\nHINT:  Try 2.\nLOCATION:  f, g.c:3\n";
        let said = said_by(text);
        assert_eq!(said.message, "1 is outside the valid range: no");
        assert_eq!((said.severity.as_str(), said.sqlstate.as_str()), ("ERROR", "22023"));
        assert_eq!((said.detail.as_str(), said.hint.as_str()), ("", "Try 2."));
        assert_eq!(said_by(""), Said::default());
        let rows = answer("a\u{1f}\u{1}\u{1e}b\u{1f}c\n", "").rows;
        assert_eq!(rows, [["a", NULL], ["b", "c"]]);
    }
}
