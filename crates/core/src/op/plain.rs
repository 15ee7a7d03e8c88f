//! Which allocator a context gets that does not name one.
//!
//! PostgreSQL's code names the allocator wherever it creates a context, and nearly everywhere it
//! is AllocSet. Here a cargo feature can put another in its place: `default-aset` (which is what
//! you get without any), `default-generation`, `default-slab` or `default-bump`. Then every
//! context is of that kind that a real server makes with `AllocSetContextCreate`: a plain
//! `create context`, TopMemoryContext, FunctionCallContext and the rest of a backend's own.
//!
//! What the others make of that: a [Generation](Allocator::Generation) context takes the same
//! sizes. [Bump](Allocator::Bump) has no `pfree` and came with PostgreSQL 17, so that a backend
//! of an older version can't start. [Slab](Allocator::Slab) has one chunk size, [`SLAB_CHUNK`];
//! asking for another is PostgreSQL's error.

use super::Allocator;
use crate::error::Error;
use crate::profile::Profile;

/// Bytes of the chunks of a plain context that is a Slab: as large as a catalog cache's
/// smaller entries and most nodes of a plan.
pub const SLAB_CHUNK: u64 = 64;

#[cfg(not(any(feature = "aset", feature = "slab", feature = "generation", feature = "bump")))]
compile_error!("pgscope needs an allocator: one of the features aset, slab, generation, bump");

#[cfg(any(
    all(feature = "default-aset", feature = "default-slab"),
    all(feature = "default-aset", feature = "default-generation"),
    all(feature = "default-aset", feature = "default-bump"),
    all(feature = "default-slab", feature = "default-generation"),
    all(feature = "default-slab", feature = "default-bump"),
    all(feature = "default-generation", feature = "default-bump"),
))]
compile_error!("only one of the features default-aset, default-slab, ... can be chosen");

/// A kind of context.
#[derive(Clone, Copy)]
enum Kind {
    AllocSet,
    Generation,
    Slab,
    Bump,
}

/// The kind of a plain context: the one that was chosen, else the first of AllocSet, Generation,
/// Slab and Bump that is there.
const PLAIN: Kind = if cfg!(feature = "default-slab") {
    Kind::Slab
} else if cfg!(feature = "default-generation") {
    Kind::Generation
} else if cfg!(feature = "default-bump") {
    Kind::Bump
} else if cfg!(feature = "aset") {
    Kind::AllocSet
} else if cfg!(feature = "generation") {
    Kind::Generation
} else if cfg!(feature = "slab") {
    Kind::Slab
} else {
    Kind::Bump
};

impl Allocator {
    /// What a context gets that is created without a word about it: AllocSet with
    /// `ALLOCSET_DEFAULT_SIZES`, unless this build chose another.
    pub const PLAIN: Self = Self::plain(0, 8 * 1024, 8 * 1024 * 1024);
    /// The same with `ALLOCSET_SMALL_SIZES`.
    pub const PLAIN_SMALL: Self = Self::plain(0, 1024, 8 * 1024);

    /// The kind of a plain context with these block sizes. A Slab's blocks all have the initial
    /// size.
    pub const fn plain(min: u64, init: u64, max: u64) -> Self {
        match PLAIN {
            Kind::AllocSet => Self::AllocSet { min, init, max },
            Kind::Generation => Self::Generation { min, init, max },
            Kind::Slab => Self::Slab { block: init, chunk: SLAB_CHUNK },
            Kind::Bump => Self::Bump { min, init, max },
        }
    }

    /// The cargo feature that brings the allocator into a build.
    pub fn feature(self) -> &'static str {
        match self {
            Self::AllocSet { .. } => "aset",
            Self::Slab { .. } => "slab",
            Self::Generation { .. } => "generation",
            Self::Bump { .. } => "bump",
        }
    }

    /// That a version has the allocator of plain contexts, without which no backend can start.
    pub(crate) fn check_plain(profile: &Profile) -> Result<(), Error> {
        match PLAIN {
            Kind::Bump if !profile.mmgr.bump => Err(Error::NotInVersion(
                "Bump contexts, of which this build makes every plain one (feature default-bump)",
            )),
            _ => Ok(()),
        }
    }
}
