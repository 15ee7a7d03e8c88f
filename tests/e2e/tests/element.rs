//! The custom element in pages of others: the examples of docs/embedding.md and of README.md, opened as
//! a host has them.

use pgscope_e2e::server::Server;
use pgscope_e2e::{Bench, Reader, Result, Window, run};
use serde_json::json;

const DOCS: &str = include_str!("../../../docs/embedding.md");
const README: &str = include_str!("../../../README.md");

/// The examples, with this page in the place of the published one.
fn examples(bench: &Bench) -> Vec<String> {
    examples_of(DOCS, bench)
}

fn examples_of(docs: &str, bench: &Bench) -> Vec<String> {
    let blocks = docs.split("```html\n").skip(1).filter_map(|it| it.split("\n```").next());
    blocks.map(|it| it.replace("https://YOUR-PAGES/pgscope/", bench.address())).collect()
}

/// A host's page with a policy that allows no more than docs/embedding.md says.
fn host(bench: &Bench, body: &str, inline: &str) -> Result<Server> {
    let page = bench.address().trim_end_matches("/pgscope/");
    bench.foreign_page(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Somebody's docs</title>
         <meta http-equiv=Content-Security-Policy
            content=\"default-src 'none'; frame-src {page}; script-src {page} {inline}; img-src data:\">
         <link rel=icon href=data:,><main><h1>The clock sweep</h1>{body}<p id=below>More text.</main>"
    ))
}

/// Goes into the frame of the element with this number, from 0, and waits for its page.
async fn enter(reader: &Reader, place: usize) -> Result<()> {
    let find = format!(
        "const it = document.querySelectorAll('pg-scope')[{place}]; it.scrollIntoView();
         return it.shadowRoot.querySelector('iframe')"
    );
    let frame = reader
        .until("the element's frame", async || {
            Ok(reader.driver().execute(find.as_str(), Vec::new()).await?.element()?)
        })
        .await?;
    frame.enter_frame().await?;
    reader.until_ready().await
}

async fn leave(reader: &Reader) -> Result<()> {
    Ok(reader.driver().enter_default_frame().await?)
}

/// How many alerts say that a link can't be opened.
async fn refused(reader: &Reader) -> Result<i64> {
    let alerts = reader.script("return document.querySelectorAll('[role=alert]').length").await?;
    Ok(alerts.as_i64().unwrap_or(-1))
}

#[test]
fn an_element_shows_the_text_in_it_where_it_is_told_to() {
    run("an_element_shows_the_text_in_it_where_it_is_told_to", async |bench| {
        let host = host(&bench, &examples(&bench)[0], "")?;
        let reader = bench.reader(Window::Desktop).await?;
        reader.go(host.address()).await?;
        // Room is there before anything is in it, and stays.
        let below = "return document.querySelector('#below').getBoundingClientRect().top + scrollY";
        let before = reader.script(below).await?;
        enter(&reader, 0).await?;
        reader.until_text("#position", |text| text.starts_with("op 7 of ")).await?;
        let address = reader.script("return location.href").await?;
        reader.click("button[aria-label='To end']").await?;
        reader.until_text("#narration", |text| text.contains("orders 0")).await?;
        assert_eq!(reader.script("return location.href").await?, address, "it stays where it is");
        let own = reader.script("return document.body.textContent.includes('  server')").await?;
        assert_eq!(own, json!(false), "the indentation is the host's");
        leave(&reader).await?;
        assert_eq!(reader.script(below).await?, before);
        let frame =
            "const it = document.querySelector('pg-scope').shadowRoot.querySelector('iframe');
                     return [it.title, it.loading, it.sandbox.value]";
        let sandbox = "allow-scripts allow-popups allow-popups-to-escape-sandbox";
        let named = "pgscope: The page that nobody used goes";
        assert_eq!(reader.script(frame).await?, json!([named, "lazy", sandbox]));
        Ok(())
    });
}

