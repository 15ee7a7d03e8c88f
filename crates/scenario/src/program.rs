//! What a scenario does, step by step, without ever being written out.
//!
//! A program is a tree with a count of steps at each node. [`Program::step`] walks down by
//! arithmetic, so ten million reads in a `repeat` take no memory and any step can be asked
//! for in any order, at the same small price.

use std::rc::Rc;

use pgscope_core::Op;
use pgscope_core::ids::{BackendId, BlockNumber, ContextSlot, PinSlot, RelId, StrategySlot};
use pgscope_core::op::{AdvisoryKey, DirtyKind, LockStmt, Name, ReadMode};
use pgscope_core::profile::Version;
use pgscope_core::server::Settings;
use pgscope_core::server::settings::MIN_SHARED_BUFFERS;
use pgscope_core::views::View;

use crate::ask::Question;
use crate::ast::{Comparison, Shown};
use crate::markdown::Inline;
use crate::metrics::Metric;
use crate::names::Names;
use crate::pgbench::{self, Pgbench};
use crate::random::Distribution;

/// A scenario that can run.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) config: ServerConfig,
    pub(crate) settings: Settings,
    pub(crate) names: Names,
    pub(crate) steps: Sequence,
    pub(crate) title: Option<Rc<[Inline]>>,
}

/// The server that a scenario runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// PostgreSQL's version.
    pub version: Version,
    /// How many shared buffers.
    pub shared_buffers: u32,
    /// Local buffers of a backend that has temporary tables.
    pub temp_buffers: u32,
    /// What random draws and the pages' content grow from.
    pub seed: u64,
}

impl ServerConfig {
    /// The settings of these that it starts with.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::with_shared_buffers(self.shared_buffers);
        settings.temp_buffers = self.temp_buffers;
        settings
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        let Settings { temp_buffers, .. } = Settings::default();
        let shared_buffers = MIN_SHARED_BUFFERS;
        Self { version: Version::V18, shared_buffers, temp_buffers, seed: 0 }
    }
}

/// One step of a scenario, and which of its statements it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The line, counted from 1.
    pub line: u32,
    /// The statement, counted from 0 in the order of the text.
    pub statement: u32,
    /// What to do.
    pub kind: StepKind,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum StepKind {
    /// The machine does something.
    Op(Op),
    /// Something must be true now.
    Expect(Expectation),
    /// A backend's memory is looked at.
    Show {
        /// Whose.
        backend: BackendId,
        /// What of it.
        what: Shown,
        /// Of which context only.
        context: Option<ContextSlot>,
    },
    /// The reader is told something.
    Note(Rc<[Inline]>),
    /// The reader is asked something.
    Ask(Rc<Question>),
}

/// What must be true.
#[derive(Clone, Debug, PartialEq)]
pub enum Expectation {
    /// A number of the machine compares like this.
    Compare {
        /// The number.
        metric: Metric,
        /// How it compares.
        comparison: Comparison,
        /// With what.
        value: f64,
    },
    /// What a view shows in a column, in the row with the keys before it, compares like this.
    View {
        /// The view.
        view: View,
        /// The keys and the column.
        words: Vec<Name>,
        /// How it compares.
        comparison: Comparison,
        /// With what.
        value: f64,
    },
    /// The operation before failed with this message.
    Error(Name),
}

impl Program {
    /// The server to run on.
    pub fn config(&self) -> ServerConfig {
        self.config
    }

    /// All settings that the server starts with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The scenario's names.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// What it calls itself.
    pub fn title(&self) -> Option<&Rc<[Inline]>> {
        self.title.as_ref()
    }

