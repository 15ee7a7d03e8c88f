//! The views of the server in each version's columns: `pg_locks`, and those that tell of its buffers, `pg_buffercache`
//! and its functions, `pg_stat_io`, `pg_stat_bgwriter`, `pg_stat_checkpointer`,
//! `pg_statio_user_tables`.
//!
//! A cell is empty where the view has a null, and where the playground has no number: when
//! statistics were reset, how long a checkpoint took.

use crate::Server;
use crate::bufmgr::{desc::BM_MAX_USAGE_COUNT, smgr::Smgr};
use crate::ids::{BackendId, BufferId};
use crate::op::Persistence;
use crate::profile::Profile;

use super::{BufferRow, stat_io};

/// A view of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// `pg_buffercache_summary()`
    BuffercacheSummary,
    /// `pg_buffercache_usage_counts()`
    BuffercacheUsageCounts,
    /// `pg_buffercache`
    Buffercache,
    /// `pg_stat_io`
    StatIo,
    /// `pg_stat_bgwriter`
    StatBgwriter,
    /// `pg_stat_checkpointer`
    StatCheckpointer,
    /// `pg_statio_user_tables`
    StatioUserTables,
    /// `pg_locks`
    Locks,
    /// How full the shared lock tables are: no view of PostgreSQL's.
    LockTables,
    /// `pg_shmem_allocations`
    ShmemAllocations,
    /// `pg_settings`
    Settings,
    /// The server's processes.
    Processes,
    /// Which bytes belong to whom.
    Map,
    /// `pg_backend_memory_contexts`, of one backend.
    BackendMemoryContexts,
}

impl View {
    /// Every view.
    pub const ALL: [Self; 14] = [
        Self::BuffercacheSummary,
        Self::BuffercacheUsageCounts,
        Self::Buffercache,
        Self::StatIo,
        Self::StatBgwriter,
        Self::StatCheckpointer,
        Self::StatioUserTables,
        Self::Locks,
        Self::LockTables,
        Self::ShmemAllocations,
        Self::Settings,
        Self::Processes,
        Self::Map,
        Self::BackendMemoryContexts,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::BuffercacheSummary => "pg_buffercache_summary",
            Self::BuffercacheUsageCounts => "pg_buffercache_usage_counts",
            Self::Buffercache => "pg_buffercache",
            Self::StatIo => "pg_stat_io",
            Self::StatBgwriter => "pg_stat_bgwriter",
            Self::StatCheckpointer => "pg_stat_checkpointer",
            Self::StatioUserTables => "pg_statio_user_tables",
            Self::Locks => "pg_locks",
            Self::LockTables => "lock_tables",
            Self::ShmemAllocations => "pg_shmem_allocations",
            Self::Settings => "pg_settings",
            Self::Processes => "processes",
            Self::Map => "map",
            Self::BackendMemoryContexts => "pg_backend_memory_contexts",
        }
    }

    /// Its columns; none if the version has no such view.
    pub fn columns(self, profile: &Profile) -> &'static [&'static str] {
        let views = profile.views;
        match self {
            Self::BuffercacheSummary => views.buffercache_summary,
            Self::BuffercacheUsageCounts => views.buffercache_usage_counts,
            Self::Buffercache => &[
                "bufferid",
                "relfilenode",
                "reltablespace",
                "reldatabase",
                "relforknumber",
                "relblocknumber",
                "isdirty",
                "usagecount",
                "pinning_backends",
            ],
            Self::StatIo => views.stat_io,
            Self::StatBgwriter => views.stat_bgwriter,
            Self::StatCheckpointer => views.stat_checkpointer,
            Self::Locks => super::locks::PG_LOCKS,
            Self::LockTables => super::locks::LOCK_TABLES,
            Self::StatioUserTables => &[
                "relid",
                "schemaname",
                "relname",
                "heap_blks_read",
                "heap_blks_hit",
                "idx_blks_read",
                "idx_blks_hit",
                "toast_blks_read",
                "toast_blks_hit",
                "tidx_blks_read",
                "tidx_blks_hit",
            ],
            Self::ShmemAllocations => &["name", "off", "size", "allocated_size"],
            Self::Settings => super::settings::COLUMNS,
            Self::Processes => super::processes::COLUMNS,
            Self::Map => super::map::COLUMNS,
            Self::BackendMemoryContexts => super::memory_context_columns(profile),
        }
    }

    /// The columns that tell its rows apart, or most of them.
    fn keys(self) -> std::ops::Range<usize> {
        match self {
            Self::Buffercache | Self::BuffercacheUsageCounts => 0..1,
            Self::StatIo => 0..3,
            Self::StatioUserTables => 2..3,
            Self::LockTables | Self::BackendMemoryContexts => 0..1,
            Self::Locks => 0..0,
            Self::ShmemAllocations | Self::Settings | Self::Processes | Self::Map => 0..1,
            Self::BuffercacheSummary | Self::StatBgwriter | Self::StatCheckpointer => 0..0,
        }
    }
}

