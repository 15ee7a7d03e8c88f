//! The freelists of an AllocSet: one cell a size class, lit if it holds free chunks.

use yew::prelude::*;

use super::View;
use crate::paint::words;

pub(super) fn freelists(view: &View) -> Html {
    let looked = view.story.class.filter(|(context, ..)| *context == view.open.addr);
    let cell = |size: u64, count: usize| {
        let here = looked.filter(|(_, class, _)| *class == size).map(|(.., found)| found);
        let given = view.story.listed.contains(&(view.open.addr, size));
        let class = classes!(
            (count > 0).then_some("lit"),
            here.map(|found| if found { "found" } else { "missed" }),
            given.then_some("given"),
        );
        let said = match here {
            Some(true) => ", a free chunk was found here",
            Some(false) => ", looked at and found empty",
            None if given => ", the freed chunk went here",
            None => "",
        };
        let label =
            format!("{}: {}{said}", words::bytes(size), words::count(count as u64, "free chunk"));
        html! {
            <li key={size} {class} title={label.clone()}>
                <span aria-hidden="true">{ words::class(size) }</span>
                <b aria-hidden="true">{ if count == 0 { "·".into() } else { count.to_string() } }</b>
                <span class="hidden-words">{ label }</span>
            </li>
        }
    };
    html! {
        <div class="freelists">
            <div class="strip-head">
                <span>{ "free chunks by size class" }</span>
                <span class="strip-sum">
                    { format!("own block above {}", words::bytes(view.context.chunk_limit)) }
                </span>
            </div>
            <ul>{ for view.context.freelists.iter().map(|(size, count)| cell(*size, *count)) }</ul>
        </div>
    }
}
