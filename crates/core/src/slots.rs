//! Variables by their numbers: a backend's contexts, chunks, pins and rings.
//!
//! A scenario's names are numbers here, and each backend keeps one vector for each kind of
//! variable, which grows to the largest number used.

use crate::error::Error;

/// The most slots of one kind that a backend may use; a bound on untrusted scenarios.
const MAX_SLOTS: u32 = 1 << 20;

/// A variable's place among a backend's variables; a new one holds `nothing`.
///
/// # Errors
/// [`Error::Limit`] past [`MAX_SLOTS`].
pub(crate) fn entry<T: Clone>(slots: &mut Vec<T>, slot: u32, nothing: T) -> Result<&mut T, Error> {
    if slot >= MAX_SLOTS {
        return Err(Error::Limit { what: "names", limit: MAX_SLOTS.into() });
    }
    let index = slot as usize;
    if slots.len() <= index {
        slots.resize(index + 1, nothing);
    }
    Ok(&mut slots[index])
}
