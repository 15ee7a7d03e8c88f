//! What an operation did to the buffers, read from its events.
//!
//! The dial and the grid both light up what this says. It looks at nothing but events, so the
//! middle of an operation tells the first half of the story.

use pgscope_core::Event;
use pgscope_core::event::{BufferEvent, Tick, WriteReason};
use pgscope_core::ids::{BufferId, BufferTag};

/// What was done to one buffer, as the note beside it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// The hand lowered its usage count from this value.
    Lowered(u8),
    /// The hand passed it: pinned.
    Passed,
    /// The hand took it.
    Taken,
    /// It came off the freelist.
    Popped,
    /// It was on the freelist but in use after all.
    InUse,
    /// The ring used it again.
    RingTaken,
    /// It is in the ring but others use it.
    RingPassed,
    /// It was written out.
    Written(WriteReason),
    /// The background writer looked at it.
    Looked {
        /// The hand could take it.
        reusable: bool,
    },
}

impl Deed {
    /// The note beside the buffer.
    pub fn note(self) -> String {
        match self {
            Deed::Lowered(from) => format!("{from}→{}", from.saturating_sub(1)),
            Deed::Passed => "pinned".into(),
            Deed::Taken => "taken".into(),
            Deed::Popped => "popped".into(),
            Deed::InUse => "in use".into(),
            Deed::RingTaken => "ring".into(),
            Deed::RingPassed => "shared".into(),
            Deed::Written(_) => "→disk".into(),
            Deed::Looked { reusable: true } => "ready".into(),
            Deed::Looked { reusable: false } => "busy".into(),
        }
    }

    /// The class that colours it.
    pub fn class(self) -> &'static str {
        match self {
            Deed::Lowered(_) => "lowered",
            Deed::Passed | Deed::InUse | Deed::RingPassed => "passed",
            Deed::Taken => "taken",
            Deed::Popped | Deed::RingTaken => "popped",
            Deed::Written(_) => "written",
            Deed::Looked { .. } => "looked",
        }
    }
}

/// A page that went out of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaving {
    /// Where it was.
    pub buffer: BufferId,
    /// The page.
    pub tag: BufferTag,
    /// It was dirty and had to be written first.
    pub written: bool,
}

/// A page that came into the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arriving {
    /// Where it is.
    pub buffer: BufferId,
    /// The page.
    pub tag: BufferTag,
    /// Its bytes are there already.
    pub loaded: bool,
}

/// One operation's story so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// What the hand did, tick by tick.
    pub sweep: Vec<(BufferId, Tick)>,
    /// The last deed done to each buffer, in order.
    pub deeds: Vec<(BufferId, Deed)>,
    /// The buffer in which the page was found.
    pub hit: Option<BufferId>,
    /// The buffer chosen for a new page.
    pub victim: Option<BufferId>,
    /// What left.
    pub leaving: Option<Leaving>,
    /// What arrived.
    pub arriving: Option<Arriving>,
    /// The buffer that was written last.
    pub written: Option<BufferId>,
    /// The hand went all the way round and found every buffer pinned.
    pub gave_up: bool,
}

impl Story {
    /// Read the events.
    pub fn of(events: &[Event]) -> Self {
        let mut story = Self::default();
        for event in events {
            if let Event::Buffer(event) = event {
                story.tell(event);
            }
        }
        // The last deed counts. Kept in order, and found by a flag: a sweep can be long.
        let last = story.deeds.iter().map(|(buffer, _)| buffer.0).max().unwrap_or(0);
        let mut seen = vec![false; last as usize + 1];
        story.deeds.reverse();
        story.deeds.retain(|(buffer, _)| !std::mem::replace(&mut seen[buffer.0 as usize], true));
        story.deeds.reverse();
        story
    }

