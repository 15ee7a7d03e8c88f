//! Replay of buffer-manager traces (section 1 of the traces' format).
//!
//! After every operation the whole pool is compared: the trace lists each buffer whose state
//! changed, so a state that changed here and not there is a difference too.

use std::collections::HashMap;

use pgscope_core::bufmgr::desc::{
    BM_CHECKPOINT_NEEDED, BM_DIRTY, BM_JUST_DIRTIED, BM_PERMANENT, BM_TAG_VALID, BM_VALID,
    BufferDesc,
};
use pgscope_core::bufmgr::{BufferUsage, PoolBuffer, PoolState};
use pgscope_core::event::BufferEvent;
use pgscope_core::ids::{BackendId, BufferId, BufferTag, PinSlot, RelId, StrategySlot};
use pgscope_core::op::{BgWriterRound, DirtyKind, Persistence, ReadMode, StrategyKind};
use pgscope_core::profile::Version;
use pgscope_core::server::{Outcome, Settings};
use pgscope_core::{Error, Event, Op, Server};
use serde_json::{Value, json};

use super::record::{Record, Stop, Verdict, verdict};
use super::trace::Trace;

/// The flags of a trace, in the order of their values 1, 2, 4...
const FLAGS: [u32; 6] =
    [BM_DIRTY, BM_VALID, BM_TAG_VALID, BM_PERMANENT, BM_CHECKPOINT_NEEDED, BM_JUST_DIRTIED];
/// Blocks given to a relation of which the trace does not say how many it has.
const OPAQUE_BLOCKS: u32 = 1 << 20;

struct Replay {
    server: Server,
    /// The trace's numbers of relations, and ours.
    relations: HashMap<u64, RelId>,
    numbers: Vec<u64>,
    /// State of each buffer after the last operation.
    mirror: Vec<Value>,
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

fn failed(error: Error) -> Stop {
    Stop::Differs(format!("  set-up: {error}"))
}

impl Replay {
    fn new(header: &Value) -> Result<Self, Stop> {
        let record = Record(header);
        let number = record.number("server_version_num")? / 10_000;
        let version = u32::try_from(number).ok().and_then(Version::from_number);
        let version =
            version.ok_or_else(|| Stop::Unsupported(format!("the buffer manager of {number}")))?;
        if record.number_or("nlocal", 0) > 0 {
            return Err(Stop::Unsupported("local buffers".into()));
        }
        let settings = Settings { shared_buffers: record.small("nbuffers")? };
        let server = Server::start(version, settings, 0).map_err(failed)?;
        let mut replay = Self {
            server,
            relations: HashMap::new(),
            numbers: Vec::new(),
            mirror: Vec::new(),
            flushed: 0,
        };
        replay.create_relations(header)?;
        for number in 0..record.number("backends")? {
            let backend = BackendId(number as u16);
            let op = Op::Connect { backend, name: format!("backend {number}").into() };
            replay.server.apply(&op).map_err(failed)?;
        }
        replay.restore(header)?;
        Ok(replay)
    }

