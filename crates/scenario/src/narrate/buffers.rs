//! Sentences about the buffer pool.

use pgscope_core::Event;
use pgscope_core::bufmgr::desc::BM_MAX_USAGE_COUNT;
use pgscope_core::event::{BufferEvent, LocalBufferEvent, Tick, WriteReason};
use pgscope_core::ids::{BackendId, BufferId, BufferTag};
use pgscope_core::op::{CheckpointPart, DirtyKind, Op};

use super::{Narration, Scene, Tone};

/// Buffers named one by one in a sentence; more are only counted.
const NAMED: usize = 5;

pub(super) fn tell(narration: &mut Narration, scene: &Scene<'_>, op: &Op) {
    let who = |backend: &BackendId| scene.backend(*backend).to_owned();
    match op {
        Op::Read { backend, rel, block, dirty, .. } => {
            let verb = match dirty {
                None => "reads",
                Some(DirtyKind::Hint) => "sets a hint bit in",
                Some(_) => "updates",
            };
            let page = scene.page(BufferTag { rel: *rel, block: *block });
            narration.say(Tone::Who, format!("{} {verb} {page}", who(backend)));
            if scene.events.iter().all(|event| matches!(event, Event::Failed(_))) {
                return narration.say(Tone::Plain, " in vain");
            }
            narration.say(Tone::Plain, ": ");
            arrive(narration, scene);
        }
        Op::Extend { backend, rel, .. } => {
            let table = scene.names.table(*rel).map_or("the table", |name| name);
            narration.say(Tone::Who, format!("{} extends {table}", who(backend)));
            narration.say(Tone::Plain, " by one page: ");
            arrive(narration, scene);
        }
        Op::Unpin { backend, .. } => {
            narration.say(Tone::Who, format!("{} unpins", who(backend)));
            let unpinned = scene.buffer_events().find_map(|event| match event {
                BufferEvent::Unpinned { buffer, shared, .. } => Some((*buffer, *shared)),
                _ => None,
            });
            let Some((buffer, shared)) = unpinned else { return };
            let left = match shared {
                0 => "nobody uses it now, and the hand may take it".to_owned(),
                1 => "1 backend still has it pinned".to_owned(),
                shared => format!("{shared} backends still have it pinned"),
            };
            narration.say(Tone::Pin, format!(" buffer {buffer}"));
            narration.say(Tone::Plain, format!(": {left}. Its usage count stays."));
        }
        Op::MarkDirty { backend, kind, .. } => {
            narration.say(Tone::Who, format!("{} marks its page dirty", who(backend)));
            narration.say(Tone::Plain, ".");
            dirtied(narration, scene, *kind);
        }
        Op::FlushBuffer { backend, .. } => {
            narration.say(Tone::Who, format!("{} flushes its page", who(backend)));
            let written = scene.writes(WriteReason::Flush).count();
            narration.say(
                Tone::Plain,
                if written == 0 {
                    ": it is clean, nothing to do."
                } else {
                    ": it is on disk and clean now."
                },
            );
        }
        Op::CreateStrategy { backend, .. } => {
            narration.say(Tone::Who, format!("{} makes a buffer ring", who(backend)));
            let slots = scene.ring().map_or(String::new(), |slots| format!(" of {slots}"));
            narration.say(Tone::Plain, format!("{slots}."));
        }
        Op::FreeStrategy { backend, .. } => {
            narration.say(Tone::Who, format!("{} gives up a buffer ring", who(backend)));
            narration.say(Tone::Plain, ": the pages in it stay where they are.");
        }
        Op::ReadRange { backend, rel, block, count: blocks, .. } => {
            let page = scene.page(BufferTag { rel: *rel, block: *block });
            let blocks = count(*blocks, "block");
            narration.say(Tone::Who, format!("{} reads {blocks} from {page} on", who(backend)));
            narration.say(Tone::Plain, ".");
            super::bulk::calls(narration, scene);
        }
        Op::ExtendBy { backend, rel, .. } => {
            let table = scene.names.table(*rel).map_or("the table", |name| name);
            let extended = |event: &&BufferEvent| matches!(event, BufferEvent::Extended { .. });
            let local =
                |event: &&LocalBufferEvent| matches!(event, LocalBufferEvent::Extended { .. });
            let added = scene.buffer_events().filter(extended).count()
                + scene.local_events().filter(local).count();
            let added = count(added as u32, "page");
            narration.say(Tone::Who, format!("{} extends {table} by {added}", who(backend)));
            narration.say(Tone::Plain, ".");
        }
        Op::DropRelation { backend, .. }
        | Op::DropDatabase { backend }
        | Op::Truncate { backend, .. } => {
            let dropped = |event: &&BufferEvent| matches!(event, BufferEvent::Dropped { .. });
            let local =
                |event: &&LocalBufferEvent| matches!(event, LocalBufferEvent::Dropped { .. });
            let dropped = scene.buffer_events().filter(dropped).count()
                + scene.local_events().filter(local).count();
            let dropped = count(dropped as u32, "page");
            narration.say(Tone::Who, format!("{} drops {dropped} from memory", who(backend)));
            narration.say(Tone::Plain, ", without writing them.");
        }
        Op::FlushRelation { backend, .. } | Op::FlushDatabase { backend } => {
            let written = count(scene.writes(WriteReason::Flush).count() as u32, "dirty page");
            narration.say(Tone::Who, format!("{} writes {written}", who(backend)));
            narration.say(Tone::Plain, ".");
        }
        Op::Evict { backend, buffer } => {
            narration.say(Tone::Who, format!("{} evicts buffer {buffer}", who(backend)));
            let left = |event: &BufferEvent| matches!(event, BufferEvent::Unhashed { .. });
            let emptied = scene.buffer_events().any(left);
            narration.say(
                Tone::Plain,
                if emptied {
                    ": it is empty now."
                } else {
                    ": it holds no page or is pinned, nothing happens."
                },
            );
        }
        Op::WalFlush { .. } => {
            narration.say(Tone::Who, "WAL is flushed");
            narration.say(Tone::Plain, ": every record so far is on disk.");
        }
        Op::Checkpoint { .. } => checkpoint(narration, scene),
        Op::CheckpointPart(part) => checkpoint_part(narration, scene, *part),
        Op::BackgroundWriter { .. } => background_writer(narration, scene),
        _ => {}
    }
}

