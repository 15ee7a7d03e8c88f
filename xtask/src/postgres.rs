//! A real PostgreSQL to compare with: found or installed, and run with our extension in it.
//!
//! The server runs in its single-user mode (`postgres --single`): one backend that reads SQL from
//! its standard input. No postmaster, no socket, no port, and nothing in the background that would
//! touch buffers between two operations. PostgreSQL refuses to run as root, so root runs it as the
//! user `postgres` that the package makes; that is also why everything it has to reach lies in a
//! folder of its own under the system's temporary one. The folder goes when [`Server`] does.

pub(crate) mod client;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use client::Client;
use pgscope_core::profile::Version;

use crate::process;
use crate::setup::apt;
use crate::steps::Screen;
use crate::trouble::Trouble;

/// Where Debian and Ubuntu put the version that continuous integration compares with.
const DEBIAN: &str = "/usr/lib/postgresql/15/bin";
const PACKAGES: [&str; 2] = ["postgresql-15", "postgresql-server-dev-15"];
/// Settings that the pool's behaviour depends on, and those that keep others away from it.
pub(crate) const RECORDED: [&str; 14] = [
    "max_connections=10",
    "max_worker_processes=0",
    "max_parallel_workers=0",
    "max_wal_senders=0",
    "max_prepared_transactions=0",
    "autovacuum=off",
    "wal_level=minimal",
    "wal_buffers=16MB",
    "full_page_writes=off",
    "temp_buffers=100",
    "bgwriter_flush_after=0",
    "backend_flush_after=0",
    "checkpoint_flush_after=0",
    "max_wal_size=100GB",
];
/// Who runs the server when we are root.
const USER: &str = "postgres";

/// An installed PostgreSQL that extensions can be compiled for.
pub(crate) struct Installation {
    bin: PathBuf,
    headers: PathBuf,
    /// As it says itself.
    pub(crate) words: String,
    pub(crate) version: Version,
}

impl Installation {
    /// The PostgreSQL whose programs lie in `bin`, else the packaged one.
    pub(crate) fn find(bin: Option<&str>) -> Result<Self, Trouble> {
        let bin = PathBuf::from(bin.unwrap_or(DEBIAN));
        let ask = |option| {
            process::answer(process::command(bin.join("pg_config")).arg(option)).ok_or_else(|| {
                let cause = format!("there is no PostgreSQL with pg_config in {}", bin.display());
                Trouble::new(cause, by_hand())
            })
        };
        let words = ask("--version")?;
        let headers = PathBuf::from(ask("--includedir-server")?);
        let version = release(&words).and_then(Version::from_release).ok_or_else(|| {
            Trouble::new(format!("{words} is none of the versions that the core knows"), by_hand())
        })?;
        for needed in [bin.join("postgres"), bin.join("initdb"), headers.join("postgres.h")] {
            if !needed.is_file() {
                return Err(Trouble::new(format!("{} is missing", needed.display()), by_hand()));
            }
        }
        Ok(Self { bin, headers, words, version })
    }

    /// A data folder of this installation's, without our extension.
    pub(crate) fn bare(&self) -> Result<Server, Trouble> {
        Server::bare(&self.bin, self.version)
    }

    /// The packaged PostgreSQL, which apt installs if it is missing and we are root.
    pub(crate) fn ensure(screen: &Screen) -> Result<Self, Trouble> {
        Self::find(None).or_else(|trouble| {
            if !apt::can_install() {
                return Err(trouble);
            }
            screen.note("not there yet; apt installs PostgreSQL 15 (about 1 minute)");
            apt::install(&PACKAGES, screen, &by_hand())?;
            Self::find(None)
        })
    }
}

/// `server_version_num` of what calls itself `PostgreSQL 19rc1` or `PostgreSQL 15.20 (Debian ...)`.
pub(crate) fn release(words: &str) -> Option<u32> {
    let number = words.strip_prefix("PostgreSQL ")?;
    let mut parts = number.split(|c: char| !c.is_ascii_digit());
    let major: u32 = parts.next()?.parse().ok()?;
    let minor =
        if number[major.to_string().len()..].starts_with('.') { parts.next() } else { None };
    Some(major * 10_000 + minor.and_then(|minor| minor.parse::<u32>().ok()).unwrap_or(0))
}

fn by_hand() -> String {
    format!(
        "`apt-get install {}` as root (`--install` does it), or\n\
         `--pg-bin DIR` with the folder of another installation's programs, its headers included",
        PACKAGES.join(" ")
    )
}

