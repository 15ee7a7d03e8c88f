//! The picture of shared memory: the dial of buffers, or the grid for pools beyond its size.
//!
//! This file decides which of the two is drawn and puts legend, callouts and the card of the
//! selected buffer around it; [`ring`](self) and its neighbours draw.

mod callouts;
mod card;
mod hand;
mod legend;
mod lists;
mod motion;
mod ring;
mod sector;
pub(super) mod writers;

use std::rc::Rc;

use pgscope_core::ids::BufferId;
use pgscope_core::memory::Addr;
use web_sys::HtmlElement;
use yew::prelude::*;

use crate::bridge::observe;
use crate::frame::Frame;
use crate::paint::polar::Shapes;
use crate::paint::story::Story;
use crate::panels::grid::Grid;
use motion::Motion;

/// Buffers that still fit around a dial.
const MOST_ON_A_DIAL: u32 = 64;

/// What the dial is given.
#[derive(Clone, PartialEq, Properties)]
pub struct DialProps {
    /// What to draw.
    pub frame: Frame,
    /// The buffer whose card is open.
    pub selected: Option<BufferId>,
    /// A buffer was chosen, or the choice taken back.
    pub on_select: Callback<Option<BufferId>>,
    /// The bytes of a page are wanted; where nobody shows them, `None`.
    #[prop_or_default]
    pub on_bytes: Option<Callback<Addr>>,
}

/// Shared memory: the buffers, the hand, and what the running operation did to them.
#[function_component]
pub fn Dial(props: &DialProps) -> Html {
    let DialProps { frame, selected, on_select, on_bytes } = props;
    let pool = frame.server.pool();
    let story = use_memo(frame.clone(), |frame| Story::of(&frame.events));
    let ring = pool.nbuffers() <= MOST_ON_A_DIAL;
    let shapes = use_memo(pool.nbuffers().min(MOST_ON_A_DIAL), |n| Shapes::new(*n));
    let cursor = use_state(|| 0);
    let before = use_mut_ref(|| None::<Rc<Story>>);
    let known = before.replace(Some(Rc::clone(&story)));
    let (motion, is_first) = (Motion::new(known.as_deref(), &story), known.is_none());
    let root = use_node_ref();
    use_effect_with(root.clone(), |root| {
        let watch = root.cast::<HtmlElement>().and_then(keep_room);
        move || drop(watch)
    });
    let selected = selected.filter(|buffer| buffer.0 < pool.nbuffers());
    html! {
        <div class={classes!("dial", (!ring).then_some("as-grid"))} ref={root}>
            <div class="dial-stage">
                if ring {
                    { ring::ring(props, selected, (&story, motion, is_first), &shapes, &cursor) }
                } else {
                    <Grid frame={frame.clone()} story={story.clone()} {selected} {on_select} />
                }
                { lists::rings(&frame.server) }
                { callouts::strip(&frame.server, &story) }
            </div>
            { legend::legend(&frame.server, &story, ring) }
            if let Some(buffer) = selected {
                { card::card(&frame.server, buffer, on_select, on_bytes.as_ref()) }
            }
        </div>
    }
}

/// Tells the style sheet the height that there is, in pixels. It knows it as a container's too, but
/// what depends on one is laid out anew, texts and all, in each frame that changes anything.
fn keep_room(dial: HtmlElement) -> Option<observe::SizeWatch> {
    let picture = dial.closest(".picture").ok()??;
    let measured = picture.clone();
    observe::size(&picture, move |_, _| {
        let room = format!("{}px", measured.client_height());
        // Without it the style sheet goes by the container.
        let _ = dial.style().set_property("--room", &room);
    })
}
