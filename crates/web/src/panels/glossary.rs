//! Terms that explain themselves: a press on one opens its meaning beside it.
//!
//! Each is a button with the browser's own popover, so that the keyboard reaches it, Escape closes
//! it and nothing of it is state.

use yew::prelude::*;

use crate::paint::glossary::{TERMS, pieces};

/// A text whose terms can be asked.
pub fn explained(text: &str) -> Html {
    let piece = |piece: crate::paint::glossary::Piece<'_>| match piece.key {
        Some(key) => html! {
            <button type="button" class="term" popovertarget={["term-", key].concat()}>
                { piece.text }
            </button>
        },
        None => html! { { piece.text } },
    };
    html! { <>{ for pieces(text).into_iter().map(piece) }</> }
}

/// The meanings, once on the page. Written as text: they hold our own words only.
#[component]
pub fn Glossary() -> Html {
    let mut out = String::new();
    for term in TERMS {
        let word = term.words.first().copied().unwrap_or_default();
        out.extend([
            "<div popover id='term-",
            term.key,
            "' class='meaning' role='note' aria-label='",
            word,
            "'><b>",
            word,
            "</b> ",
            &term.meaning.replace('\'', "&#39;"),
            "</div>",
        ]);
    }
    Html::from_html_unchecked(["<div>", &out, "</div>"].concat().into())
}
