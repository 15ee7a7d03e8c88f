//! The sizes of a random scenario: of blocks, of chunks, of texts.
//!
//! They are drawn around the places where an allocator changes its ways: powers of two, chunk
//! limits, what still fits a block, the limits of a request.

use super::{Context, Generator, Kind, MAX_ALLOC_SIZE, RECYCLING};

/// No address space has room for it.
const NEVER: u64 = 1 << 47;

impl Generator<'_> {
    /// First, second and largest block; within what the constructors ask for.
    pub(super) fn block_sizes(&mut self) -> [u64; 3] {
        let init = match self.random.below(if self.character == RECYCLING { 17 } else { 10 }) {
            0 => self.random.between(128, 4096) * 8,
            1 | 2 => 1 << self.random.between(10, 16),
            3 | 4 => return [0, 1 << 10, 8 << 10],
            5 => return [0, 1 << 10, 8 << 20],
            6 => return [0, 8 << 10, 1 << self.random.between(13, 23)],
            11..=13 => return [0, 1 << 10, 1 << self.random.between(10, 20)],
            _ => return [0, 8 << 10, 8 << 20],
        };
        let max = match self.random.below(6) {
            0 => init,
            1 => init + 8 * self.random.below(4096),
            2 => 8 << 20,
            3 => {
                let edge = self.limit_edge();
                (edge + self.random.pick(&[0, 8]) - self.random.pick(&[0, 8])).max(init)
            }
            _ => init << self.random.below(6),
        };
        let min = match self.random.below(4) {
            0 => 8 * self.random.between(128, max / 8),
            1 => max.min(32 << 10),
            _ => 0,
        };
        [min, init, max]
    }

    /// The least that an AllocSet's largest block may be for some chunk limit, which is a power of
    /// two. Elsewhere the limit follows from the block without such edges.
    fn limit_edge(&mut self) -> u64 {
        let limit = 1u64 << self.random.between(7, 13);
        4 * (limit + self.profile.chunk) + self.profile.aset_block
    }

    pub(super) fn text_length(&mut self, context: Context) -> u64 {
        if context.kind == Kind::Slab && self.random.percent(90) {
            return context.chunk - 1;
        }
        match self.random.below(10) {
            0 => self.random.between(0, 8),
            1 => self.random.between(1000, 20_000),
            _ => self.random.between(0, 200),
        }
    }

    pub(super) fn size(&mut self, context: Context) -> u64 {
        if context.kind == Kind::Slab {
            return if self.random.percent(98) { context.chunk } else { self.any_size(context) };
        }
        if self.random.percent(self.favoured) {
            return self.random.pick(&self.favourites);
        }
        self.any_size(context)
    }

    pub(super) fn any_size(&mut self, context: Context) -> u64 {
        match self.random.below(100) {
            0..30 => self.random.between(0, 130),
            30..50 => {
                let power = 1 << self.random.between(3, 14);
                self.around(power)
            }
            50..60 => self.random.between(130, 1100),
            60..70 => self.random.between(1100, 8200),
            70..75 => self.filling(context),
            75..80 => {
                // Chunk limits are parts of a block.
                let block = self.random.pick(&context.blocks).min(256 << 10);
                let part = self.random.pick(&[1, 2, 4, 8, 16]);
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

    /// What just fills a block, or the rest of a first block, or just does not.
    pub(super) fn filling(&mut self, context: Context) -> u64 {
        let profile = self.profile;
        let (header, block) = match context.kind {
            Kind::Generation => {
                let generation = &profile.generation;
                (generation.context, generation.block + generation.chunk)
            }
            // Bump's chunks have no header.
            Kind::Bump => (112, 32),
            Kind::AllocSet | Kind::Slab => {
                (profile.aset_context, profile.aset_block + profile.chunk)
            }
        };
        let headers = self.random.pick(&[block, header + block]);
        let room = self.random.pick(&context.blocks).saturating_sub(headers);
        let chunks = self.random.pick(&[1, 1, 1, 2]);
        (room / chunks + self.random.pick(&[0, 0, 0, 8])).min(256 << 10)
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
    pub(super) fn unusual_size(&mut self, size: u64, huge: bool) -> u64 {
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
