//! A cell's look in one word: what is drawn of a buffer follows from it, so a cell whose word is the
//! same is left as it is.

use pgscope_core::bufmgr::desc::{BM_DIRTY, BM_VALID, BufferDesc, FREENEXT_NOT_IN_LIST};
use pgscope_core::ids::{BufferTag, RelId};

use crate::paint::story::Deed;

/// What the operation did to a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Light {
    /// Nothing.
    #[default]
    None,
    /// The hand lowered its usage count.
    Lowered,
    /// The hand, the freelist or a ring passed it.
    Passed,
    /// The hand took it.
    Taken,
    /// It came off the freelist, a ring used it again, or it was written.
    Moved,
    /// The background writer looked at it.
    Looked,
}

impl Light {
    /// The light of a deed.
    pub fn of(deed: Deed) -> Self {
        match deed {
            Deed::Lowered(_) => Light::Lowered,
            Deed::Passed | Deed::InUse | Deed::RingPassed => Light::Passed,
            Deed::Taken => Light::Taken,
            Deed::Popped | Deed::RingTaken | Deed::Written(_) => Light::Moved,
            Deed::Looked { .. } => Light::Looked,
        }
    }
}

// From the lowest bit: block (32), relation (14), usage count (4), pins (4), then one for each of
// page, bytes, dirty and freelist, and the light (3).
const REL: u32 = 32;
const USAGE: u32 = 46;
const PINS: u32 = 50;
const TAG: u64 = 1 << 54;
const VALID: u64 = 1 << 55;
const DIRTY: u64 = 1 << 56;
const LISTED: u64 = 1 << 57;
const LIGHT: u32 = 58;
/// Pins that are told apart.
const MOST_PINS: u32 = 15;

/// One buffer as it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look(u64);

impl Look {
    /// No buffer looks so: all of them are painted.
    pub const NEVER: Self = Self(u64::MAX);

    /// Read a descriptor.
    #[inline]
    pub fn of(desc: &BufferDesc, light: Light) -> Self {
        let mut word = u64::from(desc.usage_count()) << USAGE | (light as u64) << LIGHT;
        word |= u64::from(desc.refcount().min(MOST_PINS)) << PINS;
        if let Some(tag) = desc.tag() {
            word |= TAG | u64::from(tag.block) | u64::from(tag.rel.0 % (1 << 14)) << REL;
        }
        let flag = |holds: bool, flag: u64| if holds { flag } else { 0 };
        word |= flag(desc.is(BM_VALID), VALID) | flag(desc.is(BM_DIRTY), DIRTY);
        Self(word | flag(desc.free_next != FREENEXT_NOT_IN_LIST, LISTED))
    }

    /// Without what is not seen of a small cell: its block.
    #[inline]
    pub fn from_afar(self) -> Self {
        Self(self.0 & !0xffff_ffff)
    }

    /// The page that the buffer belongs to.
    pub fn tag(self) -> Option<BufferTag> {
        let rel = RelId((self.0 >> REL) as u32 % (1 << 14));
        (self.0 & TAG != 0).then_some(BufferTag { rel, block: self.0 as u32 })
    }

    /// Its usage count, as far as colours go.
    pub fn usage(self) -> usize {
        ((self.0 >> USAGE) as usize & 15).min(5)
    }

    /// Backends that have it pinned, 15 at most.
    pub fn pins(self) -> u32 {
        (self.0 >> PINS) as u32 & MOST_PINS
    }

    /// The page's bytes are there.
    pub fn valid(self) -> bool {
        self.0 & VALID != 0
    }

    /// The page differs from the one on disk.
    pub fn dirty(self) -> bool {
        self.0 & DIRTY != 0
    }

    /// It is on the freelist.
    pub fn listed(self) -> bool {
        self.0 & LISTED != 0
    }

    /// What the operation did to it.
    pub fn light(self) -> Light {
        const LIGHTS: [Light; 6] =
            [Light::None, Light::Lowered, Light::Passed, Light::Taken, Light::Moved, Light::Looked];
        LIGHTS.get((self.0 >> LIGHT) as usize & 7).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn lights_come_out_as_they_went_in() {
        let desc = BufferDesc::default();
        for light in
            [Light::None, Light::Lowered, Light::Passed, Light::Taken, Light::Moved, Light::Looked]
        {
            let look = Look::of(&desc, light);
            assert_eq!(look.light(), light);
            assert!(look != Look::NEVER && look.tag().is_none() && !look.listed());
        }
    }

    #[wasm_bindgen_test]
    fn a_word_holds_what_is_drawn() {
        let server = crate::paint::cells::tests::busy();
        for (buffer, desc) in server.pool().descs() {
            let look = Look::of(&desc, Light::None);
            assert_eq!(look.tag(), desc.tag(), "{buffer}");
            assert_eq!(look.usage(), usize::from(desc.usage_count()));
            assert_eq!(look.pins(), desc.refcount());
            assert_eq!((look.dirty(), look.valid()), (desc.is(BM_DIRTY), desc.is(BM_VALID)));
            assert_eq!(look.listed(), server.pool().freelist().any(|listed| listed == buffer));
            assert_eq!(look.from_afar().tag().map(|tag| tag.rel), desc.tag().map(|tag| tag.rel));
        }
    }
}