impl Scene<'_> {
    /// The size of a ring that was made.
    pub(super) fn ring(&self) -> Option<String> {
        self.buffer_events().find_map(|event| match event {
            BufferEvent::RingCreated { slots, .. } => Some(count(*slots, "buffer")),
            _ => None,
        })
    }

    pub(super) fn page(&self, tag: BufferTag) -> String {
        let table = self.names.table(tag.rel).map_or("?", |name| name);
        format!("{table} {}", tag.block)
    }

    pub(super) fn buffer_events(&self) -> impl Iterator<Item = &BufferEvent> {
        self.events.iter().filter_map(|event| match event {
            Event::Buffer(event) => Some(event),
            _ => None,
        })
    }

    fn writes(&self, why: WriteReason) -> impl Iterator<Item = &BufferEvent> {
        self.buffer_events().filter(
            move |event| matches!(event, BufferEvent::Written { reason, .. } if *reason == why),
        )
    }

    fn pinned_by(&self, buffer: BufferId) -> String {
        let holders: Vec<&str> = self
            .server
            .backends()
            .filter(|(_, backend)| backend.buffers.pins.get(buffer) > 0)
            .map(|(_, backend)| &*backend.name)
            .collect();
        if holders.is_empty() { "somebody".into() } else { list(&holders) }
    }
}

