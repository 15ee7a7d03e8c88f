//! Settings that decide how shared memory is laid out.

use crate::bufmgr::localbuf::{DEFAULT_TEMP_BUFFERS, MAX_TEMP_BUFFERS};
use crate::error::Error;

/// Buffers that a server of the playground may have: 1 GB of pages. PostgreSQL itself
/// allows more than a browser's tab.
pub const MAX_SHARED_BUFFERS: u32 = 131_072;
/// The least that PostgreSQL starts with.
pub const MIN_SHARED_BUFFERS: u32 = 16;

/// The least `temp_buffers`.
pub const MIN_TEMP_BUFFERS: u32 = 100;

/// The settings of a server (`postgresql.conf`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `shared_buffers`, in buffers of 8 kB.
    pub shared_buffers: u32,
    /// `temp_buffers`, likewise.
    pub temp_buffers: u32,
}

impl Default for Settings {
    /// PostgreSQL's own defaults: 128 MB.
    fn default() -> Self {
        Self { shared_buffers: 16_384, temp_buffers: DEFAULT_TEMP_BUFFERS }
    }
}

impl Settings {
    /// Whether every setting is within its range.
    ///
    /// # Errors
    /// [`Error::SettingOutOfRange`].
    pub fn check(&self) -> Result<(), Error> {
        let settings = [
            ("shared_buffers", self.shared_buffers, MIN_SHARED_BUFFERS, MAX_SHARED_BUFFERS),
            ("temp_buffers", self.temp_buffers, MIN_TEMP_BUFFERS, MAX_TEMP_BUFFERS),
        ];
        for (name, value, min, max) in settings {
            if !(min..=max).contains(&value) {
                return Err(Error::SettingOutOfRange { name, value, min, max });
            }
        }
        Ok(())
    }
}
