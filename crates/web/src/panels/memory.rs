//! The picture of local memory: one backend's context tree, and one context opened.
//!
//! The panel shows what the machine's bytes say; which backend, context and chunk are open is
//! told from outside, so that a link can carry it.

mod blocks;
mod chunk;
mod costs;
mod freelists;
mod tree;

use std::rc::Rc;

use pgscope_core::ids::BackendId;
use pgscope_core::memory::Addr;
use pgscope_core::views::{self, ContextRow, ContextView};
use pgscope_scenario::{Replay, replay};
use yew::prelude::*;

use crate::frame::Frame;
use crate::paint::heap_story::HeapStory;
use crate::paint::{purpose, words};

/// Operations that are executed anew for each picture, to know what was asked for.
const REPLAYED: u64 = 20_000;

/// What the memory panel is given.
#[derive(Clone, PartialEq, Properties)]
pub struct MemoryProps {
    /// What to draw.
    pub frame: Frame,
    /// The backend whose memory is shown; `None` is the first.
    pub backend: Option<BackendId>,
    /// Another backend was chosen.
    pub on_backend: Callback<BackendId>,
    /// The context that is open; `None`, or one that is gone, is `CurrentMemoryContext`.
    pub open: Option<Addr>,
    /// Another context was chosen.
    pub on_open: Callback<Addr>,
    /// The chunk whose bytes are shown.
    pub chunk: Option<Addr>,
    /// A chunk was chosen, or the choice taken back.
    pub on_chunk: Callback<Option<Addr>>,
}

/// What the reader opened, closed and points at, none of which the machine knows.
#[derive(Clone, Default, PartialEq)]
struct Looks {
    /// Contexts with which the scenario has nothing to do are shown too.
    unfolded: bool,
    /// Contexts whose children are not.
    closed: Rc<[Addr]>,
    /// The chunk under the pointer.
    pointed: Option<Addr>,
}

/// The same, to be changed.
type Looked = UseStateHandle<Looks>;

/// What the parts of the panel share.
#[derive(Clone)]
struct View {
    frame: Frame,
    backend: BackendId,
    rows: Rc<[ContextRow]>,
    open: ContextRow,
    context: Rc<ContextView>,
    story: Rc<HeapStory>,
    /// What was asked for before the operation that is shown; without it, the scenario is long.
    replay: Option<Rc<Replay>>,
}

/// The backend whose memory is shown.
fn shown(props: &MemoryProps) -> Option<BackendId> {
    let server = &props.frame.server;
    let is_there = |id: BackendId| server.backend(id).is_some_and(|it| it.end().is_none());
    let chosen = props.backend.filter(|id| is_there(*id));
    chosen.or_else(|| server.backends().map(|(id, _)| id).find(|id| is_there(*id)))
}

impl View {
    fn new(props: &MemoryProps, replay: Option<Rc<Replay>>) -> Option<Self> {
        let server = &props.frame.server;
        let backend = shown(props)?;
        let rows: Rc<[ContextRow]> = views::contexts(server, backend).into();
        let is_open = |row: &&ContextRow| Some(row.addr) == props.open;
        let open =
            rows.iter().find(is_open).or_else(|| rows.iter().find(|row| row.current))?.clone();
        let story = Rc::new(HeapStory::of(server, backend, &props.frame.events));
        let live = replay.as_ref().map(|replay| replay.ledger.chunks(open.addr));
        let live = live.unwrap_or_default();
        let mut context = views::open_context(server, backend, open.addr, &live);
        if open.kind == "Generation" && replay.is_some() {
            // Its blocks only count what was freed in them; the bytes don't say which chunks.
            for chunk in context.blocks.iter_mut().flat_map(|block| &mut block.chunks) {
                let known = live.binary_search_by_key(&chunk.pointer, |(live, _)| *live).is_ok();
                let kept = known && !story.freed.contains(&chunk.pointer);
                chunk.free |= !kept && !story.allocated.contains(&chunk.pointer);
            }
        }
        let context = Rc::new(context);
        let frame = props.frame.clone();
        Some(Self { frame, backend, rows, open, context, story, replay })
    }

    /// The name of the variable that holds a chunk, and the bytes it asked for.
    fn variable(&self, pointer: Addr) -> Option<(&str, u64)> {
        let (slot, requested) = self.context.variable(pointer)?;
        Some((self.frame.chunk_name(self.backend, slot), requested))
    }
}

