//! What PostgreSQL says of settings that it does not take.

use std::fmt;

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
            Self::NoConcurrency { .. } => "Only -1 or values bigger than 0 are valid.".to_owned(),
            _ => String::new(),
        }
    }
}

impl std::error::Error for SettingError {}
