//! The blocks of the open context as strips to scale.
//!
//! A chunk is a button whose parts are to scale as well: its header, the bytes that were asked
//! for, and what the size class added. Arrows move between the chunks of a strip.

use pgscope_core::memory::Addr;
use pgscope_core::mmgr::inspect::{BlockView, ChunkView};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

use super::{Looked, Looks, View};
use crate::paint::blocks::{Part, Span, spans};
use crate::paint::short::Short;
use crate::paint::{hex, words};

/// Blocks that are drawn; a context with more says how many.
const MOST_BLOCKS: usize = 24;
/// Shares of a strip from which on a part has room for its name, and for its size too.
const NAMED: f64 = 0.035;
const SIZED: f64 = 0.16;

/// The blocks, their chunks as buttons: `open` is the one whose bytes are shown.
pub(super) fn strips(
    view: &View,
    open: Option<Addr>,
    on_chunk: &Callback<Option<Addr>>,
    looks: &Looked,
) -> Html {
    let blocks = &view.context.blocks;
    let onclick = {
        let on_chunk = on_chunk.clone();
        Callback::from(move |event: MouseEvent| {
            if let Some(chunk) = chunk_of(event.target()) {
                on_chunk.emit((open != Some(chunk)).then_some(chunk));
            }
        })
    };
    let point = |looks: Looked| {
        move |event: PointerEvent| {
            let leaves = event.type_() == "pointerout";
            let pointed = chunk_of(event.target()).filter(|_| !leaves);
            looks.set(Looks { pointed, ..(*looks).clone() });
        }
    };
    // Numbered by age, so that a block keeps its number when a newer one takes the head.
    let numbered = blocks.iter().enumerate().map(|(index, block)| (blocks.len() - index, block));
    // Keyed like the strips, so that these keep their nodes when a block comes.
    let more = blocks.len().checked_sub(MOST_BLOCKS).filter(|more| *more > 0).map(|more| {
        let words = format!("and {} more", words::count(more as u64, "block"));
        html! { <p key="more" class="strip-more">{ words }</p> }
    });
    html! {
        <div class={classes!("strips", view.open.kind)} {onclick} onkeydown={Callback::from(walk)}
            onpointerover={point(looks.clone())} onpointerout={point(looks.clone())}>
            { for numbered.rev().take(MOST_BLOCKS).map(|(number, block)| strip(view, open, number, block)) }
            { for more }
        </div>
    }
}

fn strip(view: &View, open: Option<Addr>, number: usize, block: &BlockView) -> Html {
    let story = &view.story;
    let header = view.context.chunk_header;
    let lit = |chunk: Addr| {
        open == Some(chunk) || story.allocated.contains(&chunk) || story.freed.contains(&chunk)
    };
    let spans = spans(block, header, lit);
    let is_new = story.blocks.contains(&block.addr);
    let active = view.context.blocks.first().is_some_and(|first| first.addr == block.addr);
    let first = spans.iter().find_map(|span| match span.part {
        Part::Chunk(chunk) => Some(chunk.pointer),
        _ => None,
    });
    let focusable = open.filter(|chunk| block.chunks.iter().any(|c| c.pointer == *chunk));
    let title = format!(
        "block {number}{}{} · {}",
        if block.keeper { " · keeper" } else { "" },
        if block.dedicated { " · dedicated" } else { "" },
        words::bytes(block.size),
    );
    html! {
        <div key={block.addr.0} class={classes!("strip", is_new.then_some("new"), block.dedicated.then_some("dedicated"))}>
            <div class="strip-head">
                <span>{ title }</span>
                if is_new { <b class="badge new">{ "new" }</b> }
                if active && !block.dedicated && view.context.blocks.len() > 1 {
                    <b class="badge">{ "active" }</b>
                }
                <span class="strip-sum">
                    { sum(view.open.kind, block) }
                </span>
            </div>
            <div class="strip-bar" role="group" aria-label={format!("Chunks of block {number}")}>
                { for spans.iter().map(|span| part(view, span, open, focusable.or(first))) }
            </div>
        </div>
    }
}

/// What of a block is used and what can be had again; a Generation's freed chunks can't.
fn sum(kind: &str, block: &BlockView) -> String {
    let (used, free) = (words::bytes(block.used()), block.free());
    if kind == "Generation" && free > block.unused {
        let freed = words::bytes(free - block.unused);
        return format!("used {used} · freed {freed} · free {}", words::bytes(block.unused));
    }
    format!("used {used} · free {}", words::bytes(free))
}

