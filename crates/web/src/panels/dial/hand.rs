//! The hand, the trail that its sweep leaves, and the note beside each buffer it passed.

use std::f64::consts::TAU;

use pgscope_core::Server;
use pgscope_core::event::Tick;
use pgscope_core::ids::BufferId;
use yew::prelude::*;

use super::motion::Motion;
use crate::paint::polar::{Density, Shapes, arc, coord, degrees, sin_cos};
use crate::paint::short::Short;
use crate::paint::story::{Deed, Story};
use crate::paint::words;

/// Distance of the trail from the sectors' inner edge.
const TRAIL: f64 = 9.0;
/// Distance of a note's outer end from there, and about how wide a letter is.
const NOTE: f64 = 17.0;
const LETTER: f64 = 6.9;

/// The hand points at the buffer that the next tick looks at.
pub(super) fn hand(server: &Server, shapes: &Shapes, motion: Motion) -> Html {
    let strategy = server.pool().strategy();
    let (hand, passes) = (strategy.hand(), strategy.passes());
    // Whole turns count, so that the hand goes on past twelve and never swings back.
    let angle = f64::from(passes) * 360.0 + degrees(hand, shapes.n);
    let [hub, tip, neck] = [shapes.hub, shapes.inner - 3.0, shapes.inner - 13.0].map(Short);
    let needle = format!("M-3.5 -{hub}L-2.2 -{neck}L0 -{tip}L2.2 -{neck}L3.5 -{hub}Z");
    html! {
        <>
            <g class="hand" style={format!("transform:rotate({:.3}deg)", Short(angle)) + &motion.hand()}>
                <path class="needle" d={needle} />
                <path class="tip" d={format!("M0 -{tip}l-5.5 13l5.5 -3l5.5 3Z")} />
                <circle class="pivot" r={hub.to_string()} />
                <path class="hub-arc" d={arc(shapes.hub, -0.42, 0.42)} />
            </g>
            <text class="hub-words" y="-36">{ "hand at buffer" }</text>
            <text class="hub-number" y="0">{ BufferId(hand).to_string() }</text>
            <text class="hub-words" y="34">{ format!("pass {}", passes + 1) }</text>
            <text class="hub-words" y="53">{ words::count(strategy.allocs().into(), "alloc") }</text>
        </>
    }
}

/// The arc behind the hand: fading with age, coloured by what was done on the way.
pub(super) fn trail(shapes: &Shapes, story: &Story, motion: Motion) -> Html {
    let shown = story.sweep.len().min(shapes.n as usize);
    let last_lap = &story.sweep[story.sweep.len() - shown..];
    let radius = shapes.inner - TRAIL;
    let half = TAU / 2.0 / f64::from(shapes.n);
    let steps = last_lap.iter().enumerate().map(|(age, (buffer, tick))| {
        let middle = degrees(buffer.0, shapes.n).to_radians();
        let class = match tick {
            Tick::Pinned => "passed",
            Tick::Lowered { .. } => "lowered",
            Tick::Taken => "taken",
        };
        let fresh = (age + 1) as f64 / shown as f64;
        html! {
            <path key={buffer.0} class={classes!("trail", class)}
                d={arc(radius, middle - half + 0.006, middle + half - 0.006)}
                opacity={format!("{:.2}", Short(0.18 + 0.82 * fresh * fresh))}
                style={motion.at(story, *buffer)} />
        }
    });
    html! { <>{ for steps }</> }
}

/// What was done to each buffer, written beside it; the hand's notes fade with its trail.
pub(super) fn notes(shapes: &Shapes, story: &Story, motion: Motion) -> Html {
    let count = story.deeds.len().max(1) as f64;
    let note = |(age, (buffer, deed)): (usize, &(BufferId, Deed))| {
        let angle = degrees(buffer.0, shapes.n);
        let turn = match shapes.density {
            // Where notes stand close they run along the radius, like the block numbers.
            Density::Roomy => -angle,
            _ if angle < 180.0 => -90.0,
            _ => 90.0,
        };
        let words = deed.note();
        let (sin, cos) = sin_cos(angle.to_radians());
        let half = words.chars().count() as f64 * LETTER / 2.0;
        let reach = match shapes.density {
            Density::Roomy => sin.abs() * half + cos.abs() * 7.0,
            _ => half * 0.85,
        };
        let radius = shapes.inner - NOTE - reach;
        let fresh = if count > 12.0 { 0.45 + 0.55 * (age + 1) as f64 / count } else { 1.0 };
        html! {
            <text key={buffer.0} class={classes!("note", deed.class())}
                fill-opacity={format!("{:.2}", Short(fresh))} style={motion.at(story, *buffer)}
                transform={format!("rotate({}) translate(0 -{}) rotate({})",
                    coord(angle), coord(radius), coord(turn))}>
                { words }
            </text>
        }
    };
    html! { <>{ for story.deeds.iter().enumerate().map(note) }</> }
}