/// A page on its way into a buffer: hit, or victim and load.
pub(super) fn arrive(narration: &mut Narration, scene: &Scene<'_>) {
    if super::local::arrive(narration, scene) {
        return;
    }
    let mut sweep = Sweep::default();
    let mut written = false;
    for event in scene.buffer_events() {
        match *event {
            BufferEvent::Lookup { found: Some(buffer), .. } => {
                narration.say(Tone::Hit, "a hit");
                narration.say(Tone::Plain, format!(", in buffer {buffer}."));
            }
            BufferEvent::Lookup { found: None, .. } => {
                narration.say(Tone::Miss, "not in the pool.")
            }
            BufferEvent::Pinned { usage_from, usage_to, private, .. } if scene.is_hit() => {
                narration.say(Tone::Plain, usage(usage_from, usage_to, private));
            }
            BufferEvent::FreelistPop { buffer, taken } => {
                let what = if taken { "comes off the freelist" } else { "was on it but in use" };
                narration.say(Tone::Plain, format!(" Buffer {buffer} {what}."));
            }
            BufferEvent::RingLook { slot, buffer, taken } => {
                narration.say(Tone::Plain, ring_look(slot, buffer, taken));
            }
            BufferEvent::RingRejected { buffer } => {
                let why = "its WAL is not flushed yet, and a bulk read does not wait";
                narration.say(Tone::Dirty, format!(" The ring gives up buffer {buffer}: {why}."));
            }
            BufferEvent::Tick { buffer, tick } => sweep.add(buffer, tick),
            // Where the hand starts at the first buffer, it has only begun the pass it is in.
            BufferEvent::PassCompleted { .. } => sweep.passes += u32::from(sweep.moved()),
            BufferEvent::Written { .. } => written = true,
            BufferEvent::Unhashed { tag, .. } => {
                sweep.tell(narration, scene);
                let page = scene.page(tag);
                narration.say(Tone::Plain, if sweep.taken.is_some() { ": " } else { " " });
                let how = if written { "dirty, is written out first" } else { "clean, leaves" };
                narration.say(Tone::Evict, format!("{page}, {how}."));
            }
            BufferEvent::Loaded { buffer, tag, read } => {
                let told = sweep.tell(narration, scene);
                if told && sweep.taken.is_some() {
                    narration.say(Tone::Plain, ", which is empty.");
                }
                let place =
                    if sweep.taken.is_some() { "it".into() } else { format!("buffer {buffer}") };
                let page = scene.page(tag);
                let how = if read { "is loaded into" } else { "begins as zeros in" };
                narration.say(Tone::Plain, format!(" {page} {how} {place} with usage count 1."));
            }
            BufferEvent::Dirtied { kind, newly, .. } => dirty(narration, kind, newly),
            _ => {}
        }
    }
    sweep.tell(narration, scene);
    still_pinned(narration, scene);
}

impl Scene<'_> {
    fn is_hit(&self) -> bool {
        self.buffer_events()
            .any(|event| matches!(event, BufferEvent::Lookup { found: Some(_), .. }))
    }
}

fn usage(from: u8, to: u8, private: u32) -> String {
    match private {
        1 if from == to && to == BM_MAX_USAGE_COUNT => format!(" Its usage count stays at {to}."),
        1 if from == to => format!(" In a ring, its usage count stays at {to}."),
        1 => format!(" Its usage count rises from {from} to {to}."),
        again => format!(" It is this backend's pin number {again} on it: the usage count stays."),
    }
}

fn ring_look(slot: u32, buffer: Option<BufferId>, taken: bool) -> String {
    match buffer {
        None => format!(" Slot {} of its ring is empty.", slot + 1),
        Some(buffer) if taken => format!(" Its ring gives buffer {buffer} again."),
        Some(buffer) => format!(" Buffer {buffer} in its ring is used by others now."),
    }
}

/// The read kept its pin.
fn still_pinned(narration: &mut Narration, scene: &Scene<'_>) {
    let pins = |event: &&BufferEvent| matches!(event, BufferEvent::Pinned { .. });
    let pinned = scene.buffer_events().filter(pins).count();
    let unpinned =
        scene.buffer_events().filter(|event| matches!(event, BufferEvent::Unpinned { .. })).count();
    let complete = scene
        .buffer_events()
        .any(|event| matches!(event, BufferEvent::Loaded { .. }) || scene.is_hit());
    if complete && pinned > unpinned && scene.keeps_pin() {
        narration.say(Tone::Pin, " It stays pinned.");
    }
}

