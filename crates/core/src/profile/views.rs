//! The columns of the views about buffers in each version (`system_views.sql`,
//! `contrib/pg_buffercache`). A view that a version lacks has none.

/// Columns of the views that differ between versions.
#[derive(Debug)]
pub struct ViewColumns {
    /// `pg_buffercache_summary()`
    pub buffercache_summary: &'static [&'static str],
    /// `pg_buffercache_usage_counts()`
    pub buffercache_usage_counts: &'static [&'static str],
    /// `pg_stat_io`
    pub stat_io: &'static [&'static str],
    /// `pg_stat_bgwriter`
    pub stat_bgwriter: &'static [&'static str],
    /// `pg_stat_checkpointer`
    pub stat_checkpointer: &'static [&'static str],
}

pub(super) const OF_15: ViewColumns = ViewColumns {
    buffercache_summary: &[],
    buffercache_usage_counts: &[],
    stat_io: &[],
    stat_bgwriter: &[
        "checkpoints_timed",
        "checkpoints_req",
        "checkpoint_write_time",
        "checkpoint_sync_time",
        "buffers_checkpoint",
        "buffers_clean",
        "maxwritten_clean",
        "buffers_backend",
        "buffers_backend_fsync",
        "buffers_alloc",
        "stats_reset",
    ],
    stat_checkpointer: &[],
};

pub(super) const OF_17: ViewColumns = ViewColumns {
    buffercache_summary: &[
        "buffers_used",
        "buffers_unused",
        "buffers_dirty",
        "buffers_pinned",
        "usagecount_avg",
    ],
    buffercache_usage_counts: &["usage_count", "buffers", "dirty", "pinned"],
    stat_io: &[
        "backend_type",
        "object",
        "context",
        "reads",
        "read_time",
        "writes",
        "write_time",
        "writebacks",
        "writeback_time",
        "extends",
        "extend_time",
        "op_bytes",
        "hits",
        "evictions",
        "reuses",
        "fsyncs",
        "fsync_time",
        "stats_reset",
    ],
    stat_bgwriter: &["buffers_clean", "maxwritten_clean", "buffers_alloc", "stats_reset"],
    stat_checkpointer: &[
        "num_timed",
        "num_requested",
        "restartpoints_timed",
        "restartpoints_req",
        "restartpoints_done",
        "write_time",
        "sync_time",
        "buffers_written",
        "stats_reset",
    ],
};

/// 19rc1's are taken to be these.
pub(super) const OF_18: ViewColumns = ViewColumns {
    stat_io: &[
        "backend_type",
        "object",
        "context",
        "reads",
        "read_bytes",
        "read_time",
        "writes",
        "write_bytes",
        "write_time",
        "writebacks",
        "writeback_time",
        "extends",
        "extend_bytes",
        "extend_time",
        "hits",
        "evictions",
        "reuses",
        "fsyncs",
        "fsync_time",
        "stats_reset",
    ],
    stat_checkpointer: &[
        "num_timed",
        "num_requested",
        "num_done",
        "restartpoints_timed",
        "restartpoints_req",
        "restartpoints_done",
        "write_time",
        "sync_time",
        "buffers_written",
        "slru_written",
        "stats_reset",
    ],
    ..OF_17
};
