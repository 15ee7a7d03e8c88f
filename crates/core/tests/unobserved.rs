//! With events off a plain read takes a shorter way through the core. Both ways must end alike.

use pgscope_core::ids::{BackendId, PinSlot, RelId, StrategySlot};
use pgscope_core::op::{DirtyKind, Persistence, ReadMode, StrategyKind};
use pgscope_core::profile::Version;
use pgscope_core::server::{Outcome, ReadOutcome, Settings};
use pgscope_core::{Error, Op, Server};

/// Usage counts lie eight to a word: full words and others.
const BUFFERS: [u32; 3] = [16, 19, 30];
const BLOCKS: u32 = 40;

fn server(version: Version, shared_buffers: u32) -> Result<Server, Error> {
    let mut server = Server::start(version, Settings::with_shared_buffers(shared_buffers), 0)?;
    for number in 0..2 {
        let name = format!("backend {number}").into();
        server.apply(&Op::Connect { backend: BackendId(number), name })?;
    }
    let kinds =
        [Persistence::Permanent, Persistence::Unlogged, Persistence::Temporary(BackendId(0))];
    for (rel, persistence) in (0..).map(RelId).zip(kinds) {
        let name = format!("relation {}", rel.0).into();
        server.apply(&Op::CreateRelation { rel, name, nblocks: BLOCKS, persistence })?;
    }
    for (slot, kind) in [(0, StrategyKind::BulkRead), (1, StrategyKind::Vacuum)] {
        let strategy = StrategySlot(slot);
        let backend = BackendId(0);
        server.apply(&Op::CreateStrategy { backend, strategy, kind, size_kb: None })?;
    }
    Ok(server)
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(2_685_821_657_736_338_717) >> 33) % u64::from(end)) as u32
    }

    fn op(&mut self) -> Op {
        let backend = BackendId(self.below(2) as u16);
        let rel = RelId(if self.below(8) == 0 { 2 } else { self.below(2) });
        let pin = PinSlot(self.below(20));
        let kind = [DirtyKind::Plain, DirtyKind::Hint, DirtyKind::Wal { end: None }]
            [self.below(3) as usize];
        match self.below(40) {
            // Rarely: what is cut off comes back a block at a time.
            0 if self.below(8) == 0 => {
                Op::Truncate { backend, rel, nblocks: Some(BLOCKS / 2 + self.below(BLOCKS / 2)) }
            }
            0 => Op::DropRelation { backend, rel, from: self.below(BLOCKS) },
            1 => Op::Checkpoint { all: true },
            2 => Op::WalFlush { end: None },
            3 => Op::Extend { backend, rel, strategy: None, dirty: None, pin: None },
            4..8 => Op::Unpin { backend, pin },
            choice => Op::Read {
                backend,
                rel,
                // Now and then one that is not there.
                block: self.below(BLOCKS + 1),
                mode: if choice == 8 { ReadMode::ZeroAndLock } else { ReadMode::Normal },
                strategy: (choice == 9).then_some(StrategySlot(pin.0 % 2)),
                dirty: (choice < 14).then_some(kind),
                pin: (10..14).contains(&choice).then_some(pin),
            },
        }
    }
}

fn same(observed: &Server, unobserved: &Server) {
    let pools = [observed.pool(), unobserved.pool()];
    let [descs, others] = pools.map(|pool| pool.descs().map(|(_, desc)| desc).collect::<Vec<_>>());
    assert_eq!(descs, others);
    assert_eq!(pools[0].strategy(), pools[1].strategy());
    assert_eq!(pools[0].wal, pools[1].wal);
    for (buffer, desc) in pools[1].descs() {
        if let Some(tag) = desc.tag() {
            assert_eq!(pools[1].lookup(tag.rel, tag.block), Some(buffer));
        }
    }
    assert_eq!(pools[0].table().len(), pools[1].table().len());
    assert_eq!(observed.usage(), unobserved.usage());
    assert_eq!(observed.local_usage(), unobserved.local_usage());
    assert_eq!(observed.evictions(), unobserved.evictions());
    for ((_, backend), (_, other)) in observed.backends().zip(unobserved.backends()) {
        assert_eq!(format!("{:?}", backend.buffers.pins), format!("{:?}", other.buffers.pins));
    }
}

