//! Sentences about a backend's local buffers.

use pgscope_core::Event;
use pgscope_core::event::{LocalBufferEvent, MemoryEvent, Tick};

use super::buffers::count;
use super::{Narration, Scene, Tone};

impl Scene<'_> {
    pub(super) fn local_events(&self) -> impl Iterator<Item = &LocalBufferEvent> {
        self.events.iter().filter_map(|event| match event {
            Event::LocalBuffer(_, event) => Some(event),
            _ => None,
        })
    }
}

/// A temporary relation's page on its way into a local buffer; false if there is none.
pub(super) fn arrive(narration: &mut Narration, scene: &Scene<'_>) -> bool {
    let (mut lowered, mut made) = (0, String::new());
    for event in scene.local_events() {
        match *event {
            LocalBufferEvent::Initialized { buffers } => {
                made = format!(", of which it has {buffers} from now on");
            }
            LocalBufferEvent::Lookup { found: Some(buffer), .. } => {
                narration.say(Tone::Hit, "a hit");
                narration.say(Tone::Plain, format!(", in local buffer {buffer}."));
            }
            LocalBufferEvent::Lookup { found: None, .. } => {
                narration.say(Tone::Miss, format!("not in its local buffers{made}."));
            }
            LocalBufferEvent::Tick { tick: Tick::Lowered { .. }, .. } => lowered += 1,
            LocalBufferEvent::Unhashed { tag, .. } => {
                let counts = match lowered {
                    0 => String::new(),
                    lowered => format!(" The local hand lowers {}.", count(lowered, "usage count")),
                };
                narration.say(Tone::Evict, format!("{counts} {} leaves.", scene.page(tag)));
            }
            LocalBufferEvent::Loaded { buffer, tag, .. } => {
                let page = scene.page(tag);
                narration.say(Tone::Plain, format!(" Local buffer {buffer} holds {page} now."));
            }
            _ => {}
        }
    }
    let told = scene.local_events().next().is_some();
    for event in scene.events.iter().filter(|_| told) {
        if let Event::Memory(_, MemoryEvent::BlockAllocated { size, dedicated: true, .. }) = event {
            let what = format!(" LocalBufferContext takes {size} bytes for more of them.");
            narration.say(Tone::Plain, what);
        }
    }
    told
}
