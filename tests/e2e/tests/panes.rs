//! Shared memory's other panes: its views as tables, its bytes; and local memory in motion.

use pgscope_e2e::{Reader, Result, Window, run};
use thirtyfour::prelude::*;

async fn clipboard(reader: &Reader, wanted: impl Fn(&str) -> bool) -> Result<String> {
    reader
        .until("it in the clipboard", async || {
            let text = "const done = arguments[0];
                navigator.clipboard.readText().then(done, () => done(''));";
            let text = reader.driver().execute_async(text, Vec::new()).await?.json().clone();
            let text = text.as_str().unwrap_or_default().to_owned();
            if wanted(&text) { Ok(text) } else { Err(format!("it is {text:?}").into()) }
        })
        .await
}

async fn first_cells(reader: &Reader) -> Result<Vec<String>> {
    let cells = reader.driver().find_all(By::Css("tbody tr:first-child td")).await?;
    let mut texts = Vec::new();
    for cell in cells {
        texts.push(cell.text().await?);
    }
    Ok(texts)
}

#[test]
fn a_view_is_sorted_filtered_and_taken_along() {
    run("a_view_is_sorted_filtered_and_taken_along", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.allow_clipboard().await?;
        reader.visit("").await?;
        reader.press("tab", "Views").await?;
        reader.by_role("table", "pg_buffercache").await?;
        assert_eq!(first_cells(&reader).await?.first().map(String::as_str), Some("1"));

        // Twice is from the last to the first.
        reader.press("button", "bufferid").await?;
        reader.by_role("button", "bufferid").await?.click().await?;
        reader.until_text("tbody tr:first-child td", |text| text == "16").await?;
        reader
            .until_text(".views-query pre", |text| text.ends_with("ORDER BY bufferid DESC;"))
            .await?;

        reader.by_role("textbox", "Filter").await?.send_keys("|t|").await?;
        reader.until_text(".views-query pre", |text| text.contains("ILIKE '%|t|%'")).await?;
        reader.press("button", "Copy CSV").await?;
        let csv = clipboard(&reader, |text| text.starts_with("bufferid,relfilenode")).await?;
        assert!(csv.lines().skip(1).all(|line| line.contains(",t,")), "{csv}");
        reader.press("button", "Copy as psql").await?;
        clipboard(&reader, |text| text.contains("-+-") && text.trim_end().ends_with("rows)"))
            .await?;

        let view = reader.by_role("combobox", "View").await?;
        view.send_keys("pg_buffercache_summary").await?;
        reader.by_role("table", "pg_buffercache_summary").await?;
        reader
            .until_text(".views-query pre", |text| text.contains("pg_buffercache_summary()"))
            .await?;
        Ok(())
    });
}

#[test]
fn a_large_view_has_few_rows_on_the_page() {
    run("a_large_view_has_few_rows_on_the_page", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        let sizes = reader.by_role("combobox", "shared_buffers").await?;
        // The last is 128MB. Letters would begin anew with each choice that they come to.
        sizes.send_keys(Key::End + "").await?;
        reader.press("tab", "Views").await?;
        reader.until_text(".views-foot p", |text| text == "rows 1 to 50 of 16,384").await?;
        reader.press("button", "Last page").await?;
        reader
            .until_text(".views-foot p", |text| text.starts_with("rows 16,351 to 16,384"))
            .await?;
        let rows = reader.driver().find_all(By::Css("tbody tr")).await?.len();
        assert_eq!(rows, 34);
        Ok(())
    });
}

#[test]
fn bytes_of_a_page_say_what_they_are() {
    run("bytes_of_a_page_say_what_they_are", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        reader.press("gridcell", "buffer 8…").await?;
        reader.press("button", "Bytes of the page").await?;
        reader.until_text(".bytes-words", |text| text.contains("pd_lsn")).await?;
        let parts = reader.by_role("combobox", "Part of the page").await?;
        parts.send_keys("tuple 1").await?;
        reader.until_text(".bytes-words", |text| text.contains("t_xmin")).await?;
        // Any address, by hand.
        let address = reader.by_role("textbox", "Address").await?;
        address.send_keys(Key::Control + "a").await?;
        address.send_keys("100000040").await?;
        address.send_keys(Key::Enter + "").await?;
        reader.until_text(".bytes-words code", |text| text == "0x100000040").await?;
        Ok(())
    });
}

#[test]
fn a_palloc_is_seen_searching_and_a_reset_folds_a_family_away() {
    run("a_palloc_is_seen_searching_and_a_reset_folds_a_family_away", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        let script = "server 18\nbackend alice\nalice: create context Work in TopMemoryContext\n\
                      alice: create context Child in Work\nalice: palloc 100 in Work as a\nalice: reset Work";
        reader.write("textarea[aria-label=Scenario]", script).await?;
        // Of the guide before it there are 45.
        reader.until_text("#position", |text| text.contains(" of 5")).await?;
        reader.keys(Key::Escape + "").await?;
        reader.press("button", "To end").await?;
        reader
            .until_text("[aria-label='Contexts that are gone']", |text| {
                text.contains("Child") && text.contains("gone with the reset of Work")
            })
            .await?;
        reader.press("button", "Back").await?;
        let steps = reader
            .until_text("[aria-label='How palloc searched']", |text| {
                text.contains("size class 128 B")
            })
            .await?;
        assert!(steps.contains("100 B asked for") && steps.contains("freelist empty"), "{steps}");
        Ok(())
    });
}
