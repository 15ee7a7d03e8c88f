//! Sentences about memory contexts.

use pgscope_core::Event;
use pgscope_core::event::MemoryEvent;
use pgscope_core::ids::{BackendId, ChunkSlot, ContextSlot};
use pgscope_core::memory::Addr;
use pgscope_core::op::Op;

use super::buffers::count;
use super::{Narration, Scene, Tone};

pub(super) fn tell(narration: &mut Narration, scene: &Scene<'_>, op: &Op) {
    let Some(backend) = op.backend() else { return };
    let who = scene.backend(backend).to_owned();
    match op {
        Op::CreateContext { name, .. } => {
            narration.say(Tone::Who, format!("{who} creates the context {name}"));
            created(narration, scene);
        }
        Op::SwitchTo { context, .. } => {
            let context = scene.context(backend, *context);
            narration.say(Tone::Who, format!("{who} switches to {context}"));
            narration.say(Tone::Plain, ": what it allocates from now on belongs there.");
        }
        Op::Palloc { size, chunk, .. } => {
            narration.say(Tone::Who, format!("{who} allocates {}", bytes(*size)));
            let name = chunk.and_then(|chunk| scene.names.chunk(backend, chunk));
            if let Some(context) = scene.allocated_in() {
                narration.say(Tone::Plain, format!(" in {context}"));
            }
            if let Some(name) = name {
                narration.say(Tone::Plain, format!(" as {name}"));
            }
            allocated(narration, scene);
        }
        Op::Pfree { chunk, .. } => {
            narration.say(Tone::Who, format!("{who} frees {}", scene.chunk(backend, *chunk)));
            freed(narration, scene);
        }
        Op::Repalloc { chunk, size, .. } => {
            let chunk = scene.chunk(backend, *chunk);
            narration.say(Tone::Who, format!("{who} resizes {chunk} to {}", bytes(*size)));
            resized(narration, scene);
        }
        Op::Reset { context, .. } => {
            let context = scene.context(backend, *context);
            narration.say(Tone::Who, format!("{who} resets {context}"));
            if scene.failed() {
                return narration.say(Tone::Plain, ".");
            }
            narration.say(Tone::Plain, ": every chunk in it is gone at once");
            gone(narration, scene, false);
        }
        Op::Delete { context, .. } => {
            let context = scene.context(backend, *context);
            narration.say(Tone::Who, format!("{who} deletes {context}"));
            if scene.failed() {
                return narration.say(Tone::Plain, ".");
            }
            narration.say(Tone::Plain, ": it and everything in it is gone at once");
            gone(narration, scene, true);
        }
        Op::CallBegin { function, .. } => {
            narration.say(Tone::Who, format!("{who} calls {function}"));
            narration.say(
                Tone::Plain,
                ": a FunctionCallContext is made for it, and what it allocates goes there",
            );
            narration.say(Tone::Plain, if scene.recycled() { RECYCLED } else { "." });
        }
        Op::CallEnd { .. } => {
            let function = scene.memory_events().find_map(|event| match event {
                MemoryEvent::CallEnded { function, .. } => Some(scene.server.text(*function)),
                _ => None,
            });
            let function = function.unwrap_or("the function").to_owned();
            narration.say(Tone::Who, format!("{function} returns to {who}"));
            narration.say(Tone::Plain, ": its FunctionCallContext is deleted, all chunks with it");
            gone(narration, scene, true);
        }
        _ => {}
    }
}

const RECYCLED: &str = ", a deleted one used again with its first block.";

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

    fn allocated_in(&self) -> Option<String> {
        self.memory_events().find_map(|event| match event {
            MemoryEvent::SizeClass { context, .. } | MemoryEvent::Palloc { context, .. } => {
                Some(self.name_of(*context))
            }
            _ => None,
        })
    }

    fn recycled(&self) -> bool {
        let recycled = |event: &MemoryEvent| {
            matches!(event, MemoryEvent::ContextCreated { recycled: true, .. })
        };
        self.memory_events().any(recycled)
    }
}

fn created(narration: &mut Narration, scene: &Scene<'_>) {
    let Some(context) = scene.memory_events().find_map(|event| match event {
        MemoryEvent::ContextCreated { context, .. } => Some(*context),
        _ => None,
    }) else {
        return narration.say(Tone::Plain, ".");
    };
    let context_now = scene.server.context(context);
    let parent = context_now.parent().map_or(Addr::NULL, |parent| parent.addr);
    narration.say(Tone::Plain, format!(" under {}", scene.name_of(parent)));
    if scene.recycled() {
        return narration.say(Tone::Plain, RECYCLED);
    }
    let first = bytes(context_now.mem_allocated(false));
    narration.say(Tone::Plain, format!(": header and first block are one malloc of {first}."));
}

