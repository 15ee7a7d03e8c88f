//! The timeline's shapes: marks for what each operation came to, and the hit ratio as a curve.
//!
//! One SVG path per kind of mark, however many operations there are. Kinds differ in shape and
//! height as well as in colour; where marks get thinner than three pixels, their height is what is
//! left. A column that sums up many operations shows the share of each kind.

use std::fmt::Write as _;

use pgscope_scenario::Mark;

use super::short::Short;
use super::words::thousands;
use crate::state::run::View;
use crate::state::timeline::{Column, Timeline};

/// The height of the drawing in CSS pixels.
pub const HEIGHT: f64 = 60.0;
/// Where the curve's 0 % lies; its 100 % is at the top.
const CURVE_FOOT: f64 = 34.0;
const CURVE_HEAD: f64 = 3.0;
/// Where the bar of the position begins.
pub const BAR: f64 = 37.0;
/// Its thickness.
pub const BAR_THICKNESS: f64 = 5.0;
/// The middle line of the marks.
const MARKS: f64 = 52.0;
/// Marks thinner than this are mere strokes.
const THIN: f64 = 3.0;
/// The height of a column that sums up many operations.
const FULL: f64 = 14.0;

/// The marks' kinds with the class that colours them, those that matter most last, so that they
/// lie on top.
const KINDS: [(Mark, &str); 7] = [
    (Mark::Other, "mark-other"),
    (Mark::Memory, "mark-memory"),
    (Mark::Hit, "mark-hit"),
    (Mark::Miss, "mark-miss"),
    (Mark::Evict, "mark-evict"),
    (Mark::Write, "mark-write"),
    (Mark::Error, "mark-error"),
];

/// A timeline, drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawing {
    /// The hit ratio.
    pub curve: String,
    /// What is under it.
    pub area: String,
    /// For each kind of mark its class and its shapes.
    pub marks: Vec<(&'static str, String)>,
}

/// Draw a timeline `width` CSS pixels wide.
pub fn draw(timeline: &Timeline, width: f64) -> Drawing {
    let columns = timeline.columns();
    let step = width / (columns.len().max(1) as f64);
    let middle = |column: usize| (column as f64 + 0.5) * step;
    let summed = timeline.len() > columns.len() as u64;
    let marks = KINDS.iter().filter_map(|&(kind, class)| {
        let mut path = String::new();
        for (place, column) in columns.iter().enumerate() {
            if summed {
                share(&mut path, kind, column, middle(place), step);
            } else if column.counts().contains(&(kind, 1)) {
                shape(&mut path, kind, middle(place), step);
            }
        }
        (!path.is_empty()).then_some((class, path))
    });
    let marks = marks.collect();
    let (curve, area) = curve(timeline, middle);
    Drawing { curve, area, marks }
}

/// Where a position stands, in CSS pixels: behind its operations.
pub fn place(timeline: &Timeline, ops: f64, width: f64) -> f64 {
    (ops / (timeline.len().max(1) as f64)).clamp(0.0, 1.0) * width
}

/// The operations that are done at a place.
pub fn ops_at(timeline: &Timeline, x: f64, width: f64) -> u64 {
    let part = if width > 0.0 { (x / width).clamp(0.0, 1.0) } else { 0.0 };
    (part * timeline.len() as f64).round() as u64
}

/// The part of a kind in a column of many operations, as a piece of one upright bar.
fn share(path: &mut String, kind: Mark, column: &Column, x: f64, step: f64) {
    let counts = column.counts();
    let all: f64 = counts.iter().map(|(_, count)| f64::from(*count)).sum();
    let above = counts.iter().take_while(|(other, _)| *other != kind);
    let above: f64 = above.map(|(_, count)| f64::from(*count)).sum();
    let own = counts.iter().find(|(other, _)| *other == kind).map_or(0, |(_, count)| *count);
    if own > 0 {
        // However rare, it is to be seen.
        let (top, height) = (above / all * FULL, (f64::from(own) / all * FULL).max(1.0));
        let (left, top) = (x - step / 2.0, MARKS - FULL / 2.0 + top.min(FULL - 1.0));
        // Writing into a String does not fail.
        let [left, top, step, height] = [left, top, step, height].map(Short);
        let _ = write!(path, "M{left:.2} {top:.2}h{step:.2}v{height:.2}h-{step:.2}z");
    }
}

