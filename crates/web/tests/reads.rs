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

/// Runs of all reads. A browser tells no time but the clock's, in which other programs had their
/// share of the processor; so of each part of the reads the fastest run counts.
const RUNS: u32 = 12;
/// Parts, of some milliseconds each: the browser's clock moves by a tenth of one.
const PARTS: usize = 64;

#[wasm_bindgen_test]
fn reads() {
    let mut parameters = trace::SHARED;
    if let Some(reads) = option_env!("PGSCOPE_READS") {
        parameters.reads = reads.parse().unwrap();
    }
    let clock = web_sys::window().unwrap().performance().unwrap();
    let trace = trace::make(parameters);
    for pool in trace::POOLS {
        let mut fastest = [f64::INFINITY; PARTS];
        let mut misses = 0;
        for _ in 0..RUNS {
            let mut server = machine::server(pool, parameters.pages, BM_MAX_USAGE_COUNT).unwrap();
            server.log_mut().off();
            let parts = trace.chunks(trace.len().div_ceil(PARTS));
            for (part, fastest) in parts.zip(&mut fastest) {
                let start = clock.now();
                machine::read(&mut server, part).unwrap();
                *fastest = fastest.min(clock.now() - start);
            }
            misses = server.usage().read;
        }
        let took = fastest.iter().filter(|took| took.is_finite()).sum::<f64>();
        let speed = trace.len() as f64 / 1e3 / took;
        console_log!("measured\t{pool}\t{speed:.2}\t{misses}");
    }
}