#[test]
fn several_elements_are_told_apart_and_follow_their_pictures() {
    run("several_elements_are_told_apart_and_follow_their_pictures", async |bench| {
        let host = host(&bench, &examples(&bench)[1], "")?;
        let reader = bench.reader(Window::Desktop).await?;
        reader.go(host.address()).await?;
        enter(&reader, 0).await?;
        assert_eq!(reader.script("return document.documentElement.dataset.theme").await?, "dark");
        reader.find(".dial").await?;
        reader.until_text("#position", |text| text.starts_with("op 0 of 2")).await?;
        leave(&reader).await?;
        enter(&reader, 1).await?;
        reader.find(".memory").await?;
        assert_eq!(refused(&reader).await?, 0);
        let needs =
            "return Math.ceil(document.querySelector('.embed').getBoundingClientRect().height)";
        let hidden = "return document.documentElement.scrollHeight - innerHeight";
        reader
            .until("the frame to be as high as its picture", async || {
                let (needs, hidden) = (reader.script(needs).await?, reader.script(hidden).await?);
                let height = reader.script("return innerHeight").await?;
                match needs == height && hidden == 0 {
                    true => Ok(()),
                    false => Err(format!("{needs} in {height}, {hidden} hidden").into()),
                }
            })
            .await?;
        leave(&reader).await?;
        let heights =
            "return [...document.querySelectorAll('pg-scope')].map(it => it.offsetHeight)";
        let heights = reader.script(heights).await?;
        assert!(heights[0] == 520 && heights[1] != 520, "{heights}");

        // Another theme is another frame in the same place, and no step of the way back.
        let steps = reader.script("return history.length").await?;
        reader.script("document.querySelector('pg-scope').setAttribute('theme', 'light')").await?;
        enter(&reader, 0).await?;
        assert_eq!(reader.script("return document.documentElement.dataset.theme").await?, "light");
        leave(&reader).await?;
        assert_eq!(reader.script("return history.length").await?, steps);
        Ok(())
    });
}

#[test]
fn an_element_tells_its_page_what_happens() {
    run("an_element_tells_its_page_what_happens", async |bench| {
        // The example has a script of the host's own, which its policy allows.
        let host = host(&bench, &examples(&bench)[2], "'unsafe-inline'")?;
        let reader = bench.reader(Window::Desktop).await?;
        reader.go(host.address()).await?;
        enter(&reader, 0).await?;
        reader.click("button[aria-label='To end']").await?;
        leave(&reader).await?;
        reader.until_text("output", |text| text == "operation 2 of 2").await?;
        Ok(())
    });
}

#[test]
fn the_readme_s_element_opens() {
    run("the_readme_s_element_opens", async |bench| {
        let host = host(&bench, &examples_of(README, &bench)[0], "")?;
        let reader = bench.reader(Window::Desktop).await?;
        reader.go(host.address()).await?;
        enter(&reader, 0).await?;
        reader.until_text("#position", |text| text.starts_with("op 0 of 2")).await?;
        Ok(())
    });
}

#[test]
fn the_iframe_of_the_docs_opens_its_lesson() {
    run("the_iframe_of_the_docs_opens_its_lesson", async |bench| {
        let host = host(&bench, &examples(&bench)[3], "")?;
        let reader = bench.reader(Window::Desktop).await?;
        reader.go(host.address()).await?;
        reader.find("iframe").await?.enter_frame().await?;
        reader.until_ready().await?;
        reader.find(".embed .memory").await?;
        assert_eq!(refused(&reader).await?, 0);
        Ok(())
    });
}

#[test]
fn the_page_offers_the_codes_of_both_and_never_loads_the_element() {
    run("the_page_offers_the_codes_of_both_and_never_loads_the_element", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        let said = reader.text("#narration").await?;
        reader.press("button", "Embed").await?;
        let code = "return document.querySelector('textarea[aria-label=\"Embed code\"]').value";
        let iframe = reader.script(code).await?;
        assert!(iframe.as_str().is_some_and(|it| it.starts_with("<iframe ")), "{iframe}");
        reader.by_role("combobox", "code").await?.send_keys("custom").await?;
        let element = reader
            .until("the element's code", async || {
                let element = reader.script(code).await?.as_str().unwrap_or_default().to_owned();
                if element.contains("<pg-scope ") { Ok(element) } else { Err(element.into()) }
            })
            .await?;
        let loaded = "return performance.getEntriesByType('resource').map(it => it.name)
            .filter(it => it.includes('pg-scope.js'))";
        assert_eq!(reader.script(loaded).await?, json!([]));

        // What it says is what was seen.
        let host = host(&bench, &element, "")?;
        reader.go(host.address()).await?;
        enter(&reader, 0).await?;
        reader.until_text("#narration", |text| text == said).await?;
        Ok(())
    });
}
