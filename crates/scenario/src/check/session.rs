//! What statements about cursors, prepared statements, sorts, hash tables and errors compile to.

use pgscope_core::Op;
use pgscope_core::ids::{BackendId, RelId};
use pgscope_core::op::{Bulk, Persistence, PlanChoice, Preparation, SessionOp};

use super::frames::{Frame, Within};
use super::statement::op;
use super::{Checker, Compiled, Place};
use crate::ast::{Block, Choice, Name, Session};
use crate::diagnostic::{Problem, Span};
use crate::program::{Body, Node, Sequence, StepKind};
use crate::units::{Quantity, WORK_MEM};

/// Rows in a page, as `insert` makes them.
const ROWS_PER_PAGE: u32 = 61;
/// `MAXALIGN(SizeofMinimalTupleHeader)`
const MINIMAL_TUPLE_HEADER: u32 = 16;
/// Bytes of a row.
const MAX_WIDTH: u64 = 1 << 20;

impl Checker {
    #[inline(never)]
    pub(super) fn session(&mut self, session: &Session, span: Span, place: Place) -> Compiled {
        let within_query = matches!(
            session,
            Session::Open(_)
                | Session::Error(_)
                | Session::Sort { .. }
                | Session::Hash { .. }
                | Session::HashAggregate { .. }
                | Session::Function(..)
                | Session::Block(_)
                | Session::Exception(_)
                | Session::ForQuery(_)
                | Session::Perform { .. }
        );
        if !within_query {
            self.sent_by_client(session.keyword(), span, place);
        } else if place.within == Within::Nothing {
            let message = format!("\"{}\" stands in a query", session.keyword());
            self.problems.push(Problem::new(span, message).help("query { … }"));
        }
        let backend = place.backend.known();
        let step = |backend, session| op(Op::Session { backend, session });
        match session {
            Session::Open(table) => {
                step(backend?, SessionOp::Open(self.table_or_index(table, false)?))
            }
            Session::Alter(table) => {
                step(backend?, SessionOp::Alter(self.table_or_index(table, false)?))
            }
            Session::Error(text) => step(backend?, SessionOp::Error(text.clone())),
            Session::Declare { name, hold } => {
                let (name, hold) = (name.text.clone(), *hold);
                step(backend?, SessionOp::DeclareCursor { name, hold })
            }
            Session::Close(name) => step(backend?, SessionOp::Close(name.text.clone())),
            Session::Deallocate(name) => {
                step(backend?, SessionOp::Deallocate(name.as_ref().map(|name| name.text.clone())))
            }
            Session::Sync => step(backend?, SessionOp::Sync),
            Session::Prepare { message, name, text, table, params, cost } => {
                let rel = match table {
                    Some(table) => Some(self.table_or_index(table, false)?),
                    None => None,
                };
                let what = Preparation {
                    name: name_or_none(name),
                    text: text.clone(),
                    rel,
                    params: *params,
                    generic_cost: cost.map_or(0.0, |cost| cost.value),
                };
                let prepare = if *message { SessionOp::Parse } else { SessionOp::Prepare };
                step(backend?, prepare(what))
            }
            Session::Bind { portal, statement, choice } => {
                let (portal, statement) = (name_or_none(portal), name_or_none(statement));
                let choice = plan_choice(choice);
                step(backend?, SessionOp::Bind { portal, statement, choice })
            }
            Session::Fetch(name, body) => {
                let begin = SessionOp::FetchBegin(name.text.clone());
                self.run_frame(begin, body.as_ref(), span, place)
            }
            Session::Execute(name, choice, body) => {
                let (name, choice) = (name.text.clone(), plan_choice(choice));
                let begin = SessionOp::ExecuteBegin { name, choice };
                self.run_frame(begin, body.as_ref(), span, place)
            }
            Session::Run(portal, body) => {
                let begin = SessionOp::RunBegin(name_or_none(portal));
                self.run_frame(begin, body.as_ref(), span, place)
            }
            Session::Sort { rows, width, limit, work_mem } => {
                let bound = match limit {
                    Some(limit) => Some(self.number_of(*limit, "rows", u32::MAX.into(), span)?),
                    None => None,
                };
                let length = self.length(*width, span)?;
                let work_mem = self.work_mem(work_mem)?;
                let begin = SessionOp::SortBegin { work_mem, bound, datum: false, length };
                let put = SessionOp::SortPut { rows: 1 };
                self.node_frame(backend?, Some(begin), put, SessionOp::SortPerform, *rows, span)
            }
            Session::Hash { rows, width, estimate, work_mem, multiplier } => {
                let length = self.length(*width, span)?;
                let estimate = estimate.unwrap_or(*rows);
                let begin = SessionOp::HashBegin {
                    work_mem: self.work_mem(work_mem)?,
                    multiplier: multiplier.map(|multiplier| multiplier.value),
                    estimate: self.number_of(estimate, "rows", 10_000_000, span)?,
                    width: length - MINIMAL_TUPLE_HEADER,
                    length,
                };
                let insert = SessionOp::HashInsert { rows: 1 };
                let built = SessionOp::HashBuilt;
                self.node_frame(backend?, Some(begin), insert, built, *rows, span)
            }
            Session::HashAggregate { groups, .. } => {
                let begin = self.agg_begin(session, span)?;
                let planned = place.within == Within::Planned;
                let begin = (!planned).then_some(begin);
                let put = SessionOp::AggPut { groups: 1 };
                self.node_frame(backend?, begin, put, SessionOp::AggFilled, *groups, span)
            }
            Session::Function(name, body) => {
                self.plpgsql(name.as_ref().map(|name| &*name.text), body, span, place)
            }
            Session::Block(body) => self.exception_block(body, span, place),
            Session::Exception(body) => self.exception(body, span, place),
            Session::ForQuery(body) => self.for_query(body, span, place),
            Session::Perform { returns, body } => self.perform(*returns, body, span, place),
            Session::SimpleQuery { table, width, work_mem } => {
                let rel = self.table_or_index(table, false)?;
                let length = match width {
                    Some(width) => Some(self.length(*width, span)?),
                    None => None,
                };
                let work_mem = self.work_mem(work_mem)?;
                self.simple_query(backend?, (table, rel), length.map(|it| (it, work_mem)), span)
            }
            Session::CreateTemp { name, pages } => {
                self.only_at_top(span, place, "a table is created");
                let backend = backend?;
                let persistence = Persistence::Temporary(backend);
                let create = self.create_table(name, *pages, persistence)?;
                let rel = self.table(name)?;
                let mut frame = Frame::new(self.statements.saturating_sub(1), span.line);
                frame.op(span.line, Op::QueryBegin { backend });
                frame.op(span.line, Op::QueryRun { backend, columns: None });
                frame.op(span.line, create);
                let session = SessionOp::Open(rel);
                frame.op(span.line, Op::Session { backend, session });
                frame.op(span.line, Op::QueryEnd { backend });
                frame.compiled()
            }
        }
    }

