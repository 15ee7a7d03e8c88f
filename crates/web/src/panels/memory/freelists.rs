//! What a context does with free chunks: an AllocSet's freelists, one cell a size class, lit if it
//! holds free chunks; for the other allocators a line.

use std::fmt::Write;

use yew::prelude::*;

use super::View;
use crate::paint::words;

/// Written as text: it holds numbers and our own words only.
pub(super) fn freelists(view: &View) -> Html {
    let limit = words::bytes(view.context.chunk_limit);
    let own_block = format!("own block above {limit}");
    let (what, own_block) = match (view.open.kind, view.context.freelists.first()) {
        ("Slab", Some((size, count))) => {
            let free = words::count(*count as u64, "free chunk");
            (format!("{free} of {}, listed block by block", words::bytes(*size)), String::new())
        }
        ("Generation", _) => ("no freelist: × waits for its block".into(), own_block),
        ("Bump", _) => ("no freelist, no chunk headers".into(), own_block),
        _ => ("free chunks by size class".into(), own_block),
    };
    let mut out = format!(
        r#"<div class="freelists"><div class="strip-head"><span>{what}</span><span class="strip-sum">{own_block}</span></div><ul>"#
    );
    let lists = &view.context.freelists;
    for &(size, count) in lists.iter().filter(|_| view.open.kind == "AllocSet") {
        let looked = view.story.class.filter(|it| (it.0, it.1) == (view.open.addr, size));
        let given = view.story.listed.contains(&(view.open.addr, size));
        let (class, said) = match looked.map(|(.., found)| found) {
            Some(true) => ("found", ", a free chunk was found here"),
            Some(false) => ("missed", ", looked at and found empty"),
            None if given => ("given", ", the freed chunk went here"),
            None => ("", ""),
        };
        let lit = if count > 0 { "lit" } else { "" };
        let label =
            format!("{}: {}{said}", words::bytes(size), words::count(count as u64, "free chunk"));
        let shown = if count == 0 { "·".into() } else { count.to_string() };
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            r#"<li class="{lit} {class}" title="{label}"><span aria-hidden="true">{}</span><b aria-hidden="true">{shown}</b><span class="hidden-words">{label}</span></li>"#,
            words::class(size),
        );
    }
    // A list without entries is none.
    let out = out.trim_end_matches("<ul>");
    let end = if view.open.kind == "AllocSet" { "</ul></div>" } else { "</div>" };
    Html::from_html_unchecked(format!("{out}{end}").into())
}
