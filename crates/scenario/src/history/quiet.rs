//! Steps whose events nobody will see are executed without events, plain reads many at a time.

use std::rc::Rc;

use pgscope_core::Op;
use pgscope_core::ids::{BackendId, BlockNumber, RelId};

use super::{History, Mark};
use crate::program::StepKind;

/// Steps at most that are executed together.
const TOGETHER: u64 = 1024;

impl History {
    /// Plain reads before `until` whose events nobody will see, without events: all of a row of them
    /// but the last, since what is shown or expected behind it looks at that one's.
    pub(super) fn run_reads(&mut self, until: u64) {
        let unknown = self.marks.len() as u64 == self.base.op && self.ahead.is_none();
        // Up to the next snapshot, which is taken of a machine that records.
        let due = self.base.op.saturating_add(self.snapshots.left());
        let end = until.min(due).saturating_sub(1);
        if !unknown || self.base.op >= end {
            return;
        }
        let Some(mut op) = self.drawn_read(self.base.op) else { return };
        self.event = 0;
        self.middle = None;
        Rc::make_mut(&mut self.base.server).log_mut().off();
        while self.base.op < end {
            let Some(next) = self.drawn_read(self.base.op + 1) else { break };
            self.base.apply(&std::mem::replace(&mut op, next), Some(&mut self.marks));
            self.base.op += 1;
            self.snapshots.spend(1);
        }
        Rc::make_mut(&mut self.base.server).log_mut().on();
    }

    /// A step's operation, if that is a plain read.
    fn drawn_read(&self, number: u64) -> Option<Op> {
        match self.program.step(number)?.kind {
            StepKind::Op(op) if op.as_plain_read().is_some() => Some(op),
            _ => None,
        }
    }

    /// Complete a step on the way to `loud`, without events, or one from there on.
    pub(super) fn finish_quietly(&mut self, loud: u64) {
        // A step that was never reached is executed with its events: expectations need them.
        let known = (self.marks.len() as u64) > self.base.op + 1;
        if known && self.base.op < loud {
            Rc::make_mut(&mut self.base.server).log_mut().off();
            self.finish();
            Rc::make_mut(&mut self.base.server).log_mut().on();
        } else {
            self.finish();
        }
    }

    /// Complete several steps before `loud` together: plain reads that have happened before.
    pub(super) fn read_quietly(&mut self, loud: u64) -> bool {
        // As in `finish_quietly`.
        let known = (self.marks.len() as u64).saturating_sub(1);
        let from = self.base.op;
        let end = known.min(loud).min(from + TOGETHER);
        let Some((backend, rel, _)) = self.plain_read(from) else { return false };
        let reads = (from..end).map_while(|number| self.plain_read(number));
        let alike = reads.take_while(|read| (read.0, read.1) == (backend, rel));
        let blocks: Vec<_> = alike.map(|(_, _, block)| block).collect();
        if blocks.is_empty() {
            return false;
        }
        let server = Rc::make_mut(&mut self.base.server);
        server.log_mut().off();
        self.base.error = server.read_blocks(backend, rel, &blocks).err();
        self.base.expected = self.base.error.clone();
        self.base.skipped = false;
        server.log_mut().on();
        self.base.op += blocks.len() as u64;
        self.ahead = None;
        true
    }

    /// A step that is a plain read and succeeded: whose, and of what.
    fn plain_read(&self, number: u64) -> Option<(BackendId, RelId, BlockNumber)> {
        let mark = self.marks.get(number as usize)?;
        match self.program.step(number)?.kind {
            StepKind::Op(op) if *mark != Mark::Error => op.as_plain_read(),
            _ => None,
        }
    }
}
