//! The header: what this is, which server it runs on, and how to take it elsewhere.

use pgscope_core::profile::Version;
use web_sys::HtmlSelectElement;
use yew::prelude::*;

use super::icons;
use crate::state::compose::Setting;
use crate::state::{Action, Dialog, State};

/// Sizes of `shared_buffers` that are offered: dials, then grids.
const SIZES: [(u32, &str); 7] = [
    (16, "128kB"),
    (32, "256kB"),
    (48, "384kB"),
    (64, "512kB"),
    (256, "2MB"),
    (1024, "8MB"),
    (16_384, "128MB"),
];

/// The value of the choice that is none.
const COMPARE: &str = "all";

/// A size as PostgreSQL's `SHOW` prints it.
fn size(buffers: u32) -> String {
    let kb = u64::from(buffers) * 8;
    match kb {
        kb if kb % (1024 * 1024) == 0 => format!("{}GB", kb / (1024 * 1024)),
        kb if kb % 1024 == 0 => format!("{}MB", kb / 1024),
        kb => format!("{kb}kB"),
    }
}

/// The header. `on_embed` shows the code that embeds, `on_copy` copies the link; `on_script` goes to the script where it is out of sight.
pub fn header(
    state: &State,
    act: &Callback<Action>,
    on_embed: &Callback<()>,
    on_copy: &Callback<()>,
    on_script: &Callback<()>,
) -> Html {
    let program = state.view.as_ref().map(|view| &view.program);
    let config = program.map(|program| program.config()).unwrap_or_default();
    let (title, buffers) = (state.title().to_owned(), config.shared_buffers);
    let on_size = act.reform(|event: Event| {
        let select = event.target_unchecked_into::<HtmlSelectElement>();
        Action::Server(Setting::SharedBuffers, select.value().into())
    });
    let versions = Version::OFFERED.iter().map(|version| {
        let number = version.number().to_string();
        let selected = *version == config.version;
        html! { <option value={number.clone()} {selected}>{ number }</option> }
    });
    // Not a version, but a look at all of them.
    let on_version = {
        let (act, own) = (act.clone(), config.version.number().to_string());
        Callback::from(move |event: Event| {
            let select = event.target_unchecked_into::<HtmlSelectElement>();
            act.emit(match select.value().as_str() {
                COMPARE => {
                    select.set_value(&own);
                    Action::Show(Some(Dialog::Versions))
                }
                number => Action::Server(Setting::Version, number.into()),
            });
        })
    };
    let offered = SIZES.iter().any(|(count, _)| *count == buffers);
    let sizes = SIZES.iter().map(|&(count, name)| {
        html! { <option value={name} selected={count == buffers}>{ name }</option> }
    });
    let keys = act.reform(move |_: MouseEvent| Action::Show(Some(Dialog::Keys)));
    let other = state.theme.other();
    let turn = act.reform(move |_: MouseEvent| Action::Theme(other));
    let script = on_script.reform(|_: MouseEvent| ());
    let embed = on_embed.reform(|_: MouseEvent| ());
    let copy = on_copy.reform(|_: MouseEvent| ());
    html! {
        <header class="top">
            <a class="brand" href="./" aria-label="pgscope, from the beginning">
                { icons::logo() }<span>{ "pgscope" }</span>
            </a>
            <h1>{ if title.is_empty() { "Untitled scenario".into() } else { title } }</h1>
            <label class="chip version" title="PostgreSQL">
                <span>{ "PostgreSQL" }</span>
                <select aria-label="PostgreSQL" onchange={on_version}>
                    { for versions }
                    <option value={COMPARE}>{ "Compare all" }</option>
                </select>
            </label>
            <label class="chip buffers">
                <span>{ "shared_buffers" }</span>
                <select aria-label="shared_buffers" onchange={on_size}>
                    if !offered { <option selected=true>{ size(buffers) }</option> }
                    { for sizes }
                </select>
            </label>
            <nav aria-label="Share and settings">
                <button type="button" class="script-button" onclick={script}>{ "Script" }</button>
                <button type="button" class="embed-button" onclick={embed}>
                    { "Embed" }
                </button>
                <button type="button" class="primary" onclick={copy}>{ "Copy link" }</button>
                <button type="button" class="square projector-button" title="Projector: large type (z)"
                    aria-label="Large type" aria-pressed={state.projector.to_string()}
                    onclick={act.reform(|_: MouseEvent| Action::Projector)}>{ "A" }</button>
                <button type="button" class="square" title="Dark, light (t)" onclick={turn}
                    aria-label={format!("Use the {} theme", other.name())}>{ icons::theme() }</button>
                <button type="button" class="square help-button" title="Keys (?)"
                    aria-label="Keyboard shortcuts" onclick={keys}>{ "?" }</button>
            </nav>
        </header>
    }
}
