//! The timeline: everything that has happened at a glance, and the way to go there.

use std::rc::Rc;

use web_sys::Element;
use yew::prelude::*;

use crate::bridge::observe;
use crate::paint::polar::coord;
use crate::paint::timeline::{BAR, BAR_THICKNESS, HEIGHT, draw, ops_at, place, position};
use crate::state::run::View;
use crate::state::timeline::Timeline;
use crate::state::{Action, Move};

/// What the timeline shows.
#[derive(Clone, PartialEq, Properties)]
pub struct TimelineProps {
    /// What is seen.
    pub view: View,
    /// To go somewhere.
    pub act: Callback<Action>,
}

/// Two timelines of one program are equal when they know equally much.
#[derive(Clone)]
struct Known(Rc<Timeline>);

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// The timeline.
#[component]
pub fn TimelineBar(props: &TimelineProps) -> Html {
    let TimelineProps { view, act } = props;
    let box_ref = use_node_ref();
    let width = use_state_eq(|| 0.0_f64);
    let dragging = use_mut_ref(|| false);

    let (watched, set_width) = (box_ref.clone(), width.setter());
    use_effect_with((), move |()| {
        let element = watched.cast::<Element>();
        let watch = element.and_then(|it| observe::size(&it, move |width, _| set_width.set(width)));
        move || drop(watch)
    });

    let timeline = &view.timeline;
    let drawing =
        use_memo((Known(Rc::clone(timeline)), *width), |(known, width)| draw(&known.0, *width));
    // Within an operation the line stands as far in as its events have come.
    let within = match view.events {
        events if view.position.event > 0 && events > 0 => {
            f64::from(view.event) / f64::from(events)
        }
        _ => 0.0,
    };
    let x = place(timeline, view.position.op as f64 + within, *width);

    let seek = {
        let (act, timeline, width) = (act.clone(), Rc::clone(timeline), *width);
        let bar = box_ref.clone();
        move |event: &PointerEvent| {
            if let Some(bar) = bar.cast::<Element>() {
                let x = f64::from(event.client_x()) - bar.get_bounding_client_rect().left();
                act.emit(Action::Go(Move::To(ops_at(&timeline, x, width))));
            }
        }
    };
    let onpointerdown = {
        let (seek, dragging, bar) = (seek.clone(), dragging.clone(), box_ref.clone());
        Callback::from(move |event: PointerEvent| {
            if event.button() != 0 {
                return;
            }
            *dragging.borrow_mut() = true;
            if let Some(bar) = bar.cast::<Element>() {
                // Without it, the drag merely ends at the timeline's edge.
                let _ = bar.set_pointer_capture(event.pointer_id());
            }
            seek(&event);
        })
    };
    let onpointermove = {
        let dragging = dragging.clone();
        Callback::from(move |event: PointerEvent| {
            if *dragging.borrow() {
                seek(&event);
            }
        })
    };
    let release = Callback::from(move |_: PointerEvent| *dragging.borrow_mut() = false);
    let onkeydown = {
        let (act, op, leap) = (act.clone(), view.position.op, (view.len / 10).max(1));
        Callback::from(move |event: KeyboardEvent| {
            let to = match event.key().as_str() {
                "PageUp" => op.saturating_add(leap),
                "PageDown" => op.saturating_sub(leap),
                _ => return,
            };
            event.prevent_default();
            act.emit(Action::Go(Move::To(to)));
        })
    };

    let (w, h, bar, thick) = (*width, HEIGHT, BAR, BAR_THICKNESS);
    let marks = drawing
        .marks
        .iter()
        .map(|(class, path)| html! { <path class={*class} d={path.clone()} /> });
    html! {
        <div class="timeline" ref={box_ref} role="slider" tabindex="0" aria-label="Timeline"
            aria-valuemin="0" aria-valuemax={view.len.to_string()}
            aria-valuenow={view.position.op.to_string()} aria-valuetext={position(view)}
            {onpointerdown} {onpointermove} onpointerup={release.clone()}
            onpointercancel={release} {onkeydown}>
            <svg width="100%" height={coord(h)} aria-hidden="true">
                <path class="curve-area" d={drawing.area.clone()} />
                <path class="curve" d={drawing.curve.clone()} />
                <rect class="bar" x="0" y={coord(bar)} width={coord(w)}
                    height={coord(thick)} rx={coord(thick / 2.0)} />
                <rect class="bar-done" x="0" y={coord(bar)} width={coord(x)}
                    height={coord(thick)} rx={coord(thick / 2.0)} />
                { for marks }
                // What lies ahead again, after going back, is dimmed.
                <rect class="veil" x={coord(x)} y="0" height={coord(h)}
                    width={coord((w - x).max(0.0))} />
                <rect class="now" x={coord((x - 1.5).clamp(0.0, (w - 3.0).max(0.0)))}
                    y="0" width="3" height={coord(h)} rx="1.5" />
            </svg>
        </div>
    }
}
