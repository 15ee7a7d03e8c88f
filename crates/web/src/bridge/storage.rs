//! What a reader finds again on the next visit: the scenario and the theme.
//!
//! The scenario is kept as it is, below a line with its place; builds before this one kept a link.
//! Storage throws where it is forbidden; then nothing is kept, and that is all.

use pgscope_scenario::link::Link;

use super::{drafts, window};
use crate::state::Theme;

const SCENARIO: &str = "pgscope.scenario";
/// Also read by index.html, before the first picture.
const THEME: &str = "pgscope.theme";

/// Of all tabs.
pub(super) fn of_all_tabs() -> Option<web_sys::Storage> {
    window()?.local_storage().ok()?
}

/// What was kept of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It, and where it stood.
    Whole(Link),
    /// The fragment that an older build kept.
    Packed(String),
}

/// A scenario as it is kept.
pub(super) fn written(Link { text, op, event, panels }: &Link) -> String {
    format!("{op} {event} {panels}\n{text}")
}

/// What was written, if it is whole.
pub(super) fn read(value: String) -> Option<Kept> {
    if value.starts_with("s1=") {
        return Some(Kept::Packed(value));
    }
    let (place, text) = value.split_once('\n')?;
    let mut numbers = place.split(' ').map(str::parse::<u64>);
    let op = numbers.next()?.ok()?;
    let event = numbers.next()?.ok()?.try_into().ok()?;
    let panels = numbers.next()?.ok()?.try_into().ok()?;
    Some(Kept::Whole(Link { text: text.into(), op, event, panels }))
}

/// Keep a scenario and where it stands. False if it could not be kept.
pub fn keep_scenario(link: &Link) -> bool {
    let kept = drafts::keep(link);
    // For a new tab, and for older builds; the draft alone is enough.
    let last = of_all_tabs().is_some_and(|it| it.set_item(SCENARIO, &written(link)).is_ok());
    kept || last
}

/// The scenario that was kept, if it is whole: this tab's own, else the last of all.
pub fn scenario() -> Option<Kept> {
    if let Some(own) = drafts::of_this_tab() {
        return Some(Kept::Whole(own));
    }
    read(of_all_tabs()?.get_item(SCENARIO).ok()??)
}

/// Of this tab alone: what a reader kept before stays.
pub(super) fn of_the_tab() -> Option<web_sys::Storage> {
    window()?.session_storage().ok()?
}

/// Keep a script for the page's next start in this tab. False if it could not be kept.
pub fn rescue(text: String) -> bool {
    let link = Link { text, ..Link::default() };
    of_the_tab().is_some_and(|storage| storage.set_item(SCENARIO, &written(&link)).is_ok())
}

/// The script that was rescued, once.
pub fn rescued() -> Option<Link> {
    let storage = of_the_tab()?;
    let value = storage.get_item(SCENARIO).ok()??;
    storage.remove_item(SCENARIO).ok()?;
    match read(value)? {
        Kept::Whole(link) => Some(link),
        Kept::Packed(_) => None,
    }
}

/// Keep a theme.
pub fn keep_theme(theme: Theme) {
    if let Some(storage) = of_all_tabs() {
        // A full or forbidden storage: the next visit has the system's theme.
        let _ = storage.set_item(THEME, theme.name());
    }
}
