//! What reading a page costs in the core as WebAssembly, compiled as the page is: not a test but a
//! measurement, for `cargo xtask bench`, which runs the same reads as a native program.
//!
//! Each line that it logs says: buffers, millions of reads a second with events off, misses.

#![allow(clippy::unwrap_used)]

#[path = "../../core/benches/bufmgr/machine.rs"]
mod machine;
#[path = "../../core/benches/bufmgr/trace.rs"]
mod trace;

use pgscope_core::bufmgr::desc::BM_MAX_USAGE_COUNT;
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// The fastest of so many runs counts: a browser tells no time but the clock's, in which other
/// programs had their share of the processor.
const RUNS: u32 = 15;

#[wasm_bindgen_test]
fn reads() {
    let mut parameters = trace::SHARED;
    if let Some(reads) = option_env!("PGSCOPE_READS") {
        parameters.reads = reads.parse().unwrap();
    }
    let clock = web_sys::window().unwrap().performance().unwrap();
    let trace = trace::make(parameters);
    for pool in trace::POOLS {
        let mut fastest = f64::INFINITY;
        let mut misses = 0;
        for _ in 0..RUNS {
            let mut server = machine::server(pool, parameters.pages, BM_MAX_USAGE_COUNT).unwrap();
            server.log_mut().off();
            let start = clock.now();
            machine::read(&mut server, &trace).unwrap();
            fastest = fastest.min(clock.now() - start);
            misses = server.usage().read;
        }
        let speed = trace.len() as f64 / 1e3 / fastest;
        console_log!("measured\t{pool}\t{speed:.2}\t{misses}");
    }
}
