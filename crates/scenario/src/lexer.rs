//! Text to tokens. Every byte that isn't white space belongs to exactly one token, and no
//! text is refused: what makes no sense becomes [`TokenKind::Unknown`].

use crate::diagnostic::Span;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A keyword or a name: which of them depends on the place.
    Word,
    /// Digits, perhaps a fraction, perhaps a unit: `16`, `1.1`, `128kB`.
    Number,
    /// Text in double quotes. A text that isn't closed ends with its line.
    Text,
    /// One of [`SYMBOLS`].
    Symbol,
    /// From two dashes to the end of the line.
    Comment,
    Newline,
    Unknown,
    /// After the last token.
    End,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

/// Longer ones first, so that `<=` isn't read as `<`.
const SYMBOLS: [&str; 16] =
    ["..", "<=", ">=", "!=", "<>", "<", ">", "=", ":", ";", ",", "(", ")", "{", "}", "-"];

/// All tokens of `source`, closed by one [`TokenKind::End`].
pub(crate) fn lex(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = Span { start: 0, end: 0, line: 1 };
    loop {
        let rest = source.get(at.end..).unwrap_or_default();
        at.start = at.end + prefix(rest, is_blank);
        let (kind, length) = token(source.get(at.start..).unwrap_or_default());
        at.end = at.start + length;
        tokens.push(Token { kind, span: at });
        match kind {
            TokenKind::Newline => at.line = at.line.saturating_add(1),
            TokenKind::End => return tokens,
            _ => {}
        }
    }
}

/// Whether `text` can stand as a name without quotes.
pub(crate) fn is_word(text: &str) -> bool {
    text.starts_with(begins_name) && text.chars().all(continues_name)
}

/// Whether `c` may begin a name, by PostgreSQL's rules (`ident_start`, `scan.l`): what is not ASCII
/// may, unless it is white space.
fn begins_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || (!c.is_ascii() && !is_blank(c))
}

/// Whether `c` may go on a name.
fn continues_name(c: char) -> bool {
    begins_name(c) || c.is_ascii_digit() || c == '$'
}

/// White space within a line. The mark that some editors put before a text counts as such.
fn is_blank(c: char) -> bool {
    c != '\n' && (c.is_whitespace() || c == '\u{feff}')
}

/// What `rest` begins with, and how many bytes long it is.
fn token(rest: &str) -> (TokenKind, usize) {
    match rest.chars().next() {
        None => (TokenKind::End, 0),
        Some('\n') => (TokenKind::Newline, 1),
        Some('"') => (TokenKind::Text, text(rest)),
        Some('0'..='9') => (TokenKind::Number, number(rest)),
        Some(_) if rest.starts_with("--") => (TokenKind::Comment, prefix(rest, |c| c != '\n')),
        Some(c) if begins_name(c) => (TokenKind::Word, prefix(rest, continues_name)),
        Some(c) => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            Some(symbol) => (TokenKind::Symbol, symbol.len()),
            None => (TokenKind::Unknown, c.len_utf8()),
        },
    }
}

/// How many bytes at the beginning of `text` are of one sort.
fn prefix(text: &str, of_sort: impl Fn(char) -> bool) -> usize {
    text.find(|c| !of_sort(c)).unwrap_or(text.len())
}

/// The length of the number that `rest` begins with. `0..15` is a number and a range, so a
/// point belongs to the number only with a digit behind it.
fn number(rest: &str) -> usize {
    let is_digit = |c: char| c.is_ascii_digit();
    let mut length = prefix(rest, is_digit);
    if let Some(fraction) = rest.get(length..).and_then(|rest| rest.strip_prefix('.')) {
        let digits = prefix(fraction, is_digit);
        length += if digits > 0 { digits + 1 } else { 0 };
    }
    length + prefix(rest.get(length..).unwrap_or_default(), continues_name)
}

/// The length of the text in quotes that `rest` begins with. As in SQL, a doubled quote
/// stands for one.
fn text(rest: &str) -> usize {
    let mut open = false;
    let end = rest.char_indices().find(|&(_, c)| {
        open ^= c == '"';
        c == '\n' || (!open && c != '"')
    });
    end.map_or(rest.len(), |(end, _)| end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<(TokenKind, &str)> {
        let tokens = lex(source);
        tokens.iter().map(|t| (t.kind, &source[t.span.start..t.span.end])).collect()
    }

    #[test]
    fn a_statement() {
        use TokenKind::*;
        assert_eq!(
            kinds("a: read t 0..15;\tx<=1.5kB -- é\n"),
            [
                (Word, "a"),
                (Symbol, ":"),
                (Word, "read"),
                (Word, "t"),
                (Number, "0"),
                (Symbol, ".."),
                (Number, "15"),
                (Symbol, ";"),
                (Word, "x"),
                (Symbol, "<="),
                (Number, "1.5kB"),
                (Comment, "-- é"),
                (Newline, "\n"),
                (End, ""),
            ]
        );
    }

    #[test]
    fn texts_and_strangers() {
        use TokenKind::*;
        let tokens = [(Text, r#""a ""b"" c""#), (Word, "x"), (Unknown, "%"), (Text, r#""open"#)];
        assert_eq!(kinds(r#""a ""b"" c"x%"open"#)[..4], tokens);
        assert_eq!(kinds("\"\"\n")[0], (Text, "\"\""));
    }
}
