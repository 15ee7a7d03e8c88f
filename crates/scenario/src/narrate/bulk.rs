//! Sentences about scans, COPY, VACUUM, inserts and lookups: several pages in one step.

use pgscope_core::Event;
use pgscope_core::event::{BufferEvent, LocalBufferEvent};
use pgscope_core::ids::{BackendId, BufferTag, RelId};
use pgscope_core::op::{Bulk, Op};

use super::buffers::{arrive, count, list};
use super::{Narration, Scene, Tone, waits};

#[inline(never)]
pub(super) fn tell(narration: &mut Narration, scene: &Scene<'_>, op: &Op) {
    let table = |rel: &RelId| scene.names.table(*rel).map_or("?", |name| name);
    match op {
        Op::BulkBegin { backend, rel, bulk } => {
            let what = match bulk {
                Bulk::SeqScan => "begins a sequential scan of",
                Bulk::BitmapScan(_) => "begins a bitmap scan of",
                Bulk::Vacuum { freeze: false, .. } => "begins to vacuum",
                Bulk::Vacuum { .. } => "begins to vacuum and freeze",
                Bulk::Prewarm => "begins to prewarm",
                Bulk::CopyIn { .. } => "begins a COPY into",
                Bulk::CreateTableAs => "begins to fill",
            };
            let who = scene.backend(*backend);
            narration.say(Tone::Who, format!("{who} {what} {}", table(rel)));
            let how = match scene.ring() {
                Some(buffers) => format!(", in a ring of {buffers}."),
                None => ", without a ring.".to_owned(),
            };
            narration.say(Tone::Plain, how);
        }
        Op::BulkNext { backend, .. } => {
            go_on(narration, scene, *backend);
            if scene.buffer_events().any(in_vain) {
                waits::attempts(narration, scene, *backend);
            }
        }
        Op::BulkEnd { backend } => {
            narration.say(Tone::Who, format!("{} is done", scene.backend(*backend)));
            narration.say(Tone::Plain, ": pins and ring are given up, the pages stay.");
        }
        Op::Insert { backend, rel } => {
            let who = scene.backend(*backend);
            narration.say(Tone::Who, format!("{who} inserts a row into {}", table(rel)));
            if extended(scene) > 0 {
                let how = ": no page at hand has room, and the table grows by one.";
                narration.say(Tone::Plain, how);
            } else {
                narration.say(Tone::Plain, ": ");
                arrive(narration, scene);
            }
        }
        Op::IndexScan { backend, index, block, .. } => {
            let who = scene.backend(*backend);
            let name = table(index);
            narration.say(Tone::Who, format!("{who} looks up a row in block {block} by {name}"));
            let visits = lookups(scene).map(|(tag, found)| {
                let how = if found { "hit" } else { "miss" };
                format!("{} ({how})", scene.page(tag))
            });
            let visits: Vec<String> = visits.collect();
            let visits: Vec<&str> = visits.iter().map(String::as_str).collect();
            narration.say(Tone::Plain, format!(": {}.", list(&visits)));
        }
        _ => {}
    }
}

/// A cleanup lock that was not to be had.
fn in_vain(event: &BufferEvent) -> bool {
    matches!(event, BufferEvent::CleanupRefused { .. } | BufferEvent::WaitsForPins { .. })
}

/// What several blocks that were asked for at once came to.
#[inline(never)]
pub(super) fn calls(narration: &mut Narration, scene: &Scene<'_>) {
    let (mut hits, mut calls) = (0, Vec::new());
    for event in scene.events {
        match *event {
            Event::Buffer(BufferEvent::Lookup { found, .. }) => hits += u32::from(found.is_some()),
            Event::LocalBuffer(_, LocalBufferEvent::Lookup { found, .. }) => {
                hits += u32::from(found.is_some());
            }
            Event::Buffer(BufferEvent::ReadStarted { tag, blocks })
            | Event::LocalBuffer(_, LocalBufferEvent::ReadStarted { tag, blocks }) => {
                calls.push(format!("{} from {} on", count(blocks, "block"), scene.page(tag)));
            }
            _ => {}
        }
    }
    if hits > 0 {
        let verb = if hits == 1 { "is" } else { "are" };
        narration.say(Tone::Hit, format!(" {} {verb} in the pool.", count(hits, "page")));
    }
    if !calls.is_empty() {
        let all: Vec<&str> = calls.iter().map(String::as_str).collect();
        let reads = count(all.len() as u32, "call");
        let verb = if all.len() == 1 { "reads" } else { "read" };
        let what = if hits == 0 { "them" } else { "the rest" };
        narration.say(Tone::Miss, format!(" {reads} {verb} {what}: {}.", list(&all)));
    }
}