#[test]
fn nothing_depends_on_being_watched() {
    for version in [Version::V15, Version::V17, Version::V18, Version::V19] {
        let mut failures = 0;
        for seed in 1..=20 {
            let mut random = Random(seed);
            let buffers = BUFFERS[seed as usize % BUFFERS.len()];
            let mut observed = server(version, buffers).unwrap();
            let mut unobserved = server(version, buffers).unwrap();
            unobserved.log_mut().off();
            for _ in 0..1500 {
                let op = random.op();
                let results: [Result<Outcome, _>; 2] = [observed.apply(&op), unobserved.apply(&op)];
                let [result, other] = results.map(|result| format!("{result:?}"));
                assert_eq!(result, other, "{op:?}");
                failures += usize::from(result.starts_with("Err(NoUnpinnedBuffers"));
                same(&observed, &unobserved);
            }
        }
        assert!(failures > 0, "no sweep failed");
    }
}

#[test]
fn many_reads_at_once_are_so_many_reads() {
    for seed in 1..=30 {
        let mut random = Random(seed);
        let buffers = BUFFERS[seed as usize % BUFFERS.len()];
        let mut observed = server(Version::V18, buffers).unwrap();
        let mut unobserved = server(Version::V18, buffers).unwrap();
        unobserved.log_mut().off();
        for _ in 0..300 {
            let op = random.op();
            let _ = observed.apply(&op);
            let _ = unobserved.apply(&op);
            let (backend, rel) = (BackendId(0), RelId(random.below(3)));
            let blocks: Vec<_> =
                (0..random.below(60)).map(|_| random.below(20) + random.below(22)).collect();
            let mut expected = Vec::new();
            let one_by_one = |&block: &u32| {
                let before = observed.block_counts();
                let result = observed.apply(&Op::plain_read(backend, rel, block));
                let (usage, evictions) = observed.block_counts();
                expected.extend(result.is_ok().then_some(
                    match (usage.hit > before.0.hit, evictions > before.1) {
                        (true, _) => ReadOutcome::Hit,
                        (_, false) => ReadOutcome::Loaded,
                        _ if usage.written > before.0.written => ReadOutcome::Written,
                        _ => ReadOutcome::Evicted,
                    },
                ));
                result
            };
            let result = blocks.iter().map(one_by_one).find_map(Result::err);
            let mut outcomes = Vec::new();
            let note = |outcome| outcomes.push(outcome);
            assert_eq!(unobserved.read_blocks(backend, rel, &blocks, note).err(), result);
            assert_eq!(outcomes, expected);
            same(&observed, &unobserved);
        }
    }
}

/// A truncated file is shorter than the array of its blocks' buffers: what is behind its end can't be
/// read, and what was once asked for there leaves a buffer without the page's bytes.
#[test]
fn behind_a_truncated_end_there_is_nothing() {
    for version in Version::ALL {
        let (backend, cut, other) = (BackendId(0), RelId(0), RelId(1));
        let mut observed = server(version, 16).unwrap();
        // No buffer is free.
        for block in 0..20 {
            observed.apply(&Op::plain_read(backend, other, block)).unwrap();
        }
        observed.apply(&Op::Truncate { backend, rel: cut, nblocks: Some(2) }).unwrap();
        let mut unobserved = observed.clone();
        unobserved.log_mut().off();
        let mut together = unobserved.clone();
        let blocks = [0, 1, 0, 2, 2, 39];
        for block in blocks {
            let read = Op::plain_read(backend, cut, block);
            let result = observed.apply(&read);
            assert_eq!(matches!(result, Err(Error::ShortRead { .. })), block >= 2, "{result:?}");
            assert_eq!(format!("{:?}", unobserved.apply(&read)), format!("{result:?}"));
            same(&observed, &unobserved);
        }
        for blocks in [&blocks[..4], &blocks[4..5], &blocks[5..]] {
            let result = together.read_blocks(backend, cut, blocks, |_| ());
            assert!(matches!(result, Err(Error::ShortRead { .. })), "{result:?}");
        }
        same(&observed, &together);
    }
}
