//! What PostgreSQL says of settings that it does not take.

use std::fmt;

use crate::error::ErrorCode;

/// A setting that is wrong, or settings that are wrong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingError {
    /// No such setting in this version.
    Unknown(String),
    /// A value that can't be read.
    Invalid {
        /// The setting.
        name: &'static str,
        /// The value as given.
        value: String,
        /// What PostgreSQL adds.
        hint: String,
    },
    /// A boolean that is none.
    NotBoolean {
        /// The setting.
        name: &'static str,
    },
    /// A number outside its range.
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// The value, in the setting's unit.
        value: i32,
        /// The least.
        min: i32,
        /// The most.
        max: i32,
        /// The unit.
        unit: &'static str,
        /// The unit where it stands behind the limits too.
        range_unit: &'static str,
    },
    /// A real number outside its range.
    RealOutOfRange {
        /// The setting.
        name: &'static str,
        /// The value.
        value: String,
        /// The least.
        min: String,
        /// The most.
        max: String,
    },
    /// `PGC_INTERNAL`: it only says what is.
    Internal(&'static str),
    /// `PGC_POSTMASTER`, outside of a start.
    NeedsRestart(&'static str),
    /// `PGC_SIGHUP`, in a session.
    NotNow(&'static str),
    /// `PGC_SUSET`, and not a superuser.
    PermissionDenied(&'static str),
    /// `check_temp_buffers`: the session has its local buffers.
    TempBuffersInUse(i32),
    /// `check_vacuum_buffer_usage_limit`.
    VacuumRing {
        /// The value.
        value: i32,
        /// How the version ends a detail.
        full_stop: &'static str,
    },
    /// More than the playground has room for.
    TooMuch {
        /// The setting.
        name: &'static str,
        /// The most.
        most: u32,
    },
    /// An SLRU's buffers that are no whole banks (`check_slru_buffers`).
    NotMultiple {
        /// The setting.
        name: &'static str,
        /// The value.
        value: i32,
        /// Buffers of a bank.
        of: i32,
        /// How the version ends a detail.
        full_stop: &'static str,
    },
    /// A number of processes that makes too many with the others (`check_max_connections`).
    TooManyWith {
        /// The setting.
        name: &'static str,
        /// The value.
        value: i32,
    },
    /// `io_max_concurrency = 0`.
    NoConcurrency {
        /// The setting.
        name: &'static str,
    },
    /// `MaxBackends` beyond `MAX_BACKENDS`.
    TooManyBackends {
        /// The version's words.
        message: &'static str,
        /// The settings that it adds up.
        detail: String,
    },
    /// Connections kept back leave none to others.
    ReservedConnections {
        /// `superuser_reserved_connections`.
        superuser: i32,
        /// `reserved_connections`, if the version has it.
        reserved: Option<i32>,
        /// `max_connections`.
        connections: i32,
    },
    /// WAL senders, but nothing in WAL for them.
    WalStreaming(&'static str),
    /// `io_method = io_uring`: the kernel says how much memory its rings take.
    IoUring,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "unrecognized configuration parameter \"{name}\""),
            Self::Invalid { name, value, .. } => {
                write!(f, "invalid value for parameter \"{name}\": \"{value}\"")
            }
            Self::NotBoolean { name } => {
                write!(f, "parameter \"{name}\" requires a Boolean value")
            }
            Self::OutOfRange { name, value, min, max, unit, range_unit } => {
                let [unit, range_unit] = [unit, range_unit]
                    .map(|it| if it.is_empty() { "" } else { " " }.to_owned() + it);
                write!(
                    f,
                    "{value}{unit} is outside the valid range for parameter \"{name}\" \
                     ({min}{range_unit} .. {max}{range_unit})"
                )
            }
            Self::RealOutOfRange { name, value, min, max } => write!(
                f,
                "{value} is outside the valid range for parameter \"{name}\" ({min} .. {max})"
            ),
            Self::Internal(name) => write!(f, "parameter \"{name}\" cannot be changed"),
            Self::NeedsRestart(name) => {
                write!(f, "parameter \"{name}\" cannot be changed without restarting the server")
            }
            Self::NotNow(name) => write!(f, "parameter \"{name}\" cannot be changed now"),
            Self::PermissionDenied(name) => {
                write!(f, "permission denied to set parameter \"{name}\"")
            }
            Self::TempBuffersInUse(value) => {
                write!(f, "invalid value for parameter \"temp_buffers\": {value}")
            }
            Self::VacuumRing { value, .. } => {
                write!(f, "invalid value for parameter \"vacuum_buffer_usage_limit\": {value}")
            }
            Self::TooMuch { name, most } => {
                write!(f, "pgscope has room for {name} = {most}, not more")
            }
            Self::NotMultiple { name, value, .. } | Self::TooManyWith { name, value } => {
                write!(f, "invalid value for parameter \"{name}\": {value}")
            }
            Self::NoConcurrency { name } => {
                write!(f, "invalid value for parameter \"{name}\": 0")
            }
            Self::TooManyBackends { message, .. } | Self::WalStreaming(message) => {
                f.write_str(message)
            }
            Self::ReservedConnections { superuser, reserved: None, connections } => write!(
                f,
                "superuser_reserved_connections ({superuser}) must be less than \
                 max_connections ({connections})"
            ),
            Self::ReservedConnections { superuser, reserved: Some(reserved), connections } => {
                write!(
                    f,
                    "\"superuser_reserved_connections\" ({superuser}) plus \
                 \"reserved_connections\" ({reserved}) must be less than \
                 \"max_connections\" ({connections})"
                )
            }
            Self::IoUring => f.write_str("the memory of io_uring's rings depends on the kernel"),
        }
    }
}

impl SettingError {
    /// PostgreSQL's `DETAIL` or `HINT`, empty if there is none.
    pub fn detail(&self) -> String {
        match self {
            Self::Invalid { hint: detail, .. } | Self::TooManyBackends { detail, .. } => {
                detail.clone()
            }
            Self::NotMultiple { name, of, full_stop, .. } => {
                format!("\"{name}\" must be a multiple of {of}{full_stop}")
            }
            Self::TempBuffersInUse(_) => "\"temp_buffers\" cannot be changed after any temporary \
                tables have been accessed in the session."
                .to_owned(),
            Self::VacuumRing { full_stop, .. } => format!(
                "\"vacuum_buffer_usage_limit\" must be 0 or between 128 kB and 16777216 kB{full_stop}"
            ),
            Self::NoConcurrency { .. } => "Only -1 or values bigger than 0 are valid.".to_owned(),
            _ => String::new(),
        }
    }
}

impl SettingError {
    /// Whether [`SettingError::detail`] is a `HINT`.
    pub fn is_hint(&self) -> bool {
        matches!(self, Self::Invalid { .. })
    }

    /// The error's kind.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unknown(_) => ErrorCode::UndefinedObject,
            Self::Internal(_) | Self::NeedsRestart(_) | Self::NotNow(_) => {
                ErrorCode::CantChangeRuntimeParam
            }
            Self::PermissionDenied(_) => ErrorCode::InsufficientPrivilege,
            Self::TooMuch { .. } | Self::IoUring => ErrorCode::Playground,
            _ => ErrorCode::InvalidParameterValue,
        }
    }
}

impl std::error::Error for SettingError {}
