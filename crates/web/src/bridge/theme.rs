//! The theme: which one the page opened with, and putting another on.
//!
//! index.html chooses before the first picture (by the address, the last visit, the system) and
//! writes its choice on the root element, so that nothing flashes. From here on it is the
//! state's.

use gloo_events::EventListener;

use super::{document, root, window};
use crate::state::Theme;

/// The theme the page opened with.
pub fn current() -> Theme {
    let name = root().and_then(|root| root.dataset().get("theme"));
    name.and_then(|name| Theme::named(&name)).unwrap_or_default()
}

/// Put a theme on.
pub fn wear(theme: Theme) {
    if let Some(root) = root() {
        // The one way that this could fail is a name that is no attribute's.
        let _ = root.dataset().set("theme", theme.name());
    }
    let ground = match theme {
        Theme::Dark => "#0a0f1c",
        Theme::Light => "#f5f7fb",
    };
    let meta = document().and_then(|it| it.query_selector("meta[name=theme-color]").ok()?);
    if let Some(meta) = meta {
        let _ = meta.set_attribute("content", ground);
    }
}

/// Large type, for a room, or the usual.
pub fn enlarge(on: bool) {
    if let Some(root) = root() {
        // As above: the name is an attribute's.
        let _ = match on {
            true => root.set_attribute("data-projector", ""),
            false => root.remove_attribute("data-projector"),
        };
    }
}

/// Call `heed` when the system changes between day and night.
pub fn on_system_change(heed: impl Fn(Theme) + 'static) -> Option<EventListener> {
    let query = window()?.match_media("(prefers-color-scheme: light)").ok()??;
    let asked = query.clone();
    Some(EventListener::new(&query, "change", move |_| {
        heed(if asked.matches() { Theme::Light } else { Theme::Dark });
    }))
}
