//! Sentences about heavyweight locks: who asks for what, where it is granted or how the wait
//! begins, whom a release awakens, and what a look for deadlocks found.

use pgscope_core::Event;
use pgscope_core::bufmgr::smgr::Smgr;
use pgscope_core::event::LockEvent;
use pgscope_core::ids::BackendId;
use pgscope_core::lmgr::{LockMode, LockTag, LockTagType, ProcNumber, modes};
use pgscope_core::op::{AdvisoryKey, LockStmt, LockTarget, Op};
use pgscope_core::views::{LockView, lock_table};

use super::buffers::{count, list};
use super::{Narration, Scene, Tone};

/// A statement about locks, time that passes, a cancel.
#[inline(never)]
pub(super) fn tell(narration: &mut Narration, scene: &Scene<'_>, op: &Op) {
    match op {
        Op::Lock { backend, statement } => {
            let who = scene.backend(*backend).to_owned();
            narration.say(Tone::Who, format!("{who} {}", asks(scene, statement)));
            answer(narration, scene, *backend, statement);
        }
        Op::PassTime { milliseconds } => {
            narration.say(Tone::Who, format!("{milliseconds} ms pass"));
            narration.say(Tone::Plain, ".");
            searches(narration, scene);
        }
        Op::Cancel(backend) => {
            narration.say(Tone::Who, format!("{} is cancelled", scene.backend(*backend)));
            let idle = !scene.all.iter().any(|it| matches!(it, Event::Failed(_)));
            narration.say(Tone::Plain, if idle { ": it does not wait, and goes on." } else { "." });
        }
        _ => {}
    }
}

/// A statement that waits for a lock before it does anything.
#[inline(never)]
pub(super) fn held_up(scene: &Scene<'_>, op: &Op) -> Option<String> {
    let table = |rel| scene.names.table(rel).map_or("a table", |name| name);
    let wants = match op {
        Op::BulkBegin { rel, .. } => format!("is to go over the pages of {}", table(*rel)),
        Op::Insert { rel, .. } => format!("is to insert a row into {}", table(*rel)),
        Op::IndexScan { index, .. } => format!("is to look up a row by {}", table(*index)),
        Op::Truncate { rel, nblocks: Some(_), .. } => format!("is to truncate {}", table(*rel)),
        Op::Truncate { rel, nblocks: None, .. } => format!("is to drop {}", table(*rel)),
        _ => return None,
    };
    let who = scene.backend(op.backend()?);
    let proc = scene.server.backend(op.backend()?)?.proc_number();
    let stopped = |event: &LockEvent| match event {
        LockEvent::Waits { proc: own, .. }
        | LockEvent::Refused { proc: own, .. }
        | LockEvent::OutOfMemory { proc: own, .. } => *own == proc,
        _ => false,
    };
    scene.own_lock_events().any(stopped).then(|| format!("{who} {wants}"))
}

/// What a statement wants.
fn asks(scene: &Scene<'_>, statement: &LockStmt) -> String {
    let table = |rel| scene.names.table(rel).map_or("a table", |name| name);
    match statement {
        LockStmt::Take { target, mode, .. } => {
            let table = table(target.relation());
            let target = match target {
                LockTarget::Relation(_) => table.to_owned(),
                LockTarget::Page(_, block) => format!("page {block} of {table}"),
                LockTarget::Tuple(_, block, offset) => format!("row ({block},{offset}) of {table}"),
            };
            format!("asks for {} on {target}", mode.name())
        }
        LockStmt::Advisory { key, shared, .. } => {
            format!("asks for {} on advisory lock {}", advisory_mode(*shared), key_words(*key))
        }
        LockStmt::AdvisoryUnlock { key, shared } => {
            format!("gives back {} on advisory lock {}", advisory_mode(*shared), key_words(*key))
        }
        LockStmt::AdvisoryUnlockAll => "gives back all its advisory locks".to_owned(),
        LockStmt::AssignXid => "asks for a transaction id".to_owned(),
        LockStmt::WaitFor(other) => {
            format!("wants to know how {}'s transaction ends", scene.backend(*other))
        }
        LockStmt::Release(tag, mode) => {
            format!("gives back {} on {}", mode.name(), scene.object(tag))
        }
    }
}

fn advisory_mode(shared: bool) -> &'static str {
    if shared { LockMode::Share.name() } else { LockMode::Exclusive.name() }
}

