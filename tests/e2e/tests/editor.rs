//! What the editor offers while somebody types, and what the buttons write.

use pgscope_e2e::{Reader, Result, Window, run};
use thirtyfour::prelude::*;

const FIELD: &str = "textarea[aria-label=Scenario]";

async fn last_line(reader: &Reader) -> Result<String> {
    let line =
        format!("return document.querySelector('{FIELD}').value.trimEnd().split('\\n').pop()");
    Ok(reader.script(&line).await?.as_str().unwrap_or_default().to_owned())
}

async fn until_last_line(reader: &Reader, wanted: &str) -> Result<()> {
    reader
        .until("another last line", async || {
            let line = last_line(reader).await?;
            if line == wanted { Ok(()) } else { Err(format!("it is {line:?}").into()) }
        })
        .await
}

#[test]
fn statements_and_names_are_completed_as_they_are_typed() {
    run("statements_and_names_are_completed_as_they_are_typed", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        let script = "table orders pages=9\nbackend alice\nalice: create context Work\nalice: pal";
        reader.write(FIELD, script).await?;
        reader.by_role("listbox", "Completions").await?;
        reader.by_role("option", "palloc palloc SIZE…").await?;
        // Tab takes the first; a space is there to go on from.
        reader.keys(Key::Tab + "").await?;
        until_last_line(&reader, "alice: palloc").await?;
        reader.keys("100 i").await?;
        reader.by_role("option", "in").await?;
        reader.keys(Key::Down + Key::Enter).await?;
        reader.keys("W").await?;
        let work = reader.by_role("option", "Work context").await?;
        work.click().await?;
        until_last_line(&reader, "alice: palloc 100 in Work").await?;
        // Enter takes nothing that was not chosen: a line ends as it is.
        reader.keys("as a").await?;
        reader.keys(Key::Enter + "").await?;
        reader.keys("alice: read o").await?;
        reader.by_role("option", "orders table").await?;
        reader.keys(Key::Escape + "").await?;
        reader
            .until("no list", async || {
                match reader.driver().find_all(By::Css(".completions")).await?.len() {
                    0 => Ok(()),
                    _ => Err("it is still there".into()),
                }
            })
            .await?;
        until_last_line(&reader, "alice: read o").await?;
        // Asked for, it comes without a beginning.
        reader.keys(Key::Enter + "").await?;
        reader.find(FIELD).await?.send_keys(Key::Control + " ").await?;
        reader.by_role("option", "alice: backend").await?;
        // The browser's own undo takes a completion back.
        reader.keys("chec").await?;
        reader.by_role("option", "checkpoint checkpoint…").await?;
        reader.keys(Key::Tab + "").await?;
        until_last_line(&reader, "checkpoint").await?;
        reader.find(FIELD).await?.send_keys(Key::Control + "z").await?;
        until_last_line(&reader, "chec").await
    });
}

#[test]
fn each_of_the_newer_buttons_writes_its_statement() {
    run("each_of_the_newer_buttons_writes_its_statement", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        reader.write(FIELD, "server 18\ntable orders pages=9\nbackend alice\n").await?;
        reader.keys(Key::Escape + "").await?;
        reader.press("button", "More…").await?;
        reader.press("button", "Scan").await?;
        until_last_line(&reader, "alice: seqscan orders").await?;
        reader.press("button", "Advisory lock").await?;
        until_last_line(&reader, "alice: advisory lock 42").await?;
        reader.by_role("combobox", "statement").await?.send_keys("unlock").await?;
        reader.press("button", "Add").await?;
        until_last_line(&reader, "alice: advisory unlock 42").await?;
        reader.press("button", "Prepare").await?;
        let prepared = "alice: prepare q \"SELECT v FROM orders WHERE id = $1\" on orders params";
        until_last_line(&reader, prepared).await?;
        reader.press("button", "Execute").await?;
        until_last_line(&reader, "alice: execute q").await?;
        reader.until_text("#narration", |text| text.contains("portal")).await?;
        Ok(())
    });
}
