//! Settings that decide how shared memory is laid out.

use crate::error::Error;

/// Buffers that a server of the playground may have: 1 GB of pages. PostgreSQL itself
/// allows more than a browser's tab.
pub const MAX_SHARED_BUFFERS: u32 = 131_072;
/// The least that PostgreSQL starts with.
pub const MIN_SHARED_BUFFERS: u32 = 16;

/// The settings of a server (`postgresql.conf`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `shared_buffers`, in buffers of 8 kB.
    pub shared_buffers: u32,
}

impl Default for Settings {
    /// PostgreSQL's own defaults: 128 MB.
    fn default() -> Self {
        Self { shared_buffers: 16_384 }
    }
}

impl Settings {
    /// Whether every setting is within its range.
    ///
    /// # Errors
    /// [`Error::SettingOutOfRange`].
    pub fn check(&self) -> Result<(), Error> {
        let (min, max) = (MIN_SHARED_BUFFERS, MAX_SHARED_BUFFERS);
        if (min..=max).contains(&self.shared_buffers) {
            return Ok(());
        }
        Err(Error::SettingOutOfRange {
            name: "shared_buffers",
            value: self.shared_buffers,
            min,
            max,
        })
    }
}
