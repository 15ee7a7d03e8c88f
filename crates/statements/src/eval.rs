//! Values of expressions.

use crate::ast::{Expr, Value};
use crate::database::Database;
use crate::error::SqlError;
use crate::session::SessionId;

/// A row's columns by name.
pub(crate) type Columns = Vec<(String, Value)>;

impl Database {
    pub(crate) fn eval(
        &mut self,
        sid: SessionId,
        expr: &Expr,
        row: &Columns,
    ) -> Result<Value, SqlError> {
        Ok(match expr {
            Expr::Value(value) => value.clone(),
            Expr::Column(name) => {
                let found = row.iter().find(|(column, _)| column == name);
                let Some((_, value)) = found else {
                    let message = format!("column \"{name}\" does not exist");
                    return Err(SqlError::new("42703", message));
                };
                value.clone()
            }
            Expr::Star => return Err(SqlError::unsupported("* within an expression")),
            Expr::Unary(sign, inner) => match (sign.as_str(), self.eval(sid, inner, row)?) {
                ("-", Value::Int(number)) => Value::Int(number.wrapping_neg()),
                ("not", Value::Bool(value)) => Value::Bool(!value),
                _ => Value::Null,
            },
            Expr::IsNull(inner, is) => {
                Value::Bool((self.eval(sid, inner, row)? == Value::Null) == *is)
            }
            Expr::In(inner, list) => {
                let value = self.eval(sid, inner, row)?;
                let mut found = false;
                for one in list {
                    found |= self.eval(sid, one, row)? == value;
                }
                Value::Bool(found)
            }
            Expr::Binary(sign, left, right) => {
                let left = self.eval(sid, left, row)?;
                let right = self.eval(sid, right, row)?;
                binary(sign, left, right)?
            }
            Expr::Call(name, args) => {
                let values = args.iter().map(|arg| self.eval(sid, arg, row));
                let values = values.collect::<Result<Vec<_>, _>>()?;
                self.call(sid, name, &values)?
            }
        })
    }

    /// Whether a row passes a filter.
    pub(crate) fn passes(
        &mut self,
        sid: SessionId,
        filter: Option<&Expr>,
        row: &Columns,
    ) -> Result<bool, SqlError> {
        match filter {
            None => Ok(true),
            Some(filter) => Ok(self.eval(sid, filter, row)? == Value::Bool(true)),
        }
    }

    /// A function that never waits.
    fn call(&mut self, sid: SessionId, name: &str, args: &[Value]) -> Result<Value, SqlError> {
        if let Some(value) = self.advisory(sid, name, args)? {
            return Ok(value);
        }
        Ok(match name {
            "txid_current_if_assigned" | "pg_current_xact_id_if_assigned" => {
                let xid = self.transaction(sid).and_then(|it| it.levels.first()?.xid);
                xid.map_or(Value::Null, |xid| Value::Int(xid.into()))
            }
            "txid_current" | "pg_current_xact_id" => Value::Int(self.assign_top_xid(sid).into()),
            "pg_backend_pid" => Value::Int(i64::from(self.proc(sid).map_or(0, |proc| proc.0))),
            "now" | "version" | "current_database" => Value::Text(name.into()),
            "abs" => match args {
                [Value::Int(number)] => Value::Int(number.wrapping_abs()),
                _ => Value::Null,
            },
            other => return Err(SqlError::unsupported(format!("function {other}"))),
        })
    }
}

fn binary(sign: &str, left: Value, right: Value) -> Result<Value, SqlError> {
    if sign == "and" || sign == "or" {
        let decides = Value::Bool(sign == "or");
        if left == decides || right == decides {
            return Ok(decides);
        }
        let either = if left == Value::Null { left } else { right };
        return Ok(either);
    }
    if left == Value::Null || right == Value::Null {
        return Ok(Value::Null);
    }
    if sign == "||" {
        let text = |value: &Value| value.text().unwrap_or_default();
        return Ok(Value::Text(text(&left) + &text(&right)));
    }
    let order = left.partial_cmp(&right);
    let compared = match sign {
        "=" => Some(left == right),
        "<>" | "!=" => Some(left != right),
        "<" => Some(order.is_some_and(|order| order.is_lt())),
        ">" => Some(order.is_some_and(|order| order.is_gt())),
        "<=" => Some(order.is_some_and(|order| order.is_le())),
        ">=" => Some(order.is_some_and(|order| order.is_ge())),
        _ => None,
    };
    if let Some(compared) = compared {
        return Ok(Value::Bool(compared));
    }
    let (Value::Int(left), Value::Int(right)) = (left, right) else {
        return Err(SqlError::unsupported(format!("operator {sign} on these types")));
    };
    if right == 0 && (sign == "/" || sign == "%") {
        return Err(SqlError::new("22012", "division by zero"));
    }
    let number = match sign {
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "/" => left.checked_div(right),
        "%" => left.checked_rem(right),
        _ => return Err(SqlError::unsupported(format!("operator {sign}"))),
    };
    number.map(Value::Int).ok_or_else(|| SqlError::new("22003", "integer out of range"))
}
