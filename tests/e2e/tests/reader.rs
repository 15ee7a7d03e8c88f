//! The way of a reader through the page: type, step, look, go back, share, open what was shared.

use pgscope_e2e::story::{SCENARIO, Story, seen, seen_after};
use pgscope_e2e::{Reader, Result, Window, run};
use thirtyfour::prelude::*;

const EDITOR: &str = "textarea[aria-label=Scenario]";
const STEP: &str = "button[aria-label=Step]";
const BACK: &str = "button[aria-label=Back]";
const TO_START: &str = "button[aria-label='To start']";

/// Types the tests' scenario and goes to its start.
async fn type_scenario(reader: &Reader, story: &Story) -> Result<()> {
    reader.write(EDITOR, SCENARIO).await?;
    let of = format!(" of {}", story.len());
    reader.until_text("#position", |text| text.contains(&of)).await?;
    reader
        .until("a start", async || {
            // At the start already, the button is off.
            let button = reader.find(TO_START).await?;
            if button.is_enabled().await? { Ok(button.click().await?) } else { Ok(()) }
        })
        .await?;
    reader.until_text("#position", |text| text.starts_with("op 0 ")).await?;
    Ok(())
}

#[test]
fn a_typed_scenario_is_stepped_to_an_eviction_and_back_and_shared() {
    run("a_typed_scenario_is_stepped_to_an_eviction_and_back_and_shared", async |bench| {
        let mut story = Story::of(SCENARIO);
        let eviction = story.dirty_eviction();
        let of = story.len();
        let reader = bench.reader(Window::Desktop).await?;
        reader.allow_clipboard().await?;
        reader.visit("").await?;
        type_scenario(&reader, &story).await?;

        for op in 1..=eviction {
            reader.click(STEP).await?;
            assert_eq!(seen_after(&reader, op, of).await?, story.after(op), "after {op}");
        }
        let at_eviction = seen(&reader).await?;
        assert!(at_eviction.narration.contains("dirty, is written out first"));
        for op in (eviction - 3..eviction).rev() {
            reader.click(BACK).await?;
            assert_eq!(seen_after(&reader, op, of).await?, story.after(op), "back at {op}");
        }
        for op in eviction - 2..=eviction {
            reader.click(STEP).await?;
            seen_after(&reader, op, of).await?;
        }

        let copy = reader.driver().find(By::XPath("//button[contains(., 'Copy link')]")).await?;
        copy.click().await?;
        let link = reader
            .until("a link in the clipboard", async || {
                let text = "const done = arguments[0];
                    navigator.clipboard.readText().then(done, () => done(''));";
                let text = reader.driver().execute_async(text, Vec::new()).await?.json().clone();
                let text = text.as_str().unwrap_or_default().to_owned();
                if text.contains("#s1=") { Ok(text) } else { Err(format!("it is {text:?}").into()) }
            })
            .await?;
        assert_eq!(reader.address().await?, link);

        // Another reader, who has never seen the page.
        let friend = bench.reader(Window::Phone).await?;
        friend.go(&link).await?;
        friend.until_ready().await?;
        assert_eq!(seen_after(&friend, eviction, of).await?, at_eviction);
        let text =
            friend.script(&format!("return document.querySelector({EDITOR:?}).value")).await?;
        assert_eq!(text, SCENARIO);
        Ok(())
    });
}

#[test]
fn the_middle_of_an_operation_can_be_watched() {
    run("the_middle_of_an_operation_can_be_watched", async |bench| {
        let mut story = Story::of(SCENARIO);
        let eviction = story.dirty_eviction();
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        type_scenario(&reader, &story).await?;
        for _ in 1..eviction {
            reader.click(STEP).await?;
        }
        let before = seen_after(&reader, eviction - 1, story.len()).await?;
        reader.click("button[aria-label='Step one event']").await?;
        reader.until_text("#position", |text| text.contains("event 1 of")).await?;
        reader.until_text("#narration", |text| text.ends_with("not in the pool.")).await?;
        reader.click("button[aria-label='Step one event']").await?;
        reader.until_text("#narration", |text| text.contains("the hand")).await?;
        reader.click(BACK).await?;
        assert_eq!(seen_after(&reader, eviction - 1, story.len()).await?, before);
        Ok(())
    });
}

#[test]
fn keys_do_the_main_job() {
    run("keys_do_the_main_job", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        let body = reader.find("body").await?;
        body.send_keys(Key::Home + "").await?;
        reader.until_text("#position", |text| text.starts_with("op 0 ")).await?;
        body.send_keys(Key::Right + "").await?;
        reader.until_text("#position", |text| text.starts_with("op 1 ")).await?;
        body.send_keys(Key::End + "").await?;
        let end = reader.text("#position").await?;
        body.send_keys(Key::Left + "").await?;
        reader.until_text("#position", |text| text != end).await?;

        // `r` writes a statement, `?` tells the keys; both rest while somebody types.
        let length = format!("return document.querySelector({EDITOR:?}).value.length");
        let before = reader.script(&length).await?;
        body.send_keys("r").await?;
        reader
            .until("a longer script", async || {
                let now = reader.script(&length).await?;
                if now.as_u64() > before.as_u64() { Ok(()) } else { Err("it is as long".into()) }
            })
            .await?;
        body.send_keys("?").await?;
        reader.find("dialog[open]").await?;
        Ok(())
    });
}

#[test]
fn a_mistake_is_named_where_it_is() {
    run("a_mistake_is_named_where_it_is", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        reader.write(EDITOR, "table orders pages=5\nbackend alice\nalice: raed orders 3").await?;
        reader
            .until("the suggestion", async || {
                let text = reader.driver().find(By::Css("body")).await?.text().await?;
                if text.contains("raed") && text.contains("read") && text.contains('3') {
                    Ok(())
                } else {
                    Err("no word of it".into())
                }
            })
            .await?;
        reader.write(EDITOR, "table orders pages=5\nbackend alice\nalice: read orders 3").await?;
        reader.until_text("#position", |text| text.contains("of 3")).await?;
        Ok(())
    });
}

#[test]
fn a_bad_link_is_explained_and_the_page_works() {
    run("a_bad_link_is_explained_and_the_page_works", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        let long = format!("#s1={}", "A".repeat(100_000));
        for fragment in ["#s1=AAAA", "#s9=AAAA", "#s1=%00", long.as_str()] {
            reader.visit(fragment).await?;
            let said = reader.text("[role=alert]").await?;
            assert!(said.len() > 20, "{fragment:.20}: {said:?}");
            reader.click(TO_START).await?;
            reader.click(STEP).await?;
            reader.until_text("#position", |text| text.starts_with("op 1 ")).await?;
        }
        Ok(())
    });
}

#[test]
fn a_statement_is_one_click_and_leads_to_its_effect() {
    run("a_statement_is_one_click_and_leads_to_its_effect", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        let palloc = reader.driver().find(By::XPath("//button[starts-with(., 'palloc')]")).await?;
        palloc.click().await?;
        reader.until_text("#narration", |text| text.contains("allocates")).await?;
        let read = reader.driver().find(By::XPath("//button[starts-with(., 'Read page')]")).await?;
        read.click().await?;
        reader.until_text("#narration", |text| text.contains("reads")).await?;
        Ok(())
    });
}