/// A data folder with a server's programs and our extension, for as long as this lives.
pub(crate) struct Server {
    folder: PathBuf,
    postgres: PathBuf,
    /// It has asynchronous I/O, and checksums unless told otherwise.
    asynchronous: bool,
}

impl Drop for Server {
    fn drop(&mut self) {
        // What cannot be removed stays for the system to clear; nobody can do better here.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Server {
    /// Compile the extension and make a data folder.
    pub(crate) fn new(installation: &Installation) -> Result<Self, Trouble> {
        let server = Self::bare(&installation.bin, installation.version)?;
        server.compile(installation)?;
        let library = server.library();
        server.sql(&[
            format!(
                "CREATE FUNCTION oracle_mmgr(text, text) RETURNS void \
                 AS '{library}', 'oracle_mmgr' LANGUAGE C"
            ),
            format!(
                "CREATE FUNCTION oracle_bufmgr(text, text) RETURNS void \
                 AS '{library}', 'oracle_bufmgr' LANGUAGE C"
            ),
            format!(
                "CREATE FUNCTION oracle_workloads(int, int, text) RETURNS void \
                 AS '{library}', 'oracle_workloads' LANGUAGE C"
            ),
        ])?;
        Ok(server)
    }

    /// Make a data folder for the programs in `bin`. Without the extension no headers are needed.
    pub(crate) fn bare(bin: &Path, version: Version) -> Result<Self, Trouble> {
        let name = format!("pgscope-oracle-{}", std::process::id());
        let server = Self {
            folder: std::env::temp_dir().join(name),
            postgres: bin.join("postgres"),
            asynchronous: version.number() >= 18,
        };
        let way_out = "see that the system's temporary folder can be written to";
        fs::create_dir(&server.folder)
            .map_err(|error| Trouble::new(format!("{}: {error}", server.shown()), way_out))?;
        if apt::is_root() {
            quietly(process::command("chown").arg(USER).arg(&server.folder), &by_hand())?;
        }
        let mut initdb = as_user(&bin.join("initdb"));
        initdb.args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--no-locale"]);
        if server.asynchronous {
            initdb.arg("--no-data-checksums");
        }
        quietly(
            initdb.arg("-D").arg(server.data()),
            "the lines above say what initdb did not like",
        )?;
        Ok(server)
    }

    /// What the server says when it is asked for a setting and does not start (`postgres -C`).
    pub(crate) fn ask(&self, name: &str, settings: &[String]) -> Result<Output, Trouble> {
        let mut command = as_user(&self.postgres);
        command.arg("-D").arg(self.data()).args(["-C", name]);
        command.args(settings.iter().flat_map(|setting| ["-c", setting])).stdin(Stdio::null());
        command.output().map_err(|error| Trouble::new(error.to_string(), by_hand()))
    }

    fn compile(&self, installation: &Installation) -> Result<(), Trouble> {
        let sources = process::root().join("tests").join("oracle");
        let mut cc = process::command(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
        cc.args(["-O2", "-Wall", "-fPIC", "-shared", "-I"]).arg(&installation.headers);
        for source in ["trace.c", "mmgr.c", "pool.c", "sessions.c", "bufmgr.c", "workload.c"] {
            cc.arg(sources.join(source));
        }
        let way_out = "a C compiler is needed (Debian: `apt-get install gcc libc6-dev`), and\n\
                       headers of the same major version as the server";
        quietly(cc.arg("-o").arg(self.library()), way_out)
    }

    /// Execute these statements in one backend, each in a transaction of its own.
    fn sql(&self, statements: &[String]) -> Result<(), Trouble> {
        self.sql_with(&[], statements)
    }

    /// Start it with a postmaster, for several sessions at once.
    pub(crate) fn start(&self, settings: &[&str]) -> Result<Running, Trouble> {
        let log = self.folder.join("log");
        let wrong = |error: std::io::Error| Trouble::new(error.to_string(), by_hand());
        let mut command = as_user(&self.postgres);
        command.arg("-D").arg(self.data()).arg("-F").arg("-k").arg(&self.folder);
        command.args(["-c", "listen_addresses=", "-c", "jit=off"]);
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child =
            command.stderr(fs::File::create(&log).map_err(wrong)?).spawn().map_err(wrong)?;
        let running =
            Running { child, data: self.data(), socket: self.folder.join(".s.PGSQL.5432") };
        let since = Instant::now();
        while let Err(error) = running.connect() {
            if since.elapsed() > START {
                let cause = format!("{error}\n{}", complaints(&log));
                return Err(Trouble::new(cause, "the server's own words are above"));
            }
            std::thread::yield_now();
        }
        Ok(running)
    }

    /// The same with these settings.
    pub(crate) fn sql_with(
        &self,
        settings: &[String],
        statements: &[String],
    ) -> Result<(), Trouble> {
        let log = self.folder.join("log");
        let failed = |cause: String| {
            let complaints = complaints(&log);
            Trouble::new(format!("{cause}\n{complaints}"), "the server's own words are above")
        };
        let io = |error: std::io::Error| failed(error.to_string());
        let mut command = as_user(&self.postgres);
        command.args(["--single", "-F", "-c", "jit=off"]);
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        command.arg("-D").arg(self.data()).arg("postgres");
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.stderr(fs::File::create(&log).map_err(io)?).spawn().map_err(io)?;
        if let Some(mut stdin) = child.stdin.take() {
            let text: String = statements.iter().map(|line| format!("{line};\n")).collect();
            // If it has gone already, its end tells why.
            let _ = stdin.write_all(text.as_bytes());
        }
        let status = child.wait().map_err(io)?;
        if !status.success() {
            return Err(failed(format!("the server ended with {status}")));
        }
        if !complaints(&log).is_empty() {
            return Err(failed("a statement failed".into()));
        }
        Ok(())
    }

    /// Hand the server a file, have it write another, and read that. With a `pool` it is a server
    /// with so many buffers, set as those were that recorded the traces.
    pub(crate) fn exchange(
        &self,
        pool: Option<u32>,
        input: &str,
        statements: impl Fn(&str, &str) -> Vec<String>,
    ) -> Result<String, Trouble> {
        let (from, to) = (self.folder.join("input"), self.output());
        let wrong = |error: std::io::Error| {
            Trouble::new(format!("{}: {error}", self.shown()), "look for room in this folder")
        };
        fs::write(&from, input).map_err(wrong)?;
        let statements = statements(&from.display().to_string(), &to.display().to_string());
        let settings = pool.map_or_else(Vec::new, |buffers| self.settings(buffers));
        self.sql_with(&settings, &statements)?;
        fs::read_to_string(to).map_err(wrong)
    }

    /// Of a server with so many buffers, set as those were that recorded the traces.
    fn settings(&self, buffers: u32) -> Vec<String> {
        let mut settings: Vec<String> = RECORDED.map(String::from).into();
        settings.push(format!("shared_buffers={buffers}"));
        if self.asynchronous {
            settings.push("io_method=sync".into());
        }
        settings
    }

    /// Where all of it lies.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A file that the server can write.
    pub(crate) fn output(&self) -> PathBuf {
        self.folder.join("output")
    }

    fn library(&self) -> String {
        self.folder.join("oracle.so").display().to_string()
    }

    fn shown(&self) -> String {
        self.folder.display().to_string()
    }
}

/// How long a server may take to answer.
const START: Duration = Duration::from_secs(60);

/// A server with its postmaster, for as long as this lives.
pub(crate) struct Running {
    child: Child,
    data: PathBuf,
    socket: PathBuf,
}

impl Running {
    /// A new session.
    pub(crate) fn connect(&self) -> std::io::Result<Client> {
        Client::connect(&self.socket)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The first line of this file is the postmaster's process: ours may only have started it.
        let pid = fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
        if let Some(pid) = pid.lines().next() {
            let _ = quietly(process::command("kill").args(["-QUIT", pid]), "");
        }
        let _ = self.child.wait();
    }
}

/// The lines of a server's log that tell of failure, the first few.
fn complaints(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let bad = |line: &&str| ["ERROR:", "FATAL:", "PANIC:"].iter().any(|word| line.contains(word));
    text.lines().filter(bad).take(5).collect::<Vec<_>>().join("\n")
}

/// A command of the user that may run a server.
pub(crate) fn as_user(program: &Path) -> Command {
    if !apt::is_root() {
        return process::command(program);
    }
    let mut command = process::command("runuser");
    command.args(["-u", USER, "--"]).arg(program);
    // The repository may lie where this user may not look.
    command.current_dir("/");
    command
}

/// Run without a word unless it fails.
pub(crate) fn quietly(command: &mut Command, way_out: &str) -> Result<(), Trouble> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| Trouble::new(format!("{program}: {error}"), way_out))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(Trouble::new(format!("{program} ended with {}\n{}", output.status, words.trim()), way_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_read_from_what_pg_config_says() {
        assert_eq!(release("PostgreSQL 15.20 (Debian 15.20-0+deb12u1)"), Some(150_020));
        assert_eq!(release("PostgreSQL 19rc1"), Some(190_000));
        assert_eq!(release("PostgreSQL 18.6"), Some(180_006));
        assert_eq!(release("MySQL 8"), None);
    }
}
