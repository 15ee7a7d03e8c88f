//! Queries and the statements that change rows.

use super::{Parsed, Parser};
use crate::ast::{FromItem, Locking, RowLock, Select, Source, Statement, WaitPolicy};

/// Words that end an alias-less table.
const KEYWORDS: [&str; 16] = [
    "where",
    "order",
    "limit",
    "for",
    "group",
    "set",
    "join",
    "on",
    "using",
    "values",
    "select",
    "returning",
    "left",
    "inner",
    "cross",
    "offset",
];

impl Parser {
    pub(super) fn select(&mut self) -> Parsed<Select> {
        self.expect("select")?;
        let mut select = Select::default();
        if self.peek().is_some() && !["from", "where"].contains(&self.peek_word()) {
            select.items = self.list(|parser| {
                let item = parser.expr()?;
                if parser.eat("as") {
                    parser.name()?;
                }
                Ok(item)
            })?;
        }
        if self.eat("from") {
            select.from = self.list(Self::source_item)?;
            loop {
                let inner = self.eat("inner");
                if !(self.eat("join") || self.eat("cross join")) {
                    if inner {
                        return Err("INNER without JOIN".into());
                    }
                    break;
                }
                select.from.push(self.source_item()?);
                if self.eat("on") {
                    let on = self.expr()?;
                    select.filter = Some(on);
                }
            }
        }
        if self.eat("where") {
            let filter = self.expr()?;
            select.filter = Some(match select.filter.take() {
                None => filter,
                Some(on) => crate::ast::Expr::Binary("and".into(), Box::new(on), Box::new(filter)),
            });
        }
        if self.eat("order by") {
            let by = self.expr()?;
            let down = self.eat("desc");
            self.eat("asc");
            select.order = Some((by, down));
        }
        if self.eat("limit") {
            let Some(crate::lexer::Token::Number(limit)) = self.peek().cloned() else {
                return Err(format!("LIMIT {:?}", self.peek()));
            };
            self.at += 1;
            select.limit = Some(limit);
        }
        if self.eat("for") {
            select.locking = Some(self.locking()?);
        }
        Ok(select)
    }

    fn locking(&mut self) -> Parsed<Locking> {
        let strength = if self.eat("update") {
            RowLock::Update
        } else if self.eat("no key update") {
            RowLock::NoKeyUpdate
        } else if self.eat("share") {
            RowLock::Share
        } else {
            self.expect("key share")?;
            RowLock::KeyShare
        };
        let of = if self.eat("of") { self.list(Self::name)? } else { Vec::new() };
        let policy = if self.eat("nowait") {
            WaitPolicy::Error
        } else if self.eat("skip locked") {
            WaitPolicy::Skip
        } else {
            WaitPolicy::Block
        };
        Ok(Locking { strength, of, policy })
    }

    fn source_item(&mut self) -> Parsed<FromItem> {
        let only = self.eat("only");
        if self.peek() == Some(&crate::lexer::Token::Sign("(".into())) {
            return Err("a subquery".into());
        }
        let name = self.relation()?;
        let mut args = None;
        if self.eat("(") {
            args = Some(if self.eat(")") {
                Vec::new()
            } else {
                let args = self.list(Self::expr)?;
                self.expect(")")?;
                args
            });
        }
        self.eat("*");
        let mut alias = name.clone();
        if self.eat("as") || (!self.peek_word().is_empty() && !KEYWORDS.contains(&self.peek_word()))
        {
            alias = self.name()?;
        }
        Ok(FromItem { name, alias, args, only })
    }

    pub(super) fn insert(&mut self) -> Parsed<Statement> {
        self.expect("insert into")?;
        let table = self.relation()?;
        let mut columns = Vec::new();
        if self.peek() == Some(&crate::lexer::Token::Sign("(".into())) {
            columns = self.names_in_brackets()?;
        }
        let source = if self.eat("default values") {
            Source::Values(vec![Vec::new()])
        } else if self.eat("values") {
            Source::Values(self.list(|parser| {
                parser.expect("(")?;
                let row = parser.list(|parser| {
                    if parser.eat("default") { Ok(None) } else { parser.expr().map(Some) }
                })?;
                parser.expect(")")?;
                Ok(row)
            })?)
        } else {
            Source::Query(self.select()?)
        };
        let mut on_conflict_nothing = false;
        if self.eat("on conflict") {
            if self.eat("(") {
                self.skip_brackets()?;
            }
            self.expect("do nothing")?;
            on_conflict_nothing = true;
        }
        if self.eat("returning") {
            return Err("RETURNING".into());
        }
        Ok(Statement::Insert { table, columns, source, on_conflict_nothing })
    }

    pub(super) fn update(&mut self) -> Parsed<Statement> {
        self.expect("update")?;
        self.eat("only");
        let table = self.relation()?;
        if self.peek_word() != "set" {
            self.name()?;
        }
        self.expect("set")?;
        let set = self.list(|parser| {
            let column = parser.name()?;
            parser.expect("=")?;
            Ok((column, parser.expr()?))
        })?;
        let filter = if self.eat("where") { Some(self.expr()?) } else { None };
        Ok(Statement::Update { table, set, filter })
    }

    pub(super) fn delete(&mut self) -> Parsed<Statement> {
        self.expect("delete from")?;
        self.eat("only");
        let table = self.relation()?;
        let filter = if self.eat("where") { Some(self.expr()?) } else { None };
        Ok(Statement::Delete { table, filter })
    }
}
