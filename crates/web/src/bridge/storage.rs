//! What a reader finds again on the next visit: the scenario and the theme.
//!
//! Storage throws where it is forbidden; then nothing is kept, and that is all.

use pgscope_scenario::link::{self, Link};

use super::window;
use crate::state::Theme;

const SCENARIO: &str = "pgscope.scenario";
/// Also read by index.html, before the first picture.
const THEME: &str = "pgscope.theme";

fn storage() -> Option<web_sys::Storage> {
    window()?.local_storage().ok()?
}

/// Keep a scenario and where it stands. False if it could not be kept.
pub fn keep_scenario(link: &Link) -> bool {
    storage().is_some_and(|storage| storage.set_item(SCENARIO, &link::encode(link)).is_ok())
}

/// The scenario that was kept, if it is whole.
pub fn scenario() -> Option<Link> {
    link::decode(&storage()?.get_item(SCENARIO).ok()??).ok()
}

/// Keep a theme.
pub fn keep_theme(theme: Theme) {
    if let Some(storage) = storage() {
        // A full or forbidden storage: the next visit has the system's theme.
        let _ = storage.set_item(THEME, theme.name());
    }
}
