//! `nodeAgg.c` with `AGG_HASHED`, `execGrouping.c`: a group for each key, in a hash table that may take
//! `work_mem` times `hash_mem_multiplier`. Beyond that no groups are added: rows of others go to files.
//!
//! The array of buckets has a context of its own. The groups themselves are in the per-tuple memory of an
//! ExprContext to 17, from 18 on in one for them. Transition values are taken to be passed by value; the
//! files, and what is read back from them, are left out.

use crate::error::Fallible;
use crate::event::WorkEvent;
use crate::executor::hash::hash_bytes_uint32;
use crate::executor::simplehash::SimpleHash;
use crate::memory::Addr;
use crate::mmgr::{Context, MAX_ALLOC_SIZE, Process, maxalign};
use crate::op::{AllocFlags, Allocator};

/// `MAXALIGN(SizeofMinimalTupleHeader)`
const MINIMAL_TUPLE_HEADER: u64 = 16;
/// `sizeof(AggStatePerGroupData)`
const PER_GROUP: u64 = 16;
/// `CHUNKHDRSZ` to 17, whatever a chunk's header takes.
const CHUNK_HEADER: u64 = 16;
/// `HASHAGG_READ_BUFFER_SIZE`, `HASHAGG_WRITE_BUFFER_SIZE`
const BUFFER: u64 = 8192;
/// `HASHAGG_PARTITION_FACTOR`
const PARTITION_FACTOR: f64 = 1.5;
/// `HASHAGG_MIN_PARTITIONS`, `HASHAGG_MAX_PARTITIONS`
const PARTITIONS: (f64, f64) = (4.0, 1024.0);
const INIT_SIZE: u64 = 8 * 1024;
const MAX_SIZE: u64 = 8 * 1024 * 1024;

/// What a hashed aggregate is made for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AggNode {
    /// `work_mem` in kB.
    pub(crate) work_mem: u32,
    /// `hash_mem_multiplier`
    pub(crate) multiplier: f64,
    /// Groups expected.
    pub(crate) estimate: u32,
    /// Bytes of a key.
    pub(crate) width: u32,
    /// Aggregates.
    pub(crate) transitions: u32,
}

impl AggNode {
    /// `get_hash_memory_limit`
    fn memory_limit(&self) -> u64 {
        let limit = f64::from(self.work_mem.max(64)) * self.multiplier.max(1.0) * 1024.0;
        limit.min(u64::MAX as f64) as u64
    }

    /// `hash_agg_entry_size`
    fn entry_size(&self, bucket: u64, bump: bool) -> u64 {
        let (tuple, groups) = (self.tuple_length(), self.per_group());
        match (bump, groups) {
            (true, groups) => bucket + maxalign(tuple) + groups,
            (false, 0) => bucket + CHUNK_HEADER + tuple,
            (false, groups) => bucket + CHUNK_HEADER + tuple + CHUNK_HEADER + groups,
        }
    }

    fn tuple_length(&self) -> u64 {
        MINIMAL_TUPLE_HEADER + u64::from(self.width)
    }

    fn per_group(&self) -> u64 {
        u64::from(self.transitions) * PER_GROUP
    }

    /// `hash_choose_num_partitions` for the input itself.
    fn partitions(&self, entry: u64) -> u64 {
        let limit = self.memory_limit() as f64;
        let most = (limit * 0.25 - BUFFER as f64) / BUFFER as f64;
        let wanted = 1.0 + PARTITION_FACTOR * f64::from(self.estimate) * entry as f64 / limit;
        let partitions = wanted.min(most).clamp(PARTITIONS.0, PARTITIONS.1);
        (partitions as u64).next_power_of_two()
    }

    /// `hash_agg_set_limits`: bytes, and groups.
    fn limits(&self, entry: u64) -> (u64, u64) {
        let limit = self.memory_limit();
        if u64::from(self.estimate) * entry <= limit {
            return (limit, limit / entry);
        }
        let buffers = BUFFER + BUFFER * self.partitions(entry);
        let left = match limit > 4 * buffers {
            true => limit - buffers,
            false => (limit as f64 * 0.75) as u64,
        };
        (left, (left / entry).max(1))
    }
}

/// `AggState`, as far as its hash table goes.
#[derive(Clone, Debug)]
pub(crate) struct HashAgg {
    node: AggNode,
    /// `hash_metacxt`
    meta: Addr,
    /// `hash_tablecxt`, to 17 the same as the next.
    table: Addr,
    /// `hashcontext`
    hashcontext: Addr,
    data: Addr,
    hash: SimpleHash,
    bucket: u64,
    limits: (u64, u64),
    groups: u64,
    rows: u32,
    spilled: u64,
}

