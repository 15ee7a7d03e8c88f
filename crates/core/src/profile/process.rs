//! Which processes a version's postmaster starts, and how they come by their slots in shared memory
//! (`postmaster.c`, `proc.c`).

use super::Version;

/// What a process is (`BackendType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendType {
    /// The parent of all others, which has no slot.
    Postmaster,
    /// It serves a client.
    ClientBackend,
    /// It reads ahead for others.
    IoWorker,
    /// It writes all dirty pages from time to time.
    Checkpointer,
    /// It writes those that are about to be taken.
    BackgroundWriter,
    /// It writes the log.
    WalWriter,
    /// It has tables vacuumed.
    AutovacuumLauncher,
    /// It has subscriptions followed.
    LogicalReplicationLauncher,
    /// It makes the files right before anyone connects.
    Startup,
}

impl BackendType {
    /// `pg_stat_activity.backend_type`; the postmaster is not in that view.
    pub fn word(self) -> &'static str {
        match self {
            Self::Postmaster => "postmaster",
            Self::ClientBackend => "client backend",
            Self::IoWorker => "io worker",
            Self::Checkpointer => "checkpointer",
            Self::BackgroundWriter => "background writer",
            Self::WalWriter => "walwriter",
            Self::AutovacuumLauncher => "autovacuum launcher",
            Self::LogicalReplicationLauncher => "logical replication launcher",
            Self::Startup => "startup",
        }
    }
}

/// How a version does it.
#[derive(Debug)]
pub struct ProcessProfile {
    /// The lists of free slots are stacks: the last slot is the first to be taken, and so is the one given
    /// back last. Later they are queues.
    pub stack: bool,
    /// Virtual transactions are called by a `BackendId`; later by the number of the `PGPROC`.
    pub backend_ids: bool,
    /// I/O workers are started before all others, if `io_method` wants them.
    pub io_workers: bool,
    /// What an ordinary role is told whose connection would be one of those kept back.
    pub reserved: &'static str,
}

const FOR_SUPERUSERS: &str =
    "remaining connection slots are reserved for roles with the SUPERUSER attribute";

static STACK: ProcessProfile = ProcessProfile {
    stack: true,
    backend_ids: true,
    io_workers: false,
    reserved: "remaining connection slots are reserved for non-replication superuser connections",
};
static QUEUE: ProcessProfile = ProcessProfile {
    stack: false,
    backend_ids: false,
    io_workers: false,
    reserved: FOR_SUPERUSERS,
};
static IO_WORKERS: ProcessProfile =
    ProcessProfile { stack: false, backend_ids: false, io_workers: true, reserved: FOR_SUPERUSERS };

impl Version {
    /// What is particular to this version's processes.
    pub fn processes(self) -> &'static ProcessProfile {
        match self {
            Version::V15 | Version::V15_20 => &STACK,
            Version::V17 => &QUEUE,
            Version::V18 | Version::V19 => &IO_WORKERS,
        }
    }
}
