//! The grid of a large pool: where each buffer's cell lies, and its pixels.
//!
//! The whole picture is painted into one array of pixels and handed to the canvas in one call:
//! 16,384 cells cost no 16,384 calls from wasm to the browser.

use pgscope_core::ids::{BufferId, RelId};

use super::cells::Cell;
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
fn mix(under: Rgb, over: Rgb, share: u16) -> Rgb {
    std::array::from_fn(|i| {
        ((u16::from(under[i]) * (256 - share) + u16::from(over[i]) * share) >> 8) as u8
    })
}

/// Where the cells lie, in device pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Buffers.
    pub n: u32,
    /// Cells in a row.
    pub columns: u32,
    /// From one cell to the next.
    pub pitch: u32,
    /// Between cells.
    pub gap: u32,
    /// The picture's width, a whole number of cells.
    pub width: u32,
    /// Its height.
    pub height: u32,
}

impl Layout {
    /// The largest square cells with which `n` buffers fit.
    pub fn fit(n: u32, width: u32, height: u32) -> Self {
        let (n, width, height) = (n.max(1), width.max(16), height.max(16));
        let fits = |pitch: u32| {
            let columns = width / pitch;
            columns > 0 && n.div_ceil(columns).saturating_mul(pitch) <= height
        };
        let guess = (f64::from(width) * f64::from(height) / f64::from(n)).sqrt() as u32 + 1;
        let pitch = (1..=guess.clamp(1, 64)).rev().find(|pitch| fits(*pitch)).unwrap_or(1);
        let columns = (width / pitch).min(n);
        let gap = match pitch {
            0..=3 => 0,
            4..=9 => 1,
            10..=23 => 2,
            _ => 3,
        };
        let rows = n.div_ceil(columns);
        Self { n, columns, pitch, gap, width: columns * pitch, height: (rows * pitch).min(height) }
    }

    /// The upper left corner of a cell.
    pub fn place(&self, buffer: BufferId) -> (u32, u32) {
        (buffer.0 % self.columns * self.pitch, buffer.0 / self.columns * self.pitch)
    }

    /// The buffer at a pixel.
    pub fn buffer_at(&self, x: u32, y: u32) -> Option<BufferId> {
        let (column, row) = (x / self.pitch, y / self.pitch);
        let index = row.checked_mul(self.columns)?.checked_add(column)?;
        (column < self.columns && index < self.n).then_some(BufferId(index))
    }
}

/// The picture: RGBA, row by row.
pub struct Pixels {
    layout: Layout,
    bytes: Vec<u8>,
}

impl Pixels {
    /// Paint the cells.
    pub fn paint(layout: Layout, palette: &Palette, cells: impl Iterator<Item = Cell>) -> Self {
        let size = layout.width as usize * layout.height as usize * 4;
        let mut pixels = Self { layout, bytes: Vec::with_capacity(size) };
        let [r, g, b] = palette.panel;
        pixels.bytes.extend([r, g, b, 255].iter().copied().cycle().take(size));
        let tints = palette.rels.map(|rel| {
            std::array::from_fn::<Rgb, 6, _>(|usage| {
                mix(palette.panel, rel, 62 + 38 * usage as u16)
            })
        });
        for (index, cell) in (0..layout.n).zip(cells) {
            pixels.cell(layout.place(BufferId(index)), palette, &tints, &cell);
        }
        pixels
    }

