//! The question: its choices or a field for a number, and whether the reader is right.

use pgscope_scenario::{Answer, Pick};
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::prose::prose;
use crate::state::question::Asked;
use crate::state::{Action, State};

/// What is asked at this place, if anything is.
pub fn question(state: &State, asked: &Asked, act: &Callback<Action>) -> Html {
    let picked = state.picked(asked);
    let choose = |place: usize, label: Html| {
        let pick = Pick::Choice(place);
        let onchange = act.reform(move |_: Event| Action::Pick(pick));
        let checked = picked == Some(pick);
        html! {
            <label><input type="radio" name="answer" {checked} {onchange} />{ label }</label>
        }
    };
    let fields = match &asked.question.answer {
        Answer::Choices(choices) => {
            let choices = choices.iter().enumerate();
            choices.map(|(place, choice)| choose(place, prose(&choice.text))).collect::<Html>()
        }
        Answer::Number { among, .. } if !among.is_empty() => {
            let choices = asked.question.choices().into_iter().enumerate();
            choices.map(|(place, choice)| choose(place, html! { { choice } })).collect::<Html>()
        }
        Answer::Number { .. } => {
            let act = act.clone();
            let onchange = Callback::from(move |event: Event| {
                let field = event.target_unchecked_into::<HtmlInputElement>();
                // The browser's reading: Rust's would bring a table of 10 kB.
                let number = js_sys::Number::parse_float(field.value().trim());
                if number.is_finite() {
                    act.emit(Action::Pick(Pick::Number(number)));
                }
            });
            html! {
                <label>{ "Your answer " }
                    <input type="text" inputmode="decimal" size="8" {onchange} /></label>
            }
        }
    };
    let verdict = picked.and_then(|pick| asked.is_right(&pick)).map(|right| match right {
        true => html! { <b class="tone-hit">{ "Right." }</b> },
        false => html! {
            <><b class="tone-evict">{ "No." }</b>
            { format!(" The machine says: {}.", asked.answer().unwrap_or_default()) }</>
        },
    });
    html! {
        <fieldset class="question" key={asked.step}>
            <legend>{ prose(&asked.question.text) }</legend>
            { fields }
            <p role="status">{ for verdict }</p>
        </fieldset>
    }
}
