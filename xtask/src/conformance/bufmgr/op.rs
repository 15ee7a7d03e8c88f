//! From a record of a buffer-manager trace to the operation.

use pgscope_core::Op;
use pgscope_core::ids::{BackendId, PinSlot, RelId, StrategySlot};
use pgscope_core::op::{BgWriterRound, DirtyKind, ReadMode, StrategyKind};

use super::super::record::{Record, Stop};
use super::{Replay, buffer_id};

impl Replay {
    pub(super) fn op(&self, record: &Record<'_>) -> Result<Op, Stop> {
        let backend = BackendId(record.number_or("be", 0) as u16);
        let slot = |field: &str| record.has(field).then(|| record.small(field)).transpose();
        let pin = || record.small("h").map(PinSlot);
        Ok(match record.word("op") {
            "read" => Op::Read {
                backend,
                rel: self.rel(record)?,
                block: record.small("blk")?,
                mode: match record.word("mode") {
                    "zero_and_lock" => ReadMode::ZeroAndLock,
                    _ => ReadMode::Normal,
                },
                strategy: slot("strat")?.map(StrategySlot),
                dirty: dirty(record)?,
                pin: slot("hold")?.map(PinSlot),
            },
            "extend" => Op::Extend {
                backend,
                rel: self.rel(record)?,
                strategy: slot("strat")?.map(StrategySlot),
                dirty: dirty(record)?,
                pin: slot("hold")?.map(PinSlot),
            },
            "release" => Op::Unpin { backend, pin: pin()? },
            "dirty" => Op::MarkDirty {
                backend,
                pin: pin()?,
                kind: dirty(record)?.unwrap_or(DirtyKind::Plain),
            },
            "flush_buffer" => Op::FlushBuffer { backend, pin: pin()? },
            "wal_flush" => Op::WalFlush { end: record.0["fl"].as_u64() },
            "checkpoint" => Op::Checkpoint { all: record.0["all"] == true },
            "bgwriter" => Op::BackgroundWriter {
                backend: Some(backend),
                round: BgWriterRound {
                    maxpages: Some(record.small("maxpages")?),
                    multiplier: Some(record.0["mult"].as_f64().unwrap_or_default()),
                    delay_ms: Some(record.small("delay")?),
                },
            },
            "extend_by" => Op::ExtendBy {
                backend,
                rel: self.rel(record)?,
                count: record.small("n")?,
                strategy: slot("strat")?.map(StrategySlot),
            },
            "read_range" => Op::ReadRange {
                backend,
                rel: self.rel(record)?,
                block: record.small("blk")?,
                count: record.small("n")?,
                strategy: slot("strat")?.map(StrategySlot),
                dirty: dirty(record)?,
            },
            "drop_rel" => Op::DropRelation { backend, rel: self.rel(record)?, from: 0 },
            "drop_from" => {
                Op::DropRelation { backend, rel: self.rel(record)?, from: record.small("blk")? }
            }
            "drop_db" => Op::DropDatabase { backend },
            "flush_rel" => Op::FlushRelation { backend, rel: self.rel(record)? },
            "flush_db" => Op::FlushDatabase { backend },
            "evict" => {
                let buffer = buffer_id(record.number("buf")?);
                let none = || Stop::Differs("  there is no buffer 0".into());
                Op::Evict { backend, buffer: buffer.ok_or_else(none)? }
            }
            "strategy_free" => {
                Op::FreeStrategy { backend, strategy: StrategySlot(record.small("strat")?) }
            }
            "strategy_create" => Op::CreateStrategy {
                backend,
                strategy: StrategySlot(record.small("strat")?),
                kind: match record.word("kind") {
                    "bulkread" => StrategyKind::BulkRead,
                    "bulkwrite" => StrategyKind::BulkWrite,
                    _ => StrategyKind::Vacuum,
                },
                size_kb: slot("size_kb")?,
            },
            other => return Err(Stop::Unsupported(format!("operation {other}"))),
        })
    }

    pub(super) fn rel(&self, record: &Record<'_>) -> Result<RelId, Stop> {
        let number = record.number("rel")?;
        let rel = self.relations.get(&number).copied();
        rel.ok_or_else(|| Stop::Differs(format!("  there is no relation {number}")))
    }
}

fn dirty(record: &Record<'_>) -> Result<Option<DirtyKind>, Stop> {
    Ok(match record.word("dirty") {
        "" | "none" => None,
        "plain" => Some(DirtyKind::Plain),
        "hint" => Some(DirtyKind::Hint),
        "wal" => Some(DirtyKind::Wal { end: record.0["lsn"].as_u64() }),
        other => return Err(Stop::Unsupported(format!("dirty kind {other}"))),
    })
}
