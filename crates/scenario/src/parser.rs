//! Tokens to a [`Script`], by hand: a function a construct, one token ahead.
//!
//! An error never stops the reading. It is noted, the rest of its line is skipped, and the
//! next line is read as if nothing had been, so one pass finds all of them. Every word that
//! the grammar asks for at a place and doesn't find is remembered until a token is taken;
//! that list makes "expected …" and the suggestions.
//!
//! While it reads, the parser notes what each token is; the editor's colours are just that
//! (see [`highlight`](crate::highlight())).
//!
//! This file has the machinery; `grammar` has the statements.

mod grammar;

use std::rc::Rc;

use crate::ast::{Block, Item, Name, Script, Statement};
use crate::diagnostic::{Diagnostic, Problem, Span, quoted};
use crate::highlight::Class;
use crate::lexer::{Token, TokenKind, lex};
use crate::limits::{MAX_DIAGNOSTICS, MAX_NAME, MAX_NESTING, MAX_TEXT};
use crate::statements::{STATEMENTS, StatementInfo};
use crate::suggest::nearest;

pub(crate) use grammar::{Grammar, known_setting};

/// What came of reading a text.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// Everything that could be read.
    pub script: Script,
    /// What is wrong with the rest, top to bottom.
    pub diagnostics: Vec<Diagnostic>,
}

/// Read a scenario.
pub fn parse(source: &str) -> Parsed {
    parse_classes(source).0
}

/// Read a scenario and tell what each token of it is.
pub(crate) fn parse_classes(source: &str) -> (Parsed, Vec<(Span, Class)>) {
    let long = source.len() > MAX_TEXT;
    let mut parser = Parser::new(if long { "" } else { source });
    if long {
        let limit = MAX_TEXT / 1000;
        let start = Span { start: 0, end: 0, line: 1 };
        parser.report(Problem::new(start, format!("a scenario may be {limit} kB long, not more")));
    }
    let items = parser.items(false);
    let spans = parser.tokens.iter().map(|token| token.span);
    let classes = spans.zip(&parser.classes).filter_map(|(span, class)| Some((span, (*class)?)));
    let classes = classes.collect();
    let script = Script { items, source: parser.source.into(), doubtful: parser.doubtful };
    (Parsed { script, diagnostics: parser.diagnostics }, classes)
}