fn allocated(narration: &mut Narration, scene: &Scene<'_>) {
    for event in scene.memory_events() {
        match *event {
            MemoryEvent::SizeClass { class, found, .. } => {
                narration.say(Tone::Plain, format!(": size class {class}, "));
                if found {
                    narration.say(Tone::Hit, "with a free chunk on its list, which is taken.");
                } else {
                    narration.say(Tone::Plain, "whose freelist is empty, ");
                    let new_block = scene
                        .memory_events()
                        .any(|event| matches!(event, MemoryEvent::BlockAllocated { .. }));
                    if !new_block {
                        narration.say(Tone::Plain, "so the chunk is cut from the active block.");
                    }
                }
            }
            MemoryEvent::BlockAllocated { size, dedicated: false, .. } => {
                narration.say(Tone::Miss, "and the active block is full: ");
                let carved = scene
                    .memory_events()
                    .filter(|event| matches!(event, MemoryEvent::Carved { .. }))
                    .count() as u32;
                if carved > 0 {
                    let chunks = count(carved, "free chunk");
                    narration.say(Tone::Plain, format!("its rest is carved into {chunks}, and "));
                }
                let size = bytes(size);
                narration.say(Tone::Plain, format!("a new block of {size} comes from malloc."));
            }
            MemoryEvent::BlockAllocated { size, dedicated: true, .. } => {
                narration.say(Tone::Plain, ": over the chunk limit, so ");
                narration.say(Tone::Miss, format!("it gets a block of its own, {}.", bytes(size)));
            }
            MemoryEvent::Palloc { size, usable, .. } if usable > size => {
                let spare = bytes(usable - size);
                narration.say(Tone::Plain, format!(" {spare} of it stay unused."));
            }
            _ => {}
        }
    }
}

fn freed(narration: &mut Narration, scene: &Scene<'_>) {
    for event in scene.memory_events() {
        match *event {
            MemoryEvent::Pfree { context, usable, freelist: true, .. } => {
                narration.say(Tone::Plain, ": its chunk goes to ");
                narration.say(Tone::Hit, format!("the freelist of class {usable}"));
                let context = scene.name_of(context);
                narration.say(Tone::Plain, format!(" in {context}. Nothing goes back to malloc."));
            }
            MemoryEvent::BlockFreed { size, .. } => {
                narration.say(Tone::Plain, ": it had a block of its own, and ");
                let size = bytes(size);
                narration.say(Tone::Hit, format!("all {size} of it go back to malloc."));
            }
            _ => {}
        }
    }
}

fn resized(narration: &mut Narration, scene: &Scene<'_>) {
    for event in scene.memory_events() {
        match *event {
            MemoryEvent::BlockResized { from, to, size, .. } => {
                narration.say(Tone::Plain, format!(": its block becomes {}", bytes(size)));
                let (tone, place) = if from == to {
                    (Tone::Hit, ", where it was.")
                } else {
                    (Tone::Miss, ", at another place.")
                };
                return narration.say(tone, place);
            }
            MemoryEvent::RepallocInPlace { usable, .. } => {
                narration.say(Tone::Plain, ": its chunk has room for ");
                narration.say(Tone::Hit, format!("{}, the pointer stays.", bytes(usable)));
            }
            MemoryEvent::RepallocMoved { copied, .. } => {
                let copied = bytes(copied);
                narration.say(Tone::Miss, format!(": a new chunk, {copied} are copied"));
                narration.say(Tone::Plain, ", the old one is freed.");
            }
            _ => {}
        }
    }
}

/// What a reset or delete gave back.
fn gone(narration: &mut Narration, scene: &Scene<'_>, deleted: bool) {
    let (mut blocks, mut size, mut children, mut kept) = (0, 0, 0, false);
    for event in scene.memory_events() {
        match *event {
            MemoryEvent::BlockFreed { size: freed, .. } => {
                blocks += 1;
                size += freed;
            }
            MemoryEvent::ContextDeleted { kept: was_kept, .. } => {
                children += 1;
                kept = was_kept;
            }
            _ => {}
        }
    }
    children -= u32::from(deleted && children > 0);
    if children > 0 {
        narration.say(Tone::Plain, format!(", {} too", count(children, "child context")));
    }
    narration.say(Tone::Plain, ".");
    if blocks > 0 {
        let (blocks, size) = (count(blocks, "block"), bytes(size));
        narration.say(Tone::Hit, format!(" {blocks}, {size}, went back to malloc."));
    }
    match deleted {
        false => narration.say(Tone::Plain, " The keeper block stays."),
        true if kept => {
            narration.say(Tone::Plain, " Its first block is kept for the next context like it.");
        }
        true => {}
    }
}

/// `1 byte`, `100 bytes`, `8 kB`.
fn bytes(size: u64) -> String {
    match size {
        1 => "1 byte".into(),
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
                Op::Pfree { .. } | Op::Repalloc { .. } => allocator.free,
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
