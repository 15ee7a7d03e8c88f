//! How a command ended, and what the shell gets to know of it.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

/// What a command that could do its work came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Exit code 0.
    Fine,
    /// Something that was expected is not so: exit code 1.
    Unfulfilled,
}

impl Outcome {
    /// [`Outcome::Fine`] if nothing is wrong.
    pub(crate) fn fine_if(fine: bool) -> Self {
        if fine { Self::Fine } else { Self::Unfulfilled }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Fine => ExitCode::SUCCESS,
            Outcome::Unfulfilled => ExitCode::from(1),
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// What it was given can't be used: exit code 2.
    Input(String),
    /// The same, and what is wrong was shown already.
    Shown,
    /// Nobody reads what it writes any more, as behind `| head`: that is no error.
    NobodyReads,
}

impl Trouble {
    /// What is wrong with something that has a name.
    pub(crate) fn with(name: impl Display, what: impl Display) -> Self {
        Self::Input(format!("{name}: {what}"))
    }

    /// Say it on stderr.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Input(message) => {
                let red = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
                say(format_args!("{red}error{red:#}: {message}"));
                ExitCode::from(2)
            }
            Self::Shown => ExitCode::from(2),
            Self::NobodyReads => ExitCode::SUCCESS,
        }
    }
}

/// Only for what is written: reading says which file it was.
impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::NobodyReads,
            _ => Self::Input(format!("the output can't be written: {error}")),
        }
    }
}

/// A line of talk. If nobody can hear it, that is all right.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Bytes to stdout as they are.
pub(crate) fn write_out(bytes: &[u8]) -> Result<(), Trouble> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}
