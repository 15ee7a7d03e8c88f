//! Large cells of the grid: what the dial shows of a buffer, on a card.

use pgscope_core::Server;
use pgscope_core::ids::{BufferId, BufferTag, RelId};
use web_sys::CanvasRenderingContext2d as Context;

use super::canvas::Style;
use crate::paint::grid::layout::Layout;
use crate::paint::grid::look::{Light, Look};
use crate::paint::grid::{Tints, css};
use crate::paint::{relations, words};

// The smallest cards, in CSS pixels, with five pips, with the buffer's number, with the relation's name.
const PIPPED: f64 = 34.0;
const NUMBERED: f64 = 58.0;
const NAMED: f64 = 74.0;

/// The cards that are on the canvas.
pub(super) struct Cards {
    layout: Layout,
    style: Style,
    tints: Tints,
    looks: Vec<Look>,
}

impl Cards {
    /// None yet: the canvas becomes empty.
    pub(super) fn new(context: &Context, layout: Layout, style: Style) -> Self {
        context.set_fill_style_str(&css(style.palette.panel));
        context.fill_rect(0.0, 0.0, layout.width.into(), layout.height.into());
        let cells = layout.shown_rows().len() * layout.shown_columns().len();
        // As much of the colour as the dial has, so that words can be read on it.
        let tints = style.palette.tints(26, 20);
        Self { layout, style, tints, looks: vec![Look::NEVER; cells] }
    }

    /// Whether they are drawn like this.
    pub(super) fn is_of(&self, layout: Layout, style: &Style) -> bool {
        self.layout == layout && self.style == *style
    }

    /// Draw the cards that look different now.
    pub(super) fn draw(
        &mut self,
        context: &Context,
        server: &Server,
        look: impl Fn(u32) -> Option<Look>,
    ) {
        context.set_text_align("center");
        context.set_text_baseline("middle");
        let mut place = 0;
        for row in self.layout.shown_rows() {
            for column in self.layout.shown_columns() {
                let buffer = BufferId(row * self.layout.columns + column);
                if let (Some(now), Some(known)) = (look(buffer.0), self.looks.get_mut(place))
                    && *known != now
                {
                    *known = now;
                    let (x, y) = self.layout.place(buffer);
                    // Without it a card lies where the last one lay.
                    let _ = context.translate(x as f64, y as f64);
                    self.card(context, server, buffer, now);
                    let _ = context.translate(-x as f64, -y as f64);
                }
                place += 1;
            }
        }
    }

    fn card(&self, context: &Context, server: &Server, buffer: BufferId, look: Look) {
        let palette = &self.style.palette;
        let (pitch, size) = (f64::from(self.layout.pitch), f64::from(self.layout.size()));
        // A CSS pixel, and how many of them the card has.
        let px = self.style.ratio;
        let side = size / px;
        context.set_fill_style_str(&css(palette.panel));
        context.fill_rect(0.0, 0.0, pitch, pitch);
        let middle = size / 2.0;
        match look.tag() {
            Some(tag) => self.page(context, server, tag, look),
            None => {
                self.frame(context, look, 1.0, &css(palette.line), true);
                if side >= PIPPED {
                    let word = if look.listed() { "free" } else { "empty" };
                    self.words(context, word, (middle, middle), 11.0, &css(palette.dim), 400);
                }
            }
        }
        if side >= NUMBERED {
            let at = (middle, (size * 0.21).max(14.0 * px));
            self.words(context, &buffer.to_string(), at, 10.5, &css(palette.dim), 400);
        }
        if look.pins() > 0 {
            let (half, left, top) = (size * 0.075, size * 0.06, size * 0.16);
            let points = [
                (left + half, top),
                (left + 2.0 * half, top + 1.7 * half),
                (left, top + 1.7 * half),
            ];
            self.polygon(context, &points, &css(palette.pin));
            if look.pins() > 1 && side >= PIPPED {
                let at = (left + 3.4 * half, top + half);
                self.words(context, &look.pins().to_string(), at, 10.0, &css(palette.pin), 700);
            }
        }
        if look.dirty() {
            let (rim, corner) = (self.rim_height(), size * 0.22);
            let points = [(size, rim), (size, rim + corner), (size - corner, rim)];
            self.polygon(context, &points, &css(palette.dirty));
        }
        if look.light() != Light::None {
            self.frame(context, look, 2.0, &css(palette.light(look.light())), false);
        }
    }

