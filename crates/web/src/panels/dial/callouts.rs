//! What leaves the pool and what arrives: in the picture's corners where there is room, in a
//! strip below it on a phone. The style sheet shows one of the two.

use std::f64::consts::TAU;

use pgscope_core::Server;
use pgscope_core::ids::BufferId;
use yew::prelude::*;

use crate::paint::polar::{
    self, CORNERS, HEIGHT, LEADER, OUTER, Shapes, WIDTH, arc, coord, degrees, point, sin_cos,
};
use crate::paint::story::{Arriving, Leaving, Story};
use crate::paint::words;

const BOX_WIDTH: f64 = 164.0;
const BOX_HEIGHT: f64 = 46.0;
const MARGIN: f64 = 3.0;

/// One callout's words.
struct Callout {
    buffer: BufferId,
    class: &'static str,
    title: String,
    below: String,
}

fn leaving(server: &Server, page: &Leaving) -> Callout {
    Callout {
        buffer: page.buffer,
        class: "leaves",
        title: format!("{} leaves", words::short_page(server, page.tag, 14)),
        below: if page.written { "written, then unhashed" } else { "clean: just unhashed" }.into(),
    }
}

fn arriving(server: &Server, page: &Arriving) -> Callout {
    let usage = server.pool().desc(page.buffer).map_or(0, |desc| desc.usage_count());
    let below = match (page.loaded, words::pinned_by(server, page.buffer)) {
        (false, _) => "hashed, not read yet".into(),
        (true, Some(who)) => format!("usage {usage}, pinned by {who}"),
        (true, None) => format!("usage {usage}, unpinned again"),
    };
    let title = format!("{} arrives", words::short_page(server, page.tag, 14));
    Callout { buffer: page.buffer, class: "arrives", title, below }
}

/// A buffer that was chosen and not emptied yet.
fn chosen(server: &Server, story: &Story) -> Option<Callout> {
    let buffer = story.victim.filter(|_| story.leaving.is_none() && story.arriving.is_none())?;
    let tag = server.pool().desc(buffer)?.tag()?;
    let title = format!("{} must go", words::short_page(server, tag, 13));
    let below = if story.written == Some(buffer) { "written out" } else { "chosen as victim" };
    Some(Callout { buffer, class: "leaves", title, below: below.into() })
}

fn all(server: &Server, story: &Story) -> (Option<Callout>, Option<Callout>) {
    let out = story.leaving.as_ref().map(|page| leaving(server, page));
    let into = story.arriving.as_ref().map(|page| arriving(server, page));
    (out.or_else(|| chosen(server, story)), into)
}

/// Below the picture, where it is narrow.
pub(super) fn strip(server: &Server, story: &Story) -> Html {
    let (out, into) = all(server, story);
    let boxed = |callout: Callout| {
        html! {
            <div class={classes!("callout", callout.class)}>
                <strong>{ callout.title }</strong>
                <span>{ callout.below }</span>
            </div>
        }
    };
    html! { <div class="callout-strip">{ for into.into_iter().chain(out).map(boxed) }</div> }
}

/// In the picture's corners: out goes ahead of the hand, in comes from behind it.
pub(super) fn corners(server: &Server, shapes: &Shapes, story: &Story) -> Html {
    let (out, into) = all(server, story);
    let draw = |callout: Callout| {
        let angle = degrees(callout.buffer.0, shapes.n);
        let (ahead, behind) = polar::corners(angle);
        let leaves = callout.class == "leaves";
        let corner = if leaves { ahead } else { behind };
        let (x, y) = place(corner);
        html! {
            <g key={callout.class} class={classes!("corner", callout.class)}>
                <path class="leader" d={leader(shapes.n, angle, corner, leaves)} />
                if !leaves {
                    <path class="into" d={arrow(shapes.n, angle)} />
                }
                <g transform={format!("translate({} {})", coord(x), coord(y))}>
                    <rect width={coord(BOX_WIDTH)} height={coord(BOX_HEIGHT)} rx="9" />
                    <text class="title" x="11" y="19">{ &callout.title }</text>
                    <text class="below" x="11" y="35">{ words::short(&callout.below, 26) }</text>
                </g>
            </g>
        }
    };
    html! { <>{ for into.into_iter().chain(out).map(draw) }</> }
}

/// Where the box of a corner begins, from the dial's centre.
fn place(corner: usize) -> (f64, f64) {
    let (sin, cos) = sin_cos(CORNERS[corner].to_radians());
    let x = if sin > 0.0 { WIDTH / 2.0 - BOX_WIDTH - MARGIN } else { MARGIN - WIDTH / 2.0 };
    let y = if cos > 0.0 { MARGIN - HEIGHT / 2.0 } else { HEIGHT / 2.0 - BOX_HEIGHT - MARGIN };
    (x, y)
}

/// How far beside a buffer's middle its leaders run: past its number, not through it.
fn beside(n: u32) -> f64 {
    (TAU / 2.0 / f64::from(n)).min(0.08)
}

/// From the buffer out of the dial, round it outside the numbers, to the corner's box: to its
/// inner side if the way leads over the top or the bottom, else to its upper or lower edge.
fn leader(n: u32, angle: f64, corner: usize, ahead: bool) -> String {
    let way = if ahead { 1.0 } else { -1.0 };
    let start = angle.to_radians() + way * beside(n);
    let (x, y) = place(corner);
    let (right, low) = (x > 0.0, y > 0.0);
    let over_the_top = (right != low) == ahead;
    let (bx, by) = if over_the_top {
        (if right { x } else { x + BOX_WIDTH }, y + BOX_HEIGHT / 2.0)
    } else {
        (if right { 235.0 } else { -235.0 }, if low { y } else { y + BOX_HEIGHT })
    };
    // About where a straight line to the box touches the circle.
    let mut to = (CORNERS[corner] - way * 28.0).to_radians();
    if way * (to - start) < -TAU / 2.0 {
        to += way * TAU;
    }
    let ((x0, y0), (x1, y1)) = (point(OUTER + 3.0, start), point(LEADER, start));
    let round = if way * (to - start) > 0.0 {
        arc(LEADER, start, to).replacen('M', "L", 1)
    } else {
        String::new()
    };
    format!(
        "M{} {}L{} {}{round}L{} {}",
        coord(x0),
        coord(y0),
        coord(x1),
        coord(y1),
        coord(bx),
        coord(by)
    )
}

/// An arrowhead that points into the buffer.
fn arrow(n: u32, angle: f64) -> String {
    let at = angle.to_radians() - beside(n);
    let ((x, y), (lx, ly), (rx, ry)) =
        (point(OUTER + 1.0, at), point(OUTER + 9.0, at - 0.017), point(OUTER + 9.0, at + 0.017));
    format!("M{} {}L{} {}L{} {}Z", coord(x), coord(y), coord(lx), coord(ly), coord(rx), coord(ry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn boxes_keep_clear_of_the_leaders() {
        for corner in 0..CORNERS.len() {
            let (x, y) = place(corner);
            let near = |at: f64, size: f64| if at > 0.0 { at } else { at + size };
            let distance = near(x, BOX_WIDTH).hypot(near(y, BOX_HEIGHT));
            assert!(distance > LEADER + 6.0, "{corner}: {distance}");
        }
    }
}
