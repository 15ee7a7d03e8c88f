//! What makes a lesson of a scenario: `pgscope`, `title`, `note`, `ask`; and `as`, and conditions.

use super::BACKEND;
use crate::ast::{Action, Asked, AskedChoice, Comparison, Condition, Lesson};
use crate::diagnostic::{Diagnostic, Problem};
use crate::highlight::Class;
use crate::lexer::TokenKind;
use crate::limits::MAX_CHOICES;
use crate::parser::{Expected, Parser};
use crate::units::MEMORY_UNITS;

impl Parser<'_> {
    pub(crate) fn language(&mut self) -> Result<Action, Problem> {
        self.quantity(&[]).map(Lesson::Language).map(Action::from)
    }

    pub(crate) fn title(&mut self) -> Result<Action, Problem> {
        self.quoted_text("the title in double quotes").map(Lesson::Title).map(Action::from)
    }

    pub(crate) fn note(&mut self) -> Result<Action, Problem> {
        self.quoted_text("the note in double quotes").map(Lesson::Note).map(Action::from)
    }

    pub(crate) fn ask(&mut self) -> Result<Action, Problem> {
        let question = self.quoted_text("the question in double quotes")?;
        let start = self.peek().span;
        let asked = if self.peek().kind == TokenKind::Text {
            Asked::Choices(self.choices()?)
        } else {
            self.expected.push(Expected::Some("a choice in double quotes"));
            let number = self.measured()?;
            let span = start.to(self.last_span());
            let mut among = Vec::new();
            if self.keyword("among") {
                among.push(self.quantity(MEMORY_UNITS)?);
                while self.symbol_if(",") {
                    self.room(among.len())?;
                    among.push(self.quantity(MEMORY_UNITS)?);
                }
            }
            Asked::Number { number, among, span }
        };
        Ok(Lesson::Ask { question, asked }.into())
    }

    fn choices(&mut self) -> Result<Vec<AskedChoice>, Problem> {
        let mut choices = Vec::new();
        loop {
            self.room(choices.len())?;
            let text = self.quoted_text("a choice in double quotes")?;
            let when = if self.keyword("if") { Some(self.condition()?) } else { None };
            choices.push(AskedChoice { text, when });
            if !self.symbol_if(",") {
                return Ok(choices);
            }
        }
    }

    fn room(&self, count: usize) -> Result<(), Problem> {
        if count < MAX_CHOICES {
            return Ok(());
        }
        let message = format!("a question may have {MAX_CHOICES} choices, not more");
        Err(Problem::new(self.peek().span, message))
    }

    /// What must be true of a number.
    pub(super) fn condition(&mut self) -> Result<Condition, Problem> {
        let start = self.peek().span;
        let metric = self.measured()?;
        let symbols = Comparison::SYMBOLS.iter();
        let symbol = symbols.clone().find(|(symbol, _)| self.symbol_if(symbol));
        let &(_, comparison) = symbol.ok_or_else(|| self.unexpected())?;
        let negative = self.symbol_if("-");
        let value = self.quantity(MEMORY_UNITS)?;
        Ok(Condition { metric, comparison, negative, value, span: start.to(self.last_span()) })
    }

    pub(crate) fn as_backend(&mut self) -> Result<Action, Problem> {
        let backend = self.name(Class::Backend, BACKEND)?;
        let body = self.block()?;
        Ok(Action::As { backend, body })
    }
}

/// A condition that stands alone.
pub(crate) fn parse_condition(source: &str) -> Result<Condition, Box<Diagnostic>> {
    let mut parser = Parser::new(source);
    let condition = parser.condition().and_then(|it| parser.end_of_statement().map(|()| it));
    condition.map_err(|problem| Box::new(problem.locate(source)))
}
