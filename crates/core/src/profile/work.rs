//! How much memory sorts, hash tables and stored results may take, and in which contexts.

use crate::op::Allocator;

/// What uses `work_mem`.
#[derive(Debug)]
pub struct WorkProfile {
    /// The allocator of a sort's `Caller tuples`, unless the sort is bounded.
    pub sort_tuples: Allocator,
    /// A hash join keeps what belongs to its files in a `HashSpillContext`.
    pub hash_spill_context: bool,
    /// A hash join weighs its batches' file buffers against a larger table.
    pub fewer_batches: bool,
    /// The context that a hashed aggregate has its groups in, if it is one of their own.
    pub hashed_tuples: Option<&'static str>,
    /// A tuplestore has its tuples in a context of their own.
    pub tuplestore_context: bool,
}

/// `ALLOCSET_DEFAULT_SIZES`
const SIZES: (u64, u64, u64) = (0, 8 * 1024, 8 * 1024 * 1024);
const GENERATION: Allocator = Allocator::Generation { min: SIZES.0, init: SIZES.1, max: SIZES.2 };
const BUMP: Allocator = Allocator::Bump { min: SIZES.0, init: SIZES.1, max: SIZES.2 };

impl WorkProfile {
    pub(super) const OF_15: Self = Self {
        sort_tuples: GENERATION,
        hash_spill_context: false,
        fewer_batches: false,
        hashed_tuples: None,
        tuplestore_context: false,
    };
    pub(super) const OF_17: Self =
        Self { sort_tuples: BUMP, hash_spill_context: true, ..Self::OF_15 };
    pub(super) const OF_18: Self = Self {
        fewer_batches: true,
        hashed_tuples: Some("HashAgg table context"),
        tuplestore_context: true,
        ..Self::OF_17
    };
    pub(super) const OF_19: Self =
        Self { hashed_tuples: Some("HashAgg hashed tuples"), ..Self::OF_18 };

    /// Where a tuplestore's tuples are, if they have a context.
    pub(crate) fn tuplestore(&self) -> Option<Allocator> {
        self.tuplestore_context.then_some(GENERATION)
    }

    /// A sort knows what its tuples take without asking: their chunks have no headers.
    pub(crate) fn bump_tuples(&self) -> bool {
        matches!(self.sort_tuples, Allocator::Bump { .. })
    }
}
