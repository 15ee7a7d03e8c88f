//! What moves, and what of it is there without motion: the victim's way, and the chunk under the pointer.

use pgscope_e2e::story::{SCENARIO, Story};
use pgscope_e2e::{Reader, Result, Window, run};
use serde_json::json;

const EDITOR: &str = "textarea[aria-label=Scenario]";

async fn wish_for_motion(reader: &Reader, wish: &str) -> Result<()> {
    let features = json!([{ "name": "prefers-reduced-motion", "value": wish }]);
    reader.ask("Emulation.setEmulatedMedia", json!({ "features": features })).await?;
    Ok(())
}

/// Opens the scenario and steps onto the operation that evicts a dirty page.
async fn step_to_the_eviction(reader: &Reader) -> Result<()> {
    let mut story = Story::of(SCENARIO);
    let (len, eviction) = (story.len(), story.dirty_eviction());
    reader.visit("").await?;
    reader.write(EDITOR, SCENARIO).await?;
    reader.until_text("#position", |text| text.contains(&format!("of {len}"))).await?;
    reader.press("button", "To end").await?;
    for op in (eviction - 1..len).rev() {
        reader.press("button", "Back").await?;
        reader.until_text("#position", |text| text.starts_with(&format!("op {op} "))).await?;
    }
    reader.press("button", "Step").await?;
    reader.until_text("#position", |text| text.starts_with(&format!("op {eviction} "))).await?;
    Ok(())
}

#[test]
fn a_victims_way_is_one_motion_and_without_motion_only_its_end() {
    run("a_victims_way_is_one_motion_and_without_motion_only_its_end", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        wish_for_motion(&reader, "no-preference").await?;
        step_to_the_eviction(&reader).await?;
        // The notes come in the order of the hand's ticks; the page goes when the hand is there.
        let way = "const at = it => parseFloat(it.style.getPropertyValue('--at')), ghost = document.querySelector('.ghost');
            const notes = [...document.querySelectorAll('.note')].map(at);
            return { block: ghost.querySelector('.block').textContent, dirty: !!ghost.querySelector('.dirty'),
                ordered: notes.every((it, n) => n === 0 || notes[n - 1] <= it), several: new Set(notes).size > 5,
                inside: Math.max(...notes) < at(ghost), pips: document.querySelectorAll('.pip-off').length > 5,
                new: document.querySelector('.corner.arrives').textContent.includes('orders 20') }";
        let wanted = json!({ "block": "2", "dirty": true, "ordered": true, "several": true,
            "inside": true, "pips": true, "new": true });
        assert_eq!(reader.script(way).await?, wanted);
        // And is gone, with the pips that the hand took.
        let gone = "return [...document.querySelectorAll('.ghost, .pip-off')].every(it => getComputedStyle(it).opacity === '0')";
        reader
            .until("what was there to go", async || match reader.script(gone).await? {
                gone if gone == true => Ok(()),
                _ => Err("it is there".into()),
            })
            .await?;

        wish_for_motion(&reader, "reduce").await?;
        step_to_the_eviction(&reader).await?;
        let still = "return [getComputedStyle(document.querySelector('.ghosts')).display,
            document.querySelector('.corner.leaves').checkVisibility({ opacityProperty: true }),
            document.querySelector('.dial').getAnimations({ subtree: true }).length]";
        assert_eq!(reader.script(still).await?, json!(["none", true, 0]));
        Ok(())
    });
}

#[test]
fn the_chunk_under_the_pointer_says_what_its_header_is() {
    run("the_chunk_under_the_pointer_says_what_its_header_is", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        reader.visit("").await?;
        reader.write(EDITOR, SCENARIO).await?;
        let len = Story::of(SCENARIO).len();
        reader.until_text("#position", |text| text.contains(&format!("of {len}"))).await?;
        reader.press("button", "To end").await?;
        let chunk = reader.by_role("button", "chunk b, 120 of 128 B asked for…").await?;
        reader.driver().action_chain().move_to_element_center(&chunk).perform().await?;
        let words = reader.until_text(".chunk-words", |text| text.contains("MemoryChunk")).await?;
        assert!(words.starts_with("chunk b palloc(120)"), "{words}");
        assert!(words.contains("AllocSet, size class 4 (128 B)"), "{words}");
        let away = reader.by_role("heading", "Local memory").await?;
        reader.driver().action_chain().move_to_element_center(&away).perform().await?;
        reader.until_text(".chunk-words", |text| text.starts_with("Point at a chunk")).await?;
        Ok(())
    });
}
