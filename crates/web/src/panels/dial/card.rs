//! The card of one buffer: every fact of its descriptor.

use pgscope_core::Server;
use pgscope_core::bufmgr::desc::{
    BM_CHECKPOINT_NEEDED, BM_DIRTY, BM_JUST_DIRTIED, BM_PERMANENT, BM_TAG_VALID, BM_VALID,
};
use pgscope_core::ids::BufferId;
use pgscope_core::memory::Addr;
use pgscope_core::profile::ContentLock;
use yew::prelude::*;

use super::legend::swatch;
use crate::paint::{cells, words};

const FLAGS: [(u32, &str); 6] = [
    (BM_DIRTY, "BM_DIRTY"),
    (BM_JUST_DIRTIED, "BM_JUST_DIRTIED"),
    (BM_VALID, "BM_VALID"),
    (BM_TAG_VALID, "BM_TAG_VALID"),
    (BM_CHECKPOINT_NEEDED, "BM_CHECKPOINT_NEEDED"),
    (BM_PERMANENT, "BM_PERMANENT"),
];

pub(super) fn card(
    server: &Server,
    buffer: BufferId,
    on_select: &Callback<Option<BufferId>>,
    on_bytes: Option<&Callback<Addr>>,
) -> Html {
    let pool = server.pool();
    let (Some(desc), Some(cell)) = (pool.desc(buffer), cells::cell(server, buffer)) else {
        return Html::default();
    };
    let layout = server.layout();
    let flags: Vec<_> =
        FLAGS.iter().filter(|(flag, _)| desc.is(*flag)).map(|(_, name)| *name).collect();
    let pins = match words::pinned_by(server, buffer) {
        Some(who) => format!("{} by {who}", cell.pins),
        None => cell.pins.to_string(),
    };
    let lsn = match desc.lsn {
        0 => "none yet".into(),
        lsn => format!("{:X}/{:08X}", lsn >> 32, lsn & 0xffff_ffff),
    };
    let state = match server.profile().shmem.content_lock {
        ContentLock::LwLock { .. } => format!("{:#010x}", desc.state()),
        // The word has 64 bits for the content lock, which nobody holds.
        ContentLock::InState => format!("{:#018x}", desc.state()),
    };
    let fact =
        |name: &'static str, value: Html| html! { <div><dt>{ name }</dt><dd>{ value }</dd></div> };
    let mono = |text: String| html! { <code>{ text }</code> };
    let bytes = |name: &'static str, at: Addr| {
        on_bytes.map(|on_bytes| {
            let onclick = on_bytes.reform(move |_: MouseEvent| at);
            html! { <button type="button" {onclick}>{ name }</button> }
        })
    };
    let close = on_select.reform(|_: MouseEvent| None);
    html! {
        <section class="buffer-card" aria-label={format!("Buffer {buffer}")}>
            <header>
                <strong>{ format!("buffer {buffer}") }</strong>
                if let Some(tag) = cell.tag {
                    <span>{ swatch(tag.rel) }{ words::page(server, tag) }</span>
                } else if let Some(place) = cell.free {
                    <span>{ format!("empty, number {place} on the freelist") }</span>
                } else {
                    <span>{ "empty" }</span>
                }
                <button type="button" class="close" aria-label="Close" onclick={close}>{ "×" }</button>
            </header>
            <dl>
                if let Some(tag) = cell.tag {
                    { fact("file", mono(server.pool().smgr.path(tag.rel))) }
                    { fact("block", html! { tag.block }) }
                }
                { fact("usage count", html! { format!("{} of 5", cell.usage) }) }
                { fact("pins", html! { pins }) }
                { fact("page LSN", mono(lsn)) }
                { fact("descriptor", mono(layout.descriptor(buffer).to_string())) }
                { fact("page", mono(layout.block(buffer).to_string())) }
                { fact("state word", mono(state)) }
                <div class="wide"><dt>{ "flags" }</dt><dd><code>{
                    if flags.is_empty() { "none".to_owned() } else { flags.join(" ") }
                }</code></dd></div>
            </dl>
            if on_bytes.is_some() {
                <p class="card-bytes">
                    { for bytes("Bytes of the page", layout.block(buffer)) }
                    { for bytes("Bytes of the descriptor", layout.descriptor(buffer)) }
                </p>
            }
        </section>
    }
}
