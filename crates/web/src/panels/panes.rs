//! Shared memory's panel: the buffers, the server's views as tables, bytes, locks or the map, and the
//! tabs that choose.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

use super::bytes::Bytes;
use super::locks::Locks;
use super::map::Map;
use super::views::Views;
use crate::state::run::View;
use crate::state::{Action, Notice, Pane, State};

/// The tabs. Left and right go from one to the next.
pub fn tabs(chosen: Pane, act: &Callback<Action>) -> Html {
    let onkeydown = {
        let act = act.clone();
        Callback::from(move |event: KeyboardEvent| {
            let to = match event.key().as_str() {
                "ArrowRight" => chosen.next(1),
                "ArrowLeft" => chosen.next(Pane::ALL.len() - 1),
                "Home" => Pane::Buffers,
                "End" => Pane::Map,
                _ => return,
            };
            event.prevent_default();
            act.emit(Action::Pane(to));
            let list = event.current_target().and_then(|it| it.dyn_into::<Element>().ok());
            let tab = list.and_then(|it| it.query_selector(&["#tab-", to.name()].concat()).ok()?);
            if let Some(tab) = tab.and_then(|tab| tab.dyn_into::<HtmlElement>().ok()) {
                // It is on the page: it can be focused.
                let _ = tab.focus();
            }
        })
    };
    let tab = |pane: Pane| {
        let onclick = act.reform(move |_: MouseEvent| Action::Pane(pane));
        html! {
            <button type="button" role="tab" id={["tab-", pane.name()].concat()} {onclick}
                aria-selected={(pane == chosen).to_string()} aria-controls="pane"
                tabindex={if pane == chosen { "0" } else { "-1" }}>{ pane.name() }</button>
        }
    };
    html! {
        <div class="tabs" role="tablist" aria-label="Shared memory as" {onkeydown}>
            { for Pane::ALL.into_iter().map(tab) }
        </div>
    }
}

/// What a tab other than the buffers' shows.
pub fn pane(state: &State, view: &View, act: &Callback<Action>) -> Html {
    let frame = view.frame.clone();
    match state.pane {
        Pane::Buffers => Html::default(),
        Pane::Views => {
            let on_copied =
                act.reform(|news: &'static str| Action::Tell(Notice::Done(news.into())));
            html! { <Views {frame} backend={state.backend} {on_copied} /> }
        }
        Pane::Bytes => {
            html! { <Bytes {frame} at={state.byte} on_at={act.reform(Action::Bytes)} /> }
        }
        Pane::Locks => html! { <Locks {frame} /> },
        Pane::Map => html! { <Map {frame} at={state.byte} on_at={act.reform(Action::Bytes)} /> },
    }
}
