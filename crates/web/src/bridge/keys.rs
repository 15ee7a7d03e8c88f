//! The keyboard: which key asks for what.
//!
//! Keys rest while somebody types, while a dialog is open, and where a modifier makes them the
//! browser's. On a control that uses a key itself (space on a button, arrows in a tree or a select),
//! the control has it. The timeline is no such control: its arrows are the page's.

use gloo_events::{EventListener, EventListenerOptions};
use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent};

use super::{document, window};
use crate::state::compose::{BUTTONS, Kind};
use crate::state::{Action, Dialog, Move, Pane, SPEEDS};

/// What a key asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// An action.
    Act(Action),
    /// A statement of this kind.
    Write(Kind),
    /// Another speed, up or down.
    Speed(isize),
    /// The other theme.
    Theme,
}

/// What there is to know about the keys, for the dialog that lists them.
pub const KEYS: &[(&str, &str)] = &[
    ("Space", "play, pause"),
    ("→ ←", "one operation on, back"),
    ("Shift → ←", "one event on, back"),
    ("Home End", "to start, to end"),
    ("F9", "mark the line to stop at it, or not"),
    ("F8", "run to the next stop"),
    ("+ −", "faster, slower"),
    ("Enter", "on a buffer: its card; arrows go from one to the next"),
    ("+ − 0", "on a buffer of a large pool: nearer, farther, all of it"),
    ("t", "dark, light"),
    ("z", "large type, for a projector"),
    ("1 2 3 4 5", "buffers, views, bytes, locks, map"),
    ("0", "every version side by side"),
    ("Ctrl+Space", "in the script: what may stand here"),
    ("Tab", "in the script: take the first of it"),
    ("Esc", "leave the script or a dialog"),
    ("?", "this list"),
];

/// What `key` asks for.
pub fn wish(key: &str, shift: bool) -> Option<Wish> {
    let go = |to| Some(Wish::Act(Action::Go(to)));
    match key {
        " " => Some(Wish::Act(Action::Toggle)),
        "ArrowRight" if shift => go(Move::StepEvent),
        "ArrowLeft" if shift => go(Move::BackEvent),
        "ArrowRight" => go(Move::StepOp),
        "ArrowLeft" => go(Move::BackOp),
        "Home" => go(Move::Start),
        "End" => go(Move::End),
        "F8" => go(Move::Break),
        "F9" => Some(Wish::Act(Action::Break(None))),
        "?" => Some(Wish::Act(Action::Show(Some(Dialog::Keys)))),
        "+" | "=" => Some(Wish::Speed(1)),
        "-" => Some(Wish::Speed(-1)),
        "t" => Some(Wish::Theme),
        "z" => Some(Wish::Act(Action::Projector)),
        "0" => Some(Wish::Act(Action::Show(Some(Dialog::Versions)))),
        "1" => Some(Wish::Act(Action::Pane(Pane::Buffers))),
        "2" => Some(Wish::Act(Action::Pane(Pane::Views))),
        "3" => Some(Wish::Act(Action::Pane(Pane::Bytes))),
        "4" => Some(Wish::Act(Action::Pane(Pane::Locks))),
        "5" => Some(Wish::Act(Action::Pane(Pane::Map))),
        _ => BUTTONS.iter().find(|it| it.key == key).map(|it| Wish::Write(it.kind)),
    }
}

/// The speed that many steps from this one.
pub fn speed_from(speed: usize, steps: isize) -> usize {
    speed.saturating_add_signed(steps).min(SPEEDS.len() - 1)
}

/// Call `heed` for every wish; `writes` says whether the page has a script to write into.
pub fn listen(writes: bool, heed: impl Fn(Wish) + 'static) -> Option<EventListener> {
    let options = EventListenerOptions::enable_prevent_default();
    let listen = move |event: &web_sys::Event| {
        let Some(event) = event.dyn_ref::<KeyboardEvent>() else { return };
        let key = event.key();
        if event.default_prevented() || event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        if target.as_ref().is_some_and(|target| uses(target, &key)) || dialog_is_open() {
            return;
        }
        match wish(&key, event.shift_key()) {
            // One press is one statement, however long the key is held.
            Some(Wish::Write(_)) if !writes || event.repeat() => {}
            Some(wish) => {
                event.prevent_default();
                heed(wish);
            }
            None => {}
        }
    };
    Some(EventListener::new_with_options(&window()?.into(), "keydown", options, listen))
}

/// Whether the element that has the focus uses this key itself.
fn uses(element: &Element, key: &str) -> bool {
    let is = |selector: &str| element.closest(selector).is_ok_and(|found| found.is_some());
    if is("textarea, input, [contenteditable]") {
        return true;
    }
    let arrows = key.starts_with("Arrow") || key == "Home" || key == "End";
    match key {
        " " => is("button, a, summary, select, [role=treeitem], [role=gridcell], [role=tab]"),
        _ if arrows => is("select, [role=tree], [role=grid], [role=tablist]"),
        _ => is("select"),
    }
}

fn dialog_is_open() -> bool {
    document().is_some_and(|document| {
        document.query_selector("dialog[open]").is_ok_and(|found| found.is_some())
    })
}
