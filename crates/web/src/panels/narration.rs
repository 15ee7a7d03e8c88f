//! The sentence: what just happened, in words, with the routine that did it, and below it the
//! lines that a `show` shows.

use pgscope_scenario::Tone;
use yew::prelude::*;

use super::glossary::explained;
use super::prose::prose;
use crate::state::run::View;

fn class(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Plain => None,
        Tone::Who => Some("tone-who"),
        Tone::Hit => Some("tone-hit"),
        Tone::Miss => Some("tone-miss"),
        Tone::Evict => Some("tone-evict"),
        Tone::Dirty => Some("tone-dirty"),
        Tone::Pin => Some("tone-pin"),
    }
}

/// The sentence. While nothing moves, every new one is read out; while it plays, none is.
pub fn sentence(view: &View, resting: bool) -> Html {
    let narration = &view.narration;
    let parts = narration.parts.iter().map(|part| match class(part.tone) {
        Some(class) => html! { <span {class}>{ explained(&part.text) }</span> },
        None => explained(&part.text),
    });
    let file = narration.file.rsplit('/').next();
    let live = if resting { "polite" } else { "off" };
    html! {<>
        <div class="narration">
            <p id="narration" role="status" aria-live={live} aria-atomic="true">
                if narration.prose.is_empty() { { for parts } } else { { prose(&narration.prose) } }
            </p>
            if !narration.routine.is_empty() {
                <a class="routine" href={narration.url.clone()} target="_blank" rel="noopener"
                    title={narration.file}>
                    { narration.routine }{ " · " }{ file }
                    <span aria-hidden="true">{ " ↗" }</span>
                </a>
            }
        </div>
        if !narration.listing.is_empty() && view.asked.is_none() {
            <pre class="listing" tabindex="0" aria-label="What is shown">
                { narration.listing.join("\n") }
            </pre>
        }
    </>}
}
