//! The page on a phone: nothing is covered, nothing is out of the window, and what is asked for is seen.

use pgscope_e2e::{Reader, Result, Window, run};
use thirtyfour::prelude::*;

const PANES: [&str; 5] = ["Buffers", "Views", "Bytes", "Locks", "Map"];

/// What is wider than the window, and not in a box of its own that scrolls.
async fn too_wide(reader: &Reader) -> Result<String> {
    let found = "const width = document.documentElement.clientWidth;
        const boxed = it => { for (let up = it.parentElement; up; up = up.parentElement)
            if (getComputedStyle(up).overflowX !== 'visible') return true; return false; };
        const found = [...document.querySelectorAll('body *')].filter(it => {
            const { left, right, height } = it.getBoundingClientRect();
            return height && !it.closest('.out-of-sight') && (right > width + 1 || left < -1) && !boxed(it);
        }).map(it => it.tagName + '.' + it.getAttribute('class'));
        if (document.documentElement.scrollWidth > width) found.push('the page itself');
        return found.join(', ')";
    Ok(reader.script(found).await?.as_str().unwrap_or_default().to_owned())
}

/// Waits until the element is seen whole between the window's top and the story at its bottom.
async fn until_seen(reader: &Reader, css: &str) -> Result<()> {
    let look = format!(
        "const it = document.querySelector('{css}').getBoundingClientRect();
         const story = document.querySelector('.story').getBoundingClientRect();
         return [it.top, it.bottom, story.top]"
    );
    reader.find(css).await?;
    reader
        .until(&format!("{css} to be seen"), async || {
            let places = reader.script(&look).await?;
            let at = |place: usize| places[place].as_f64().unwrap_or_default();
            match at(0) >= 0.0 && at(1) <= at(2) + 0.5 {
                true => Ok(()),
                false => Err(format!("top, bottom, the story's top: {places}").into()),
            }
        })
        .await
}

#[test]
fn every_pane_fits_at_360_pixels() {
    run("every_pane_fits_at_360_pixels", async |bench| {
        let reader = bench.reader(Window::SmallPhone).await?;
        for (theme, large) in [("dark", false), ("light", false), ("light", true)] {
            reader.visit(&format!("?theme={theme}")).await?;
            if large {
                reader.keys("z").await?;
                reader.find(":root[data-projector]").await?;
            }
            for pane in PANES {
                reader.press("tab", pane).await?;
                reader.find(&format!("#tab-{pane}[aria-selected=true]")).await?;
                let wide = too_wide(&reader).await?;
                assert!(wide.is_empty(), "{theme}, {pane}, large type {large}: {wide}");
            }
            // What every place has: the version, the size, and a code to embed it.
            reader.by_role("combobox", "PostgreSQL").await?;
            reader.by_role("combobox", "shared_buffers").await?;
            reader.press("button", "Embed").await?;
            let wide = too_wide(&reader).await?;
            assert!(wide.is_empty(), "{theme}, the embed dialog: {wide}");
        }
        Ok(())
    });
}

#[test]
fn a_tap_on_a_buffer_leads_to_its_bytes_by_plain_clicks() {
    run("a_tap_on_a_buffer_leads_to_its_bytes_by_plain_clicks", async |bench| {
        for window in [Window::Phone, Window::SmallPhone] {
            let reader = bench.reader(window).await?;
            reader.visit("").await?;
            reader.find("#buffer-2").await?.click().await?;
            until_seen(&reader, ".buffer-card").await?;
            // Plain clicks: nothing lies above the button.
            let bytes = reader.by_role("button", "Bytes of the page").await?;
            bytes.click().await?;
            until_seen(&reader, ".shared > header").await?;
            reader.until_text(".bytes-words", |text| text.contains("pd_lsn")).await?;
            // And from the map to what was chosen there.
            reader.find("#tab-Map").await?.click().await?;
            let part = By::Css(".land:last-of-type .map-strip button:not(.fold)");
            reader.until("a part", async || Ok(reader.driver().find(part.clone()).await?)).await?;
            reader.driver().find(part).await?.click().await?;
            reader.find("#tab-Bytes[aria-selected=true]").await?;
            until_seen(&reader, ".shared > header").await?;
        }
        Ok(())
    });
}
