//! The grid of buffers: pools beyond the dial's size, on one canvas, from as near as the reader likes.
//!
//! On the canvas only cells with another look than before are drawn ([`canvas`]). What the pointer or
//! the keyboard does moves marks above it ([`marks`]), so hovering paints nothing. For the keyboard and
//! for those who listen it is a grid with roving focus, of which only the cells exist that have the
//! focus or had it before ([`cells`]).

mod canvas;
mod cards;
mod cells;
mod marks;
mod overview;
mod pointer;

use std::cell::RefCell;
use std::rc::Rc;

use pgscope_core::ids::BufferId;
use web_sys::HtmlCanvasElement;
use yew::prelude::*;

use super::theme::{palette, use_size, use_theme};
use crate::frame::Frame;
use crate::paint::grid::layout::{Camera, Layout};
use crate::paint::short::Short;
use crate::paint::story::Story;
use crate::paint::words;
use canvas::{Painted, Style};
use overview::Overview;

/// The largest cell, in CSS pixels.
const LARGEST: f64 = 104.0;
/// How much nearer a press of a key or a button goes.
const STEP: f64 = 1.5;

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

/// What is seen, and how to see something else: shared by the keys, the pointer and the buttons.
#[derive(Clone)]
struct Sight {
    /// All cells at once.
    fit: Layout,
    /// The largest pitch.
    most: u32,
    /// What is seen; ahead of what is drawn while events come faster than pictures.
    camera: Rc<RefCell<Camera>>,
    /// To draw what is seen.
    show: UseStateSetter<Camera>,
}

impl Sight {
    fn layout(&self) -> Layout {
        self.camera.borrow().layout(self.fit, self.most)
    }

    fn turn(&self, to: impl FnOnce(Camera) -> Camera) {
        let camera = to(*self.camera.borrow());
        *self.camera.borrow_mut() = camera;
        self.show.set(camera);
    }

    /// So many times nearer to a pixel of the picture.
    fn nearer(&self, times: f64, at: (f64, f64)) {
        self.turn(|camera| camera.nearer(self.fit, self.most, times, at));
    }

    /// The same to a buffer if it is in the picture, else to the picture's middle.
    fn nearer_to(&self, times: f64, buffer: Option<BufferId>) {
        let layout = self.layout();
        let (x, y) = match buffer.filter(|buffer| layout.shows(*buffer)) {
            Some(buffer) => layout.middle(buffer),
            None => (i64::from(layout.width / 2), i64::from(layout.height / 2)),
        };
        self.nearer(times, (x as f64, y as f64));
    }
}

/// The buffers as cells: colour by relation, depth by usage count, and from near what the dial shows.
#[function_component]
pub fn Grid(props: &GridProps) -> Html {
    let GridProps { frame, story, selected, on_select } = props;
    let server = &frame.server;
    let n = server.pool().nbuffers();
    // What the cells may take is measured on an empty box, so that the picture can be smaller.
    let (ruler, canvas) = (use_node_ref(), use_node_ref());
    let size = use_size(ruler.clone());
    let theme = use_theme();
    let hover = use_state_eq(|| None::<BufferId>);
    let cursor = use_state_eq(|| (BufferId(0), BufferId(0)));
    let held = use_state_eq(|| false);
    let ratio = web_sys::window().map_or(1.0, |window| window.device_pixel_ratio()).clamp(1.0, 3.0);
    let device = |length: u32| (f64::from(length) * ratio) as u32;

    let shown = use_state_eq(|| Camera::WHOLE);
    let camera = use_mut_ref(|| Camera::WHOLE);
    *camera.borrow_mut() = *shown;
    let sight = Sight {
        fit: Layout::fit(n, device(size.0), device(size.1)),
        most: (LARGEST * ratio) as u32,
        camera,
        show: shown.setter(),
    };
    let layout = sight.layout();
    let is_whole = layout == sight.fit;

    // To ask for the theme's colours lays the page out: once for each theme.
    let style = use_mut_ref(|| None::<(u32, Rc<Style>)>);
    let painted = use_mut_ref(Painted::default);
    use_effect_with((frame.clone(), layout, theme, size.0 > 0), {
        let (canvas, story, style) = (canvas.clone(), Rc::clone(story), Rc::clone(&style));
        move |(frame, layout, theme, is_there)| {
            if let Some(canvas) = canvas.cast::<HtmlCanvasElement>().filter(|_| *is_there) {
                let style = known_style(&style, &canvas, *theme, ratio);
                painted.borrow_mut().draw(&canvas, &style, frame, &story, *layout);
            }
        }
    });
    let wanted = use_mut_ref(|| false);
    use_effect_with(cursor.0, {
        let wanted = Rc::clone(&wanted);
        move |buffer| {
            if wanted.replace(false) {
                cells::focus(*buffer);
            }
        }
    });
    pointer::use_wheel(&canvas, &sight, ratio);

    let go = {
        let (cursor, wanted, sight) = (cursor.clone(), Rc::clone(&wanted), sight.clone());
        let hover = hover.clone();
        Callback::from(move |buffer: BufferId| {
            *wanted.borrow_mut() = true;
            // Words follow the keyboard, even with the pointer resting on another buffer.
            hover.set(None);
            cursor.set((buffer, cursor.0));
            sight.turn(|camera| camera.showing(sight.fit, sight.most, buffer));
        })
    };
    let grip = use_mut_ref(pointer::Grip::default);
    let on_choice = {
        let (on_select, selected, go) = (on_select.clone(), *selected, go.clone());
        Callback::from(move |buffer: Option<BufferId>| {
            on_select.emit(buffer.filter(|buffer| selected != Some(*buffer)));
            // Arrows go on from where the pointer chose.
            buffer.iter().for_each(|buffer| go.emit(*buffer));
        })
    };
    let pointer = pointer::Pointer::new(&grip, &sight, ratio, &hover, on_choice);

    let described = hover.or(held.then_some(cursor.0)).or(*selected);
    let words = described.and_then(|buffer| words::of_buffer(server, buffer));
    let strategy = server.pool().strategy();
    let px = |length: u32| Short(f64::from(length) / ratio);
    let css = format!("width:{:.3}px;height:{:.3}px", px(layout.width), px(layout.height));
    let centre = held.then_some(cursor.0).or(*selected);
    let on_look = {
        let sight = sight.clone();
        Callback::from(move |(x, y): (f64, f64)| {
            sight.turn(|camera| Camera { x, y, ..camera }.moved(sight.fit, sight.most, (0.0, 0.0)));
        })
    };
    let style = style.borrow().as_ref().map(|(_, style)| Rc::clone(style));
    html! {
        <div class="grid">
            <div class="grid-head">
                <p class="grid-hand">
                    { "hand at buffer " }<strong>{ words::thousands(u64::from(strategy.hand()) + 1) }</strong>
                    { format!(" · pass {} · {}", strategy.passes() + 1, words::count(strategy.allocs().into(), "alloc")) }
                </p>
                { zoom(&sight, centre, BufferId(strategy.hand())) }
            </div>
            <div class="grid-ruler" ref={ruler} aria-hidden="true"></div>
            <div class="grid-stage">
                <div class={classes!("grid-sheet", (!is_whole).then_some("near"))} style={css.clone()}>
                    <canvas ref={canvas} width={layout.width.to_string()} height={layout.height.to_string()}
                        style={css} aria-hidden="true"
                        onclick={pointer.click()} onpointerdown={pointer.down()} onpointermove={pointer.moved()}
                        onpointerup={pointer.up()} onpointercancel={pointer.up()} onpointerleave={pointer.leave()} />
                    // Apart from the canvas: when marks come and go, it must stay the same node.
                    { marks::marks(server, story, layout, ratio, *hover, *selected) }
                    { cells::cells(props, layout, ratio, *cursor, &go, &sight, &held) }
                    { marks::flags(server, story, layout, ratio, &sight) }
                    if let Some(style) = style.filter(|_| !is_whole) {
                        <Overview frame={frame.clone()} story={Rc::clone(story)} {style} {theme}
                            fit={sight.fit} {layout} {on_look} />
                    }
                </div>
            </div>
            <p class="grid-words" aria-hidden="true">
                { words.unwrap_or_else(|| "Point at a buffer, or choose one with the arrow keys.".into()) }
            </p>
        </div>
    }
}

