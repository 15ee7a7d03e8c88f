//! The grid of buffers: pools beyond the dial's size, on one canvas.
//!
//! The canvas is painted anew when the frame, its size or the theme changes. What the pointer
//! or the keyboard does only moves marks above it, so hovering paints nothing.

use std::rc::Rc;

use pgscope_core::ids::BufferId;
use wasm_bindgen::{Clamped, JsCast};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};
use yew::prelude::*;

use super::dial::writers::writers;
use super::theme::{palette, use_size, use_theme};
use crate::frame::Frame;
use crate::paint::cells::{self, Cell};
use crate::paint::grid::{Layout, Palette, Pixels};
use crate::paint::short::Short;
use crate::paint::story::Story;
use crate::paint::words;

/// What the grid is given.
#[derive(Clone, Properties)]
pub struct GridProps {
    /// What to draw.
    pub frame: Frame,
    /// What the operation did.
    pub story: Rc<Story>,
    /// The buffer whose card is open.
    pub selected: Option<BufferId>,
    /// A buffer was chosen.
    pub on_select: Callback<Option<BufferId>>,
}

/// The story follows from the frame.
impl PartialEq for GridProps {
    fn eq(&self, other: &Self) -> bool {
        let key = |props: &Self| (props.selected, props.frame.serial);
        key(self) == key(other) && self.on_select == other.on_select
    }
}

/// The buffers as cells: colour by relation, brightness by usage count.
#[function_component]
pub fn Grid(props: &GridProps) -> Html {
    let GridProps { frame, story, selected, on_select } = props;
    let n = frame.server.pool().nbuffers();
    // What the cells may take is measured on an empty box, so that the picture can be smaller.
    let (ruler, canvas) = (use_node_ref(), use_node_ref());
    let size = use_size(ruler.clone());
    let theme = use_theme();
    let hover = use_state_eq(|| None::<BufferId>);
    let ratio = web_sys::window().map_or(1.0, |window| window.device_pixel_ratio()).clamp(1.0, 3.0);
    let device = |length: u32| (f64::from(length) * ratio) as u32;
    let layout = Layout::fit(n, device(size.0), device(size.1));

    // To ask for the theme's colours lays the page out: once for each theme.
    let colours = use_mut_ref(|| None::<(u32, Palette)>);
    use_effect_with((frame.clone(), story.clone(), layout, theme), {
        let canvas = canvas.clone();
        move |(frame, story, layout, theme)| {
            if size.0 > 0
                && let Some(canvas) = canvas.cast::<HtmlCanvasElement>()
            {
                let known = colours.borrow().filter(|(of, _)| of == theme);
                let palette = known.map_or_else(|| palette(&canvas), |(_, palette)| palette);
                *colours.borrow_mut() = Some((*theme, palette));
                draw(&canvas, &palette, frame, story, *layout);
            }
        }
    });

    let at = {
        move |event: &MouseEvent| {
            let (x, y) = (f64::from(event.offset_x()) * ratio, f64::from(event.offset_y()) * ratio);
            layout.buffer_at(x.max(0.0) as u32, y.max(0.0) as u32)
        }
    };
    let onmousemove = {
        let hover = hover.clone();
        Callback::from(move |event: MouseEvent| hover.set(at(&event)))
    };
    let onmouseleave = {
        let hover = hover.clone();
        Callback::from(move |_: MouseEvent| hover.set(None))
    };
    let onclick = {
        let (on_select, selected, focused) = (on_select.clone(), *selected, canvas.clone());
        Callback::from(move |event: MouseEvent| {
            on_select.emit(at(&event).filter(|buffer| selected != Some(*buffer)));
            if let Some(canvas) = focused.cast::<HtmlCanvasElement>() {
                // Arrows go on from where the pointer chose; a canvas without focus only stays.
                let _ = canvas.focus();
            }
        })
    };
    let onkeydown = {
        // The words follow the keyboard, even with the pointer resting on another buffer.
        let (hover, on_select) = (hover.clone(), on_select.clone());
        let on_key = Callback::from(move |chosen| {
            hover.set(None);
            on_select.emit(chosen);
        });
        keys(n, layout.columns, *selected, &on_key)
    };

    let described = hover.or(*selected);
    let words = described.and_then(|buffer| {
        cells::cell(&frame.server, buffer).map(|cell| words::buffer(&frame.server, buffer, &cell))
    });
    let strategy = frame.server.pool().strategy();
    let mark = |buffer: BufferId, class: &'static str| {
        let ((x, y), side) = (layout.place(buffer), layout.pitch - layout.gap);
        let px = |length: u32| Short(f64::from(length) / ratio);
        let style = format!(
            "left:{:.3}px;top:{:.3}px;width:{side:.3}px;height:{side:.3}px",
            px(x),
            px(y),
            side = px(side)
        );
        html! { <span class={classes!("grid-mark", class)} {style}></span> }
    };
    let css = format!(
        "width:{:.3}px;height:{:.3}px",
        Short(f64::from(layout.width) / ratio),
        Short(f64::from(layout.height) / ratio)
    );
    html! {
        <div class="grid">
            <p class="grid-hand">
                { "hand at buffer " }<strong>{ words::thousands(u64::from(strategy.hand()) + 1) }</strong>
                { format!(" · pass {} · {}", strategy.passes() + 1, words::count(strategy.allocs().into(), "alloc")) }
            </p>
            <div class="grid-ruler" ref={ruler} aria-hidden="true"></div>
            <div class="grid-stage">
                <div class="grid-sheet" style={css.clone()}>
                    <canvas ref={canvas} width={layout.width.to_string()} height={layout.height.to_string()}
                        style={css} tabindex="0" role="application"
                        aria-label={format!("Grid of {} shared buffers. Arrow keys choose a buffer.",
                            words::thousands(n.into()))}
                        {onclick} {onkeydown} {onmousemove} {onmouseleave}></canvas>
                    // Apart from the canvas: when marks come and go, it must stay the same node.
                    <div>
                        { mark(BufferId(strategy.hand()), "at-hand") }
                        { for writers(&frame.server, story).map(|(class, _, at)| mark(at, class)) }
                        { for hover.map(|buffer| mark(buffer, "hovered")) }
                        { for selected.map(|buffer| mark(buffer, "selected")) }
                    </div>
                </div>
            </div>
            <p class="grid-words" aria-live={if hover.is_none() { "polite" } else { "off" }}>
                { words.unwrap_or_else(|| "Point at a buffer, or choose one with the arrow keys.".into()) }
            </p>
        </div>
    }
}

