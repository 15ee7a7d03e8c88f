//! `tuplesort.c`: a sort's tuples, and the array that points to them, within `work_mem`; beyond
//! it the tuples go to tapes in sorted runs, which are merged.
//!
//! The structures behind tapes and sort keys are not here, only the tapes' buffers.

use crate::error::Fallible;
use crate::event::{SortMethod, WorkEvent};
use crate::executor::hash::hash_bytes_uint32;
use crate::memory::Addr;
use crate::mmgr::{Process, maxalign};
use crate::op::{AllocFlags, Allocator};

/// `sizeof(SortTuple)`
const SORT_TUPLE: u64 = 24;
/// `INITIAL_MEMTUPSIZE`: as many as make the array a block of its own.
const INITIAL_MEMTUPSIZE: u64 = 1024;
/// `BLCKSZ`, of which a tape's buffer is a multiple (`TAPE_BUFFER_OVERHEAD`).
const BLCKSZ: i64 = 8192;
/// `MERGE_BUFFER_SIZE`
const MERGE_BUFFER_SIZE: i64 = BLCKSZ * 32;
/// `MINORDER`
const MIN_ORDER: i64 = 6;
/// `MAXORDER`
const MAX_ORDER: i64 = 500;
/// `SLAB_SLOT_SIZE`
const SLAB_SLOT_SIZE: u64 = 1024;

/// What a sort is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// `work_mem` in kB.
    pub(crate) work_mem: u32,
    /// `t_len` of each tuple.
    pub(crate) length: u32,
    /// Only so many tuples are wanted.
    pub(crate) bound: Option<u32>,
    /// It sorts the values of one column.
    pub(crate) datum: bool,
    /// `TUPLESORT_RANDOMACCESS`: a cursor can go backwards, so the result must be on one tape.
    pub(crate) random_access: bool,
}

/// `TupSortStatus`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Initial,
    Bounded,
    BuildRuns,
    Done,
}

/// `Tuplesortstate`
#[derive(Clone, Debug)]
pub(crate) struct Tuplesort {
    /// `maincontext`
    pub(crate) main: Addr,
    sort: Addr,
    tuples: Addr,
    wanted: Wanted,
    status: Status,
    allowed_mem: i64,
    avail_mem: i64,
    tuple_mem: i64,
    memtuples: Addr,
    memtupsize: u64,
    memtupcount: u64,
    grow_memtuples: bool,
    /// A bounded sort's tuples, with their keys.
    heap: Vec<(u32, Addr)>,
    rows: u32,
    max_tapes: u32,
    current_run: u32,
    /// Buffers of the tapes being written.
    outputs: Vec<Addr>,
    output_runs: u32,
}

impl Tuplesort {
    /// `tuplesort_begin_common` and `tuplesort_begin_batch` for heap tuples, below `parent`.
    pub(crate) fn begin(process: &mut Process<'_>, parent: Addr, wanted: Wanted) -> Fallible<Self> {
        let main = process.node_context(parent, "TupleSort main", Allocator::PLAIN)?;
        let sort = process.node_context(main, "TupleSort sort", Allocator::PLAIN)?;
        let kind = match wanted.bound {
            Some(_) => Allocator::PLAIN,
            None => process.profile.work.sort_tuples,
        };
        let tuples = process.node_context(sort, "Caller tuples", kind)?;
        let memtuples =
            process.memory_context_alloc(main, INITIAL_MEMTUPSIZE * SORT_TUPLE, false)?;
        // work_mem is at least 64 kB.
        let allowed_mem = i64::from(wanted.work_mem.max(64)) * 1024;
        Ok(Self {
            main,
            sort,
            tuples,
            wanted,
            status: Status::Initial,
            allowed_mem,
            avail_mem: allowed_mem - process.chunk_space(memtuples),
            tuple_mem: 0,
            memtuples,
            memtupsize: INITIAL_MEMTUPSIZE,
            memtupcount: 0,
            grow_memtuples: true,
            heap: Vec::new(),
            rows: 0,
            max_tapes: 0,
            current_run: 0,
            outputs: Vec::new(),
            output_runs: 0,
        })
    }

    fn lackmem(&self) -> bool {
        self.avail_mem < 0
    }

