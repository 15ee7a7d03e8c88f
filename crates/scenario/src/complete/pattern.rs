//! A statement's syntax as a pattern, laid along what is written.

use super::Typed;
use crate::lexer::TokenKind;

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This word.
    Word(&'static str),
    /// Something of this kind, as the syntax calls it: `TABLE`.
    Place(&'static str),
}

/// A part of a syntax line.
#[derive(Clone, Debug)]
enum Item {
    Word(&'static str),
    Place(&'static str),
    /// `pages=NUMBER`: written without a gap, so what is offered is all before the value.
    Setting(&'static str),
    /// One of these, or nothing if it may be left out.
    Choice {
        of: Vec<Vec<Item>>,
        optional: bool,
    },
}

/// One way to write a statement.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<Item>);

/// What a syntax line has between its ways to write a statement.
const OR: &str = ", or ";

impl Pattern {
    /// The ways that a syntax line shows.
    pub(super) fn all_of(syntax: &'static str) -> impl Iterator<Item = Self> {
        syntax.split(OR).map(|way| {
            let mut rest = way.strip_prefix("BACKEND: ").unwrap_or(way);
            Self(items(&mut rest))
        })
    }

    /// What may come behind `typed`.
    pub(super) fn next(&self, typed: &[Typed<'_>]) -> Vec<Next> {
        let mut found = Vec::new();
        walk(&self.0, typed, &mut found, &mut |_, _| {});
        found
    }
}

/// Lays `items` along `typed`; where that ends, notes what may come, and calls `then` with what is
/// left behind the items.
fn walk<'a, 'b>(
    items: &[Item],
    typed: &'b [Typed<'a>],
    found: &mut Vec<Next>,
    then: &mut dyn FnMut(&'b [Typed<'a>], &mut Vec<Next>),
) {
    let Some((item, rest)) = items.split_first() else { return then(typed, found) };
    match item {
        Item::Word(word) => match typed.split_first() {
            None => found.push(Next::Word(word)),
            Some((first, behind)) if first.text == *word => walk(rest, behind, found, then),
            Some(_) => {}
        },
        Item::Setting(name) => match typed {
            [] => found.push(Next::Word(name)),
            [key, equals, _, behind @ ..]
                if name.strip_suffix('=') == Some(key.text) && equals.text == "=" =>
            {
                walk(rest, behind, found, then);
            }
            _ => {}
        },
        Item::Place(place) => {
            if typed.is_empty() {
                found.push(Next::Place(place));
            }
            // Pages may be many tokens; a word of the statement is none of them.
            let most = if is_long(place) { typed.len() } else { typed.len().min(1) };
            for taken in 1..=most {
                let (own, behind) = typed.split_at(taken);
                if own.iter().all(|it| fits(place, it)) {
                    walk(rest, behind, found, then);
                }
            }
        }
        Item::Choice { of, optional } => {
            for way in of {
                walk(way, typed, found, &mut |behind, found| walk(rest, behind, found, then));
            }
            if *optional {
                walk(rest, typed, found, then);
            }
        }
    }
}

/// Whether what a place stands for may be several tokens.
fn is_long(place: &str) -> bool {
    matches!(place, "PAGES" | "MODE" | "METRIC" | "BLOCK" | "VIEW")
}

/// Whether a token may be in the place.
fn fits(place: &str, typed: &Typed<'_>) -> bool {
    let number = matches!(typed.kind, TokenKind::Number);
    match place {
        "SIZE" | "NUMBER" | "OFFSET" | "TIME" | "BUFFER" => number,
        "PAGES" | "BLOCK" => !matches!(typed.text, "ring" | "hold" | "update" | "as"),
        "TEXT" => typed.kind == TokenKind::Text,
        "VALUE" => true,
        _ => matches!(typed.kind, TokenKind::Word | TokenKind::Text),
    }
}

/// Items up to the bracket that ends them, or the line's end.
fn items(rest: &mut &'static str) -> Vec<Item> {
    let mut ways = vec![Vec::new()];
    loop {
        *rest = rest.trim_start_matches([' ', ',']);
        let Some(first) = rest.chars().next() else { break };
        let tail = rest.get(first.len_utf8()..).unwrap_or_default();
        match first {
            '[' => {
                *rest = tail;
                push(&mut ways, Item::Choice { of: vec![items(rest)], optional: true });
            }
            ']' => {
                *rest = tail;
                break;
            }
            '|' => {
                *rest = tail;
                ways.push(Vec::new());
            }
            _ => {
                let end = rest.find([' ', '[', ']', '|', ',']).unwrap_or(rest.len()).max(1);
                let (word, behind) = rest.split_at(end);
                *rest = behind;
                push(&mut ways, item(word));
            }
        }
    }
    match ways.len() {
        1 => ways.pop().unwrap_or_default(),
        _ => joined(ways),
    }
}

fn push(ways: &mut [Vec<Item>], item: Item) {
    if let Some(way) = ways.last_mut() {
        way.push(item);
    }
}

/// `reset SETTING | all`: a bar stands between single items, and what is before the first is common.
fn joined(mut ways: Vec<Vec<Item>>) -> Vec<Item> {
    let mut common = ways.remove(0);
    let first = common.pop();
    let rest = ways.iter_mut().map(std::mem::take);
    let mut of: Vec<Vec<Item>> = first.into_iter().map(|it| vec![it]).chain(rest).collect();
    // Behind the last bar only its first item is a choice.
    let behind = of.last_mut().map(|last| last.split_off(last.len().min(1))).unwrap_or_default();
    common.push(Item::Choice { of, optional: false });
    common.extend(behind);
    common
}

fn item(word: &'static str) -> Item {
    let plain = word.trim_matches(['"', '{', '}']);
    match plain.split_once('=') {
        Some((name, _)) if !name.is_empty() && name.chars().any(|it| it.is_ascii_lowercase()) => {
            Item::Setting(plain.get(..=name.len()).unwrap_or(plain))
        }
        _ if plain.is_empty() => Item::Word(word),
        _ if plain.chars().all(|it| it.is_ascii_uppercase()) => Item::Place(plain),
        _ => Item::Word(word),
    }
}
