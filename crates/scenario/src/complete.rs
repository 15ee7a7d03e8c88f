//! What may stand at the caret: words of the language by the table of statements, names by what the
//! text has.
//!
//! The table's syntax lines ([`STATEMENTS`]) are read as patterns: what a line has so far is laid along
//! each, and what the pattern has next is offered. So a statement that is added to the table is
//! completed without a word here.

mod pattern;
mod words;

use std::ops::Range;

use crate::lexer::{Token, TokenKind, lex};
use crate::limits::MAX_NAME;
use crate::statements::{By, STATEMENTS, StatementInfo};
use pattern::{Next, Pattern};
use words::Words;

pub use words::LOCK_MODES;

/// Something to write at the caret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Completion {
    /// What is written.
    pub text: String,
    /// What it is, in a word or two; of a statement, how it is written.
    pub about: &'static str,
}

/// What may stand at the caret, and what it replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completions {
    /// The bytes of the text that are the beginning of a word.
    pub range: Range<usize>,
    /// What may stand there, the likeliest first.
    pub offers: Vec<Completion>,
}

/// More are no help to choose from.
const MOST: usize = 60;
/// Bytes before the caret that are looked at for names.
const LOOKED_AT: usize = 64 * 1024;
/// Tokens of a line that are laid along patterns.
const LINE: usize = 200;

/// What may stand at `caret`, a byte of `text`. Nothing in a comment or a text in quotes, and
/// where nothing fits.
pub fn complete(text: &str, caret: usize) -> Option<Completions> {
    let before = text.get(..caret)?;
    let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.get(begin..)?;
    let mut tokens = lex(line);
    tokens.retain(|token| token.kind != TokenKind::End);
    if tokens.iter().any(|it| matches!(it.kind, TokenKind::Comment | TokenKind::Unknown)) {
        return None;
    }
    let word = |token: &Token| line.get(token.span.start..token.span.end).unwrap_or_default();
    let last = tokens.last();
    if last.is_some_and(|it| it.kind == TokenKind::Text && !closed(word(it))) {
        return None;
    }
    // A number that is being written is nobody's beginning.
    if last.is_some_and(|it| it.kind == TokenKind::Number && it.span.end == line.len()) {
        return None;
    }
    let begun = tokens.pop_if(|it| it.kind == TokenKind::Word && it.span.end == line.len());
    let begun = begun.map_or("", |it| word(&it));
    if begun.len() > MAX_NAME || tokens.len() > LINE {
        return None;
    }
    let typed: Vec<Typed<'_>> =
        tokens.iter().map(|token| Typed { text: word(token), kind: token.kind }).collect();
    let (by, statement) = own_part(&typed);
    let by = by.or_else(|| inside(text.get(..begin).unwrap_or_default(), &typed));

    let from = floor(text, caret.saturating_sub(LOOKED_AT));
    let words = Words::of(text.get(from..caret - begun.len()).unwrap_or_default());
    let mut offers = Vec::new();
    if statement.is_empty() {
        offers.extend(beginnings(by));
        if by.is_none() {
            let whose = |name: &String| Completion { text: [name, ":"].concat(), about: "backend" };
            offers.extend(words.backends.iter().map(whose));
        }
    } else {
        for info in STATEMENTS.iter().filter(|info| begins(info, statement)) {
            let next = Pattern::all_of(info.syntax).flat_map(|way| way.next(statement));
            offers.extend(next.flat_map(|next| match next {
                Next::Word(word) => vec![Completion { text: word.into(), about: "" }],
                // Behind `as` a name is a new one.
                Next::Place(_) if matches!(statement, [_, .., last] if last.text == "as") => vec![],
                Next::Place(place) => words.for_place(place),
            }));
        }
    }
    let fits = |offer: &Completion| {
        let beginning = offer.text.get(..begun.len());
        beginning.is_some_and(|it| it.eq_ignore_ascii_case(begun)) && offer.text != begun
    };
    offers.retain(fits);
    let mut seen = std::collections::BTreeSet::new();
    offers.retain(|offer| seen.insert(offer.text.clone()));
    offers.truncate(MOST);
    (!offers.is_empty()).then(|| Completions { range: caret - begun.len()..caret, offers })
}

/// A token of the line, as it stands there.
#[derive(Clone, Copy, Debug)]
struct Typed<'a> {
    text: &'a str,
    kind: TokenKind,
}

/// Whether a text in quotes has its second one.
fn closed(text: &str) -> bool {
    text.len() > 1 && text.ends_with('"')
}

/// The last place that is not within a character.
fn floor(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

/// The tokens of the statement that the caret is in, and who executes it if the line says so.
fn own_part<'a, 'b>(typed: &'b [Typed<'a>]) -> (Option<By>, &'b [Typed<'a>]) {
    let ends = |it: &Typed<'_>| matches!(it.text, ";" | "{" | "}");
    let begin = typed.iter().rposition(ends).map_or(0, |end| end + 1);
    let statement = typed.get(begin..).unwrap_or_default();
    let named = matches!(statement, [name, colon, ..]
        if matches!(name.kind, TokenKind::Word | TokenKind::Text) && colon.text == ":");
    match named {
        true => (Some(By::Backend), statement.get(2..).unwrap_or_default()),
        false => (None, statement),
    }
}

/// Who executes what stands in the braces around the caret, if there are any that are a backend's.
fn inside(above: &str, typed: &[Typed<'_>]) -> Option<By> {
    let mut open = Vec::new();
    let mut line: Vec<&str> = Vec::new();
    let tokens = lex(above);
    let above = tokens.iter().map(|it| match it.kind {
        TokenKind::Newline => "\n",
        _ => above.get(it.span.start..it.span.end).unwrap_or_default(),
    });
    for text in above.chain(typed.iter().map(|it| it.text)) {
        match text {
            "{" => {
                // A backend's own: named before it, or around it.
                let own = line.contains(&":") || line.first() == Some(&"as");
                open.push(own || open.last() == Some(&true));
                line.clear();
            }
            "}" => {
                open.pop();
                line.clear();
            }
            ";" | "\n" => line.clear(),
            "" => {}
            text => line.push(text),
        }
    }
    (open.last() == Some(&true)).then_some(By::Backend)
}

/// Statements that may begin here.
fn beginnings(by: Option<By>) -> impl Iterator<Item = Completion> {
    let may = move |info: &&StatementInfo| match by {
        Some(By::Backend) => info.by != By::Server,
        _ => info.by != By::Backend,
    };
    let offer = |info: &StatementInfo| Completion { text: info.keyword.into(), about: info.syntax };
    STATEMENTS.iter().filter(may).map(offer)
}

/// Whether a statement has the same first word.
fn begins(info: &StatementInfo, statement: &[Typed<'_>]) -> bool {
    statement.first().is_some_and(|first| first.text == info.word())
}

#[cfg(test)]
mod tests;
