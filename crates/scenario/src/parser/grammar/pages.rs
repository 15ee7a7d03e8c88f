//! The grammar of the statements about many pages, rings and temporary tables.

use super::{PIN, TABLE};
use crate::ast::{Action, BulkKind, Measured, Name, Purpose, RING_WORDS};
use crate::diagnostic::Problem;
use crate::highlight::Class;
use crate::lexer::{Token, TokenKind};
use crate::parser::{Expected, Parser};
use crate::units::MEMORY_UNITS;
use pgscope_core::views::View;

const INDEX: &str = "the name of an index";
const RING: &str = "the name of a ring";

impl Parser<'_> {
    pub(crate) fn index(&mut self) -> Result<Action, Problem> {
        let name = self.name(Class::Table, INDEX)?;
        self.expect_keyword("on")?;
        let table = self.name(Class::Table, TABLE)?;
        Ok(Action::Index { name, table })
    }

    pub(crate) fn temp_table(&mut self) -> Result<Action, Problem> {
        self.expect_keyword("table")?;
        self.table_that_is(true)
    }

    pub(crate) fn bulk(&mut self, mut what: BulkKind) -> Result<Action, Problem> {
        if what == BulkKind::CreateTableAs {
            self.expect_keyword("table")?;
        }
        let table = self.name(Class::Table, TABLE)?;
        let (mut pages, mut count, mut limit) = (Vec::new(), 0, None);
        match what {
            BulkKind::BitmapScan => pages = self.ranges()?,
            BulkKind::Vacuum { .. } => {
                if self.keyword("freeze") {
                    what = BulkKind::Vacuum { freeze: true };
                }
                if self.option("buffer_usage_limit", false)? {
                    limit = Some(self.quantity(MEMORY_UNITS)?);
                }
            }
            BulkKind::CopyIn | BulkKind::CreateTableAs => {
                if what == BulkKind::CreateTableAs {
                    self.expect_keyword("as")?;
                }
                self.expect_keyword("pages")?;
                self.symbol("=")?;
                count = self.block_number()?;
            }
            BulkKind::SeqScan | BulkKind::Prewarm => {}
        }
        Ok(Action::Bulk { what, table, pages, count, limit })
    }

    pub(crate) fn read_range(&mut self) -> Result<Action, Problem> {
        let table = self.name(Class::Table, TABLE)?;
        let pages = self.range()?;
        Ok(Action::ReadRange { table, pages, ring: self.in_ring()? })
    }

    pub(crate) fn pgbench(&mut self) -> Result<Action, Problem> {
        if self.keyword("tables") {
            let given = self.option("scale", false)?;
            let scale = given.then(|| self.integer()).transpose()?;
            return Ok(Action::PgbenchTables { scale });
        }
        let times = self.keyword("times").then(|| self.integer()).transpose()?;
        Ok(Action::Pgbench { times })
    }

    pub(crate) fn cleanup(&mut self) -> Result<Action, Problem> {
        let pin = self.name(Class::Handle, PIN)?;
        Ok(Action::Cleanup { pin, nowait: self.keyword("nowait") })
    }

    pub(crate) fn indexscan(&mut self) -> Result<Action, Problem> {
        let table = self.name(Class::Table, INDEX)?;
        let pages = self.pages()?;
        let purpose = Purpose::IndexScan { update: self.keyword("update") };
        Ok(Action::Read { purpose, table, pages, ring: None, hold: None })
    }

    pub(crate) fn insert(&mut self) -> Result<Action, Problem> {
        let table = self.name(Class::Table, TABLE)?;
        let times = self.keyword("times").then(|| self.integer()).transpose()?;
        Ok(Action::Insert { table, times })
    }

    pub(crate) fn truncate(&mut self) -> Result<Action, Problem> {
        let table = self.name(Class::Table, TABLE)?;
        let to = self.keyword("to").then(|| self.block_number()).transpose()?;
        Ok(Action::Truncate { table, to })
    }

    pub(crate) fn drop_table(&mut self) -> Result<Action, Problem> {
        self.name(Class::Table, TABLE).map(Action::Drop)
    }

    pub(crate) fn ring(&mut self) -> Result<Action, Problem> {
        let name = self.name(Class::Handle, RING)?;
        let kind = RING_WORDS.iter().find(|(word, _)| self.keyword(word));
        let &(_, kind) = kind.ok_or_else(|| self.unexpected())?;
        let size = match self.option("size", false)? {
            true => Some(self.quantity(MEMORY_UNITS)?),
            false => None,
        };
        Ok(Action::Ring { name, kind, size })
    }

    pub(crate) fn free(&mut self) -> Result<Action, Problem> {
        self.name(Class::Handle, RING).map(Action::Free)
    }

    pub(crate) fn evict(&mut self) -> Result<Action, Problem> {
        self.integer().map(Action::Evict)
    }

    /// `ring r`, if it is there.
    pub(super) fn in_ring(&mut self) -> Result<Option<Name>, Problem> {
        let given = self.keyword("ring");
        given.then(|| self.name(Class::Handle, RING)).transpose()
    }

    /// The keys and the column of a view, in parentheses.
    pub(super) fn view_column(&mut self, view: View) -> Result<Measured, Problem> {
        self.symbol("(")?;
        let mut words = Vec::new();
        let mut column;
        loop {
            let Token { kind, span } = self.peek();
            column = span;
            match kind {
                TokenKind::Text => words.push(self.text(span)?),
                TokenKind::Word | TokenKind::Number => words.push(self.text_of(span).into()),
                _ => {
                    self.expected.push(Expected::Some("a key or a column"));
                    return Err(self.unexpected());
                }
            }
            self.advance();
            if !self.symbol_if(",") {
                break;
            }
        }
        self.symbol(")")?;
        Ok(Measured::View(view, words, column))
    }
}
