//! What readers write, kept tab by tab: a reload, a crash or a closed tab loses nothing, and two tabs
//! don't write over each other.
//!
//! A *draft* is one scenario with its place, under a key of its own in the local storage. A tab keeps
//! the number of its draft in the session storage, which a reload leaves alone. When the tab goes on to
//! another scenario it begins another draft; the one before stays among the recent ones. The oldest
//! go first when there are too many, or when the storage is full.
//!
//! Whoever duplicates a tab copies its session storage. So a page gives its draft up when it goes, and
//! only a draft that was given up is taken over: who finds another one (of a tab that is still there, or
//! that crashed) begins with the same text, and keeps it as a draft of its own.

use std::cell::RefCell;

use gloo_events::EventListener;
use pgscope_scenario::link::Link;
use web_sys::Storage;

use super::storage::{Kept, of_all_tabs, of_the_tab, read, written};
use super::window;

const TAB: &str = "pgscope.tab";
/// The draft was given up: its page is gone.
const FREE: &str = "pgscope.tab.free";
const DRAFT: &str = "pgscope.draft.";
/// Drafts kept at most.
const MOST: usize = 20;

/// What a tab knows of its draft.
#[derive(Default)]
struct Tab {
    /// What a page before this one left has been looked at.
    claimed: bool,
    /// Its draft.
    own: Option<String>,
    /// The draft of another tab, with which this one begins.
    copied: Option<String>,
}

thread_local! {
    static HERE: RefCell<Tab> = const { RefCell::new(Tab { claimed: false, own: None, copied: None }) };
}

/// A draft that was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    key: String,
    /// When it was kept last, in milliseconds since 1970.
    pub when: f64,
    /// It, and where it stood.
    pub link: Link,
}

impl Draft {
    /// Its first words: a title, a comment, a statement.
    pub fn name(&self) -> String {
        let lines = self.link.text.lines().map(str::trim);
        let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with("pgscope "));
        let line = lines.next().unwrap_or_default();
        let line = line.strip_prefix("title ").unwrap_or(line);
        line.trim_matches(['-', '"', ' ']).chars().take(40).collect()
    }
}

/// Take over the draft that the page before gave up, once.
fn claim() {
    if HERE.with_borrow_mut(|here| std::mem::replace(&mut here.claimed, true)) {
        return;
    }
    let Some(storage) = of_the_tab() else { return };
    let found = storage.get_item(TAB).ok().flatten();
    let free = storage.get_item(FREE).is_ok_and(|mark| mark.is_some());
    HERE.with_borrow_mut(|here| match free {
        true => here.own = found,
        false => here.copied = found,
    });
    // Nothing can be removed only where nothing was kept.
    let _ = storage.remove_item(FREE);
    let Some(window) = window() else { return };
    // A page may come back as it was when the reader goes back to it.
    let gone = EventListener::new(&window, "pagehide", |_| {
        if let Some(storage) = of_the_tab() {
            // Without the mark the next page takes the same text for another draft.
            let _ = storage.set_item(FREE, "1");
        }
    });
    let back = EventListener::new(&window, "pageshow", |_| {
        if let Some(storage) = of_the_tab() {
            let _ = storage.remove_item(FREE);
        }
    });
    gone.forget();
    back.forget();
}

fn own() -> Option<String> {
    claim();
    HERE.with_borrow(|here| here.own.clone())
}

/// Which draft is this tab's from here on.
fn set_own(own: Option<String>) {
    HERE.with_borrow_mut(|here| *here = Tab { claimed: true, own, copied: None });
}

fn begin() -> String {
    // Two tabs in one millisecond are told apart by the fraction.
    let number = js_sys::Date::now() + js_sys::Math::random();
    let key = format!("{DRAFT}{number}");
    if let Some(storage) = of_the_tab() {
        // Without it a reload finds the draft among the recent ones.
        let _ = storage.set_item(TAB, &key);
    }
    set_own(Some(key.clone()));
    key
}

/// From here on this tab has another scenario: what it kept stays as it is.
pub fn leave() {
    claim();
    set_own(None);
    if let Some(storage) = of_the_tab() {
        // Where nothing can be removed, nothing was kept.
        let _ = storage.remove_item(TAB);
    }
}

/// Keep what this tab shows. False if it could not be kept.
pub fn keep(link: &Link) -> bool {
    let Some(storage) = of_all_tabs() else { return false };
    let key = own().unwrap_or_else(begin);
    let value = format!("{}\n{}", js_sys::Date::now(), written(link));
    let mut others: Vec<Draft> = all(&storage).into_iter().filter(|it| it.key != key).collect();
    let remove = |draft: Draft| storage.remove_item(&draft.key).is_ok();
    // What goes first: the same text twice, then what is oldest. While there is room nothing goes, for
    // another tab may show it.
    others.sort_by_key(|it| it.link.text == link.text);
    while others.len() >= MOST {
        if !others.pop().is_some_and(remove) {
            break;
        }
    }
    loop {
        if storage.set_item(&key, &value).is_ok() {
            return true;
        }
        // The storage is full: what is oldest goes for what is written now.
        if !others.pop().is_some_and(remove) {
            return false;
        }
    }
}

