//! When what the operation did is seen: the hand ticks from buffer to buffer, and at its end the victim
//! is chosen, written if it is dirty, goes out of the dial, and the new page is where it was.
//!
//! All of it is there at once, and the style sheet's delays make a motion of it; who wants no motion
//! has the same picture without.

use pgscope_core::ids::BufferId;
use yew::prelude::*;

use crate::paint::polar::{Shapes, coord, degrees};
use crate::paint::relations;
use crate::paint::short::Short;
use crate::paint::story::{Deed, Story};

/// Milliseconds of a tick of the hand, and of a sweep at most.
const TICK: f64 = 90.0;
const SWEEP: f64 = 900.0;
/// A single tick as the hand's usual move.
const SHORTEST: f64 = 180.0;

/// The pace of one picture.
#[derive(Clone, Copy)]
pub(super) struct Motion {
    /// Ticks that were seen in the picture before.
    known: usize,
    tick: f64,
    sweep: f64,
}

impl Motion {
    /// From the story of the picture before to this one; the first picture is there at once.
    pub(super) fn new(before: Option<&Story>, now: &Story) -> Self {
        let before = before.map_or(&now.sweep, |before| &before.sweep);
        let known = if now.sweep.starts_with(before) { before.len() } else { 0 };
        let ticks = (now.sweep.len() - known) as f64;
        let sweep = (ticks * TICK).min(SWEEP);
        Self { known, tick: sweep / ticks.max(1.0), sweep }
    }

    /// How long the hand moves.
    pub(super) fn hand(self) -> String {
        format!(";--sweep:{:.0}ms", Short(self.sweep.max(SHORTEST)))
    }

    /// The delay of what the hand does at a buffer.
    pub(super) fn at(self, story: &Story, buffer: BufferId) -> String {
        let tick = story.sweep.iter().rposition(|(it, _)| *it == buffer);
        let ticks = tick.map_or(0, |tick| tick.saturating_sub(self.known));
        format!("--at:{:.0}ms", Short(ticks as f64 * self.tick))
    }

    /// The delay of what happens when it has come to rest.
    pub(super) fn end(self) -> String {
        format!("--at:{:.0}ms", Short(self.sweep))
    }
}

/// What was there until now: pips that the hand takes away, and the page that goes out. Apart from what
/// the first picture needs.
#[inline(never)]
pub(super) fn ghosts(shapes: &Shapes, story: &Story, motion: Motion) -> Html {
    let turned = |buffer: BufferId, delay: String| {
        format!("--turn:{}deg;{delay}", coord(degrees(buffer.0, shapes.n)))
    };
    let pip = |(buffer, deed): &(BufferId, Deed)| {
        let Deed::Lowered(from @ 1..=5) = *deed else { return None };
        let last = usize::from(from) - 1;
        Some(html! {
            <path key={buffer.0} class="pip-off" d={shapes.pips(last..last + 1)}
                style={turned(*buffer, motion.at(story, *buffer))} />
        })
    };
    let page = story.leaving.map(|page| {
        let turn = shapes.turn(page.buffer.0);
        let block = format!("translate(0 -{}) rotate({})", coord(shapes.block_at), coord(turn));
        let look = classes!("buf", "ghost", relations::classes(page.tag.rel));
        html! {
            <g key={format!("{}-{}", page.buffer, page.tag.block)} class={look}
                style={turned(page.buffer, motion.end())}>
                <path class="body" d={shapes.sector.clone()} />
                <path class="rim" d={shapes.rim.clone()} />
                if page.written {
                    <path class="dirty" d={shapes.dirty.clone()} />
                }
                <text class="block" transform={block}>{ page.tag.block }</text>
            </g>
        }
    });
    html! { <g class="ghosts">{ for story.deeds.iter().filter_map(pip) }{ for page }</g> }
}
