//! Statements that go over many pages, rings, and what ends a relation.

use std::collections::BTreeSet;
use std::rc::Rc;

use pgscope_core::Op;
use pgscope_core::ids::{BackendId, BlockNumber, BufferId, RelId, StrategySlot};
use pgscope_core::op::{Bulk, Persistence};
use pgscope_core::views::View;

use super::frames::Frame;
use super::statement::op;
use super::{Checker, Compiled, Place, TableSize};
use crate::ast::{Action, BulkKind, Name, PageRange};
use crate::diagnostic::{Problem, Span};
use crate::program::{Body, StepKind, Together};
use crate::suggest::nearest;
use crate::units::{Quantity, VACUUM_BUFFER_USAGE_LIMIT};

/// The table whose size a statement changes.
pub(super) fn resized(action: &Action) -> Option<&Name> {
    match action {
        Action::Extend { table, .. }
        | Action::Insert { table, .. }
        | Action::Truncate { table, .. }
        | Action::Bulk { what: BulkKind::CopyIn | BulkKind::CreateTableAs, table, .. } => {
            Some(table)
        }
        _ => None,
    }
}

impl Checker {
    pub(super) fn create_index(&mut self, name: &Name, table: &Name) -> Compiled {
        self.index_op(name, table).and_then(op)
    }

    pub(super) fn index_op(&mut self, name: &Name, table: &Name) -> Option<Op> {
        let of = self.table_or_index(table, false)?;
        let size = self.tables.get(of.0 as usize)?;
        let rel = self.new_relation(name, TableSize { index: true, ..*size })?;
        Some(Op::CreateIndex { rel, name: name.text.clone(), table: of })
    }

    /// `readbuffers`
    #[inline(never)]
    pub(super) fn read_together(
        &mut self,
        backend: BackendId,
        table: &Name,
        pages: &PageRange,
        ring: &Option<Name>,
    ) -> Compiled {
        let strategy = self.given_ring(backend, ring)?;
        let rel = self.table_or_index(table, false)?;
        self.check_block(table, pages, self.fixed_size(&table.text, rel))?;
        let PageRange { first, last, .. } = *pages;
        let read = Together { backend, rel, first, last, strategy };
        Some((Body::Together(read), read.calls()))
    }

    /// `seqscan` and its like, and `drop`.
    #[inline(never)]
    pub(super) fn bulk_action(
        &mut self,
        action: &Action,
        backend: BackendId,
        span: Span,
        place: Place,
    ) -> Compiled {
        match action {
            Action::Bulk { what, table, pages, count, limit } => {
                let creates = *what == BulkKind::CreateTableAs;
                let created = if creates {
                    self.only_at_top(span, place, "a table is created");
                    Some(self.create_table(table, *count, Persistence::Permanent)?)
                } else {
                    None
                };
                let rel = self.table_or_index(table, false)?;
                let (bulk, steps) = self.bulk((*what, *count), (table, rel), pages, limit)?;
                let mut frame = Frame::new(self.statements.saturating_sub(1), span.line);
                if let Some(Op::CreateRelation { rel, name, persistence, .. }) = created {
                    frame.op(span.line, Op::CreateRelation { rel, name, nblocks: 0, persistence });
                }
                frame.op(span.line, Op::BulkBegin { backend, rel, bulk });
                // Where it is not known how many pages there will be, they are one step.
                let (pages, steps) = steps.map_or((u32::MAX, 1), |steps| (1, steps));
                frame.times(Op::BulkNext { backend, pages }, steps.into());
                frame.op(span.line, Op::BulkEnd { backend });
                frame.compiled()
            }
            Action::Drop(name) => {
                self.only_at_top(span, place, "a relation is dropped");
                let rel = self.table(name)?;
                self.names.tables.forget(&name.text);
                op(Op::Truncate { backend, rel, nblocks: None })
            }
            _ => None,
        }
    }

