//! The page: script, shared memory, local memory, and below them the sentence and the time.

use std::rc::Rc;

use pgscope_later::examples::NAMES;
use web_sys::{HtmlElement, HtmlSelectElement};
use yew::prelude::*;

use super::actions::Actions;
use super::breaks::breaks;
use super::dial::Dial;
use super::dialogs::{Dialogs, copy_link, with_later};
use super::editor::Editor;
use super::files::{Files, save};
use super::glossary::{Glossary, explained};
use super::header::header;
use super::memory::Memory;
use super::narration::sentence;
use super::notice::notices;
use super::panes;
use super::problems::problems;
use super::question::question;
use super::transport::transport;
use crate::bridge::address;
use crate::paint::words;
use crate::state::compose::{BUTTONS, Draft};
use crate::state::run::View;
use crate::state::{Action, Activity, Dialog, Move, Pane, State, guide};

/// What of the page is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// Shared memory and the story.
    Picture,
    /// The script too.
    Script,
    /// Everything.
    Whole,
    /// Everything but what could not be loaded.
    Lacking,
}

/// What the page shows.
#[derive(Clone, Properties)]
pub struct PageProps {
    /// Everything.
    pub state: State,
    /// What of it is there.
    pub parts: Parts,
    /// To try again what could not be loaded.
    pub bring: Callback<()>,
    /// To change it.
    pub act: Callback<Action>,
}

impl PartialEq for PageProps {
    /// Drawn whenever anything is another that can be seen; its parts look closer.
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts && self.state.looks_like(&other.state)
    }
}

/// The page.
#[component]
pub fn Page(props: &PageProps) -> Html {
    let PageProps { state, parts, bring, act } = props;
    let field = use_node_ref();
    let script = use_node_ref();
    let on_copy = {
        let (state, act) = (state.clone(), act.clone());
        Callback::from(move |()| copy_link(&state, &act))
    };
    let on_save = {
        let (state, act) = (state.clone(), act.clone());
        Callback::from(move |()| save(&state, &act))
    };
    let on_embed = {
        let act = act.clone();
        Callback::from(move |()| {
            let show = act.clone();
            with_later(&act, move |_| show.emit(Action::Show(Some(Dialog::Embed))));
        })
    };
    let program = state.view.as_ref().map(|view| &view.program);
    let on_line = {
        let (act, program) = (act.clone(), program.cloned());
        Callback::from(move |line| {
            let step = program.as_ref().and_then(|program| program.first_step_from_line(line));
            if let Some(step) = step {
                act.emit(Action::Go(Move::To(step + 1)));
            }
        })
    };
    let on_script = {
        let script = script.clone();
        Callback::from(move |()| {
            if let Some(script) = script.cast::<HtmlElement>() {
                script.scroll_into_view();
            }
        })
    };
    // While it runs there is no time to think of what could be next.
    let serial = match state.activity {
        Activity::Running(_) => 0,
        _ => state.view.as_ref().map_or(0, |view| view.serial),
    };
    let drafts = use_memo((serial, state.backend), |_| {
        BUTTONS.iter().map(|button| state.draft(button.kind)).collect::<Vec<Draft>>()
    });
    let diagnostics = &state.diagnostics;
    let failures = state.view.as_ref().map(|view| Rc::clone(&view.failures));
    let failures = failures.unwrap_or_else(|| Rc::new([]));
    let failed: Vec<u32> = failures.iter().map(|failure| failure.line).collect();
    let line = state.view.as_ref().filter(|_| diagnostics.is_empty()).and_then(|view| view.line);
    html! {
        <div class="page">
            { header(state, act, &on_embed, &on_copy, &on_script) }
            { notices(state.notice.as_ref(), &on_save, act) }
            <main>
                <section class="panel script" aria-labelledby="script-heading" ref={script}>
                    <header>
                        <h2 id="script-heading">{ "Scenario" }</h2>
                        { examples(state, act) }
                        <Files state={state.clone()} act={act.clone()} />
                        { status(state) }
                    </header>
                    if *parts != Parts::Picture {
                        <Editor text={state.text.clone()} {line} {failed} breaks={Rc::clone(&state.breaks.lines)} field={field.clone()}
                            diagnostics={if state.stale { Rc::new([]) } else { Rc::clone(diagnostics) }}
                            act={act.clone()} {on_line} />
                        { problems(state, &failures, &field, act) }
                        if let Some(view) = &state.view { { breaks(state, view, act) } }
                        <Actions text={state.text.clone()} drafts={Rc::clone(&drafts)} act={act.clone()} />
                    }
                </section>
                if let Some(view) = &state.view {
                    { shared(state, view, act, true) }
                    { match *parts {
                        Parts::Whole => local(state, view, act),
                        parts => no_local(parts, bring),
                    } }
                }
            </main>
            if let Some(view) = &state.view {
                <footer class="story">
                    { sentence(view, state.activity == Activity::Resting) }
                    if let Some(asked) = &view.asked { { question(state, asked, act) } }
                    { transport(state, view, act) }
                </footer>
            }
            <Glossary />
            if let Some(dialog) = state.dialog {
                <Dialogs {dialog} link={address::of(&state.link(), "")}
                    title={state.title()} text={state.text.clone()} op={state.link().op}
                    version={state.version()} act={act.clone()} />
            }
        </div>
    }
}

