//! From SQL's words to statements: what of the language scenarios of locks use.

mod alter;
mod create;
mod expr;
mod query;

use pgscope_core::lmgr::LockMode;

use crate::ast::{Dropped, Isolation, Statement, TransactionStmt};
use crate::catalog::{PG_POLICY, PG_REWRITE, PG_TRIGGER};
use crate::lexer::{Token, tokens};

/// How deep an expression may be nested.
const MAX_DEPTH: usize = 60;

/// Read one statement; an error says what is not understood.
pub fn parse(sql: &str) -> Result<Statement, String> {
    let mut parser = Parser { tokens: tokens(sql)?, at: 0, depth: 0 };
    let statement = parser.statement()?;
    match parser.tokens.get(parser.at) {
        None => Ok(statement),
        Some(token) => Err(format!("{token:?} in: {sql}")),
    }
}

pub(crate) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

type Parsed<T> = Result<T, String>;

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn peek_word(&self) -> &str {
        match self.peek() {
            Some(Token::Word(word)) => word,
            _ => "",
        }
    }

    /// Take these words if they come next.
    fn eat(&mut self, words: &str) -> bool {
        let words = words.split(' ');
        let count = words.clone().count();
        let there = self.tokens.get(self.at..self.at + count).unwrap_or_default();
        let fits = !there.is_empty()
            && there.iter().zip(words).all(|(token, word)| match token {
                Token::Word(own) => own == word,
                Token::Sign(own) => own == word,
                _ => false,
            });
        if fits {
            self.at += count;
        }
        fits
    }

    fn expect(&mut self, words: &str) -> Parsed<()> {
        if self.eat(words) {
            return Ok(());
        }
        Err(format!("{:?} where {words} should be", self.peek()))
    }

    fn name(&mut self) -> Parsed<String> {
        let Some(Token::Word(word)) = self.peek().cloned() else {
            return Err(format!("{:?} where a name should be", self.peek()));
        };
        self.at += 1;
        Ok(word)
    }

    /// A name, perhaps behind its schema.
    fn relation(&mut self) -> Parsed<String> {
        let mut name = self.name()?;
        while self.eat(".") {
            name = self.name()?;
        }
        Ok(name)
    }

    fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut all = vec![one(self)?];
        while self.eat(",") {
            all.push(one(self)?);
        }
        Ok(all)
    }

    fn names_in_brackets(&mut self) -> Parsed<Vec<String>> {
        self.expect("(")?;
        let names = self.list(|parser| {
            let name = parser.name()?;
            parser.eat("asc");
            parser.eat("desc");
            Ok(name)
        })?;
        self.expect(")")?;
        Ok(names)
    }

    /// Everything up to the bracket that closes one just opened.
    fn skip_brackets(&mut self) -> Parsed<()> {
        let mut open = 1;
        while open > 0 {
            match self.peek() {
                Some(Token::Sign(sign)) if sign == "(" => open += 1,
                Some(Token::Sign(sign)) if sign == ")" => open -= 1,
                None => return Err("a bracket is not closed".into()),
                _ => {}
            }
            self.at += 1;
        }
        Ok(())
    }

    fn skip_rest(&mut self) {
        self.at = self.tokens.len();
    }

    fn statement(&mut self) -> Parsed<Statement> {
        if let Some(transaction) = self.transaction()? {
            return Ok(Statement::Transaction(transaction));
        }
        match self.peek_word().to_owned().as_str() {
            "lock" => self.lock(),
            "select" | "values" | "with" => Ok(Statement::Select(self.select()?)),
            "insert" => self.insert(),
            "update" => self.update(),
            "delete" => self.delete(),
            "create" => self.create(),
            "alter" => self.alter(),
            "drop" => self.drop(),
            _ => self.utility(),
        }
    }

    fn transaction(&mut self) -> Parsed<Option<TransactionStmt>> {
        let found = if self.eat("begin") || self.eat("start transaction") {
            self.eat("work");
            self.eat("transaction");
            let mut level = None;
            while self.peek().is_some() {
                if self.eat("isolation level read committed")
                    || self.eat("isolation level read uncommitted")
                {
                    level = Some(Isolation::ReadCommitted);
                } else if self.eat("isolation level repeatable read") {
                    level = Some(Isolation::RepeatableRead);
                } else if self.eat("isolation level serializable") {
                    level = Some(Isolation::Serializable);
                } else if !(self.eat("read write") || self.eat(",")) {
                    return Err(format!("{:?} in BEGIN", self.peek()));
                }
            }
            TransactionStmt::Begin(level)
        } else if self.eat("commit prepared") {
            TransactionStmt::Finish(self.text()?, true)
        } else if self.eat("rollback prepared") {
            TransactionStmt::Finish(self.text()?, false)
        } else if self.eat("prepare transaction") {
            TransactionStmt::Prepare(self.text()?)
        } else if self.eat("commit") || self.eat("end") {
            self.eat("work");
            self.eat("transaction");
            TransactionStmt::Commit
        } else if self.eat("savepoint") {
            TransactionStmt::Savepoint(self.name()?)
        } else if self.eat("release") {
            self.eat("savepoint");
            TransactionStmt::Release(self.name()?)
        } else if self.eat("rollback") || self.eat("abort") {
            self.eat("work");
            self.eat("transaction");
            if self.eat("to") {
                self.eat("savepoint");
                TransactionStmt::RollbackTo(self.name()?)
            } else {
                TransactionStmt::Rollback
            }
        } else {
            return Ok(None);
        };
        Ok(Some(found))
    }

    fn text(&mut self) -> Parsed<String> {
        let Some(Token::Text(text)) = self.peek().cloned() else {
            return Err(format!("{:?} where a text should be", self.peek()));
        };
        self.at += 1;
        Ok(text)
    }

    fn lock(&mut self) -> Parsed<Statement> {
        self.expect("lock")?;
        self.eat("table");
        let tables = self.list(|parser| {
            let only = parser.eat("only");
            let name = parser.relation()?;
            parser.eat("*");
            Ok((name, only))
        })?;
        let mut mode = LockMode::AccessExclusive;
        if self.eat("in") {
            mode = self.mode()?;
            self.expect("mode")?;
        }
        Ok(Statement::Lock { tables, mode, nowait: self.eat("nowait") })
    }

    fn mode(&mut self) -> Parsed<LockMode> {
        let modes = [
            ("access share", LockMode::AccessShare),
            ("row share", LockMode::RowShare),
            ("row exclusive", LockMode::RowExclusive),
            ("share update exclusive", LockMode::ShareUpdateExclusive),
            ("share row exclusive", LockMode::ShareRowExclusive),
            ("access exclusive", LockMode::AccessExclusive),
            ("exclusive", LockMode::Exclusive),
            ("share", LockMode::Share),
        ];
        let found = modes.into_iter().find(|(words, _)| self.eat(words));
        found.map(|(_, mode)| mode).ok_or_else(|| format!("{:?} is no mode", self.peek()))
    }

    fn drop(&mut self) -> Parsed<Statement> {
        self.expect("drop")?;
        let kind = if self.eat("table") {
            Dropped::Table
        } else if self.eat("index") {
            Dropped::Index(self.eat("concurrently"))
        } else if self.eat("view") {
            Dropped::View
        } else if self.eat("materialized view") {
            Dropped::MatView
        } else if self.eat("sequence") {
            Dropped::Sequence
        } else if self.eat("trigger") || self.eat("policy") || self.eat("rule") {
            let class = match self.tokens.get(self.at - 1) {
                Some(Token::Word(word)) if word == "trigger" => PG_TRIGGER,
                Some(Token::Word(word)) if word == "policy" => PG_POLICY,
                _ => PG_REWRITE,
            };
            let name = self.name()?;
            self.expect("on")?;
            return Ok(Statement::DropPart { class, name, table: self.relation()? });
        } else {
            return Err(format!("DROP {:?}", self.peek()));
        };
        let if_exists = self.eat("if exists");
        let names = self.list(Self::relation)?;
        let cascade = self.eat("cascade");
        self.eat("restrict");
        Ok(Statement::Drop { kind, names, if_exists, cascade })
    }

    /// Settings in brackets: whether one is there, and on.
    fn options(&mut self, known: &[&str]) -> Parsed<Vec<bool>> {
        let mut set = vec![false; known.len()];
        if !self.eat("(") {
            return Ok(set);
        }
        loop {
            let option = self.name()?;
            let Some(at) = known.iter().position(|known| *known == option) else {
                return Err(format!("option {option}"));
            };
            set[at] = !(self.eat("off") || self.eat("false"));
            if set[at] {
                let _ = self.eat("on") || self.eat("true");
            }
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(set)
    }

    fn utility(&mut self) -> Parsed<Statement> {
        if self.eat("truncate") {
            self.eat("table");
            self.eat("only");
            let tables = self.list(Self::relation)?;
            self.eat("restart identity");
            self.eat("continue identity");
            let cascade = self.eat("cascade");
            self.eat("restrict");
            return Ok(Statement::Truncate { tables, cascade });
        }
        if self.eat("vacuum") {
            let set = self.options(&["full", "skip_locked", "analyze", "freeze", "verbose"])?;
            let full = self.eat("full") || set[0];
            self.eat("freeze");
            self.eat("verbose");
            let analyze = self.eat("analyze") || set[2];
            let tables = self.list(Self::relation)?;
            return Ok(Statement::Vacuum { tables, full, skip_locked: set[1], analyze });
        }
        if self.eat("analyze") {
            let set = self.options(&["skip_locked", "verbose"])?;
            self.eat("verbose");
            let tables = self.list(Self::relation)?;
            if self.eat("(") {
                self.skip_brackets()?;
            }
            if set[0] {
                return Err("ANALYZE (SKIP_LOCKED)".into());
            }
            return Ok(Statement::Analyze(tables));
        }
        if self.eat("cluster") || self.eat("repack") {
            let tag = if self.tokens[self.at - 1] == Token::Word("cluster".into()) {
                "CLUSTER"
            } else {
                "REPACK"
            };
            let table = self.relation()?;
            let index = if self.eat("using") {
                self.eat("index");
                self.peek().is_some().then(|| self.relation()).transpose()?
            } else {
                None
            };
            return Ok(Statement::Cluster(table, index, tag));
        }
        if self.eat("reindex") {
            let set = self.options(&["concurrently"])?;
            let index = self.eat("index");
            if !index {
                self.expect("table")?;
            }
            let concurrently = self.eat("concurrently") || set[0];
            return Ok(Statement::Reindex { name: self.relation()?, index, concurrently });
        }
        if self.eat("refresh materialized view") {
            let concurrently = self.eat("concurrently");
            let name = self.relation()?;
            self.eat("with data");
            return Ok(Statement::Refresh(name, concurrently));
        }
        if self.eat("grant") || self.eat("revoke") {
            let tag = if self.tokens[self.at - 1] == Token::Word("grant".into()) {
                "GRANT"
            } else {
                "REVOKE"
            };
            while self.peek().is_some() && !self.eat("on") {
                self.at += 1;
            }
            self.eat("table");
            let tables = self.list(Self::relation)?;
            self.skip_rest();
            return Ok(Statement::Grant(tables, tag));
        }
        if self.eat("comment on table") {
            let table = self.relation()?;
            self.skip_rest();
            return Ok(Statement::Comment(table));
        }
        self.session_utility()
    }

    fn session_utility(&mut self) -> Parsed<Statement> {
        if self.eat("set") {
            let local = self.eat("local");
            self.eat("session");
            let name = self.name()?;
            let _ = self.eat("=") || self.eat("to");
            let value = match self.peek() {
                Some(Token::Text(text) | Token::Word(text)) => text.clone(),
                Some(Token::Number(number)) => number.to_string(),
                other => return Err(format!("{other:?} as a setting's value")),
            };
            self.skip_rest();
            return Ok(Statement::Set(name, value, local));
        }
        if self.eat("explain") {
            let set = self.options(&["analyze", "costs", "verbose"])?;
            let runs = self.eat("analyze") || set[0];
            let inner = self.statement()?;
            return Ok(if runs { inner } else { Statement::Explain(Box::new(inner)) });
        }
        if self.eat("prepare") {
            let name = self.name()?;
            if self.eat("(") {
                self.skip_brackets()?;
            }
            self.expect("as")?;
            return Ok(Statement::Prepare(name, Box::new(self.statement()?)));
        }
        if self.eat("execute") {
            return Ok(Statement::Execute(self.name()?));
        }
        if self.eat("declare") {
            let name = self.name()?;
            while !self.eat("for") {
                if self.peek().is_none() {
                    return Err("DECLARE without FOR".into());
                }
                self.at += 1;
            }
            return Ok(Statement::Declare(name, self.select()?));
        }
        if self.eat("fetch") || self.eat("move") {
            self.skip_rest();
            return Ok(Statement::Fetch);
        }
        let plain = [
            ("close", "CLOSE CURSOR"),
            ("deallocate", "DEALLOCATE"),
            ("reset", "RESET"),
            ("show", "SHOW"),
            ("notify", "NOTIFY"),
            ("listen", "LISTEN"),
        ];
        for (word, tag) in plain {
            if self.eat(word) {
                self.skip_rest();
                return Ok(Statement::Plain(tag));
            }
        }
        Err(format!("{:?}", self.peek_word()))
    }
}
