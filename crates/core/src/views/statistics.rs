//! The views of the server that tell of its buffers, in each version's columns: `pg_buffercache`
//! and its functions, `pg_stat_io`, `pg_stat_bgwriter`, `pg_stat_checkpointer`,
//! `pg_statio_user_tables`.
//!
//! A cell is empty where the view has a null, and where the playground has no number: times,
//! writebacks, fsyncs, resets. `pg_stat_io` has the rows of the processes that are here.

use crate::Server;
use crate::bufmgr::stats::{IoContext, IoCounts};
use crate::bufmgr::{BLCKSZ, desc::BM_MAX_USAGE_COUNT, smgr::Smgr};
use crate::ids::{BufferId, RelId};
use crate::op::StrategyKind;
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
}

impl View {
    /// Every view.
    pub const ALL: [Self; 7] = [
        Self::BuffercacheSummary,
        Self::BuffercacheUsageCounts,
        Self::Buffercache,
        Self::StatIo,
        Self::StatBgwriter,
        Self::StatCheckpointer,
        Self::StatioUserTables,
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
        }
    }

    /// The columns that tell its rows apart.
    fn keys(self) -> std::ops::Range<usize> {
        match self {
            Self::Buffercache | Self::BuffercacheUsageCounts => 0..1,
            Self::StatIo => 0..3,
            Self::StatioUserTables => 2..3,
            Self::BuffercacheSummary | Self::StatBgwriter | Self::StatCheckpointer => 0..0,
        }
    }
}

/// A view's rows, `most` at most.
pub fn view_rows(server: &Server, view: View, most: usize) -> Vec<Vec<String>> {
    let columns = view.columns(server.profile());
    if columns.is_empty() {
        return Vec::new();
    }
    match view {
        View::Buffercache => {
            super::buffers(server).take(most).map(|row| buffercache(server, row)).collect()
        }
        View::BuffercacheSummary => vec![summary(server)],
        View::BuffercacheUsageCounts => usage_counts(server),
        View::StatIo => stat_io(server, columns),
        View::StatBgwriter | View::StatCheckpointer => {
            vec![columns.iter().map(|column| writer_cell(server, column)).collect()]
        }
        View::StatioUserTables => statio_user_tables(server, most),
    }
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
        _ => view_rows(server, view, usize::MAX),
    };
    let row = rows.iter().find(|row| row.get(view.keys()).is_some_and(|found| found == keys))?;
    row.get(column).cloned()
}

fn buffercache(server: &Server, row: BufferRow) -> Vec<String> {
    let mut cells = vec![row.buffer.number().to_string()];
    let Some(tag) = row.tag.filter(|_| row.valid) else {
        cells.resize(9, String::new());
        return cells;
    };
    let [tablespace, database, number] = server.pool().smgr.locator(tag.rel);
    cells.extend([number, tablespace, database, 0, tag.block].map(|number| number.to_string()));
    cells.push(if row.dirty { "t" } else { "f" }.to_owned());
    cells.extend([u32::from(row.usage_count), row.pins].map(|number| number.to_string()));
    cells
}

fn summary(server: &Server) -> Vec<String> {
    let (mut used, mut unused, mut dirty, mut pinned, mut usage) =
        (0_u32, 0_u32, 0_u32, 0_u32, 0_u32);
    for row in super::buffers(server) {
        if row.valid {
            used += 1;
            usage += u32::from(row.usage_count);
            dirty += u32::from(row.dirty);
        } else {
            unused += 1;
        }
        pinned += u32::from(row.pins > 0);
    }
    // The server shows a double; here it has six digits behind the point.
    let millionths = u64::from(usage) * 1_000_000 / u64::from(used.max(1));
    let (whole, rest) = (millionths / 1_000_000, millionths % 1_000_000);
    let average = if used > 0 { format!("{whole}.{rest:06}") } else { String::new() };
    let mut cells: Vec<String> = [used, unused, dirty, pinned].iter().map(u32::to_string).collect();
    cells.push(average);
    cells
}

