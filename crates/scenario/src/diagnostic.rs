//! Errors a reader can act on: what is wrong, where, and what to write instead.
//!
//! While a text is read an error is a [`Problem`]: a message about a [`Span`]. Before it
//! leaves the crate it becomes a [`Diagnostic`], which has the place counted out and the
//! line quoted, so that whoever shows it needs nothing else:
//!
//! ```text
//! error: there is no table "ordrs"
//!  --> line 3, column 13
//!   |
//! 3 | alice: read ordrs 3
//!   |             ^^^^^
//!   = help: did you mean "orders"?
//! ```

use std::fmt;
use std::ops::Range;

use crate::limits::MAX_NAME;

/// How many characters of a line are quoted.
const QUOTED: usize = 100;

/// Where something stands in the text.
///
/// Where a thing stands is no part of what it is: all spans are equal, so that two scripts
/// are equal when they say the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// The line of the first byte, counted from 1.
    pub line: u32,
}

impl Span {
    /// From the beginning of `self` to the end of `last`.
    pub fn to(self, last: Span) -> Span {
        Span { end: last.end.max(self.start), ..self }
    }
}

impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// An error that doesn't know its text.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) span: Span,
    message: String,
    help: Option<String>,
    suggestion: Option<String>,
}

/// A reader's own word for a message: in quotes, and not longer than a word can be.
pub(crate) fn quoted(word: &str) -> String {
    let shown: String = word.chars().take(MAX_NAME).collect();
    let more = if shown.len() < word.len() { "…" } else { "" };
    format!("\"{shown}{more}\"")
}

impl Problem {
    #[cfg_attr(test, track_caller)]
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        #[cfg(test)]
        places::reached();
        Self { span, message: message.into(), help: None, suggestion: None }
    }

    /// Say what to do about it.
    #[cfg_attr(test, track_caller)]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        #[cfg(test)]
        places::reached();
        self.help.get_or_insert(help.into());
        self
    }

    /// Say which word was probably meant.
    #[cfg_attr(test, track_caller)]
    pub(crate) fn suggest(mut self, word: Option<&str>) -> Self {
        if let Some(word) = word {
            #[cfg(test)]
            places::reached();
            self.help = Some(format!("did you mean \"{word}\"?"));
            self.suggestion = Some(word.to_owned());
        }
        self
    }

    pub(crate) fn locate(self, source: &str) -> Diagnostic {
        let (before, rest) = source.split_at_checked(self.span.start).unwrap_or((source, ""));
        let head = before.rsplit('\n').next().unwrap_or_default();
        let tail = rest.split('\n').next().unwrap_or_default();
        let marked = tail.get(..self.span.end.saturating_sub(self.span.start)).unwrap_or(tail);

        let indent = head.chars().count();
        let width = marked.chars().count().max(1);
        let skipped = if indent + width <= QUOTED { 0 } else { indent.saturating_sub(QUOTED / 4) };
        let ellipsis = if skipped > 0 { "…" } else { "" };
        let quoted = head.chars().skip(skipped).chain(tail.chars()).take(QUOTED);
        // A tab or a stray control character would push the marks out of place.
        let excerpt = quoted.map(|c| if c.is_control() { ' ' } else { c });
        let shown = indent - skipped + ellipsis.chars().count();
        Diagnostic {
            message: self.message,
            line: self.span.line,
            column: u32::try_from(indent).unwrap_or(u32::MAX).saturating_add(1),
            span: self.span.start..self.span.end,
            excerpt: excerpt.fold(ellipsis.to_owned(), |line, c| line + c.encode_utf8(&mut [0; 4])),
            marks: " ".repeat(shown) + &"^".repeat(width.min(QUOTED - (indent - skipped))),
            help: self.help,
            suggestion: self.suggestion,
        }
    }
}

#[cfg(test)]
mod places;

/// An error in a scenario, with all that is needed to show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, in one sentence.
    pub message: String,
    /// The line, counted from 1.
    pub line: u32,
    /// The column of the first wrong character, counted from 1 in characters.
    pub column: u32,
    /// The bytes of the text that are wrong.
    pub span: Range<usize>,
    /// The line, or as much of it as helps.
    pub excerpt: String,
    /// What to print under the excerpt: carets below the wrong part.
    pub marks: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The text to put in place of `span`, if one word makes it right.
    pub suggestion: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        writeln!(f, "error: {}", self.message)?;
        writeln!(f, "{margin}--> line {number}, column {}", self.column)?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{number} | {}", self.excerpt.trim_end())?;
        write!(f, "{margin} | {}", self.marks)?;
        match &self.help {
            Some(help) => write!(f, "\n{margin} = help: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

#[cfg(test)]
mod tests {
    use super::{Problem, Span};

    #[test]
    fn columns_count_characters() {
        let source = "ok\n-- é\tüber x";
        let start = source.find('x').unwrap();
        let span = Span { start, end: start + 1, line: 2 };
        let found = Problem::new(span, "no").locate(source);
        assert_eq!((found.line, found.column), (2, 11));
        assert_eq!(found.excerpt, "-- é über x");
        assert_eq!(found.marks, "          ^");
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let source = "x".repeat(100_000);
        let span = Span { start: 50_000, end: 100_000, line: 1 };
        let found = Problem::new(span, "no").locate(&source);
        assert_eq!(found.column, 50_001);
        assert_eq!(found.excerpt.chars().count(), 101);
        assert_eq!(found.marks.chars().count(), 101);
    }

    #[test]
    fn a_span_outside_the_text_does_no_harm() {
        let span = Span { start: 7, end: 3, line: 1 };
        assert_eq!(Problem::new(span, "no").locate("é").marks, " ^");
    }
}
