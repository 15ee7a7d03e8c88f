//! The second wasm of the page: links are packed and opened here, and the examples are kept.
//!
//! The page fetches it once its first picture stands, or before that if it is opened by a link
//! (`crates/web/src/bridge/later.rs`). It is an ordinary module of the page and no worker, because
//! an embed in a sandboxed iframe may have none.

use pgscope_later::examples::{EXAMPLES, lesson};
use pgscope_scenario::link::{self, Link};
use wasm_bindgen::prelude::*;

fn main() {}

/// What a link said.
#[wasm_bindgen]
pub struct Opened(Link);

#[wasm_bindgen]
impl Opened {
    /// The scenario.
    #[wasm_bindgen(getter)]
    pub fn text(&self) -> String {
        self.0.text.clone()
    }

    /// How many operations are done.
    #[wasm_bindgen(getter)]
    pub fn op(&self) -> u64 {
        self.0.op
    }

    /// How many events of the next one are done.
    #[wasm_bindgen(getter)]
    pub fn event(&self) -> u32 {
        self.0.event
    }

    /// Which panels are shown.
    #[wasm_bindgen(getter)]
    pub fn panels(&self) -> u32 {
        self.0.panels
    }
}

/// The fragment of an address, without the `#`.
#[wasm_bindgen]
pub fn pack(text: String, op: u64, event: u32, panels: u32) -> String {
    link::encode(&Link { text, op, event, panels })
}

/// What the fragment of an address says.
///
/// # Errors
/// The reason why it can't be opened, for the reader.
#[wasm_bindgen]
pub fn unpack(fragment: &str) -> Result<Opened, JsValue> {
    if let Some(example) = link::lesson(fragment).and_then(|name| lesson(&name)) {
        return Ok(Opened(example.link()));
    }
    link::decode(fragment).map(Opened).map_err(|error| error.to_string().into())
}

/// The fragment for an example, by its place in the list; none if there is no such place.
#[wasm_bindgen]
pub fn example(place: usize) -> Option<String> {
    EXAMPLES.get(place).map(|example| link::encode(&example.link()))
}
