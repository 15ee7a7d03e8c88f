//! The buttons that write statements, and a form to choose what exactly they write.
//!
//! A button writes at once what is most likely wanted next and leaves its form open, filled in for
//! the one after that: click on for more of the same, or change a field first.

use std::rc::Rc;

use pgscope_core::ids::BackendId;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use super::icons;
use crate::state::Action;
use crate::state::compose::{BUTTONS, Blank, Button, Draft, Kind};

/// Buttons that are always there; the others come with "More".
const FIRST: usize = 6;

/// What the buttons need.
#[derive(Clone, PartialEq, Properties)]
pub struct ActionsProps {
    /// The script, which says when it is time for other defaults.
    pub text: Rc<str>,
    /// A statement for each button, in their order, filled in.
    pub drafts: Rc<Vec<Draft>>,
    /// To append one.
    pub act: Callback<Action>,
}

/// The buttons.
#[component]
pub fn Actions(props: &ActionsProps) -> Html {
    let ActionsProps { text, drafts, act } = props;
    let all = use_state(|| false);
    let open = use_state(|| None::<Kind>);

    let shown = if *all { BUTTONS } else { BUTTONS.get(..FIRST).unwrap_or(BUTTONS) };
    let buttons = shown.iter().zip(drafts.iter()).map(|(button, draft)| {
        let Button { kind, label, key } = *button;
        let (act, open_form, draft) = (act.clone(), open.setter(), draft.clone());
        let ready = draft.is_complete();
        let title = if ready { draft.statement() } else { missing(&draft) };
        let onclick = Callback::from(move |_: MouseEvent| {
            act.emit(Action::Append(draft.clone()));
            open_form.set((!draft.fields.is_empty()).then_some(kind));
        });
        html! {
            <button type="button" key={key} {title} {onclick} disabled={!ready}
                class={classes!((*open == Some(kind)).then_some("chosen"))}
                aria-keyshortcuts={key}>
                { label }<kbd aria-hidden="true">{ key }</kbd>
            </button>
        }
    });
    let more = {
        let all = all.clone();
        Callback::from(move |_: MouseEvent| all.set(!*all))
    };
    let chosen = open.and_then(|kind| BUTTONS.iter().position(|button| button.kind == kind));
    let draft = chosen.and_then(|chosen| drafts.get(chosen)).cloned();
    let edited = use_state(|| None::<Draft>);
    // Another script and another backend ask for other defaults; a tick of the clock does not.
    let (reset, fresh) = (edited.setter(), draft.clone());
    let backend = draft.as_ref().and_then(|draft| Some(draft.fields.first()?.value.clone()));
    use_effect_with((*open, text.clone(), backend), move |_| reset.set(fresh));
    // Until that is done, the form shows what it will be.
    let current = (*edited).clone().filter(|edited| Some(edited.kind) == *open).or(draft);
    let form = chosen.zip(current).and_then(|(chosen, current)| {
        let label = BUTTONS.get(chosen)?.label;
        let close = open.setter();
        let on_close = Callback::from(move |()| close.set(None));
        Some(form(label, &current, &edited.setter(), act, &on_close))
    });
    html! {
        <div class="actions" role="group" aria-label="Add to the scenario">
            if let Some(form) = form { { form } }
            <div class="buttons">
                { for buttons }
                <button type="button" onclick={more} aria-expanded={all.to_string()}>
                    { if *all { "Less" } else { "More…" } }
                </button>
            </div>
        </div>
    }
}

/// Why a button has nothing to do.
fn missing(draft: &Draft) -> String {
    let empty = draft.fields.iter().find(|field| field.value.is_empty());
    match empty.map(|field| field.blank) {
        Some(Blank::Chunk) => "there is no chunk with a name here: palloc one first".into(),
        Some(Blank::Pin) => "there is no pin here: pin a page first".into(),
        Some(Blank::Prepared) => "there is no prepared statement here: prepare one first".into(),
        Some(Blank::Context) => "there is no context of the scenario's own here".into(),
        _ => String::new(),
    }
}

/// The form of one statement; what is changed in it goes to `set_edited`.
fn form(
    label: &'static str,
    edited: &Draft,
    set_edited: &UseStateSetter<Option<Draft>>,
    act: &Callback<Action>,
    on_close: &Callback<()>,
) -> Html {
    let fields = edited.fields.iter().map(|field| {
        let (state, draft, blank) = (set_edited.clone(), edited.clone(), field.blank);
        let set = move |value: &str| state.set(Some(draft.with(blank, value)));
        let name = blank.label();
        if field.choices.is_empty() {
            let oninput = Callback::from(move |event: InputEvent| {
                set(&event.target_unchecked_into::<HtmlInputElement>().value());
            });
            let inputmode =
                matches!(blank, Blank::Page | Blank::Size | Blank::Key).then_some("numeric");
            html! {
                <label key={name}>{ name }
                    <input type="text" value={field.value.clone()} {oninput} {inputmode}
                        autocomplete="off" autocapitalize="off" spellcheck="false" size="6" />
                </label>
            }
        } else {
            let act = act.clone();
            let onchange = Callback::from(move |event: Event| {
                let select = event.target_unchecked_into::<HtmlSelectElement>();
                match u16::try_from(select.selected_index()) {
                    Ok(index) if blank == Blank::Backend => {
                        act.emit(Action::Backend(BackendId(index)));
                    }
                    _ => set(&select.value()),
                }
            });
            let choices = field.choices.iter().map(|choice| {
                let selected = *choice == field.value;
                html! { <option value={choice.clone()} {selected}>{ choice }</option> }
            });
            html! { <label key={name}>{ name }<select {onchange}>{ for choices }</select></label> }
        }
    });
    let onsubmit = {
        let (act, edited) = (act.clone(), edited.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if edited.is_complete() {
                act.emit(Action::Append(edited.clone()));
            }
        })
    };
    let close = on_close.reform(|_: MouseEvent| ());
    let onkeydown = {
        let on_close = on_close.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Escape" {
                on_close.emit(());
            }
        })
    };
    html! {
        <form class="composer" aria-label={label} {onsubmit} {onkeydown}>
            <code>{ edited.statement() }</code>
            <button type="button" class="quiet" aria-label="Close the form" onclick={close}>
                { icons::close() }
            </button>
            <div class="fields">
                { for fields }
                <button type="submit" class="primary" disabled={!edited.is_complete()}>
                    { "Add" }<kbd aria-hidden="true">{ "↵" }</kbd>
                </button>
            </div>
        </form>
    }
}
