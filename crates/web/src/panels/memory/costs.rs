//! What memory cost: where the bytes of the open context are, and what the backend's operations
//! took beside what they would have taken with a malloc and a free for each.
//!
//! Nothing here can be clicked, and only numbers and our own words are in it: it is written as text,
//! which takes half the code of a tree of nodes.

use std::fmt::Write;

use pgscope_core::views::{self, Fragmentation};
use yew::prelude::*;

use super::View;
use crate::paint::short::Short;
use crate::paint::words;

/// A part of a bar, to scale.
fn bar(out: &mut String, class: &str, bytes: u64, whole: u64) {
    let percent = Short(bytes as f64 * 100.0 / whole.max(1) as f64);
    // Writing to a String cannot fail.
    let _ = write!(out, r#"<i class="{class}" style="width:{percent:.2}%"></i>"#);
}

/// An entry of a legend.
fn named(out: &mut String, class: &str, name: &str, number: &str) {
    let _ = write!(out, r#"<li><i class="{class}"></i>{name}<b>{number}</b></li>"#);
}

/// Where the bytes of the open context are.
pub(super) fn fragmentation(view: &View) -> Html {
    // Within an operation: as it was before. What came to be in it is not there yet.
    let Some(replay) = view.replay.as_deref() else { return Html::default() };
    let known = views::contexts(&replay.server, view.backend);
    if !known.iter().any(|row| row.addr == view.open.addr) {
        return Html::default();
    }
    let found = views::fragmentation(&replay.server, view.open.addr, &replay.ledger);
    let Fragmentation { total, headers, asked, rounding, free_chunks, stranded, unused, .. } =
        found;
    let (mut bars, mut legend) = (String::new(), String::new());
    for (class, name, bytes) in [
        ("part header", "headers", headers),
        ("asked", "asked for", asked),
        ("spare", "rounded up", rounding),
        ("part run free", "free chunks", free_chunks),
        ("stranded", "freed, not reusable", stranded),
        ("part unused", "never used", unused),
    ] {
        if bytes > 0 {
            bar(&mut bars, class, bytes, total);
            named(&mut legend, class, name, &words::bytes(bytes));
        }
    }
    Html::from_html_unchecked(
        format!(
            r#"<section class="mem-cost" aria-label="Where its bytes are"><div class="strip-head"><span>where its bytes are</span><span class="strip-sum">{} free, in pieces up to {}</span></div><div class="sum-bar">{bars}</div><ul>{legend}</ul></section>"#,
            words::bytes(found.free()),
            words::bytes(found.largest),
        )
        .into(),
    )
}

/// Memory contexts beside plain malloc and free.
pub(super) fn comparison(view: &View) -> Html {
    let Some(ledger) = view.replay.as_ref().map(|replay| &replay.ledger) else {
        return Html::default();
    };
    if ledger.requests() == 0 {
        return Html::default();
    }
    let (with, without, asked) = (ledger.contexts(), ledger.plain(), ledger.asked());
    let saved = match without.returns.saturating_sub(with.returns) {
        0 => String::new(),
        saved => format!(": contexts saved {}", words::count(saved, "free")),
    };
    let mut out = format!(
        r#"<section class="mem-cost versus" aria-label="Contexts against malloc and free"><h3>Contexts against malloc and free</h3><p>{} of this backend{saved}</p><ul>"#,
        words::count(ledger.requests(), "request"),
    );
    let sides = [("asked", "contexts"), ("plain", "malloc and free")];
    let last = ("part run free", "not asked for");
    for (class, name) in sides.into_iter().chain([last]) {
        named(&mut out, class, name, "");
    }
    out += "</ul><dl>";
    let rows = [
        ("calls of malloc", with.mallocs, without.mallocs),
        ("calls to give back", with.returns, without.returns),
        ("bytes at most", with.peak, without.peak),
        ("bytes now", with.obtained, without.obtained),
    ];
    for (index, (name, one, other)) in rows.into_iter().enumerate() {
        let whole = one.max(other);
        let _ = write!(out, "<div><dt>{name}</dt>");
        for ((class, side), number) in sides.into_iter().zip([one, other]) {
            let lost = if index == 3 { number.saturating_sub(asked) } else { 0 };
            let _ = write!(
                out,
                r#"<dd><span class="hidden-words">{side}: </span><span class="cost-bar">"#
            );
            bar(&mut out, class, number - lost, whole);
            bar(&mut out, last.0, lost, whole);
            let said = if index < 2 { words::thousands(number) } else { words::bytes(number) };
            let _ = write!(out, "</span><b>{said}</b></dd>");
        }
        out += "</div>";
    }
    Html::from_html_unchecked((out + "</dl></section>").into())
}
