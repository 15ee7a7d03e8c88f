//! The embed inside somebody else's page, on another origin.

use pgscope_e2e::story::{SCENARIO, Story, seen_after};
use pgscope_e2e::{Window, run};
use pgscope_scenario::link::{Link, encode};

#[test]
fn an_embed_plays_tells_its_host_and_keeps_its_address() {
    run("an_embed_plays_tells_its_host_and_keeps_its_address", async |bench| {
        let mut story = Story::of(SCENARIO);
        let (op, of) = (story.dirty_eviction(), story.len());
        let link = encode(&Link { text: SCENARIO.into(), op: op - 1, ..Link::default() });
        let embed = format!("{}?embed&theme=light#{link}", bench.address());
        let host = bench.foreign_page(format!(
            "<!doctype html><html lang=en><title>Somebody's docs</title>
             <link rel=icon href=data:,><h1>The clock sweep</h1>
             <script>window.told = []; addEventListener('message', message => {{
                 if (message.source === document.querySelector('iframe').contentWindow)
                     window.told.push(message.data);
             }});</script>
             <iframe title='pgscope' width=640 height=520 src='{embed}'
                 sandbox='allow-scripts allow-popups'></iframe>"
        ))?;
        let reader = bench.reader(Window::Desktop).await?;
        reader.go(host.address()).await?;
        reader.find("iframe").await?.enter_frame().await?;
        reader.until_ready().await?;
        assert_eq!(seen_after(&reader, op - 1, of).await?, story.after(op - 1));
        reader.click("button[aria-label=Step]").await?;
        assert_eq!(seen_after(&reader, op, of).await?, story.after(op));
        let address = reader.script("return location.href").await?;
        assert_eq!(address, embed, "an embed never rewrites its own address");
        let full = reader.script("return document.querySelector('a[target=_blank]').href").await?;
        assert!(full.as_str().is_some_and(|href| href.contains("#s1=") && !href.contains("embed")));

        reader.driver().enter_default_frame().await?;
        let told = reader
            .until("the host to be told", async || {
                let told = reader.script("return window.told").await?;
                let told = told.as_array().cloned().unwrap_or_default();
                let there = told.iter().any(|it| it["type"] == "position" && it["op"] == op);
                if there { Ok(told) } else { Err(format!("{told:?}").into()) }
            })
            .await?;
        assert!(told.iter().all(|it| it["source"] == "pgscope"));
        assert!(told.iter().any(|it| it["type"] == "ready"));
        assert!(told.iter().any(|it| it["height"].as_f64().is_some_and(|height| height > 100.0)));
        let events = told.iter().rev().find(|it| it["type"] == "events").expect("events");
        assert!(events["events"].as_array().is_some_and(|events| events.len() > 5));
        Ok(())
    });
}
