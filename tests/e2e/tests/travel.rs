//! Stops, questions, files, links by hand and drafts: what belongs to a scenario besides its steps.

use pgscope_e2e::{Reader, Result, Window, run};
use serde_json::json;
use thirtyfour::prelude::*;

const FIELD: &str = "textarea[aria-label=Scenario]";
const READS: &str = "server 18 shared_buffers=128kB\ntable t pages=30\nbackend a\na: read t 0\na: read t 1\na: read t 2\n";

async fn text(reader: &Reader) -> Result<String> {
    let said = reader.script(&format!("return document.querySelector('{FIELD}').value")).await?;
    Ok(said.as_str().unwrap_or_default().to_owned())
}

async fn until_script(reader: &Reader, wanted: &str) -> Result<()> {
    reader
        .until("another script", async || {
            let text = text(reader).await?;
            if text == wanted { Ok(()) } else { Err(format!("it is {text:?}").into()) }
        })
        .await
}

/// Puts a text in as if it was pasted.
async fn paste(reader: &Reader, text: &str) -> Result<()> {
    let set = format!(
        "const field = document.querySelector('{FIELD}'); field.value = {};
         field.dispatchEvent(new InputEvent('input', {{ bubbles: true }})); field.blur()",
        json!(text)
    );
    reader.script(&set).await?;
    Ok(())
}

async fn at(reader: &Reader, place: &str) -> Result<()> {
    reader.until_text("#position", |text| text.starts_with(place)).await?;
    Ok(())
}

/// Percent-encodes everything but letters and digits.
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[test]
fn a_run_stops_at_lines_and_events_that_are_marked() {
    run("a_run_stops_at_lines_and_events_that_are_marked", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        paste(&reader, READS).await?;
        reader.press("button", "To start").await?;
        at(&reader, "op 0 of 5").await?;
        // The margin before the number of line 5.
        let number = reader.find(".gutter [data-line='5']").await?;
        let width = number.rect().await?.width as i64;
        let chain = reader.driver().action_chain();
        chain.move_to_element_with_offset(&number, 4 - width / 2, 0).click().perform().await?;
        reader.find(".gutter [data-line='5'].breakpoint").await?;
        reader.keys(Key::F8 + "").await?;
        at(&reader, "op 3 of 5").await?;
        // In the field, F9 takes away the mark of the line with the caret.
        let caret = "const field = document.querySelector('textarea[aria-label=Scenario]');
            field.focus(); field.setSelectionRange(field.value.indexOf('a: read t 1'), field.value.indexOf('a: read t 1'))";
        reader.script(caret).await?;
        reader.keys(Key::F9 + "").await?;
        reader
            .until("no mark", async || {
                match reader.driver().find_all(By::Css(".gutter .breakpoint")).await?.len() {
                    0 => Ok(()),
                    marks => Err(format!("there are {marks}").into()),
                }
            })
            .await?;
        Ok(())
    });
}

#[test]
fn a_question_is_answered_by_the_machine() {
    run("a_question_is_answered_by_the_machine", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        let text = "server 18 shared_buffers=128kB\ntable t pages=30\nbackend a\n\
                    ask \"Is it there?\" \"yes\" if hits > 0, \"no\"\na: read t 0\n";
        // By a link that was written by hand.
        reader.visit(&format!("#scenario={}", encoded(text))).await?;
        until_script(&reader, text).await?;
        reader.press("button", "To start").await?;
        for _ in 0..3 {
            reader.press("button", "Step").await?;
        }
        reader.press("radio", "yes").await?;
        reader.until_text(".question [role=status]", |text| text.starts_with("No.")).await?;
        reader.press("radio", "no").await?;
        reader.until_text(".question [role=status]", |text| text == "Right.").await?;
        Ok(())
    });
}

#[test]
fn a_lesson_is_opened_by_its_name() {
    run("a_lesson_is_opened_by_its_name", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("#lesson=size-classes").await?;
        reader
            .until("the lesson", async || {
                let text = text(&reader).await?;
                match text.starts_with("-- AllocSet rounds up to powers of two") {
                    true => Ok(()),
                    false => Err(format!("it is {text:?}").into()),
                }
            })
            .await
    });
}

