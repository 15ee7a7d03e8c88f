//! Sentences about the contexts themselves: how they come, move and go, and what goes with them.

use pgscope_core::event::MemoryEvent;
use pgscope_core::ids::{BackendId, ContextSlot};
use pgscope_core::memory::Addr;
use pgscope_core::mmgr::maxalign;
use pgscope_core::op::{Allocator, Op};

use super::{RECYCLED, bytes};
use crate::narrate::buffers::count;
use crate::narrate::{Narration, Scene, Tone};

pub(super) fn tell(narration: &mut Narration, scene: &Scene<'_>, op: &Op, backend: BackendId) {
    let who = scene.backend(backend).to_owned();
    match op {
        Op::CreateContext { name, allocator, .. } => {
            let kind = match allocator {
                Allocator::AllocSet { .. } => "",
                Allocator::Slab { .. } => "Slab ",
                Allocator::Generation { .. } => "Generation ",
                Allocator::Bump { .. } => "Bump ",
            };
            narration.say(Tone::Who, format!("{who} creates the {kind}context {name}"));
            created(narration, scene, *allocator);
        }
        Op::Reset { context, .. } | Op::ResetOnly { context, .. } => {
            let only = if matches!(op, Op::ResetOnly { .. }) { "only " } else { "" };
            let name = scene.context(backend, *context);
            narration.say(Tone::Who, format!("{who} resets {only}{name}"));
            reset(narration, scene, backend, *context);
        }
        Op::ResetChildren { context, .. } => {
            let name = scene.context(backend, *context);
            narration.say(Tone::Who, format!("{who} resets the children of {name}"));
            let reset = |event: &&MemoryEvent| matches!(event, MemoryEvent::ContextReset { .. });
            let contexts = scene.memory_events().filter(reset).count() as u32;
            if scene.failed() {
                return narration.say(Tone::Plain, ".");
            }
            let contexts = count(contexts, "context");
            narration.say(Tone::Plain, format!(": every chunk in {contexts} below it is gone"));
            given_back(narration, scene, backend);
            narration.say(Tone::Plain, " The contexts stay.");
        }
        Op::Delete { context, .. } => {
            let name = scene.context(backend, *context);
            narration.say(Tone::Who, format!("{who} deletes {name}"));
            if scene.failed() {
                return narration.say(Tone::Plain, ".");
            }
            narration.say(Tone::Plain, ": it and everything in it is gone at once");
            deleted(narration, scene, backend, true);
        }
        Op::DeleteChildren { context, .. } => {
            let name = scene.context(backend, *context);
            narration.say(Tone::Who, format!("{who} deletes the children of {name}"));
            if scene.failed() {
                return narration.say(Tone::Plain, ".");
            }
            let contexts = count(deleted_children(scene, false).0, "context");
            narration.say(Tone::Plain, format!(": {contexts}, and everything in them, go at once"));
            given_back(narration, scene, backend);
        }
        Op::SetParent { context, parent, .. } => {
            let name = scene.context(backend, *context);
            let parent = scene.context(backend, *parent);
            narration.say(Tone::Who, format!("{who} moves {name} under {parent}"));
            moved(narration, scene);
        }
        Op::RegisterResetCallback { context, callback, .. } => {
            let name = scene.context(backend, *context);
            let callback = scene.names.callback(backend, *callback).map_or("it", |name| name);
            narration.say(Tone::Who, format!("{who} registers {callback} with {name}"));
            if scene.failed() {
                return narration.say(Tone::Plain, ".");
            }
            narration.say(Tone::Plain, ": it is called once, when the context is next reset or ");
            narration.say(Tone::Plain, "deleted, before those that were registered earlier.");
        }
        Op::CallBegin { function, .. } => {
            narration.say(Tone::Who, format!("{who} calls {function}"));
            narration.say(
                Tone::Plain,
                ": a FunctionCallContext is made for it, and what it allocates goes there",
            );
            narration.say(Tone::Plain, if scene.recycled() { RECYCLED } else { "." });
            let outermost =
                |event: &MemoryEvent| matches!(event, MemoryEvent::CallBegan { depth: 1, .. });
            if scene.memory_events().any(outermost) {
                let truth = " PostgreSQL has none of that name: a function works in its \
                             caller's context, mostly an ExprContext, or in an SPI Proc.";
                narration.say(Tone::Plain, truth);
            }
        }
        Op::CallEnd { .. } => {
            let function = scene.memory_events().find_map(|event| match event {
                MemoryEvent::CallEnded { function, .. } => Some(scene.server.text(*function)),
                _ => None,
            });
            let function = function.unwrap_or("the function").to_owned();
            narration.say(Tone::Who, format!("{function} returns to {who}"));
            narration.say(Tone::Plain, ": its FunctionCallContext is deleted, all chunks with it");
            deleted(narration, scene, backend, true);
        }
        _ => {}
    }
}

