//! The workloads: random sizes from one small generator, into a thousand variables.
//!
//! A step of the first three kinds frees what its variable holds and allocates anew; a step of
//! the other two only allocates, and every thousandth resets the context.

use pgscope_core::ids::{BackendId, ChunkSlot, ContextSlot};
use pgscope_core::op::Allocator;
use pgscope_core::profile::Version;
use pgscope_core::server::Settings;
use pgscope_core::{Error, Op, Server};

const BACKEND: BackendId = BackendId(0);
const CONTEXT: ContextSlot = ContextSlot::FIRST_USER;
/// Variables, and steps from one reset to the next.
const SLOTS: usize = 1000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    AllocSet,
    AllocSetReset,
    Generation,
    Slab,
    Bump,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sizes {
    Small,
    Mixed,
}

/// One line of the table.
#[derive(Clone, Copy)]
pub(crate) struct Workload {
    kind: Kind,
    sizes: Sizes,
}

impl Workload {
    /// All that a version can run.
    pub(crate) fn all(version: Version) -> Vec<Self> {
        let kinds = [Kind::AllocSet, Kind::AllocSetReset, Kind::Generation, Kind::Slab, Kind::Bump];
        let mut all = Vec::new();
        for kind in kinds {
            all.push(Self { kind, sizes: Sizes::Small });
            // A slab's chunks are all of one size.
            if kind != Kind::Slab {
                all.push(Self { kind, sizes: Sizes::Mixed });
            }
        }
        all.retain(|workload| workload.kind != Kind::Bump || version.profile().mmgr.bump);
        all
    }

    pub(crate) fn name(self) -> String {
        let kind = match self.kind {
            Kind::AllocSet => "aset",
            Kind::AllocSetReset => "asetreset",
            Kind::Generation => "gen",
            Kind::Slab => "slab",
            Kind::Bump => "bump",
        };
        let sizes = if self.sizes == Sizes::Small { "small" } else { "mixed" };
        format!("{kind}/{sizes}")
    }

    /// A server with the context that the steps work in.
    pub(crate) fn server(self, version: Version) -> Result<Server, Error> {
        let (min, init, max) = (0, 8 << 10, 8 << 20);
        let allocator = match self.kind {
            Kind::AllocSet | Kind::AllocSetReset => Allocator::ALLOCSET_DEFAULT,
            Kind::Generation => Allocator::Generation { min, init, max },
            Kind::Slab => Allocator::Slab { block: 8 << 10, chunk: 64 },
            Kind::Bump => Allocator::Bump { min, init, max },
        };
        let mut server = Server::start(version, Settings::default(), 0)?;
        server.apply(&Op::Connect { backend: BACKEND, name: "bench".into() })?;
        server.apply(&Op::CreateContext {
            backend: BACKEND,
            context: CONTEXT,
            parent: Some(ContextSlot::TOP),
            name: "bench".into(),
            allocator,
        })?;
        Ok(server)
    }

    pub(crate) fn start(self, seed: u64) -> Run {
        Run { workload: self, state: seed, held: [false; SLOTS], done: 0 }
    }
}

/// What executes the operations.
pub(crate) trait Machine {
    fn apply(&mut self, op: &Op) -> Result<(), Error>;
}

/// A workload that is running.
pub(crate) struct Run {
    workload: Workload,
    /// Of the random numbers.
    state: u64,
    /// The variables that hold a chunk.
    held: [bool; SLOTS],
    done: u64,
}

impl Run {
    /// Apply the operations of the next `count` steps.
    pub(crate) fn steps(&mut self, count: u64, machine: &mut impl Machine) -> Result<(), Error> {
        let resets = matches!(self.workload.kind, Kind::AllocSetReset | Kind::Bump);
        let fixed = self.workload.kind == Kind::Slab;
        for _ in 0..count {
            let random = self.random();
            let size = if fixed { 64 } else { self.size(random) };
            let slot = (random >> 33) as usize % SLOTS;
            let chunk = (!resets).then_some(ChunkSlot(slot as u32));
            if let Some(chunk) = chunk
                && self.held[slot]
            {
                let pfree = Op::Pfree { backend: BACKEND, chunk };
                machine.apply(&pfree)?;
                // Numbers need no drop, but the compiler can't tell them from text here.
                std::mem::forget(pfree);
            }
            let context = Some(CONTEXT);
            let palloc = Op::Palloc { backend: BACKEND, context, size, zero: false, chunk };
            machine.apply(&palloc)?;
            std::mem::forget(palloc);
            self.held[slot] = true;
            self.done += 1;
            if resets && self.done.is_multiple_of(SLOTS as u64) {
                machine.apply(&Op::Reset { backend: BACKEND, context: CONTEXT })?;
            }
        }
        Ok(())
    }

    /// xorshift64*.
    fn random(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(2_685_821_657_736_338_717)
    }

    fn size(&self, random: u64) -> u64 {
        let value = (random >> 8) & 0xff_ffff;
        match (self.workload.sizes, random % 100) {
            (Sizes::Small, _) => 8 + value % 121,
            (Sizes::Mixed, 0..70) => 16 + value % 112,
            (Sizes::Mixed, 70..95) => 128 + value % 896,
            (Sizes::Mixed, 95..99) => 1024 + value % 7168,
            (Sizes::Mixed, _) => 8193 + value % 57_344,
        }
    }
}
