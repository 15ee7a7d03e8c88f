//! The usage counts of a pool, as the clock's hand likes to find them.
//!
//! The hand looks at several buffers for each page that is read, and needs no more of them than
//! their usage counts. So these lie apart from the descriptors, a byte each and eight bytes in a
//! word, and a hand that nobody watches goes over eight buffers with a few instructions.

/// Buffers in a word.
const BUFFERS: u32 = 8;
/// A word with 1 in each byte, and one with each byte's highest bit.
const ONES: u64 = u64::MAX / 0xff;
const BUSY: u64 = ONES << 7;

/// A byte for each buffer: its usage count, and above it whether there is more to know about it
/// than the count: it is pinned, or the bytes of its page are not there.
#[derive(Clone, Debug)]
pub(super) struct UsageCounts {
    words: Vec<u64>,
}

/// The bits of a byte below the one for busy.
#[inline(always)]
fn shift(buffer: u32) -> u32 {
    buffer % BUFFERS * 8
}

/// A word whose bytes before that buffer's are full.
#[inline(always)]
fn before(buffer: u32) -> u64 {
    (1 << shift(buffer)) - 1
}

impl UsageCounts {
    pub(super) fn new(nbuffers: u32) -> Self {
        let mut words = vec![0; nbuffers.div_ceil(BUFFERS) as usize];
        // Bytes that stand for no buffer are busy for ever.
        if let Some(last) = words.last_mut()
            && !nbuffers.is_multiple_of(BUFFERS)
        {
            *last = BUSY & !before(nbuffers);
        }
        Self { words }
    }

    /// A buffer's usage count.
    #[inline]
    pub(super) fn get(&self, buffer: u32) -> u8 {
        (self.words[(buffer / BUFFERS) as usize] >> shift(buffer)) as u8 & 0x7f
    }

    #[inline]
    pub(super) fn set(&mut self, buffer: u32, count: u8, busy: bool) {
        let word = &mut self.words[(buffer / BUFFERS) as usize];
        let byte = u64::from(count) | u64::from(busy) << 7;
        *word = *word & !(0xff << shift(buffer)) | byte << shift(buffer);
    }

    /// The words, for a loop to have them at hand.
    #[inline(always)]
    pub(super) fn words(&mut self) -> Words<'_> {
        Words(&mut self.words)
    }
}

/// The words of all buffers.
pub(super) struct Words<'a>(&'a mut [u64]);

impl Words<'_> {
    /// A use: raise the count, up to this. False, and nothing has happened, if the buffer is busy.
    #[inline(always)]
    pub(super) fn raise_unless_busy(&mut self, buffer: u32, most: u8) -> bool {
        let Some(word) = self.0.get_mut((buffer / BUFFERS) as usize) else { return false };
        let byte = (*word >> shift(buffer)) as u8;
        if byte > 0x7f {
            return false;
        }
        *word += u64::from(byte < most) << shift(buffer);
        true
    }

    /// A count that the sweep made 1 becomes 0 again.
    pub(super) fn give_back(&mut self, buffer: u32) {
        if let Some(word) = self.0.get_mut((buffer / BUFFERS) as usize) {
            *word -= 1 << shift(buffer);
        }
    }

    /// Go on from the hand's buffer and lower counts, up to a buffer whose count is 0, a word with a
    /// busy buffer or the end of the pool; the hand is there then. Whether such a buffer was found:
    /// its count is 1 now, for whoever takes it.
    #[inline(always)]
    pub(super) fn sweep(&mut self, hand: &mut u32) -> bool {
        while let Some(word) = self.0.get_mut((*hand / BUFFERS) as usize) {
            let passed = before(*hand);
            if *word & BUSY & !passed != 0 {
                return false;
            }
            // Subtracting 1 from each byte borrows for the lowest that is 0; those that the hand
            // has passed are none.
            let ahead = *word | passed & ONES;
            let zeros = ahead.wrapping_sub(ONES) & !ahead & BUSY;
            if zeros != 0 {
                let first = zeros.trailing_zeros() / 8;
                *word = *word - (ONES & before(first) & !passed) + (1 << shift(first));
                *hand = *hand / BUFFERS * BUFFERS + first;
                return true;
            }
            *word -= ONES & !passed;
            *hand = (*hand / BUFFERS + 1) * BUFFERS;
        }
        false
    }
}
