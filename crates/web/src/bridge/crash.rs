//! What a reader sees if the program panics: what happened, the script, and a way to go on.
//!
//! After a panic nothing of this program can be trusted any more, Yew included. So the notice is
//! made of plain elements by the panic hook itself, its button is a function of the browser,
//! and the script comes from a copy that [`remember`] keeps apart from the state.

use std::cell::RefCell;
use std::panic::PanicHookInfo;

use js_sys::{Function, Reflect};
use wasm_bindgen::JsCast;
use web_sys::{Document, Element, HtmlElement};

use super::{address, document, storage, window};

thread_local! {
    static SCRIPT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keep a copy of the script for the worst case.
pub fn remember(script: &str) {
    SCRIPT.with_borrow_mut(|kept| script.clone_into(kept));
}

/// Show panics to the reader from now on.
pub fn install() {
    // Through Yew, which would otherwise put its own hook in this one's place.
    yew::set_custom_panic_hook(Box::new(|panic| {
        // If even this fails, the console still has the trap that follows a panic.
        let _ = show(panic);
    }));
}

fn show(panic: &PanicHookInfo<'_>) -> Option<()> {
    let document = document()?;
    let script = SCRIPT.try_with(|kept| kept.try_borrow().map(|it| it.clone())).ok()?.ok()?;
    // From its beginning: where it stood may be what brought us here. An embed opens its link again.
    let embed = address::query().embed;
    let kept = embed || storage::rescue(script.clone());
    let (notice, restart) = notice(&document, &panic.to_string(), &script, kept)?;
    let body = document.body()?;
    body.set_inner_html("");
    body.append_child(&notice).ok()?;

    if kept && !embed {
        address::forget_link();
    }
    let location = window()?.location();
    let reload = Reflect::get(&location, &"reload".into()).ok()?.dyn_into::<Function>().ok()?;
    restart.set_onclick(Some(&reload.bind0(&location)));
    restart.focus().ok()
}

/// The notice, and the button in it that is to restart the page.
fn notice(
    document: &Document,
    message: &str,
    script: &str,
    kept: bool,
) -> Option<(Element, HtmlElement)> {
    let notice = document.create_element("main").ok()?;
    notice.set_class_name("crash");
    notice.set_attribute("role", "alert").ok()?;
    let add = |tag: &str, text: &str| {
        let child = document.create_element(tag).ok()?;
        child.set_text_content(Some(text));
        notice.append_child(&child).ok()?;
        Some(child)
    };
    add("h1", "pgscope has stopped")?;
    add("p", "This is a mistake in pgscope, not in your scenario. Please report these lines:")?;
    add("pre", message)?;
    add("p", "Your script is here, nothing of it is lost.")?;
    add(
        "p",
        if kept {
            "Start again with it, or copy it first."
        } else {
            "Copy it before you start again."
        },
    )?;
    let field = add("textarea", script)?;
    field.set_attribute("aria-label", "Scenario").ok()?;
    field.set_attribute("readonly", "").ok()?;
    let restart = add("button", "Restart")?.dyn_into().ok()?;
    Some((notice, restart))
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn the_notice_has_the_message_the_script_and_a_way_on() {
        let document = super::document().expect("a document");
        let (notice, restart) =
            super::notice(&document, "<b>index</b>", "backend a\n", true).expect("a notice");
        let text = notice.text_content().unwrap_or_default();
        assert!(text.contains("<b>index</b>") && text.contains("backend a\n"));
        assert_eq!(restart.inner_text(), "Restart");
    }
}
