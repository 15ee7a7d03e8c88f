//! The part of the page that is fetched later: it packs and opens links, and has the examples.
//!
//! It is a wasm of its own (`crates/later`), and index.html has the function that fetches it. Once
//! it is here, everything is done at once, as the clipboard wants it right behind a click.

use std::rc::Rc;

use js_sys::Function;
use pgscope_scenario::link::Link;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// What it offers.
    pub type Later;

    /// What a link says.
    type Opened;

    /// Returns it if it is here. Else `heed` gets it, or nothing if it can't be fetched.
    #[wasm_bindgen(catch, js_name = pgscopeLater)]
    fn ask(heed: Option<Function>) -> Result<Option<Later>, JsValue>;

    #[wasm_bindgen(method, js_name = pack)]
    fn pack_parts(this: &Later, text: &str, op: u64, event: u32, panels: u32) -> String;

    #[wasm_bindgen(method, catch, js_name = unpack)]
    fn unpack_parts(this: &Later, fragment: &str) -> Result<Opened, JsValue>;

    /// The fragment for an example, by its place in the list.
    #[wasm_bindgen(method)]
    pub fn example(this: &Later, place: usize) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    fn text(this: &Opened) -> String;

    #[wasm_bindgen(method, getter)]
    fn op(this: &Opened) -> u64;

    #[wasm_bindgen(method, getter)]
    fn event(this: &Opened) -> u32;

    #[wasm_bindgen(method, getter)]
    fn panels(this: &Opened) -> u32;
}

impl Later {
    /// The fragment for `link`, without the `#`.
    pub fn pack(&self, link: &Link) -> String {
        self.pack_parts(&link.text, link.op, link.event, link.panels)
    }

    /// What the fragment of an address says, or the reason why it can't be opened.
    pub fn unpack(&self, fragment: &str) -> Result<Link, Rc<str>> {
        let opened =
            self.unpack_parts(fragment).map_err(|reason| reason.as_string().unwrap_or_default())?;
        let (op, event, panels) = (opened.op(), opened.event(), opened.panels());
        Ok(Link { text: opened.text(), op, event, panels })
    }
}

/// It, if it is here.
pub fn now() -> Option<Later> {
    ask(None).ok().flatten()
}

/// Call `then` with it: at once if it is here, else when it is, and with nothing if it can't be
/// fetched. The next call fetches it again.
pub fn with(then: impl FnOnce(Option<Later>) + 'static) {
    match now() {
        Some(later) => then(Some(later)),
        None => {
            let heed = Closure::once_into_js(then);
            // A page without that function has no links: nobody is called.
            let _ = ask(Some(heed.unchecked_into()));
        }
    }
}

/// Fetch it, for whoever may want it offline.
pub fn fetch() {
    with(drop);
}

/// What to tell a reader who needs it while it can't be fetched.
pub const MISSING: &str =
    "the part of the page that knows links could not be loaded: try again when you are online";
