//! Machines that are kept, so that going back need not start at the start.
//!
//! A snapshot is a clone of the server, which shares its pages with the others. They lie so far
//! apart that executing what is between two takes about as long everywhere: a step counts by its
//! events. Their number is bounded: when there are too many, every other one goes and they
//! are taken half as often.
//!
//! Who goes back once will do so again. On the way from a snapshot to the place before, a few more
//! are kept for a while, ever closer to that place: each further step back then executes few steps.

use std::rc::Rc;

use pgscope_core::Server;

use super::Point;

/// What is executed between two snapshots, at first: plain reads, or events of other steps.
const INTERVAL: u64 = 256;
/// Snapshots kept at most: by number, and by the bytes that they may take together.
pub(super) const SNAPSHOTS: usize = 160;
const SNAPSHOT_BYTES: usize = 64 << 20;
/// Steps that are sooner executed again than saved by another machine.
const CLOSE: u64 = 8;
/// Machines kept on one way back at most, and the bytes that they may take.
const ON_THE_WAY: usize = 12;
const WAY_BYTES: usize = 16 << 20;

/// The machines.
pub(super) struct Snapshots {
    start: Rc<Server>,
    kept: Vec<Kept>,
    /// What steps have cost that were ever reached.
    spent: u64,
    interval: u64,
    /// Those on the way that was gone back last, in order; all behind one snapshot.
    way: Vec<OnTheWay>,
}

struct OnTheWay {
    point: Point,
    /// It has the events of the last operation, as what is kept for good has.
    with_events: bool,
}

struct Kept {
    point: Point,
    /// What the steps before it have cost.
    spent: u64,
}

impl Snapshots {
    /// The machine at the start; it stays.
    pub(super) fn new(start: Point) -> Self {
        let server = Rc::clone(&start.server);
        let kept = vec![Kept { point: start, spent: 0 }];
        Self { start: server, kept, spent: 0, interval: INTERVAL, way: Vec::new() }
    }

    /// A step was executed for the first time.
    pub(super) fn spend(&mut self, cost: u64) {
        self.spent += cost;
    }

    /// How much may be spent before there is another snapshot.
    pub(super) fn left(&self) -> u64 {
        let last = self.kept.last().map_or(0, |kept| kept.spent);
        (last + self.interval).saturating_sub(self.spent)
    }

    /// Keep the machine behind all that was ever executed, if it is time.
    pub(super) fn keep(&mut self, last: &Point) {
        let before = self.kept.last().map_or(0, |kept| kept.point.op);
        if self.left() > 0 || last.op <= before {
            return;
        }
        self.kept.push(Kept { point: last.clone(), spent: self.spent });
        let most = (SNAPSHOT_BYTES / last.server.snapshot_bytes()).clamp(4, SNAPSHOTS);
        if self.kept.len() > most {
            let mut number = 0;
            self.kept.retain(|_| {
                number += 1;
                number % 2 == 1
            });
            self.interval *= 2;
        }
    }

    /// The nearest machine from which to come to `to`, if it is nearer than the one at `from`. The
    /// last operation before is step `loud`, whose events will be seen.
    pub(super) fn nearest(&mut self, loud: u64, from: u64, to: u64) -> Option<Point> {
        let place = self.kept.partition_point(|kept| kept.point.op <= to);
        let kept = &self.kept.get(place.checked_sub(1)?)?.point;
        let fits = |it: &OnTheWay| it.point.op <= if it.with_events { to } else { loud };
        let passed = self.way.iter().rposition(fits);
        let on_the_way = passed.and_then(|last| self.way.get(last)).map(|it| &it.point);
        let nearest = on_the_way.filter(|point| point.op > kept.op).unwrap_or(kept);
        if (nearest.op..=to).contains(&from) {
            return None;
        }
        let nearest = nearest.clone();
        // Behind it, a new way begins.
        let still = if nearest.op == kept.op { 0 } else { passed.map_or(0, |last| last + 1) };
        self.way.truncate(still);
        Some(nearest)
    }

    /// The next place to keep a machine at, on the way back from `from` to `to`.
    pub(super) fn next_on_the_way(from: u64, to: u64) -> u64 {
        let rest = to.saturating_sub(from);
        match rest.checked_sub(1).and_then(u64::checked_ilog2) {
            Some(doublings) if 1 << doublings >= CLOSE => to - (1 << doublings),
            _ => to,
        }
    }

    /// Keep a machine on the way back to `to`, if this is a place for one.
    pub(super) fn keep_on_the_way(&mut self, point: &Point, loud: u64, to: u64) {
        let rest = to.saturating_sub(point.op);
        let most = (WAY_BYTES / point.server.snapshot_bytes()).min(ON_THE_WAY);
        let close = rest.is_power_of_two() && (CLOSE..CLOSE << most).contains(&rest);
        let last = self.way.last().map_or(0, |last| last.point.op);
        if close && last < point.op {
            self.way.push(OnTheWay { point: point.clone(), with_events: point.op > loud });
        }
    }

    /// All that is kept, in order.
    #[cfg(test)]
    pub(super) fn all(&self) -> impl ExactSizeIterator<Item = &Point> {
        self.kept.iter().map(|kept| &kept.point)
    }

    /// As if nothing after the start were worth it.
    #[cfg(test)]
    pub(super) fn all_but_the_first_go(&mut self) {
        self.kept.truncate(1);
    }

    /// Where the last machine on the way stands.
    #[cfg(test)]
    pub(super) fn last_on_the_way(&self) -> Option<u64> {
        self.way.last().map(|it| it.point.op)
    }

    /// The machine at the start.
    pub(super) fn start(&self) -> &Rc<Server> {
        &self.start
    }
}
