//! The rest of the program: the functions that the first picture doesn't need, in a file of their own.
//!
//! A release is split by `cargo xtask build` (`crates/web/rest.txt` says what goes where), and
//! index.html has the function that fetches the file and joins it. Whoever calls a function of the
//! rest needs to know nothing of it: if it isn't here yet, it is fetched while the caller waits.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Joins the rest to these exports: before it returns, or when it has come. Then `heed` hears
    /// whether it is here.
    #[wasm_bindgen(catch, js_name = pgscopeRest)]
    fn join(exports: &JsValue, at_once: bool, heed: &JsValue) -> Result<(), JsValue>;
}

/// Fetch it, so that nobody has to wait for it. `heed` hears whether it is here, in a task of its own.
pub fn fetch(heed: impl FnOnce(bool) + 'static) {
    let heed = Closure::once_into_js(heed);
    // A page without that function, as in tests, is in one piece; nobody hears of it there.
    let _ = join(&wasm_bindgen::exports(), false, &heed);
}

/// What a door calls while the rest isn't here.
///
/// # Panics
/// It can't be had. There is no way back into a function that waits for another, so the reader
/// sees what happened, keeps the script and may start again.
#[wasm_bindgen]
pub fn bring_the_rest() {
    if join(&wasm_bindgen::exports(), true, &JsValue::UNDEFINED).is_err() {
        panic!("a part of the page could not be loaded: start again when you are online");
    }
}
