//! The pointer on the grid: at rest it tells of a buffer, a press chooses one, a drag moves the
//! picture, a wheel or two fingers go nearer.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_events::{EventListener, EventListenerOptions};
use pgscope_core::ids::BufferId;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlCanvasElement, WheelEvent};
use yew::prelude::*;

use super::Sight;

/// Pixels that a hand may tremble in a press.
const TREMBLE: f64 = 4.0;
/// How much nearer a pixel of the wheel goes, and a pixel of two fingers on a touchpad, which come as a
/// wheel with Ctrl.
const WHEEL: f64 = 0.0022;
const PINCH: f64 = 0.012;

/// What holds the picture.
#[derive(Default)]
pub(super) struct Grip {
    /// Pointers that are down: number and place, in device pixels.
    pointers: Vec<(i32, f64, f64)>,
    /// Where the first one was put down.
    from: (f64, f64),
    /// The picture was moved: what follows is no press.
    dragged: bool,
}

/// Everything that what the pointer does depends on.
pub(super) struct Pointer {
    grip: Rc<RefCell<Grip>>,
    sight: Sight,
    ratio: f64,
    hover: UseStateHandle<Option<BufferId>>,
    on_choice: Callback<Option<BufferId>>,
}

/// Where an event happened, in device pixels of the picture.
fn place(event: &MouseEvent, ratio: f64) -> (f64, f64) {
    (f64::from(event.offset_x()) * ratio, f64::from(event.offset_y()) * ratio)
}

impl Pointer {
    pub(super) fn new(
        grip: &Rc<RefCell<Grip>>,
        sight: &Sight,
        ratio: f64,
        hover: &UseStateHandle<Option<BufferId>>,
        on_choice: Callback<Option<BufferId>>,
    ) -> Self {
        Self { grip: Rc::clone(grip), sight: sight.clone(), ratio, hover: hover.clone(), on_choice }
    }

    pub(super) fn down(&self) -> Callback<PointerEvent> {
        let (grip, ratio) = (Rc::clone(&self.grip), self.ratio);
        Callback::from(move |event: PointerEvent| {
            let mut grip = grip.borrow_mut();
            let at @ (x, y) = place(&event, ratio);
            if grip.pointers.is_empty() {
                grip.from = at;
                grip.dragged = false;
            }
            grip.pointers.push((event.pointer_id(), x, y));
            let canvas = event.target().and_then(|it| it.dyn_into::<Element>().ok());
            if let Some(canvas) = canvas {
                // Without it a drag ends at the picture's edge.
                let _ = canvas.set_pointer_capture(event.pointer_id());
            }
        })
    }

    pub(super) fn moved(&self) -> Callback<PointerEvent> {
        let (grip, sight, ratio) = (Rc::clone(&self.grip), self.sight.clone(), self.ratio);
        let hover = self.hover.clone();
        Callback::from(move |event: PointerEvent| {
            let mut grip = grip.borrow_mut();
            let at @ (x, y) = place(&event, ratio);
            let Some(held) = grip.pointers.iter().position(|it| it.0 == event.pointer_id()) else {
                let inside = x >= 0.0 && y >= 0.0;
                hover.set(inside.then(|| sight.layout().buffer_at(x as u32, y as u32)).flatten());
                return;
            };
            let before = grip.pointers.clone();
            if let Some(it) = grip.pointers.get_mut(held) {
                (it.1, it.2) = at;
            }
            match (&before[..], &grip.pointers[..]) {
                ([was], _) => {
                    let far = (x - grip.from.0).hypot(y - grip.from.1) > TREMBLE * ratio;
                    if far || grip.dragged {
                        let by = if grip.dragged {
                            (x - was.1, y - was.2)
                        } else {
                            (x - grip.from.0, y - grip.from.1)
                        };
                        grip.dragged = true;
                        hover.set(None);
                        sight.turn(|camera| camera.moved(sight.fit, sight.most, by));
                    }
                }
                ([a, b, ..], [c, d, ..]) => {
                    let apart = |one: &(i32, f64, f64), two: &(i32, f64, f64)| {
                        (one.1 - two.1).hypot(one.2 - two.2).max(1.0)
                    };
                    let middle = |one: &(i32, f64, f64), two: &(i32, f64, f64)| {
                        ((one.1 + two.1) / 2.0, (one.2 + two.2) / 2.0)
                    };
                    let (was, now) = (middle(a, b), middle(c, d));
                    let times = apart(c, d) / apart(a, b);
                    grip.dragged = true;
                    sight.turn(|camera| {
                        let camera =
                            camera.moved(sight.fit, sight.most, (now.0 - was.0, now.1 - was.1));
                        camera.nearer(sight.fit, sight.most, times, now)
                    });
                }
                _ => {}
            }
        })
    }

    pub(super) fn up(&self) -> Callback<PointerEvent> {
        let grip = Rc::clone(&self.grip);
        Callback::from(move |event: PointerEvent| {
            grip.borrow_mut().pointers.retain(|it| it.0 != event.pointer_id());
        })
    }

    pub(super) fn leave(&self) -> Callback<PointerEvent> {
        let hover = self.hover.clone();
        Callback::from(move |_: PointerEvent| hover.set(None))
    }

    pub(super) fn click(&self) -> Callback<MouseEvent> {
        let (grip, sight, ratio) = (Rc::clone(&self.grip), self.sight.clone(), self.ratio);
        let on_choice = self.on_choice.clone();
        Callback::from(move |event: MouseEvent| {
            let (x, y) = place(&event, ratio);
            if !grip.borrow().dragged {
                on_choice.emit(sight.layout().buffer_at(x.max(0.0) as u32, y.max(0.0) as u32));
            }
        })
    }
}

/// The wheel goes nearer and farther. From where all cells are seen it goes on to scroll the page.
#[hook]
pub(super) fn use_wheel(canvas: &NodeRef, sight: &Sight, ratio: f64) {
    let latest = use_mut_ref(|| None::<Sight>);
    *latest.borrow_mut() = Some(sight.clone());
    use_effect_with((canvas.clone(), ratio.to_bits()), move |(canvas, _)| {
        let options = EventListenerOptions::enable_prevent_default();
        let listen = move |event: &web_sys::Event| {
            let (Some(event), Some(sight)) = (event.dyn_ref::<WheelEvent>(), &*latest.borrow())
            else {
                return;
            };
            let lines = if event.delta_mode() == WheelEvent::DOM_DELTA_LINE { 16.0 } else { 1.0 };
            let by = event.delta_y() * lines;
            let farthest = sight.layout() == sight.fit && by > 0.0;
            if by == 0.0 || farthest && !event.ctrl_key() {
                return;
            }
            event.prevent_default();
            let times = js_sys::Math::exp(-by * if event.ctrl_key() { PINCH } else { WHEEL });
            sight.nearer(times, place(event, ratio));
        };
        let listener = canvas
            .cast::<HtmlCanvasElement>()
            .map(|canvas| EventListener::new_with_options(&canvas, "wheel", options, listen));
        move || drop(listener)
    });
}
