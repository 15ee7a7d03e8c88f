//! What readers write, kept tab by tab: a reload, a crash or a closed tab loses nothing, and two tabs
//! don't write over each other.
//!
//! A *draft* is one scenario with its place, under a key of its own in the local storage. A tab keeps
//! the number of its draft in the session storage, which a reload leaves alone. When the tab goes on to
//! another scenario it begins another draft; the one before stays among the recent ones. The oldest
//! go first when there are too many, or when the storage is full.

use std::cell::RefCell;

use pgscope_scenario::link::Link;
use web_sys::Storage;

use super::storage::{Kept, of_all_tabs, of_the_tab, read, written};

const TAB: &str = "pgscope.tab";
const DRAFT: &str = "pgscope.draft.";
/// Drafts kept at most.
const MOST: usize = 20;

thread_local! {
    /// The draft of this tab, where the session storage is forbidden too.
    static OWN: RefCell<Option<String>> = const { RefCell::new(None) };
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

fn own() -> Option<String> {
    let here = OWN.with_borrow(Clone::clone);
    here.or_else(|| of_the_tab()?.get_item(TAB).ok()?)
}

fn begin() -> String {
    // Two tabs in one millisecond are told apart by the fraction.
    let number = js_sys::Date::now() + js_sys::Math::random();
    let key = format!("{DRAFT}{number}");
    if let Some(storage) = of_the_tab() {
        // Without it a reload finds the draft among the recent ones.
        let _ = storage.set_item(TAB, &key);
    }
    OWN.with_borrow_mut(|own| *own = Some(key.clone()));
    key
}

/// From here on this tab has another scenario: what it kept stays as it is.
pub fn leave() {
    OWN.with_borrow_mut(|own| *own = None);
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
    // The same text twice is one too many.
    let same = others.extract_if(.., |it| it.link.text == link.text);
    same.for_each(|draft| {
        // One that stays is listed twice, and that is all.
        remove(draft);
    });
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

/// What this tab kept: after a reload it goes on with it.
pub fn of_this_tab() -> Option<Link> {
    let value = of_all_tabs()?.get_item(&own()?).ok()??;
    parse(&value).map(|(_, link)| link)
}

/// All drafts, the newest first.
pub fn recent() -> Vec<Draft> {
    of_all_tabs().map(|storage| all(&storage)).unwrap_or_default()
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
