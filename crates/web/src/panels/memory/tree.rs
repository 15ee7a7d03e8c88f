//! The tree of memory contexts, each with a bar of its headers, its used and its freed bytes.
//!
//! A backend has a dozen contexts of its own; those that the scenario has nothing to do with are
//! folded away behind a button, and any family can be closed. For the keyboard a tree whose selection
//! follows the focus: up and down, Home and End, left closes or goes to the parent, right opens or goes
//! to the first child.

use pgscope_core::ids::ContextSlot;
use pgscope_core::memory::Addr;
use pgscope_core::mmgr::inspect;
use pgscope_core::views::ContextRow;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

use super::{Looked, Looks, View};
use crate::frame::Frame;
use crate::paint::heap_story::Folded;
use crate::paint::short::Short;
use crate::paint::words;

/// How far a child stands in from its parent, and the deepest from the root, in CSS pixels.
const INDENT: u32 = 14;
const DEEPEST: u32 = 112;
/// Fewer than this many are not worth folding.
const WORTH_FOLDING: usize = 2;
/// Contexts that are told one by one when they go.
const MOST_FOLDED: usize = 6;

/// Close a family, or open it.
fn close(looks: &Looked, addr: Addr, shut: bool) {
    let others = looks.closed.iter().copied().filter(|it| *it != addr);
    let closed = others.chain(shut.then_some(addr)).collect();
    looks.set(Looks { closed, ..(**looks).clone() });
}

/// What is within a context.
#[derive(Clone, Copy, PartialEq)]
enum Family {
    /// Nobody.
    None,
    /// Contexts that are shown.
    Open,
    /// So many contexts that are not.
    Shut(usize),
}

/// The rows that are seen. Who is looked at is seen wherever it is.
fn seen<'a>(rows: &[&'a ContextRow], closed: &[Addr], open: Addr) -> Vec<(&'a ContextRow, Family)> {
    let mut seen = Vec::new();
    let mut rest = rows;
    while let [row, behind @ ..] = rest {
        // A family lies in one piece behind its head.
        let within = |it: &&&ContextRow| it.level > row.level;
        let mut family =
            if behind.first().is_some_and(|it| within(&it)) { Family::Open } else { Family::None };
        rest = behind;
        if family == Family::Open && closed.contains(&row.addr) {
            let size = behind.iter().take_while(within).count();
            let (inside, others) = behind.split_at(size);
            if inside.iter().all(|it| it.addr != open) {
                (family, rest) = (Family::Shut(size), others);
            }
        }
        seen.push((*row, family));
    }
    seen
}

