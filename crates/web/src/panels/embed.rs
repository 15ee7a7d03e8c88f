//! The embed: one picture, the sentence and the time, for an iframe beside somebody's text.

use pgscope_scenario::Teller;
use web_sys::Element;
use yew::prelude::*;

use super::glossary::Glossary;
use super::icons;
use super::narration::sentence;
use super::notice::notices;
use super::page::{Parts, local, no_local, shared};
use super::question::question;
use super::transport::transport;
use crate::bridge::address::Query;
use crate::bridge::host::{Message, tell};
use crate::bridge::told::Plain;
use crate::bridge::{address, observe};
use crate::state::{Action, Activity, State};

/// What the embed shows.
#[derive(Clone, Properties)]
pub struct EmbedProps {
    /// Everything.
    pub state: State,
    /// How its host wants it.
    pub query: Query,
    /// What of it is there.
    pub parts: Parts,
    /// To try again what could not be loaded.
    pub bring: Callback<()>,
    /// To change it.
    pub act: Callback<Action>,
}

impl PartialEq for EmbedProps {
    /// Drawn whenever anything is another that can be seen; its parts look closer.
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts && self.state.looks_like(&other.state)
    }
}

/// The embed.
#[component]
pub fn Embed(props: &EmbedProps) -> Html {
    let EmbedProps { state, query, parts, bring, act } = props;
    let root = use_node_ref();

    let watched = root.clone();
    use_effect_with((), move |()| {
        let report = |_, height| tell(&Message::Height { height });
        let watch = watched.cast::<Element>().and_then(|it| observe::size(&it, report));
        tell(&Message::Ready);
        move || drop(watch)
    });
    use_effect_with(state.view.clone(), |view| {
        let Some(view) = view else { return };
        let (op, event) = (view.position.op, view.position.event);
        tell(&Message::Position { op, event, of: view.len, line: view.line });
        let teller = Teller { names: view.program.names(), server: &view.frame.server };
        let events = view.frame.events.iter().map(|event| Plain(teller.tell(event))).collect();
        tell(&Message::Events { events });
    });

    let whole = address::of(&state.link(), "");
    html! {
        <div class={classes!("embed", query.auto.then_some("auto"))} ref={root}>
            <header class="top">
                <h1 class="brand">{ icons::logo() }<span>{ "pgscope" }</span></h1>
                <a href={whole} target="_blank" rel="noopener">
                    { "Open in pgscope" }<span aria-hidden="true">{ " ↗" }</span>
                </a>
            </header>
            { notices(state.notice.as_ref(), &Callback::noop(), act) }
            <Glossary />
            if let Some(view) = &state.view {
                <main>
                    { match (query.memory, *parts) {
                        (false, _) => shared(state, view, act, false),
                        (true, Parts::Whole) => local(state, view, act),
                        (true, parts) => no_local(parts, bring),
                    } }
                </main>
                <footer class="story">
                    { sentence(view, state.activity == Activity::Resting) }
                    if let Some(asked) = &view.asked { { question(state, asked, act) } }
                    { transport(state, view, act) }
                </footer>
            }
        </div>
    }
}