    fn tell(&mut self, event: &BufferEvent) {
        match *event {
            BufferEvent::Lookup { found, .. } => self.hit = found,
            BufferEvent::FreelistPop { buffer, taken } => {
                self.note(buffer, if taken { Deed::Popped } else { Deed::InUse });
                self.choose(buffer, taken);
            }
            BufferEvent::RingLook { buffer: Some(buffer), taken, .. } => {
                self.note(buffer, if taken { Deed::RingTaken } else { Deed::RingPassed });
                self.choose(buffer, taken);
            }
            BufferEvent::RingRejected { buffer } => {
                self.note(buffer, Deed::RingPassed);
                self.victim = None;
            }
            BufferEvent::Tick { buffer, tick } => {
                self.sweep.push((buffer, tick));
                let deed = match tick {
                    Tick::Pinned => Deed::Passed,
                    Tick::Lowered { from } => Deed::Lowered(from),
                    Tick::Taken => Deed::Taken,
                };
                self.note(buffer, deed);
                self.choose(buffer, tick == Tick::Taken);
            }
            BufferEvent::SweepFailed => self.gave_up = true,
            BufferEvent::Written { buffer, reason, .. } => {
                // The victim's note says that it was taken; its callout says that it was written.
                if self.victim != Some(buffer) {
                    self.note(buffer, Deed::Written(reason));
                }
                self.written = Some(buffer);
            }
            BufferEvent::Unhashed { buffer, tag } => {
                let written = self.written == Some(buffer);
                self.leaving = Some(Leaving { buffer, tag, written });
            }
            BufferEvent::Hashed { buffer, tag } => {
                self.arriving = Some(Arriving { buffer, tag, loaded: false });
            }
            BufferEvent::Loaded { buffer, tag, .. } => {
                self.arriving = Some(Arriving { buffer, tag, loaded: true });
            }
            BufferEvent::BgWriterLook { buffer, reusable } => {
                self.note(buffer, Deed::Looked { reusable });
            }
            _ => {}
        }
    }
}

impl Story {
    fn note(&mut self, buffer: BufferId, deed: Deed) {
        self.deeds.push((buffer, deed));
    }

    fn choose(&mut self, buffer: BufferId, taken: bool) {
        if taken {
            self.victim = Some(buffer);
        }
    }

    /// The buffer's last deed.
    pub fn deed(&self, buffer: BufferId) -> Option<Deed> {
        self.deeds.iter().find(|(known, _)| *known == buffer).map(|(_, deed)| *deed)
    }

    /// The class of the glow around a buffer: it was hit, is on its way out, or holds the page
    /// that just arrived.
    pub fn glow(&self, buffer: BufferId) -> Option<&'static str> {
        if self.arriving.is_some_and(|page| page.buffer == buffer) {
            Some("arrives")
        } else if self.victim == Some(buffer) {
            Some("victim")
        } else if self.hit == Some(buffer) {
            Some("hit")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgscope_core::ids::{BackendId, RelId};
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn a_dirty_victim_is_written_then_unhashed_then_another_page_arrives() {
        let (old, new) = (tag(2), tag(16));
        let (four, eight) = (BufferId(3), BufferId(7));
        let backend = BackendId(0);
        let mut events: Vec<Event> = [
            BufferEvent::Lookup { backend, tag: new, found: None },
            BufferEvent::Tick { buffer: four, tick: Tick::Lowered { from: 2 } },
            BufferEvent::Tick { buffer: eight, tick: Tick::Taken },
            BufferEvent::Written { buffer: eight, tag: old, reason: WriteReason::Eviction },
            BufferEvent::Unhashed { buffer: eight, tag: old },
        ]
        .map(Event::from)
        .into();
        let story = Story::of(&events);
        assert_eq!(story.glow(eight), Some("victim"));
        assert_eq!(story.leaving, Some(Leaving { buffer: eight, tag: old, written: true }));
        assert_eq!(story.deed(four).map(Deed::note).as_deref(), Some("2→1"));
        assert_eq!(story.deed(eight), Some(Deed::Taken));

        events.push(BufferEvent::Hashed { buffer: eight, tag: new }.into());
        let story = Story::of(&events);
        assert_eq!(story.glow(eight), Some("arrives"));
        assert_eq!(story.arriving, Some(Arriving { buffer: eight, tag: new, loaded: false }));
    }

    #[wasm_bindgen_test]
    fn a_hit_glows() {
        let (backend, found) = (BackendId(0), Some(BufferId(1)));
        let story = Story::of(&[BufferEvent::Lookup { backend, tag: tag(1), found }.into()]);
        assert_eq!(story.glow(BufferId(1)), Some("hit"));
        assert_eq!(story.victim, None);
    }

    fn tag(block: u32) -> BufferTag {
        BufferTag { rel: RelId(0), block }
    }
}