/// Arrows move the selection, Home and End go to the ends, Escape takes it back.
fn keys(
    n: u32,
    columns: u32,
    selected: Option<BufferId>,
    on_select: &Callback<Option<BufferId>>,
) -> Callback<KeyboardEvent> {
    let on_select = on_select.clone();
    Callback::from(move |event: KeyboardEvent| {
        if event.ctrl_key() || event.alt_key() || event.meta_key() {
            return;
        }
        let to = match (event.key().as_str(), selected.map(|buffer| buffer.0)) {
            ("Escape", Some(_)) => None,
            ("Home", _) => Some(0),
            ("End", _) => Some(n - 1),
            ("ArrowRight" | "ArrowDown" | "ArrowLeft" | "ArrowUp", None) => Some(0),
            ("ArrowRight", Some(at)) => Some((at + 1).min(n - 1)),
            ("ArrowLeft", Some(at)) => Some(at.saturating_sub(1)),
            ("ArrowDown", Some(at)) if at + columns < n => Some(at + columns),
            ("ArrowUp", Some(at)) if at >= columns => Some(at - columns),
            ("ArrowDown" | "ArrowUp", Some(at)) => Some(at),
            _ => return,
        };
        event.prevent_default();
        on_select.emit(to.map(BufferId));
    })
}

fn draw(
    canvas: &HtmlCanvasElement,
    palette: &Palette,
    frame: &Frame,
    story: &Story,
    layout: Layout,
) {
    let descs = frame.server.pool().descs();
    let mut pixels = Pixels::paint(layout, palette, descs.map(|(_, desc)| Cell::of(&desc)));
    light(&mut pixels, palette, story, layout);
    let context = canvas.get_context("2d").ok().flatten();
    let context = context.and_then(|context| context.dyn_into::<CanvasRenderingContext2d>().ok());
    let bytes = Clamped(pixels.bytes());
    let image = ImageData::new_with_u8_clamped_array_and_sh(bytes, layout.width, layout.height);
    if let (Some(context), Ok(image)) = (context, image) {
        // A canvas without room shows nothing: there is nothing to do about it.
        let _ = context.put_image_data(&image, 0.0, 0.0);
    }
}

/// What the operation did, as outlines.
fn light(pixels: &mut Pixels, palette: &Palette, story: &Story, layout: Layout) {
    let thick = (layout.pitch / 8).clamp(1, 3);
    for (buffer, deed) in &story.deeds {
        let colour = match deed.class() {
            "passed" => palette.pin,
            "lowered" => palette.miss,
            "taken" => palette.evict,
            "popped" | "written" => palette.accent,
            _ => palette.line,
        };
        pixels.outline(*buffer, colour, 1);
    }
    let lit = [story.hit, story.victim, story.arriving.map(|page| page.buffer)];
    for buffer in lit.into_iter().flatten() {
        let colour = match story.glow(buffer) {
            Some("hit") => palette.hit,
            Some("victim") => palette.evict,
            _ => palette.miss,
        };
        pixels.outline(buffer, colour, thick);
    }
}
