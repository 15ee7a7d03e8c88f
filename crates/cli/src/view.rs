//! `pgscope view`: a scenario is run up to a place, and one of PostgreSQL's views printed there.

use std::io::{BufWriter, Write as _};

use pgscope_core::Server;
use pgscope_core::ids::BackendId;
use pgscope_core::views::{self, View};
use pgscope_scenario::table::Table;
use pgscope_scenario::{History, Position};

use crate::args::{ViewArgs, ViewName};
use crate::input::Source;
use crate::outcome::{Outcome, Trouble};

pub(crate) fn view(args: &ViewArgs) -> Result<Outcome, Trouble> {
    let source = Source::read(&args.source)?;
    let mut history = source.history()?;
    let end = history.len();
    if let Some(at) = args.at.filter(|at| at.op > end) {
        let message = format!("there is no place {}, it ends at {end}", at.op);
        return Err(Trouble::with(source.name, message));
    }
    let position = args.at.map_or(Position { op: end, event: 0 }, |at| at.into());
    history.seek(position);
    let table = table(args, &source.name, &history)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    table.write(args.csv, &mut out)?;
    out.flush()?;
    Ok(Outcome::Fine)
}

fn table(args: &ViewArgs, name: &str, history: &History) -> Result<Table, Trouble> {
    let server = history.server();
    match args.name {
        ViewName::Buffercache => statistics(View::Buffercache, name, server),
        ViewName::BuffercacheSummary => statistics(View::BuffercacheSummary, name, server),
        ViewName::BuffercacheUsageCounts => statistics(View::BuffercacheUsageCounts, name, server),
        ViewName::StatIo => statistics(View::StatIo, name, server),
        ViewName::StatBgwriter => statistics(View::StatBgwriter, name, server),
        ViewName::StatCheckpointer => statistics(View::StatCheckpointer, name, server),
        ViewName::StatioUserTables => statistics(View::StatioUserTables, name, server),
        ViewName::BackendMemoryContexts => {
            let backend = backend(args.backend.as_deref(), name, history)?;
            Ok(memory_contexts(server, backend))
        }
        ViewName::ShmemAllocations => statistics(View::ShmemAllocations, name, server),
        ViewName::Settings => {
            let backend = args.backend.as_deref();
            let backend = backend.map(|given| self::backend(Some(given), name, history));
            rows(View::Settings, name, server, backend.transpose()?)
        }
        ViewName::Processes => statistics(View::Processes, name, server),
        ViewName::Map => statistics(View::Map, name, server),
    }
}

/// The backend of that name, or the only one that is connected.
fn backend(given: Option<&str>, name: &str, history: &History) -> Result<BackendId, Trouble> {
    let backends = history.server().backends();
    let known: Vec<_> = backends.map(|(id, backend)| (id, backend.name.to_string())).collect();
    let found = match (given, known.as_slice()) {
        (None, [(only, _)]) => Some(*only),
        (None, _) => None,
        (Some(given), known) => known.iter().find(|(_, name)| name == given).map(|(id, _)| *id),
    };
    found.ok_or_else(|| {
        let names: Vec<_> = known.into_iter().map(|(_, name)| name).collect();
        let message = match (given, names.is_empty()) {
            (_, true) => "no backend is connected here".to_owned(),
            (None, _) => format!("say whose with --backend: {}", names.join(", ")),
            (Some(given), _) => {
                format!("there is no backend \"{given}\", there is: {}", names.join(", "))
            }
        };
        Trouble::with(name, message)
    })
}

fn head(columns: &[&str]) -> Vec<String> {
    columns.iter().map(|&column| column.to_owned()).collect()
}

fn memory_contexts(server: &Server, backend: BackendId) -> Table {
    let profile = server.profile();
    let rows = views::pg_backend_memory_contexts(server, backend, usize::MAX);
    Table {
        columns: head(views::memory_context_columns(profile)),
        rows: rows.iter().map(|row| row.fields(profile)).collect(),
    }
}

/// One of the views that scenarios show too.
fn statistics(view: View, name: &str, server: &Server) -> Result<Table, Trouble> {
    rows(view, name, server, None)
}

/// The same, as a session sees it.
fn rows(
    view: View,
    name: &str,
    server: &Server,
    backend: Option<BackendId>,
) -> Result<Table, Trouble> {
    let columns = view.columns(server.profile());
    if columns.is_empty() {
        let version = server.profile().version.number();
        let message = format!("PostgreSQL {version} has no {}", view.name());
        return Err(Trouble::with(name, message));
    }
    Ok(Table { columns: head(columns), rows: views::view_rows(server, backend, view, usize::MAX) })
}
