//! The page without a page: scenarios, actions, and the state that comes of them.

use std::rc::Rc;

use pgscope_core::event::{BufferEvent, Event, Tick};
use pgscope_core::profile::Version;
use pgscope_scenario::link::Link;
use pgscope_scenario::{Mark, Pick, Position};
use pgscope_web::bridge::keys::{Wish, wish};
use pgscope_web::state::compose::{BUTTONS, Blank, Kind, Setting, with_setting};
use pgscope_web::state::run::View;
use pgscope_web::state::timeline::{COLUMNS, Timeline};
use pgscope_web::state::{Action, Activity, Move, Notice, Pane, State, Theme, guide};
use wasm_bindgen_test::wasm_bindgen_test;
use yew::Reducible;

const SMALL: &str = "table t pages=9\nbackend alice\nalice: read t 0..4\nalice: read t 2\n";

const START: Position = Position { op: 0, event: 0 };

fn page(text: &str) -> Rc<State> {
    Rc::new(State::new(text, START, Theme::Dark))
}

/// What comes of some actions, one after the other.
fn after<const N: usize>(state: &Rc<State>, actions: [Action; N]) -> Rc<State> {
    actions.into_iter().fold(Rc::clone(state), Reducible::reduce)
}

fn view(state: &State) -> &View {
    state.view.as_ref().expect("a script that runs is seen")
}

fn op(state: &State) -> u64 {
    view(state).position.op
}

#[wasm_bindgen_test]
fn the_first_visit_stands_where_a_dirty_page_leaves() {
    let state = State::opened(None, None, Theme::Dark);
    assert!(state.diagnostics.is_empty(), "{:?}", state.diagnostics);
    assert_eq!(state.title(), "One lap of the clock");
    let view = view(&state);
    assert!(view.failures.is_empty() && view.error.is_none());
    let ticks = view.frame.events.iter().filter_map(|event| match event {
        Event::Buffer(BufferEvent::Tick { tick, .. }) => Some(*tick),
        _ => None,
    });
    let expected =
        [Tick::Lowered { from: 1 }, Tick::Lowered { from: 2 }, Tick::Pinned, Tick::Taken];
    assert_eq!(ticks.collect::<Vec<_>>(), expected);
    let written = |event: &Event| matches!(event, Event::Buffer(BufferEvent::Written { .. }));
    assert!(view.frame.events.iter().any(written));
}

#[wasm_bindgen_test]
fn time_goes_both_ways_and_stops_at_its_ends() {
    let start = page(SMALL);
    let len = view(&start).len;
    let end = after(&start, [Action::Go(Move::End)]);
    assert_eq!(op(&end), len);
    assert_eq!(op(&after(&end, [Action::Go(Move::StepOp), Action::Go(Move::StepEvent)])), len);
    let back = after(&end, [Action::Go(Move::BackOp), Action::Go(Move::BackOp)]);
    assert_eq!(op(&back), len - 2);
    let event = after(&back, [Action::Go(Move::StepEvent)]);
    assert_eq!((view(&event).position.event, view(&event).event), (1, 1));
    let undone = after(&event, [Action::Go(Move::BackEvent)]);
    assert_eq!(view(&undone).position, view(&back).position);
    assert_eq!(op(&after(&undone, [Action::Go(Move::To(1_000_000))])), len);
    let begun = after(&end, [Action::Go(Move::Start), Action::Go(Move::BackOp)]);
    assert!(view(&begun).at_start());
}

#[wasm_bindgen_test]
fn no_two_views_have_the_same_number() {
    let first = page(SMALL);
    let other = after(&first, [Action::Link(Ok(Link { text: SMALL.into(), ..Link::default() }))]);
    assert!(view(&first).serial < view(&other).serial);
}

#[wasm_bindgen_test]
fn playing_ends_at_the_end_and_begins_again() {
    let mut state = after(&page(SMALL), [Action::Go(Move::To(6)), Action::Toggle]);
    assert_eq!(state.activity, Activity::Playing);
    for _ in 0..100 {
        state = after(&state, [Action::Tick]);
    }
    assert_eq!(state.activity, Activity::Resting);
    assert!(view(&state).at_end());
    let again = after(&state, [Action::Toggle]);
    assert!(view(&again).at_start());
}

