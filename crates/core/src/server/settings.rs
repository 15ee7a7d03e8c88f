//! The settings of a server (`postgresql.conf`).
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
use crate::profile::parameters::{Context, MAX_BACKENDS, Parameter, Setting, Unit};
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
        let value = self.parsed(version, parameter, value)?;
        self.put(parameter.setting, value);
        Ok(())
    }

    /// A value's text, read and checked for a setting.
    pub(super) fn parsed(
        &self,
        version: Version,
        parameter: &Parameter,
        text: &str,
    ) -> Result<i32, SettingError> {
        let value = parse::value(parameter, text)?;
        self.checked(version.segment(), parameter, value)
    }

    /// Forget what was given: the default is in force again.
    pub(super) fn unset(&mut self, parameter: &Parameter) {
        match parameter.setting {
            Setting::SharedBuffers | Setting::TempBuffers => {
                self.put(parameter.setting, parameter.boot);
            }
            _ => {}
        }
        if let Some(given) = &mut self.given {
            Rc::make_mut(given).retain(|(setting, _)| *setting != parameter.setting);
        }
    }

    /// Have a setting as another file has it.
    pub(super) fn take_over(&mut self, parameter: &Parameter, file: &Self) {
        if parameter.setting == Setting::TempBuffers {
            return self.put(parameter.setting, file.temp_buffers as i32);
        }
        let mut given = file.given.iter().flat_map(|given| given.iter());
        match given.find(|(setting, _)| *setting == parameter.setting) {
            Some((setting, value)) => self.put(*setting, *value),
            None => self.unset(parameter),
        }
    }

    /// Whether it was given.
    pub(super) fn is_given(&self, setting: Setting) -> bool {
        let mut given = self.given.iter().flat_map(|given| given.iter());
        given.any(|(it, _)| *it == setting)
    }

    pub(super) fn put(&mut self, setting: Setting, value: i32) {
        match setting {
            Setting::SharedBuffers => self.shared_buffers = value as u32,
            Setting::TempBuffers => self.temp_buffers = value as u32,
            _ => {}
        }
        let given = Rc::make_mut(self.given.get_or_insert_default());
        given.retain(|(it, _)| *it != setting);
        given.push((setting, value));
    }

    /// The value given, or else the version's default; zero if the version has no such setting.
    pub fn get(&self, profile: &SegmentProfile, setting: Setting) -> i32 {
        if setting == Setting::SharedBuffers {
            return i32::try_from(self.shared_buffers).unwrap_or(i32::MAX);
        }
        if setting == Setting::TempBuffers {
            return i32::try_from(self.temp_buffers).unwrap_or(i32::MAX);
        }
        let Some(parameter) = parameter(profile, |it| it.setting == setting) else { return 0 };
        let mut given = self.given.iter().flat_map(|given| given.iter());
        given.find(|(it, _)| *it == setting).map_or(parameter.boot, |(_, value)| *value)
    }

    /// What the setting's check hook lets through, and as what.
    pub(super) fn checked(
        &self,
        profile: &SegmentProfile,
        parameter: &Parameter,
        value: i32,
    ) -> Result<i32, SettingError> {
        let Parameter { name, min, max, multiple_of, .. } = *parameter;
        if parameter.context == Context::Internal && parameter.setting != Setting::WalSegmentSize {
            return Err(SettingError::Internal(name));
        }
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
            // check_vacuum_buffer_usage_limit
            Setting::VacuumBufferUsageLimit if (1..128).contains(&value) => {
                Err(SettingError::VacuumRing { value, full_stop: profile.words.full_stop })
            }
            // check_autovacuum_work_mem: no less than maintenance_work_mem may be
            Setting::AutovacuumWorkMem if value != -1 => {
                let least = parameter_of(profile, Setting::MaintenanceWorkMem);
                Ok(value.max(least.map_or(0, |least| least.min)))
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
    parameters(profile).find(|parameter| is_it(parameter))
}

/// All settings of a version.
pub fn parameters(profile: &SegmentProfile) -> impl Iterator<Item = &'static Parameter> + use<> {
    let groups = profile.parameters.iter().chain(profile.others);
    groups.flat_map(|group| group.iter())
}

/// A version's setting by what it is.
pub fn parameter_of(profile: &SegmentProfile, setting: Setting) -> Option<&'static Parameter> {
    parameter(profile, |it| it.setting == setting)
}

/// A value as `SHOW` writes it.
pub fn shown(parameter: &Parameter, value: i32) -> String {
    parse::shown(parameter, value)
}

/// A value as `pg_settings.setting` has it.
pub fn plain(parameter: &Parameter, value: i32) -> String {
    match parameter.unit {
        Unit::Real => parse::real(value),
        _ if parameter.words.is_empty() => value.to_string(),
        _ => parse::shown(parameter, value),
    }
}

/// `pg_settings.unit`.
pub fn unit_name(unit: Unit) -> &'static str {
    parse::unit_name(unit)
}
