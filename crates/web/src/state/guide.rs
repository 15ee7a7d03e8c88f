//! The scenario of a first visit: a running story, standing at the moment that explains the rest.

use pgscope_scenario::Position;
use pgscope_scenario::link::Link;

/// What it is about.
pub const NAME: &str = "One lap of the clock";

/// Two backends, two tables, sixteen buffers, and a page too many.
pub const TEXT: &str = "\
-- One lap of the clock
server 18 shared_buffers=128kB
table orders pages=200
table customers pages=40
backend alice
backend bob

-- alice has memory of her own ...
alice: create context Work
alice: palloc 100 in Work as a
alice: palloc 1000 in Work as b
alice: palloc 60 in Work as c
alice: pfree a

-- ... and shares 16 buffers with bob.
alice: read orders 0..5
bob: update orders 6
alice: read orders 7..11
bob: read customers 0..3

-- bob keeps a page pinned.
bob: read orders 5 hold as p

-- None is free now: the hand goes
-- all the way round.
alice: read orders 12
alice: read orders 13, 14

-- Pages in use gain a count ...
alice: read orders 3, 4, 4
-- ... so which one goes now?
alice: read orders 15

alice: read orders 1, 6, 3
bob: unpin p
checkpoint

-- Back to her own memory.
-- This gets the chunk that was a.
alice: palloc 120 in Work as d
alice: call my_func {
  palloc 64 as tmp
  palloc 2000 as buf
}
alice: repalloc c 400
alice: reset Work
";

/// Where it stands at first.
pub const POSITION: Position = Position { op: 33, event: 0 };

/// The link to it.
pub fn link() -> Link {
    Link { text: TEXT.into(), op: POSITION.op, event: POSITION.event, panels: 0 }
}