fn key_words(key: AdvisoryKey) -> String {
    match key {
        AdvisoryKey::One(key) => key.to_string(),
        AdvisoryKey::Two(one, two) => format!("({one}, {two})"),
    }
}

/// How the lock was granted, or why it was not.
fn answer(narration: &mut Narration, scene: &Scene<'_>, backend: BackendId, statement: &LockStmt) {
    let Some(found) = scene.server.backend(backend) else { return };
    let proc = found.proc_number();
    let own = scene.own_lock_events().filter(|event| who_of(event) == Some(proc));
    let mut fast = None;
    let (mut granted, mut entered, mut refused, mut waits) = (None, None, false, None);
    for event in own {
        match *event {
            LockEvent::FastPath { tag, .. } => fast = Some(tag),
            LockEvent::Granted { tag, .. } => granted = Some(tag),
            LockEvent::Entered { lock, .. } => entered = Some(lock),
            LockEvent::Refused { .. } => refused = true,
            LockEvent::Waits { tag, ahead, .. } => waits = Some((tag, ahead)),
            _ => {}
        }
    }
    if fast.is_some() {
        let slots = scene.server.locks().fast_path(proc);
        let used = slots.iter().filter(|(_, mask)| *mask != 0).count();
        let text =
            format!(": it fits in a fast-path slot, and {used} of {} are in use.", slots.len());
        narration.say(Tone::Hit, text);
        narration.say(Tone::Plain, " The shared tables are not touched.");
    } else if let Some((tag, ahead)) = waits {
        has_to_wait(narration, scene, (&tag, proc, ahead));
    } else if refused && !scene.failed() {
        let text = ": it is not to be had at once, and nobody waits for it.";
        narration.say(Tone::Miss, text);
    } else if let Some(tag) = granted {
        transfers(narration, scene);
        let (locks, proclocks) = scene.server.locks().entries();
        let new = match entered {
            Some(true) => "with a LOCK and a PROCLOCK of its own",
            Some(false) => "with a PROCLOCK of its own on a LOCK that is there",
            None => "in the PROCLOCK that it has",
        };
        let what = match tag.kind {
            LockTagType::Transaction => {
                format!("It gets the number {}, and its lock on that", tag.field1)
            }
            _ => "It".to_owned(),
        };
        narration.say(Tone::Hit, format!(". {what} is granted in the shared table"));
        let most = scene.server.locks().tables().map(|table| table.most);
        let text =
            format!(", {new}: {locks} of {} LOCKs, {proclocks} of {} PROCLOCKs.", most[0], most[1]);
        narration.say(Tone::Plain, text);
    } else if scene.failed() {
        transfers(narration, scene);
    } else {
        quiet_answer(narration, scene, backend, statement);
    }
}

/// An answer without a new lock.
fn quiet_answer(
    narration: &mut Narration,
    scene: &Scene<'_>,
    backend: BackendId,
    statement: &LockStmt,
) {
    let released = released(scene, Some(backend)).len() as u32;
    let text = match statement {
        LockStmt::Take { .. } | LockStmt::Advisory { .. } => {
            ": it holds that already, and counts once more.".to_owned()
        }
        LockStmt::AdvisoryUnlock { .. } if released == 0 => {
            let warned = scene.events.iter().find_map(|event| match event {
                Event::Warned(warning) => Some(warning),
                _ => None,
            });
            if let Some(warning) = warned {
                narration.say(Tone::Plain, ".");
                return narration.say(Tone::Evict, format!(" WARNING: {warning}."));
            }
            ": it was taken more often, and is still held.".to_owned()
        }
        LockStmt::AdvisoryUnlock { .. } | LockStmt::AdvisoryUnlockAll => {
            format!(": {} released.", are(released, "lock"))
        }
        LockStmt::WaitFor(_) => ": that has no id, or has ended. Nothing to wait for.".to_owned(),
        LockStmt::AssignXid => ": it has one.".to_owned(),
        _ => ".".to_owned(),
    };
    narration.say(Tone::Plain, text);
}

