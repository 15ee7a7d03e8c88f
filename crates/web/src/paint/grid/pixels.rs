//! Small cells as pixels.
//!
//! They are kept from picture to picture in one array, in which only cells with another look are
//! painted, and handed to the canvas in one call: 16,384 cells cost no 16,384 calls from wasm to the
//! browser.

use pgscope_core::ids::RelId;

use super::layout::Layout;
use super::look::{Light, Look};
use super::{Palette, Rgb, Tints, mix};
use crate::paint::relations;

/// A part of the picture: its left, upper, right and lower edges.
pub type Part = (u32, u32, u32, u32);

/// The smallest cell on which there is room for a rim.
const RIMMED: i64 = 10;

/// The picture: RGBA, row by row.
pub struct Pixels {
    layout: Layout,
    palette: Palette,
    tints: Tints,
    looks: Vec<Look>,
    bytes: Vec<u8>,
}

impl Pixels {
    /// A picture without cells.
    pub fn new(layout: Layout, palette: Palette) -> Self {
        let size = layout.width as usize * layout.height as usize * 4;
        let [r, g, b] = palette.panel;
        let mut bytes = Vec::with_capacity(size);
        bytes.extend([r, g, b, 255].iter().copied().cycle().take(size));
        let cells = layout.shown_rows().len() * layout.shown_columns().len();
        let looks = vec![Look::NEVER; cells];
        Self { layout, palette, tints: palette.tints(62, 38), looks, bytes }
    }

    /// Whether it is a picture of such a kind.
    pub fn is_of(&self, layout: Layout, palette: &Palette) -> bool {
        self.layout == layout && self.palette == *palette
    }

    /// Paint the cells whose look is another than before, and say within which part of the picture
    /// they are. `look` tells a buffer's by its number.
    pub fn paint(&mut self, look: impl Fn(u32) -> Option<Look>) -> Option<Part> {
        let layout = self.layout;
        let columns = layout.shown_columns();
        let mut part: Option<Part> = None;
        let mut place = 0;
        for row in layout.shown_rows() {
            let y = i64::from(row * layout.pitch) - i64::from(layout.y);
            for column in columns.clone() {
                let now = look(row * layout.columns + column).map(Look::from_afar);
                if let (Some(now), Some(known)) = (now, self.looks.get_mut(place))
                    && *known != now
                {
                    *known = now;
                    let x = i64::from(column * layout.pitch) - i64::from(layout.x);
                    self.cell(x, y, now);
                    let (x, y, end) = (x.max(0) as u32, y.max(0) as u32, layout.pitch);
                    let (left, top, right, bottom) = part.unwrap_or((x, y, x, y));
                    part = Some((left.min(x), top, right.max(x + end), bottom.max(y + end)));
                }
                place += 1;
            }
        }
        part.map(|(x, y, right, bottom)| (x, y, right.min(layout.width), bottom.min(layout.height)))
    }

