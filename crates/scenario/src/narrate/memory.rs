//! Sentences about memory contexts: [`allocate`] tells of chunks, [`tree`] of the contexts,
//! [`misuse`] of pointers that are no good.

mod allocate;
mod misuse;
mod tree;

use pgscope_core::Event;
use pgscope_core::event::{Access, MemoryEvent};
use pgscope_core::ids::{BackendId, ChunkSlot, ContextSlot};
use pgscope_core::memory::Addr;
use pgscope_core::mmgr::inspect::{self, BlockView};
use pgscope_core::op::Op;

use super::{Narration, Scene, Tone};

pub(super) fn tell(narration: &mut Narration, scene: &Scene<'_>, op: &Op) {
    let Some(backend) = op.backend() else { return };
    let who = scene.backend(backend).to_owned();
    match op {
        Op::SwitchTo { context, .. } => {
            let context = scene.context(backend, *context);
            narration.say(Tone::Who, format!("{who} switches to {context}"));
            narration.say(Tone::Plain, ": what it allocates from now on belongs there.");
        }
        Op::Palloc { size, chunk, .. } | Op::PallocExtended { size, chunk, .. } => {
            narration.say(Tone::Who, format!("{who} allocates {}", bytes(*size)));
            allocate::allocated(narration, scene, op, *chunk);
        }
        Op::PallocAligned { size, align, chunk, .. } => {
            let size = bytes(*size);
            narration.say(Tone::Who, format!("{who} allocates {size} aligned to {align}"));
            allocate::allocated(narration, scene, op, *chunk);
        }
        Op::Strdup { text, chunk, .. } => {
            narration.say(Tone::Who, format!("{who} copies the {} of \"", bytes(length(text))));
            narration.say(Tone::Who, format!("{}\"", shortened(text)));
            allocate::allocated(narration, scene, op, *chunk);
        }
        Op::SetIdentifier { context, ident, .. } => {
            let context = scene.context(backend, *context);
            let text = shortened(ident);
            narration.say(Tone::Who, format!("{who} says that {context} is for \"{text}\""));
            narration.say(Tone::Plain, format!(", which takes {}", bytes(length(ident))));
            allocate::allocated(narration, scene, op, None);
        }
        Op::Pfree { chunk, .. } => {
            narration.say(Tone::Who, format!("{who} frees {}", scene.chunk(backend, *chunk)));
            misuse::stale(narration, scene);
            allocate::freed(narration, scene);
        }
        Op::Repalloc { chunk, size, .. } | Op::RepallocExtended { chunk, size, .. } => {
            let chunk = scene.chunk(backend, *chunk);
            narration.say(Tone::Who, format!("{who} resizes {chunk} to {}", bytes(*size)));
            misuse::stale(narration, scene);
            allocate::resized(narration, scene);
        }
        Op::Peek { .. } | Op::Poke { .. } => misuse::accessed(narration, scene, op),
        _ => tree::tell(narration, scene, op, backend),
    }
}

const RECYCLED: &str = ", a deleted one used again with its first block.";

/// Bytes of a string with the zero byte that ends it.
fn length(text: &str) -> u64 {
    text.len() as u64 + 1
}

/// The beginning of a text, for a sentence.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 40;
    let cut = text.floor_char_boundary(SHOWN);
    if cut < text.len() { format!("{}...", &text[..cut]) } else { text.to_owned() }
}

