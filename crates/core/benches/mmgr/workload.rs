//! The workloads: random sizes from one small generator, into a thousand variables.
//!
//! A step of the first three kinds frees what its variable holds and allocates anew; a step of
//! the other two only allocates, and every thousandth resets the context.

use std::mem::ManuallyDrop;

use pgscope_core::ids::{BackendId, ChunkSlot, ContextSlot};
use pgscope_core::op::Allocator;
use pgscope_core::profile::Version;
use pgscope_core::server::Settings;
use pgscope_core::{Error, Op, Server};

const BACKEND: BackendId = BackendId(0);
pub(crate) const CONTEXT: ContextSlot = ContextSlot::FIRST_USER;
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
    /// Steps without a reset yet, and those before.
    done: u64,
}

impl Run {
    /// Apply the operations of the next `count` steps. Returns how many they were.
    pub(crate) fn steps(&mut self, count: u64, machine: &mut impl Machine) -> Result<u64, Error> {
        match (self.workload.kind, self.workload.sizes) {
            (Kind::Slab, _) => self.replace(count, machine, |_| 64),
            (Kind::AllocSetReset | Kind::Bump, Sizes::Small) => self.fill(count, machine, small),
            (Kind::AllocSetReset | Kind::Bump, Sizes::Mixed) => self.fill(count, machine, mixed),
            (_, Sizes::Small) => self.replace(count, machine, small),
            (_, Sizes::Mixed) => self.replace(count, machine, mixed),
        }
    }

    /// Free what a variable holds, allocate anew.
    #[inline(never)]
    fn replace(
        &mut self,
        count: u64,
        machine: &mut impl Machine,
        size: impl Fn(u64) -> u64,
    ) -> Result<u64, Error> {
        let mut ops = count;
        for _ in 0..count {
            let random = self.random();
            let slot = (random >> 33) as usize % SLOTS;
            let chunk = ChunkSlot(slot as u32);
            if self.held[slot] {
                machine.apply(&ManuallyDrop::new(Op::Pfree { backend: BACKEND, chunk }))?;
                ops += 1;
            }
            palloc(machine, size(random), Some(chunk))?;
            self.held[slot] = true;
        }
        Ok(ops)
    }

    /// Only allocate, and reset now and then.
    #[inline(never)]
    fn fill(
        &mut self,
        count: u64,
        machine: &mut impl Machine,
        size: impl Fn(u64) -> u64,
    ) -> Result<u64, Error> {
        let mut ops = count;
        for _ in 0..count {
            let random = self.random();
            palloc(machine, size(random), None)?;
            self.done += 1;
            if self.done.is_multiple_of(SLOTS as u64) {
                machine.apply(&Op::Reset { backend: BACKEND, context: CONTEXT })?;
                ops += 1;
            }
        }
        Ok(ops)
    }

    /// xorshift64*.
    fn random(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(2_685_821_657_736_338_717)
    }
}

#[inline(always)]
fn palloc(machine: &mut impl Machine, size: u64, chunk: Option<ChunkSlot>) -> Result<(), Error> {
    let context = Some(CONTEXT);
    // Numbers need no drop, but the compiler can't tell them from text here.
    let op = ManuallyDrop::new(Op::Palloc { backend: BACKEND, context, size, zero: false, chunk });
    machine.apply(&op)
}

#[inline(always)]
fn small(random: u64) -> u64 {
    8 + value(random) % 121
}

#[inline(always)]
fn mixed(random: u64) -> u64 {
    let value = value(random);
    match random % 100 {
        0..70 => 16 + value % 112,
        70..95 => 128 + value % 896,
        95..99 => 1024 + value % 7168,
        _ => 8193 + value % 57_344,
    }
}

fn value(random: u64) -> u64 {
    (random >> 8) & 0xff_ffff
}