/// The tree, as the reader wants to see it.
pub(super) fn tree(view: &View, looks: &Looked, on_open: &Callback<Addr>) -> Html {
    let View { frame, rows, story, .. } = view;
    let open = view.open.addr;
    let untouched = untouched(view);
    let rest = rows.iter().zip(&untouched).filter(|(_, untouched)| **untouched);
    let rest: Vec<&ContextRow> = rest.map(|(row, _)| row).collect();
    let foldable = rest.len() >= WORTH_FOLDING;
    let all = !foldable || looks.unfolded;
    let shown = rows.iter().zip(&untouched).filter(|(_, untouched)| all || !**untouched);
    let shown: Vec<&ContextRow> = shown.map(|(row, _)| row).collect();
    let shown = seen(&shown, &looks.closed, open);
    let onkeydown = {
        let (on_open, looks) = (on_open.clone(), looks.clone());
        let shown: Vec<(Addr, Option<Addr>, Family)> =
            shown.iter().map(|(row, family)| (row.addr, row.parent, *family)).collect();
        Callback::from(move |event: KeyboardEvent| {
            if event.ctrl_key() || event.alt_key() || event.meta_key() {
                return;
            }
            let Some(at) = shown.iter().position(|row| row.0 == open) else { return };
            let to = match event.key().as_str() {
                "ArrowDown" => shown.get(at + 1),
                "ArrowUp" => at.checked_sub(1).and_then(|before| shown.get(before)),
                "ArrowLeft" if shown[at].2 == Family::Open => {
                    close(&looks, open, true);
                    None
                }
                "ArrowRight" if matches!(shown[at].2, Family::Shut(_)) => {
                    close(&looks, open, false);
                    None
                }
                "ArrowLeft" => shown.iter().find(|row| Some(row.0) == shown[at].1),
                "ArrowRight" => shown.get(at + 1).filter(|row| row.1 == Some(open)),
                "Home" => shown.first(),
                "End" => shown.last(),
                _ => return,
            };
            event.prevent_default();
            if let Some((addr, ..)) = to {
                on_open.emit(*addr);
                focus(*addr);
            }
        })
    };
    let item = |(row, family): &(&ContextRow, Family)| {
        let mark = (*family != Family::None).then(|| {
            let (looks, addr, is_open) = (looks.clone(), row.addr, *family == Family::Open);
            // The press goes on to its row: who closes a family looks at its head.
            let onclick = Callback::from(move |_: MouseEvent| close(&looks, addr, is_open));
            html! { <i class={classes!("ctx-mark", (!is_open).then_some("shut"))} {onclick}></i> }
        });
        let Bar { headers, used, freed } = Bar::of(frame, row);
        let total = row.total_bytes.max(1);
        let part = |class: &'static str, bytes: u64| {
            let style = format!("width:{:.2}%", Short(bytes as f64 * 100.0 / total as f64));
            html! { <i {class} {style} /> }
        };
        // It begins with what can be seen, for those who say aloud what they see.
        let label = format!(
            "{}{}{} {}: {}, {} used, {} free{}",
            row.name,
            row.function.as_ref().map_or_else(String::new, |name| format!(" {name}()")),
            if row.kind == "AllocSet" { String::new() } else { format!(" {}", row.kind) },
            words::bytes(row.total_bytes),
            row.kind,
            words::bytes(row.used_bytes()),
            words::bytes(row.free_bytes),
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
                aria-expanded={(*family != Family::None).then(|| (*family == Family::Open).to_string())}
                aria-selected={(row.addr == open).to_string()}
                tabindex={if row.addr == open { "0" } else { "-1" }}>
                <span class="ctx-name" aria-hidden="true" style={format!("--level:{}", row.level - 1)}>
                    if row.level > 1 { <i class="ctx-twig" /> }
                    { for mark }
                    <span class="ctx-words">{ &row.name }
                        if let Some(function) = &row.function {
                            <em>{ format!(" {function}()") }</em>
                        }
                    </span>
                    if row.kind != "AllocSet" { { " " }<span class="mem-kind">{ row.kind }</span> }
                    if let Family::Shut(size) = family { <span class="mem-kind">{ "+" }{ *size }</span> }
                </span>
                { " " }
                <span class="ctx-bar" aria-hidden="true">
                    { part("headers", headers) }{ part("used", used) }{ part("freed", freed) }
                </span>
                <span class="ctx-size" aria-hidden="true">{ words::bytes(row.total_bytes) }</span>
            </li>
        }
    };
    // However deep the tree, names have the wider part of the panel.
    let deepest = rows.iter().map(|row| row.level).max().unwrap_or(1).max(1);
    let indent = format!("--indent:{}px", (DEEPEST / deepest).clamp(1, INDENT));
    let fold = || {
        let names = rest.iter().map(|row| &*row.name).collect::<Vec<_>>().join(", ");
        let size = rest.iter().map(|row| row.total_bytes).sum();
        let (open, looks) = (looks.unfolded, looks.clone());
        let onclick = Callback::from(move |_: MouseEvent| {
            looks.set(Looks { unfolded: !open, ..(*looks).clone() });
        });
        html! {
            <button type="button" class="ctx-fold" {onclick} title={names.clone()}
                aria-expanded={open.to_string()}>
                <span>{ format!("{} more of a backend's own", rest.len()) }
                    if !open { { ": " }{ names } }
                </span>
                <span class="ctx-size">{ words::bytes(size) }</span>
            </button>
        }
    };
    html! {
        <div class="ctx-panel">
            <ul class="ctx-tree" role="tree" aria-label="Memory contexts" style={indent} {onkeydown}>
                { for shown.iter().map(item) }
            </ul>
            { folded(view) }
            if foldable { { fold() } }
        </div>
    }
}

