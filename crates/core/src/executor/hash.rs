//! `nodeHash.c`: a hash join's table, in chunks of 32 kB that are filled densely. Beyond
//! `work_mem` times `hash_mem_multiplier` it is cut into batches: one is in memory, the others are
//! in files.
//!
//! The skew optimization is left out, and so is the reading of later batches.

use std::rc::Rc;

use crate::error::Fallible;
use crate::event::WorkEvent;
use crate::memory::Addr;
use crate::mmgr::{MAX_ALLOC_SIZE, Process, maxalign};
use crate::op::{AllocFlags, Allocator};

/// `HASH_CHUNK_SIZE`
const HASH_CHUNK_SIZE: u64 = 32 * 1024;
/// `HASH_CHUNK_HEADER_SIZE`
const HASH_CHUNK_HEADER_SIZE: u64 = 32;
/// `HASH_CHUNK_THRESHOLD`
const HASH_CHUNK_THRESHOLD: u64 = HASH_CHUNK_SIZE / 4;
/// `HJTUPLE_OVERHEAD`
const HJTUPLE_OVERHEAD: u64 = 16;
/// `MAXALIGN(SizeofMinimalTupleHeader)`
const MINIMAL_TUPLE_HEADER: u64 = 16;
/// A pointer.
const POINTER: u64 = 8;
const BLCKSZ: u64 = 8192;

/// What a hash table is made for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HashNode {
    /// `work_mem` in kB.
    pub(crate) work_mem: u32,
    /// `hash_mem_multiplier`
    pub(crate) multiplier: f64,
    /// Rows expected.
    pub(crate) estimate: u32,
    /// Their width, as planned.
    pub(crate) width: u32,
    /// `t_len` of each.
    pub(crate) length: u32,
}

/// How large a hash table is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    space_allowed: u64,
    buckets: u64,
    batches: u64,
}

impl HashNode {
    /// `get_hash_memory_limit`
    fn memory_limit(&self) -> u64 {
        let limit = f64::from(self.work_mem.max(64)) * self.multiplier.max(1.0) * 1024.0;
        limit.min(u64::MAX as f64) as u64
    }

    /// `ExecChooseHashTableSize` without skew buckets and parallel workers.
    fn choose_size(&self, walk_back: bool) -> Size {
        let rows = u64::from(if self.estimate == 0 { 1000 } else { self.estimate });
        let tuple = HJTUPLE_OVERHEAD + MINIMAL_TUPLE_HEADER + maxalign(self.width.into());
        let bytes = rows * tuple;
        let limit = self.memory_limit();
        let mut space_allowed = limit;
        let pointers = (limit / POINTER).min(MAX_ALLOC_SIZE / POINTER);
        let max_pointers = previous_power_of_two(pointers).min(1 << 30);
        let mut buckets = rows.min(max_pointers).max(1024).next_power_of_two();
        let mut batches = 1;
        if bytes + buckets * POINTER > limit {
            let bucket_size = tuple + POINTER;
            let fit = if limit <= bucket_size { 1 } else { limit / bucket_size };
            buckets = fit.next_power_of_two().min(max_pointers);
            let for_tuples = limit.saturating_sub(buckets * POINTER).max(1);
            batches = bytes.div_ceil(for_tuples).min(max_pointers).max(2).next_power_of_two();
        }
        // From 18 on: fewer batches, if their files' buffers would take more than is saved.
        while walk_back && batches > 1 {
            let too_many = buckets > MAX_ALLOC_SIZE / POINTER / 2;
            if too_many || space_allowed > u64::MAX / 2 || batches < space_allowed / BLCKSZ {
                break;
            }
            buckets *= 2;
            space_allowed *= 2;
            batches /= 2;
        }
        Size { space_allowed, buckets, batches }
    }
}

/// `HashJoinTableData`
#[derive(Clone, Debug)]
pub(crate) struct HashTable {
    /// `hashCxt`
    pub(crate) hash_cxt: Addr,
    batch_cxt: Addr,
    /// `spillCxt`, in versions that have none `hashCxt`.
    spill_cxt: Addr,
    length: u64,
    buckets: Addr,
    nbuckets: u64,
    nbuckets_optimal: u64,
    nbatch: u64,
    grow_enabled: bool,
    space_used: u64,
    space_peak: u64,
    space_allowed: u64,
    /// `innerBatchFile` and `outerBatchFile`
    files: Option<(Addr, Addr)>,
    total: u32,
    /// `chunks`, the oldest first, with the rows in them.
    chunks: Rc<Vec<Chunk>>,
}

