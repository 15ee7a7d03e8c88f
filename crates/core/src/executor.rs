//! What the executor's nodes keep in memory: sorts and hash tables that grow up to `work_mem` and
//! go to files beyond it.
//!
//! A node's state is what decides about memory; rows are only counted, and those of a hash table
//! have the keys 1, 2, 3 ..., hashed as integers are. Files are counted and not written.

mod hash;
mod hashagg;
mod simplehash;
mod tuplesort;

pub(crate) use hash::{HashNode, HashTable};
pub(crate) use hashagg::{AggNode, HashAgg};
pub(crate) use tuplesort::{Tuplesort, Wanted};

use crate::error::Fallible;
use crate::event::{Event, WorkEvent};
use crate::memory::Addr;
use crate::mmgr::Process;
use crate::op::Allocator;

/// A node of a running query that has memory of its own.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The query's `es_query_cxt`.
    pub(crate) query: Addr,
    /// What it is.
    pub(crate) state: NodeState,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum NodeState {
    /// A Sort.
    Sort(Tuplesort),
    /// A Hash below a hash join.
    Hash(HashTable),
    /// A hashed aggregate.
    Agg(HashAgg),
}

impl Node {
    /// The contexts that go when the node ends; what is below them goes too.
    pub(crate) fn contexts(&self) -> impl Iterator<Item = Addr> + use<> {
        let contexts = match &self.state {
            NodeState::Sort(sort) => [sort.main, Addr::NULL, Addr::NULL],
            NodeState::Hash(hash) => [hash.hash_cxt, Addr::NULL, Addr::NULL],
            NodeState::Agg(agg) => agg.contexts(),
        };
        contexts.into_iter().filter(|context| !context.is_null())
    }
}

/// What nodes do with memory.
impl Process<'_> {
    fn node_context(&mut self, parent: Addr, name: &str, allocator: Allocator) -> Fallible<Addr> {
        let name = self.program.intern(self.arena, name)?;
        self.context_create(parent, name, allocator)
    }

    fn tell(&mut self, event: WorkEvent) -> Fallible<()> {
        self.log.emit(Event::Work(self.who, event))
    }

    /// `GetMemoryChunkSpace`
    fn chunk_space(&self, pointer: Addr) -> i64 {
        let space = crate::mmgr::get_memory_chunk_space(self.arena, self.profile, pointer);
        space.unwrap_or_default() as i64
    }
}
