//! One buffer of the dial.
//!
//! A component of its own, so that Yew leaves alone the buffers whose look did not change: a
//! tick of the hand touches one or two of them.

use std::rc::Rc;

use pgscope_core::ids::BufferId;
use yew::prelude::*;

use crate::paint::cells::{Cell, FAR};
use crate::paint::polar::{Density, NUMBERS, Shapes, coord, degrees};
use crate::paint::relations;

/// Everything on which one buffer's look depends.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct SectorProps {
    pub(super) shapes: Rc<Shapes>,
    pub(super) buffer: BufferId,
    pub(super) cell: Cell,
    pub(super) label: AttrValue,
    pub(super) selected: bool,
    pub(super) focusable: bool,
}

#[function_component]
pub(super) fn Sector(props: &SectorProps) -> Html {
    let SectorProps { shapes, buffer, cell, label, selected, focusable } = props;
    let angle = degrees(buffer.0, shapes.n);
    let turn = shapes.turn(buffer.0);
    let look = match cell.tag {
        Some(tag) => classes!("buf", format!("u{}", cell.usage), relations::classes(tag.rel)),
        None => classes!("buf", "empty"),
    };
    html! {
        <g class={classes!(look, (!cell.valid).then_some("unread"))}
            id={format!("buffer-{buffer}")} data-buffer={buffer.0.to_string()}
            transform={format!("rotate({})", coord(angle))}
            role="gridcell" aria-colindex={(buffer.0 + 1).to_string()} aria-selected={selected.to_string()}
            tabindex={if *focusable { "0" } else { "-1" }}>
            // Its name, and what a pointer at rest is told.
            <title>{ label }</title>
            <path class="body" d={shapes.sector.clone()} />
            if let Some(tag) = cell.tag {
                <path class="rim" d={shapes.rim.clone()} />
                if relations::pattern(tag.rel) != 0 {
                    <path class="cut" d={shapes.rim.clone()} />
                }
                { text(shapes, shapes.block_at, turn, block_class(tag.block), tag.block.to_string()) }
                if cell.usage > 0 {
                    <path class="pips" d={shapes.pips(0..usize::from(cell.usage))} />
                }
                if cell.usage < 5 {
                    <path class="pips off" d={shapes.pips(usize::from(cell.usage)..5)} />
                }
            } else {
                { vacancy(shapes, turn, cell) }
            }
            if cell.dirty {
                <path class="dirty" d={shapes.dirty.clone()} />
            }
            if cell.pins > 0 {
                { pins(shapes, angle, cell.pins) }
            }
            { text(shapes, NUMBERS, -angle, number_class(buffer.0, shapes), buffer.to_string()) }
        </g>
    }
}

fn text(shapes: &Shapes, radius: f64, turn: f64, class: &'static str, words: String) -> Html {
    let radial = shapes.density == Density::Tight;
    html! {
        <text class={classes!(class, (radial && class != "no").then_some("radial"))}
            aria-hidden="true"
            transform={format!("translate(0 -{}) rotate({})", coord(radius), coord(turn))}>
            { words }
        </text>
    }
}

/// Long block numbers get smaller type.
fn block_class(block: u32) -> &'static str {
    match block {
        0..=999 => "block",
        1000..=9999 => "block long",
        10_000..=99_999 => "block longer",
        _ => "block longest",
    }
}

/// Where buffers stand close, a phone shows every fourth number.
fn number_class(index: u32, shapes: &Shapes) -> &'static str {
    match shapes.density {
        Density::Roomy => "no",
        _ if index.is_multiple_of(4) => "no",
        _ => "no minor",
    }
}

/// An empty buffer says that it is free, and when its turn comes.
fn vacancy(shapes: &Shapes, turn: f64, cell: &Cell) -> Html {
    let place = cell.free.filter(|place| *place != FAR).map(|place| place.to_string());
    let words = if cell.free.is_some() { "free" } else { "empty" };
    match (shapes.density, place) {
        (Density::Roomy, place) => html! {
            <>
                { text(shapes, shapes.block_at + 6.0, turn, "vacant", words.into()) }
                { for place.map(|p| text(shapes, shapes.inner + 32.0, turn, "place", p)) }
            </>
        },
        (_, Some(place)) => text(shapes, shapes.block_at, turn, "place", place),
        (_, None) => text(shapes, shapes.block_at, turn, "place", "·".into()),
    }
}

/// The pin stands upright, wherever its buffer is; how many there are stands beside it.
fn pins(shapes: &Shapes, angle: f64, pins: u32) -> Html {
    let (x, y) = shapes.pin_at;
    let place = format!("translate({} {}) rotate({})", coord(x), coord(y), coord(-angle));
    html! {
        <g transform={place}>
            <path class="pin" d={shapes.pin.clone()} />
            if pins > 1 && shapes.density == Density::Tight {
                <path class="pin" d={shapes.pin_again.clone()} />
            } else if pins > 1 {
                <text class="pins" aria-hidden="true" x={coord(shapes.mark / 2.0 + 5.0)} y="1">{ pins }</text>
            }
        </g>
    }
}