    fn create_relations(&mut self, header: &Value) -> Result<(), Stop> {
        for relation in array(&header["rels"]) {
            let record = Record(relation);
            let persistence = match record.word("persistence") {
                "p" => Persistence::Permanent,
                "u" => Persistence::Unlogged,
                _ => return Err(Stop::Unsupported("temporary relations".into())),
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
        for buffer in array(&header["buffers"]) {
            let number = |index: usize| buffer[index].as_u64();
            let held = number(1).zip(number(2)).and_then(|(rel, block)| {
                let tag = BufferTag { rel: *self.relations.get(&rel)?, block: block as u32 };
                let usage_count = number(3)? as u8;
                Some(PoolBuffer { tag, usage_count, dirty: number(5)? & 1 != 0 })
            });
            state.buffers.push(held);
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

    /// The state of every buffer, as a trace writes it.
    fn states(&self) -> Vec<Value> {
        self.server.pool().descs().map(|(buffer, desc)| self.state(buffer, desc)).collect()
    }

    fn state(&self, buffer: BufferId, desc: &BufferDesc) -> Value {
        let tag = desc.tag();
        let rel = tag.map(|tag| self.numbers[tag.rel.0 as usize]);
        let flags = FLAGS.iter().enumerate().map(|(bit, flag)| u32::from(desc.is(*flag)) << bit);
        json!([
            buffer.number(),
            rel,
            tag.map(|tag| tag.block),
            desc.usage_count(),
            desc.refcount(),
            flags.sum::<u32>()
        ])
    }

    fn step(&mut self, record: &Record<'_>) -> Result<(), Stop> {
        let op = self.op(record)?;
        let before = self.server.usage();
        let result = self.server.apply(&op);
        record.check("err", Value::Null, result.as_ref().err().map(ToString::to_string))?;
        let outcome = result.unwrap_or_default();
        if !matches!(op, Op::Unpin { .. }) || outcome.buffer.is_some() {
            record.check("b", 0, outcome.buffer.map_or(0, BufferId::number))?;
        }
        record.check("u", json!([0, 0, 0, 0]), usage(before, self.server.usage()))?;
        self.check_pool(record)?;
        self.check_outcome(record, &op, &outcome)
    }

    fn op(&self, record: &Record<'_>) -> Result<Op, Stop> {
        let backend = BackendId(record.number_or("be", 0) as u16);
        let slot = |field: &str| record.has(field).then(|| record.small(field)).transpose();
        let pin = || record.small("h").map(PinSlot);
        Ok(match record.word("op") {
            "read" => Op::Read {
                backend,
                rel: self.rel(record)?,
                block: record.small("blk")?,
                mode: match record.word("mode") {
                    "zero_and_lock" => ReadMode::ZeroAndLock,
                    _ => ReadMode::Normal,
                },
                strategy: slot("strat")?.map(StrategySlot),
                dirty: dirty(record)?,
                pin: slot("hold")?.map(PinSlot),
            },
            "extend" => Op::Extend {
                backend,
                rel: self.rel(record)?,
                strategy: slot("strat")?.map(StrategySlot),
                dirty: dirty(record)?,
                pin: slot("hold")?.map(PinSlot),
            },
            "release" => Op::Unpin { backend, pin: pin()? },
            "dirty" => Op::MarkDirty {
                backend,
                pin: pin()?,
                kind: dirty(record)?.unwrap_or(DirtyKind::Plain),
            },
            "flush_buffer" => Op::FlushBuffer { backend, pin: pin()? },
            "wal_flush" => Op::WalFlush { end: record.0["fl"].as_u64() },
            "checkpoint" => Op::Checkpoint { all: record.0["all"] == true },
            "bgwriter" => Op::BackgroundWriter {
                backend: Some(backend),
                round: BgWriterRound {
                    maxpages: record.small("maxpages")?,
                    multiplier: record.0["mult"].as_f64().unwrap_or_default(),
                    delay_ms: record.small("delay")?,
                },
            },
            "strategy_create" if !record.has("size_kb") => Op::CreateStrategy {
                backend,
                strategy: StrategySlot(record.small("strat")?),
                kind: match record.word("kind") {
                    "bulkread" => StrategyKind::BulkRead,
                    "bulkwrite" => StrategyKind::BulkWrite,
                    _ => StrategyKind::Vacuum,
                },
            },
            other => return Err(Stop::Unsupported(format!("operation {other}"))),
        })
    }

    fn rel(&self, record: &Record<'_>) -> Result<RelId, Stop> {
        let number = record.number("rel")?;
        let rel = self.relations.get(&number).copied();
        rel.ok_or_else(|| Stop::Differs(format!("  there is no relation {number}")))
    }

    /// Hand, counters, freelist, and every buffer whose state changed.
    fn check_pool(&mut self, record: &Record<'_>) -> Result<(), Stop> {
        let strategy = self.server.pool().strategy();
        record.check("nv", Value::Null, strategy.hand())?;
        record.check("cp", Value::Null, strategy.passes())?;
        record.check("al", Value::Null, strategy.allocs())?;
        record.check("ff", Value::Null, strategy.first_free().map(BufferId::number))?;
        let states = self.states();
        let changed: Vec<&Value> = states
            .iter()
            .zip(&self.mirror)
            .filter(|(now, old)| now != old)
            .map(|(now, _)| now)
            .collect();
        record.check("ch", json!([]), json!(changed))?;
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

    fn freelist(&self) -> Value {
        json!(self.server.pool().freelist().map(BufferId::number).collect::<Vec<_>>())
    }

    fn evicted(&self) -> Value {
        let gone = self.server.events().iter().filter_map(|event| match *event {
            Event::Buffer(BufferEvent::Unhashed { buffer, tag }) => {
                Some(json!([buffer.number(), self.numbers[tag.rel.0 as usize], tag.block]))
            }
            _ => None,
        });
        json!(gone.collect::<Vec<_>>())
    }

    /// What particular operations return.
    fn check_outcome(&self, record: &Record<'_>, op: &Op, outcome: &Outcome) -> Result<(), Stop> {
        if let Some(result) = outcome.bgwriter {
            let got = json!({
                "hib": u32::from(result.hibernate), "alloc": result.allocs, "clean": result.written,
                "maxw": u32::from(result.maxwritten),
            });
            let expected = plain_numbers(&record.0["bg"]);
            record.same("bg", &expected, &got)?;
        }
        if let (Op::Extend { .. }, Some(buffer)) = (op, outcome.buffer) {
            let tag = self.server.pool().desc(buffer).and_then(BufferDesc::tag);
            record.check("new_blk", Value::Null, tag.map(|tag| tag.block))?;
        }
        let (Op::Read { backend, strategy: Some(slot), .. }
        | Op::Extend { backend, strategy: Some(slot), .. }
        | Op::CreateStrategy { backend, strategy: slot, .. }) = op
        else {
            return Ok(());
        };
        let Some((current, buffers)) =
            self.server.backend(*backend).and_then(|backend| backend.buffers.ring(*slot))
        else {
            return Err(Stop::Differs("  there is no such ring".into()));
        };
        let number = |buffer: &Option<BufferId>| buffer.map_or(0, BufferId::number);
        record.check("ring", Value::Null, json!([current, number(&buffers[current])]))?;
        if record.has("slots") {
            let slots: Vec<u32> = buffers.iter().map(number).collect();
            record.check("slots", Value::Null, json!(slots))?;
        }
        if record.has("ring_size") {
            record.check("ring_size", Value::Null, buffers.len())?;
        }
        Ok(())
    }

    fn end(&self, record: &Record<'_>) -> Result<(), Stop> {
        let strategy = self.server.pool().strategy();
        record.check("nv", Value::Null, strategy.hand())?;
        record.check("cp", Value::Null, strategy.passes())?;
        record.check("al", Value::Null, strategy.allocs())?;
        if record.has("free") {
            record.check("free", Value::Null, self.freelist())?;
        }
        record.check("buffers", Value::Null, json!(self.mirror))?;
        for relation in array(&record.0["rels"]) {
            let relation = Record(relation);
            let smgr = &self.server.pool().smgr;
            let nblocks = smgr.relation(self.rel(&relation)?).map(|relation| relation.nblocks);
            relation.check("nblocks", Value::Null, nblocks)?;
        }
        Ok(())
    }
}

fn dirty(record: &Record<'_>) -> Result<Option<DirtyKind>, Stop> {
    Ok(match record.word("dirty") {
        "" | "none" => None,
        "plain" => Some(DirtyKind::Plain),
        "hint" => Some(DirtyKind::Hint),
        "wal" => Some(DirtyKind::Wal { end: record.0["lsn"].as_u64() }),
        other => return Err(Stop::Unsupported(format!("dirty kind {other}"))),
    })
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
