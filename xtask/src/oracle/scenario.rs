//! Random scenarios for memory contexts.
//!
//! A scenario is the script that `tests/oracle/mmgr.c` reads. What is generated need not make
//! sense everywhere (a creation can fail, and what follows hangs in the air): the extension leaves
//! out what does not, so that any part of a scenario is one too.

mod sizes;
mod tree;

use std::fmt::Write;

use pgscope_core::profile::MmgrProfile;

use super::random::Random;

/// Variables for chunks.
const CHUNKS: u64 = 400;
/// As many contexts as a scenario may create; the extension has room for 4096.
const CONTEXTS: u32 = 1500;
/// `MaxAllocSize`.
const MAX_ALLOC_SIZE: u64 = 0x3fff_ffff;

/// A script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    /// What the extension is told before the first operation, each word with a space before it.
    pub(crate) start: String,
    /// Buffers in the pool of the server that executes it; `None` if it does not matter.
    pub(crate) pool: Option<u32>,
    /// One operation each.
    pub(crate) lines: Vec<String>,
}

impl Scenario {
    /// The scenario that follows from this seed, for a server with these memory contexts.
    pub(crate) fn random(seed: u64, profile: &MmgrProfile) -> Self {
        let mut random = Random::new(seed);
        let length = random.pick(&[100, 300, 1000, 3000]);
        let mut generator = Generator::new(random, profile);
        while generator.lines.len() < length {
            generator.operation();
        }
        Self { seed, start: String::new(), pool: None, lines: generator.lines }
    }

    /// As the extension reads it.
    pub(crate) fn script(&self) -> String {
        let mut script = format!("scenario {}{}\n", self.seed, self.start);
        for line in &self.lines {
            script.push_str(line);
            script.push('\n');
        }
        script.push_str("end\n");
        script
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    AllocSet,
    Generation,
    Slab,
    Bump,
}

#[derive(Clone, Copy)]
struct Context {
    number: u32,
    parent: u32,
    kind: Kind,
    /// Of a slab's chunks.
    chunk: u64,
    /// Of its first, second and largest block.
    blocks: [u64; 3],
}

/// What an operation is about.
#[derive(Clone, Copy)]
enum Theme {
    Alloc,
    Free,
    Realloc,
    Create,
    Reset,
    ResetOnly,
    ResetChildren,
    Delete,
    DeleteChildren,
    SetParent,
    Callback,
    Identifier,
    IsEmpty,
    Print,
}

/// Which of the characters is about deleted contexts.
const RECYCLING: usize = 3;
/// How often each, in scenarios of different characters.
const CHARACTERS: [[(u64, Theme); 14]; 4] = {
    use Theme::{
        Alloc, Callback, Create, Delete, DeleteChildren, Free, Identifier, IsEmpty, Print, Realloc,
        Reset, ResetChildren, ResetOnly, SetParent,
    };
    const fn weights(w: [u64; 14]) -> [(u64, Theme); 14] {
        [
            (w[0], Alloc),
            (w[1], Free),
            (w[2], Realloc),
            (w[3], Create),
            (w[4], Reset),
            (w[5], ResetOnly),
            (w[6], ResetChildren),
            (w[7], Delete),
            (w[8], DeleteChildren),
            (w[9], SetParent),
            (w[10], Callback),
            (w[11], Identifier),
            (w[12], IsEmpty),
            (w[13], Print),
        ]
    }
    [
        // A few contexts that fill and empty.
        weights([500, 400, 90, 4, 2, 2, 1, 1, 0, 1, 2, 3, 2, 2]),
        // Everything.
        weights([400, 250, 90, 50, 20, 20, 10, 25, 5, 15, 15, 15, 10, 5]),
        // The tree.
        weights([200, 60, 30, 200, 40, 30, 30, 80, 20, 60, 60, 20, 20, 10]),
        // Contexts that come and go, for the stores of deleted ones.
        weights([150, 30, 20, 400, 10, 5, 5, 300, 5, 5, 5, 5, 5, 1]),
    ]
};

struct Generator<'a> {
    random: Random,
    profile: &'a MmgrProfile,
    character: usize,
    /// Contexts at a time, about.
    width: usize,
    /// Chunks that live, in percent of what is wanted; changes as the scenario goes on.
    tide: u64,
    /// A few sizes that come again and again, so that freelists and blocks fit exactly.
    favourites: Vec<u64>,
    favoured: u64,
    contexts: Vec<Context>,
    created: u32,
    /// The context of each chunk that is believed to live.
    chunks: Vec<Option<u32>>,
    lines: Vec<String>,
}

