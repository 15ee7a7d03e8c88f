//! The map of all memory: a strip to scale for the shared segment and for each backend's own
//! memory. A part leads to its bytes; a fold of small parts opens as a strip of its own.

use pgscope_core::memory::Addr;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

use crate::frame::Frame;
use crate::paint::map::{Land, Part, lands};
use crate::paint::short::Short;
use crate::paint::words;

/// Owners, and rows of a table, that are shown.
const LANDS: usize = 24;
const ROWS: usize = 200;

/// What the map is given.
#[derive(Clone, PartialEq, Properties)]
pub struct MapProps {
    /// The memory.
    pub frame: Frame,
    /// The byte that was looked at last.
    pub at: Option<Addr>,
    /// A part was chosen, by its first byte.
    pub on_at: Callback<Addr>,
}

/// What the reader opened: the ranges of each fold on the way in, and whether there is a table.
#[derive(Clone, Default, PartialEq)]
struct Opened {
    land: usize,
    folds: Vec<(usize, usize)>,
    table: bool,
}

/// The map.
#[component]
pub fn Map(props: &MapProps) -> Html {
    let MapProps { frame, at, on_at } = props;
    let server = &frame.server;
    let lands = use_memo(frame.serial, |_| lands(server));
    let opened = use_state_eq(Opened::default);
    let shown = lands.iter().take(LANDS).enumerate().map(|(place, land)| {
        let name = land.name(server);
        let own = if opened.land == place {
            (*opened).clone()
        } else {
            Opened { land: place, ..Opened::default() }
        };
        let set = {
            let opened = opened.clone();
            Callback::from(move |next: Opened| opened.set(next))
        };
        html! {
            <section key={place} class={classes!("land", land.classes())} aria-label={name.clone()}>
                <header>
                    <i class="own" aria-hidden="true"></i>
                    <h3>{ name }</h3>
                    <span class="dim">{ format!("{} in {}", words::bytes(land.len()),
                        words::count(land.ranges.len() as u64, "part")) }</span>
                    { table_button(&own, &set) }
                </header>
                { strips(land, &own, *at, on_at, &set) }
                if own.table { { table(land, on_at) } }
            </section>
        }
    });
    html! {
        <div class="map">
            <p class="dim">{ "All memory by owner, each strip to its own scale. Choose a part to see its bytes; a hatched part holds several that are too small to draw, and opens." }</p>
            { for shown }
            if let Some(more @ 1..) = lands.len().checked_sub(LANDS) {
                <p class="dim">{ format!("And {}.", words::count(more as u64, "more backend")) }</p>
            }
        </div>
    }
}

/// The strip of an owner, and below it those of the folds that are open.
fn strips(
    land: &Land,
    own: &Opened,
    at: Option<Addr>,
    on_at: &Callback<Addr>,
    set: &Callback<Opened>,
) -> Html {
    let mut drawn = Vec::new();
    let (mut from, mut to) = (0, land.ranges.len());
    let mut label = "Parts".to_owned();
    for depth in 0.. {
        let parts = land.strip(from, to);
        let open = own.folds.get(depth).copied();
        // Time goes on under an open fold: what isn't one any more is closed.
        let open =
            open.filter(|open| parts.iter().any(|it| (it.from, it.to) == *open && it.is_fold()));
        let choose = {
            let (own, set, on_at, land) = (own.clone(), set.clone(), on_at.clone(), land.clone());
            move |part: &Part| {
                if !part.is_fold() {
                    return on_at.emit(land.start(part));
                }
                let mut next = own.clone();
                next.folds.truncate(depth);
                if open != Some((part.from, part.to)) {
                    next.folds.push((part.from, part.to));
                }
                set.emit(next);
            }
        };
        drawn.push(strip(land, &parts, open, at, &label, &choose));
        let Some(fold) = open else { break };
        (from, to) = fold;
        label = format!("Smaller parts, step {}", depth + 1);
    }
    html! { <>{ for drawn }</> }
}

