//! `pg_backend_memory_contexts`, as each version's function builds it (`mcxtfuncs.c`).

use crate::Server;
use crate::ids::BackendId;
use crate::memory::AddrSet;
use crate::mmgr::Context;
use crate::profile::{ContextRows, Profile};

/// `MEMORY_CONTEXT_IDENT_DISPLAY_SIZE`.
const IDENT_DISPLAY_SIZE: usize = 1024;

/// A row of `pg_backend_memory_contexts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendMemoryContext {
    /// `name`; of a hash table, its own name.
    pub name: String,
    /// `ident`, cut if it is long.
    pub ident: Option<String>,
    /// `parent`, which the view has up to PostgreSQL 17.
    pub parent: Option<String>,
    /// `type`, which it has since 18.
    pub kind: &'static str,
    /// `level`.
    pub level: u32,
    /// `path`, which it has since 18: the numbers of its ancestors and its own.
    pub path: Vec<u32>,
    /// `total_bytes`.
    pub total_bytes: u64,
    /// `total_nblocks`.
    pub total_nblocks: u64,
    /// `free_bytes`.
    pub free_bytes: u64,
    /// `free_chunks`.
    pub free_chunks: u64,
    /// `used_bytes`.
    pub used_bytes: u64,
}

/// The view's columns in a version.
pub fn memory_context_columns(profile: &Profile) -> &'static [&'static str] {
    match profile.mmgr.context_rows {
        ContextRows::Parent => &[
            "name",
            "ident",
            "parent",
            "level",
            "total_bytes",
            "total_nblocks",
            "free_bytes",
            "free_chunks",
            "used_bytes",
        ],
        ContextRows::Path => &[
            "name",
            "ident",
            "type",
            "level",
            "path",
            "total_bytes",
            "total_nblocks",
            "free_bytes",
            "free_chunks",
            "used_bytes",
        ],
    }
}

impl BackendMemoryContext {
    /// The row's fields in the order of the columns, as `psql` writes them; NULL is empty.
    pub fn fields(&self, profile: &Profile) -> Vec<String> {
        let level = self.level.to_string();
        let [third, fourth, fifth] = match profile.mmgr.context_rows {
            ContextRows::Parent => [self.parent.clone(), Some(level), None],
            ContextRows::Path => {
                let path: Vec<String> = self.path.iter().map(u32::to_string).collect();
                let path = ["{", &path.join(","), "}"].concat();
                [Some(self.kind.to_owned()), Some(level), Some(path)]
            }
        };
        let mut fields = vec![self.name.clone(), self.ident.clone().unwrap_or_default()];
        fields.push(third.unwrap_or_default());
        fields.extend(fourth.into_iter().chain(fifth));
        let Self { total_bytes, total_nblocks, free_bytes, free_chunks, used_bytes, .. } = *self;
        for number in [total_bytes, total_nblocks, free_bytes, free_chunks, used_bytes] {
            fields.push(number.to_string());
        }
        fields
    }
}

/// `pg_get_backend_memory_contexts`: the contexts of a backend, in the order of the version, the
/// first `limit` of them.
pub fn pg_backend_memory_contexts(
    server: &Server,
    id: BackendId,
    limit: usize,
) -> Vec<BackendMemoryContext> {
    let Some(backend) = server.backend(id) else { return Vec::new() };
    let by_parent = server.profile().mmgr.context_rows == ContextRows::Parent;
    let mut rows: Vec<BackendMemoryContext> = Vec::new();
    let mut seen = AddrSet::default();
    seen.insert(backend.memory.top);
    let mut waiting = vec![(backend.memory.top, usize::MAX)];
    while rows.len() < limit {
        // Depth first, children come before whatever was waiting; else behind it.
        let next = if by_parent { waiting.pop() } else { waiting.get(rows.len()).copied() };
        let Some((addr, above)) = next else { break };
        let context = server.context(addr);
        let row = row(server, context, rows.get(above), rows.len() as u32 + 1);
        let first = waiting.len();
        let children = context.children().filter(|child| seen.insert(child.addr));
        waiting.extend(children.map(|child| (child.addr, rows.len())));
        if by_parent && let Some(children) = waiting.get_mut(first..) {
            children.reverse();
        }
        rows.push(row);
    }
    rows
}

/// `PutMemoryContextsStatsTupleStore`.
fn row(
    server: &Server,
    context: Context<'_>,
    above: Option<&BackendMemoryContext>,
    number: u32,
) -> BackendMemoryContext {
    let mmgr = &server.profile().mmgr;
    let (name, mut ident) = context.label(server.text(context.name()));
    if let Some(ident) = &mut ident
        && ident.len() >= IDENT_DISPLAY_SIZE
    {
        ident.truncate(ident.floor_char_boundary(IDENT_DISPLAY_SIZE - 1));
    }
    let counters = context.stats(server.profile());
    let mut path = above.map_or_else(Vec::new, |above| above.path.clone());
    path.push(number);
    let first = u32::from(mmgr.context_rows == ContextRows::Path);
    BackendMemoryContext {
        name,
        ident,
        parent: above.map(|above| above.name.clone()),
        kind: context.kind(),
        level: path.len() as u32 - 1 + first,
        path,
        total_bytes: counters.totalspace,
        total_nblocks: counters.nblocks,
        free_bytes: counters.freespace,
        free_chunks: counters.freechunks,
        used_bytes: counters.totalspace.wrapping_sub(counters.freespace),
    }
}
