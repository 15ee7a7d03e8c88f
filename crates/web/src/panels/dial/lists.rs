//! Buffers in an order of their own: the freelist as a list, and each backend's rings as rings.

use pgscope_core::Server;
use pgscope_core::ids::{BackendId, StrategySlot};
use yew::prelude::*;

use crate::paint::polar::{coord, sin_cos};
use crate::paint::words;
use crate::panels::glossary::explained;

/// Buffers of the freelist that are named one by one.
const NAMED: usize = 4;
/// Rings that are drawn, and slots of one that are drawn one by one.
const MOST_RINGS: usize = 4;
const MOST_SLOTS: usize = 64;
/// Radius of a ring's middle, in units of its picture.
const RADIUS: f64 = 24.0;

/// The next buffers of the freelist in their order, and how many there are.
pub(super) fn freelist(server: &Server) -> Html {
    let pool = server.pool();
    let next = pool.freelist().take(NAMED).map(|buffer| {
        html! { <li key={buffer.0}>{ buffer.to_string() }</li> }
    });
    let count = pool.freelist().take(pool.nbuffers() as usize).count();
    html! {
        <li class="freelist">
            <span>{ explained("freelist") }{ ":" }</span>
            if count == 0 {
                { "empty" }
            } else {
                <ol aria-label="Next on the freelist">{ for next }</ol>
                if count > NAMED {
                    <span>{ format!("… {} in all", words::thousands(count as u64)) }</span>
                }
            }
        </li>
    }
}

/// The backends' rings; nothing where nobody has one.
pub(super) fn rings(server: &Server) -> Html {
    let rings = server
        .backends()
        .flat_map(|(id, backend)| backend.buffers.rings().map(move |slot| (id, slot)))
        .take(MOST_RINGS)
        .map(|(id, slot)| ring(server, id, slot));
    html! { <div class="rings">{ for rings }</div> }
}

/// A ring: a slot for each of its buffers, the one used last lit.
fn ring(server: &Server, id: BackendId, slot: StrategySlot) -> Html {
    let buffers = server.backend(id).map(|backend| &backend.buffers);
    let Some((current, slots)) = buffers.and_then(|buffers| buffers.ring(slot)) else {
        return Html::default();
    };
    let filled = slots.iter().flatten().count();
    let shown = slots.len().clamp(1, MOST_SLOTS);
    let dots = (0..shown).map(|place| {
        // A ring of hundreds is drawn by samples, its last used slot among them.
        let from = place * slots.len() / shown;
        let to = ((place + 1) * slots.len() / shown).max(from + 1);
        let held = slots.get(from..to).unwrap_or_default().iter().any(Option::is_some);
        let now = (from..to).contains(&current) && held;
        let (sin, cos) = sin_cos(std::f64::consts::TAU * place as f64 / shown as f64);
        let class = classes!(held.then_some("held"), now.then_some("now"));
        let size = if now { 3.6 } else { (60.0 / shown as f64).clamp(1.2, 3.0) };
        html! {
            <circle {class} cx={coord(RADIUS * sin)} cy={coord(-RADIUS * cos)} r={coord(size)} />
        }
    });
    let last = slots.get(current).copied().flatten();
    let name = words::backend(server, id);
    let last = last.map_or_else(String::new, |buffer| format!(", buffer {buffer} used last"));
    let label = format!("ring of {name}: {filled} of {} slots filled{last}", slots.len());
    html! {
        <figure class="ring" key={format!("{}-{}", id.0, slot.0)}>
            <svg viewBox="-30 -30 60 60" width="60" height="60" role="img" aria-label={label}>
                { for dots }
                <text aria-hidden="true">{ format!("{filled}/{}", slots.len()) }</text>
            </svg>
            <figcaption>{ "ring of " }<b>{ name }</b>
            </figcaption>
        </figure>
    }
}
