//! The lock table as a picture: who waits for whom, who waits in a circle, and where the names and
//! arrows stand.
//!
//! Two backends that wait for each other wait for ever, so a circle is what a reader looks for:
//! [`Waits::stuck`] has everybody who stands in one.

use std::f64::consts::TAU;

use pgscope_core::Server;
use pgscope_core::bufmgr::smgr::Smgr;
use pgscope_core::ids::{BackendId, RelId};
use pgscope_core::lmgr::{LockMode, LockTag, LockTagType};
use pgscope_core::views::LockView;

use super::polar::point;
use super::relations;
use super::short::Short;

/// Width of the picture of waits.
pub const WIDTH: f64 = 400.0;
/// Half of a name plate's width and height.
pub const PLATE: (f64, f64) = (50.0, 14.0);
/// Backends that the picture has room for.
pub const MOST: usize = 10;

/// A backend that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Who.
    pub who: BackendId,
    /// For which mode.
    pub mode: LockMode,
    /// Of what.
    pub object: String,
    /// Whom it waits for.
    pub blocked_by: Vec<BackendId>,
}

/// Who waits for whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// Everybody who waits, queue after queue.
    pub waits: Vec<Wait>,
    /// Those of them who wait, by way of others or not, for themselves.
    pub stuck: Vec<BackendId>,
}

impl Waits {
    /// Read them off the lock table.
    pub fn of(server: &Server, table: &[LockView]) -> Self {
        let waits = table.iter().flat_map(|lock| {
            lock.waiters.iter().map(|waiter| Wait {
                who: waiter.backend,
                mode: waiter.mode,
                object: object(server, &lock.tag),
                blocked_by: waiter.blocked_by.clone(),
            })
        });
        let waits: Vec<Wait> = waits.collect();
        let edges: Vec<_> = waits.iter().map(|it| (it.who, it.blocked_by.as_slice())).collect();
        let stuck = stuck(&edges);
        Self { waits, stuck }
    }

    /// Who is in the picture: those in a circle first.
    pub fn cast(&self) -> Vec<BackendId> {
        let others =
            self.waits.iter().flat_map(|it| [it.who].into_iter().chain(it.blocked_by.clone()));
        let mut cast = self.stuck.clone();
        for who in others {
            if !cast.contains(&who) {
                cast.push(who);
            }
        }
        cast
    }

    /// A circle, from one of those in it back to the same.
    pub fn circle(&self) -> Vec<BackendId> {
        let Some(&first) = self.stuck.first() else { return Vec::new() };
        // The way back is looked for breadth first: the shortest is what there is to say.
        let mut ways = vec![vec![first]];
        let mut seen = Vec::new();
        while let Some(way) = (!ways.is_empty()).then(|| ways.remove(0)) {
            let Some(&last) = way.last() else { break };
            let next = self.waits.iter().filter(|it| it.who == last).flat_map(|it| &it.blocked_by);
            for &next in next.filter(|it| self.stuck.contains(it)) {
                let longer = [way.as_slice(), &[next]].concat();
                if next == first {
                    return longer;
                }
                if !seen.contains(&next) {
                    seen.push(next);
                    ways.push(longer);
                }
            }
        }
        Vec::new()
    }
}

/// Everybody from whom a way leads back to themselves.
fn stuck(edges: &[(BackendId, &[BackendId])]) -> Vec<BackendId> {
    let next = |who: BackendId| {
        edges.iter().filter(move |(from, _)| *from == who).flat_map(|(_, to)| to.iter().copied())
    };
    let comes_back = |who: &BackendId| {
        let (mut seen, mut open) = (Vec::new(), vec![*who]);
        while let Some(at) = open.pop() {
            for to in next(at) {
                if to == *who {
                    return true;
                }
                if !seen.contains(&to) {
                    seen.push(to);
                    open.push(to);
                }
            }
        }
        false
    };
    let mut stuck: Vec<_> = edges.iter().map(|(who, _)| *who).filter(comes_back).collect();
    // In the order in which the script has them.
    stuck.sort();
    stuck
}

/// What is locked, in words.
pub fn object(server: &Server, tag: &LockTag) -> String {
    let name = || relation(server, tag).map(|rel| relations::name(server, rel));
    match (tag.kind, name()) {
        (LockTagType::Relation, Some(name)) => name.to_owned(),
        (LockTagType::Extend, Some(name)) => format!("extension of {name}"),
        (LockTagType::Page, Some(name)) => format!("page {} of {name}", tag.field3),
        (LockTagType::Tuple, Some(name)) => {
            format!("tuple ({},{}) of {name}", tag.field3, tag.field4)
        }
        (LockTagType::Advisory, _) if tag.field4 == 1 => {
            format!("advisory {}", (u64::from(tag.field2) << 32 | u64::from(tag.field3)) as i64)
        }
        (LockTagType::Advisory, _) => {
            format!("advisory {}, {}", tag.field2 as i32, tag.field3 as i32)
        }
        _ => tag.to_string(),
    }
}

