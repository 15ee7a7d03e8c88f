//! The page's ties to the world outside, in a real browser.

use std::collections::BTreeMap;

use pgscope_core::event::{BufferEvent, Event, Tick};
use pgscope_core::ids::BufferId;
use pgscope_scenario::Teller;
use pgscope_scenario::link::Link;
use pgscope_web::bridge::address::{Query, of, with_fragment};
use pgscope_web::bridge::storage::Kept;
use pgscope_web::bridge::told::Plain;
use pgscope_web::bridge::{drafts, editor, storage};
use pgscope_web::state::{State, Theme, guide};
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::JsCast;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::HtmlTextAreaElement;

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn the_query_says_how_to_show() {
    let shown = Query { embed: true, memory: true, theme: Some(Theme::Light), ..Query::default() };
    assert_eq!(Query::parse("?embed&panel=memory&theme=light"), shown);
    assert_eq!(Query::parse("embed=1"), Query { embed: true, ..Query::default() });
    assert_eq!(Query::parse("?theme=pink&x=%ff&at=-1&id=x&height=3"), Query::default());
    let hosted = Query::parse("?embed=&id=3&at=12&height=auto");
    assert_eq!((hosted.auto, hosted.at, hosted.id), (true, Some(12), Some(3)));
}

#[wasm_bindgen_test]
fn an_address_is_that_of_the_page_with_query_and_fragment() {
    let address = with_fragment("s1=abc", "?embed");
    assert!(address.starts_with("http") && address.ends_with("?embed#s1=abc"), "{address}");
    // Nothing here can pack a link.
    assert!(!of(&guide::link(), "").contains('#'));
}

#[wasm_bindgen_test]
fn what_is_kept_is_found_again() {
    for text in ["backend a\n", "", "\n\n5 5 5\n"] {
        let link = Link { text: text.into(), op: u64::MAX, event: 2, panels: 3 };
        assert!(storage::keep_scenario(&link));
        assert_eq!(storage::scenario(), Some(Kept::Whole(link)));
    }
    let local = web_sys::window().and_then(|it| it.local_storage().ok().flatten());
    let local = local.expect("a test's page has a storage");
    // A tab that has no draft of its own.
    drafts::leave();
    let older = "s1=AAAA";
    for (value, kept) in [(older, Some(Kept::Packed(older.into()))), ("x", None), ("1 2\nt", None)]
    {
        local.set_item("pgscope.scenario", value).expect("room");
        assert_eq!(storage::scenario(), kept);
    }
}

#[wasm_bindgen_test]
fn a_rescued_script_is_found_once() {
    assert!(storage::rescue("backend a\n".into()));
    assert_eq!(storage::rescued().map(|link| link.text), Some("backend a\n".into()));
    assert_eq!(storage::rescued(), None);
}

#[wasm_bindgen_test]
fn writing_into_the_field_keeps_its_undo() {
    let document = web_sys::window().and_then(|window| window.document()).expect("a document");
    let field = document.create_element("textarea").expect("an element");
    let field: HtmlTextAreaElement = field.unchecked_into();
    document.body().expect("a body").append_child(&field).expect("a place for it");
    editor::write(&field, "one\n");
    editor::write(&field, "one\ntwo\n");
    assert_eq!(field.value(), "one\ntwo\n");
    // The focus was on nothing and is on nothing again.
    assert_ne!(document.active_element().as_ref(), Some(field.as_ref()));
    field.remove();
}

#[wasm_bindgen_test]
fn events_are_told_as_plain_objects() {
    let state = State::new(guide::TEXT, guide::POSITION, Theme::Dark);
    let view = state.view.expect("the guide runs");
    let teller = Teller { names: view.program.names(), server: &view.frame.server };
    let tick = BufferEvent::Tick { buffer: BufferId(3), tick: Tick::Lowered { from: 1 } };
    let told = serde::Serialize::serialize(
        &Plain(teller.tell(&Event::Buffer(tick))),
        &Serializer::json_compatible(),
    );
    let text = js_sys::JSON::stringify(&told.expect("a plain object")).expect("a text");
    assert_eq!(text, r#"{"kind":"tick","buffer":4,"met":"lowered","from":1}"#);

    let mut kinds = BTreeMap::new();
    for event in view.frame.events.iter() {
        let told = format!("{:?}", teller.tell(event));
        *kinds.entry(told.contains("orders")).or_insert(0) += 1;
    }
    // Tables go by the scenario's names.
    assert!(kinds.get(&true).is_some_and(|&count| count >= 4), "{kinds:?}");
}