    /// The page of a card: its relation in colour and pattern, its block, how much it was used.
    fn page(&self, context: &Context, server: &Server, tag: BufferTag, look: Look) {
        let palette = &self.style.palette;
        let (size, px) = (f64::from(self.layout.size()), self.style.ratio);
        let (side, middle) = (size / px, size / 2.0);
        let colour = relations::colour(tag.rel) as usize;
        let (tint, rel) = (css(self.tints[colour][look.usage()]), css(palette.rels[colour]));
        context.set_fill_style_str(&tint);
        context.fill_rect(0.0, 0.0, size, size);
        self.rim(context, tag.rel, &rel, &tint);
        let block = tag.block.to_string();
        let large = (side * 0.26).min(side * 1.25 / block.len() as f64).max(8.0);
        let at = if side >= NUMBERED {
            0.51
        } else if side >= PIPPED {
            0.48
        } else {
            0.6
        };
        let ink = if look.valid() { palette.text } else { palette.dim };
        self.words(context, &block, (middle, size * at), large, &css(ink), 650);
        if !look.valid() {
            self.frame(context, look, 1.0, &rel, true);
        }
        if side >= NAMED {
            let name = words::short(relations::name(server, tag.rel), (side / 6.8) as usize);
            self.words(context, &name, (middle, size * 0.7), 10.5, &css(palette.dim), 400);
        }
        if side >= PIPPED {
            let (apart, radius) = (size * 0.155, (size * 0.045).min(4.0 * px));
            context.set_fill_style_str(&rel);
            context.set_stroke_style_str(&rel);
            context.set_line_width(0.9 * px);
            for pip in 0..5 {
                let x = middle + (f64::from(pip) - 2.0) * apart;
                context.begin_path();
                // Fails for a negative radius only.
                let _ = context.arc(x, size * 0.86, radius, 0.0, std::f64::consts::TAU);
                if (pip as usize) < look.usage() { context.fill() } else { context.stroke() }
            }
        }
    }

    fn rim_height(&self) -> f64 {
        (f64::from(self.layout.size()) * 0.085).max(4.0 * self.style.ratio).round()
    }

    /// A bar in the relation's colour and pattern along the top.
    fn rim(&self, context: &Context, rel: RelId, colour: &str, tint: &str) {
        let (size, thick) = (f64::from(self.layout.size()), self.rim_height());
        context.set_fill_style_str(colour);
        context.fill_rect(0.0, 0.0, size, thick);
        let pattern = relations::pattern(rel);
        if pattern == 0 {
            return;
        }
        context.set_fill_style_str(tint);
        let dot = (thick / 3.0).round().max(1.0);
        for across in 0..3 {
            for along in 0..(size / dot) as usize {
                if relations::is_cut(pattern, along, (f64::from(across) + 0.5) / 3.0) {
                    context.fill_rect(along as f64 * dot, f64::from(across) * dot, dot, dot);
                }
            }
        }
    }

    /// A line along the card's edge.
    fn frame(&self, context: &Context, look: Look, width: f64, colour: &str, dashed: bool) {
        let size = f64::from(self.layout.size());
        let width = width * self.style.ratio;
        if dashed {
            let dash = js_sys::Array::of2(&(3.0 * width).into(), &(3.0 * width).into());
            // Without it the line is whole.
            let _ = context.set_line_dash(&dash);
        }
        context.set_stroke_style_str(colour);
        context.set_line_width(width);
        let top = if look.tag().is_some() && dashed { self.rim_height() } else { 0.0 };
        let half = width / 2.0;
        context.stroke_rect(half, top + half, size - width, size - top - width);
        let _ = context.set_line_dash(&js_sys::Array::new());
    }

    fn polygon(&self, context: &Context, points: &[(f64, f64)], colour: &str) {
        context.begin_path();
        points.iter().for_each(|(x, y)| context.line_to(*x, *y));
        context.close_path();
        context.set_fill_style_str(colour);
        context.fill();
    }

    fn words(
        &self,
        context: &Context,
        words: &str,
        (x, y): (f64, f64),
        size: f64,
        colour: &str,
        weight: u32,
    ) {
        let size = (size * self.style.ratio).round() as u32;
        context.set_font(&format!("{weight} {size}px {}", self.style.face));
        context.set_fill_style_str(colour);
        // What can't be drawn is said in words below the grid.
        let _ = context.fill_text(words, x, y);
    }
}
