//! Statements with a beginning and an end: calls, queries, tuples, SPI connections.
//!
//! Their braces keep both together, and tell what a backend is in the middle of: what a
//! client sends, it sends between statements; a tuple belongs to a query.

use std::rc::Rc;

use pgscope_core::Op;
use pgscope_core::op::{SessionOp, TransactionStmt};

use super::{Checker, Compiled, Place};
use crate::ast::{Action, Block, Item, Session, Statement};
use crate::diagnostic::{Problem, Span};
use crate::program::{Body, Node, Sequence, StepKind};

/// What a backend is in the middle of.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Within {
    /// It waits for its client.
    Nothing,
    /// A function that nothing called.
    Call,
    /// Planning.
    Plan,
    /// A query.
    Query,
    /// A query, at its beginning: what it begins with was made when its executor started.
    Planned,
    /// A utility command.
    Utility,
    /// A query's tuple.
    Tuple,
    /// A connection to SPI.
    Spi,
    /// A PL/pgSQL function, between its statements.
    Plpgsql,
}

impl Checker {
    /// A statement that a client sends, to do with the transaction.
    #[inline(never)]
    pub(super) fn transaction(&mut self, action: &Action, span: Span, place: Place) -> Compiled {
        self.sent_by_client(action.keyword(), span, place);
        let backend = place.backend.known()?;
        let statement = match action {
            Action::Commit => TransactionStmt::Commit,
            Action::Rollback(None) => TransactionStmt::Rollback,
            Action::Rollback(Some(name)) => TransactionStmt::RollbackTo(name.text.clone()),
            Action::Savepoint(name) => TransactionStmt::Savepoint(name.text.clone()),
            Action::Release(name) => TransactionStmt::Release(name.text.clone()),
            _ => TransactionStmt::Begin,
        };
        let op = Op::Transaction { backend, statement };
        Some((Body::Once(StepKind::Op(op)), 1))
    }

    /// `query` and `do`: planning, the portal, the body in it, the end.
    #[inline(never)]
    pub(super) fn query(
        &mut self,
        utility: bool,
        body: &Block,
        span: Span,
        place: Place,
    ) -> Compiled {
        self.sent_by_client(if utility { "do" } else { "query" }, span, place);
        let statement = self.statements.saturating_sub(1);
        let is_statement = |item: &Item| matches!(item, Item::Statement(_));
        let first = body.items.iter().position(is_statement);
        let (before, rest) = body.items.split_at(first.map_or(0, |first| first + 1));
        let (planned, run_line, rest) = match before.last() {
            Some(Item::Statement(Statement {
                action: Action::Plan(plan), backend: None, ..
            })) => {
                self.statements = self.statements.saturating_add(1);
                (self.inner(plan, Place { within: Within::Plan, ..place }), plan.close.line, rest)
            }
            _ => (Sequence::default(), span.line, &*body.items),
        };
        let within = if utility { Within::Utility } else { Within::Query };
        let (aggregates, rest) = rest.split_at(if utility { 0 } else { leading_aggregates(rest) });
        let begun: Vec<(u32, Option<SessionOp>)> = aggregates
            .iter()
            .filter_map(|item| match item {
                Item::Statement(Statement { action: Action::Session(session), span, .. }) => {
                    Some((span.line, self.agg_begin(session, *span)))
                }
                _ => None,
            })
            .collect();
        let filled =
            self.sequence(aggregates, Place { top: false, within: Within::Planned, ..place });
        let executed = self.sequence(rest, Place { top: false, within, ..place });
        let backend = place.backend.known()?;
        let mut frame = Frame::new(statement, span.line);
        frame.op(span.line, Op::QueryBegin { backend });
        frame.body(planned);
        for (line, session) in begun {
            frame.op(line, Op::Session { backend, session: session? });
        }
        let columns = (!utility).then_some(1);
        frame.op(run_line, Op::QueryRun { backend, columns });
        frame.body(filled);
        frame.body(executed);
        frame.op(body.close.line, Op::QueryEnd { backend });
        frame.compiled()
    }

    /// `plan` where it can't stand.
    #[inline(never)]
    pub(super) fn plan(&mut self, body: &Block, span: Span, place: Place) -> Compiled {
        self.inner(body, Place { within: Within::Plan, ..place });
        let problem = Problem::new(span, "\"plan\" comes first in a query");
        self.problems.push(problem.help("query { plan { … } … }"));
        None
    }