fn has_to_wait(
    narration: &mut Narration,
    scene: &Scene<'_>,
    (tag, proc, ahead): (&LockTag, ProcNumber, usize),
) {
    transfers(narration, scene);
    narration.say(Tone::Miss, format!(". It has to wait: {}", blockers(scene, tag, proc)));
    let place = match ahead {
        0 => "it is the first in the queue".to_owned(),
        _ => format!("{} before it in the queue", are(ahead as u32, "waiter")),
    };
    narration.say(Tone::Plain, format!(", and {place}."));
}

fn are(number: u32, noun: &str) -> String {
    format!("{} {}", count(number, noun), if number == 1 { "is" } else { "are" })
}

/// What happened to locks in a step about something else: what the statement locked for itself
/// only if that was not a matter of course, then what its end gave back.
#[inline(never)]
pub(super) fn aside(narration: &mut Narration, scene: &Scene<'_>, op: &Op) {
    let actor = op.backend();
    if !matches!(op, Op::Lock { .. }) {
        for event in scene.own_lock_events() {
            let LockEvent::Waits { proc, tag, mode, ahead } = *event else { continue };
            if scene.server.backend_of(proc) != actor {
                continue;
            }
            let asks = format!(" It asks for {} on {}", mode.name(), scene.object(&tag));
            narration.say(Tone::Plain, asks);
            has_to_wait(narration, scene, (&tag, proc, ahead));
        }
    }
    let freed = released(scene, actor).len() as u32;
    let ends = matches!(op, Op::Transaction { .. } | Op::QueryEnd { .. });
    if ends && freed > 0 {
        narration.say(Tone::Plain, format!(" {} released.", are(freed, "lock")));
    }
    awakened(narration, scene);
    failed_aside(narration, scene, op);
}

/// Who is awakened, with what, in order.
fn awakened(narration: &mut Narration, scene: &Scene<'_>) {
    for event in scene.lock_events() {
        if let LockEvent::Awakened { proc, tag, mode } = *event {
            let who = scene.process(proc);
            let text = format!(" {who} is granted {} on {}", mode.name(), scene.object(&tag));
            narration.say(Tone::Hit, text);
            narration.say(Tone::Plain, ", awakes and goes on.");
        }
    }
}

/// Statements of others that failed in this step.
fn failed_aside(narration: &mut Narration, scene: &Scene<'_>, op: &Op) {
    if matches!(op, Op::PassTime { .. } | Op::Cancel(_)) {
        return;
    }
    for event in scene.all {
        let Event::StatementFailed(backend, _) = *event else { continue };
        let error = scene.server.backend(backend).and_then(|backend| backend.last_error());
        if let Some(error) = error {
            let who = scene.backend(backend);
            narration.say(Tone::Evict, format!(" {who}'s statement fails. ERROR: {error}."));
        }
    }
}

/// What looks for deadlocks saw, in the order of the timeouts.
fn searches(narration: &mut Narration, scene: &Scene<'_>) {
    let mut edges = Vec::new();
    for event in scene.lock_events() {
        match *event {
            LockEvent::DeadlockCheck { proc } => {
                finish_search(narration, &mut edges, false);
                let who = scene.process(proc);
                narration.say(Tone::Who, format!(" {who} looks for a deadlock"));
                narration.say(Tone::Plain, ": ");
                edges.push(String::new());
            }
            LockEvent::Edge { waiter, blocker, soft } => {
                let how = if soft { " (in the queue before it)" } else { "" };
                let edge =
                    format!("{} waits for {}{how}", scene.process(waiter), scene.process(blocker));
                if !edges.contains(&edge) {
                    edges.push(edge);
                }
            }
            LockEvent::Deadlock { proc } => {
                finish_search(narration, &mut edges, true);
                let who = scene.process(proc);
                narration.say(Tone::Evict, format!(" The circle is closed: {who} gives up."));
            }
            LockEvent::Rearranged { tag } => {
                finish_search(narration, &mut edges, true);
                let queue = scene.server.locks().queue(&tag);
                let queue: Vec<String> = queue.map(|(proc, _)| scene.process(proc)).collect();
                let queue: Vec<&str> = queue.iter().map(String::as_str).collect();
                let left = match queue.is_empty() {
                    true => String::new(),
                    false => format!(" Left in it: {}.", list(&queue)),
                };
                let what = format!(
                    " Another order of the queue for {} undoes the circle.{left}",
                    scene.object(&tag)
                );
                narration.say(Tone::Hit, what);
            }
            _ => {}
        }
    }
    finish_search(narration, &mut edges, false);
    if !scene.lock_events().any(|event| matches!(event, LockEvent::DeadlockCheck { .. })) {
        let gave_up = scene.lock_events().find_map(|event| match *event {
            LockEvent::GaveUp { proc, .. } => Some(proc),
            _ => None,
        });
        match gave_up {
            Some(proc) => {
                let who = scene.process(proc);
                narration.say(Tone::Evict, format!(" {who} has waited too long and gives up."));
            }
            None => narration.say(Tone::Plain, " No timeout runs out."),
        }
    }
}