/// A step of a statement: its page, and what is pinned in advance.
fn go_on(narration: &mut Narration, scene: &Scene<'_>, backend: BackendId) {
    narration.say(Tone::Who, format!("{} goes on", scene.backend(backend)));
    let at = scene.server.backend(backend).and_then(|backend| backend.access.page());
    if let Some(page) = at {
        narration.say(Tone::Who, format!(" to {}", scene.page(page)));
    }
    let pages = lookups(scene).count() as u32;
    let hits = lookups(scene).filter(|(_, found)| *found).count() as u32;
    let added = extended(scene);
    let reads = scene.buffer_events().find_map(|event| match *event {
        BufferEvent::ReadStarted { tag, blocks } => Some((tag, blocks)),
        _ => None,
    });
    let own = lookups(scene).next().is_none_or(|(tag, _)| at.is_none_or(|page| page == tag));
    if own && pages + added == 1 && reads.is_none() {
        narration.say(Tone::Plain, ": ");
        return arrive(narration, scene);
    }
    narration.say(Tone::Plain, ".");
    if let Some((tag, blocks)) = reads {
        let (blocks, page) = (count(blocks, "block"), scene.page(tag));
        narration.say(Tone::Miss, format!(" It reads {blocks} from {page} on."));
    }
    if added > 0 {
        let added = count(added, "page");
        narration.say(Tone::Plain, format!(" The table grows by {added}."));
    } else if pages > 0 {
        let (pages, misses) = (count(pages, "page"), pages - hits);
        let what = format!(" It pins {pages}: {hits} in the pool, {misses} not.");
        narration.say(Tone::Pin, what);
    }
    let left = |event: &&BufferEvent| matches!(event, BufferEvent::Unhashed { .. });
    let left = scene.buffer_events().filter(left).count() as u32;
    if left > 0 {
        narration.say(Tone::Evict, format!(" {} left for them.", count(left, "page")));
    }
}

fn lookups<'a>(scene: &'a Scene<'_>) -> impl Iterator<Item = (BufferTag, bool)> + 'a {
    scene.events.iter().filter_map(|event| match event {
        Event::Buffer(BufferEvent::Lookup { tag, found, .. }) => Some((*tag, found.is_some())),
        Event::LocalBuffer(_, LocalBufferEvent::Lookup { tag, found }) => {
            Some((*tag, found.is_some()))
        }
        _ => None,
    })
}

fn extended(scene: &Scene<'_>) -> u32 {
    let extended = |event: &&Event| {
        matches!(
            event,
            Event::Buffer(BufferEvent::Extended { .. })
                | Event::LocalBuffer(_, LocalBufferEvent::Extended { .. })
        )
    };
    scene.events.iter().filter(extended).count() as u32
}

/// Where a statement's beginning is, an insert, and a lookup.
#[inline(never)]
pub(super) fn routine(op: &Op) -> Option<(&'static str, &'static str)> {
    const HEAPAM: &str = "backend/access/heap/heapam.c";
    Some(match op {
        Op::BulkBegin { bulk, .. } => match bulk {
            Bulk::SeqScan | Bulk::BitmapScan(_) => ("heap_beginscan", HEAPAM),
            Bulk::Vacuum { .. } => ("heap_vacuum_rel", "backend/access/heap/vacuumlazy.c"),
            Bulk::CopyIn { .. } => ("CopyFrom", "backend/commands/copyfrom.c"),
            Bulk::CreateTableAs => ("ExecCreateTableAs", "backend/commands/createas.c"),
            Bulk::Prewarm => return None,
        },
        Op::Insert { .. } => ("heap_insert", HEAPAM),
        Op::IndexScan { .. } => ("_bt_search", "backend/access/nbtree/nbtsearch.c"),
        _ => return None,
    })
}
