//! The world outside the page's own elements: its address, the clipboard, storage, the host of an
//! embed, the clock, a panic.
//!
//! Each of these can be absent or forbidden (a sandboxed iframe has no storage and no clipboard),
//! so nothing here fails: it returns what it got, and the page goes on without the rest.

pub mod address;
pub mod clipboard;
pub mod clock;
pub mod crash;
pub mod drafts;
pub mod editor;
pub mod files;
pub mod host;
pub mod keys;
pub mod later;
pub mod observe;
pub mod picture;
pub mod rest;
pub mod reveal;
pub mod storage;
pub mod theme;
pub mod told;

/// The window. There always is one: the page runs in no worker.
fn window() -> Option<web_sys::Window> {
    web_sys::window()
}

/// The document.
fn document() -> Option<web_sys::Document> {
    window()?.document()
}

/// The root element, which carries the theme and says when the page is ready.
fn root() -> Option<web_sys::HtmlElement> {
    use wasm_bindgen::JsCast;
    document()?.document_element()?.dyn_into().ok()
}

/// Say that the page is drawn, for tests and for whoever takes pictures of it.
pub fn announce_ready() {
    if let Some(root) = root() {
        // The attribute is a mere mark; without it nothing is missing.
        let _ = root.dataset().set("ready", "true");
    }
}

/// The element that index.html has for the page.
pub(crate) fn mount_point() -> Option<web_sys::Element> {
    document()?.get_element_by_id("app")
}
