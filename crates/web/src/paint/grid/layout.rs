//! Where the cells of the grid lie: all of them at once, or a window on them from nearer.
//!
//! However near, a row has the same buffers: who goes nearer keeps their bearings.

use std::ops::Range;

use pgscope_core::ids::BufferId;

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
    /// The picture's width.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// How far the picture's left edge is from that of the first cell.
    pub x: u32,
    /// The same of its upper edge.
    pub y: u32,
}

/// Between cells of this pitch.
fn gap(pitch: u32) -> u32 {
    match pitch {
        0..=3 => 0,
        4..=9 => 1,
        10..=23 => 2,
        _ => 3,
    }
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
        let rows = n.div_ceil(columns);
        let (width, height) = (columns * pitch, (rows * pitch).min(height));
        Self { n, columns, pitch, gap: gap(pitch), width, height, x: 0, y: 0 }
    }

    /// Rows of cells.
    pub fn rows(&self) -> u32 {
        self.n.div_ceil(self.columns)
    }

    /// The row and the column of a buffer.
    pub fn cell(&self, buffer: BufferId) -> (u32, u32) {
        (buffer.0 / self.columns, buffer.0 % self.columns)
    }

    /// The upper left corner of a cell in the picture, or beside it.
    pub fn place(&self, buffer: BufferId) -> (i64, i64) {
        let (row, column) = self.cell(buffer);
        let at = |cell: u32, from: u32| i64::from(cell) * i64::from(self.pitch) - i64::from(from);
        (at(column, self.x), at(row, self.y))
    }

    /// The middle of a cell.
    pub fn middle(&self, buffer: BufferId) -> (i64, i64) {
        let ((x, y), half) = (self.place(buffer), i64::from(self.size() / 2));
        (x + half, y + half)
    }

    /// A cell's width and height, without the gap.
    pub fn size(&self) -> u32 {
        self.pitch - self.gap
    }

    /// The buffer at a pixel of the picture.
    pub fn buffer_at(&self, x: u32, y: u32) -> Option<BufferId> {
        let (column, row) = ((self.x + x) / self.pitch, (self.y + y) / self.pitch);
        let index = row.checked_mul(self.columns)?.checked_add(column)?;
        (column < self.columns && index < self.n).then_some(BufferId(index))
    }

    /// The rows of which something is in the picture.
    pub fn shown_rows(&self) -> Range<u32> {
        self.y / self.pitch..(self.y + self.height).div_ceil(self.pitch).min(self.rows())
    }

    /// The columns of which something is in the picture.
    pub fn shown_columns(&self) -> Range<u32> {
        self.x / self.pitch..(self.x + self.width).div_ceil(self.pitch).min(self.columns)
    }

    /// Whether the middle of a cell is in the picture.
    pub fn shows(&self, buffer: BufferId) -> bool {
        let (x, y) = self.middle(buffer);
        (0..i64::from(self.width)).contains(&x) && (0..i64::from(self.height)).contains(&y)
    }
}

/// From how near the cells are seen, and which of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// How many times larger than all of them at once; from 1 on.
    pub zoom: f64,
    /// What is in the middle of the picture, in columns.
    pub x: f64,
    /// And in rows.
    pub y: f64,
}

impl Camera {
    /// All cells at once.
    pub const WHOLE: Self = Self { zoom: 1.0, x: 0.0, y: 0.0 };

    /// What is seen of cells that fit so; `most` is the largest pitch.
    pub fn layout(self, fit: Layout, most: u32) -> Layout {
        let pitch = (f64::from(fit.pitch) * self.zoom).round() as u32;
        let pitch = pitch.clamp(fit.pitch, most.max(fit.pitch));
        let from = |middle: f64, cells: u32, length: u32| {
            let all = (cells * pitch).saturating_sub(length);
            ((middle * f64::from(pitch) - f64::from(length) / 2.0).max(0.0) as u32).min(all)
        };
        Layout {
            pitch,
            gap: gap(pitch),
            x: from(self.x, fit.columns, fit.width),
            y: from(self.y, fit.rows(), fit.height),
            ..fit
        }
    }

    /// The camera that sees this.
    fn of(layout: Layout, zoom: f64) -> Self {
        let middle = |from: u32, length: u32| {
            (f64::from(from) + f64::from(length) / 2.0) / f64::from(layout.pitch)
        };
        Self { zoom, x: middle(layout.x, layout.width), y: middle(layout.y, layout.height) }
    }

