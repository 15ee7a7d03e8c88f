//! What the page tells its reader besides the story: a banner for what went wrong, a short word
//! for what worked.

use yew::prelude::*;

use super::icons;
use crate::state::{Action, Notice};

/// The banner and the short word.
pub fn notices(notice: Option<&Notice>, act: &Callback<Action>) -> Html {
    let dismiss = act.reform(|_: MouseEvent| Action::Dismiss);
    let (failed, done) = match notice {
        Some(Notice::Failed(text)) => (Some(text), None),
        Some(Notice::Done(text)) => (None, Some(text)),
        None => (None, None),
    };
    html! {
        <>
            if let Some(text) = failed {
                <div class="banner" role="alert">
                    <p>{ text.to_string() }</p>
                    <button type="button" class="quiet" aria-label="Dismiss" onclick={dismiss}>
                        { icons::close() }
                    </button>
                </div>
            }
            // Always there, because only a region that was there before is read out.
            <div class="toast" role="status">
                if let Some(text) = done { <p>{ text.to_string() }</p> }
            </div>
        </>
    }
}
