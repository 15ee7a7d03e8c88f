//! The legend below the buffers: relations with colour and pattern, marks, the freelist.

use pgscope_core::Server;
use yew::prelude::*;

use super::{lists, writers};
use crate::paint::relations;
use crate::paint::story::Story;
use crate::panels::glossary::explained;

/// Relations that the legend names; a scenario with more says how many.
const MOST_NAMED: usize = 8;

// What the marks of the dial and of the grid look like.
const PIPS: &str = r#"<svg viewBox="0 0 24 10" aria-hidden="true"><circle class="pip" cx="5" cy="5" r="4"/><circle class="pip off" cx="17" cy="5" r="3.5"/></svg>"#;
const RAMP: &str = r#"<svg class="ramp" viewBox="0 0 60 10" aria-hidden="true"><path d="M0 0h9v10H0z" fill-opacity=".24"/><path d="M10 0h9v10h-9z" fill-opacity=".39"/><path d="M20 0h9v10h-9z" fill-opacity=".54"/><path d="M30 0h9v10h-9z" fill-opacity=".69"/><path d="M40 0h9v10h-9z" fill-opacity=".84"/><path d="M50 0h9v10h-9z" fill-opacity=".98"/></svg>"#;
const PINNED: &str =
    r#"<svg viewBox="0 0 12 10" aria-hidden="true"><path d="M6 0L12 10H0Z"/></svg>"#;
const DIRTY: &str = r#"<svg viewBox="0 0 12 10" aria-hidden="true"><path d="M12 0V10H0Z"/></svg>"#;

/// A relation's rim, as it is around the dial.
pub(crate) fn swatch(rel: pgscope_core::ids::RelId) -> Html {
    html! {
        <svg class={classes!("swatch", relations::classes(rel))} viewBox="0 0 22 10" aria-hidden="true">
            <path class="rim" d="M0 5H22" />
            <path class="cut" d="M0 5H22" />
        </svg>
    }
}

fn drawn(mark: &'static str) -> Html {
    Html::from_html_unchecked(AttrValue::Static(mark))
}

/// `pips` tells how the usage count is drawn: as pips, or as brightness.
pub(super) fn legend(server: &Server, story: &Story, pips: bool) -> Html {
    let pool = server.pool();
    let total = pool.smgr.relations().count();
    let named = pool.smgr.relations().take(MOST_NAMED).map(|(rel, relation)| {
        let name = AttrValue::from(relation.name.to_string());
        html! { <li key={rel.0} title={&name}>{ swatch(rel) }<span class="name">{ name }</span></li> }
    });
    html! {
        <ul class="dial-legend" aria-label="Legend">
            { for named }
            if total > MOST_NAMED {
                <li class="dim">{ format!("and {} more", total - MOST_NAMED) }</li>
            }
            <li class="mark">
                { drawn(if pips { PIPS } else { RAMP }) }
                <span>{ explained("usage count") }{ " 0–5" }</span>
            </li>
            <li class="mark pinned">{ drawn(PINNED) }{ explained("pinned") }</li>
            <li class="mark dirtied">{ drawn(DIRTY) }{ explained("dirty") }</li>
            { writers::words(server, story) }
            if server.profile().bufmgr.freelist {
                { lists::freelist(server) }
            }
        </ul>
    }
}