fn created(narration: &mut Narration, scene: &Scene<'_>, allocator: Allocator) {
    let Some(context) = scene.memory_events().find_map(|event| match event {
        MemoryEvent::ContextCreated { context, .. } => Some(*context),
        _ => None,
    }) else {
        return narration.say(Tone::Plain, ".");
    };
    let parent = scene.server.context(context).parent().map_or(Addr::NULL, |parent| parent.addr);
    narration.say(Tone::Plain, format!(" under {}", scene.name_of(parent)));
    if scene.recycled() {
        return narration.say(Tone::Plain, RECYCLED);
    }
    if let Allocator::Slab { block, chunk } = allocator {
        let slab = &scene.server.profile().mmgr.slab;
        let size = maxalign(chunk.max(slab.min_chunk));
        let chunks = count(((block - slab.block) / (slab.chunk + size)) as u32, "chunk");
        let (block, size) = (bytes(block), bytes(size));
        let text = format!(": its header, and no block yet. One of {block} will hold {chunks}");
        narration.say(Tone::Plain, text);
        let header = slab.chunk;
        return narration
            .say(Tone::Plain, format!(" of {size}, each behind a header of {header}."));
    }
    let first = scene.blocks(context).first().map_or(0, |block| block.size);
    let first = bytes(first);
    narration.say(Tone::Plain, format!(": header and first block are one malloc of {first}."));
}

fn moved(narration: &mut Narration, scene: &Scene<'_>) {
    let moved = scene.memory_events().find_map(|event| match event {
        MemoryEvent::ParentChanged { context, .. } => Some(*context),
        _ => None,
    });
    let text = match moved {
        Some(context) => match scene.server.context(context).descendants().count() as u32 {
            0 => ": no byte moves, but it goes with another family now.".to_owned(),
            below => {
                let below = count(below, "context");
                format!(": no byte moves, but it and {below} below it go with another family now.")
            }
        },
        None if scene.failed() => ".".to_owned(),
        None => ": it is there already.".to_owned(),
    };
    narration.say(Tone::Plain, text);
}

fn reset(narration: &mut Narration, scene: &Scene<'_>, backend: BackendId, slot: ContextSlot) {
    if scene.failed() {
        return narration.say(Tone::Plain, ".");
    }
    let context = scene.server.backend(backend).and_then(|backend| backend.context(slot));
    let context = context.unwrap_or(Addr::NULL);
    let was_reset = |event: &MemoryEvent| matches!(event, MemoryEvent::ContextReset { context: which, .. } if *which == context);
    let was_reset = scene.memory_events().any(was_reset);
    let gone = match was_reset {
        true => ": every chunk in it is gone at once",
        false => ": nothing was allocated in it since it was created or last reset",
    };
    narration.say(Tone::Plain, gone);
    if was_reset {
        deleted(narration, scene, backend, false);
    } else {
        let children = deleted_children(scene, false).0;
        if children > 0 {
            let children = count(children, "child context");
            narration.say(Tone::Plain, format!("; {children} below it went"));
        }
        given_back(narration, scene, backend);
    }
    let children = scene.server.context(context).children().count() as u32;
    if children > 0 {
        let children = count(children, "child context");
        narration.say(Tone::Plain, format!(" Its {children} and what is in them stay."));
    }
    if was_reset && scene.blocks(context).iter().any(|block| block.keeper) {
        narration.say(Tone::Plain, " The keeper block stays.");
    }
}

/// What a delete gave back; the children of a context that is deleted `itself` are deleted too.
fn deleted(narration: &mut Narration, scene: &Scene<'_>, backend: BackendId, itself: bool) {
    let (children, kept) = deleted_children(scene, itself);
    if children > 0 {
        narration.say(Tone::Plain, format!(", {} too", count(children, "child context")));
    }
    given_back(narration, scene, backend);
    if itself && kept {
        narration.say(Tone::Plain, " Its first block is kept for the next context like it.");
    }
}

/// How many contexts were deleted, without the context `itself`, and whether the last was kept.
fn deleted_children(scene: &Scene<'_>, itself: bool) -> (u32, bool) {
    let (mut children, mut kept) = (0, false);
    for event in scene.memory_events() {
        if let MemoryEvent::ContextDeleted { kept: was_kept, .. } = *event {
            children += 1;
            kept = was_kept;
        }
    }
    (children - u32::from(itself && children > 0), kept)
}

/// What went back to malloc, and which functions were called before.
fn given_back(narration: &mut Narration, scene: &Scene<'_>, backend: BackendId) {
    let (mut blocks, mut size, mut store) = (0, 0, 0);
    let mut called: Vec<&str> = Vec::new();
    for event in scene.memory_events() {
        match *event {
            MemoryEvent::BlockFreed { size: freed, .. } => {
                blocks += 1;
                size += freed;
            }
            MemoryEvent::ContextStoreEmptied { contexts } => store += contexts,
            MemoryEvent::CallbackFired { callback, .. } => {
                called.extend(scene.names.callback(backend, callback).map(|name| &**name));
            }
            _ => {}
        }
    }
    narration.say(Tone::Plain, ".");
    if !called.is_empty() {
        let are = if called.len() == 1 { "is" } else { "are" };
        let called = called.join(", then ");
        narration.say(Tone::Plain, " Before that, ");
        narration.say(Tone::Who, called);
        narration.say(Tone::Plain, format!(" {are} called."));
    }
    if blocks > 0 {
        let (blocks, size) = (count(blocks, "block"), bytes(size));
        narration.say(Tone::Hit, format!(" {blocks}, {size}, went back to malloc."));
    }
    if store > 0 {
        let store = count(store, "deleted context");
        narration.say(Tone::Hit, format!(" {store} that had been kept went back to malloc too."));
    }
}
