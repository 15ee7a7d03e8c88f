//! Steps whose events nobody will see are executed without events, plain reads many at a time.

use std::rc::Rc;

use pgscope_core::ids::{BackendId, BlockNumber, RelId};
use pgscope_core::server::ReadOutcome;

use super::{History, Mark, Point};

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
        let mut blocks = Vec::new();
        while unknown && self.base.op < end {
            let from = self.base.op;
            let most = end.min(from + TOGETHER);
            let Some((backend, rel)) = self.program.plain_reads(from, most, &mut blocks) else {
                break;
            };
            if self.program.plain_read(from + blocks.len() as u64).is_none() {
                blocks.pop();
            }
            if blocks.is_empty() {
                break;
            }
            self.event = 0;
            self.middle = None;
            self.base.read(backend, rel, &blocks, Some(&mut self.marks));
            self.snapshots.spend(self.base.op - from);
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

    /// Complete several steps before `loud` together: plain reads that have happened before and
    /// succeeded.
    pub(super) fn read_quietly(&mut self, loud: u64) -> bool {
        // As in `finish_quietly`.
        let known = (self.marks.len() as u64).saturating_sub(1);
        let from = self.base.op;
        let end = known.min(loud).min(from + TOGETHER);
        let mut blocks = Vec::new();
        let Some((backend, rel)) = self.program.plain_reads(from, end, &mut blocks) else {
            return false;
        };
        let marks = self.marks.get(from as usize..).unwrap_or_default();
        let failed = marks.iter().take(blocks.len()).position(|mark| *mark == Mark::Error);
        blocks.truncate(failed.unwrap_or(blocks.len()));
        if blocks.is_empty() {
            return false;
        }
        self.base.read(backend, rel, &blocks, None);
        self.ahead = None;
        true
    }
}

impl Point {
    /// Execute plain reads without events, up to the first that fails; note what they came to.
    fn read(
        &mut self,
        backend: BackendId,
        rel: RelId,
        blocks: &[BlockNumber],
        mut marks: Option<&mut Vec<Mark>>,
    ) {
        let server = Rc::make_mut(&mut self.server);
        server.log_mut().off();
        let (mut done, mut skipped) = (0, self.skipped);
        let result = server.read_blocks(backend, rel, blocks, |outcome| {
            done += 1;
            skipped = outcome == ReadOutcome::Ended;
            if let Some(marks) = &mut marks {
                marks.push(outcome.into());
            }
        });
        server.log_mut().on();
        self.error = result.err();
        self.skipped = skipped && self.error.is_none();
        if !self.skipped {
            self.expected = self.error.clone();
        }
        if self.error.is_some() {
            done += 1;
            if let Some(marks) = marks {
                marks.push(Mark::Error);
            }
        }
        self.op += done;
    }
}
