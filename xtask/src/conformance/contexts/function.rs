//! Functions in PL/pgSQL as the stories call them: each statement becomes what SPI does for it, a block
//! with exceptions its subtransaction. A view may be read in the middle of one.
//!
//! Nobody evaluates anything. Which statement raises an error follows from its words, or from the
//! view: if that was read by a handler, there was an error.

use pgscope_core::op::SessionOp;

use super::Teller;
use super::rows::Shown;
use super::schema::{self, Function, Schema, Statement};
use crate::conformance::record::Stop;

/// Functions within functions.
const MAX_DEPTH: usize = 10;
const VIEW: &str = "pg_backend_memory_contexts";
/// The condition that every block takes.
const OTHERS: &str = "OTHERS";

/// Whether what is called reads the view.
fn reads(statement: &Statement) -> bool {
    match statement {
        Statement::Plain(sql) => sql.contains(VIEW),
        Statement::Block(body, _, handler) => body.iter().chain(handler).any(reads),
        Statement::ForQuery(sql, body) => sql.contains(VIEW) || body.iter().any(reads),
    }
}

/// An error that a statement raises.
#[derive(Clone, Debug)]
struct Raised {
    condition: String,
    /// By the planner, which evaluates constants before it looks at tables.
    planning: bool,
}

/// What a statement raises, by its words.
fn raises(sql: &str) -> Option<Raised> {
    if let Some(rest) = sql.strip_prefix("RAISE ") {
        let word = rest.split(' ').next().unwrap_or_default();
        let condition = match word {
            "NOTICE" | "INFO" | "LOG" | "DEBUG" | "WARNING" => return None,
            "EXCEPTION" => "raise_exception",
            condition => condition,
        };
        return Some(Raised { condition: condition.to_owned(), planning: false });
    }
    let by_zero = |rest: &str| {
        let rest = rest.trim_start();
        let difference = rest.strip_prefix('(').and_then(|rest| rest.split_once(" - "));
        let nothing =
            difference.is_some_and(|(left, right)| right.starts_with(&format!("{left})")));
        let zero = rest.starts_with('0');
        (zero || nothing).then_some(zero)
    };
    let planning = sql.split('/').skip(1).find_map(by_zero)?;
    Some(Raised { condition: "division_by_zero".to_owned(), planning })
}

/// What is left of an error in a list of statements: which one nobody takes.
fn left(schema: &Schema, body: &[Statement], depth: usize) -> Option<Raised> {
    body.iter().find_map(|statement| match statement {
        Statement::Plain(sql) => raises(sql).or_else(|| {
            let mut called = schema.calls(sql).filter(|_| depth < MAX_DEPTH);
            called.find_map(|function| left(schema, &function.body, depth + 1))
        }),
        Statement::Block(body, conditions, handler) => match left(schema, body, depth) {
            Some(raised) if !takes(conditions, &raised) => Some(raised),
            Some(_) => left(schema, handler, depth),
            None => None,
        },
        Statement::ForQuery(_, body) => left(schema, body, depth),
    })
}

fn takes(conditions: &[String], raised: &Raised) -> bool {
    conditions.iter().any(|it| it.eq_ignore_ascii_case(OTHERS) || *it == raised.condition)
}

/// What a story's view showed, until it has been read.
pub(super) struct Reading<'a> {
    pub(super) rows: &'a [Shown],
    pub(super) stable: bool,
    pub(super) read: bool,
}

/// A statement that is told, with what is called in it.
#[derive(Default)]
pub(super) struct Telling<'a> {
    /// What the view showed in the midst of it.
    pub(super) reading: Option<Reading<'a>>,
    /// The error that it ended with.
    pub(super) error: &'a str,
    pub(super) depth: usize,
}

