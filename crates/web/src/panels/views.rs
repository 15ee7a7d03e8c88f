//! The server's views as tables: choose one, sort and filter it, take it along, and see the query
//! that gives the same on a real server.
//!
//! However many rows a view has, the page holds fifty of them; sorting and filtering look at all.

mod rows;

use pgscope_core::ids::BackendId;
use pgscope_core::views::View;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::bridge::clipboard;
use crate::frame::Frame;
use crate::paint::sheet::{self, PAGE, Sheet, Wish};
use crate::paint::words;

/// What the views are given.
#[derive(Clone, PartialEq, Properties)]
pub struct ViewsProps {
    /// The server.
    pub frame: Frame,
    /// Whose memory contexts are shown.
    pub backend: BackendId,
    /// Something was copied, or can't be: what to tell the reader.
    pub on_copied: Callback<&'static str>,
}

/// What the reader chose.
#[derive(Clone, PartialEq)]
struct Choice {
    source: View,
    wish: Wish,
    page: usize,
}

/// The views.
#[component]
pub fn Views(props: &ViewsProps) -> Html {
    let ViewsProps { frame, backend, on_copied } = props;
    let server = &frame.server;
    let choice = use_state(|| Choice { source: View::Buffercache, wish: Wish::default(), page: 0 });
    let offered = sheet::offered(server);
    // Another version may lack what was chosen.
    let source = if offered.contains(&choice.source) { choice.source } else { offered[0] };
    let (wish, page) = (choice.wish.clone(), choice.page);
    let sheet = {
        let frame = frame.clone();
        use_memo((frame.serial, *backend, source, wish.clone(), page), move |key| {
            let (_, backend, source, wish, page) = key;
            Sheet::new(&frame.server, *backend, *source, wish, Some(*page))
        })
    };
    let page = page.min(sheet.pages() - 1);
    let set = {
        let choice = choice.clone();
        move |change: &dyn Fn(&mut Choice)| {
            let mut next = Choice { source, ..(*choice).clone() };
            change(&mut next);
            choice.set(next);
        }
    };
    let on_source = {
        let (set, offered) = (set.clone(), offered.clone());
        Callback::from(move |event: Event| {
            let select = event.target_unchecked_into::<HtmlSelectElement>();
            let chosen = usize::try_from(select.selected_index()).unwrap_or_default();
            if let Some(&chosen) = offered.get(chosen) {
                // Columns of one are not the other's.
                let fresh = |next: &mut Choice| {
                    *next = Choice { source: chosen, wish: Wish::default(), page: 0 };
                };
                set(&fresh);
            }
        })
    };
    let on_filter = {
        let set = set.clone();
        Callback::from(move |event: InputEvent| {
            let text = event.target_unchecked_into::<HtmlInputElement>().value();
            set(&|next| {
                next.wish.filter.clone_from(&text);
                next.page = 0;
            });
        })
    };
    let on_sort = {
        let set = set.clone();
        Callback::from(move |column: usize| {
            set(&|next| {
                next.wish.sort = match next.wish.sort {
                    Some((sorted, false)) if sorted == column => Some((column, true)),
                    Some((sorted, true)) if sorted == column => None,
                    _ => Some((column, false)),
                };
                next.page = 0;
            });
        })
    };
    let on_page = Callback::from(move |page: usize| set(&|next| next.page = page));
    let query = sheet.query(source, &wish);
    let copy_rows = |csv: bool| {
        let (frame, backend, wish, on_copied) =
            (frame.clone(), *backend, wish.clone(), on_copied.clone());
        Callback::from(move |_: MouseEvent| {
            let sheet = Sheet::new(&frame.server, backend, source, &wish, None);
            let mut bytes = Vec::new();
            // Writing to memory can't fail.
            let _ = sheet.table.write(csv, &mut bytes);
            let news = if csv { "Rows copied as CSV" } else { "Rows copied as psql prints them" };
            copy(&String::from_utf8_lossy(&bytes), news, &on_copied);
        })
    };
    let on_query = |query: String| {
        let on_copied = on_copied.clone();
        Callback::from(move |_: MouseEvent| copy(&query, "Query copied", &on_copied))
    };
    let names = offered.iter().map(|it| {
        html! { <option selected={*it == source}>{ it.name() }</option> }
    });
    html! {
        <div class="views">
            <div class="views-bar">
                <label>{ "View" }<select onchange={on_source}>{ for names }</select></label>
                <label>{ "Filter" }
                    <input type="text" value={wish.filter.clone()} oninput={on_filter} size="9"
                        autocomplete="off" autocapitalize="off" spellcheck="false" />
                </label>
                <span class="views-copy" role="group" aria-label="Copy the rows">
                    <button type="button" onclick={copy_rows(true)}>{ "Copy CSV" }</button>
                    <button type="button" onclick={copy_rows(false)}>{ "Copy as psql" }</button>
                </span>
            </div>
            { rows::rows(source, &sheet, &wish, page, &on_sort) }
            <div class="views-foot">
                <p role="status">{ shown(&sheet, page) }</p>
                if sheet.pages() > 1 { { rows::pager(page, sheet.pages(), &on_page) } }
            </div>
            <div class="views-query">
                if let Some(query) = query {
                    <div><h3>{ "The same on a real server" }</h3>
                        <button type="button" onclick={on_query(query.clone())}>{ "Copy query" }</button></div>
                    <pre tabindex="0" role="region" aria-label="Query">{ query }</pre>
                } else {
                    <p class="dim">{ "Only the playground can show this: a real server has no view of it." }</p>
                }
            </div>
        </div>
    }
}

/// "rows 51 to 100 of 16,384".
fn shown(sheet: &Sheet, page: usize) -> String {
    let of = words::count(sheet.count as u64, "row");
    if sheet.pages() == 1 {
        return of;
    }
    let (from, number) = (page * PAGE, |number| words::thousands(number as u64));
    let to = from + sheet.page(page).len();
    format!("rows {} to {} of {}", number(from + 1), number(to), number(sheet.count))
}

fn copy(text: &str, news: &'static str, on_copied: &Callback<&'static str>) {
    let on_copied = on_copied.clone();
    clipboard::copy(text, move |copied| {
        on_copied.emit(if copied { news } else { "The browser keeps its clipboard closed" });
    });
}