/// `HashMemoryChunkData`
#[derive(Clone, Debug)]
struct Chunk {
    pointer: Addr,
    maxlen: u64,
    used: u64,
    rows: Vec<u32>,
}

impl HashTable {
    /// `ExecHashTableCreate`, below `parent`.
    pub(crate) fn create(
        process: &mut Process<'_>,
        parent: Addr,
        node: HashNode,
    ) -> Fallible<Self> {
        let work = process.profile.work;
        let size = node.choose_size(work.fewer_batches);
        let kind = Allocator::PLAIN;
        process.tell(WorkEvent::HashSized { buckets: size.buckets, batches: size.batches })?;
        let hash_cxt = process.node_context(parent, "HashTableContext", kind)?;
        let batch_cxt = process.node_context(hash_cxt, "HashBatchContext", kind)?;
        let spill_cxt = match work.hash_spill_context {
            true => process.node_context(hash_cxt, "HashSpillContext", kind)?,
            false => hash_cxt,
        };
        let mut table = Self {
            hash_cxt,
            batch_cxt,
            spill_cxt,
            length: node.length.into(),
            buckets: Addr::NULL,
            nbuckets: size.buckets,
            nbuckets_optimal: size.buckets,
            nbatch: size.batches,
            grow_enabled: true,
            space_used: 0,
            space_peak: 0,
            space_allowed: size.space_allowed,
            files: None,
            total: 0,
            chunks: Rc::default(),
        };
        if table.nbatch > 1 {
            table.make_files(process)?;
        }
        table.buckets = process.memory_context_alloc(batch_cxt, size.buckets * POINTER, true)?;
        Ok(table)
    }

    fn make_files(&mut self, process: &mut Process<'_>) -> Fallible<()> {
        let bytes = self.nbatch * POINTER;
        self.files = Some(match self.files {
            None => (
                process.memory_context_alloc(self.spill_cxt, bytes, true)?,
                process.memory_context_alloc(self.spill_cxt, bytes, true)?,
            ),
            Some((inner, outer)) => {
                let flags = AllocFlags::default();
                (
                    process.repalloc_extended(inner, bytes, flags)?,
                    process.repalloc_extended(outer, bytes, flags)?,
                )
            }
        });
        Ok(())
    }

    /// `ExecHashGetBucketAndBatch`: a row's batch.
    fn batch(&self, row: u32) -> u64 {
        if self.nbatch <= 1 {
            return 0;
        }
        let rotated = hash_bytes_uint32(row).rotate_right(self.nbuckets.trailing_zeros());
        u64::from(rotated) & (self.nbatch - 1)
    }

    /// `HJTUPLE_OVERHEAD` and the tuple.
    fn tuple_size(&self) -> u64 {
        HJTUPLE_OVERHEAD + self.length
    }

    /// `ExecHashTableInsert` of the next row, and what `MultiExecPrivateHash` does around it.
    pub(crate) fn insert(&mut self, process: &mut Process<'_>) -> Fallible<()> {
        let row = self.total + 1;
        // The row itself is counted after it is in.
        let before = u64::from(self.total);
        if self.batch(row) == 0 {
            self.dense_alloc(process, row)?;
            if self.nbatch == 1
                && before > self.nbuckets_optimal
                && self.nbuckets_optimal * 2 <= MAX_ALLOC_SIZE / POINTER
            {
                self.nbuckets_optimal *= 2;
            }
            self.space_used += self.tuple_size();
            self.space_peak = self.space_peak.max(self.space_used);
            if self.space_used + self.nbuckets_optimal * POINTER > self.space_allowed {
                self.increase_num_batches(process)?;
            }
        }
        self.total = row;
        Ok(())
    }

