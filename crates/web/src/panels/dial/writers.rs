//! The hands of those who write for others: where the background writer goes on in its next round,
//! and the buffer that a checkpoint writes.

use pgscope_core::Server;
use pgscope_core::event::WriteReason;
use pgscope_core::ids::BufferId;
use yew::prelude::*;

use crate::paint::polar::{Shapes, coord, degrees};
use crate::paint::short::Short;
use crate::paint::story::{Deed, Story};

/// A writer: its class, its name, and the buffer where it is.
type Writer = (&'static str, &'static str, BufferId);

/// Those who are anywhere.
pub(crate) fn writers(server: &Server, story: &Story) -> impl Iterator<Item = Writer> {
    let looked = story.deeds.iter().rev().find(|(_, deed)| matches!(deed, Deed::Looked { .. }));
    // Within its round it is where it looked last; between rounds, where it goes on.
    let cleaning = looked.map(|(buffer, _)| *buffer).or_else(|| server.next_to_clean());
    let checkpoint = Deed::Written(WriteReason::Checkpoint);
    let writing = story.deeds.last().filter(|(_, deed)| *deed == checkpoint);
    let cleaning = cleaning.map(|buffer| ("at-bgwriter", "background writer", buffer));
    let writing = writing.map(|(buffer, _)| ("at-checkpointer", "checkpointer", *buffer));
    cleaning.into_iter().chain(writing)
}

/// A thin hand for each of them.
pub(super) fn hands(server: &Server, shapes: &Shapes, story: &Story) -> Html {
    let hand = |(class, _, buffer): Writer| {
        let [hub, tip] = [shapes.hub + 4.0, shapes.inner - 4.0].map(Short);
        html! {
            <g key={class} class={classes!("writer", class)}
                transform={format!("rotate({})", coord(degrees(buffer.0, shapes.n)))}>
                <path d={format!("M0 -{hub}V-{tip}")} />
                <circle cy={format!("-{tip}")} r="4" />
            </g>
        }
    };
    html! { <>{ for writers(server, story).map(hand) }</> }
}

/// Where they are, for the legend.
pub(super) fn words(server: &Server, story: &Story) -> Html {
    let item = |(class, name, buffer): Writer| {
        html! {
            <li key={class} class={classes!("mark", "writer", class)}>
                <svg viewBox="0 0 22 10" aria-hidden="true"><path d="M1 5H17" /><circle cx="17" cy="5" r="4" /></svg>
                { format!("{name} at buffer {buffer}") }
            </li>
        }
    };
    html! { <>{ for writers(server, story).map(item) }</> }
}
