//! What happens to whoever uses a pointer that is no good.

use pgscope_core::event::{Access, Gone, MemoryEvent, Wrong};
use pgscope_core::memory::Addr;
use pgscope_core::op::Op;
use pgscope_core::profile::ChunkHeaders;

use super::{Narration, Scene, Tone, bytes};

/// Bytes are read or overwritten through a pointer.
pub(super) fn accessed(narration: &mut Narration, scene: &Scene<'_>, op: &Op) {
    let (backend, owner, chunk, offset, size, verb) = match *op {
        Op::Peek { backend, owner, chunk, offset, size } => {
            (backend, owner, chunk, offset, size, "reads")
        }
        Op::Poke { backend, chunk, offset, size } => {
            (backend, backend, chunk, offset, size, "overwrites")
        }
        _ => return,
    };
    let who = scene.backend(backend);
    let size = bytes(size.into());
    let whose = if owner == backend { "" } else { scene.backend(owner) };
    let chunk = scene.chunk(owner, chunk);
    let mut text = format!("{who} {verb} {size} at {chunk}");
    if offset > 0 {
        text = format!("{text} + {offset}");
    }
    if !whose.is_empty() {
        text = format!("{text} of {whose}");
    }
    narration.say(Tone::Who, text);
    if !stale(narration, scene) && !scene.failed() {
        narration.say(Tone::Plain, ".");
    }
    read(narration, scene);
}

/// What is wrong with the pointer, if anything is; true if something was said.
pub(super) fn stale(narration: &mut Narration, scene: &Scene<'_>) -> bool {
    let mut events = scene.memory_events();
    let misused = events.find_map(|event| match event {
        MemoryEvent::Misused { pointer, access, wrong } => Some((*pointer, *access, *wrong)),
        _ => None,
    });
    let Some((pointer, access, wrong)) = misused else { return false };
    let text = match wrong {
        Wrong::Gone(Gone::Freed) => ", which was freed already",
        Wrong::Gone(Gone::WithContext) => ", whose context was reset or deleted",
        Wrong::PastEnd => ", more than was asked for",
        Wrong::Foreign => ": in this process nothing is at that address",
    };
    narration.say(Tone::Miss, text);
    if wrong == Wrong::Foreign || scene.failed() {
        return true;
    }
    let reached = scene.memory_events().find_map(|event| match *event {
        MemoryEvent::Peeked { at, size } | MemoryEvent::Poked { at, size } => {
            Some(at.offset(size.into()).since(pointer))
        }
        _ => None,
    });
    let packed = scene.server.profile().mmgr.chunk_headers == ChunkHeaders::Packed;
    let words = match (access, wrong) {
        (Access::Free, Wrong::Gone(Gone::Freed)) if packed => "double pfree",
        (Access::Resize, Wrong::Gone(Gone::Freed)) if packed => "realloc of freed chunk",
        (Access::Write, Wrong::PastEnd) => "write past chunk end",
        _ => "",
    };
    narration.say(Tone::Plain, "; nobody notices");
    if !words.is_empty() {
        let text = " (a build with MEMORY_CONTEXT_CHECKING would have \"detected ";
        narration.say(Tone::Plain, format!("{text}{words}\")"));
    }
    if wrong == Wrong::PastEnd {
        let header = scene.chunk_header(pointer);
        let space = scene.server.chunk_space(pointer).unwrap_or(0);
        let within = reached.is_some_and(|reached| reached + header <= space);
        narration.say(
            Tone::Plain,
            match within {
                true => ", and nothing is hurt: the chunk was rounded up.",
                false => ": it goes on into the next chunk's header.",
            },
        );
    } else if reached.is_some() {
        narration.say(Tone::Plain, ".");
    }
    true
}

impl Scene<'_> {
    /// Bytes of the header before a chunk.
    fn chunk_header(&self, pointer: Addr) -> u64 {
        let profile = self.server.profile();
        self.server
            .chunk_context(pointer)
            .map_or(0, |context| self.server.context(context).chunk_header(profile))
    }
}

/// The bytes that were read, as a hex view has them.
fn read(narration: &mut Narration, scene: &Scene<'_>) {
    const SHOWN: usize = 8;
    for event in scene.memory_events() {
        if let MemoryEvent::Peeked { at, size } = *event {
            let mut bytes = [0; SHOWN];
            let shown = SHOWN.min(size as usize);
            scene.server.peek(at, &mut bytes[..shown]);
            let hex: String = bytes[..shown].iter().map(|byte| format!(" {byte:02x}")).collect();
            let more = if size as usize > SHOWN { " ..." } else { "" };
            narration.say(Tone::Hit, format!(" It reads{hex}{more}."));
        }
    }
}
