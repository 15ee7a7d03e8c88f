//! Replay of buffer-manager traces (section 1 of the traces' format).
//!
//! After every operation the whole pool is compared: the trace lists each buffer whose state
//! changed, so a state that changed here and not there is a difference too.

mod op;

use std::collections::HashMap;

use pgscope_core::bufmgr::desc::{
    BM_CHECKPOINT_NEEDED, BM_DIRTY, BM_JUST_DIRTIED, BM_PERMANENT, BM_TAG_VALID, BM_VALID,
    BufferDesc,
};
use pgscope_core::bufmgr::{BufferUsage, PoolBuffer, PoolState};
use pgscope_core::event::BufferEvent;
use pgscope_core::ids::{BackendId, Buffer, BufferId, BufferTag, RelId, StrategySlot};
use pgscope_core::op::Persistence;
use pgscope_core::profile::Version;
use pgscope_core::server::{Outcome, Settings};
use pgscope_core::{Error, Event, Op, Server};
use serde_json::{Value, json};

use super::record::{Record, Stop, Verdict, verdict};
use super::trace::Trace;
use crate::postgres::RECORDED;

/// The flags of a trace, in the order of their values 1, 2, 4...
const FLAGS: [u32; 6] =
    [BM_DIRTY, BM_VALID, BM_TAG_VALID, BM_PERMANENT, BM_CHECKPOINT_NEEDED, BM_JUST_DIRTIED];
/// Blocks given to a relation of which the trace does not say how many it has.
const OPAQUE_BLOCKS: u32 = 1 << 20;

/// The backend whose local buffers a trace records.
const LOCAL_BACKEND: BackendId = BackendId(0);

struct Replay {
    server: Server,
    /// The trace's numbers of relations, and ours.
    relations: HashMap<u64, RelId>,
    numbers: Vec<u64>,
    /// State of each buffer after the last operation.
    mirror: Vec<Value>,
    /// The same for the local buffers.
    local_mirror: Vec<Value>,
    flushed: u64,
}

pub(super) fn replay(trace: &Trace) -> Verdict {
    let mut compared = 0;
    let result = run(trace, &mut compared);
    verdict(result, compared)
}

fn run(trace: &Trace, compared: &mut u64) -> Result<(), Stop> {
    let mut replay = Replay::new(&trace.header)?;
    for op in &trace.ops {
        let record = Record(op);
        *compared += 1;
        replay.step(&record)?;
    }
    replay.end(&Record(&trace.end))
}

/// Settings that count processes, among which pins are shared out.
const COUNTING: [&str; 4] =
    ["max_connections", "max_worker_processes", "max_wal_senders", "autovacuum_max_workers"];

/// Those of them that the server ran with: as the header says, or as the oracle starts its own.
fn counting(header: &Value) -> Vec<(&str, &str)> {
    let given: Vec<(&str, &str)> = match header["settings"].as_object() {
        Some(settings) => {
            settings.iter().filter_map(|(name, value)| Some((&**name, value.as_str()?))).collect()
        }
        None => RECORDED.iter().filter_map(|setting| setting.split_once('=')).collect(),
    };
    given.into_iter().filter(|(name, _)| COUNTING.contains(name)).collect()
}

fn failed(error: Error) -> Stop {
    Stop::Differs(format!("  set-up: {error}"))
}

impl Replay {
    fn new(header: &Value) -> Result<Self, Stop> {
        let record = Record(header);
        let number = record.number("server_version_num")?;
        let version = u32::try_from(number).ok().and_then(Version::from_release);
        let version =
            version.ok_or_else(|| Stop::Unsupported(format!("the buffer manager of {number}")))?;
        let mut settings = Settings::with_shared_buffers(record.small("nbuffers")?);
        for (name, value) in counting(header) {
            let set = settings.set(version, name, value);
            set.map_err(|error| Stop::Unsupported(format!("{name}={value}: {error:?}")))?;
        }
        let known = u64::from(version.profile().bufmgr.processes.of(&settings));
        let server = Server::start(version, settings, 0).map_err(failed)?;
        let mut replay = Self {
            server,
            relations: HashMap::new(),
            numbers: Vec::new(),
            mirror: Vec::new(),
            local_mirror: Vec::new(),
            flushed: 0,
        };
        let processes = record.number("max_backends")? + record.number("aux_procs")?;
        if processes != known {
            return Err(Stop::Unsupported(format!("{processes} processes, not {known}")));
        }
        for number in 0..record.number("backends")? {
            let backend = BackendId(number as u16);
            let op = Op::Connect { backend, name: format!("backend {number}").into() };
            replay.server.apply(&op).map_err(failed)?;
        }
        replay.create_relations(header)?;
        replay.restore(header)?;
        if record.number_or("nlocal", 0) > 0 {
            replay.restore_local(header)?;
        }
        Ok(replay)
    }

