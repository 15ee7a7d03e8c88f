//! Who does not want events gets the same server: `palloc` and `pfree` go a shorter way then, and
//! must leave the same bytes.
//!
//! The benchmark's own workloads, in lock step on two servers of which one records its events.

#![cfg(all(feature = "aset", feature = "generation", feature = "slab", feature = "bump"))]
#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

#[path = "../benches/mmgr/workload.rs"]
mod workload;

use pgscope_core::ids::{BackendId, ChunkSlot};
use pgscope_core::memory::Addr;
use pgscope_core::op::SessionOp;
use pgscope_core::profile::Version;
use pgscope_core::server::Outcome;
use pgscope_core::{Error, Op, Server};
use workload::{CONTEXT, Machine, Workload};

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

/// Apply this to both; it comes to the same, which is returned.
fn both(watched: &mut Server, unwatched: &mut Server, op: &Op) -> Result<Outcome, Error> {
    let result = watched.apply(op);
    assert_eq!(unwatched.apply(op), result, "{op:?}");
    assert!(heap(unwatched) == heap(watched), "other bytes after {op:?}");
    result
}

fn palloc(chunk: u32) -> Op {
    let (context, chunk) = (Some(CONTEXT), Some(ChunkSlot(chunk)));
    Op::Palloc { backend: BACKEND, context, size: 100, zero: false, chunk }
}

/// What an error has ended is not executed, with a context at hand or without.
#[test]
fn a_short_way_is_for_who_does_what_it_is_told() {
    for version in Version::ALL {
        let mut watched = Workload::all(version)[0].server(version).unwrap();
        let mut unwatched = watched.clone();
        unwatched.log_mut().off();
        let (watched, unwatched) = (&mut watched, &mut unwatched);
        let pfree = Op::Pfree { backend: BACKEND, chunk: ChunkSlot(0) };
        both(watched, unwatched, &palloc(0)).unwrap();
        both(watched, unwatched, &Op::QueryBegin { backend: BACKEND }).unwrap();
        both(watched, unwatched, &palloc(1)).unwrap();
        let raise = Op::Session { backend: BACKEND, session: SessionOp::Error("no".into()) };
        assert!(both(watched, unwatched, &raise).is_err());
        for op in [palloc(2), pfree.clone(), palloc(3)] {
            assert_eq!(both(watched, unwatched, &op), Ok(Outcome::Ended));
        }
        both(watched, unwatched, &Op::QueryEnd { backend: BACKEND }).unwrap();
        let pointer = both(watched, unwatched, &palloc(4)).unwrap();
        assert!(pointer.pointer().is_some());
        // Whose process is gone has no memory either.
        both(watched, unwatched, &Op::Disconnect { backend: BACKEND }).unwrap();
        let refused = watched.apply(&palloc(5));
        assert!(matches!(refused, Err(Error::NotConnected(_))), "{refused:?}");
        assert_eq!(unwatched.apply(&palloc(5)), refused);
        assert_eq!(unwatched.apply(&pfree), watched.apply(&pfree));
    }
}