/// What this tab kept: after a reload it goes on with it; or the tab of which it is a copy.
pub fn of_this_tab() -> Option<Link> {
    let key = own().or_else(|| HERE.with_borrow(|here| here.copied.clone()))?;
    let value = of_all_tabs()?.get_item(&key).ok()??;
    parse(&value).map(|(_, link)| link)
}

/// All drafts, the newest first; of those with the same text one.
pub fn recent() -> Vec<Draft> {
    let mut drafts: Vec<Draft> = Vec::new();
    for draft in of_all_tabs().map(|storage| all(&storage)).unwrap_or_default() {
        if drafts.iter().all(|it| it.link.text != draft.link.text) {
            drafts.push(draft);
        }
    }
    drafts
}

fn all(storage: &Storage) -> Vec<Draft> {
    let keys = (0..storage.length().unwrap_or_default()).filter_map(|at| storage.key(at).ok()?);
    let drafts = keys.filter(|key| key.starts_with(DRAFT)).filter_map(|key| {
        let (when, link) = parse(&storage.get_item(&key).ok()??)?;
        Some(Draft { key, when, link })
    });
    let mut drafts: Vec<Draft> = drafts.collect();
    drafts.sort_by(|a, b| b.when.total_cmp(&a.when));
    drafts
}

fn parse(value: &str) -> Option<(f64, Link)> {
    let (when, rest) = value.split_once('\n')?;
    match read(rest.to_owned())? {
        // The browser's reading: Rust's would bring a table of 10 kB.
        Kept::Whole(link) => Some((js_sys::Number::parse_float(when), link)),
        Kept::Packed(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn link(text: &str) -> Link {
        Link { text: text.into(), op: 3, event: 2, panels: 0 }
    }

    #[wasm_bindgen_test]
    fn a_tab_finds_its_own_and_leaves_it_to_the_recent_ones() {
        of_all_tabs().expect("a storage").clear().expect("it can be cleared");
        leave();
        assert!(of_this_tab().is_none() && recent().is_empty());
        assert!(keep(&link("-- one")) && keep(&link("-- one more")));
        assert_eq!(of_this_tab(), Some(link("-- one more")));
        leave();
        assert!(keep(&link("pgscope 1\ntitle \"Two\"")));
        let mut names: Vec<String> = recent().iter().map(Draft::name).collect();
        names.sort();
        assert_eq!(names, ["Two", "one more"]);
    }

    /// Another page begins in the same tab, or in a copy of it.
    fn start_anew() {
        HERE.with_borrow_mut(|here| *here = Tab::default());
    }

    #[wasm_bindgen_test]
    fn a_copied_tab_begins_a_draft_of_its_own() {
        let storage = of_the_tab().expect("a storage");
        of_all_tabs().expect("a storage").clear().expect("it can be cleared");
        leave();
        assert!(keep(&link("-- one")));
        let first = own();
        // A reload: the page has gone.
        storage.set_item(FREE, "1").expect("room");
        start_anew();
        assert_eq!((of_this_tab(), own()), (Some(link("-- one")), first.clone()));
        assert_eq!(storage.get_item(FREE), Ok(None));
        // A copy: it is still there.
        start_anew();
        assert_eq!((of_this_tab(), own()), (Some(link("-- one")), None));
        assert!(keep(&link("-- one")) && own() != first);
        assert_eq!(recent().len(), 1, "the same text is listed once");
        assert!(keep(&link("-- two")));
        let mut names: Vec<String> = recent().iter().map(Draft::name).collect();
        names.sort();
        assert_eq!(names, ["one", "two"]);
    }

    #[wasm_bindgen_test]
    fn what_is_oldest_goes_first() {
        of_all_tabs().expect("a storage").clear().expect("it can be cleared");
        for number in 0..MOST + 5 {
            leave();
            assert!(keep(&link(&format!("-- {number}"))));
        }
        assert_eq!(recent().len(), MOST);
        // Of five megabytes not all of these find room: the newest has it.
        for number in 0..12 {
            leave();
            assert!(keep(&link(&format!("-- {number}{}", "x".repeat(1_000_000)))), "{number}");
        }
        assert_eq!(of_this_tab().map(|link| link.text.len()), Some(1_000_005));
        of_all_tabs().expect("a storage").clear().expect("it can be cleared");
    }
}
