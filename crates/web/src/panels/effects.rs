//! What acts on the state from outside, and what the state does to the world outside: hooks that
//! tie the reducer to the [`bridge`](crate::bridge).

use std::rc::Rc;

use gloo_timers::callback::Timeout;
use yew::prelude::*;

use crate::bridge::address::{self, Query};
use crate::bridge::keys::{self, Wish};
use crate::bridge::{
    announce_ready, clock, crash, drafts, files, later, rest, reveal, storage, theme,
};
use crate::panels::files::open;
use crate::panels::page::Parts;
use crate::state::{Action, Activity, Notice, SPEEDS, State};

/// Milliseconds of a frame that a run may take at most, and at least where the rest of a frame takes
/// long.
const SLICE: f64 = 10.0;
const LEAST_SLICE: f64 = 4.0;
/// Milliseconds from one frame to the next that are too many, with a slice and with a picture.
const LATE: f64 = 20.0;
const LATE_PICTURE: f64 = 30.0;
/// Frames of a run for each that shows where it is, since drawing a large pool takes a frame of its
/// own; and at most, where that frame comes late.
const UNSEEN: u32 = 3;
const MOST_UNSEEN: u32 = 24;
/// Operations of a run's first slice; later ones are as long as the time allows.
const FIRST_SLICE: u64 = 256;
/// Milliseconds after the last key until the script is compiled.
const PATIENCE: u32 = 150;
/// Milliseconds that good news stays.
const GOOD_NEWS: u32 = 2_500;

/// How a run goes on.
#[derive(Clone, Copy)]
struct Pace {
    /// Operations of the next slice.
    ops: u64,
    /// Milliseconds that it may take.
    room: f64,
    /// Slices until there is a picture.
    unseen_most: u32,
    /// When the last frame began.
    last: f64,
}

/// Timers: the next event while it plays, the next slice while it runs, compiling after typing,
/// good news that goes away.
#[hook]
pub fn use_clockwork(state: &State, act: &Callback<Action>) {
    let serial = state.view.as_ref().map_or(0, |view| view.serial);
    let pace =
        use_mut_ref(|| Pace { ops: FIRST_SLICE, room: SLICE, unseen_most: UNSEEN, last: 0.0 });

    let due = act.clone();
    let playing = state.activity == Activity::Playing;
    let speed = SPEEDS.get(state.speed).map_or(0, |speed| speed.1);
    use_effect_with((playing, speed, serial), move |&(playing, speed, _)| {
        let timer = playing.then(|| Timeout::new(speed, move || due.emit(Action::Tick)));
        move || drop(timer)
    });

    let run = act.clone();
    let running = matches!(state.activity, Activity::Running(_));
    use_effect_with((running, serial, state.unseen), move |&(running, _, unseen)| {
        let frame = running.then(|| {
            clock::next_frame(move || {
                let begun = clock::now();
                let Pace { ops, mut room, mut unseen_most, last } = *pace.borrow();
                if unseen >= unseen_most {
                    pace.borrow_mut().last = begun;
                    return run.emit(Action::Look);
                }
                run.emit(Action::Slice(ops));
                let took = clock::now() - begun;
                // Where slices come late they give way; where the picture does, it comes less often.
                let waited = begun - last;
                if unseen > 0 {
                    room = (room * if waited > LATE { 0.8 } else { 1.1 }).clamp(LEAST_SLICE, SLICE);
                } else if last > 0.0 {
                    let next =
                        if waited > LATE_PICTURE { unseen_most * 2 } else { unseen_most - 1 };
                    unseen_most = next.clamp(UNSEEN, MOST_UNSEEN);
                }
                // A first slice measures; then towards the time there is, never by leaps.
                let factor = (room / took.max(0.5)).clamp(0.25, 2.0);
                let ops = ((ops as f64 * factor) as u64).max(1);
                *pace.borrow_mut() = Pace { ops, room, unseen_most, last: begun };
            })
        });
        move || drop(frame)
    });

    let compile = act.clone();
    use_effect_with((state.text.clone(), state.stale), move |(_, stale)| {
        let compile = move || compile.emit(Action::Compile);
        let timer = stale.then(|| Timeout::new(PATIENCE, compile));
        move || drop(timer)
    });

    let dismiss = act.clone();
    use_effect_with(state.notice.clone(), move |notice| {
        let good = matches!(notice, Some(Notice::Done(_)));
        let dismiss = move || dismiss.emit(Action::Dismiss);
        let timer = good.then(|| Timeout::new(GOOD_NEWS, dismiss));
        move || drop(timer)
    });
}

/// Wear the theme; follow the system's until the reader or the address has chosen one.
#[hook]
pub fn use_theme(state: &State, query: Query, act: &Callback<Action>) {
    let first = use_mut_ref(|| true);
    use_effect_with(state.theme, move |&theme| {
        theme::wear(theme);
        // What the page opened with is no choice yet.
        if !first.replace(false) && !query.embed && query.theme.is_none() {
            storage::keep_theme(theme);
        }
    });
    let act = act.clone();
    use_effect_with((), move |()| {
        let follow = move |theme| act.emit(Action::Theme(theme));
        let listener = query.theme.is_none().then(|| theme::on_system_change(follow));
        move || drop(listener)
    });
}

