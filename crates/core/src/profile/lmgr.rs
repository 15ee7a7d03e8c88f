//! What differs in the lock manager.

/// The lock manager's part of a version.
#[derive(Debug)]
pub struct LmgrProfile {
    /// The number of fast-path slots follows `max_locks_per_transaction`, in groups of sixteen;
    /// otherwise there is one group.
    pub fast_path_groups: bool,
    /// The shared tables are allocated whole at start and never grow.
    pub fixed_tables: bool,
    /// Who won't wait may still be granted a lock ahead of waiters that it would block.
    pub nowait_goes_ahead: bool,
    /// An error while waiting says in its context what was waited for.
    pub waiting_context: bool,
    /// The hint that goes with "out of shared memory".
    pub out_of_memory_hint: &'static str,
}

const QUOTED: &str = "You might need to increase \"max_locks_per_transaction\".";

impl LmgrProfile {
    pub(super) const OF_15: LmgrProfile = LmgrProfile {
        fast_path_groups: false,
        fixed_tables: false,
        nowait_goes_ahead: false,
        waiting_context: false,
        out_of_memory_hint: "You might need to increase max_locks_per_transaction.",
    };
    pub(super) const OF_17: LmgrProfile =
        LmgrProfile { nowait_goes_ahead: true, out_of_memory_hint: QUOTED, ..Self::OF_15 };
    pub(super) const OF_18: LmgrProfile = LmgrProfile { fast_path_groups: true, ..Self::OF_17 };
    pub(super) const OF_19: LmgrProfile =
        LmgrProfile { fixed_tables: true, waiting_context: true, ..Self::OF_18 };

    /// Groups of fast-path slots a process has (`InitializeFastPathLocks`).
    pub fn groups(&self, max_locks_per_transaction: u32) -> usize {
        if !self.fast_path_groups {
            return 1;
        }
        let slots = max_locks_per_transaction.checked_next_power_of_two().unwrap_or(u32::MAX);
        (slots as usize / 16).clamp(1, 1024)
    }
}