    /// What runs a portal: its beginning, what happens in its ExecutorState, its end.
    fn run_frame(
        &mut self,
        begin: SessionOp,
        body: Option<&Block>,
        span: Span,
        place: Place,
    ) -> Compiled {
        let statement = self.statements.saturating_sub(1);
        let inner = body.map(|body| self.inner(body, Place { within: Within::Query, ..place }));
        let backend = place.backend.known()?;
        let mut frame = Frame::new(statement, span.line);
        frame.op(span.line, Op::Session { backend, session: begin });
        if let Some(inner) = inner {
            frame.body(inner);
        }
        let end = body.map_or(span.line, |body| body.close.line);
        frame.op(end, Op::Session { backend, session: SessionOp::RunEnd });
        frame.compiled()
    }

    /// The beginning of a `hash aggregate`.
    pub(super) fn agg_begin(&mut self, session: &Session, span: Span) -> Option<SessionOp> {
        let Session::HashAggregate { groups, width, aggregates, estimate, work_mem, multiplier } =
            session
        else {
            return None;
        };
        let estimate = estimate.unwrap_or(*groups);
        Some(SessionOp::AggBegin {
            work_mem: self.work_mem(work_mem)?,
            multiplier: multiplier.map(|multiplier| multiplier.value),
            estimate: self.number_of(estimate, "groups", 10_000_000, span)?,
            width: self.number_of(*width, "bytes a key", MAX_WIDTH, span)?,
            transitions: self.number_of(aggregates.unwrap_or(1), "aggregates", 100, span)?,
        })
    }