    fn dense_alloc(&mut self, process: &mut Process<'_>, row: u32) -> Fallible<()> {
        let size = maxalign(self.tuple_size());
        let chunks = Rc::make_mut(&mut self.chunks);
        if let Some(chunk) = chunks.last_mut()
            && size <= HASH_CHUNK_THRESHOLD
            && chunk.maxlen - chunk.used >= size
        {
            chunk.used += size;
            chunk.rows.push(row);
            return Ok(());
        }
        let maxlen = if size > HASH_CHUNK_THRESHOLD { size } else { HASH_CHUNK_SIZE };
        let bytes = HASH_CHUNK_HEADER_SIZE + maxlen;
        let pointer = process.memory_context_alloc(self.batch_cxt, bytes, false)?;
        chunks.push(Chunk { pointer, maxlen, used: size, rows: vec![row] });
        Ok(())
    }

    /// `ExecHashIncreaseNumBatches`, and from 18 on `ExecHashIncreaseBatchSize` first.
    fn increase_num_batches(&mut self, process: &mut Process<'_>) -> Fallible<()> {
        if !self.grow_enabled || self.nbatch > MAX_ALLOC_SIZE / (POINTER * 2) {
            return Ok(());
        }
        let more_files = self.nbatch * 2 * BLCKSZ;
        if process.profile.work.fewer_batches && self.space_allowed <= more_files {
            self.space_allowed *= 2;
            return process.tell(WorkEvent::HashAllowed { bytes: self.space_allowed });
        }
        self.nbatch *= 2;
        self.make_files(process)?;
        if self.nbuckets != self.nbuckets_optimal {
            self.resize_buckets(process)?;
        }
        let old = std::mem::take(&mut self.chunks);
        let (mut kept, mut written) = (0, 0);
        for chunk in old.iter().rev() {
            for &row in &chunk.rows {
                if self.batch(row) == 0 {
                    self.dense_alloc(process, row)?;
                    kept += 1;
                } else {
                    self.space_used -= self.tuple_size();
                    written += 1;
                }
            }
            process.pfree(chunk.pointer)?;
        }
        // All or none went: the next time would be the same.
        self.grow_enabled = kept > 0 && written > 0;
        process.tell(WorkEvent::HashBatches { batches: self.nbatch, kept, written })
    }

    fn resize_buckets(&mut self, process: &mut Process<'_>) -> Fallible<()> {
        self.nbuckets = self.nbuckets_optimal;
        let (bytes, flags) = (self.nbuckets * POINTER, AllocFlags::default());
        self.buckets = process.repalloc_extended(self.buckets, bytes, flags)?;
        process.tell(WorkEvent::HashBuckets { buckets: self.nbuckets })
    }

    /// The end of `MultiExecPrivateHash`: `ExecHashIncreaseNumBuckets`, if there are too few.
    pub(crate) fn built(&mut self, process: &mut Process<'_>) -> Fallible<()> {
        if self.nbuckets < self.nbuckets_optimal {
            self.resize_buckets(process)?;
        }
        self.space_used += self.nbuckets * POINTER;
        self.space_peak = self.space_peak.max(self.space_used);
        process.tell(WorkEvent::HashDone {
            buckets: self.nbuckets,
            batches: self.nbatch,
            peak_kb: self.space_peak.div_ceil(1024),
        })
    }
}

/// The largest power of two up to `n` (`pg_prevpower2_size_t`).
fn previous_power_of_two(n: u64) -> u64 {
    1 << n.max(1).ilog2()
}

/// `hash_bytes_uint32` (`hashfn.c`): what `hashint4` makes of an integer.
pub(super) fn hash_bytes_uint32(key: u32) -> u32 {
    let start = 0x9e37_79b9_u32.wrapping_add(4).wrapping_add(3_923_095);
    let (mut a, mut b, mut c) = (start.wrapping_add(key), start, start);
    let mix = |to: &mut u32, from: u32, bits: u32| {
        *to = (*to ^ from).wrapping_sub(from.rotate_left(bits));
    };
    mix(&mut c, b, 14);
    mix(&mut a, c, 11);
    mix(&mut b, a, 25);
    mix(&mut c, b, 16);
    mix(&mut a, c, 4);
    mix(&mut b, a, 14);
    mix(&mut c, b, 24);
    c
}
