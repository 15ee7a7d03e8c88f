//! A chunk opened: its bytes with the header in front, and the header in words.

use pgscope_core::memory::Addr;
use pgscope_core::views;
use yew::prelude::*;

use super::View;
use crate::paint::{blocks, hex, words};

/// Bytes that are looked at, and rows that are shown of them at most.
const LOOKED_AT: usize = 4104;
const ROWS: usize = 17;

pub(super) fn chunk(view: &View, pointer: Addr, on_chunk: &Callback<Option<Addr>>) -> Option<Html> {
    let (block, chunk) = blocks::find(&view.context.blocks, pointer)?;
    let header = view.frame.server.profile().mmgr.chunk;
    let bytes = views::chunk_bytes(&view.frame.server, pointer, chunk.size, LOOKED_AT);
    let variable = view.variable(pointer).filter(|_| !chunk.free);
    let (title, line) = match variable {
        _ if chunk.free => {
            ("free chunk".to_owned(), format!("{} on its freelist", words::bytes(chunk.size)))
        }
        Some((name, asked)) => {
            let title = if name.is_empty() { "chunk".to_owned() } else { format!("chunk {name}") };
            (title, hex::request(asked, chunk.size, block.dedicated))
        }
        None => (
            "chunk".to_owned(),
            format!("{} usable, no variable holds it", words::bytes(chunk.size)),
        ),
    };
    let mut groups = hex::groups(pointer.back(header), &bytes);
    groups.truncate(ROWS);
    let shown: usize = groups.iter().map(|group| (1 + group.again) * hex::GROUP).sum();
    let rest = (chunk.size + header).saturating_sub(shown as u64);
    let group = |(index, group): (usize, hex::Group)| {
        let class = match index {
            0 => "head",
            // The first word of a free chunk links to the next one on the list.
            1 if chunk.free => "link",
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
            <p class="hex-words"><b>{ "MemoryChunk" }</b>{ format!(": {}", hex::header(chunk.header)) }</p>
            if chunk.free {
                <p class="hex-words link"><b>{ "link" }</b>{ link(&view.frame.server, pointer) }</p>
            }
        </section>
    })
}

/// The link in a free chunk's first bytes: to the next one's header, or nowhere.
fn link(server: &pgscope_core::Server, pointer: Addr) -> String {
    let next = server.arena().read_ptr(pointer);
    if next.is_null() {
        return ": the last on its freelist".into();
    }
    format!(": the next free chunk of this class is at {}", hex::local(next))
}

fn times(count: usize) -> String {
    words::count(count as u64, "time")
}