    fn node_frame(
        &mut self,
        backend: BackendId,
        begin: Option<SessionOp>,
        row: SessionOp,
        end: SessionOp,
        rows: u64,
        span: Span,
    ) -> Compiled {
        self.number_of(rows, "rows", u32::MAX.into(), span)?;
        let mut frame = Frame::new(self.statements.saturating_sub(1), span.line);
        if let Some(session) = begin {
            frame.op(span.line, Op::Session { backend, session });
        }
        frame.times(Op::Session { backend, session: row }, rows);
        frame.op(span.line, Op::Session { backend, session: end });
        frame.compiled()
    }

    /// `simple query`: what a SELECT of all rows does, in its order.
    fn simple_query(
        &mut self,
        backend: BackendId,
        (table, rel): (&Name, RelId),
        sort: Option<(u32, Option<u32>)>,
        span: Span,
    ) -> Compiled {
        let size = self.fixed_size(&table.text, rel);
        if sort.is_some() && size.is_none() {
            let message = format!("table \"{table}\" grows: nobody knows how many rows to sort");
            self.problems.push(Problem::new(table.span, message));
            return None;
        }
        let (line, statement) = (span.line, self.statements.saturating_sub(1));
        let session = |session| Op::Session { backend, session };
        let mut frame = Frame::new(statement, line);
        frame.op(line, Op::QueryBegin { backend });
        frame.op(line, session(SessionOp::Open(rel)));
        frame.op(line, Op::QueryRun { backend, columns: Some(1) });
        if let Some((length, work_mem)) = sort {
            let (bound, datum) = (None, false);
            frame.op(line, session(SessionOp::SortBegin { work_mem, bound, datum, length }));
        }
        frame.op(line, Op::BulkBegin { backend, rel, bulk: Bulk::SeqScan });
        let pages = if size.is_some() { 1 } else { u32::MAX };
        let mut page = Sequence::default();
        let mut push =
            |op| page.push(Node { line, statement, body: Body::Once(StepKind::Op(op)) }, 1);
        push(Op::BulkNext { backend, pages });
        if sort.is_some() {
            push(session(SessionOp::SortPut { rows: ROWS_PER_PAGE }));
        }
        frame.repeated(page, size.unwrap_or(1).into());
        frame.op(line, Op::BulkEnd { backend });
        if sort.is_some() {
            frame.op(line, session(SessionOp::SortPerform));
        }
        frame.op(line, Op::QueryEnd { backend });
        frame.compiled()
    }

    /// `work_mem` for this node alone, if it is written.
    fn work_mem(&mut self, size: &Option<Quantity>) -> Option<Option<u32>> {
        match size {
            Some(size) => self.noted(size.setting(&WORK_MEM)).map(Some),
            None => Some(None),
        }
    }

    /// `t_len` of a row of so many bytes.
    fn length(&mut self, width: u64, span: Span) -> Option<u32> {
        Some(MINIMAL_TUPLE_HEADER + self.number_of(width, "bytes a row", MAX_WIDTH, span)?)
    }

    fn number_of(&mut self, number: u64, what: &str, most: u64, span: Span) -> Option<u32> {
        if number == 0 || number > most {
            let message = format!("there are from 1 to {most} {what}, not {number}");
            self.problems.push(Problem::new(span, message));
            return None;
        }
        u32::try_from(number).ok()
    }
}

fn name_or_none(name: &Option<Name>) -> pgscope_core::op::Name {
    name.as_ref().map_or_else(|| "".into(), |name| name.text.clone())
}

fn plan_choice(choice: &Choice) -> PlanChoice {
    PlanChoice { mode: choice.mode, custom_cost: choice.cost.map_or(0.0, |cost| cost.value) }
}