/// Local memory: contexts, blocks, chunks.
#[function_component]
pub fn Memory(props: &MemoryProps) -> Html {
    let looks = use_state_eq(Looks::default);
    let replay = {
        let frame = props.frame.clone();
        use_memo((frame.serial, shown(props)), move |(_, backend)| {
            let backend = backend.filter(|_| frame.steps <= REPLAYED)?;
            replay(&frame.program, backend, frame.steps).ok().map(Rc::new)
        })
    };
    let Some(view) = View::new(props, (*replay).clone()) else {
        return html! {
            <div class="memory"><p class="mem-empty">{ "No backend is connected yet." }</p></div>
        };
    };
    let total: u64 = view.rows.iter().map(|row| row.total_bytes).sum();
    // One child, there or empty: the parts before it keep their nodes, and so the focus.
    let opened_chunk = props.chunk.and_then(|chunk| chunk::chunk(&view, chunk, &props.on_chunk));
    let opened_chunk = opened_chunk.unwrap_or_default();
    html! {
        <div class="memory">
            <div class="mem-head">
                { tabs(props, view.backend) }
                <span class="mem-total">
                    { format!("{} in {}", words::bytes(total), words::count(view.rows.len() as u64, "context")) }
                </span>
            </div>
            { tree::tree(&view, &looks, &props.on_open) }
            { search(&view.story) }
            { notes(&view.story) }
            { opened(&view, props, &looks) }
            { opened_chunk }
            { costs::comparison(&view) }
        </div>
    }
}

/// One tab a backend; with a single backend, its name.
fn tabs(props: &MemoryProps, shown: BackendId) -> Html {
    let server = &props.frame.server;
    if server.backends().len() == 1 {
        return html! { <span class="mem-backend">{ "backend " }<strong>{ words::backend(server, shown) }</strong></span> };
    }
    let tab = |id: BackendId, name: &str| {
        let onclick = props.on_backend.reform(move |_: MouseEvent| id);
        html! {
            <button key={id.0} type="button" title={name.to_owned()}
                aria-pressed={(id == shown).to_string()} {onclick}>{ name }</button>
        }
    };
    html! {
        <div class="mem-tabs" role="group" aria-label="Backend">
            { for server.backends().map(|(id, backend)| tab(id, &backend.name)) }
        </div>
    }
}

/// How palloc looked for its chunk, one step behind the other.
fn search(story: &HeapStory) -> Html {
    if story.search.is_empty() {
        return Html::default();
    }
    let step = |(number, step): (usize, &crate::paint::heap_story::Note)| {
        html! {
            <li class={step.class} style={format!("--step:{number}")}><span>{ &step.words }</span></li>
        }
    };
    html! {
        <ol class="mem-search" aria-label="How palloc searched">
            { for story.search.iter().enumerate().map(step) }
        </ol>
    }
}

fn notes(story: &HeapStory) -> Html {
    if story.notes.is_empty() {
        return Html::default();
    }
    let shown = 4;
    let note = |note: &crate::paint::heap_story::Note| html! { <li class={note.class}>{ &note.words }</li> };
    html! {
        <ul class="mem-notes" aria-label="What just happened">
            { for story.notes.iter().take(shown).map(note) }
            if story.notes.len() > shown {
                <li>{ format!("and {} more", story.notes.len() - shown) }</li>
            }
        </ul>
    }
}

fn opened(view: &View, props: &MemoryProps, looks: &Looked) -> Html {
    let row = &view.open;
    // What a search found lights up when its steps have been told.
    let steps = format!("--steps:{}", view.story.search.len());
    html! {
        <section class="mem-open" aria-label={format!("Context {}", row.name)} style={steps}>
            <header>
                <h3>{ &row.name }</h3>
                if let Some(function) = &row.function {
                    <span class="mem-function">{ format!("{function}()") }</span>
                }
                <span class="mem-kind">{ row.kind }</span>
                if row.current {
                    <span class="mem-current">{ "current" }</span>
                }
                <span class="mem-size">
                    { format!("{}, {}", words::count(row.total_nblocks, "block"), words::bytes(row.total_bytes)) }
                </span>
            </header>
            if row.name == "FunctionCallContext" {
                { behind_the_name() }
            } else {
                <p class="mem-purpose">{ purpose::purpose(row) }</p>
            }
            { blocks::strips(view, props.chunk, &props.on_chunk, looks) }
            <p class="chunk-words" aria-hidden="true">
                if let Some(pointed) = looks.pointed {
                    { chunk::pointed(view, pointed) }
                } else {
                    { "Point at a chunk for its header in words; press it for its bytes." }
                }
            </p>
            { freelists::freelists(view) }
            { costs::fragmentation(view) }
        </section>
    }
}

/// `FunctionCallContext` is the playground's word; PostgreSQL has others.
fn behind_the_name() -> Html {
    Html::from_html_unchecked(AttrValue::Static(
        "<details class='mem-behind'><summary>What stands behind this name in PostgreSQL</summary><p>\
         No context there is called FunctionCallContext. A function's result and scratch memory lie \
         in the caller's per-tuple <code>ExprContext</code>, reset for each row. What lives longer: \
         <code>FmgrInfo.fn_mcxt</code> across calls, <code>SPI Proc</code> and <code>SPI Exec</code> \
         for SPI, and <code>SRF multi-call context</code> for set-returning functions: it belongs to \
         a <code>FuncCallContext</code>, which is a struct.</p></details>",
    ))
}
