//! Expressions.

use super::{MAX_DEPTH, Parsed, Parser};
use crate::ast::{Expr, Value};
use crate::lexer::Token;

/// Operators by how tightly they bind, loosest first.
const LEVELS: [&[&str]; 5] = [
    &["or"],
    &["and"],
    &["=", "<", ">", "<=", ">=", "<>", "!=", "like"],
    &["+", "-", "||"],
    &["*", "/", "%"],
];

impl Parser {
    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        self.depth += 1;
        let expr = if self.depth > MAX_DEPTH {
            Err("an expression nested too deeply".into())
        } else {
            self.level(0)
        };
        self.depth -= 1;
        expr
    }

    fn level(&mut self, level: usize) -> Parsed<Expr> {
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        if level == 2 && self.eat("not") {
            return Ok(Expr::Unary("not".into(), Box::new(self.level(2)?)));
        }
        let mut left = self.level(level + 1)?;
        loop {
            if let Some(sign) = signs.iter().find(|sign| self.eat(sign)) {
                let right = self.level(level + 1)?;
                left = Expr::Binary((*sign).into(), Box::new(left), Box::new(right));
            } else if level == 2 && self.eat("is not null") {
                left = Expr::IsNull(Box::new(left), false);
            } else if level == 2 && self.eat("is null") {
                left = Expr::IsNull(Box::new(left), true);
            } else if level == 2 && self.eat("in") {
                self.expect("(")?;
                if self.peek_word() == "select" {
                    return Err("a subquery".into());
                }
                let list = self.list(Self::expr)?;
                self.expect(")")?;
                left = Expr::In(Box::new(left), list);
            } else if level == 2 && self.eat("between") {
                let low = self.level(3)?;
                self.expect("and")?;
                let high = self.level(3)?;
                let side = |sign: &str, limit| {
                    Box::new(Expr::Binary(sign.into(), Box::new(left.clone()), Box::new(limit)))
                };
                left = Expr::Binary("and".into(), side(">=", low), side("<=", high));
            } else {
                return Ok(left);
            }
        }
    }

    fn unary(&mut self) -> Parsed<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("an expression nested too deeply".into());
        }
        let expr = if self.eat("-") {
            Expr::Unary("-".into(), Box::new(self.unary()?))
        } else {
            self.primary()?
        };
        self.depth -= 1;
        while self.eat("::") {
            self.name()?;
        }
        Ok(expr)
    }

    fn primary(&mut self) -> Parsed<Expr> {
        if self.eat("(") {
            let expr = self.expr()?;
            self.expect(")")?;
            return Ok(expr);
        }
        let token = self.peek().cloned();
        self.at += 1;
        match token {
            Some(Token::Number(number)) => Ok(Expr::Value(Value::Int(number))),
            Some(Token::Text(text)) => Ok(Expr::Value(Value::Text(text))),
            Some(Token::Sign(sign)) if sign == "*" => Ok(Expr::Star),
            Some(Token::Word(word)) => self.word(word),
            other => Err(format!("{other:?} where an expression should be")),
        }
    }

    fn word(&mut self, word: String) -> Parsed<Expr> {
        match word.as_str() {
            "null" => return Ok(Expr::Value(Value::Null)),
            "true" => return Ok(Expr::Value(Value::Bool(true))),
            "false" => return Ok(Expr::Value(Value::Bool(false))),
            "select" => return Err("a subquery".into()),
            _ => {}
        }
        if self.eat("(") {
            if self.eat(")") {
                return Ok(Expr::Call(word, Vec::new()));
            }
            let args = self.list(Self::expr)?;
            self.expect(")")?;
            return Ok(Expr::Call(word, args));
        }
        if self.eat(".") {
            if self.eat("*") {
                return Ok(Expr::Star);
            }
            let column = self.name()?;
            if self.eat("(") {
                // A function behind its schema.
                self.at -= 1;
                return self.word(column);
            }
            return Ok(Expr::Column(column));
        }
        Ok(Expr::Column(word))
    }
}