impl Scene<'_> {
    pub(super) fn memory_events(&self) -> impl Iterator<Item = &MemoryEvent> {
        self.events.iter().filter_map(|event| match event {
            Event::Memory(_, event) => Some(event),
            _ => None,
        })
    }

    fn context(&self, backend: BackendId, slot: ContextSlot) -> String {
        self.names.context(backend, slot).unwrap_or("a context").to_owned()
    }

    fn chunk(&self, backend: BackendId, slot: ChunkSlot) -> String {
        self.names.chunk(backend, slot).map_or("a chunk", |name| name).to_owned()
    }

    pub(super) fn name_of(&self, context: Addr) -> String {
        self.server.text(self.server.context(context).name()).to_owned()
    }

    /// The context that an allocation is in, or was to be in.
    fn allocated_in(&self, op: &Op) -> Option<String> {
        let slot = match op {
            Op::Palloc { context, .. }
            | Op::PallocExtended { context, .. }
            | Op::PallocAligned { context, .. }
            | Op::Strdup { context, .. } => *context,
            Op::SetIdentifier { context, .. } => Some(*context),
            _ => None,
        };
        let backend = op.backend()?;
        let current = || Some(self.name_of(self.server.backend(backend)?.memory.current));
        slot.map(|slot| self.context(backend, slot)).or_else(current)
    }

    /// The block of a context that an address lies in, as it is now.
    fn block(&self, context: Addr, pointer: Addr) -> Option<BlockView> {
        let mut blocks = self.blocks(context).into_iter();
        blocks.find(|block| block.contains(pointer))
    }

    fn blocks(&self, context: Addr) -> Vec<BlockView> {
        inspect::blocks(self.server.arena(), self.server.profile(), context)
    }

    fn recycled(&self) -> bool {
        let recycled = |event: &MemoryEvent| {
            matches!(event, MemoryEvent::ContextCreated { recycled: true, .. })
        };
        self.memory_events().any(recycled)
    }
}

/// `1 byte`, `100 bytes`, `8 kB`, `2 GB`.
fn bytes(size: u64) -> String {
    match size {
        1 => "1 byte".into(),
        size if size >= 1 << 30 && size % (1 << 30) == 0 => format!("{} GB", size >> 30),
        size if size >= 1 << 20 && size % (1 << 20) == 0 => format!("{} MB", size >> 20),
        size if size >= 1 << 10 && size % (1 << 10) == 0 => format!("{} kB", size >> 10),
        size => format!("{size} bytes"),
    }
}

/// What PostgreSQL calls the routines of one allocator, and where they are.
struct Routines {
    file: &'static str,
    create: &'static str,
    alloc: &'static str,
    large: &'static str,
    new_block: &'static str,
    free: &'static str,
    realloc: &'static str,
    reset: &'static str,
    delete: &'static str,
}

const ALLOC_SET: Routines = Routines {
    file: "backend/utils/mmgr/aset.c",
    create: "AllocSetContextCreateInternal",
    alloc: "AllocSetAlloc",
    large: "AllocSetAllocLarge",
    new_block: "AllocSetAllocFromNewBlock",
    free: "AllocSetFree",
    realloc: "AllocSetRealloc",
    reset: "AllocSetReset",
    delete: "AllocSetDelete",
};
const GENERATION: Routines = Routines {
    file: "backend/utils/mmgr/generation.c",
    create: "GenerationContextCreate",
    alloc: "GenerationAlloc",
    large: "GenerationAllocLarge",
    new_block: "GenerationAllocFromNewBlock",
    free: "GenerationFree",
    realloc: "GenerationRealloc",
    reset: "GenerationReset",
    delete: "GenerationDelete",
};
const SLAB: Routines = Routines {
    file: "backend/utils/mmgr/slab.c",
    create: "SlabContextCreate",
    alloc: "SlabAlloc",
    large: "SlabAlloc",
    new_block: "SlabAllocFromNewBlock",
    free: "SlabFree",
    realloc: "SlabRealloc",
    reset: "SlabReset",
    delete: "SlabDelete",
};
const BUMP: Routines = Routines {
    file: "backend/utils/mmgr/bump.c",
    create: "BumpContextCreate",
    alloc: "BumpAlloc",
    large: "BumpAllocLarge",
    new_block: "BumpAllocFromNewBlock",
    free: "BumpFree",
    realloc: "BumpRealloc",
    reset: "BumpReset",
    delete: "BumpDelete",
};