    /// The bytes for the canvas.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn cell(&mut self, (x, y): (u32, u32), palette: &Palette, tints: &[[Rgb; 6]; 4], cell: &Cell) {
        let size = self.layout.pitch - self.layout.gap;
        let Some(tag) = cell.tag else {
            // An empty buffer is an outline where there is room for one, else a faint cell.
            if size >= 6 {
                self.rect(x, y, size, size, palette.line);
                self.rect(x + 1, y + 1, size - 2, size - 2, palette.panel);
            } else {
                self.rect(x, y, size, size, mix(palette.panel, palette.line, 110));
            }
            return;
        };
        let colour = relations::colour(tag.rel) as usize;
        let tint = tints[colour][usize::from(cell.usage.min(5))];
        self.rect(x, y, size, size, tint);
        if size >= 10 {
            self.rim(x, y, size, tag.rel, palette.rels[colour], tint);
        }
        if size >= 3 && cell.dirty {
            self.corner(x, y, size, palette.dirty);
        }
        if size >= 3 && cell.pins > 0 {
            let dot = (size / 3).max(2);
            let inset = if size >= 10 { 2 } else { 0 };
            self.rect(x + inset, y + size - dot - inset, dot, dot, palette.pin);
        }
    }

    /// A bar in the relation's colour and pattern along the top of a cell.
    fn rim(&mut self, x: u32, y: u32, size: u32, rel: RelId, colour: Rgb, tint: Rgb) {
        let thick = (size / 6).max(3);
        let pattern = relations::pattern(rel);
        self.rect(x, y, size, thick, colour);
        if pattern == 0 {
            return;
        }
        for row in 0..thick {
            for column in 0..size {
                let across = f64::from(row) / f64::from(thick);
                if relations::is_cut(pattern, column as usize, across) {
                    self.rect(x + column, y + row, 1, 1, tint);
                }
            }
        }
    }

    /// A triangle in the upper right corner.
    fn corner(&mut self, x: u32, y: u32, size: u32, colour: Rgb) {
        let side = (size / 2).clamp(2, 12);
        for row in 0..side {
            self.rect(x + size - side + row, y + row, side - row, 1, colour);
        }
    }

    /// An outline around a cell, `thick` pixels, outside it where there is room.
    pub fn outline(&mut self, buffer: BufferId, colour: Rgb, thick: u32) {
        if buffer.0 >= self.layout.n {
            return;
        }
        let (x, y) = self.layout.place(buffer);
        let size = self.layout.pitch - self.layout.gap + 2 * thick;
        let (left, top) = (x.saturating_sub(thick), y.saturating_sub(thick));
        self.rect(left, top, size, thick, colour);
        self.rect(left, top + size - thick, size, thick, colour);
        self.rect(left, top, thick, size, colour);
        self.rect(left + size - thick, top, thick, size, colour);
    }

    fn rect(&mut self, x: u32, y: u32, width: u32, height: u32, [r, g, b]: Rgb) {
        let right = (x + width).min(self.layout.width);
        let bottom = (y + height).min(self.layout.height);
        for row in y..bottom {
            let start = (row * self.layout.width + x) as usize * 4;
            let end = (row * self.layout.width + right) as usize * 4;
            let Some(line) = self.bytes.get_mut(start..end) else { return };
            for pixel in line.chunks_exact_mut(4) {
                pixel.copy_from_slice(&[r, g, b, 255]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgscope_core::ids::BufferTag;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn every_buffer_has_a_cell_inside_the_picture() {
        for (n, width, height) in
            [(65, 320, 300), (1024, 640, 480), (16_384, 1280, 960), (131_072, 640, 400)]
        {
            let layout = Layout::fit(n, width, height);
            let (x, y) = layout.place(BufferId(n - 1));
            assert!(x + layout.pitch <= width && y + layout.pitch <= height, "{n}: {layout:?}");
            assert_eq!(layout.buffer_at(x, y), Some(BufferId(n - 1)));
            assert_eq!(layout.buffer_at(width + layout.pitch, 0), None);
        }
    }

    #[wasm_bindgen_test]
    fn colours_are_read_as_browsers_write_them() {
        assert_eq!(parse_colour(" #56b4e9"), Some([0x56, 0xb4, 0xe9]));
        assert_eq!(parse_colour("#fff"), Some([255; 3]));
        assert_eq!(parse_colour("rgb(1, 2, 3)"), Some([1, 2, 3]));
        assert_eq!(parse_colour("blue"), None);
    }

    #[wasm_bindgen_test]
    fn marks_at_the_edge_stay_in_the_picture() {
        let palette = Palette {
            panel: [0; 3],
            line: [1; 3],
            rels: [[9; 3]; 4],
            accent: [2; 3],
            hit: [3; 3],
            miss: [4; 3],
            evict: [5; 3],
            dirty: [6; 3],
            pin: [7; 3],
        };
        let layout = Layout::fit(100, 200, 200);
        let tag = Some(BufferTag { rel: RelId(3), block: 0 });
        let cell = Cell { tag, dirty: true, pins: 1, usage: 5, ..Cell::default() };
        let mut pixels = Pixels::paint(layout, &palette, std::iter::repeat(cell));
        for buffer in 0..101 {
            pixels.outline(BufferId(buffer), palette.hit, 3);
        }
        assert_eq!(pixels.bytes().len(), (layout.width * layout.height * 4) as usize);
        assert!(pixels.bytes().chunks(4).all(|pixel| pixel[3] == 255));
    }
}
