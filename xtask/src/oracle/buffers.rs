//! Random scenarios for the buffer manager.
//!
//! A scenario is the script that `tests/oracle/bufmgr.c` reads. What is generated need not make sense
//! everywhere (a page may be held when all are to be flushed); the extension leaves out what does
//! not, so that any part of a scenario is one too.

use std::fmt::Write;

use pgscope_core::profile::BufmgrProfile;

use super::random::Random;
use super::scenario::Scenario;

/// Relations that the extension has: two permanent ones, an unlogged one, two temporary ones.
const RELATIONS: usize = 5;
const TEMPORARY: usize = 3;
/// `temp_buffers` of the server.
const LOCAL_BUFFERS: u64 = 100;
/// Names for pins and for rings; the extension has room for 1024 and 16, for each session.
const HANDLES: u64 = 1000;
const STRATEGIES: u64 = 6;
/// Buffers in the pool, small ones more often.
const POOLS: [(u64, u32); 8] =
    [(12, 16), (6, 24), (10, 32), (6, 64), (6, 128), (3, 256), (2, 520), (1, 2048)];

/// Sessions, one more often; temporary relations are the first one's.
const SESSIONS: [(u64, u64); 3] = [(4, 1), (4, 2), (2, 3)];

/// What an operation is about.
#[derive(Clone, Copy)]
enum Theme {
    Read,
    Extend,
    Release,
    Dirty,
    FlushBuffer,
    Strategy,
    Drop,
    Flush,
    BgWriter,
    WalFlush,
    ReadRange,
    Evict,
}

/// How often each, in scenarios of different characters.
const CHARACTERS: [[(u64, Theme); 12]; 7] = {
    use Theme::{
        BgWriter, Dirty, Drop, Evict, Extend, Flush, FlushBuffer, Read, ReadRange, Release,
        Strategy, WalFlush,
    };
    const fn weights(w: [u64; 12]) -> [(u64, Theme); 12] {
        [
            (w[0], Read),
            (w[1], Extend),
            (w[2], Release),
            (w[3], Dirty),
            (w[4], FlushBuffer),
            (w[5], Strategy),
            (w[6], Drop),
            (w[7], Flush),
            (w[8], BgWriter),
            (w[9], WalFlush),
            (w[10], ReadRange),
            (w[11], Evict),
        ]
    }
    [
        // Reading, hardly anything else.
        weights([500, 2, 10, 2, 1, 2, 1, 1, 1, 1, 10, 1]),
        // Everything.
        weights([300, 30, 60, 30, 10, 20, 15, 15, 15, 10, 30, 20]),
        // Pins.
        weights([300, 20, 150, 60, 30, 5, 10, 4, 4, 4, 10, 10]),
        // Rings.
        weights([400, 30, 20, 10, 3, 40, 4, 4, 4, 15, 20, 5]),
        // The background writer.
        weights([300, 10, 20, 10, 2, 4, 2, 3, 80, 5, 10, 4]),
        // Drops and freelists.
        weights([250, 30, 40, 10, 5, 8, 80, 20, 5, 5, 10, 40]),
        // New blocks and writes.
        weights([200, 150, 40, 30, 20, 10, 10, 30, 10, 20, 40, 10]),
    ]
};

/// The scenario that follows from this seed, for a server with this buffer manager.
pub(super) fn random(seed: u64, profile: &BufmgrProfile) -> Scenario {
    let mut random = Random::new(seed);
    let length = random.pick(&[100, 300, 1000, 3000]);
    let pool = random.weighted(&POOLS);
    let mut generator = Generator::new(random, profile, pool);
    let catalogs = generator.random.pick(&[0, 0, 5, 20, 60]);
    let mut start = format!(" {catalogs}");
    for nblocks in generator.nblocks {
        // Writing to a string never fails.
        let _ = write!(start, " {nblocks}");
    }
    let _ = write!(start, " {}", generator.sessions);
    while generator.lines.len() < length {
        generator.operation();
    }
    Scenario { seed, start, pool: Some(pool), lines: generator.lines }
}

/// A name that is believed to hold a pin.
#[derive(Clone, Copy)]
struct Held {
    name: u64,
    session: u64,
    /// Of a local buffer.
    local: bool,
}