impl Routines {
    /// Those of a context's allocator.
    fn of(scene: &Scene<'_>, context: Addr) -> Self {
        match scene.server.context(context).kind() {
            "Generation" => GENERATION,
            "Slab" => SLAB,
            "Bump" => BUMP,
            _ => ALLOC_SET,
        }
    }

    fn at(&self, routine: &'static str) -> (&'static str, &'static str) {
        (routine, self.file)
    }
}

/// The routine that an event happens in, and its file below `src/`.
pub(super) fn routine(
    scene: &Scene<'_>,
    op: &Op,
    event: &MemoryEvent,
) -> (&'static str, &'static str) {
    const MCXT: &str = "backend/utils/mmgr/mcxt.c";
    match *event {
        MemoryEvent::ContextDeleted { .. } | MemoryEvent::CallEnded { .. } => {
            ("MemoryContextDelete", MCXT)
        }
        MemoryEvent::ContextReset { .. } => ("MemoryContextReset", MCXT),
        MemoryEvent::Switched { .. } => ("MemoryContextSwitchTo", "include/utils/palloc.h"),
        MemoryEvent::Aligned { .. } => ("MemoryContextAllocAligned", MCXT),
        MemoryEvent::CallbackRegistered { .. } => ("MemoryContextRegisterResetCallback", MCXT),
        MemoryEvent::CallbackFired { .. } => ("MemoryContextCallResetCallbacks", MCXT),
        MemoryEvent::ParentChanged { .. } => ("MemoryContextSetParent", MCXT),
        MemoryEvent::Misused { access: Access::Free, .. } => ("pfree", MCXT),
        MemoryEvent::Misused { access: Access::Resize, .. } => ("repalloc", MCXT),
        MemoryEvent::Misused { .. } | MemoryEvent::Peeked { .. } | MemoryEvent::Poked { .. } => {
            ("memcpy", "include/c.h")
        }
        MemoryEvent::Warning { .. } => ("elog", "include/utils/elog.h"),
        MemoryEvent::IdentifierSet { .. } => ("MemoryContextSetIdentifier", MCXT),
        MemoryEvent::CallBegan { .. } => ("FunctionCallInvoke", "include/fmgr.h"),
        MemoryEvent::FreelistTaken { .. } => ALLOC_SET.at(ALLOC_SET.alloc),
        MemoryEvent::Carved { .. } => ALLOC_SET.at(ALLOC_SET.new_block),
        MemoryEvent::ContextStoreEmptied { .. } => ALLOC_SET.at(ALLOC_SET.delete),
        MemoryEvent::ContextCreated { context, .. } => {
            let allocator = Routines::of(scene, context);
            allocator.at(allocator.create)
        }
        MemoryEvent::SizeClass { context, .. }
        | MemoryEvent::Palloc { context, .. }
        | MemoryEvent::BlockReused { context, .. } => {
            let allocator = Routines::of(scene, context);
            allocator.at(allocator.alloc)
        }
        MemoryEvent::BlockAllocated { context, dedicated, .. } => {
            let allocator = Routines::of(scene, context);
            allocator.at(if dedicated { allocator.large } else { allocator.new_block })
        }
        MemoryEvent::Pfree { context, .. } | MemoryEvent::BlockEmptied { context, .. } => {
            let allocator = Routines::of(scene, context);
            allocator.at(allocator.free)
        }
        MemoryEvent::BlockFreed { context, .. } => {
            let allocator = Routines::of(scene, context);
            let deleted = scene.server.context(context).parent().is_none();
            allocator.at(match op {
                Op::Pfree { .. } | Op::Repalloc { .. } | Op::RepallocExtended { .. } => {
                    allocator.free
                }
                // A context leaves the tree before its blocks go.
                _ if deleted => allocator.delete,
                _ => allocator.reset,
            })
        }
        MemoryEvent::BlockResized { context, .. }
        | MemoryEvent::RepallocInPlace { context, .. }
        | MemoryEvent::RepallocMoved { context, .. } => {
            let allocator = Routines::of(scene, context);
            allocator.at(allocator.realloc)
        }
    }
}