impl Scene<'_> {
    /// The pin outlives the operation: some variable of a backend holds it.
    fn keeps_pin(&self) -> bool {
        let last = self.buffer_events().filter_map(|event| match event {
            BufferEvent::Pinned { backend, buffer, .. } => Some((*backend, *buffer)),
            _ => None,
        });
        last.last().is_some_and(|(backend, buffer)| {
            self.server.backend(backend).is_some_and(|backend| backend.keeps(buffer))
        })
    }
}

fn dirtied(narration: &mut Narration, scene: &Scene<'_>, kind: DirtyKind) {
    let newly = scene
        .buffer_events()
        .any(|event| matches!(event, BufferEvent::Dirtied { newly: true, .. }));
    dirty(narration, kind, newly);
}

fn dirty(narration: &mut Narration, kind: DirtyKind, newly: bool) {
    let state = if newly { " The page is dirty now" } else { " The page was dirty already" };
    narration.say(Tone::Dirty, state);
    let wal = match kind {
        DirtyKind::Wal { .. } => ", and must not be written before its WAL record",
        DirtyKind::Hint => ", without a WAL record",
        DirtyKind::Plain => "",
    };
    narration.say(Tone::Plain, format!("{wal}."));
}

/// A checkpoint that is spread over time.
#[inline(never)]
fn checkpoint_part(narration: &mut Narration, scene: &Scene<'_>, part: CheckpointPart) {
    let marked = |event: &&BufferEvent| matches!(event, BufferEvent::CheckpointNeeded { .. });
    let written = count(scene.writes(WriteReason::Checkpoint).count() as u32, "marked page");
    narration.say(Tone::Who, "The checkpointer");
    if scene.all.iter().any(|event| matches!(event, Event::Failed(_))) {
        return narration.say(Tone::Plain, " goes on as before.");
    }
    let what = match part {
        CheckpointPart::Begin => {
            let marked = count(scene.buffer_events().filter(marked).count() as u32, "dirty page");
            format!(
                " begins: it marks {marked}, to be written in the order of their files and blocks."
            )
        }
        CheckpointPart::Write(_) => {
            format!(" writes {written}, and sleeps: others may do something meanwhile.")
        }
        CheckpointPart::End => {
            let done = scene.buffer_events().find_map(|event| match event {
                BufferEvent::CheckpointDone { written } => Some(*written),
                _ => None,
            });
            let done = done
                .map(|all| format!(" The checkpoint is done: it wrote {}.", count(all, "page")));
            format!(" writes {written}.{}", done.unwrap_or_default())
        }
    };
    narration.say(Tone::Plain, what);
}

fn checkpoint(narration: &mut Narration, scene: &Scene<'_>) {
    narration.say(Tone::Who, "The checkpointer");
    let marked = scene
        .buffer_events()
        .filter(|event| matches!(event, BufferEvent::CheckpointNeeded { .. }))
        .count() as u32;
    let written = scene.writes(WriteReason::Checkpoint).count() as u32;
    if marked == 0 {
        narration.say(Tone::Plain, " finds no dirty page.");
        return;
    }
    narration.say(Tone::Plain, " marks ");
    narration.say(Tone::Dirty, count(marked, "dirty page"));
    if written > 0 {
        let all = if written == marked { "all of them".into() } else { written.to_string() };
        narration.say(Tone::Plain, format!(
            " and writes {all}, in the order of their files and blocks. They stay in the pool, clean"
        ));
    }
    narration.say(Tone::Plain, ".");
}

fn background_writer(narration: &mut Narration, scene: &Scene<'_>) {
    narration.say(Tone::Who, "The background writer");
    let looked = scene
        .buffer_events()
        .filter(|event| matches!(event, BufferEvent::BgWriterLook { .. }))
        .count() as u32;
    let written = scene.writes(WriteReason::BackgroundWriter).count() as u32;
    let buffers = count(looked, "buffer");
    narration.say(Tone::Plain, format!(" looks at {buffers} ahead of the hand and writes "));
    narration.say(Tone::Dirty, count(written, "dirty page"));
    narration.say(Tone::Plain, ". It moves no hand and lowers no usage count.");
}

