//! A page as a strip to scale: header, line pointers, free space, tuples, and where we are.

use std::fmt::Write;

use yew::prelude::*;

use crate::paint::heap_page::{Field, Kind, SIZE};
use crate::paint::short::Short;

/// Written as text: it holds numbers and our own words only.
pub(super) fn strip(fields: &[Field], at: usize) -> Html {
    let share = |bytes: usize| Short(bytes as f64 * 100.0 / SIZE as f64);
    let mut out = String::from(r#"<div class="page-strip" aria-hidden="true">"#);
    let mut rest = fields;
    while let Some(first) = rest.first() {
        // What is of one kind and lies together is one part; a tuple begins with its header.
        let apart = |pair: &[Field]| {
            let [one, next] = pair else { return true };
            one.kind != next.kind || one.at + one.size != next.at
        };
        let count = rest.windows(2).position(apart).map_or(rest.len(), |place| place + 1);
        let last = rest.get(count - 1).unwrap_or(first);
        // Writing to a String can't fail.
        let _ = write!(
            out,
            r#"<i class="{}" style="left:{:.3}%;width:{:.3}%"></i>"#,
            first.kind.class(),
            share(first.at),
            share(last.at + last.size - first.at),
        );
        rest = rest.get(count..).unwrap_or_default();
    }
    let _ = write!(out, r#"<i class="at" style="left:{:.3}%"></i></div>"#, share(at));
    out += r#"<ul class="page-legend" aria-label="Parts of the page">"#;
    for (kind, name) in [
        (Kind::Header, "page header"),
        (Kind::Pointer, "line pointers"),
        (Kind::Free, "free space"),
        (Kind::TupleHeader, "tuple headers"),
        (Kind::Data, "columns"),
    ] {
        let bytes: usize =
            fields.iter().filter(|field| field.kind == kind).map(|field| field.size).sum();
        let _ = write!(out, r#"<li><i class="{}"></i>{name} <b>{bytes} B</b></li>"#, kind.class());
    }
    Html::from_html_unchecked((out + "</ul>").into())
}
