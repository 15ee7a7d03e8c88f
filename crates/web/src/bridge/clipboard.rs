//! The clipboard, where the page may write to it.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{HtmlElement, HtmlTextAreaElement};

use super::{document, window};

/// Write `text` to the clipboard and say whether that worked.
///
/// The clipboard is missing on pages without TLS and forbidden in many an iframe; there the old
/// way by a selection still works in some browsers.
pub fn copy(text: &str, done: impl FnOnce(bool) + 'static) {
    let Some(promise) = write_text(text) else { return done(copy_selection(text)) };
    let done = std::rc::Rc::new(std::cell::Cell::new(Some(done)));
    let report = move |worked| {
        let done = std::rc::Rc::clone(&done);
        Closure::once_into_js(move || {
            if let Some(done) = done.take() {
                done(worked);
            }
        })
    };
    let (yes, no) = (report(true), report(false));
    // Both are functions, made one line above; the promise that comes back tells nothing new.
    if let Ok(then) = Reflect::get(&promise, &"then".into()) {
        let then: Function = then.unchecked_into();
        let _ = then.call2(&promise, &yes, &no);
    }
}

fn write_text(text: &str) -> Option<Promise> {
    let navigator = window()?.navigator();
    // Asked for by name: where there is none, web-sys's typed getter would hand out an undefined.
    let clipboard = Reflect::get(&navigator, &"clipboard".into()).ok()?;
    let write = Reflect::get(&clipboard, &"writeText".into()).ok()?;
    write.dyn_into::<Function>().ok()?.call1(&clipboard, &text.into()).ok()?.dyn_into().ok()
}

fn copy_selection(text: &str) -> bool {
    let copy = || {
        let document = document()?;
        let field = document.create_element("textarea").ok()?;
        let field = field.dyn_into::<HtmlTextAreaElement>().ok()?;
        field.set_value(text);
        field.set_class_name("out-of-sight");
        let before = document.active_element().and_then(|it| it.dyn_into::<HtmlElement>().ok());
        document.body()?.append_child(&field).ok()?;
        field.select();
        let copied = super::editor::exec_command(&document, "copy", "");
        field.remove();
        if let Some(before) = before {
            // Where the focus can't go back, the page's own order takes over.
            let _ = before.focus();
        }
        Some(copied)
    };
    copy().unwrap_or(false)
}
