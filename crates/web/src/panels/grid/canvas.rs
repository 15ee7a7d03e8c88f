//! The grid's canvas: what is on it, and what of it has to be drawn anew.
//!
//! Small cells are pixels, large ones are drawn with their words ([`cards`](super::cards)).

use pgscope_core::ids::BufferId;
use wasm_bindgen::{Clamped, JsCast};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};

use super::cards::Cards;
use crate::frame::Frame;
use crate::paint::grid::Palette;
use crate::paint::grid::layout::Layout;
use crate::paint::grid::look::{Light, Look};
use crate::paint::grid::pixels::Pixels;
use crate::paint::story::Story;

/// The smallest cell with words on it, in CSS pixels.
pub(super) const WORDED: f64 = 26.0;

/// How the cells are drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Style {
    /// The theme's colours.
    pub(super) palette: Palette,
    /// The face of the words.
    pub(super) face: String,
    /// Device pixels of a CSS pixel.
    pub(super) ratio: f64,
}

/// What a canvas shows.
#[derive(Default)]
pub(super) struct Painted {
    pixels: Option<Pixels>,
    cards: Option<Cards>,
    /// What the operation did to each buffer; everything is dark between two pictures.
    lights: Vec<Light>,
}

impl Painted {
    /// Draw what is not on the canvas yet.
    pub(super) fn draw(
        &mut self,
        canvas: &HtmlCanvasElement,
        style: &Style,
        frame: &Frame,
        story: &Story,
        layout: Layout,
    ) {
        let context = canvas.get_context("2d").ok().flatten();
        let context = context.and_then(|it| it.dyn_into::<CanvasRenderingContext2d>().ok());
        let Some(context) = context else { return };
        self.lights.resize(layout.n as usize, Light::None);
        let mut light = |buffer: BufferId, light: Light| {
            if let Some(it) = self.lights.get_mut(buffer.index()) {
                *it = light;
            }
        };
        story.deeds.iter().for_each(|(buffer, deed)| light(*buffer, Light::of(*deed)));
        let (pool, lights) = (frame.server.pool(), &self.lights);
        let look = |buffer: u32| {
            let light = lights.get(buffer as usize).copied().unwrap_or_default();
            Some(Look::of(&pool.desc(BufferId(buffer))?, light))
        };
        if f64::from(layout.pitch) >= WORDED * style.ratio {
            self.pixels = None;
            let cards = self.cards.take().filter(|cards| cards.is_of(layout, style));
            let mut cards = cards.unwrap_or_else(|| Cards::new(&context, layout, style.clone()));
            cards.draw(&context, &frame.server, look);
            self.cards = Some(cards);
        } else {
            self.cards = None;
            let pixels = self.pixels.take().filter(|it| it.is_of(layout, &style.palette));
            let mut pixels = pixels.unwrap_or_else(|| Pixels::new(layout, style.palette));
            if let Some((_, top, _, bottom)) = pixels.paint(look) {
                // Whole lines: a part of a picture takes a browser many times as long.
                let line = layout.width as usize * 4;
                let lines = top as usize * line..bottom as usize * line;
                let bytes = Clamped(pixels.bytes().get(lines).unwrap_or_default());
                let (width, height) = (layout.width, bottom - top);
                let image = ImageData::new_with_u8_clamped_array_and_sh(bytes, width, height);
                if let Ok(image) = image {
                    // A canvas without room shows nothing: there is nothing to do about it.
                    let _ = context.put_image_data(&image, 0.0, top.into());
                }
            }
            self.pixels = Some(pixels);
        }
        let mut dark = |buffer: BufferId| {
            if let Some(it) = self.lights.get_mut(buffer.index()) {
                *it = Light::None;
            }
        };
        story.deeds.iter().for_each(|(buffer, _)| dark(*buffer));
    }
}
