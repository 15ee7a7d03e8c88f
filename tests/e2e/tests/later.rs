//! What is fetched behind the first picture: when, what it is needed for, and what is said when it
//! can't be had.

use pgscope_e2e::story::{SCENARIO, Story, seen_after};
use pgscope_e2e::{Reader, Result, Window, run};
use pgscope_scenario::link::{Link, encode};
use thirtyfour::prelude::*;

const EDITOR: &str = "return document.querySelector('textarea[aria-label=Scenario]').value";
/// When the first picture stood, written down by the browser itself.
const NOTE_PICTURE: &str = "new MutationObserver(() => {
    if (document.querySelector('.dial')) window.pictureAt ??= performance.now();
}).observe(document, { childList: true, subtree: true });";
/// When the fetches of the rest and of the wasm for links, with its script, began.
const BEGUN: &str = "return performance.getEntriesByType('resource')
    .filter(it => /later(_bg)?\\.js|later_bg\\.wasm|pgscope-rest-/.test(it.name)).map(it => it.startTime)";

async fn text(reader: &Reader) -> Result<String> {
    Ok(reader.script(EDITOR).await?.as_str().unwrap_or_default().to_owned())
}

/// Waits until the script is such a text.
async fn until_script(reader: &Reader, wanted: impl Fn(&str) -> bool) -> Result<()> {
    reader
        .until("another script", async || {
            let text = text(reader).await?;
            if wanted(&text) { Ok(()) } else { Err(format!("it is {text:?}").into()) }
        })
        .await
}

async fn copy_link(reader: &Reader) -> Result<()> {
    let copy = By::XPath("//button[contains(., 'Copy link')]");
    Ok(reader.driver().find(copy).await?.click().await?)
}

#[test]
fn the_first_picture_does_not_wait_for_it() {
    run("the_first_picture_does_not_wait_for_it", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.at_each_start(NOTE_PICTURE).await?;
        reader.visit("").await?;
        let begun = reader
            .until("the three files", async || {
                let begun = reader.script(BEGUN).await?;
                let begun: Vec<f64> =
                    begun.as_array().into_iter().flatten().filter_map(|it| it.as_f64()).collect();
                if begun.len() == 3 { Ok(begun) } else { Err(format!("{begun:?}").into()) }
            })
            .await?;
        let picture = reader.script("return window.pictureAt").await?.as_f64().expect("a time");
        assert!(begun.iter().all(|begun| *begun > picture), "{begun:?}, the picture at {picture}");
        Ok(())
    });
}

#[test]
fn the_first_picture_needs_nothing_of_the_rest() {
    run("the_first_picture_needs_nothing_of_the_rest", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.block(&["*later*", "*pgscope-rest-*"]).await?;
        reader.visit("").await?;
        reader.until_text("#position", |text| text.starts_with("op 33 of 45")).await?;
        assert!(!text(&reader).await?.is_empty(), "no script");

        // What it lacks says so, and comes when it can be had.
        let lacks = |text: &str| text.contains("could not be loaded");
        reader.until_text(".panel.local [role=alert]", lacks).await?;
        reader.block(&[]).await?;
        reader.press("button", "Try again").await?;
        reader.until_text(".panel.local", |text| text.contains("TopMemoryContext")).await?;
        Ok(())
    });
}

#[test]
fn a_function_of_the_rest_is_fetched_when_it_is_needed_sooner() {
    run("a_function_of_the_rest_is_fetched_when_it_is_needed_sooner", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        // As if it had not come yet: the fetch behind the picture never ends.
        reader
            .at_each_start(
                "const through = window.fetch;
                 window.fetch = (what, ...more) =>
                     String(what).includes('pgscope-rest-') ? new Promise(() => {}) : through(what, ...more);",
            )
            .await?;
        let text = "server 18 shared_buffers=8MB\ntable t pages=200\nbackend a\na: read t 0..99\n";
        let fragment = encode(&Link { text: text.into(), op: 102, ..Link::default() });
        reader.visit(&format!("#{fragment}")).await?;
        reader.until_text("#position", |text| text.starts_with("op 102 ")).await?;
        reader.driver().find(By::Css("canvas")).await?;
        Ok(())
    });
}

#[test]
fn a_reader_is_told_when_it_cannot_be_had_and_can_try_again() {
    run("a_reader_is_told_when_it_cannot_be_had_and_can_try_again", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        let story = Story::of(SCENARIO);
        let fragment = encode(&Link { text: SCENARIO.into(), op: 3, ..Link::default() });
        let missing = |text: &str| text.contains("could not be loaded");

        reader.block(&["*later*"]).await?;
        reader.visit("").await?;
        copy_link(&reader).await?;
        reader.until_text("[role=alert]", missing).await?;

        // What an older build kept can't be shown now, and its reader hears why.
        reader.script(&format!("localStorage.setItem('pgscope.scenario', '{fragment}')")).await?;
        reader.visit("").await?;
        reader.until_text("[role=alert]", missing).await?;

        reader.visit(&format!("#{fragment}")).await?;
        reader.until_text("[role=alert]", missing).await?;
        reader.click("button[aria-label='To start']").await?;
        reader.until_text("#position", |text| text.starts_with("op 0 ")).await?;
        assert!(reader.address().await?.ends_with(&fragment), "the link is still there");

        reader.block(&[]).await?;
        reader.allow_clipboard().await?;
        copy_link(&reader).await?;
        reader.until_text("[role=status]", |text| text == "Link copied").await?;
        reader.visit(&format!("#{fragment}")).await?;
        seen_after(&reader, 3, story.len()).await?;
        Ok(())
    });
}

#[test]
fn an_example_is_chosen_and_left_by_the_way_back() {
    run("an_example_is_chosen_and_left_by_the_way_back", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        let guide = text(&reader).await?;
        let choose = |name: &str| {
            format!(
                "const menu = document.querySelector('select.examples');
                 menu.selectedIndex = [...menu.options].findIndex(it => it.text === '{name}');
                 menu.dispatchEvent(new Event('change', {{ bubbles: true }}));"
            )
        };
        reader.script(&choose("Freelists")).await?;
        until_script(&reader, |text| text.contains("any size from 129 to 256")).await?;
        reader.until_text("#position", |text| text.starts_with("op 9 ")).await?;
        reader.script(&choose("One lap of the clock")).await?;
        until_script(&reader, |text| text == guide).await?;
        reader.driver().back().await?;
        until_script(&reader, |text| text.contains("any size from 129 to 256")).await?;
        reader.driver().back().await?;
        until_script(&reader, |text| text == guide).await?;
        Ok(())
    });
}

#[test]
fn what_was_written_is_found_again_also_if_an_older_build_kept_it() {
    run("what_was_written_is_found_again_also_if_an_older_build_kept_it", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        let fragment = encode(&Link { text: SCENARIO.into(), op: 3, ..Link::default() });
        reader.script(&format!("localStorage.setItem('pgscope.scenario', '{fragment}')")).await?;
        reader.visit("").await?;
        seen_after(&reader, 3, Story::of(SCENARIO).len()).await?;
        assert_eq!(text(&reader).await?, SCENARIO);

        let written = "-- Mine\nbackend alice\n";
        reader.write("textarea[aria-label=Scenario]", written).await?;
        reader.until_text("#position", |text| text.starts_with("op 1 of 1")).await?;
        reader.visit("").await?;
        assert_eq!(text(&reader).await?, written);
        Ok(())
    });
}