#[wasm_bindgen_test]
fn a_far_goal_is_run_in_slices_and_can_be_given_up() {
    let long = "table t pages=9\nbackend alice\nrepeat 9000 { alice: read t 2 }\n";
    let running = after(&page(long), [Action::Go(Move::End)]);
    assert_eq!(running.activity, Activity::Running(9_002));
    // What was run is seen when somebody looks, or stops it.
    let unseen = after(&running, [Action::Slice(600)]);
    assert_eq!((op(&unseen), op(&after(&unseen, [Action::Rest]))), (0, 600));
    let sliced = after(&unseen, [Action::Slice(400), Action::Look]);
    assert_eq!(op(&sliced), 1_000);
    let given_up = after(&sliced, [Action::Toggle, Action::Slice(1_000)]);
    assert_eq!((op(&given_up), given_up.activity), (1_000, Activity::Resting));
    let done = after(&sliced, [Action::Slice(100_000)]);
    assert_eq!((op(&done), done.activity), (9_002, Activity::Resting));
}

#[wasm_bindgen_test]
fn an_edit_keeps_the_place_unless_something_before_it_changed() {
    let at = after(&page(SMALL), [Action::Go(Move::To(5))]);
    let edit = |text: String| after(&at, [Action::Edit(text.into()), Action::Compile]);
    assert_eq!(op(&edit(format!("-- a title\n{SMALL}alice: read t 8\n"))), 5);
    // The third step, block 0, is another now: stand right behind it.
    assert_eq!(op(&edit(SMALL.replace("0..4", "1..4"))), 3);
    assert_eq!(op(&edit("table t pages=9\n".into())), 1);
}

#[wasm_bindgen_test]
fn a_broken_script_leaves_the_picture_and_says_why() {
    let at = after(&page(SMALL), [Action::Go(Move::To(5))]);
    let broken = format!("{SMALL}alice: raed t 1\n");
    let broken = after(&at, [Action::Edit(broken.into()), Action::Compile]);
    assert_eq!(broken.diagnostics.len(), 1);
    assert_eq!(op(&broken), 5);
    let mended = after(&broken, [Action::Edit(SMALL.into()), Action::Compile]);
    assert!(mended.diagnostics.is_empty());
    // With nothing to show from before, an idle server is shown.
    assert_eq!(view(&page("nonsense")).len, 0);
}

#[wasm_bindgen_test]
fn every_button_writes_a_statement_that_runs() {
    // From nothing: what is missing is declared first, and each button makes room for the next.
    let order = [
        Kind::Read,
        Kind::Update,
        Kind::Pin,
        Kind::Cleanup,
        Kind::Unpin,
        Kind::NewContext,
        Kind::Palloc,
        Kind::Repalloc,
        Kind::Pfree,
        Kind::Call,
        Kind::Reset,
        Kind::Delete,
        Kind::Extend,
        Kind::BgWriter,
        Kind::Transaction,
        Kind::Query,
        Kind::Transaction,
        Kind::Checkpoint,
        Kind::Lock,
        Kind::Set,
        Kind::Sleep,
        Kind::Seqscan,
        Kind::Advisory,
        Kind::Prepare,
        Kind::Execute,
    ];
    assert!(BUTTONS.iter().all(|button| order.contains(&button.kind)));
    let mut state = page("");
    for kind in order {
        let draft = state.draft(kind);
        assert!(draft.is_complete(), "{kind:?}: {draft:?}");
        state = after(&state, [Action::Append(draft), Action::Rest, Action::Go(Move::End)]);
        assert!(state.diagnostics.is_empty(), "{kind:?}: {:?}", state.diagnostics);
        assert_eq!(view(&state).error, None, "{kind:?}");
    }
    assert!(
        state.text.starts_with("table orders pages=200\nbackend alice\nalice: read orders 0\n")
    );
    // The next page to read is the one after the last in the pool, which is the table's last: the
    // first.
    let next = state.draft(Kind::Read);
    let page = next.fields.iter().find(|field| field.blank == Blank::Page);
    assert_eq!(page.map(|field| field.value.as_str()), Some("0"));
}

#[wasm_bindgen_test]
fn shared_buffers_is_written_into_the_script() {
    let set = |script: &str| with_setting(script, Setting::SharedBuffers, "256kB");
    assert_eq!(set("-- x\nbackend a\n"), "-- x\nserver shared_buffers=256kB\nbackend a\n");
    assert_eq!(
        set("server 18 shared_buffers=128kB seed=1"),
        "server 18 shared_buffers=256kB seed=1"
    );
    assert_eq!(set("server 18 -- x\n"), "server 18 shared_buffers=256kB -- x\n");
    assert_eq!(set(""), "server shared_buffers=256kB\n");
    let state = after(&page(guide::TEXT), [Action::Server(Setting::SharedBuffers, "512kB".into())]);
    assert_eq!(view(&state).frame.server.pool().nbuffers(), 64);
}

