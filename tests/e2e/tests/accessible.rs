//! For everyone: axe-core finds nothing to object to in any panel, and the keyboard alone is enough.

use pgscope_e2e::{Reader, Result, Window, run, settings};
use thirtyfour::prelude::*;

/// The ways to the panels: a name, and what is pressed to get there, by role and name.
const PANELS: [(&str, &[(&str, &str)]); 13] = [
    ("the page", &[]),
    ("the card of a buffer", &[("gridcell", "buffer 8…")]),
    ("the views", &[("tab", "Views")]),
    ("the bytes", &[("tab", "Bytes")]),
    ("the keys", &[("tab", "Buffers"), ("button", "Keyboard shortcuts")]),
    ("a form", &[("button", "Close"), ("button", "More……"), ("button", "Read page")]),
    ("the embed code", &[("button", "Embed")]),
    ("the form again", &[("button", "Close")]),
    ("all versions", &[("key", "0"), ("table", "Versions")]),
    ("no locks", &[("button", "Close"), ("tab", "Locks")]),
    ("the map", &[("tab", "Map")]),
    ("the map's table", &[("button", "Table")]),
    ("a fold of the map", &[("button", "32 smaller parts…")]),
];

/// On a phone nobody needs the keys.
const ON_A_PHONE: [usize; 9] = [0, 1, 2, 3, 6, 7, 8, 9, 10];

/// What axe-core has to say, a line for each violation.
async fn violations(reader: &Reader) -> Result<Vec<String>> {
    let ask = "const done = arguments[0];
        axe.run(document, { resultTypes: ['violations'] }).then(
            found => done(found.violations.map(it => it.id + ': ' +
                it.nodes.map(node => node.target + ' ' + node.any.concat(node.all).map(why => why.message)).join('; '))),
            error => done([String(error)]));";
    let found = reader.driver().execute_async(ask, Vec::new()).await?.json().clone();
    let lines = found.as_array().into_iter().flatten();
    Ok(lines.map(|line| line.as_str().unwrap_or_default().to_owned()).collect())
}

async fn every_panel(reader: &Reader, query: &str, panels: &[usize]) -> Result<Vec<String>> {
    reader.visit(query).await?;
    reader.script(&format!("{}; return null", settings::axe()?)).await?;
    let mut found = Vec::new();
    for (name, way) in panels.iter().filter_map(|panel| PANELS.get(*panel)) {
        for (role, label) in *way {
            match *role {
                "key" => reader.keys(*label).await?,
                "table" => drop(reader.by_role(role, label).await?),
                _ => reader.press(role, label).await?,
            }
        }
        // Axe judges colours as they are: what moves has come to rest.
        let rest = "const done = arguments[0]; Promise.all(document.getAnimations().map(it =>
            it.finished.catch(() => null))).then(() => done(null))";
        reader.driver().execute_async(rest, Vec::new()).await?;
        let lines = violations(reader).await?;
        found.extend(lines.into_iter().map(|line| format!("{query} {name}: {line}")));
    }
    Ok(found)
}

/// Every panel in one theme: each takes a while, and a test has two minutes.
fn on_a_desk(name: &str, query: &'static str) {
    run(name, async move |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        let all: Vec<usize> = (0..PANELS.len()).collect();
        let found = every_panel(&reader, query, &all).await?;
        assert!(found.is_empty(), "{}", found.join("\n"));
        Ok(())
    });
}

fn on_a_phone(name: &str, query: &'static str, embed: &'static str) {
    run(name, async move |bench| {
        let reader = bench.reader(Window::Phone).await?;
        let mut found = every_panel(&reader, query, &ON_A_PHONE).await?;
        found.extend(every_panel(&reader, embed, &[0]).await?);
        assert!(found.is_empty(), "{}", found.join("\n"));
        Ok(())
    });
}

#[test]
fn axe_finds_nothing_in_any_dark_panel_on_a_desk() {
    on_a_desk("axe_finds_nothing_in_any_dark_panel_on_a_desk", "?theme=dark");
}

#[test]
fn axe_finds_nothing_in_any_light_panel_on_a_desk() {
    on_a_desk("axe_finds_nothing_in_any_light_panel_on_a_desk", "?theme=light");
}

#[test]
fn axe_finds_nothing_in_any_dark_panel_on_a_phone_or_in_an_embed() {
    let name = "axe_finds_nothing_in_any_dark_panel_on_a_phone_or_in_an_embed";
    on_a_phone(name, "?theme=dark", "?embed&theme=dark");
}

#[test]
fn axe_finds_nothing_in_any_light_panel_on_a_phone_or_in_an_embed() {
    let name = "axe_finds_nothing_in_any_light_panel_on_a_phone_or_in_an_embed";
    on_a_phone(name, "?theme=light", "?embed&theme=light&panel=memory");
}

/// Goes by Tab until what is wanted has the focus.
async fn tab_to(reader: &Reader, role: &str, name: &str) -> Result<()> {
    let mut passed = Vec::new();
    for _ in 0..80 {
        reader.keys(Key::Tab + "").await?;
        if let Ok((found, label)) = reader.focused().await {
            if found == role && label.starts_with(name) {
                return Ok(());
            }
            passed.push(format!("{found} {label}"));
        }
    }
    Err(format!("no {role} {name:?} among {}", passed.join(", ")).into())
}

#[test]
fn the_keyboard_alone_leads_from_load_to_a_shared_link() {
    run("the_keyboard_alone_leads_from_load_to_a_shared_link", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.allow_clipboard().await?;
        reader.visit("").await?;
        let begun = reader.text("#position").await?;

        // Through time, from anywhere.
        reader.keys(Key::Home + "").await?;
        reader.until_text("#position", |text| text.starts_with("op 0 ")).await?;
        reader.keys(Key::Right + "").await?;
        reader.until_text("#position", |text| text.starts_with("op 1 ")).await?;
        reader.keys(Key::End + "").await?;
        reader.until_text("#position", |text| !text.starts_with("op 1 ") && text != begun).await?;

        // A statement by its key, which lands in the script.
        reader.keys("r").await?;
        reader.until_text("#narration", |text| text.contains("reads")).await?;

        // A list of keys, and out of it.
        reader.keys("?").await?;
        reader.by_role("heading", "Keys").await?;
        reader.keys(Key::Escape + "").await?;

        // A buffer, its page's bytes, and one byte on.
        tab_to(&reader, "gridcell", "buffer ").await?;
        reader.keys(Key::Right + "").await?;
        reader.keys(Key::Enter + "").await?;
        tab_to(&reader, "button", "Bytes of the page").await?;
        reader.keys(Key::Enter + "").await?;
        reader.until_text(".bytes-words", |text| text.contains("pd_lsn")).await?;
        tab_to(&reader, "gridcell", "").await?;
        reader.keys(Key::Right + "").await?;
        let (role, _) = reader.focused().await?;
        assert_eq!(role, "gridcell");

        // The views, sorted.
        reader.keys("2").await?;
        tab_to(&reader, "button", "usagecount").await?;
        reader.keys(Key::Enter + "").await?;
        reader.until_text(".views-query pre", |text| text.contains("ORDER BY usagecount")).await?;

        // And the link.
        tab_to(&reader, "button", "Copy link").await?;
        reader.keys(Key::Enter + "").await?;
        reader
            .until("a link in the address", async || {
                let address = reader.address().await?;
                if address.contains("#s1=") { Ok(()) } else { Err(address.into()) }
            })
            .await
    });
}