struct Generator<'a> {
    random: Random,
    profile: &'a BufmgrProfile,
    pool: u64,
    sessions: u64,
    /// Whose turn it is, and how often it becomes another's, in percent.
    session: u64,
    changing: u64,
    character: usize,
    /// Blocks of each relation, as far as is known.
    nblocks: [u64; RELATIONS],
    /// Operations from one turn to the next, about.
    phase: u64,
    /// How often each relation is taken.
    weights: [(u64, usize); RELATIONS],
    /// Where a sequential scan of each goes on.
    next: [u64; RELATIONS],
    /// Scans go on, in percent of the reads; hot pages likewise. Change as the scenario goes on.
    scanning: u64,
    hot: u64,
    /// Reads that dirty, in percent; that use a ring; pins that are wanted.
    dirtying: u64,
    ringing: u64,
    tide: u64,
    held: Vec<Held>,
    /// Rings, and whose.
    strategies: Vec<(u64, u64)>,
    lines: Vec<String>,
}

impl<'a> Generator<'a> {
    fn new(mut random: Random, profile: &'a BufmgrProfile, pool: u32) -> Self {
        let pool = u64::from(pool);
        let local = random.percent(35);
        // Mostly temporary relations, now and then, so that their buffers run out.
        let much = random.pick(&[1, 2, 60]);
        let mut nblocks = [0; RELATIONS];
        let mut weights = [(0, 0); RELATIONS];
        for rel in 0..RELATIONS {
            nblocks[rel] = if rel < TEMPORARY {
                (pool * random.pick(&[1, 2, 4, 8, 12]) / 4).min(800) + random.below(8)
            } else if local {
                random.pick(&[60, 110, 150, 250])
            } else {
                0
            };
            let weight = if nblocks[rel] > 0 { random.pick(&[1, 2, 8]) } else { 0 };
            weights[rel] = (if rel < TEMPORARY { weight } else { weight * much }, rel);
        }
        let mut generator = Self {
            character: random.below(CHARACTERS.len() as u64) as usize,
            profile,
            pool,
            sessions: random.weighted(&SESSIONS),
            session: 0,
            changing: 0,
            nblocks,
            phase: random.pick(&[40, 100, 800]),
            weights,
            next: [0; RELATIONS],
            scanning: 0,
            hot: 0,
            dirtying: 0,
            ringing: 0,
            tide: 0,
            held: Vec::new(),
            strategies: Vec::new(),
            lines: Vec::new(),
            random,
        };
        generator.turn();
        generator
    }

    /// A new phase of the scenario.
    fn turn(&mut self) {
        self.changing = self.random.pick(&[2, 20, 60]);
        self.scanning = self.random.pick(&[0, 10, 60, 95]);
        self.hot = self.random.pick(&[0, 30, 80]);
        self.dirtying = self.random.pick(&[0, 10, 40, 90]);
        self.ringing = self.random.pick(&[0, 30, 90]);
        let most = if self.nblocks[TEMPORARY] > 0 { self.pool + LOCAL_BUFFERS } else { self.pool };
        // More pins than buffers, now and then; a page can be pinned more than once.
        let percent = self.random.pick(&[0, 0, 5, 30, 80, 100, 130]);
        self.tide = (most * percent / 100).min(HANDLES - 50);
    }

    fn say(&mut self, line: std::fmt::Arguments<'_>) {
        let mut text = String::new();
        if self.session > 0 {
            text = format!("@{} ", self.session);
        }
        // Writing to a string never fails.
        let _ = text.write_fmt(line);
        self.lines.push(text);
    }

