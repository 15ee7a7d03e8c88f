//! Whether an expectation holds, and what its number is if it does not.

use pgscope_core::event::{BufferEvent, MemoryEvent};
use pgscope_core::mmgr::inspect;
use pgscope_core::op::Name;
use pgscope_core::views::{self, View};
use pgscope_core::{Error, Event, Server};

use crate::decimal::{self, Decimal};
use crate::metrics::{
    BackendMetric, ChunkMetric, ContextMetric, Metric, PageMetric, RelationMetric, ServerMetric,
};
use crate::program::{Expectation, Program};

/// An expectation that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step, from 0.
    pub op: u64,
    /// Its line, from 1.
    pub line: u32,
    /// What was expected and what is.
    pub message: String,
}

/// What is wrong, if the expectation does not hold; `error` is how the last operation ended.
pub(crate) fn check(
    expectation: &Expectation,
    program: &Program,
    server: &Server,
    error: Option<&Error>,
) -> Option<String> {
    match expectation {
        Expectation::Compare { metric, comparison, value } => {
            let wanted = || {
                let (metric, value) = (describe(*metric, program), Decimal(*value));
                format!("expected {metric} {} {value}", comparison.symbol())
            };
            match measure(*metric, server) {
                None => Some(format!("{}, but there is no such thing now", wanted())),
                Some(got) if comparison.holds(got, *value) => None,
                Some(got) => Some(format!("{}, it is {}", wanted(), Decimal(got))),
            }
        }
        Expectation::View { view, words, comparison, value } => {
            let got = measure_view(*view, words, server);
            if got.is_some_and(|got| comparison.holds(got, *value)) {
                return None;
            }
            let (words, name) = (words.join(", "), view.name());
            let wanted = format!("{name}({words}) {} {}", comparison.symbol(), Decimal(*value));
            Some(match got {
                Some(got) => format!("expected {wanted}, it is {}", Decimal(got)),
                None => format!("expected {wanted}, but there is no such row or column"),
            })
        }
        Expectation::Error(message) => {
            let got = error.map(ToString::to_string);
            match got {
                Some(got) if *got == **message => None,
                Some(got) => Some(format!("expected error \"{message}\", it was \"{got}\"")),
                None => Some(format!("expected error \"{message}\", there was none")),
            }
        }
    }
}

/// Whether what an expectation says of a number is so now.
pub(crate) fn holds(expectation: &Expectation, server: &Server) -> bool {
    let (got, comparison, value) = match expectation {
        Expectation::Compare { metric, comparison, value } => {
            (measure(*metric, server), comparison, value)
        }
        Expectation::View { view, words, comparison, value } => {
            (measure_view(*view, words, server), comparison, value)
        }
        Expectation::Error(_) => return false,
    };
    got.is_some_and(|got| comparison.holds(got, *value))
}

/// The number that a view shows: of the row with these keys, in the column behind them.
pub(crate) fn measure_view(view: View, words: &[Name], server: &Server) -> Option<f64> {
    let (column, keys) = words.split_last()?;
    let keys: Vec<&str> = keys.iter().map(|key| &**key).collect();
    let cell = views::view_cell(server, view, &keys, column)?;
    match &*cell {
        "t" => Some(1.0),
        "f" => Some(0.0),
        number => match number.strip_prefix('-') {
            Some(number) => decimal::parse(number).ok().map(|number| -number),
            None => decimal::parse(number).ok(),
        },
    }
}

