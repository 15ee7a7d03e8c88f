//! Replay of memory-context traces (section 2 of the traces' format).
//!
//! Addresses differ from run to run, so a pointer is compared relative to its block: once a
//! chunk of a block has been seen, every later chunk must lie where the block's start says.

use std::collections::HashMap;

use pgscope_core::event::MemoryEvent;
use pgscope_core::ids::{BackendId, ChunkSlot, ContextSlot};
use pgscope_core::memory::Addr;
use pgscope_core::mmgr::aset;
use pgscope_core::op::Allocator;
use pgscope_core::profile::Version;
use pgscope_core::server::{Outcome, Settings};
use pgscope_core::{Error, Event, Op, Server};
use serde_json::{Value, json};

use super::record::{Record, Stop, Verdict, verdict};
use super::trace::Trace;

const BACKEND: BackendId = BackendId(0);
/// malloc's alignment: no block can start elsewhere.
const ALIGNMENT: u64 = 16;

struct Replay {
    server: Server,
    /// Real starts of blocks and contexts, by ours.
    real: HashMap<Addr, u64>,
    /// Context of each chunk, by the trace's numbers.
    chunks: HashMap<u32, u32>,
}

pub(super) fn replay(trace: &Trace) -> Verdict {
    let mut compared = 0;
    let result = run(trace, &mut compared);
    verdict(result, compared)
}

fn run(trace: &Trace, compared: &mut u64) -> Result<(), Stop> {
    let version = u32::try_from(trace.version()).ok().and_then(Version::from_number);
    // 15 lays out its chunks in another way.
    let version = version
        .filter(|version| *version != Version::V15)
        .ok_or_else(|| Stop::Unsupported(format!("memory contexts of {}", trace.version())))?;
    let server = Server::start(version, Settings::default(), 0);
    let server = server.map_err(|error| Stop::Differs(error.to_string()))?;
    let mut replay = Replay { server, real: HashMap::new(), chunks: HashMap::new() };
    replay.apply(&Op::Connect { backend: BACKEND, name: "oracle".into() }).map_err(failed)?;

    let root = Record(&trace.header["root"]);
    replay.create(&root, ContextSlot::TOP)?;
    for op in &trace.ops {
        *compared += 1;
        replay.step(&Record(op))?;
    }
    Ok(())
}

fn failed(error: Error) -> Stop {
    Stop::Differs(error.to_string())
}

fn slot(number: u32) -> ContextSlot {
    ContextSlot(ContextSlot::FIRST_USER.0 + number)
}

impl Replay {
    fn step(&mut self, record: &Record<'_>) -> Result<(), Stop> {
        let context = |record: &Record<'_>| record.small("c").map(slot);
        let (backend, op) = (BACKEND, record.word("op"));
        let worked_on = match op {
            "create" => {
                let parent = slot(record.small("parent")?);
                return self.create(record, parent);
            }
            "alloc" | "alloc0" | "mcalloc" | "mcalloc0" => {
                let op = Op::Palloc {
                    backend,
                    context: Some(context(record)?),
                    size: record.number("size")?,
                    zero: op.ends_with('0'),
                    chunk: Some(ChunkSlot(record.small("h")?)),
                };
                self.chunks.insert(record.small("h")?, record.small("c")?);
                self.pointer(record, &op)?;
                record.small("c")?
            }
            "realloc" => {
                let chunk = ChunkSlot(record.small("h")?);
                self.pointer(
                    record,
                    &Op::Repalloc { backend, chunk, size: record.number("size")? },
                )?;
                self.context_of(record)?
            }
            "free" => {
                let context = self.context_of(record)?;
                self.plain(record, &Op::Pfree { backend, chunk: ChunkSlot(record.small("h")?) })?;
                context
            }
            "reset" => {
                self.plain(record, &Op::Reset { backend, context: context(record)? })?;
                record.small("c")?
            }
            "del" => {
                self.plain(record, &Op::Delete { backend, context: context(record)? })?;
                0
            }
            other => return Err(Stop::Unsupported(format!("operation {other}"))),
        };
        self.totals(record, worked_on)
    }

    fn context_of(&self, record: &Record<'_>) -> Result<u32, Stop> {
        let chunk = record.small("h")?;
        let context = self.chunks.get(&chunk).copied();
        context.ok_or_else(|| Stop::Differs(format!("  chunk {chunk} was never allocated")))
    }