    fn operation(&mut self) {
        if self.random.below(self.phase) == 0 {
            self.turn();
        }
        if self.random.percent(self.changing) {
            self.session = self.random.below(self.sessions);
        }
        if self.held.len() as u64 > self.tide && self.random.percent(40) {
            self.session = self.random.pick(&self.held).session;
            return self.release();
        }
        match self.random.weighted(&CHARACTERS[self.character]) {
            Theme::Read => self.read(),
            Theme::Extend => self.extend(),
            Theme::Release => self.release(),
            Theme::Dirty => {
                if let Some(h) = self.some_held() {
                    let kind = self.random.between(1, 3);
                    self.say(format_args!("dirty {h} {kind}"));
                }
            }
            Theme::FlushBuffer => {
                if let Some(h) = self.some_held() {
                    self.say(format_args!("flush_buffer {h}"));
                }
            }
            Theme::Strategy => self.strategy(),
            Theme::Drop => self.drop(),
            Theme::Flush => self.flush(),
            Theme::BgWriter => self.bgwriter(),
            Theme::WalFlush => self.say(format_args!("wal_flush")),
            Theme::ReadRange if self.profile.read_rounds.is_some() => self.read_range(),
            Theme::Evict if self.profile.evict => {
                let buffer = self.random.between(1, self.pool);
                self.say(format_args!("evict {buffer}"));
            }
            Theme::ReadRange | Theme::Evict => self.read(),
        }
    }

    fn relation(&mut self) -> usize {
        let own = if self.session == 0 { RELATIONS } else { TEMPORARY };
        self.random.weighted(&self.weights[..own])
    }

    fn block(&mut self, rel: usize) -> u64 {
        let nblocks = self.nblocks[rel];
        if self.random.percent(self.scanning) {
            self.next[rel] = (self.next[rel] + 1) % nblocks;
            return self.next[rel];
        }
        if self.random.percent(self.hot) {
            return self.random.below(nblocks.min(self.pool / 2));
        }
        self.random.below(nblocks)
    }

    /// A ring, or -1.
    fn ring(&mut self) -> i64 {
        let session = self.session;
        let own = self.strategies.iter().filter(|(_, whose)| *whose == session);
        let own: Vec<u64> = own.map(|(number, _)| *number).collect();
        if own.is_empty() || !self.random.percent(self.ringing) {
            return -1;
        }
        self.random.pick(&own) as i64
    }

    /// A name under which the pin is kept, or -1.
    fn hold(&mut self, rel: usize) -> i64 {
        if self.held.len() as u64 >= self.tide || self.random.percent(20) {
            return -1;
        }
        let start = self.random.below(HANDLES);
        let mut names = (0..HANDLES).map(|i| (start + i) % HANDLES);
        match names.find(|name| self.held.iter().all(|held| held.name != *name)) {
            Some(name) => {
                let (session, local) = (self.session, rel >= TEMPORARY);
                self.held.push(Held { name, session, local });
                name as i64
            }
            None => -1,
        }
    }

    /// A dirty kind; 3 (with WAL) only where there is WAL.
    fn dirt(&mut self, rel: usize) -> u64 {
        if !self.random.percent(self.dirtying) {
            return 0;
        }
        if rel < 2 { self.random.between(1, 3) } else { self.random.between(1, 2) }
    }

    fn read(&mut self) {
        let rel = self.relation();
        let block = self.block(rel);
        let (ring, hold, dirt) = (self.ring(), self.hold(rel), self.dirt(rel));
        let zero = u64::from(self.random.percent(3));
        self.say(format_args!("read {rel} {block} {ring} {hold} {dirt} {zero}"));
    }

    fn extend(&mut self) {
        let rel = self.relation();
        let ring = self.ring();
        if self.profile.bulk_extend && self.random.percent(50) {
            let count = self.random.between(1, 16);
            return self.say(format_args!("extend_by {rel} {ring} {count}"));
        }
        let (hold, dirt) = (self.hold(rel), self.dirt(rel));
        self.nblocks[rel] += 1;
        self.say(format_args!("extend {rel} {ring} {hold} {dirt}"));
    }

    fn read_range(&mut self) {
        let rel = self.relation();
        let count = self.random.between(1, 8);
        let block = self.block(rel).min(self.nblocks[rel].saturating_sub(count));
        let (ring, dirt) = (self.ring(), self.dirt(rel).min(2));
        self.say(format_args!("read_range {rel} {block} {count} {ring} {dirt}"));
    }

    fn some_held(&mut self) -> Option<u64> {
        let own: Vec<_> = self.held.iter().filter(|held| held.session == self.session).collect();
        (!own.is_empty()).then(|| self.random.pick(&own).name)
    }

    fn release(&mut self) {
        if let Some(h) = self.some_held() {
            self.held.retain(|held| held.name != h);
            self.say(format_args!("release {h}"));
        }
    }

