//! What the editor offers while somebody types: a list below the caret.
//!
//! It comes by itself once a word is begun, and anywhere with Ctrl and space. Tab takes the first,
//! arrows choose another. Enter takes only what was chosen: whoever just types is never stopped.

use pgscope_scenario::{Completion, complete};
use web_sys::HtmlTextAreaElement;
use yew::prelude::*;

use crate::bridge::editor;

/// Rows that are seen at once, and the height of each in CSS pixels.
const ROWS: usize = 8;
const ROW: f64 = 24.0;
/// The height of a line of the script, and what is above its first.
const LINE: f64 = 20.0;
const ABOVE: f64 = 2.0;

/// What is offered, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Offered {
    /// The words, the likeliest first.
    offers: Vec<Completion>,
    /// Letters before the caret that they replace.
    begun: usize,
    /// The one that arrows chose.
    pub active: Option<usize>,
    /// Where the word begins: its line's top and the text's left in CSS pixels, and its column.
    top: f64,
    left: f64,
    column: usize,
    /// There is more room above the line than below it.
    upward: bool,
}

impl Offered {
    /// What fits at the caret, if a word is begun there or somebody `asked`.
    pub fn at_caret(field: &HtmlTextAreaElement, asked: bool) -> Option<Self> {
        let (text, caret) = (field.value(), editor::caret(field)?);
        let found = complete(&text, caret)?;
        let begun = found.range.len();
        if begun == 0 && !asked {
            return None;
        }
        let before = text.get(..found.range.start)?;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        let line = before.matches('\n').count();
        // For a projector all of this is larger, and so are its own pixels.
        let own = f64::from(field.offset_width().max(1));
        let field = field.get_bounding_client_rect();
        let scale = field.width() / own;
        let top = field.top() / scale + ABOVE + line as f64 * LINE;
        let room = web_sys::window()?.inner_height().ok()?.as_f64()? / scale;
        let upward = top + LINE + ROW * ROWS.min(found.offers.len()) as f64 > room;
        let left = field.left() / scale;
        Some(Self { offers: found.offers, begun, active: None, top, left, column, upward })
    }

    /// The same where the text stands now.
    pub fn scrolled(&self, field: &HtmlTextAreaElement) -> Option<Self> {
        let now = Self::at_caret(field, true)?;
        Some(Self { active: self.active, ..now })
    }
}

/// What a key comes to.
pub enum Pressed {
    /// Something else is offered, or nothing more.
    Shows(Option<Offered>),
    /// This one is taken.
    Takes(usize),
    /// It is not the list's.
    Else,
}

/// Whether a key may be the list's.
pub fn heeds(event: &KeyboardEvent) -> bool {
    match event.key().as_str() {
        "ArrowDown" | "ArrowUp" | "Escape" | "Tab" | "Enter" => true,
        key => key == " " && event.ctrl_key(),
    }
}

/// What a key that was pressed in the field comes to.
pub fn pressed(
    event: &KeyboardEvent,
    offered: Option<&Offered>,
    field: &HtmlTextAreaElement,
) -> Pressed {
    if event.is_composing() {
        return Pressed::Else;
    }
    let key = event.key();
    if key == " " && event.ctrl_key() {
        event.prevent_default();
        return Pressed::Shows(Offered::at_caret(field, true));
    }
    let Some(offered) = offered else { return Pressed::Else };
    let (count, active) = (offered.offers.len(), offered.active);
    let choose = |place: usize| {
        event.prevent_default();
        Pressed::Shows(Some(Offered { active: Some(place), ..offered.clone() }))
    };
    match key.as_str() {
        "ArrowDown" => choose(active.map_or(0, |place| (place + 1) % count)),
        "ArrowUp" => choose(active.map_or(count - 1, |place| (place + count - 1) % count)),
        "Escape" => {
            event.prevent_default();
            Pressed::Shows(None)
        }
        "Tab" if !event.shift_key() => {
            event.prevent_default();
            Pressed::Takes(active.unwrap_or_default())
        }
        "Enter" => match active {
            Some(place) => {
                event.prevent_default();
                Pressed::Takes(place)
            }
            None => Pressed::Else,
        },
        "ArrowLeft" | "ArrowRight" | "Home" | "End" | "PageUp" | "PageDown" => Pressed::Shows(None),
        _ => Pressed::Else,
    }
}

/// Write one of them, with the space behind a word that is to be gone on from.
pub fn take(offered: Option<&Offered>, place: usize, field: &HtmlTextAreaElement) {
    let Some(offer) = offered.and_then(|it| it.offers.get(place)) else { return };
    let gap = if offer.text.ends_with('=') { "" } else { " " };
    let begun = offered.map_or(0, |it| it.begun);
    editor::complete(field, begun, &[&offer.text, gap].concat());
}

/// The id of one of them.
pub fn id(place: usize) -> String {
    ["completion-", &place.to_string()].concat()
}

/// The list.
pub fn list(offered: &Offered, take: &Callback<usize>) -> Html {
    let rows = offered.offers.iter().enumerate().map(|(place, offer)| {
        // The field keeps the focus.
        let onpointerdown = take.reform(move |event: PointerEvent| {
            event.prevent_default();
            place
        });
        let chosen = offered.active == Some(place);
        html! {
            <li key={place} id={id(place)} role="option" aria-selected={chosen.to_string()} {onpointerdown}>
                <b>{ &offer.text }</b><span>{ offer.about }</span>
            </li>
        }
    });
    let top = if offered.upward { offered.top } else { offered.top + LINE };
    let (left, column) = (offered.left as i32, offered.column);
    let place = format!("--top: {}px; --left: {left}px; --column: {column}", top as i32);
    html! {
        <ul id="completions" role="listbox" aria-label="Completions" style={place}
            class={classes!("completions", offered.upward.then_some("upward"))}>
            { for rows }
        </ul>
    }
}
