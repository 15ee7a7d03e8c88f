//! The root: the one state, what acts on it from outside, and which form of the page is shown.

use std::rc::Rc;

use gloo_timers::callback::Timeout;
use pgscope_scenario::link::Link;
use yew::prelude::*;

use crate::bridge::address::Query;
use crate::bridge::later::{self, Later};
use crate::bridge::storage::{self, Kept};
use crate::bridge::{address, mount_point, rest, theme};
use crate::panels::effects;
use crate::panels::embed::Embed;
use crate::panels::page::Page;
use crate::state::{Action, State};

/// What the page begins with.
#[derive(Clone, Properties)]
pub struct AppProps {
    /// How to show it.
    query: Query,
    /// What to show.
    opened: Rc<State>,
}

impl PartialEq for AppProps {
    fn eq(&self, other: &Self) -> bool {
        self.query == other.query && Rc::ptr_eq(&self.opened, &other.opened)
    }
}

/// Take over the page. It begins with what its link says; else, unless it is an embed, with what
/// its reader left here; else with the guide. Only what is packed is waited for.
pub fn mount() {
    let query = address::query();
    let fragment = address::fragment();
    let kept = if query.embed { None } else { storage::scenario() };
    // A link is newer than a panic, which took the one before out of the address.
    let rescued = if query.embed || fragment.is_some() { None } else { storage::rescued() };
    let packed = fragment.is_some() || matches!(kept, Some(Kept::Packed(_)));
    let render = move |later: Option<Later>| {
        let open = |fragment: &str| address::open(later.as_ref(), fragment);
        let at = |link: Link| match query.at {
            Some(op) => Link { op, event: 0, ..link },
            None => link,
        };
        let mut link = rescued.map(Ok).or_else(|| fragment.as_deref().map(|it| open(it).map(at)));
        let left = match kept {
            Some(Kept::Whole(link)) => Some(link),
            Some(Kept::Packed(fragment)) => {
                let kept = open(&fragment);
                if later.is_none() {
                    // Said before the reader writes over it.
                    link = link.or(kept.clone().err().map(Err));
                }
                kept.ok()
            }
            None => None,
        };
        let opened = Rc::new(State::opened(link, left, theme::current()));
        // The server has started; the browser may draw and listen before the page is made.
        Timeout::new(0, move || {
            if let Some(root) = mount_point() {
                let props = AppProps { query, opened };
                yew::Renderer::<App>::with_root_and_props(root, props).render();
            }
        })
        .forget();
    };
    if packed {
        // What a link shows may need any part of the program.
        rest::fetch(|_| ());
        later::with(render);
    } else {
        render(None);
    }
}

/// The page.
#[component]
pub fn App(props: &AppProps) -> Html {
    let query = props.query;
    let state = {
        let opened = Rc::clone(&props.opened);
        use_reducer(move || State::clone(&opened))
    };
    let dispatcher = state.dispatcher();
    let act = use_callback((), move |action: Action, ()| dispatcher.dispatch(action));

    effects::use_clockwork(&state, &act);
    effects::use_theme(&state, query, &act);
    effects::use_projector(&state);
    effects::use_looks(&state);
    effects::use_links(&act);
    effects::use_files(query, &act);
    effects::use_keys(&state, query, &act);
    effects::use_memory_of_the_script(&state, query);
    effects::use_title(&state);
    let (parts, bring) = effects::use_parts();

    let shown = (*state).clone();
    if query.embed {
        html! { <Embed state={shown} {query} {parts} {bring} {act} /> }
    } else {
        html! { <Page state={shown} {parts} {bring} {act} /> }
    }
}