/// The edges of one search, and that it found nothing if it found no circle.
fn finish_search(narration: &mut Narration, edges: &mut Vec<String>, circle: bool) {
    if edges.is_empty() {
        return;
    }
    let seen: Vec<&str> = edges.iter().map(String::as_str).filter(|it| !it.is_empty()).collect();
    narration.say(Tone::Plain, format!("{}.", list(&seen)));
    if !circle {
        narration.say(Tone::Plain, " No circle: it goes on waiting.");
    }
    edges.clear();
}

/// Fast-path entries that a strong lock had moved.
fn transfers(narration: &mut Narration, scene: &Scene<'_>) {
    let moved = scene.lock_events().filter_map(|event| match *event {
        LockEvent::Transferred { proc, mode, .. } => {
            Some(format!("{}'s {}", scene.process(proc), mode.name()))
        }
        _ => None,
    });
    let moved: Vec<String> = moved.collect();
    if moved.is_empty() {
        return;
    }
    let moved: Vec<&str> = moved.iter().map(String::as_str).collect();
    let text = format!(": first it moves {} from the fast path to the shared table", list(&moved));
    narration.say(Tone::Dirty, text);
}

/// Who blocks a waiter, with what it holds or wants.
fn blockers(scene: &Scene<'_>, tag: &LockTag, proc: ProcNumber) -> String {
    let locks = scene.server.locks();
    let told = locks.blocking(proc).into_iter().map(|blocker| {
        let held = locks.holders(tag).find(|(holder, _)| *holder == blocker);
        let held: Vec<&str> = modes(held.map_or(0, |(_, mask)| mask)).map(LockMode::name).collect();
        match held.is_empty() {
            true => format!("{} stands before it", scene.process(blocker)),
            false => format!("{} holds {}", scene.process(blocker), list(&held)),
        }
    });
    let told: Vec<String> = told.collect();
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    list(&told)
}

/// What a backend gave back.
fn released(scene: &Scene<'_>, backend: Option<BackendId>) -> Vec<LockTag> {
    let proc = backend.and_then(|id| scene.server.backend(id)).map(|it| it.proc_number());
    let given = scene.lock_events().filter_map(|event| match *event {
        LockEvent::Released { proc: of, tag, .. } if Some(of) == proc => Some(tag),
        _ => None,
    });
    given.collect()
}

fn who_of(event: &LockEvent) -> Option<ProcNumber> {
    match *event {
        LockEvent::FastPath { proc, .. }
        | LockEvent::Granted { proc, .. }
        | LockEvent::Entered { proc, .. }
        | LockEvent::Refused { proc, .. }
        | LockEvent::Waits { proc, .. } => Some(proc),
        _ => None,
    }
}

/// What `show locks` shows: an object a line, below it its holders and its queue.
#[inline(never)]
pub(super) fn listing(scene: &Scene<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for LockView { tag, shared, holders, waiters, .. } in lock_table(scene.server) {
        let place = if shared { "" } else { " (fast path)" };
        lines.push(format!("{}{place}", scene.object(&tag)));
        for (backend, mask) in holders {
            let held: Vec<&str> = modes(mask).map(LockMode::name).collect();
            lines.push(format!("  {} holds {}", scene.backend(backend), list(&held)));
        }
        for (place, waiter) in waiters.iter().enumerate() {
            let blockers = waiter.blocked_by.iter().map(|id| scene.backend(*id));
            let blockers: Vec<&str> = blockers.collect();
            let (who, mode) = (scene.backend(waiter.backend), waiter.mode.name());
            let place = place + 1;
            lines
                .push(format!("  {place}. {who} waits for {mode}, blocked by {}", list(&blockers)));
        }
    }
    lines
}

