//! The statements' grammar: what follows each keyword. `memory` has those about contexts and
//! chunks.

mod frame;
mod lesson;
mod locks;
mod memory;
mod pages;
mod session;

pub(crate) use frame::known_setting;

use std::rc::Rc;

use pgscope_core::ids::BlockNumber;
use pgscope_core::views::View;

use super::{Expected, Parser};
use pgscope_core::op::CheckpointPart;

use crate::ast::{Action, Dirtying, Generator, Measured, Name, PageRange, Pages, Purpose, Server};
use crate::decimal;
use crate::diagnostic::{Problem, Span, quoted};
use crate::highlight::Class;
use crate::lexer::{Token, TokenKind};
use crate::metrics::{METRICS, MetricKind};
use crate::suggest::nearest;
use crate::units::{MEMORY_UNITS, Quantity, TIME_UNITS, Unit};

pub(crate) use lesson::parse_condition;

/// Reads what follows a statement's keyword.
pub(crate) type Grammar = for<'a> fn(&mut Parser<'a>) -> Result<Action, Problem>;

const CONTEXT: &str = "the name of a memory context";
const TABLE: &str = "the name of a table";
const BACKEND: &str = "the name of a backend";
const PIN: &str = "the name of a pin";
const CHUNK: &str = "the name of a chunk";
const FUNCTION: &str = "the name of a function";