    /// How many steps there are.
    pub fn len(&self) -> u64 {
        self.steps.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Step `i`, counted from 0.
    pub fn step(&self, i: u64) -> Option<Step> {
        let (node, within, turn) = self.steps.walk(i)?;
        let op = |op| StepKind::Op(op);
        let kind = match &node.body {
            Body::Once(kind) => kind.clone(),
            Body::Listed(read, blocks) => op(read.op(blocks.find(within)?)),
            Body::Drawn(read, from) => op(read.op(from.draw(self.config.seed, i, turn))),
            Body::Keyed(backend, statement) => op(keyed(*backend, *statement, within)),
            Body::Together(read) => op(read.op(within)),
            Body::Pgbench(mix) => {
                let step = within % pgbench::STEPS;
                op(mix.op(self.config.seed, i - step, step))
            }
            Body::Repeated(_) => return None,
        };
        Some(Step { line: node.line, statement: node.statement, kind })
    }

    /// Who reads what in step `i`, if that is a [plain read](Op::plain_read).
    pub(crate) fn plain_read(&self, i: u64) -> Option<(BackendId, RelId, BlockNumber)> {
        let (node, within, turn) = self.steps.walk(i)?;
        let (read, block) = match &node.body {
            Body::Once(StepKind::Op(op)) => return op.as_plain_read(),
            Body::Listed(read, blocks) if read.is_plain() => (read, blocks.find(within)?),
            Body::Drawn(read, from) if read.is_plain() => {
                (read, from.draw(self.config.seed, i, turn))
            }
            _ => return None,
        };
        Some((read.backend, read.rel, block))
    }

    /// The plain reads from step `from` up to the first that is none or another's or of another
    /// relation, or to `end`: who reads, of what, and the blocks.
    pub(crate) fn plain_reads(
        &self,
        from: u64,
        end: u64,
        blocks: &mut Vec<BlockNumber>,
    ) -> Option<(BackendId, RelId)> {
        blocks.clear();
        let mut alike = None;
        for i in from..end {
            match self.plain_read(i) {
                Some((backend, rel, block))
                    if *alike.get_or_insert((backend, rel)) == (backend, rel) =>
                {
                    blocks.push(block);
                }
                _ => break,
            }
        }
        alike
    }

    /// The last step before step `i` that executes an operation; 0 if there is none.
    pub(crate) fn last_operation(&self, i: u64) -> u64 {
        self.steps.last_operation(i).unwrap_or_default()
    }

    /// The first step on `line` or, if there is none, on the next line that has one.
    pub fn first_step_from_line(&self, line: u32) -> Option<u64> {
        self.steps.first_step_from_line(line)
    }
}

/// Nodes one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sequence {
    nodes: Vec<Node>,
    /// Where each node ends, in steps.
    ends: Vec<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) statement: u32,
    pub(crate) body: Body,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// One step.
    Once(StepKind),
    /// A read for each of these blocks.
    Listed(Read, Blocks),
    /// A read of whatever is drawn.
    Drawn(Read, Distribution),
    /// A statement about an advisory lock, for one key after the other from its own on.
    Keyed(BackendId, LockStmt),
    /// A read of many blocks, so many at once.
    Together(Together),
    /// pgbench's transactions.
    Pgbench(Pgbench),
    /// Steps, as often as the node's length has room for.
    Repeated(Sequence),
}

impl Sequence {
    pub(crate) fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or_default()
    }

    /// Add a node of `steps` steps. False if the sum is beyond counting.
    pub(crate) fn push(&mut self, node: Node, steps: u64) -> bool {
        let Some(end) = self.len().checked_add(steps) else { return false };
        self.nodes.push(node);
        self.ends.push(end);
        true
    }

    /// The node of step `i`, the step within it, and how many it has.
    fn find(&self, i: u64) -> Option<(&Node, u64, u64)> {
        let (at, start) = locate(&self.ends, i);
        Some((self.nodes.get(at)?, i - start, self.ends.get(at)? - start))
    }

    /// The node of step `i` that is no sequence, the step within it, and how many steps it had
    /// done before, all turns together.
    fn walk(&self, i: u64) -> Option<(&Node, u64, u64)> {
        let (mut steps, mut rest) = (self, i);
        // How often the node was executed before.
        let mut turn = 0;
        loop {
            let (node, within, len) = steps.find(rest)?;
            let Body::Repeated(body) = &node.body else {
                return Some((node, within, turn * len + within));
            };
            turn = turn * len.checked_div(body.len())? + within / body.len();
            rest = within.checked_rem(body.len())?;
            steps = body;
        }
    }

    /// The last operation before step `i`.
    fn last_operation(&self, i: u64) -> Option<u64> {
        let (at, start) = locate(&self.ends, i.checked_sub(1)?);
        let before = at.min(self.nodes.len());
        let (first, others) = (self.nodes.get(at)?, self.nodes.get(..before)?);
        let starts = |at: usize| at.checked_sub(1).map_or(0, |before| self.ends[before]);
        let whole = (0..before).rev().zip(others.iter().rev());
        let whole = whole.map(|(at, node)| (node, starts(at), self.ends[at]));
        std::iter::once((first, start, i)).chain(whole).find_map(|(node, start, end)| {
            match &node.body {
                Body::Once(StepKind::Op(_)) => Some(start),
                Body::Once(_) => None,
                Body::Repeated(body) => body.last_in_turns(end - start).map(|last| start + last),
                _ => Some(end - 1),
            }
        })
    }

    /// The last operation of the first `steps` of its turns.
    fn last_in_turns(&self, steps: u64) -> Option<u64> {
        let (turns, rest) = (steps.checked_div(self.len())?, steps % self.len());
        match self.last_operation(rest) {
            Some(last) => Some(turns * self.len() + last),
            None => Some(turns.checked_sub(1)? * self.len() + self.last_operation(self.len())?),
        }
    }

    fn first_step_from_line(&self, line: u32) -> Option<u64> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        self.nodes.iter().zip(starts).find_map(|(node, start)| match &node.body {
            _ if node.line >= line => Some(start),
            Body::Repeated(body) => Some(start + body.first_step_from_line(line)?),
            _ => None,
        })
    }
}

