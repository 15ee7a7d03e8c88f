//! One process and nothing else: memory management as PostgreSQL's own routines see it, for
//! tests that do what no operation of a scenario can.

#![allow(dead_code, reason = "each test that starts a process uses what it needs")]

use pgscope_core::Event;
use pgscope_core::event::{EventLog, MemoryEvent};
use pgscope_core::ids::BackendId;
use pgscope_core::memory::{Addr, Arena, ProgramText};
use pgscope_core::mmgr::{LocalMemory, Process};
use pgscope_core::op::Allocator;
use pgscope_core::profile::Version;

/// What a process consists of.
pub(crate) struct Machine {
    pub(crate) arena: Arena,
    version: Version,
    local: LocalMemory,
    program: ProgramText,
    log: EventLog,
}

impl Machine {
    pub(crate) fn new(version: Version) -> Self {
        Self {
            arena: Arena::new(),
            version,
            local: LocalMemory::new(BackendId(0)),
            program: ProgramText::default(),
            log: EventLog::default(),
        }
    }

    /// A machine with a context named Work.
    pub(crate) fn with(version: Version, allocator: Allocator) -> (Self, Addr) {
        let mut machine = Self::new(version);
        let context = machine.create(allocator);
        (machine, context)
    }

    pub(crate) fn process(&mut self) -> Process<'_> {
        Process {
            who: BackendId(0),
            arena: &mut self.arena,
            local: &mut self.local,
            program: &mut self.program,
            log: &mut self.log,
            profile: self.version.profile(),
        }
    }

    pub(crate) fn create(&mut self, allocator: Allocator) -> Addr {
        let mut process = self.process();
        let name = process.program.intern(process.arena, "Work").unwrap();
        process.context_create(Addr::NULL, name, allocator).unwrap()
    }

    pub(crate) fn palloc(&mut self, context: Addr, size: u64) -> Addr {
        self.process().memory_context_alloc(context, size, false).unwrap()
    }

    pub(crate) fn bytes(&self, from: Addr, size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        self.arena.read(from, &mut bytes);
        bytes
    }

    /// The warnings since the last call.
    pub(crate) fn warnings(&mut self) -> Vec<String> {
        let said = |event: &Event| match *event {
            Event::Memory(_, MemoryEvent::Warning { name, problem, values }) => {
                Some(problem.text(self.program.text(name), values))
            }
            _ => None,
        };
        let said = self.log.events().iter().filter_map(said).collect();
        self.log.off();
        self.log.on();
        said
    }
}

/// One of each kind that a version has.
pub(crate) fn allocators(version: Version) -> Vec<Allocator> {
    let (min, init, max) = (0, 1024, 8192);
    let mut all = vec![
        Allocator::AllocSet { min, init, max },
        Allocator::Generation { min, init, max },
        Allocator::Slab { block: 1024, chunk: 60 },
    ];
    if version.profile().mmgr.bump {
        all.push(Allocator::Bump { min, init, max });
    }
    all
}