/// The number now; `None` if what it is a number of is not there.
pub fn measure(metric: Metric, server: &Server) -> Option<f64> {
    let number = match metric {
        Metric::Server(metric) => return Some(measure_server(metric, server)),
        Metric::Page(metric, tag) => {
            let buffer = server.pool().lookup(tag.rel, tag.block);
            let row = buffer.and_then(|buffer| views::buffer(server, buffer));
            match metric {
                PageMetric::Usage => row.map_or(0, |row| row.usage_count.into()),
                PageMetric::Pins => row.map_or(0, |row| row.pins.into()),
                PageMetric::Dirty => row.map_or(0, |row| row.dirty.into()),
                PageMetric::Partition => server.pool().partition(tag).into(),
                PageMetric::Buffer => row.map_or(0, |row| row.buffer.number().into()),
            }
        }
        Metric::Relation(RelationMetric::Buffers, rel) => views::buffers(server)
            .filter(|row| row.tag.is_some_and(|tag| tag.rel == rel))
            .count() as u64,
        Metric::Context(metric, backend, slot) => {
            let context = server.backend(backend)?.context(slot)?;
            let context = server.context(context);
            let counters = context.stats(server.profile());
            match metric {
                ContextMetric::Free => counters.freespace,
                ContextMetric::MemAllocated => context.mem_allocated(true),
                ContextMetric::Used => counters.totalspace - counters.freespace,
                ContextMetric::Total => counters.totalspace,
                ContextMetric::FreeChunks => counters.freechunks,
                ContextMetric::Blocks => counters.nblocks,
            }
        }
        Metric::Chunk(metric, backend, slot) => {
            let var = server.backend(backend)?.chunk(slot)?;
            match metric {
                ChunkMetric::Offset => {
                    let (arena, profile) = (server.arena(), server.profile());
                    let block = inspect::block_of(arena, profile, var.context, var.pointer)?;
                    var.pointer.since(block)
                }
                // Nothing leads from a chunk without a header to its allocator.
                ChunkMetric::Space
                    if server.context(var.context).chunk_header(server.profile()) == 0 =>
                {
                    return None;
                }
                ChunkMetric::Space => server.chunk_space(var.pointer)?,
            }
        }
        Metric::Backend(metric, backend) => {
            let backend = server.backend(backend)?;
            let memory = &backend.memory;
            let locks = |fast: bool| {
                let rows = server.locks().lock_status().into_iter();
                let own = rows.filter(|row| row.proc == backend.proc_number() && row.granted);
                own.filter(|row| row.fastpath || !fast).count() as u64
            };
            match metric {
                BackendMetric::Locks => locks(false),
                BackendMetric::FastpathLocks => locks(true),
                BackendMetric::Waiting => backend.waits_for().is_some().into(),
                BackendMetric::Contexts => {
                    1 + server.context(memory.top).descendants().count() as u64
                }
                BackendMetric::Mallocs => memory.heap.stats().mallocs,
                BackendMetric::Frees => memory.heap.stats().frees,
            }
        }
    };
    Some(number as f64)
}

fn measure_server(metric: ServerMetric, server: &Server) -> f64 {
    let usage = server.usage();
    let number = match metric {
        ServerMetric::HitRatio => {
            let reads = usage.hit + usage.read;
            return if reads == 0 { 0.0 } else { usage.hit as f64 / reads as f64 };
        }
        ServerMetric::LockEntries => server.locks().entries().0 as u64,
        ServerMetric::ProclockEntries => server.locks().entries().1 as u64,
        ServerMetric::Hits => usage.hit,
        ServerMetric::Misses => usage.read,
        ServerMetric::Evictions => server.evictions(),
        ServerMetric::Writes => usage.written,
        ServerMetric::Hand => u64::from(server.pool().strategy().hand()) + 1,
        ServerMetric::Passes => server.pool().strategy().passes().into(),
        ServerMetric::Allocs => server.pool().strategy().allocs().into(),
        ServerMetric::DirtyBuffers => views::buffers(server).filter(|row| row.dirty).count() as u64,
        ServerMetric::Victim => server
            .events()
            .iter()
            .find_map(|event| match event {
                Event::Buffer(BufferEvent::Unhashed { buffer, .. }) => Some(buffer.number().into()),
                _ => None,
            })
            .unwrap_or(0),
        ServerMetric::SizeClass => server
            .events()
            .iter()
            .find_map(|event| match event {
                Event::Memory(_, MemoryEvent::SizeClass { class, .. }) => Some(*class),
                _ => None,
            })
            .unwrap_or(0),
    };
    number as f64
}

/// The metric as the scenario writes it.
fn describe(metric: Metric, program: &Program) -> String {
    let names = program.names();
    let table = |rel| names.table(rel).map_or("?", |name| name);
    let backend = |id| names.backend(id).map_or("?", |name| name);
    let kind = metric.kind().name();
    match metric {
        Metric::Server(_) => kind.to_owned(),
        Metric::Page(_, tag) => format!("{kind}({}, {})", table(tag.rel), tag.block),
        Metric::Relation(_, rel) => format!("{kind}({})", table(rel)),
        Metric::Context(_, id, slot) => {
            format!("{kind}({}, {})", backend(id), names.context(id, slot).unwrap_or("?"))
        }
        Metric::Chunk(_, id, slot) => {
            format!("{kind}({}, {})", backend(id), names.chunk(id, slot).map_or("?", |name| name))
        }
        Metric::Backend(_, id) => format!("{kind}({})", backend(id)),
    }
}