    /// Execute, and forget what was known of blocks that are gone.
    fn apply(&mut self, op: &Op) -> Result<Outcome, Error> {
        let outcome = self.server.apply(op);
        for event in self.server.events() {
            if let Event::Memory(
                _,
                MemoryEvent::BlockAllocated { block, .. }
                | MemoryEvent::BlockFreed { block, .. }
                | MemoryEvent::BlockResized { from: block, .. },
            ) = *event
            {
                self.real.remove(&block);
            }
        }
        outcome
    }

    /// An operation that returns nothing.
    fn plain(&mut self, record: &Record<'_>, op: &Op) -> Result<(), Stop> {
        let error = self.apply(op).err();
        self.error(record, error.as_ref())
    }

    fn error(&self, record: &Record<'_>, error: Option<&Error>) -> Result<(), Stop> {
        record.check("err", Value::Null, error.map(ToString::to_string))?;
        record.check("detail", Value::Null, error.and_then(Error::detail))
    }

    fn create(&mut self, record: &Record<'_>, parent: ContextSlot) -> Result<(), Stop> {
        let kind = record.word("kind");
        if kind != "aset" {
            return Err(Stop::Unsupported(format!("contexts of kind {kind}")));
        }
        let number = record.small("c")?;
        let op = Op::CreateContext {
            backend: BACKEND,
            context: slot(number),
            parent: Some(parent),
            name: format!("ctx{number}").into(),
            allocator: Allocator::AllocSet {
                min: record.number("min")?,
                init: record.number("init")?,
                max: record.number("max")?,
            },
        };
        let outcome = self.apply(&op);
        self.error(record, outcome.as_ref().err())?;
        let Some(context) = outcome.ok().and_then(|outcome| outcome.context) else {
            return Ok(());
        };
        let recycled = self.server.events().iter().any(|event| {
            matches!(event, Event::Memory(_, MemoryEvent::ContextCreated { recycled: true, .. }))
        });
        let real = address(record.word("ptr"));
        if recycled {
            let known = self.real.get(&context).map(|real| format!("{real:#x}"));
            record.check("ptr", Value::Null, known)?;
        }
        if !real.is_multiple_of(ALIGNMENT) {
            return Err(Stop::Differs(format!("  a context can't lie at {real:#x}")));
        }
        // The first block begins behind the context's header.
        let header = self.server.profile().mmgr.aset_context;
        self.real.insert(context, real);
        self.real.insert(context.offset(header), real + header);
        self.totals(record, number)
    }

    /// An operation that returns a pointer.
    fn pointer(&mut self, record: &Record<'_>, op: &Op) -> Result<(), Stop> {
        let outcome = self.apply(op);
        self.error(record, outcome.as_ref().err())?;
        let Some(pointer) = outcome.ok().and_then(|outcome| outcome.pointer) else {
            return Ok(());
        };
        record.check("sp", Value::Null, self.server.chunk_space(pointer))?;
        let block = aset::chunk_block(self.server.arena(), self.server.profile(), pointer);
        let offset = pointer.since(block);
        let expected = address(record.word("p"));
        match self.real.get(&block) {
            Some(start) => {
                record.same("p", &json!(expected), &json!(start + offset))?;
            }
            None => {
                let start = expected.wrapping_sub(offset);
                if start % ALIGNMENT != 0 {
                    let got = json!(format!("offset {offset} in its block"));
                    return record.same("p", &record.0["p"], &got);
                }
                self.real.insert(block, start);
            }
        }
        Ok(())
    }

    /// What malloc gave and what is free of it, for a context of the trace.
    fn totals(&self, record: &Record<'_>, number: u32) -> Result<(), Stop> {
        let context = self.server.backend(BACKEND).and_then(|b| b.context(slot(number)));
        let Some(context) = context.map(|addr| self.server.context(addr)) else {
            return record.check("m", Value::Null, Value::Null);
        };
        let counters = context.stats(self.server.profile());
        record.check("m", Value::Null, context.mem_allocated(false))?;
        record.check("mr", Value::Null, context.mem_allocated(true))?;
        let stats =
            [counters.nblocks, counters.freechunks, counters.totalspace, counters.freespace];
        record.check("st", Value::Null, json!(stats))
    }
}

fn address(hex: &str) -> u64 {
    u64::from_str_radix(hex.trim_start_matches("0x"), 16).unwrap_or(0)
}
