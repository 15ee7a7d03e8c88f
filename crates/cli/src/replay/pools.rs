//! Pools of several sizes that read the same trace, shared out among threads.
//!
//! A server stays on the thread that started it. The large pools cost more, since less of them
//! lies in a processor's cache, so they are dealt out first.

use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, ScopedJoinHandle};

use pgscope_core::ids::{BackendId, BlockNumber, RelId};
use pgscope_core::op::{DirtyKind, Persistence};
use pgscope_core::profile::Version;
use pgscope_core::server::Settings;
use pgscope_core::{Error, Op, Server};

use super::chunk::{Chunk, Run};
use super::pages::PAGES_OF_RELATION;
use super::reader::{Reader, TraceError};

const BACKEND: BackendId = BackendId(0);
/// Chunks that a thread may lag behind the reader.
const WAITING: usize = 4;

/// What a pool came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) buffers: u32,
    pub(crate) reads: u64,
    pub(crate) misses: u64,
    pub(crate) writes: u64,
}

/// Why a replay ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The trace can't be read.
    Trace(TraceError),
    /// There is nothing in it.
    Empty,
    /// The machine refused, with these words: its errors stay on their thread.
    Machine { buffers: u32, error: String },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trace(error) => error.fmt(f),
            Self::Empty => f.write_str("there are no reads in it"),
            Self::Machine { buffers, error } => write!(f, "in {buffers} buffers: {error}"),
        }
    }
}

/// The pools, by their places in the order that was asked for.
pub(crate) struct Pools {
    version: Version,
    count: usize,
    /// For each thread its pools.
    hands: Vec<Vec<(usize, u32)>>,
}

impl Pools {
    pub(crate) fn new(version: Version, sizes: &[u32], threads: usize) -> Self {
        let mut pools: Vec<(usize, u32)> = sizes.iter().copied().enumerate().collect();
        pools.sort_by_key(|&(_, buffers)| std::cmp::Reverse(buffers));
        let threads = threads.clamp(1, pools.len().max(1));
        let mut hands = vec![Vec::new(); threads];
        // There and back again, so that nobody always gets the larger one.
        let order = (0..threads).chain((0..threads).rev()).cycle();
        for (pool, hand) in pools.into_iter().zip(order) {
            if let Some(hand) = hands.get_mut(hand) {
                hand.push(pool);
            }
        }
        Self { version, count: sizes.len(), hands }
    }

    /// Read the trace in all of them: what each came to, in the order that was asked for.
    pub(super) fn replay<R: Read>(&self, reader: Reader<R>) -> Result<Vec<Count>, Failure> {
        thread::scope(|scope| {
            let mut readers = Vec::new();
            let mut threads: Vec<ScopedJoinHandle<'_, _>> = Vec::new();
            for hand in &self.hands {
                let (to, from) = sync_channel(WAITING);
                readers.push(to);
                threads.push(scope.spawn(move || play(self.version, hand, from)));
            }
            let read = hand_out(reader, readers);
            let mut counts = vec![None; self.count];
            for thread in threads {
                // A panic in there is a bug, and goes on in here.
                let played = thread.join().unwrap_or_else(|bug| std::panic::resume_unwind(bug));
                for (place, count) in played? {
                    counts[place] = Some(count);
                }
            }
            read?;
            Ok(counts.into_iter().flatten().collect())
        })
    }
}

/// Give every chunk to every thread.
fn hand_out<R: Read>(
    mut reader: Reader<R>,
    to: Vec<SyncSender<Arc<Chunk>>>,
) -> Result<(), Failure> {
    let mut empty = true;
    while let Some(chunk) = reader.chunk().map_err(Failure::Trace)? {
        empty = false;
        let chunk = Arc::new(chunk);
        // Who is gone has failed, and will say why.
        if to.iter().any(|to| to.send(Arc::clone(&chunk)).is_err()) {
            break;
        }
    }
    if empty { Err(Failure::Empty) } else { Ok(()) }
}

/// A thread's work.
fn play(
    version: Version,
    hand: &[(usize, u32)],
    from: Receiver<Arc<Chunk>>,
) -> Result<Vec<(usize, Count)>, Failure> {
    let start = |&(place, buffers)| Ok((place, Pool::start(version, buffers)?));
    let mut pools: Vec<(usize, Pool)> = hand.iter().map(start).collect::<Result<_, Failure>>()?;
    for chunk in from {
        for (_, pool) in &mut pools {
            let read = pool.read(&chunk);
            read.map_err(|error| failure(pool.server.pool().nbuffers(), &error))?;
        }
    }
    Ok(pools.iter().map(|(place, pool)| (*place, pool.count())).collect())
}

fn failure(buffers: u32, error: &Error) -> Failure {
    Failure::Machine { buffers, error: error.to_string() }
}

/// One server.
struct Pool {
    server: Server,
    relations: u32,
}

impl Pool {
    fn start(version: Version, buffers: u32) -> Result<Self, Failure> {
        let connected = || -> Result<Server, Error> {
            let settings = Settings::with_shared_buffers(buffers);
            let mut server = Server::start(version, settings, 0)?;
            server.apply(&Op::Connect { backend: BACKEND, name: "replay".into() })?;
            server.log_mut().off();
            Ok(server)
        };
        let server = connected().map_err(|error| failure(buffers, &error))?;
        Ok(Self { server, relations: 0 })
    }

    fn read(&mut self, chunk: &Chunk) -> Result<(), Error> {
        while self.relations < chunk.relations {
            let rel = RelId(self.relations);
            self.server.apply(&Op::CreateRelation {
                rel,
                name: format!("pages_{}", rel.0).into(),
                nblocks: PAGES_OF_RELATION,
                persistence: Persistence::Permanent,
            })?;
            self.relations += 1;
        }
        for (Run { relation, write, .. }, blocks) in chunk.iter() {
            let rel = RelId(relation);
            match write {
                false => self.server.read_blocks(BACKEND, rel, blocks, |_| ())?,
                true => self.change(rel, blocks)?,
            }
        }
        Ok(())
    }

    /// Read blocks and change each, with a WAL record.
    fn change(&mut self, rel: RelId, blocks: &[BlockNumber]) -> Result<(), Error> {
        for &block in blocks {
            let mut op = Op::plain_read(BACKEND, rel, block);
            if let Op::Read { dirty, .. } = &mut op {
                *dirty = Some(DirtyKind::Wal { end: None });
            }
            self.server.apply(&op)?;
        }
        Ok(())
    }

    fn count(&self) -> Count {
        let usage = self.server.usage();
        Count {
            buffers: self.server.pool().nbuffers(),
            reads: usage.hit + usage.read,
            misses: usage.read,
            writes: usage.written,
        }
    }
}

#[cfg(test)]
mod tests;