/// The contexts that this operation took away fold up where the tree ends.
fn folded(view: &View) -> Html {
    let gone = &view.story.folded;
    if gone.is_empty() {
        return Html::default();
    }
    let name = |addr: Addr| view.rows.iter().find(|row| row.addr == addr).map(|row| &*row.name);
    let item = |(step, folded): (usize, &Folded)| {
        let how = match folded.into.and_then(name) {
            Some(reset) => format!("gone with the reset of {reset}"),
            None => "deleted".to_owned(),
        };
        html! {
            <li class="ctx-gone" style={format!("--level:1;--indent:14px;--step:{step}")}>
                <s>{ &folded.name }</s><em>{ how }</em>
            </li>
        }
    };
    html! {
        <ul aria-label="Contexts that are gone">
            { for gone.iter().take(MOST_FOLDED).enumerate().map(item) }
            if gone.len() > MOST_FOLDED {
                <li class="ctx-gone" style="--level:1;--indent:14px">
                    { format!("and {} more", gone.len() - MOST_FOLDED) }
                </li>
            }
        </ul>
    }
}

/// Which contexts the reader has nothing to do with: made when the backend started, named nowhere
/// in the scenario, and without a part in what happens now. What has such a context in it stays.
fn untouched(view: &View) -> Vec<bool> {
    let View { frame, backend, rows, story, .. } = view;
    let open = view.open.addr;
    let names = frame.program.names();
    let in_transaction =
        frame.server.backend(*backend).is_some_and(|backend| backend.is_in_transaction());
    let of_start = |row: &ContextRow| {
        let known = ContextSlot::WELL_KNOWN.iter().find(|(name, _)| *name == row.name);
        known.map(|(_, slot)| *slot).filter(|slot| *slot <= ContextSlot::TOP_TRANSACTION)
    };
    let is_untouched = |row: &ContextRow| {
        of_start(row).is_some_and(|slot| {
            let active = slot == ContextSlot::TOP_TRANSACTION && in_transaction;
            let happens = story.contexts.contains(&row.addr) || story.reset.contains(&row.addr);
            let named = names.mentions(*backend, slot);
            !(active || happens || named || row.current || row.addr == open)
        })
    };
    let mut untouched: Vec<bool> = rows.iter().map(is_untouched).collect();
    // Parents come before their children.
    for at in (0..rows.len()).rev().filter(|at| rows[*at].parent.is_some()) {
        let parent = rows[..at].iter().rposition(|row| Some(row.addr) == rows[at].parent);
        if let Some(parent) = parent.filter(|_| !untouched[at]) {
            untouched[parent] = false;
        }
    }
    if let Some(root) = untouched.first_mut() {
        *root = false;
    }
    untouched
}

/// What the bytes of a context are, but for those that were never handed out.
struct Bar {
    headers: u64,
    used: u64,
    /// What `pfree` gave back to the context, with the headers of the free chunks.
    freed: u64,
}

impl Bar {
    fn of(frame: &Frame, row: &ContextRow) -> Self {
        let (arena, profile) = (frame.server.arena(), frame.server.profile());
        let header = frame.server.context(row.addr).chunk_header(profile);
        let (mut headers, mut freed) = (0, 0);
        for block in inspect::blocks(arena, profile, row.addr) {
            // Sizes that somebody wrote over can be anything.
            headers = u64::wrapping_add(headers, block.header);
            for chunk in &block.chunks {
                let size = if chunk.free { header.wrapping_add(chunk.size) } else { header };
                let sum = if chunk.free { &mut freed } else { &mut headers };
                *sum = u64::wrapping_add(*sum, size);
            }
        }
        let used = row.used_bytes().saturating_sub(headers);
        Self { headers, used, freed: freed.min(row.free_bytes) }
    }
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
