//! Bytes of any place in the arena as hex, and the one looked at in words: a page by its header,
//! line pointers and tuples, a backend's heap by its chunks.
//!
//! For the keyboard it is a grid with roving focus; at its edges it goes on to the next bytes.

mod strip;

use pgscope_core::ids::BufferId;
use pgscope_core::memory::Addr;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::frame::Frame;
use crate::paint::heap_page::{self, Field, SIZE};
use crate::paint::place;

/// Bytes in a row, and rows that are shown.
const ROW: u64 = 16;
const ROWS: u64 = 16;
const WINDOW: u64 = ROW * ROWS;

/// What the bytes are given.
#[derive(Clone, PartialEq, Properties)]
pub struct BytesProps {
    /// The arena.
    pub frame: Frame,
    /// The byte that is looked at; `None` is the first page's first one.
    pub at: Option<Addr>,
    /// Another byte was chosen.
    pub on_at: Callback<Addr>,
}

/// The bytes.
#[component]
pub fn Bytes(props: &BytesProps) -> Html {
    let BytesProps { frame, at, on_at } = props;
    let server = &frame.server;
    let grid = use_node_ref();
    // The keyboard brought us here: the byte gets the focus once it is drawn.
    let walked = use_mut_ref(|| false);
    let at = at.unwrap_or_else(|| server.layout().block(BufferId(0)));
    let found = place::place(server, at);
    let page = found.as_ref().and_then(|found| found.page.map(|(_, start)| start));
    let fields = use_memo((frame.serial, page), |_| {
        let mut bytes = vec![0; SIZE];
        page.map(|start| {
            server.peek(start, &mut bytes);
            heap_page::fields(&bytes)
        })
        .unwrap_or_default()
    });
    let start = Addr(at.0 - at.0 % WINDOW);
    let mut bytes = [0; WINDOW as usize];
    server.peek(start, &mut bytes);
    {
        let (grid, walked) = (grid.clone(), walked.clone());
        use_effect_with(at, move |_| {
            let byte = grid.cast::<Element>().and_then(|grid| {
                grid.query_selector("[tabindex='0']").ok().flatten()?.dyn_into::<HtmlElement>().ok()
            });
            if let Some(byte) = byte.filter(|_| walked.replace(false)) {
                // It has just been drawn: it can be focused.
                let _ = byte.focus();
            }
        });
    }
    let onkeydown = {
        let on_at = on_at.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.ctrl_key() || event.alt_key() || event.meta_key() {
                return;
            }
            let to = match event.key().as_str() {
                "ArrowRight" => at.0 + 1,
                "ArrowLeft" => at.0.saturating_sub(1),
                "ArrowDown" => at.0 + ROW,
                "ArrowUp" => at.0.saturating_sub(ROW),
                "PageDown" => at.0 + WINDOW,
                "PageUp" => at.0.saturating_sub(WINDOW),
                "Home" => at.0 - at.0 % ROW,
                "End" => at.0 - at.0 % ROW + ROW - 1,
                _ => return,
            };
            event.prevent_default();
            *walked.borrow_mut() = true;
            on_at.emit(Addr(to));
        })
    };
    let onclick = {
        let on_at = on_at.clone();
        Callback::from(move |event: MouseEvent| {
            let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
            let byte = target.and_then(|target| target.get_attribute("data-byte"));
            if let Some(byte) = byte.and_then(|byte| byte.parse::<u64>().ok()) {
                on_at.emit(start.offset(byte));
            }
        })
    };
    let looked = page.and_then(|page| heap_page::field_at(&fields, at.since(page) as usize));
    let field_of = |addr: Addr| {
        let page = page.filter(|page| addr >= *page)?;
        heap_page::field_at(&fields, addr.since(page) as usize)
    };
    let rows = (0..ROWS).map(|row| {
        let from = start.offset(row * ROW);
        let cell = |column: u64| {
            let (place, addr) = (row * ROW + column, from.offset(column));
            let field = field_of(addr);
            let same = field.is_some() && field == looked;
            let class = classes!(
                field.map(|field| field.kind.class()),
                same.then_some("same-field"),
                (addr == at).then_some("at"),
            );
            let value = bytes.get(place as usize).copied().unwrap_or_default();
            html! {
                <span role="gridcell" {class} data-byte={place.to_string()}
                    tabindex={if addr == at { "0" } else { "-1" }}
                    aria-selected={(addr == at).to_string()}>{ format!("{value:02x}") }</span>
            }
        };
        let letters = bytes.iter().skip((row * ROW) as usize).take(ROW as usize);
        let letters: String =
            letters.map(|b| if b.is_ascii_graphic() { char::from(*b) } else { '.' }).collect();
        html! {
            <div role="row" key={row}>
                <span role="rowheader" class="where">{ format!("{:#x}", from.0) }</span>
                { for (0..ROW).map(cell) }
                <span role="gridcell" class="letters">{ letters }</span>
            </div>
        }
    });
    html! {
        <div class="bytes">
            { chooser(props, at, &fields, page) }
            if let Some(page) = page { { strip::strip(&fields, at.since(page) as usize) } }
            <p class="bytes-words" role="status">{ said(at, found.as_ref(), looked) }</p>
            <div class="bytes-grid" role="grid" aria-label="Bytes" ref={grid} {onkeydown} {onclick}>
                { for rows }
            </div>
        </div>
    }
}

