//! Scrolling to what a reader asked for, where it would be out of sight.

use web_sys::{ScrollIntoViewOptions, ScrollLogicalPosition};

use super::{document, window};

/// Scroll as little as is needed to see the first element that `selector` selects.
pub fn reveal(selector: &str) {
    let found = document().and_then(|document| document.query_selector(selector).ok().flatten());
    let Some(element) = found else { return };
    let options = ScrollIntoViewOptions::new();
    options.set_block(ScrollLogicalPosition::Nearest);
    element.scroll_into_view_with_scroll_into_view_options(&options);
}

/// The same where the page is one column, which is scrolled as a whole.
pub fn reveal_in_one_column(selector: &str) {
    let narrow = window().and_then(|it| it.match_media("(max-width: 899px)").ok().flatten());
    if narrow.is_some_and(|narrow| narrow.matches()) {
        reveal(selector);
    }
}