    /// `tuplesort_puttupleslot`, `tuplesort_puttuple_common`
    pub(crate) fn put(&mut self, process: &mut Process<'_>) -> Fallible<()> {
        let length = u64::from(self.wanted.length);
        let tuple = process.memory_context_alloc(self.tuples, length, false)?;
        let by_length = process.profile.work.bump_tuples();
        let space = match self.wanted {
            // tuplesort_putdatum says that they take nothing.
            Wanted { datum: true, .. } if by_length => 0,
            Wanted { bound: None, .. } if by_length => maxalign(length) as i64,
            _ => process.chunk_space(tuple),
        };
        self.rows += 1;
        self.avail_mem -= space;
        self.tuple_mem += space;
        match self.status {
            Status::Initial => self.put_in_memory(process, tuple),
            Status::Bounded => {
                let key = hash_bytes_uint32(self.rows);
                let goes = match self.top() {
                    Some(top) if key < top.0 => std::mem::replace(top, (key, tuple)).1,
                    _ => tuple,
                };
                self.free_sort_tuple(process, goes)
            }
            Status::BuildRuns => {
                self.memtupcount += 1;
                self.dumptuples(process, false)
            }
            Status::Done => Ok(()),
        }
    }

    fn put_in_memory(&mut self, process: &mut Process<'_>, tuple: Addr) -> Fallible<()> {
        if self.memtupcount + 1 >= self.memtupsize {
            self.grow_memtuples(process)?;
        }
        self.memtupcount += 1;
        if let Some(bound) = self.wanted.bound.map(u64::from) {
            self.heap.push((hash_bytes_uint32(self.rows), tuple));
            let many = self.memtupcount > bound * 2;
            if many || self.memtupcount > bound && self.lackmem() {
                return self.make_bounded_heap(process, bound);
            }
        }
        if self.memtupcount < self.memtupsize && !self.lackmem() {
            return Ok(());
        }
        self.heap = Vec::new();
        self.inittapes(process)?;
        self.dumptuples(process, false)
    }

    /// `free_sort_tuple`
    fn free_sort_tuple(&mut self, process: &mut Process<'_>, tuple: Addr) -> Fallible<()> {
        self.avail_mem += process.chunk_space(tuple);
        process.pfree(tuple)
    }

    /// Tuples that sort behind all that are kept are freed; one that has to make room for another
    /// stays until the context goes, as in PostgreSQL.
    fn make_bounded_heap(&mut self, process: &mut Process<'_>, bound: u64) -> Fallible<()> {
        let mut heap = std::mem::take(&mut self.heap);
        let rest = heap.split_off((bound as usize).min(heap.len()));
        self.heap = heap;
        self.status = Status::Bounded;
        self.memtupcount = bound;
        for (key, tuple) in rest {
            match self.top() {
                Some(top) if key < top.0 => *top = (key, tuple),
                _ => self.free_sort_tuple(process, tuple)?,
            }
        }
        process.tell(WorkEvent::SortBounded { bound })
    }

    /// The tuple that sorts last of those that are kept.
    fn top(&mut self) -> Option<&mut (u32, Addr)> {
        self.heap.iter_mut().max_by_key(|(key, _)| *key)
    }

    /// The array becomes twice as large, and the last time as large as fits.
    fn grow_memtuples(&mut self, process: &mut Process<'_>) -> Fallible<()> {
        if !self.grow_memtuples {
            return Ok(());
        }
        let used = self.allowed_mem - self.avail_mem;
        let new = if used <= self.avail_mem {
            self.memtupsize * 2
        } else {
            self.grow_memtuples = false;
            let ratio = self.allowed_mem as f64 / used as f64;
            (self.memtupsize as f64 * ratio) as u64
        };
        let more = new.saturating_sub(self.memtupsize) * SORT_TUPLE;
        if more == 0 || self.avail_mem < more as i64 {
            self.grow_memtuples = false;
            return Ok(());
        }
        self.avail_mem += process.chunk_space(self.memtuples);
        self.memtupsize = new;
        let huge = AllocFlags { huge: true, ..AllocFlags::default() };
        self.memtuples = process.repalloc_extended(self.memtuples, new * SORT_TUPLE, huge)?;
        self.avail_mem -= process.chunk_space(self.memtuples);
        process.tell(WorkEvent::SortGrew { slots: new })
    }

    /// `inittapes`, `inittapestate`
    fn inittapes(&mut self, process: &mut Process<'_>) -> Fallible<()> {
        // tuplesort_merge_order
        let order = self.allowed_mem / (2 * BLCKSZ + MERGE_BUFFER_SIZE);
        let order = order.clamp(MIN_ORDER, MAX_ORDER);
        self.max_tapes = order as u32;
        let tape_space = order * BLCKSZ;
        if tape_space + process.chunk_space(self.memtuples) < self.allowed_mem {
            self.avail_mem -= tape_space;
        }
        self.status = Status::BuildRuns;
        process.tell(WorkEvent::SortToTapes { tapes: self.max_tapes })?;
        self.selectnewtape(process)
    }

