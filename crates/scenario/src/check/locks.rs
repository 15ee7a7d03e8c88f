//! What the statements about heavyweight locks compile to.

use pgscope_core::Op;
use pgscope_core::ids::BackendId;
use pgscope_core::lmgr::LockMode;
use pgscope_core::op::{AdvisoryKey, LockStmt, LockTarget};

use super::statement::op;
use super::{Checker, Compiled, Place};
use crate::ast::{Keys, LockAction, PageRange};
use crate::diagnostic::{Problem, Span};
use crate::program::{Body, StepKind};
use crate::units::SLEEP;

impl Checker {
    #[inline(never)]
    pub(super) fn lock_action(
        &mut self,
        action: &LockAction,
        span: Span,
        place: Place,
    ) -> Compiled {
        match action {
            LockAction::Sleep(time) => {
                let milliseconds = self.noted(time.setting(&SLEEP))?;
                return op(Op::PassTime { milliseconds: milliseconds.into() });
            }
            LockAction::Cancel(name) => return op(Op::Cancel(self.backend(name)?)),
            _ => self.sent_by_client(action.keyword(), span, place),
        }
        let backend = place.backend.known()?;
        let statement = match action {
            LockAction::Take { table, page, tuple, mode, nowait } => {
                let rel = self.table(table)?;
                if let Some(block) = *page {
                    let range = PageRange { first: block, last: block, span };
                    self.check_block(table, &range, self.fixed_size(&table.text, rel))?;
                }
                let (target, usual) = match (*page, *tuple) {
                    (Some(block), Some(offset)) => {
                        (LockTarget::Tuple(rel, block, offset), LockMode::Exclusive)
                    }
                    (Some(block), None) => (LockTarget::Page(rel, block), LockMode::Exclusive),
                    (None, _) => (LockTarget::Relation(rel), LockMode::AccessExclusive),
                };
                LockStmt::Take { target, mode: mode.unwrap_or(usual), nowait: *nowait }
            }
            LockAction::Advisory { keys, shared, xact, nowait } => {
                let statement = LockStmt::Advisory {
                    key: first_key(*keys),
                    shared: *shared,
                    transaction: *xact,
                    nowait: *nowait,
                };
                return keyed(backend, statement, *keys);
            }
            LockAction::AdvisoryUnlock { keys: Some(keys), shared } => {
                let key = first_key(*keys);
                return keyed(backend, LockStmt::AdvisoryUnlock { key, shared: *shared }, *keys);
            }
            LockAction::AdvisoryUnlock { keys: None, .. } => LockStmt::AdvisoryUnlockAll,
            LockAction::AssignXid => LockStmt::AssignXid,
            LockAction::WaitFor(name) => {
                let other = self.backend(name)?;
                if other == backend {
                    let message = format!("\"{name}\" can't wait for its own transaction");
                    self.problems.push(Problem::new(name.span, message));
                    return None;
                }
                LockStmt::WaitFor(other)
            }
            LockAction::Sleep(_) | LockAction::Cancel(_) => return None,
        };
        op(Op::Lock { backend, statement })
    }
}

fn first_key(keys: Keys) -> AdvisoryKey {
    match keys {
        Keys::Range(first, _) => AdvisoryKey::One(first),
        Keys::Pair(one, two) => AdvisoryKey::Two(one, two),
    }
}

/// The same statement for each of several keys.
fn keyed(backend: BackendId, statement: LockStmt, keys: Keys) -> Compiled {
    let op = Op::Lock { backend, statement };
    match keys.count() {
        1 => Some((Body::Once(StepKind::Op(op)), 1)),
        count => Some((Body::Keyed(backend, statement), count)),
    }
}