/// The relation that is locked, or has what is.
pub fn relation(server: &Server, tag: &LockTag) -> Option<RelId> {
    use LockTagType as T;
    let of_one = matches!(tag.kind, T::Relation | T::Extend | T::Page | T::Tuple);
    let rel = of_one.then(|| Smgr::relation_of(tag.field2))?;
    server.pool().smgr.relation(rel).map(|_| rel)
}

/// The picture's height: a ring of many needs more of it than two who face each other.
pub fn height(count: usize) -> f64 {
    if count > 2 { 196.0 } else { 104.0 }
}

/// Where the plate of number `index` of `count` stands: they go round, from the left.
pub fn plate(index: usize, count: usize) -> (f64, f64) {
    if count == 1 {
        return (WIDTH / 2.0, height(count) / 2.0);
    }
    let (x, y) = point(1.0, TAU * (0.75 + index as f64 / count as f64));
    let (middle, half) = (WIDTH / 2.0, height(count) / 2.0);
    (middle + x * (middle - PLATE.0 - 4.0), half + y * (half - PLATE.1 - 6.0))
}

/// An arrow from plate to plate, bent so that the one back doesn't lie on it: its line and its head.
pub fn arrow(from: (f64, f64), to: (f64, f64)) -> (String, String) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let bend = ((from.0 + to.0) / 2.0 - dy * 0.18, (from.1 + to.1) / 2.0 + dx * 0.18);
    let start = edge(from, bend, 2.0);
    let tip = edge(to, bend, 4.0);
    let (mut ux, mut uy) = (tip.0 - bend.0, tip.1 - bend.1);
    let length = (ux * ux + uy * uy).sqrt().max(1.0);
    (ux, uy) = (ux / length, uy / length);
    let base = (tip.0 - ux * 10.0, tip.1 - uy * 10.0);
    let [x0, y0, bx, by, x1, y1] = [start.0, start.1, bend.0, bend.1, base.0, base.1].map(Short);
    let head =
        [tip.0, tip.1, base.0 - uy * 5.0, base.1 + ux * 5.0, base.0 + uy * 5.0, base.1 - ux * 5.0];
    let [a, b, c, d, e, f] = head.map(Short);
    (format!("M{x0} {y0}Q{bx} {by} {x1} {y1}"), format!("M{a} {b}L{c} {d}L{e} {f}Z"))
}

/// Where the way from the middle of a plate to a place leaves the plate, and `gap` further.
fn edge(plate: (f64, f64), to: (f64, f64), gap: f64) -> (f64, f64) {
    let (dx, dy) = (to.0 - plate.0, to.1 - plate.1);
    let reach = (dx.abs() / (PLATE.0 + gap)).max(dy.abs() / (PLATE.1 + gap)).max(1.0);
    (plate.0 + dx / reach, plate.1 + dy / reach)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    const A: BackendId = BackendId(0);
    const B: BackendId = BackendId(1);
    const C: BackendId = BackendId(2);
    const D: BackendId = BackendId(3);

    fn waits(edges: &[(BackendId, &[BackendId])]) -> Waits {
        let wait = |(who, blocked_by): &(BackendId, &[BackendId])| Wait {
            who: *who,
            mode: LockMode::Share,
            object: String::new(),
            blocked_by: blocked_by.to_vec(),
        };
        Waits { waits: edges.iter().map(wait).collect(), stuck: stuck(edges) }
    }

    #[wasm_bindgen_test]
    fn a_queue_is_no_circle() {
        let waits = waits(&[(A, &[B]), (C, &[B, A])]);
        assert!(waits.stuck.is_empty() && waits.circle().is_empty());
        assert_eq!(waits.cast(), [A, B, C]);
    }

    #[wasm_bindgen_test]
    fn who_waits_for_a_circle_is_not_in_it() {
        let waits = waits(&[(D, &[A]), (A, &[B]), (B, &[C]), (C, &[A])]);
        assert_eq!(waits.stuck, [A, B, C]);
        assert_eq!(waits.circle(), [A, B, C, A]);
        assert_eq!(waits.cast(), [A, B, C, D]);
    }

    #[wasm_bindgen_test]
    fn plates_and_arrows_stay_in_the_picture() {
        for count in 2..=MOST {
            for index in 0..count {
                let (x, y) = plate(index, count);
                assert!(x - PLATE.0 >= 0.0 && x + PLATE.0 <= WIDTH, "{index} of {count}");
                assert!(y - PLATE.1 >= 0.0 && y + PLATE.1 <= height(count), "{index} of {count}");
            }
        }
        let (there, back) = (arrow(plate(0, 2), plate(1, 2)), arrow(plate(1, 2), plate(0, 2)));
        assert_ne!(there, back);
    }
}
