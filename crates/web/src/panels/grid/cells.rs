//! The grid for the keyboard and for those who listen: rows and cells with roving focus.
//!
//! A pool can have a million buffers, so only two cells exist: the one with the focus, and the one that
//! had it before, from which it moves. Their row and column numbers say where in the whole they are.

use pgscope_core::ids::BufferId;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

use super::{Camera, GridProps, STEP, Sight};
use crate::paint::grid::layout::Layout;
use crate::paint::short::Short;
use crate::paint::words;

/// The cells. `cursor` is the buffer that the keyboard is at, and the one where it was before.
pub(super) fn cells(
    props: &GridProps,
    layout: Layout,
    ratio: f64,
    (cursor, before): (BufferId, BufferId),
    go: &Callback<BufferId>,
    sight: &Sight,
    held: &UseStateHandle<bool>,
) -> Html {
    let GridProps { frame, selected, on_select, .. } = props;
    let server = &frame.server;
    let last = BufferId(layout.n - 1);
    let (cursor, before) = (cursor.min(last), before.min(last));
    let cell = |buffer: BufferId| {
        let ((_, column), (x, y)) = (layout.cell(buffer), layout.place(buffer));
        let px = |length: i64| Short(length as f64 / ratio);
        let side = px(layout.size().into());
        let style = format!(
            "width:{side:.3}px;height:{side:.3}px;transform:translate({:.3}px,{:.3}px)",
            px(x),
            px(y)
        );
        html! {
            <div key={buffer.0} role="gridcell" class="grid-cell" id={id(buffer)} {style}
                aria-colindex={(column + 1).to_string()}
                aria-selected={(*selected == Some(buffer)).to_string()}
                aria-label={words::of_buffer(server, buffer)}
                tabindex={if buffer == cursor { "0" } else { "-1" }}></div>
        }
    };
    let mut shown = vec![cursor.min(before), cursor.max(before)];
    shown.dedup();
    let rows = shown.chunk_by(|one, next| layout.cell(*one).0 == layout.cell(*next).0).map(|row| {
        let number = row.first().map_or(0, |first| layout.cell(*first).0);
        html! {
            <div key={number} role="row" aria-rowindex={(number + 1).to_string()}>
                { for row.iter().copied().map(cell) }
            </div>
        }
    });
    let onkeydown = keys(layout, cursor, *selected, on_select, go, sight);
    let holds = |holds: bool| {
        let held = held.clone();
        Callback::from(move |_: FocusEvent| held.set(holds))
    };
    html! {
        <div class="grid-cells" role="grid" aria-label={words::pool(server)}
            aria-rowcount={layout.rows().to_string()} aria-colcount={layout.columns.to_string()}
            {onkeydown} onfocusin={holds(true)} onfocusout={holds(false)}>
            { for rows }
        </div>
    }
}

/// Arrows, Home, End and pages move the focus; with it the choice, where there is one. Enter and space
/// choose, Escape takes it back; plus, minus and 0 go nearer, farther and to all of it.
fn keys(
    layout: Layout,
    cursor: BufferId,
    selected: Option<BufferId>,
    on_select: &Callback<Option<BufferId>>,
    go: &Callback<BufferId>,
    sight: &Sight,
) -> Callback<KeyboardEvent> {
    let (on_select, go, sight) = (on_select.clone(), go.clone(), sight.clone());
    Callback::from(move |event: KeyboardEvent| {
        if event.alt_key() || event.meta_key() {
            return;
        }
        let key = event.key();
        let is_end = matches!(key.as_str(), "Home" | "End");
        if event.ctrl_key() && !is_end {
            return;
        }
        let chosen = selected.is_some();
        match key.as_str() {
            "Enter" | " " => on_select.emit((selected != Some(cursor)).then_some(cursor)),
            "Escape" if chosen => on_select.emit(None),
            "Escape" | "0" if layout != sight.fit => sight.turn(|_| Camera::WHOLE),
            "0" => {}
            "+" | "=" => sight.nearer_to(STEP, Some(cursor)),
            "-" => sight.nearer_to(1.0 / STEP, Some(cursor)),
            key => {
                let Some(to) = target(key, event.ctrl_key(), layout, cursor.0) else { return };
                go.emit(BufferId(to));
                if chosen {
                    on_select.emit(Some(BufferId(to)));
                }
            }
        }
        event.prevent_default();
    })
}

/// The buffer to which a key leads.
fn target(key: &str, whole: bool, layout: Layout, at: u32) -> Option<u32> {
    let Layout { n, columns, .. } = layout;
    let first = at - at % columns;
    let page = (layout.shown_rows().len() as u32).saturating_sub(1).max(1) * columns;
    // Up and down keep their column.
    let down = |by: u32| if by < n - at { at + by } else { at + (n - 1 - at) / columns * columns };
    let up = |by: u32| if by <= at { at - by } else { at % columns };
    Some(match key {
        "ArrowRight" => (at + 1).min(n - 1),
        "ArrowLeft" => at.saturating_sub(1),
        "ArrowDown" => down(columns),
        "ArrowUp" => up(columns),
        "PageDown" => down(page),
        "PageUp" => up(page),
        "Home" if whole => 0,
        "End" if whole => n - 1,
        "Home" => first,
        "End" => (first + columns - 1).min(n - 1),
        _ => return None,
    })
}

fn id(buffer: BufferId) -> String {
    format!("buffer-{buffer}")
}

/// Give a cell the focus.
pub(super) fn focus(buffer: BufferId) {
    let document = web_sys::window().and_then(|window| window.document());
    let element = document.and_then(|document| document.get_element_by_id(&id(buffer)));
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        // It has just been drawn: it can be focused.
        let _ = element.focus();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn no_key_leads_out_of_the_pool() {
        let layout = Layout::fit(1000, 320, 320);
        let columns = layout.columns;
        for at in [0, 1, columns - 1, columns, 500, 999 - columns, 998, 999] {
            for key in [
                "ArrowRight",
                "ArrowLeft",
                "ArrowDown",
                "ArrowUp",
                "PageDown",
                "PageUp",
                "Home",
                "End",
            ] {
                for whole in [false, true] {
                    let to = target(key, whole, layout, at).expect("each key leads somewhere");
                    assert!(to < 1000, "{key} from {at} to {to}");
                    let keeps = !key.ends_with("Down") && !key.ends_with("Up")
                        || to % columns == at % columns;
                    assert!(keeps, "{key} from {at} to {to}");
                }
            }
        }
        assert_eq!(target("End", false, layout, 0), Some(columns - 1));
        assert_eq!(target("x", false, layout, 0), None);
    }
}
