//! Scenarios as files: saved, opened, dropped on the page. What comes in is bounded before it is read.

use gloo_events::{EventListener, EventListenerOptions};
use js_sys::Array;
use pgscope_scenario::golden;
use pgscope_scenario::limits::MAX_TEXT;
use wasm_bindgen::prelude::*;
use web_sys::{
    Blob, BlobPropertyBag, DragEvent, File, FileReader, HtmlAnchorElement, HtmlInputElement, Url,
};

use super::{document, window};

/// The ending of a scenario's file.
pub const ENDING: &str = ".pgscope";

/// A golden scenario's story comes on top of its text.
const MOST: f64 = 4.0 * MAX_TEXT as f64;

/// A file's name for a scenario of this title.
pub fn name_for(title: &str) -> String {
    let mut name = String::new();
    for c in title.chars().take(60) {
        match c {
            _ if c.is_ascii_alphanumeric() => name.push(c.to_ascii_lowercase()),
            _ if name.is_empty() || name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    let name = name.trim_end_matches('-');
    [if name.is_empty() { "scenario" } else { name }, ENDING].concat()
}

/// Let the reader save `text`. False where the page may not.
pub fn save(text: &str, name: &str) -> bool {
    try_save(text, name).is_some()
}

fn try_save(text: &str, name: &str) -> Option<()> {
    let kind = BlobPropertyBag::new();
    kind.set_type("text/plain;charset=utf-8");
    let parts = Array::of1(&text.into());
    let blob = Blob::new_with_str_sequence_and_options(&parts, &kind).ok()?;
    let address = Url::create_object_url_with_blob(&blob).ok()?;
    let link: HtmlAnchorElement = document()?.create_element("a").ok()?.dyn_into().ok()?;
    link.set_href(&address);
    link.set_download(name);
    link.click();
    // The browser has taken hold of it by now; where not, it is a few bytes until the page goes.
    Url::revoke_object_url(&address).ok()
}

/// Read a scenario's file: `heed` gets its text, or why it can't be opened.
pub fn read(file: &File, heed: impl FnOnce(Result<String, String>) + 'static) {
    if file.size() > MOST {
        let limit = MAX_TEXT / 1000;
        return heed(Err(format!("this file is larger than a scenario of {limit} kB can be")));
    }
    let Ok(reader) = FileReader::new() else {
        return heed(Err("this browser reads no files".to_owned()));
    };
    let result = reader.clone();
    let loaded = Closure::once_into_js(move || {
        let text = result.result().ok().and_then(|text| text.as_string());
        heed(text.map_or_else(
            || Err("this file can't be read".to_owned()),
            |text| match text.contains(['\0', '\u{fffd}']) {
                true => Err("this file is not a text".to_owned()),
                // What happens is shown; the file may say it too.
                false => Ok(golden(&text.replace("\r\n", "\n")).0.to_owned()),
            },
        ));
    });
    reader.set_onloadend(Some(loaded.unchecked_ref()));
    // What goes wrong from here on is told to the function above.
    let _ = reader.read_as_text(file);
}

/// The file that was chosen in a field, which is emptied so that the same can be chosen again.
pub fn chosen(field: &HtmlInputElement) -> Option<File> {
    let file = field.files()?.get(0);
    field.set_value("");
    file
}

/// Call `heed` with each file that is dropped on the page.
pub fn on_drop(heed: impl Fn(File) + 'static) -> Option<[EventListener; 2]> {
    let options = EventListenerOptions::enable_prevent_default();
    let window = window()?;
    let has_file = |event: &web_sys::Event| {
        let items = event.dyn_ref::<DragEvent>().and_then(DragEvent::data_transfer);
        items.filter(|items| items.types().includes(&"Files".into(), 0))
    };
    let over = EventListener::new_with_options(&window, "dragover", options, move |event| {
        // Without this, the browser opens the file in the page's place.
        if has_file(event).is_some() {
            event.prevent_default();
        }
    });
    let drop = EventListener::new_with_options(&window, "drop", options, move |event| {
        if let Some(items) = has_file(event) {
            event.prevent_default();
            if let Some(file) = items.files().and_then(|files| files.get(0)) {
                heed(file);
            }
        }
    });
    Some([over, drop])
}

#[cfg(test)]
mod tests {
    use super::name_for;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn a_title_becomes_a_files_name() {
        assert_eq!(name_for("One lap of the clock"), "one-lap-of-the-clock.pgscope");
        assert_eq!(name_for("../a \"b\"?"), "a-b.pgscope");
        assert_eq!(name_for("größer"), "gr-er.pgscope");
        assert_eq!(name_for(""), "scenario.pgscope");
    }
}
