//! Sentences about cleanup locks: who waits until nobody else has a page pinned, and who goes on.

use pgscope_core::Event;
use pgscope_core::event::BufferEvent;
use pgscope_core::ids::{BackendId, BufferId};
use pgscope_core::op::Op;
use pgscope_core::server::WaitsFor;

use super::buffers::list;
use super::{Narration, Scene, Tone};

/// A cleanup lock that was asked for.
#[inline(never)]
pub(super) fn tell(narration: &mut Narration, scene: &Scene<'_>, op: &Op) {
    let Op::CleanupLock { backend, .. } = op else { return };
    let who = scene.backend(*backend);
    narration.say(Tone::Who, format!("{who} asks for a cleanup lock"));
    narration.say(Tone::Plain, ".");
    attempts(narration, scene, *backend);
}

/// What became of a backend's attempts to get a cleanup lock.
#[inline(never)]
pub(super) fn attempts(narration: &mut Narration, scene: &Scene<'_>, who: BackendId) {
    for event in scene.buffer_events() {
        match *event {
            BufferEvent::CleanupLocked { backend, buffer } if backend == who => {
                narration.say(Tone::Pin, format!(" It has buffer {buffer} all to itself."));
            }
            BufferEvent::CleanupRefused { backend, buffer, .. } if backend == who => {
                let others = others(scene, buffer, who);
                let what = format!(" Buffer {buffer} is pinned by {others}: it does without.");
                narration.say(Tone::Evict, what);
            }
            BufferEvent::WaitsForPins { backend, buffer, .. } if backend == who => {
                let others = others(scene, buffer, who);
                let what = format!(
                    " Buffer {buffer} is pinned by {others}: it sets BM_PIN_COUNT_WAITER and sleeps."
                );
                narration.say(Tone::Evict, what);
            }
            _ => {}
        }
    }
}

/// Those whom this step has awakened, and what they did then.
#[inline(never)]
pub(super) fn tell_others(narration: &mut Narration, scene: &Scene<'_>) {
    for event in scene.events {
        if let Event::Buffer(BufferEvent::PinWaiterWoken { backend, buffer }) = *event {
            let who = scene.backend(backend);
            let what = format!(" {who} is awakened: only its own pin on buffer {buffer} is left.");
            narration.say(Tone::Who, what);
            let again = scene.server.backend(backend).and_then(|backend| backend.waits_for());
            narration.say(
                Tone::Plain,
                match again {
                    Some(WaitsFor::BufferPin(next)) => {
                        format!(" It goes on, and waits for buffer {next} now.")
                    }
                    Some(WaitsFor::Lock { .. }) => {
                        " It goes on, and waits for a lock now.".to_owned()
                    }
                    None => " It goes on.".to_owned(),
                },
            );
        }
    }
}

/// The others that have a buffer pinned.
fn others(scene: &Scene<'_>, buffer: BufferId, who: BackendId) -> String {
    let holders: Vec<&str> = scene
        .server
        .backends()
        .filter(|(id, backend)| *id != who && backend.buffers.pins.get(buffer) > 0)
        .map(|(_, backend)| &*backend.name)
        .collect();
    if holders.is_empty() { "itself once more".into() } else { list(&holders) }
}
