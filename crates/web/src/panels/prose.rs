//! Texts with marks (`note`, `title`, `ask`) as nodes of the page: nothing in them is ever HTML.

use pgscope_scenario::markdown::Inline;
use yew::prelude::*;

/// The text.
pub fn prose(pieces: &[Inline]) -> Html {
    let piece = |piece: &Inline| match piece {
        Inline::Text(words) => html! { { &**words } },
        Inline::Code(words) => html! { <code>{ &**words }</code> },
        Inline::Emphasis(inner) => html! { <em>{ prose(inner) }</em> },
        Inline::Strong(inner) => html! { <strong>{ prose(inner) }</strong> },
        Inline::Link { text, url } => html! {
            <a href={AttrValue::from(std::rc::Rc::clone(url))} target="_blank"
                rel="noopener noreferrer">{ prose(text) }</a>
        },
    };
    html! { <>{ for pieces.iter().map(piece) }</> }
}
