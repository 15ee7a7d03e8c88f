//! What happens to plans and to what the executor's nodes keep within `work_mem`.

/// An event of a backend's plan cache or of a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WorkEvent {
    /// A plan was chosen for a prepared statement (`choose_custom_plan`).
    PlanChosen {
        /// Planned for these parameters; otherwise the generic plan.
        custom: bool,
        /// The generic plan was there already.
        cached: bool,
        /// Custom plans that were made so far, this one included.
        custom_plans: u32,
        /// Their average cost.
        average: f64,
        /// The generic plan's cost; below zero if it is not known.
        generic: f64,
    },
    /// A prepared statement was no longer valid and is analyzed again (`RevalidateCachedQuery`).
    Revalidated,
    /// The array of sort tuples was made larger (`grow_memtuples`).
    SortGrew {
        /// Tuples that it has room for.
        slots: u64,
    },
    /// A bounded sort keeps only as many tuples as are wanted (`make_bounded_heap`).
    SortBounded {
        /// How many.
        bound: u64,
    },
    /// More than `work_mem`: the tuples will go to tapes (`inittapes`).
    SortToTapes {
        /// Tapes.
        tapes: u32,
    },
    /// The tuples in memory were sorted and written to a tape (`dumptuples`).
    SortSpilled {
        /// The run, counted from 1.
        run: u32,
        /// Its tuples.
        tuples: u64,
    },
    /// Runs from each input tape are merged (`mergeruns`).
    SortPass {
        /// Runs to merge.
        runs: u32,
        /// Input tapes.
        tapes: u32,
        /// It is the last pass, done while the tuples are fetched.
        last: bool,
    },
    /// The tuples can be fetched.
    SortDone {
        /// How they were sorted.
        method: SortMethod,
    },
    /// A hash table was sized (`ExecChooseHashTableSize`).
    HashSized {
        /// Its buckets.
        buckets: u64,
        /// Its batches.
        batches: u64,
    },
    /// The number of buckets was raised (`ExecHashIncreaseNumBuckets`).
    HashBuckets {
        /// How many there are.
        buckets: u64,
    },
    /// The number of batches was doubled (`ExecHashIncreaseNumBatches`).
    HashBatches {
        /// How many there are.
        batches: u64,
        /// Tuples that stay in memory.
        kept: u64,
        /// Tuples that were written out.
        written: u64,
    },
    /// All rows are in the hash table or in its files; what EXPLAIN ANALYZE says of it.
    HashDone {
        /// `Buckets`
        buckets: u64,
        /// `Batches`
        batches: u64,
        /// `Memory Usage` in kB
        peak_kb: u64,
    },
    /// The hash table may become larger: more batches would need more memory for their files
    /// (`ExecHashIncreaseBatchSize`).
    HashAllowed {
        /// Bytes.
        bytes: u64,
    },
    /// A hashed aggregate's table was sized (`hash_choose_num_buckets`).
    AggSized {
        /// Its buckets.
        buckets: u64,
    },
    /// It grew (`SH_GROW`).
    AggGrew {
        /// How many buckets there are.
        buckets: u64,
    },
    /// It is as large as it may be: from now on rows of other groups are written out
    /// (`hash_agg_enter_spill_mode`).
    AggSpills {
        /// The groups that it has.
        groups: u64,
        /// The files.
        partitions: u64,
    },
    /// All rows have come.
    AggFilled {
        /// Groups in memory.
        groups: u64,
        /// Rows that were written out.
        spilled: u64,
        /// `Memory Usage` in kB, as far as this batch goes.
        peak_kb: u64,
    },
}

/// `TuplesortMethod`, as EXPLAIN names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortMethod {
    /// `quicksort`
    Quicksort,
    /// `top-N heapsort`
    TopNHeapsort,
    /// `external sort`: the result is on one tape.
    ExternalSort,
    /// `external merge`: the last merge goes on while tuples are fetched.
    ExternalMerge,
}

impl SortMethod {
    /// EXPLAIN's words (`tuplesort_method_name`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Quicksort => "quicksort",
            Self::TopNHeapsort => "top-N heapsort",
            Self::ExternalSort => "external sort",
            Self::ExternalMerge => "external merge",
        }
    }
}