fn part(view: &View, span: &Span, open: Option<Addr>, focusable: Option<Addr>) -> Html {
    let place =
        format!("left:{:.3}%;width:{:.3}%", Short(span.at * 100.0), Short(span.share * 100.0));
    let size = words::bytes(span.bytes);
    match span.part {
        Part::Header => {
            html! { <i key="h" class="part header" style={place} title={format!("headers: {size}")} /> }
        }
        Part::Unused => {
            html! { <i key="u" class="part unused" style={place} title={format!("never handed out: {size}")} /> }
        }
        Part::Run { chunks, free, first } => {
            let class = classes!("part", "run", if free { "free" } else { "used" });
            let kind = if free { "free chunk" } else { "chunk" };
            let title = format!("{}, {size} with headers", words::count(chunks.into(), kind));
            html! { <i key={first.0.to_string()} {class} style={place} {title} /> }
        }
        Part::Chunk(chunk) => {
            chunk_button(view, span, &chunk, &place, open == Some(chunk.pointer), focusable)
        }
    }
}

fn chunk_button(
    view: &View,
    span: &Span,
    chunk: &ChunkView,
    place: &str,
    open: bool,
    focusable: Option<Addr>,
) -> Html {
    let held = view.context.variable(chunk.pointer).filter(|_| !chunk.free);
    let name = held.map_or("", |(slot, _)| view.frame.chunk_name(view.backend, slot));
    let whole = span.bytes.max(1) as f64;
    let header = view.context.chunk_header;
    let asked = held.map_or(chunk.size, |(_, requested)| requested.min(chunk.size));
    let shares = format!(
        "--header:{:.2}%;--asked:{:.2}%",
        Short(header as f64 * 100.0 / whole),
        Short((header + asked) as f64 * 100.0 / whole)
    );
    let story = &view.story;
    let class = classes!(
        "part",
        "chunk",
        if chunk.free { "free" } else { "used" },
        (held.is_none() && !chunk.free).then_some("unnamed"),
        open.then_some("open"),
        story.allocated.contains(&chunk.pointer).then_some("fresh"),
        story.freed.contains(&chunk.pointer).then_some("freed"),
        story.carved.contains(&chunk.pointer).then_some("carved"),
    );
    let size = words::bytes(chunk.size);
    let what = match (chunk.free, name) {
        (true, _) if view.open.kind == "Generation" => {
            format!("freed chunk, {size}, not handed out again")
        }
        (true, _) => format!("free chunk, {size}"),
        (false, "") => format!("chunk, {size}"),
        (false, name) => format!("chunk {name}, {asked} of {size} asked for"),
    };
    let label = format!("{what}, at {}", hex::local(chunk.pointer));
    let text = match (chunk.free, name) {
        _ if span.share < NAMED => String::new(),
        (true, _) if view.open.kind == "Generation" => "×".into(),
        (true, _) => words::class(chunk.size),
        (false, "") if span.share >= SIZED => size,
        (false, "") => words::class(chunk.size),
        (false, name) if span.share >= SIZED => format!("{} {size}", words::short(name, 8)),
        (false, name) => words::short(name, (span.share * 60.0) as usize + 1),
    };
    html! {
        <button key={chunk.pointer.0.to_string()} type="button" {class} style={format!("{place};{shares}")}
            data-chunk={chunk.pointer.0.to_string()} aria-label={label.clone()} title={label}
            aria-expanded={open.to_string()}
            tabindex={if focusable == Some(chunk.pointer) { "0" } else { "-1" }}>
            { text }
        </button>
    }
}

fn chunk_of(target: Option<web_sys::EventTarget>) -> Option<Addr> {
    let element = target?.dyn_into::<Element>().ok()?.closest("[data-chunk]").ok()??;
    element.get_attribute("data-chunk")?.parse().ok().map(Addr)
}

/// Arrows go to the neighbouring chunk of the strip.
fn walk(event: KeyboardEvent) {
    let forward = match event.key().as_str() {
        "ArrowRight" => true,
        "ArrowLeft" => false,
        _ => return,
    };
    let from = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let step = |element: &Element| {
        if forward { element.next_element_sibling() } else { element.previous_element_sibling() }
    };
    let next = std::iter::successors(from.as_ref().and_then(step), step)
        .find(|element| element.has_attribute("data-chunk"));
    if let Some(next) = next.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        event.prevent_default();
        // The neighbour is on the page: it can be focused.
        let _ = next.focus();
    }
}
