//! What a scenario says about memory contexts.

use pgscope_core::views::View;

use crate::units::Quantity;

/// A memory context's allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextKind {
    /// `allocset`
    AllocSet,
    /// `slab`
    Slab,
    /// `generation`
    Generation,
    /// `bump`
    Bump,
}

impl ContextKind {
    /// The word for each.
    pub(crate) const WORDS: [(&'static str, Self); 4] = [
        ("allocset", Self::AllocSet),
        ("slab", Self::Slab),
        ("generation", Self::Generation),
        ("bump", Self::Bump),
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}

/// The sizes of a new memory context, as far as they are said.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ContextSizes {
    /// `ALLOCSET_SMALL_SIZES` instead of `ALLOCSET_DEFAULT_SIZES`.
    pub small: bool,
    /// `minContextSize`
    pub min: Option<Quantity>,
    /// `initBlockSize`
    pub init: Option<Quantity>,
    /// `maxBlockSize`
    pub max: Option<Quantity>,
    /// `blockSize` of a slab.
    pub block: Option<Quantity>,
    /// `chunkSize` of a slab.
    pub chunk: Option<Quantity>,
}

/// What a backend shows of its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// `contexts`: the rows of `pg_backend_memory_contexts`.
    Contexts,
    /// `stats`: what `MemoryContextStats` writes.
    Stats,
    /// `log`: what `pg_log_backend_memory_contexts` logs.
    Log,
    /// `fragmentation`: where the bytes of each context are.
    Fragmentation,
    /// `malloc`: what it cost, and what it would have cost without contexts.
    Malloc,
    /// A view of the server: `pg_buffercache`.
    View(View),
    /// A setting.
    Setting(&'static str),
}

impl Shown {
    /// The word for each.
    pub(crate) const WORDS: [(&'static str, Self); 5] = [
        ("contexts", Self::Contexts),
        ("stats", Self::Stats),
        ("log", Self::Log),
        ("fragmentation", Self::Fragmentation),
        ("malloc", Self::Malloc),
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::View(view) => view.name(),
            Self::Setting(name) => name,
            _ => Self::WORDS.iter().find(|(_, shown)| *shown == self).map_or("", |(word, _)| word),
        }
    }
}

/// How much of a context's family a reset or delete concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The context and everything below it.
    All,
    /// `only`: the context, but nothing below it.
    Only,
    /// `children`: everything below it, but not the context.
    Children,
}

impl Family {
    /// The word for it, with the space before it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Only => " only",
            Self::Children => " children",
        }
    }
}
