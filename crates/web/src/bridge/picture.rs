//! The picture of shared memory as a file: the dial as SVG, or either picture as PNG.
//!
//! The dial's look comes from the page's styles; a copy of it takes along what they come to, so
//! that it looks the same anywhere. Nothing is sent: the file is made of a `data:` address.

use js_sys::encode_uri_component;
use wasm_bindgen::prelude::*;
use web_sys::{
    CanvasRenderingContext2d, CssStyleDeclaration, Element, HtmlCanvasElement, HtmlElement,
    HtmlImageElement,
};

use super::{document, window};

/// What of its style an element of the dial takes along.
const LOOK: [&str; 20] = [
    "display",
    "fill",
    "fill-opacity",
    "stroke",
    "stroke-opacity",
    "stroke-width",
    "stroke-dasharray",
    "stroke-linecap",
    "stroke-linejoin",
    "opacity",
    "font-family",
    "font-size",
    "font-weight",
    "letter-spacing",
    "text-anchor",
    "dominant-baseline",
    "paint-order",
    "transform",
    "filter",
    "color",
];
/// Pixels of a PNG for each unit of the dial.
const SCALE: f64 = 2.0;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only of the dial.
    Svg,
    /// Of the dial or the grid.
    Png,
}

/// Save the picture that the page shows. False if there is none of this kind.
pub fn save(kind: Kind) -> bool {
    let Some(document) = document() else { return false };
    let find = |css: &str| document.query_selector(css).ok().flatten();
    match (find(".shared .dial-svg"), find(".shared .grid canvas"), kind) {
        (Some(dial), _, Kind::Svg) => {
            svg(&dial).is_some_and(|text| download(&data(&text), "pgscope.svg").is_some())
        }
        (Some(dial), _, Kind::Png) => rastered(&dial).is_some(),
        (None, Some(grid), Kind::Png) => {
            let address = grid
                .dyn_into::<HtmlCanvasElement>()
                .ok()
                .and_then(|grid| grid.to_data_url_with_type("image/png").ok());
            address.is_some_and(|address| download(&address, "pgscope.png").is_some())
        }
        _ => false,
    }
}

fn data(svg: &str) -> String {
    format!("data:image/svg+xml;charset=utf-8,{}", String::from(encode_uri_component(svg)))
}

/// The dial as a document of its own, on the panel's ground.
fn svg(dial: &Element) -> Option<String> {
    let copy = dial.clone_node_with_deep(true).ok()?.dyn_into::<Element>().ok()?;
    wear(dial, &copy)?;
    let (from, to) = (dial.query_selector_all("*").ok()?, copy.query_selector_all("*").ok()?);
    for place in 0..from.length() {
        let pair = from.get(place).zip(to.get(place));
        let pair = pair.map(|(from, to)| (from.dyn_into::<Element>(), to.dyn_into::<Element>()));
        if let Some((Ok(from), Ok(to))) = pair {
            wear(&from, &to)?;
        }
    }
    copy.set_attribute("xmlns", "http://www.w3.org/2000/svg").ok()?;
    copy.set_attribute("width", "640").ok()?;
    copy.set_attribute("height", "556").ok()?;
    let panel = style(&dial.closest(".panel").ok().flatten()?)?;
    let ground = panel.get_property_value("background-color").ok()?;
    let own = copy.get_attribute("style").unwrap_or_default();
    copy.set_attribute("style", &format!("{own};background:{ground}")).ok()?;
    Some(copy.outer_html())
}

fn style(element: &Element) -> Option<CssStyleDeclaration> {
    window()?.get_computed_style(element).ok()?
}

/// Write on `to` what `from` looks like.
fn wear(from: &Element, to: &Element) -> Option<()> {
    let look = style(from)?;
    let mut text = String::new();
    for name in LOOK {
        // Where an attribute places an element, the style says so too: once is enough.
        if name == "transform" && from.has_attribute("transform") {
            continue;
        }
        let value = look.get_property_value(name).unwrap_or_default();
        if !value.is_empty() && value != "none" || name == "fill" || name == "display" {
            text.extend([name, ":", &value, ";"]);
        }
    }
    to.set_attribute("style", &text).ok()
}

/// The dial drawn on a canvas, as soon as the browser has read it.
fn rastered(dial: &Element) -> Option<()> {
    let text = svg(dial)?;
    let image = HtmlImageElement::new().ok()?;
    let canvas = document()?.create_element("canvas").ok()?;
    let canvas = canvas.dyn_into::<HtmlCanvasElement>().ok()?;
    canvas.set_width((640.0 * SCALE) as u32);
    canvas.set_height((556.0 * SCALE) as u32);
    let context = canvas.get_context("2d").ok()??;
    let context = context.dyn_into::<CanvasRenderingContext2d>().ok()?;
    let drawn = image.clone();
    let done = Closure::once_into_js(move || {
        let (width, height) = (640.0 * SCALE, 556.0 * SCALE);
        let put = context
            .draw_image_with_html_image_element_and_dw_and_dh(&drawn, 0.0, 0.0, width, height);
        let address = put.and_then(|()| canvas.to_data_url_with_type("image/png"));
        address.ok().and_then(|address| download(&address, "pgscope.png"));
    });
    image.set_onload(Some(done.unchecked_ref()));
    image.set_src(&data(&text));
    Some(())
}

fn download(address: &str, name: &str) -> Option<()> {
    let link = document()?.create_element("a").ok()?;
    link.set_attribute("href", address).ok()?;
    link.set_attribute("download", name).ok()?;
    link.dyn_into::<HtmlElement>().ok()?.click();
    Some(())
}
