//! The table of a view and the way from page to page.

use pgscope_core::views::View;
use yew::prelude::*;

use crate::paint::sheet::{Sheet, Wish};

/// A page of the rows, its heads as buttons that sort.
pub(super) fn rows(
    source: View,
    sheet: &Sheet,
    wish: &Wish,
    page: usize,
    on_sort: &Callback<usize>,
) -> Html {
    let head = |(column, name): (usize, &String)| {
        let sorted = wish.sort.filter(|(sorted, _)| *sorted == column).map(|(_, down)| down);
        let (state, arrow) = match sorted {
            Some(false) => ("ascending", "▲"),
            Some(true) => ("descending", "▼"),
            None => ("none", ""),
        };
        let onclick = on_sort.reform(move |_: MouseEvent| column);
        html! {
            <th key={column} scope="col" aria-sort={state} class={number(sheet, column)}>
                <button type="button" {onclick}>{ name }<span aria-hidden="true">{ arrow }</span></button>
            </th>
        }
    };
    let cell = |(column, text): (usize, &String)| {
        html! { <td class={number(sheet, column)}>{ text }</td> }
    };
    let row = |row: &Vec<String>| html! { <tr>{ for row.iter().enumerate().map(cell) }</tr> };
    html! {
        <div class="views-rows" tabindex="0" role="region" aria-label={format!("Rows of {}", source.name())}>
            <table aria-label={source.name()} aria-rowcount={(sheet.count + 1).to_string()}>
                <thead><tr>{ for sheet.table.columns.iter().enumerate().map(head) }</tr></thead>
                <tbody>{ for sheet.page(page).iter().map(row) }</tbody>
            </table>
        </div>
    }
}

fn number(sheet: &Sheet, column: usize) -> Option<&'static str> {
    sheet.numbers.get(column).copied().unwrap_or_default().then_some("number")
}

/// To the first, one back, one on, to the last.
pub(super) fn pager(page: usize, pages: usize, on_page: &Callback<usize>) -> Html {
    let last = pages - 1;
    let button = |label: &'static str, sign: &'static str, to: usize| {
        let onclick = on_page.reform(move |_: MouseEvent| to);
        html! {
            <button type="button" aria-label={label} title={label} {onclick} disabled={to == page}>
                { sign }
            </button>
        }
    };
    html! {
        <span class="views-pager" role="group" aria-label="Pages of rows">
            { button("First page", "«", 0) }
            { button("Previous page", "‹", page.saturating_sub(1)) }
            { button("Next page", "›", (page + 1).min(last)) }
            { button("Last page", "»", last) }
        </span>
    }
}
