//! Syntax colours: what each token of a text is, even if the text is broken.

use std::ops::Range;

use crate::lexer::TokenKind;
use crate::parser::{classes_of_line, parse_classes};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// A word of the language.
    Keyword,
    /// A backend's name.
    Backend,
    /// A table's name.
    Table,
    /// A memory context's name.
    Context,
    /// The name of a chunk or of a pin.
    Handle,
    /// A function's name.
    Function,
    /// A number with its unit.
    Number,
    /// A text in quotes.
    Text,
    /// A comment.
    Comment,
    /// Where a statement stops making sense.
    Error,
}

impl Class {
    /// What a token is before anybody looked at its place.
    pub(crate) fn of_token(kind: TokenKind) -> Option<Self> {
        match kind {
            TokenKind::Number => Some(Self::Number),
            TokenKind::Text => Some(Self::Text),
            TokenKind::Comment => Some(Self::Comment),
            TokenKind::Unknown => Some(Self::Error),
            TokenKind::Word | TokenKind::Symbol | TokenKind::Newline | TokenKind::End => None,
        }
    }
}

/// The coloured parts of each line, as bytes within the line; a part without a class is
/// left out. A text over the limit has no colours.
pub fn highlight(source: &str) -> Vec<Vec<(Range<usize>, Class)>> {
    let (_, classes) = parse_classes(source);
    let mut classes = classes.into_iter().peekable();
    let mut begin = 0;
    let mut lines = Vec::new();
    for line in source.split('\n') {
        let end = begin + line.len();
        let mut parts = Vec::new();
        while let Some((span, class)) = classes.next_if(|(span, _)| span.start < end) {
            parts.push((span.start - begin..span.end - begin, class));
        }
        // An error at the line's end has no width, and nothing to colour.
        while classes.next_if(|(span, _)| span.start <= end).is_some() {}
        lines.push(parts);
        begin = end + 1;
    }
    lines
}

/// The coloured parts of one line, as [`highlight`] has them, whatever stands before and behind it:
/// an editor need not look at the others when one is changed. Only a brace without a partner looks
/// like any other.
pub fn highlight_line(line: &str) -> Vec<(Range<usize>, Class)> {
    let classes = classes_of_line(line).into_iter();
    let parts = classes.filter(|(span, _)| span.start < span.end && span.end <= line.len());
    parts.map(|(span, class)| (span.start..span.end, class)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Class, highlight, highlight_line};

    fn words(source: &str) -> Vec<(&str, Class)> {
        let lines = source.split('\n').zip(highlight(source));
        lines.flat_map(|(line, parts)| parts.into_iter().map(|(at, c)| (&line[at], c))).collect()
    }

    #[test]
    fn names_have_the_class_of_their_place() {
        let found = words("alice: palloc 1kB in Work as a -- x\nalice: read in 3 hold as p");
        let wanted = [
            ("alice", Class::Backend),
            ("palloc", Class::Keyword),
            ("1kB", Class::Number),
            ("in", Class::Keyword),
            ("Work", Class::Context),
            ("as", Class::Keyword),
            ("a", Class::Handle),
            ("-- x", Class::Comment),
            ("alice", Class::Backend),
            ("read", Class::Keyword),
            ("in", Class::Table),
            ("3", Class::Number),
            ("hold", Class::Keyword),
            ("as", Class::Keyword),
            ("p", Class::Handle),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_line_alone_has_the_same_colours() {
        let text = "alice: call f { -- in\n  palloc 64 as x\n  tuple { palloc 8 } }\n} ; raed t 3\n\
                    note \"*x*\"\nas bob { repeat 3 {\nread t 1\n}}\nexpect hits > 3 -- é";
        // The stray brace of the fourth line is an error only among the others.
        for (line, parts) in text.split('\n').zip(highlight(&text.replace("} ;", ";"))) {
            assert_eq!(highlight_line(&line.replace("} ;", ";")), parts, "{line}");
        }
        assert_eq!(highlight_line("} x"), [(2..3, Class::Error)]);
    }

    #[test]
    fn broken_text_keeps_its_colours() {
        let found = words("alice: raed t 3\n}\nbackend\nbackend bob");
        let wanted = [
            ("alice", Class::Backend),
            ("raed", Class::Error),
            ("3", Class::Number),
            ("}", Class::Error),
            ("backend", Class::Keyword),
            ("backend", Class::Keyword),
            ("bob", Class::Backend),
        ];
        assert_eq!(found, wanted);
    }
}