    fn create_relations(&mut self, header: &Value) -> Result<(), Stop> {
        for relation in array(&header["rels"]) {
            let record = Record(relation);
            let persistence = match record.word("persistence") {
                "p" => Persistence::Permanent,
                "u" => Persistence::Unlogged,
                _ => Persistence::Temporary(LOCAL_BACKEND),
            };
            self.create(record.number("rel")?, record.small("nblocks")?, persistence)?;
        }
        for relation in array(&header["opaque"]) {
            let number = Record(relation).number("rel")?;
            let unlogged = array(&header["buffers"])
                .iter()
                .any(|state| state[1] == number && state[5].as_u64().is_some_and(|f| f & 8 == 0));
            let persistence = if unlogged { Persistence::Unlogged } else { Persistence::Permanent };
            self.create(number, OPAQUE_BLOCKS, persistence)?;
        }
        Ok(())
    }

    fn create(&mut self, number: u64, nblocks: u32, persistence: Persistence) -> Result<(), Stop> {
        let rel = RelId(self.numbers.len() as u32);
        self.relations.insert(number, rel);
        self.numbers.push(number);
        let name = format!("rel{number}").into();
        let op = Op::CreateRelation { rel, name, nblocks, persistence };
        self.server.apply(&op).map(drop).map_err(failed)
    }

    /// The pool as the trace's header has it.
    fn restore(&mut self, header: &Value) -> Result<(), Stop> {
        let record = Record(header);
        let mut state = PoolState {
            hand: record.small("nv")?,
            passes: record.small("cp")?,
            allocs: record.small("al")?,
            ..PoolState::default()
        };
        state.buffers = self.found(&header["buffers"]);
        let shared = array(&header["opaque"]).iter().filter(|relation| relation["shared"] == true);
        for relation in shared {
            state.shared_relations.push(self.rel(&Record(relation))?);
        }
        state.freelist = array(&header["free"])
            .iter()
            .filter_map(|buffer| buffer_id(buffer.as_u64()?))
            .collect();
        let profile = &self.server.profile().bufmgr;
        self.server.pool_mut().restore(&state, profile).map_err(failed)?;
        self.mirror = self.states();
        record.same("buffers", &header["buffers"], &json!(self.mirror))
    }

    fn restore_local(&mut self, header: &Value) -> Result<(), Stop> {
        let record = Record(header);
        let (found, hand) = (self.found(&header["local"]), record.small("local_next")?);
        record.same("nlocal", &header["nlocal"], &json!(found.len()))?;
        self.server.restore_local_buffers(LOCAL_BACKEND, &found, hand).map_err(failed)?;
        self.local_mirror = self.local_states();
        record.same("local", &header["local"], &json!(self.local_mirror))
    }

    /// Buffers as a header lists them.
    fn found(&self, states: &Value) -> Vec<Option<PoolBuffer>> {
        let held = array(states).iter().map(|buffer| {
            let number = |index: usize| buffer[index].as_u64();
            let rel = *self.relations.get(&number(1)?)?;
            let tag = BufferTag { rel, block: number(2)? as u32 };
            let usage_count = number(3)? as u8;
            Some(PoolBuffer { tag, usage_count, dirty: number(5)? & 1 != 0 })
        });
        held.collect()
    }

    /// The state of every buffer, as a trace writes it.
    fn states(&self) -> Vec<Value> {
        let buffers = self.server.pool().descs();
        buffers.map(|(buffer, desc)| self.state(buffer.number(), &desc, desc.refcount())).collect()
    }

    fn local_states(&self) -> Vec<Value> {
        let Some(backend) = self.server.backend(LOCAL_BACKEND) else { return Vec::new() };
        let buffers = backend.buffers.temp.buffers();
        buffers.map(|(buffer, desc, pins)| self.state(buffer.0 + 1, desc, pins)).collect()
    }

    fn state(&self, number: u32, desc: &BufferDesc, pins: u32) -> Value {
        let tag = desc.tag();
        let rel = tag.map(|tag| self.numbers[tag.rel.0 as usize]);
        let flags = FLAGS.iter().enumerate().map(|(bit, flag)| u32::from(desc.is(*flag)) << bit);
        let block = tag.map(|tag| tag.block);
        json!([number, rel, block, desc.usage_count(), pins, flags.sum::<u32>()])
    }