impl View {
    /// Whether a backend stands in front of these keys. Settings are the server's without one.
    fn is_of(self, keys: &[&str]) -> bool {
        match self {
            Self::BackendMemoryContexts => true,
            Self::Settings => keys.first().is_some_and(|key| key.parse::<usize>().is_err()),
            _ => false,
        }
    }
}

/// A view's rows, `most` at most. A backend sees its own settings and its own memory contexts.
pub fn view_rows(
    server: &Server,
    backend: Option<BackendId>,
    view: View,
    most: usize,
) -> Vec<Vec<String>> {
    let columns = view.columns(server.profile());
    if columns.is_empty() {
        return Vec::new();
    }
    let mut rows = match view {
        View::Buffercache => {
            let mut rows = Vec::new();
            for row in super::buffers(server).take(most) {
                rows.push(buffercache(server, row));
            }
            rows
        }
        View::BuffercacheSummary => summary(server),
        View::BuffercacheUsageCounts => usage_counts(server),
        View::StatIo => stat_io::rows(server, columns),
        View::StatBgwriter | View::StatCheckpointer => {
            let mut cells = Vec::new();
            for column in columns {
                cells.push(writer_cell(server, column));
            }
            vec![cells]
        }
        View::StatioUserTables => statio_user_tables(server, most),
        View::Locks => super::locks::pg_locks(server, most),
        View::LockTables => super::locks::lock_tables(server),
        View::ShmemAllocations => shmem_allocations(server),
        View::Settings => super::settings::rows(server, backend),
        View::Processes => super::processes::rows(server),
        View::Map => super::map::rows(server, most),
        View::BackendMemoryContexts => memory_contexts(server, backend, most),
    };
    rows.truncate(most);
    for row in &mut rows {
        row.resize(columns.len(), String::new());
    }
    rows
}

/// One cell, of the row that has these keys; `None` if there is none. In front of the keys stands whose
/// memory contexts or settings are meant, behind them which of several rows, from 1.
pub fn view_cell(server: &Server, view: View, keys: &[&str], column: &str) -> Option<String> {
    let columns = view.columns(server.profile());
    let column = columns.iter().position(|name| *name == column)?;
    let (backend, keys) = match keys.split_first() {
        Some((name, rest)) if view.is_of(rest) => {
            let mut backends = server.backends();
            (Some(backends.find(|(_, backend)| *backend.name == **name)?.0), rest)
        }
        _ => (None, keys),
    };
    let (own, which) = keys.split_at_checked(view.keys().len())?;
    let which: usize = match which {
        [] => 0,
        [number] => number.parse::<usize>().ok()?.checked_sub(1)?,
        _ => return None,
    };
    // A large pool has too many rows to make them all for one.
    let rows = match (view, own) {
        (View::Buffercache, [buffer]) => {
            let index = buffer.parse::<u32>().ok()?.checked_sub(1)?;
            vec![buffercache(server, super::buffer(server, BufferId(index))?)]
        }
        _ => view_rows(server, backend, view, usize::MAX),
    };
    let mut alike = rows.iter().filter(|row| row.get(view.keys()).is_some_and(|it| it == own));
    alike.nth(which)?.get(column).cloned()
}

fn memory_contexts(server: &Server, backend: Option<BackendId>, most: usize) -> Vec<Vec<String>> {
    let Some(backend) = backend else { return Vec::new() };
    let rows = super::pg_backend_memory_contexts(server, backend, most);
    rows.iter().map(|row| row.fields(server.profile())).collect()
}

fn shmem_allocations(server: &Server) -> Vec<Vec<String>> {
    let rows = super::pg_shmem_allocations(server.segment()).into_iter().map(|row| {
        let off = row.off.map(|off| off.to_string()).unwrap_or_default();
        let name = row.name.unwrap_or_default().to_owned();
        vec![name, off, row.size.to_string(), row.allocated_size.to_string()]
    });
    rows.collect()
}

