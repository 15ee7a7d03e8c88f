//! What is wrong with the script, in words: errors with their place and a way out, and
//! expectations that did not hold.

use std::rc::Rc;

use pgscope_scenario::Failure;
use web_sys::HtmlTextAreaElement;
use yew::prelude::*;

use crate::bridge::editor;
use crate::state::{Action, State};

/// The list below the editor, empty where nothing is wrong. `field` is the editor's text field.
pub fn problems(
    state: &State,
    failures: &[Failure],
    field: &NodeRef,
    act: &Callback<Action>,
) -> Html {
    let (text, diagnostics) = (&state.text, &state.diagnostics);
    let place = |line: u32, column: u32, label: String| {
        let field = field.clone();
        let go = Callback::from(move |_: MouseEvent| {
            if let Some(field) = field.cast::<HtmlTextAreaElement>() {
                editor::go_to(&field, line, column);
            }
        });
        html! { <button type="button" class="where" onclick={go}>{ label }</button> }
    };
    let errors = diagnostics.iter().map(|wrong| {
        let mend = wrong.suggestion.as_ref().and_then(|word| {
            let (head, tail) = (text.get(..wrong.span.start)?, text.get(wrong.span.end..)?);
            let mended: Rc<str> = format!("{head}{word}{tail}").into();
            let mend = act.reform(move |_: MouseEvent| Action::Edit(Rc::clone(&mended)));
            Some(html! {
                <button type="button" class="mend" onclick={mend}>{ "write " }<b>{ word }</b></button>
            })
        });
        let label = format!("line {}, column {}", wrong.line, wrong.column);
        html! {
            <li>
                { place(wrong.line, wrong.column, label) }
                <span>{ &wrong.message }</span>
                if let Some(mend) = mend {
                    { mend }
                } else if let Some(help) = &wrong.help {
                    <span class="help">{ help }</span>
                }
            </li>
        }
    });
    let failures = failures.iter().map(|failure| {
        html! {
            <li>
                { place(failure.line, 1, format!("line {}", failure.line)) }
                <span>{ &failure.message }</span>
            </li>
        }
    });
    let items: Vec<Html> = errors.chain(failures).collect();
    html! {
        <div class="problems" role="log" aria-label="Problems" tabindex="-1">
            if !items.is_empty() { <ul>{ for items }</ul> }
        </div>
    }
}
