//! What a query's output calls: aggregates, sequences, functions that wait.
//!
//! PostgreSQL: `nodeAgg.c`, `nextval_internal` (`sequence.c`), the advisory functions (`lockfuncs.c`).

use pgscope_core::lmgr::{LockMode, LockTag};

use crate::ast::{Expr, Value};
use crate::database::{DATABASE, Database};
use crate::error::SqlError;
use crate::query::Row;
use crate::session::SessionId;
use crate::step::{Step, Steps, Whose, act};

impl Database {
    /// An expression with its aggregates replaced by their values.
    pub(crate) fn aggregate(
        &mut self,
        sid: SessionId,
        item: &Expr,
        rows: &[Row],
    ) -> Result<Expr, SqlError> {
        if let Expr::Binary(sign, left, right) = item {
            let left = self.aggregate(sid, left, rows)?;
            let right = self.aggregate(sid, right, rows)?;
            return Ok(Expr::Binary(sign.clone(), Box::new(left), Box::new(right)));
        }
        let Expr::Call(name, args) = item else { return Ok(item.clone()) };
        if !has_aggregate(item) {
            return Ok(item.clone());
        }
        let mut values = Vec::new();
        for row in rows {
            match args.first() {
                None | Some(Expr::Star) => values.push(Value::Int(1)),
                Some(arg) => values.push(self.eval(sid, arg, &row.columns)?),
            }
        }
        values.retain(|value| *value != Value::Null);
        let ordered = |one: &Value, other: &Value| {
            one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal)
        };
        let number = |value: &Value| if let Value::Int(number) = value { *number } else { 0 };
        let value = match name.as_str() {
            "count" => Value::Int(values.len() as i64),
            "max" => values.iter().max_by(|a, b| ordered(a, b)).cloned().unwrap_or(Value::Null),
            "min" => values.iter().min_by(|a, b| ordered(a, b)).cloned().unwrap_or(Value::Null),
            _ if values.is_empty() => Value::Null,
            _ => Value::Int(values.iter().map(number).fold(0, i64::wrapping_add)),
        };
        Ok(Expr::Value(value))
    }

    /// Functions that may have to wait: the steps, without giving the value of those that have
    /// none.
    pub(crate) fn waiting_call(
        &mut self,
        sid: SessionId,
        name: &str,
        args: &[Value],
    ) -> Result<Option<Steps>, SqlError> {
        if let Some((tag, mode, whose)) = crate::utility::advisory_lock(name, args) {
            return Ok(Some(vec![Step::Lock(tag, mode, whose)]));
        }
        match (name, args) {
            ("nextval" | "setval" | "currval", [Value::Text(sequence), ..]) => {
                Ok(Some(self.sequence_call(sid, name, sequence)?))
            }
            ("pg_sleep", _) => {
                if let Some(session) = self.sessions.get_mut(&sid) {
                    session.busy = true;
                }
                Ok(Some(Vec::new()))
            }
            _ => Ok(None),
        }
    }

    /// A sequence is locked until the transaction's end (`init_sequence`); a new value is
    /// written under the transaction's id.
    fn sequence_call(
        &mut self,
        sid: SessionId,
        name: &str,
        sequence: &str,
    ) -> Result<Steps, SqlError> {
        let oid = self.by_name(sid, sequence)?.oid;
        let tag = LockTag::relation(DATABASE, oid);
        let writes = name != "currval";
        Ok(vec![
            Step::Lock(tag, LockMode::RowExclusive, Whose::Top),
            act(move |db, sid| {
                let value = db.sequence_value(oid, writes);
                if writes {
                    db.assign_top_xid(sid);
                }
                db.output_value(sid, Value::Int(value));
                Ok(Vec::new())
            }),
        ])
    }

    /// The sequence's next value, or its last one. It lies in the sequence's only row.
    pub(crate) fn sequence_value(&mut self, oid: u32, next: bool) -> i64 {
        let heap = self.heap(oid);
        if heap.tuples.is_empty() {
            heap.add(0, 0, vec![Value::Int(0)], Vec::new());
        }
        let Some(Value::Int(value)) = heap.tuples[0].values.first_mut() else { return 0 };
        if next {
            *value += 1;
        }
        *value
    }
}

pub(crate) fn has_aggregate(expr: &Expr) -> bool {
    match expr {
        Expr::Call(name, _) => ["count", "max", "min", "sum"].contains(&name.as_str()),
        Expr::Binary(_, left, right) => has_aggregate(left) || has_aggregate(right),
        _ => false,
    }
}
