//! A chunk opened: its bytes with the header in front, and the header in words.

use pgscope_core::memory::Addr;
use pgscope_core::mmgr::inspect;
use pgscope_core::profile::MEMORY_CONTEXT_CHECKING;
use pgscope_core::views;
use yew::prelude::*;

use super::View;
use crate::paint::{blocks, hex, words};

/// Bytes that are looked at, and rows that are shown of them at most.
const LOOKED_AT: usize = 4104;
const ROWS: usize = 17;

/// What is known of a chunk.
struct Known {
    /// Its size with its header.
    whole: u64,
    bytes: Vec<u8>,
    title: String,
    line: String,
    /// What its header is called, and says.
    name: &'static str,
    words: String,
    /// A word in it links to the next free chunk.
    linked: bool,
}

fn known(view: &View, pointer: Addr) -> Option<Known> {
    let (block, chunk) = blocks::find(&view.context.blocks, pointer)?;
    let (server, header) = (&view.frame.server, view.context.chunk_header);
    let bytes = views::chunk_bytes(server, pointer, header, chunk.size, LOOKED_AT);
    let fields = inspect::header_fields(server.profile(), view.open.kind);
    let linked = match view.open.kind {
        "AllocSet" => chunk.free,
        "Slab" => chunk.free && fields.is_none(),
        _ => false,
    };
    let (name, words) = match fields {
        // The place of the set's address is the link's while the chunk is free.
        Some((name, [sizes @ .., _])) if linked => (name, hex::fields(sizes, &bytes)),
        Some((name, fields)) => (name, hex::fields(fields, &bytes)),
        None if MEMORY_CONTEXT_CHECKING && !chunk.free => {
            let requested = hex::fields(&["requested_size"], &bytes);
            ("MemoryChunk", requested + ", " + &hex::header(chunk.header))
        }
        None => ("MemoryChunk", hex::header(chunk.header)),
    };
    let variable = view.variable(pointer).filter(|_| !chunk.free);
    let (title, line) = match variable {
        _ if chunk.free => {
            let place = match view.open.kind {
                "Slab" => "on its block's freelist",
                "Generation" => "not handed out again before its whole block is",
                _ => "on its freelist",
            };
            ("free chunk".to_owned(), format!("{}, {place}", words::bytes(chunk.size)))
        }
        Some((name, asked)) => {
            let title = if name.is_empty() { "chunk".to_owned() } else { format!("chunk {name}") };
            (title, hex::request(asked, chunk.size, block.dedicated, view.open.kind == "AllocSet"))
        }
        None => (
            "chunk".to_owned(),
            format!("{} usable, no variable holds it", words::bytes(chunk.size)),
        ),
    };
    Some(Known { whole: chunk.size + header, bytes, title, line, name, words, linked })
}

/// The chunk under the pointer in one line: what it is, and its header in words. Apart from what the
/// first picture needs.
#[inline(never)]
pub(super) fn pointed(view: &View, pointer: Addr) -> Html {
    let Some(Known { title, line, name, words, .. }) = known(view, pointer) else {
        return Html::default();
    };
    html! {
        <>
            <strong>{ title }</strong>{ " " }{ line }
            if view.context.chunk_header > 0 {
                <span class="hex-words"><b>{ name }</b>{ ": " }{ words }</span>
            }
        </>
    }
}

/// The card of a chunk.
pub(super) fn chunk(view: &View, pointer: Addr, on_chunk: &Callback<Option<Addr>>) -> Option<Html> {
    let Known { whole, bytes, title, line, name, words, linked } = known(view, pointer)?;
    let (server, header) = (&view.frame.server, view.context.chunk_header);
    let header_words = header as usize / hex::GROUP;
    let mut groups = hex::groups(pointer.back(header), &bytes, header_words);
    groups.truncate(ROWS);
    let shown: usize = groups.iter().map(|group| (1 + group.again) * hex::GROUP).sum();
    let rest = whole.saturating_sub(shown as u64);
    let group = |(index, group): (usize, hex::Group)| {
        let class = match index {
            LINK if linked => "link",
            index if index < header_words => "head",
            _ => "data",
        };
        html! {
            <>
                <div class={class}>
                    <span class="at">{ hex::local(group.addr) }</span>
                    <span class="hex">{ group.hex }</span>
                    <span class="txt" aria-hidden="true">{ group.text }</span>
                </div>
                if group.again > 0 {
                    <div class="again">
                        <span class="at">{ "⋮" }</span>
                        <span class="same">{ format!("the same {} more", times(group.again)) }</span>
                    </div>
                }
            </>
        }
    };
    let close = on_chunk.reform(|_: MouseEvent| None);
    Some(html! {
        <section class="chunk-card" aria-label={format!("Bytes of {title}")}>
            <header>
                <strong>{ &title }</strong><span>{ line }</span>
                <button type="button" class="close" aria-label="Close" onclick={close}>{ "×" }</button>
            </header>
            <div class="hex-rows">{ for groups.into_iter().enumerate().map(group) }</div>
            if rest > 0 {
                <p class="hex-rest">{ format!("and {} more", words::bytes(rest)) }</p>
            }
            if header > 0 {
                <p class="hex-words"><b>{ name }</b>{ format!(": {words}") }</p>
            }
            if linked {
                <p class="hex-words link"><b>{ "link" }</b>{ link(server, pointer.back(header)) }</p>
            }
        </section>
    })
}

/// Which word of a free chunk links to the next one on the list; with the size that was asked for
/// in front of it, it is the third.
const LINK: usize = if MEMORY_CONTEXT_CHECKING { 2 } else { 1 };

/// The link in a free chunk, be that its data or what was the set's address: to the
/// next one's header, or nowhere.
fn link(server: &pgscope_core::Server, chunk: Addr) -> String {
    let next = server.arena().read_ptr(chunk.offset((LINK * hex::GROUP) as u64));
    if next.is_null() {
        return ": the last on its freelist".into();
    }
    format!(": the next free chunk of this class is at {}", hex::local(next))
}

fn times(count: usize) -> String {
    words::count(count as u64, "time")
}