/// A statement about an advisory lock, for a later key.
fn keyed(backend: BackendId, mut statement: LockStmt, by: u64) -> Op {
    if let LockStmt::Advisory { key: AdvisoryKey::One(key), .. }
    | LockStmt::AdvisoryUnlock { key: AdvisoryKey::One(key), .. } = &mut statement
    {
        *key = key.saturating_add_unsigned(by);
    }
    Op::Lock { backend, statement }
}

/// Which of the parts with these ends `i` lies in, and where that part starts.
fn locate(ends: &[u64], i: u64) -> (usize, u64) {
    let at = ends.partition_point(|&end| end <= i);
    let before = at.checked_sub(1).and_then(|before| ends.get(before));
    (at, before.copied().unwrap_or_default())
}

/// Blocks in ranges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocks {
    firsts: Vec<BlockNumber>,
    /// Where each range ends, in steps.
    ends: Vec<u64>,
}

impl Blocks {
    /// Add the range `first..=last`.
    pub(crate) fn push(&mut self, first: BlockNumber, last: BlockNumber) {
        let count = u64::from(last.saturating_sub(first)) + 1;
        self.firsts.push(first);
        self.ends.push(self.len().saturating_add(count));
    }

    pub(crate) fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or_default()
    }

    fn find(&self, i: u64) -> Option<BlockNumber> {
        let (at, start) = locate(&self.ends, i);
        self.firsts.get(at)?.checked_add(u32::try_from(i - start).ok()?)
    }
}

/// `io_combine_limit`: blocks that one call reads at most.
const IO_COMBINE_LIMIT: u32 = 16;

/// Consecutive blocks, as many at once as one call reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Together {
    pub(crate) backend: BackendId,
    pub(crate) rel: RelId,
    pub(crate) first: BlockNumber,
    pub(crate) last: BlockNumber,
    pub(crate) strategy: Option<StrategySlot>,
}

impl Together {
    /// How many calls there are.
    pub(crate) fn calls(&self) -> u64 {
        (u64::from(self.last - self.first) + 1).div_ceil(IO_COMBINE_LIMIT.into())
    }

    fn op(&self, call: u64) -> Op {
        let Self { backend, rel, strategy, .. } = *self;
        let block = self.first + call as BlockNumber * IO_COMBINE_LIMIT;
        let count = IO_COMBINE_LIMIT.min((self.last - block).saturating_add(1));
        Op::ReadRange { backend, rel, block, count, strategy, dirty: None }
    }
}

/// A read that doesn't know its block yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    pub(crate) backend: BackendId,
    pub(crate) rel: RelId,
    pub(crate) strategy: Option<StrategySlot>,
    pub(crate) dirty: Option<DirtyKind>,
    pub(crate) pin: Option<PinSlot>,
    /// The relation is an index, and the block one of its table.
    pub(crate) by_index: bool,
}

impl Read {
    fn is_plain(&self) -> bool {
        let Self { strategy, dirty, pin, by_index, .. } = self;
        strategy.is_none() && dirty.is_none() && pin.is_none() && !by_index
    }

    fn op(&self, block: BlockNumber) -> Op {
        let Self { backend, rel, strategy, dirty, pin, by_index } = *self;
        if by_index {
            return Op::IndexScan { backend, index: rel, block, update: dirty.is_some() };
        }
        Op::Read { backend, rel, block, mode: ReadMode::Normal, strategy, dirty, pin }
    }
}
