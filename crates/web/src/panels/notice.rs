//! What the page tells its reader besides the story: a banner for what went wrong, a short word
//! for what worked.

use yew::prelude::*;

use super::icons;
use crate::paint::words::thousands;
use crate::state::{Action, Notice};

/// The banner and the short word.
pub fn notices(notice: Option<&Notice>, on_save: &Callback<()>, act: &Callback<Action>) -> Html {
    let dismiss = act.reform(|_: MouseEvent| Action::Dismiss);
    let (failed, done) = match notice {
        Some(Notice::Failed(text)) => (Some(text), None),
        Some(Notice::Done(text)) => (None, Some(text)),
        Some(Notice::Long(_)) | None => (None, None),
    };
    let long = match notice {
        Some(Notice::Long(length)) => Some(length),
        _ => None,
    };
    let on_save = on_save.reform(|_: MouseEvent| ());
    html! {
        <>
            if let Some(text) = failed {
                <div class="banner" role="alert">
                    <p>{ text.to_string() }</p>
                    <button type="button" class="quiet" aria-label="Dismiss" onclick={dismiss.clone()}>
                        { icons::close() }
                    </button>
                </div>
            }
            if let Some(length) = long {
                <div class="banner" role="alert">
                    <p>{ format!(
                        "Link copied. It has {} characters, and some chat programs will cut it: a file \
                         arrives whole.", thousands(*length as u64)
                    ) }</p>
                    <button type="button" onclick={on_save}>{ "Save as a file" }</button>
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