    /// Go so many times nearer; what is at this pixel stays there.
    pub fn nearer(self, fit: Layout, most: u32, times: f64, (x, y): (f64, f64)) -> Self {
        let now = self.layout(fit, most);
        let nearest = (f64::from(most) / f64::from(fit.pitch)).max(1.0);
        let zoom = (self.zoom * times).clamp(1.0, nearest);
        let pitch = f64::from(Self { zoom, ..self }.layout(fit, most).pitch);
        let middle = |from: u32, at: f64, length: u32| {
            let there = (f64::from(from) + at) / f64::from(now.pitch);
            there + (f64::from(length) / 2.0 - at) / pitch
        };
        let (x, y) = (middle(now.x, x, fit.width), middle(now.y, y, fit.height));
        Self::of(Self { zoom, x, y }.layout(fit, most), zoom)
    }

    /// Move the picture by so many pixels.
    pub fn moved(self, fit: Layout, most: u32, (x, y): (f64, f64)) -> Self {
        let pitch = f64::from(self.layout(fit, most).pitch);
        let moved = Self { x: self.x - x / pitch, y: self.y - y / pitch, ..self };
        Self::of(moved.layout(fit, most), self.zoom)
    }

    /// See a buffer in the middle.
    pub fn towards(self, fit: Layout, buffer: BufferId) -> Self {
        let (row, column) = fit.cell(buffer);
        Self { x: f64::from(column) + 0.5, y: f64::from(row) + 0.5, ..self }
    }

    /// Move as little as it takes to see a buffer with those around it.
    pub fn showing(self, fit: Layout, most: u32, buffer: BufferId) -> Self {
        let layout = self.layout(fit, most);
        let (x, y) = layout.place(buffer);
        let pitch = i64::from(layout.pitch);
        let by = |at: i64, length: u32| {
            let (first, last) = (at - pitch, at + 2 * pitch - i64::from(length));
            // Where there is no room for those around it, it alone.
            let (first, last) =
                if first < last { (at, at + pitch - i64::from(length)) } else { (first, last) };
            -(first.min(0) + last.max(0)) as f64
        };
        match (by(x, layout.width), by(y, layout.height)) {
            (0.0, 0.0) => self,
            way => self.moved(fit, most, way),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn every_buffer_has_a_cell_inside_the_picture() {
        for (n, width, height) in
            [(65, 320, 300), (1024, 640, 480), (16_384, 1280, 960), (131_072, 640, 400)]
        {
            let layout = Layout::fit(n, width, height);
            let (x, y) = layout.place(BufferId(n - 1));
            let pitch = i64::from(layout.pitch);
            assert!(x + pitch <= i64::from(width) && y + pitch <= i64::from(height), "{layout:?}");
            assert_eq!(layout.buffer_at(x as u32, y as u32), Some(BufferId(n - 1)));
            assert_eq!(layout.buffer_at(width + layout.pitch, 0), None);
            assert_eq!(layout.shown_rows(), 0..layout.rows());
            assert_eq!(layout.shown_columns(), 0..layout.columns);
        }
    }

    #[wasm_bindgen_test]
    fn what_is_under_the_pointer_stays_there() {
        let fit = Layout::fit(16_384, 620, 560);
        let at = (201.0, 333.0);
        let under = fit.buffer_at(201, 333);
        let mut camera = Camera::WHOLE;
        for _ in 0..12 {
            camera = camera.nearer(fit, 96, 1.4, at);
            assert_eq!(camera.layout(fit, 96).buffer_at(201, 333), under);
        }
        assert_eq!(camera.layout(fit, 96).pitch, 96);
        for _ in 0..12 {
            camera = camera.nearer(fit, 96, 1.0 / 1.4, at);
        }
        assert_eq!(camera.layout(fit, 96), fit);
    }

    #[wasm_bindgen_test]
    fn the_picture_never_leaves_the_cells() {
        let fit = Layout::fit(1024, 640, 480);
        let camera = Camera { zoom: 3.0, x: -50.0, y: 9000.0 };
        let layout = camera.moved(fit, 96, (-1e6, 1e6)).layout(fit, 96);
        assert_eq!((layout.x + layout.width, layout.y), (layout.columns * layout.pitch, 0));
    }

    #[wasm_bindgen_test]
    fn any_buffer_can_be_brought_into_the_picture() {
        let fit = Layout::fit(16_384, 620, 560);
        let mut camera = Camera { zoom: 20.0, x: 60.0, y: 60.0 };
        for buffer in [0, 16_383, 8_000, 134, 135, 1].map(BufferId) {
            camera = camera.showing(fit, 96, buffer);
            assert!(camera.layout(fit, 96).shows(buffer), "{buffer}");
            assert_eq!(camera.showing(fit, 96, buffer), camera);
        }
        let buffer = BufferId(fit.columns * 60 + 60);
        let middle = camera.towards(fit, buffer).layout(fit, 96).middle(buffer);
        let half = |length: u32| i64::from(length / 2);
        assert!(
            (middle.0 - half(fit.width)).abs() < 40 && (middle.1 - half(fit.height)).abs() < 40
        );
    }
}
