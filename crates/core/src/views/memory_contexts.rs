//! `pg_backend_memory_contexts`, as each version's function builds it (`mcxtfuncs.c`).

use std::collections::VecDeque;

use crate::Server;
use crate::ids::BackendId;
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
    /// `parent`, where the view has it.
    pub parent: Option<String>,
    /// `type`, where the view has it.
    pub kind: Option<&'static str>,
    /// `level`.
    pub level: u32,
    /// `path`, where the view has it: the numbers of its ancestors and its own.
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
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut fields = vec![self.name.clone(), text(&self.ident)];
        match profile.mmgr.context_rows {
            ContextRows::Parent => fields.extend([text(&self.parent), self.level.to_string()]),
            ContextRows::Path => {
                let path: Vec<String> = self.path.iter().map(u32::to_string).collect();
                let path = format!("{{{}}}", path.join(","));
                let kind = self.kind.unwrap_or_default().to_owned();
                fields.extend([kind, self.level.to_string(), path]);
            }
        }
        let Self { total_bytes, total_nblocks, free_bytes, free_chunks, used_bytes, .. } = *self;
        let numbers = [total_bytes, total_nblocks, free_bytes, free_chunks, used_bytes];
        fields.extend(numbers.iter().map(u64::to_string));
        fields
    }
}

/// `pg_get_backend_memory_contexts`: the contexts of a backend, in the order of the version.
pub fn pg_backend_memory_contexts(server: &Server, id: BackendId) -> Vec<BackendMemoryContext> {
    let Some(backend) = server.backend(id) else { return Vec::new() };
    let by_parent = server.profile().mmgr.context_rows == ContextRows::Parent;
    let mut rows: Vec<BackendMemoryContext> = Vec::new();
    let mut waiting = VecDeque::from([(server.context(backend.memory.top), None::<usize>)]);
    while let Some((context, parent)) = waiting.pop_front() {
        let above = parent.and_then(|row| rows.get(row));
        let row = row(server, context, above, rows.len() as u32 + 1);
        let number = rows.len();
        rows.push(row);
        let children = context.children().map(|child| (child, Some(number)));
        if by_parent {
            // Depth first: they come before whatever was waiting.
            let children: Vec<_> = children.collect();
            children.into_iter().rev().for_each(|child| waiting.push_front(child));
        } else {
            waiting.extend(children);
        }
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
    let by_parent = server.profile().mmgr.context_rows == ContextRows::Parent;
    let mut name = server.text(context.name()).to_owned();
    let mut ident = context.ident().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    // Hash tables all have this name; their identifier says more.
    if name == "dynahash"
        && let Some(ident) = ident.take()
    {
        name = ident;
    }
    if let Some(ident) = &mut ident
        && ident.len() >= IDENT_DISPLAY_SIZE
    {
        ident.truncate(ident.floor_char_boundary(IDENT_DISPLAY_SIZE - 1));
    }
    let counters = context.stats(server.profile());
    let mut path = above.map_or_else(Vec::new, |above| above.path.clone());
    if !by_parent {
        path.push(number);
    }
    BackendMemoryContext {
        name,
        ident,
        parent: above.filter(|_| by_parent).map(|above| above.name.clone()),
        kind: (!by_parent).then(|| context.kind()),
        level: above.map_or(u32::from(!by_parent), |above| above.level + 1),
        path,
        total_bytes: counters.totalspace,
        total_nblocks: counters.nblocks,
        free_bytes: counters.freespace,
        free_chunks: counters.freechunks,
        used_bytes: counters.totalspace.wrapping_sub(counters.freespace),
    }
}