impl HashAgg {
    /// `ExecInitAgg`, below `parent`.
    pub(crate) fn begin(process: &mut Process<'_>, parent: Addr, node: AggNode) -> Fallible<Self> {
        let work = process.profile.work;
        // CreateWorkExprContext: blocks of a sixteenth of work_mem at most.
        let share = u64::from(node.work_mem.max(64)) * 1024 / 16;
        let max = (1 << share.ilog2()).clamp(INIT_SIZE, MAX_SIZE);
        let hashcontext =
            process.node_context(parent, "ExprContext", Allocator::plain(0, INIT_SIZE, max))?;
        let meta = process.node_context(parent, "HashAgg meta context", Allocator::PLAIN)?;
        let (table, bucket) = match work.hashed_tuples {
            Some(name) => {
                let bump = Allocator::Bump { min: 0, init: INIT_SIZE, max };
                (process.node_context(parent, name, bump)?, 16)
            }
            None => (hashcontext, 24),
        };
        let entry = node.entry_size(bucket, work.hashed_tuples.is_some());
        let limits = node.limits(entry);
        // hash_choose_num_buckets, BuildTupleHashTable
        let most = (limits.0 / entry) >> 1;
        let buckets = u64::from(node.estimate).min(most).max(1);
        let additional = if work.hashed_tuples.is_some() { node.per_group() } else { PER_GROUP };
        let buckets = buckets.min((node.memory_limit() / (bucket + additional)).max(1));
        let hash = SimpleHash::create(buckets.min(MAX_ALLOC_SIZE / bucket / 2));
        let huge = AllocFlags { huge: true, zero: true, ..AllocFlags::default() };
        let data = process.memory_context_alloc_extended(meta, hash.size() * bucket, huge)?;
        process.node_context(meta, "ExprContext", Allocator::PLAIN)?;
        process.tell(WorkEvent::AggSized { buckets: hash.size() })?;
        Ok(Self {
            node,
            meta,
            table,
            hashcontext,
            data,
            hash,
            bucket,
            limits,
            groups: 0,
            rows: 0,
            spilled: 0,
        })
    }

    /// The contexts that go when the node ends.
    pub(crate) fn contexts(&self) -> [Addr; 3] {
        let table = if self.table == self.hashcontext { Addr::NULL } else { self.table };
        [self.meta, table, self.hashcontext]
    }

    /// `lookup_hash_entries` for a row with a key that was not there before.
    pub(crate) fn put(&mut self, process: &mut Process<'_>) -> Fallible<()> {
        self.rows += 1;
        if self.spilled > 0 {
            self.spilled += 1;
            return Ok(());
        }
        let grown = self.hash.insert(murmurhash32(hash_bytes_uint32(self.rows)));
        for step in 0..grown {
            // SH_GROW
            let size = self.hash.size() >> (grown - 1 - step);
            let huge = AllocFlags { huge: true, zero: true, ..AllocFlags::default() };
            let data =
                process.memory_context_alloc_extended(self.meta, size * self.bucket, huge)?;
            process.pfree(std::mem::replace(&mut self.data, data))?;
            process.tell(WorkEvent::AggGrew { buckets: size })?;
        }
        let (tuple, groups) = (self.node.tuple_length(), self.node.per_group());
        let together = process.profile.work.hashed_tuples.is_some();
        let bytes = if together { groups + tuple } else { tuple };
        process.memory_context_alloc(self.table, bytes, true)?;
        // initialize_hash_entry
        self.groups += 1;
        self.check_limits(process)?;
        if !together && groups > 0 {
            process.memory_context_alloc(self.table, groups, false)?;
        }
        Ok(())
    }

    fn allocated(&self, process: &Process<'_>) -> u64 {
        let of = |context: &Addr| Context::at(process.arena, *context).mem_allocated(true);
        self.contexts().iter().filter(|context| !context.is_null()).map(of).sum()
    }

    /// `hash_agg_check_limits`, `hash_agg_enter_spill_mode`
    fn check_limits(&mut self, process: &mut Process<'_>) -> Fallible<()> {
        let (bytes, groups) = self.limits;
        if self.allocated(process) <= bytes && self.groups <= groups {
            return Ok(());
        }
        // The next one is the first that goes there.
        self.spilled = 1;
        let partitions = self.partitions();
        process.tell(WorkEvent::AggSpills { groups: self.groups, partitions })
    }

    fn partitions(&self) -> u64 {
        let bump = self.bucket == 16;
        self.node.partitions(self.node.entry_size(self.bucket, bump))
    }

    /// All rows have come: `hash_agg_update_metrics`.
    pub(crate) fn filled(&mut self, process: &mut Process<'_>) -> Fallible<()> {
        let buffers = if self.spilled > 0 { self.partitions() * BUFFER } else { 0 };
        let peak = self.allocated(process) + buffers;
        process.tell(WorkEvent::AggFilled {
            groups: self.groups,
            spilled: self.spilled.saturating_sub(1),
            peak_kb: peak.div_ceil(1024),
        })
    }
}

/// `murmurhash32` (`common/hashfn.h`)
fn murmurhash32(data: u32) -> u32 {
    let mut hash = data;
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}