/// What the hand did on its way to a victim.
#[derive(Default)]
struct Sweep {
    lowered: Vec<(BufferId, u8)>,
    pinned: Vec<BufferId>,
    taken: Option<BufferId>,
    passes: u32,
    told: bool,
}

impl Sweep {
    fn add(&mut self, buffer: BufferId, tick: Tick) {
        match tick {
            Tick::Lowered { from } => self.lowered.push((buffer, from)),
            Tick::Pinned => self.pinned.push(buffer),
            Tick::Taken => self.taken = Some(buffer),
        }
    }

    fn moved(&self) -> bool {
        self.taken.is_some() || !self.lowered.is_empty() || !self.pinned.is_empty()
    }

    /// Say it once; false if the hand did not move.
    fn tell(&mut self, narration: &mut Narration, scene: &Scene<'_>) -> bool {
        if self.told || !self.moved() {
            return false;
        }
        self.told = true;
        let mut deeds = Vec::new();
        if !self.lowered.is_empty() {
            deeds.push(self.lowered());
        }
        if !self.pinned.is_empty() {
            deeds.push(self.passed_over(scene));
        }
        if let Some(buffer) = self.taken {
            deeds.push(format!("takes buffer {buffer}"));
        }
        let deeds: Vec<&str> = deeds.iter().map(String::as_str).collect();
        let has_freelist = scene.server.profile().bufmgr.freelist;
        let why = if has_freelist { " The freelist is empty: the" } else { " The" };
        narration.say(Tone::Plain, format!("{why} hand {}", list(&deeds)));
        if self.taken.is_none() {
            narration.say(Tone::Plain, ".");
        }
        true
    }

    fn lowered(&self) -> String {
        if self.lowered.len() > NAMED {
            let passes = match self.passes {
                0 => String::new(),
                passes => format!(" in {} passes", passes + 1),
            };
            return format!("lowers {} usage counts{passes}", self.lowered.len());
        }
        let each: Vec<String> = self
            .lowered
            .iter()
            .map(|(buffer, from)| format!("{buffer} ({from}→{})", from - 1))
            .collect();
        let each: Vec<&str> = each.iter().map(String::as_str).collect();
        let noun = if self.lowered.len() == 1 { "buffer" } else { "buffers" };
        format!("lowers {noun} {}", list(&each))
    }

    fn passed_over(&self, scene: &Scene<'_>) -> String {
        let mut distinct = Vec::new();
        for &buffer in &self.pinned {
            if let Err(place) = distinct.binary_search(&buffer) {
                distinct.insert(place, buffer);
            }
        }
        match distinct.as_slice() {
            [one] => {
                let often = match self.pinned.len() {
                    1 => String::new(),
                    2 => " twice".into(),
                    often => format!(" {often} times"),
                };
                format!("passes over buffer {one}{often} (pinned by {})", scene.pinned_by(*one))
            }
            many => format!("passes over {} pinned buffers", many.len()),
        }
    }
}

