//! Replay of memory-context traces (section 2 of the traces' format).
//!
//! Addresses differ from run to run, so a pointer is compared relative to its block: once a
//! chunk of a block has been seen, every later chunk must lie where the block's start says.
//! Where a pointer was aligned, only the real address decides how far it lies from its chunk,
//! so it is worked out from the real start, and checked later if that is not known yet.

use std::collections::HashMap;

use pgscope_core::event::MemoryEvent;
use pgscope_core::ids::{BackendId, ChunkSlot, ContextSlot};
use pgscope_core::memory::Addr;
use pgscope_core::mmgr::chunk::ChunkHeader;
use pgscope_core::mmgr::{StatsForm, inspect};
use pgscope_core::op::{AllocFlags, Allocator};
use pgscope_core::profile::Version;
use pgscope_core::server::{Outcome, Settings};
use pgscope_core::{Error, Event, Op, Server};
use serde_json::{Value, json};

use super::record::{Record, Stop, Verdict, verdict};
use super::trace::Trace;

const BACKEND: BackendId = BackendId(0);
/// malloc's alignment: no block can start elsewhere.
const ALIGNMENT: u64 = 16;
/// Bytes of the header before an aligned pointer.
const REDIRECTION: u64 = 8;

struct Replay {
    server: Server,
    /// The same server, of which nobody wants events: it goes short ways.
    unwatched: Server,
    /// Those two did not do the same.
    apart: bool,
    /// Real starts of blocks and contexts, by ours.
    real: HashMap<Addr, u64>,
    /// Aligned pointers in blocks whose real start is not known yet.
    aligned: HashMap<Addr, Vec<Aligned>>,
    /// Context of each chunk, by the trace's numbers.
    chunks: HashMap<u32, u32>,
}

/// A real pointer that was aligned within a chunk.
#[derive(Clone, Copy)]
struct Aligned {
    /// Of the chunk, from its block's start.
    offset: u64,
    align: u64,
    pointer: u64,
}

impl Aligned {
    /// The pointer, if its block starts there.
    fn expected(self, start: u64) -> u64 {
        (start + self.offset + REDIRECTION).next_multiple_of(self.align)
    }
}

pub(super) fn replay(trace: &Trace) -> Verdict {
    let mut compared = 0;
    let result = run(trace, &mut compared);
    verdict(result, compared)
}

fn run(trace: &Trace, compared: &mut u64) -> Result<(), Stop> {
    let version = u32::try_from(trace.release()).ok().and_then(Version::from_release);
    let version =
        version.ok_or_else(|| Stop::Unsupported(format!("version {}", trace.version())))?;
    let server = Server::start(version, Settings::default(), 0);
    let server = server.map_err(|error| Stop::Differs(error.to_string()))?;
    let mut unwatched = server.clone();
    unwatched.log_mut().off();
    let (real, aligned, chunks) = Default::default();
    let mut replay = Replay { server, unwatched, apart: false, real, aligned, chunks };
    replay.apply(&Op::Connect { backend: BACKEND, name: "oracle".into() }).map_err(failed)?;

    let root = Record(&trace.header["root"]);
    replay.create(&root, ContextSlot::TOP, "oracle root")?;
    for op in &trace.ops {
        *compared += 1;
        replay.step(&Record(op))?;
        if replay.apart {
            return Err(Stop::Differs("without events the core does something else".into()));
        }
    }
    // A trace that lost operations must not pass for a shorter one.
    Record(&trace.end).check("ops", Value::Null, trace.ops.len())
}

fn failed(error: Error) -> Stop {
    Stop::Differs(error.to_string())
}

fn slot(number: u32) -> ContextSlot {
    ContextSlot(ContextSlot::FIRST_USER.0 + number)
}

/// The flags of an allocation: 1 huge, 2 no error when memory is out, 4 zero.
fn flags(record: &Record<'_>) -> AllocFlags {
    let bits = record.number_or("flags", 0);
    AllocFlags { huge: bits & 1 != 0, no_oom: bits & 2 != 0, zero: bits & 4 != 0 }
}

/// The text that the recorder used for strings: the alphabet, over and over.
fn letters(length: u64) -> String {
    ('a'..='z').cycle().take(length as usize).collect()
}

