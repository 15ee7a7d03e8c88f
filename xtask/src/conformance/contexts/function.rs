//! Functions in PL/pgSQL as the stories call them: each statement becomes what SPI does for it, a block
//! with exceptions its subtransaction. A view may be read in the middle of one.
//!
//! Nobody evaluates anything. Which statement raises an error follows from its words, or from the
//! view: if that was read by a handler, there was an error.

use pgscope_core::op::SessionOp;

use super::Teller;
use super::rows::Shown;
use super::schema::{Function, Statement};
use crate::conformance::record::Stop;

/// Functions within functions.
const MAX_DEPTH: usize = 10;
const VIEW: &str = "pg_backend_memory_contexts";

/// Whether what is called reads the view.
fn reads(statement: &Statement) -> bool {
    match statement {
        Statement::Plain(sql) => sql.contains(VIEW),
        Statement::Block(body, handler) => body.iter().chain(handler).any(reads),
        Statement::ForQuery(sql, body) => sql.contains(VIEW) || body.iter().any(reads),
    }
}

/// Whether it raises an error by its words.
fn raises(statement: &Statement) -> bool {
    let Statement::Plain(sql) = statement else { return false };
    let by_zero = |rest: &str| {
        let rest = rest.trim_start();
        let difference = rest.strip_prefix('(').and_then(|rest| rest.split_once(" - "));
        rest.starts_with('0')
            || difference.is_some_and(|(left, right)| right.starts_with(&format!("{left})")))
    };
    let level = sql.strip_prefix("RAISE ").map(|rest| rest.split(' ').next().unwrap_or_default());
    match level {
        Some(level) => !["NOTICE", "INFO", "LOG", "DEBUG", "WARNING"].contains(&level),
        None => sql.split('/').skip(1).any(by_zero),
    }
}

/// Which of a block's statements raises an error, if any does.
fn raising(body: &[Statement], handler: &[Statement]) -> Option<usize> {
    let by_words = body.iter().position(raises);
    let seen = handler.iter().any(reads);
    by_words.or_else(|| seen.then(|| body.len().saturating_sub(1)))
}

/// What a story's view showed, until it has been read.
pub(super) struct Reading<'a> {
    pub(super) rows: &'a [Shown],
    pub(super) stable: bool,
    pub(super) read: bool,
}

impl Teller<'_> {
    /// What a statement of the client's calls; whether one of these functions reads the view.
    pub(super) fn calls(
        &mut self,
        sql: &str,
        reading: &mut Option<Reading<'_>>,
        depth: usize,
    ) -> Result<(), Stop> {
        if depth > MAX_DEPTH {
            return Err(Stop::Unsupported("functions that call each other".into()));
        }
        let schema = self.schema.clone();
        for function in schema.calls(sql) {
            self.call(function, reading, depth)?;
        }
        Ok(())
    }

    /// Whether a function that the statement calls reads the view.
    pub(super) fn reads_within(&self, sql: &str) -> bool {
        self.schema.calls(sql).any(|function| function.body.iter().any(reads))
    }

    fn call(
        &mut self,
        function: &Function,
        reading: &mut Option<Reading<'_>>,
        depth: usize,
    ) -> Result<(), Stop> {
        self.session(SessionOp::FunctionBegin(function.signature.as_str().into()))?;
        self.statements(&function.body, reading, depth)?;
        self.session(SessionOp::FunctionEnd)
    }

    fn statements(
        &mut self,
        body: &[Statement],
        reading: &mut Option<Reading<'_>>,
        depth: usize,
    ) -> Result<(), Stop> {
        body.iter().try_for_each(|statement| self.statement(statement, reading, depth))
    }

    fn statement(
        &mut self,
        statement: &Statement,
        reading: &mut Option<Reading<'_>>,
        depth: usize,
    ) -> Result<(), Stop> {
        match statement {
            Statement::Plain(sql) => self.plain(sql, false, reading, depth),
            Statement::Block(body, handler) => {
                self.session(SessionOp::BlockBegin)?;
                let end = raising(body, handler);
                self.statements(&body[..end.unwrap_or(body.len())], reading, depth)?;
                match end.and_then(|end| body.get(end)) {
                    Some(Statement::Plain(sql)) => self.plain(sql, true, reading, depth)?,
                    Some(_) => return Err(Stop::Unsupported("an error in a block's block".into())),
                    None => {}
                }
                self.session(SessionOp::BlockException)?;
                if end.is_some() {
                    self.statements(handler, reading, depth)?;
                }
                self.session(SessionOp::BlockEnd)
            }
            Statement::ForQuery(sql, body) => {
                let blocks = |it: &Statement| matches!(it, Statement::Block(..));
                if body.iter().any(|it| reads(it) || blocks(it)) {
                    return Err(Stop::Unsupported("a loop over a query's rows".into()));
                }
                self.plain(sql, false, reading, depth)?;
                self.statements(body, reading, depth)
            }
        }
    }

    /// A statement that SPI executes, or a simple one that it does not.
    fn plain(
        &mut self,
        sql: &str,
        raises: bool,
        reading: &mut Option<Reading<'_>>,
        depth: usize,
    ) -> Result<(), Stop> {
        let error = || SessionOp::Error("an error".into());
        let first = sql.split(' ').next().unwrap_or_default();
        let returns = sql.starts_with("RETURN QUERY");
        let executed = ["PERFORM", "SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
        if !returns && !executed.contains(&first) {
            return if raises { self.session(error()) } else { Ok(()) };
        }
        self.open_later(sql)?;
        self.session(SessionOp::SpiQueryBegin { returns })?;
        self.nodes(sql)?;
        self.calls(sql, reading, depth + 1)?;
        if sql.contains(VIEW)
            && let Some(reading) = reading
        {
            reading.read = true;
            self.compare_view(reading.rows, reading.stable)?;
        }
        match raises {
            true => self.session(error()),
            false => self.session(SessionOp::SpiQueryEnd { returns }),
        }
    }
}