#[test]
fn files_are_dropped_opened_and_saved() {
    run("files_are_dropped_opened_and_saved", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        // What would be saved, by its name and text.
        reader
            .at_each_start(
                "window.saved = [];
                 const make = URL.createObjectURL.bind(URL);
                 URL.createObjectURL = blob => { blob.text().then(it => saved.push(it)); return make(blob); };
                 HTMLAnchorElement.prototype.click = function () { saved.push(this.download); };",
            )
            .await?;
        reader.visit("").await?;
        let drop = format!(
            "const items = new DataTransfer(); items.items.add(new File([{}], 'mine.pgscope'));
             document.body.dispatchEvent(new DragEvent('drop', {{ dataTransfer: items, bubbles: true, cancelable: true }}))",
            json!(READS)
        );
        reader.script(&drop).await?;
        until_script(&reader, READS).await?;

        let opened = format!("{READS}checkpoint\n");
        let choose = format!(
            "const items = new DataTransfer(); items.items.add(new File([{}], 'other.pgscope'));
             const field = document.querySelector('input[type=file]'); field.files = items.files;
             field.dispatchEvent(new Event('change', {{ bubbles: true }}))",
            json!(opened)
        );
        reader.script(&choose).await?;
        until_script(&reader, &opened).await?;

        let save = "const menu = document.querySelector('select.files'); menu.value = 'save';
                    menu.dispatchEvent(new Event('change', { bubbles: true }))";
        reader.script(save).await?;
        reader
            .until("the file", async || {
                let saved = reader.script("return saved").await?;
                let whole = saved.as_array().is_some_and(|saved| {
                    let has = |it: &str| saved.iter().any(|saved| saved == it);
                    has(&opened) && has("scenario.pgscope")
                });
                if whole { Ok(()) } else { Err(format!("saved is {saved}").into()) }
            })
            .await
    });
}

#[test]
fn a_long_link_comes_with_the_offer_of_a_file() {
    run("a_long_link_comes_with_the_offer_of_a_file", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        reader.allow_clipboard().await?;
        // Numbers without a rule don't pack.
        let mut text = READS.to_owned();
        let mut number = 1_u64;
        for _ in 0..4000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            text += &format!("a: read t {} -- {number:x}\n", number >> 40 & 15);
        }
        paste(&reader, &text).await?;
        reader.until_text("#position", |text| text.contains(" of 4,005")).await?;
        let copy = By::XPath("//button[contains(., 'Copy link')]");
        reader.driver().find(copy).await?.click().await?;
        let said = |text: &str| text.contains("some chat programs will cut it");
        reader.until_text(".banner[role=alert]", said).await?;
        reader.by_role("button", "Save as a file").await?;
        Ok(())
    });
}

#[test]
fn what_was_written_before_is_listed_and_survives_a_reload() {
    run("what_was_written_before_is_listed_and_survives_a_reload", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        let mine = format!("-- Mine\n{READS}");
        paste(&reader, &mine).await?;
        at(&reader, "op").await?;
        reader.driver().refresh().await?;
        reader.until_ready().await?;
        until_script(&reader, &mine).await?;

        // A link takes its place; the way back is in the list.
        reader.visit(&format!("#scenario={}", encoded(READS))).await?;
        until_script(&reader, READS).await?;
        reader.script("document.querySelector('select.files').focus()").await?;
        reader
            .until("the list", async || {
                let choose = "const menu = document.querySelector('select.files');
                    const mine = [...menu.options].find(it => it.text === 'Mine');
                    if (!mine) return false;
                    menu.value = mine.value; menu.dispatchEvent(new Event('change', { bubbles: true }));
                    return true";
                if reader.script(choose).await? == true { Ok(()) } else { Err("not there".into()) }
            })
            .await?;
        until_script(&reader, &mine).await
    });
}

#[test]
fn a_duplicated_tab_has_a_draft_of_its_own() {
    run("a_duplicated_tab_has_a_draft_of_its_own", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        let [mine, theirs] = ["Mine", "Theirs"].map(|name| format!("-- {name}\n{READS}"));
        paste(&reader, &mine).await?;
        at(&reader, "op").await?;
        let first = reader.driver().window().await?;
        // As `Duplicate tab` does, this copies the session storage.
        reader.script("window.open(location.href)").await?;
        let both = reader.driver().windows().await?;
        let second = both.into_iter().find(|it| *it != first).ok_or("there is one tab alone")?;
        reader.driver().switch_to_window(second).await?;
        reader.until_ready().await?;
        until_script(&reader, &mine).await?;
        paste(&reader, &theirs).await?;
        at(&reader, "op").await?;
        reader.driver().refresh().await?;
        reader.until_ready().await?;
        until_script(&reader, &theirs).await?;
        reader.driver().close_window().await?;

        reader.driver().switch_to_window(first).await?;
        until_script(&reader, &mine).await?;
        reader.driver().refresh().await?;
        reader.until_ready().await?;
        until_script(&reader, &mine).await
    });
}