/// Cells behind others: numbers.
pub(super) fn add(cells: &mut Vec<String>, numbers: &[u64]) {
    for number in numbers {
        cells.push(number.to_string());
    }
}

fn buffercache(server: &Server, row: BufferRow) -> Vec<String> {
    let mut cells = Vec::new();
    add(&mut cells, &[row.buffer.number().into()]);
    if let Some(tag) = row.tag.filter(|_| row.valid) {
        let [tablespace, database, number] = server.pool().smgr.locator(tag.rel).map(u64::from);
        add(&mut cells, &[number, tablespace, database, 0, tag.block.into()]);
        cells.push(if row.dirty { "t" } else { "f" }.to_owned());
        add(&mut cells, &[row.usage_count.into(), row.pins.into()]);
    }
    cells
}

/// For each usage count: buffers, dirty ones, pinned ones; and how many hold nothing.
fn count_buffers(server: &Server) -> ([[u64; 3]; BM_MAX_USAGE_COUNT as usize + 1], u64) {
    let mut counts = [[0; 3]; BM_MAX_USAGE_COUNT as usize + 1];
    let mut unused = 0;
    for row in super::buffers(server) {
        unused += u64::from(!row.valid);
        if let Some([buffers, dirty, pinned]) = counts.get_mut(usize::from(row.usage_count)) {
            *buffers += 1;
            *dirty += u64::from(row.dirty);
            *pinned += u64::from(row.pins > 0);
        }
    }
    (counts, unused)
}

fn summary(server: &Server) -> Vec<Vec<String>> {
    let (counts, unused) = count_buffers(server);
    let (mut all, mut dirty, mut pinned, mut usage) = (0, 0, 0, 0);
    for ([buffers, its_dirty, its_pinned], count) in counts.into_iter().zip(0..) {
        all += buffers;
        dirty += its_dirty;
        pinned += its_pinned;
        usage += buffers * count;
    }
    let used = all - unused;
    let mut cells = Vec::new();
    add(&mut cells, &[used, unused, dirty, pinned]);
    // The server shows a double; here it has six digits behind the point.
    if let Some(millionths) = (usage * 1_000_000).checked_div(used) {
        cells.push(format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000));
    }
    vec![cells]
}

fn usage_counts(server: &Server) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for ([buffers, dirty, pinned], usage) in count_buffers(server).0.into_iter().zip(0..) {
        let mut cells = Vec::new();
        add(&mut cells, &[usage, buffers, dirty, pinned]);
        rows.push(cells);
    }
    rows
}

fn writer_cell(server: &Server, column: &str) -> String {
    let stats = server.writer_stats();
    let number = match column {
        "buffers_clean" => stats.bgwriter_buffers,
        "maxwritten_clean" => stats.bgwriter_stops,
        "buffers_alloc" => stats.allocs,
        "buffers_backend" => {
            server.backends().map(|(_, backend)| backend.buffers.usage.written).sum()
        }
        "checkpoints_req" | "num_requested" | "num_done" => stats.checkpoints,
        "buffers_checkpoint" | "buffers_written" => stats.checkpoint_buffers,
        _ if column.ends_with("_time") || column == "stats_reset" => return String::new(),
        // Nothing here happens by time, or on a standby.
        _ => 0,
    };
    number.to_string()
}

fn statio_user_tables(server: &Server, most: usize) -> Vec<Vec<String>> {
    let smgr = &server.pool().smgr;
    // Of each table's indexes: how many, reads, hits.
    let mut indexes = vec![[0; 3]; smgr.relations().count()];
    for (_, index) in smgr.relations() {
        if let Some([count, reads, hits]) =
            index.index.and_then(|of| indexes.get_mut(of.table.0 as usize))
        {
            *count += 1;
            *reads += index.reads;
            *hits += index.hits;
        }
    }
    let mut rows = Vec::new();
    let tables = smgr.relations().filter(|(_, it)| it.index.is_none() && !it.dropped);
    for (rel, table) in tables.take(most) {
        let mut cells = Vec::new();
        add(&mut cells, &[Smgr::file_number(rel).into()]);
        cells.push(match table.persistence {
            Persistence::Temporary(owner) => format!("pg_temp_{}", owner.0),
            _ => "public".to_owned(),
        });
        cells.push(table.name.to_string());
        add(&mut cells, &[table.reads, table.hits]);
        if let Some([count, reads, hits]) = indexes.get(rel.0 as usize)
            && *count > 0
        {
            add(&mut cells, &[*reads, *hits]);
        }
        rows.push(cells);
    }
    rows
}
