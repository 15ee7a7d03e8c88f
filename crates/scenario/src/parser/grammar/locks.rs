//! The grammar of the statements about heavyweight locks.

use pgscope_core::lmgr::LockMode;

use super::{BACKEND, TABLE};
use crate::ast::{Action, Keys, LockAction};
use crate::diagnostic::Problem;
use crate::highlight::Class;
use crate::parser::Parser;
use crate::units::TIME_UNITS;

impl Parser<'_> {
    pub(crate) fn lock(&mut self) -> Result<Action, Problem> {
        let table = self.name(Class::Table, TABLE)?;
        let page = self.keyword("page").then(|| self.block_number()).transpose()?;
        let in_page = page.is_some() && self.keyword("tuple");
        let tuple = in_page.then(|| self.line_pointer()).transpose()?;
        let mode = self.lock_mode()?;
        let nowait = self.keyword("nowait");
        Ok(Action::Lock(LockAction::Take { table, page, tuple, mode, nowait }))
    }

    fn line_pointer(&mut self) -> Result<u16, Problem> {
        let span = self.peek().span;
        match u16::try_from(self.integer()?) {
            // MaxHeapTuplesPerPage
            Ok(number @ 1..=291) => Ok(number),
            _ => Err(Problem::new(span, "a page has at most 291 line pointers, from 1 on")),
        }
    }

    /// One of the eight modes, if it is there.
    fn lock_mode(&mut self) -> Result<Option<LockMode>, Problem> {
        Ok(Some(if self.keyword("access") {
            self.share_or_exclusive(LockMode::AccessShare, LockMode::AccessExclusive)?
        } else if self.keyword("row") {
            self.share_or_exclusive(LockMode::RowShare, LockMode::RowExclusive)?
        } else if self.keyword("exclusive") {
            LockMode::Exclusive
        } else if !self.keyword("share") {
            return Ok(None);
        } else if self.keyword("update") {
            self.expect_keyword("exclusive")?;
            LockMode::ShareUpdateExclusive
        } else if self.keyword("row") {
            self.expect_keyword("exclusive")?;
            LockMode::ShareRowExclusive
        } else {
            LockMode::Share
        }))
    }

    fn share_or_exclusive(
        &mut self,
        share: LockMode,
        exclusive: LockMode,
    ) -> Result<LockMode, Problem> {
        if self.keyword("share") {
            return Ok(share);
        }
        self.expect_keyword("exclusive").map(|()| exclusive)
    }

    pub(crate) fn advisory(&mut self) -> Result<Action, Problem> {
        if self.keyword("lock") {
            let keys = self.advisory_keys()?;
            let shared = self.keyword("shared");
            let xact = self.keyword("xact");
            let nowait = self.keyword("try");
            return Ok(Action::Lock(LockAction::Advisory { keys, shared, xact, nowait }));
        }
        self.expect_keyword("unlock")?;
        if self.keyword("all") {
            let all = LockAction::AdvisoryUnlock { keys: None, shared: false };
            return Ok(Action::Lock(all));
        }
        let keys = Some(self.advisory_keys()?);
        let shared = self.keyword("shared");
        Ok(Action::Lock(LockAction::AdvisoryUnlock { keys, shared }))
    }

    fn advisory_keys(&mut self) -> Result<Keys, Problem> {
        let start = self.peek().span;
        let first = self.integer()?;
        let key = |number: u64| {
            i64::try_from(number)
                .map_err(|_| Problem::new(start, "a key has 64 bits with its sign"))
        };
        if self.symbol_if("..") {
            let last = self.integer()?;
            let span = start.to(self.last_span());
            if last < first {
                return Err(Problem::new(span, "this range ends before it begins")
                    .help(format!("write {last}..{first}")));
            }
            return Ok(Keys::Range(key(first)?, key(last)?));
        }
        if self.symbol_if(",") {
            let second = self.integer()?;
            let half = |number: u64| {
                let span = start.to(self.last_span());
                let message = "two keys have 32 bits each with their sign";
                i32::try_from(number).map_err(|_| Problem::new(span, message))
            };
            return Ok(Keys::Pair(half(first)?, half(second)?));
        }
        Ok(Keys::Range(key(first)?, key(first)?))
    }

    pub(crate) fn assign_xid(&mut self) -> Result<Action, Problem> {
        self.expect_keyword("xid")?;
        Ok(Action::Lock(LockAction::AssignXid))
    }

    pub(crate) fn wait_for(&mut self) -> Result<Action, Problem> {
        self.expect_keyword("for")?;
        let name = self.name(Class::Backend, BACKEND)?;
        Ok(Action::Lock(LockAction::WaitFor(name)))
    }

    pub(crate) fn cancel(&mut self) -> Result<Action, Problem> {
        let name = self.name(Class::Backend, BACKEND)?;
        Ok(Action::Lock(LockAction::Cancel(name)))
    }

    pub(crate) fn sleep(&mut self) -> Result<Action, Problem> {
        let time = self.quantity(TIME_UNITS)?;
        Ok(Action::Lock(LockAction::Sleep(time)))
    }
}
