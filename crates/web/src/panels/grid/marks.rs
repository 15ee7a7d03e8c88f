//! Marks above the grid's cells: the hand and those who write, what the operation lit up, what the
//! pointer is at. Who is out of the picture has a flag at its edge, which leads there.

use pgscope_core::Server;
use pgscope_core::ids::BufferId;
use yew::prelude::*;

use super::{Sight, to_buffer};
use crate::paint::grid::layout::Layout;
use crate::paint::short::Short;
use crate::paint::story::Story;
use crate::panels::dial::writers::writers;

/// How far from the edge a flag stands, in CSS pixels.
const INSET: f64 = 17.0;

/// Those with a hand in the pool: a class, a name and where they are.
fn hands(server: &Server, story: &Story) -> Vec<(&'static str, &'static str, BufferId)> {
    let hand = BufferId(server.pool().strategy().hand());
    [("at-hand", "hand", hand)].into_iter().chain(writers(server, story)).collect()
}

/// Above the canvas; drawn by moving, which lays nothing out.
pub(super) fn marks(
    server: &Server,
    story: &Story,
    layout: Layout,
    ratio: f64,
    hover: Option<BufferId>,
    selected: Option<BufferId>,
) -> Html {
    let px = |length: i64| Short(length as f64 / ratio);
    let side = px(layout.size().into());
    let mark = |(class, buffer): (&'static str, BufferId)| {
        let (x, y) = layout.place(buffer);
        let style = format!(
            "width:{side:.3}px;height:{side:.3}px;transform:translate({:.3}px,{:.3}px)",
            px(x),
            px(y)
        );
        html! { <span key={class} class={classes!("grid-mark", class)} {style}></span> }
    };
    let glow = |buffer: Option<BufferId>| buffer.and_then(|it| Some((story.glow(it)?, it)));
    let lit =
        glow(story.arriving.map(|page| page.buffer)).or(glow(story.victim)).or(glow(story.hit));
    let hands = hands(server, story).into_iter().map(|(class, _, buffer)| (class, buffer));
    let pointed = hover.map(|it| ("hovered", it)).into_iter();
    let chosen = selected.map(|it| ("selected", it)).into_iter();
    let all = lit.into_iter().chain(hands).chain(pointed).chain(chosen);
    html! {
        <div class="grid-marks" aria-hidden="true">
            { for all.filter(|(_, buffer)| layout.shows(*buffer)).map(mark) }
        </div>
    }
}

/// At the edge, in the direction of those who are out of the picture.
pub(super) fn flags(
    server: &Server,
    story: &Story,
    layout: Layout,
    ratio: f64,
    sight: &Sight,
) -> Html {
    let flag = |(class, name, buffer): (&'static str, &'static str, BufferId)| {
        let (x, y) = layout.middle(buffer);
        let at = |place: i64, length: u32| {
            let (place, length) = (place as f64 / ratio, f64::from(length) / ratio);
            (place.clamp(INSET, (length - INSET).max(INSET)), place - length / 2.0)
        };
        let ((left, across), (top, down)) = (at(x, layout.width), at(y, layout.height));
        let turn = js_sys::Math::atan2(down, across).to_degrees();
        let style = format!("left:{:.0}px;top:{:.0}px", Short(left), Short(top));
        let label = format!("{name} at buffer {buffer}: go there");
        let sight = sight.clone();
        let onclick = Callback::from(move |_: MouseEvent| {
            sight.turn(|camera| to_buffer(&sight, camera, buffer));
        });
        html! {
            <button key={class} type="button" class={classes!("grid-flag", class)} {style} {onclick}
                title={label.clone()} aria-label={label}>
                <svg viewBox="-8 -8 16 16" width="16" height="16" aria-hidden="true"
                    style={format!("transform:rotate({:.0}deg)", Short(turn))}><path d="M7 0L-4 -5.5L-1.5 0L-4 5.5Z" /></svg>
            </button>
        }
    };
    let out = hands(server, story).into_iter().filter(|(.., buffer)| !layout.shows(*buffer));
    html! { <div class="grid-flags">{ for out.map(flag) }</div> }
}
