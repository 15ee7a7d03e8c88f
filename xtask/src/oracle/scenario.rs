//! Random scenarios for memory contexts.
//!
//! A scenario is the script that `tests/oracle/mmgr.c` reads. What is generated need not make
//! sense everywhere (a creation can fail, and what follows hangs in the air): the extension leaves
//! out what does not, so that any part of a scenario is one too. Sizes are drawn around the places
//! where an allocator changes its ways: powers of two, chunk limits, what still fits a block.

use std::fmt::Write;

use pgscope_core::profile::MmgrProfile;

use super::random::Random;

/// Variables for chunks.
const CHUNKS: u64 = 400;
/// As many contexts as a scenario may create; the extension has room for 4096.
const CONTEXTS: u32 = 1500;
/// No address space has room for it.
const NEVER: u64 = 1 << 47;
/// `MaxAllocSize`.
const MAX_ALLOC_SIZE: u64 = 0x3fff_ffff;

/// A script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
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
        Self { seed, lines: generator.lines }
    }

    /// As the extension reads it.
    pub(crate) fn script(&self) -> String {
        let mut script = format!("scenario {}\n", self.seed);
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
        for _ in 0..4 {
            let size = generator.any_size(root);
            generator.favourites.push(size);
        }
        for _ in 0..width {
            generator.create();
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

    // Contexts.

    fn create(&mut self) {
        if self.created == CONTEXTS {
            return self.alloc();
        }
        self.created += 1;
        let number = self.created;
        let parent = self.random.pick(&self.contexts).number;
        let recycling = self.character == RECYCLING;
        let mut kinds = vec![(if recycling { 60 } else { 6 }, Kind::AllocSet)];
        kinds.extend([(4, Kind::Generation), (4, Kind::Slab)]);
        if self.profile.bump {
            kinds.push((3, Kind::Bump));
        }
        let kind = self.random.weighted(&kinds);
        if kind == Kind::Slab {
            return self.create_slab(number, parent);
        }
        let blocks = self.block_sizes(recycling);
        let [min, init, max] = blocks;
        let word = match kind {
            Kind::Generation => "generation",
            Kind::Bump => "bump",
            Kind::AllocSet | Kind::Slab => "aset",
        };
        self.contexts.push(Context { number, parent, kind, chunk: 0, blocks });
        self.say(format_args!("{word} {number} {parent} {min} {init} {max}"));
    }

    fn create_slab(&mut self, number: u32, parent: u32) {
        let chunk = match self.random.below(10) {
            0 => self.random.between(1, 16),
            1..=6 => self.random.between(8, 300),
            7 => 1 << self.random.between(2, 12),
            _ => self.random.between(300, 4000),
        };
        let block = match self.random.below(10) {
            0 => self.random.between(64, 9000),
            1..=3 => 8 << 10,
            4 => 1 << self.random.between(9, 17),
            // Room for a few chunks, so that blocks fill up and empty.
            _ => (self.random.between(1, 12) * (chunk + 24) + 64).next_multiple_of(8),
        };
        let blocks = [block; 3];
        self.contexts.push(Context { number, parent, kind: Kind::Slab, chunk, blocks });
        self.say(format_args!("slab {number} {parent} {block} {chunk}"));
    }

    /// First, second and largest block; within what the constructors ask for.
    fn block_sizes(&mut self, recycling: bool) -> [u64; 3] {
        let init = match self.random.below(if recycling { 17 } else { 10 }) {
            0 => self.random.between(128, 4096) * 8,
            1 | 2 => 1 << self.random.between(10, 16),
            3 | 4 => return [0, 1 << 10, 8 << 10],
            5 => return [0, 1 << 10, 8 << 20],
            6 => return [0, 8 << 10, 1 << self.random.between(13, 23)],
            11..=13 => return [0, 1 << 10, 1 << self.random.between(10, 20)],
            _ => return [0, 8 << 10, 8 << 20],
        };
        let max = match self.random.below(5) {
            0 => init,
            1 => init + 8 * self.random.below(4096),
            2 => 8 << 20,
            _ => init << self.random.below(6),
        };
        let min = match self.random.below(4) {
            0 => 8 * self.random.between(128, max / 8),
            1 => max.min(32 << 10),
            _ => 0,
        };
        [min, init, max]
    }

    fn set_parent(&mut self, context: Context) {
        let parent = self.random.pick(&self.contexts).number;
        let c = context.number;
        if c == 0 || parent == c || self.below(c).contains(&parent) {
            return;
        }
        for found in &mut self.contexts {
            if found.number == c {
                found.parent = parent;
            }
        }
        self.say(format_args!("setparent {c} {parent}"));
    }

    fn delete(&mut self, context: Context) {
        if context.number != 0 {
            self.forget(context.number, true, true);
            self.say(format_args!("del {}", context.number));
        }
    }

    /// Everything below a context.
    fn below(&self, number: u32) -> Vec<u32> {
        let mut found = vec![number];
        let mut next = 0;
        while let Some(&parent) = found.get(next) {
            let children = self.contexts.iter().filter(|child| child.number != 0);
            let children = children.filter(|child| child.parent == parent);
            found.extend(children.map(|child| child.number));
            next += 1;
        }
        found.split_off(1)
    }

    /// A context's chunks are gone, and, if so, the context, and those below it.
    fn forget(&mut self, number: u32, itself: bool, below: bool) {
        let mut gone = if below { self.below(number) } else { Vec::new() };
        self.forget_chunks(number);
        gone.iter().for_each(|child| self.forget_chunks(*child));
        if itself {
            gone.push(number);
        }
        self.contexts.retain(|context| !gone.contains(&context.number));
    }

    fn forget_chunks(&mut self, number: u32) {
        for chunk in &mut self.chunks {
            if *chunk == Some(number) {
                *chunk = None;
            }
        }
    }

    // Chunks.

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
        let size = self.unusual_size(size, flags != 0);
        self.say(format_args!("reallocx {h} {size} {flags}"));
    }

    fn text_length(&mut self, context: Context) -> u64 {
        if context.kind == Kind::Slab && self.random.percent(90) {
            return context.chunk - 1;
        }
        match self.random.below(10) {
            0 => self.random.between(0, 8),
            1 => self.random.between(1000, 20_000),
            _ => self.random.between(0, 200),
        }
    }

    fn size(&mut self, context: Context) -> u64 {
        if context.kind == Kind::Slab {
            return if self.random.percent(98) { context.chunk } else { self.any_size(context) };
        }
        if self.random.percent(self.favoured) {
            return self.random.pick(&self.favourites);
        }
        self.any_size(context)
    }

    fn any_size(&mut self, context: Context) -> u64 {
        match self.random.below(100) {
            0..30 => self.random.between(0, 130),
            30..50 => {
                let power = 1 << self.random.between(3, 14);
                self.around(power)
            }
            50..60 => self.random.between(130, 1100),
            60..70 => self.random.between(1100, 8200),
            70..80 => {
                // What nearly fills a block, and chunk limits, which are parts of a block.
                let block = self.random.pick(&context.blocks).min(256 << 10);
                let part = self.random.pick(&[1, 2, 4, 8]);
                self.around(block / part)
            }
            80..90 => {
                let block = self.random.pick(&context.blocks).min(256 << 10);
                self.random.between(block / 16, block / 2)
            }
            90..97 => self.random.between(8193, 70_000),
            97..99 => self.random.between(70_000, 300_000),
            _ => self.random.pick(&[0, 1, 1 << 20]),
        }
    }

    /// Close to a number, most often below it by the size of some headers.
    fn around(&mut self, number: u64) -> u64 {
        match self.random.below(4) {
            0 => number,
            1 => number.saturating_sub(self.random.between(0, 300)),
            2 => number.saturating_sub(8 * self.random.between(0, 16)),
            _ => number + self.random.between(0, 20),
        }
    }

    /// Now and then a size that no allocator grants. With the higher limit, what lies between
    /// the two would depend on how much the machine has.
    fn unusual_size(&mut self, size: u64, huge: bool) -> u64 {
        if self.random.percent(90) {
            return size;
        }
        let beyond_huge = [1 << 63, (1 << 63) + size, u64::MAX, u64::MAX - self.random.below(200)];
        let between = if huge { [NEVER, NEVER + size] } else { [MAX_ALLOC_SIZE + 1, 5 << 30] };
        let sizes = [between, [NEVER, (1 << 63) - 1]].concat();
        if self.random.percent(50) {
            self.random.pick(&sizes)
        } else {
            self.random.pick(&beyond_huge)
        }
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