impl Replay {
    fn step(&mut self, record: &Record<'_>) -> Result<(), Stop> {
        let backend = BACKEND;
        let context = |record: &Record<'_>| record.small("c").map(slot);
        let chunk = |record: &Record<'_>| record.small("h").map(ChunkSlot);
        let op = record.word("op");
        match op {
            "create" => {
                let parent = slot(record.small("parent")?);
                let name = format!("ctx{}", record.small("c")?);
                return self.create(record, parent, &name);
            }
            "isempty" => return self.is_empty(record),
            "print" => return self.print(record),
            _ => {}
        }
        let op = match op {
            "alloc" | "alloc0" | "mcalloc" | "mcalloc0" => Op::Palloc {
                backend,
                context: Some(context(record)?),
                size: record.number("size")?,
                zero: op.ends_with('0'),
                chunk: Some(chunk(record)?),
            },
            "allocx" => Op::PallocExtended {
                backend,
                context: Some(context(record)?),
                size: record.number("size")?,
                flags: flags(record),
                chunk: Some(chunk(record)?),
            },
            "alloca" => Op::PallocAligned {
                backend,
                context: Some(context(record)?),
                size: record.number("size")?,
                align: record.number("align")?,
                flags: flags(record),
                chunk: Some(chunk(record)?),
            },
            "strdup" => Op::Strdup {
                backend,
                context: Some(context(record)?),
                text: letters(record.number("len")?).into(),
                chunk: Some(chunk(record)?),
            },
            "realloc" | "reallocx" => Op::RepallocExtended {
                backend,
                chunk: chunk(record)?,
                size: record.number("size")?,
                flags: flags(record),
            },
            "free" => Op::Pfree { backend, chunk: chunk(record)? },
            "reset" => Op::Reset { backend, context: context(record)? },
            "resetonly" => Op::ResetOnly { backend, context: context(record)? },
            "resetch" => Op::ResetChildren { backend, context: context(record)? },
            "del" => Op::Delete { backend, context: context(record)? },
            "delch" => Op::DeleteChildren { backend, context: context(record)? },
            "setparent" => Op::SetParent {
                backend,
                context: context(record)?,
                parent: slot(record.small("parent")?),
            },
            "cb" => Op::RegisterResetCallback {
                backend,
                context: context(record)?,
                callback: record.small("id")?,
            },
            "ident" => Op::SetIdentifier {
                backend,
                context: context(record)?,
                ident: letters(record.number("len")?).into(),
            },
            other => return Err(Stop::Unsupported(format!("operation {other}"))),
        };
        let worked_on = match op {
            Op::Delete { .. } => 0,
            Op::Pfree { .. } | Op::RepallocExtended { .. } => self.context_of(record)?,
            _ => record.small("c")?,
        };
        if record.has("h") {
            self.chunks.insert(record.small("h")?, worked_on);
        }
        let outcome = self.apply(&op);
        self.error(record, outcome.as_ref().err())?;
        self.callbacks(record)?;
        self.pointer(record, worked_on, outcome.ok().and_then(|outcome| outcome.pointer()))?;
        self.totals(record, worked_on)
    }

    fn context_of(&self, record: &Record<'_>) -> Result<u32, Stop> {
        let chunk = record.small("h")?;
        let context = self.chunks.get(&chunk).copied();
        context.ok_or_else(|| Stop::Differs(format!("  chunk {chunk} was never allocated")))
    }

    /// The context that a variable of the trace holds.
    fn context(&self, number: u32) -> Option<Addr> {
        self.server.backend(BACKEND)?.context(slot(number))
    }

    /// Execute, and forget what was known of blocks that are gone.
    fn apply(&mut self, op: &Op) -> Result<Outcome, Error> {
        let outcome = self.server.apply(op);
        self.apart |= self.unwatched.apply(op) != outcome;
        for event in self.server.events() {
            let Event::Memory(_, event) = *event else { continue };
            let gone = match event {
                MemoryEvent::BlockAllocated { block, .. }
                | MemoryEvent::BlockFreed { block, .. }
                | MemoryEvent::ContextDeleted { context: block, kept: false, .. } => [block; 2],
                MemoryEvent::BlockResized { from, to, .. } => [from, to],
                _ => continue,
            };
            for block in gone {
                self.real.remove(&block);
                self.aligned.remove(&block);
            }
        }
        outcome
    }

    fn error(&self, record: &Record<'_>, error: Option<&Error>) -> Result<(), Stop> {
        record.check("err", Value::Null, error.map(ToString::to_string))?;
        record.check("detail", Value::Null, error.and_then(Error::detail))
    }

    /// The reset callbacks that were called, in their order.
    fn callbacks(&self, record: &Record<'_>) -> Result<(), Stop> {
        let fired = self.server.events().iter().filter_map(|event| match event {
            Event::Memory(_, MemoryEvent::CallbackFired { callback, .. }) => Some(*callback),
            _ => None,
        });
        record.check("cb", json!([]), fired.collect::<Vec<_>>())
    }

