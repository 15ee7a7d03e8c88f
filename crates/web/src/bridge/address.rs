//! The page's address: the query says how to show, the fragment what.
//!
//! ```text
//! https://…/pgscope/?embed&panel=memory&theme=light#s1=…
//! ```
//!
//! An embed's host may say more: `at=12` stands after so many operations, whatever the link says;
//! `height=auto` is as high as its picture and not as its frame; `id=3` comes with all that it tells.
//!
//! An embed never changes its own address; that is up to whoever calls [`keep`].

use std::rc::Rc;

use gloo_events::EventListener;
use pgscope_scenario::link::Link;
use wasm_bindgen::JsValue;
use web_sys::UrlSearchParams;

use super::later::{self, Later, MISSING};
use super::window;
use crate::state::Theme;

/// How the address asks to be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The compact form for an iframe.
    pub embed: bool,
    /// The embed shows local memory instead of the buffer pool.
    pub memory: bool,
    /// The theme, whatever the reader's system prefers.
    pub theme: Option<Theme>,
    /// The embed is as high as what it shows.
    pub auto: bool,
    /// How many operations are done to begin with.
    pub at: Option<u64>,
    /// What the embed's host calls it.
    pub id: Option<u32>,
}

impl Query {
    /// What follows the question mark of an address, with or without it.
    pub fn parse(search: &str) -> Self {
        let Ok(words) = UrlSearchParams::new_with_str(search) else { return Self::default() };
        let number = |name| words.get(name).and_then(|number| number.parse().ok());
        Self {
            embed: words.has("embed"),
            memory: words.get("panel").is_some_and(|panel| panel == "memory"),
            theme: words.get("theme").and_then(|theme| Theme::named(&theme)),
            auto: words.get("height").is_some_and(|height| height == "auto"),
            at: number("at"),
            id: number("id").and_then(|id| id.try_into().ok()),
        }
    }
}

/// How this page is to be shown.
pub fn query() -> Query {
    let search = window().and_then(|window| window.location().search().ok());
    search.map_or_else(Query::default, |search| Query::parse(&search))
}

/// The fragment of the address, if there is any.
pub fn fragment() -> Option<String> {
    let hash = window()?.location().hash().ok()?;
    (!hash.trim_matches('#').is_empty()).then_some(hash)
}

/// What a fragment says, or the reason why it can't be opened.
pub fn open(later: Option<&Later>, fragment: &str) -> Result<Link, Rc<str>> {
    later.ok_or(MISSING)?.unpack(fragment)
}

/// The address of the page for `link`, with this query. As long as nothing can pack links, it is
/// that of the page itself.
pub fn of(link: &Link, query: &str) -> String {
    with_fragment(&later::now().map(|later| later.pack(link)).unwrap_or_default(), query)
}

/// The address of the page with this query and fragment.
pub fn with_fragment(fragment: &str, query: &str) -> String {
    let location = window().map(|window| window.location());
    let part = |get: fn(&web_sys::Location) -> Result<String, JsValue>| {
        location.as_ref().and_then(|location| get(location).ok()).unwrap_or_default()
    };
    let (origin, path) = (part(web_sys::Location::origin), part(web_sys::Location::pathname));
    let mark = if fragment.is_empty() { "" } else { "#" };
    [&*origin, &path, query, mark, fragment].concat()
}

/// Put `address` into the address bar, without a step for the browser's back button.
pub fn keep(address: &str) {
    if let Some(history) = window().and_then(|window| window.history().ok()) {
        // A page opened from a file or in a sandbox may not; then the address stays as it was.
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(address));
    }
}

/// Go to the scenario of a fragment. The browser's back button leads back to the one that was shown.
pub fn go(from: &Link, to: &str) {
    let Some(location) = window().map(|window| window.location()) else { return };
    keep(&of(from, &location.search().unwrap_or_default()));
    // Where it can't be set, the page stays as it is.
    let _ = location.set_hash(to);
}

/// Take the link out of the address bar: what is shown is no longer what it says.
pub fn forget_link() {
    let Some(location) = window().map(|window| window.location()) else { return };
    if fragment().is_some() {
        let part = |part: Result<String, JsValue>| part.unwrap_or_default();
        keep(&format!("{}{}", part(location.pathname()), part(location.search())));
    }
}

/// Call `heed` whenever another link is put into the address.
pub fn on_link(heed: impl Fn(Result<Link, Rc<str>>) + 'static) -> Option<EventListener> {
    let heed = Rc::new(heed);
    let listener = EventListener::new(&window()?.into(), "hashchange", move |_| {
        let Some(fragment) = fragment() else { return };
        let heed = Rc::clone(&heed);
        later::with(move |later| heed(open(later.as_ref(), &fragment)));
    });
    Some(listener)
}
