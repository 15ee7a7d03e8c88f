//! What scenarios are made of, the most frequent last, where a reference to it is cheapest.

/// The dictionary of format 1. Part of the format: links out there need it as it is.
pub(super) const VERSION_1: &str = r#"title "note "ask "
lock orders share exclusive seqscan orders ring bulkread bulkwrite vacuum temp_buffers=100
expect error "no unpinned buffers available"
expect dirty_buffers = expect free_chunks( expect contexts( expect evictions = expect misses = expect writes = expect buffers( expect blocks( expect victim = expect passes = expect allocs = expect usage( expect pins( expect hits = expect total( expect used( expect hit_ratio > 0.9
-- multiplier= maxpages= delay=200ms walflush
 unlogged
 MessageContext TopPortalContext ErrorContext FunctionCallContext TopTransactionContext CacheMemoryContext
 allocset small min=0 init=8kB max=8MB
 generation slab bump
server 18 shared_buffers=128kB seed=1
server 17 shared_buffers=1MB seed=
server 18 shared_buffers=16MB seed=42
table customers pages=1000
table items pages=100
table orders pages=200
backend carol
backend bob
backend alice

repeat 1000 { alice: read orders zipf(1.1) }
repeat 100 {
    alice: read orders uniform times 10
}
bgwriter
checkpoint
alice: call my_func { palloc 64 as tmp; palloc 2000 as buf }
alice: dirty p nowal
alice: flush p
alice: extend orders hold as p
alice: hint orders 3
alice: create context Work in TopMemoryContext
alice: switch to Work
alice: palloc0 1024 in Work as b
alice: reset Work
alice: delete Work
alice: repalloc a 400
bob: read orders 16..31
bob: update orders 3 hold as p
bob: unpin p
bob: palloc 100 as a
bob: pfree a
alice: update orders 5
alice: palloc 100 in Work as c
alice: pfree a
alice: read orders 3 hold as p
alice: unpin p
alice: read orders 0..15
"#;
