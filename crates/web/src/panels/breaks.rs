//! Where to stop: a field for an event, a condition or a line, and the way to run there.

use pgscope_scenario::EVENT_KINDS;
use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::state::run::View;
use crate::state::{Action, Move, State};

/// The field and its button. Lines are marked in the script's margin.
pub fn breaks(state: &State, view: &View, act: &Callback<Action>) -> Html {
    let onchange = act.reform(|event: Event| {
        Action::BreakAt(event.target_unchecked_into::<HtmlInputElement>().value().into())
    });
    let onclick = act.reform(|_: MouseEvent| Action::Go(Move::Break));
    let problem = state.breaks.problem(&view.program);
    let wrong = problem.is_some().then_some("true");
    html! {
        <div class="breaks">
            <label>{ "Stop at " }
                <input type="text" list="event-kinds" size="18" value={state.breaks.at.to_string()}
                    placeholder="dirty eviction" aria-invalid={wrong} aria-describedby="breaks-problem"
                    title="An event, a condition as behind expect, or a line. In the margin of the script \
                    or by F9 a line is marked." {onchange} />
            </label>
            <datalist id="event-kinds">
                { for EVENT_KINDS.iter().map(|kind| html! { <option value={kind.name}>{ kind.meaning }</option> }) }
            </datalist>
            <button type="button" title="Run to the next stop (F8)" {onclick}
                disabled={state.breaks.is_empty() || view.at_end()}>{ "Run there" }</button>
            <span id="breaks-problem" class="bad" role="status">{ problem.unwrap_or_default() }</span>
        </div>
    }
}