/// Where we are, and what the byte is part of.
fn said(at: Addr, found: Option<&place::Place>, looked: Option<&Field>) -> Html {
    let place = found.map_or("nothing lies here", |found| &*found.words);
    html! {
        <>
            <code>{ format!("{:#x}", at.0) }</code>{ " " }{ place }
            if let Some(field) = looked {
                <b class={field.kind.class()}>{ &field.name }</b>
                <span>{ &field.words }</span>
            }
        </>
    }
}

/// Parts of the arena, an address, and in a page its fields.
fn chooser(props: &BytesProps, at: Addr, fields: &[Field], page: Option<Addr>) -> Html {
    let (server, on_at) = (&props.frame.server, &props.on_at);
    let regions = server.regions();
    let here = |region: &pgscope_core::server::shmem::Region| {
        at >= region.addr && at.since(region.addr) < region.size
    };
    let options = regions.iter().map(|region| {
        html! { <option selected={here(region)}>{ place::region_name(server, region) }</option> }
    });
    let nowhere = !regions.iter().any(here);
    let starts: Vec<Addr> = regions.iter().map(|region| region.addr).collect();
    let on_region = goes(on_at, move |event: Event| {
        let select = event.target_unchecked_into::<HtmlSelectElement>();
        let chosen = usize::try_from(select.selected_index() - i32::from(nowhere)).ok()?;
        starts.get(chosen).copied()
    });
    let on_address = goes(on_at, |event: Event| {
        place::address(&event.target_unchecked_into::<HtmlInputElement>().value())
    });
    let steps = |label: &'static str, sign: &'static str, to: Addr| {
        let onclick = on_at.reform(move |_: MouseEvent| to);
        html! { <button type="button" aria-label={label} title={label} {onclick}>{ sign }</button> }
    };
    // The first field of each part: a header, a line pointer, a tuple.
    let parts: Vec<(usize, String)> = fields
        .iter()
        .filter(|field| {
            field.at == 0
                || matches!(field.name.as_str(), "line pointer 1" | "free space")
                || field.name.ends_with("t_xmin")
        })
        .map(|field| match field.at {
            0 => (0, "page header".to_owned()),
            at => (at, field.name.trim_end_matches(" t_xmin").replace("pointer 1", "pointers")),
        })
        .collect();
    let on_part = page.map(|page| {
        let starts: Vec<usize> = parts.iter().map(|(at, _)| *at).collect();
        goes(on_at, move |event: Event| {
            let select = event.target_unchecked_into::<HtmlSelectElement>();
            let chosen = usize::try_from(select.selected_index() - 1).ok()?;
            select.set_selected_index(0);
            starts.get(chosen).map(|at| page.offset(*at as u64))
        })
    });
    html! {
        <div class="bytes-bar">
            <label>{ "Part" }
                <select onchange={on_region}>
                    if nowhere { <option selected=true>{ "none" }</option> }
                    { for options }
                </select>
            </label>
            <label>{ "Address" }
                <input type="text" size="14" value={format!("{:#x}", at.0)} onchange={on_address}
                    autocomplete="off" autocapitalize="off" spellcheck="false" />
            </label>
            if let Some(onchange) = on_part.filter(|_| !parts.is_empty()) {
                <select aria-label="Part of the page" {onchange}>
                    <option selected=true>{ "Go to…" }</option>
                    { for parts.iter().map(|(_, name)| html! { <option>{ name }</option> }) }
                </select>
            }
            <span role="group" aria-label="Through the bytes">
                { steps("Bytes before", "‹", Addr(at.0.saturating_sub(WINDOW))) }
                { steps("Bytes behind", "›", Addr(at.0.saturating_add(WINDOW))) }
            </span>
        </div>
    }
}

/// Where an event leads, if it leads anywhere.
fn goes(on_at: &Callback<Addr>, to: impl Fn(Event) -> Option<Addr> + 'static) -> Callback<Event> {
    let on_at = on_at.clone();
    Callback::from(move |event: Event| {
        if let Some(to) = to(event) {
            on_at.emit(to);
        }
    })
}
