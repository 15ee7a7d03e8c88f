//! The tree of memory contexts, each with a bar of its used and free bytes.
//!
//! For the keyboard a tree whose selection follows the focus: up and down, Home and End,
//! left to the parent, right to the first child.

use std::rc::Rc;

use pgscope_core::memory::Addr;
use pgscope_core::mmgr::inspect;
use pgscope_core::views::ContextRow;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

use crate::frame::Frame;
use crate::paint::heap_story::HeapStory;
use crate::paint::short::Short;
use crate::paint::words;

/// How far a child stands in from its parent, and the deepest from the root, in CSS pixels.
const INDENT: u32 = 14;
const DEEPEST: u32 = 112;

#[derive(Clone, Properties)]
pub(super) struct TreeProps {
    pub(super) frame: Frame,
    pub(super) rows: Rc<[ContextRow]>,
    pub(super) open: Addr,
    pub(super) story: Rc<HeapStory>,
    pub(super) on_open: Callback<Addr>,
}

/// The tree that an open context is in, and its story, follow from the frame.
impl PartialEq for TreeProps {
    fn eq(&self, other: &Self) -> bool {
        self.frame == other.frame && self.open == other.open && self.on_open == other.on_open
    }
}

#[function_component]
pub(super) fn Tree(props: &TreeProps) -> Html {
    let TreeProps { frame, rows, open, story, on_open } = props;
    let onkeydown = {
        let (rows, open, on_open) = (rows.clone(), *open, on_open.clone());
        Callback::from(move |event: KeyboardEvent| {
            if event.ctrl_key() || event.alt_key() || event.meta_key() {
                return;
            }
            let Some(at) = rows.iter().position(|row| row.addr == open) else { return };
            let to = match event.key().as_str() {
                "ArrowDown" => rows.get(at + 1),
                "ArrowUp" => at.checked_sub(1).and_then(|before| rows.get(before)),
                "ArrowLeft" => rows.iter().find(|row| Some(row.addr) == rows[at].parent),
                "ArrowRight" => rows.get(at + 1).filter(|row| row.parent == Some(open)),
                "Home" => rows.first(),
                "End" => rows.last(),
                _ => return,
            };
            event.prevent_default();
            if let Some(row) = to {
                on_open.emit(row.addr);
                focus(row.addr);
            }
        })
    };
    let item = |row: &ContextRow| {
        let carved = free_chunk_bytes(frame, row);
        let total = row.total_bytes.max(1);
        let used = row.used_bytes();
        let percent =
            |bytes: u64| format!("width:{:.2}%", Short(bytes as f64 * 100.0 / total as f64));
        let label = format!(
            "{}{}: {} used, {} free of {}{}",
            row.name,
            row.function.as_ref().map_or_else(String::new, |name| format!(" of {name}()")),
            words::bytes(used),
            words::bytes(row.free_bytes),
            words::bytes(row.total_bytes),
            if row.current { ", CurrentMemoryContext" } else { "" },
        );
        let class = classes!(
            "ctx",
            story.contexts.contains(&row.addr).then_some("new"),
            story.reset.contains(&row.addr).then_some("reset"),
            row.current.then_some("current"),
        );
        let onclick = {
            let addr = row.addr;
            on_open.reform(move |_: MouseEvent| addr)
        };
        html! {
            <li key={row.addr.0} {class} id={id(row.addr)} role="treeitem" {onclick}
                aria-level={row.level.to_string()} aria-label={label}
                aria-selected={(row.addr == *open).to_string()}
                tabindex={if row.addr == *open { "0" } else { "-1" }}>
                <span class="ctx-name" style={format!("--level:{}", row.level - 1)}>
                    if row.level > 1 { <i class="ctx-twig" /> }
                    <span class="ctx-words">{ &row.name }
                        if let Some(function) = &row.function {
                            <em>{ format!(" {function}()") }</em>
                        }
                    </span>
                </span>
                <span class="ctx-bar">
                    <i class="used" style={percent(used)} /><i class="freed" style={percent(carved)} />
                </span>
                <span class="ctx-size">{ words::bytes(row.total_bytes) }</span>
            </li>
        }
    };
    // However deep the tree, names have the wider part of the panel.
    let deepest = rows.iter().map(|row| row.level).max().unwrap_or(1).max(1);
    let indent = format!("--indent:{}px", (DEEPEST / deepest).clamp(1, INDENT));
    html! {
        <ul class="ctx-tree" role="tree" aria-label="Memory contexts" style={indent} {onkeydown}>
            { for rows.iter().map(item) }
        </ul>
    }
}

/// Bytes of free chunks, their headers included: what `pfree` gave back to the context.
fn free_chunk_bytes(frame: &Frame, row: &ContextRow) -> u64 {
    if row.free_chunks == 0 || row.kind != "AllocSet" {
        return 0;
    }
    let header = frame.server.profile().mmgr.chunk;
    let server = &frame.server;
    let lists = inspect::freelists(server.arena(), server.profile(), row.addr);
    let sum: u64 = lists.iter().map(|(size, count)| (size + header) * *count as u64).sum();
    sum.min(row.free_bytes)
}

fn id(addr: Addr) -> String {
    format!("context-{addr}")
}

fn focus(addr: Addr) {
    let document = web_sys::window().and_then(|window| window.document());
    let element = document.and_then(|document| document.get_element_by_id(&id(addr)));
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        // An element that can't be focused any more is one that has just gone.
        let _ = element.focus();
    }
}