    /// A new tape for the next run while there may be more, whose buffer comes with the first
    /// write; then those there are in turn.
    fn selectnewtape(&mut self, process: &mut Process<'_>) -> Fallible<()> {
        self.output_runs += 1;
        if (self.outputs.len() as u32) < self.max_tapes {
            let buffer = process.memory_context_alloc(self.sort, BLCKSZ as u64, false)?;
            self.outputs.push(buffer);
        }
        Ok(())
    }

    fn dumptuples(&mut self, process: &mut Process<'_>, all: bool) -> Fallible<()> {
        if self.memtupcount < self.memtupsize && !self.lackmem() && !all {
            return Ok(());
        }
        if self.memtupcount == 0 && self.current_run > 0 {
            return Ok(());
        }
        if self.current_run > 0 {
            self.selectnewtape(process)?;
        }
        self.current_run += 1;
        let tuples = std::mem::take(&mut self.memtupcount);
        process.memory_context_reset(self.tuples)?;
        self.avail_mem += std::mem::take(&mut self.tuple_mem);
        process.tell(WorkEvent::SortSpilled { run: self.current_run, tuples })
    }

    /// `tuplesort_performsort`
    pub(crate) fn perform(&mut self, process: &mut Process<'_>) -> Fallible<()> {
        let method = match self.status {
            Status::Initial => SortMethod::Quicksort,
            Status::Bounded => SortMethod::TopNHeapsort,
            Status::BuildRuns => {
                self.dumptuples(process, true)?;
                self.mergeruns(process)?;
                match self.wanted.random_access {
                    true => SortMethod::ExternalSort,
                    false => SortMethod::ExternalMerge,
                }
            }
            Status::Done => return Ok(()),
        };
        self.status = Status::Done;
        process.tell(WorkEvent::SortDone { method })
    }

    fn mergeruns(&mut self, process: &mut Process<'_>) -> Fallible<()> {
        process.memory_context_reset_only(self.tuples)?;
        self.avail_mem += process.chunk_space(self.memtuples);
        process.pfree(self.memtuples)?;
        // init_slab_allocator: a slot for each input tape, and one for the tuple last returned
        let slots = self.outputs.len() as u64 + 1;
        process.memory_context_alloc(self.sort, slots * SLAB_SLOT_SIZE, false)?;
        self.avail_mem -= (slots * SLAB_SLOT_SIZE) as i64;
        self.memtupsize = self.outputs.len() as u64;
        let array = self.memtupsize * SORT_TUPLE;
        self.memtuples = process.memory_context_alloc(self.main, array, false)?;
        self.avail_mem -= process.chunk_space(self.memtuples);
        let tape_buffer_mem = std::mem::take(&mut self.avail_mem);
        let mut inputs: Vec<Addr> = Vec::new();
        loop {
            // LogicalTapeClose, and LogicalTapeRewindForRead of what was written
            let written = std::mem::take(&mut self.outputs);
            let tapes = written.len() as u32;
            for buffer in inputs.drain(..).chain(written) {
                process.pfree(buffer)?;
            }
            let mut runs = std::mem::take(&mut self.output_runs);
            let last = runs <= tapes && !self.wanted.random_access;
            let size = self.merge_read_buffer_size(tape_buffer_mem, tapes, runs);
            process.tell(WorkEvent::SortPass { runs, tapes, last })?;
            for _ in 0..tapes {
                inputs.push(process.memory_context_alloc(self.sort, size, false)?);
            }
            if last {
                return Ok(());
            }
            while runs > 0 {
                self.selectnewtape(process)?;
                runs -= runs.min(tapes);
            }
            if self.output_runs <= 1 {
                // LogicalTapeFreeze: one tape is read from now on, block by block.
                for buffer in inputs.drain(..).chain(std::mem::take(&mut self.outputs)) {
                    process.pfree(buffer)?;
                }
                process.memory_context_alloc(self.sort, BLCKSZ as u64, false)?;
                return Ok(());
            }
        }
    }

    /// Each input tape's share, in whole blocks (`LogicalTapeRewindForRead`).
    fn merge_read_buffer_size(&self, avail_mem: i64, tapes: u32, runs: u32) -> u64 {
        let tapes = tapes.max(1);
        let output_tapes = runs.div_ceil(tapes).min(self.max_tapes);
        let share = (avail_mem - BLCKSZ * i64::from(output_tapes)) / i64::from(tapes);
        let share = share.max(BLCKSZ);
        (share - share % BLCKSZ) as u64
    }
}