/// Its parts as buttons; arrows go from one to the next.
fn strip(
    land: &Land,
    parts: &[Part],
    open: Option<(usize, usize)>,
    at: Option<Addr>,
    label: &str,
    choose: &(impl Fn(&Part) + Clone + 'static),
) -> Html {
    let all: u64 = parts.iter().map(|part| part.len).sum();
    let buttons = parts.iter().enumerate().map(|(place, part)| {
        let (choose, chosen) = (choose.clone(), *part);
        let onclick = Callback::from(move |_: MouseEvent| choose(&chosen));
        let is_open = open == Some((part.from, part.to));
        let ranges = land.ranges.get(part.from..part.to).unwrap_or_default();
        let here = at.is_some_and(|at| {
            ranges.iter().any(|range| at >= range.start && at.since(range.start) < range.len)
        });
        let unused = !part.is_fold() && land.called(part) == "unused";
        let class = classes!(
            part.is_fold().then_some("fold"),
            unused.then_some("unused"),
            here.then_some("at"),
        );
        let share = Short(part.len as f64 * 1_000.0 / all.max(1) as f64);
        html! {
            <button type="button" key={part.from} {class} {onclick} title={land.said(part)}
                style={format!("flex-grow:{share:.3}")} tabindex={if place == 0 { "0" } else { "-1" }}
                aria-expanded={part.is_fold().then(|| is_open.to_string())}>
                <span>{ land.called(part) }</span><span>{ words::bytes(part.len) }</span>
            </button>
        }
    });
    html! {
        <div class="map-strip" role="group" aria-label={label.to_owned()} onkeydown={Callback::from(walk)}>
            { for buttons }
        </div>
    }
}

/// Arrows, Home and End move the focus within a strip.
fn walk(event: KeyboardEvent) {
    if event.ctrl_key() || event.alt_key() || event.meta_key() {
        return;
    }
    let here = event.target().and_then(|it| it.dyn_into::<Element>().ok());
    let Some(here) = here.and_then(|it| it.closest("button").ok().flatten()) else { return };
    let strip = here.parent_element();
    let to = match event.key().as_str() {
        "ArrowRight" => here.next_element_sibling(),
        "ArrowLeft" => here.previous_element_sibling(),
        "Home" => strip.and_then(|strip| strip.first_element_child()),
        "End" => strip.and_then(|strip| strip.last_element_child()),
        _ => return,
    };
    // At its ends a strip keeps the key: time doesn't move from here.
    event.prevent_default();
    if let Some(to) = to.and_then(|to| to.dyn_into::<HtmlElement>().ok()) {
        // It is on the page: it can be focused.
        let _ = to.focus();
    }
}

fn table_button(own: &Opened, set: &Callback<Opened>) -> Html {
    let next = Opened { table: !own.table, ..own.clone() };
    let onclick = set.reform(move |_: MouseEvent| next.clone());
    html! {
        <button type="button" class="quiet" {onclick} aria-expanded={own.table.to_string()}>{ "Table" }</button>
    }
}

/// Every part with its name, its place and its size.
fn table(land: &Land, on_at: &Callback<Addr>) -> Html {
    let rows = land.ranges.iter().take(ROWS).map(|range| {
        let start = range.start;
        let onclick = on_at.reform(move |_: MouseEvent| start);
        html! {
            <tr>
                <td><button type="button" class="quiet" {onclick}>{ &range.name }</button></td>
                <td>{ format!("{:#x}", start.0) }</td>
                <td class="number">{ words::thousands(range.len) }</td>
            </tr>
        }
    });
    html! {
        <div class="land-rows" tabindex="0" role="region" aria-label="Rows of the parts">
            <table aria-label="Parts">
                <thead><tr><th scope="col">{ "name" }</th><th scope="col">{ "start" }</th>
                    <th scope="col" class="number">{ "bytes" }</th></tr></thead>
                <tbody>{ for rows }</tbody>
            </table>
        </div>
    }
}
