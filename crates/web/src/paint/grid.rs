//! The grid of a large pool, and the theme's colours in it.
//!
//! - [`layout`]: where each buffer's cell lies, seen from near or far
//! - [`look`]: what a cell looks like, in one word: only cells with another one are painted anew
//! - [`pixels`]: the cells' pixels, as long as they are small

pub mod layout;
pub mod look;
pub mod pixels;

use super::relations;

/// A colour without transparency.
pub type Rgb = [u8; 3];

/// The theme's colours that the grid needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Behind the cells.
    pub panel: Rgb,
    /// An empty buffer.
    pub line: Rgb,
    /// The four relations.
    pub rels: [Rgb; relations::COLOURS as usize],
    /// The hand.
    pub accent: Rgb,
    /// A hit.
    pub hit: Rgb,
    /// A page that arrived.
    pub miss: Rgb,
    /// A victim.
    pub evict: Rgb,
    /// The dirty mark.
    pub dirty: Rgb,
    /// The pin.
    pub pin: Rgb,
    /// Words.
    pub text: Rgb,
    /// Words beside them.
    pub dim: Rgb,
}

impl Palette {
    /// A relation's colour on the panel, by its usage count: from `first` of 256 parts of it on, by
    /// `step` with each use.
    pub fn tints(&self, first: u16, step: u16) -> Tints {
        self.rels.map(|rel| {
            std::array::from_fn(|usage| mix(self.panel, rel, first + step * usage as u16))
        })
    }

    /// What the operation did to a buffer, as a colour.
    pub fn light(&self, light: look::Light) -> Rgb {
        match light {
            look::Light::None => self.panel,
            look::Light::Lowered => self.miss,
            look::Light::Passed => self.pin,
            look::Light::Taken => self.evict,
            look::Light::Moved => self.accent,
            look::Light::Looked => self.dim,
        }
    }
}

/// The relations' colours by usage count.
pub type Tints = [[Rgb; 6]; relations::COLOURS as usize];

/// A colour as the canvas takes it.
pub fn css([r, g, b]: Rgb) -> String {
    format!("rgb({r},{g},{b})")
}

/// Read "#rgb", "#rrggbb" or "rgb(r, g, b)".
pub fn parse_colour(text: &str) -> Option<Rgb> {
    let text = text.trim();
    if let Some(hex) = text.strip_prefix('#') {
        let digits: Option<Vec<u8>> =
            hex.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
        return match digits?.as_slice() {
            [r, g, b] => Some([r * 17, g * 17, b * 17]),
            [a, b, c, d, e, f, ..] => Some([a * 16 + b, c * 16 + d, e * 16 + f]),
            _ => None,
        };
    }
    let inside = text.strip_prefix("rgb")?.split_once('(')?.1;
    let mut parts = inside.split([',', ' ', '/', ')']).filter(|part| !part.is_empty());
    // As whole numbers: the standard library reads a float by a table of 10 kB.
    let mut part = || parts.next()?.split('.').next()?.parse::<u8>().ok();
    Some([part()?, part()?, part()?])
}

/// `share` of `over` on top of `under`, in 256ths.
pub fn mix(under: Rgb, over: Rgb, share: u16) -> Rgb {
    std::array::from_fn(|i| {
        ((u16::from(under[i]) * (256 - share) + u16::from(over[i]) * share) >> 8) as u8
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    pub(crate) const PALETTE: Palette = Palette {
        panel: [0; 3],
        line: [1; 3],
        rels: [[200; 3]; 4],
        accent: [2; 3],
        hit: [3; 3],
        miss: [4; 3],
        evict: [5; 3],
        dirty: [6; 3],
        pin: [7; 3],
        text: [8; 3],
        dim: [9; 3],
    };

    #[wasm_bindgen_test]
    fn colours_are_read_as_browsers_write_them() {
        assert_eq!(parse_colour(" #56b4e9"), Some([0x56, 0xb4, 0xe9]));
        assert_eq!(parse_colour("#fff"), Some([255; 3]));
        assert_eq!(parse_colour("rgb(1, 2, 3)"), Some([1, 2, 3]));
        assert_eq!(parse_colour("blue"), None);
    }

    #[wasm_bindgen_test]
    fn a_page_that_is_used_more_is_deeper() {
        let [tints, ..] = PALETTE.tints(62, 38);
        assert!(tints.is_sorted() && tints[0] < tints[5]);
    }
}
