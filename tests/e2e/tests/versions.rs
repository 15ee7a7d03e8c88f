//! The same scenario on another version of PostgreSQL, chosen in the page's header.

use pgscope_e2e::{Reader, Result, Window, run};
use thirtyfour::prelude::*;

const EDITOR: &str = "textarea[aria-label=Scenario]";
const SCENARIO: &str = "server 18\ntable t pages=9\nbackend a\na: read t 0\n\
                        a: create context Work\na: palloc 100 in Work as x";

/// Chooses a version and waits until the script says so.
async fn choose(reader: &Reader, version: u32) -> Result<()> {
    let option = format!(".chip.version option[value='{version}']");
    reader.find(&option).await?.click().await?;
    let script = format!("return document.querySelector({EDITOR:?}).value");
    let wanted = SCENARIO.replace("server 18", &format!("server {version}"));
    reader
        .until("the version in the script", async || {
            let now = reader.script(&script).await?;
            if now == wanted.as_str() { Ok(()) } else { Err(format!("it is {now}").into()) }
        })
        .await
}

/// Opens the context Work and in it the chunk x, unless it is open, and reads its header.
async fn header_of_x(reader: &Reader) -> Result<String> {
    let work = By::XPath("//*[@role='treeitem'][starts-with(@aria-label, 'Work ')]");
    reader
        .until("the context Work", async || {
            Ok(reader.driver().find(work.clone()).await?.click().await?)
        })
        .await?;
    reader.click("button.chunk[aria-label^='chunk x']").await?;
    reader.text(".chunk-card .hex-words").await
}

#[test]
fn a_version_brings_its_own_bytes() {
    run("a_version_brings_its_own_bytes", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        reader.write(EDITOR, SCENARIO).await?;
        reader.until_text("#position", |text| text.contains("of 5")).await?;
        reader.click("button[aria-label='To end']").await?;
        reader.until_text(".freelist", |text| text.ends_with("15 in all")).await?;
        let header = header_of_x(&reader).await?;
        assert!(header.starts_with("MemoryChunk: AllocSet, size class 4 (128 B)"), "{header}");

        // 15: the header is two words, and tells the size and the address of the set.
        choose(&reader, 15).await?;
        reader.click("button[aria-label='To end']").await?;
        let header = header_of_x(&reader).await?;
        assert!(header.starts_with("AllocChunkData: size 128 B, aset 0x"), "{header}");
        let words = reader.driver().find_all(By::Css(".chunk-card .hex-rows .head")).await?;
        assert_eq!(words.len(), 2);
        let first = words[0].find(By::Css(".hex")).await?.text().await?;
        assert_eq!(first, "80 00 00 00 00 00 00 00");
        reader.until_text(".freelist", |text| text.ends_with("15 in all")).await?;

        // 19: no freelist, neither below the buffers nor in words; the hand has moved instead.
        choose(&reader, 19).await?;
        reader.until_text(".hub-number", |text| text == "2").await?;
        assert!(reader.driver().find_all(By::Css(".freelist")).await?.is_empty());
        let body = reader.text("section.shared").await?;
        assert!(!body.to_lowercase().contains("freelist"), "{body}");
        Ok(())
    });
}

#[test]
fn all_versions_stand_side_by_side_with_where_they_part() {
    run("all_versions_stand_side_by_side_with_where_they_part", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        reader.write(EDITOR, SCENARIO).await?;
        reader.until_text("#position", |text| text.contains("of 5")).await?;
        reader.find(".chip.version option[value=all]").await?.click().await?;
        reader.by_role("table", "Versions").await?;
        let rows = reader.driver().find_all(By::Css("table[aria-label=Versions] tbody tr")).await?;
        assert_eq!(rows.len(), 4);
        assert!(
            rows[2].text().await?.starts_with("18, yours 0 1 0 0 "),
            "{}",
            rows[2].text().await?
        );
        // 19 has no freelist: the very first read goes another way.
        let nineteen = reader.text(".partings:last-of-type").await?;
        assert!(nineteen.starts_with("PostgreSQL 19: "), "{nineteen}");
        assert!(nineteen.contains("line 4, operation 3"), "{nineteen}");
        assert!(nineteen.contains("freelist"), "{nineteen}");
        reader.press("button", "Use 17").await?;
        let script = format!("return document.querySelector({EDITOR:?}).value.split('\\n')[0]");
        reader
            .until("the version in the script", async || {
                let now = reader.script(&script).await?;
                if now == "server 17" { Ok(()) } else { Err(format!("it is {now}").into()) }
            })
            .await?;
        reader.until_text("table[aria-label=Versions]", |text| text.contains("17, yours")).await?;
        reader
            .driver()
            .find(By::XPath("//*[contains(@class, 'partings')]//button"))
            .await?
            .click()
            .await?;
        reader.until_text("#position", |text| text.starts_with("op ")).await?;
        Ok(())
    });
}