/// `1 buffer`, `2 buffers`.
pub(super) fn count(number: u32, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(items: &[&str]) -> String {
    match items {
        [] => String::new(),
        [one] => (*one).into(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The routine that an event happens in, and its file below `src/`.
pub(super) fn routine(event: &BufferEvent) -> (&'static str, &'static str) {
    const BUFMGR: &str = "backend/storage/buffer/bufmgr.c";
    const FREELIST: &str = "backend/storage/buffer/freelist.c";
    const BUF_TABLE: &str = "backend/storage/buffer/buf_table.c";
    match event {
        BufferEvent::Lookup { .. } => ("BufTableLookup", BUF_TABLE),
        BufferEvent::FreelistPop { .. } | BufferEvent::SweepFailed => {
            ("StrategyGetBuffer", FREELIST)
        }
        BufferEvent::Tick { tick: Tick::Taken, .. } => ("StrategyGetBuffer", FREELIST),
        BufferEvent::Tick { .. } | BufferEvent::PassCompleted { .. } => {
            ("ClockSweepTick", FREELIST)
        }
        BufferEvent::FreelistPush { .. } => ("StrategyFreeBuffer", FREELIST),
        BufferEvent::RingCreated { .. } => ("GetAccessStrategy", FREELIST),
        BufferEvent::RingFreed { .. } => ("FreeAccessStrategy", FREELIST),
        BufferEvent::RingLook { .. } => ("GetBufferFromRing", FREELIST),
        BufferEvent::RingFilled { .. } => ("AddBufferToRing", FREELIST),
        BufferEvent::RingRejected { .. } => ("StrategyRejectBuffer", FREELIST),
        BufferEvent::Pinned { .. } => ("PinBuffer", BUFMGR),
        BufferEvent::Unpinned { .. } => ("UnpinBuffer", BUFMGR),
        BufferEvent::CleanupLocked { .. } | BufferEvent::WaitsForPins { .. } => {
            ("LockBufferForCleanup", BUFMGR)
        }
        BufferEvent::CleanupRefused { .. } => ("ConditionalLockBufferForCleanup", BUFMGR),
        BufferEvent::PinWaiterWoken { .. } => ("WakePinCountWaiter", BUFMGR),
        BufferEvent::WalFlushed { .. } => ("XLogFlush", "backend/access/transam/xlog.c"),
        BufferEvent::Written { .. } => ("FlushBuffer", BUFMGR),
        BufferEvent::Unhashed { .. } => ("InvalidateVictimBuffer", BUFMGR),
        BufferEvent::Dropped { .. } => ("InvalidateBuffer", BUFMGR),
        BufferEvent::Hashed { .. } => ("BufTableInsert", BUF_TABLE),
        BufferEvent::ReadStarted { .. } => ("WaitReadBuffers", BUFMGR),
        BufferEvent::Loaded { .. } => ("ReadBuffer_common", BUFMGR),
        BufferEvent::Extended { .. } => ("ExtendBufferedRelShared", BUFMGR),
        BufferEvent::Dirtied { kind: DirtyKind::Hint, .. } => ("MarkBufferDirtyHint", BUFMGR),
        BufferEvent::Dirtied { .. } => ("MarkBufferDirty", BUFMGR),
        BufferEvent::CheckpointNeeded { .. } | BufferEvent::CheckpointDone { .. } => {
            ("BufferSync", BUFMGR)
        }
        BufferEvent::BgWriterLook { .. } => ("SyncOneBuffer", BUFMGR),
        BufferEvent::BgWriterDone { .. } => ("BgBufferSync", BUFMGR),
    }
}

/// The routine that an event of local buffers happens in, and its file below `src/`.
pub(super) fn local_routine(event: &LocalBufferEvent) -> (&'static str, &'static str) {
    let routine = match event {
        LocalBufferEvent::Initialized { .. } => "InitLocalBuffers",
        LocalBufferEvent::Lookup { .. } | LocalBufferEvent::Hashed { .. } => "LocalBufferAlloc",
        LocalBufferEvent::Tick { .. }
        | LocalBufferEvent::SweepFailed
        | LocalBufferEvent::Unhashed { .. } => "GetLocalVictimBuffer",
        LocalBufferEvent::Pinned { .. } => "PinLocalBuffer",
        LocalBufferEvent::Unpinned { .. } => "UnpinLocalBuffer",
        LocalBufferEvent::Written { .. } => "FlushLocalBuffer",
        LocalBufferEvent::Dropped { .. } => "InvalidateLocalBuffer",
        LocalBufferEvent::Extended { .. } => "ExtendBufferedRelLocal",
        LocalBufferEvent::Dirtied { .. } => "MarkLocalBufferDirty",
        LocalBufferEvent::ReadStarted { .. } => {
            return ("WaitReadBuffers", "backend/storage/buffer/bufmgr.c");
        }
        LocalBufferEvent::Loaded { .. } => {
            return ("ReadBuffer_common", "backend/storage/buffer/bufmgr.c");
        }
    };
    (routine, "backend/storage/buffer/localbuf.c")
}
