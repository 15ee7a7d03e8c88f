//! Time, as the page needs it: now, the next frame, a moment after the picture is drawn.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::prelude::*;

use super::window;

/// Milliseconds since the page was opened.
pub fn now() -> f64 {
    window().and_then(|window| window.performance()).map_or(0.0, |clock| clock.now())
}

/// A frame that was asked for. Dropped, it is cancelled.
pub struct NextFrame {
    handle: i32,
    /// Freed with the frame; the browser holds no more than a pointer to it.
    _call: Closure<dyn FnMut()>,
}

impl Drop for NextFrame {
    fn drop(&mut self) {
        if let Some(window) = window() {
            // Cancelling what is past does nothing.
            let _ = window.cancel_animation_frame(self.handle);
        }
    }
}

/// Call `run` before the browser draws next.
pub fn next_frame(run: impl FnOnce() + 'static) -> Option<NextFrame> {
    let run = Rc::new(RefCell::new(Some(run)));
    let call = Closure::new(move || {
        let run = run.borrow_mut().take();
        if let Some(run) = run {
            run();
        }
    });
    let handle = window()?.request_animation_frame(call.as_ref().unchecked_ref()).ok()?;
    Some(NextFrame { handle, _call: call })
}