impl Teller<'_> {
    /// What a statement of the client's calls, and whether that ends with an error.
    pub(super) fn calls(&mut self, sql: &str, telling: &mut Telling<'_>) -> Result<bool, Stop> {
        if telling.depth > MAX_DEPTH {
            return Err(Stop::Unsupported("functions that call each other".into()));
        }
        let schema = self.schema.clone();
        if let Some(text) = sql.strip_prefix("DO ") {
            let body = schema::body_of(text.trim_matches([' ', '$']));
            let (name, signature) = (String::new(), String::new());
            return self.call(&Function { name, signature, body }, telling);
        }
        for function in schema.calls(sql) {
            if self.call(function, telling)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a function that the statement calls reads the view.
    pub(super) fn reads_within(&self, sql: &str) -> bool {
        let reads_it = |function: &Function| {
            let calls = |it: &Statement| {
                reads(it) || matches!(it, Statement::Plain(sql) if self.reads_within(sql))
            };
            let within = |it: &Statement| match it {
                Statement::Block(body, _, handler) => body.iter().chain(handler).any(calls),
                it => calls(it),
            };
            function.body.iter().any(within)
        };
        self.schema.calls(sql).any(reads_it)
    }

    fn call(&mut self, function: &Function, telling: &mut Telling<'_>) -> Result<bool, Stop> {
        telling.depth += 1;
        self.session(SessionOp::FunctionBegin(function.signature.as_str().into()))?;
        let raised = self.statements(&function.body, telling)?.is_some();
        telling.depth -= 1;
        self.session(SessionOp::FunctionEnd)?;
        Ok(raised)
    }

    /// Statements, up to the one with an error.
    fn statements(
        &mut self,
        body: &[Statement],
        telling: &mut Telling<'_>,
    ) -> Result<Option<Raised>, Stop> {
        for statement in body {
            let raised = self.statement(statement, telling)?;
            if raised.is_some() {
                return Ok(raised);
            }
        }
        Ok(None)
    }

    fn statement(
        &mut self,
        statement: &Statement,
        telling: &mut Telling<'_>,
    ) -> Result<Option<Raised>, Stop> {
        match statement {
            Statement::Plain(sql) => self.plain(sql, raises(sql), telling),
            Statement::Block(body, conditions, handler) => {
                self.session(SessionOp::BlockBegin)?;
                let mut raised = self.body(body, handler, telling)?;
                self.session(SessionOp::BlockException)?;
                if let Some(error) = raised {
                    raised = match takes(conditions, &error) {
                        true => self.statements(handler, telling)?,
                        // ReThrowError
                        false => {
                            self.raise(telling)?;
                            Some(error)
                        }
                    };
                }
                self.session(SessionOp::BlockEnd)?;
                Ok(raised)
            }
            Statement::ForQuery(sql, body) => {
                self.open_later(sql)?;
                self.session(SessionOp::LoopBegin)?;
                let raised = self.statements(body, telling)?;
                self.session(SessionOp::LoopEnd)?;
                Ok(raised)
            }
        }
    }

    /// A block's statements. If the view was read by its handler they ended with an error, by the
    /// last of them if nothing else is known.
    fn body(
        &mut self,
        body: &[Statement],
        handler: &[Statement],
        telling: &mut Telling<'_>,
    ) -> Result<Option<Raised>, Stop> {
        let seen = handler.iter().any(reads) && left(&self.schema, body, telling.depth).is_none();
        match body.split_last() {
            Some((Statement::Plain(last), before)) if seen => {
                self.statements(before, telling)?;
                let raised = Raised { condition: OTHERS.to_owned(), planning: false };
                self.plain(last, Some(raised), telling)?;
                Ok(Some(Raised { condition: OTHERS.to_owned(), planning: false }))
            }
            _ => self.statements(body, telling),
        }
    }

    fn raise(&mut self, telling: &Telling<'_>) -> Result<(), Stop> {
        let message = if telling.error.is_empty() { "an error" } else { telling.error };
        match self.session(SessionOp::Error(message.into())) {
            // What the client was told.
            Err(Stop::Differs(what))
                if what.ends_with(telling.error) && !telling.error.is_empty() =>
            {
                Ok(())
            }
            other => other,
        }
    }

    /// A statement that SPI executes, or a simple one that it does not.
    fn plain(
        &mut self,
        sql: &str,
        raised: Option<Raised>,
        telling: &mut Telling<'_>,
    ) -> Result<Option<Raised>, Stop> {
        let first = sql.split(' ').next().unwrap_or_default();
        let returns = sql.starts_with("RETURN QUERY");
        let executed = ["PERFORM", "SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
        if !returns && !executed.contains(&first) {
            if raised.is_some() {
                self.raise(telling)?;
            }
            return Ok(raised);
        }
        if raised.as_ref().is_none_or(|raised| !raised.planning) {
            self.open_later(sql)?;
        }
        self.session(SessionOp::SpiQueryBegin { returns })?;
        self.nodes(sql)?;
        let mut raised = raised;
        if raised.is_some() {
            self.raise(telling)?;
        } else if self.calls(sql, telling)? {
            raised = Some(Raised { condition: OTHERS.to_owned(), planning: false });
        } else if sql.contains(VIEW)
            && let Some(reading) = &mut telling.reading
        {
            reading.read = true;
            self.compare_view(reading.rows, reading.stable)?;
        }
        self.session(SessionOp::SpiQueryEnd { returns })?;
        Ok(raised)
    }
}
