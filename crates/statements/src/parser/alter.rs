//! ALTER.

use pgscope_core::lmgr::LockMode;

use super::{Parsed, Parser};
use crate::ast::{AlterTable, ColumnChange, Statement};
use crate::lexer::Token;

impl Parser {
    pub(super) fn alter(&mut self) -> Parsed<Statement> {
        self.expect("alter")?;
        if self.eat("sequence") {
            let name = self.relation()?;
            self.skip_rest();
            return Ok(Statement::AlterSequence(name));
        }
        let known = ["table", "materialized view", "view", "index"];
        if !known.iter().any(|kind| self.eat(kind)) {
            return Err(format!("ALTER {:?}", self.peek()));
        }
        self.eat("if exists");
        self.eat("only");
        let table = self.relation()?;
        let parts = self.list(|parser| parser.alter_part(&table))?;
        Ok(Statement::AlterTable(table, parts))
    }

    fn alter_part(&mut self, table: &str) -> Parsed<AlterTable> {
        if self.eat("rename to") {
            return Ok(AlterTable::Rename(self.name()?));
        }
        if self.eat("rename") {
            self.eat("column");
            let from = self.name()?;
            self.expect("to")?;
            return Ok(AlterTable::RenameColumn(from, self.name()?));
        }
        if self.eat("add") {
            let starts = ["constraint", "primary", "unique", "check", "foreign"];
            if starts.contains(&self.peek_word()) {
                return Ok(AlterTable::AddConstraint(self.constraint()?));
            }
            self.eat("column");
            self.eat("if not exists");
            let mut constraints = Vec::new();
            let column = self.column(table, &mut constraints)?;
            if !constraints.is_empty() {
                return Err("ADD COLUMN with a constraint".into());
            }
            return Ok(AlterTable::AddColumn(column));
        }
        if self.eat("drop constraint") {
            let name = self.name()?;
            self.eat("cascade");
            return Ok(AlterTable::DropConstraint(name));
        }
        if self.eat("drop") {
            self.eat("column");
            let name = self.name()?;
            self.eat("cascade");
            return Ok(AlterTable::DropColumn(name));
        }
        if self.eat("validate constraint") {
            return Ok(AlterTable::Validate(self.name()?));
        }
        if self.eat("attach partition") {
            let name = self.relation()?;
            return Ok(AlterTable::Attach(name, self.bound()?));
        }
        if self.eat("detach partition") {
            let name = self.relation()?;
            return Ok(AlterTable::Detach(name, self.eat("concurrently")));
        }
        if self.eat("alter") {
            self.eat("column");
            let column = self.name()?;
            return Ok(AlterTable::AlterColumn(column, self.column_change()?));
        }
        self.alter_whole()
    }

    fn column_change(&mut self) -> Parsed<ColumnChange> {
        if self.eat("set data type") || self.eat("type") {
            let kind = self.name()?;
            if self.eat("(") {
                self.skip_brackets()?;
            }
            if self.eat("using") {
                self.expr()?;
            }
            return Ok(ColumnChange::Type(kind));
        }
        if self.eat("set statistics") {
            self.expr()?;
            return Ok(ColumnChange::Statistics);
        }
        if self.eat("set (") {
            self.skip_brackets()?;
            return Ok(ColumnChange::Statistics);
        }
        if self.eat("set default") {
            self.expr()?;
        } else if self.eat("set storage") || self.eat("set compression") {
            self.name()?;
        } else if !["set not null", "drop not null", "drop default"].iter().any(|it| self.eat(it)) {
            return Err(format!("ALTER COLUMN {:?}", self.peek()));
        }
        Ok(ColumnChange::Catalog)
    }

    fn alter_whole(&mut self) -> Parsed<AlterTable> {
        if self.eat("set (") || self.eat("reset (") {
            let from = self.at;
            self.skip_brackets()?;
            let words = self.tokens[from..self.at].iter().filter_map(|token| match token {
                Token::Word(word) => Some(word.clone()),
                _ => None,
            });
            return Ok(AlterTable::Options(words.collect()));
        }
        if self.eat("set logged") || self.eat("set unlogged") {
            return Ok(AlterTable::SetLogged);
        }
        if self.eat("cluster on") {
            return Ok(AlterTable::ClusterOn(self.name()?));
        }
        if self.eat("set without cluster") {
            return Ok(AlterTable::Other(LockMode::ShareUpdateExclusive));
        }
        if self.peek_word() == "enable" || self.peek_word() == "disable" {
            self.at += 1;
            let trigger = self.peek_word() == "trigger";
            self.skip_rest();
            return Ok(if trigger {
                AlterTable::Triggers
            } else {
                AlterTable::Other(LockMode::AccessExclusive)
            });
        }
        let strongest = ["force row level security", "no force row level security"];
        if strongest.iter().any(|words| self.eat(words)) {
            return Ok(AlterTable::Other(LockMode::AccessExclusive));
        }
        for words in ["owner to", "set schema", "replica identity", "inherit", "no inherit"] {
            if self.eat(words) && words != "inherit" && words != "no inherit" {
                self.name()?;
                return Ok(AlterTable::Other(LockMode::AccessExclusive));
            }
        }
        Err(format!("ALTER TABLE {:?}", self.peek()))
    }
}
