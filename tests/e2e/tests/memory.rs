//! Local memory as a reader looks at it: contexts that fold away, what each is for, what they cost
//! beside malloc and free, the kinds to choose from, and the examples.

use pgscope_e2e::{Reader, Result, Window, run};
use thirtyfour::prelude::*;

const EDITOR: &str = "textarea[aria-label=Scenario]";
const LOCAL: &str = "section.local";
const FOLD: &str = "//button[contains(., 'more of a backend')]";
const CACHE: &str = "//*[@role='treeitem'][starts-with(@aria-label, 'CacheMemoryContext ')]";

/// The first element of a path, as soon as there is one.
async fn find(reader: &Reader, path: &str) -> Result<WebElement> {
    reader.until(path, async || Ok(reader.driver().find(By::XPath(path)).await?)).await
}

async fn count(reader: &Reader, path: &str) -> Result<usize> {
    Ok(reader.driver().find_all(By::XPath(path)).await?.len())
}

/// Waits until the script is as wanted.
async fn until_script(reader: &Reader, wanted: impl Fn(&str) -> bool) -> Result<String> {
    let script = format!("return document.querySelector({EDITOR:?}).value");
    reader
        .until("the script", async || {
            let now = reader.script(&script).await?.as_str().unwrap_or_default().to_owned();
            if wanted(&now) { Ok(now) } else { Err(format!("it is {now}").into()) }
        })
        .await
}

#[test]
fn contexts_that_nobody_touched_fold_away() {
    run("contexts_that_nobody_touched_fold_away", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        let fold = find(&reader, FOLD).await?;
        assert!(fold.text().await?.contains("12 more of a backend's own: "));
        assert_eq!(count(&reader, "//*[@role='treeitem']").await?, 3);
        assert_eq!(count(&reader, CACHE).await?, 0);

        fold.send_keys(Key::Enter + "").await?;
        find(&reader, CACHE).await?.click().await?;
        assert_eq!(count(&reader, "//*[@role='treeitem']").await?, 15);
        reader.until_text(".mem-open", |text| text.contains("catalog caches")).await?;

        // What is open stays, whatever is folded.
        find(&reader, FOLD).await?.click().await?;
        reader
            .until("the short tree", async || {
                match count(&reader, "//*[@role='treeitem']").await? {
                    4 => Ok(()),
                    rows => Err(format!("it has {rows} rows").into()),
                }
            })
            .await?;
        assert_eq!(count(&reader, CACHE).await?, 1);
        Ok(())
    });
}

#[test]
fn contexts_are_measured_against_malloc_and_free() {
    run("contexts_are_measured_against_malloc_and_free", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        let scenario = "backend a\na: create context Work\na: repeat 20 { palloc 100 in Work }\n\
                        a: reset Work";
        reader.write(EDITOR, scenario).await?;
        reader.until_text("#position", |text| text.contains("of 23")).await?;
        reader.click("button[aria-label='To end']").await?;
        let panel = "section[aria-label='Contexts against malloc and free']";
        let text = reader.until_text(panel, |text| text.contains("19 frees")).await?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let text = words.join(" ");
        assert!(text.contains("20 requests of this backend: contexts saved 19 frees"), "{text}");
        assert!(text.contains("calls of malloc contexts: 1 malloc and free: 20"), "{text}");
        assert!(text.contains("calls to give back contexts: 1 malloc and free: 20"), "{text}");
        let bytes = reader.text("section[aria-label='Where its bytes are']").await?;
        assert!(bytes.contains("headers") && bytes.contains("never used"), "{bytes}");
        Ok(())
    });
}