impl<'a> Generator<'a> {
    fn new(mut random: Random, profile: &'a MmgrProfile) -> Self {
        let blocks = [0, 16 << 10, 64 << 10];
        let root = Context { number: 0, parent: 0, kind: Kind::AllocSet, chunk: 0, blocks };
        let character = random.below(CHARACTERS.len() as u64) as usize;
        let width = if character == RECYCLING {
            random.pick(&[4, 40, 250])
        } else {
            random.pick(&[1, 2, 4, 12, 40])
        };
        let mut generator = Self {
            character,
            width,
            tide: 50,
            favourites: Vec::new(),
            favoured: random.pick(&[0, 30, 90]),
            contexts: vec![root],
            created: 0,
            chunks: vec![None; CHUNKS as usize],
            lines: Vec::new(),
            random,
            profile,
        };
        for _ in 0..width {
            generator.create();
        }
        for _ in 0..4 {
            let context = generator.random.pick(&generator.contexts);
            let fills = generator.random.percent(50);
            let size = if fills { generator.filling(context) } else { generator.any_size(context) };
            generator.favourites.push(size);
        }
        generator
    }

    fn say(&mut self, line: std::fmt::Arguments<'_>) {
        let mut text = String::new();
        // Writing to a string never fails.
        let _ = text.write_fmt(line);
        self.lines.push(text);
    }

    fn operation(&mut self) {
        if self.random.percent(1) {
            self.tide = self.random.pick(&[5, 30, 50, 70, 95]);
        }
        if self.contexts.len() == 1 {
            return self.create();
        }
        let context = self.random.pick(&self.contexts);
        let c = context.number;
        match self.random.weighted(&CHARACTERS[self.character]) {
            Theme::Alloc | Theme::Free if self.random.percent(self.tide) => self.alloc(),
            Theme::Alloc | Theme::Free => self.free(),
            Theme::Realloc => self.realloc(),
            Theme::Create if self.contexts.len() > 3 * self.width => self.delete(context),
            Theme::Create => self.create(),
            Theme::Delete => self.delete(context),
            Theme::Reset => {
                self.forget(c, false, true);
                self.say(format_args!("reset {c}"));
            }
            Theme::ResetOnly => {
                self.forget_chunks(c);
                self.say(format_args!("resetonly {c}"));
            }
            Theme::ResetChildren => {
                self.below(c).into_iter().for_each(|child| self.forget_chunks(child));
                self.say(format_args!("resetch {c}"));
            }
            Theme::DeleteChildren => {
                self.below(c).into_iter().for_each(|child| self.forget(child, true, true));
                self.say(format_args!("delch {c}"));
            }
            Theme::SetParent => self.set_parent(context),
            Theme::Callback => {
                let id = self.lines.len();
                self.say(format_args!("cb {c} {id}"));
            }
            Theme::Identifier => {
                let length = self.text_length(context);
                self.say(format_args!("ident {c} {length}"));
            }
            Theme::IsEmpty => self.say(format_args!("isempty {c}")),
            Theme::Print => {
                let level = self.random.pick(&[1, 2, 3, 100]);
                let children = self.random.pick(&[0, 1, 3, 100]);
                let c = if self.random.percent(50) { 0 } else { c };
                self.say(format_args!("print {c} {level} {children}"));
            }
        }
    }