fn usage_counts(server: &Server) -> Vec<Vec<String>> {
    let mut counts = [[0_u32; 3]; BM_MAX_USAGE_COUNT as usize + 1];
    for row in super::buffers(server) {
        if let Some([buffers, dirty, pinned]) = counts.get_mut(usize::from(row.usage_count)) {
            *buffers += 1;
            *dirty += u32::from(row.dirty);
            *pinned += u32::from(row.pins > 0);
        }
    }
    let rows = counts.iter().zip(0_u32..);
    rows.map(|([buffers, dirty, pinned], usage)| {
        [usage, *buffers, *dirty, *pinned].iter().map(u32::to_string).collect()
    })
    .collect()
}

fn stat_io(server: &Server, columns: &[&str]) -> Vec<Vec<String>> {
    const RELATION: &str = "relation";
    let client = |context: IoContext| {
        let mut sum = IoCounts::default();
        for (_, backend) in server.backends() {
            sum += backend.buffers.io_counts(context);
        }
        sum
    };
    let ring = |kind| client(IoContext::Ring(kind));
    let stats = server.writer_stats();
    let writes = |writes| IoCounts { writes, ..IoCounts::default() };
    let (backend, normal) = ("client backend", "normal");
    [
        (backend, RELATION, "bulkread", ring(StrategyKind::BulkRead)),
        (backend, RELATION, "bulkwrite", ring(StrategyKind::BulkWrite)),
        (backend, RELATION, normal, client(IoContext::Normal)),
        (backend, RELATION, "vacuum", ring(StrategyKind::Vacuum)),
        (backend, "temp relation", normal, client(IoContext::Temp)),
        ("background writer", RELATION, normal, writes(stats.bgwriter_buffers)),
        ("checkpointer", RELATION, normal, writes(stats.checkpoint_buffers)),
    ]
    .into_iter()
    .map(|(process, object, context, counts)| {
        let own = process == backend;
        let in_ring = context != normal;
        // Since 18 an operation can be one of many blocks.
        let by_call = columns.contains(&"read_bytes");
        let (mut reads, mut extends) = (counts.reads, counts.extends);
        if by_call {
            reads -= counts.read_with_others;
            extends -= counts.extended_with_others;
        }
        columns
            .iter()
            .map(|column| {
                let number = match *column {
                    "backend_type" => return process.to_owned(),
                    "object" => return object.to_owned(),
                    "context" => return context.to_owned(),
                    "op_bytes" => BLCKSZ,
                    "writes" => counts.writes,
                    "write_bytes" => counts.writes * BLCKSZ,
                    "reads" if own => reads,
                    "read_bytes" if own => counts.reads * BLCKSZ,
                    "extends" if own && context != "bulkread" => extends,
                    "extend_bytes" if own && context != "bulkread" => counts.extends * BLCKSZ,
                    "hits" if own => counts.hits,
                    "evictions" if own => counts.evictions,
                    "reuses" if own && in_ring => counts.reuses,
                    _ => return String::new(),
                };
                number.to_string()
            })
            .collect()
    })
    .collect()
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
        "checkpoints_timed"
        | "num_timed"
        | "restartpoints_timed"
        | "restartpoints_req"
        | "restartpoints_done"
        | "slru_written"
        | "buffers_backend_fsync" => 0,
        _ => return String::new(),
    };
    number.to_string()
}

fn statio_user_tables(server: &Server, most: usize) -> Vec<Vec<String>> {
    let smgr = &server.pool().smgr;
    let indexes = |table: RelId| {
        let own = smgr.relations().map(|(_, it)| it);
        let own = own.filter(move |it| it.index.is_some_and(|index| index.table == table));
        own.fold(None, |sum: Option<(u64, u64)>, it| {
            let (reads, hits) = sum.unwrap_or_default();
            Some((reads + it.reads, hits + it.hits))
        })
    };
    let tables = smgr.relations().filter(|(_, it)| it.index.is_none() && !it.dropped);
    tables
        .take(most)
        .map(|(rel, table)| {
            let mut cells = vec![Smgr::file_number(rel).to_string()];
            cells.push(match table.persistence {
                crate::op::Persistence::Temporary(owner) => format!("pg_temp_{}", owner.0),
                _ => "public".to_owned(),
            });
            cells.push(table.name.to_string());
            cells.extend([table.reads, table.hits].map(|number| number.to_string()));
            if let Some((reads, hits)) = indexes(rel) {
                cells.extend([reads, hits].map(|number| number.to_string()));
            }
            cells.resize(11, String::new());
            cells
        })
        .collect()
}
