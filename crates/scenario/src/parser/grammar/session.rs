//! The grammar of cursors, prepared statements, sorts, hash tables and errors.

use super::TABLE;
use crate::ast::{Action, Block, Choice, Name, Session};
use crate::diagnostic::Problem;
use crate::highlight::Class;
use crate::lexer::TokenKind;
use crate::parser::Parser;
use crate::units::{MEMORY_UNITS, Quantity};

const CURSOR: &str = "the name of a cursor";
const STATEMENT: &str = "the name of a prepared statement";

fn session(session: Session) -> Result<Action, Problem> {
    Ok(Action::Session(Box::new(session)))
}

impl Parser<'_> {
    pub(crate) fn open(&mut self) -> Result<Action, Problem> {
        session(Session::Open(self.name(Class::Table, TABLE)?))
    }

    pub(crate) fn alter_table(&mut self) -> Result<Action, Problem> {
        self.expect_keyword("table")?;
        session(Session::Alter(self.name(Class::Table, TABLE)?))
    }

    pub(crate) fn error(&mut self) -> Result<Action, Problem> {
        session(Session::Error(self.quoted_text("the error's text in double quotes")?))
    }

    pub(crate) fn plpgsql(&mut self) -> Result<Action, Problem> {
        let name = self.maybe_name("the name of a function")?;
        session(Session::Function(name, self.block()?))
    }

    pub(crate) fn exception_block(&mut self) -> Result<Action, Problem> {
        session(Session::Block(self.block()?))
    }

    pub(crate) fn exception(&mut self) -> Result<Action, Problem> {
        session(Session::Exception(self.block()?))
    }

    pub(crate) fn perform(&mut self) -> Result<Action, Problem> {
        session(Session::Perform { returns: false, body: self.block()? })
    }

    pub(crate) fn for_query(&mut self) -> Result<Action, Problem> {
        self.expect_keyword("query")?;
        session(Session::ForQuery(self.block()?))
    }

    pub(crate) fn return_query(&mut self) -> Result<Action, Problem> {
        self.expect_keyword("query")?;
        session(Session::Perform { returns: true, body: self.block()? })
    }

    pub(crate) fn declare_cursor(&mut self) -> Result<Action, Problem> {
        self.expect_keyword("cursor")?;
        let name = self.name(Class::Handle, CURSOR)?;
        let hold = self.keyword("with");
        if hold {
            self.expect_keyword("hold")?;
        }
        session(Session::Declare { name, hold })
    }

    pub(crate) fn fetch(&mut self) -> Result<Action, Problem> {
        let name = self.name(Class::Handle, CURSOR)?;
        session(Session::Fetch(name, self.maybe_block()?))
    }

    pub(crate) fn close(&mut self) -> Result<Action, Problem> {
        session(Session::Close(self.name(Class::Handle, CURSOR)?))
    }

    pub(crate) fn prepare(&mut self) -> Result<Action, Problem> {
        let name = self.name(Class::Handle, STATEMENT)?;
        self.preparation(false, Some(name))
    }

    pub(crate) fn parse_message(&mut self) -> Result<Action, Problem> {
        let name = self.maybe_name(STATEMENT)?;
        self.preparation(true, name)
    }

    fn preparation(&mut self, message: bool, name: Option<Name>) -> Result<Action, Problem> {
        let text = self.quoted_text("the query's text in double quotes")?;
        let table = match self.keyword("on") {
            true => Some(self.name(Class::Table, TABLE)?),
            false => None,
        };
        let params = self.keyword("params");
        let cost = self.cost()?;
        session(Session::Prepare { message, name, text, table, params, cost })
    }

    pub(crate) fn execute(&mut self) -> Result<Action, Problem> {
        let name = self.name(Class::Handle, STATEMENT)?;
        let choice = self.choice()?;
        session(Session::Execute(name, choice, self.maybe_block()?))
    }

    pub(crate) fn deallocate(&mut self) -> Result<Action, Problem> {
        let name = match self.keyword("all") {
            true => None,
            false => Some(self.name(Class::Handle, STATEMENT)?),
        };
        session(Session::Deallocate(name))
    }

    pub(crate) fn bind(&mut self) -> Result<Action, Problem> {
        let portal = if self.comes_next("to") { None } else { self.maybe_portal()? };
        let statement = match self.keyword("to") {
            true => Some(self.name(Class::Handle, STATEMENT)?),
            false => None,
        };
        let choice = self.choice()?;
        session(Session::Bind { portal, statement, choice })
    }

    pub(crate) fn run(&mut self) -> Result<Action, Problem> {
        let portal = self.maybe_name("the name of a portal")?;
        session(Session::Run(portal, self.maybe_block()?))
    }

    pub(crate) fn sync(&mut self) -> Result<Action, Problem> {
        session(Session::Sync)
    }

    pub(crate) fn sort(&mut self) -> Result<Action, Problem> {
        let (rows, width) = (self.number("rows")?, self.number("width")?);
        let limit = self.maybe_number("limit")?;
        session(Session::Sort { rows, width, limit, work_mem: self.work_mem()? })
    }

    fn multiplier(&mut self) -> Result<Option<Quantity>, Problem> {
        match self.option("hash_mem_multiplier", false)? {
            true => self.quantity(&[]).map(Some),
            false => Ok(None),
        }
    }

    pub(crate) fn hash_aggregate(&mut self) -> Result<Action, Problem> {
        self.expect_keyword("aggregate")?;
        let (groups, width) = (self.number("groups")?, self.number("width")?);
        let aggregates = self.maybe_number("aggregates")?;
        let estimate = self.maybe_number("estimate")?;
        let (work_mem, multiplier) = (self.work_mem()?, self.multiplier()?);
        session(Session::HashAggregate {
            groups,
            width,
            aggregates,
            estimate,
            work_mem,
            multiplier,
        })
    }

    pub(crate) fn hash(&mut self) -> Result<Action, Problem> {
        let (rows, width) = (self.number("rows")?, self.number("width")?);
        let estimate = self.maybe_number("estimate")?;
        let (work_mem, multiplier) = (self.work_mem()?, self.multiplier()?);
        session(Session::Hash { rows, width, estimate, work_mem, multiplier })
    }

    pub(crate) fn simple_query(&mut self) -> Result<Action, Problem> {
        self.expect_keyword("query")?;
        let table = self.name(Class::Table, TABLE)?;
        let width = if self.keyword("sort") { Some(self.number("width")?) } else { None };
        let work_mem = if width.is_some() { self.work_mem()? } else { None };
        session(Session::SimpleQuery { table, width, work_mem })
    }

    pub(crate) fn create_temp_table(&mut self) -> Result<Action, Problem> {
        self.expect_keyword("temp")?;
        self.expect_keyword("table")?;
        let name = self.name(Class::Table, TABLE)?;
        self.expect_keyword("pages")?;
        self.symbol("=")?;
        session(Session::CreateTemp { name, pages: self.block_number()? })
    }

    // Parts.

    fn maybe_block(&mut self) -> Result<Option<Block>, Problem> {
        let token = self.peek();
        let opens = token.kind == TokenKind::Symbol && self.text_of(token.span) == "{";
        if opens { self.block().map(Some) } else { Ok(None) }
    }

    fn maybe_name(&mut self, what: &'static str) -> Result<Option<Name>, Problem> {
        match self.peek().kind {
            TokenKind::Word => self.name(Class::Handle, what).map(Some),
            _ => Ok(None),
        }
    }

    /// A portal's name, which an option is not taken for.
    fn maybe_portal(&mut self) -> Result<Option<Name>, Problem> {
        let option = self.comes_next("cost") || self.comes_next("plan_cache_mode");
        if option { Ok(None) } else { self.maybe_name("the name of a portal") }
    }

    fn cost(&mut self) -> Result<Option<Quantity>, Problem> {
        if self.option("cost", false)? { self.quantity(&[]).map(Some) } else { Ok(None) }
    }

    fn choice(&mut self) -> Result<Choice, Problem> {
        let mut choice = Choice { cost: self.cost()?, ..Choice::default() };
        if self.option("plan_cache_mode", false)? {
            let found = Choice::MODES.iter().find(|(word, _)| self.keyword(word));
            choice.mode = Some(found.ok_or_else(|| self.unexpected())?.1);
        }
        Ok(choice)
    }

    fn number(&mut self, word: &'static str) -> Result<u64, Problem> {
        if self.option(word, false)? { self.integer() } else { Err(self.unexpected()) }
    }

    fn maybe_number(&mut self, word: &'static str) -> Result<Option<u64>, Problem> {
        if self.option(word, false)? { self.integer().map(Some) } else { Ok(None) }
    }

    fn work_mem(&mut self) -> Result<Option<Quantity>, Problem> {
        if self.option("work_mem", false)? {
            self.quantity(MEMORY_UNITS).map(Some)
        } else {
            Ok(None)
        }
    }
}