pub(crate) struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    /// What each token is, as far as it is known.
    classes: Vec<Option<Class>>,
    at: usize,
    depth: usize,
    /// What could have stood at the next token: words and symbols, or descriptions.
    expected: Vec<Expected>,
    diagnostics: Vec<Diagnostic>,
    doubtful: Vec<Rc<str>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Expected {
    Literally(&'static str),
    Some(&'static str),
}

impl<'a> Parser<'a> {
    fn new(source: &'a str) -> Self {
        let tokens = lex(source);
        let classes = tokens.iter().map(|token| Class::of_token(token.kind)).collect();
        Self {
            source,
            tokens,
            classes,
            at: 0,
            depth: 0,
            expected: Vec::new(),
            diagnostics: Vec::new(),
            doubtful: Vec::new(),
        }
    }

    // Lists of statements.

    /// Statements up to the closing brace of a block, or to the end of the text.
    fn items(&mut self, in_braces: bool) -> Vec<Item> {
        let mut items = Vec::new();
        // Line ends since the last item; a comment after none of them belongs to that item.
        let mut newlines = 0;
        loop {
            let token = self.peek();
            match (token.kind, self.text_of(token.span)) {
                // So many errors, and it is no scenario: no more of it is read.
                _ if self.diagnostics.len() >= MAX_DIAGNOSTICS => break,
                (TokenKind::End, _) => break,
                (TokenKind::Symbol, "}") if in_braces => break,
                (TokenKind::Newline, _) => {
                    newlines += 1;
                    self.advance();
                    continue;
                }
                (TokenKind::Symbol, ";") => {
                    self.advance();
                    continue;
                }
                _ => {}
            }
            if newlines > 1 && !items.is_empty() {
                items.push(Item::Blank);
            }
            if token.kind == TokenKind::Comment {
                let comment = self.text_of(token.span).trim_end().to_owned();
                self.advance();
                match items.last_mut() {
                    Some(Item::Statement(last)) if newlines == 0 && last.comment.is_none() => {
                        last.comment = Some(comment);
                    }
                    _ => items.push(Item::Comment(comment)),
                }
            } else {
                let first = self.at;
                match self.statement() {
                    Ok(statement) => items.push(Item::Statement(statement)),
                    Err(problem) => {
                        self.report(problem);
                        self.recover(first);
                    }
                }
            }
            newlines = 0;
        }
        items
    }

    /// Skip to the end of a statement that made no sense from token `first` on. What stands
    /// in its braces is read for its errors, and then forgotten.
    fn recover(&mut self, first: usize) {
        loop {
            let token = self.peek();
            match (token.kind, self.text_of(token.span)) {
                (TokenKind::End | TokenKind::Newline, _) | (TokenKind::Symbol, ";") => break,
                (TokenKind::Symbol, "}") if self.depth > 0 => break,
                (TokenKind::Symbol, "{") if self.depth < MAX_NESTING => {
                    if let Err(problem) = self.block() {
                        self.report(problem);
                    }
                }
                (TokenKind::Symbol, "{") => self.skip_braces(),
                _ => self.advance(),
            }
        }
        for token in self.tokens.get(first..self.at).unwrap_or_default() {
            if token.kind == TokenKind::Word {
                self.doubtful.push(self.text_of(token.span).into());
            }
        }
    }

    /// Skip a block and the blocks in it.
    fn skip_braces(&mut self) {
        let mut open = 0_usize;
        loop {
            let token = self.peek();
            match (token.kind, self.text_of(token.span)) {
                (TokenKind::End, _) => return,
                (TokenKind::Symbol, "{") => open += 1,
                (TokenKind::Symbol, "}") => open -= 1,
                _ => {}
            }
            self.advance();
            if open == 0 {
                return;
            }
        }
    }

    fn statement(&mut self) -> Result<Statement, Problem> {
        let start = self.peek().span;
        let backend = match self.tokens.get(self.at + 1) {
            Some(next) if self.peek().kind == TokenKind::Word && self.text_of(next.span) == ":" => {
                let name = self.name(Class::Backend, "the name of a backend")?;
                self.symbol(":")?;
                Some(name)
            }
            _ => None,
        };
        let info = self.first_word();
        let info = info.ok_or_else(|| self.no_statement())?;
        let result =
            (info.grammar)(self).and_then(|action| self.end_of_statement().map(|()| action));
        let action = result.map_err(|problem| problem.help(format!("syntax: {}", info.syntax)))?;
        Ok(Statement { backend, action, comment: None, span: start.to(self.last_span()) })
    }

    /// Take the first word of a statement. Where several begin with it, the second decides.
    fn first_word(&mut self) -> Option<&'static StatementInfo> {
        let second = self.tokens.get(self.at + 1).map_or("", |next| self.text_of(next.span));
        let mut found = STATEMENTS.iter().filter(|info| self.comes_next(info.word()));
        let first = found.next()?;
        let decided = found.find(|info| info.keyword.ends_with(second) && !second.is_empty());
        let info = decided.unwrap_or(first);
        self.keyword(info.word()).then_some(info)
    }

    fn comes_next(&self, word: &str) -> bool {
        let token = self.peek();
        token.kind == TokenKind::Word && self.text_of(token.span).eq_ignore_ascii_case(word)
    }

    fn no_statement(&mut self) -> Problem {
        self.expected.clear();
        let token = self.peek();
        let word = self.text_of(token.span);
        let problem = match token.kind {
            TokenKind::Word => {
                Problem::new(token.span, format!("there is no statement {}", quoted(word)))
            }
            _ => Problem::new(token.span, format!("expected a statement, found {}", self.found())),
        };
        let mut words = STATEMENTS.iter().map(|info| info.word());
        let next = self.tokens.get(self.at + 1).map_or("", |next| self.text_of(next.span));
        match words.clone().any(|word| word == next) {
            true => problem.help(format!("write a colon after a backend: {word}: {next} …")),
            false => problem.suggest(nearest(word, &mut words)),
        }
    }

    fn end_of_statement(&mut self) -> Result<(), Problem> {
        let token = self.peek();
        let ends = matches!(token.kind, TokenKind::Newline | TokenKind::Comment | TokenKind::End);
        if ends || matches!(self.text_of(token.span), ";" | "}") {
            self.expected.clear();
            return Ok(());
        }
        self.expected.push(Expected::Some("the end of the statement"));
        Err(self.unexpected())
    }

    /// Statements in braces.
    fn block(&mut self) -> Result<Block, Problem> {
        let open = self.peek().span;
        if self.depth >= MAX_NESTING && self.text_of(open) == "{" {
            let message = format!("braces nest deeper than {MAX_NESTING}");
            return Err(Problem::new(open, message));
        }
        self.symbol("{")?;
        self.depth += 1;
        let items = self.items(true);
        self.depth -= 1;
        let close = self.peek().span;
        if !self.symbol_if("}") {
            return Err(Problem::new(open, "this brace is never closed")
                .help("write a \"}\" after the last statement that belongs to it"));
        }
        let between = self.source.get(open.start..close.start).unwrap_or_default();
        Ok(Block { items, inline: !between.contains('\n'), close })
    }

    // Tokens.

    fn peek(&self) -> Token {
        let end = Token { kind: TokenKind::End, span: Span::default() };
        self.tokens.get(self.at).or(self.tokens.last()).copied().unwrap_or(end)
    }

    fn advance(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len().saturating_sub(1));
        self.expected.clear();
    }

    /// Take the next token, which is a `class`.
    fn take(&mut self, class: Class) {
        if let Some(known) = self.classes.get_mut(self.at) {
            *known = Some(class);
        }
        self.advance();
    }

    fn text_of(&self, span: Span) -> &'a str {
        self.source.get(span.start..span.end).unwrap_or_default()
    }

    /// Where the last taken token stands.
    fn last_span(&self) -> Span {
        let last = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        last.map_or(Span::default(), |token| token.span)
    }

    /// Take `word` if it comes next. Keywords, as in SQL, may be written in either case.
    fn keyword(&mut self, word: &'static str) -> bool {
        let found = self.comes_next(word);
        if found {
            self.take(Class::Keyword);
        } else {
            self.expected.push(Expected::Literally(word));
        }
        found
    }

    /// Take `symbol` if it comes next.
    fn symbol_if(&mut self, symbol: &'static str) -> bool {
        let token = self.peek();
        let found = token.kind == TokenKind::Symbol && self.text_of(token.span) == symbol;
        if found {
            self.advance();
        } else {
            self.expected.push(Expected::Literally(symbol));
        }
        found
    }

    fn symbol(&mut self, symbol: &'static str) -> Result<(), Problem> {
        if self.symbol_if(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Take a name, which is described as `what` if it isn't there.
    fn name(&mut self, class: Class, what: &'static str) -> Result<Name, Problem> {
        let Token { kind, span } = self.peek();
        if kind != TokenKind::Word {
            self.expected.push(Expected::Some(what));
            return Err(self.unexpected());
        }
        let text = self.text_of(span);
        if text.len() > MAX_NAME {
            let message = format!("a name may be {MAX_NAME} bytes long, not {}", text.len());
            return Err(Problem::new(span, message));
        }
        self.take(class);
        Ok(Name { text: text.into(), span })
    }

    /// Take a token of `kind`, which is described as `what` if it isn't there.
    fn token(&mut self, kind: TokenKind, what: &'static str) -> Result<Span, Problem> {
        let token = self.peek();
        if token.kind == kind {
            self.advance();
            return Ok(token.span);
        }
        self.expected.push(Expected::Some(what));
        Err(self.unexpected())
    }

    // Errors.

    fn report(&mut self, problem: Problem) {
        if self.diagnostics.len() >= MAX_DIAGNOSTICS {
            return;
        }
        let first = self.tokens.partition_point(|token| token.span.start < problem.span.start);
        if let Some(class) = self.classes.get_mut(first) {
            *class = Some(Class::Error);
        }
        self.diagnostics.push(problem.locate(self.source));
    }

    /// The next token is none of those that were expected.
    fn unexpected(&mut self) -> Problem {
        let expected = std::mem::take(&mut self.expected);
        let span = self.peek().span;
        let found = self.found();
        let mut names: Vec<String> = Vec::new();
        for expected in &expected {
            let name = match expected {
                Expected::Literally(word) => format!("\"{word}\""),
                Expected::Some(what) => (*what).to_owned(),
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let last = names.pop().unwrap_or_default();
        let comma = if names.is_empty() { "" } else { " or " };
        let message = format!("expected {}{comma}{last}, found {found}", names.join(", "));
        let words = expected.iter().filter_map(|expected| match expected {
            Expected::Literally(word) => Some(*word),
            Expected::Some(_) => None,
        });
        Problem::new(span, message).suggest(nearest(self.text_of(span), words))
    }

    /// The next token, for a message.
    fn found(&self) -> String {
        let token = self.peek();
        match token.kind {
            TokenKind::End => "the end of the text".to_owned(),
            TokenKind::Newline => "the end of the line".to_owned(),
            TokenKind::Comment => "a comment".to_owned(),
            _ => quoted(self.text_of(token.span)),
        }
    }
}
