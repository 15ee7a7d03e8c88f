//! The tree of contexts in a random scenario: what is created, moved and deleted.

use super::{CONTEXTS, Context, Generator, Kind, RECYCLING};

impl Generator<'_> {
    pub(super) fn create(&mut self) {
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
        let blocks = self.block_sizes();
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

    pub(super) fn set_parent(&mut self, context: Context) {
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

    pub(super) fn delete(&mut self, context: Context) {
        if context.number != 0 {
            self.forget(context.number, true, true);
            self.say(format_args!("del {}", context.number));
        }
    }

    /// Everything below a context.
    pub(super) fn below(&self, number: u32) -> Vec<u32> {
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
    pub(super) fn forget(&mut self, number: u32, itself: bool, below: bool) {
        let mut gone = if below { self.below(number) } else { Vec::new() };
        self.forget_chunks(number);
        gone.iter().for_each(|child| self.forget_chunks(*child));
        if itself {
            gone.push(number);
        }
        self.contexts.retain(|context| !gone.contains(&context.number));
    }

    pub(super) fn forget_chunks(&mut self, number: u32) {
        for chunk in &mut self.chunks {
            if *chunk == Some(number) {
                *chunk = None;
            }
        }
    }
}