#[wasm_bindgen_test]
fn the_version_is_written_into_the_script() {
    let set = |script: &str| with_setting(script, Setting::Version, "15");
    assert_eq!(set("-- x\nbackend a\n"), "-- x\nserver 15\nbackend a\n");
    assert_eq!(set("server 18 shared_buffers=128kB"), "server 15 shared_buffers=128kB");
    assert_eq!(set("  server   seed=1 -- x"), "  server 15   seed=1 -- x");
    assert_eq!(set("server\n"), "server 15\n");
    assert_eq!(set(""), "server 15\n");
    for version in Version::OFFERED {
        let number = version.number().to_string();
        let state = after(&page(guide::TEXT), [Action::Server(Setting::Version, number.into())]);
        assert_eq!(view(&state).frame.server.profile().version, version);
    }
}

#[wasm_bindgen_test]
fn a_link_brings_script_and_place_and_a_bad_one_a_message() {
    let at = after(&page(SMALL), [Action::Go(Move::To(4)), Action::Go(Move::StepEvent)]);
    let opened = State::opened(Some(Ok(at.link())), None, Theme::Light);
    assert_eq!(&*opened.text, SMALL);
    assert_eq!(view(&opened).position, view(&at).position);

    assert!(opened.is_sent());
    let written = after(&Rc::new(opened), [Action::Edit("backend b\n".into())]);
    assert!(!written.is_sent());

    let damaged = || Some(Err("this link is damaged".into()));
    let bad = State::opened(damaged(), None, Theme::Dark);
    let said = "This link is damaged. What you see is not from this link.";
    assert_eq!(bad.notice, Some(Notice::Failed(said.into())));
    assert_eq!(&*bad.text, guide::TEXT);
    // What the reader had written before is still there, and not the guide.
    let bad = State::opened(damaged(), Some(at.link()), Theme::Dark);
    assert!(bad.notice.is_some());
    assert_eq!(&*bad.text, SMALL);
    assert!(!bad.is_sent());
    let far = Link { text: SMALL.into(), op: u64::MAX, event: u32::MAX, panels: 7 };
    let far = Rc::new(State::opened(Some(Ok(far)), None, Theme::Dark));
    let far = after(&far, [Action::Slice(u64::MAX)]);
    assert!(view(&far).at_end());
}

#[wasm_bindgen_test]
fn a_timeline_has_a_bounded_number_of_columns() {
    let mut long = Timeline::new(1_000_000);
    let marks = vec![Mark::Hit; 500_000];
    long.extend_to(&marks);
    long.extend_to(&marks);
    assert_eq!((long.columns().len() as u64, long.known()), (COLUMNS, 500_000));
    let filled = long.columns().iter().filter(|column| column.reads() > 0).count();
    assert_eq!(filled as u64, COLUMNS / 2);
    let mut short = Timeline::new(3);
    short.extend_to(&[Mark::Miss, Mark::Hit]);
    assert_eq!(short.hit_ratio().collect::<Vec<_>>(), [Some(0.0), Some(0.5)]);
    assert_eq!(Timeline::new(0).hit_ratio().count(), 0);
}

#[wasm_bindgen_test]
fn keys_ask_for_what_they_say() {
    assert_eq!(wish("ArrowRight", false), Some(Wish::Act(Action::Go(Move::StepOp))));
    assert_eq!(wish("ArrowRight", true), Some(Wish::Act(Action::Go(Move::StepEvent))));
    assert_eq!(wish(" ", false), Some(Wish::Act(Action::Toggle)));
    assert_eq!(wish("r", false), Some(Wish::Write(Kind::Read)));
    assert_eq!(wish("z", false), Some(Wish::Act(Action::Projector)));
    assert_eq!(wish("5", false), Some(Wish::Act(Action::Pane(Pane::Map))));
    assert_eq!(wish("9", false), None);
}

#[wasm_bindgen_test]
fn every_kind_of_context_can_be_written() {
    let state = page("server 18\nbackend alice\n");
    let draft = state.draft(Kind::NewContext);
    let kinds = draft.fields.iter().find(|field| field.blank == Blank::Allocator);
    let kinds = kinds.map(|field| field.choices.clone()).unwrap_or_default();
    assert_eq!(kinds, ["allocset", "generation", "slab chunk=64", "bump"]);
    for kind in kinds {
        let state = after(&state, [Action::Append(draft.with(Blank::Allocator, &kind))]);
        assert!(state.diagnostics.is_empty(), "{}", state.text);
        assert!(view(&state).error.is_none(), "{}", state.text);
    }
    let older = page("server 15\nbackend alice\n").draft(Kind::NewContext);
    let kinds = older.fields.iter().find(|field| field.blank == Blank::Allocator);
    assert_eq!(kinds.map(|field| field.choices.len()), Some(3));
}

