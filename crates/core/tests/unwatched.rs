//! Who does not want events gets the same server: `palloc` and `pfree` go a shorter way then, and
//! must leave the same bytes.
//!
//! The benchmark's own workloads, in lock step on two servers of which one records its events.

#![cfg(all(feature = "aset", feature = "generation", feature = "slab", feature = "bump"))]
#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

#[path = "../benches/mmgr/workload.rs"]
mod workload;

use pgscope_core::ids::BackendId;
use pgscope_core::memory::Addr;
use pgscope_core::profile::Version;
use pgscope_core::{Error, Op, Server};
use workload::{Machine, Workload};

const BACKEND: BackendId = BackendId(0);
const STEPS: u64 = 1500;

/// All that a backend has of malloc: its heap, and what was mapped for it.
fn heap(server: &Server) -> Vec<u8> {
    let stats = server.backend(BACKEND).unwrap().memory.heap.stats();
    let mut bytes = vec![0; 2 * stats.obtained as usize];
    let (near, mapped) = bytes.split_at_mut(stats.obtained as usize);
    server.peek(Addr::local(BACKEND), near);
    server.peek(Addr::mapped(BACKEND), mapped);
    bytes
}

struct Both {
    watched: Server,
    unwatched: Server,
}

impl Machine for Both {
    fn apply(&mut self, op: &Op) -> Result<(), Error> {
        assert_eq!(self.unwatched.apply(op), self.watched.apply(op), "{op:?}");
        Ok(())
    }
}

#[test]
fn without_events_everything_is_the_same() {
    for version in Version::ALL {
        for workload in Workload::all(version) {
            let about = format!("{} in {}", workload.name(), version.number());
            let watched = workload.server(version).unwrap();
            let mut unwatched = watched.clone();
            unwatched.log_mut().off();
            let mut both = Both { watched, unwatched };
            let mut run = workload.start(version.number().into());
            // A clone has nothing at hand at first, and its original goes on alone.
            for _ in 0..2 {
                run.steps(STEPS, &mut both).unwrap();
                let Both { watched, unwatched } = &mut both;
                assert!(!watched.events().is_empty() && unwatched.events().is_empty(), "{about}");
                let clone = unwatched.clone();
                assert!(heap(unwatched) == heap(watched), "{about}: other bytes");
                assert!(heap(&clone) == heap(watched), "{about}: other bytes in a clone");
                *unwatched = clone;
            }
        }
    }
}
