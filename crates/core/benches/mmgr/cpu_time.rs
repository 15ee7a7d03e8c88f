//! Time that this thread had of a processor, so that what else the machine does is not counted.

use std::fs;
use std::time::Instant;

/// A moment to measure from.
pub(crate) enum Start {
    OnProcessor(f64),
    /// Where the system does not say.
    Clock(Instant),
}

impl Start {
    pub(crate) fn now() -> Self {
        on_processor().map_or_else(|| Self::Clock(Instant::now()), Self::OnProcessor)
    }

    /// Nanoseconds since then.
    pub(crate) fn elapsed(&self) -> f64 {
        match self {
            Self::OnProcessor(start) => on_processor().unwrap_or(*start) - start,
            Self::Clock(start) => start.elapsed().as_nanos() as f64,
        }
    }
}

/// Linux counts nanoseconds, but counts them up at the clock's tick and when a thread yields.
fn on_processor() -> Option<f64> {
    std::thread::yield_now();
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}