const LESSON: &str = "\
pgscope 1
title \"Who *goes*?\"
table t pages=60
backend alice
alice: read t 0..15
ask \"Which buffer?\" victim among 1, 2, 3
alice: read t 20
ask \"How many were written?\" writes
alice: update t 0..30
";

/// Slices until it rests.
fn run_out(state: &Rc<State>) -> Rc<State> {
    let mut state = Rc::clone(state);
    while matches!(state.activity, Activity::Running(_)) {
        state = after(&state, [Action::Slice(7)]);
    }
    state
}

#[wasm_bindgen_test]
fn a_question_is_asked_and_the_machine_knows_the_answer() {
    let start = page(LESSON);
    assert_eq!(start.title(), "Who goes?");
    let asked = |state: &State| view(state).asked.clone();
    let at = after(&start, [Action::Go(Move::To(19))]);
    let question = asked(&at).expect("it is asked");
    assert_eq!(question.answer().as_deref(), Some("1"));
    assert_eq!(at.picked(&question), None);
    for (place, right) in [(0, true), (1, false)] {
        let picked = after(&at, [Action::Pick(Pick::Choice(place))]);
        let pick = picked.picked(&question).expect("it is picked");
        assert_eq!(question.is_right(&pick), Some(right));
    }
    let on = after(&at, [Action::Pick(Pick::Choice(0)), Action::Go(Move::StepOp)]);
    assert!(asked(&on).is_none());
    assert!(view(&on).narration.text().ends_with("Answer: 1."));
    // Playing waits for the reader at the next one.
    let mut playing = after(&on, [Action::Toggle]);
    while playing.activity == Activity::Playing {
        playing = after(&playing, [Action::Tick]);
    }
    let number = asked(&playing).expect("it is asked");
    assert_eq!(number.is_right(&Pick::Number(0.0)), Some(true));
    assert_eq!(number.is_right(&Pick::Number(7.0)), Some(false));
}

#[wasm_bindgen_test]
fn a_run_stops_at_breakpoints() {
    let start = page(LESSON);
    let marked = after(&start, [Action::Break(Some(7)), Action::Go(Move::Break)]);
    let stopped = run_out(&marked);
    assert_eq!((op(&stopped), view(&stopped).line), (19, Some(6)));
    let at = |state, text: &str| {
        let from = Action::Go(Move::To(19));
        run_out(&after(state, [from, Action::BreakAt(text.into()), Action::Go(Move::Break)]))
    };
    let dirty = at(&stopped, "dirty eviction");
    let last = view(&dirty).frame.events.last().cloned();
    assert!(matches!(last, Some(Event::Buffer(BufferEvent::Unhashed { .. }))), "{last:?}");
    let many = at(&stopped, "evictions = 5");
    assert_eq!(view(&many).totals.evictions, 5);
    assert!(stopped.breaks.problem(&view(&stopped).program).is_none());
    let wrong = after(&stopped, [Action::BreakAt("evictoin".into())]);
    let said = wrong.breaks.problem(&view(&wrong).program).unwrap_or_default();
    assert!(said.contains("did you mean \"eviction\"?"), "{said}");
    // A line above it: the mark stays with its statement, and playing heeds it too.
    let edited = after(&marked, [Action::Edit(format!("\n{LESSON}").into()), Action::Compile]);
    assert!(edited.breaks.lines.iter().eq([&8]));
    let mut playing = after(&edited, [Action::Go(Move::To(5)), Action::Toggle]);
    while playing.activity == Activity::Playing {
        playing = after(&playing, [Action::Tick]);
    }
    assert_eq!(op(&playing), 19);
}

#[wasm_bindgen_test]
fn a_loaded_script_is_the_readers_own() {
    let start = after(&page(LESSON), [Action::Break(Some(7))]);
    let loaded = after(&start, [Action::Load(SMALL.into())]);
    assert_eq!(&*loaded.text, SMALL);
    assert!(!loaded.is_sent() && loaded.breaks.is_empty() && loaded.loaded == 1);
    assert_eq!(op(&loaded), 0);
}
