//! The whole pool in small, in a corner of the part that is seen from near.

use std::rc::Rc;

use pgscope_core::ids::BufferId;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlCanvasElement};
use yew::prelude::*;

use super::canvas::{Painted, Style};
use crate::frame::Frame;
use crate::paint::grid::layout::Layout;
use crate::paint::short::Short;
use crate::paint::story::Story;

/// Its largest width and height, in CSS pixels.
const WIDE: f64 = 128.0;
const HIGH: f64 = 112.0;

/// What the overview is given.
#[derive(Clone, Properties)]
pub(super) struct OverviewProps {
    /// What to draw.
    pub(super) frame: Frame,
    /// What the operation did.
    pub(super) story: Rc<Story>,
    /// How to draw it.
    pub(super) style: Rc<Style>,
    /// Which theme that is.
    pub(super) theme: u32,
    /// All cells at once.
    pub(super) fit: Layout,
    /// What is seen of them.
    pub(super) layout: Layout,
    /// Another part is wanted: its middle, in columns and rows.
    pub(super) on_look: Callback<(f64, f64)>,
}

impl PartialEq for OverviewProps {
    fn eq(&self, other: &Self) -> bool {
        let key = |props: &Self| (props.frame.serial, props.theme, props.fit, props.layout);
        key(self) == key(other)
    }
}

/// The same cells with the same rows, as small as the corner.
fn small(fit: Layout, ratio: f64) -> Layout {
    let fits = |length: f64, cells: u32| (length * ratio) as u32 / cells.max(1);
    let pitch = fits(WIDE, fit.columns).min(fits(HIGH, fit.rows())).max(1);
    let (width, height) = (fit.columns * pitch, fit.rows() * pitch);
    Layout { pitch, gap: 0, width, height, x: 0, y: 0, ..fit }
}

/// The whole pool, where the hand is, and what is seen of it. A press or a drag looks elsewhere.
#[function_component]
pub(super) fn Overview(props: &OverviewProps) -> Html {
    let OverviewProps { frame, style, theme, fit, layout, on_look, .. } = props;
    let canvas = use_node_ref();
    let painted = use_mut_ref(Painted::default);
    let small = small(*fit, style.ratio);
    use_effect_with((frame.clone(), small, *theme), {
        let (canvas, style, story) = (canvas.clone(), Rc::clone(style), Rc::clone(&props.story));
        move |(frame, small, _)| {
            if let Some(canvas) = canvas.cast::<HtmlCanvasElement>() {
                painted.borrow_mut().draw(&canvas, &style, frame, &story, *small);
            }
        }
    });
    // A pool with more rows than there are pixels is drawn smaller still.
    let (width, height) = (f64::from(small.width), f64::from(small.height));
    let scale = (WIDE / width).min(HIGH / height).min(1.0 / style.ratio);
    let css = format!("width:{:.1}px;height:{:.1}px", Short(width * scale), Short(height * scale));
    let percent = |part: f64, whole: u32| Short(part * 100.0 / f64::from(whole));
    let share = |part: u32, cells: u32| percent(f64::from(part) / f64::from(layout.pitch), cells);
    let window = format!(
        "left:{:.2}%;top:{:.2}%;width:{:.2}%;height:{:.2}%",
        share(layout.x, fit.columns),
        share(layout.y, fit.rows()),
        share(layout.width, fit.columns),
        share(layout.height, fit.rows()),
    );
    let (row, column) = fit.cell(BufferId(frame.server.pool().strategy().hand()));
    let hand = format!(
        "left:{:.2}%;top:{:.2}%",
        percent(f64::from(column) + 0.5, fit.columns),
        percent(f64::from(row) + 0.5, fit.rows()),
    );
    let look = {
        let (on_look, columns, rows) =
            (on_look.clone(), f64::from(fit.columns), f64::from(fit.rows()));
        move |event: PointerEvent| {
            let sheet = event.current_target().and_then(|it| it.dyn_into::<Element>().ok());
            if let Some(sheet) = sheet.filter(|_| event.buttons() == 1) {
                let bounds = sheet.get_bounding_client_rect();
                let x = (f64::from(event.client_x()) - bounds.left()) / bounds.width().max(1.0);
                let y = (f64::from(event.client_y()) - bounds.top()) / bounds.height().max(1.0);
                on_look.emit((x * columns, y * rows));
            }
        }
    };
    html! {
        <div class="grid-overview" style={css} aria-hidden="true" onpointerdown={look.clone()} onpointermove={look}>
            <canvas ref={canvas} width={small.width.to_string()} height={small.height.to_string()} />
            <i class="window" style={window}></i>
            <i class="hand-dot" style={hand}></i>
        </div>
    }
}
