//! Sentences about chunks: where one comes from, where it goes, and what that costs.

use pgscope_core::event::MemoryEvent;
use pgscope_core::ids::ChunkSlot;
use pgscope_core::memory::Addr;
use pgscope_core::mmgr::inspect::{self, BlockView};
use pgscope_core::op::Op;

use super::bytes;
use crate::narrate::buffers::count;
use crate::narrate::{Narration, Scene, Tone};

/// How an allocation went, from the name of its context on.
pub(super) fn allocated(
    narration: &mut Narration,
    scene: &Scene<'_>,
    op: &Op,
    chunk: Option<ChunkSlot>,
) {
    if let Some(context) = scene.allocated_in(op) {
        narration.say(Tone::Plain, format!(" in {context}"));
    }
    let name = op.backend().zip(chunk);
    if let Some(name) = name.and_then(|(backend, chunk)| scene.names.chunk(backend, chunk)) {
        narration.say(Tone::Plain, format!(" as {name}"));
    }
    let palloc = scene.memory_events().find_map(|event| match *event {
        MemoryEvent::Palloc { context, chunk, size, usable } => {
            Some((context, chunk, size, usable))
        }
        _ => None,
    });
    let Some((context, chunk, mut size, usable)) = palloc else {
        if scene.failed() {
            return unfinished(narration, scene);
        }
        return narration.say(Tone::Evict, ": malloc has no more, so NULL comes back.");
    };
    if let Op::PallocAligned { size: asked, .. } = op
        && size > *asked
    {
        let more = bytes(size - asked);
        narration.say(Tone::Plain, format!(", with {more} more to have a choice"));
        size = *asked;
    }
    match scene.server.context(context).kind() {
        "Slab" => from_slab(narration, scene, context, chunk),
        "Generation" | "Bump" => in_order(narration, scene, context, usable),
        _ => from_class(narration, scene, context),
    }
    if usable > size {
        let (spare, stay) = (usable - size, if usable - size == 1 { "stays" } else { "stay" });
        narration.say(Tone::Plain, format!(" {} of it {stay} unused.", bytes(spare)));
    }
    if let Some(MemoryEvent::Aligned { chunk, pointer, .. }) = scene.memory_events().last() {
        let into = bytes(pointer.since(*chunk));
        narration.say(Tone::Plain, format!(" The pointer that comes back lies {into} into the "));
        narration
            .say(Tone::Plain, "chunk, and the word before it leads back to where that begins.");
    }
    if zeroed(op) {
        narration.say(Tone::Plain, " What was asked for is filled with zeros.");
    }
}

fn zeroed(op: &Op) -> bool {
    match op {
        Op::Palloc { zero, .. } => *zero,
        Op::PallocExtended { flags, .. } | Op::PallocAligned { flags, .. } => flags.zero,
        _ => false,
    }
}

/// A size class that was looked at before malloc had no more.
fn unfinished(narration: &mut Narration, scene: &Scene<'_>) {
    let carved = carved(scene);
    if carved > 0 {
        let chunks = count(carved, "free chunk");
        narration.say(Tone::Plain, format!(": the active block is full and carved into {chunks}"));
    }
    narration.say(Tone::Plain, ".");
}

fn carved(scene: &Scene<'_>) -> u32 {
    let carved = |event: &&MemoryEvent| matches!(event, MemoryEvent::Carved { .. });
    scene.memory_events().filter(carved).count() as u32
}

fn new_block(scene: &Scene<'_>) -> Option<(u64, bool)> {
    scene.memory_events().find_map(|event| match *event {
        MemoryEvent::BlockAllocated { size, dedicated, .. } => Some((size, dedicated)),
        _ => None,
    })
}

fn reused_block(scene: &Scene<'_>) -> bool {
    scene.memory_events().any(|event| matches!(event, MemoryEvent::BlockReused { .. }))
}

fn own_block(narration: &mut Narration, scene: &Scene<'_>, context: Addr, size: u64) {
    let (arena, profile) = (scene.server.arena(), scene.server.profile());
    let limit = bytes(inspect::chunk_limit(arena, profile, context));
    narration.say(Tone::Plain, format!(": over the chunk limit of {limit}, so "));
    narration.say(Tone::Miss, format!("it gets a block of its own, {}.", bytes(size)));
}

/// AllocSet: a size class and its freelist.
fn from_class(narration: &mut Narration, scene: &Scene<'_>, context: Addr) {
    let new_block = new_block(scene);
    if let Some((size, true)) = new_block {
        return own_block(narration, scene, context, size);
    }
    let classes = scene.memory_events().find_map(|event| match *event {
        MemoryEvent::SizeClass { class, found, .. } => Some((class, found)),
        _ => None,
    });
    let Some((class, found)) = classes else { return };
    narration.say(Tone::Plain, format!(": size class {class}, "));
    if found {
        return narration.say(Tone::Hit, "with a free chunk on its list, which is taken.");
    }
    narration.say(Tone::Plain, "whose freelist is empty, ");
    let Some((size, _)) = new_block else {
        return narration.say(Tone::Plain, "so the chunk is cut from the active block.");
    };
    narration.say(Tone::Miss, "and the active block is full: ");
    let carved = carved(scene);
    if carved > 0 {
        let chunks = count(carved, "free chunk");
        narration.say(Tone::Plain, format!("its rest is carved into {chunks}, and "));
    }
    narration.say(Tone::Plain, format!("a new block of {} comes from malloc.", bytes(size)));
}