    fn step(&mut self, record: &Record<'_>) -> Result<(), Stop> {
        let op = self.op(record)?;
        let before = (self.server.usage(), self.server.local_usage());
        let result = self.server.apply(&op);
        record.check("err", Value::Null, result.as_ref().err().map(ToString::to_string))?;
        let outcome = result.unwrap_or_default();
        if !matches!(op, Op::Unpin { .. }) || outcome.buffer().is_some() {
            record.check("b", 0, outcome.buffer().map_or(0, Buffer::number))?;
        }
        record.check("u", json!([0, 0, 0, 0]), usage(before.0, self.server.usage()))?;
        record.check("lu", json!([0, 0, 0, 0]), usage(before.1, self.server.local_usage()))?;
        self.check_pool(record)?;
        self.check_local(record)?;
        self.check_outcome(record, &op, &outcome)
    }

    /// Hand, counters, freelist, and every buffer whose state changed.
    fn check_pool(&mut self, record: &Record<'_>) -> Result<(), Stop> {
        let strategy = self.server.pool().strategy();
        record.check("nv", Value::Null, strategy.hand())?;
        record.check("cp", Value::Null, strategy.passes())?;
        record.check("al", Value::Null, strategy.allocs())?;
        record.check("ff", Value::Null, strategy.first_free().map(BufferId::number))?;
        let states = self.states();
        record.check("ch", json!([]), changed(&states, &self.mirror))?;
        self.mirror = states;
        if record.has("free") {
            record.check("free", Value::Null, self.freelist())?;
        }
        record.check("ev", json!([]), self.evicted())?;
        let flushed = self.server.pool().wal.flushed();
        let moved = (flushed != self.flushed).then_some(flushed);
        self.flushed = flushed;
        record.check("fl", Value::Null, moved)
    }

    fn check_local(&mut self, record: &Record<'_>) -> Result<(), Stop> {
        let states = self.local_states();
        record.check("lch", json!([]), changed(&states, &self.local_mirror))?;
        self.local_mirror = states;
        Ok(())
    }

    fn freelist(&self) -> Value {
        json!(self.server.pool().freelist().map(BufferId::number).collect::<Vec<_>>())
    }

    /// The tags that left the pool: a trace lists them in the order of the buffers.
    fn evicted(&self) -> Value {
        let gone = self.server.events().iter().filter_map(|event| match *event {
            Event::Buffer(
                BufferEvent::Unhashed { buffer, tag } | BufferEvent::Dropped { buffer, tag },
            ) => Some((buffer.number(), self.numbers[tag.rel.0 as usize], tag.block)),
            _ => None,
        });
        let mut gone: Vec<_> = gone.collect();
        gone.sort_unstable();
        json!(gone)
    }

    /// What particular operations return.
    fn check_outcome(&self, record: &Record<'_>, op: &Op, outcome: &Outcome) -> Result<(), Stop> {
        if let Outcome::BgWriter(result) = outcome {
            let got = json!({
                "hib": u32::from(result.hibernate), "alloc": result.allocs, "clean": result.written,
                "maxw": u32::from(result.maxwritten),
            });
            let expected = plain_numbers(&record.0["bg"]);
            record.same("bg", &expected, &got)?;
        }
        let (buffers, rounds) = match outcome {
            Outcome::Range(range) => (&range.buffers[..], &range.rounds[..]),
            _ => (&[][..], &[][..]),
        };
        if matches!(op, Op::Extend { .. } | Op::ExtendBy { .. }) {
            let first = outcome.buffer().or(buffers.first().copied());
            record.check("new_blk", Value::Null, first.and_then(|buffer| self.block(buffer)))?;
        }
        let numbers: Vec<i32> = buffers.iter().map(|b| b.number()).collect();
        record.check("bufs", json!([]), numbers)?;
        record.check("steps", json!([]), rounds)?;
        let eviction = match outcome {
            Outcome::Eviction(eviction) => Some(eviction),
            _ => None,
        };
        record.check("ok", Value::Null, eviction.map(|eviction| eviction.emptied))?;
        if record.has("flushed") {
            record.check("flushed", Value::Null, eviction.map(|eviction| eviction.flushed))?;
        }
        self.check_ring(record, op)
    }

