//! The lock table and the map of all memory.

use pgscope_e2e::{Reader, Result, Window, run, settings};
use thirtyfour::prelude::*;

/// Two backends that wait for each other, before anybody looks for it.
const DEADLOCK: &str = "server 18\ntable orders pages=4\ntable customers pages=4\nbackend alice\nbackend bob\n\
    alice: begin\nalice: lock orders\nbob: begin\nbob: lock customers access share\nbob: read customers 0\n\
    bob: lock customers\nalice: lock customers\nbob: lock orders";

async fn stands_at_the_end(reader: &Reader, script: &str, ops: u32) -> Result<()> {
    reader.write("textarea[aria-label=Scenario]", script).await?;
    reader.until_text("#position", |text| text.contains(&format!(" of {ops}"))).await?;
    reader.keys(Key::Escape + "").await?;
    reader.press("button", "To end").await
}

#[test]
fn a_deadlock_is_seen_as_a_circle_and_is_gone_when_one_gives_up() {
    run("a_deadlock_is_seen_as_a_circle_and_is_gone_when_one_gives_up", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        stands_at_the_end(&reader, DEADLOCK, 12).await?;
        reader.press("tab", "Locks").await?;
        reader.by_role("image", "2 backends waiting…").await?;
        let said = reader.text(".deadlock").await?;
        assert!(said.starts_with("Deadlock: alice → bob → alice."), "{said}");
        assert_eq!(reader.driver().find_all(By::Css(".wait-arrow.stuck")).await?.len(), 2);
        let waits = reader.text("[aria-label=Waits]").await?;
        assert!(
            waits.contains("alice waits for AccessExclusiveLock on customers, blocked by bob"),
            "{waits}"
        );
        let table = reader.by_role("table", "Locked objects").await?.text().await?;
        assert!(table.contains("orders") && table.contains("customers"), "{table}");
        // Axe looks at what only locks show.
        reader.script(&format!("{}; return null", settings::axe()?)).await?;
        let ask = "const done = arguments[0]; axe.run(document.querySelector('.locks')).then(
            found => done(found.violations.map(it => it.id + ' ' + it.nodes.map(node => node.html))))";
        let found = reader.driver().execute_async(ask, Vec::new()).await?.json().clone();
        assert_eq!(found.as_array().map(Vec::len), Some(0), "{found}");

        // A second on, one of them has found the circle and given up.
        reader.write("textarea[aria-label=Scenario]", &format!("{DEADLOCK}\nsleep 1s")).await?;
        reader.until_text("#position", |text| text.contains(" of 13")).await?;
        reader.keys(Key::Escape + "").await?;
        reader.press("button", "To end").await?;
        reader
            .until("the circle to be gone", async || {
                match reader.driver().find_all(By::Css(".wait-graph, .deadlock")).await?.len() {
                    0 => Ok(()),
                    some => Err(format!("{some} of it are there").into()),
                }
            })
            .await
    });
}

#[test]
fn a_part_of_the_map_leads_to_its_bytes_by_key_and_by_table() {
    run("a_part_of_the_map_leads_to_its_bytes_by_key_and_by_table", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        reader.keys("5").await?;
        reader.by_role("region", "Shared segment").await?;
        reader.by_role("region", "Local memory of alice").await?;

        // Arrows walk along a strip and time stands.
        let begun = reader.text("#position").await?;
        let css = "section[aria-label='Shared segment'] .map-strip button";
        let parts = reader.driver().find_all(By::Css(css)).await?;
        let first = parts.first().ok_or("no part")?;
        first.send_keys(Key::Home + "").await?;
        reader.keys(Key::Right + "").await?;
        let (_, second) = reader.focused().await?;
        let title = parts.get(1).ok_or("no second part")?.attr("title").await?.unwrap_or_default();
        let named = title.split(", ").next().is_some_and(|name| second.starts_with(name));
        assert!(named, "{second} is not {title}");
        assert_eq!(reader.text("#position").await?, begun);

        // A fold opens as a strip of its own.
        reader.click("section[aria-label='Shared segment'] .map-strip .fold").await?;
        reader.by_role("group", "Smaller parts, step 1").await?;

        // By name to the bytes, and back: the part is marked.
        reader.press("button", "Table").await?;
        reader.press("button", "Buffer Blocks").await?;
        reader.until_text(".bytes-words", |text| text.contains("room to align the pages")).await?;
        reader.press("tab", "Map").await?;
        reader.click(".map-strip button.fold.at").await?;
        let here = reader.find(".map-strip + .map-strip button.at").await?.attr("title").await?;
        assert!(here.as_deref().is_some_and(|it| it.starts_with("Buffer Blocks, ")), "{here:?}");
        Ok(())
    });
}

#[test]
fn the_writers_have_hands_of_their_own() {
    run("the_writers_have_hands_of_their_own", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        let script =
            "server 18\ntable t pages=9\nbackend alice\nalice: update t 0..3\nbgwriter\ncheckpoint";
        stands_at_the_end(&reader, script, 8).await?;
        reader.until_text(".dial-legend", |text| text.contains("checkpointer at buffer 4")).await?;
        reader.find("svg .writer.at-checkpointer").await?;
        reader.press("button", "Back").await?;
        reader.until_text(".dial-legend", |text| text.contains("background writer at")).await?;
        reader.find("svg .writer.at-bgwriter").await?;
        Ok(())
    });
}

#[test]
fn the_timeline_shows_what_happened_and_is_dragged() {
    run("the_timeline_shows_what_happened_and_is_dragged", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        let script = "table t pages=40\nbackend alice\nalice: update t 0\nalice: read t 1..20\nalice: read t 20\nalice: lock t";
        stands_at_the_end(&reader, script, 25).await?;
        for mark in ["hit", "miss", "evict", "write", "error"] {
            reader.find(&format!(".timeline .mark-{mark}")).await?;
        }
        let curve = reader.find(".timeline .curve").await?.attr("d").await?;
        assert!(curve.is_some_and(|curve| curve.starts_with('M')));

        // From its middle to its left end; the position follows the pointer.
        let timeline = reader.by_role("slider", "Timeline").await?;
        let drag =
            reader.driver().action_chain().move_to_element_center(&timeline).click_and_hold();
        drag.perform().await?;
        reader
            .until_text("#position", |text| {
                text.starts_with("op 13 of 25") || text.starts_with("op 12 of 25")
            })
            .await?;
        let width = timeline.rect().await?.width as i64;
        reader
            .driver()
            .action_chain()
            .move_by_offset(-width / 2 + 2, 0)
            .release()
            .perform()
            .await?;
        reader.until_text("#position", |text| text.starts_with("op 0 of 25")).await?;
        Ok(())
    });
}
