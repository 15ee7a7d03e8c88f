//! Contexts as a server or the core shows them: the view's rows, and the log's lines.

use pgscope_core::Server;
use pgscope_core::ids::BackendId;
use pgscope_core::views::{self, LoggedChunks, LoggedContext};
use serde_json::Value;

use super::Stop;

/// Bytes of an identifier that the log shows.
const IDENT_SHOWN: usize = 100;

/// A context, as the server or the core shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) ident: String,
    /// Its parent's place among the rows.
    pub(super) above: Option<usize>,
    pub(super) parent: String,
    pub(super) level: u64,
    /// `type`; empty where it isn't told.
    pub(super) kind: String,
    pub(super) total: u64,
    pub(super) blocks: u64,
    pub(super) free: u64,
}

/// Parents, for rows that come depth first.
#[derive(Default)]
struct Depth {
    path: Vec<usize>,
}

impl Depth {
    /// The place of the parent of the row at `place`, with this level.
    fn above(&mut self, place: usize, level: u64) -> Option<usize> {
        self.path.truncate(usize::try_from(level).ok()?.checked_sub(1)?);
        let above = self.path.last().copied();
        self.path.push(place);
        above
    }
}

fn name_parents(mut rows: Vec<Shown>) -> Vec<Shown> {
    let names: Vec<String> = rows.iter().map(|row| row.name.clone()).collect();
    for row in &mut rows {
        let parent = row.above.and_then(|above| names.get(above));
        row.parent = parent.cloned().unwrap_or_default();
    }
    rows
}

/// An identifier as far as the log shows it.
pub(super) fn cut(ident: &str) -> String {
    let end = ident.floor_char_boundary(IDENT_SHOWN);
    ident[..end].chars().map(|c| if c < ' ' { ' ' } else { c }).collect()
}

/// The core's contexts.
pub(super) fn own(server: &Server, backend: BackendId) -> Vec<Shown> {
    let mut depth = Depth::default();
    let rows = views::pg_backend_memory_contexts(server, backend, usize::MAX);
    let base = rows.first().map_or(0, |top| top.level);
    let shown = rows.iter().enumerate().map(|(place, row)| {
        let level = u64::from(row.level - base) + 1;
        // Where levels count from 0, rows come depth first.
        let above = match row.path.len().checked_sub(2) {
            Some(above) if base == 1 => row.path.get(above).map(|number| *number as usize - 1),
            _ => depth.above(place, level),
        };
        Shown {
            name: row.name.clone(),
            ident: cut(row.ident.as_deref().unwrap_or_default()),
            above,
            parent: String::new(),
            level,
            kind: row.kind.into(),
            total: row.total_bytes,
            blocks: row.total_nblocks,
            free: row.free_bytes,
        }
    });
    name_parents(shown.collect())
}

/// A view's rows, levels counted from 1.
pub(super) fn of_view(rows: &Value, columns: &[Value]) -> Result<Vec<Shown>, Stop> {
    let column = |name: &str| columns.iter().position(|column| column == name);
    let rows = rows.as_array().map_or(&[][..], Vec::as_slice);
    let get =
        |row: &Value, name: &str| column(name).map_or(Value::Null, |column| row[column].clone());
    let number = |row: &Value, name: &str| get(row, name).as_u64();
    let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let from_zero = column("path").is_none();
    let mut depth = Depth::default();
    let shown = rows.iter().enumerate().map(|(place, row)| {
        let level = number(row, "level")? + u64::from(from_zero);
        let above = match get(row, "path").as_array() {
            Some(path) => {
                let above = path.len().checked_sub(2).and_then(|above| path[above].as_u64());
                above.map(|above| above as usize - 1)
            }
            None => depth.above(place, level),
        };
        Some(Shown {
            name: text(get(row, "name")),
            ident: cut(&text(get(row, "ident"))),
            above,
            parent: String::new(),
            level,
            kind: text(get(row, "type")),
            total: number(row, "total_bytes")?,
            blocks: number(row, "total_nblocks")?,
            free: number(row, "free_bytes")?,
        })
    });
    let shown: Option<Vec<Shown>> = shown.collect();
    let shown = name_parents(shown.ok_or_else(|| Stop::Differs("a row lacks a number".into()))?);
    let untrue = rows
        .iter()
        .zip(&shown)
        .find(|(row, shown)| from_zero && text(get(row, "parent")) != shown.parent);
    match untrue {
        Some((row, _)) => Err(Stop::Differs(format!("the rows are not in order of depth: {row}"))),
        None => Ok(shown),
    }
}

/// The contexts of a log text, levels counted from 1. Each line, written again by the core, must
/// be the same to the letter.
pub(super) fn of_log(log: &str) -> Result<Vec<Shown>, Stop> {
    let mut rows: Vec<Shown> = Vec::new();
    let (mut depth, mut base) = (Depth::default(), None);
    for line in log.lines().filter_map(|line| line.strip_prefix("LOG:  ")) {
        if !line.starts_with("level: ") {
            continue;
        }
        let read = LoggedContext::read(line);
        let read = read.ok_or_else(|| Stop::Differs(format!("can't read {line}")))?;
        if read.to_string() != line {
            return Err(Stop::Differs(format!("{line} is written as {read}")));
        }
        let level = u64::from(read.level - *base.get_or_insert(read.level)) + 1;
        if read.children.is_some() {
            continue;
        }
        let kind = match read.chunks {
            LoggedChunks::Free(_) => "AllocSet",
            LoggedChunks::All(..) => "Generation",
            LoggedChunks::Unknown => "Bump",
        };
        let ident = read.ident.as_deref().unwrap_or_default();
        rows.push(Shown {
            name: read.name,
            ident: cut(ident.strip_suffix("...").unwrap_or(ident)),
            above: depth.above(rows.len(), level),
            parent: String::new(),
            level,
            kind: kind.into(),
            total: read.total,
            blocks: read.blocks,
            free: read.free,
        });
    }
    Ok(name_parents(rows))
}

/// What the core itself would log, read back: it must be what its view shows.
pub(super) fn read_back(server: &Server, backend: BackendId) -> Result<(), Stop> {
    let Some(top) = server.backend(backend).map(|backend| backend.memory.top) else {
        return Ok(());
    };
    let form = pgscope_core::mmgr::StatsForm::Log;
    let text = server.context_stats(top, (u32::MAX, usize::MAX), form);
    let lines: String = text.lines().map(|line| format!("LOG:  {line}\n")).collect();
    let mut logged = of_log(&lines)?;
    let mut own = own(server, backend);
    for rows in [&mut logged, &mut own] {
        rows.sort_by_key(|row| row.level);
        rows.iter_mut().for_each(|row| row.above = None);
    }
    match logged.iter().zip(&own).find(|(logged, own)| logged != own) {
        None if logged.len() == own.len() => Ok(()),
        found => Err(Stop::Differs(format!("the log does not say what the view shows: {found:?}"))),
    }
}
