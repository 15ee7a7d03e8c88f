//! The root: the one state, what acts on it from outside, and which form of the page is shown.

use yew::prelude::*;

use crate::bridge::address::{self, Query};
use crate::bridge::{storage, theme};
use crate::panels::effects;
use crate::panels::embed::Embed;
use crate::panels::page::Page;
use crate::state::{Action, State};

/// The state of a page that was just opened: what its link says; else, unless it is an embed,
/// what its reader left here; else the guide.
fn opened(query: Query) -> State {
    let link = address::link();
    let left = if query.embed { None } else { storage::scenario() };
    State::opened(link, left, theme::current())
}

/// The page.
#[component]
pub fn App() -> Html {
    let query = *use_memo((), |()| address::query());
    let state = use_reducer(move || opened(query));
    let dispatcher = state.dispatcher();
    let act = use_callback((), move |action: Action, ()| dispatcher.dispatch(action));

    effects::use_clockwork(&state, &act);
    effects::use_theme(&state, query, &act);
    effects::use_links(&act);
    effects::use_keys(&state, query, &act);
    effects::use_memory_of_the_script(&state, query);
    effects::use_title(&state);
    effects::use_ready();

    let shown = (*state).clone();
    if query.embed {
        html! { <Embed state={shown} memory={query.memory} {act} /> }
    } else {
        html! { <Page state={shown} {act} /> }
    }
}