    /// The bytes for the canvas.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn cell(&mut self, x: i64, y: i64, look: Look) {
        let (size, pitch) = (i64::from(self.layout.size()), i64::from(self.layout.pitch));
        let Palette { panel, line, dirty, pin, .. } = self.palette;
        self.rect(x, y, pitch, pitch, panel);
        match look.tag() {
            // An empty buffer is an outline where there is room for one, else a faint cell.
            None if size >= 6 => self.outline(x, y, 1, line),
            None => self.rect(x, y, size, size, mix(panel, line, 110)),
            Some(tag) => {
                let colour = relations::colour(tag.rel) as usize;
                let tint = self.tints[colour][look.usage()];
                self.rect(x, y, size, size, tint);
                if size >= RIMMED {
                    self.rim(x, y, tag.rel, tint);
                }
                if size >= 3 && look.dirty() {
                    self.corner(x, y, dirty);
                }
            }
        }
        if size >= 3 && look.pins() > 0 {
            let dot = (size / 3).max(2);
            let inset = if size >= RIMMED { 2 } else { 0 };
            self.rect(x + inset, y + size - dot - inset, dot, dot, pin);
        }
        if look.light() != Light::None {
            let colour = self.palette.light(look.light());
            if size >= 6 {
                self.outline(x, y, (size / 8).clamp(1, 3), colour);
            } else {
                // A small cell stays as it is, with the light in the gap beside it.
                let beside = (pitch - size).max(1);
                self.rect(x + pitch - beside, y, beside, pitch, colour);
                self.rect(x, y + pitch - beside, pitch, beside, colour);
            }
        }
    }

    /// A bar in the relation's colour and pattern along the top of a cell.
    fn rim(&mut self, x: i64, y: i64, rel: RelId, tint: Rgb) {
        let size = i64::from(self.layout.size());
        let thick = (size / 6).max(3);
        let pattern = relations::pattern(rel);
        self.rect(x, y, size, thick, self.palette.rels[relations::colour(rel) as usize]);
        if pattern == 0 {
            return;
        }
        for row in 0..thick {
            for column in 0..size {
                let across = row as f64 / thick as f64;
                if relations::is_cut(pattern, column as usize, across) {
                    self.rect(x + column, y + row, 1, 1, tint);
                }
            }
        }
    }

    /// A triangle in the upper right corner.
    fn corner(&mut self, x: i64, y: i64, colour: Rgb) {
        let size = i64::from(self.layout.size());
        let side = (size / 2).clamp(2, 12);
        for row in 0..side {
            self.rect(x + size - side + row, y + row, side - row, 1, colour);
        }
    }

    /// An outline along a cell's edge, on its inside.
    fn outline(&mut self, x: i64, y: i64, thick: i64, colour: Rgb) {
        let size = i64::from(self.layout.size());
        self.rect(x, y, size, thick, colour);
        self.rect(x, y + size - thick, size, thick, colour);
        self.rect(x, y, thick, size, colour);
        self.rect(x + size - thick, y, thick, size, colour);
    }

    fn rect(&mut self, x: i64, y: i64, width: i64, height: i64, [r, g, b]: Rgb) {
        let (wide, high) = (i64::from(self.layout.width), i64::from(self.layout.height));
        let (left, right) = (x.max(0), (x + width).min(wide));
        let (top, bottom) = (y.max(0), (y + height).min(high));
        if left >= right || top >= bottom {
            return;
        }
        let at = |row: i64| (row * wide + left) as usize * 4;
        let first = at(top)..at(top) + (right - left) as usize * 4;
        let Some(line) = self.bytes.get_mut(first.clone()) else { return };
        for pixel in line.chunks_exact_mut(4) {
            pixel.copy_from_slice(&[r, g, b, 255]);
        }
        // Its other rows are the same: to copy is cheaper than to paint.
        for row in top + 1..bottom {
            self.bytes.copy_within(first.clone(), at(row));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::PALETTE;
    use super::*;
    use crate::paint::cells::tests::busy;
    use crate::paint::grid::layout::Camera;
    use pgscope_core::ids::BufferId;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn only_what_looks_different_is_painted() {
        let server = busy();
        let n = server.pool().nbuffers();
        let look = |light: Light| {
            let server = &server;
            move |buffer: u32| {
                let desc = server.pool().desc(BufferId(buffer))?;
                Some(Look::of(&desc, if buffer == 40 { light } else { Light::None }))
            }
        };
        let layout = Layout::fit(n, 400, 400);
        let mut pixels = Pixels::new(layout, PALETTE);
        let whole = (0, 0, layout.width, layout.height);
        assert_eq!(pixels.paint(look(Light::None)), Some(whole));
        assert_eq!(pixels.paint(look(Light::None)), None);

        let before = pixels.bytes().to_vec();
        let (x, y) = layout.place(BufferId(40));
        let (x, y, pitch) = (x as u32, y as u32, layout.pitch);
        assert_eq!(pixels.paint(look(Light::Taken)), Some((x, y, x + pitch, y + pitch)));
        let other =
            |(place, pair): (usize, (&[u8], &[u8]))| (pair.0 != pair.1).then_some(place as u32);
        let pairs = before.chunks(4).zip(pixels.bytes().chunks(4)).enumerate();
        let changed: Vec<u32> = pairs.filter_map(other).collect();
        let inside = |pixel: &u32| {
            (x..x + pitch).contains(&(pixel % layout.width))
                && (y..y + pitch).contains(&(pixel / layout.width))
        };
        assert!(!changed.is_empty() && changed.iter().all(inside));
        // And back again: what is painted anew leaves nothing of what was there.
        pixels.paint(look(Light::None));
        assert_eq!(pixels.bytes(), before);
    }

    #[wasm_bindgen_test]
    fn cells_cut_by_the_edge_stay_in_the_picture() {
        let server = busy();
        let fit = Layout::fit(server.pool().nbuffers(), 200, 170);
        for step in 0..20 {
            let camera = Camera { zoom: 1.0 + f64::from(step) / 7.0, x: f64::from(step), y: 3.3 };
            let layout = camera.layout(fit, 96);
            let mut pixels = Pixels::new(layout, PALETTE);
            let part = pixels.paint(|buffer| {
                Some(Look::of(&server.pool().desc(BufferId(buffer))?, Light::Lowered))
            });
            assert!(part.is_some_and(|(_, _, x, y)| x <= layout.width && y <= layout.height));
            assert_eq!(pixels.bytes().len(), (layout.width * layout.height * 4) as usize);
            assert!(pixels.bytes().chunks(4).all(|pixel| pixel[3] == 255));
        }
    }
}