    fn create(&mut self, record: &Record<'_>, parent: ContextSlot, name: &str) -> Result<(), Stop> {
        let number = record.small("c")?;
        let sizes = || -> Result<_, Stop> {
            Ok((record.number("min")?, record.number("init")?, record.number("max")?))
        };
        let allocator = match record.word("kind") {
            "aset" => {
                let (min, init, max) = sizes()?;
                Allocator::AllocSet { min, init, max }
            }
            "generation" => {
                let (min, init, max) = sizes()?;
                Allocator::Generation { min, init, max }
            }
            "bump" => {
                let (min, init, max) = sizes()?;
                Allocator::Bump { min, init, max }
            }
            "slab" => {
                Allocator::Slab { block: record.number("block")?, chunk: record.number("chunk")? }
            }
            kind => return Err(Stop::Unsupported(format!("contexts of kind {kind}"))),
        };
        let outcome = self.apply(&Op::CreateContext {
            backend: BACKEND,
            context: slot(number),
            parent: Some(parent),
            name: name.into(),
            allocator,
        });
        self.error(record, outcome.as_ref().err())?;
        let Some(context) = outcome.ok().and_then(|outcome| outcome.context()) else {
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
        // The first block begins with the context's header.
        self.real.insert(context, real);
        self.totals(record, number)
    }

    /// The pointer that an operation returned, in the context that it worked on.
    fn pointer(
        &mut self,
        record: &Record<'_>,
        number: u32,
        pointer: Option<Addr>,
    ) -> Result<(), Stop> {
        let Some(pointer) = pointer else {
            record.check("sp", Value::Null, Value::Null)?;
            return record.check("p", Value::Null, Value::Null);
        };
        if record.word("op") != "ident" {
            let header = self
                .context(number)
                .map(|context| self.server.context(context).chunk_header(self.server.profile()));
            // Without a header nothing knows how large a chunk is.
            let space = self.server.chunk_space(pointer).filter(|_| header != Some(0));
            record.check("sp", Value::Null, space)?;
        }
        // Where the chunk begins that the pointer was aligned in.
        let redirected = self.server.events().iter().find_map(|event| match event {
            Event::Memory(_, MemoryEvent::Aligned { chunk, pointer: to, .. }) if *to == pointer => {
                Some(*chunk)
            }
            _ => None,
        });
        let Some(block) = self.block(number, redirected.unwrap_or(pointer)) else {
            return record.same("p", &record.0["p"], &json!("in no block of its context"));
        };
        let offset = redirected.unwrap_or(pointer).since(block);
        let expected = address(record.word("p"));
        let known = self.real.get(&block).copied();
        if redirected.is_some() {
            let align = self.alignment(pointer);
            let aligned = Aligned { offset, align, pointer: expected };
            match known {
                Some(start) => {
                    record.same("p", &json!(expected), &json!(aligned.expected(start)))?;
                }
                None => self.aligned.entry(block).or_default().push(aligned),
            }
            return Ok(());
        }
        if let Some(start) = known {
            return record.same("p", &json!(expected), &json!(start + offset));
        }
        let start = expected.wrapping_sub(offset);
        if !start.is_multiple_of(ALIGNMENT) {
            let got = json!(format!("offset {offset} in its block"));
            return record.same("p", &record.0["p"], &got);
        }
        self.real.insert(block, start);
        for aligned in self.aligned.remove(&block).unwrap_or_default() {
            record.same("p", &json!(aligned.pointer), &json!(aligned.expected(start)))?;
        }
        Ok(())
    }

    /// What an aligned pointer was aligned to, by the header before it.
    fn alignment(&self, pointer: Addr) -> u64 {
        ChunkHeader::of(self.server.arena(), pointer).value()
    }

    /// The block of a context that an address lies in.
    fn block(&self, number: u32, pointer: Addr) -> Option<Addr> {
        let context = self.context(number)?;
        inspect::block_of(self.server.arena(), self.server.profile(), context, pointer)
    }

    /// What malloc gave and what is free of it, for a context of the trace.
    fn totals(&self, record: &Record<'_>, number: u32) -> Result<(), Stop> {
        let Some(context) = self.context(number).map(|addr| self.server.context(addr)) else {
            return record.check("m", Value::Null, Value::Null);
        };
        let counters = context.stats(self.server.profile());
        record.check("m", Value::Null, context.mem_allocated(false))?;
        record.check("mr", Value::Null, context.mem_allocated(true))?;
        let stats =
            [counters.nblocks, counters.freechunks, counters.totalspace, counters.freespace];
        record.check("st", Value::Null, json!(stats))
    }

    fn is_empty(&self, record: &Record<'_>) -> Result<(), Stop> {
        let number = record.small("c")?;
        let empty = self
            .context(number)
            .map(|addr| self.server.context(addr).is_empty(self.server.profile()));
        record.check("empty", Value::Null, empty)?;
        self.totals(record, number)
    }

    fn print(&self, record: &Record<'_>) -> Result<(), Stop> {
        let number = record.small("c")?;
        let (level, children) = (record.small("max_level")?, record.small("max_children")?);
        let limits = (level, children as usize);
        let stats = |addr| self.server.context_stats(addr, limits, StatsForm::Stderr);
        let text = self.context(number).map(stats);
        record.check("print", Value::Null, text)?;
        self.totals(record, number)
    }
}

fn address(hex: &str) -> u64 {
    u64::from_str_radix(hex.trim_start_matches("0x"), 16).unwrap_or(0)
}
