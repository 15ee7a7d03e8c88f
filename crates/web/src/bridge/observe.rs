//! How large an element is, and whenever that changes.

use js_sys::Array;
use wasm_bindgen::prelude::*;
use web_sys::{Element, ResizeObserver};

/// Watches an element's size until it is dropped.
pub struct SizeWatch {
    observer: ResizeObserver,
    /// Freed with the watch; the browser holds no more than a pointer to it.
    _call: Closure<dyn FnMut(Array)>,
}

impl Drop for SizeWatch {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}

/// Call `heed` with the element's width and height in CSS pixels, now and at each change.
pub fn size(element: &Element, heed: impl Fn(f64, f64) + 'static) -> Option<SizeWatch> {
    let watched = element.clone();
    let call = Closure::new(move |_: Array| {
        let bounds = watched.get_bounding_client_rect();
        heed(bounds.width(), bounds.height());
    });
    let observer = ResizeObserver::new(call.as_ref().unchecked_ref()).ok()?;
    observer.observe(element);
    Some(SizeWatch { observer, _call: call })
}
