//! The few marks that a `title`, a `note` and an `ask` may have: a safe subset of Markdown.
//!
//! ```text
//! *emphasis*  **strong**  `code`  [words](https://…)
//! ```
//!
//! A text is read once, into a tree that has no HTML in it: the page makes nodes of it and the
//! terminal colours. Marks that don't come in pairs, and links that lead anywhere else than to
//! `http` or `https`, stay as they are written. So every text means something.

use std::rc::Rc;

use crate::limits::MAX_MARKED;

/// How deep marks may nest; deeper ones stay as they are written.
const MAX_DEPTH: usize = 4;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inline {
    /// Plain words.
    Text(Rc<str>),
    /// `*words*`
    Emphasis(Rc<[Inline]>),
    /// `**words**`
    Strong(Rc<[Inline]>),
    /// `` `words` ``, which have no marks in them.
    Code(Rc<str>),
    /// `[words](url)`
    Link {
        /// What is shown.
        text: Rc<[Inline]>,
        /// Where it leads: `http` or `https`.
        url: Rc<str>,
    },
}

/// Read a text.
pub fn parse(text: &str) -> Rc<[Inline]> {
    let depth = if text.len() <= MAX_MARKED { MAX_DEPTH } else { 0 };
    pieces(text, depth).into()
}

/// The words without the marks.
pub fn plain(pieces: &[Inline]) -> String {
    let mut words = String::new();
    for piece in pieces {
        match piece {
            Inline::Text(text) | Inline::Code(text) => words.push_str(text),
            Inline::Emphasis(inner) | Inline::Strong(inner) | Inline::Link { text: inner, .. } => {
                words.push_str(&plain(inner));
            }
        }
    }
    words
}

fn pieces(text: &str, depth: usize) -> Vec<Inline> {
    let mut found = Vec::new();
    let mut words = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mark = if depth > 0 { marked(rest, first, depth - 1) } else { None };
        match mark {
            Some((piece, behind)) => {
                if !words.is_empty() {
                    found.push(Inline::Text(std::mem::take(&mut words).into()));
                }
                found.push(piece);
                rest = behind;
            }
            None => {
                // A run of stars that opens nothing stays one, or its end would be tried again.
                let width = match first {
                    '*' => rest.len() - rest.trim_start_matches('*').len(),
                    _ => first.len_utf8(),
                };
                let (head, tail) = rest.split_at_checked(width).unwrap_or((rest, ""));
                words.push_str(head);
                rest = tail;
            }
        }
    }
    if !words.is_empty() {
        found.push(Inline::Text(words.into()));
    }
    found
}

/// The piece that begins with a mark, and what stands behind it.
fn marked(rest: &str, first: char, depth: usize) -> Option<(Inline, &str)> {
    match first {
        '`' => {
            let (code, behind) = rest.strip_prefix('`')?.split_once('`')?;
            (!code.is_empty()).then(|| (Inline::Code(code.into()), behind))
        }
        '*' if rest.starts_with("**") => {
            let (inner, behind) = enclosed(rest.strip_prefix("**")?, "**")?;
            Some((Inline::Strong(pieces(inner, depth).into()), behind))
        }
        '*' => {
            let (inner, behind) = enclosed(rest.strip_prefix('*')?, "*")?;
            Some((Inline::Emphasis(pieces(inner, depth).into()), behind))
        }
        '[' => {
            let (words, behind) = rest.strip_prefix('[')?.split_once("](")?;
            let (url, behind) = behind.split_once(')')?;
            let fine = !words.is_empty() && !words.contains(['[', ']']) && is_web(url);
            fine.then(|| {
                let text = pieces(words, depth).into();
                (Inline::Link { text, url: url.into() }, behind)
            })
        }
        _ => None,
    }
}

/// What stands before the closing mark, and what behind it. As in Markdown, words touch their
/// marks: `2 * 3 * 4` has none.
fn enclosed<'a>(rest: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    if rest.starts_with(char::is_whitespace) {
        return None;
    }
    let mut from = 0;
    loop {
        let mut at = from + rest.get(from..)?.find(mark)?;
        // Of three stars the last two close it.
        while mark == "**" && rest.get(at + 2..)?.starts_with('*') {
            at += 1;
        }
        let (inner, behind) = (rest.get(..at)?, rest.get(at + mark.len()..)?);
        // One star of two is no end of an emphasis.
        let double = mark == "*" && behind.starts_with('*');
        if double {
            from = at + 2;
            continue;
        }
        if !inner.is_empty() && !inner.ends_with(char::is_whitespace) {
            return Some((inner, behind));
        }
        from = at + mark.len();
    }
}

fn is_web(url: &str) -> bool {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty())
        && url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Inline {
        Inline::Text(text.into())
    }

    #[test]
    fn marks_make_a_tree() {
        let strong = Inline::Strong([text("very "), Inline::Emphasis([text("hot")].into())].into());
        let link = Inline::Link {
            text: [text("the "), Inline::Code("README".into())].into(),
            url: "https://example.org/x?y=1#z".into(),
        };
        assert_eq!(
            *parse("A **very *hot*** page: `a*b*`, [the `README`](https://example.org/x?y=1#z)."),
            [
                text("A "),
                strong,
                text(" page: "),
                Inline::Code("a*b*".into()),
                text(", "),
                link,
                text(".")
            ]
        );
    }

    #[test]
    fn what_is_no_mark_stays() {
        for plain_text in [
            "2 * 3 * 4",
            "*open",
            "**open*",
            "`open",
            "[x](javascript:alert(1))",
            "[x](https://)",
            "[x](https://a\"b)",
            "[](https://a)",
            "<b>x</b>",
            "****",
            "``",
            "",
        ] {
            assert_eq!(plain(&parse(plain_text)), plain_text);
            assert!(parse(plain_text).len() <= 1, "{plain_text}");
        }
    }

    #[test]
    fn words_are_what_is_left_without_marks() {
        assert_eq!(plain(&parse("*a* **b** `c` [d](http://e.f)")), "a b c d");
    }

    #[test]
    fn many_marks_take_no_time() {
        for piece in ["*", "**", "*a", "**a", "`", "[", "[a](", "[a](http://b", "*a**b"] {
            for length in [MAX_MARKED, 200_000] {
                let long = piece.repeat(length / piece.len());
                assert!(plain(&parse(&long)).len() <= long.len());
            }
        }
    }
}
