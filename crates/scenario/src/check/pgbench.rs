//! `pgbench`: its tables, and its transactions over them.

use std::rc::Rc;

use pgscope_core::ids::BackendId;
use pgscope_core::op::Persistence;

use super::frames::Frame;
use super::{Backend, Checker, Compiled, Place};
use crate::ast::Name;
use crate::diagnostic::{Problem, Span};
use crate::pgbench::{
    ACCOUNTS, BRANCHES, BenchTable, HISTORY, Keyed, MAX_SCALE, Pgbench, STEPS, TELLERS,
};
use crate::program::Body;

impl Checker {
    /// `pgbench tables`: what `pgbench -i` creates, in its order.
    #[inline(never)]
    pub(super) fn pgbench_tables(
        &mut self,
        scale: Option<u64>,
        span: Span,
        place: Place,
    ) -> Compiled {
        self.only_at_top(span, place, "tables are created");
        let scale = scale.unwrap_or(1);
        if scale == 0 || scale > MAX_SCALE {
            let message = format!("pgbench's scale is a number from 1 to {MAX_SCALE}");
            self.problems.push(Problem::new(span, message));
            return None;
        }
        let named = |name: &str| Name { text: Rc::from(name), span };
        let mut frame = Frame::new(self.statements.saturating_sub(1), span.line);
        for table in [HISTORY, TELLERS, ACCOUNTS, BRANCHES] {
            let name = named(table.name);
            let op = self.create_table(&name, table.pages(scale), Persistence::Permanent)?;
            frame.op(span.line, op);
        }
        for table in [BRANCHES, TELLERS, ACCOUNTS] {
            let Some(index) = table.index else { continue };
            frame.op(span.line, self.index_op(&named(index), &named(table.name))?);
        }
        self.pgbench_scale = Some(scale);
        frame.compiled()
    }

    /// `pgbench`: a transaction after the other.
    #[inline(never)]
    pub(super) fn pgbench(&mut self, times: u64, span: Span, place: Place) -> Compiled {
        if place.backend == Backend::None {
            let known = self.names.backends().next().unwrap_or("alice");
            let help = format!("write who does it: {known}: pgbench …");
            let message = "pgbench's transactions are done by a backend";
            self.problems.push(Problem::new(span, message).help(help));
        }
        let backend = place.backend.known()?;
        let found = self.pgbench_relations(backend);
        if found.is_none() {
            let problem = Problem::new(span, "there are no tables of pgbench");
            self.problems.push(problem.help("create them before: pgbench tables scale=1"));
        }
        let steps = times.checked_mul(STEPS);
        if steps.is_none() {
            self.too_long(span);
        }
        Some((Body::Pgbench(found?), steps?))
    }

    fn pgbench_relations(&self, backend: BackendId) -> Option<Pgbench> {
        let keyed = |table: BenchTable| {
            let index = self.names.find_table(table.index?)?;
            Some(Keyed { table: self.names.find_table(table.name)?, index })
        };
        Some(Pgbench {
            backend,
            scale: self.pgbench_scale?,
            accounts: keyed(ACCOUNTS)?,
            tellers: keyed(TELLERS)?,
            branches: keyed(BRANCHES)?,
            history: self.names.find_table(HISTORY.name)?,
        })
    }
}
