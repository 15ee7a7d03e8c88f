//! Who is there: the server's processes with their slots in shared memory, as `pg_stat_activity` would list
//! them, and the postmaster.

use crate::Server;
use crate::profile::BackendType;
use crate::server::postmaster::POSTMASTER_PID;

/// The view's columns. `proc` counts `PGPROC`s from 0; `local_memory` is what a backend has of malloc.
pub(super) const COLUMNS: &[&str] =
    &["pid", "backend_type", "name", "proc", "state", "local_memory"];

/// One row a process; cells are empty where there is nothing to say.
pub(super) fn rows(server: &Server) -> Vec<Vec<String>> {
    let word = |kind: BackendType| kind.word().to_owned();
    let mut rows = vec![vec![POSTMASTER_PID.to_string(), word(BackendType::Postmaster)]];
    for child in server.children() {
        let (name, proc) = (String::new(), child.proc.to_string());
        rows.push(vec![child.pid.to_string(), word(child.kind), name, proc]);
    }
    for (_, backend) in server.backends() {
        let Some(process) = backend.process() else { continue };
        let state = match (backend.is_transaction_block(), backend.is_in_transaction()) {
            (true, _) => "idle in transaction",
            (false, true) => "active",
            (false, false) => "idle",
        };
        rows.push(vec![
            process.pid.to_string(),
            word(BackendType::ClientBackend),
            backend.name.to_string(),
            process.proc.to_string(),
            state.to_owned(),
            backend.memory.heap.stats().obtained.to_string(),
        ]);
    }
    rows
}
