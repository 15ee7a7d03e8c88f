//! What a memory context is for, in a line.

use pgscope_core::views::ContextRow;

/// The contexts of a backend's own, by PostgreSQL's names.
const OWN: [(&str, &str); 22] = [
    ("TopMemoryContext", "The root: what lives as long as the backend. It is never reset."),
    ("ErrorContext", "8 kB in reserve, to report an error even when memory has run out."),
    ("Postmaster", "Inherited from the postmaster, and dropped before the first command."),
    ("GUCMemoryContext", "The settings. Each process has its own copy of them."),
    ("MdSmgr", "The files of relations that this backend has open."),
    ("WAL record construction", "Where a WAL record is put together before it is inserted."),
    (
        "CacheMemoryContext",
        "Kept to spare lookups: catalog caches, relation descriptors, plans of prepared statements.",
    ),
    ("TopPortalContext", "Parent of every portal's PortalContext."),
    ("TransactionAbortContext", "32 kB in reserve, to abort even when memory has run out."),
    ("PgStat Pending", "Counters that wait to be added to the shared statistics."),
    ("PgStat Shared Ref", "References to entries of the shared statistics."),
    ("PgStat Shared Ref Hash", "The hash table that finds these references."),
    (
        "MessageContext",
        "The client's message, and what parsing and planning make of it. Reset before the next.",
    ),
    ("RowDescriptionContext", "A buffer for the message that describes a result's columns."),
    (
        "TopTransactionContext",
        "What lives until the transaction ends. CurTransactionContext is only a pointer, and points \
         here unless there is a savepoint.",
    ),
    (
        "CurTransactionContext",
        "A savepoint's own, gone when it is rolled back. At the top level there is none: the pointer \
         of this name then points to TopTransactionContext.",
    ),
    ("PortalContext", "What lives as long as the portal that runs the statement."),
    ("ExecutorState", "What lives as long as the query is executed."),
    ("ExprContext", "What one tuple needs: reset before the next."),
    ("printtup", "What it takes to send one row: reset after it."),
    ("SPI Proc", "What a function keeps until it disconnects from SPI."),
    ("SPI Exec", "What one statement of SPI needs: reset after it."),
];

/// What a context is for: a scenario's own, what its kind is good for.
pub fn purpose(row: &ContextRow) -> &'static str {
    match OWN.iter().find(|(name, _)| *name == row.name) {
        Some((_, purpose)) => purpose,
        None => match row.kind {
            "Slab" => "Chunks of one size. Each block lists its own free ones.",
            "Generation" => {
                "For chunks that go in the order they came: a block is freed with its last."
            }
            "Bump" => {
                "No chunk can be freed by itself, so none needs a header. Reset or delete frees all."
            }
            _ => {
                "For anything: sizes are rounded up to classes, and a freed chunk serves its class again."
            }
        },
    }
}