#[test]
fn a_context_of_each_kind_and_a_query_are_a_few_clicks() {
    run("a_context_of_each_kind_and_a_query_are_a_few_clicks", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        find(&reader, "//button[starts-with(., 'New context')]").await?.click().await?;
        find(&reader, "//option[. = 'generation']").await?.click().await?;
        find(&reader, "//button[starts-with(., 'Add')]").await?.click().await?;
        until_script(&reader, |text| text.trim_end().ends_with(" generation")).await?;
        reader.until_text("#narration", |text| text.contains("the Generation context")).await?;
        reader.until_text(LOCAL, |text| text.contains("no freelist")).await?;

        find(&reader, "//button[starts-with(., 'More')]").await?.click().await?;
        find(&reader, "//button[starts-with(., 'Transaction')]").await?.click().await?;
        until_script(&reader, |text| text.trim_end().ends_with(": begin")).await?;
        find(&reader, "//button[starts-with(., 'Transaction')]").await?.click().await?;
        until_script(&reader, |text| text.trim_end().ends_with(": commit")).await?;
        Ok(())
    });
}

#[test]
fn an_example_is_one_choice_and_the_way_back_another() {
    run("an_example_is_one_choice_and_the_way_back_another", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        let before = until_script(&reader, |text| !text.is_empty()).await?;
        find(&reader, "//select[@aria-label='Examples']/option[. = 'Generation']")
            .await?
            .click()
            .await?;
        until_script(&reader, |text| text.starts_with("-- Generation: ")).await?;
        reader.until_text("#narration", |text| text.contains("frees e1")).await?;
        reader.until_text(LOCAL, |text| text.contains("freed 400 B")).await?;
        reader.driver().back().await?;
        until_script(&reader, |text| text == before).await?;
        Ok(())
    });
}

#[test]
fn contexts_are_a_tree_for_keys_and_ears() {
    run("contexts_are_a_tree_for_keys_and_ears", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        let scenario = "backend a\na: create context Outer\na: create context Inner in Outer\n\
                        a: create context Innermost in Inner\na: palloc 100 in Innermost as x";
        reader.write(EDITOR, scenario).await?;
        reader.until_text("#position", |text| text.contains("of 5")).await?;
        reader.press("button", "To end").await?;
        reader.by_role("tree", "Memory contexts").await?;
        reader.press("treeitem", "Innermost…").await?;
        let told = async |wanted: [&str; 3]| {
            let ask =
                "const it = document.activeElement; return [it.textContent.trim().split(/\\s/)[0],
                it.ariaLevel, it.ariaExpanded ?? 'no family']";
            let wanted = serde_json::json!(wanted);
            reader
                .until("the focus", async || match reader.script(ask).await? {
                    found if found == wanted => Ok(()),
                    found => Err(format!("{found} is not {wanted}").into()),
                })
                .await
        };
        reader
            .script(
                "document.querySelector('[role=treeitem][tabindex=\"0\"]').focus(); return null",
            )
            .await?;
        told(["Innermost", "5", "no family"]).await?;
        // Left goes to the parent, closes it, and goes to the next; right opens it again.
        reader.keys(Key::Left + "").await?;
        told(["Inner", "4", "true"]).await?;
        reader.keys(Key::Left + "").await?;
        told(["Inner+1", "4", "false"]).await?;
        assert_eq!(
            count(&reader, "//*[@role='treeitem'][starts-with(@aria-label, 'Innermost')]").await?,
            0
        );
        reader.keys(Key::Left + "").await?;
        told(["Outer", "3", "true"]).await?;
        reader.keys(Key::Right + "").await?;
        told(["Inner+1", "4", "false"]).await?;
        reader.keys(Key::Right + "").await?;
        told(["Inner", "4", "true"]).await?;
        reader.keys(Key::Right + "").await?;
        told(["Innermost", "5", "no family"]).await?;
        // What the machine turns to is seen, even in a closed family.
        reader.keys(Key::Home + "").await?;
        reader.keys(Key::Left + "").await?;
        reader.until_text(".ctx-tree", |text| !text.contains("Outer")).await?;
        reader.press("button", "Back").await?;
        reader.press("button", "To end").await?;
        reader.until_text(".ctx-tree", |text| text.contains("Innermost")).await?;
        Ok(())
    });
}
