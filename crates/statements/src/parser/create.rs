//! CREATE.

use super::{Parsed, Parser};
use crate::ast::{Bound, ColumnDef, ConstraintDef, ConstraintKind, Expr, Statement, Value};
use crate::catalog::{PG_POLICY, PG_REWRITE};

impl Parser {
    pub(super) fn create(&mut self) -> Parsed<Statement> {
        self.expect("create")?;
        self.eat("or replace");
        self.eat("unlogged");
        if self.eat("table") {
            self.eat("if not exists");
            return self.create_table();
        }
        let unique = self.eat("unique");
        if self.eat("index") {
            return self.create_index(unique);
        }
        let materialized = self.eat("materialized");
        if self.eat("view") {
            let name = self.relation()?;
            self.expect("as")?;
            return Ok(Statement::CreateView(name, self.select()?, materialized));
        }
        if self.eat("sequence") {
            let name = self.relation()?;
            self.skip_rest();
            return Ok(Statement::CreateSequence(name));
        }
        if self.eat("function") || self.eat("procedure") {
            let name = self.relation()?;
            self.skip_rest();
            return Ok(Statement::CreateFunction(name));
        }
        if self.eat("trigger") {
            let name = self.name()?;
            while self.peek().is_some() && !self.eat("on") {
                self.at += 1;
            }
            let table = self.relation()?;
            while self.peek().is_some() && !self.eat("function") && !self.eat("procedure") {
                self.at += 1;
            }
            let function = self.relation()?;
            self.skip_rest();
            return Ok(Statement::CreateTrigger { name, table, function });
        }
        if self.eat("statistics") {
            while self.peek().is_some() && !self.eat("from") {
                self.at += 1;
            }
            return Ok(Statement::CreateStatistics(self.relation()?));
        }
        for (word, on, class) in [("policy", "on", PG_POLICY), ("rule", "to", PG_REWRITE)] {
            if self.eat(word) {
                let name = self.name()?;
                while self.peek().is_some() && !self.eat(on) {
                    self.at += 1;
                }
                let table = self.relation()?;
                self.skip_rest();
                return Ok(Statement::CreatePart { class, name, table });
            }
        }
        Err(format!("CREATE {:?}", self.peek()))
    }

    fn create_index(&mut self, unique: bool) -> Parsed<Statement> {
        let concurrently = self.eat("concurrently");
        self.eat("if not exists");
        let name = if self.peek_word() == "on" { None } else { Some(self.name()?) };
        self.expect("on")?;
        self.eat("only");
        let table = self.relation()?;
        if self.eat("using") {
            self.name()?;
        }
        let columns = self.names_in_brackets()?;
        if self.eat("where") {
            self.expr()?;
        }
        Ok(Statement::CreateIndex { name, table, columns, unique, concurrently })
    }

    fn create_table(&mut self) -> Parsed<Statement> {
        let name = self.relation()?;
        let (mut columns, mut constraints) = (Vec::new(), Vec::new());
        let (mut partition_by, mut partition_of, mut query) = (None, None, None);
        if self.eat("partition of") {
            let parent = self.relation()?;
            partition_of = Some((parent, self.bound()?));
        } else if self.eat("(") {
            self.list(|parser| parser.table_element(&name, &mut columns, &mut constraints))?;
            self.expect(")")?;
        }
        if self.eat("partition by") {
            self.name()?;
            partition_by = self.names_in_brackets()?.into_iter().next();
        }
        if self.eat("with") {
            self.expect("(")?;
            self.skip_brackets()?;
        }
        if self.eat("as") {
            query = Some(self.select()?);
        }
        Ok(Statement::CreateTable { name, columns, constraints, partition_by, partition_of, query })
    }

    pub(super) fn bound(&mut self) -> Parsed<Bound> {
        if self.eat("default") {
            return Ok(Bound::Default);
        }
        self.expect("for values")?;
        if self.eat("in") {
            self.expect("(")?;
            let values = self.list(Self::constant)?;
            self.expect(")")?;
            return Ok(Bound::List(values));
        }
        let mut ends = [0, 0];
        for (end, word) in ends.iter_mut().zip(["from", "to"]) {
            self.expect(word)?;
            self.expect("(")?;
            *end = if self.eat("minvalue") {
                i64::MIN
            } else if self.eat("maxvalue") {
                i64::MAX
            } else {
                match self.constant()? {
                    Value::Int(number) => number,
                    other => return Err(format!("{other:?} as a bound")),
                }
            };
            self.expect(")")?;
        }
        Ok(Bound::Range(ends[0], ends[1]))
    }

