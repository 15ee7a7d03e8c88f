//! A large pool: its buffers reached one by one by keys and pointer, from far and near, and the same
//! story as the dial tells.

use pgscope_e2e::{Reader, Result, Window, run};
use thirtyfour::prelude::*;

const EDITOR: &str = "textarea[aria-label=Scenario]";
/// 1,024 buffers of two relations, one pinned, one dirty.
const LARGE: &str = "server 17 shared_buffers=8MB\ntable accounts pages=400\ntable idx pages=300\n\
                     backend a\na: read idx 0..250\na: read idx 16 hold as p\na: read accounts 0..399\n\
                     a: update accounts 4\na: read accounts 4";

async fn large_pool(reader: &Reader, query: &str) -> Result<()> {
    reader.visit(query).await?;
    reader.write(EDITOR, LARGE).await?;
    reader.until_text("#position", |text| text.contains("of 657")).await?;
    reader.press("button", "To end").await?;
    reader.until_text("#position", |text| text.starts_with("op 657 ")).await?;
    reader.by_role("grid", "Shared buffers, 1,024; hand at buffer 1, pass 1").await?;
    Ok(())
}

/// What has the focus, by its name.
async fn until_focused(reader: &Reader, wanted: &str) -> Result<()> {
    reader
        .until(wanted, async || match reader.focused().await? {
            (role, name) if role == "gridcell" && name == wanted => Ok(()),
            found => Err(format!("it is {found:?}").into()),
        })
        .await
}

async fn zoom_factor(reader: &Reader) -> Result<f64> {
    let text = reader.text("output[aria-label='Zoom factor']").await?;
    Ok(text.trim_end_matches('×').parse()?)
}

#[test]
fn a_buffer_of_a_large_pool_is_reached_by_keys_and_said_aloud() {
    run("a_buffer_of_a_large_pool_is_reached_by_keys_and_said_aloud", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        large_pool(&reader, "").await?;
        let first = "buffer 1: idx block 0, usage count 1, not pinned, clean, the hand is here";
        let focus = "document.querySelector('[role=grid] [tabindex=\"0\"]').focus(); return null";
        reader.script(focus).await?;
        until_focused(&reader, first).await?;

        // Sixteen to the right; the row below; its ends; the pool's.
        for _ in 0..16 {
            reader.keys(Key::Right + "").await?;
        }
        let pinned = "buffer 17: idx block 16, usage count 2, pinned by a, clean";
        until_focused(&reader, pinned).await?;
        let columns =
            reader.script("return +document.querySelector('[role=grid]').ariaColCount").await?;
        let columns = columns.as_u64().unwrap_or_default();
        reader.keys(Key::Down + "").await?;
        let below = format!(
            "buffer {}: idx block {}, usage count 1, not pinned, clean",
            17 + columns,
            16 + columns
        );
        until_focused(&reader, &below).await?;
        let chord = reader.driver().action_chain().key_down(Key::Control);
        chord.send_keys(Key::End + "").key_up(Key::Control).perform().await?;
        until_focused(&reader, "buffer 1024: empty, number 373 on the freelist").await?;
        reader.keys(Key::Home + "").await?;
        let place = "const it = document.activeElement; return [it.ariaColIndex, it.parentNode.ariaRowIndex,
            it.closest('[role=grid]').ariaRowCount, document.querySelectorAll('[role=grid] [role=gridcell]').length]";
        let rows = 1024_u64.div_ceil(columns);
        reader
            .until("the last row's first buffer", async || {
                let found = reader.script(place).await?;
                let wanted = serde_json::json!(["1", rows.to_string(), rows.to_string(), 2]);
                if found == wanted {
                    Ok(())
                } else {
                    Err(format!("{found} is not {wanted}").into())
                }
            })
            .await?;

        // Its card by Enter, and away by Escape; the page's keys rest.
        reader.keys(Key::Enter + "").await?;
        reader.by_role("heading", "Shared memory").await?;
        reader.find(".buffer-card").await?;
        reader.keys(Key::Escape + "").await?;
        reader
            .until("no card", async || match reader.driver().find(By::Css(".buffer-card")).await {
                Ok(_) => Err("it is there".into()),
                Err(_) => Ok(()),
            })
            .await?;
        assert!(reader.text("#position").await?.starts_with("op 657 "));
        Ok(())
    });
}

