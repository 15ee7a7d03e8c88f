//! What a page with the pool of a default server costs: 16,384 buffers of 8 kB, of whose pages
//! nothing is kept but what is shown.

use std::rc::Rc;

use js_sys::{ArrayBuffer, WebAssembly};
use pgscope_scenario::Position;
use pgscope_web::state::{Action, Move, State, Theme};
use wasm_bindgen::JsCast as _;
use wasm_bindgen_test::wasm_bindgen_test;
use yew::Reducible as _;

/// Every buffer is used, and every page leaves for another.
const SCENARIO: &str = "server 18 shared_buffers=128MB\n\
    table orders pages=40000\n\
    backend alice\n\
    alice: repeat 40000 { read orders uniform }\n";

/// Bytes of this program's memory: a test's too, so the page has less.
fn memory() -> u32 {
    let memory: WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    memory.buffer().unchecked_into::<ArrayBuffer>().byte_length()
}

#[wasm_bindgen_test]
fn the_default_pool_costs_no_blocks() {
    let state = Rc::new(State::new(SCENARIO, Position::default(), Theme::Dark));
    assert!(state.diagnostics.is_empty(), "{:?}", state.diagnostics);
    let opened = memory();
    assert!(opened < 64 << 20, "{opened} bytes when the page has opened");
    let state = state.reduce(Action::Go(Move::End)).reduce(Action::Slice(u64::MAX));
    let view = state.view.as_ref().expect("a script that runs is seen");
    assert!(view.error.is_none() && view.position.op == view.len, "it did not run to its end");
    let run = memory();
    assert!(run < 64 << 20, "{run} bytes after 40,000 reads");
}
