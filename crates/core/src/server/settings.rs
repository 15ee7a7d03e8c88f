//! The settings that decide how shared memory is laid out (`postgresql.conf`).
//!
//! [`Settings`] holds what was given; what was not is the version's default. A value is checked when
//! it is given ([`Settings::set`]), and what the settings come to together when the segment is
//! laid out ([`Segment::new`](super::segment::Segment::new)).

mod error;
mod parse;

pub use error::SettingError;
pub(super) use parse::INTEGER_RANGE_HINT;

use std::rc::Rc;

use crate::bufmgr::localbuf::{DEFAULT_TEMP_BUFFERS, MAX_TEMP_BUFFERS};
use crate::error::Error;
use crate::profile::Version;
use crate::profile::parameters::{MAX_BACKENDS, Parameter, Setting};
use crate::profile::segment::SegmentProfile;

/// Buffers that a server of the playground may have: 1 GB of pages. PostgreSQL itself
/// allows more than a browser's tab.
pub const MAX_SHARED_BUFFERS: u32 = 131_072;
/// The least that PostgreSQL starts with.
pub const MIN_SHARED_BUFFERS: u32 = 16;

/// The least `temp_buffers`.
pub const MIN_TEMP_BUFFERS: u32 = 100;

/// Settings that count processes, until autovacuum had slots.
const PROCESSES: [Setting; 4] = [
    Setting::MaxConnections,
    Setting::MaxWorkerProcesses,
    Setting::MaxWalSenders,
    Setting::AutovacuumMaxWorkers,
];

/// The settings of a server (`postgresql.conf`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `shared_buffers`, in buffers of 8 kB.
    pub shared_buffers: u32,
    /// `temp_buffers`, likewise.
    pub temp_buffers: u32,
    /// The others that were given. Snapshots of a server share them.
    given: Option<Rc<Vec<(Setting, i32)>>>,
}

impl Default for Settings {
    /// PostgreSQL's own defaults: 128 MB.
    fn default() -> Self {
        Self::with_shared_buffers(16_384)
    }
}

impl Settings {
    /// The defaults, but for the size of the pool.
    pub fn with_shared_buffers(shared_buffers: u32) -> Self {
        Self { shared_buffers, temp_buffers: DEFAULT_TEMP_BUFFERS, given: None }
    }

    /// Whether a server of the playground can have them.
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

    /// A line of `postgresql.conf` (`parse_and_validate_value`).
    ///
    /// # Errors
    /// A name or value that this version does not know or allow.
    pub fn set(&mut self, version: Version, name: &str, value: &str) -> Result<(), SettingError> {
        let profile = version.segment();
        let parameter = parameter(profile, |it| it.name.eq_ignore_ascii_case(name.trim()));
        let parameter = parameter.ok_or_else(|| SettingError::Unknown(name.to_owned()))?;
        let value = parse::value(parameter, value)?;
        let value = self.checked(profile, parameter, value)?;
        if parameter.setting == Setting::SharedBuffers {
            self.shared_buffers = value as u32;
            return Ok(());
        }
        self.give(parameter.setting, value);
        Ok(())
    }

    /// `max_connections`, at least 1 and at most so many as process numbers allow.
    pub fn set_max_connections(&mut self, connections: u32) {
        let connections = connections.clamp(1, MAX_BACKENDS as u32);
        self.give(Setting::MaxConnections, connections as i32);
    }

    fn give(&mut self, setting: Setting, value: i32) {
        let given = Rc::make_mut(self.given.get_or_insert_default());
        given.retain(|(known, _)| *known != setting);
        given.push((setting, value));
    }

    /// The value given, if one was.
    pub(crate) fn given(&self, setting: Setting) -> Option<i32> {
        let mut given = self.given.iter().flat_map(|given| given.iter());
        given.find(|(known, _)| *known == setting).map(|(_, value)| *value)
    }

    /// The value given, or else the version's default; zero if the version has no such setting.
    pub fn get(&self, profile: &SegmentProfile, setting: Setting) -> i32 {
        if setting == Setting::SharedBuffers {
            return i32::try_from(self.shared_buffers).unwrap_or(i32::MAX);
        }
        let Some(parameter) = parameter(profile, |it| it.setting == setting) else { return 0 };
        self.given(setting).unwrap_or(parameter.boot)
    }

    /// What the setting's check hook lets through, and as what.
    fn checked(
        &self,
        profile: &SegmentProfile,
        parameter: &Parameter,
        value: i32,
    ) -> Result<i32, SettingError> {
        let Parameter { name, min, max, multiple_of, .. } = *parameter;
        if !(min..=max).contains(&value) {
            let unit = parse::unit_name(parameter.unit);
            let range_unit = if profile.words.range_has_units { unit } else { "" };
            return Err(SettingError::OutOfRange { name, value, min, max, unit, range_unit });
        }
        if value % multiple_of != 0 {
            let full_stop = profile.words.full_stop;
            return Err(SettingError::NotMultiple { name, value, of: multiple_of, full_stop });
        }
        match parameter.setting {
            // check_io_max_concurrency
            Setting::IoMaxConcurrency if value == 0 => Err(SettingError::NoConcurrency { name }),
            // check_max_connections and its like
            setting if PROCESSES.contains(&setting) => {
                let others = PROCESSES.into_iter().filter(|other| *other != setting);
                let others: i32 = others.map(|other| self.get(profile, other)).sum();
                match profile.words.checked_alone {
                    Some(special) if value + others + special > MAX_BACKENDS => {
                        Err(SettingError::TooManyWith { name, value })
                    }
                    _ => Ok(value),
                }
            }
            // check_wal_buffers: at least 4
            Setting::WalBuffers if value != -1 => Ok(value.max(4)),
            _ => Ok(value),
        }
    }
}

/// A version's setting.
pub fn parameter(
    profile: &SegmentProfile,
    is_it: impl Fn(&Parameter) -> bool,
) -> Option<&'static Parameter> {
    profile.parameters.iter().flat_map(|group| group.iter()).find(|parameter| is_it(parameter))
}