#[test]
fn a_large_pool_is_seen_from_near_by_keys_wheel_and_buttons() {
    run("a_large_pool_is_seen_from_near_by_keys_wheel_and_buttons", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        large_pool(&reader, "").await?;
        assert_eq!(zoom_factor(&reader).await?, 1.0);
        reader.press("button", "Zoom in").await?;
        reader.press("button", "Zoom in").await?;
        let near = zoom_factor(&reader).await?;
        assert!(near > 1.9, "{near}");

        // A wheel goes to where it points: the buffer there stays there.
        let wheel = "const canvas = document.querySelector('.grid-sheet > canvas'), box = canvas.getBoundingClientRect();
            const at = { clientX: Math.round(box.left + 300), clientY: Math.round(box.top + 200), bubbles: true, cancelable: true };
            canvas.dispatchEvent(new PointerEvent('pointermove', { ...at, pointerId: 9 }));
            canvas.dispatchEvent(new WheelEvent('wheel', { ...at, deltaY: arguments[0] })); return null";
        let words = reader.text(".grid-words").await?;
        assert!(words.starts_with("Point at"), "{words}");
        reader.script(&wheel.replace("arguments[0]", "0")).await?;
        let pointed = reader.until_text(".grid-words", |text| text.starts_with("buffer ")).await?;
        reader.script(&wheel.replace("arguments[0]", "-200")).await?;
        reader
            .until("the wheel", async || match zoom_factor(&reader).await? {
                now if now > near => Ok(()),
                now => Err(format!("{now} is not nearer than {near}").into()),
            })
            .await?;
        reader.script(&wheel.replace("arguments[0]", "0")).await?;
        assert_eq!(reader.text(".grid-words").await?, pointed);

        // A drag moves the picture, and is no choice.
        let drag = "const canvas = document.querySelector('.grid-sheet > canvas'), box = canvas.getBoundingClientRect();
            const put = (kind, x, y) => canvas.dispatchEvent(new PointerEvent(kind, { clientX: box.left + x, clientY: box.top + y, pointerId: 1, bubbles: true }));
            put('pointerdown', 300, 200); put('pointermove', 200, 100); put('pointerup', 200, 100);
            canvas.dispatchEvent(new MouseEvent('click', { clientX: box.left + 200, clientY: box.top + 100, bubbles: true })); return null";
        reader.script(drag).await?;
        reader.script(&wheel.replace("arguments[0]", "0")).await?;
        reader
            .until_text(".grid-words", |text| text.starts_with("buffer ") && text != pointed)
            .await?;
        assert!(
            reader.driver().find(By::Css(".buffer-card")).await.is_err(),
            "a drag chose a buffer"
        );

        // The hand is out of the picture: a flag says so and leads there.
        reader.press("button", "hand at buffer 1: go there").await?;
        let flags = "return document.querySelectorAll('.grid-flag').length";
        reader
            .until("no flag", async || match reader.script(flags).await? {
                none if none == 0 => Ok(()),
                some => Err(format!("{some} flags").into()),
            })
            .await?;

        // Keys: 0 is all of it, plus and minus go to the buffer with the focus. The speed stays.
        let focus = "document.querySelector('[role=grid] [tabindex=\"0\"]').focus(); return null";
        reader.script(focus).await?;
        let speed = "return document.querySelector('select[aria-label=Speed]')?.value ?? null";
        let before = reader.script(speed).await?;
        for (key, wanted) in
            [("0", 1.0..1.1), ("+", 1.3..1.7), ("+", 2.0..2.6), ("-", 1.3..1.7), ("0", 1.0..1.1)]
        {
            reader.keys(key).await?;
            reader
                .until(key, async || match zoom_factor(&reader).await? {
                    now if wanted.contains(&now) => Ok(()),
                    now => Err(format!("{now} is not in {wanted:?}").into()),
                })
                .await?;
        }
        assert_eq!(reader.script(speed).await?, before);
        reader.keys("?").await?;
        reader.by_role("heading", "Keys").await?;
        reader.until_text("dialog", |text| text.contains("nearer, farther, all of it")).await?;
        Ok(())
    });
}

#[test]
fn what_the_canvas_shows_is_what_the_buffers_are() {
    run("what_the_canvas_shows_is_what_the_buffers_are", async |bench| {
        let reader = bench.reader(Window::Desktop).await?;
        large_pool(&reader, "?theme=dark").await?;
        // The middle of a buffer's cell, from the place that its focusable cell has.
        let colour = "const grid = document.querySelector('[role=grid]'), columns = +grid.ariaColCount;
            const canvas = document.querySelector('.grid-sheet > canvas'), pitch = canvas.width / columns;
            const at = n => [...canvas.getContext('2d').getImageData(((n - 1) % columns + .4) * pitch,
                (Math.floor((n - 1) / columns) + .6) * pitch, 1, 1).data].slice(0, 3).join();
            return [at(1), at(200), at(300), at(1000)]";
        let look = async || -> Result<Vec<String>> {
            let found = reader.script(colour).await?;
            Ok(found.as_array().into_iter().flatten().map(ToString::to_string).collect())
        };
        let [idx, also_idx, accounts, empty] = &look().await?[..] else {
            return Err("four colours".into());
        };
        assert!(idx == also_idx && idx != accounts && accounts != empty && idx != empty);
        // At the start all are empty; and at the end again as they were, though only what changed was drawn.
        let (then, all_empty) = (look().await?, vec![empty.clone(); 4]);
        for (button, wanted) in
            [("To start", &all_empty), ("To end", &then), ("To start", &all_empty)]
        {
            reader.press("button", button).await?;
            reader
                .until(button, async || match look().await? {
                    now if now == *wanted => Ok(()),
                    now => Err(format!("{now:?} is not {wanted:?}").into()),
                })
                .await?;
        }
        Ok(())
    });
}