fn shape(path: &mut String, kind: Mark, x: f64, step: f64) {
    let width = (step * 0.62).clamp(0.8, 7.0);
    let height = match kind {
        Mark::Other | Mark::Memory => 3.0,
        Mark::Hit => 4.5,
        Mark::Miss => 8.0,
        Mark::Evict => 10.0,
        Mark::Write | Mark::Error => 12.0,
    };
    let (left, top, half) = (x - width / 2.0, MARKS - height / 2.0, width / 2.0);
    let (y, at) = (MARKS, Short);
    // Writing into a String does not fail.
    let _ = match kind {
        _ if step < THIN => write!(
            path,
            "M{:.2} {}h{w:.2}v{}h-{w:.2}z",
            at(left),
            at(top),
            at(height),
            w = at(width)
        ),
        // A page leaves: a triangle that points down; a dirty one, with a bar on top.
        Mark::Evict | Mark::Write => {
            let r = half.max(3.0);
            if kind == Mark::Write {
                let _ = write!(
                    path,
                    "M{:.2} {}h{w:.2}v2h-{w:.2}z",
                    at(x - r),
                    at(top),
                    w = at(2.0 * r)
                );
            }
            write!(path, "M{:.2} {}h{:.2}l-{:.2} 8z", at(x - r), at(y - 3.5), at(2.0 * r), at(r))
        }
        // It failed: a cross.
        Mark::Error => write!(
            path,
            "M{:.2} {}l2-2 3 3 3-3 2 2-3 3 3 3-2 2-3-3-3 3-2-2 3-3z",
            at(x - 5.0),
            at(y - 3.0)
        ),
        // Memory: a lozenge.
        Mark::Memory => write!(path, "M{:.2} {}l3 3-3 3-3-3z", at(x), at(y - 3.0)),
        Mark::Other => {
            write!(path, "M{:.2} {}a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0-3 0z", at(x - 1.5), at(y))
        }
        Mark::Hit | Mark::Miss => {
            let r = 1.6_f64.min(half);
            let (start, top) = (at(left + r), at(top));
            let [r, inner, upright] = [r, width - 2.0 * r, height - 2.0 * r].map(Short);
            write!(
                path,
                "M{start:.2} {top}h{inner:.2}a{r:.2} {r:.2} 0 0 1 {r:.2} {r:.2}v{upright:.2}\
                 a{r:.2} {r:.2} 0 0 1-{r:.2} {r:.2}h-{inner:.2}a{r:.2} {r:.2} 0 0 1-{r:.2}-{r:.2}\
                 v-{upright:.2}a{r:.2} {r:.2} 0 0 1 {r:.2}-{r:.2}z"
            )
        }
    };
}

/// Where a view stands, in words.
pub fn position(view: &View) -> String {
    let (op, len) = (thousands(view.shown), thousands(view.len));
    match (view.shown, view.events) {
        (0, _) | (_, 0) => format!("op {op} of {len}"),
        _ => format!("op {op} of {len}, event {} of {}", view.event, view.events),
    }
}

fn curve(timeline: &Timeline, middle: impl Fn(usize) -> f64) -> (String, String) {
    let mut points = String::new();
    let (mut first, mut last) = (None, 0.0);
    for (place, ratio) in timeline.hit_ratio().enumerate() {
        let Some(ratio) = ratio else { continue };
        let (x, y) = (middle(place), CURVE_FOOT - ratio * (CURVE_FOOT - CURVE_HEAD));
        // Writing into a String does not fail.
        let _ =
            write!(points, "{}{} {}", if first.is_none() { "" } else { "L" }, Short(x), Short(y));
        first.get_or_insert(x);
        last = x;
    }
    match first {
        None => (String::new(), String::new()),
        Some(first) => {
            let foot = Short(CURVE_FOOT);
            let area = format!("M{} {foot}L{points}L{} {foot}z", Short(first), Short(last));
            (format!("M{points}"), area)
        }
    }
}