    /// `tuple`
    #[inline(never)]
    pub(super) fn tuple(&mut self, body: &Block, span: Span, place: Place) -> Compiled {
        if place.within != Within::Query {
            let problem = Problem::new(span, "\"tuple\" stands in a query");
            self.problems.push(problem.help("query { tuple { … } }"));
        }
        let ops = |backend| [Op::TupleBegin { backend }, Op::TupleEnd { backend }];
        let ops = place.backend.known().map(ops);
        self.framed(ops, body, span, Place { within: Within::Tuple, ..place })
    }

    /// `spi`
    #[inline(never)]
    pub(super) fn spi(&mut self, body: &Block, span: Span, place: Place) -> Compiled {
        if matches!(place.within, Within::Nothing | Within::Call | Within::Plan) {
            let problem = Problem::new(span, "\"spi\" stands in a query, a tuple or a do");
            self.problems.push(problem.help("query { spi { … } }"));
        }
        let ops = |backend| [Op::SpiConnect { backend }, Op::SpiFinish { backend }];
        let ops = place.backend.known().map(ops);
        self.framed(ops, body, span, Place { within: Within::Spi, ..place })
    }

    /// `call`
    pub(super) fn call(
        &mut self,
        function: &Rc<str>,
        body: &Block,
        span: Span,
        place: Place,
    ) -> Compiled {
        let within = if place.within == Within::Nothing { Within::Call } else { place.within };
        let ops = |backend| {
            [Op::CallBegin { backend, function: function.clone() }, Op::CallEnd { backend }]
        };
        self.framed(place.backend.known().map(ops), body, span, Place { within, ..place })
    }

    /// A body between its beginning and its end.
    pub(super) fn framed(
        &mut self,
        ops: Option<[Op; 2]>,
        body: &Block,
        span: Span,
        place: Place,
    ) -> Compiled {
        let statement = self.statements.saturating_sub(1);
        let inner = self.inner(body, place);
        let [begin, end] = ops?;
        let mut frame = Frame::new(statement, span.line);
        frame.op(span.line, begin);
        frame.body(inner);
        frame.op(body.close.line, end);
        frame.compiled()
    }

    pub(super) fn inner(&mut self, body: &Block, place: Place) -> Sequence {
        self.sequence(&body.items, Place { top: false, ..place })
    }

    /// A client waits for the end of one statement before it sends the next.
    pub(super) fn sent_by_client(&mut self, keyword: &str, span: Span, place: Place) {
        if place.within != Within::Nothing {
            let message = format!("a client sends \"{keyword}\" between its statements");
            self.problems.push(Problem::new(span, message).help("write it outside of the braces"));
        }
    }
}

/// With how many `hash aggregate` a query begins: their memory is there before the first row is asked
/// for.
fn leading_aggregates(items: &[Item]) -> usize {
    let leads = |item: &Item| match item {
        Item::Statement(Statement { action: Action::Session(session), backend: None, .. }) => {
            matches!(**session, Session::HashAggregate { .. })
        }
        Item::Statement(_) => false,
        _ => true,
    };
    items.iter().position(|item| !leads(item)).unwrap_or(items.len())
}

/// The steps of one statement.
pub(super) struct Frame {
    statement: u32,
    line: u32,
    steps: Sequence,
}

impl Frame {
    pub(super) fn new(statement: u32, line: u32) -> Self {
        Self { statement, line, steps: Sequence::default() }
    }

    pub(super) fn op(&mut self, line: u32, op: Op) {
        let body = Body::Once(StepKind::Op(op));
        self.steps.push(Node { line, statement: self.statement, body }, 1);
    }

    /// The same again and again.
    pub(super) fn times(&mut self, op: Op, times: u64) {
        let (line, statement) = (self.line, self.statement);
        if times > 0 {
            self.steps.push(Node { line, statement, body: Body::Once(StepKind::Op(op)) }, times);
        }
    }

    pub(super) fn body(&mut self, inner: Sequence) {
        self.repeated(inner, 1);
    }

    /// A body so many times.
    pub(super) fn repeated(&mut self, inner: Sequence, times: u64) {
        let steps = inner.len() * times;
        if steps > 0 {
            let (line, statement) = (self.line, self.statement);
            self.steps.push(Node { line, statement, body: Body::Repeated(inner) }, steps);
        }
    }

    pub(super) fn compiled(self) -> Compiled {
        let steps = self.steps.len();
        Some((Body::Repeated(self.steps), steps))
    }
}
