//! What a program can do wrong with a pointer that `palloc` returned.
//!
//! C does not stop it, and a production build of PostgreSQL does not notice: the routine works
//! on whatever bytes are there. Here it does the same, and an event says beforehand that it will.

/// What is done with the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `pfree`
    Free,
    /// `repalloc`
    Resize,
    /// The bytes behind it are read.
    Read,
    /// The bytes behind it are written.
    Write,
}

impl Access {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Resize => "resize",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

impl Wrong {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gone(Gone::Freed) => "freed",
            Self::Gone(Gone::WithContext) => "context_gone",
            Self::PastEnd => "past_end",
            Self::Foreign => "foreign",
        }
    }
}

/// Where the chunk went that a pointer still points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// `pfree` gave it back to its context.
    Freed,
    /// Its context was reset or deleted.
    WithContext,
}

/// What is wrong with an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The chunk is gone.
    Gone(Gone),
    /// It goes past the bytes that were asked for.
    PastEnd,
    /// The pointer is another process's: in this one the address means nothing.
    Foreign,
}