impl Scene<'_> {
    /// Those of the step itself.
    fn own_lock_events(&self) -> impl Iterator<Item = &LockEvent> {
        self.events.iter().filter_map(|event| match event {
            Event::Lock(event) => Some(event),
            _ => None,
        })
    }

    fn lock_events(&self) -> impl Iterator<Item = &LockEvent> {
        self.all.iter().filter_map(|event| match event {
            Event::Lock(event) => Some(event),
            _ => None,
        })
    }

    fn process(&self, proc: ProcNumber) -> String {
        self.server.backend_of(proc).map_or_else(String::new, |id| self.backend(id).to_owned())
    }

    /// What is locked, by the scenario's names.
    #[inline(never)]
    pub(super) fn object(&self, tag: &LockTag) -> String {
        let LockTag { field2, field3, field4, kind, .. } = *tag;
        let table = || {
            let name = self.names.table(Smgr::relation_of(field2));
            name.map_or_else(|| field2.to_string(), |name| name.to_string())
        };
        match kind {
            LockTagType::Relation => table(),
            LockTagType::Page => format!("page {field3} of {}", table()),
            LockTagType::Tuple => format!("row ({field3},{field4}) of {}", table()),
            LockTagType::Advisory if field4 == 1 => {
                format!("advisory lock {}", u64::from(field2) << 32 | u64::from(field3))
            }
            LockTagType::Advisory => format!("advisory lock ({field2}, {field3})"),
            _ => tag.to_string(),
        }
    }
}

const LOCK: &str = "backend/storage/lmgr/lock.c";
const PROC: &str = "backend/storage/lmgr/proc.c";
const DEADLOCK: &str = "backend/storage/lmgr/deadlock.c";

/// The routine that an event happens in.
#[inline(never)]
pub(super) fn routine(event: &LockEvent) -> (&'static str, &'static str) {
    match event {
        LockEvent::FastPath { .. } => ("FastPathGrantRelationLock", LOCK),
        LockEvent::Transferred { .. } => ("FastPathTransferRelationLocks", LOCK),
        LockEvent::Entered { .. } => ("SetupLockInTable", LOCK),
        LockEvent::Removed { .. } => ("CleanUpLock", LOCK),
        LockEvent::Granted { .. } => ("GrantLock", LOCK),
        LockEvent::Refused { .. } | LockEvent::OutOfMemory { .. } => ("LockAcquireExtended", LOCK),
        LockEvent::Waits { .. } => ("JoinWaitQueue", PROC),
        LockEvent::Awakened { .. } => ("ProcLockWakeup", PROC),
        LockEvent::GaveUp { .. } => ("RemoveFromWaitQueue", LOCK),
        LockEvent::Released { .. } => ("UnGrantLock", LOCK),
        LockEvent::DeadlockCheck { .. } => ("CheckDeadLock", PROC),
        LockEvent::Edge { .. } => ("FindLockCycleRecurseMember", DEADLOCK),
        LockEvent::Deadlock { .. } | LockEvent::Rearranged { .. } => ("DeadLockCheck", DEADLOCK),
    }
}

/// Whether an operation on locks is best looked up at this event.
#[inline(never)]
pub(super) fn is_turn(event: &LockEvent) -> bool {
    matches!(
        event,
        LockEvent::FastPath { .. }
            | LockEvent::Waits { .. }
            | LockEvent::Refused { .. }
            | LockEvent::OutOfMemory { .. }
            | LockEvent::Deadlock { .. }
            | LockEvent::Rearranged { .. }
    )
}

/// Where an operation on locks is, if none of its events decided it.
#[inline(never)]
pub(super) fn whole_routine(op: &Op) -> Option<(&'static str, &'static str)> {
    let Op::Lock { statement, .. } = op else { return None };
    Some(match statement {
        LockStmt::Take { .. } | LockStmt::Advisory { .. } => ("LockAcquireExtended", LOCK),
        LockStmt::AdvisoryUnlock { .. } | LockStmt::Release(..) => ("LockRelease", LOCK),
        LockStmt::AdvisoryUnlockAll => ("LockReleaseSession", LOCK),
        LockStmt::AssignXid => ("XactLockTableInsert", "backend/storage/lmgr/lmgr.c"),
        LockStmt::WaitFor(_) => ("XactLockTableWait", "backend/storage/lmgr/lmgr.c"),
    })
}
