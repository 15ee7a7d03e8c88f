//! Events as plain objects, for who wants to act on them: a page that embeds ours, a program that
//! reads what the command line prints.
//!
//! An object has a `kind` in snake case and the event's own fields, with names in place of
//! numbers where the scenario has them: `{kind: "tick", buffer: 8, met: "lowered", from: 2}`.
//! Buffers count from 1, as in `pg_buffercache`; addresses are hexadecimal texts.

use pgscope_core::Server;
use pgscope_core::event::{
    BufferEvent as B, Event, MemoryEvent as M, ProcessEvent as P, Tick, WorkEvent, WriteReason,
};
use pgscope_core::ids::{BackendId, BufferId, BufferTag, RelId};
use pgscope_core::memory::Addr;
use pgscope_core::op::DirtyKind;
use pgscope_core::server::settings::parameter_of;

mod locks;

use crate::names::Names;

/// A field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(u64),
    /// A text.
    Text(String),
    /// Nothing there.
    Nothing,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What kind of event it is.
    pub kind: &'static str,
    /// What is said of it, in the order in which it is said.
    pub fields: Vec<(&'static str, Value)>,
}

impl Told {
    fn new(kind: &'static str) -> Self {
        Self { kind, fields: Vec::new() }
    }

    fn flag(mut self, name: &'static str, value: bool) -> Self {
        self.fields.push((name, Value::Flag(value)));
        self
    }

    fn number(mut self, name: &'static str, value: impl Into<u64>) -> Self {
        self.fields.push((name, Value::Number(value.into())));
        self
    }

    fn text(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, Value::Text(value.into())));
        self
    }

    fn addr(self, name: &'static str, value: Addr) -> Self {
        self.text(name, format!("{:#x}", value.0))
    }

    fn buffer(self, buffer: BufferId) -> Self {
        self.number("buffer", buffer.number())
    }

    fn maybe_buffer(mut self, name: &'static str, buffer: Option<BufferId>) -> Self {
        let value = buffer.map_or(Value::Nothing, |it| Value::Number(it.number().into()));
        self.fields.push((name, value));
        self
    }
}

/// What happened to a plan, a sort or a hash table.
fn work_event(event: &WorkEvent) -> Told {
    let new = Told::new;
    match *event {
        WorkEvent::PlanChosen { custom, cached, custom_plans, .. } => new("plan_chosen")
            .flag("custom", custom)
            .flag("cached", cached)
            .number("custom_plans", custom_plans),
        WorkEvent::Revalidated => new("revalidated"),
        WorkEvent::SortGrew { slots } => new("sort_grew").number("slots", slots),
        WorkEvent::SortBounded { bound } => new("sort_bounded").number("bound", bound),
        WorkEvent::SortToTapes { tapes } => new("sort_to_tapes").number("tapes", tapes),
        WorkEvent::SortSpilled { run, tuples } => {
            new("sort_spilled").number("run", run).number("tuples", tuples)
        }
        WorkEvent::SortPass { runs, tapes, last } => {
            new("sort_pass").number("runs", runs).number("tapes", tapes).flag("last", last)
        }
        WorkEvent::SortDone { method } => new("sort_done").text("method", method.name()),
        WorkEvent::HashSized { buckets, batches } => {
            new("hash_sized").number("buckets", buckets).number("batches", batches)
        }
        WorkEvent::HashBuckets { buckets } => new("hash_buckets").number("buckets", buckets),
        WorkEvent::HashBatches { batches, kept, written } => new("hash_batches")
            .number("batches", batches)
            .number("kept", kept)
            .number("written", written),
        WorkEvent::HashDone { buckets, batches, peak_kb } => new("hash_done")
            .number("buckets", buckets)
            .number("batches", batches)
            .number("peak_kb", peak_kb),
        WorkEvent::HashAllowed { bytes } => new("hash_allowed").number("bytes", bytes),
        WorkEvent::AggSized { buckets } => new("agg_sized").number("buckets", buckets),
        WorkEvent::AggGrew { buckets } => new("agg_grew").number("buckets", buckets),
        WorkEvent::AggSpills { groups, partitions } => {
            new("agg_spills").number("groups", groups).number("partitions", partitions)
        }
        WorkEvent::AggFilled { groups, spilled, peak_kb } => new("agg_filled")
            .number("groups", groups)
            .number("spilled", spilled)
            .number("peak_kb", peak_kb),
    }
}

