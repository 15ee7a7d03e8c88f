//! The views of the server that tell of its buffers, in each version's columns: `pg_buffercache`
//! and its functions, `pg_stat_io`, `pg_stat_bgwriter`, `pg_stat_checkpointer`,
//! `pg_statio_user_tables`.
//!
//! A cell is empty where the view has a null, and where the playground has no number: times,
//! writebacks, fsyncs, resets. `pg_stat_io` has the rows of the processes that are here.

use crate::Server;
use crate::bufmgr::stats::{IoContext, IoCounts};
use crate::bufmgr::{BLCKSZ, desc::BM_MAX_USAGE_COUNT, smgr::Smgr};
use crate::ids::{BackendId, BufferId};
use crate::op::{Persistence, StrategyKind};
use crate::profile::Profile;

use super::BufferRow;

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
    /// `pg_shmem_allocations`
    ShmemAllocations,
    /// `pg_settings`
    Settings,
    /// The server's processes.
    Processes,
    /// Which bytes belong to whom.
    Map,
}

impl View {
    /// Every view.
    pub const ALL: [Self; 11] = [
        Self::BuffercacheSummary,
        Self::BuffercacheUsageCounts,
        Self::Buffercache,
        Self::StatIo,
        Self::StatBgwriter,
        Self::StatCheckpointer,
        Self::StatioUserTables,
        Self::ShmemAllocations,
        Self::Settings,
        Self::Processes,
        Self::Map,
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
            Self::ShmemAllocations => "pg_shmem_allocations",
            Self::Settings => "pg_settings",
            Self::Processes => "processes",
            Self::Map => "map",
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
        }
    }

    /// The columns that tell its rows apart.
    fn keys(self) -> std::ops::Range<usize> {
        match self {
            Self::Buffercache | Self::BuffercacheUsageCounts => 0..1,
            Self::StatIo => 0..3,
            Self::StatioUserTables => 2..3,
            Self::ShmemAllocations | Self::Settings | Self::Processes | Self::Map => 0..1,
            Self::BuffercacheSummary | Self::StatBgwriter | Self::StatCheckpointer => 0..0,
        }
    }
}

/// A view's rows, `most` at most. A backend sees its own settings.
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
        View::StatIo => stat_io(server, columns),
        View::StatBgwriter | View::StatCheckpointer => {
            let mut cells = Vec::new();
            for column in columns {
                cells.push(writer_cell(server, column));
            }
            vec![cells]
        }
        View::StatioUserTables => statio_user_tables(server, most),
        View::ShmemAllocations => shmem_allocations(server),
        View::Settings => super::settings::rows(server, backend),
        View::Processes => super::processes::rows(server),
        View::Map => super::map::rows(server, most),
    };
    rows.truncate(most);
    for row in &mut rows {
        row.resize(columns.len(), String::new());
    }
    rows
}

/// One cell, of the row that has these keys; `None` if there is none.
pub fn view_cell(server: &Server, view: View, keys: &[&str], column: &str) -> Option<String> {
    let columns = view.columns(server.profile());
    let column = columns.iter().position(|name| *name == column)?;
    // A large pool has too many rows to make them all for one.
    let rows = match (view, keys) {
        (View::Buffercache, [buffer]) => {
            let index = buffer.parse::<u32>().ok()?.checked_sub(1)?;
            vec![buffercache(server, super::buffer(server, BufferId(index))?)]
        }
        (View::Buffercache, _) => return None,
        _ => view_rows(server, None, view, usize::MAX),
    };
    let row = rows.iter().find(|row| row.get(view.keys()).is_some_and(|found| found == keys))?;
    row.get(column).cloned()
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
fn add(cells: &mut Vec<String>, numbers: &[u64]) {
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

fn stat_io(server: &Server, columns: &[&str]) -> Vec<Vec<String>> {
    const BACKEND: &str = "client backend";
    const RELATION: &str = "relation";
    const NORMAL: &str = "normal";
    let stats = server.writer_stats();
    let writes = |writes| IoCounts { writes, ..IoCounts::default() };
    let ring = |kind| Err(IoContext::Ring(kind));
    let mut rows = Vec::new();
    for (process, object, context, source) in [
        (BACKEND, RELATION, "bulkread", ring(StrategyKind::BulkRead)),
        (BACKEND, RELATION, "bulkwrite", ring(StrategyKind::BulkWrite)),
        (BACKEND, RELATION, NORMAL, Err(IoContext::Normal)),
        (BACKEND, RELATION, "vacuum", ring(StrategyKind::Vacuum)),
        (BACKEND, "temp relation", NORMAL, Err(IoContext::Temp)),
        ("background writer", RELATION, NORMAL, Ok(writes(stats.bgwriter_buffers))),
        ("checkpointer", RELATION, NORMAL, Ok(writes(stats.checkpoint_buffers))),
    ] {
        let counts = source.unwrap_or_else(|context| {
            let mut sum = IoCounts::default();
            for (_, backend) in server.backends() {
                sum += backend.buffers.io_counts(context);
            }
            sum
        });
        let mut cells = Vec::new();
        for column in columns {
            cells.push(match *column {
                "backend_type" => process.to_owned(),
                "object" => object.to_owned(),
                "context" => context.to_owned(),
                _ => io_cell(column, counts, process == BACKEND, context, columns),
            });
        }
        rows.push(cells);
    }
    rows
}

/// A number of `pg_stat_io`; what a process or a context never does has none
/// (`pgstat_tracks_io_op`).
fn io_cell(column: &str, io: IoCounts, own: bool, context: &str, columns: &[&str]) -> String {
    // Since 18 an operation can be one of many blocks.
    let by_call = u64::from(columns.contains(&"read_bytes"));
    let extends = own && context != "bulkread";
    let number = match column {
        "op_bytes" => BLCKSZ,
        "writes" => io.writes,
        "write_bytes" => io.writes * BLCKSZ,
        "reads" if own => io.reads - io.read_with_others * by_call,
        "read_bytes" if own => io.reads * BLCKSZ,
        "extends" if extends => io.extends - io.extended_with_others * by_call,
        "extend_bytes" if extends => io.extends * BLCKSZ,
        "hits" if own => io.hits,
        "evictions" if own => io.evictions,
        "reuses" if own && context != "normal" => io.reuses,
        _ => return String::new(),
    };
    number.to_string()
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
