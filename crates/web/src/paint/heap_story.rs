//! What an operation did in a backend's memory contexts, read from its events.
//!
//! Names are resolved here, since a context or block that went can only be told of, not shown.

use pgscope_core::event::MemoryEvent;
use pgscope_core::ids::BackendId;
use pgscope_core::memory::Addr;
use pgscope_core::{Event, Server};

use super::words;

/// One line about something that is gone or not visible in the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The class that colours it.
    pub class: &'static str,
    /// The words.
    pub words: String,
}

/// One operation's story so far, in one backend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeapStory {
    /// Chunks handed out, by pointer.
    pub allocated: Vec<Addr>,
    /// Chunks freed, by pointer.
    pub freed: Vec<Addr>,
    /// Free chunks carved out of an exhausted block.
    pub carved: Vec<Addr>,
    /// Blocks that came from malloc.
    pub blocks: Vec<Addr>,
    /// Contexts created.
    pub contexts: Vec<Addr>,
    /// Contexts reset.
    pub reset: Vec<Addr>,
    /// The context, size class in bytes and whether a free chunk was found there.
    pub class: Option<(Addr, u64, bool)>,
    /// Size classes whose freelist got a chunk, with their context.
    pub listed: Vec<(Addr, u64)>,
    /// What is to be said in words.
    pub notes: Vec<Note>,
    /// How the last request was served, step by step: size class, freelist, block, new block.
    pub search: Vec<Note>,
    /// Contexts that went, in their order, and the one whose reset took them along.
    pub folded: Vec<Folded>,
}

/// A context that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// Its name.
    pub name: String,
    /// The context that was reset, where one was.
    pub into: Option<Addr>,
}

impl HeapStory {
    /// Read the events of one backend.
    pub fn of(server: &Server, backend: BackendId, events: &[Event]) -> Self {
        let mut story = Self::default();
        for event in events {
            match event {
                Event::Memory(who, event) if *who == backend => story.tell(server, event),
                _ => {}
            }
        }
        story
    }

    fn say(&mut self, class: &'static str, words: String) {
        self.notes.push(Note { class, words });
    }

    fn step(&mut self, class: &'static str, words: String) {
        self.search.push(Note { class, words });
    }

    fn tell(&mut self, server: &Server, event: &MemoryEvent) {
        match *event {
            MemoryEvent::ContextCreated { context, name, recycled } => {
                self.contexts.push(context);
                if recycled {
                    let name = server.text(name);
                    self.say("new", format!("{name} reuses a deleted context and its block"));
                }
            }
            MemoryEvent::ContextDeleted { name, kept, .. } => {
                let name = server.text(name);
                let fate = if kept { "kept for reuse" } else { "given back to malloc" };
                self.say("gone", format!("{name} deleted, its keeper block {fate}"));
                self.folded.push(Folded { name: name.to_owned(), into: None });
            }
            MemoryEvent::ContextReset { context, name } => {
                self.reset.push(context);
                self.say("gone", format!("{} reset", server.text(name)));
                // A reset deletes the children first.
                let waiting = self.folded.iter_mut().filter(|folded| folded.into.is_none());
                waiting.for_each(|folded| folded.into = Some(context));
            }
            MemoryEvent::ContextStoreEmptied { contexts } => {
                let count = words::count(contexts.into(), "deleted context");
                self.say("gone", format!("{count} given back to malloc"));
            }
            MemoryEvent::SizeClass { context, size, class, found } => {
                self.class = Some((context, class, found));
                self.search.clear();
                let asked = format!("{} asked for", words::bytes(size));
                self.step("", asked);
                self.step("", format!("size class {}", words::bytes(class)));
                let (class, list) =
                    if found { ("found", "a free chunk") } else { ("missed", "freelist empty") };
                self.step(class, list.into());
            }
            MemoryEvent::Carved { chunk, class, .. } => {
                self.carved.push(chunk);
                let rest = format!("rest of the block becomes a free {}", words::bytes(class));
                self.step("missed", rest);
            }
            MemoryEvent::BlockReused { .. } => self.step("found", "the block kept empty".into()),
            MemoryEvent::BlockAllocated { block, size, dedicated, .. } => {
                self.blocks.push(block);
                if dedicated {
                    self.search.clear();
                    self.step("missed", "too large to share a block".into());
                }
                self.step("new", format!("new block of {}", words::bytes(size)));
                let own = if dedicated { ", for one chunk alone" } else { "" };
                self.say("new", format!("new block from malloc: {}{own}", words::bytes(size)));
            }
            MemoryEvent::BlockFreed { size, .. } => {
                self.say("gone", format!("block of {} back to malloc", words::bytes(size)));
            }
            MemoryEvent::BlockResized { to, size, .. } => {
                self.blocks.push(to);
                self.say("new", format!("block resized to {}", words::bytes(size)));
            }
            MemoryEvent::Palloc { chunk, .. } => {
                if self.search.last().is_some_and(|step| step.words == "freelist empty") {
                    self.step("found", "room in the active block".into());
                }
                self.freed.retain(|freed| *freed != chunk);
                self.allocated.push(chunk);
            }
            MemoryEvent::RepallocInPlace { chunk, .. } => {
                self.allocated.push(chunk);
                self.say("same", "repalloc: the chunk was large enough".into());
            }
            MemoryEvent::RepallocMoved { copied, .. } => {
                self.say("same", format!("repalloc: {} copied", words::bytes(copied)));
            }
            MemoryEvent::Pfree { context, chunk, usable, freelist } => {
                if freelist {
                    self.listed.push((context, usable));
                }
                self.allocated.retain(|allocated| *allocated != chunk);
                self.freed.push(chunk);
            }
            _ => {}
        }
    }
}
