//! Events of processes, and of the settings that they live by.

use crate::ids::BackendId;
use crate::profile::BackendType;
use crate::profile::parameters::Setting;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its client went.
    Disconnected,
    /// A signal killed it: 11 is SIGSEGV, 6 is SIGABRT.
    Killed(u8),
    /// The postmaster told it to quit, since another had crashed.
    CrashOfAnother,
    /// The server was stopped.
    Administrator,
    /// It was turned away when it connected.
    Refused,
}

impl End {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Killed(_) => "killed",
            Self::CrashOfAnother => "crash_of_another",
            Self::Administrator => "administrator",
            Self::Refused => "refused",
        }
    }
}

/// What happened to processes and to what they share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessEvent {
    /// A process took a slot in shared memory (`InitProcess`, `InitAuxiliaryProcess`).
    Started {
        /// What it is.
        kind: BackendType,
        /// Its number in the operating system.
        pid: u32,
        /// Its `PGPROC`, counted from 0.
        proc: u32,
    },
    /// A process ended (`proc_exit`, or a signal).
    Ended {
        /// What it was.
        kind: BackendType,
        /// Whose it was, if it was a client's.
        backend: Option<BackendId>,
        /// Its number.
        pid: u32,
        /// Why.
        why: End,
    },
    /// The postmaster laid out shared memory anew; whatever was in it is gone.
    Reinitialized {
        /// Bytes.
        total: u64,
    },
    /// The startup process read the log from the last checkpoint on.
    Recovered {
        /// Pages whose last change it found there, and made again.
        redone: u32,
        /// Pages whose last change had not been flushed, and is lost.
        lost: u32,
    },
    /// A setting has another value: a session's, or the whole server's.
    SettingChanged {
        /// Whose; the server's for all, if nobody's.
        backend: Option<BackendId>,
        /// Which.
        setting: Setting,
        /// The value before.
        from: i32,
        /// The value now.
        to: i32,
    },
    /// The configuration file has another value for a setting, which takes a restart.
    PendingRestart(Setting),
}