impl Parser<'_> {
    pub(crate) fn server(&mut self) -> Result<Action, Problem> {
        let mut server = Server::default();
        if self.peek().kind == TokenKind::Number {
            server.version = Some(self.quantity(&[])?);
        } else {
            self.expected.push(Expected::Some("a version"));
        }
        loop {
            if self.option("shared_buffers", server.shared_buffers.is_some())? {
                server.shared_buffers = Some(self.quantity(MEMORY_UNITS)?);
            } else if self.option("temp_buffers", server.temp_buffers.is_some())? {
                server.temp_buffers = Some(self.quantity(MEMORY_UNITS)?);
            } else if self.option("seed", server.seed.is_some())? {
                server.seed = Some(self.integer()?);
            } else if let Some(setting) = self.given_setting(&server.settings)? {
                server.settings.push(setting);
            } else {
                return Ok(Action::Server(server));
            }
        }
    }

    pub(crate) fn table(&mut self) -> Result<Action, Problem> {
        self.table_that_is(false)
    }

    pub(super) fn table_that_is(&mut self, temporary: bool) -> Result<Action, Problem> {
        let name = self.name(Class::Table, TABLE)?;
        let (mut pages, mut unlogged) = (None, false);
        loop {
            if self.option("pages", pages.is_some())? {
                pages = Some(self.block_number()?);
            } else if !temporary && !unlogged && self.keyword("unlogged") {
                unlogged = true;
            } else if let Some(pages) = pages {
                return Ok(Action::Table { name, pages, unlogged, temporary });
            } else {
                return Err(self.unexpected());
            }
        }
    }

    pub(crate) fn backend(&mut self) -> Result<Action, Problem> {
        let name = self.name(Class::Backend, BACKEND)?;
        Ok(if self.keyword("superuser") { Action::Superuser(name) } else { Action::Backend(name) })
    }

    pub(crate) fn read(&mut self) -> Result<Action, Problem> {
        self.read_for(Purpose::Read)
    }

    pub(crate) fn update(&mut self) -> Result<Action, Problem> {
        self.read_for(Purpose::Update)
    }

    pub(crate) fn hint(&mut self) -> Result<Action, Problem> {
        self.read_for(Purpose::Hint)
    }

    fn read_for(&mut self, purpose: Purpose) -> Result<Action, Problem> {
        let table = self.name(Class::Table, TABLE)?;
        let pages = self.pages()?;
        let ring = self.in_ring()?;
        let hold = self.hold()?;
        Ok(Action::Read { purpose, table, pages, ring, hold })
    }

    pub(crate) fn dirty(&mut self) -> Result<Action, Problem> {
        let pin = self.name(Class::Handle, PIN)?;
        let how = match () {
            () if self.keyword("hint") => Dirtying::Hint,
            () if self.keyword("nowal") => Dirtying::NoWal,
            () => Dirtying::Wal,
        };
        Ok(Action::Dirty { pin, how })
    }

    pub(crate) fn extend(&mut self) -> Result<Action, Problem> {
        let table = self.name(Class::Table, TABLE)?;
        let by = self.keyword("by").then(|| self.integer()).transpose()?;
        let ring = self.in_ring()?;
        let hold = if by.is_none() { self.hold()? } else { None };
        Ok(Action::Extend { table, by, ring, hold })
    }

    pub(crate) fn unpin(&mut self) -> Result<Action, Problem> {
        self.name(Class::Handle, PIN).map(Action::Unpin)
    }

    pub(crate) fn flush(&mut self) -> Result<Action, Problem> {
        self.name(Class::Handle, PIN).map(Action::Flush)
    }

    pub(crate) fn checkpoint(&mut self) -> Result<Action, Problem> {
        Ok(Action::Checkpoint(if self.keyword("begin") {
            Some(CheckpointPart::Begin)
        } else if self.keyword("write") {
            Some(CheckpointPart::Write(u32::try_from(self.integer()?).unwrap_or(u32::MAX)))
        } else if self.keyword("end") {
            Some(CheckpointPart::End)
        } else {
            None
        }))
    }

    pub(crate) fn walflush(&mut self) -> Result<Action, Problem> {
        Ok(Action::WalFlush)
    }

    pub(crate) fn bgwriter(&mut self) -> Result<Action, Problem> {
        let (mut maxpages, mut multiplier, mut delay) = (None, None, None);
        loop {
            if self.option("maxpages", maxpages.is_some())? {
                maxpages = Some(self.quantity(&[])?);
            } else if self.option("multiplier", multiplier.is_some())? {
                multiplier = Some(self.quantity(&[])?);
            } else if self.option("delay", delay.is_some())? {
                delay = Some(self.quantity(TIME_UNITS)?);
            } else {
                return Ok(Action::BgWriter { maxpages, multiplier, delay });
            }
        }
    }

    pub(crate) fn begin(&mut self) -> Result<Action, Problem> {
        Ok(Action::Begin)
    }

    pub(crate) fn commit(&mut self) -> Result<Action, Problem> {
        Ok(Action::Commit)
    }

    pub(crate) fn rollback(&mut self) -> Result<Action, Problem> {
        let to = if self.keyword("to") { Some(self.savepoint_name()?) } else { None };
        Ok(Action::Rollback(to))
    }

    pub(crate) fn savepoint(&mut self) -> Result<Action, Problem> {
        self.savepoint_name().map(Action::Savepoint)
    }

    pub(crate) fn release(&mut self) -> Result<Action, Problem> {
        self.savepoint_name().map(Action::Release)
    }

    fn savepoint_name(&mut self) -> Result<Name, Problem> {
        self.name(Class::Handle, "the name of a savepoint")
    }

    pub(crate) fn query(&mut self) -> Result<Action, Problem> {
        self.block().map(|body| Action::Query { utility: false, body })
    }

    pub(crate) fn utility(&mut self) -> Result<Action, Problem> {
        self.block().map(|body| Action::Query { utility: true, body })
    }

    pub(crate) fn plan(&mut self) -> Result<Action, Problem> {
        self.block().map(Action::Plan)
    }

    pub(crate) fn tuple(&mut self) -> Result<Action, Problem> {
        self.block().map(Action::Tuple)
    }

    pub(crate) fn spi(&mut self) -> Result<Action, Problem> {
        self.block().map(Action::Spi)
    }

    pub(crate) fn call(&mut self) -> Result<Action, Problem> {
        let function = self.name(Class::Function, FUNCTION)?;
        let body = self.block()?;
        Ok(Action::Call { function, body })
    }

    pub(crate) fn repeat(&mut self) -> Result<Action, Problem> {
        let times = self.integer()?;
        let body = self.block()?;
        Ok(Action::Repeat { times, body })
    }

    pub(crate) fn expect(&mut self) -> Result<Action, Problem> {
        if self.keyword("error") {
            let text = self.quoted_text("the error's text in double quotes")?;
            return Ok(Action::ExpectError(text));
        }
        self.condition().map(Box::new).map(Action::Expect)
    }

    /// A metric with its arguments.
    fn measured(&mut self) -> Result<Measured, Problem> {
        let span = self.peek().span;
        if let Some(&view) = View::ALL.iter().find(|view| self.keyword(view.name())) {
            return self.view_column(view);
        }
        let Some(info) = METRICS.iter().find(|info| self.keyword(info.name)) else {
            self.expected.clear();
            let message = format!("expected what to look at, found {}", self.found());
            let views = View::ALL.iter().map(|view| view.name());
            let names = METRICS.iter().map(|info| info.name).chain(views).chain(["error"]);
            return Err(Problem::new(span, message).suggest(nearest(self.text_of(span), names)));
        };
        if let MetricKind::Server(metric) = info.kind {
            return Ok(Measured::Server(metric));
        }
        self.symbol("(")?;
        let measured = match info.kind {
            MetricKind::Server(metric) => Measured::Server(metric),
            MetricKind::Page(metric) => {
                let table = self.name(Class::Table, TABLE)?;
                self.symbol(",")?;
                let span = self.peek().span;
                let block = self.block_number()?;
                Measured::Page(metric, table, PageRange { first: block, last: block, span })
            }
            MetricKind::Relation(metric) => {
                Measured::Relation(metric, self.name(Class::Table, TABLE)?)
            }
            MetricKind::Context(metric) => {
                let backend = self.name(Class::Backend, BACKEND)?;
                self.symbol(",")?;
                Measured::Context(metric, backend, self.context_name()?)
            }
            MetricKind::Chunk(metric) => {
                let backend = self.name(Class::Backend, BACKEND)?;
                self.symbol(",")?;
                Measured::Chunk(metric, backend, self.name(Class::Handle, CHUNK)?)
            }
            MetricKind::Backend(metric) => {
                Measured::Backend(metric, self.name(Class::Backend, BACKEND)?)
            }
        };
        self.symbol(")")?;
        Ok(measured)
    }

    // Parts of statements.

    fn expect_keyword(&mut self, word: &'static str) -> Result<(), Problem> {
        if self.keyword(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// `word=`, once.
    fn option(&mut self, word: &'static str, given: bool) -> Result<bool, Problem> {
        if given || !self.keyword(word) {
            return Ok(false);
        }
        self.symbol("=").map(|()| true)
    }

    /// `hold as p`, if it is there.
    fn hold(&mut self) -> Result<Option<Name>, Problem> {
        if !self.keyword("hold") {
            return Ok(None);
        }
        self.expect_keyword("as")?;
        self.name(Class::Handle, "a name for the pin").map(Some)
    }

    fn pages(&mut self) -> Result<Pages, Problem> {
        let start = self.peek().span;
        let generator = if self.keyword("zipf") {
            self.symbol("(")?;
            let exponent = self.quantity(&[])?.value;
            self.symbol(")")?;
            Generator::Zipf { exponent }
        } else if self.keyword("uniform") {
            Generator::Uniform
        } else if self.keyword("sequential") {
            Generator::Sequential
        } else if self.keyword("loop") {
            self.symbol("(")?;
            let pages = self.block_number()?;
            self.symbol(")")?;
            Generator::Loop { pages }
        } else if self.keyword("hot") {
            self.symbol("(")?;
            let pages = self.block_number()?;
            self.symbol(",")?;
            let share = self.quantity(&[])?.value;
            self.symbol(")")?;
            Generator::Hot { pages, share }
        } else {
            return self.listed_pages();
        };
        let span = start.to(self.last_span());
        let times = self.keyword("times").then(|| self.integer()).transpose()?;
        Ok(Pages::Drawn { generator, times, span })
    }

    fn listed_pages(&mut self) -> Result<Pages, Problem> {
        self.ranges().map(Pages::Listed)
    }

    fn range(&mut self) -> Result<PageRange, Problem> {
        let start = self.peek().span;
        let first = self.block_number()?;
        let last = if self.symbol_if("..") { self.block_number()? } else { first };
        let span = start.to(self.last_span());
        if last < first {
            return Err(Problem::new(span, "this range ends before it begins")
                .help(format!("write {last}..{first}")));
        }
        Ok(PageRange { first, last, span })
    }

    fn ranges(&mut self) -> Result<Vec<PageRange>, Problem> {
        let mut ranges = Vec::new();
        loop {
            ranges.push(self.range()?);
            if !self.symbol_if(",") {
                return Ok(ranges);
            }
        }
    }

    /// The name of a context, in quotes if it is no word: `"SPI Exec"`.
    fn context_name(&mut self) -> Result<Name, Problem> {
        let Token { kind, span } = self.peek();
        if kind != TokenKind::Text {
            return self.name(Class::Context, CONTEXT);
        }
        let text = self.text(span)?;
        self.take(Class::Context);
        Ok(Name { text, span })
    }

    // Numbers and texts.

    fn block_number(&mut self) -> Result<BlockNumber, Problem> {
        let span = self.peek().span;
        let number = self.integer()?;
        match BlockNumber::try_from(number) {
            Ok(block) if block < BlockNumber::MAX => Ok(block),
            _ => Err(Problem::new(span, "a relation has at most 4294967294 blocks")),
        }
    }

    fn integer(&mut self) -> Result<u64, Problem> {
        let span = self.token(TokenKind::Number, "a whole number")?;
        let text = self.text_of(span);
        text.parse().map_err(|_| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => Problem::new(span, format!("a number may be {}, not more", u64::MAX)),
            false => Problem::new(span, "expected a whole number without a unit"),
        })
    }

    /// A number with one of `units`, or without.
    fn quantity(&mut self, units: &[Unit]) -> Result<Quantity, Problem> {
        let span = self.token(TokenKind::Number, "a number")?;
        let text = self.text_of(span);
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, name) = text.split_at_checked(end).unwrap_or((text, ""));
        let unit = units.iter().find(|unit| unit.name == name);
        if unit.is_none() && !name.is_empty() {
            return Err(no_unit(span, number, name, units));
        }
        match decimal::parse(number) {
            Ok(value) => {
                let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
                let is_whole = fraction.bytes().all(|digit| digit == b'0');
                let digits = is_whole.then(|| whole.parse().ok()).flatten();
                Ok(Quantity { value, digits, unit: unit.copied(), span })
            }
            Err(why) => Err(Problem::new(span, why)),
        }
    }

    /// What a text in quotes says, which is described as `what` if there is none.
    fn quoted_text(&mut self, what: &'static str) -> Result<Rc<str>, Problem> {
        let span = self.token(TokenKind::Text, what)?;
        self.text(span)
    }

    /// What a text in quotes says.
    fn text(&self, span: Span) -> Result<Rc<str>, Problem> {
        let text = self.text_of(span);
        let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        match inner {
            Some(inner) if !inner.replace("\"\"", "").contains('"') => {
                Ok(inner.replace("\"\"", "\"").into())
            }
            _ => Err(Problem::new(span, "this text has no closing quote")
                .help("write a double quote within a text twice")),
        }
    }
}

fn no_unit(span: Span, number: &str, name: &str, units: &[Unit]) -> Problem {
    let names: Vec<_> = units.iter().map(|unit| format!("\"{}\"", unit.name)).collect();
    if names.is_empty() {
        return Problem::new(
            span,
            format!("expected a number without a unit, found {}", quoted(name)),
        );
    }
    let similar = units.iter().find(|unit| unit.name.eq_ignore_ascii_case(name));
    let meant = similar.map(|unit| format!("{number}{}", unit.name));
    Problem::new(span, format!("there is no unit {}", quoted(name)))
        .help(format!("Valid units for this parameter are {}.", names.join(", ")))
        .suggest(meant.as_deref())
}