/// The style of a theme; asked for once.
fn known_style(
    known: &RefCell<Option<(u32, Rc<Style>)>>,
    canvas: &HtmlCanvasElement,
    theme: u32,
    ratio: f64,
) -> Rc<Style> {
    let found = known.borrow().clone().filter(|(of, style)| *of == theme && style.ratio == ratio);
    let (_, style) = found.unwrap_or_else(|| {
        let (palette, face) = palette(canvas);
        (theme, Rc::new(Style { palette, face, ratio }))
    });
    *known.borrow_mut() = Some((theme, Rc::clone(&style)));
    style
}

/// Nearer and farther, all cells at once, and to the hand.
fn zoom(sight: &Sight, centre: Option<BufferId>, hand: BufferId) -> Html {
    let layout = sight.layout();
    let (is_whole, is_nearest) = (layout == sight.fit, layout.pitch >= sight.most);
    let button = |label: &'static str,
                  title: &'static str,
                  sign: &'static str,
                  off: bool,
                  to: Callback<MouseEvent>| {
        html! {
            <button type="button" aria-label={label} {title} disabled={off} onclick={to}>{ sign }</button>
        }
    };
    let step = |times: f64| {
        let sight = sight.clone();
        Callback::from(move |_: MouseEvent| sight.nearer_to(times, centre))
    };
    let whole = {
        let sight = sight.clone();
        Callback::from(move |_: MouseEvent| sight.turn(|_| Camera::WHOLE))
    };
    let to_hand = {
        let sight = sight.clone();
        Callback::from(move |_: MouseEvent| sight.turn(|camera| to_buffer(&sight, camera, hand)))
    };
    let times = f64::from(layout.pitch) / f64::from(sight.fit.pitch);
    html! {
        <div class="grid-zoom" role="group" aria-label="Zoom">
            { button("Zoom out", "farther (−)", "−", is_whole, step(1.0 / STEP)) }
            <output aria-label="Zoom factor">{ format!("{}×", Short(times)) }</output>
            { button("Zoom in", "nearer (+)", "+", is_nearest, step(STEP)) }
            { button("Whole pool", "all buffers (0)", "all", is_whole, whole) }
            { button("To the hand", "where the hand is, from near", "hand", false, to_hand) }
        </div>
    }
}

/// A buffer in the middle, from as near as it takes to read it.
fn to_buffer(sight: &Sight, camera: Camera, buffer: BufferId) -> Camera {
    let readable = f64::from(sight.most) * 0.6 / f64::from(sight.fit.pitch);
    let camera = Camera { zoom: camera.zoom.max(readable), ..camera };
    camera.towards(sight.fit, buffer).moved(sight.fit, sight.most, (0.0, 0.0))
}