    fn alloc(&mut self) {
        let context = self.random.pick(&self.contexts);
        let start = self.random.below(CHUNKS) as usize;
        let mut order = (0..self.chunks.len()).map(|i| (start + i) % self.chunks.len());
        let Some(h) = order.find(|slot| self.chunks[*slot].is_none()) else {
            return self.free();
        };
        self.chunks[h] = Some(context.number);
        let c = context.number;
        let size = self.size(context);
        // Zeroing touches every byte.
        let touched = size <= 64 << 10 || size > MAX_ALLOC_SIZE;
        match self.random.below(20) {
            0..6 => self.say(format_args!("alloc {c} {h} {size}")),
            6..11 => self.say(format_args!("mcalloc {c} {h} {size}")),
            11 if touched => self.say(format_args!("alloc0 {c} {h} {size}")),
            12 if touched => self.say(format_args!("mcalloc0 {c} {h} {size}")),
            13..15 => {
                let flags = self.random.below(4);
                let size = self.unusual_size(size, flags & 1 != 0);
                let zero = if size <= 64 << 10 { 4 } else { 0 };
                let flags = flags + self.random.pick(&[0, zero]);
                self.say(format_args!("allocx {c} {h} {size} {flags}"));
            }
            15 => {
                let length = self.text_length(context);
                self.say(format_args!("strdup {c} {h} {length}"));
            }
            16 if self.profile.aligned && context.kind != Kind::Slab => {
                let flags = self.random.below(4);
                let size = self.unusual_size(size, flags & 1 != 0);
                let align = 1u64 << self.random.between(0, 13);
                // The sum of both must not wrap: the pointer would lie behind its chunk.
                let size = size.min(u64::MAX - 2 * align);
                self.say(format_args!("alloca {c} {h} {size} {align} {flags}"));
            }
            17 if self.random.percent(10) => {
                let size = self.unusual_size(size, false);
                self.say(format_args!("alloc {c} {h} {size}"));
            }
            _ => self.say(format_args!("mcalloc {c} {h} {size}")),
        }
    }

    /// One that lives, if a few tries find one.
    fn living(&mut self) -> Option<(usize, u32)> {
        for _ in 0..20 {
            let h = self.random.below(CHUNKS) as usize;
            if let Some(context) = self.chunks[h] {
                return Some((h, context));
            }
        }
        None
    }

    fn free(&mut self) {
        let Some((h, _)) = self.living() else {
            return;
        };
        self.chunks[h] = None;
        self.say(format_args!("free {h}"));
    }

    fn realloc(&mut self) {
        let Some((h, number)) = self.living() else {
            return;
        };
        let found = self.contexts.iter().find(|context| context.number == number).copied();
        let Some(context) = found else {
            return;
        };
        let mut size = self.size(context);
        if self.random.percent(30) {
            // A dedicated block that grows and shrinks, more often than chance has it.
            size = self.random.between(7000, 40_000);
        }
        if self.random.percent(85) {
            return self.say(format_args!("realloc {h} {size}"));
        }
        let flags = self.random.below(2);
        let mut size = self.unusual_size(size, flags != 0);
        if self.profile.aligned {
            // The chunk may be an aligned one, to whose size the alignment is added.
            size = size.min(u64::MAX - (2 << 13));
        }
        self.say(format_args!("reallocx {h} {size} {flags}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgscope_core::profile::Version;

    fn scenarios(version: Version) -> Vec<Scenario> {
        (0..60).map(|seed| Scenario::random(seed, &version.profile().mmgr)).collect()
    }

    #[test]
    fn a_seed_always_gives_the_same_scenario() {
        assert_eq!(scenarios(Version::V18), scenarios(Version::V18));
        assert_ne!(scenarios(Version::V18)[0].lines, scenarios(Version::V18)[1].lines);
    }

    #[test]
    fn every_operation_that_a_version_has_occurs() {
        let words = |version| {
            let mut words: Vec<String> = scenarios(version)
                .iter()
                .flat_map(|scenario| &scenario.lines)
                .filter_map(|line| line.split(' ').next().map(String::from))
                .collect();
            words.sort();
            words.dedup();
            words.join(" ")
        };
        let newest = "alloc alloc0 alloca allocx aset bump cb del delch free generation ident \
                      isempty mcalloc mcalloc0 print realloc reallocx reset resetch resetonly \
                      setparent slab strdup";
        assert_eq!(words(Version::V18), newest);
        assert_eq!(words(Version::V15), newest.replace("alloca ", "").replace("bump ", ""));
    }
}
