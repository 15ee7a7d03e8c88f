//! The dial itself: up to 64 buffers around a clock hand, as SVG.
//!
//! For the keyboard it is a grid of one row with roving focus: arrows go round the dial, Home
//! and End to its ends, Enter or Space selects, Escape takes the choice back.

use std::rc::Rc;

use pgscope_core::ids::BufferId;
use wasm_bindgen::JsCast;
use web_sys::{Element, SvgElement};
use yew::prelude::*;

use super::motion::{self, Motion};
use super::sector::Sector;
use super::{DialProps, callouts, hand, writers};
use crate::paint::cells::cells;
use crate::paint::polar::{HEIGHT, Shapes, WIDTH, coord, degrees};
use crate::paint::story::Story;
use crate::paint::words;

/// The dial. `cursor` is the buffer that the keyboard is at.
pub(super) fn ring(
    props: &DialProps,
    selected: Option<BufferId>,
    (story, motion, is_first): (&Story, Motion, bool),
    shapes: &Rc<Shapes>,
    cursor: &UseStateHandle<u32>,
) -> Html {
    let DialProps { frame, on_select, .. } = props;
    let server = &frame.server;
    let n = server.pool().nbuffers();
    let focusable = selected.map_or(**cursor, |buffer| buffer.0).min(n - 1);

    let onclick = {
        let (on_select, cursor, selected) = (on_select.clone(), cursor.clone(), selected);
        Callback::from(move |event: MouseEvent| {
            if let Some(buffer) = buffer_of(event.target()) {
                cursor.set(buffer.0);
                on_select.emit((selected != Some(buffer)).then_some(buffer));
            }
        })
    };
    let onkeydown = {
        let (on_select, cursor, selected) = (on_select.clone(), cursor.clone(), selected);
        Callback::from(move |event: KeyboardEvent| {
            let Some(at) = buffer_of(event.target()) else { return };
            if event.ctrl_key() || event.alt_key() || event.meta_key() {
                return;
            }
            let to = match event.key().as_str() {
                "ArrowRight" | "ArrowDown" => (at.0 + 1) % n,
                "ArrowLeft" | "ArrowUp" => (at.0 + n - 1) % n,
                "Home" => 0,
                "End" => n - 1,
                "Enter" | " " => {
                    event.prevent_default();
                    return on_select.emit((selected != Some(at)).then_some(at));
                }
                "Escape" if selected.is_some() => {
                    event.prevent_default();
                    return on_select.emit(None);
                }
                _ => return,
            };
            event.prevent_default();
            cursor.set(to);
            if selected.is_some() {
                on_select.emit(Some(BufferId(to)));
            }
            focus(BufferId(to));
        })
    };

    let sectors = cells(server).into_iter().enumerate().map(|(index, cell)| {
        let buffer = BufferId(index as u32);
        html! {
            <Sector key={index} shapes={shapes.clone()} {buffer} {cell}
                label={words::with_hand(server, buffer, words::buffer(server, buffer, &cell))}
                selected={selected == Some(buffer)}
                focusable={focusable == buffer.0} />
        }
    });
    html! {
        <svg class={classes!("dial-svg", shapes.density.class())}
            viewBox={format!("0 0 {} {}", coord(WIDTH), coord(HEIGHT))} preserveAspectRatio="xMidYMid slice">
            <g transform={format!("translate({} {})", coord(WIDTH / 2.0), coord(HEIGHT / 2.0))}>
                <g role="grid" aria-label={words::pool(server)} aria-rowcount="1" aria-colcount={n.to_string()}
                    {onclick} {onkeydown}>
                    <g role="row" aria-rowindex="1">{ for sectors }</g>
                </g>
                <g aria-hidden="true" class="over" style={motion.end()}>
                    { glows(shapes, story, selected) }
                    { hand::trail(shapes, story, motion) }
                    { hand::notes(shapes, story, motion) }
                    { for (!is_first).then(|| motion::ghosts(shapes, story, motion)) }
                    { writers::hands(server, shapes, story) }
                    { hand::hand(server, shapes, motion) }
                    { callouts::corners(server, shapes, story) }
                </g>
            </g>
        </svg>
    }
}

/// Outlines above the sectors: what the operation lit up, and the selection.
fn glows(shapes: &Shapes, story: &Story, selected: Option<BufferId>) -> Html {
    let lit = [story.hit, story.victim, story.arriving.map(|page| page.buffer)];
    let mut lit: Vec<_> = lit.into_iter().flatten().collect();
    lit.dedup();
    let outline = |buffer: BufferId, class: &'static str| {
        html! {
            <path key={format!("{class}{buffer}")} class={classes!("glow", class)}
                d={shapes.sector.clone()}
                transform={format!("rotate({})", coord(degrees(buffer.0, shapes.n)))} />
        }
    };
    html! {
        <>
            { for lit.into_iter().filter_map(|b| story.glow(b).map(|class| outline(b, class))) }
            { for selected.map(|buffer| outline(buffer, "selected")) }
        </>
    }
}

/// The buffer that an event happened on: the handlers sit on the dial, not on each buffer.
fn buffer_of(target: Option<web_sys::EventTarget>) -> Option<BufferId> {
    let element = target?.dyn_into::<Element>().ok()?.closest("[data-buffer]").ok()??;
    element.get_attribute("data-buffer")?.parse().ok().map(BufferId)
}

fn focus(buffer: BufferId) {
    let document = web_sys::window().and_then(|window| window.document());
    let element = document.and_then(|d| d.get_element_by_id(&format!("buffer-{buffer}")));
    if let Some(element) = element.and_then(|element| element.dyn_into::<SvgElement>().ok()) {
        // An element that can't be focused any more is one that has just gone.
        let _ = element.focus();
    }
}