    fn strategy(&mut self) {
        let number = self.random.below(STRATEGIES);
        if let Some(at) = self.strategies.iter().position(|(known, _)| *known == number) {
            self.session = self.strategies.remove(at).1;
            return self.say(format_args!("strategy_free {number}"));
        }
        self.strategies.push((number, self.session));
        let kind = self.random.below(3);
        if self.profile.sized_rings && self.random.percent(40) {
            let size = self.random.pick(&[8, 16, 24, 64, 256, 1024, 40_000]);
            return self.say(format_args!("strategy_create {number} {kind} {size}"));
        }
        self.say(format_args!("strategy_create {number} {kind} -1"));
    }

    /// Give up all of the session's pins of shared, or of local, buffers.
    fn release_all(&mut self, local: bool) {
        let (gone, kept) = self
            .held
            .iter()
            .partition::<Vec<_>, _>(|held| held.local == local && held.session == self.session);
        self.held = kept;
        for Held { name, .. } in gone {
            self.say(format_args!("release {name}"));
        }
    }

    fn drop(&mut self) {
        let rel = self.relation();
        if rel >= TEMPORARY || self.random.percent(30) {
            self.release_all(rel >= TEMPORARY);
        }
        match self.random.below(20) {
            0 => self.say(format_args!("drop_db")),
            1..8 => self.say(format_args!("drop_rel {rel}")),
            _ => {
                let block = self.random.below(self.nblocks[rel] + 1);
                self.say(format_args!("drop_from {rel} {block}"));
            }
        }
    }

    fn flush(&mut self) {
        let rel = self.relation();
        let choice = self.random.below(10);
        self.release_all(choice >= 7 && rel >= TEMPORARY);
        match choice {
            0..5 => self.say(format_args!("checkpoint {}", choice % 2)),
            5..7 => self.say(format_args!("flush_db")),
            _ => self.say(format_args!("flush_rel {rel}")),
        }
    }

    fn bgwriter(&mut self) {
        let pages = self.random.pick(&[0, 1, 3, 100, 100]);
        let multiplier = self.random.pick(&[0, 50, 200, 200, 375, 1000]);
        let delay = self.random.pick(&[10, 200, 200, 10_000]);
        // Rounds come in rows, too: that is how the averages move.
        for _ in 0..self.random.pick(&[1, 1, 1, 4]) {
            self.say(format_args!("bgwriter {pages} {multiplier} {delay}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgscope_core::profile::Version;

    fn words(version: Version) -> String {
        let mut words: Vec<String> = (0..60)
            .flat_map(|seed| random(seed, &version.profile().bufmgr).lines)
            .filter_map(|line| {
                line.split(' ').find(|word| !word.starts_with('@')).map(String::from)
            })
            .collect();
        words.sort();
        words.dedup();
        words.join(" ")
    }

    #[test]
    fn every_operation_that_a_version_has_occurs() {
        let oldest = "bgwriter checkpoint dirty drop_db drop_from drop_rel extend flush_buffer \
                      flush_db flush_rel read release strategy_create strategy_free wal_flush";
        assert_eq!(words(Version::V15), oldest);
        let newest = oldest
            .replace("extend ", "evict extend extend_by ")
            .replace("read ", "read read_range ");
        assert_eq!(words(Version::V18), newest);
    }

    #[test]
    fn every_session_has_its_turn_and_the_temporary_relations_are_the_first_ones() {
        let profile = &Version::V15.profile().bufmgr;
        let lines: Vec<String> = (0..60).flat_map(|seed| random(seed, profile).lines).collect();
        for session in ["@1 ", "@2 "] {
            let of_it = || lines.iter().filter_map(|line| line.strip_prefix(session));
            assert!(of_it().any(|line| line.starts_with("release")));
            assert!(!of_it().any(|line| line.starts_with("read 3") || line.starts_with("read 4")));
        }
        assert!(lines.iter().any(|line| line.starts_with("read 3")));
    }

    #[test]
    fn a_seed_always_gives_the_same_scenario() {
        let profile = &Version::V15.profile().bufmgr;
        assert_eq!(random(3, profile), random(3, profile));
        assert_ne!(random(3, profile).lines, random(4, profile).lines);
    }
}
