//! What the core itself says of a scenario: the page must say and draw the same.

use std::rc::Rc;

use pgscope_core::ids::BufferId;
use pgscope_core::server::Backend;
use pgscope_core::views;
use pgscope_scenario::{History, Mark, Position, compile, narrate};

use crate::{Reader, Result};

/// A scenario that ends in an eviction of a dirty page past a pinned one, and some memory.
pub const SCENARIO: &str = "\
-- What the tests type
server 18 shared_buffers=128kB
table orders pages=200
table customers pages=40
backend alice
backend bob
bob: read orders 0 hold as p
bob: update customers 2
alice: read orders 1..14
alice: read orders 3
alice: read orders 20
alice: create context Work in TopMemoryContext
alice: palloc 100 in Work as a
alice: pfree a
alice: palloc 120 in Work as b";

/// The core's history of a scenario.
pub struct Story(History);

/// One moment, in the words that the page uses too.
#[derive(Debug, PartialEq, Eq)]
pub struct Moment {
    /// The sentence.
    pub narration: String,
    /// Each buffer: page, usage count, pinned or not, dirty or not.
    pub buffers: Vec<String>,
}

impl Story {
    /// The story of a scenario that compiles.
    pub fn of(text: &str) -> Self {
        let program = compile(text).expect("the scenario compiles");
        Self(History::new(Rc::new(program)).expect("the server starts"))
    }

    /// Operations in all.
    #[expect(clippy::len_without_is_empty, reason = "no story here is empty")]
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// The moment after so many operations.
    pub fn after(&mut self, op: u64) -> Moment {
        self.0.seek(Position { op, event: 0 });
        let server = self.0.server();
        let hand = BufferId(server.pool().strategy().hand());
        let buffers = views::buffers(server).map(|row| {
            let Some(tag) = row.tag else { return format!("buffer {}: empty", row.buffer) };
            let table = &server.pool().smgr.relation(tag.rel).expect("a table").name;
            let pins = |(_, it): &(_, &Backend)| it.buffers.pins.get(row.buffer) > 0;
            let who: Vec<_> = server.backends().filter(pins).map(|(_, it)| &*it.name).collect();
            format!(
                "buffer {}: {table} block {}, usage count {}, {}{}, {}{}",
                row.buffer,
                tag.block,
                row.usage_count,
                if row.pins > 0 { "pinned by " } else { "not pinned" },
                who.join(", "),
                if row.dirty { "dirty" } else { "clean" },
                if row.buffer == hand { ", the hand is here" } else { "" },
            )
        });
        Moment { buffers: buffers.collect(), narration: narrate(&self.0).text() }
    }

    /// The number of operations after which the first dirty page was evicted.
    pub fn dirty_eviction(&mut self) -> u64 {
        self.0.seek(Position { op: self.len(), event: 0 });
        let found = self.0.marks().iter().position(|mark| *mark == Mark::Write);
        found.expect("a dirty page is evicted") as u64 + 1
    }
}

/// The moment that a reader sees.
pub async fn seen(reader: &Reader) -> Result<Moment> {
    let labels = reader
        .script(
            "return [...document.querySelectorAll('[role=gridcell] > title')]
                .map(title => title.textContent)",
        )
        .await?;
    let labels = labels.as_array().cloned().unwrap_or_default();
    let plain = |label: &serde_json::Value| {
        // The place on the freelist is for the ear only.
        let label = label.as_str().unwrap_or_default();
        match label.contains(": empty") {
            true => label.split(',').next().unwrap_or_default().to_owned(),
            false => label.to_owned(),
        }
    };
    Ok(Moment {
        buffers: labels.iter().map(plain).collect(),
        narration: reader.text("#narration").await?,
    })
}

/// Waits until the page stands after `op` operations, and says what it shows there.
pub async fn seen_after(reader: &Reader, op: u64, of: u64) -> Result<Moment> {
    let place = format!("op {op} of {of}");
    reader.until_text("#position", |text| text.starts_with(&place)).await?;
    seen(reader).await
}
