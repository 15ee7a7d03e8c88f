//! The lines that `pg_log_backend_memory_contexts` writes, read back (`MemoryContextStatsPrint`).
//!
//! Reading a line and writing it again gives the same text: nothing of it is lost.

use std::fmt;

/// How an allocator tells of its chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoggedChunks {
    /// AllocSet and Slab: how many are free.
    Free(u64),
    /// Generation: how many there are, and how many are free.
    All(u64, u64),
    /// Bump: it doesn't know.
    Unknown,
}

/// What a line says of a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedContext {
    /// As the version counts.
    pub level: u32,
    /// The context's name; with `children`, none.
    pub name: String,
    /// The line is about so many more children of the context above.
    pub children: Option<u64>,
    /// Bytes.
    pub total: u64,
    /// Blocks.
    pub blocks: u64,
    /// Bytes that are free.
    pub free: u64,
    /// Chunks.
    pub chunks: LoggedChunks,
    /// Bytes used.
    pub used: u64,
    /// The identifier, as far as it is shown.
    pub ident: Option<String>,
}

impl LoggedContext {
    /// Read a line, without what the server writes before each; `None` if it is another.
    pub fn read(line: &str) -> Option<Self> {
        let (level, rest) = line.strip_prefix("level: ")?.split_once("; ")?;
        let level = level.parse().ok()?;
        let more = rest
            .split_once(" more child contexts containing ")
            .and_then(|(children, rest)| Some((children.parse().ok()?, rest)));
        let (name, children, rest) = match more {
            Some((children, rest)) => (String::new(), Some(children), rest),
            None => {
                let (name, rest) = rest.split_once(": ")?;
                (name.to_owned(), None, rest)
            }
        };
        let (total, rest) = number(rest, " total in ")?;
        let (blocks, rest) = number(rest, " blocks")?;
        let (all, rest) = match rest.strip_prefix(" (") {
            Some(rest) => {
                let (chunks, rest) = number(rest, " chunks)")?;
                (Some(chunks), rest)
            }
            None => (None, rest),
        };
        let (free, rest) = number(rest.strip_prefix("; ")?, " free")?;
        let (chunks, rest) = match rest.strip_prefix(" (") {
            Some(rest) => {
                let (free, rest) = number(rest, " chunks)")?;
                (all.map_or(LoggedChunks::Free(free), |all| LoggedChunks::All(all, free)), rest)
            }
            None => (LoggedChunks::Unknown, rest),
        };
        let (used, rest) = number(rest.strip_prefix("; ")?, " used")?;
        let ident = match rest {
            "" => None,
            rest => Some(rest.strip_prefix(": ")?.to_owned()),
        };
        Some(Self { level, name, children, total, blocks, free, chunks, used, ident })
    }
}

impl fmt::Display for LoggedContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { level, name, children, total, blocks, free, chunks, used, ident } = self;
        write!(f, "level: {level}; ")?;
        match children {
            Some(children) => write!(f, "{children} more child contexts containing ")?,
            None => write!(f, "{name}: ")?,
        }
        write!(f, "{total} total in {blocks} blocks")?;
        match chunks {
            LoggedChunks::Free(chunks) => write!(f, "; {free} free ({chunks} chunks)")?,
            LoggedChunks::All(all, chunks) => {
                write!(f, " ({all} chunks); {free} free ({chunks} chunks)")?;
            }
            LoggedChunks::Unknown => write!(f, "; {free} free")?,
        }
        write!(f, "; {used} used")?;
        match ident {
            Some(ident) => write!(f, ": {ident}"),
            None => Ok(()),
        }
    }
}

/// The number that a text begins with, and what is behind the words that follow it.
fn number<'a>(text: &'a str, words: &str) -> Option<(u64, &'a str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest.strip_prefix(words)?))
}

#[cfg(test)]
mod tests {
    use super::{LoggedChunks, LoggedContext};

    #[test]
    fn every_form_of_a_line_is_read_without_loss() {
        for (line, chunks) in [
            (
                "level: 0; A b: 8192 total in 1 blocks; 7952 free (3 chunks); 240 used: SELECT: 1; x",
                LoggedChunks::Free(3),
            ),
            (
                "level: 3; G: 9 total in 2 blocks (7 chunks); 1 free (0 chunks); 8 used",
                LoggedChunks::All(7, 0),
            ),
            (
                "level: 3; Caller tuples: 8080 total in 1 blocks; 8048 free; 32 used",
                LoggedChunks::Unknown,
            ),
            (
                "level: 1; 5 more child contexts containing 9 total in 2 blocks; 1 free (0 chunks); 8 used",
                LoggedChunks::Free(0),
            ),
        ] {
            let read = LoggedContext::read(line).expect("a line");
            assert_eq!(read.chunks, chunks, "{line}");
            assert_eq!(read.to_string(), line);
        }
    }

    #[test]
    fn other_lines_are_not_taken_for_contexts() {
        for line in
            ["", "level: x; A: 1 total", "level: 1; A: 12", "Grand total: 8 bytes in 1 blocks"]
        {
            assert_eq!(LoggedContext::read(line), None, "{line}");
        }
    }
}
