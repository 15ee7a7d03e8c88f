//! What PL/pgSQL's functions, blocks and statements compile to.

use pgscope_core::Op;
use pgscope_core::op::SessionOp;

use super::frames::{Frame, Within};
use super::{Checker, Compiled, Place};
use crate::ast::{Action, Block, Item, Session};
use crate::diagnostic::{Problem, Span};
use crate::program::Sequence;

impl Checker {
    /// `plpgsql`
    pub(super) fn plpgsql(
        &mut self,
        name: Option<&str>,
        body: &Block,
        span: Span,
        place: Place,
    ) -> Compiled {
        if matches!(place.within, Within::Call | Within::Plan) {
            let problem = Problem::new(span, "\"plpgsql\" stands in a query, a tuple or a do");
            self.problems.push(problem.help("query { tuple { plpgsql f { … } } }"));
        }
        let signature = name.map(|name| format!("{name}()")).unwrap_or_default();
        let begin = SessionOp::FunctionBegin(signature.into());
        let ops = self.both(place, begin, SessionOp::FunctionEnd);
        self.framed(ops, body, span, Place { within: Within::Plpgsql, ..place })
    }

    /// `perform` and `return query`
    pub(super) fn perform(
        &mut self,
        returns: bool,
        body: &Block,
        span: Span,
        place: Place,
    ) -> Compiled {
        self.in_function(if returns { "return query" } else { "perform" }, span, place);
        let end = SessionOp::SpiQueryEnd { returns };
        let ops = self.both(place, SessionOp::SpiQueryBegin { returns }, end);
        self.framed(ops, body, span, Place { within: Within::Query, ..place })
    }

    /// `for query`
    pub(super) fn for_query(&mut self, body: &Block, span: Span, place: Place) -> Compiled {
        self.in_function("for query", span, place);
        let ops = self.both(place, SessionOp::LoopBegin, SessionOp::LoopEnd);
        self.framed(ops, body, span, place)
    }

    /// `block`, with the exception part last in its braces.
    pub(super) fn exception_block(&mut self, body: &Block, span: Span, place: Place) -> Compiled {
        self.in_function("block", span, place);
        let statement = self.statements.saturating_sub(1);
        let is_statement = |item: &Item| matches!(item, Item::Statement(_));
        let last = body.items.iter().rposition(is_statement);
        let (before, rest) = body.items.split_at(last.unwrap_or(body.items.len()));
        let place = Place { top: false, within: Within::Plpgsql, ..place };
        let tried = self.sequence(before, place);
        let handler = match rest.first() {
            Some(Item::Statement(statement)) if statement.backend.is_none() => {
                match &statement.action {
                    Action::Session(session) => match &**session {
                        Session::Exception(handler) => Some(handler),
                        _ => None,
                    },
                    _ => None,
                }
            }
            _ => None,
        };
        let Some(handler) = handler else {
            self.sequence(rest, place);
            let problem = Problem::new(span, "a block ends with its exception part");
            self.problems.push(problem.help("block { … exception { … } }"));
            return None;
        };
        self.statements = self.statements.saturating_add(1);
        let line = match rest.first() {
            Some(Item::Statement(statement)) => statement.span.line,
            _ => span.line,
        };
        let caught: Sequence = self.sequence(&handler.items, place);
        let backend = place.backend.known()?;
        let op = |session| Op::Session { backend, session };
        let mut frame = Frame::new(statement, span.line);
        frame.op(span.line, op(SessionOp::BlockBegin));
        frame.body(tried);
        frame.op(line, op(SessionOp::BlockException));
        frame.body(caught);
        frame.op(body.close.line, op(SessionOp::BlockEnd));
        frame.compiled()
    }

    /// `exception` where it can't stand.
    pub(super) fn exception(&mut self, body: &Block, span: Span, place: Place) -> Compiled {
        self.inner(body, Place { within: Within::Plpgsql, ..place });
        let problem = Problem::new(span, "\"exception\" comes last in a block");
        self.problems.push(problem.help("block { … exception { … } }"));
        None
    }

    fn both(&self, place: Place, begin: SessionOp, end: SessionOp) -> Option<[Op; 2]> {
        let op = |session| place.backend.known().map(|backend| Op::Session { backend, session });
        Some([op(begin)?, op(end)?])
    }

    fn in_function(&mut self, keyword: &str, span: Span, place: Place) {
        if place.within != Within::Plpgsql {
            let message = format!("\"{keyword}\" stands in a PL/pgSQL function");
            self.problems.push(Problem::new(span, message).help("query { plpgsql f { … } }"));
        }
    }
}