/// Generation and Bump: the next bytes of the active block.
fn in_order(narration: &mut Narration, scene: &Scene<'_>, context: Addr, usable: u64) {
    let header = scene.server.context(context).chunk_header(scene.server.profile());
    match new_block(scene) {
        Some((size, true)) => return own_block(narration, scene, context, size),
        Some((size, false)) => {
            narration.say(Tone::Miss, ": the active block is full");
            let size = bytes(size);
            narration.say(Tone::Plain, format!(", and a new one of {size} comes from malloc. "));
            narration.say(Tone::Plain, "It gives ");
        }
        None if reused_block(scene) => {
            narration.say(Tone::Plain, ": the active block is full, ");
            narration.say(Tone::Hit, "and an empty one that was kept takes its place. ");
            narration.say(Tone::Plain, "It gives ");
        }
        None => narration.say(Tone::Plain, ": the active block gives "),
    }
    let behind = match header {
        0 => "with no header before them".to_owned(),
        header => format!("behind a header of {header}"),
    };
    narration.say(Tone::Plain, format!("its next {}, {behind}.", bytes(usable)));
}

/// How many chunks of a slab's block are in use, and how many it holds.
fn fullness(scene: &Scene<'_>, context: Addr, pointer: Addr) -> Option<(usize, u32)> {
    let block = scene.block(context, pointer)?;
    let used = block.chunks.iter().filter(|chunk| !chunk.free).count();
    let header = scene.server.context(context).chunk_header(scene.server.profile());
    let full = header + block.chunks.first()?.size;
    Some((used, ((block.size - block.header) / full) as u32))
}

/// Slab: a block's next free chunk.
fn from_slab(narration: &mut Narration, scene: &Scene<'_>, context: Addr, pointer: Addr) {
    let (used, all) = fullness(scene, context, pointer).unwrap_or_default();
    if let Some((size, _)) = new_block(scene) {
        narration.say(Tone::Miss, ": no block has a free chunk");
        let size = bytes(size);
        let chunks = count(all, "chunk");
        let text = format!(", so a new block of {size} for {chunks} comes from malloc.");
        narration.say(Tone::Plain, text);
    } else if reused_block(scene) {
        narration.say(Tone::Plain, ": no block in use has a free chunk, ");
        narration.say(Tone::Hit, "so an empty one that was kept comes back into use.");
    } else {
        narration.say(Tone::Hit, ": a free chunk of a block in use");
        narration.say(Tone::Plain, format!("; {used} of its {all} chunks are in use now."));
    }
}

/// What becomes of a freed chunk.
pub(super) fn freed(narration: &mut Narration, scene: &Scene<'_>) {
    let mut freed = None;
    for event in scene.memory_events() {
        match *event {
            MemoryEvent::Pfree { context, chunk, usable, .. } => {
                let kind = scene.server.context(context).kind();
                match kind {
                    "Slab" => slab_freed(narration, scene, context, chunk),
                    "Generation" => {
                        narration.say(Tone::Plain, ": its block counts one more free chunk, ");
                        narration.say(Tone::Plain, "which is not handed out again.");
                    }
                    _ => class_freed(narration, scene, context, usable),
                }
                freed = Some(kind);
            }
            MemoryEvent::BlockEmptied { context, .. } => match freed {
                Some("Slab") => {
                    let empty = |block: &&BlockView| block.chunks.iter().all(|chunk| chunk.free);
                    let kept = scene.blocks(context).iter().filter(empty).count() as u32;
                    narration.say(Tone::Plain, ", which is kept for later: ");
                    narration.say(Tone::Hit, format!("{}.", count(kept, "empty block")));
                }
                _ => narration.say(Tone::Hit, " It was the last: the empty block is kept."),
            },
            MemoryEvent::BlockFreed { size, .. } => {
                let text = match freed {
                    Some("AllocSet") => ": it had a block of its own, and all ",
                    Some("Slab") => ", and all ",
                    _ => " It was the last: the block goes, and all ",
                };
                narration.say(Tone::Plain, text);
                let size = bytes(size);
                narration.say(Tone::Hit, format!("{size} of it go back to malloc."));
            }
            _ => {}
        }
    }
}

/// AllocSet: a chunk on a freelist; one that had its block alone goes with it.
fn class_freed(narration: &mut Narration, scene: &Scene<'_>, context: Addr, class: u64) {
    if scene.memory_events().any(|event| matches!(event, MemoryEvent::BlockFreed { .. })) {
        return;
    }
    narration.say(Tone::Plain, ": its chunk goes to ");
    narration.say(Tone::Hit, format!("the freelist of class {class}"));
    let context = scene.name_of(context);
    narration.say(Tone::Plain, format!(" in {context}. Nothing goes back to malloc."));
}

fn slab_freed(narration: &mut Narration, scene: &Scene<'_>, context: Addr, pointer: Addr) {
    match fullness(scene, context, pointer) {
        Some((used, all)) if used > 0 => {
            narration.say(Tone::Plain, ": the chunk is ");
            narration.say(Tone::Hit, "the first free one of its block");
            let are = if used == 1 { "is" } else { "are" };
            narration.say(Tone::Plain, format!(", where {used} of {all} {are} still in use."));
        }
        _ => narration.say(Tone::Plain, ": it was the last chunk in use of its block"),
    }
}

/// How a chunk got another size.
pub(super) fn resized(narration: &mut Narration, scene: &Scene<'_>) {
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
                return narration.say(Tone::Hit, format!("{}, the pointer stays.", bytes(usable)));
            }
            MemoryEvent::RepallocMoved { copied, .. } => {
                let copied = bytes(copied);
                narration.say(Tone::Miss, format!(": a new chunk, {copied} are copied"));
                return narration.say(Tone::Plain, ", the old one is freed.");
            }
            _ => {}
        }
    }
    if scene.failed() {
        return narration.say(Tone::Plain, ".");
    }
    narration.say(Tone::Evict, ": malloc has no more, so NULL comes back and nothing changes.");
}
