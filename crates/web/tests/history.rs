//! What time travel costs as WebAssembly, compiled as the page is: not a test but a measurement, for
//! `cargo xtask bench --kind history`, which runs the same walk as a native program.

#![allow(clippy::unwrap_used)]

#[path = "../../scenario/benches/history/walk.rs"]
mod walk;

use js_sys::{ArrayBuffer, WebAssembly};
use wasm_bindgen::JsCast;
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// The module's memory in MB. It never shrinks, so this is the most there ever was.
fn memory() -> f64 {
    let memory: WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    let buffer: ArrayBuffer = memory.buffer().unchecked_into();
    f64::from(buffer.byte_length()) / (1 << 20) as f64
}

#[wasm_bindgen_test]
fn history() {
    let clock = web_sys::window().unwrap().performance().unwrap();
    let before = memory();
    let mut grown = 0.0;
    let found = walk::walk(|| clock.now(), || grown = memory() - before).unwrap();
    let walk::Found { events, steps, back, leap, usual } = found;
    console_log!(
        "history\t{events}\t{steps}\t{back:.2}\t{:.2}\t{leap:.2}\t{:.2}\t{grown:.1}",
        usual[0],
        usual[1]
    );
}