/// Follow links that are put into the address of the open page.
#[hook]
pub fn use_links(act: &Callback<Action>) {
    let act = act.clone();
    use_effect_with((), move |()| {
        let listener = address::on_link(move |link| act.emit(Action::Link(link)));
        move || drop(listener)
    });
}

/// Open files that are dropped on the page.
#[hook]
pub fn use_files(query: Query, act: &Callback<Action>) {
    let act = act.clone();
    use_effect_with((), move |()| {
        let listen = || files::on_drop(move |file| open(&file, &act));
        let listeners = (!query.embed).then(listen).flatten();
        move || drop(listeners)
    });
}

/// Heed the keyboard.
#[hook]
pub fn use_keys(state: &UseReducerHandle<State>, query: Query, act: &Callback<Action>) {
    let (state, act) = (state.clone(), act.clone());
    let latest = use_mut_ref(|| state.clone());
    latest.replace(state);
    use_effect_with((), move |()| {
        let listener = keys::listen(!query.embed, move |wish| {
            let state = latest.borrow().clone();
            match wish {
                Wish::Act(Action::Show(_) | Action::Pane(_)) if query.embed => {}
                Wish::Act(action) => act.emit(action),
                Wish::Theme => act.emit(Action::Theme(state.theme.other())),
                Wish::Speed(steps) => {
                    act.emit(Action::Speed(keys::speed_from(state.speed, steps)));
                }
                Wish::Write(kind) => {
                    let draft = state.draft(kind);
                    if draft.is_complete() {
                        act.emit(Action::Append(draft));
                    }
                }
            }
        });
        move || drop(listener)
    });
}

/// Keep the script for the next visit and for the worst case. A link that is no longer what the
/// editor says leaves the address, once the script is safe.
#[hook]
pub fn use_memory_of_the_script(state: &State, query: Query) {
    let (link, sent) = (state.link(), state.is_sent());
    let first = use_mut_ref(|| true);
    let loaded = use_mut_ref(|| 0);
    use_effect_with((state.text.clone(), state.loaded), move |(text, count)| {
        crash::remember(text);
        // Another scenario than the one before: what the reader wrote there stays as it is.
        if !query.embed && (sent || loaded.replace(*count) != *count) {
            drafts::leave();
        }
        let opened = first.replace(false);
        let sent = sent && address::fragment().is_some();
        if !query.embed && !opened && !sent && storage::keep_scenario(&link) {
            address::forget_link();
        }
    });
}

/// Wear large type while the reader wants it.
#[hook]
pub fn use_projector(state: &State) {
    use_effect_with(state.projector, |&on| theme::enlarge(on));
}

/// On a phone, what was asked for is scrolled to: the card of a buffer, another pane.
#[hook]
pub fn use_looks(state: &State) {
    use_effect_with(state.selected, |selected| {
        if selected.is_some() {
            reveal::reveal_in_one_column(".buffer-card");
        }
    });
    let first = use_mut_ref(|| true);
    use_effect_with(state.pane, move |_| {
        if !first.replace(false) {
            reveal::reveal_in_one_column(".shared > header");
        }
    });
}

/// Name the tab after the scenario.
#[hook]
pub fn use_title(state: &State) {
    let title = state.title();
    use_effect_with(title, |title| {
        let name = if title.is_empty() { "pgscope".into() } else { format!("{title} · pgscope") };
        if let Some(document) = web_sys::window().and_then(|window| window.document()) {
            document.set_title(&name);
        }
    });
}

/// What of the page is there. Each part comes in a task of its own behind the picture of those before,
/// so that none keeps the reader waiting; local memory is in the rest of the program, and comes with
/// it. Then the page says that it is ready, and fetches what it may need later. With it goes the
/// way to try again.
#[hook]
pub fn use_parts() -> (Parts, Callback<()>) {
    let parts = use_state_eq(|| Parts::Picture);
    let shown = *parts;
    let bring = {
        let parts = parts.clone();
        Callback::from(move |()| {
            let parts = parts.clone();
            rest::fetch(move |here| parts.set(if here { Parts::Whole } else { Parts::Lacking }));
        })
    };
    let pending = use_mut_ref(Pending::default);
    let brought = bring.clone();
    use_effect_with(shown, move |&shown| {
        let slot = Rc::clone(&pending);
        let frame = clock::next_frame(move || {
            let timer = Timeout::new(0, move || match shown {
                Parts::Picture => parts.set(Parts::Script),
                Parts::Script => brought.emit(()),
                Parts::Lacking | Parts::Whole => {
                    announce_ready();
                    later::fetch();
                }
            });
            slot.borrow_mut().timer = Some(timer);
        });
        pending.borrow_mut().frame = frame;
    });
    (shown, bring)
}

/// What was asked of the browser last; kept so long as it is to come.
#[derive(Default)]
struct Pending {
    frame: Option<clock::NextFrame>,
    timer: Option<Timeout>,
}