/// Turns events into plain objects.
pub struct Teller<'a> {
    /// The scenario's names.
    pub names: &'a Names,
    /// Where the machine keeps the names of contexts and functions.
    pub server: &'a Server,
}

impl Teller<'_> {
    /// One event.
    pub fn tell(&self, event: &Event) -> Told {
        match event {
            Event::RelationCreated(rel) => {
                Told::new("relation_created").text("relation", self.relation(*rel))
            }
            Event::BackendStarted(backend) => {
                Told::new("backend_started").text("backend", self.backend(*backend))
            }
            Event::Process(event) => self.process_event(event),
            Event::Buffer(event) => self.buffer_event(event),
            // No statement touches local buffers yet: which of them did what is told once one does.
            Event::LocalBuffer(backend, _) => {
                Told::new("local_buffer").text("backend", self.backend(*backend))
            }
            Event::Memory(backend, event) => {
                self.memory_event(event).text("backend", self.backend(*backend))
            }
            Event::Lock(event) => self.lock_event(event),
            Event::Resumed(backend) => Told::new("resumed").text("backend", self.backend(*backend)),
            Event::StatementFailed(backend, code) => Told::new("statement_failed")
                .text("backend", self.backend(*backend))
                .text("code", format!("{code:?}")),
            Event::Work(backend, event) => {
                work_event(event).text("backend", self.backend(*backend))
            }
            Event::Warned(warning) => Told::new("warned").text("message", warning.to_string()),
            Event::Failed(code) => Told::new("failed").text("code", format!("{code:?}")),
        }
    }

    fn process_event(&self, event: &P) -> Told {
        let setting = |told: Told, setting| {
            let profile = self.server.profile().version.segment();
            let name = parameter_of(profile, setting).map_or("", |parameter| parameter.name);
            told.text("setting", name)
        };
        match *event {
            P::Started { kind, pid, proc } => Told::new("process_started")
                .text("process", kind.word())
                .number("pid", pid)
                .number("proc", proc),
            P::Ended { kind, backend, pid, why } => {
                let told =
                    Told::new("process_ended").text("process", kind.word()).number("pid", pid);
                let told = told.text("why", why.word());
                match backend {
                    Some(backend) => told.text("backend", self.backend(backend)),
                    None => told,
                }
            }
            P::Reinitialized { total } => Told::new("reinitialized").number("bytes", total),
            P::Recovered { redone, lost } => {
                Told::new("recovered").number("redone", redone).number("lost", lost)
            }
            P::SettingChanged { backend, setting: which, from, to } => {
                let told = setting(Told::new("setting_changed"), which);
                let told = told.text("from", from.to_string()).text("to", to.to_string());
                match backend {
                    Some(backend) => told.text("backend", self.backend(backend)),
                    None => told,
                }
            }
            P::PendingRestart(which) => setting(Told::new("pending_restart"), which),
        }
    }

    fn relation(&self, rel: RelId) -> String {
        self.names.table(rel).map(|name| name.to_string()).unwrap_or_default()
    }

    fn backend(&self, backend: BackendId) -> String {
        self.names.backend(backend).map(|name| name.to_string()).unwrap_or_default()
    }

    fn page(&self, told: Told, tag: BufferTag) -> Told {
        told.text("relation", self.relation(tag.rel)).number("block", tag.block)
    }

    fn buffer_event(&self, event: &B) -> Told {
        let new = Told::new;
        match *event {
            B::Lookup { backend, tag, found } => self
                .page(new("lookup"), tag)
                .text("backend", self.backend(backend))
                .number("partition", self.server.pool().partition(tag))
                .maybe_buffer("found", found),
            B::FreelistPop { buffer, taken } => {
                new("freelist_pop").buffer(buffer).flag("taken", taken)
            }
            B::RingLook { slot, buffer, taken } => new("ring_look")
                .number("slot", slot)
                .maybe_buffer("buffer", buffer)
                .flag("taken", taken),
            B::FreelistPush { buffer } => new("freelist_push").buffer(buffer),
            B::RingCreated { backend, slots, .. } => {
                new("ring_created").text("backend", self.backend(backend)).number("slots", slots)
            }
            B::RingFreed { backend, .. } => {
                new("ring_freed").text("backend", self.backend(backend))
            }
            B::RingFilled { slot, buffer } => {
                new("ring_filled").buffer(buffer).number("slot", slot)
            }
            B::RingRejected { buffer } => new("ring_rejected").buffer(buffer),
            B::Tick { buffer, tick } => {
                let told = new("tick").buffer(buffer);
                match tick {
                    Tick::Pinned => told.text("met", "pinned"),
                    Tick::Lowered { from } => told.text("met", "lowered").number("from", from),
                    Tick::Taken => told.text("met", "taken"),
                }
            }
            B::PassCompleted { passes } => new("pass_completed").number("passes", passes),
            B::SweepFailed => new("sweep_failed"),
            B::Pinned { backend, buffer, private, shared, usage_from, usage_to } => new("pinned")
                .buffer(buffer)
                .text("backend", self.backend(backend))
                .number("private", private)
                .number("shared", shared)
                .number("usage_from", usage_from)
                .number("usage_to", usage_to),
            B::Unpinned { backend, buffer, private, shared } => new("unpinned")
                .buffer(buffer)
                .text("backend", self.backend(backend))
                .number("private", private)
                .number("shared", shared),
            B::CleanupLocked { backend, buffer } => {
                new("cleanup_locked").buffer(buffer).text("backend", self.backend(backend))
            }
            B::CleanupRefused { backend, buffer, shared } => new("cleanup_refused")
                .buffer(buffer)
                .text("backend", self.backend(backend))
                .number("shared", shared),
            B::WaitsForPins { backend, buffer, shared } => new("waits_for_pins")
                .buffer(buffer)
                .text("backend", self.backend(backend))
                .number("shared", shared),
            B::PinWaiterWoken { backend, buffer } => {
                new("pin_waiter_woken").buffer(buffer).text("backend", self.backend(backend))
            }
            B::WalFlushed { upto } => new("wal_flushed").number("upto", upto),
            B::Written { buffer, tag, reason } => {
                let reason = match reason {
                    WriteReason::Eviction => "eviction",
                    WriteReason::Checkpoint => "checkpoint",
                    WriteReason::BackgroundWriter => "bgwriter",
                    WriteReason::Flush => "flush",
                };
                self.page(new("written").buffer(buffer), tag).text("reason", reason)
            }
            B::Unhashed { buffer, tag } => self.page(new("unhashed").buffer(buffer), tag),
            B::Dropped { buffer, tag } => self.page(new("dropped").buffer(buffer), tag),
            B::ReadStarted { tag, blocks } => {
                self.page(new("read_started"), tag).number("blocks", blocks)
            }
            B::Hashed { buffer, tag } => self.page(new("hashed").buffer(buffer), tag),
            B::Loaded { buffer, tag, read } => {
                self.page(new("loaded").buffer(buffer), tag).flag("read", read)
            }
            B::Extended { tag } => self.page(new("extended"), tag),
            B::Dirtied { buffer, kind, newly } => {
                let how = match kind {
                    DirtyKind::Plain => "nowal",
                    DirtyKind::Wal { .. } => "wal",
                    DirtyKind::Hint => "hint",
                };
                new("dirtied").buffer(buffer).text("how", how).flag("newly", newly)
            }
            B::CheckpointNeeded { buffer } => new("checkpoint_needed").buffer(buffer),
            B::CheckpointDone { written } => new("checkpoint_done").number("written", written),
            B::BgWriterLook { buffer, reusable } => {
                new("bgwriter_look").buffer(buffer).flag("reusable", reusable)
            }
            B::BgWriterDone { written, upcoming, hibernate } => new("bgwriter_done")
                .number("written", written)
                .number("upcoming", upcoming)
                .flag("hibernate", hibernate),
        }
    }

    fn memory_event(&self, event: &M) -> Told {
        let new = Told::new;
        let named = |told: Told, context, name| {
            told.addr("context", context).text("name", self.server.text(name))
        };
        match *event {
            M::ContextCreated { context, name, recycled } => {
                named(new("context_created"), context, name).flag("recycled", recycled)
            }
            M::ContextDeleted { context, name, kept } => {
                named(new("context_deleted"), context, name).flag("kept", kept)
            }
            M::ContextReset { context, name } => named(new("context_reset"), context, name),
            M::ContextStoreEmptied { contexts } => {
                new("context_store_emptied").number("contexts", contexts)
            }
            M::Switched { context, name } => named(new("switched"), context, name),
            M::SizeClass { context, size, class, found } => new("size_class")
                .addr("context", context)
                .number("size", size)
                .number("class", class)
                .flag("found", found),
            M::FreelistTaken { chunk, class } => {
                new("freelist_taken").addr("chunk", chunk).number("class", class)
            }
            M::Carved { block, chunk, class } => {
                new("carved").addr("block", block).addr("chunk", chunk).number("class", class)
            }
            M::BlockAllocated { context, block, size, dedicated } => new("block_allocated")
                .addr("context", context)
                .addr("block", block)
                .number("size", size)
                .flag("dedicated", dedicated),
            M::BlockFreed { context, block, size } => new("block_freed")
                .addr("context", context)
                .addr("block", block)
                .number("size", size),
            M::BlockResized { context, from, to, size } => new("block_resized")
                .addr("context", context)
                .addr("from", from)
                .addr("to", to)
                .number("size", size),
            M::Palloc { context, chunk, size, usable } => new("palloc")
                .addr("context", context)
                .addr("chunk", chunk)
                .number("size", size)
                .number("usable", usable),
            M::Pfree { context, chunk, usable, freelist } => new("pfree")
                .addr("context", context)
                .addr("chunk", chunk)
                .number("usable", usable)
                .flag("freelist", freelist),
            M::RepallocInPlace { context, chunk, size, usable } => new("repalloc_in_place")
                .addr("context", context)
                .addr("chunk", chunk)
                .number("size", size)
                .number("usable", usable),
            M::RepallocMoved { context, from, to, copied } => new("repalloc_moved")
                .addr("context", context)
                .addr("from", from)
                .addr("to", to)
                .number("copied", copied),
            M::BlockEmptied { context, block } => {
                new("block_emptied").addr("context", context).addr("block", block)
            }
            M::BlockReused { context, block } => {
                new("block_reused").addr("context", context).addr("block", block)
            }
            M::Aligned { context, chunk, pointer } => new("aligned")
                .addr("context", context)
                .addr("chunk", chunk)
                .addr("pointer", pointer),
            M::CallbackRegistered { context, callback } => {
                new("callback_registered").addr("context", context).number("callback", callback)
            }
            M::CallbackFired { context, callback } => {
                new("callback_fired").addr("context", context).number("callback", callback)
            }
            M::ParentChanged { context, parent } => {
                new("parent_changed").addr("context", context).addr("parent", parent)
            }
            M::IdentifierSet { context, ident } => {
                new("identifier_set").addr("context", context).addr("ident", ident)
            }
            M::Misused { pointer, access, wrong } => new("misused")
                .addr("pointer", pointer)
                .text("access", access.word())
                .text("wrong", wrong.word()),
            M::Peeked { at, size } => new("peeked").addr("at", at).number("size", size),
            M::Poked { at, size } => new("poked").addr("at", at).number("size", size),
            M::Warning { name, problem, values } => {
                new("warning").text("message", problem.text(self.server.text(name), values))
            }
            M::CallBegan { function, depth } => new("call_began")
                .text("function", self.server.text(function))
                .number("depth", depth),
            M::CallEnded { function, depth } => new("call_ended")
                .text("function", self.server.text(function))
                .number("depth", depth),
        }
    }
}
