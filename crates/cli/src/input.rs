//! Scenarios from files, links and stdin.
//!
//! All of it comes from strangers: no more is read than a scenario or a link may be long.

use std::fs::File;
use std::io::{self, Read};
use std::rc::Rc;

use pgscope_later::examples::lesson;
use pgscope_scenario::limits::{MAX_LINK, MAX_TEXT};
use pgscope_scenario::link::{self, Link};
use pgscope_scenario::{Diagnostic, History, compile};

use crate::outcome::{Trouble, say};
use crate::paint;

/// A text and where it came from.
pub(crate) struct Source {
    /// What to call it.
    pub(crate) name: String,
    /// The scenario.
    pub(crate) text: String,
}

impl Source {
    /// The scenario of a file, a link, or `-`.
    pub(crate) fn read(given: &str) -> Result<Self, Trouble> {
        if looks_like_link(given) {
            return Ok(Self { name: "link".into(), text: open(given)?.text });
        }
        let Self { name, text } = Self::read_text(given)?;
        // A link that was saved or piped.
        if looks_like_link(text.trim()) {
            let text = open(text.trim())?.text;
            return Ok(Self { name, text });
        }
        check_length(&name, &text)?;
        Ok(Self { name, text })
    }

    /// The text of a file or of `-`, whatever it is.
    pub(crate) fn read_text(given: &str) -> Result<Self, Trouble> {
        let (name, bytes) = match given {
            "-" => ("stdin", bytes(io::stdin().lock())),
            path => (path, File::open(path).and_then(bytes)),
        };
        let bytes = bytes.map_err(|error| Trouble::with(name, error))?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { name: name.into(), text }),
            Err(error) => {
                let place = error.utf8_error().valid_up_to();
                let before = error.as_bytes().iter().take(place);
                let line = 1 + before.filter(|byte| **byte == b'\n').count();
                Err(Trouble::with(name, format!("line {line} (byte {place}) is not UTF-8")))
            }
        }
    }

    /// The scenario, ready to run. What is wrong with it is said on stderr.
    pub(crate) fn history(&self) -> Result<History, Trouble> {
        let program = compile(&self.text).map_err(|found| self.complain(&found))?;
        History::new(Rc::new(program)).map_err(|error| Trouble::with(&self.name, error))
    }

    fn complain(&self, found: &[Diagnostic]) -> Trouble {
        for diagnostic in found {
            say(paint::diagnostic(&self.name, diagnostic));
        }
        Trouble::Shown
    }
}

/// A scenario that is longer than a scenario may be.
pub(crate) fn check_length(name: &str, text: &str) -> Result<(), Trouble> {
    if text.len() > MAX_TEXT {
        return Err(Trouble::with(name, format!("a scenario has {MAX_TEXT} bytes at most")));
    }
    Ok(())
}

fn bytes(from: impl Read) -> io::Result<Vec<u8>> {
    // A golden scenario's story comes on top of its text.
    const MOST: usize = 16 * if MAX_TEXT > MAX_LINK { MAX_TEXT } else { MAX_LINK };
    let mut bytes = Vec::new();
    from.take(MOST as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MOST {
        return Err(io::Error::other(format!("it is longer than {MOST} bytes")));
    }
    Ok(bytes)
}

/// What a link carries: a whole address, or what stands behind its `#`.
pub(crate) fn open(link: &str) -> Result<Link, Trouble> {
    let fragment = link
        .split_once('#')
        .map_or_else(|| if link.contains("://") { "" } else { link }, |(_, fragment)| fragment);
    if let Some(example) = link::lesson(fragment).and_then(|name| lesson(&name)) {
        return Ok(example.link());
    }
    link::decode(fragment).map_err(|error| Trouble::with("link", error))
}

/// `https://…`, `#s1=…`, `s1=…`, `scenario=…` or `lesson=…`: no scenario begins like that, and hardly a file's name.
fn looks_like_link(text: &str) -> bool {
    if text.contains(char::is_whitespace) {
        return false;
    }
    let scheme = text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    let fragment = text.strip_prefix('#').unwrap_or(text);
    let mark = fragment.strip_prefix('s').is_some_and(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let behind = rest.get(digits..).unwrap_or_default();
        digits > 0 && (behind.starts_with('=') || behind.starts_with("%3D"))
    });
    let by_hand = fragment.starts_with("scenario=") || fragment.starts_with("lesson=");
    scheme || mark || by_hand || text.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_told_from_files() {
        for link in [
            "s1=abc",
            "#s1=abc",
            "https://x.org/y#s1=abc",
            "s2%3Dabc",
            "file:///x",
            "lesson=bump",
            "scenario=backend%20a",
        ] {
            assert!(looks_like_link(link), "{link}");
        }
        for file in ["-", "s1.pgscope", "a/b.pgscope", "s=1", "server", "s1 = a", ""] {
            assert!(!looks_like_link(file), "{file}");
        }
    }

    #[test]
    fn what_is_too_long_is_not_read() {
        assert!(bytes(io::repeat(b'x')).is_err());
        assert!(check_length("x", &"x".repeat(MAX_TEXT + 1)).is_err());
    }
}
