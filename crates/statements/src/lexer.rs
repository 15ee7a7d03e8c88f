//! Words of SQL.

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A keyword or name, in lower case unless it was quoted.
    Word(String),
    Number(i64),
    Text(String),
    /// An operator or a bracket.
    Sign(String),
}

/// The words of a text; an error says what is none.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    let mut out = Vec::new();
    while let Some(&first) = chars.get(at) {
        let until = |from: usize, good: &dyn Fn(char) -> bool| {
            chars[from..].iter().position(|&c| !good(c)).map_or(chars.len(), |to| from + to)
        };
        if first.is_whitespace() || first == ';' {
            at += 1;
        } else if first.is_alphabetic() || first == '_' {
            let to = until(at, &|c| c.is_alphanumeric() || c == '_');
            out.push(Token::Word(chars[at..to].iter().collect::<String>().to_lowercase()));
            at = to;
        } else if first.is_ascii_digit() {
            let to = until(at, &|c| c.is_ascii_digit());
            let digits: String = chars[at..to].iter().collect();
            out.push(Token::Number(digits.parse().map_err(|_| format!("number {digits}"))?));
            at = to;
        } else if first == '\'' || first == '"' {
            let mut word = String::new();
            at += 1;
            loop {
                match (chars.get(at), chars.get(at + 1)) {
                    (Some(&c), Some(&next)) if c == first && next == first => {
                        word.push(first);
                        at += 2;
                    }
                    (Some(&c), _) if c == first => break,
                    (Some(&c), _) => {
                        word.push(c);
                        at += 1;
                    }
                    (None, _) => return Err("a text without an end".into()),
                }
            }
            at += 1;
            out.push(if first == '"' { Token::Word(word) } else { Token::Text(word) });
        } else {
            let two: String = chars[at..].iter().take(2).collect();
            let double = ["<=", ">=", "<>", "!=", "||", "::"].contains(&two.as_str());
            let sign = if double { two } else { first.to_string() };
            at += sign.chars().count();
            out.push(Token::Sign(sign));
        }
    }
    Ok(out)
}