    /// What a statement does, and how many pages it goes over, if that is known.
    fn bulk(
        &mut self,
        (what, count): (BulkKind, BlockNumber),
        (table, rel): (&Name, RelId),
        pages: &[PageRange],
        limit: &Option<Quantity>,
    ) -> Option<(Bulk, Option<BlockNumber>)> {
        let size = self.fixed_size(&table.text, rel);
        Some(match what {
            BulkKind::SeqScan => (Bulk::SeqScan, size),
            BulkKind::Prewarm => (Bulk::Prewarm, size),
            BulkKind::BitmapScan => {
                // Plain numbers, as the checkpoint has them: the page carries one kind of set.
                let mut sorted = BTreeSet::new();
                for range in pages {
                    self.check_block(table, range, size)?;
                    sorted.insert((u64::from(range.first), u64::from(range.last) + 1));
                }
                let (mut ranges, mut last, mut steps) = (Vec::new(), 0, 0);
                for &(first, end) in &sorted {
                    let (first, end) = ((first as BlockNumber).max(last), end as BlockNumber);
                    if first < end {
                        ranges.push((first, end));
                        steps += end - first;
                        last = end;
                    }
                }
                (Bulk::BitmapScan(Rc::from(ranges)), Some(steps))
            }
            BulkKind::Vacuum { freeze } => {
                let size_kb = match limit {
                    Some(limit) if limit.value == 0.0 => Some(0),
                    Some(limit) => Some(self.noted(limit.setting(&VACUUM_BUFFER_USAGE_LIMIT))?),
                    None => None,
                };
                (Bulk::Vacuum { size_kb, freeze }, size)
            }
            BulkKind::CopyIn => (Bulk::CopyIn { pages: count }, Some(count)),
            BulkKind::CreateTableAs => (Bulk::CreateTableAs, Some(count)),
        })
    }

    pub(super) fn page_action(&mut self, action: &Action, backend: BackendId) -> Compiled {
        match action {
            Action::Insert { table, times } => {
                let rel = self.table_or_index(table, false)?;
                let insert = StepKind::Op(Op::Insert { backend, rel });
                Some((Body::Once(insert), times.unwrap_or(1)))
            }
            Action::Truncate { table, to } => {
                let (rel, nblocks) = (self.table(table)?, Some(to.unwrap_or_default()));
                op(Op::Truncate { backend, rel, nblocks })
            }
            Action::Ring { name, kind, size } => {
                let number = self.names.locals_mut(backend)?.rings.define(&name.text);
                let size_kb = match size {
                    Some(size) => {
                        let bytes = self.noted(size.whole("a size in bytes"))?;
                        Some(u32::try_from(bytes / 1024).unwrap_or(u32::MAX))
                    }
                    None => None,
                };
                let strategy = StrategySlot(StrategySlot::FIRST_USER.0 + number);
                op(Op::CreateStrategy { backend, strategy, kind: *kind, size_kb })
            }
            Action::Free(name) => {
                op(Op::FreeStrategy { backend, strategy: self.ring(backend, name)? })
            }
            Action::Evict(number) => {
                let index = number.checked_sub(1).and_then(|index| u32::try_from(index).ok());
                let buffer = BufferId(index.unwrap_or(u32::MAX - 1));
                op(Op::Evict { backend, buffer })
            }
            _ => None,
        }
    }

    /// A column that the view does not have in this version can't be meant.
    pub(super) fn check_column(
        &mut self,
        view: View,
        words: &[Rc<str>],
        span: Span,
        column_span: Span,
    ) -> Option<()> {
        let columns = view.columns(self.config.version.profile());
        let column = words.last()?;
        if columns.contains(&&**column) {
            return Some(());
        }
        let version = self.config.version.number();
        let problem = if columns.is_empty() {
            Problem::new(span, format!("PostgreSQL {version} has no {}", view.name()))
        } else {
            let message = format!("{} has no column \"{column}\"", view.name());
            Problem::new(column_span, message).suggest(nearest(column, columns.iter().copied()))
        };
        self.problems.push(problem);
        None
    }

    /// The ring to use; the outer `None` is one that is not there.
    pub(super) fn given_ring(
        &mut self,
        backend: BackendId,
        ring: &Option<Name>,
    ) -> Option<Option<StrategySlot>> {
        match ring {
            Some(ring) => self.ring(backend, ring).map(Some),
            None => Some(None),
        }
    }

    /// A table, or an index where one is asked for.
    pub(super) fn table_or_index(&mut self, name: &Name, index: bool) -> Option<RelId> {
        let rel = self.table(name)?;
        let found = self.tables.get(rel.0 as usize).is_some_and(|size| size.index);
        if found != index {
            let what = if index { "no index" } else { "an index" };
            let message = format!("\"{name}\" is {what}");
            self.problems.push(Problem::new(name.span, message));
            return None;
        }
        Some(rel)
    }
}
