//! Writing into a text field so that the browser's own undo can take it back.
//!
//! Setting a field's value forgets its undo history. An `insertText` command over the part that
//! differs is one more step in that history, as if the reader had typed it.

use js_sys::{Function, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{Document, HtmlElement, HtmlTextAreaElement};

use super::{document, window};

/// `document.execCommand`: old, without a successor, and the only way to a field's undo history.
pub(super) fn exec_command(document: &Document, command: &str, argument: &str) -> bool {
    let run = Reflect::get(document, &"execCommand".into()).ok();
    let run = run.and_then(|run| run.dyn_into::<Function>().ok());
    let done = run
        .and_then(|it| it.call3(document, &command.into(), &JsValue::FALSE, &argument.into()).ok());
    done.is_some_and(|done| done.is_truthy())
}

/// The caret's place in the field's text, in bytes; none while something is selected.
pub fn caret(field: &HtmlTextAreaElement) -> Option<usize> {
    let (start, end) = (field.selection_start().ok()??, field.selection_end().ok()??);
    let text = field.value();
    let mut units = 0;
    let at = text.char_indices().find(|(_, letter)| {
        let here = units >= end;
        units += u32::try_from(letter.len_utf16()).unwrap_or_default();
        here
    });
    (start == end).then(|| at.map_or(text.len(), |(at, _)| at))
}

/// Type `put` over what stands behind the last `length` units before the caret.
pub fn complete(field: &HtmlTextAreaElement, length: usize, put: &str) {
    let (Some(document), Ok(Some(caret))) = (document(), field.selection_end()) else { return };
    let start = caret.saturating_sub(u32::try_from(length).unwrap_or_default());
    // The field has the focus, since the reader types in it.
    if field.set_selection_range(start, caret).is_ok() {
        exec_command(&document, "insertText", put);
    }
}

/// More lines than any button writes.
const FAR: usize = 40;

/// Make the field read `text`.
pub fn write(field: &HtmlTextAreaElement, text: &str) {
    let old = field.value();
    if old == text {
        return;
    }
    // A first text is nothing to be undone; and on a phone the keyboard would come up.
    // The browser types line by line: another scenario is put there at once, and begins anew.
    let far = text.split('\n').count().abs_diff(old.split('\n').count()) > FAR;
    if old.is_empty() || far || touch() || !type_over(field, &old, text) {
        field.set_value(text);
    }
}

/// The part of `old` that differs from `new`, and what stands there instead, in UTF-16 units as
/// the browser counts.
fn difference(old: &str, new: &str) -> (u32, u32, String) {
    let (old, new): (Vec<u16>, Vec<u16>) =
        (old.encode_utf16().collect(), new.encode_utf16().collect());
    let same =
        |pairs: &mut dyn Iterator<Item = (&u16, &u16)>| pairs.take_while(|(a, b)| a == b).count();
    let head = same(&mut old.iter().zip(&new));
    let shorter = old.len().min(new.len()) - head;
    let tail = same(&mut old.iter().rev().zip(new.iter().rev())).min(shorter);
    let units = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let put = new.get(head..new.len() - tail).unwrap_or_default();
    (units(head), units(old.len() - tail), String::from_utf16_lossy(put))
}

fn type_over(field: &HtmlTextAreaElement, old: &str, new: &str) -> bool {
    let Some(document) = document() else { return false };
    let before = document.active_element().and_then(|it| it.dyn_into::<HtmlElement>().ok());
    let (start, end, put) = difference(old, new);
    // The command works on what has the focus; it goes back in the same turn, so nobody sees it.
    let typed = field.focus().is_ok() && field.set_selection_range(start, end).is_ok() && {
        let command = if put.is_empty() { "delete" } else { "insertText" };
        exec_command(&document, command, &put)
    };
    // Where the focus was on nothing it goes back to nothing: the keys are the page's again.
    let _ = match before {
        Some(before) if *before == ***field => Ok(()),
        Some(before) if before.tag_name() != "BODY" => before.focus(),
        _ => field.blur(),
    };
    typed && field.value() == new
}

fn touch() -> bool {
    let asked = window().and_then(|window| window.match_media("(pointer: coarse)").ok()?);
    asked.is_some_and(|asked| asked.matches())
}

/// Put the caret at a place in the field, in characters, and look there.
pub fn go_to(field: &HtmlTextAreaElement, line: u32, column: u32) {
    let lines = field.value();
    let lines = lines.split('\n').take(usize::try_from(line).unwrap_or(usize::MAX));
    let lines: Vec<&str> = lines.collect();
    let Some((last, before)) = lines.split_last() else { return };
    let units = |text: &str| text.encode_utf16().count();
    let column = usize::try_from(column.saturating_sub(1)).unwrap_or_default();
    let within: String = last.chars().take(column).collect();
    let at = before.iter().map(|line| units(line) + 1).sum::<usize>() + units(&within);
    let at = u32::try_from(at).unwrap_or(u32::MAX);
    // A field that can't be focused is not on the page; then there is no caret to put.
    let _ = field.focus().and_then(|()| field.set_selection_range(at, at));
}

/// The line that the caret stands on, from 1.
pub fn caret_line(field: &HtmlTextAreaElement) -> Option<u32> {
    let caret = usize::try_from(field.selection_end().ok().flatten()?).ok()?;
    let before = field.value().encode_utf16().take(caret).filter(|&unit| unit == 10).count();
    u32::try_from(before + 1).ok()
}

/// While the reader writes in the field, scroll the box around it to the caret's line.
pub fn keep_caret_in_view(field: &HtmlTextAreaElement, view: &HtmlElement, line_height: i32) {
    let focused = document().and_then(|document| document.active_element());
    let caret = field.selection_end().ok().flatten().filter(|_| focused.as_ref() == Some(field));
    let Some(caret) = caret.and_then(|caret| usize::try_from(caret).ok()) else { return };
    let before = field.value().encode_utf16().take(caret).filter(|&unit| unit == 10).count();
    let bottom = i32::try_from(before + 2).unwrap_or_default().saturating_mul(line_height);
    if bottom > view.scroll_top() + view.client_height() {
        view.set_scroll_top(bottom - view.client_height());
    }
}

#[cfg(test)]
mod tests {
    use super::difference;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn only_what_differs_is_typed() {
        assert_eq!(difference("a b c", "a x c"), (2, 3, "x".into()));
        assert_eq!(difference("aa", "aaa"), (2, 2, "a".into()));
        assert_eq!(difference("aaa", "a"), (1, 3, String::new()));
        assert_eq!(difference("é\u{1f418}", "é\u{1f418}!"), (3, 3, "!".into()));
    }
}