    /// The block whose page a buffer holds.
    fn block(&self, buffer: Buffer) -> Option<u32> {
        let desc = match buffer {
            Buffer::Shared(buffer) => self.server.pool().desc(buffer),
            Buffer::Local(buffer) => self
                .server
                .backend(LOCAL_BACKEND)
                .and_then(|it| it.buffers.temp.desc(buffer).copied()),
        };
        Some(desc?.tag()?.block)
    }

    /// The ring that the operation used.
    fn check_ring(&self, record: &Record<'_>, op: &Op) -> Result<(), Stop> {
        let (Op::Read { backend, strategy: Some(slot), .. }
        | Op::Extend { backend, strategy: Some(slot), .. }
        | Op::ExtendBy { backend, strategy: Some(slot), .. }
        | Op::ReadRange { backend, strategy: Some(slot), .. }
        | Op::CreateStrategy { backend, strategy: slot, .. }) = op
        else {
            return Ok(());
        };
        let ring = self.ring(*backend, *slot)?;
        let slots = array(&ring["slots"]);
        let current = ring["current"].as_u64().unwrap_or(0) as usize;
        record.check("ring", Value::Null, json!([current, slots.get(current)]))?;
        if record.has("slots") {
            record.check("slots", Value::Null, slots)?;
        }
        if record.has("ring_size") {
            record.check("ring_size", Value::Null, slots.len())?;
        }
        Ok(())
    }

    /// A ring as an end record has it.
    fn ring(&self, backend: BackendId, slot: StrategySlot) -> Result<Value, Stop> {
        let ring = self.server.backend(backend).and_then(|backend| backend.buffers.ring(slot));
        let (current, buffers) =
            ring.ok_or_else(|| Stop::Differs("  there is no such ring".into()))?;
        let number = |buffer: &Option<BufferId>| buffer.map_or(0, BufferId::number);
        let slots: Vec<u32> = buffers.iter().map(number).collect();
        Ok(json!({
            "be": backend.0, "strat": slot.0, "n": slots.len(), "current": current, "slots": slots
        }))
    }

    fn end(&self, record: &Record<'_>) -> Result<(), Stop> {
        let strategy = self.server.pool().strategy();
        record.check("nv", Value::Null, strategy.hand())?;
        record.check("cp", Value::Null, strategy.passes())?;
        record.check("al", Value::Null, strategy.allocs())?;
        if record.has("free") {
            record.check("free", Value::Null, self.freelist())?;
        }
        record.check("ff", Value::Null, strategy.first_free().map(BufferId::number))?;
        record.check("buffers", Value::Null, json!(self.mirror))?;
        if record.has("local") {
            record.check("local", Value::Null, json!(self.local_mirror))?;
        }
        let rings = |of: fn(BackendId) -> bool| {
            let backends = self.server.backends().filter(move |(id, _)| of(*id));
            let rings = backends.flat_map(|(id, backend)| {
                backend.buffers.rings().map(move |slot| self.ring(id, slot))
            });
            rings.collect::<Result<Vec<_>, Stop>>()
        };
        record.check("rings", json!([]), rings(|id| id == LOCAL_BACKEND)?)?;
        // The traces recorded elsewhere have only those of the backend that wrote them.
        if record.has("other_rings") {
            record.check("other_rings", json!([]), rings(|id| id != LOCAL_BACKEND)?)?;
        }
        for relation in array(&record.0["rels"]) {
            let relation = Record(relation);
            let smgr = &self.server.pool().smgr;
            let nblocks = smgr.relation(self.rel(&relation)?).map(|relation| relation.nblocks);
            relation.check("nblocks", Value::Null, nblocks)?;
        }
        Ok(())
    }
}

/// The states that are not as they were.
fn changed(now: &[Value], before: &[Value]) -> Value {
    let differ = now.iter().zip(before).filter(|(now, before)| now != before);
    json!(differ.map(|(now, _)| now).collect::<Vec<_>>())
}

fn usage(before: BufferUsage, after: BufferUsage) -> Value {
    json!([
        after.hit - before.hit,
        after.read - before.read,
        after.dirtied - before.dirtied,
        after.written - before.written
    ])
}

/// An object with truth values written as 0 and 1.
fn plain_numbers(object: &Value) -> Value {
    let Some(fields) = object.as_object() else { return object.clone() };
    let plain = |value: &Value| value.as_bool().map_or(value.clone(), |b| json!(u8::from(b)));
    Value::Object(fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect())
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn buffer_id(number: u64) -> Option<BufferId> {
    u32::try_from(number).ok()?.checked_sub(1).map(BufferId)
}