/// The examples to choose from, the guide first. What stood in the script is a step back in the
/// browser.
fn examples(state: &State, act: &Callback<Action>) -> Html {
    let (from, act) = (state.link(), act.clone());
    let onchange = Callback::from(move |event: Event| {
        let select = event.target_unchecked_into::<HtmlSelectElement>();
        let chosen = usize::try_from(select.selected_index() - 1).ok();
        if let Some(chosen) = chosen {
            let from = from.clone();
            with_later(&act, move |later| {
                let to = match chosen.checked_sub(1) {
                    Some(place) => later.example(place),
                    None => Some(later.pack(&guide::link())),
                };
                if let Some(to) = to {
                    address::go(&from, &to);
                }
            });
        }
        select.set_selected_index(0);
    });
    html! {
        <select class="examples" aria-label="Examples" {onchange}>
            <option selected=true>{ "Examples" }</option>
            { for [guide::NAME].iter().chain(&NAMES).map(|name| html! { <option>{ *name }</option> }) }
        </select>
    }
}

/// Whether the script runs.
fn status(state: &State) -> Html {
    match state.diagnostics.len() {
        0 => html! { <span class="dim">{ "runs" }</span> },
        1 => html! { <span class="bad">{ "1 error" }</span> },
        many => html! { <span class="bad">{ many }{ " errors" }</span> },
    }
}

/// The buffer pool, with how well it serves; the `whole` page has other ways to see it too.
pub fn shared(state: &State, view: &View, act: &Callback<Action>, whole: bool) -> Html {
    let buffers = view.frame.server.pool().nbuffers();
    let reads = view.totals.hits + view.totals.misses;
    let percent = (view.totals.hits * 100 + reads / 2).checked_div(reads);
    let title = format!("{} of {reads} page reads found the page", view.totals.hits);
    let dial = || {
        let on_bytes = whole.then(|| act.reform(Action::Bytes));
        html! {
            <Dial frame={view.frame.clone()} selected={state.selected}
                on_select={act.reform(Action::Select)} {on_bytes} />
        }
    };
    html! {
        <section class="panel shared" aria-labelledby="shared-heading">
            <header>
                <h2 id="shared-heading">{ "Shared memory" }</h2>
                if whole { { panes::tabs(state.pane, act) } }
                <span class="dim">{ words::count(buffers.into(), "buffer") }</span>
                <span class="ratio" {title}>
                    { explained("hit ratio") }<b>{ percent.map_or_else(|| "–".into(), |percent| format!("{percent} %")) }</b>
                </span>
            </header>
            if whole {
                <div class={classes!("picture", (state.pane != Pane::Buffers).then_some("of-text"))}
                    id="pane" role="tabpanel" aria-labelledby={["tab-", state.pane.name()].concat()}>
                    if state.pane == Pane::Buffers {
                        { dial() }
                    } else {
                        { panes::pane(state, view, act) }
                    }
                </div>
            } else {
                <div class="picture">{ dial() }</div>
            }
        </section>
    }
}

/// Where a backend's own memory will be.
pub fn no_local(parts: Parts, bring: &Callback<()>) -> Html {
    let onclick = bring.reform(|_| ());
    html! {
        <section class="panel local to-come" aria-labelledby="local-heading">
            <header><h2 id="local-heading">{ "Local memory" }</h2></header>
            if parts == Parts::Lacking {
                <div class="picture" role="alert">
                    <p class="dim">{ "This part of the page could not be loaded. Try again when you are online." }</p>
                    <button type="button" {onclick}>{ "Try again" }</button>
                </div>
            }
        </section>
    }
}

/// A backend's own memory.
pub fn local(state: &State, view: &View, act: &Callback<Action>) -> Html {
    html! {
        <section class="panel local" aria-labelledby="local-heading">
            <header><h2 id="local-heading">{ "Local memory" }</h2></header>
            <div class="picture"><Memory frame={view.frame.clone()} backend={state.backend} open={state.open}
                chunk={state.chunk} on_backend={act.reform(Action::Backend)}
                on_open={act.reform(|context| Action::Open(Some(context)))}
                on_chunk={act.reform(Action::Chunk)} /></div>
        </section>
    }
}
