//! The theme as the canvas needs it: the tokens' values, and a sign when they change.

use gloo_events::EventListener;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, MutationObserver, MutationObserverInit, ResizeObserver};
use yew::prelude::*;

use crate::paint::grid::{Palette, Rgb, parse_colour};

/// Read the tokens where the element stands, and the face of its words.
pub(super) fn palette(element: &Element) -> (Palette, String) {
    let style = web_sys::window().and_then(|w| w.get_computed_style(element).ok().flatten());
    let token = |name: &str, fallback: Rgb| {
        let value = style.as_ref().and_then(|style| style.get_property_value(name).ok());
        value.and_then(|text| parse_colour(&text)).unwrap_or(fallback)
    };
    let face = style.as_ref().and_then(|style| style.get_property_value("font-family").ok());
    let palette = Palette {
        panel: token("--panel", [17, 25, 48]),
        line: token("--line-strong", [45, 60, 99]),
        rels: [
            token("--rel-0", [86, 180, 233]),
            token("--rel-1", [240, 180, 41]),
            token("--rel-2", [47, 191, 143]),
            token("--rel-3", [229, 138, 192]),
        ],
        accent: token("--accent", [106, 169, 255]),
        hit: token("--hit", [62, 207, 142]),
        miss: token("--miss", [255, 180, 84]),
        evict: token("--evict", [255, 123, 114]),
        dirty: token("--dirty", [255, 159, 67]),
        pin: token("--pin", [194, 151, 255]),
        text: token("--text", [232, 237, 247]),
        dim: token("--dim", [142, 155, 185]),
    };
    (palette, face.unwrap_or_else(|| "sans-serif".into()))
}

/// A number that changes when the reader or the system changes the theme.
#[hook]
pub(super) fn use_theme() -> u32 {
    let serial = use_state(|| 0u32);
    let setter = serial.setter();
    use_effect_with((), move |()| {
        // The observers outlive many renders: they count on their own.
        let count = std::rc::Rc::new(std::cell::Cell::new(0));
        let changed = move || {
            count.set(count.get() + 1);
            setter.set(count.get());
        };
        let for_system = changed.clone();
        let window = web_sys::window();
        let query = "(prefers-color-scheme: dark)";
        let listener = window
            .as_ref()
            .and_then(|window| window.match_media(query).ok().flatten())
            .map(|media| EventListener::new(&media, "change", move |_| for_system()));
        let closure = Closure::<dyn Fn()>::new(changed);
        let root = window.and_then(|window| window.document()?.document_element());
        let observer = MutationObserver::new(closure.as_ref().unchecked_ref()).ok();
        if let (Some(observer), Some(root)) = (&observer, root) {
            let options = MutationObserverInit::new();
            options.set_attributes(true);
            // Without observation the canvas only keeps its colours until its next change.
            let _ = observer.observe_with_options(&root, &options);
        }
        move || {
            if let Some(observer) = observer {
                observer.disconnect();
            }
            drop((listener, closure));
        }
    });
    *serial
}

/// An element's size in CSS pixels, rounded down; (0, 0) until it is known.
#[hook]
pub(super) fn use_size(node: NodeRef) -> (u32, u32) {
    let size = use_state_eq(|| (0, 0));
    let setter = size.setter();
    use_effect_with(node, move |node| {
        let element = node.cast::<Element>();
        let measured = element.clone();
        let closure = Closure::<dyn Fn()>::new(move || {
            if let Some(element) = &measured {
                setter.set((
                    element.client_width().max(0) as u32,
                    element.client_height().max(0) as u32,
                ));
            }
        });
        let observer = ResizeObserver::new(closure.as_ref().unchecked_ref()).ok();
        if let (Some(observer), Some(element)) = (&observer, &element) {
            observer.observe(element);
        }
        move || {
            if let Some(observer) = observer {
                observer.disconnect();
            }
            drop(closure);
        }
    });
    *size
}