    fn constant(&mut self) -> Parsed<Value> {
        match self.expr()? {
            Expr::Value(value) => Ok(value),
            Expr::Unary(_, inner) => match *inner {
                Expr::Value(Value::Int(number)) => Ok(Value::Int(-number)),
                other => Err(format!("{other:?} as a constant")),
            },
            other => Err(format!("{other:?} as a constant")),
        }
    }

    fn table_element(
        &mut self,
        table: &str,
        columns: &mut Vec<ColumnDef>,
        constraints: &mut Vec<ConstraintDef>,
    ) -> Parsed<()> {
        let starts = ["constraint", "primary", "unique", "check", "foreign", "exclude"];
        if starts.contains(&self.peek_word()) {
            constraints.push(self.constraint()?);
            return Ok(());
        }
        let column = self.column(table, constraints)?;
        columns.push(column);
        Ok(())
    }

    pub(super) fn column(
        &mut self,
        table: &str,
        constraints: &mut Vec<ConstraintDef>,
    ) -> Parsed<ColumnDef> {
        let mut column = ColumnDef { name: self.name()?, kind: self.name()?, ..Default::default() };
        if self.eat("(") {
            self.skip_brackets()?;
        }
        if ["serial", "bigserial"].contains(&column.kind.as_str()) {
            column.not_null = true;
            let sequence = format!("{table}_{}_seq", column.name);
            let sequence = Expr::Value(Value::Text(sequence));
            column.default = Some(Expr::Call("nextval".into(), vec![sequence]));
        }
        let add = |kind| ConstraintDef { name: None, kind, not_valid: false };
        loop {
            if self.eat("primary key") {
                column.not_null = true;
                constraints.push(add(ConstraintKind::Primary(vec![column.name.clone()])));
            } else if self.eat("not null") {
                column.not_null = true;
            } else if self.eat("null") {
            } else if self.eat("unique") {
                constraints.push(add(ConstraintKind::Unique(vec![column.name.clone()])));
            } else if self.eat("default") {
                column.default = Some(self.expr()?);
            } else if self.eat("check") {
                self.expect("(")?;
                self.skip_brackets()?;
                constraints.push(add(ConstraintKind::Check));
            } else if self.eat("references") {
                let columns = vec![column.name.clone()];
                let foreign = self.references(columns)?;
                constraints.push(add(foreign));
            } else {
                return Ok(column);
            }
        }
    }

    fn references(&mut self, columns: Vec<String>) -> Parsed<ConstraintKind> {
        let table = self.relation()?;
        let mut to = Vec::new();
        if self.peek() == Some(&crate::lexer::Token::Sign("(".into())) {
            to = self.names_in_brackets()?;
        }
        let mut cascade = false;
        while self.eat("on") {
            let delete = self.eat("delete");
            if !delete {
                self.expect("update")?;
            }
            if self.eat("cascade") {
                cascade |= delete;
            } else if !(self.eat("no action") || self.eat("restrict")) {
                return Err(format!("ON DELETE {:?}", self.peek()));
            }
        }
        Ok(ConstraintKind::Foreign { columns, table, to, cascade })
    }

    pub(super) fn constraint(&mut self) -> Parsed<ConstraintDef> {
        let name = if self.eat("constraint") { Some(self.name()?) } else { None };
        let kind = if self.eat("primary key") {
            ConstraintKind::Primary(self.names_in_brackets()?)
        } else if self.eat("unique") {
            ConstraintKind::Unique(self.names_in_brackets()?)
        } else if self.eat("check") {
            self.expect("(")?;
            self.skip_brackets()?;
            ConstraintKind::Check
        } else {
            self.expect("foreign key")?;
            let columns = self.names_in_brackets()?;
            self.expect("references")?;
            self.references(columns)?
        };
        Ok(ConstraintDef { name, kind, not_valid: self.eat("not valid") })
    }
}
