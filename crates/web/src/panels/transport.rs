//! Through time: the buttons, the timeline, where we are and how fast.

use web_sys::HtmlSelectElement;
use yew::prelude::*;

use super::icons;
use super::timeline::TimelineBar;
use crate::paint::timeline::position;
use crate::state::run::View;
use crate::state::{Action, Activity, Move, SPEEDS, State};

/// The controls.
pub fn transport(state: &State, view: &View, act: &Callback<Action>) -> Html {
    let (activity, speed) = (state.activity, state.speed);
    let go = |label: &'static str, keys: &'static str, icon: Html, to: Move, off: bool| {
        let onclick = act.reform(move |_: MouseEvent| Action::Go(to));
        let class = matches!(to, Move::StepEvent | Move::BackEvent).then_some("small");
        html! {
            <button type="button" {class} aria-label={label} title={format!("{label} ({keys})")}
                {onclick} disabled={off}>{ icon }</button>
        }
    };
    let (at_start, at_end) = (view.at_start(), view.at_end());
    let moving = activity != Activity::Resting;
    let (label, icon) = if moving { ("Pause", icons::pause()) } else { ("Play", icons::play()) };
    let toggle = act.reform(|_: MouseEvent| Action::Toggle);
    let onchange = act.reform(|event: Event| {
        let select = event.target_unchecked_into::<HtmlSelectElement>();
        Action::Speed(usize::try_from(select.selected_index()).unwrap_or_default())
    });
    let speeds = SPEEDS.iter().enumerate().map(|(index, (name, _))| {
        html! { <option selected={index == speed}>{ *name }</option> }
    });
    html! {
        <div class="transport">
            <div class="keys" role="group" aria-label="Time">
                { go("To start", "Home", icons::to_start(), Move::Start, at_start) }
                { go("Back", "←", icons::back(), Move::BackOp, at_start) }
                { go("Back one event", "Shift ←", icons::back_event(), Move::BackEvent, at_start) }
                <button type="button" class="play" aria-label={label}
                    title={format!("{label} (space)")} onclick={toggle} disabled={view.len == 0}>
                    { icon }
                </button>
                { go("Step one event", "Shift →", icons::step_event(), Move::StepEvent, at_end) }
                { go("Step", "→", icons::step(), Move::StepOp, at_end) }
                { go("To end", "End", icons::to_end(), Move::End, at_end) }
            </div>
            <TimelineBar view={view.clone()} act={act.clone()} />
            <div class="place">
                <p id="position">{ position(view) }</p>
                if let Activity::Running(goal) = activity {
                    <progress aria-label="Running" max={goal.to_string()}
                        value={view.position.op.to_string()} />
                } else {
                    <select aria-label="Speed" title="Speed (+ −)" {onchange}>{ for speeds }</select>
                }
            </div>
        </div>
    }
}
