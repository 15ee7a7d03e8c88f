//! The scenario of a first visit: a running story, standing at the moment that explains the rest.

use pgscope_scenario::Position;

/// Two backends, two tables, sixteen buffers, and a page too many.
pub const TEXT: &str = "\
-- One lap of the clock
server 18 shared_buffers=128kB
table orders pages=200
table customers pages=40
backend alice
backend bob

alice: read orders 0..11      -- the pool fills
bob: read customers 0..3      -- all 16 are taken now
bob: read orders 0 hold as p  -- pinned: nobody may take it
bob: update customers 2       -- dirty: to be written first
alice: read orders 3, 7, 3, 3
alice: read orders 12         -- which buffer goes?
alice: read orders 13..16
alice: read orders 1, 2       -- and back again: too late
bob: unpin p
checkpoint

-- Now the memory that nobody shares
alice: create context Work in TopMemoryContext
alice: palloc 100 in Work as a
alice: palloc 1000 in Work as b
alice: palloc 60 in Work as c
alice: pfree a
alice: palloc 120 in Work as d  -- a's chunk again
alice: call my_func { palloc 64 as tmp; palloc 2000 as buf }
alice: repalloc c 400
alice: reset Work
";

/// Where it stands at first.
pub const POSITION: Position = Position { op: 31, event: 0 };
